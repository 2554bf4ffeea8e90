"""Who is in view, over which weeks: what every other number starts from."""

from __future__ import annotations

from datetime import date

import pytest

from dashboard.periods import Window
from dashboard.scope import Scope
from dashboard.warehouse.read import Marts
from queries.population import counted, keeps_costs, population, weeks
from queries.value import summary
from tests.small import columns, reader
from tests.statements import view_of

EVERYONE = "C01 C02 C03 C04 C05 C06 C07 C08 C09 C10"


def codes(marts: Marts, **filters: str) -> str:
    asking = reader(marts, **filters)
    keys = asking.rows(population(asking.view).select())["customer_key"]
    assert asking.customers == len(keys)
    return " ".join(f"C{key:02}" for key in sorted(keys))


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, EVERYONE),
        ({"region": "CN"}, "C01 C02 C03 C04 C05 C06 C07 C10"),
        ({"region": "BJ"}, "C01 C02 C10"),
        ({"region": "SOUTH,DE"}, "C05 C06 C07 C08"),
        ({"grade": "A"}, "C01 C02"),
        ({"grade": "B,D"}, "C03 C04 C06 C07"),
        ({"tier": "standard"}, "C04 C05 C07"),
        ({"industry": "retail"}, "C01 C03 C05 C07 C09"),
        ({"kind": "person"}, "C09"),
        ({"channel": "web"}, "C01 C02 C03 C04 C05"),
        ({"manager": "E1"}, "C01 C02 C03 C04"),
        ({"activity": "visit"}, "C01 C02 C03 C04 C05 C07"),
        ({"activity": "visit", "period": "4w"}, ""),
        ({"activity": "gift_wrap,call", "period": "4w"}, "C02 C04"),
        ({"customer": "C05"}, "C05"),
        ({"region": "BJ", "industry": "retail", "channel": "web"}, "C01"),
        ({"region": "DE", "grade": "A"}, ""),
    ],
)
def test_filters_choose_customers(marts: Marts, filters: dict[str, str], found: str) -> None:
    assert codes(marts, **filters) == found


@pytest.mark.parametrize(
    ("group", "found"),
    [
        ("active", "C01 C02 C03 C04 C05 C06 C07 C08"),
        ("moved", "C01 C02 C03 C04 C05 C06 C07 C08 C09"),
        ("surveyed", "C01 C02 C03 C04 C08"),
        ("loss_makers", "C07 C08 C09"),
        # |profit| averages 1300 / 9 = 144.44 over the nine who moved: break-even is within 14.44 of zero
        ("creators", "C01 C02 C03 C04 C05"),
        ("break_even", "C06"),
        ("destroyers", "C07 C08 C09"),
        ("decile-1", "C01"),
        ("decile-7", "C09"),
        ("decile-9", "C08"),
        ("decile-10", ""),
        ("score-1-2.5", "C03 C04"),
        ("score-2.5-4", "C02 C08"),
        ("score-4-5", "C01"),
    ],
)
def test_a_group_is_the_customers_behind_a_number(marts: Marts, group: str, found: str) -> None:
    assert codes(marts, group=group) == found


def test_a_group_is_found_among_the_customers_in_view(marts: Marts) -> None:
    """The best decile of a region is the region's, not the company's."""
    assert codes(marts, group="decile-1", region="SOUTH") == "C05"
    assert codes(marts, group="moved", region="BJ") == "C01 C02"


def test_a_window_knows_customers_acquired_by_its_end(marts: Marts) -> None:
    """C05 came on 2026-01-10, C08 on 2026-09-09; who has no date came with his first purchase."""
    assert codes(marts, as_of="2026-01-04", period="4w") == "C01 C02 C03 C06 C09 C10"
    assert codes(marts, as_of="2026-01-11", period="4w") == "C01 C02 C03 C05 C06 C09 C10"
    # C04 bought first in October, but was visited in July: his cost belongs to July.
    assert "C04" not in codes(marts, as_of="2026-06-28", period="4w")
    assert "C04" in codes(marts, as_of="2026-07-05", period="4w")


def test_grade_and_tier_are_those_in_force_at_the_windows_end(marts: Marts) -> None:
    assert codes(marts, grade="A", as_of="2026-01-25") == "C01 C03"
    assert codes(marts, grade="A", as_of="2026-02-01") == "C01 C02 C03"  # C02 rose on that Sunday
    assert codes(marts, grade="C", as_of="2026-05-31") == "C05 C06"
    assert codes(marts, grade="C", as_of="2026-06-07") == "C05"  # C06 fell on the Monday


@pytest.mark.parametrize(
    ("filters", "revenue", "cost"),
    [
        ({}, 3500, 850),
        ({"period": "4w"}, 1600, 90),
        ({"period": "13w"}, 1700, 280),
        ({"period": "ytd"}, 3300, 850),
        ({"period": "all"}, 4500, 850.03),
        ({"period": "4w", "as_of": "2026-11-08"}, 1200, 90),
        ({"period": "52w", "as_of": "2025-11-16"}, 1000, 0.03),
        ({"period": "13w", "as_of": "2026-03-08"}, 1100, 270),
        ({"period": "4w", "region": "BJ"}, 1200, 50),
    ],
)
def test_a_window_adds_up_its_weeks(marts: Marts, filters: dict[str, str], revenue: float, cost: float) -> None:
    assert columns(marts, summary, "revenue cost_to_serve", **filters) == [(revenue, cost)]


def test_weeks_are_the_parts_of_the_window(marts: Marts) -> None:
    asking = reader(marts)
    by_week = asking.rows(weeks(asking.view, Window(date(2026, 10, 19), date(2026, 11, 9))))
    told = [(str(w.week.date()), w.revenue, w.cost_to_serve, w.profit) for w in by_week.itertuples()]
    assert [(week, *map(float, numbers)) for week, *numbers in told] == [
        ("2026-10-19", 400, 40, 160),
        ("2026-11-02", 800, 50, 350),
        ("2026-11-09", 400, 0, 200),
    ]


def test_weeks_of_a_slice_and_of_its_customers_are_the_same(marts: Marts) -> None:
    """Filters that slices know read slices; the same customers by name read their own weeks."""
    by_slice, by_customer = (
        columns(marts, lambda v: weeks(v, v.window), "week revenue profit satisfaction_n", **filters)
        for filters in ({"region": "TJ"}, {"region": "TJ", "channel": "web"})
    )
    assert by_slice == by_customer
    assert len(by_slice) > 5


def test_only_long_windows_up_to_now_keep_their_costs_ready(marts: Marts) -> None:
    calendar = marts.calendar
    assert keeps_costs(calendar.window("52w"), calendar)
    assert not keeps_costs(calendar.window("4w"), calendar)
    assert keeps_costs(calendar.window("52w", date(2026, 11, 2)), calendar), "the last finished week"
    assert not keeps_costs(calendar.window("52w", date(2026, 10, 26)), calendar)


def test_the_same_view_by_another_reader_is_narrower(marts: Marts) -> None:
    north = Scope("north", ("NORTH",), frozenset())
    assert marts.read(counted(view_of(marts, north)), north).iloc[0, 0] == 5
