"""What each customer costs to serve, by activity, and why some lose money."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, Subquery, case, cast, func, literal, select
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
    days = _days_in_force(view)
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


def _days_in_force(view: View) -> ColumnElement[int]:
    """The days of the window on which a rate is in force."""
    r = marts.activity_rate.c
    first, last = literal(view.window.first_week), literal(view.window.last_day)
    after = func.least(func.coalesce(r.valid_to, last + 1), last + 1)
    return func.greatest(after - func.greatest(r.valid_from, first), 0)


def _cents(amount: ColumnElement) -> ColumnElement[int]:
    return cast(func.round(amount * 100), BigInteger)


def charged(view: View) -> Select:
    """What the ledger's costs of the window were charged with, by item, in cents: the company's, as is `supplied`."""
    w = marts.cost_week.c
    return (
        select(w.source, w.item, _cents(func.sum(w.amount)).label("charged"))
        .where(w.week.between(view.window.first_week, view.window.last_week))
        .where(view.scope.allows(cast(None, Integer)))
        .group_by(w.source, w.item)
    )


def supplied(view: View) -> Select:
    """The cost of the capacity supplied in the window by activity, in cents, each rate's days rounded to the cent."""
    r, a = marts.activity_rate.c, marts.activity.c
    cost = _cents(cast(r.weekly_cost, Double) * _days_in_force(view) / 7)
    return (
        select(a.code, func.sum(cost).label("supplied"))
        .join_from(marts.activity, marts.activity_rate, r.activity_key == a.activity_key)
        .where(r.weekly_cost.is_not(None), view.scope.allows(cast(None, Integer)))
        .group_by(a.code)
    )


def charged_customers(view: View) -> Select:
    """What the customers in view were charged with in the window, in cents: one number."""
    return select(_cents(func.coalesce(func.sum(population(view).c.cost_to_serve), 0)).label("charged"))


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


def first_causes(view: View) -> Subquery:
    """The first cause of each loss: the cost line furthest above what profitable customers spend on it.

    A row a loss-maker in view: customer_key, cause (null when no line stands out), excess, loss. Gross sales
    (before discounts and returns) are the base; the benchmark is the profitable customers' total of the line
    over their total of gross sales (the aggregate benchmark of `analysis.cost_to_serve.causes_of_loss`).
    """
    customers = population(view)
    c = customers.c
    base = select(
        c.customer_key,
        as_float(c.revenue + c.discount + c.returned).label("gross"),
        as_float(c.profit).label("profit"),
        *[as_float(c[line]).label(line) for line in LINES],
    ).cte("base")
    good = select(base).where(base.c.profit > 0, base.c.gross > 0).subquery("good")
    bad = select(base).where(base.c.profit < 0).subquery("bad")
    served = costs(view)
    whole = select(func.sum(good.c.gross)).scalar_subquery()
    usual = select(*[(func.sum(good.c[line]) / func.sum(good.c.gross)).label(line) for line in LINES]).cte("usual")
    usual_item = (
        select(served.c.item, (as_float(func.sum(served.c.amount)) / whole).label("share"))
        .join_from(served, good, good.c.customer_key == served.c.customer_key)
        .group_by(served.c.item)
        .cte("usual_item")
    )

    def above(cost: ColumnElement, share: ColumnElement) -> ColumnElement[float]:
        return as_float(cost) - func.coalesce(share, 0) * func.greatest(bad.c.gross, 0)

    item_excess = above(served.c.amount, usual_item.c.share)
    worst = (
        select(
            bad.c.customer_key,
            func.arg_max(served.c.item, item_excess).label("item"),
            func.max(item_excess).label("excess"),
        )
        .join_from(served, bad, bad.c.customer_key == served.c.customer_key)
        .outerjoin(usual_item, usual_item.c.item == served.c.item)
        .group_by(bad.c.customer_key)
        .subquery("worst")
    )
    by_line = {line: above(bad.c[line], usual.c[line]) for line in LINES}
    excess = func.greatest(worst.c.excess, *by_line.values())
    cause = case(
        (excess <= 0, None),
        (worst.c.excess == excess, worst.c.item),
        *[(over == excess, literal(line)) for line, over in by_line.items()],
    )
    return (
        select(bad.c.customer_key, cause.label("cause"), excess.label("excess"), (-bad.c.profit).label("loss"))
        .join_from(bad, usual, literal(True))
        .outerjoin(worst, worst.c.customer_key == bad.c.customer_key)
        .subquery("causes")
    )


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
