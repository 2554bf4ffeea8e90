"""Decisions of a review: who gets which level, and what a second person said to it.

A customer's decisions in a review are numbered 1, 2, …; the newest one counts. A writer says which number he has
seen: when somebody else has written meanwhile nothing is written at all and both learn of it (optimistic
concurrency; the database's unique key decides races). An expiry lies in the future of the week that is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, insert, select
from sqlalchemy.exc import IntegrityError

from dashboard.errors import DashboardError, nearest
from dashboard.insight import Reader
from dashboard.language import message
from dashboard.ledger.entries import (
    AT_ONCE,
    Conflict,
    Taken,
    demand,
    demand_visible,
    rows,
    signed,
    stated,
    today,
    visible,
    writing,
)
from dashboard.ledger.tables import ACTIONS, VERDICTS, approval, approval_decision
from dashboard.ledger.tables import decision as d
from dashboard.periods import monday
from queries.schema import TIERS

LONGEST = timedelta(days=366)
"""An override is looked at again within a year."""


@dataclass(frozen=True)
class Choice:
    """What to write about a customer. `seen` is the sequence of the decision the writer looked at (0: none yet).

    `level` is the level decided (accept: the recommended one; postpone: the current one; withdraw: None),
    `expires_on` an override's last day or the day to which the decision is put off, `expected` the figures at this
    moment: gain, cost, profit, hours, satisfaction, reasons … by name.
    """

    customer: str
    action: str
    current: str | None = None
    recommended: str | None = None
    level: str | None = None
    reason: str = ""
    expires_on: date | None = None
    expected: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 0


@dataclass(frozen=True)
class Decision:
    """A decision as it was written; `verdict` is what the newest approval says of it (None: nobody has yet)."""

    id: int
    at: datetime
    author: str
    review: date
    customer: str
    sequence: int
    action: str
    current: str | None
    recommended: str | None
    level: str | None
    reason: str
    expires_on: date | None
    expected: dict[str, Any]
    policy_version: str
    data_version: str
    verdict: str | None = None
    verdict_by: str | None = None
    verdict_reason: str | None = None


# --- writing -----------------------------------------------------------------------------------------


def record(reader: Reader, review: date, choices: Sequence[Choice], *, policy_version: str) -> list[Decision]:
    """Write decisions of a review (any day of its week), all of them or none.

    Needs the permission "decide" and every customer in the reader's scope. Raises Conflict when somebody else has
    decided on one of them meanwhile, RefusedError without the right, DashboardError for a choice that is not whole.
    """
    demand(reader, "decide")
    _refuse_doubles(reader, choices)
    for choice in choices:
        _check(reader, choice)
    demand_visible(reader, (choice.customer for choice in choices))
    week = monday(review)
    # In one order for everybody, so that two bulk writers never wait for each other.
    entries = [
        {
            **signed(reader),
            "review": week,
            "customer_code": c.customer,
            "sequence": c.seen + 1,
            **{name: getattr(c, name) for name in ("action", "current", "recommended", "level", "expires_on")},
            "reason": c.reason.strip(),
            "expected": dict(c.expected),
            "policy_version": policy_version,
            "data_version": reader.marts.version,
        }
        for c in sorted(choices, key=lambda each: each.customer)
    ]
    if not entries:
        return []
    seen = {choice.customer: choice.seen for choice in choices}
    try:
        with writing(reader) as connection:
            _refuse_taken(reader, connection, week, seen)
            written = connection.execute(insert(d).returning(*d.c), entries).all()
    except IntegrityError:
        # Somebody was faster by less than this transaction: what he wrote is there now.
        with writing(reader) as connection:
            _refuse_taken(reader, connection, week, seen)
        raise
    return sorted((_decision(row) for row in written), key=lambda each: each.customer)


def approve(reader: Reader, review: date, ids: Iterable[int], verdict: str, reason: str = "") -> None:
    """Approve or reject decisions of a review, all of them or none. A rejection needs its reason.

    Needs the permission "approve", every customer in scope, and another person than the decisions' authors. Raises
    Conflict when one of them has been replaced meanwhile.
    """
    demand(reader, "approve")
    if verdict not in VERDICTS:
        raise DashboardError(f"verdict: {verdict!r} is not known{nearest(verdict, VERDICTS)}")
    if verdict == "rejected":
        stated(reader, reason, message("The reason of a rejection"))
    week, wanted = monday(review), set(ids)
    if not wanted:
        raise DashboardError(reader.t("No decision is chosen."))
    with writing(reader) as connection:
        newest = {row.id: row for row in connection.execute(select(d).where(d.c.review == week, _newest()))}
        replaced = [] if wanted <= newest.keys() else _of_ids(connection, week, wanted - newest.keys())
        demand_visible(reader, [row.customer_code for row in (*replaced, *(newest[i] for i in wanted & newest.keys()))])
        if replaced:
            codes = {row.customer_code for row in replaced}
            raise Conflict(reader, [_taken(reader, row) for row in newest.values() if row.customer_code in codes])
        if unknown := wanted - newest.keys():
            raise DashboardError(reader.t("There is no decision {number} in this review.", number=min(unknown)))
        own = [newest[i].customer_code for i in sorted(wanted) if newest[i].author == reader.scope.user]
        if own:
            raise DashboardError(
                reader.t("A second person approves: the decision about {code} is your own.", code=own[0])
            )
        entry = {**signed(reader), "review": week, "verdict": verdict, "reason": reason.strip()}
        number = connection.execute(insert(approval).returning(approval.c.id), entry).scalar_one()
        connection.execute(
            insert(approval_decision), [{"approval_id": number, "decision_id": i} for i in sorted(wanted)]
        )


# --- reading -----------------------------------------------------------------------------------------


def of_review(reader: Reader, review: date) -> dict[str, Decision]:
    """The newest decision about each customer in a review, by code; one that was taken back is among them."""
    found = rows(reader, _judged(and_(d.c.review == monday(review), _newest())))
    seen = visible(reader, (row.customer_code for row in found))
    return {row.customer_code: _decision(row) for row in found if row.customer_code in seen}


def numbered(reader: Reader, ids: Iterable[int]) -> dict[int, Decision]:
    """Decisions by their numbers, as far as the reader may see their customers; replaced ones too."""
    wanted, found = sorted(set(ids)), list[Row]()
    for start in range(0, len(wanted), AT_ONCE):
        found += rows(reader, _judged(d.c.id.in_(wanted[start : start + AT_ONCE])))
    seen = visible(reader, (row.customer_code for row in found))
    return {row.id: _decision(row) for row in found if row.customer_code in seen}


def history(reader: Reader, customer: str) -> list[Decision]:
    """Everything ever decided about a customer, newest first."""
    found = rows(reader, _judged(d.c.customer_code == customer))
    return [_decision(row) for row in reversed(found)] if found and visible(reader, [customer]) else []


def reviews(reader: Reader) -> list[date]:
    """Mondays of the reviews with a decision the reader may see, newest first."""
    found = rows(reader, select(d.c.review, d.c.customer_code).distinct())
    seen = visible(reader, (row.customer_code for row in found))
    return sorted({row.review for row in found if row.customer_code in seen}, reverse=True)


def in_force(reader: Reader, on: date, actions: Sequence[str] = ("accept", "override")) -> dict[str, str]:
    """The level decided for each customer, by code, as it stands on a day; of decisions with these actions.

    Of the reviews up to that day the newest one that accepted or overrode counts; an override only to its last day, a
    rejected decision not at all. What was put off or taken back changes nothing: the review before it still stands.
    """
    counts = and_(d.c.review <= on, _newest(), d.c.action.in_(actions))
    shown = (d.c.review, d.c.customer_code, d.c.level, d.c.expires_on)  # reading all that was expected takes longer
    found = [row for row in rows(reader, _judged(counts, shown)) if row.verdict != "rejected"]
    newest = {row.customer_code: row for row in sorted(found, key=lambda each: each.review)}
    lasting = {c: row.level for c, row in newest.items() if row.expires_on is None or row.expires_on >= on}
    seen = visible(reader, lasting)
    return {code: level for code, level in lasting.items() if code in seen}


def newest_of(connection: Connection, review: date) -> dict[str, Row]:
    """The newest decision about each customer in a review with its verdict, by code, inside a transaction."""
    return {row.customer_code: row for row in connection.execute(_judged(and_(d.c.review == review, _newest())))}


# --- parts -------------------------------------------------------------------------------------------


def _newest() -> Any:
    """A decision that no later one about the same customer in the same review replaces."""
    later = d.alias("later")
    return ~(
        select(later.c.id)
        .where(
            later.c.review == d.c.review,
            later.c.customer_code == d.c.customer_code,
            later.c.sequence > d.c.sequence,
        )
        .exists()
    )


def _judged(condition: Any, shown: Sequence[ColumnElement[Any]] = tuple(d.c)) -> Select:
    """Decisions (of their columns those shown) with their newest verdict, oldest first."""
    last = (
        select(approval_decision.c.decision_id, func.max(approval_decision.c.approval_id).label("approval_id"))
        .group_by(approval_decision.c.decision_id)
        .subquery("last")
    )
    said = approval.c
    return (
        select(*shown, said.verdict, said.author.label("verdict_by"), said.reason.label("verdict_reason"))
        .outerjoin_from(d, last, last.c.decision_id == d.c.id)
        .outerjoin(approval, said.id == last.c.approval_id)
        .where(condition)
        .order_by(d.c.review, d.c.id)
    )


def _refuse_doubles(reader: Reader, choices: Sequence[Choice]) -> None:
    met: set[str] = set()
    for choice in choices:
        if choice.customer in met:
            raise DashboardError(reader.t("{code} is decided on twice.", code=choice.customer))
        met.add(choice.customer)


def _check(reader: Reader, choice: Choice) -> None:
    """A choice is whole: known words, and a reason and an expiry where they are due."""
    if choice.action not in ACTIONS:
        raise DashboardError(f"action: {choice.action!r} is not known{nearest(choice.action, ACTIONS)}")
    for level in (choice.current, choice.recommended, choice.level):
        if level is not None and level not in TIERS:
            raise DashboardError(f"level: {level!r} is not known{nearest(level, TIERS)}")
    due = {
        "accept": choice.level is not None and choice.level == choice.recommended,
        "override": choice.level is not None and choice.level != choice.recommended,
        "postpone": choice.level is not None and choice.level == choice.current,
        "withdraw": choice.level is None and choice.seen > 0,
    }
    if not due[choice.action]:
        raise DashboardError(reader.t(_MEANING[choice.action], code=choice.customer))
    if choice.action == "override":
        stated(reader, choice.reason, message("The reason of an override"))
        if choice.expires_on is None:
            raise DashboardError(reader.t("An override needs the day on which it ends."))
    if choice.action == "postpone" and not choice.reason.strip() and choice.expires_on is None:
        raise DashboardError(reader.t("To postpone, give a reason or the day until which."))
    if choice.expires_on is not None and not timedelta(0) < choice.expires_on - today(reader) <= LONGEST:
        raise DashboardError(
            reader.t(
                "{day} is not a day within a year after {today}.",
                day=choice.expires_on.isoformat(),
                today=today(reader).isoformat(),
            )
        )


_MEANING = {
    "accept": message("{code}: to accept is to give the recommended level."),
    "override": message("{code}: an override gives another level than the recommended one."),
    "postpone": message("{code}: a postponed customer keeps the current level."),
    "withdraw": message("{code}: there is no decision to take back."),
}


def _refuse_taken(reader: Reader, connection: Connection, week: date, seen: Mapping[str, int]) -> None:
    """Raise Conflict when a customer's newest decision is not the one the writer has seen."""
    codes = list(seen)
    found: list[Row] = []
    for start in range(0, len(codes), AT_ONCE):
        some = d.c.customer_code.in_(codes[start : start + AT_ONCE])
        found += connection.execute(select(d).where(d.c.review == week, some, _newest())).all()
    if taken := [_taken(reader, row) for row in found if row.sequence != seen[row.customer_code]]:
        raise Conflict(reader, sorted(taken, key=lambda each: each.about))
    if ahead := [c for c in codes if seen[c] and c not in {row.customer_code for row in found}]:
        raise DashboardError(
            reader.t("{code}: there is no decision {number} to replace.", code=ahead[0], number=seen[ahead[0]])
        )


def _taken(reader: Reader, row: Row) -> Taken:
    words = {"accept": message("accepted"), "override": message("overridden")}
    words |= {"postpone": message("postponed"), "withdraw": message("taken back")}
    return Taken(row.customer_code, row.author, row.at, reader.t(words[row.action]))


def _of_ids(connection: Connection, week: date, ids: set[int]) -> list[Row]:
    return list(connection.execute(select(d).where(d.c.review == week, d.c.id.in_(sorted(ids)))))


def _decision(row: Row) -> Decision:
    values = dict(row._mapping)
    return Decision(customer=values.pop("customer_code"), **values)
