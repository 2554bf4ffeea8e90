"""What came of decisions: a planted effect is told apart from what came to everybody, and nothing is claimed alone."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from dashboard.insight import Insight, ask
from dashboard.ledger import Ledger, decisions
from dashboard.ledger.decisions import Choice
from tests.small import Books, reader

DAY = "2026-05-18"
DECIDED = [f"C{n:02}" for n in range(20)]


def followed(folder: Path, effect: float, others: bool = True) -> Insight:
    """Twenty standard customers of grade B were decided to be key accounts, twenty others were not (or left before).
    Everybody brings 50 more in the half year since, those decided `effect` more; 240 a year was expected of each."""
    rng = np.random.default_rng(3)
    b = Books()
    for number in range(40):
        code = f"C{number:02}"
        up = code in DECIDED
        b.customer(code, acquired_on="2024-01-01")
        for day, mean in (("2026-02-02", 300.0), ("2026-08-03", 350.0 + effect * up)):
            b.sale(code, day, round(float(mean + rng.normal(0, 20)), 2), 0)
        b.assigned(code, "B", "standard", "2024-01-01", DAY if up else "2026-05-17" if not others else None)
        if up:
            b.assigned(code, "B", "key", DAY)
    b.sale("C00", "2024-11-20", 10, 0)
    b.sale("C39", "2026-11-15", 10, 0)
    held = b.marts(folder)
    ledger = Ledger(str(folder / "l.db"), clock=lambda: datetime.fromisoformat(f"{DAY}T10:00:00+00:00"))
    choices = [Choice(code, "accept", "standard", "key", "key", expected={"gain": 240.0}) for code in DECIDED]
    decisions.record(reader(held, ledger=ledger), date.fromisoformat(DAY), choices, policy_version="1")
    return ask("review.decisions", reader(held, ledger=ledger))


@pytest.mark.parametrize("effect", [0.0, 120.0])
def test_what_came_is_set_against_customers_alike(tmp_path: Path, effect: float) -> None:
    """In 26 weeks each decision brought `effect`: twice that a year, twenty times."""
    insight = followed(tmp_path, effect)
    numbers = insight.numbers
    assert (numbers["decisions"], numbers["weeks"], numbers["compared"], numbers["alike"]) == (20, 26, 20, 20)
    assert numbers["expected_gain"] == 20 * 240
    assert numbers["came"] == pytest.approx(20 * 2 * (50 + effect), abs=20 * 2 * 15)
    assert numbers["effect_low"] <= 20 * 2 * effect <= numbers["effect_high"]
    assert ("may be chance" in insight.headline) == (effect == 0)
    row = insight.table.iloc[0]
    assert row["came_beyond"] == pytest.approx(row["came"] - row["came_alike"])
    assert row["came_alike"] == pytest.approx(100, abs=30)


def test_without_anybody_alike_no_effect_is_claimed(tmp_path: Path) -> None:
    insight = followed(tmp_path, 120.0, others=False)
    assert insight.numbers["effect"] is None
    assert insight.table["came_alike"].isna().all()
    assert insight.numbers["came"] > 0
    assert insight.headline.endswith("what would have come anyway is not known.")
