"""How customer value is distributed: every number of the worked example (see tests/small.py) worked out by hand."""

from __future__ import annotations

import pytest

from dashboard.analysis.concentration import WhaleCurve, lorenz_from_groups
from dashboard.warehouse.read import Marts
from queries import value
from tests.small import columns, reader


def test_summary(marts: Marts) -> None:
    row = columns(marts, value.summary, "customers active_customers moved_customers loss_makers answers")
    assert row == [(10, 8, 9, 3, 7)]
    money = "revenue discount returned cost_of_goods gross_margin activity_cost direct_cost cost_to_serve profit"
    assert columns(marts, value.summary, money) == [(3500, 100, 100, 1810, 1690, 540, 310, 850, 840)]
    assert columns(marts, value.summary, "praise complaint referral") == [(4, 4, 1)]
    # answers 4.5, 4, 3, 2, 1 and 2, 3 of C08 (a correction of the same day still was an answer)
    assert columns(marts, value.summary, "satisfaction") == [(round(19.5 / 7, 9),)]


def test_summary_of_last_year(marts: Marts) -> None:
    names = "active_customers revenue gross_margin cost_to_serve profit"
    assert columns(marts, value.summary, names, as_of="2025-11-16") == [(3, 1000, 450, 0.03, 449.97)]


def test_summary_of_nobody_has_no_profit_instead_of_a_false_one(marts: Marts) -> None:
    assert columns(marts, value.summary, "customers profit satisfaction", region="DE", grade="A") == [(0, None, None)]


@pytest.mark.parametrize(
    ("level", "rows"),
    [
        (0, [("CN", 8, 3400, 1020), ("DE", 1, 100, -150), (None, 1, 0, -30)]),
        (1, [("NORTH", 5, 2700, 1050), ("SOUTH", 3, 700, -30), (None, 2, 100, -180)]),
        (2, [("BJ", 3, 1800, 800), ("TJ", 2, 900, 250), ("GZ", 2, 500, 20), (None, 3, 300, -230)]),
    ],
)
def test_by_region_at_each_level_of_the_tree(marts: Marts, level: int, rows: list[tuple]) -> None:
    """Who lies above a level or nowhere stands apart, so that every level adds up to the whole."""
    assert columns(marts, value.by_region, "code customers revenue profit", level) == rows


@pytest.mark.parametrize(
    ("column", "rows"),
    [
        ("grade", [("A", 2, 1800), ("B", 2, 900), ("C", 1, 300), ("D", 2, 400), (None, 3, 100)]),
        (
            "tier",
            [("key", 1, 800), ("self_service", 1, 200), ("standard", 3, 900), ("strategic", 2, 1500), (None, 3, 100)],
        ),
        ("industry", [("food", 5, 1500), ("retail", 5, 2000)]),
        ("kind", [("organisation", 9, 3500), ("person", 1, 0)]),
    ],
)
def test_by_column(marts: Marts, column: str, rows: list[tuple]) -> None:
    assert columns(marts, value.by_column, "code customers revenue", column) == rows


def test_ranked_revenue_gives_the_exact_gini(marts: Marts) -> None:
    """1000, 800, 500, 400, 300, 200, 200, 100, 0: nine who moved.

    Gini = (n + 1 − 2 × Σ rank × revenue / Σ revenue) / n, with rank 1 the largest:
    Σ rank × revenue = 1000 + 1600 + 1500 + 1600 + 1500 + 1200 + 1400 + 800 = 10600.
    """
    asking = reader(marts)
    groups = asking.rows(value.ranked(asking.view, "revenue", exact=True))
    assert groups["rank_total"].sum() == 10_600
    curve = lorenz_from_groups(groups["customers"], groups["total"], groups["smallest"], groups["rank_total"])
    assert curve.gini == pytest.approx((10 - 2 * 10_600 / 3500) / 9, abs=1e-12)
    assert curve.top_share(0.2) == pytest.approx((1000 + 0.8 * 800) / 3500, abs=1e-12)


def test_ranked_profit_gives_the_exact_whale(marts: Marts) -> None:
    """500, 300, 150, 100, 20, 0, −30, −50, −150: 840 in all, 1070 at the peak after five of nine."""
    asking = reader(marts)
    groups = asking.rows(value.ranked(asking.view, "profit", exact=True))
    columns = ("customers", "total", "smallest", "gainers", "gains", "losers", "squares")
    whale = WhaleCurve.from_groups(*[groups[c] for c in columns])
    assert (whale.total, whale.gains, whale.losses) == (840, 1070, -230)
    assert (whale.customers, whale.gainers, whale.break_even, whale.loss_makers) == (9, 5, 1, 3)
    assert whale.peak_share == pytest.approx(1070 / 840)
    assert whale.peak_at_share == pytest.approx(5 / 9)
    assert whale.top_20_share == pytest.approx((500 + 0.8 * 300) / 840)
    assert whale.worst_10_share == pytest.approx(-0.9 * 150 / 840)
    assert groups["squares"].sum() == 500**2 + 300**2 + 150**2 + 100**2 + 20**2 + 30**2 + 50**2 + 150**2


def test_ranked_in_bins_keeps_counts_and_totals(marts: Marts) -> None:
    told = columns(marts, lambda v: value.ranked(v, "profit", exact=False), "customers total gainers losers rank_total")
    assert [row[:2] for row in told] == [(1, v) for v in (500, 300, 150, 100, 20, 0, -30, -50, -150)]
    assert all(row[-1] is None for row in told)


def test_returns_count_as_no_revenue_in_the_ranking(marts: Marts) -> None:
    """Lorenz and Gini are of values that are not negative: a net return is nothing sold."""
    told = columns(marts, lambda v: value.ranked(v, "revenue", exact=True), "total smallest", region="BJ", period="4w")
    assert told == [(800, 800), (400, 400)]


def test_moved_customers(marts: Marts) -> None:
    assert columns(marts, value.moved_customers, "n") == [(9,)]
    assert columns(marts, value.moved_customers, "n", period="4w") == [(3,)]


def test_zones(marts: Marts) -> None:
    rows = sorted(columns(marts, value.zones, "zone customers profit"))
    assert rows == [("break_even", 1, 0), ("creators", 5, 1070), ("destroyers", 3, -230)]


def test_deciles_are_tenths_of_who_moved(marts: Marts) -> None:
    rows = columns(marts, value.deciles, "decile customers revenue profit smallest")
    profits = (500, 300, 150, 100, 20, 0, -30, -50, -150)
    revenues = (1000, 800, 500, 400, 300, 200, 0, 200, 100)
    assert rows == [(i + 1, 1, r, p, p) for i, (r, p) in enumerate(zip(revenues, profits, strict=True))]


def test_distribution_counts_customers_in_sixths_of_a_decade(marts: Marts) -> None:
    """10^(12/6) = 100 … 10^(18/6) = 1000; the last bin has no positive revenue."""
    revenue = {12: 100, 13: 400, 14: 300, 15: 400, 16: 500, 17: 800, 18: 1000, None: 0}
    customers = dict.fromkeys(revenue, 1) | {13: 2}
    rows = columns(marts, value.distribution, "bin customers revenue")
    assert rows == [(bin_, customers[bin_], revenue[bin_]) for bin_ in revenue]


def test_quantiles_are_of_buyers(marts: Marts) -> None:
    """100, 200, 200, 300, 400, 500, 800, 1000: the median lies between 300 and 400."""
    assert columns(marts, value.quantiles, "n mean q1 q5 q9") == [(8, 437.5, 170, 350, 860)]
