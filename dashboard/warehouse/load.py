"""Real data in: a mapping and its files become a new warehouse, wholly or not at all.

Each feed of the mapping is staged as candidates in one set-based statement: every field converted to the
contract's type, and with the first reason for which the row can't be loaded, if there is one. Then codes are
numbered, repeats merged, the tables filled, and rows and amounts reconciled: read = loaded + merged + set
aside. Only then does the new file take the old one's place; killed at any moment, the old one stands.

A later kind of input (another database, an incremental load) is a reader in `sources.py` or a step between
candidates and tables; the reconciliation and the publishing stay as they are.
"""
# Names are quoted by `ident` and values by `literal`; the statements can't be bound parameters throughout.

from __future__ import annotations

import fcntl
import math
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import duckdb
from duckdb_sqlalchemy import Dialect
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.schema import CreateTable

from dashboard.warehouse.aside import apply_mended, write_set_aside
from dashboard.warehouse.fill import Filling, Progress
from dashboard.warehouse.mapping import LoadError, Mapping, in_mapping, read_mapping
from dashboard.warehouse.report import LoadReport, TableReport
from dashboard.warehouse.sources import connect, lock_down, open_sources
from dashboard.warehouse.state import Plan, merged_state, planned, refuse_changed, state_in, state_of, written
from dashboard.warehouse.writing import first_line, literal, run
from queries.schema import metadata

LOCK = "lock"


def load(
    mapping: Path,
    warehouse: Path,
    *,
    source: Path | None = None,
    add: bool = False,
    progress: Progress = lambda step, done: None,
) -> LoadReport:
    """Load the sources that `mapping` names into the warehouse at `warehouse`.

    Files that were loaded before are not read again when only new ones came behind them; when nothing changed,
    nothing is done. `source` overrides the folder of the mapping; `add` keeps what files brought that are gone
    from it. Raises LoadError, with the old warehouse untouched, when the mapping or a file is wrong, the totals
    don't reconcile or more rows are bad than the mapping tolerates.
    """
    try:
        return _load(mapping, warehouse.absolute(), source, add, progress)
    except LoadError as error:
        raise LoadError(in_mapping(mapping, str(error))) from error.__cause__
    except (
        duckdb.IOException, duckdb.OutOfMemoryException, duckdb.TransactionException, duckdb.FatalException, OSError,
    ) as error:  # fmt: skip
        said = first_line(error).split(": ")[-1]
        raise LoadError(
            f"{warehouse}: the load was stopped for want of disk or memory ({said}); nothing was published"
        ) from error


def _load(mapping: Path, warehouse: Path, source: Path | None, add: bool, progress: Progress) -> LoadReport:
    started = perf_counter()
    plan = read_mapping(mapping, source)
    aside, refused, mended = (
        warehouse.with_name(f"{warehouse.stem}.{word}.csv") for word in ("set-aside", "refused", "mended")
    )
    with _loading_folder(warehouse) as scratch, ThreadPoolExecutor(1) as beside:
        untouched = written(plan)
        now = beside.submit(state_of, plan, mended)
        before = state_in(warehouse)
        reading = planned(plan, before, now.result(), add) if before else Plan(True, {})
        if reading.nothing:
            return LoadReport(mapping.name, warehouse.name, aside.name, (), (), perf_counter() - started)
        fresh = scratch / "warehouse.duckdb"
        if not reading.everything:
            shutil.copyfile(warehouse, fresh)
        connection = connect(scratch)
        try:
            run(connection, f"ATTACH {literal(fresh)} AS warehouse")
            if reading.everything:
                _create(connection)
            job = Filling(plan, connection, None if reading.everything else frozenset(reading.added))
            for name, staged in open_sources(connection, plan, scratch, job.wanted(), reading.added, progress):
                job.sources[name] = staged
            lock_down(connection, job.sources.values())
            apply_mended(job, mended)
            try:
                tables = job.fill(progress)
                write_set_aside(job, scratch / "set-aside.csv", aside if reading.added else None)
            finally:
                refuse_changed(plan, untouched)  # which is then the reason for what went wrong, too
            _refuse_too_many_bad(plan, tables, scratch / "set-aside.csv", refused)
            seconds = round(perf_counter() - started, 2)
            report = LoadReport(mapping.name, warehouse.name, aside.name, tables, job.notes_of_sources(), seconds)
            job.describe(report, merged_state(before if reading.added else None, now.result()).as_json())
            run(connection, "CHECKPOINT warehouse")
            run(connection, "DETACH warehouse")
        finally:
            connection.close()
        progress("checked", 0.95)
        _publish(scratch / "set-aside.csv", aside, fresh, warehouse)
        refused.unlink(missing_ok=True)
    progress("published", 1.0)
    return report


def _refuse_too_many_bad(mapping: Mapping, tables: tuple[TableReport, ...], aside: Path, refused: Path) -> None:
    """Raise LoadError if a table has a larger share of bad rows than the mapping tolerates; they can be looked at."""
    for part in tables:
        most = mapping.tolerated(part.table)
        faults = [reason for reason in part.set_aside if not reason.declared]
        bad = sum(fault.rows for fault in faults)
        if bad > most * part.read:
            os.replace(aside, refused)
            first = max(faults, key=lambda fault: fault.rows)
            mended = refused.name.replace(".refused.", ".mended.")
            enough = math.ceil(100 * bad / part.read) / 100
            place = f"[table.{part.table}]" if part.table in metadata.tables else "[warehouse]"
            raise LoadError(
                f"{place}: {bad:,} of {part.read:,} rows of {part.table} are bad, {bad / part.read:.1%}, more than the"
                f" tolerance of {most:.1%}; most often ({first.rows:,}) {first.reason}. Nothing was published; mend"
                f" them in {refused.name}, saved as {mended}, or say tolerance = {enough:.2f} in {place}"
            )


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


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    """Every table of the contract in the attached warehouse, all empty.

    Without indexes: what the loader numbers and merges is unique, and to prove it again would double the time.
    """
    for table in metadata.sorted_tables:
        columns = (Column(c.name, c.type, nullable=c.nullable) for c in table.columns)
        plain = Table(table.name, MetaData(), *columns, schema="warehouse")
        run(connection, str(CreateTable(plain).compile(dialect=Dialect())))


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
