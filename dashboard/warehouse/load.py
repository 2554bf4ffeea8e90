"""Real data in: a mapping and its files become a new warehouse, wholly or not at all.

Each feed of the mapping is staged as candidates in one set-based statement: every field converted to the
contract's type, and with the first reason for which the row can't be loaded, if there is one. Then codes are
numbered, repeats merged, the tables filled, and rows and amounts reconciled: read = loaded + merged + set
aside. Only then does the new file take the old one's place; killed at any moment, the old one stands.

A later kind of input (another database, an incremental load) is a reader in `sources.py` or a step between
candidates and tables; the reconciliation and the publishing stay as they are.
"""
# Names are quoted by `ident` and values by `literal`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv

from dashboard.errors import nearest
from dashboard.warehouse.connect import BATCH_ROWS, engine_on
from dashboard.warehouse.mapping import (
    BLANK_IS_A_VALUE,
    DIMENSIONS,
    Feed,
    Field,
    Join,
    LoadError,
    Mapping,
    Target,
    contract_type,
    generated_key,
    natural_key,
    read_mapping,
    targets,
)
from dashboard.warehouse.sources import (
    LINE,
    NUMBER,
    PLAIN,
    UNREADABLE,
    Staged,
    Writing,
    as_number,
    as_text,
    as_written,
    connect,
    convert,
    csv_lines,
    first_line,
    ident,
    literal,
    lock_down,
    open_sources,
    run,
    sql_type,
    stage_rows,
)
from queries.schema import REQUIRED, metadata

Progress = Callable[[str, float], None]

AMOUNTS = {
    "sales_line": ("quantity", "revenue"),
    "service_event": ("quantity",),
    "direct_cost": ("amount",),
}
LOCK = "lock"
EXACT = "DECIMAL(38,8)"
SIGNED = ("quantity", "revenue", "discount", "cost_of_goods")
SET_ASIDE_COLUMNS = ("table", "file", "line", "column", "value", "reason", "row")


# The report -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetAside:
    """The rows of a table that weren't loaded for one reason, and the amounts they hold."""

    reason: str
    rows: int
    amounts: dict[str, Decimal]


@dataclass(frozen=True)
class TableReport:
    """What became of the rows that were read for one table. Amounts by column, each at four stages."""

    table: str
    read: int
    loaded: int
    merged: int
    added: int
    set_aside: tuple[SetAside, ...]
    amounts: dict[str, dict[str, Decimal]]
    notes: tuple[str, ...]

    @property
    def rows_set_aside(self) -> int:
        return sum(part.rows for part in self.set_aside)


@dataclass(frozen=True)
class LoadReport:
    """What a load did, for the person who ran it; kept in the warehouse as `load_report`."""

    mapping: str
    warehouse: str
    set_aside_file: str
    tables: tuple[TableReport, ...]
    seconds: float

    def table(self, name: str) -> TableReport:
        """The part about one table."""
        return next(part for part in self.tables if part.table == name)

    def lines(self) -> list[str]:
        """The report as plain text."""
        text = [f"{self.warehouse}: loaded from {self.mapping} in {self.seconds:.1f} s"]
        for part in self.tables:
            text.append(
                f"{part.table}: {part.read:,} rows read = {part.loaded - part.added:,} loaded"
                f" + {part.merged:,} merged + {part.rows_set_aside:,} set aside"
            )
            for column, stages in part.amounts.items():
                read, loaded, merged, aside = (stages[s] for s in ("read", "loaded", "merged", "set_aside"))
                text.append(f"  {column}: {read:,} = {loaded:,} loaded + {merged:,} merged + {aside:,} set aside")
            for reason in part.set_aside:
                held = ", ".join(f"{column} {amount:,}" for column, amount in reason.amounts.items())
                text.append(f"  set aside: {reason.rows:,} {reason.reason}{f' ({held})' if held else ''}")
            text.extend(f"  {note}" for note in part.notes)
        text.append(f"rows set aside are in {self.set_aside_file}")
        return text

    def as_json(self) -> str:
        """The report as JSON; amounts as text, to the last digit."""
        return json.dumps(asdict(self), default=str, ensure_ascii=False)


# Loading --------------------------------------------------------------------------------------------------


def load(
    mapping: Path,
    warehouse: Path,
    *,
    source: Path | None = None,
    progress: Progress = lambda step, done: None,
) -> LoadReport:
    """Load the files that `mapping` names into a new warehouse at `warehouse`, replacing the one there.

    `source` overrides the folder of the mapping. Raises LoadError, with the old warehouse untouched, when the
    mapping or a file is wrong or the totals don't reconcile.
    """
    started = perf_counter()
    plan = read_mapping(mapping, source)
    warehouse = warehouse.absolute()
    aside = warehouse.with_name(f"{warehouse.stem}.set-aside.csv")
    with _loading_folder(warehouse) as scratch:
        fresh = scratch / "warehouse.duckdb"
        _create(fresh)
        connection = connect(scratch)
        try:
            run(connection, f"ATTACH {literal(fresh)} AS warehouse")
            job = _Run(plan, connection)
            for number, (name, staged) in enumerate(open_sources(connection, plan, scratch), 1):
                job.sources[name] = staged
                progress(f"{name}: {staged.rows:,} rows read", 0.5 * number / len(plan.sources))
            lock_down(connection)
            tables = job.fill(progress)
            job.write_set_aside(scratch / "set-aside.csv")
            seconds = perf_counter() - started
            report = LoadReport(mapping.name, warehouse.name, aside.name, tables, round(seconds, 2))
            job.describe(report)
            run(connection, "CHECKPOINT warehouse")
            run(connection, "DETACH warehouse")
        finally:
            connection.close()
        progress("checked", 0.95)
        _publish(scratch / "set-aside.csv", aside, fresh, warehouse)
    progress("published", 1.0)
    return report


@contextmanager
def _loading_folder(warehouse: Path) -> Iterator[Path]:
    """A folder beside the target for all that is unfinished; those that dead loads left are cleared away.

    A load holds a lock in its folder, which its death releases: process ids are used again, in a container
    at once.
    """
    prefix = f".{warehouse.name}.loading-"
    folder = warehouse.parent / f"{prefix}{os.getpid()}"
    try:
        warehouse.parent.mkdir(parents=True, exist_ok=True)
        for leftover in warehouse.parent.glob(f"{prefix}*"):
            _clear_if_dead(leftover)
        folder.mkdir()
        lock = (folder / LOCK).open("w")
    except FileExistsError:
        raise LoadError(f"{warehouse}: this process is loading it already; wait for that load") from None
    except OSError as error:
        raise LoadError(f"{warehouse}: can't be written there: {error.strerror}") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _clear_if_dead(folder: Path) -> None:
    try:
        with (folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass  # that load is alive


def _create(path: Path) -> None:
    """A warehouse with every table of the contract, all empty."""
    with duckdb.connect(str(path)) as connection:
        metadata.create_all(engine_on(connection))


def _publish(aside: Path, aside_target: Path, fresh: Path, target: Path) -> None:
    """Both files into place; the warehouse, which counts, as the last and in one step."""
    wal = target.with_name(f"{target.name}.wal")
    if wal.exists():
        raise LoadError(f"{target} is being written by another program ({wal.name} lies beside it); close that first")
    for path in (aside, fresh):
        with path.open("rb") as written:
            os.fsync(written.fileno())
    os.replace(aside, aside_target)
    os.replace(fresh, target)


# Candidates -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Check:
    """A reason to set a row aside: SQL that is true then, the column to blame and its text as it was read."""

    reason: str
    column: str
    when: str
    shown: str


@dataclass(frozen=True)
class _Value:
    """What fills a field: SQL over the rows of a feed, its type, and the text it was read from."""

    sql: str
    kind: str
    column: str = ""
    shown: str = "NULL"
    writing: Writing = PLAIN


@dataclass
class _Candidates:
    """A feed, staged: table `stage.feed_N` has one row for each row read (and each entry of a spread).

    `_why` is the place in `checks` of the first reason not to load the row, NULL for a good one; `_repeat`
    marks the later ones of exact repeats that are to be merged. `source` is the FROM clause they came from.
    """

    feed: Feed
    table: str
    base: Staged
    source: str
    fields: tuple[str, ...]
    checks: list[_Check]

    @property
    def good(self) -> str:
        return f"(SELECT * FROM {self.table} WHERE _why IS NULL AND NOT _repeat)"

    def set_aside(self) -> str:
        """The rows not to load, a query of (_row, _entry, _why, _shown); their text is read again here."""
        row, entry, why = map(_of_aside, ("_row", "_entry", "_why"))
        columns = ("_row", "_entry", "_why", *self.fields)
        renamed = ", ".join(f"{ident(name)} AS {_of_aside(name)}" for name in columns)
        shown = "".join(f" WHEN {at} THEN {check.shown}" for at, check in enumerate(self.checks))
        return (
            f"SELECT {row} AS _row, {entry} AS _entry, {why} AS _why,"
            f" CAST(CASE {why}{shown} END AS VARCHAR) AS _shown FROM {self.source}"
            f" JOIN (SELECT {renamed} FROM {self.table} WHERE _why IS NOT NULL)"
            f" ON {row} = {ident(self.base.name)}._row"
        )

    @property
    def entries(self) -> int:
        return max(1, len(self.feed.spread))


def _of_aside(name: str) -> str:
    """A candidate's column under a name that no column of a source has."""
    return ident(f"set aside {name}")


class _View:
    """The rows of a feed as a FROM clause, its source with what it joins, and the columns seen there."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, feed: Feed, base: Staged, sources: dict[str, Staged]
    ) -> None:
        self.connection = connection
        self.base = base
        self.parts = {base.name: base}
        self.source = f"{base.typed()} AS {ident(base.name)}"
        self.checks: list[_Check] = []
        for join in feed.joins:
            self._join(sources[join.source], join, f"{feed.place} join {join.source}")
        for staged in self.parts.values():
            if staged.garbled:
                words = ", ".join(f"{ident(staged.name)}.{ident(column)}" for column in staged.columns)
                unreadable = f"contains(concat_ws(' ', {words}), {literal(UNREADABLE)})"
                self.checks.append(_Check(f"the line is not {staged.source.encoding}", "", unreadable, "NULL"))

    def _join(self, staged: Staged, join: Join, place: str) -> None:
        alias = ident(staged.name)
        ours = [self.column(name, place) for name in join.on]
        for name in join.on.values():
            if name not in staged.columns:
                raise LoadError(f'{place}: no column "{name}"{nearest(name, staged.columns)}')
        theirs = [as_text(f"{alias}.{ident(name)}", staged.kind(name)) for name in join.on.values()]
        twice = run(
            self.connection,
            f"SELECT {', '.join(theirs)} FROM {staged.typed()} AS {alias}"
            f" WHERE {' AND '.join(f'{key} IS NOT NULL' for key in theirs)}"
            " GROUP BY ALL HAVING count(*) > 1 LIMIT 1",
        )
        if twice:
            raise LoadError(
                f"{place}: several rows have {', '.join(join.on.values())} = {', '.join(twice[0])};"
                " a join finds at most one row, so join on what names a row"
            )
        pairs = zip(ours, theirs, strict=True)
        equal = " AND ".join(f"{as_text(our.sql, our.kind)} = {their}" for our, their in pairs)
        self.source += f" LEFT JOIN {staged.typed()} AS {alias} ON {equal}"
        self.parts[staged.name] = staged
        if not join.optional:
            reason = f"no row in {staged.name} for this {', '.join(join.on)}"
            self.checks.append(_Check(reason, ours[0].column, f"{alias}._row IS NULL", ours[0].shown))

    def find(self, name: str) -> tuple[Staged, str] | None:
        """The source and column meant by `Column` or `source.Column`; the feed's own source goes first."""
        source, _, rest = name.partition(".")
        meant = [(staged, name) for staged in self.parts.values()]
        meant += [(self.parts[source], rest)] if source in self.parts else []
        for staged, word in meant:
            for column in staged.columns:
                if column.casefold() == word.casefold():  # DuckDB's names know no case
                    return staged, column
        return None

    def column(self, name: str, place: str) -> _Value:
        """A column by name. Raises LoadError with the nearest one."""
        found = self.find(name)
        if found is None:
            known = [column for staged in self.parts.values() for column in staged.columns]
            raise LoadError(f'{place}: no column "{name}" in {" or ".join(self.parts)}{nearest(name, known)}')
        staged, column = found
        sql, kind = f"{ident(staged.name)}.{ident(column)}", staged.kind(column)
        declared = column in (*staged.source.numbers, *staged.source.dates)
        shown = f"{ident(staged.name)}.{ident(as_written(column))}" if declared else as_text(sql, kind)
        return _Value(sql, kind, column, shown, staged.writing)

    def expression(self, sql: str, place: str) -> tuple[_Value, list[_Check]]:
        """An analyst's SQL expression, and a check for each declared number or date that it reads."""
        names = self._columns_in(sql, place)
        inner = f"({sql}\n)"
        try:
            kind = run(self.connection, f"DESCRIBE SELECT {inner} FROM {self.source}")[0][1]
        except duckdb.Error as error:
            for name in (name for name in names if name in str(error) and self.find(name) is None):
                self.column(name, place)  # says which name is nearest
            raise LoadError(f"{place}: the expression doesn't work: {first_line(error)}") from None
        read = [self.column(name, place) for name in names if self.find(name)]
        checks = [
            _Check(
                f'"{value.column}" is not {"a date" if value.kind == "TIMESTAMP" else "a number"}',
                value.column,
                f"{value.sql} IS NULL AND {value.shown} IS NOT NULL",
                value.shown,
            )
            for value in read
            if value.kind in ("TIMESTAMP", NUMBER)
        ]
        first = read[0] if read else _Value("", "")
        return _Value(inner, kind, first.column, first.shown, self.base.writing), checks

    def _columns_in(self, sql: str, place: str) -> list[str]:
        """The columns that an expression names, by DuckDB's own parser; it has to be one expression."""
        statement = literal(f"SELECT ({sql}\n)")
        tree = json.loads(run(self.connection, f"SELECT json_serialize_sql({statement})")[0][0])
        if tree["error"]:
            raise LoadError(f"{place}: not an SQL expression: {tree['error_message']}")
        nodes = [statement["node"] for statement in tree["statements"]]
        if len(nodes) != 1 or len(nodes[0].get("select_list", ())) != 1:
            raise LoadError(f"{place}: one SQL expression is needed, not several")
        return list(dict.fromkeys(".".join(names) for names in _column_names(nodes[0])))


def _column_names(node: Any) -> Iterator[list[str]]:
    if isinstance(node, dict):
        if node.get("class") == "COLUMN_REF":
            yield node["column_names"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _column_names(part)


class _Entry:
    """The SELECT of one feed, or of one entry of its spread: fields, checks and exact amounts."""

    def __init__(
        self, view: _View, feed: Feed, specs: dict[str, Field], fields: tuple[str, ...], anonymous: str | None
    ) -> None:
        self.view = view
        self.table = feed.table
        self.fields: dict[str, str] = {}
        self.exact: dict[str, str] = {}
        self.checks = list(view.checks)
        empty: list[_Check] = []
        known = targets(metadata.tables[feed.table])
        for target in map(known.__getitem__, fields):
            blank = (feed.table, target.field) in BLANK_IS_A_VALUE
            spec = specs.get(target.field, Field(constant="") if blank else None)
            if spec is None:
                self.fields[target.field] = f"CAST(NULL AS {sql_type(contract_type(target))})"
                if target.field in AMOUNTS.get(feed.table, ()):
                    self.exact[target.field] = f"CAST(NULL AS {EXACT})"
                continue
            value = self._fill(target, spec, f"{feed.place} columns {target.field}")
            stand_in = anonymous if target.reference == "customer" and target.required else None
            if blank or stand_in is not None:
                self.fields[target.field] = f"coalesce({self.fields[target.field]}, {literal(stand_in or '')})"
            if target.required:
                reason = "no customer" if target.field == "customer" else f"{target.field} is empty"
                missing = f"{self.fields[target.field]} IS NULL"
                empty.append(_Check(reason, value.column, missing, value.shown))
        self.checks = list(dict.fromkeys([*self.checks, *empty]))
        for condition in feed.set_aside:
            value, checks = view.expression(condition.where, f"{feed.place} set_aside")
            self.checks += [*checks, _Check(condition.reason, value.column, value.sql, value.shown)]
        if feed.returns:
            self._turn(feed.returns, f"{feed.place} returns")

    def _fill(self, target: Target, spec: Field, place: str) -> _Value:
        """Set the SQL of one field, with the checks of what it reads."""
        contract = contract_type(target)
        if spec.constant is not None:
            value = _Value(literal(spec.constant), "VARCHAR" if isinstance(spec.constant, str) else "CONSTANT")
            self._try_constant(value, target, place)
        elif spec.expression is not None:
            value, checks = self.view.expression(spec.expression, place)
            self.checks += checks
        else:
            assert spec.column is not None
            value = self.view.column(spec.column, place)
        if spec.formats:
            value = replace(value, writing=replace(value.writing, formats=spec.formats))
        if spec.values:
            value = self._look_up(value, spec)
        if spec.factor is not None:
            number = as_number(value.sql, value.kind, NUMBER, value.writing)
            value = replace(value, sql=f"({number} * {Decimal(str(spec.factor)):f})", kind="DECIMAL")
        typed, expected = convert(value.sql, value.kind, contract, value.writing)
        if expected != "a text" and spec.constant is None:
            read = value.sql if spec.expression is not None else value.shown
            blamed = value.column if spec.column is not None else target.field
            shown = f"CAST({read} AS VARCHAR)"
            unreadable = f"{typed} IS NULL AND {read} IS NOT NULL"
            self.checks.append(_Check(f'"{blamed}" is not {expected}', blamed, unreadable, shown))
        default = None if spec.default is None else f"CAST({literal(spec.default)} AS {sql_type(contract)})"
        self.fields[target.field] = f"coalesce({typed}, {default})" if default else typed
        if target.field in AMOUNTS.get(self.table, ()):
            exact = as_number(value.sql, value.kind, EXACT, value.writing)
            self.exact[target.field] = f"coalesce({exact}, {default})" if default else exact
        return value

    def _try_constant(self, value: _Value, target: Target, place: str) -> None:
        typed, expected = convert(value.sql, value.kind, contract_type(target), PLAIN)
        try:
            answer = run(self.view.connection, f"SELECT {typed}")[0][0]
        except duckdb.Error:
            answer = None
        if answer is None:
            raise LoadError(f"{place}: the constant {value.sql} is not {expected}")

    def _look_up(self, value: _Value, spec: Field) -> _Value:
        text = as_text(value.sql, value.kind)
        cases = " ".join(f"WHEN {literal(old)} THEN {literal(str(new))}" for old, new in spec.values.items())
        if spec.otherwise is None:
            words = ", ".join(map(literal, spec.values))
            reason = f'"{value.column}" is none of {", ".join(spec.values)}'
            self.checks.append(_Check(reason, value.column, f"{text} NOT IN ({words})", value.shown))
        other = "NULL" if spec.otherwise is None else literal(str(spec.otherwise))
        mapped = f"CASE WHEN {text} IS NOT NULL THEN CASE {text} {cases} ELSE {other} END END"
        return replace(value, sql=mapped, kind="VARCHAR", shown=mapped, writing=PLAIN)

    def _turn(self, condition: str, place: str) -> None:
        """Make the amounts of returns negative, however the source writes them."""
        value, checks = self.view.expression(condition, place)
        self.checks += checks
        for part in (self.fields, self.exact):
            for name in SIGNED:
                if name in part:
                    part[name] = f"CASE WHEN {value.sql} THEN -abs({part[name]}) ELSE {part[name]} END"

    def select(self, entry: int, first_check: int) -> str:
        """One row a row: the fields, the exact amounts, and `_why`, numbered from `first_check`."""
        base = ident(self.view.base.name)
        fields = [f"{sql} AS {ident(name)}" for name, sql in self.fields.items()]
        exact = [f"{sql} AS {ident(_exact(name))}" for name, sql in self.exact.items()]
        why = "".join(f" WHEN {check.when} THEN {at}" for at, check in enumerate(self.checks, first_check))
        return (
            f"SELECT {base}._row, {entry} AS _entry, {', '.join(fields + exact)},"
            f" CAST(CASE{why or ' WHEN false THEN 0'} END AS SMALLINT) AS _why FROM {self.view.source}"
        )


def _exact(amount: str) -> str:
    """The name of the column that keeps an amount before it is rounded."""
    return f"exact {amount}"


@dataclass(frozen=True)
class _Held:
    """Rows, and the amounts in them."""

    rows: int
    amounts: tuple[Decimal, ...]

    def __add__(self, other: _Held) -> _Held:
        amounts = zip(self.amounts, other.amounts, strict=True)
        return _Held(self.rows + other.rows, tuple(one + another for one, another in amounts))


@dataclass(frozen=True)
class _Outcome:
    """What became of some rows of a feed: set aside for a reason, merged, or (neither) loaded."""

    reason: str | None
    merged: bool
    held: _Held


# The run --------------------------------------------------------------------------------------------------


class _Run:
    """One load: the sources in the staging database, and the steps from there to a filled warehouse."""

    def __init__(self, mapping: Mapping, connection: duckdb.DuckDBPyConnection) -> None:
        self.mapping = mapping
        self.connection = connection
        self.sources: dict[str, Staged] = {}
        self.candidates: list[_Candidates] = []
        self.added: dict[str, int] = {}
        self.notes: dict[str, list[str]] = {}

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return run(self.connection, sql)

    def _of(self, table: str) -> list[_Candidates]:
        return [candidates for candidates in self.candidates if candidates.feed.table == table]

    def fill(self, progress: Progress) -> tuple[TableReport, ...]:
        """Stage every feed, fill every table, and prove that nothing was lost."""
        feeds = sorted(self.mapping.feeds, key=lambda feed: feed.rows_of is not None)
        for number, feed in enumerate(feeds):
            self.candidates.append(self._stage(feed, number))
            progress(f"{feed.table}: staged", 0.5 + 0.25 * (number + 1) / len(feeds))
        names = [name for name in metadata.tables if self._of(name)]
        for name in (name for name in names if name in DIMENSIONS):
            self._merge(name)
        for name in (name for name in names if name not in DIMENSIONS):
            self._refuse_unknown(name)
            if natural_key(metadata.tables[name]):
                self._merge(name)
        reports = []
        for number, name in enumerate(names):
            self._insert(name)
            reports.append(self._reconcile(name))
            progress(f"{name}: loaded", 0.75 + 0.15 * (number + 1) / len(names))
        for report in (r for r in reports if r.table in REQUIRED and not r.loaded):
            most = max((part for r in reports for part in r.set_aside), key=lambda part: part.rows, default=None)
            why = f"{most.rows:,} set aside: {most.reason}" if most else "the source is empty"
            raise LoadError(f"[table.{report.table}]: not one row could be loaded ({why})")
        return (*reports, *self._broken_lookups())

    def _stage(self, feed: Feed, number: int) -> _Candidates:
        """The feed's rows with every field converted, and for each the first reason not to load it."""
        parent = next(iter(self._of(feed.rows_of)), None) if feed.rows_of else None
        if parent:
            base = parent.base
        elif feed.source:
            base = self.sources[feed.source]
        else:
            base = stage_rows(self.connection, f"rows {number}", feed.rows)
        view = _View(self.connection, parent.feed if parent else feed, base, self.sources)
        anonymous = self.mapping.anonymous[0] if self.mapping.anonymous else None
        known, specs = targets(metadata.tables[feed.table]), [feed.fields | e for e in feed.spread or ({},)]
        given = self._fields(feed.table)
        fields = tuple(name for name in known if name in given)
        entries: list[_Entry] = []
        selects = []
        for at, spec in enumerate(specs):
            entry = _Entry(view, feed, spec, fields, anonymous)
            selects.append(entry.select(at, sum(len(other.checks) for other in entries)))
            entries.append(entry)
        table = f"stage.feed_{number}"
        wanted = [f"{ident(key)} IS NOT NULL" for key in self._key_to_find(feed)]
        if parent and parent.entries == 1:
            wanted.append(f"_row NOT IN (SELECT _row FROM {parent.table} WHERE _why IS NOT NULL OR _repeat)")
        elif parent:
            wanted.append(f"_row IN (SELECT _row FROM {parent.good})")
        repeated = self._find_repeats(table, base) if feed.repeats else None
        merged = f"_row IN (FROM {repeated})" if feed.repeats == "merge" else "false"
        try:
            self._rows(
                f"CREATE TABLE {table} AS SELECT *, {merged} AS _repeat FROM ({' UNION ALL '.join(selects)})"
                f" WHERE {' AND '.join(wanted) or 'true'}"
            )
        except duckdb.Error as error:
            raise LoadError(f"{feed.place}: a row can't be worked out: {first_line(error)}") from None
        checks = [check for entry in entries for check in entry.checks]
        candidates = _Candidates(feed, table, base, view.source, fields, checks)
        if feed.repeats == "keep":
            kept = self._rows(f"SELECT count(*) FROM {candidates.good} SEMI JOIN {repeated} USING (_row)")
            self._note(feed.table, f"{kept[0][0]:,} exact repeats of other rows are among those loaded")
        return candidates

    def _fields(self, table: str) -> set[str]:
        """The fields that some feed of a table fills, and those that are filled without it."""
        own = {"name"} if table in DIMENSIONS else {name for of, name in BLANK_IS_A_VALUE if of == table}
        feeds = [feed for feed in self.mapping.feeds if feed.table == table]
        return own.union(*(part for feed in feeds for part in (feed.fields, *feed.spread)))

    def _key_to_find(self, feed: Feed) -> tuple[str, ...]:
        """The fields without which a row of another table simply names nothing here."""
        return natural_key(metadata.tables[feed.table]) if feed.rows_of else ()

    def _find_repeats(self, table: str, base: Staged) -> str:
        """A table of the rows that repeat an earlier one in every column."""
        columns = ", ".join(ident(column) for column in base.columns)
        hashed = f"hash({columns})"
        self._rows(
            f"CREATE TABLE {table}_repeats AS SELECT rowid + 1 AS _row FROM {base.table}"
            f" WHERE {hashed} IN (SELECT {hashed} FROM {base.table} GROUP BY 1 HAVING count(*) > 1)"
            f" QUALIFY row_number() OVER (PARTITION BY {columns} ORDER BY rowid) > 1"
        )
        return f"{table}_repeats"

    def _note(self, table: str, note: str) -> None:
        self.notes.setdefault(table, []).append(note)

    def _merge(self, name: str) -> None:
        """One row a code (or mapped key), numbered by first appearance: `stage.merged_NAME`.

        Of rows that share the key, each field takes the first (or last) value that isn't empty.
        """
        key = natural_key(metadata.tables[name])
        parts = self._of(name)
        pick = "arg_min" if parts[0].feed.keep == "first" else "arg_max"
        others = [field for field in parts[0].fields if field not in key]
        rows = " UNION ALL ".join(
            f"SELECT {', '.join(map(ident, (*key, *others)))}, _row + {at << 44} AS _order FROM {part.good}"
            for at, part in enumerate(parts)
        )
        keys = ", ".join(map(ident, key))
        picked = "".join(f", {pick}({ident(n)}, _order) AS {ident(n)}" for n in others)
        differ = "".join(f", min({ident(n)}) <> max({ident(n)}) AS {ident(f'{n} differs')}" for n in others)
        self._rows(
            f"CREATE TABLE stage.merged_{name} AS SELECT *, row_number() OVER (ORDER BY _first) AS _key FROM"
            f" (SELECT {keys}{picked}{differ}, min(_order) AS _first, count(*) AS _rows"
            f" FROM ({rows}) GROUP BY ALL)"
        )
        for other in others:
            differing = f"SELECT count(*) FROM stage.merged_{name} WHERE {ident(f'{other} differs')}"
            if codes := self._rows(differing)[0][0]:
                self._note(name, f"{codes:,} had several values of {other}; the {parts[0].feed.keep} one was kept")
        if name == "customer" and self.mapping.anonymous:
            code, title = map(literal, self.mapping.anonymous)
            self._rows(
                f"INSERT INTO stage.merged_customer BY NAME SELECT {code} AS code, {title} AS name,"
                " 0 AS _rows, (SELECT coalesce(max(_key), 0) + 1 FROM stage.merged_customer) AS _key"
                f" WHERE {code} NOT IN (SELECT code FROM stage.merged_customer)"
            )
            self.added[name] = self._rows("SELECT count(*) FROM stage.merged_customer WHERE _rows = 0")[0][0]

    def _refuse_unknown(self, name: str) -> None:
        """Set aside the rows whose required reference names a code that isn't there."""
        for target in targets(metadata.tables[name]).values():
            for part in self._of(name) if target.reference and target.required else ():
                code = ident(target.field)
                column = getattr(part.feed.fields.get(target.field), "column", None) or target.field
                reason = f"this {target.field} is not in table {target.reference}"
                part.checks.append(_Check(reason, column, "", _of_aside(target.field)))
                self._rows(
                    f"UPDATE {part.table} SET _why = {len(part.checks) - 1} WHERE _why IS NULL"
                    f" AND {code} NOT IN (SELECT code FROM stage.merged_{target.reference})"
                )

    def _insert(self, name: str) -> None:
        """Fill one table of the warehouse from what was merged, or from the good candidates."""
        table = metadata.tables[name]
        own = generated_key(table)
        if natural_key(table):
            self._insert_from(name, f"stage.merged_{name}", f"{own}, " if own else "", "s._key, " if own else "")
            return
        first = 0
        for part in self._of(name):
            number = f"{first} + (s._row - 1) * {part.entries} + s._entry + 1, "
            self._insert_from(name, part.good, f"{own}, ", number)
            first += part.base.rows * part.entries

    def _insert_from(self, name: str, rows: str, own: str, number: str) -> None:
        mapped = self._fields(name)
        columns, values, joins = [], [], ""
        for target in targets(metadata.tables[name]).values():
            value = f"s.{ident(target.field)}"
            if target.field not in mapped:
                continue
            if target.field == "name" and name in DIMENSIONS:
                value = f"coalesce({value}, s.code)"
            elif target.reference:
                alias = ident(f"key of {target.field}")
                joins += f" LEFT JOIN stage.merged_{target.reference} AS {alias} ON {alias}.code = {value}"
                unknown = f"{value} IS NOT NULL AND {alias}.code IS NULL"
                self._note_unknown(name, target, f"{rows} AS s{joins} WHERE {unknown}", value)
                value = f"{alias}._key"
            columns.append(ident(target.column.name))
            values.append(value)
        self._rows(
            f"INSERT INTO warehouse.{ident(name)} ({own}{', '.join(columns)})"
            f" SELECT {number}{', '.join(values)} FROM {rows} AS s{joins}"
        )

    def _note_unknown(self, name: str, target: Target, rows: str, value: str) -> None:
        count, example = self._rows(f"SELECT count(*), min({value}) FROM {rows}")[0]
        if count:
            what = f'{target.field} that is not in table {target.reference}, such as "{example}"'
            self._note(name, f"{count:,} name a {what}; loaded without it")

    # Reconciliation

    def _reconcile(self, name: str) -> TableReport:
        """What became of all that was read for a table. Raises LoadError if a row or a cent is missing."""
        parts = self._of(name)
        amounts = [column for column in AMOUNTS.get(name, ()) if column in parts[0].fields]
        none = _Held(0, (Decimal(),) * len(amounts))
        outcomes = [outcome for part in parts for outcome in self._outcomes(part, amounts)]
        aside: dict[str, _Held] = {}
        for reason, held in ((o.reason, o.held) for o in outcomes if o.reason):
            aside[reason] = aside.get(reason, none) + held
        everything = sum((o.held for o in outcomes), none)
        set_aside = sum(aside.values(), none)
        merged = sum((o.held for o in outcomes if o.merged), none)
        if natural_key(metadata.tables[name]):
            shared = f"SELECT coalesce(sum(_rows - 1), 0)::BIGINT FROM stage.merged_{name} WHERE _rows > 0"
            merged += replace(none, rows=self._rows(shared)[0][0])
        sums = "".join(f", coalesce(sum({ident(column)}), 0)" for column in amounts)
        rows, *totals = self._rows(f"SELECT count(*){sums} FROM warehouse.{ident(name)}")[0]
        loaded, added = _Held(rows, tuple(totals)), self.added.get(name, 0)
        read = replace(everything, rows=sum(self._rows_read(part) for part in parts))
        if replace(read, rows=read.rows + added) != loaded + merged + set_aside:
            raise LoadError(f"[table.{name}]: the totals don't reconcile, so nothing was published; report this")
        self._note_rounding(name, parts, dict(zip(amounts, read.amounts, strict=True)))
        if name == "sales_line":
            query = f"SELECT count(*), coalesce(sum(revenue), 0) FROM warehouse.{name} WHERE revenue < 0"
            lines, revenue = self._rows(query)[0]
            self._note(name, f"{lines:,} of the lines loaded are returns or reductions (revenue {revenue:,})")
        stages = {"read": read, "loaded": loaded, "merged": merged, "set_aside": set_aside}
        return TableReport(
            name,
            read.rows,
            loaded.rows,
            merged.rows,
            added,
            tuple(
                SetAside(reason, held.rows, dict(zip(amounts, held.amounts, strict=True)))
                for reason, held in aside.items()
            ),
            {a: {stage: held.amounts[at] for stage, held in stages.items()} for at, a in enumerate(amounts)},
            tuple(self.notes.get(name, ())),
        )

    def _rows_read(self, part: _Candidates) -> int:
        """How many rows a feed had to account for, counted where they came from."""
        if part.feed.rows_of:
            return self._rows(f"SELECT count(*) FROM {part.table}")[0][0]
        rejected = sum(rows for _, rows in self._rejected(part.base.name)) if part.feed.source else 0
        return self._rows(f"SELECT count(*) FROM {part.base.table}")[0][0] * part.entries + rejected

    def _outcomes(self, part: _Candidates, amounts: list[str]) -> list[_Outcome]:
        """What became of a feed's rows: loaded, merged, or set aside for a reason."""
        sums = "".join(f", coalesce(sum({ident(column)}), 0)" for column in amounts)
        grouped = self._rows(
            f"SELECT _why, _why IS NULL AND _repeat, count(*){sums} FROM {part.table} GROUP BY 1, 2 ORDER BY 1, 2"
        )
        found = [
            _Outcome(None if why is None else part.checks[why].reason, merged, _Held(rows, tuple(held)))
            for why, merged, rows, *held in grouped
        ]
        nothing = (Decimal(),) * len(amounts)
        broken = self._rejected(part.base.name) if part.feed.source else []
        return found + [_Outcome(reason, False, _Held(rows, nothing)) for reason, rows in broken]

    def _note_rounding(self, name: str, parts: list[_Candidates], rounded: dict[str, Decimal]) -> None:
        for column, total in rounded.items():
            queries = [f"SELECT sum({ident(_exact(column))}) FROM {part.table}" for part in parts]
            exact = sum((self._rows(query)[0][0] or Decimal() for query in queries), Decimal())
            if exact != total:
                written = f"{exact.normalize():,f} as written, {total:,} with each row rounded"
                self._note(name, f"{column} adds up to {written}")

    def _rejected(self, source: str) -> list[tuple[str, int]]:
        """The lines of a source that are no rows at all, by reason."""
        rejected = f"FROM stage.rejected WHERE source = {literal(source)}"
        return self._rows(f"SELECT reason, count(*) {rejected} GROUP BY 1 ORDER BY 1")

    def _broken_lookups(self) -> list[TableReport]:
        """The broken lines of files that only serve joins: no table's rows, and yet not to be lost."""
        own = {feed.source for feed in self.mapping.feeds}
        reports = []
        for name in (name for name in self.sources if name not in own):
            aside = tuple(SetAside(reason, rows, {}) for reason, rows in self._rejected(name))
            rows = self.sources[name].rows
            if aside:
                broken = sum(part.rows for part in aside)
                reports.append(TableReport(f"source {name}", rows + broken, rows, 0, 0, aside, {}, ()))
        return reports

    # What is written beside the tables

    def describe(self, report: LoadReport) -> None:
        """The mapping's facts about the warehouse, and the report itself, as `warehouse_info`."""
        info = self.mapping.info | {
            "mapping": self.mapping.path.name,
            "loaded_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "load_report": report.as_json(),
        }
        rows = list(info.items())
        self._rows(f"INSERT INTO warehouse.warehouse_info FROM {_values(rows)}")

    def write_set_aside(self, path: Path) -> None:
        """Every row set aside, with its place, the value to blame, the reason and the row as it was read."""
        self._number_lines()
        parts = [self._set_aside_rows(at, part) for at, part in enumerate(self.candidates) if part.checks]
        parts += [
            f"""
            SELECT {literal(table)} AS "table", file, line, NULL::VARCHAR AS "column", NULL::VARCHAR AS value,
                reason, text AS "row", {len(self.candidates)} AS _part, line AS _row, 0 AS _entry
            FROM stage.rejected WHERE source = {literal(source)}
            """
            for table, source in self._readers()
        ]
        cells = (f"{_safe(ident(n))} AS {ident(n)}" for n in SET_ASIDE_COLUMNS if n not in ("table", "line"))
        query = (
            f"SELECT {', '.join(map(ident, SET_ASIDE_COLUMNS))} FROM (SELECT * REPLACE ({', '.join(cells)})"
            f" FROM ({' UNION ALL '.join(parts)})) ORDER BY _part, _row, _entry"
        )
        with path.open("wb") as file:
            file.write(b"\xef\xbb\xbf")
            rows = self.connection.sql(query).to_arrow_reader(BATCH_ROWS)
            with pacsv.CSVWriter(file, rows.schema) as writer:
                for batch in rows:
                    writer.write_batch(batch)

    def _set_aside_rows(self, at: int, part: _Candidates) -> str:
        """One feed's part of the file, as a query; `_part`, `_row` and `_entry` put it in order."""
        checks = _values([(place, check.column, check.reason) for place, check in enumerate(part.checks)])
        files = _values([(file.first, file.last, file.name) for file in part.base.files])
        return f"""
            SELECT {literal(part.feed.table)} AS "table", f.name AS file, {_line(part.base)} AS line,
                c.name AS "column", s._shown AS value, c.reason, {part.base.original("r")} AS "row",
                {at} AS _part, s._row, s._entry
            FROM ({part.set_aside()}) AS s
            JOIN {checks} AS c (place, name, reason) ON c.place = s._why
            JOIN {part.base.table} AS r ON r.rowid = s._row - 1
            JOIN {files} AS f (first, last, name) ON s._row BETWEEN f.first AND f.last
            LEFT JOIN stage.line AS l ON l.source = {literal(part.base.name)} AND l._row = s._row
            """

    def _readers(self) -> list[tuple[str, str]]:
        """(table, source) for every source: the table it feeds, or its own name if it only serves joins."""
        pairs = [(feed.table, feed.source) for feed in self.mapping.feeds if feed.source]
        fed = {source for _, source in pairs}
        return pairs + [(f"source {name}", name) for name in self.sources if name not in fed]

    def _number_lines(self) -> None:
        """`stage.line`: the line in the file of each row set aside from a CSV file."""
        self._rows("CREATE TABLE stage.line (source VARCHAR, _row BIGINT, line BIGINT)")
        for name, staged in self.sources.items():
            parts = [part.table for part in self.candidates if part.base is staged]
            if staged.source.format != "csv" or not parts:
                continue
            aside = " UNION ".join(f"SELECT _row FROM {table} WHERE _why IS NOT NULL" for table in parts)
            for file in staged.files:
                between = f"SELECT _row FROM ({aside}) WHERE _row BETWEEN {file.first} AND {file.last}"
                rows = self.connection.sql(between).to_arrow_table()
                if not rows.num_rows:
                    continue
                where = f"source = {literal(name)} AND file = {literal(file.name)}"
                rejected = [line for (line,) in self._rows(f"SELECT line FROM stage.rejected WHERE {where}")]
                lines = pa.array(csv_lines(file, rows["_row"].to_numpy(), rejected))
                self.connection.register("numbered", rows.append_column("line", lines))
                self._rows(f"INSERT INTO stage.line SELECT {literal(name)}, _row, line FROM numbered")
                self.connection.unregister("numbered")


def _line(base: Staged) -> str:
    """Where in its file a row stands: a line of text, a row of a sheet, the n-th row of a Parquet file."""
    in_file = "s._row - f.first + 1"
    if base.source.format == "parquet":
        return in_file
    return "l.line" if base.source.format == "csv" else f"r.{LINE}"


def _values(rows: list[tuple[Any, ...]]) -> str:
    return f"(VALUES {', '.join('(' + ', '.join(map(literal, row)) + ')' for row in rows)})"


def _safe(text: str) -> str:
    """A cell that a spreadsheet can't take for a formula; numbers stay as they are."""
    number = f"regexp_full_match({text}, '[+-]?[0-9][0-9.,]*')"
    formula = f"left({text}, 1) IN ('=', '+', '-', '@', chr(9), chr(13)) AND NOT {number}"
    return f"CASE WHEN {formula} THEN chr(39) || {text} ELSE {text} END"
