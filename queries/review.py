"""The weekly review: what changed between two windows, by whom and by what, and who moved, turned or fell silent.

Sums that have to add up are whole cents, so that no part of a change is lost to rounding.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Subquery, and_, case, cast, func, literal, select

from queries import marts
from queries.cost import first_causes
from queries.population import View, moved, places, population
from queries.value import as_float

LINES = ("gross_margin", "profit")


def cents(amount: ColumnElement[Any]) -> ColumnElement[int]:
    """An amount as whole cents; nothing is no cents."""
    return cast(func.coalesce(func.round(amount * 100), 0), BigInteger)


def sums(view: View) -> Select:
    """One row: gross margin and profit of the customers in view, in cents."""
    customers = population(view)
    return select(*[cents(func.sum(customers.c[name])).label(name) for name in LINES])


def parts(view: View, level: int) -> Select:
    """Profit in cents by region at a level of the tree and by grade; customers without either have null there."""
    customers = population(view)
    place = places(level)
    keys = (place.c.code, place.c.name, place.c.name_en, customers.c.grade)
    return (
        select(*keys, cents(func.sum(customers.c.profit)).label("profit"))
        .select_from(customers)
        .outerjoin(place, place.c.position == customers.c.region_position)
        .group_by(*keys)
    )


# --- effects and customers ---------------------------------------------------------------------------------


def _changes(now: View, before: View) -> Subquery:
    """A row a customer with sales or costs in either window: effect, change of margin, cost and volume, in cents.

    effect: 'entered' and 'left' when only the filters make the difference (his grade, tier or group is another),
    'new' with a first purchase since, 'back' and 'paused' when he bought in one window alone, else 'kept'.
    volume: the change of revenue at the margin rate of the earlier window; all of the change without such a rate.
    """
    a, b = _side(now, "now_"), _side(before, "before_")
    key = func.coalesce(a.c.customer_key, b.c.customer_key)
    both = (
        select(
            key.label("customer_key"),
            a.c.customer_key.label("now_key"),
            b.c.customer_key.label("before_key"),
            *[func.coalesce(a.c[n], 0).label(f"now_{n}") for n in ("revenue", "gross_margin", "cost_to_serve")],
            *[func.coalesce(b.c[n], 0).label(f"before_{n}") for n in ("revenue", "gross_margin", "cost_to_serve")],
            (func.coalesce(a.c.purchase_days, 0) > 0).label("buys"),
            (func.coalesce(b.c.purchase_days, 0) > 0).label("bought"),
        )
        .select_from(a.join(b, a.c.customer_key == b.c.customer_key, full=True))
        .subquery("both")
    )
    c, who = both.c, marts.customer.c
    then = literal(before.window.last_day)
    margin = c.now_gross_margin - c.before_gross_margin
    rate = as_float(c.before_gross_margin) / as_float(c.before_revenue)
    volume = case((c.before_revenue > 0, cents((as_float(c.now_revenue) - as_float(c.before_revenue)) * rate)))
    effect = case(
        *_by_the_filters(now, before, c),
        (who.first_purchase > then, "new"),
        (and_(c.buys, ~c.bought), "back"),
        (and_(~c.buys, c.bought), "paused"),
        else_="kept",
    )
    return (
        select(
            c.customer_key,
            effect.label("effect"),
            cents(margin).label("margin"),
            func.coalesce(volume, cents(margin)).label("volume"),
            cents(c.now_cost_to_serve - c.before_cost_to_serve).label("cost"),
        )
        .join_from(both, marts.customer, who.customer_key == c.customer_key)
        .subquery("changes")
    )


def _side(view: View, name: str) -> Subquery:
    """One window's customers with sales or costs."""
    customers = population(view)
    names = ("customer_key", "revenue", "gross_margin", "cost_to_serve", "purchase_days")
    return select(*[customers.c[n] for n in names]).where(moved(customers)).subquery(name)


def _by_the_filters(now: View, before: View, c: Any) -> list[tuple[ColumnElement[bool], str]]:
    """The cases of customers who are in view in one window only, by filters whose answer changes with time."""
    filters = now.filters
    if not (filters.grade or filters.tier or filters.activity or filters.group):
        return []
    known_then = func.coalesce(marts.customer.c.acquired_on <= before.window.last_day, True)
    keys = [select(population(view).c.customer_key) for view in (now, before)]
    return [
        (and_(c.before_key.is_(None), known_then, c.customer_key.not_in(keys[1])), "entered"),
        (and_(c.now_key.is_(None), c.customer_key.not_in(keys[0])), "left"),
    ]


def effects(now: View, before: View) -> Select:
    """The change by effect, in cents: customers, margin, volume and cost of each."""
    changes = _changes(now, before)
    return (
        select(
            changes.c.effect,
            func.count().label("customers"),
            *[cast(func.sum(changes.c[n]), BigInteger).label(n) for n in ("margin", "volume", "cost")],
        )
        .group_by(changes.c.effect)
        .order_by(changes.c.effect)
    )


def largest(now: View, before: View, limit: int) -> Select:
    """The customers whose profit changed most, up or down, in cents."""
    changes = _changes(now, before)
    change = changes.c.margin - changes.c.cost
    first = (
        select(changes.c.customer_key, change.label("change"))
        .where(change != 0)
        .order_by(func.abs(change).desc(), changes.c.customer_key)
        .limit(limit)
        .subquery("first")
    )
    who = marts.customer.c
    return (
        select(who.code, who.name, who.name_en, first.c.change)
        .join_from(first, marts.customer, who.customer_key == first.c.customer_key)
        .order_by(func.abs(first.c.change).desc(), first.c.customer_key)
    )


# --- who moved, turned or crossed --------------------------------------------------------------------------

WORTH = func.coalesce(marts.customer_value.c.residual_value, marts.customer_value.c.residual_revenue)


def _turned(now: View, before: View) -> Subquery:
    """Customers who lose money over one window and did not over the earlier one: key and both profits."""
    a, b = population(now), population(before).alias("earlier")
    return (
        select(
            a.c.customer_key,
            a.c.grade,
            as_float(a.c.profit).label("profit"),
            as_float(func.coalesce(b.c.profit, 0)).label("profit_before"),
        )
        .outerjoin_from(a, b, b.c.customer_key == a.c.customer_key)
        .where(a.c.profit < 0, func.coalesce(b.c.profit, 0) >= 0)
        .subquery("turned")
    )


def new_losses(now: View, before: View) -> Select:
    """New loss-makers by first cause: customers and their loss."""
    turned, causes = _turned(now, before), first_causes(now)
    return (
        select(causes.c.cause, func.count().label("customers"), func.sum(-turned.c.profit).label("loss"))
        .join_from(turned, causes, causes.c.customer_key == turned.c.customer_key)
        .group_by(causes.c.cause)
        .order_by(func.sum(-turned.c.profit).desc(), causes.c.cause)
    )


def new_loss_makers(now: View, before: View, limit: int) -> Select:
    """The customers who began to lose money, the heaviest first, with the first cause of the loss."""
    turned, causes, who = _turned(now, before), first_causes(now), marts.customer.c
    t = turned.c
    return (
        select(who.code, who.name, who.name_en, t.grade, t.profit_before, t.profit, causes.c.cause, causes.c.excess)
        .join_from(turned, causes, causes.c.customer_key == t.customer_key)
        .join(marts.customer, who.customer_key == t.customer_key)
        .order_by(t.profit, t.customer_key)
        .limit(limit)
    )


def crossings(view: View, since: date, low: float, high: float) -> Select:
    """Customers in view whose answer since a day lies in another zone than their answer before it.

    Columns code, name, name_en, grade, from_score, to_score, from_zone, zone, value_to_come. The zones are those of
    `satisfaction.standing`: below `low`, from `high` on, and between.
    """
    s = marts.spell.c
    last = min(view.window.last_day, view.calendar.last_day)
    answered = select(s.customer_key).where(s.starts_on > since, s.starts_on <= last).distinct()

    def newest(after: bool) -> Subquery:
        days = s.starts_on > since if after else s.starts_on <= since
        return (
            select(s.customer_key, func.arg_max(s.score, s.starts_on).label("score"))
            .where(days, s.starts_on <= last, s.customer_key.in_(answered))
            .group_by(s.customer_key)
            .subquery("after" if after else "earlier")
        )

    def zone(score: ColumnElement[float]) -> ColumnElement[str]:
        return case((score < low, "complaining"), (score >= high, "praising"), else_="indifferent")

    then, now, customers = newest(after=False), newest(after=True), population(view)
    who, v = marts.customer.c, marts.customer_value.c
    return (
        select(
            *(who.code, who.name, who.name_en, customers.c.grade),
            *(then.c.score.label("from_score"), now.c.score.label("to_score")),
            *(zone(then.c.score).label("from_zone"), zone(now.c.score).label("zone")),
            WORTH.label("value_to_come"),
        )
        .join_from(now, then, then.c.customer_key == now.c.customer_key)
        .join(customers, customers.c.customer_key == now.c.customer_key)
        .join(marts.customer, who.customer_key == now.c.customer_key)
        .outerjoin(marts.customer_value, v.customer_key == now.c.customer_key)
        .where(zone(then.c.score) != zone(now.c.score))
        .order_by(func.abs(WORTH).desc().nulls_last(), now.c.customer_key)
    )


# --- alerts ------------------------------------------------------------------------------------------------


def alerts(view: View) -> Select:
    """The alerts of the window's weeks for the customers in view, most money at stake first."""
    customers, a, who = population(view), marts.alert.c, marts.customer.c
    return (
        select(
            *(who.code, who.name, who.name_en, customers.c.grade),
            *(a.kind.label("alert"), a.direction, a.week, a.amount, a.usual, a.p_value, a.q_value, a.local_fdr),
            a.money_at_risk,
        )
        .join_from(marts.alert, customers, customers.c.customer_key == a.customer_key)
        .join(marts.customer, who.customer_key == a.customer_key)
        .where(a.week.between(view.window.first_week, view.window.last_week))
        .order_by((a.money_at_risk * (1 - a.local_fdr)).desc().nulls_last(), a.customer_key, a.kind)
    )


def alert_weeks(view: View) -> Select:
    """The weeks whose alerts are kept, with how many customers were tested for each kind."""
    a = marts.alert_week.c
    return select(*a).where(view.scope.allows(literal(None, marts.region.c.position.type))).order_by(a.week, a.kind)
