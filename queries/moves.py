"""What came of past moves between levels: customers that were moved against customers alike who were not.

A batch is a quarter with changes of tier; its day is the one on which most of them fell. Alike are customers with the
same grade before and after and the same tier before: so a move that only follows a better grade isn't taken for its
cause. What a customer did in the half year before the day is compared with the half year from it on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    FromClause,
    Select,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.types import Double, String

from dashboard.periods import Calendar
from queries import marts
from queries.population import View, population
from queries.schema import GRADES, TIERS

HALF_YEAR_DAYS = 182
MOST_BATCHES = 6
DECIDED, HELD = "decided", "held"
OUTCOMES = ("margin", "profit", "cost", "satisfaction", "stayed")


@dataclass(frozen=True)
class Noted:
    """What the ledger says of a customer's part in the batches of the quarters that some days touch: DECIDED, with the
    gain that was expected of it a year, or HELD at his level by a pilot. One note a customer and quarter."""

    code: str
    role: str
    first: date
    last: date
    expected: float | None = None


def batches(calendar: Calendar) -> Select:
    """Quarters with changes of tier whose half years lie within the data: the rows of `marts.batch`."""
    a = marts.assignment.c
    before = func.lag(a.tier).over(partition_by=a.customer_key, order_by=a.valid_from)
    history = select(a.valid_from, a.tier, before.label("before")).subquery("history").c
    quarter = cast(func.date_trunc("quarter", history.valid_from), Date).label("quarter")
    # The day of most moves, the first of several: what everybody else's half years are counted from.
    counted = (
        select(quarter, history.valid_from.label("day"), func.count().label("moves"))
        .where(history.before != history.tier, history.before.in_(TIERS), history.tier.in_(TIERS))
        .group_by(quarter, history.valid_from)
        .subquery("counted")
        .c
    )
    place = func.row_number().over(partition_by=counted.quarter, order_by=(counted.moves.desc(), counted.day))
    first = select(counted.quarter, counted.day, place.label("place")).subquery("first").c
    whole = and_(
        first.day - HALF_YEAR_DAYS >= literal(calendar.first_week, Date),
        first.day + HALF_YEAR_DAYS - 1 <= literal(calendar.last_day, Date),
    )
    months = func.to_months(3)
    return (
        select(first.day, (first.quarter - 1).label("eve"), (cast(first.quarter + months, Date) - 1).label("close"))
        .where(first.place == 1, whole)
        .order_by(first.day.desc())
        .limit(MOST_BATCHES)
    )


def members() -> Select:
    """What became of every customer in every batch: the rows of `marts.batch_member`."""
    batch, b = marts.batch, marts.batch.c
    old, new = marts.assignment.alias("old"), marts.assignment.alias("new")

    def in_force(row: Any, day: ColumnElement) -> ColumnElement[bool]:
        return and_(row.valid_from <= day, or_(row.valid_to.is_(None), row.valid_to > day))

    placed = (
        select(
            *(b.day, old.c.customer_key),
            *[
                row.c[what].label(f"{what}_{when}")
                for what in ("grade", "tier")
                for row, when in ((old, "before"), (new, "after"))
            ],
        )
        .join_from(old, batch, in_force(old.c, b.eve))
        .join(new, and_(new.c.customer_key == old.c.customer_key, in_force(new.c, b.close)))
        .where(*[row.c.grade.in_(GRADES) & row.c.tier.in_(TIERS) for row in (old, new)])
        .subquery("placed")
    )
    m, w = placed.c, marts.customer_week.c
    near = w.week.between(b.day - HALF_YEAR_DAYS, b.day + HALF_YEAR_DAYS - 1)
    later = w.week >= b.day

    def total(name: str, after: bool) -> ColumnElement[Any]:
        return func.sum(case((later if after else ~later, cast(w[name], Double)), else_=0.0))

    names = ("gross_margin", "profit", "cost_to_serve", "satisfaction_sum", "satisfaction_n", "purchase_days")
    did = (
        select(
            *(b.day, w.customer_key),
            *[total(name, after).label(f"{name}_{int(after)}") for name in names for after in (False, True)],
        )
        .join_from(marts.customer_week, batch, near)
        .group_by(b.day, w.customer_key)
        .subquery("did")
    )
    d = did.c

    def value(name: str, after: int) -> ColumnElement[Any]:
        return func.coalesce(d[f"{name}_{after}"], 0.0)

    def score(after: int) -> ColumnElement[Any]:
        return d[f"satisfaction_sum_{after}"] / func.nullif(d[f"satisfaction_n_{after}"], 0)

    return (
        select(
            *m,
            value("gross_margin", 0).label("before_margin"),
            (value("gross_margin", 1) - value("gross_margin", 0)).label("margin"),
            (value("profit", 1) - value("profit", 0)).label("profit"),
            (value("cost_to_serve", 1) - value("cost_to_serve", 0)).label("cost"),
            (score(1) - score(0)).label("satisfaction"),
            case((d.purchase_days_0 > 0, case((d.purchase_days_1 > 0, 1.0), else_=0.0))).label("stayed"),
        )
        .join_from(placed, did, and_(d.day == m.day, d.customer_key == m.customer_key), isouter=True)
        .order_by(m.day, m.customer_key)
    )


def outcomes(view: View, noted: Sequence[Noted] = ()) -> Select:
    """Cells of alike customers by what became of their tier and the part they had in it.

    Columns day, grade_before, grade_after, tier_before, tier_after, role (one of `Noted`, empty for others), customers,
    expected (the mean of what was expected a year), and for each outcome the number
    (n_…), mean (mean_…) and variance (variance_…) of the customers' changes; before_margin is the mean margin of the
    half year before. Satisfaction changes for those asked in both half years; stayed is whether a customer who bought
    before bought again.
    """
    people, c, b = population(view), marts.batch_member.c, marts.batch.c
    source: FromClause = marts.batch_member.join(people, people.c.customer_key == c.customer_key)
    nobody = literal_column("''", String)
    role: ColumnElement[Any] = nobody
    expected: ColumnElement[Any] = cast(null(), Double)
    if noted:
        told, who = _table(noted), marts.customer.c
        about = (
            select(b.day, who.customer_key, told.c.role, told.c.expected)
            .join_from(told, marts.batch, and_(told.c.first <= b.close, told.c.last > b.eve))
            .join(marts.customer, who.code == told.c.code)
            .subquery("about")
        )
        source = source.outerjoin(about, and_(about.c.day == c.day, about.c.customer_key == c.customer_key))
        role, expected = func.coalesce(about.c.role, nobody), about.c.expected
    keys = (c.day, c.grade_before, c.grade_after, c.tier_before, c.tier_after, role.label("role"))
    statistics = [
        part
        for name in OUTCOMES
        for part in (
            func.count(c[name]).label(f"n_{name}"),
            func.avg(c[name]).label(f"mean_{name}"),
            func.var_samp(c[name]).label(f"variance_{name}"),
        )
    ]
    means = (func.avg(c.before_margin).label("before_margin"), func.avg(expected).label("expected"))
    return (
        select(*keys, func.count().label("customers"), *means, *statistics)
        .select_from(source)
        .group_by(*keys)
        .order_by(*keys)
    )


def _table(noted: Sequence[Noted]) -> Subquery:
    """The notes as a table, its columns each one text of JSON: a statement's rows are kept by its values."""
    kinds = {"code": String, "role": String, "first": Date, "last": Date, "expected": Double}
    columns = {name: json.dumps([getattr(note, name) for note in noted], default=str) for name in kinds}
    return select(
        *[func.unnest(cast(literal(columns[name]), ARRAY(kind))).label(name) for name, kind in kinds.items()]
    ).subquery("noted")
