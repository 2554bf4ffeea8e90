"""The staging database: what sources become before any of it is a table of the contract."""
# Names are quoted by `ident` and values by `literal`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dashboard.warehouse.mapping import LoadError, Source
from dashboard.warehouse.writing import (
    NUMBER,
    ODD,
    Writing,
    as_number,
    as_text,
    as_time,
    clean,
    ident,
    literal,
    run,
)

LINE = "_line"
COLUMNS = 2_000
"""More columns than this are no table, but a slip or an attack."""
ARROW = "arrow_rows"
BATCH = 10_000
"""Rows of a file that are held at once where it isn't DuckDB that reads it."""


@dataclass(frozen=True)
class Plain:
    """A file of a source: its path inside the source folder, and where its plain content (for text, in UTF-8) lies.

    `skipped` lines of the original come before the first one of the content.
    """

    title: str
    path: Path
    skipped: int = 0


@dataclass(frozen=True)
class File:
    """One file of a source and the rows of the staged table that came from it: first <= row <= last."""

    plain: Plain
    first: int
    last: int

    @property
    def name(self) -> str:
        return self.plain.title


@dataclass
class Staged:
    """A source in the staging database: table `raw.NAME`, one row a row, numbered from 1 in file order.

    When `viewed`, it is a view of files that are read again at each look.
    """

    source: Source
    columns: dict[str, str] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)
    garbled: str = ""
    notes: list[str] = field(default_factory=list)
    blanks: int = ODD
    viewed: bool = False

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def rows(self) -> int:
        return self.files[-1].last if self.files else 0

    @property
    def table(self) -> str:
        return f"raw.{ident(self.name)}"

    @property
    def row(self) -> str:
        """SQL of the number of a row of the table."""
        return "_row" if self.viewed else "rowid + 1"

    @property
    def writing(self) -> Writing:
        one = self.source
        cells = one.format in ("xlsx", "xls")
        return Writing(one.decimal, one.thousands, one.empty, one.date_formats, self.blanks, cells)

    def kind(self, column: str) -> str:
        """The type of a column in the `typed` rows."""
        if column in self.source.numbers:
            return NUMBER
        return "TIMESTAMP" if column in self.source.dates else self.columns[column]

    def typed(self) -> str:
        """The rows with clean text and real numbers and days where the mapping declares them.

        Beside each declared column stands its text as written, for the report of a value that can't be read.
        """
        parts = [f"{self.row} AS _row"]
        for column, kind in self.columns.items():
            name = ident(column)
            value = clean(name, kind, self.writing)
            if column in self.source.numbers:
                parts.append(f"{as_text(value, kind)} AS {ident(as_written(column))}")
                value = as_number(value, kind, NUMBER, self.writing)
            elif column in self.source.dates:
                parts.append(f"{as_text(value, kind)} AS {ident(as_written(column))}")
                value = as_time(value, kind, "TIMESTAMP", self.writing)
            parts.append(f"{value} AS {name}")
        return f"(SELECT {', '.join(parts)} FROM {self.table})"

    def original(self, alias: str) -> str:
        """A row of `raw.NAME` as JSON text, as it was read."""
        fields = ", ".join(f"{ident(column)} := {alias}.{ident(column)}" for column in self.columns)
        return f"CAST(to_json(struct_pack({fields})) AS VARCHAR)"


def as_written(column: str) -> str:
    """The name under which `Staged.typed` keeps a declared column's own text."""
    return f"{column} (as written)"


def append(connection: duckdb.DuckDBPyConnection, staged: Staged, file: Plain, query: str) -> None:
    """Put a file's rows behind those staged so far. Every file of a source has the same columns."""
    name = file.title
    if not staged.files:
        run(connection, f"CREATE TABLE {staged.table} AS {query}")
    read = query if staged.files else f"FROM {staged.table}"
    columns = {column: kind for column, kind, *_ in run(connection, f"DESCRIBE {read}")}
    numbered = columns.pop(LINE, None) == "BIGINT"
    refuse_columns(staged, name, columns, ("_row",) if numbered else ("_row", LINE))
    if staged.files:
        same_columns(staged, staged.files[0].name, staged.columns, name, columns)
        run(connection, f"INSERT INTO {staged.table} BY NAME {query}")
    else:
        staged.columns = columns
    staged.files.append(File(file, staged.rows + 1, count(connection, staged.table)))


def refuse_columns(staged: Staged, name: str, columns: Iterable[str], reserved: tuple[str, ...]) -> None:
    """Raise LoadError for what is no table, and for a column of a name that is used here."""
    found = {column.casefold() for column in columns}
    if len(found) > COLUMNS:
        many = f"{len(found):,} columns; more than {COLUMNS:,}"
        raise LoadError(f"{staged.source.place}: {name} has {many} are no table")
    if taken := found & set(reserved):
        raise LoadError(f"{staged.source.place}: {name} has a column {min(taken)}, a name used here; rename it")


def hold(connection: duckdb.DuckDBPyConnection, staged: Staged, replaced: str = "") -> None:
    """Make a table of a source's rows as they are now, in order; some columns `replaced` by SQL."""
    rows = f"* {'EXCLUDE (_row)' if staged.viewed else ''} {f'REPLACE ({replaced})' if replaced else ''}"
    held = ident(f"{staged.name} held")
    run(connection, f"CREATE TABLE raw.{held} AS SELECT {rows} FROM {staged.table} ORDER BY {staged.row}")
    run(connection, f"DROP {'VIEW' if staged.viewed else 'TABLE'} {staged.table}")
    run(connection, f"ALTER TABLE raw.{held} RENAME TO {ident(staged.name)}")
    staged.viewed = False


def same_columns(staged: Staged, first: str, ours: Iterable[str], other: str, theirs: Iterable[str]) -> None:
    differ = sorted(set(ours) ^ set(theirs))
    if differ:
        raise LoadError(
            f"{staged.source.place}: {first} and {other} differ in the column(s) {', '.join(differ)};"
            " files of one source have the same columns"
        )


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return run(connection, f"SELECT count(*) FROM {table}")[0][0]


def append_batches(
    connection: duckdb.DuckDBPyConnection,
    staged: Staged,
    file: Plain,
    batches: Iterable[pa.Table],
    query: str = f"FROM {ARROW}",
) -> None:
    """Put a file's rows behind those staged so far, a batch at a time: only one of them is held at once."""
    files = len(staged.files)
    for batch in batches:
        with registered(connection, batch):
            append(connection, staged, file, query)
    parts = staged.files[files:]
    staged.files[files:] = [File(file, parts[0].first, parts[-1].last)]


def texts_table(columns: dict[str, list[Any]]) -> pa.Table:
    """Columns of text, and the rows' places, as a batch to append."""
    arrays = [pa.array(column, pa.int64() if key == LINE else pa.string()) for key, column in columns.items()]
    return pa.table(arrays, list(columns))


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection, batch: pa.Table) -> Iterator[None]:
    """Let statements see a batch under the name `ARROW`."""
    connection.register(ARROW, batch)
    try:
        yield
    finally:
        connection.unregister(ARROW)


def reject(connection: duckdb.DuckDBPyConnection, staged: Staged, file: Plain, query: str) -> None:
    """Note the lines of a file that are no rows at all."""
    run(
        connection,
        f"INSERT INTO stage.rejected SELECT {literal(staged.name)}, {literal(file.title)},"
        f" line, reason, text FROM ({query})",
    )
