"""What every entry has in common: who may write it, about whom, and what happens when two write at once.

Rights are checked here, on every write, and reading returns only what concerns customers and regions that the reader
may see. The marts say where a customer lies, through the reader's own scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from dashboard.errors import DashboardError
from dashboard.insight import Reader
from dashboard.language import message
from dashboard.ledger.store import Ledger, LedgerError
from queries import marts

AT_ONCE = 2_000
"""Codes in one statement."""
NAMED = 5
"""Of a conflict's customers, how many its line names."""

PERMISSION_NAMES = {
    "decide": message("take decisions"),
    "approve": message("approve decisions"),
    "policy": message("change the service policy"),
    "share": message("write for everyone"),
    "export": message("export"),
}


class RefusedError(DashboardError):
    """The reader may not write this. Nothing was written."""


@dataclass(frozen=True)
class Taken:
    """What somebody else wrote first: about which customer (or under which name), who, when and what."""

    about: str
    author: str
    at: datetime
    what: str


class Conflict(DashboardError):
    """Somebody else was first. Nothing was written; `taken` says who wrote what about whom."""

    def __init__(self, reader: Reader, taken: Sequence[Taken]) -> None:
        self.taken = tuple(taken)
        listed = [f"{t.about} ({t.author}, {t.at:%Y-%m-%d %H:%M} UTC, {t.what})" for t in self.taken[:NAMED]]
        if len(self.taken) > NAMED:
            listed.append(reader.t("{count} more", count=len(self.taken) - NAMED))
        super().__init__(
            reader.t(
                "Somebody else was first, so nothing was saved: {listed}. Look at it and decide again.",
                listed="; ".join(listed),
            )
        )


# --- rights ------------------------------------------------------------------------------------------


def demand(reader: Reader, permission: str) -> None:
    """Raise RefusedError unless the reader has the permission."""
    if not reader.scope.may(permission):
        what = reader.t(PERMISSION_NAMES[permission])
        raise RefusedError(
            reader.t("You may not {what}: ask the owner of the access file for “{name}”.", what=what, name=permission)
        )


def demand_visible(reader: Reader, codes: Iterable[str]) -> None:
    """Raise RefusedError for a customer that the reader can't see; whether he exists is not said."""
    wanted = list(dict.fromkeys(codes))
    seen = _in_scope(reader, wanted)
    if lost := [code for code in wanted if code not in seen]:
        raise RefusedError(reader.t("There is no customer {code} that you may see.", code=lost[0]))


def visible(reader: Reader, codes: Iterable[str]) -> set[str]:
    """Those of the customers that the reader may see; who sees everything also sees who has left the data."""
    wanted = list(dict.fromkeys(codes))
    return set(wanted) if reader.scope.regions is None else _in_scope(reader, wanted)


def _in_scope(reader: Reader, codes: list[str]) -> set[str]:
    who = marts.customer.c
    found: set[str] = set()
    for start in range(0, len(codes), AT_ONCE):
        some = select(who.code).where(
            who.code.in_(codes[start : start + AT_ONCE]), reader.scope.allows(who.region_position)
        )
        found.update(reader.rows(some)["code"])
    return found


def covers(reader: Reader, regions: Sequence[str] | None) -> bool:
    """Whether the reader sees all of these regions (None or none: the whole company)."""
    if reader.scope.regions is None:
        return True
    if not regions:
        return False
    place = marts.region.c
    inside = select(place.code).where(place.code.in_(sorted(set(regions))), reader.scope.allows(place.position))
    return set(reader.rows(inside)["code"]) == set(regions)


def regions_of(reader: Reader) -> list[str] | None:
    """What an entry is about unless it says otherwise: the regions looked at, else those of the reader's rights."""
    return list(reader.filters.region or reader.scope.regions or ()) or None


# --- reading and writing -----------------------------------------------------------------------------


def rows(reader: Reader, statement: Select) -> Sequence[Row]:
    """Rows of the ledger; the caller takes out what the reader may not see."""
    if reader.ledger is None:
        return []
    with _told(reader):
        return reader.ledger.rows(statement)


@contextmanager
def writing(reader: Reader) -> Iterator[Connection]:
    """One transaction of the reader's: all of it is there at its end, or nothing."""
    with _told(reader), _ledger(reader).writing() as connection:
        yield connection


def signed(reader: Reader) -> dict[str, Any]:
    """The moment and the author of a new entry."""
    return {"at": _ledger(reader).clock(), "author": reader.scope.user}


def today(reader: Reader) -> date:
    """The last day with data that the reader looks at: what lies after it is the future."""
    return min(reader.view.window.last_day, reader.calendar.last_day)


def stated(reader: Reader, text: str, what: str) -> str:
    """The text without blanks around it; raises DashboardError when nothing is left."""
    if not text.strip():
        raise DashboardError(reader.t("{what} is missing.", what=reader.t(what)))
    return text.strip()


def ordered(reader: Reader, starts_on: date, ends_on: date) -> None:
    """Raise DashboardError when a period ends before it starts."""
    if ends_on < starts_on:
        raise DashboardError(reader.t("The last day lies before the first one."))


def only_visible(reader: Reader, found: Iterable[Row]) -> list[Row]:
    """Entries about a customer the reader may see, or about regions he sees all of."""
    entries = list(found)
    seen = visible(reader, (e.customer_code for e in entries if e.customer_code))
    return [e for e in entries if (e.customer_code in seen if e.customer_code else covers(reader, e.regions))]


def _ledger(reader: Reader) -> Ledger:
    if reader.ledger is None:
        raise DashboardError(reader.t("Nothing can be saved here: there is no ledger."))
    return reader.ledger


@contextmanager
def _told(reader: Reader) -> Iterator[None]:
    """The ledger's troubles in the reader's language."""
    try:
        yield
    except LedgerError as error:
        error.args = (reader.t(error.said, **error.values),)
        raise


def params(values: Mapping[str, str]) -> dict[str, str]:
    """URL parameters as they are kept."""
    return {str(name): str(value) for name, value in values.items()}
