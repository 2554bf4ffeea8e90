"""What each customer costs to serve and why some lose money: the example by hand, the demo against the analysis."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Select, select

from dashboard.analysis.cost_to_serve import causes_of_loss
from dashboard.insight import Reader
from dashboard.warehouse.read import Marts
from queries import cost
from queries.population import costs, population
from tests.small import Books, columns, reader


def test_items(marts: Marts) -> None:
    """Seven visits: 4 at 50 until June 30, 3 at 60 from July 1. An activity without a rate costs nothing."""
    assert columns(marts, cost.items, "source item quantity amount customers") == [
        ("activity", "visit", 7, 380, 6),
        ("direct", "freight", None, 210, 3),
        ("activity", "call", 320, 160, 4),
        ("direct", "bad_debt", None, 100, 1),
        ("activity", "gift_wrap", 5, 0, 1),
    ]


def test_items_of_a_region(marts: Marts) -> None:
    assert columns(marts, cost.items, "item quantity amount", region="TJ") == [("visit", 2, 110), ("call", 80, 40)]


def test_half_a_cent_is_rounded_away_from_zero(marts: Marts) -> None:
    """0.1 minutes at 0.25 are 0.025."""
    assert columns(marts, cost.items, "item quantity amount", as_of="2025-11-16") == [("call", 0.1, 0.03)]


def test_capacity_is_prorated_by_day_where_the_rate_changes(marts: Marts) -> None:
    """226 days at half a visit a week for 25, then 138 days at one for 60."""
    rows = columns(marts, cost.capacity, "code driver_unit capacity supplied_cost")
    assert rows == [
        ("visit", "visit", pytest.approx((0.5 * 226 + 138) / 7), pytest.approx((25 * 226 + 60 * 138) / 7)),
        ("call", "minute", None, None),
    ]
    assert columns(marts, cost.capacity, "capacity supplied_cost", period="4w")[0] == (4, 240)


def test_supply_and_charges_are_whole_cents(marts: Marts) -> None:
    """The cost of supply is rounded for each rate: 807.14 + 1182.86."""
    assert columns(marts, cost.supplied, "code supplied") == [("visit", 199_000)]
    charged = dict(columns(marts, cost.charged, "item charged"))
    assert charged == {"visit": 38_000, "freight": 21_000, "call": 16_000, "bad_debt": 10_000, "gift_wrap": 0}
    assert columns(marts, cost.charged_customers, "charged") == [(85_000,)]
    assert columns(marts, cost.charged_customers, "charged", region="BJ") == [(20_000,)]


def test_quadrant_holds_every_customer_once(marts: Marts) -> None:
    """Thirds of a decade of 1 + |money|: a cost of 30 is in cell 4, a margin of 600 in cell 8."""
    assert columns(marts, cost.quadrant, "x y customers revenue profit") == [
        (4, 0, 1, 0, -30),
        (5, 6, 2, 800, 170),
        (6, 4, 1, 100, -150),
        (6, 5, 1, 200, -50),
        (6, 6, 2, 600, 100),
        (6, 7, 1, 800, 300),
        (6, 8, 1, 1000, 500),
    ]


def test_losses_by_first_cause(marts: Marts) -> None:
    """C01 to C05 are the benchmark: gross sales of 3200, of which cost of goods 1500 and freight 20.

    C08 (gross 100) paid 150 for freight where 0.625 is usual; C07 (gross 200) took goods for 150 where 93.75
    is usual; C09 without sales made calls for 30 where nothing is usual.
    """
    assert columns(marts, cost.losses, "cause customers loss excess") == [
        ("freight", 1, 150, 149.375),
        ("cost_of_goods", 1, 50, 56.25),
        ("call", 1, 30, 30),
    ]


def test_nobody_loses_nothing(marts: Marts) -> None:
    assert columns(marts, cost.losses, "cause customers", grade="A") == []


def test_without_a_profitable_customer_every_line_is_an_excess(marts: Marts) -> None:
    assert columns(marts, cost.losses, "cause loss excess", region="DE") == [("freight", 150, 150)]


@pytest.mark.parametrize(
    "filters", [{}, {"region": "CN-E"}, {"grade": "C,D", "period": "13w"}, {"as_of": "2026-06-01", "period": "ytd"}]
)
def test_first_causes_are_those_of_the_analysis(demo: Marts, filters: dict[str, str]) -> None:
    """The warehouse's answer and `causes_of_loss` on the same numbers, customer by customer."""
    asking = reader(demo, **filters)
    table = asking.rows(population(asking.view).select()).set_index("customer_key").astype({"profit": float})
    wide = table[list(cost.LINES)].astype(float)
    wide.insert(0, "revenue", table[["revenue", "discount", "returned"]].astype(float).sum(axis=1))
    everybody = asking.rows(costs_in_view(asking))
    amounts = everybody.pivot_table(index="customer_key", columns="item", values="amount", aggfunc="sum")
    wide = wide.join(amounts.astype(float)).fillna(0.0).rename_axis("customer").reset_index()

    by_hand = causes_of_loss(wide).customers.set_index("customer")
    by_hand = by_hand[by_hand["loses"]]
    in_sql = asking.rows(cost.first_causes(asking.view).select()).set_index("customer_key")
    assert len(in_sql) > 20
    assert set(in_sql.index) == set(by_hand.index)
    both = in_sql.join(by_hand)
    assert (both["excess"].clip(lower=0) - both["first_cents"] / 100).abs().max() < 0.0051  # Python rounds to cents
    assert (both["loss"] + both["profit_cents"] / 100).abs().max() < 0.005
    differ = both[both["cause"] != both["first_cause"]]
    assert len(differ) <= 0.02 * len(both), "only a tie in cents may be called differently"


def costs_in_view(asking: Reader) -> Select:
    served, mine = costs(asking.view), population(asking.view)
    return select(served).where(served.c.customer_key.in_(select(mine.c.customer_key)))


def test_an_event_without_its_activity_or_rate_costs_nothing(tmp_path: Path) -> None:
    """Its quantity counts where the activity is known; a gap between two rates is a day without a rate."""
    b = Books()
    b.customer("C1")
    b.sale("C1", "2026-11-12", 100, 50)
    b.add("activity", code="visit", name="Visit")
    b.rate("visit", "2026-01-01", "2026-11-02", 10)
    b.rate("visit", "2026-11-09", None, 20)
    for on in ("2025-12-31", "2026-11-01", "2026-11-02", "2026-11-08", "2026-11-09"):
        b.served("C1", "visit", on, 1)
    b.add("service_event", customer_key=1, activity_key=99, served_on=b.rows["sales_line"][0]["sold_on"], quantity=7)
    held = b.marts(tmp_path)
    assert columns(held, cost.items, "item quantity amount") == [("visit", 5, 30)]
