"""Grades and tiers of the worked example: who has which, who moved, and since when."""

from __future__ import annotations

from datetime import date

import pytest

from dashboard.warehouse.read import Marts
from queries import tiers
from tests.small import columns


def test_matrix(marts: Marts) -> None:
    rows = columns(marts, tiers.matrix, "grade tier customers revenue cost_to_serve profit")
    assert sorted(rows) == [
        ("A", "key", 1, 800, 100, 300),
        ("A", "strategic", 1, 1000, 100, 500),
        ("B", "standard", 1, 400, 100, 100),
        ("B", "strategic", 1, 500, 50, 150),
        ("C", "standard", 1, 300, 80, 20),
        ("D", "self_service", 1, 200, 100, 0),
        ("D", "standard", 1, 200, 100, -50),
    ]


@pytest.mark.parametrize(
    ("level", "rows"),
    [
        (0, [("CN", "A", 2, 1800), ("CN", "B", 2, 900), ("CN", "C", 1, 300), ("CN", "D", 2, 400)]),
        (1, [("NORTH", "A", 2, 1800), ("NORTH", "B", 2, 900), ("SOUTH", "C", 1, 300), ("SOUTH", "D", 2, 400)]),
        (2, [("BJ", "A", 2, 1800), ("GZ", "C", 1, 300), ("GZ", "D", 1, 200), ("TJ", "B", 2, 900)]),
    ],
)
def test_grades_by_region(marts: Marts, level: int, rows: list[tuple]) -> None:
    assert sorted(columns(marts, tiers.by_region, "code grade customers revenue", level)) == rows


def test_migration_from_the_day_before_the_window_to_its_end(marts: Marts) -> None:
    """C02 rose, C03 and C06 fell, C05 is new and C08 no longer graded; C01, C04 and C07 stayed."""
    rows = columns(marts, tiers.migration, "from_grade to_grade customers revenue profit")
    assert sorted(rows, key=str) == [
        ("A", "A", 1, 1000, 500),
        ("A", "B", 1, 500, 150),
        ("B", "A", 1, 800, 300),
        ("B", "B", 1, 400, 100),
        ("C", "D", 1, 200, 0),
        ("C", None, 1, 100, -150),
        ("D", "D", 1, 200, -50),
        (None, "C", 1, 300, 20),
    ]


def test_migration_of_a_short_window_sees_only_its_moves(marts: Marts) -> None:
    """In the four weeks to June 7, C06 fell from C to D on June 1."""
    rows = columns(marts, tiers.migration, "from_grade to_grade customers", as_of="2026-06-07", period="4w")
    assert [row for row in rows if row[0] != row[1]] == [("C", "D", 1)]


def test_trend_counts_who_had_which_grade_at_the_end_of_each_week(marts: Marts) -> None:
    mondays = [date(2025, 11, 10), date(2026, 1, 26), date(2026, 4, 27), date(2026, 11, 9)]
    rows = columns(marts, tiers.trend, "week grade customers", mondays)
    counted: dict[str, str] = {}
    for week, grade, customers in rows:
        counted[week] = counted.get(week, "") + f"{grade}{customers} "
    assert counted == {
        "2025-11-10": "A2 B2 C2 D1 ",  # C08 had its grade before it was a customer
        "2026-01-26": "A3 B1 C2 D1 ",  # C02 rose on Sunday, February 1
        "2026-04-27": "A2 B2 C3 D1 ",  # C03 fell on Friday, May 1; C05 is graded
        "2026-11-09": "A2 B2 C1 D2 ",
    }


def test_trend_follows_the_customers_whatever_their_grade_is_now(marts: Marts) -> None:
    """Filtering by today's A must not hide who has left or joined A since."""
    monday = [date(2026, 1, 26)]
    everybody = columns(marts, tiers.trend, "grade customers", monday)
    assert columns(marts, tiers.trend, "grade customers", monday, grade="A") == everybody
    assert columns(marts, tiers.trend, "grade customers", monday, region="BJ") == [("A", 2)]


def test_needs(marts: Marts) -> None:
    assert columns(marts, tiers.needs, "needs_level grade customers revenue") == [
        (1, "D", 1, 200),
        (3, "A", 1, 800),
        (4, "C", 1, 300),
        (4, "D", 1, 200),
        (5, "A", 1, 1000),
    ]


def test_changes_of_grade_by_reason(marts: Marts) -> None:
    """No reason was written down for C02's rise and the falls of C03 and C06."""
    assert columns(marts, tiers.reasons, "reason changes up down revenue") == [(None, 3, 1, 2, 1500)]
    assert columns(marts, tiers.reasons, "changes", period="13w") == []


def test_changes_over_the_days_that_customers_were_graded(marts: Marts) -> None:
    """Six customers all 364 days, C05 from March 1 (260 days), C08 to August 31 (288)."""
    assert columns(marts, tiers.flips, "flips days") == [(3, 6 * 364 + 260 + 288)]
    assert columns(marts, tiers.flips, "flips days", customer="C05") == [(0, 260)]
