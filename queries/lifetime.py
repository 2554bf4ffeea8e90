"""Value to come: purchase histories for the models, and what a refresh stored of them, by group.

`histories` runs once a refresh in the mart file; the others read `customer_value` of the customers in view.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Double, Integer, Select, Subquery, case, cast, func, literal, select

from dashboard.periods import YEAR, Calendar
from queries import marts
from queries.population import View, places, population
from queries.value import as_float

HELD_OUT = timedelta(weeks=26)
MARGIN_PURCHASES = 10
"""How many purchases the margin of a customer's segment counts beside his own."""
SHORTEST_COST_WEEKS = 13
"""A customer's cost of his first weeks is not multiplied by more than 52 over this."""
BINS_A_DECADE = 3
ALIVE_FROM = {"sure": 0.9, "likely": 0.7, "open": 0.4, "unlikely": 0.1, "gone": 0.0}
"""Bands of the probability that a customer is still one: the lower edge of each."""
FORECAST_BINS = 10


def histories(calendar: Calendar, costed: bool) -> Select:
    """A row a customer with a purchase in the data: what the models of purchases and spend are fitted to.

    Times are in weeks from the first purchase in the data, also for customers acquired before it begins.
    Columns customer_key, segment, frequency, recency, age, mean_spend (gross, a purchase day), margin (after
    returns, drawn towards the segment's; null unless `costed`), yearly_cost, and the same history as it stood
    half a year before the end (past_…, null if the first purchase came later) with the purchases since.
    """
    s, c, w = marts.sales_week.c, marts.customer_fact.c, marts.customer_week.c
    cut = calendar.last_week - HELD_OUT
    before = s.week <= literal(cut)
    # An estimate needs no exact cents: sums of doubles are several times quicker than of decimals.
    revenue, uncosted = as_float(s.revenue), as_float(s.uncosted_revenue)
    gross = revenue + as_float(s.returned)
    sold = (
        select(
            s.customer_key,
            func.sum(s.purchase_days).label("days"),
            func.min(s.first_day).label("first_day"),
            func.max(s.last_day).label("last_day"),
            func.sum(gross).label("gross"),
            func.sum(gross - uncosted).label("costed"),
            func.sum(revenue - uncosted - as_float(s.cost_of_goods)).label("margin"),
            func.sum(s.purchase_days).filter(before).label("past_days"),
            func.max(s.last_day).filter(before).label("past_last_day"),
        )
        .group_by(s.customer_key)
        .having(func.sum(s.purchase_days) > 0)
        .cte("sold")
    )
    spent = (
        select(w.customer_key, func.sum(as_float(w.cost_to_serve)).label("cost"))
        .where(w.week > literal(calendar.last_week - YEAR))
        .group_by(w.customer_key)
        .subquery("spent")
    )
    segment = case((c.kind == "person", "person"), else_="organisation")
    h = sold.c
    kept = (
        select(segment.label("segment"), (func.sum(h.margin) / func.nullif(func.sum(h.costed), 0)).label("margin"))
        .join_from(sold, marts.customer_fact, c.customer_key == h.customer_key)
        .group_by("segment")
        .subquery("kept")
    )

    def weeks(first: ColumnElement, last: Any) -> ColumnElement[Any]:
        return cast(last - first, Double) / 7

    age = weeks(h.first_day, literal(calendar.last_day))
    of_segment = kept.c.margin
    own = h.margin / func.nullif(h.costed, 0)
    drawn = (h.days * func.coalesce(own, of_segment) + MARGIN_PURCHASES * of_segment) / (h.days + MARGIN_PURCHASES)
    known = h.past_days > 0
    return (
        select(
            h.customer_key,
            segment.label("segment"),
            cast(h.days - 1, Integer).label("frequency"),
            weeks(h.first_day, h.last_day).label("recency"),
            age.label("age"),
            (h.gross / h.days).label("mean_spend"),
            (drawn if costed else cast(None, Double)).label("margin"),
            (func.coalesce(spent.c.cost, 0) * 52 / func.least(func.greatest(age, SHORTEST_COST_WEEKS), 52)).label(
                "yearly_cost"
            ),
            case((known, cast(h.past_days - 1, Integer))).label("past_frequency"),
            case((known, weeks(h.first_day, h.past_last_day))).label("past_recency"),
            case((known, weeks(h.first_day, literal(cut + timedelta(days=6))))).label("past_age"),
            case((known, cast(h.days - h.past_days, Integer))).label("held_actual"),
        )
        .join_from(sold, marts.customer_fact, c.customer_key == h.customer_key)
        .join(kept, kept.c.segment == segment)
        .outerjoin(spent, spent.c.customer_key == h.customer_key)
        .order_by(h.customer_key)
    )


def _valued(view: View) -> Subquery:
    """The customers in view with a history: their window's totals and their value to come.

    `worth` is the residual value, or revenue to come where there is no cost of goods.
    """
    customers = population(view)
    v = marts.customer_value.c
    mine = [v[name] for name in v.keys() if name != "customer_key"]
    worth = func.coalesce(v.residual_value, v.residual_revenue).label("worth")
    return (
        select(*customers.c, *mine, worth)
        .join_from(customers, marts.customer_value, v.customer_key == customers.c.customer_key)
        .subquery("valued")
    )


SUMS = (
    *("expected_purchases", "residual_revenue", "residual_margin", "service_to_come", "residual_value"),
    *("low", "high", "worth"),
)


def _sums(valued: Subquery) -> list[ColumnElement]:
    return [func.count(valued.c.worth).label("customers"), *[func.sum(valued.c[name]).label(name) for name in SUMS]]


def summary(view: View) -> Select:
    """One row: customers valued, those with a purchase in the data, and what they are expected to bring."""
    valued = _valued(view)
    everyone = func.count().label("with_history")
    return select(*_sums(valued), everyone, func.sum(valued.c.probability_alive).label("alive"))


def distribution(view: View) -> Select:
    """Customers by value to come in bins that are logarithmic on both sides of zero (bin 0 is at most 1)."""
    valued = _valued(view)
    worth = valued.c.worth
    bin_ = cast(func.sign(worth) * func.ceil(func.log10(func.greatest(func.abs(worth), 1)) * BINS_A_DECADE), Integer)
    return (
        select(bin_.label("bin"), func.count().label("customers"), func.sum(worth).label("worth"))
        .where(worth.is_not(None))
        .group_by("bin")
        .order_by("bin")
    )


def by_grade(view: View) -> Select:
    """Value to come by the grade in force at the window's end; customers without one last."""
    valued = _valued(view)
    grade = valued.c.grade.label("grade")
    return select(grade, *_sums(valued)).group_by(grade).order_by(grade.nulls_last())


def by_region(view: View, level: int) -> Select:
    """Value to come by region at a level of the tree (0 is countries)."""
    valued = _valued(view)
    place = places(level)
    keys = (place.c.code, place.c.name, place.c.name_en)
    return (
        select(*keys, *_sums(valued))
        .join_from(valued, place, place.c.position == valued.c.region_position)
        .group_by(*keys)
        .order_by(func.sum(valued.c.worth).desc().nulls_last(), place.c.code)
    )


def against_past(view: View) -> Select:
    """Quarters of the customers by value so far (profit of the window) and by value to come; 1 is the best."""
    valued = _valued(view)
    c = valued.c
    past = as_float(func.coalesce(c.profit, c.revenue))
    placed = (
        select(
            func.ntile(4).over(order_by=(past.desc(), c.customer_key)).label("so_far"),
            func.ntile(4).over(order_by=(c.worth.desc(), c.customer_key)).label("to_come"),
            past.label("past"),
            c.worth,
        )
        .where(c.worth.is_not(None))
        .subquery("placed")
    )
    p = placed.c
    return (
        select(
            *(p.so_far, p.to_come, func.count().label("customers")),
            *[func.sum(p[name]).label(name) for name in ("past", "worth")],
        )
        .group_by(p.so_far, p.to_come)
        .order_by(p.so_far, p.to_come)
    )


def alive(view: View) -> Select:
    """Customers by how probable it is that they still are customers, in the bands of `ALIVE_FROM`."""
    valued = _valued(view)
    c = valued.c
    zone = case(*[(c.probability_alive >= low, code) for code, low in ALIVE_FROM.items()])
    return (
        select(
            *(zone.label("zone"), func.count().label("customers")),
            as_float(func.sum(c.revenue)).label("revenue"),
            *[func.sum(c[name]).label(name) for name in ("expected_purchases", "worth")],
        )
        .where(c.probability_alive.is_not(None))
        .group_by("zone")
    )


def forecast(view: View) -> Select:
    """Tenths of the customers by the purchases forecast for the held-out half year, against what came.

    Columns bin, customers, sums of expected, history and actual, of the absolute errors of both forecasts,
    and of the squares of the actual purchases.
    """
    valued = _valued(view)
    c = valued.c
    known = (
        select(
            func.ntile(FORECAST_BINS).over(order_by=(c.held_expected, c.customer_key)).label("bin"),
            *(c.held_expected, c.held_history, c.held_actual),
        )
        .where(c.held_expected.is_not(None))
        .subquery("known")
    )
    k = known.c
    return (
        select(
            *(k.bin, func.count().label("customers")),
            *[func.sum(as_float(k[f"held_{name}"])).label(name) for name in ("expected", "history", "actual")],
            func.sum(func.abs(k.held_expected - k.held_actual)).label("error"),
            func.sum(func.abs(k.held_history - k.held_actual)).label("baseline_error"),
            func.sum(as_float(k.held_actual) * k.held_actual).label("squares"),
        )
        .group_by(k.bin)
        .order_by(k.bin)
    )
