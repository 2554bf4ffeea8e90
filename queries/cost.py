"""What each customer costs to serve, by activity, and why some lose money."""

from __future__ import annotations

from sqlalchemy import CTE, ColumnElement, Integer, Select, Subquery, case, cast, func, literal, select, union_all
from sqlalchemy.types import Double

from queries import marts
from queries.population import View, costs, population
from queries.value import as_float

LINES = ("discount", "returned", "cost_of_goods")
"""What stands between gross sales and margin; with the cost items they are the possible causes of a loss."""
BINS_A_DECADE = 3


def items(view: View) -> Select:
    """Driver quantity and cost by item over the customers in view."""
    customers = population(view)
    served = costs(view)
    return (
        select(
            *(served.c.source, served.c.item),
            as_float(func.sum(served.c.quantity)).label("quantity"),
            as_float(func.sum(served.c.amount)).label("amount"),
            func.count().label("customers"),  # a customer has one row an item
        )
        .where(served.c.customer_key.in_(select(customers.c.customer_key)))
        .group_by(served.c.source, served.c.item)
        .order_by(func.sum(served.c.amount).desc(), served.c.item)
    )


def capacity(view: View) -> Select:
    """Practical capacity and its cost over the window by activity, prorated where a rate changes.

    Capacity is the company's, not a region's: it is shown when all customers are in view.
    """
    r, a = marts.activity_rate.c, marts.activity.c
    first, last = literal(view.window.first_week), literal(view.window.last_day)
    days = func.greatest(
        func.least(func.coalesce(r.valid_to, last + 1), last + 1) - func.greatest(r.valid_from, first), 0
    )
    return (
        select(
            *(a.code, a.name, a.name_en, a.driver_unit, a.cost_pool),
            func.sum(cast(r.weekly_capacity, Double) * days / 7).label("capacity"),
            func.sum(cast(r.weekly_cost, Double) * days / 7).label("supplied_cost"),
        )
        .join_from(marts.activity, marts.activity_rate, r.activity_key == a.activity_key)
        .where(view.scope.allows(cast(None, Integer)))
        .group_by(a.code, a.name, a.name_en, a.driver_unit, a.cost_pool)
        .order_by(func.min(a.activity_key))
    )


def quadrant(view: View) -> Select:
    """Customers in cells of cost to serve (x) and gross margin (y), logarithmic on both sides of zero."""
    customers = population(view)
    c = customers.c

    def cell(amount: ColumnElement) -> ColumnElement[int]:
        size = func.floor(func.log10(1 + func.abs(as_float(amount))) * BINS_A_DECADE)
        return cast(func.sign(amount) * size, Integer)

    return (
        select(
            cell(c.cost_to_serve).label("x"),
            cell(c.gross_margin).label("y"),
            func.count().label("customers"),
            *[as_float(func.sum(c[n])).label(n) for n in ("revenue", "gross_margin", "cost_to_serve", "profit")],
        )
        .where(c.gross_margin.is_not(None), (c.revenue != 0) | (c.cost_to_serve != 0))
        .group_by("x", "y")
        .order_by("x", "y")
    )


def _lines(view: View, customers: CTE) -> CTE:
    """Every cost line of every customer in view: (customer_key, line, cost)."""
    c = customers.c
    parts = [select(c.customer_key, literal(line).label("line"), c[line].label("cost")) for line in LINES]
    served = costs(view)
    parts.append(
        select(served.c.customer_key, served.c.item.label("line"), served.c.amount.label("cost")).where(
            served.c.customer_key.in_(select(c.customer_key))
        )
    )
    return union_all(*parts).cte("lines")


def first_causes(view: View) -> Subquery:
    """The first cause of each loss: the cost line furthest above what profitable customers spend on it.

    A row a loss-maker in view: customer_key, cause (null when no line stands out), excess, loss. Gross sales
    (before discounts and returns) are the base; the benchmark is the profitable customers' total of the line
    over their total of gross sales (the aggregate benchmark of `analysis.cost_to_serve.causes_of_loss`).
    """
    # Named once, as the lines are: the engine then plans and finds the customers once and not for each line.
    customers = select(population(view)).cte("in_view")
    c = customers.c
    gross = as_float(c.revenue + c.discount + c.returned)
    lines = _lines(view, customers)
    base = select(c.customer_key, gross.label("gross"), as_float(c.profit).label("profit")).cte("base")
    good = (base.c.profit > 0) & (base.c.gross > 0)
    whole = select(func.sum(base.c.gross)).where(good).scalar_subquery()
    benchmark = (
        select(lines.c.line, (func.sum(as_float(lines.c.cost)) / whole).label("share"))
        .join_from(lines, base, base.c.customer_key == lines.c.customer_key)
        .where(good)
        .group_by(lines.c.line)
        .cte("benchmark")
    )
    excess = as_float(lines.c.cost) - func.coalesce(benchmark.c.share, 0) * func.greatest(base.c.gross, 0)
    ranked = (
        select(
            lines.c.customer_key,
            func.arg_max(lines.c.line, excess).label("line"),
            func.max(excess).label("excess"),
            func.any_value(-base.c.profit).label("loss"),
        )
        .join_from(lines, base, base.c.customer_key == lines.c.customer_key)
        .outerjoin(benchmark, benchmark.c.line == lines.c.line)
        .where(base.c.profit < 0)
        .group_by(lines.c.customer_key)
        .subquery("ranked")
    )
    cause = case((ranked.c.excess > 0, ranked.c.line))
    return select(ranked.c.customer_key, cause.label("cause"), ranked.c.excess, ranked.c.loss).subquery("causes")


def losses(view: View) -> Select:
    """Loss-makers by first cause: customers, their loss, and the excess of the cause."""
    causes = first_causes(view)
    return (
        select(
            causes.c.cause,
            func.count().label("customers"),
            func.sum(causes.c.loss).label("loss"),
            func.sum(causes.c.excess).label("excess"),
        )
        .group_by(causes.c.cause)
        .order_by(func.sum(causes.c.loss).desc(), causes.c.cause)
    )
