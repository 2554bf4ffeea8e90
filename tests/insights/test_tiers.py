"""Grades and tiers, as they are told: the worked example (tests/small.py)."""

from __future__ import annotations

import pytest

from dashboard.insights.tiers import fit
from dashboard.warehouse.read import Marts
from tests.small import asked


@pytest.mark.parametrize(
    ("grade", "tier", "found"),
    [
        ("A", "strategic", "fits"),
        ("D", "self_service", "fits"),
        ("B", "strategic", "over"),
        ("D", "standard", "over"),
        ("A", "key", "under"),
        ("A", "self_service", "under"),
    ],
)
def test_a_tier_above_the_grade_is_over_served(grade: str, tier: str, found: str) -> None:
    assert fit(grade, tier) == found


def test_matrix_says_who_gets_more_and_who_less_than_he_is_worth(small: Marts) -> None:
    """C03 (B, strategic) and C07 (D, standard) are over-served; C02 (A, key) and C04 (B, standard) under-served."""
    insight = asked(small, "tiers.matrix")
    assert [insight.numbers[kind]["customers"] for kind in ("fits", "over", "under")] == [3, 2, 2]
    assert insight.numbers["over"]["cost_to_serve"] == 150
    assert insight.numbers["under"]["profit"] == 400
    assert insight.table[["grade", "tier"]].apply(tuple, axis=1).tolist() == [
        ("A", "strategic"),
        ("A", "key"),
        ("B", "strategic"),
        ("B", "standard"),
        ("C", "standard"),
        ("D", "standard"),
        ("D", "self_service"),
    ]


def test_migration_counts_rises_falls_arrivals_and_departures(small: Marts) -> None:
    insight = asked(small, "tiers.migration")
    counted = {name: insight.numbers[name] for name in ("up", "down", "stayed", "new", "left")}
    assert counted == {"up": 1, "down": 2, "stayed": 3, "new": 1, "left": 1}
    assert insight.numbers["profit_of_moved_down"] == 150
    assert insight.n == 8
    assert insight.headline == "1 customer moved up, 2 moved down, 50% kept their grade."


def test_shares_of_a_region_add_up_to_one(small: Marts) -> None:
    table = asked(small, "tiers.by_region", region="CN").table
    assert table.groupby("code")["customers_share"].sum().to_dict() == pytest.approx({"NORTH": 1, "SOUTH": 1})
    assert table["grade"].tolist() == ["A", "B", "C", "D"]


def test_trend_ends_with_the_week_asked_about(small: Marts) -> None:
    table = asked(small, "tiers.trend").table
    last = table[table["week"] == table["week"].max()].set_index("grade")["customers"].to_dict()
    assert str(table["week"].max().date()) == "2026-11-09"
    assert last == {"A": 2, "B": 2, "C": 1, "D": 2}
    assert table.groupby("week")["customers_share"].sum().tolist() == pytest.approx([1] * table["week"].nunique())


def test_needs_of_low_grades(small: Marts) -> None:
    """C05 and C06 ask for esteem, C07 for supply: two of the three in C and D."""
    insight = asked(small, "tiers.needs")
    assert insight.numbers["high_needs_low_grade"] == 2
    assert insight.headline.startswith("67%")
