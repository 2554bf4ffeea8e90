"""Grades (what a customer is worth) and tiers (the service he gets): breakdown and moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import BigInteger, Select, and_, cast, func, literal, or_, select, union_all

from queries import marts
from queries.population import View, population
from queries.value import as_float, totals


def matrix(view: View) -> Select:
    """Totals by grade and tier."""
    customers = population(view)
    keys = (customers.c.grade, customers.c.tier)
    return select(*keys, *totals(customers)).where(customers.c.grade.is_not(None)).group_by(*keys)


def by_region(view: View, level: int) -> Select:
    """Customers by region at a level of the tree and grade."""
    customers = population(view)
    place = marts.region.c
    inside = (place.level == level) & customers.c.region_position.between(place.position, place.last_position)
    return (
        select(
            *(place.code, place.name, place.name_en, customers.c.grade),
            func.count().label("customers"),
            as_float(func.sum(customers.c.revenue)).label("revenue"),
        )
        .join_from(customers, marts.region, inside)
        .where(customers.c.grade.is_not(None))
        .group_by(place.code, place.name, place.name_en, customers.c.grade)
    )


def migration(view: View) -> Select:
    """Customers by the grade before the window and at its end; null is 'not yet' and 'no longer' graded."""
    before = marts.graded_on(view.window.first_week - timedelta(days=1)).subquery("before")
    customers = population(view)
    c = customers.c
    return (
        select(
            before.c.grade.label("from_grade"),
            c.grade.label("to_grade"),
            func.count().label("customers"),
            as_float(func.sum(c.revenue)).label("revenue"),
            as_float(func.sum(c.profit)).label("profit"),
        )
        .select_from(customers)
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
