"""Cost to serve, as it is told: the worked example (tests/small.py)."""

from __future__ import annotations

import pytest

from dashboard.warehouse.read import Marts
from tests.small import asked


def test_summary(small: Marts) -> None:
    insight = asked(small, "cost.summary")
    assert insight.numbers["cost_to_serve"] == 850
    assert insight.numbers["activity_cost"] + insight.numbers["direct_cost"] == 850
    assert insight.numbers["return_per_cost"] == pytest.approx(1690 / 850)
    assert "€850, 50% of gross margin" in insight.headline
    assert "1.99" in insight.headline


def test_the_waterfall_falls_from_revenue_to_profit(small: Marts) -> None:
    table = asked(small, "cost.waterfall").table.set_index("step")["amount"]
    assert (table["revenue"], table["gross_margin"], table["profit"]) == (3500, 1690, 840)
    costs = table.drop(["revenue", "gross_margin", "profit"])
    assert costs["cost_of_goods"] == -1810
    assert table["revenue"] + costs.sum() == table["profit"]


def test_activities_show_use_rate_and_unused_capacity(small: Marts) -> None:
    visit, call, wrap = asked(small, "cost.activities").table.to_dict("records")
    assert (visit["code"], visit["quantity"], visit["cost"]) == ("visit", 7, 380)
    assert visit["unit_rate"] == pytest.approx(380 / 7)
    assert visit["capacity"] == pytest.approx(251 / 7)
    assert visit["used_share"] == pytest.approx(7 / (251 / 7))
    assert visit["unused_cost"] == pytest.approx(1990 - 380)
    assert (call["code"], call["unit_rate"]) == ("call", 0.5)
    assert call["capacity"] != call["capacity"], "undefined: its capacity was never stated"
    assert (wrap["code"], wrap["cost"], wrap["quantity"]) == ("gift_wrap", 0, 5)


def test_unused_capacity_is_the_companys_not_a_regions(small: Marts) -> None:
    table = asked(small, "cost.activities", region="BJ").table
    assert table[["capacity", "unused_cost"]].isna().all(axis=None)


def test_customers_carry_each_cost_in_its_own_column(small: Marts) -> None:
    table = asked(small, "cost.customers").table.set_index("code")
    items = [name for name in table.columns if name.startswith("cost:")]
    assert set(items) == {"cost:visit", "cost:call", "cost:freight", "cost:bad_debt", "cost:gift_wrap"}
    assert (table[items].fillna(0).sum(axis=1) == table["cost_to_serve"]).all()
    assert table.loc["C01", "return_per_cost"] == 6
    assert table["return_per_cost"].isna().to_dict()["C10"], "who cost nothing has no return"


def test_losses_by_cause(small: Marts) -> None:
    insight = asked(small, "cost.losses")
    assert insight.table["cause"].tolist() == ["freight", "cost_of_goods", "call"]
    assert insight.table["name"].tolist() == ["Freight", "Cost of goods", "Call"]
    assert insight.numbers == {"customers": 3, "loss": 230}
    assert insight.headline.startswith("3 customers lose €230 together; the first cause is most often Freight, 65%")


def test_loss_makers_heaviest_first(small: Marts) -> None:
    table = asked(small, "cost.loss_makers").table
    assert table["code"].tolist() == ["C08", "C07", "C09"]
    assert table["cause"].tolist() == ["Freight", "Cost of goods", "Call"]


def test_the_quadrant_counts_who_costs_more_than_he_brings(small: Marts) -> None:
    insight = asked(small, "cost.quadrant")
    assert insight.numbers["loss_makers"] == 3
    assert insight.table["customers"].sum() == insight.n == 9


def test_the_whole_adds_up_to_the_ledger(small: Marts) -> None:
    """Supply of visits 1990 (380 of it used), calls 160, freight 210 and bad debt 100."""
    numbers = asked(small, "cost.identity").numbers
    assert numbers["difference"] == 0
    assert (numbers["customers_cost"], numbers["unused_cost"], numbers["ledger"]) == (850, 1610, 2460)
    assert numbers["enterprise_cost"] == 0
