"""Plans as they were handed over, so that "what changed since the last one" can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select
from sqlalchemy.exc import IntegrityError

from dashboard.errors import DashboardError, nearest
from dashboard.insight import Reader
from dashboard.ledger.decisions import newest_of
from dashboard.ledger.entries import (
    Conflict,
    Taken,
    covers,
    demand,
    demand_visible,
    regions_of,
    rows,
    signed,
    visible,
    writing,
)
from dashboard.ledger.tables import plan, plan_line
from dashboard.periods import monday
from queries.schema import TIERS


@dataclass(frozen=True)
class Line:
    """A customer's level in a plan; `decision` is the number of the decision it comes from (None: unchanged)."""

    customer: str
    level: str
    decision: int | None = None


@dataclass(frozen=True)
class Plan:
    """A plan handed over. `totals` is None for a reader who doesn't see all of its `regions` (None: everything)."""

    id: int
    at: datetime
    author: str
    review: date
    number: int
    regions: tuple[str, ...] | None
    totals: dict[str, Any] | None
    policy_version: str
    data_version: str


@dataclass(frozen=True)
class Change:
    """A customer whose level differs between two plans; None is not in that plan."""

    customer: str
    before: str | None
    after: str | None


def hand_over(
    reader: Reader,
    review: date,
    lines: Sequence[Line],
    totals: Mapping[str, Any],
    *,
    policy_version: str,
    approval_needed: bool,
) -> Plan:
    """Write a plan with its lines. Its regions are those the reader looks at.

    Needs the permission "decide" and every customer in scope. A line's decision must be the newest about its customer
    in this review, give this level and, when approval is needed, be approved; otherwise nothing is written.
    """
    demand(reader, "decide")
    if not lines:
        raise DashboardError(reader.t("The plan is empty."))
    for line in lines:
        if line.level not in TIERS:
            raise DashboardError(f"level: {line.level!r} is not known{nearest(line.level, TIERS)}")
    demand_visible(reader, (line.customer for line in lines))
    week = monday(review)
    try:
        with writing(reader) as connection:
            _check(reader, connection, week, lines, approval_needed)
            number = (connection.execute(select(func.max(plan.c.number))).scalar() or 0) + 1
            entry = {
                **signed(reader),
                "review": week,
                "number": number,
                "regions": regions_of(reader),
                "totals": dict(totals),
                "policy_version": policy_version,
                "data_version": reader.marts.version,
            }
            row = connection.execute(insert(plan).returning(*plan.c), entry).one()
            connection.execute(
                insert(plan_line),
                [
                    {"plan_id": row.id, "customer_code": x.customer, "level": x.level, "decision_id": x.decision}
                    for x in lines
                ],
            )
    except IntegrityError:
        last = handed_over(reader)
        if not last:
            raise
        said = reader.t("plan {number}", number=last[0].number)
        raise Conflict(reader, [Taken(said, last[0].author, last[0].at, reader.t("handed over"))]) from None
    return _plan(reader, row)


def _check(reader: Reader, connection: Connection, week: date, lines: Sequence[Line], approval_needed: bool) -> None:
    if len({line.customer for line in lines}) < len(lines):
        raise DashboardError(reader.t("A customer is twice in the plan."))
    standing = newest_of(connection, week)
    for line in lines:
        if line.decision is None:
            continue
        found = standing.get(line.customer)
        if found is None or found.id != line.decision or found.level != line.level:
            raise DashboardError(
                reader.t("{code}: the decision has changed since this plan was made.", code=line.customer)
            )
        if found.verdict == "rejected" or (approval_needed and found.verdict != "approved"):
            raise DashboardError(reader.t("{code}: the decision is not approved.", code=line.customer))


def handed_over(reader: Reader) -> list[Plan]:
    """Plans with a customer the reader may see, newest first."""
    found = rows(reader, select(plan).order_by(plan.c.number.desc()))
    return [p for row in found if (p := _plan(reader, row)).totals is not None or lines_of(reader, p)]


def lines_of(reader: Reader, of: Plan) -> list[Line]:
    """A plan's lines about customers the reader may see, by customer."""
    c = plan_line.c
    found = rows(reader, select(plan_line).where(c.plan_id == of.id).order_by(c.customer_code))
    seen = visible(reader, (row.customer_code for row in found))
    return [Line(row.customer_code, row.level, row.decision_id) for row in found if row.customer_code in seen]


def before(reader: Reader, of: Plan) -> Plan | None:
    """The plan of the same regions that this one took the place of."""
    earlier = (p for p in handed_over(reader) if p.number < of.number and p.regions == of.regions)
    return next(earlier, None)


def changes(reader: Reader, old: Plan | None, new: Plan) -> list[Change]:
    """Customers whose level differs between two plans, by code. Without an old plan every line is new."""
    then = {line.customer: line.level for line in lines_of(reader, old)} if old else {}
    now = {line.customer: line.level for line in lines_of(reader, new)}
    codes = sorted(then.keys() | now.keys())
    return [Change(c, then.get(c), now.get(c)) for c in codes if then.get(c) != now.get(c)]


def _plan(reader: Reader, row: Row) -> Plan:
    values = dict(row._mapping)
    if not covers(reader, row.regions):
        values["totals"] = None
    return Plan(**(values | {"regions": tuple(row.regions) if row.regions else None}))
