"""What is said in a review, and the events that charts show.

A note belongs to a review week and stands beside a question where it names one. It is about a customer, or about
regions: those looked at when it was written. An annotation is everybody's. Both are changed by an entry that replaces
the one before, and when two change the same one, the second is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Select, Table, exists, insert, select
from sqlalchemy.exc import IntegrityError

from dashboard.errors import DashboardError
from dashboard.insight import Reader
from dashboard.language import message
from dashboard.ledger.entries import (
    Conflict,
    RefusedError,
    Taken,
    demand,
    demand_visible,
    only_visible,
    ordered,
    regions_of,
    rows,
    signed,
    stated,
    writing,
)
from dashboard.ledger.tables import annotation
from dashboard.ledger.tables import note as n
from dashboard.periods import monday


@dataclass(frozen=True)
class Note:
    """A note; `regions` it is about (None: the whole company), unless it is about a customer."""

    id: int
    at: datetime
    author: str
    review: date
    question: str | None
    customer: str | None
    regions: tuple[str, ...] | None
    text: str


@dataclass(frozen=True)
class Annotation:
    """A named event; `ends_on` is its last day."""

    id: int
    at: datetime
    author: str
    starts_on: date
    ends_on: date
    text: str
    text_en: str | None


# --- notes -------------------------------------------------------------------------------------------


def write_note(
    reader: Reader, review: date, text: str, question: str | None = None, customer: str | None = None
) -> int:
    """Keep a note with a review; returns its number. Needs the permission "decide" and a customer in scope."""
    demand(reader, "decide")
    if customer:
        demand_visible(reader, [customer])
    values = {"review": monday(review), "question": question, "customer_code": customer, "regions": regions_of(reader)}
    return _write(reader, n, {**values, "text": stated(reader, text, message("The text"))})


def change_note(reader: Reader, number: int, text: str) -> int:
    """Replace the reader's own note by another text; an empty text takes it back. Returns the new number."""
    demand(reader, "decide")
    old = _own(reader, n, number)
    kept = {name: old[name] for name in ("review", "question", "customer_code", "regions")}
    return _write(reader, n, {**kept, "text": text.strip(), "replaces": number, "retired": not text.strip()})


def notes(reader: Reader, review: date, question: str | None = None) -> list[Note]:
    """Notes of a review (beside one question) that the reader may see, in the order they were written."""
    condition = n.c.review == monday(review)
    if question:
        condition &= n.c.question == question
    found = only_visible(reader, rows(reader, _standing(n).where(condition)))
    return [
        Note(
            *(row.id, row.at, row.author, row.review, row.question, row.customer_code),
            tuple(row.regions) if row.regions else None,
            row.text,
        )
        for row in found
    ]


# --- annotations -------------------------------------------------------------------------------------


def annotate(
    reader: Reader,
    starts_on: date,
    ends_on: date,
    text: str,
    text_en: str | None = None,
    *,
    instead_of: int | None = None,
) -> int:
    """Keep an event that charts show to everybody, in place of an older one when it is named.

    Needs the permission "share". Returns its number.
    """
    demand(reader, "share")
    ordered(reader, starts_on, ends_on)
    values = {"starts_on": starts_on, "ends_on": ends_on, "text": stated(reader, text, message("The text"))}
    return _write(reader, annotation, {**values, "text_en": (text_en or "").strip() or None, "replaces": instead_of})


def retire_annotation(reader: Reader, number: int) -> None:
    """Take an event off the charts. Needs the permission "share"."""
    demand(reader, "share")
    found = rows(reader, select(annotation).where(annotation.c.id == number))
    if not found:
        raise _unknown(reader, number)
    kept = {name: found[0]._mapping[name] for name in ("starts_on", "ends_on", "text", "text_en")}
    _write(reader, annotation, {**kept, "replaces": number, "retired": True})


def annotated(reader: Reader, first: date, last: date) -> list[Annotation]:
    """Events that touch the days from first to last, by day."""
    c = annotation.c
    touching = _standing(annotation).where(c.starts_on <= last, c.ends_on >= first)
    found = sorted(rows(reader, touching), key=lambda row: row.starts_on)
    return [Annotation(row.id, row.at, row.author, row.starts_on, row.ends_on, row.text, row.text_en) for row in found]


# --- parts -------------------------------------------------------------------------------------------


def _standing(table: Table) -> Select:
    """Entries that are neither replaced nor retired, in the order they were written."""
    later = table.alias("later")
    replaced = exists().where(later.c.replaces == table.c.id)
    return select(table).where(~replaced, ~table.c.retired).order_by(table.c.id)


def _own(reader: Reader, table: Table, number: int) -> dict[str, Any]:
    found = rows(reader, select(table).where(table.c.id == number))
    if not found or not only_visible(reader, found):
        raise _unknown(reader, number)
    if found[0].author != reader.scope.user:
        raise RefusedError(reader.t("Only {author} may change this.", author=found[0].author))
    return dict(found[0]._mapping)


def _write(reader: Reader, table: Table, values: dict[str, Any]) -> int:
    entry = {**signed(reader), "replaces": None, "retired": False, **values}
    try:
        with writing(reader) as connection:
            return connection.execute(insert(table).returning(table.c.id), entry).scalar_one()
    except IntegrityError:
        newer = rows(reader, select(table).where(table.c.replaces == entry["replaces"]))
        if not newer:
            raise _unknown(reader, entry["replaces"]) from None
        raise Conflict(reader, [_taken(reader, newer[0])]) from None


def _taken(reader: Reader, row: Row) -> Taken:
    what = reader.t("taken back") if row.retired else reader.t("changed")
    return Taken(reader.t("entry {number}", number=row.replaces), row.author, row.at, what)


def _unknown(reader: Reader, number: int) -> DashboardError:
    return DashboardError(reader.t("There is no entry {number} that you may see.", number=number))
