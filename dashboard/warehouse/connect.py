"""Connections to the warehouse and to mart files: read-only, hardened, one cursor for each call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from duckdb_sqlalchemy import ConnectionWrapper
from sqlalchemy import (
    Column,
    Connection,
    Dialect,
    Engine,
    Select,
    Table,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy import types as sql
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from dashboard.errors import DashboardError
from dashboard.warehouse.views import Views, read_views
from queries import schema

HARDENED = {
    # SQL may not read or write files of the server, load extensions or undo these settings.
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}
BATCH_ROWS = 50_000
VIEWS = ".toml"
"""The ending of a warehouse's location that is a mapping of views."""


def memory_limit() -> str:
    """What one database may hold in memory; more is spilled: half of what the machine has, at most 4 GB."""
    return f"{min(4096, os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') >> 21)}MB"


def engine_on(connection: duckdb.DuckDBPyConnection) -> Engine:
    """An engine that gives each caller its own cursor of one DuckDB connection.

    Threads that share a cursor can get each other's rows.
    """
    return create_engine("duckdb://", creator=lambda: ConnectionWrapper(connection.cursor()), poolclass=NullPool)


def open_file(path: Path, *, read_only: bool = True) -> duckdb.DuckDBPyConnection:
    """A hardened connection to a DuckDB file."""
    if read_only and not path.exists():
        raise DashboardError(f"no warehouse at {path}: make one with 'dashboard demo' or 'dashboard load'")
    try:
        return duckdb.connect(str(path), read_only=read_only, config={**HARDENED, "memory_limit": memory_limit()})
    except duckdb.Error as error:
        raise DashboardError(f"{path} can't be opened as a DuckDB file: {_first_line(error)}") from error


class Warehouse:
    """The company's facts, by DuckDB path, SQLAlchemy URL or a mapping of views. It is only ever read."""

    def __init__(self, location: str) -> None:
        self._views: Views | None = None
        if location.endswith(VIEWS) and "://" not in location:
            self._views = read_views(Path(location))
            location = self._views.url
        self.location = location
        self._file = Path(location) if "://" not in location else None
        if self._file:
            return
        try:
            engine = make_url(location).get_backend_name()
        except ArgumentError:
            # Not repeated here: it may hold a password.
            raise DashboardError("the warehouse's URL can't be read; it looks like engine://user@host/name") from None
        if engine == "duckdb":
            raise DashboardError(f"warehouse {location}: name a DuckDB file by its path, not by a URL")

    @property
    def name(self) -> str:
        """The location without its password."""
        return str(self._file) if self._file else make_url(self.location).render_as_string(hide_password=True)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection for a short time: a DuckDB file is let go at once, so that a load may replace it."""
        try:
            with self._opened() as connection:
                yield connection
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise DashboardError(f"warehouse URL {self.name}: {_first_line(error)}") from error
        except (SQLAlchemyError, duckdb.Error) as error:
            raise DashboardError(f"warehouse {self.name}: {_first_line(error)}") from error

    @contextmanager
    def _opened(self) -> Iterator[Connection]:
        if self._file:
            root = open_file(self._file)
            try:
                with engine_on(root).connect() as connection:
                    connection.info["duckdb"] = root
                    yield connection
            finally:
                root.close()
            return
        engine = create_engine(self.location, poolclass=NullPool)
        if self._views:
            _put_before(engine, self._views)
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SET TRANSACTION READ ONLY"))
            yield connection

    def filled_tables(self, connection: Connection) -> set[str]:
        """The contract's tables that exist with the right columns and hold at least one row.

        Raises DashboardError for a required table that is missing and for a column that is missing or of
        another kind (text for a number, a point in time for a day).
        """
        filled = set()
        if self._views:  # their columns and types are the contract's
            for name in (*self._views.selects, "warehouse_info"):
                if connection.execute(select(schema.metadata.tables[name]).limit(1)).first() is not None:
                    filled.add(name)
            return filled
        inspector = inspect(connection)
        found = set(inspector.get_table_names()) | set(inspector.get_view_names())
        for name, table in schema.metadata.tables.items():
            if name not in found:
                if name in schema.REQUIRED:
                    raise DashboardError(f"{self.name} has no table {name!r}, which is required: see queries/schema.py")
                continue
            columns = {column["name"]: column["type"] for column in inspector.get_columns(name)}
            missing = [column.name for column in table.c if column.name not in columns]
            if missing:
                raise DashboardError(
                    f"{self.name}: table {name!r} lacks the column(s) {', '.join(missing)}: see queries/schema.py"
                )
            for column in table.c:
                wanted, held = _kind(column.type), _kind(columns[column.name])
                if wanted in ("number", "day") and held not in ("", wanted):
                    raise DashboardError(
                        f"{self.name}: column '{name}.{column.name}' holds a {held} where the contract "
                        f"has a {wanted}: see queries/schema.py"
                    )
            if connection.execute(select(table).limit(1)).first() is not None:
                filled.add(name)
        return filled

    def count(self, connection: Connection, table: Table) -> int:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _put_before(engine: Engine, views: Views) -> None:
    """Let every statement see the company's tables as the contract's."""

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def with_views(
        connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> tuple[str, Any]:
        return views.before(statement, engine.dialect), parameters


def batches(connection: Connection, statement: Select, like: Table) -> pa.RecordBatchReader:
    """A statement's rows as Arrow batches with the columns of `like`, never all in memory."""
    if connection.dialect.name == "duckdb":
        # DuckDB streams a relation, but keeps the whole result of an executed statement.
        query = str(statement.compile(dialect=_typed_literals(connection), compile_kwargs={"literal_binds": True}))
        return connection.info["duckdb"].cursor().sql(query).to_arrow_reader(BATCH_ROWS)
    fields = pa.schema([pa.field(column.name, _arrow_type(column)) for column in like.c])
    result = connection.execution_options(stream_results=True, yield_per=BATCH_ROWS).execute(statement)

    def rows() -> Iterator[pa.RecordBatch]:
        for partition in result.partitions():
            columns = zip(*partition, strict=True)
            arrays = [pa.array(_exact(values, f.type), f.type) for values, f in zip(columns, fields, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=fields)

    return pa.RecordBatchReader.from_batches(fields, rows())


class _Day(sql.Date):
    def literal_processor(self, dialect: Dialect) -> Any:
        return lambda value: f"DATE '{value.isoformat()}'"


class _Moment(sql.DateTime):
    def literal_processor(self, dialect: Dialect) -> Any:
        return lambda value: f"TIMESTAMP '{value.isoformat(' ')}'"


def _typed_literals(connection: Connection) -> Dialect:
    """The connection's dialect, but days in literals are days: a text can't be subtracted from a day."""
    dialect = type(connection.dialect)()
    dialect.colspecs = {**dialect.colspecs, sql.Date: _Day, sql.DateTime: _Moment}
    return dialect


def _exact(values: tuple[Any, ...], type_: pa.DataType) -> list[Any] | tuple[Any, ...]:
    """Decimals brought to their column's scale; engines hand sums over with a scale of their own."""
    if not pa.types.is_decimal(type_):
        return values
    unit = Decimal(1).scaleb(-type_.scale)
    return [None if v is None else Decimal(v).quantize(unit) for v in values]


def _arrow_type(column: Column) -> pa.DataType:
    kind = column.type
    if isinstance(kind, sql.BigInteger):
        return pa.int64()
    if isinstance(kind, sql.SmallInteger):
        return pa.int16()
    if isinstance(kind, sql.Integer):
        return pa.int32()
    if isinstance(kind, sql.Float):
        return pa.float64()
    if isinstance(kind, sql.Numeric):
        return pa.decimal128(kind.precision or 18, kind.scale or 0)
    if isinstance(kind, sql.Date):
        return pa.date32()
    if isinstance(kind, sql.Boolean):
        return pa.bool_()
    return pa.string()


def _kind(type_: sql.TypeEngine) -> str:
    """What a column holds, as far as its type is known here; an engine's own types are left alone."""
    kinds = (
        ("number", sql.Integer | sql.Numeric | sql.Float),
        ("day", sql.Date),
        ("point in time", sql.DateTime),
        ("text", sql.String),
    )
    return next((kind for kind, types in kinds if isinstance(type_, types)), "")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
