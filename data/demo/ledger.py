"""What the demo company's people wrote: two past reviews with decisions, approvals and plans, a note, a view, an event.

The decisions are changes of tier that the warehouse shows, taken in the weeks in which they were made; what was
expected of them follows from the service policy's response of spending, the customer's margin of the year before and
what customers of his grade then cost at each level. So the follow-up compares an
expectation with what really came. The authors are the demo's own people, and their names say so.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pandas as pd
from sqlalchemy import Select, func, select

from dashboard.insight import Reader
from dashboard.ledger import Conflict, Ledger, decisions, notes, plans, views
from dashboard.ledger.decisions import Choice
from dashboard.periods import WEEK, YEAR
from dashboard.policy import Policy, policy
from dashboard.scope import Scope
from queries import marts
from queries.schema import GRADES, TIERS

MANAGER, DIRECTOR = "demo.manager@example.com", "demo.director@example.com"
SETTLED, OLDEST = 26 * WEEK, 80 * WEEK
"""Reviews between these ages have had time to show what came of them, with a year of data before."""
REVIEWS, MOVES = 2, 400
"""So many of the newest of them, with at most so many decisions each."""
OVERRIDDEN = 20
"""One move in so many was the manager's own idea, for half a year."""


def seed(reader: Reader) -> int:
    """Write the demo's past into an empty ledger; returns the number of decisions written.

    Nothing is written into a ledger that holds anything, nor for a warehouse that is no demo.
    """
    ledger = reader.ledger
    if ledger is None or reader.marts.info.get("source.origin") != "demo" or any(ledger.counts().values()):
        return 0
    moves = reader.rows(_moves(reader))
    reviews = sorted({pd.Timestamp(day).date() for day in moves["valid_from"]})[-REVIEWS:]
    written = 0
    try:
        for day in reviews:
            written += _review(reader, ledger, moves[moves["valid_from"] == pd.Timestamp(day)], day)
    except Conflict:
        return 0  # another start of the demo was first
    if reviews:
        _keep(_as(reader, ledger, MANAGER, reviews[-1], 17), reviews[-1])
    return written


def _moves(reader: Reader) -> Select:
    """Customers whose tier changed long enough ago: the day, the tiers, and their figures of the year before."""
    last, a, who, w = reader.calendar.last_day, marts.assignment.c, marts.customer.c, marts.customer_week.c
    before = func.lag(a.tier).over(partition_by=a.customer_key, order_by=a.valid_from)
    moved = select(a.customer_key, a.valid_from, before.label("before"), a.tier, a.grade).subquery("moved")
    m = moved.c
    year_before = (w.customer_key == m.customer_key) & w.week.between(m.valid_from - YEAR.days, m.valid_from - 1)
    return (
        select(
            *(m.valid_from, who.code, m.before, m.tier, m.grade),
            func.coalesce(func.sum(w.gross_margin), 0).label("gross_margin"),
            func.coalesce(func.sum(w.profit), 0).label("profit"),
            (func.sum(w.satisfaction_sum) / func.nullif(func.sum(w.satisfaction_n), 0)).label("satisfaction"),
        )
        .join_from(moved, marts.customer, who.customer_key == m.customer_key)
        .outerjoin(marts.customer_week, year_before)
        .where(
            reader.scope.allows(who.region_position),
            m.before != m.tier,
            m.before.in_(TIERS),
            m.tier.in_(TIERS),
            m.valid_from.between(last - OLDEST, last - SETTLED),
        )
        .group_by(m.valid_from, who.code, m.before, m.tier, m.grade)
        .order_by(m.valid_from, who.code)
    )


def _costs(reader: Reader, day: date) -> dict[tuple[str, str], float]:
    """What a customer cost in the year before a day: the median of those with his grade and level then, for a few of
    every grade are over-served whatever their level."""
    a, who, w = marts.assignment.c, marts.customer.c, marts.customer_week.c
    then = (a.valid_from < day) & (a.valid_to.is_(None) | (a.valid_to >= day))
    cost = (
        select(a.grade, a.tier, a.customer_key, func.coalesce(func.sum(w.cost_to_serve), 0).label("cost"))
        .join_from(marts.assignment, marts.customer, who.customer_key == a.customer_key)
        .outerjoin(marts.customer_week, (w.customer_key == a.customer_key) & w.week.between(day - YEAR, day - WEEK))
        .where(reader.scope.allows(who.region_position), then, a.grade.in_(GRADES), a.tier.in_(TIERS))
        .group_by(a.grade, a.tier, a.customer_key)
        .subquery("cost")
        .c
    )
    rows = reader.rows(select(cost.grade, cost.tier, func.median(cost.cost)).group_by(cost.grade, cost.tier))
    return {(grade, tier): float(usual) for grade, tier, usual in rows.itertuples(index=False)}


def _review(reader: Reader, ledger: Ledger, moves: pd.DataFrame, day: date) -> int:
    """Decide, approve and hand over; every k-th move in the order of codes, which is nobody's choice."""
    rules, rates, costs = policy(), reader.marts.unit_rates(day), _costs(reader, day)
    chosen = moves.iloc[:: max(1, -(-len(moves) // MOVES))]
    listed = enumerate(chosen.itertuples(index=False))
    choices = [_choice(place, move, rules, rates, costs, day) for place, move in listed]
    manager = _as(reader, ledger, MANAGER, day, 10)
    written = decisions.record(manager, day, choices, policy_version=rules.version)
    numbers = [decision.id for decision in written]
    decisions.approve(_as(reader, ledger, DIRECTOR, day, 15), day, numbers, "approved")
    lines = [plans.Line(d.customer, d.level, d.id) for d in written if d.level]
    totals = {key: sum(d.expected[key] for d in written) for key in ("gain", "cost", "profit")}
    later = _as(reader, ledger, MANAGER, day, 16)
    plans.hand_over(
        later, day, lines, totals | {"customers": len(lines)}, policy_version=rules.version, approval_needed=True
    )
    return len(written)


def _choice(
    place: int,
    move: tuple,
    rules: Policy,
    rates: dict[str, float],
    costs: dict[tuple[str, str], float],
    day: date,
) -> Choice:
    _, code, before, level, grade, margin, profit, satisfaction = move
    old, new = rules.levels[before], rules.levels[level]
    effort = [
        sum(rates[a] * units for a, units in each.includes.items()) + sum(each.money.values()) for each in (old, new)
    ]
    spending = 1 + rules.response["spending"].at(effort)
    seen = [costs.get((grade, each)) for each in (before, level)]
    cost = seen[1] - seen[0] if seen[0] is not None and seen[1] is not None else effort[1] - effort[0]
    gain = max(float(margin), 0.0) * (float(spending[1] / spending[0]) - 1) - cost
    expected = {"gain": gain, "cost": cost, "profit": float(profit) + gain, "satisfaction": satisfaction}
    if place % OVERRIDDEN:
        return Choice(code, "accept", before, level, level, expected=expected)
    reason = "演示：客户经理的判断 · Demo: the account manager's judgement"
    return Choice(code, "override", before, before, level, reason, day + 26 * WEEK, expected)


def _keep(manager: Reader, day: date) -> None:
    notes.write_note(
        manager,
        day,
        "演示：下次评审先看降级客户的利润与满意度，再决定是否继续。"
        " · Demo: next time look first at what came of those we lowered, their profit and satisfaction.",
    )
    notes.annotate(manager, day, day, "演示：新服务级别", "Demo: new service levels")
    name = "演示：华东的亏损客户 · Demo: loss-makers in East China"
    views.save_view(manager, name, "cost", {"region": "CN-E", "group": "loss_makers"}, everyone=True)


def _as(reader: Reader, ledger: Ledger, user: str, day: date, hour: int) -> Reader:
    """The reader as one of the demo's people was on that day: at that hour, with that week's data."""
    then = datetime.combine(day, time(hour), UTC)
    return replace(
        reader,
        filters=reader.filters.put("as_of", day - timedelta(days=day.weekday())),
        scope=Scope.unrestricted(user),
        ledger=Ledger(ledger.location, clock=lambda: then),
    )
