"""One engine of comparison: events, targets that add up, everybody as a benchmark, and a reason for each dash."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.comparison import compare, targets
from dashboard.insights.value import totals
from dashboard.scope import Scope
from dashboard.warehouse.read import Marts
from tests.small import Books, day, reader


def festival() -> Books:
    """One customer who buys each week, and in the week of Spring Festival, which moves, for ten times as much."""
    b = Books()
    b.customer("C1")
    for first in ("2025-01-06", "2025-01-13", "2025-01-20", "2025-01-27", "2025-02-03", "2025-02-10", "2025-02-17"):
        b.sale("C1", first, 1000 if first == "2025-01-27" else 100, 10)
    b.sale("C1", "2026-02-09", 110, 10)
    b.sale("C1", "2026-02-16", 1200, 10)
    b.sale("C1", "2026-02-23", 90, 10)
    for first, last in (("2025-01-29", "2025-02-02"), ("2026-02-17", "2026-02-21")):
        b.add("event", starts_on=day(first), ends_on=day(last), name="春节", name_en="Spring Festival")
    return b


def test_the_festivals_week_is_compared_with_last_years_festival(tmp_path: Path) -> None:
    held = festival().marts(tmp_path)
    look = reader(held, period="1w", as_of="2026-02-16")
    found = compare(look, totals)
    assert (found["last_year"].values["revenue"], found["event"].values["revenue"]) == (100, 1000)
    assert look.occasion == "Spring Festival"
    after = compare(reader(held, period="1w", as_of="2026-02-23"), totals)
    assert after["event"].why("revenue") == "no named event moves these weeks"
    assert after["last_year"].values["revenue"] == 0


def test_everybody_is_the_benchmark_of_a_group(small: Marts) -> None:
    """3500 of ten customers; the retail ones are five of eleven known, and ratios are everybody's own."""
    look = reader(small, grade="A")
    found = compare(look, totals)["benchmark"]
    assert found.values["revenue"] == pytest.approx(3500 * 2 / 10)
    assert found.values["margin"] == pytest.approx(840 / 3500)
    assert compare(reader(small), totals)["benchmark"].why("revenue") == "all customers are in view already"


@pytest.fixture
def planned(tmp_path: Path) -> Marts:
    b = Books()
    b.region("CN", "China")
    b.region("N", "North", within="CN")
    b.region("S", "South", within="CN")
    b.customer("C1", "N")
    b.customer("C2", "S")
    b.sale("C1", "2026-11-15", 100, 60)
    b.sale("C2", "2026-11-15", 100, 60)
    week = ("2026-11-09", "2026-11-15")
    for region, revenue, profit, score in (("N", 70, 14, 4), ("S", 30, 16, 3)):
        b.target("revenue", *week, revenue, region=region)
        b.target("profit", *week, profit, region=region)
        b.target("satisfaction", *week, score, region=region)
    b.target("cost_to_serve", "2026-11-09", "2026-11-10", 5)
    return b.marts(tmp_path)


def goal(marts: Marts, scope: Scope | None = None, **filters: str) -> dict[str, float | None]:
    asking = reader(marts, period="1w", **filters)
    return dict(targets(asking if scope is None else reader(marts, scope=scope, period="1w", **filters)).values)


def test_targets_of_parts_add_up_and_their_ratio_is_of_the_sums(planned: Marts) -> None:
    both = {"revenue": 100, "profit": 30, "margin": pytest.approx(0.3)}
    assert goal(planned, region="CN") == both, "the region has no target of its own, its parts have"
    assert goal(planned, region="N,S") == both
    assert goal(planned, region="CN,N") == both, "a part beside its whole is not counted twice"
    assert goal(planned, region="N") == {"revenue": 70, "profit": 14, "satisfaction": 4, "margin": pytest.approx(0.2)}


def test_targets_of_grades_and_of_top_regions_add_up_to_the_whole(tmp_path: Path) -> None:
    b = Books()
    for code in ("X", "Y"):
        b.region(code, code)
        b.customer(code, code)
        b.sale(code, "2026-11-15", 100, 60)
    week = ("2026-11-09", "2026-11-15")
    for grade, revenue in zip("ABCD", (40, 30, 20, 10), strict=True):
        b.target("revenue", *week, revenue, region="X", grade=grade)
    b.target("revenue", *week, 50, region="Y")
    b.target("profit", *week, 7, region="X", grade="A")
    held = b.marts(tmp_path)
    assert goal(held, region="X")["revenue"] == 100, "its four grades together"
    assert goal(held)["revenue"] == 150, "and both regions together"
    assert targets(reader(held, period="1w", region="X")).why("profit") == (
        "no target is set for these customers and weeks"
    )


def test_the_target_of_the_shorter_time_counts_and_weeks_have_their_part_of_a_month(tmp_path: Path) -> None:
    """The year's target is 365 (1 a day), November's 60 (2 a day); the weeks hold 6 days of October."""
    b = Books()
    b.customer("C1")
    b.sale("C1", "2026-11-15", 100, 60)
    b.sale("C1", "2025-11-03", 1, 0)
    b.target("revenue", "2026-01-01", "2026-12-31", 365)
    b.target("revenue", "2026-11-01", "2026-11-30", 60)
    b.target("satisfaction", "2026-01-01", "2026-12-31", 3)
    b.target("satisfaction", "2026-11-09", "2026-11-15", 4)
    held = b.marts(tmp_path)
    asking = reader(held, period="4w", as_of="2026-11-09")
    assert asking.view.window.first_week == day("2026-10-19")
    values = targets(asking).values
    assert values["revenue"] == pytest.approx(13 * 1 + 15 * 2)
    assert values["satisfaction"] == pytest.approx((21 * 3 + 7 * 4) / 28)


def test_a_reader_of_some_regions_has_their_targets(planned: Marts) -> None:
    both = Scope("both", ("N", "S"), frozenset())
    assert goal(planned, both)["revenue"] == 100
    assert goal(planned, Scope("north", ("N",), frozenset()))["revenue"] == 70
    assert goal(planned, Scope("north", ("N",), frozenset()), region="CN") == {}, "he sees only a part of it"


def test_a_missing_target_says_why(planned: Marts) -> None:
    found = targets(reader(planned, period="1w"))
    assert found.why("cost_to_serve") == "the target covers only a part of these weeks"
    assert found.why("revenue") == "no target is set for these customers and weeks"
    assert targets(reader(planned, period="1w", region="N,S")).why("satisfaction") == (
        "targets of several groups can't be added up"
    )
    assert "not for the other filters" in targets(reader(planned, period="1w", group="active")).why("revenue")
