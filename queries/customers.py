"""Customers one by one: the list behind a number, and one customer in full."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, Subquery, func, select

from queries import marts, schema
from queries.cost import first_causes
from queries.population import View, costs, population
from queries.value import as_float

SHOWN = ("revenue", "gross_margin", "cost_to_serve", "profit")


def _by(customers: Subquery, order: str) -> tuple[ColumnElement, ColumnElement]:
    """The order of a measure, largest first (or with '-order' smallest first)."""
    measure = customers.c[order.removeprefix("-")]
    falling = measure.asc() if order.startswith("-") else measure.desc()
    return falling.nulls_last(), customers.c.customer_key


def _first(view: View, order: str, limit: int | None) -> Subquery:
    """The first customers in view; chosen before they are named, for names cost more than the choice."""
    customers = population(view)
    return select(customers).order_by(*_by(customers, order)).limit(limit).subquery("first")


def listed(view: View, order: str, limit: int | None) -> Select:
    """The customers in view, the largest (or with '-order' the smallest) of a measure first; None for all of them."""
    first = _first(view, order, limit)
    c, who = first.c, marts.customer.c
    return (
        select(
            *(c.customer_key, who.code, who.name, who.name_en, c.grade, c.tier),
            marts.region.c.name.label("region"),
            marts.region.c.name_en.label("region_en"),
            *[as_float(c[name]).label(name) for name in SHOWN],
            as_float(c.satisfaction_sum / func.nullif(c.satisfaction_n, 0)).label("satisfaction"),
            who.last_purchase,
        )
        .join_from(first, marts.customer, who.customer_key == c.customer_key)
        .outerjoin(marts.region, marts.region.c.position == c.region_position)
        .order_by(*_by(first, order))
    )


def cost_of(view: View, order: str, limit: int) -> Select:
    """Cost by item of the customers that `listed` shows."""
    first = _first(view, order, limit)
    served = costs(view)
    return select(served.c.customer_key, served.c.item, as_float(served.c.amount).label("amount")).where(
        served.c.customer_key.in_(select(first.c.customer_key))
    )


def causes(view: View, limit: int) -> Select:
    """The heaviest loss-makers with their first cause."""
    found = first_causes(view)
    heaviest = select(found).order_by(found.c.loss.desc(), found.c.customer_key).limit(limit).subquery("heaviest")
    customers = population(view)
    c, who = customers.c, marts.customer.c
    return (
        select(
            *(who.code, who.name, who.name_en, c.grade, c.tier),
            *[as_float(c[name]).label(name) for name in SHOWN],
            *(heaviest.c.cause, heaviest.c.excess),
        )
        .join_from(heaviest, customers, c.customer_key == heaviest.c.customer_key)
        .join(marts.customer, who.customer_key == c.customer_key)
        .order_by(heaviest.c.loss.desc(), c.customer_key)
    )


def profile(view: View) -> Select:
    """What the marts know of the customers in view: one row when the filters name one customer."""
    customers = population(view)
    c, who, m, ch = customers.c, marts.customer.c, marts.employee.c, marts.channel.c
    return (
        select(
            *(who.customer_key, who.code, who.name, who.name_en, who.kind, who.industry, who.size),
            *(who.acquired_on, who.strategic_fit, who.needs_level, who.first_purchase, who.last_purchase),
            *(c.grade, c.tier, marts.region.c.code.label("region_code")),
            *(m.name.label("manager"), m.name_en.label("manager_en")),
            *(ch.name.label("channel"), ch.name_en.label("channel_en")),
        )
        .join_from(customers, marts.customer, who.customer_key == c.customer_key)
        .outerjoin(marts.region, marts.region.c.position == c.region_position)
        .outerjoin(marts.employee, m.employee_key == c.manager_key)
        .outerjoin(marts.channel, ch.channel_key == c.channel_key)
        .limit(2)
    )


def found(view: View, text: str, limit: int) -> Select:
    """Customers whose code or name contains a text, the largest first."""
    customers = population(view)
    who = marts.customer.c
    hit = who.code.icontains(text, autoescape=True) | who.name.icontains(text, autoescape=True)
    return (
        select(who.code, who.name, who.name_en)
        .join_from(customers, marts.customer, who.customer_key == customers.c.customer_key)
        .where(hit | func.coalesce(who.name_en, "").icontains(text, autoescape=True))
        .order_by((who.code == text).desc(), customers.c.revenue.desc(), who.code)
        .limit(limit)
    )


def assignments(view: View) -> Select:
    """Grades and tiers over time of the customers in view."""
    customers = population(view)
    a = marts.assignment.c
    return (
        select(a.valid_from, a.valid_to, a.grade, a.tier, a.reason)
        .join_from(marts.assignment, customers, a.customer_key == customers.c.customer_key)
        .order_by(a.valid_from.desc())
    )


def spells(view: View) -> Select:
    """Survey answers of the customers in view and what was said while they were in force."""
    customers = population(view)
    s = marts.spell.c
    return (
        select(s.starts_on.label("date"), s.score.label("satisfaction"), s.recommend, s.praise, s.complaint, s.referral)
        .join_from(marts.spell, customers, s.customer_key == customers.c.customer_key)
        .order_by(s.starts_on.desc())
    )


# --- point queries to the warehouse, for a customer that the marts have shown to be in scope ----------------


def lines(customer_key: int, limit: int) -> Select:
    """A customer's newest order lines."""
    s, p = schema.sales_line.c, schema.product.c
    return (
        select(s.sold_on, s.order_code, p.code, p.name, p.name_en, s.quantity, s.revenue, s.discount, s.cost_of_goods)
        .outerjoin_from(schema.sales_line, schema.product, p.product_key == s.product_key)
        .where(s.customer_key == customer_key)
        .order_by(s.sold_on.desc(), s.line_key.desc())
        .limit(limit)
    )


def contacts(customer_key: int, limit: int) -> Select:
    """A customer's newest contacts."""
    c, e = schema.contact.c, schema.employee.c
    return (
        select(c.contacted_on, c.channel, c.purpose, c.outcome, e.name, e.name_en)
        .outerjoin_from(schema.contact, schema.employee, e.employee_key == c.employee_key)
        .where(c.customer_key == customer_key)
        .order_by(c.contacted_on.desc())
        .limit(limit)
    )


def complaints(customer_key: int, limit: int) -> Select:
    """A customer's newest complaint cases."""
    c = schema.complaint.c
    return (
        select(c.opened_at, c.first_response_at, c.resolved_at, c.category, c.root_cause, c.satisfaction_after)
        .where(c.customer_key == customer_key)
        .order_by(c.opened_at.desc())
        .limit(limit)
    )


def personal(customer_key: int) -> Select:
    """Personal details: only for readers with the permission 'profile'."""
    return select(schema.customer_profile).where(schema.customer_profile.c.customer_key == customer_key)
