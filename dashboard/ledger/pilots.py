"""Pilots: customers drawn at random and held at their level, so that the others' moves can be judged.

The draw is made where the recommendation is; here it is declared once, with its seed, before anybody is moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Row, insert, select

from dashboard.errors import DashboardError, nearest
from dashboard.insight import Reader
from dashboard.language import message
from dashboard.ledger.entries import demand, demand_visible, ordered, rows, signed, stated, visible, writing
from dashboard.ledger.tables import pilot, pilot_customer
from queries.schema import TIERS


@dataclass(frozen=True)
class Pilot:
    """A hold-out; `held` are the customers of it that the reader may see. `ends_on` is the last day."""

    id: int
    at: datetime
    author: str
    name: str
    levels: tuple[str, ...]
    seed: int
    share: float
    starts_on: date
    ends_on: date
    why: str
    held: tuple[str, ...] = ()


def declare(
    reader: Reader,
    name: str,
    *,
    levels: Sequence[str],
    seed: int,
    share: float,
    starts_on: date,
    ends_on: date,
    held: Sequence[str],
    why: str,
) -> Pilot:
    """Write a pilot with the customers it holds; the same name again replaces it.

    Needs the permission "policy" and every customer in scope.
    """
    demand(reader, "policy")
    name, why = stated(reader, name, message("The name")), stated(reader, why, message("The reason"))
    ordered(reader, starts_on, ends_on)
    for level in levels:
        if level not in TIERS:
            raise DashboardError(f"level: {level!r} is not known{nearest(level, TIERS)}")
    if not 0 < share < 1:
        raise DashboardError(reader.t("The share held lies between 0 and 1; got {share}.", share=share))
    if not held or not levels:
        raise DashboardError(reader.t("A pilot holds at least one customer of one level."))
    codes = sorted(set(held))
    demand_visible(reader, codes)
    entry = {**signed(reader), "name": name, "levels": list(levels), "seed": seed, "share": share}
    entry |= {"starts_on": starts_on, "ends_on": ends_on, "why": why}
    with writing(reader) as connection:
        row = connection.execute(insert(pilot).returning(*pilot.c), entry).one()
        connection.execute(insert(pilot_customer), [{"pilot_id": row.id, "customer_code": c} for c in codes])
    return replace(_pilot(row), held=tuple(codes))


def declared(reader: Reader) -> list[Pilot]:
    """The newest entry of each pilot that holds a customer the reader may see, in the order they were declared."""
    newest = {row.name: row for row in rows(reader, select(pilot).order_by(pilot.c.id))}
    found = []
    for row in newest.values():
        held = rows(
            reader,
            select(pilot_customer.c.customer_code)
            .where(pilot_customer.c.pilot_id == row.id)
            .order_by(pilot_customer.c.customer_code),
        )
        codes = [code for (code,) in held]
        seen = visible(reader, codes)
        if seen:
            found.append(replace(_pilot(row), held=tuple(code for code in codes if code in seen)))
    return found


def _pilot(row: Row) -> Pilot:
    return Pilot(**{**row._mapping, "levels": tuple(row.levels)})
