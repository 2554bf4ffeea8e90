"""A planted effect of a move between levels is found against customers alike, with its interval."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from dashboard.analysis.response import Z95
from dashboard.insight import ask
from dashboard.ledger import Ledger, decisions, pilots
from dashboard.ledger.decisions import Choice
from dashboard.warehouse.read import open_marts
from data import demo
from tests.small import Books, asked, published, reader

DAY = "2025-07-07"


def moved(effect: float) -> Books:
    """Eighty standard customers of grade B; every other one becomes a key account and brings `effect` more in the
    half year from then on. Everybody brings 50 more then: what all share is not the move's."""
    rng = np.random.default_rng(3)
    b = Books()
    b.region("N", "North")
    # What the policy as shipped includes has to have a rate.
    for code in ("visit", "call", "technical_support"):
        b.add("activity", code=code, name=code, driver_unit="unit")
        b.rate(code, "2020-01-01", None, 1)
    for number in range(80):
        code = f"C{number:02}"
        b.customer(code, "N", acquired_on="2024-01-01")
        up = number % 2 == 0
        for day, mean in (("2025-02-03", 300.0), ("2025-09-01", 350.0 + effect * up)):
            b.sale(code, day, round(float(mean + rng.normal(0, 20)), 2), 0)
        b.assigned(code, "B", "standard", "2024-01-01", DAY if up else None)
        if up:
            b.assigned(code, "B", "key", DAY)
    b.sale("C01", "2024-11-20", 10, 0)
    b.sale("C01", "2026-05-01", 10, 0)
    b.served("C01", "visit", "2026-04-01", 1)
    return b


@pytest.mark.parametrize("effect", [0.0, 60.0])
def test_a_planted_effect_lies_in_its_interval(tmp_path: Path, effect: float) -> None:
    insight = asked(moved(effect).marts(tmp_path), "levels.follow_up")
    (row,) = insight.table.to_dict("records")
    assert (row["n"], row["alike"], row["direction"]) == (40, 40, "raised")
    assert row["came_low"] <= 40 * effect <= row["came_high"]
    assert row["came_high"] - row["came_low"] < 40 * 40
    if effect:
        assert row["came_low"] > 0


def test_the_assumption_stands_beside_what_was_seen(tmp_path: Path) -> None:
    insight = asked(moved(60.0).marts(tmp_path), "levels.response")
    margin = insight.table.set_index("outcome").loc["Gross margin"]
    assert (margin["current"], margin["recommended"], margin["n"]) == ("standard", "key", 40)
    assert margin["effect_low"] <= 60 / 300 <= margin["effect_high"]
    assert "association" in insight.headline
    assert set(insight.numbers["sources"]) == {"spending", "retention", "satisfaction", "cost_to_serve"}


def test_what_the_ledger_expected_of_its_decisions_is_followed_up(tmp_path: Path) -> None:
    """Half of those who moved were decided on, with 120 a year expected of each: 60 in the half year."""
    held = moved(60.0).marts(tmp_path)
    ledger = Ledger(str(tmp_path / "ledger.db"), clock=lambda: datetime.fromisoformat(f"{DAY}T10:00:00+00:00"))
    choices = [
        Choice(f"C{n:02}", "accept", "standard", "key", "key", expected={"gain": 120.0}) for n in range(0, 40, 2)
    ]
    decisions.record(reader(held, ledger=ledger), date.fromisoformat(DAY), choices, policy_version="1")
    (row,) = ask("levels.follow_up", reader(held, ledger=ledger)).table.to_dict("records")
    assert (row["n"], row["alike"], row["basis"]) == (20, 40, "written down at the review")
    assert row["expected_profit"] == pytest.approx(20 * 60)
    assert row["came_low"] <= 20 * 60 <= row["came_high"]


def test_customers_held_by_a_pilot_are_whom_the_moved_are_compared_with(tmp_path: Path) -> None:
    held = moved(60.0).marts(tmp_path)
    asking = reader(held, ledger=Ledger(str(tmp_path / "ledger.db")))
    day = date.fromisoformat(DAY)
    codes = [f"C{n:02}" for n in range(1, 30, 2)]
    given = {"seed": 1, "share": 0.2, "starts_on": day, "ends_on": day + timedelta(181), "held": codes, "why": "a test"}
    pilots.declare(asking, "pilot", levels=["standard"], **given)
    insight = ask("levels.response", asking)
    margin = insight.table.set_index("outcome").loc["Gross margin"]
    assert (margin["n"], margin["alike"]) == (40, 15)
    assert insight.numbers["experiment"]
    assert insight.headline.startswith("Kinds of move where the experiment agrees")


def test_without_a_past_nothing_is_claimed(tmp_path: Path) -> None:
    b = moved(0.0)
    b.rows["assignment"] = [row for row in b.rows["assignment"] if row["tier"] == "standard"]
    insight = asked(b.marts(tmp_path), "levels.follow_up")
    assert insight.table.empty
    assert insight.headline.startswith("No move between levels is old enough")


def test_what_the_demo_plants_is_found_in_its_interval(tmp_path: Path) -> None:
    """Each kind of move against its own truth, and all of them together: as much as was planted, and not nothing."""
    path = tmp_path / "demo.duckdb"
    demo.build(path, 8_000, 1)
    published(str(path), path.with_suffix(".marts"))
    table = asked(open_marts(path.with_suffix(".marts")), "levels.response").table
    planted = demo.truth(path)["response_to_service"]["effect_of_move"]
    margin = table[table["outcome"] == "Gross margin"]
    effect = np.array([planted[row.current][row.recommended] for row in margin.itertuples()])
    low, high = margin["effect_low"].to_numpy(), margin["effect_high"].to_numpy()
    inside = (low <= effect) & (effect <= high)
    assert len(inside) >= 6 and inside.sum() >= len(inside) - 1
    weight = effect / ((high - low) / (2 * Z95)) ** 2
    found, reach = (weight * margin["estimate"]).sum() / (weight * effect).sum(), Z95 / np.sqrt((weight * effect).sum())
    assert found - reach < 1 < found + reach
    assert found - reach > 0
