"""How customer value is distributed: totals, concentration, deciles, regions and weeks."""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    Float,
    Integer,
    Select,
    Subquery,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.types import Double

from queries import marts
from queries.population import View, band, moved, places, population

EXACT_UP_TO = 250_000
"""Customers up to which ranks are exact; beyond, customers are grouped into narrow bins of value."""
RANK_GROUPS = 1_000
BINS_A_DECADE = 6
"""Bars of the distribution for each factor ten of revenue."""
BINS_AN_E_FOLD = 300
"""Bins for each factor e of value: each a third of a per cent wide."""


def as_float(column: ColumnElement) -> ColumnElement[float]:
    """Money stays decimal while it is summed and becomes a double last."""
    return cast(column, Double)


def totals(customers: Subquery) -> list[ColumnElement]:
    """The measures of a group of customers, re-aggregated from sums."""
    c = customers.c
    return [
        func.count().label("customers"),
        func.count().filter(c.purchase_days > 0).label("active_customers"),
        *[as_float(func.sum(c[name])).label(name) for name in marts.MEASURES],
        func.count().filter(c.profit < 0).label("loss_makers"),
        func.count().filter(moved(customers)).label("moved_customers"),
        *[cast(func.sum(c[name]), Integer).label(name) for name in marts.WORDS],
        as_float(func.sum(c.satisfaction_sum) / func.nullif(func.sum(c.satisfaction_n), 0)).label("satisfaction"),
        cast(func.sum(c.satisfaction_n), Integer).label("answers"),
    ]


def summary(view: View) -> Select:
    """One row: the totals of the customers in view."""
    return select(*totals(population(view)))


def by_region(view: View, level: int) -> Select:
    """Totals by region at a level of the tree (0 is countries); customers without one last, code null."""
    customers = population(view)
    place = places(level)
    keys = (place.c.code, place.c.name, place.c.name_en)
    return (
        select(*keys, *totals(customers))
        .select_from(customers)
        .outerjoin(place, place.c.position == customers.c.region_position)
        .group_by(*keys)
        .order_by(func.sum(customers.c.revenue).desc().nulls_last(), place.c.code)
    )


def by_column(view: View, column: str) -> Select:
    """Totals by grade, tier, industry or kind."""
    customers = population(view)
    code = customers.c[column].label("code")
    return select(code, *totals(customers)).group_by(code).order_by(code.nulls_last())


def ranked(view: View, measure: str, *, exact: bool) -> Select:
    """Customers with sales or costs in groups of falling value, for Lorenz and whale curves.

    Columns group_, customers, total, smallest, gainers, gains, losers, squares and rank_total (sum of
    rank × value; null unless exact). Exact: a thousand groups of equal count.
    Otherwise: bins a third of a per cent wide.
    """
    customers = population(view)
    value: ColumnElement = customers.c[measure]
    if measure == "revenue":
        value = func.greatest(value, 0)
    chosen = (
        select(
            value.label("value"),
            func.row_number().over(order_by=value.desc()).label("rank") if exact else literal(0).label("rank"),
            func.count().over().label("n") if exact else literal(0).label("n"),
        )
        .where(moved(customers), customers.c[measure].is_not(None))
        .subquery("chosen")
    )
    c = chosen.c
    if exact:
        group = cast(func.floor((c.rank - 1) * RANK_GROUPS / c.n), Integer)
    else:
        width = func.ln(1 + as_float(func.abs(c.value))) * BINS_AN_E_FOLD
        group = cast(-func.sign(c.value) * func.ceil(width), Integer)
    return (
        select(
            group.label("group_"),
            func.count().label("customers"),
            as_float(func.sum(c.value)).label("total"),
            as_float(func.min(c.value)).label("smallest"),
            func.count().filter(c.value > 0).label("gainers"),
            as_float(func.coalesce(func.sum(c.value).filter(c.value > 0), 0)).label("gains"),
            func.count().filter(c.value < 0).label("losers"),
            func.sum(as_float(c.value) * as_float(c.value)).label("squares"),
            (as_float(func.sum(c.rank * c.value)) if exact else cast(None, Float)).label("rank_total"),
        )
        .group_by("group_")
        .order_by("group_")
    )


def moved_customers(view: View) -> Select:
    """How many customers have sales or costs: one number."""
    customers = population(view)
    return select(func.count().label("n")).where(moved(customers))


def zones(view: View) -> Select:
    """Creators, break-even and destroyers: customers and profit of each."""
    customers = population(view)
    edge = select(band(customers).label("edge")).cte("edge")
    profit = customers.c.profit
    zone = case((profit > edge.c.edge, "creators"), (profit < -edge.c.edge, "destroyers"), else_="break_even")
    return (
        select(zone.label("zone"), func.count().label("customers"), as_float(func.sum(profit)).label("profit"))
        .join_from(customers, edge, literal(True))
        .where(moved(customers), profit.is_not(None))
        .group_by("zone")
    )


def deciles(view: View) -> Select:
    """Tenths of the customers with sales or costs, 1 the most profitable (by revenue without cost of goods)."""
    customers = population(view)
    c = customers.c
    value = func.coalesce(c.profit, c.revenue)
    place = (
        select(
            func.ntile(10).over(order_by=(value.desc(), c.customer_key)).label("decile"),
            *(c.revenue, c.gross_margin, c.cost_to_serve, c.profit, value.label("value")),
        )
        .where(moved(customers))
        .subquery("place")
    )
    p = place.c
    return (
        select(
            p.decile,
            func.count().label("customers"),
            *[as_float(func.sum(p[n])).label(n) for n in ("revenue", "gross_margin", "cost_to_serve", "profit")],
            as_float(func.min(p.value)).label("smallest"),
        )
        .group_by(p.decile)
        .order_by(p.decile)
    )


def distribution(view: View) -> Select:
    """Customers by revenue in logarithmic bins; bin null holds customers whose revenue is not positive."""
    customers = population(view)
    revenue = as_float(customers.c.revenue)
    bin_ = case((revenue > 0, cast(func.floor(func.log10(revenue) * BINS_A_DECADE), Integer)))
    return (
        select(bin_.label("bin"), func.count().label("customers"), func.sum(revenue).label("revenue"))
        .where(moved(customers))
        .group_by("bin")
        .order_by("bin")
    )


def quantiles(view: View) -> Select:
    """Mean and deciles of revenue over customers who bought."""
    customers = population(view)
    revenue = as_float(customers.c.revenue)
    # All at once: one pass and one sort.
    tenths: ColumnElement = literal_column("[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]")
    found = (
        select(
            func.count().label("n"),
            func.avg(revenue).label("mean"),
            func.quantile_cont(revenue, tenths).label("tenths"),
        )
        .where(revenue > 0)
        .subquery("found")
    )
    points = [func.list_extract(found.c.tenths, q).label(f"q{q}") for q in range(1, 10)]
    return select(found.c.n, found.c.mean, *points)
