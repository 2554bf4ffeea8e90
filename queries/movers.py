"""Who moved between grades or levels of service since a day: by those in force, or by the measured grades."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Select, Subquery, func, or_, select, true

from queries import marts
from queries.population import View, measured_on, population
from queries.review import WORTH


def _standing(day: date, last: date, measured: bool) -> Subquery:
    """Grade and tier on a day: those in force, or the measured grade beside the tier in force on the last day."""
    if not measured:
        return marts.graded_on(day).subquery()
    grade, tier = measured_on(day).subquery(), marts.graded_on(last).subquery()
    same = tier.c.customer_key == grade.c.customer_key
    return select(grade.c.customer_key, grade.c.grade, tier.c.tier).outerjoin_from(grade, tier, same).subquery()


def _moves(view: View, since: date, measured: bool) -> Subquery:
    """Customers in view whose grade or tier is another than on a day: key, both before and after, value to come."""
    history, last = (marts.measured_history if measured else marts.assignment).c, view.window.last_day
    touched = select(history.customer_key).where(history.valid_from > since, history.valid_from <= last).distinct()
    then, now = (_standing(day, last, measured) for day in (since, last))
    customers, v = population(view), marts.customer_value.c
    return (
        select(
            customers.c.customer_key,
            customers.c.manager_key,
            *(then.c.grade.label("from_grade"), now.c.grade.label("to_grade")),
            *(then.c.tier.label("from_tier"), now.c.tier.label("to_tier")),
            WORTH.label("value_to_come"),
        )
        .join_from(customers, now, now.c.customer_key == customers.c.customer_key)
        .join(then, then.c.customer_key == customers.c.customer_key)
        .outerjoin(marts.customer_value, v.customer_key == customers.c.customer_key)
        .where(
            customers.c.customer_key.in_(touched),
            or_(then.c.grade != now.c.grade, then.c.tier != now.c.tier),
        )
        .subquery("moves")
    )


def moves(view: View, since: date, *, measured: bool = False) -> Select:
    """Moves between grades and tiers since a day, counted: customers, and what they are worth to come.

    Who costs more than he brings is worth nothing here: with him nothing is at stake.
    """
    m = _moves(view, since, measured).c
    keys = (m.from_grade, m.to_grade, m.from_tier, m.to_tier)
    worth = func.sum(func.greatest(m.value_to_come, 0)).label("value_to_come")
    return select(*keys, func.count().label("customers"), worth).group_by(*keys)


def movers(view: View, since: date, limit: int | None, *, measured: bool = False, worth: float | None = None) -> Select:
    """The customers who moved since a day: those who fell in grade before the others, most value to come first.

    `worth` leaves out those with less to come.
    """
    m, who, by = _moves(view, since, measured).c, marts.customer.c, marts.employee.c
    return (
        select(
            *(who.code, who.name, who.name_en, m.from_grade, m.to_grade, m.from_tier, m.to_tier, m.value_to_come),
            *(by.name.label("manager"), by.name_en.label("manager_en")),
        )
        .join_from(m.customer_key.table, marts.customer, who.customer_key == m.customer_key)
        .outerjoin(marts.employee, by.employee_key == m.manager_key)
        .where(true() if worth is None else m.value_to_come >= worth)
        .order_by((m.to_grade > m.from_grade).desc(), m.value_to_come.desc().nulls_last(), m.customer_key)
        .limit(limit)
    )


def last_graded(view: View) -> Select:
    """The newest day up to the window's end on which the grade in force of a customer in view became another."""
    g, customers = marts.grade_change.c, population(view)
    return (
        select(func.max(g.changed_on).label("day"))
        .join_from(marts.grade_change, customers, customers.c.customer_key == g.customer_key)
        .where(g.changed_on <= view.window.last_day)
    )
