"""Where the ledger is kept: opened lazily, migrated on its first use, read at once, written all or nothing.

SQLite beside the marts by default (WAL, every commit flushed to the disk), PostgreSQL by URL. Looking never makes a
file: a ledger that isn't there yet is empty, and the first entry creates it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Engine,
    Row,
    Select,
    Table,
    create_engine,
    event,
    func,
    inspect,
    literal,
    make_url,
    select,
    text,
    union_all,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from dashboard.errors import DashboardError
from dashboard.insight import plain
from dashboard.language import message
from dashboard.ledger import tables
from dashboard.settings import Settings

VERSION_TABLE = "ledger_version"
VERSIONS = ("0001", "0002")
"""Versions of the ledger's tables this release can read or bring up to date, oldest first."""
MIGRATIONS = Path(__file__).parent / "migrations"
PATIENCE_SECONDS = 10
"""How long a write waits for another one's."""
MIGRATING = 0x1ED6E2
"""The advisory lock that starts on PostgreSQL take in turn."""
PER_CONNECTION = ("foreign_keys = ON", "synchronous = FULL", "recursive_triggers = ON")

BUSY = message("Somebody else is writing to the ledger right now. Nothing was saved; try again.")
FULL = message("The disk of the ledger is full or can't be written to. Nothing was saved; make room and try again.")
READ_ONLY = message("The ledger may not be written to ({reason}). Nothing was saved.")
UNREACHABLE = message("The ledger {name} can't be opened: {reason}.")
DAMAGED = message("The ledger {name} is damaged ({reason}). Put a backup in its place.")
NEWER = message("The ledger {name} was written by a newer release (version {version}). Update the dashboard.")
OTHER = message("The ledger {name} could not be read or written: {reason}.")

SQLITE_CAUSES = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: UNREACHABLE,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}
POSTGRES_CAUSES = {"55P03": BUSY, "40P01": BUSY, "40001": BUSY, "53100": FULL, "25006": READ_ONLY, "42501": READ_ONLY}
"""By SQLSTATE: lock not available, deadlock, serialisation, disk full, read-only transaction, no privilege."""


class LedgerError(DashboardError):
    """The ledger can't be read or written. Nothing was changed. `said` and `values` let a page say it in its
    reader's language."""

    def __init__(self, said: str, **values: str) -> None:
        super().__init__(said.format(**values))
        self.said, self.values = said, values


class Ledger:
    """One ledger, by path (SQLite) or URL (PostgreSQL). Safe to share between threads; opened on first use."""

    def __init__(self, location: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.location = location
        self.clock = clock
        self.file = Path(location).resolve() if "://" not in location else None
        self._engine = _sqlite(self.file) if self.file else _postgres(location)
        self._ready = False
        self._preparing = threading.Lock()

    @property
    def name(self) -> str:
        """The location without its password."""
        return str(self.file) if self.file else make_url(self.location).render_as_string(hide_password=True)

    def rows(self, statement: Select | CompoundSelect) -> Sequence[Row]:
        """A statement's rows. Raises LedgerError."""
        with self._reading() as connection:
            return connection.execute(statement).all() if connection else []

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: what is written in it is there as a whole when it ends, or not at all.

        Writers to SQLite take turns. Raises LedgerError; an IntegrityError is the caller's to explain.
        """
        with self._told():
            self._open(to_write=True)
            with self._engine.connect() as connection, _transaction(connection):
                yield connection

    def state(self, of: Sequence[Table] = tables.ENTRIES) -> str:
        """A short text that changes with every entry of these kinds: what is cached with it is never stale."""
        newest = [select(literal(t.name), func.coalesce(func.max(t.c.id), 0)) for t in of]
        found: dict[str, int] = dict(map(tuple, self.rows(union_all(*newest))))
        return "-".join(str(found[name]) for name in sorted(found))

    def counts(self) -> dict[str, int]:
        """How many entries there are of each kind."""
        each = [select(literal(t.name), func.count()).select_from(t) for t in tables.ENTRIES]
        found: dict[str, int] = dict(map(tuple, self.rows(union_all(*each))))
        return {t.name: found.get(t.name, 0) for t in tables.ENTRIES}

    def whole(self) -> bool:
        """Whether the file passes the database's own check; a server checks itself."""
        if self.file is None:
            return True
        with self._reading() as connection:
            return connection is None or connection.execute(text("PRAGMA quick_check")).scalar() == "ok"

    def backup(self, target: Path) -> None:
        """A consistent copy of a SQLite ledger, while others read and write. Raises DashboardError."""
        if self.file is None:
            raise DashboardError(f"the ledger {self.name} is a PostgreSQL database: back it up with pg_dump")
        if target.resolve() == self.file:
            raise DashboardError(f"{target} is the ledger itself: name another file")
        copying = target.with_name(f".{target.name}.copying-{os.getpid()}")
        try:
            with self._reading() as connection:
                if connection is None:
                    raise DashboardError(f"there is no ledger at {self.name} yet: nothing to back up")
                source = connection.connection.driver_connection
                assert isinstance(source, sqlite3.Connection)
                _copy(source, copying)
            os.replace(copying, target)
        except OSError as error:
            raise DashboardError(f"{target} can't be written: {error.strerror}") from error
        finally:
            for leftover in (copying, copying.with_name(f"{copying.name}-journal")):
                leftover.unlink(missing_ok=True)

    def export(self, target: IO[str]) -> int:
        """Every entry and line as a JSON object a line, with its table's name, as of one moment; returns how many."""
        count = 0
        with self._reading() as connection:
            if connection is None:
                return 0
            if self.file is None:
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            for table in tables.metadata.sorted_tables:
                for row in connection.execute(select(table).order_by(*table.primary_key)).mappings():
                    told = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}
                    target.write(_to_json({"table": table.name, **told}) + "\n")
                    count += 1
        return count

    # --- opening -------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        """A connection to read on, or None while nothing was ever written."""
        with self._told():
            if not self._open(to_write=False):
                yield None
                return
            with self._engine.connect() as connection:
                yield connection

    def _open(self, *, to_write: bool) -> bool:
        """Bring the tables up to date on the first use, and make them for the first entry. Whether they are there."""
        with self._preparing:
            if self.file and not self._there(self.file):
                self._ready = False
                if not to_write:
                    return False
                self._there(self.file, create=True)
            if self._ready:
                return True
            with self._engine.connect() as connection:
                found = self._version(connection)
            if found is None and not to_write:
                return False
            if found != VERSIONS[-1]:
                self._prepare()
            self._ready = True
        return True

    def _there(self, file: Path, *, create: bool = False) -> bool:
        try:
            if create:
                file.touch()
            return file.exists()
        except OSError as error:
            said = FULL if error.errno == errno.ENOSPC else UNREACHABLE
            raise LedgerError(said, name=self.name, reason=error.strerror or "") from error

    def _prepare(self) -> None:
        """Whoever comes first makes the tables or brings them up to date; the others wait and find it done."""
        with self._engine.connect() as connection, _transaction(connection):
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
            if self._version(connection) != VERSIONS[-1]:
                migrate(connection)
        if self.file:
            _write_ahead(self._engine)

    def _version(self, connection: Connection) -> str | None:
        """The version of the tables; raises LedgerError for one that this release doesn't know."""
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
        if found is not None and found not in VERSIONS:
            raise LedgerError(NEWER, name=self.name, version=str(found))
        return found

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the database says, in one line for the person at the page."""
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise self._explained(error.orig or error) from error
        except (SQLAlchemyError, sqlite3.Error, ImportError) as error:
            raise self._explained(error) from error

    def _explained(self, error: BaseException) -> LedgerError:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        if isinstance(error, sqlite3.Error):
            # The low byte is the cause, the rest its details.
            said = SQLITE_CAUSES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, OTHER)
        else:
            state = getattr(error, "sqlstate", None)
            lost = state is None or state[:2] in ("08", "28", "3D", "57")
            said = POSTGRES_CAUSES.get(state or "", UNREACHABLE if lost else OTHER)
        return LedgerError(said, name=self.name, reason=reason)


def migrate(connection: Connection, version: str = "head") -> None:
    """Bring the ledger's tables to a version, in the connection's transaction."""
    # Only a new or an old ledger needs Alembic, so only that one waits for it.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with _one_at_a_time:  # Alembic keeps what it is working on in a module
        command.upgrade(config, version)


_one_at_a_time = threading.Lock()


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    connection.execution_options(ledger_writes=True)
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'"))
        yield


def _sqlite(file: Path) -> Engine:
    """An engine on a SQLite file that is there: it is opened for each use, so a backup put in its place is seen."""

    def connect() -> sqlite3.Connection:
        uri = f"{file.as_uri()}?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
        )
        for setting in PER_CONNECTION:
            connection.execute(f"PRAGMA {setting}")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, json_serializer=_to_json)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes its turn at once: upgrading a read later could fail after half the work.
        writes = connection.get_execution_options().get("ledger_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _write_ahead(engine: Engine) -> None:
    """Readers no longer wait for a writer. SQLite doesn't wait for others here by itself."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        finally:
            raw.close()


def _copy(source: sqlite3.Connection, target: Path) -> None:
    """A copy of a SQLite database in one file, on the disk when this returns. Raises OSError."""
    target.touch()
    try:
        with contextlib.closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, not three
    except sqlite3.Error as error:
        raise OSError(errno.EIO, str(error)) from error
    with target.open("rb") as written:
        os.fsync(written.fileno())


def _postgres(location: str) -> Engine:
    try:
        url = make_url(location)
    except (ArgumentError, ValueError):  # the second for a port that is no number
        # Not repeated here: it may hold a password.
        raise DashboardError(
            "the ledger's URL can't be read; it looks like postgresql+psycopg://user@host/name"
        ) from None
    if url.get_backend_name() != "postgresql":
        raise DashboardError(
            f"the ledger is kept in SQLite (name a path) or PostgreSQL (name a URL), not in {url.get_backend_name()}"
        )
    return create_engine(url, pool_pre_ping=True, json_serializer=_to_json)


def _to_json(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False)


_open: dict[str, Ledger] = {}
_opening = threading.Lock()


def open_ledger(settings: Settings) -> Ledger:
    """The ledger of these settings. Cheap to call on every run; nothing is opened before it is used."""
    with _opening:
        if settings.ledger not in _open:
            _open[settings.ledger] = Ledger(settings.ledger)
        return _open[settings.ledger]
