"""Service levels of the worked example: what each tier brings today, and the groups a plan is made of."""

from __future__ import annotations

from pathlib import Path

from dashboard.warehouse.read import Marts
from queries import levels
from tests.small import columns, company, money


def test_today(marts: Marts) -> None:
    rows = columns(marts, levels.today, "tier customers revenue gross_margin cost_to_serve profit")
    assert sorted(rows) == [
        ("key", 1, 800, 400, 100, 300),
        ("self_service", 1, 200, 100, 100, 0),
        ("standard", 3, 900, 350, 280, 70),
        ("strategic", 2, 1500, 800, 150, 650),
    ]


def test_groups_are_alike_in_grade_tier_and_margin(marts: Marts) -> None:
    """Eighths of an e-fold: ln 600 × 8 = 51.2, ln 400 × 8 = 47.9, ln 200 × 8 = 42.4, ln 100 × 8 = 36.8."""
    assert columns(marts, levels.groups, "tier grade bin customers gross_margin activity_cost profit") == [
        ("key", "A", 47, 1, 400, 100, 300),
        ("self_service", "D", 36, 1, 100, 0, 0),
        ("standard", "B", 42, 1, 200, 100, 100),
        ("standard", "C", 36, 1, 100, 60, 20),
        ("standard", "D", 31, 1, 50, 60, -50),
        ("strategic", "A", 51, 1, 600, 100, 500),
        ("strategic", "B", 42, 1, 200, 50, 150),
    ]


def test_customers_without_a_positive_margin_share_a_group(tmp_path: Path) -> None:
    b = company()
    for row in b.rows["sales_line"]:
        if row["customer_key"] in (4, 5, 7):  # C04, C05 and C07, all standard
            row["cost_of_goods"] = row["revenue"] + money(1)
    for row in b.rows["assignment"]:
        if row["tier"] == "standard":
            row["grade"] = "D"
    rows = columns(b.marts(tmp_path), levels.groups, "tier grade bin customers gross_margin")
    assert ("standard", "D", None, 3, -3) in rows
