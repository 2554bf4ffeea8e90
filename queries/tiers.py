"""Grades (what a customer is worth) and tiers (the service he gets): breakdown and moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import BigInteger, Select, Subquery, and_, cast, func, literal, or_, select, union_all

from queries import marts
from queries.population import View, places, population
from queries.schema import GRADES
from queries.value import as_float, totals


def matrix(view: View) -> Select:
    """Totals by grade and tier."""
    customers = population(view)
    keys = (customers.c.grade, customers.c.tier)
    return select(*keys, *totals(customers)).where(customers.c.grade.is_not(None)).group_by(*keys)


def by_region(view: View, level: int) -> Select:
    """Customers by region at a level of the tree and grade."""
    customers = population(view)
    place = places(level)
    keys = (place.c.code, place.c.name, place.c.name_en, customers.c.grade)
    return (
        select(
            *keys,
            func.count().label("customers"),
            as_float(func.sum(customers.c.revenue)).label("revenue"),
        )
        .join_from(customers, place, place.c.position == customers.c.region_position)
        .where(customers.c.grade.is_not(None))
        .group_by(*keys)
    )


def migration(view: View) -> Select:
    """Customers by the grade before the window and at its end; null is 'not yet' and 'no longer' graded."""
    before = marts.graded_on(view.window.first_week - timedelta(days=1)).subquery("before")
    customers = population(view)
    c, v = customers.c, marts.customer_value.c
    return (
        select(
            before.c.grade.label("from_grade"),
            c.grade.label("to_grade"),
            func.count().label("customers"),
            as_float(func.sum(c.revenue)).label("revenue"),
            as_float(func.sum(c.profit)).label("profit"),
            func.sum(func.coalesce(v.residual_value, v.residual_revenue)).label("value_to_come"),
        )
        .select_from(customers)
        .outerjoin(marts.customer_value, v.customer_key == c.customer_key)
        .outerjoin(before, before.c.customer_key == c.customer_key)
        .where(or_(before.c.grade.is_not(None), c.grade.is_not(None)))
        .group_by(before.c.grade, c.grade)
    )


def trend(view: View, mondays: list[date]) -> Select:
    """Customers by grade at the end of each of these weeks, whatever their grade is now."""
    everyone = population(replace(view, filters=replace(view.filters, grade=(), tier=())))
    days = union_all(*[select(literal(monday).label("week")) for monday in mondays]).subquery("days")
    a = marts.assignment.c
    # The same spans of time occur for many customers: counted once, they are few.
    spans = (
        select(a.grade, a.valid_from, a.valid_to, func.count().label("customers"))
        .where(a.customer_key.in_(select(everyone.c.customer_key)), a.grade.is_not(None))
        .group_by(a.grade, a.valid_from, a.valid_to)
        .cte("spans")
    )
    s = spans.c
    in_force = and_(s.valid_from <= days.c.week + 6, or_(s.valid_to.is_(None), s.valid_to > days.c.week + 6))
    return (
        select(days.c.week, s.grade, cast(func.sum(s.customers), BigInteger).label("customers"))
        .join_from(days, spans, in_force)
        .group_by(days.c.week, s.grade)
        .order_by(days.c.week, s.grade)
    )


def needs(view: View) -> Select:
    """Customers by needs level and grade."""
    customers = population(view)
    keys = (customers.c.needs_level, customers.c.grade)
    return (
        select(*keys, func.count().label("customers"), as_float(func.sum(customers.c.revenue)).label("revenue"))
        .where(customers.c.needs_level.is_not(None), customers.c.grade.is_not(None))
        .group_by(*keys)
        .order_by(*keys)
    )


def _changes(view: View) -> Subquery:
    """Changes of grade in the window: customer_key, before, grade, reason."""
    g = marts.grade_change.c
    in_window = g.changed_on.between(view.window.first_week, view.window.last_day)
    return select(g.customer_key, g.before, g.grade, g.reason).where(in_window).subquery("changes")


def reasons(view: View) -> Select:
    """Changes of grade in the window by reason: rises and falls, and what these customers bring and will bring."""
    customers, changes, v = population(view), _changes(view), marts.customer_value.c
    up = changes.c.grade < changes.c.before  # the grades' names are in the order of the alphabet
    worth = func.coalesce(v.residual_value, v.residual_revenue)
    return (
        select(
            changes.c.reason,
            func.count().label("changes"),
            func.count().filter(up).label("up"),
            func.count().filter(~up).label("down"),
            as_float(func.sum(customers.c.revenue)).label("revenue"),
            func.sum(worth).label("value_to_come"),
            func.sum(worth).filter(~up).label("value_of_falls"),
        )
        .join_from(changes, customers, customers.c.customer_key == changes.c.customer_key)
        .outerjoin(marts.customer_value, v.customer_key == changes.c.customer_key)
        .group_by(changes.c.reason)
        .order_by(func.count().desc(), changes.c.reason)
    )


def flips(view: View) -> Select:
    """One row: changes of grade in the window and the days the customers in view were graded."""
    customers, changes, a = population(view), _changes(view), marts.assignment.c
    mine = select(customers.c.customer_key)
    last = literal(view.window.last_day)
    until = func.least(func.coalesce(a.valid_to, last + 1), last + 1)
    days = func.greatest(until - func.greatest(a.valid_from, literal(view.window.first_week)), 0)
    graded = select(func.sum(days)).where(a.customer_key.in_(mine), a.grade.in_(GRADES)).scalar_subquery()
    flipped = select(func.count()).where(changes.c.customer_key.in_(mine)).scalar_subquery()
    return select(flipped.label("flips"), cast(graded, BigInteger).label("days"))
