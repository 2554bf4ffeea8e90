"""Reading a version of the marts: scoped, one cursor for each call, moving on when a new one is published."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
from sqlalchemy import FromClause, Select, column, func, select, table

from dashboard.errors import DashboardError, nearest
from dashboard.periods import Calendar, Occasion, Window
from dashboard.scope import Scope, carries
from dashboard.warehouse.connect import engine_on, open_file
from dashboard.warehouse.refresh import current_version
from queries import marts as m

KEPT = 256
"""Results of statements that are kept, each of a few hundred rows at most."""
CHUNK = 5
"""Vectors of 2,048 rows that are streamed at once."""
WORKED_OUT = 32
"""Results of longer work that are kept (`Marts.once`)."""
TABLES = 6
"""Tables in memory that are kept (`Marts.table`); of a million customers the widest takes about 0.3 GB."""
MEMORY = "memory_"
"""The database of these tables beside the file."""


class UnscopedQueryError(RuntimeError):
    """A statement without its reader's scope. It was not run."""


@dataclass(frozen=True)
class Entry:
    """A member of a dimension: its code in filters and links, and its names."""

    code: str
    name: str
    name_en: str | None
    parent: str | None = None
    level: int = 0


class Once:
    """Results worked out once for a key, of which the last few are kept: threads that ask meanwhile wait for it. A
    failure is told and not kept."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._found: OrderedDict[Hashable, Future] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, key: Hashable, make: Callable[[], Any]) -> Any:
        with self._lock:
            found = self._found.get(key)
            mine = found is None
            if found is None:
                found = self._found[key] = Future()
            self._found.move_to_end(key)
            while len(self._found) > self._kept:
                self._found.popitem(last=False)
        if mine:
            try:
                found.set_result(make())
            except BaseException as error:
                with self._lock:
                    self._found.pop(key, None)
                found.set_exception(error)
        return found.result()


class Marts:
    """One published version, open for reading. Immutable; a run that holds it finishes on it."""

    def __init__(self, folder: Path, version: str) -> None:
        self.version = version
        path = folder / f"marts-{version}.duckdb"
        if not path.exists():
            raise DashboardError(f"{path} is gone: run 'dashboard refresh'")
        root = open_file(path)
        self._root, self._engine = root, engine_on(root)

        @lru_cache(KEPT)
        def rows(sql: str, values: tuple[Any, ...]) -> pd.DataFrame:
            return root.cursor().execute(sql, values).df()

        self._rows = rows
        root.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {MEMORY} (READ_WRITE)")  # the file itself stays read-only
        self._tables = Once(TABLES)
        self._there: set[str] = set()
        self._unused: deque[str] = deque()
        self.once = Once(WORKED_OUT)  # the key names all that a result hangs on but the data

    def read(self, statement: Select, scope: Scope) -> pd.DataFrame:
        """The statement's rows as a frame. Raises UnscopedQueryError unless it carries the scope.

        Questions on a page share statements, so the last few hundred results are kept: the file never changes.
        """
        self._demand(statement, scope)
        return self._frame(statement)

    def stream(self, statement: Select, scope: Scope) -> Iterator[pd.DataFrame]:
        """The statement's rows in parts, for files of any length: nothing is kept. Raises as `read` does."""
        self._demand(statement, scope)
        cursor = self._root.cursor().execute(*self._said(statement))
        while len(part := cursor.fetch_df_chunk(CHUNK)):
            yield part

    def _demand(self, statement: Select, scope: Scope) -> None:
        if not carries(statement, scope):
            raise UnscopedQueryError(f"the query lacks the scope of {scope.user!r} and was not run")

    def _frame(self, statement: Select) -> pd.DataFrame:
        return self._rows(*self._said(statement)).copy(deep=False)  # what one reader adds to it no other one sees

    def _said(self, statement: Select) -> tuple[str, tuple[Any, ...]]:
        said = statement.compile(self._engine, compile_kwargs={"render_postcompile": True})
        return str(said), tuple(said.params[name] for name in said.positiontup or ())

    def table(self, key: Hashable, make: Callable[[], Select], scope: Scope) -> FromClause:
        """The rows of a statement as a table in memory, made once for a key, which names all they hang on but the data
        and the scope. Those that nobody has any more go when the next one comes; what is read from it needs the
        scope's condition again."""
        return self._tables((key, scope.fingerprint), lambda: self._put(make(), scope))

    def _put(self, statement: Select, scope: Scope) -> FromClause:
        self._demand(statement, scope)
        said, values = self._said(statement)
        name = f"kept_{uuid4().hex}"  # never the same twice: results are kept by a statement's text
        self._drop_unused()
        self._root.cursor().execute(f'CREATE TABLE {MEMORY}."{name}" AS {said}', values)
        self._there.add(name)
        held = table(name, *[column(c.name, c.type) for c in statement.selected_columns], schema=MEMORY)
        weakref.finalize(held, self._unused.append, name)
        return held

    def _drop_unused(self) -> None:
        if len(self._there) >= 2 * TABLES:
            gc.collect()  # a clause is in circles with its columns, so it doesn't go by itself
        with suppress(IndexError):
            while True:
                name = self._unused.popleft()
                self._there.discard(name)
                self._root.cursor().execute(f'DROP TABLE {MEMORY}."{name}"')

    @cached_property
    def info(self) -> dict[str, str]:
        return dict(self._frame(select(m.info)).itertuples(index=False))

    @cached_property
    def filled(self) -> frozenset[str]:
        """Which tables of the contract hold rows; 'cost_of_goods' when margins can be computed."""
        return frozenset(json.loads(self.info["filled"]))

    @cached_property
    def currency(self) -> str:
        return self.info.get("source.currency", "")

    @cached_property
    def calendar(self) -> Calendar:
        rows = self._frame(select(m.window)).itertuples(index=False)
        ready = {Window(first.date(), last.date()): int(key) for key, first, last in rows}
        day = {k: date.fromisoformat(self.info[k]) for k in ("first_week", "last_week", "last_day")}
        return Calendar(day["first_week"], day["last_week"], day["last_day"], ready)

    @cached_property
    def dimensions(self) -> dict[str, dict[str, Entry]]:
        """Members of each dimension a filter can name, by code, in display order."""
        r, e, a = m.region.c, m.employee.c, m.activity.c
        regions = self._frame(select(r.code, r.name, r.name_en, r.parent_code, r.level).order_by(r.position))
        managed = select(m.customer.c.manager_key)
        managers = self._frame(select(e.code, e.name, e.name_en).where(e.employee_key.in_(managed)).order_by(e.code))
        channels = self._frame(select(*m.channel.c["code", "name", "name_en"]).order_by(m.channel.c.code))
        activities = self._frame(select(a.code, a.name, a.name_en).order_by(a.activity_key))
        return {
            "region": _entries(regions),
            "industry": self._coded("industry", m.customer.c.industry),
            "kind": self._coded("kind", m.customer.c.kind),
            "channel": _entries(channels),
            "manager": _entries(managers),
            "activity": _entries(activities),
        }

    def _coded(self, domain: str, column: Any) -> dict[str, Entry]:
        """Codes that occur, named by `label` where it has them, in its order."""
        named = (
            select(column.label("code"), m.label.c.name, m.label.c.name_en)
            .outerjoin(m.label, (m.label.c.domain == domain) & (m.label.c.code == column))
            .where(column.is_not(None))
            .distinct()
            .order_by(m.label.c.position, column)
        )
        return _entries(self._frame(named.add_columns(m.label.c.position)).drop(columns="position"))

    @cached_property
    def labels(self) -> dict[tuple[str, str], Entry]:
        """Names of coded values by (domain, code)."""
        rows = self._frame(select(*m.label.c["domain", "code", "name", "name_en"])).itertuples(index=False)
        return {(d, c): Entry(c, n, None if pd.isna(e) else e) for d, c, n, e in rows}

    @cached_property
    def targets(self) -> pd.DataFrame:
        """The company's targets (columns of the contract's table): a few hundred rows at most."""
        return self._frame(select(m.target))

    @cached_property
    def models(self) -> pd.DataFrame:
        """What the models of value to come were fitted to (columns of `queries.marts.model`): a few dozen rows."""
        return self._frame(select(m.model))

    @cached_property
    def batches(self) -> pd.DataFrame:
        """The batches of past moves between tiers (columns of `queries.marts.batch`): a few rows."""
        return self._frame(select(m.batch).order_by(m.batch.c.day.desc()))

    @cached_property
    def grading(self) -> dict[str, Any]:
        """The grading policy that measured grades follow, as it was at the refresh, with what came of it: `used`
        (weights of the inputs there are), `reviews` (days), `graded` (customers), `flips` and `plain_flips` (changes
        of grade per customer and year, and what they would be by plain cuts)."""
        return json.loads(self.info["grading"])

    @property
    def measured(self) -> bool:
        """Whether the grades in force are the measured ones, for the company keeps none itself."""
        return "assignment" not in self.filled

    def unit_rates(self, day: date) -> dict[str, float]:
        """The unit rate of each activity in force on a day, by activity code."""
        r, a = m.activity_rate.c, m.activity.c
        in_force = (r.valid_from <= day) & (r.valid_to.is_(None) | (r.valid_to > day))
        rates = select(a.code, r.unit_rate).join_from(m.activity, m.activity_rate, r.activity_key == a.activity_key)
        return {code: float(rate) for code, rate in self._frame(rates.where(in_force)).itertuples(index=False)}

    @cached_property
    def driver_units(self) -> dict[str, str]:
        """What each activity is counted in, by activity code; empty where nothing says so."""
        units = self._frame(select(m.activity.c.code, func.coalesce(m.activity.c.driver_unit, "")))
        return dict(units.itertuples(index=False, name=None))

    def weekly_capacity(self, day: date) -> dict[str, float]:
        """The practical capacity of each activity in force on a day, driver units a week, by activity code."""
        r, a = m.activity_rate.c, m.activity.c
        in_force = (r.valid_from <= day) & (r.valid_to.is_(None) | (r.valid_to > day))
        known = select(a.code, r.weekly_capacity).join_from(
            m.activity, m.activity_rate, r.activity_key == a.activity_key
        )
        kept = known.where(in_force, r.weekly_capacity.is_not(None))
        return {code: float(units) for code, units in self._frame(kept).itertuples(index=False)}

    @cached_property
    def events(self) -> pd.DataFrame:
        """Named events that charts annotate."""
        return self._frame(select(m.event).order_by(m.event.c.starts_on))

    @cached_property
    def occasions(self) -> tuple[Occasion, ...]:
        """The times of the named events, by which last year's weeks are aligned."""
        rows = self.events[["name", "starts_on", "ends_on"]].itertuples(index=False)
        return tuple(Occasion(name, first.date(), last.date()) for name, first, last in rows)

    def check(self, dimension: str, codes: tuple[str, ...]) -> None:
        """Raise DashboardError for a code that the dimension doesn't have."""
        known = self.dimensions[dimension]
        for code in codes:
            if code not in known:
                raise DashboardError(f"no {dimension} {code!r}{nearest(code, known)}")


def _entries(frame: pd.DataFrame) -> dict[str, Entry]:
    frame = frame.astype(object).where(frame.notna(), None)
    return {row[0]: Entry(row[0], row[1] or row[0], row[2], *row[3:]) for row in frame.itertuples(index=False)}


_open: dict[Path, Marts] = {}
_opening = threading.Lock()


def open_marts(folder: Path) -> Marts:
    """The version in force. Cheap to call on every run: it opens a file only when the version moved.

    The old version closes itself when the last run that holds it has finished.
    """
    version = current_version(folder)
    if version is None:
        raise DashboardError(f"no marts in {folder}: run 'dashboard refresh'")
    with _opening:
        held = _open.get(folder)
        if held is None or held.version != version:
            held = _open[folder] = Marts(folder, version)
        return held
