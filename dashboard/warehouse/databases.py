"""Sources in a database: a table or query that SQLAlchemy reaches, streamed into the staging database as text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import URL, Connection, CursorResult, create_engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from dashboard.errors import nearest
from dashboard.warehouse.connect import BATCH_ROWS
from dashboard.warehouse.mapping import LoadError, Source
from dashboard.warehouse.staging import Plain, Staged, append
from dashboard.warehouse.writing import first_line


def read_database(connection: duckdb.DuckDBPyConnection, staged: Staged, folder: Path) -> None:
    """Append the rows of the source's table or query. The database is only read."""
    source = staged.source
    url = source_url(source, folder)
    try:
        engine = create_engine(url, poolclass=NullPool)
        with engine.connect() as database:
            if engine.dialect.name == "postgresql":
                database.execute(text("SET TRANSACTION READ ONLY"))
            rows = database.execution_options(stream_results=True, yield_per=BATCH_ROWS).execute(
                text(source.query or _whole_table(database, source))
            )
            names = list(rows.keys())
            if len(set(names)) < len(names):
                raise LoadError(f"{source.place}: the query names a column twice; give each a name of its own")
            schema = pa.schema([pa.field(name, pa.string()) for name in names])
            reader = pa.RecordBatchReader.from_batches(schema, _batches(rows, schema))
            connection.register("database_rows", reader)
            append(connection, staged, Plain(source.table or "query", Path()), "SELECT * FROM database_rows")
            connection.unregister("database_rows")
    except (SQLAlchemyError, ImportError) as error:
        raise LoadError(f"{source.place}: {url.render_as_string()}: {first_line(error)}") from None


def source_url(source: Source, folder: Path) -> URL:
    """The URL itself or from the environment. A database in a file lies in the source folder and exists."""
    given = source.url or ""
    if given.startswith("$") and given[1:] not in os.environ:
        raise LoadError(f"{source.place}: the variable {given} with the database's URL is not set")
    try:
        url = make_url(os.environ[given[1:]] if given.startswith("$") else given)
    except ArgumentError:
        raise LoadError(f"{source.place}: the URL can't be read; it looks like engine://user@host/name") from None
    if url.get_backend_name() in ("sqlite", "duckdb"):
        path = (folder / (url.database or "")).resolve()
        if url.query or not path.is_relative_to(folder):
            raise LoadError(f"{source.place}: the database {url.database} lies outside the source folder; put it there")
        if not path.is_file():
            raise LoadError(f"{source.place}: no file {url.database} in {folder}")
        if url.get_backend_name() == "sqlite":
            return url.set(database=f"file:{path}", query={"mode": "ro", "uri": "true"})
        return url.set(database=str(path), query={"access_mode": "READ_ONLY"})
    return url


def tables_of(path: Path) -> list[str]:
    """The tables of an SQLite file; none when it isn't one."""
    try:
        engine = create_engine(f"sqlite:///file:{path.resolve()}?mode=ro&uri=true", poolclass=NullPool)
        return sorted(inspect(engine).get_table_names())
    except SQLAlchemyError:
        return []


def _whole_table(database: Connection, source: Source) -> str:
    schema, _, name = (source.table or "").rpartition(".")
    inspector = inspect(database)
    known = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
    if name not in known:
        raise LoadError(f"{source.place}: no table {source.table!r} there{nearest(name, known)}")
    quote = database.dialect.identifier_preparer.quote
    return f"SELECT * FROM {f'{quote(schema)}.' if schema else ''}{quote(name)}"  # noqa: S608


def _batches(rows: CursorResult[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for part in rows.partitions():
        columns = [pa.array(map(_as_text, column), pa.string()) for column in zip(*part, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat(" ") if value.time() != time() else value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
