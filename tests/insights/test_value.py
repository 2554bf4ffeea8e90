"""How value is distributed, as it is told: numbers, table and sentence of the worked example (tests/small.py)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dashboard.warehouse.read import Marts
from tests.small import Books, asked, line


def by_metric(marts: Marts, column: str, **filters: str) -> dict[str, float]:
    """A column of the summary's table: `value`, `previous`, `last_year` or `target`; what is undefined is left out."""
    return asked(marts, "value.summary", **filters).table.set_index("metric")[column].dropna().to_dict()


# --- summary and comparisons -------------------------------------------------------------------------


def test_summary_says_customers_revenue_and_profit(small: Marts) -> None:
    insight = asked(small, "value.summary")
    assert insight.headline == "8 customers brought €3.5K and a profit of €840, 24% of revenue."
    assert insight.n == 10
    assert insight.numbers["margin"] == pytest.approx(0.24)
    assert insight.numbers["loss_maker_share"] == pytest.approx(3 / 9)


def test_summary_is_compared_with_the_weeks_before_and_a_year_earlier(small: Marts) -> None:
    """The 52 weeks before are the same weeks a year earlier."""
    year = {"revenue": 1000, "gross_margin": 450, "cost_to_serve": 0.03, "profit": 449.97, "active_customers": 3}
    for column in ("previous", "last_year"):
        found = by_metric(small, column)
        assert {name: found[name] for name in year} == pytest.approx(year)


def test_four_weeks_are_compared_with_four_weeks(small: Marts) -> None:
    """Before: nothing sold from September 21 to October 18. A year earlier: 200 of C02."""
    assert by_metric(small, "value", period="4w")["revenue"] == 1600
    assert by_metric(small, "previous", period="4w")["revenue"] == 0
    assert by_metric(small, "last_year", period="4w")["revenue"] == 200


def test_nothing_is_compared_with_a_time_before_the_data(small: Marts) -> None:
    assert by_metric(small, "previous", period="all") == {}
    assert by_metric(small, "last_year", as_of="2025-11-16") == {}


def test_what_nobody_measured_is_undefined_and_never_a_zero(tmp_path: Path) -> None:
    """One order line with its cost of goods and nothing else: no cost to serve, no answers, no word of mouth."""
    numbers = asked(line().marts(tmp_path / "a", ("customer", "sales_line")), "value.summary").numbers
    unknown = ("cost_to_serve", "activity_cost", "direct_cost", "satisfaction", "praise", "complaint", "referral")
    assert {name: numbers[name] for name in unknown} == dict.fromkeys(unknown)
    assert (numbers["revenue"], numbers["gross_margin"], numbers["loss_makers"]) == (100, 40, 0)
    without = line(goods=None).marts(tmp_path / "b", ("customer", "sales_line"))
    summary = asked(without, "value.summary").numbers
    assert [summary[name] for name in ("profit", "loss_makers", "loss_maker_share", "margin")] == [None] * 4
    assert asked(without, "customers.list").table["cost_to_serve"].isna().all()


# --- targets -----------------------------------------------------------------------------------------


def test_targets_of_flows_are_prorated_by_days(small: Marts) -> None:
    """Revenue 3640 in 364 days; profit 226 in 226 days, then 276 in 138."""
    assert by_metric(small, "target")["revenue"] == pytest.approx(3640)
    assert by_metric(small, "target")["profit"] == pytest.approx(226 + 276)
    assert by_metric(small, "target", period="4w")["revenue"] == pytest.approx(280)
    assert by_metric(small, "target", period="13w")["profit"] == pytest.approx(276 * 91 / 138)
    # June 8 to July 5: 23 days of the first plan and 5 of the second
    across = by_metric(small, "target", period="4w", as_of="2026-07-05")
    assert across["profit"] == pytest.approx(226 * 23 / 226 + 276 * 5 / 138)


def test_targets_of_levels_are_averaged_by_days(small: Marts) -> None:
    assert by_metric(small, "target")["satisfaction"] == pytest.approx((3 * 226 + 4 * 138) / 364)
    assert by_metric(small, "target", period="13w")["satisfaction"] == pytest.approx(4)


def test_a_plan_that_does_not_cover_the_weeks_is_no_target(small: Marts) -> None:
    """The margin was planned from July on only."""
    assert "gross_margin" not in by_metric(small, "target")
    assert by_metric(small, "target", period="13w")["gross_margin"] == pytest.approx(91)
    assert by_metric(small, "target", as_of="2025-11-16") == {}


def test_a_target_is_for_what_it_was_set_for(small: Marts) -> None:
    """For all, for a region or for a grade; with anything else chosen there is none to compare with."""
    assert by_metric(small, "target", region="CN") == pytest.approx({"revenue": 364})
    assert by_metric(small, "target", grade="A") == pytest.approx({"revenue": 728})
    for other in ({"region": "DE"}, {"region": "CN,DE"}, {"grade": "A,B"}, {"industry": "food"}, {"group": "active"}):
        assert by_metric(small, "target", **other) == {}, other


# --- concentration and whale -------------------------------------------------------------------------


def test_concentration(small: Marts) -> None:
    insight = asked(small, "value.concentration")
    assert insight.numbers["gini"] == pytest.approx((10 - 2 * 10_600 / 3500) / 9)
    assert insight.numbers["top_20_share"] == pytest.approx(1640 / 3500)
    assert insight.headline == "The best 20% of customers bring 47% of revenue."
    last = insight.table.iloc[-1]
    assert (last["customers_share"], last["revenue_share"]) == (1, 1)


def test_whale(small: Marts) -> None:
    insight = asked(small, "value.whale")
    expected = {
        "total_profit": 840,
        "gains": 1070,
        "losses": -230,
        "peak_share": 1070 / 840,
        "peak_at_share": 5 / 9,
        "erosion": 230 / 840,
        "top_20_share": 740 / 840,
        "loss_makers": 3,
        "loss_maker_share": 3 / 9,
    }
    assert {name: insight.numbers[name] for name in expected} == pytest.approx(expected)
    zones = [(z["code"], z["customers"], z["profit"]) for z in insight.numbers["zones"]]
    assert zones == [("creators", 5, 1070), ("break_even", 1, 0), ("destroyers", 3, -230)]
    assert insight.headline == "20% of customers make 88% of the profit; 33% lose money and eat 27% of it."


def test_a_total_loss_has_no_shares(small: Marts) -> None:
    insight = asked(small, "value.whale", region="DE")
    assert insight.numbers["total_profit"] == -150
    assert insight.numbers["top_20_share"] is None
    assert insight.headline == "These customers lose €150 together, so shares of profit are not defined."


def test_equal_customers_have_no_concentration(tmp_path: Path) -> None:
    b = Books()
    for code in ("C1", "C2", "C3", "C4", "C5"):
        b.customer(code)
        b.sale(code, "2026-11-12", 100, 40)
    held = b.marts(tmp_path)
    assert asked(held, "value.concentration").numbers["gini"] == pytest.approx(0, abs=1e-12)
    assert asked(held, "value.concentration").numbers["top_20_share"] == pytest.approx(0.2)
    assert asked(held, "value.whale").numbers["peak_share"] == pytest.approx(1)


# --- breakdowns --------------------------------------------------------------------------------------


def test_regions_one_level_below_the_chosen_one(small: Marts) -> None:
    def codes(**filters: str) -> list[object]:
        table = asked(small, "value.by_region", **filters).table
        return [None if pd.isna(code) else code for code in table["code"]]

    assert codes() == ["CN", "DE", None]
    assert codes(region="CN") == ["NORTH", "SOUTH"]
    assert codes(region="NORTH") == ["BJ", "TJ"]
    assert codes(region="BJ") == ["BJ"]


def test_the_headline_names_regions_that_lose_money(small: Marts) -> None:
    assert asked(small, "value.by_region").headline == "China brings 97% of revenue; Germany and not stated lose money."
    assert (
        asked(small, "value.by_region", region="NORTH").headline == "Beijing brings 67% of revenue and 76% of profit."
    )


def test_deciles_add_up_to_all_of_the_profit(small: Marts) -> None:
    table = asked(small, "value.deciles").table
    assert table["profit"].sum() == 840
    assert table["profit_share"].sum() == pytest.approx(1)
    assert table["profit"].is_monotonic_decreasing


def test_distribution_has_its_median_and_mean(small: Marts) -> None:
    numbers = asked(small, "value.distribution").numbers
    assert (numbers["median"], numbers["mean"], numbers["buyers"], numbers["not_positive"]) == (350, 437.5, 8, 1)


def test_trend_has_a_point_for_each_week_and_zero_where_nothing_was_sold(small: Marts) -> None:
    table = asked(small, "value.trend").table
    assert len(table) == 52
    assert table["revenue"].sum() == 3500
    assert table["revenue"].notna().all()
    named = asked(small, "value.trend").numbers["events"]
    assert [event["name"] for event in named] == ["Spring Festival"]


def test_trend_compares_all_weeks_with_all_weeks_a_year_earlier(small: Marts) -> None:
    """3500 against 1000, not only the three weeks in which something was sold a year earlier."""
    assert "+250%" in asked(small, "value.trend").headline


def test_trend_of_a_customer_begins_with_him(small: Marts) -> None:
    """C05 came in January 2026: what he bought has no year before, and the weeks until then are no weeks of zero."""
    insight = asked(small, "value.trend", customer="C05")
    assert insight.table["revenue_last_year"].isna().all()
    assert insight.table.loc[insight.table["week"] < "2026-01-05", "revenue"].isna().all()
    assert insight.table.loc[insight.table["week"] >= "2026-01-05", "revenue"].notna().all()
    assert "there is no year before to compare with" in insight.headline


def test_trend_of_the_first_year_has_nothing_to_compare_with(tmp_path: Path) -> None:
    insight = asked(line().marts(tmp_path), "value.trend")
    assert insight.table["revenue_last_year"].isna().all()
    assert "there is no year before to compare with" in insight.headline
