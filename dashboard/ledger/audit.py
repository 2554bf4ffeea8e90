"""Who took what out of the dashboard: exports, sign-offs, and packs that were sent.

Who sees every region reads all of it; everybody else reads what he took out, and of packs those about regions that he
sees all of: those that were sent to himself are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import insert, select, true

from dashboard.errors import DashboardError, nearest
from dashboard.insight import Reader
from dashboard.ledger import entries
from dashboard.ledger.entries import covers, demand, signed, writing
from dashboard.ledger.tables import AUDITED, STATUSES
from dashboard.ledger.tables import audit as a
from dashboard.ledger.tables import delivery as d

SHOWN = 500
"""How many of the newest entries a page shows."""


@dataclass(frozen=True)
class Audit:
    """An export or a sign-off; `rows` is how many rows left the dashboard (None: it has none)."""

    id: int
    at: datetime
    author: str
    what: str
    subject: str
    filters: str
    rows: int | None
    data_version: str


@dataclass(frozen=True)
class Delivery:
    """One attempt to bring a pack to a recipient."""

    id: int
    at: datetime
    author: str
    pack: str
    recipient: str
    channel: str
    format: str
    language: str
    filters: str
    status: str
    attempt: int
    error: str
    data_version: str
    regions: tuple[str, ...] = ()


def audited(reader: Reader, what: str, subject: str, rows: int | None = None) -> None:
    """Write that the reader exported (permission "export") or signed off (permission "approve") what he looks at."""
    if what not in AUDITED:
        raise DashboardError(f"audit: {what!r} is not known{nearest(what, AUDITED)}")
    demand(reader, "export" if what == "export" else "approve")
    entry = {**signed(reader), "what": what, "subject": subject, "filters": reader.filters.canonical, "rows": rows}
    with writing(reader) as connection:
        connection.execute(insert(a), {**entry, "data_version": reader.marts.version})


def delivered(
    reader: Reader,
    pack: str,
    recipient: str,
    *,
    channel: str,
    format: str,
    language: str,
    status: str,
    attempt: int,
    error: str = "",
    regions: Sequence[str] | None = None,
) -> None:
    """Write one attempt to send a pack of what the reader looks at, about some regions (none: the whole company). Needs
    the permission "export"."""
    demand(reader, "export")
    if status not in STATUSES:
        raise DashboardError(f"status: {status!r} is not known{nearest(status, STATUSES)}")
    entry = {**signed(reader), "pack": pack, "recipient": recipient, "channel": channel, "format": format}
    entry |= {"language": language, "status": status, "attempt": attempt, "error": error}
    entry |= {"filters": reader.filters.canonical, "data_version": reader.marts.version}
    with writing(reader) as connection:
        connection.execute(insert(d), {**entry, "regions": list(regions or ()) or None})


def trail(reader: Reader) -> list[Audit]:
    """The newest exports and sign-offs, newest first."""
    mine = true() if reader.scope.regions is None else a.c.author == reader.scope.user
    return [
        Audit(**row._mapping)
        for row in entries.rows(reader, select(a).where(mine).order_by(a.c.id.desc()).limit(SHOWN))
    ]


def deliveries(reader: Reader) -> list[Delivery]:
    """The newest attempts to send a pack about what the reader sees all of, newest first."""
    seen: dict[tuple[str, ...], bool] = {}

    def mine(regions: tuple[str, ...]) -> bool:
        if regions not in seen:
            seen[regions] = covers(reader, regions)
        return seen[regions]

    newest = SHOWN if reader.scope.regions is None else None
    found = entries.rows(reader, select(d).order_by(d.c.id.desc()).limit(newest))
    known = (Delivery(**{**row._mapping, "regions": tuple(row.regions or ())}) for row in found)
    return list(islice((each for each in known if mine(each.regions)), SHOWN))
