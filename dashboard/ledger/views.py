"""What a person names and keeps, for himself or for everyone: views of pages, and what-if scenarios.

Both hold URL parameters and nothing else, so whoever opens one sees it with his own rights. A name is one thing for
everyone and one thing for each person; the newest entry counts, and a retired one is gone until it is saved again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, insert, select

from dashboard.errors import DashboardError
from dashboard.insight import Reader
from dashboard.language import message
from dashboard.ledger.entries import demand, params, rows, signed, stated, writing
from dashboard.ledger.tables import saved_view, scenario


@dataclass(frozen=True)
class View:
    """A view of a page by its URL parameters. `author` is who saved it last."""

    id: int
    at: datetime
    author: str
    name: str
    page: str
    params: dict[str, str]
    everyone: bool


@dataclass(frozen=True)
class Scenario:
    """A what-if by its URL parameters. `author` is who saved it last."""

    id: int
    at: datetime
    author: str
    name: str
    params: dict[str, str]
    everyone: bool


def save_view(reader: Reader, name: str, page: str, values: Mapping[str, str], *, everyone: bool) -> None:
    """Keep a view; the same name again replaces it. For everyone it needs the permission "share"."""
    _save(reader, saved_view, name, {"page": page}, values, everyone)


def retire_view(reader: Reader, name: str, *, everyone: bool) -> None:
    """Take a view out of the list. For everyone it needs the permission "share"."""
    _retire(reader, saved_view, name, everyone)


def saved_views(reader: Reader) -> list[View]:
    """The reader's own views and everyone's, by name."""
    return [View(**values) for values in _kept(reader, saved_view).values()]


def save_scenario(reader: Reader, name: str, values: Mapping[str, str], *, everyone: bool) -> None:
    """Keep a what-if; the same name again replaces it. For everyone it needs the permission "share"."""
    _save(reader, scenario, name, {}, values, everyone)


def retire_scenario(reader: Reader, name: str, *, everyone: bool) -> None:
    """Take a what-if out of the list. For everyone it needs the permission "share"."""
    _retire(reader, scenario, name, everyone)


def saved_scenarios(reader: Reader) -> list[Scenario]:
    """The reader's own what-ifs and everyone's, by name."""
    return [Scenario(**values) for values in _kept(reader, scenario).values()]


def _save(
    reader: Reader, table: Table, name: str, more: dict[str, str], values: Mapping[str, str], everyone: bool
) -> None:
    if everyone:
        demand(reader, "share")
    entry = {
        **signed(reader),
        "name": stated(reader, name, message("The name")),
        **more,
        "params": params(values),
        "everyone": everyone,
        "retired": False,
    }
    with writing(reader) as connection:
        connection.execute(insert(table), entry)


def _retire(reader: Reader, table: Table, name: str, everyone: bool) -> None:
    if everyone:
        demand(reader, "share")
    held = _kept(reader, table).get((name, everyone))
    if held is None:
        raise DashboardError(reader.t("Nothing is saved under the name “{name}”.", name=name))
    with writing(reader) as connection:
        written = {name: value for name, value in held.items() if name != "id"}
        connection.execute(insert(table), {**written, **signed(reader), "retired": True})


def _kept(reader: Reader, table: Table) -> dict[tuple[str, bool], dict[str, Any]]:
    """The newest entry of each name, for everyone and of the reader's own, by (name, everyone)."""
    mine = table.c.everyone | (table.c.author == reader.scope.user)
    newest: dict[tuple[str, bool], dict[str, Any]] = {}
    for row in rows(reader, select(table).where(mine).order_by(table.c.id)):
        values = dict(row._mapping)
        newest.pop((row.name, row.everyone), None)
        if not values.pop("retired"):
            newest[row.name, row.everyone] = values
    return dict(sorted(newest.items()))
