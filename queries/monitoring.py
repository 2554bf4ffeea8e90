"""What the judgement of a week needs of each customer's history, reduced where the facts are published.

These run in the mart file at refresh (`dashboard.warehouse.alerts`): they are about all customers and carry no scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Integer, Select, case, cast, func, literal, select
from sqlalchemy.types import Double

from queries import marts

REMEMBERED = timedelta(weeks=104)
"""How far back a customer's usual amounts reach."""
FEWEST_REPEATS = 2
"""Repeat purchases from which a customer has a rhythm that a silence can break."""


def amounts(week: date, factors: Sequence[float]) -> Select:
    """Customers with sales in a week, against their earlier weeks with sales: a row a customer.

    Columns customer, amount, log, segment, n, centre (median of the logs before), deviation (their median absolute
    deviation) and spread (the segment's, each deviation times the factor of its n: `factors` for n up to 9, then
    n / (n - .8)). Customers without an earlier week have n null and are not judged.
    """
    s = marts.sales_week.c
    segment = func.coalesce(marts.customer.c.kind, "all").label("segment")
    judged = (
        select(s.customer_key, cast(s.revenue, Double).label("amount"), segment)
        .join_from(marts.sales_week, marts.customer, marts.customer.c.customer_key == s.customer_key)
        .where(s.week == week, s.revenue > 0)
        .cte("judged")
    )
    before = (
        select(s.customer_key, func.ln(cast(s.revenue, Double)).label("log"))
        .where(
            s.customer_key.in_(select(judged.c.customer_key)),
            s.week.between(week - REMEMBERED, week - timedelta(weeks=1)),
            s.revenue > 0,
        )
        .cte("before")
    )
    usual = (
        select(
            before.c.customer_key,
            func.count().label("n"),
            func.median(before.c.log).label("centre"),
            func.mad(before.c.log).label("deviation"),
        )
        .group_by(before.c.customer_key)
        .cte("usual")
    )
    n = cast(usual.c.n, Double)
    factor = case(*[(usual.c.n == place, literal(value)) for place, value in enumerate(factors)], else_=n / (n - 0.8))
    spread = (
        select(judged.c.segment, func.median(func.abs(before.c.log - usual.c.centre) * factor).label("spread"))
        .join_from(before, usual, usual.c.customer_key == before.c.customer_key)
        .join(judged, judged.c.customer_key == before.c.customer_key)
        .where(usual.c.n > 1)
        .group_by(judged.c.segment)
        .subquery("spreads")
    )
    return (
        select(
            judged.c.customer_key.label("customer"),
            judged.c.amount,
            func.ln(judged.c.amount).label("log"),
            judged.c.segment,
            *(usual.c.n, usual.c.centre, usual.c.deviation, spread.c.spread),
        )
        .select_from(judged)
        .outerjoin(usual, usual.c.customer_key == judged.c.customer_key)
        .outerjoin(spread, spread.c.segment == judged.c.segment)
        .order_by(judged.c.customer_key)
    )


def rhythms(week: date, costed: bool) -> Select:
    """Each regular customer's purchases up to the end of a week: a row a customer.

    Columns customer, segment, purchases (purchase days after the first), observed (weeks from first to last) and
    gap (weeks since), margin (of all of them together; revenue where the cost of goods is not known).
    """
    s = marts.sales_week.c
    last_day = literal(week + timedelta(days=6))
    worth = s.revenue - s.cost_of_goods if costed else s.revenue
    bought = (
        select(
            s.customer_key,
            (func.sum(s.purchase_days) - 1).label("purchases"),
            func.min(s.first_day).label("first_day"),
            func.max(s.last_day).label("last_day"),
            cast(func.sum(worth), Double).label("margin"),
        )
        .where(s.week <= week)
        .group_by(s.customer_key)
        .having(func.sum(s.purchase_days) > FEWEST_REPEATS)
        .subquery("bought")
    )
    b, who = bought.c, marts.customer.c

    def weeks(days: ColumnElement) -> ColumnElement:
        return cast(days, Integer) / literal(7.0)

    return (
        select(
            b.customer_key.label("customer"),
            func.coalesce(who.kind, "all").label("segment"),
            cast(b.purchases, Integer).label("purchases"),
            weeks(b.last_day - b.first_day).label("observed"),
            weeks(last_day - b.last_day).label("gap"),
            b.margin,
        )
        .join_from(bought, marts.customer, who.customer_key == b.customer_key)
        .order_by(b.customer_key)
    )
