"""Service levels: what each tier costs and brings today, and the customers a plan is made of.

A plan never needs a row a customer outside the database. Customers alike to it are grouped here, the levels of
the groups are decided elsewhere, and handed to the customers here, by rank within their group, so that counts and
with them all capacities hold exactly. Each customer's gain is his own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Subquery,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    values,
)
from sqlalchemy.types import Double, Numeric, String

from dashboard.policy import Limits, Rule
from queries import marts
from queries.population import View, costs, population
from queries.schema import TIERS
from queries.value import as_float, totals

LEVELS = range(len(TIERS))
BINS_AN_E_FOLD = 4
"""Customers alike have a value at stake within a quarter of an e-fold."""
BINS_OF_TIES = 3
"""Customers alike at given prices are that far from another level, within a third of an e-fold."""
MOST_BINS = 1_000
KEPT = -1
NOWHERE = -1
"""The place of customers whose region has no account manager."""
SCORE_STEPS = 8
"""Satisfaction is told to an eighth of a point: a survey answer's own step."""
CLASS = ("now", "first", "last", "area")
COUNTS = tuple(f"n{level}" for level in LEVELS)
CHARGES = tuple(f"k{level}" for level in LEVELS)
FORBIDDEN = -1e200
EXACT = Numeric(30, 6)
"""Money that is added up without rounding."""
LOTS = 10_000
ACCOUNT = ("strategic_fit", "needs_level", "industry", "size")


@dataclass(frozen=True)
class Sheet:
    """What a plan is worked out with; everything is a year's. Levels by position in TIERS, best first.

    `items`: activities and kinds of direct cost that levels include; `counted`: activities whose units are listed.
    `change`: for each level of today (row) the share of the margin, of the value to come and of the other cost to
    serve that each level adds, and the money it costs more: shape (L, 4 × L). `talk`: (level of today, score in
    eighths, worth of the word of mouth that each level adds), `score` for customers who were never asked.
    `decided`: (customer's code, level) of those whose level is settled; KEPT is the level of today.
    """

    years: float
    items: tuple[str, ...]
    counted: tuple[str, ...]
    role: str
    limits: Limits
    change: tuple[tuple[float, ...], ...]
    talk: tuple[tuple[float, ...], ...]
    score: int
    decided: tuple[tuple[str, int], ...] = field(default=())
    people: FromClause | None = field(default=None, compare=False, repr=False)
    """The customers as `valued` gives them, kept as a table; else they are worked out in each statement."""


def today(view: View) -> Select:
    """Totals by tier."""
    customers = population(view)
    return select(customers.c.tier, *totals(customers)).where(customers.c.tier.is_not(None)).group_by(customers.c.tier)


def served(view: View, role: str) -> Select:
    """Customers with a level by level (its tier) and area: columns tier, area, customers."""
    people, place = population(view), staffed(role)
    p = people.c
    area = func.coalesce(place.c.area, NOWHERE).label("area")
    return (
        select(p.tier, area, func.count().label("customers"))
        .join_from(people, place, place.c.position == p.region_position, isouter=True)
        .where(p.tier.in_(TIERS), p.gross_margin.is_not(None))
        .group_by(p.tier, area)
        .order_by(p.tier, area)
    )


def asked(view: View) -> Select:
    """The mean satisfaction of the customers in view that were asked, and how many: one row."""
    c = population(view).c
    score = func.sum(c.satisfaction_sum) / func.nullif(func.sum(c.satisfaction_n), 0)
    return select(score.label("satisfaction"), func.count().filter(c.satisfaction_n > 0).label("n"))


# --- the customers of a plan ---------------------------------------------------------------------------


def staffed(role: str) -> Subquery:
    """Each place of the region tree with the nearest region at or above it that has employees of this role:
    position, area (its position)."""
    place, above, e = marts.region.alias("place"), marts.region.alias("above"), marts.employee.c
    keys = select(e.region_key).where(e.role == role, e.hours_per_week > 0)
    inside = place.c.position.between(above.c.position, above.c.last_position)
    return (
        select(place.c.position, func.max(above.c.position).label("area"))
        .join_from(place, above, inside)
        .where(above.c.region_key.in_(keys))
        .group_by(place.c.position)
        .subquery("staffed")
    )


def areas(view: View, role: str) -> Select:
    """Regions with employees of a role in the reader's scope: area (position), last, code, names, hours a week."""
    r, e = marts.region.c, marts.employee.c
    return (
        select(
            *(r.position.label("area"), r.last_position.label("last"), r.code, r.name, r.name_en),
            as_float(func.sum(e.hours_per_week)).label("hours"),
        )
        .join_from(marts.region, marts.employee, e.region_key == r.region_key)
        .where(e.role == role, e.hours_per_week > 0, view.scope.allows(r.position))
        .group_by(r.position, r.last_position, r.code, r.name, r.name_en)
        .order_by(r.position)
    )


def candidates(view: View, sheet: Sheet) -> Subquery:
    """The customers in view with a level and a margin: one row each.

    Columns customer_key, code, now (level's position), first and last (the best and the worst level the rules
    allow him), area, margin, worth (value to come, not below zero), other (cost to serve besides what levels
    include), score (eighths, empty when never asked), units_… of the counted activities.
    """
    people, fact = population(view), marts.customer_fact
    p, f, value = people.c, fact.c, marts.customer_value
    score = func.round(SCORE_STEPS * p.satisfaction_sum / func.nullif(p.satisfaction_n, 0))
    spent = _spent(view, sheet)
    place = staffed(sheet.role)
    amount = {name: func.coalesce(as_float(p[name]), 0.0) for name in ("revenue", "gross_margin", "cost_to_serve")}
    given = func.coalesce(as_float(spent.c.included), 0.0)
    now = case(*[(p.tier == tier, literal_column(str(i))) for i, tier in enumerate(TIERS)]).label("now")
    known = (
        select(
            *(p.customer_key, f.code, p.region_position, p.grade, now),
            func.coalesce(place.c.area, NOWHERE).label("area"),
            (amount["gross_margin"] / sheet.years).label("margin"),
            func.greatest(func.coalesce(value.c.residual_value, 0.0), 0.0).label("worth"),
            ((amount["cost_to_serve"] - given) / sheet.years).label("other"),
            cast(score, Integer).label("score"),
            *[(func.coalesce(as_float(spent.c[name]), 0.0) / sheet.years).label(name) for name in _units(sheet)],
            *[as_float(p[name]).label(name) for name in ("revenue", "cost_to_serve", "profit", "gross_margin")],
            func.coalesce(as_float(spent.c.bad_debt), 0.0).label("bad_debt"),
            *[f[name] for name in ACCOUNT],
        )
        .join_from(people, fact, f.customer_key == p.customer_key)
        .outerjoin(spent, spent.c.customer_key == p.customer_key)
        .outerjoin(value, value.c.customer_key == p.customer_key)
        .outerjoin(place, place.c.position == p.region_position)
        .where(p.tier.in_(TIERS), p.gross_margin.is_not(None))
        .subquery("known")
    )
    first, last = _allowed(known, sheet)
    return select(*known.c, first.label("first"), last.label("last")).subquery("candidates")


def _units(sheet: Sheet) -> list[str]:
    return [f"units_{place}" for place in range(len(sheet.counted))]


def _spent(view: View, sheet: Sheet) -> Subquery:
    """What each customer got of the items that levels include, and his bad debt."""
    c = costs(view).c

    def of(kept: ColumnElement[bool], amount: ColumnElement) -> ColumnElement:
        return func.sum(case((kept, amount), else_=0))

    return (
        select(
            c.customer_key,
            of(c.item.in_(sheet.items), c.amount).label("included"),
            of(and_(c.source == "direct", c.item == "bad_debt"), c.amount).label("bad_debt"),
            *[
                of(c.item == code, c.quantity).label(name)
                for name, code in zip(_units(sheet), sheet.counted, strict=True)
            ],
        )
        .group_by(c.customer_key)
        .subquery("spent")
    )


def _allowed(known: Subquery, sheet: Sheet) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """The best and the worst level the rules leave a customer.

    A floor goes before a ceiling; and nobody falls by more than a review may lower, not even to his ceiling.
    """
    k, limits = known.c, sheet.limits
    lowest: ColumnElement[Any] = func.least(k.now + limits.largest_fall, literal(TIERS.index(limits.least)))
    floor = lowest
    for rule in limits.floors:
        floor = func.least(floor, case((_holds(rule, k), TIERS.index(rule.level)), else_=len(TIERS)))
    ceiling: ColumnElement[Any] = literal(0)
    for rule in limits.ceilings:
        ceiling = func.greatest(ceiling, case((_holds(rule, k), TIERS.index(rule.level)), else_=0))
    return func.least(ceiling, floor), floor


def _holds(rule: Rule, k: Any) -> ColumnElement[bool]:
    """Whether a rule is about a customer."""
    asked_of = k[rule.input]
    if rule.test == "one_of":
        return func.coalesce(cast(asked_of, String).in_([str(value) for value in rule.value]), False)
    holds = asked_of >= rule.value if rule.test == "at_least" else asked_of <= rule.value
    return func.coalesce(holds, False)


def gained(view: View, sheet: Sheet) -> Subquery:
    """The customers of `valued`; a settled one is allowed his level alone."""
    them = valued(view, sheet).subquery("valued") if sheet.people is None else sheet.people
    c = them.c
    at: list[tuple[ColumnElement[bool], Any]] = [
        (c.code.in_([code for code, chosen in sheet.decided if chosen == level]), c.now if level == KEPT else level)
        for level in (KEPT, *LEVELS)
        if any(chosen == level for _, chosen in sheet.decided)
    ]
    allowed = [(case(*at, else_=c[end]) if at else c[end]).label(end) for end in ("first", "last")]
    others = [each for each in c if each.name not in ("first", "last")]
    return select(*others, *allowed).where(view.scope.allows(c.region_position)).subquery("gained")


def valued(view: View, sheet: Sheet) -> Select:
    """The candidates with what each level would gain over today's: gain_0 … gain_3, stake (what the best level
    brings over the least, before its cost) and class (score as the plan uses it)."""
    them = candidates(view, sheet)
    k = them.c
    names = ["now", *(f"{part}{level}" for part in "abcd" for level in LEVELS)]
    change = values(column("now", Integer), *[column(n, Double) for n in names[1:]], name="change").data(
        [(now, *row) for now, row in enumerate(sheet.change)]
    )
    scored = func.coalesce(k.score, sheet.score)
    source: FromClause = them.join(change, change.c.now == k.now)
    talk = None
    if sheet.talk:
        talk = values(
            *(column("now", Integer), column("score", Integer)),
            *[column(f"t{level}", Double) for level in LEVELS],
            name="talk",
        ).data(list(sheet.talk))
        source = source.join(talk, and_(talk.c.now == k.now, talk.c.score == scored))

    def brings(level: int) -> ColumnElement[Any]:
        said = talk.c[f"t{level}"] if talk is not None else literal(0.0)
        c = change.c
        return k.margin * c[f"a{level}"] + k.worth * c[f"b{level}"] - k.other * c[f"c{level}"] + said

    return select(
        *k,
        scored.label("class"),
        *[(brings(level) - change.c[f"d{level}"]).label(f"gain_{level}") for level in LEVELS],
        (brings(0) - brings(len(TIERS) - 1)).label("stake"),
    ).select_from(source)


def groups(view: View, sheet: Sheet) -> Select:
    """Customers alike to the plan: level today, levels allowed, area and value at stake. Columns now, first, last,
    area, customers and the sums gain_0 … gain_3."""
    g = gained(view, sheet).c
    return _alike(g, {"bin": _bin(g.stake, BINS_AN_E_FOLD)})


def regrouped(view: View, sheet: Sheet, plan: Handed) -> Select:
    """Customers alike at the prices of a plan, with the columns of `groups`: level today, levels allowed, area, the
    level that is best at the prices, the next best and how far it is behind.

    Those whose level is all but a tie are told apart finely, and it is only about them that prices have to know more.
    """
    r = reduced(view, sheet, plan).c
    left = [r[f"r{level}"] for level in LEVELS]
    behind = [r.free - each for each in left]
    best = case(*[(each <= 0, level) for level, each in enumerate(behind)], else_=0)
    others = [case((each <= 0, -FORBIDDEN), else_=each) for each in behind]
    loss = func.least(*others)
    rival = case(*[(each <= loss, level) for level, each in enumerate(others)], else_=0)
    return _alike(r, {"best": best, "rival": rival, "bin": _bin(loss, BINS_OF_TIES)})


def _bin(money: ColumnElement[Any], an_e_fold: int) -> ColumnElement[int]:
    """Amounts of money alike: whole steps of the logarithm, one for all below 1."""
    step = func.floor(func.ln(func.greatest(money, 1.0)) * an_e_fold)
    return cast(func.least(step, MOST_BINS), Integer)


def _alike(customers: Any, how: dict[str, ColumnElement[Any]]) -> Select:
    """Customers of a class that are alike in other ways too, summed up exactly: the order in which customers are
    added up is not to tip a plan that is all but a tie."""
    gains = [f"gain_{level}" for level in LEVELS]
    shown = [*(customers[name] for name in (*CLASS, *gains)), *(part.label(name) for name, part in how.items())]
    c = select(*shown).subquery("told").c
    keys = [c[name] for name in (*CLASS, *how)]
    sums = [cast(func.sum(cast(c[name], EXACT)), Double).label(name) for name in gains]
    return select(*keys, func.count().label("customers"), *sums).group_by(*keys).order_by(*keys)


# --- the levels handed to the customers --------------------------------------------------------------


@dataclass(frozen=True)
class Handed:
    """How many customers of each class get each level, and what each level uses at the prices of the resources.

    A class is who may get the same levels and uses the same capacities: level today, first, last, area. Lists are
    kept as texts, for a statement's rows are kept by its values.
    """

    columns: tuple[tuple[str, str], ...]
    people: FromClause | None = field(default=None, compare=False, repr=False)
    """Who gets which level as `ranked` gives it, kept as a table; else it is worked out in each statement."""

    @classmethod
    def of(cls, classes: pd.DataFrame) -> Handed:
        """`classes` has the columns now, first, last, area, n0 …, k0 …."""
        return cls(tuple((name, json.dumps(classes[name].tolist())) for name in (*CLASS, *COUNTS, *CHARGES)))

    def table(self) -> Subquery:
        kinds = dict.fromkeys((*CLASS, *COUNTS), BigInteger) | dict.fromkeys(CHARGES, Double)
        return select(
            *[func.unnest(cast(literal(text), ARRAY(kinds[name]))).label(name) for name, text in self.columns]
        ).subquery("classes")


def reduced(view: View, sheet: Sheet, plan: Handed) -> Subquery:
    """The candidates with what each level gains after paying for what it uses (r0 …), very little where the rules
    don't allow it, and the most of these (free)."""
    everybody, classes = gained(view, sheet), plan.table()
    e, k = everybody.c, classes.c
    gains = [
        case(
            (and_(e.first <= level, level <= e.last), e[f"gain_{level}"] - k[f"k{level}"]), else_=literal(FORBIDDEN)
        ).label(f"r{level}")
        for level in LEVELS
    ]
    same = and_(*[e[name] == k[name] for name in CLASS])
    counts = [k[name] for name in COUNTS]
    paid = select(*e, *counts, *gains).join_from(everybody, classes, same).subquery("paid")
    free = func.greatest(*[paid.c[f"r{level}"] for level in LEVELS]).label("free")
    return select(*paid.c, free).subquery("reduced")


def handed(view: View, sheet: Sheet, plan: Handed) -> Subquery:
    """The candidates with the level the plan gives them, their gain, and free (see `reduced`)."""
    them = gained(view, sheet)
    levels = ranked(view, sheet, plan).subquery("ranked") if plan.people is None else plan.people
    g, k = them.c, levels.c
    gain = case(*[(k.level == level, g[f"gain_{level}"]) for level in LEVELS]).label("gain")
    both = select(*g, k.level, k.free, gain).join_from(them, levels, k.customer_key == g.customer_key)
    return both.subquery("handed")


def ranked(view: View, sheet: Sheet, plan: Handed) -> Select:
    """The level that the plan gives each customer: customer_key, level and free.

    Of each class as many as the plan says get each level: the best level goes to whom it brings most over the next
    best, then the second one to those who are left, and so on. All of a class use the same, so nothing else changes.
    """
    left = reduced(view, sheet, plan)
    for level in LEVELS[:-1]:
        c = left.c
        ahead = c[f"r{level}"] - func.greatest(*[c[f"r{other}"] for other in LEVELS[level + 1 :]])
        served = [c[f"gets{before}"] for before in LEVELS[:level]]
        rank = func.row_number().over(
            partition_by=[*(c[name] for name in CLASS), *served], order_by=(*served, ahead.desc(), c.customer_key)
        )
        r = select(*c, rank.label(f"rank{level}")).subquery(f"ranked{level}").c
        waiting = and_(true(), *[~r[f"gets{before}"] for before in LEVELS[:level]])
        gets = and_(waiting, r[f"rank{level}"] <= r[COUNTS[level]]).label(f"gets{level}")
        left = select(*r, gets).subquery(f"left{level}")
    c = left.c
    level_of = case(*[(c[f"gets{level}"], literal_column(str(level))) for level in LEVELS[:-1]], else_=LEVELS[-1])
    return select(c.customer_key, level_of.label("level"), c.free)


def sums(view: View, sheet: Sheet, plan: Handed) -> Select:
    """The plan added up by level today, level recommended, area and score: customers and the sums of margin,
    worth, other cost, gain and of what each would gain if he only paid for what his level uses (free).

    By weak duality no plan gains more than the sum of the last and the price of all capacities.
    """
    h = handed(view, sheet, plan).c
    keys = (h.now, h.level, h.area, h["class"].label("class"))
    money = [func.sum(h[name]).label(name) for name in ("margin", "worth", "other", "gain", "profit", "free")]
    return select(*keys, func.count().label("customers"), *money).group_by(*keys).order_by(*keys)


def listed(
    view: View,
    sheet: Sheet,
    plan: Handed,
    moves: bool,
    limit: int | None,
    *,
    decided: Sequence[tuple[str, int]] = (),
    undecided: bool = False,
    codes: Sequence[str] | None = None,
) -> Select:
    """Customers with what the plan does for them, greatest gain first, the moves before the others; with `moves`
    only these and whose level somebody decided (`decided`, as in `Sheet`).

    `undecided` leaves out whose level is settled, `codes` everybody else. Columns listed (how many there are without
    the limit), code, name, name_en, region, region_en, grade, now, level, first, last, area, gain_0 … gain_3, gain,
    margin, worth, other, score, revenue, gross_margin, cost_to_serve, profit, bad_debt, units_….
    """
    them, region = handed(view, sheet, plan), marts.region
    h, c = them.c, marts.customer.c
    moved = h.now != h.level
    chosen = [code for code, level in decided if level != KEPT]
    open_: ColumnElement[bool] = h.code.not_in([code for code, _ in decided]) if undecided else true()
    wanted: ColumnElement[bool] = true() if codes is None else h.code.in_(codes)
    shown = [
        *("grade", "now", "level", "first", "last", "area", "gain", "margin", "worth", "other", "score", "class"),
        *("revenue", "gross_margin", "cost_to_serve", "profit", "bad_debt", *ACCOUNT),
        *(f"gain_{level}" for level in LEVELS),
        *_units(sheet),
    ]
    return (
        select(
            func.count().over().label("listed"),
            *(h.code, c.name, c.name_en, region.c.name.label("region"), region.c.name_en.label("region_en")),
            *[h[name] for name in shown],
        )
        .join_from(them, marts.customer, c.customer_key == h.customer_key)
        .outerjoin(region, region.c.position == h.region_position)
        .where(or_(moved, h.code.in_(chosen)) if moves else true(), open_, wanted)
        .order_by(moved.desc(), h.gain.desc(), h.code)
        .limit(limit)
    )


def levels_of(view: View, sheet: Sheet, plan: Handed, codes: Sequence[str]) -> Select:
    """Those of some customers that the plan is made of: code, now and level."""
    h = handed(view, sheet, plan).c
    return select(h.code, h.now, h.level).where(h.code.in_(codes))


def named(view: View, codes: Sequence[str]) -> Select:
    """Those of some customers that are in view: code, names, region's names, grade, tier."""
    people, region, c = population(view), marts.region, marts.customer.c
    p = people.c
    return (
        select(
            *(c.code, c.name, c.name_en, region.c.name.label("region"), region.c.name_en.label("region_en")),
            *(p.grade, p.tier),
        )
        .join_from(people, marts.customer, c.customer_key == p.customer_key)
        .outerjoin(region, region.c.position == p.region_position)
        .where(c.code.in_(codes))
        .order_by(c.code)
    )


def drawn(view: View, levels: Sequence[str], share: float, seed: int) -> Select:
    """A random share of the customers in view with one of these levels: code. The same for the same seed."""
    people, c = population(view), marts.customer.c
    lot = func.md5_number(func.concat(c.code, literal(f"/{seed}"))) % LOTS
    return (
        select(c.code)
        .join_from(people, marts.customer, c.customer_key == people.c.customer_key)
        .where(people.c.tier.in_(levels), lot < literal(round(share * LOTS)))
        .order_by(c.code)
    )
