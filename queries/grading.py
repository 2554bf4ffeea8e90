"""Measured grades: what a refresh reads to compute them, a review at a time, and what pages read of them.

A refresh adds up each customer's history from review to review, so that all reviews together read the weeks
about once. Money is in whole cents: sums of these are exact, and equal customers stay equal.
"""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import ColumnElement, Integer, Select, case, cast, func, literal, or_, select

from dashboard.periods import YEAR
from queries import marts
from queries.population import View, measured_on, population
from queries.schema import GRADES
from queries.value import as_float

HALF = timedelta(weeks=26)
RISKS = ("bad_debt", "legal")
"""Direct costs that tell of risk."""
EPOCH = date(1970, 1, 1)


def customers() -> Select:
    """A row a customer, by key: the segment of his models and his strategic fit."""
    c = marts.customer_fact.c
    fit = cast(c.strategic_fit, Integer).label("strategic_fit")
    segment = case((c.kind == "person", "person"), else_="organisation").label("segment")
    return select(c.customer_key, segment, fit).order_by(c.customer_key)


def purchases(after: date | None, until: date) -> Select:
    """What customers bought in the weeks after one and up to another: added to the history before, it is the new one.

    Days are numbered from 1970; gross is before returns; costed is the part of it with known cost of goods.
    """
    s = marts.sales_week.c
    gross = s.revenue + s.returned
    between = s.week <= literal(until) if after is None else (s.week > literal(after)) & (s.week <= literal(until))
    return (
        select(
            s.customer_key,
            as_float(func.sum(s.purchase_days)).label("days"),
            (func.min(s.first_day) - literal(EPOCH)).label("first_day"),
            (func.max(s.last_day) - literal(EPOCH)).label("last_day"),
            _cents(gross).label("gross"),
            _cents(gross - s.uncosted_revenue).label("costed"),
            _cents(s.revenue - s.uncosted_revenue - s.cost_of_goods).label("margin"),
        )
        .where(between)
        .group_by(s.customer_key)
    )


def trailing(after: date | None, until: date) -> Select:
    """By how much totals of the last 52 weeks (and the last 26: half) changed from one week to another."""
    w = marts.customer_week.c
    start = until - YEAR if after is None else after
    return (
        select(
            w.customer_key,
            _change(w.revenue, w.week, start, until, YEAR, after).label("revenue"),
            _change(w.revenue, w.week, max(start, until - HALF), until, HALF, after).label("half"),
            _change(func.coalesce(w.profit, 0), w.week, start, until, YEAR, after).label("profit"),
            _change(w.cost_to_serve, w.week, start, until, YEAR, after).label("cost"),
        )
        .where(_moves(w.week, after, until))
        .group_by(w.customer_key)
    )


def risks(after: date | None, until: date) -> Select:
    """By how much costs that tell of risk, of the last 52 weeks, changed from one week to another."""
    w = marts.cost_week.c
    start = until - YEAR if after is None else after
    return (
        select(w.customer_key, _change(w.amount, w.week, start, until, YEAR, after).label("risk"))
        .where(w.source == "direct", w.item.in_(RISKS), _moves(w.week, after, until))
        .group_by(w.customer_key)
    )


def contracts(smallest: float) -> Select:
    """Contracts signed, of at least a value."""
    s = marts.signed_contract.c
    return select(s.customer_key, s.signed_on).where(func.coalesce(s.value, 0) >= smallest)


def _cents(amount: ColumnElement) -> ColumnElement[float]:
    return func.sum(func.round(as_float(amount) * 100))


def _change(
    amount: ColumnElement, week: ColumnElement, start: date, until: date, span: timedelta, after: date | None
) -> ColumnElement[float]:
    """What entered a span of weeks minus what left it while its end moved from `start` to `until`."""
    cents = func.round(as_float(amount) * 100)
    parts: list = [((week > literal(start)) & (week <= literal(until)), cents)]
    if after is not None:
        parts.append(((week > literal(after - span)) & (week <= literal(until - span)), -cents))
    return func.sum(case(*parts, else_=0.0))


def _moves(week: ColumnElement, after: date | None, until: date) -> ColumnElement[bool]:
    """The weeks that enter or leave the last 52 or 26 weeks."""
    if after is None:
        return (week > literal(until - YEAR)) & (week <= literal(until))
    return or_(*[(week > literal(after - s)) & (week <= literal(until - s)) for s in (timedelta(0), HALF, YEAR)])


# --- for pages ---------------------------------------------------------------------------------------


def against_grades(view: View) -> Select:
    """Customers by the grade in force at the window's end and the measured one of the last review before it."""
    customers, v = population(view), marts.customer_value.c
    measured = measured_on(view.window.last_day).subquery("measured")
    keys = (customers.c.grade, measured.c.grade.label("measured"))
    return (
        select(
            *keys,
            func.count().label("customers"),
            as_float(func.sum(customers.c.revenue)).label("revenue"),
            as_float(func.sum(customers.c.profit)).label("profit"),
            func.sum(func.coalesce(v.residual_value, v.residual_revenue)).label("value_to_come"),
        )
        .join_from(customers, measured, measured.c.customer_key == customers.c.customer_key)
        .outerjoin(marts.customer_value, v.customer_key == customers.c.customer_key)
        .where(customers.c.grade.in_(GRADES))
        .group_by(customers.c.grade, measured.c.grade)
    )


def standing(view: View) -> Select:
    """The newest review of the customers in view: measured grade, score and its parts, and the grade in force."""
    customers, m = population(view), marts.measured_grade.c
    own = [column for column in m if column.name not in ("customer_key", "grade")]
    return (
        select(customers.c.grade.label("in_force"), m.grade, *own)
        .join_from(customers, marts.measured_grade, m.customer_key == customers.c.customer_key)
        .limit(2)
    )
