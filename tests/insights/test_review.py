"""The weekly review: what changed is broken down to the cent, and who moved, turned or crossed is named.

In the worked example (tests/small.py) the last finished week is 2026-11-02: C02 bought for 800, less 400 of goods and
50 of service. The week before nothing happened; the same week last year C02 bought for 200, less 150 of goods.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.insight import Reader, ask
from dashboard.insights.review import BREAKDOWNS
from dashboard.language import language
from dashboard.scope import Scope
from dashboard.warehouse.read import Marts
from queries import review
from tests.small import EVERYBODY, Books, asked, reader
from tests.views import filters


def parts(marts: Marts, by: str, **chosen: str) -> dict[str, float]:
    table = asked(marts, "review.contributions", **chosen).table
    mine = table[table["part"] == by]
    return dict(zip(mine["code"], mine["amount"], strict=True))


def numbers(marts: Marts, key: str, **chosen: str) -> dict[str, Any]:
    return asked(marts, key, **chosen).numbers


# --- the week ----------------------------------------------------------------------------------------


def test_the_review_is_of_the_last_finished_week(small: Marts) -> None:
    insight = asked(small, "review.summary")
    assert insight.filters == {"period": "1w", "as_of": "2026-11-02"}
    assert insight.as_of == date(2026, 11, 8)
    assert insight.numbers["profit"] == 350
    assert insight.headline == (
        "Profit is €350, €350 more than the week before. "
        "The largest parts of the change: Gross margin +€400."
    )


def test_the_unfinished_week_can_be_named_and_says_so(small: Marts) -> None:
    insight = asked(small, "review.summary", as_of="2026-11-09")
    assert insight.numbers["profit"] == 200
    assert insight.headline.endswith("The week is unfinished: data to Nov 12, 2026.")


def test_a_review_of_a_few_weeks(small: Marts) -> None:
    """October 12 to November 8: C02 and C04; nothing in the four weeks before."""
    insight = asked(small, "review.summary", period="4w")
    assert insight.numbers["revenue"] == 800 + 400
    assert "the 4 weeks before" in insight.headline
    assert asked(small, "review.summary", period="ytd").filters["period"] == "1w"


def test_without_an_earlier_week_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    b = Books()
    b.customer("C1")
    b.sale("C1", "2026-11-12", 100, 60)
    held = b.marts(tmp_path)
    assert "nothing earlier to compare it with" in asked(held, "review.summary").headline
    assert "does not reach back" in asked(held, "review.contributions").headline


# --- the change --------------------------------------------------------------------------------------


def test_the_change_by_effect_against_the_week_before(small: Marts) -> None:
    assert numbers(small, "review.contributions")["change"] == 350
    assert parts(small, "effect") == {"back": 400, "service": -50}


def test_the_change_by_effect_against_last_year(small: Marts) -> None:
    """200 at a margin of 25 % became 800 at 50 %: 600 × 25 % by volume, the rest by the rate."""
    assert parts(small, "effect", compare="last_year") == {"volume": 150, "rate": 200, "service": -50}
    assert parts(small, "line", compare="last_year") == {"gross_margin": 350, "call": -50}
    assert parts(small, "customer", compare="last_year") == {"C02": 300}
    assert parts(small, "region", compare="last_year") == {"CN": 300}


def test_who_paused_and_who_came_back(small: Marts) -> None:
    """November 9: C01 for 200 of margin; the week before C02 for 400, who cost 50 to serve."""
    found = {"back": 200, "paused": -400, "service": 50}
    assert parts(small, "effect", as_of="2026-11-09") == found
    assert parts(small, "customer", as_of="2026-11-09") == {"C02": -350, "C01": 200}


def test_who_is_new_and_who_came_into_the_selection(tmp_path: Path) -> None:
    b = Books()
    for code in ("OLD", "UP", "NEW"):
        b.customer(code)
    b.sale("OLD", "2026-10-01", 10, 5)
    b.sale("UP", "2026-10-01", 10, 5)
    b.sale("OLD", "2026-11-04", 100, 60)
    b.sale("UP", "2026-11-04", 100, 50)
    b.sale("UP", "2026-11-11", 100, 40)
    b.sale("NEW", "2026-11-11", 100, 30)
    b.sale("OLD", "2026-11-15", 150, 100)
    b.assigned("OLD", "A", "key", "2026-01-01")
    b.assigned("UP", "B", "key", "2026-01-01", "2026-11-10")
    b.assigned("UP", "A", "key", "2026-11-10")
    b.assigned("NEW", "A", "key", "2026-11-11")
    held = b.marts(tmp_path)
    whole = parts(held, "effect")
    assert sum(whole.values()) == numbers(held, "review.contributions")["change"] == (50 + 60 + 70) - (40 + 50)
    # OLD: 50 more at 40 % by volume, margin 10 more in all; UP: the same revenue, margin 10 more
    assert whole == {"new": 70, "volume": 20}, "by the rate OLD lost 10 and UP gained 10"
    only_a = parts(held, "effect", grade="A")
    assert only_a == {"entered": 60, "new": 70, "volume": 20, "rate": -10}
    assert parts(held, "effect", grade="B") == {"left": -50}


def test_the_five_largest_are_named_and_the_rest_is_one(tmp_path: Path) -> None:
    b = Books()
    for number in range(8):
        b.customer(f"C{number}")
        b.sale(f"C{number}", "2026-11-01", 10)
        b.sale(f"C{number}", "2026-11-15", 10 * (number + 2), 0)
    for row in b.rows["sales_line"]:
        row["cost_of_goods"] = row["cost_of_goods"] or 0
    held = b.marts(tmp_path)
    found = parts(held, "customer")
    assert list(found) == ["C7", "C6", "C5", "C4", "C3", ""]
    assert found[""] == 20 + 30 + 40


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_every_breakdown_adds_up_to_the_change_to_the_cent(demo: Marts, data: st.DataObject) -> None:
    chosen = data.draw(filters(demo))
    chosen = replace(chosen, period=data.draw(st.sampled_from(("1w", "4w", "13w"))))
    look = Reader(chosen.checked(demo), EVERYBODY, demo, language("en"))
    insight = ask("review.contributions", look)
    if insight.table.empty:
        return
    cents = (insight.table["amount"] * 100).round().astype("int64")
    assert (insight.table["amount"] * 100 - cents).abs().max() < 1e-3
    change = round(insight.numbers["change"] * 100)
    assert change == round(insight.numbers["now"] * 100) - round(insight.numbers["before"] * 100)
    for by in BREAKDOWNS:
        assert cents[insight.table["part"] == by].sum() == change, by
    for key in ("review.regions", "review.grades", "review.lines", "review.customers"):
        table = ask(key, look).table
        steps = (table.loc[table["kind"] == "change", "amount"] * 100).round().sum()
        assert steps == change, key


def test_a_reader_sees_the_change_of_his_regions_only(small: Marts) -> None:
    south = Scope("south", ("SOUTH",), frozenset())
    insight = asked(small, "review.contributions", scope=south)
    assert insight.numbers["now"] == 0
    assert parts_of(asked(small, "review.customers", scope=Scope("north", ("NORTH",), frozenset()))) == {"C02": 350}


def parts_of(insight: Any) -> dict[str, float]:
    table = insight.table[insight.table["kind"] == "change"]
    return dict(zip(table["step"], table["amount"], strict=True))


# --- who moved, turned or crossed --------------------------------------------------------------------


def test_new_loss_makers_and_their_first_cause(tmp_path: Path) -> None:
    """C1 earned 40 over the year and lost 160 by freight of one week; C2 lost before already, C3 never."""
    b = Books()
    for code in ("C1", "C2", "C3"):
        b.customer(code)
        b.sale(code, "2026-05-04", 100, 60)
    b.sale("C3", "2024-01-01", 100, 60)
    b.paid("C2", "2026-05-05", "legal", 90)
    b.paid("C1", "2026-11-11", "freight", 200)
    b.paid("C3", "2026-11-11", "freight", 1)
    b.sale("C3", "2026-11-15", 100, 60)
    insight = asked(b.marts(tmp_path), "review.loss_makers")
    assert insight.numbers == {"customers": 1, "loss": 160, "causes": {"Freight": {"customers": 1, "loss": 160}}}
    row = insight.table.iloc[0]
    assert (row["code"], row["profit_before"], row["profit"], row["cause"]) == ("C1", 40, -160, "Freight")


def test_who_crossed_a_threshold(tmp_path: Path) -> None:
    b = Books()
    for code in ("FELL", "ROSE", "SAME", "FIRST"):
        b.customer(code)
        b.sale(code, "2026-11-12", 100, 60)
    b.sale("SAME", "2026-10-01", 10, 5)
    for code, before, now in (("FELL", 3, 2), ("ROSE", 3, 5), ("SAME", 3, 4)):
        b.answered(code, "2026-10-01", before)
        b.answered(code, "2026-11-10", now)
    b.answered("FIRST", "2026-11-10", 1)
    b.answered("FELL", "2026-11-04", 4)  # not his newest answer before the week, but the one that counts
    look = reader(b.marts(tmp_path)).reviewing
    since = date(2026, 11, 8)
    found = look.rows(review.crossings(replace(look.view, window=look.calendar.window("1w")), since, 2.5, 4.5))
    moves = {row.code: (row.from_zone, row.zone) for row in found.itertuples()}
    assert moves == {"FELL": ("indifferent", "complaining"), "ROSE": ("indifferent", "praising")}
    assert found.set_index("code").loc["FELL", "from_score"] == 4


# --- targets -----------------------------------------------------------------------------------------


def test_targets_met_and_missed(small: Marts) -> None:
    """Revenue 3640 a year is 70 a week: met by 800. Profit 276 in 138 days is 14 a week: met by 350."""
    insight = asked(small, "review.targets")
    own = insight.table[insight.table["code"] == ""].set_index("metric")
    assert own.loc["revenue", ["value", "target", "state"]].tolist() == [800, pytest.approx(70), "met"]
    assert own.loc["profit", "target"] == pytest.approx(14)
    assert own.loc["margin", "target"] == pytest.approx(14 / 70), "the ratio of the targets, not a mean of them"
    china = insight.table[(insight.table["code"] == "CN") & (insight.table["metric"] == "revenue")].iloc[0]
    assert (china["target"], china["state"]) == (pytest.approx(7), "met")
    grade = insight.table[insight.table["code"] == "A"].iloc[0]
    assert (grade["metric"], grade["value"], grade["target"]) == ("revenue", 800, pytest.approx(14))


# --- alerts ------------------------------------------------------------------------------------------


def test_alerts_of_the_week_with_what_to_do(demo: Marts) -> None:
    insight = asked(demo, "review.alerts")
    assert insight.numbers["tested"] > 300
    assert len(insight.table) == insight.numbers["silence"] + insight.numbers["amount"]
    assert insight.numbers["expected_false"] == pytest.approx(insight.table["local_fdr"].sum())
    assert "tests" in insight.headline
    assert "Only the last finished weeks" in asked(demo, "review.alerts", as_of="2025-06-02").headline


def test_alerts_are_those_of_the_readers_regions(demo: Marts) -> None:
    germany = Scope("de", ("DE",), frozenset())
    table = asked(demo, "review.alerts", scope=germany).table
    everyone = asked(demo, "customers.list", scope=germany).table
    assert set(table.get("code", pd.Series(dtype=str))) <= set(everyone["code"])
