"""A refresh: marts built from the facts, checked, published as a new immutable version.

A version is a DuckDB file with a name of its own in the marts folder; `current.json` points at the one
in force. Readers are never disturbed: they go on with the file they opened. A refresh that fails leaves
the pointer alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import Connection, Select, Table, func, insert, literal, select
from sqlalchemy.exc import SQLAlchemyError

from dashboard.errors import DashboardError
from dashboard.grading import grading
from dashboard.periods import Calendar
from dashboard.policy import Lifetime, Policy, policy
from dashboard.warehouse.alerts import unusual
from dashboard.warehouse.connect import Warehouse, batches, engine_on, memory_limit, open_file
from dashboard.warehouse.grading import Measured, measure_grades
from dashboard.warehouse.models import value_to_come
from dashboard.warehouse.quality import as_arrow, examine, newest_day
from queries import marts, moves, quality, schema
from queries.population import keeps_costs

POINTER = "current.json"
KEEP_VERSIONS = 3
_TABLES = repr([(table.name, table.c.keys()) for table in marts.metadata.sorted_tables])
FORMAT = f"-{int(hashlib.sha256(_TABLES.encode()).hexdigest(), 16) % 10**6:06}"
"""The end of a version's name: marts that another release built with other tables are not read."""
Progress = Callable[[str, float], None]


def refresh(
    warehouse: Warehouse,
    folder: Path,
    progress: Progress = lambda step, done: None,
    *,
    rules: Policy | None = None,
) -> str:
    """Build, check and publish the marts of a warehouse; returns the new version's name. `rules` is the service policy
    in force, by default the file's.

    Raises DashboardError when the warehouse breaks its contract, the marts don't reconcile with it or can't
    be written; the version in force is then still the old one.
    """
    try:
        return _refresh(warehouse, folder, progress, (rules or policy()).lifetime)
    except (duckdb.Error, SQLAlchemyError, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise DashboardError(f"the marts in {folder} could not be built: {reason}") from error


def _refresh(warehouse: Warehouse, folder: Path, progress: Progress, lifetime: Lifetime) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        version = _new_version(folder)
        building = folder / f".building-{version}"
        try:
            root = duckdb.connect(
                str(building), config={"autoinstall_known_extensions": "false", "memory_limit": memory_limit()}
            )
            try:
                with warehouse.connect() as source, engine_on(root).connect() as mart:
                    filled = warehouse.filled_tables(source)
                    _publish_facts(source, mart, root, filled, progress)
                    _reconcile(source, mart, filled)
                    _refuse_doubles(mart)
                    _publish_quality(source, mart, root, filled, progress)
                calendar = _customers(root, filled, progress)
                progress("value to come", 0.7)
                found = value_to_come(root, calendar, "cost_of_goods" in filled, lifetime)
                _insert(root, marts.customer_value, found.values)
                _insert(root, marts.model, found.models)
                progress("grades", 0.8)
                measured = measure_grades(root, calendar, filled, grading(), lifetime, found.fits)
                _grade(root, measured, filled)
                _derive(root, filled, calendar, progress)
                progress("alerts", 0.97)
                alarms, judged = unusual(root, calendar, "cost_of_goods" in filled)
                _insert(root, marts.alert, alarms)
                _insert(root, marts.alert_week, judged)
                _describe(root, warehouse, version, filled, calendar, measured.record)
                # Closing writes too, but is silent when it fails, for example on a full disk.
                root.execute("CHECKPOINT")
            finally:
                root.close()
            _reread(building, version)
            published = folder / f"marts-{version}.duckdb"
            os.replace(building, published)
            try:
                _point(folder, version)
            except OSError:
                published.unlink()
                raise
        finally:
            _clear(folder, building.name)
        _prune(folder, version)
    progress("published", 1.0)
    return version


def current_version(folder: Path) -> str | None:
    """The version in force, or None before the first refresh with this release's mart tables."""
    try:
        version = str(json.loads((folder / POINTER).read_text("utf-8"))["version"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DashboardError(f"{folder / POINTER} is damaged: run 'dashboard refresh'") from error
    return version if version.endswith(FORMAT) else None


def versions(folder: Path) -> list[str]:
    """Versions that can be put back, newest first."""
    names = (path.stem.removeprefix("marts-") for path in folder.glob(f"marts-*{FORMAT}.duckdb"))
    return sorted(names, reverse=True)


def put_back(folder: Path, version: str) -> None:
    """Point at an older version again."""
    if version not in versions(folder):
        raise DashboardError(f"no version {version!r} in {folder}; there are {', '.join(versions(folder))}")
    with _alone(folder):
        _point(folder, version)


# --- building ----------------------------------------------------------------------------------------


def _publish_facts(
    source: Connection,
    mart: Connection,
    root: duckdb.DuckDBPyConnection,
    filled: set[str],
    progress: Progress,
) -> None:
    marts.metadata.create_all(mart)
    mart.commit()
    for place, (table, statement) in enumerate(marts.FACTS.items()):
        progress(table.name, 0.6 * place / len(marts.FACTS))
        facts = statement(filled)
        if facts is not None:
            order = " ORDER BY week, customer_key" if table is marts.cost_week else ""
            _insert(root, table, batches(source, facts, table), order)
    _insert(root, marts.region, _region_tree(source, filled))


def _publish_quality(
    source: Connection, mart: Connection, root: duckdb.DuckDBPyConnection, filled: set[str], progress: Progress
) -> None:
    """What is wrong with the facts; the names of customers are compared later, in the marts."""
    progress("quality", 0.6)
    known = mart.execute(select(marts.region.c.region_key, marts.region.c.position))
    places = {row.region_key: row.position for row in known}
    found = examine(source, filled, places, newest_day())
    _insert(root, marts.finding, as_arrow(marts.finding, found.findings))
    _insert(root, marts.finding_example, as_arrow(marts.finding_example, found.examples))
    _insert(root, marts.completeness, as_arrow(marts.completeness, found.completeness))
    same = [(one, other, "phone") for one, other in found.same_phone]
    _insert(root, marts.same_customer, as_arrow(marts.same_customer, same))


def _insert(
    root: duckdb.DuckDBPyConnection, table: Table, data: pa.RecordBatchReader | pa.Table, order: str = ""
) -> None:
    cursor = root.cursor()
    cursor.register("incoming", data)
    names = ", ".join(f'"{column.name}"' for column in table.c)
    cursor.execute(f'INSERT INTO "{table.name}" ({names}) SELECT {names} FROM incoming{order}')  # noqa: S608
    cursor.close()


def _region_tree(source: Connection, filled: set[str]) -> pa.Table:
    """Regions with their place in a nested set, so that 'at or below' is a range."""
    r = schema.region
    rows = source.execute(select(r).order_by(r.c.code)).mappings().all() if "region" in filled else []
    keys = {row["region_key"] for row in rows}
    children: dict[int | None, list] = {}
    for row in rows:
        parent = row["parent_key"] if row["parent_key"] in keys else None
        children.setdefault(parent, []).append(row)
    placed: list[dict] = []

    def place(row: dict, parent: str | None, level: int) -> None:
        entry = {**{k: row[k] for k in ("region_key", "code", "name", "name_en")}}
        entry |= {"parent_code": parent, "level": level, "position": len(placed)}
        placed.append(entry)
        for child in children.get(row["region_key"], []):
            place(child, row["code"], level + 1)
        entry["last_position"] = len(placed) - 1

    for root in children.get(None, []):
        place(dict(root), None, 0)
    if len(placed) < len(rows):
        lost = sorted({row["code"] for row in rows} - {p["code"] for p in placed})
        raise DashboardError(f"table 'region': {', '.join(lost[:5])} lie in a circle of parents")
    columns = {c.name: [p[c.name] for p in placed] for c in marts.region.c}
    types = {
        "region_key": pa.int64(),
        "level": pa.int16(),
        "position": pa.int32(),
        "last_position": pa.int32(),
    }
    return pa.table({name: pa.array(v, types.get(name, pa.string())) for name, v in columns.items()})


def _fill(mart: Connection, table: Table, statement: Select) -> None:
    mart.execute(insert(table).from_select([c.name for c in table.c], statement))


def _customers(root: duckdb.DuckDBPyConnection, filled: set[str], progress: Progress) -> Calendar:
    """Customers and their weeks, and the weeks there are."""
    with engine_on(root).begin() as mart:
        s = marts.sales_week.c
        sold = select(func.max(s.week), func.max(s.last_day), func.sum(s.revenue), func.sum(s.uncosted_revenue))
        last, last_day, revenue, uncosted = mart.execute(sold).one()
        if last is None:
            raise DashboardError("table 'sales_line' is empty: there is nothing to show")
        costed = abs(float(uncosted or 0)) <= marts.UNCOSTED_LIMIT * abs(float(revenue or 0))
        if costed:
            filled.add("cost_of_goods")

        progress("customers", 0.65)
        _fill(mart, marts.customer, marts.customers())
        _fill(mart, marts.same_customer, quality.same_names())
        _fill(mart, marts.finding, quality.same_customers_found())
        _fill(mart, marts.customer_week, marts.customer_weeks(costed))
        first = mart.execute(select(func.min(marts.customer_week.c.week))).scalar_one()
    # A newest week of nothing but returns has no purchase day: it counts up to its Monday.
    return Calendar(first, last, max(last_day or last, last))


def _grade(root: duckdb.DuckDBPyConnection, measured: Measured, filled: set[str]) -> None:
    """Measured grades; where the company keeps none they are the grades in force."""
    _insert(root, marts.measured_history, measured.history)
    _insert(root, marts.measured_grade, measured.grades)
    with engine_on(root).begin() as mart:
        if "assignment" not in filled:
            _fill(mart, marts.assignment, marts.adopted_grades())
        _fill(mart, marts.grade_change, marts.grade_changes())
    if "assignment" in filled or measured.record["graded"]:
        filled.add("grades")


def _derive(root: duckdb.DuckDBPyConnection, filled: set[str], calendar: Calendar, progress: Progress) -> None:
    """What pages read most, kept ready."""
    with engine_on(root).begin() as mart:
        if "survey" in filled:
            _fill(mart, marts.spell, marts.spells(calendar.last_day))
        progress("windows", 0.85)
        for key, window in enumerate(calendar.usual()):
            mart.execute(
                insert(marts.window).values(window_key=key, first_week=window.first_week, last_week=window.last_week)
            )
            totals = marts.customer_totals(window.first_week, window.last_week, window.last_day).subquery()
            _fill(mart, marts.customer_window, select(literal(key), *totals.c).order_by(totals.c.customer_key))
            if keeps_costs(window, calendar):
                costs = marts.cost_totals(window.first_week, window.last_week).subquery()
                _fill(mart, marts.cost_window, select(literal(key), *costs.c).order_by(costs.c.customer_key))
        progress("moves", 0.93)
        _fill(mart, marts.batch, moves.batches(calendar))
        _fill(mart, marts.batch_member, moves.members())
        progress("slices", 0.95)
        _fill(mart, marts.slice_week, marts.slice_weeks(calendar.window("all").last_day))


def _reconcile(source: Connection, mart: Connection, filled: set[str]) -> None:
    """The published weeks add up to the facts, to the cent."""
    line, entry = schema.sales_line, schema.direct_cost
    pairs = [
        ("revenue", select(func.sum(line.c.revenue)), select(func.sum(marts.sales_week.c.revenue))),
        ("order lines", select(func.count()).select_from(line), select(func.sum(marts.sales_week.c.lines))),
    ]
    if "direct_cost" in filled:
        direct = select(func.sum(marts.cost_week.c.amount)).where(marts.cost_week.c.source == "direct")
        pairs.append(("direct costs", select(func.sum(entry.c.amount)), direct))
    for what, fact, published in pairs:
        there, here = source.execute(fact).scalar(), mart.execute(published).scalar()
        if (there or 0) != (here or 0):
            raise DashboardError(
                f"{what} don't reconcile: the warehouse has {there}, the marts {here}; "
                "was it written to during the refresh? Run 'dashboard refresh' again"
            )


def _refuse_doubles(mart: Connection) -> None:
    """Nothing is counted twice: a key names one customer, and one grade and one rate are in force on a day."""
    keys = marts.customer_fact.c.customer_key
    doubles = mart.execute(select(func.count(keys) - func.count(keys.distinct()))).scalar_one()
    if doubles:
        raise DashboardError(f"table 'customer' has {doubles:,} rows whose customer_key another row has: make them one")
    for table, key in ((marts.assignment, "customer_key"), (marts.activity_rate, "activity_key")):
        t = table.c
        following = func.lead(t.valid_from).over(partition_by=t[key], order_by=t.valid_from)
        spans = select(t[key].label("key"), t.valid_to, following.label("following")).subquery("spans").c
        overlapping = spans.following.is_not(None) & (spans.valid_to.is_(None) | (spans.valid_to > spans.following))
        twice = mart.execute(select(func.count(spans.key.distinct())).where(overlapping)).scalar_one()
        if twice:
            raise DashboardError(
                f"table {table.name!r} has two rows in force on the same day for {twice:,} {key}(s): "
                "let each end (valid_to, exclusive) where the next begins"
            )


def _reread(path: Path, version: str) -> None:
    """The file as written holds what was built: the last table to be filled can be read back."""
    held = open_file(path)
    try:
        found = held.execute("SELECT value FROM info WHERE name = 'version'").fetchone()
    finally:
        held.close()
    if found != (version,):
        raise DashboardError(f"{path} was not written whole: is the disk full?")


def _describe(
    root: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    version: str,
    filled: set[str],
    calendar: Calendar,
    graded: dict[str, Any],
) -> None:
    facts = {
        "version": version,
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "warehouse": warehouse.name,
        "first_week": calendar.first_week.isoformat(),
        "last_week": calendar.last_week.isoformat(),
        "last_day": calendar.last_day.isoformat(),
        "filled": json.dumps(sorted(filled)),
        "grading": json.dumps(graded),
    }
    with warehouse.connect() as source:
        counts = {
            name: warehouse.count(source, schema.metadata.tables[name])
            for name in sorted(filled & set(schema.metadata.tables))
        }
        if "warehouse_info" in filled:
            rows = source.execute(select(schema.warehouse_info.c.name, schema.warehouse_info.c.value))
            facts |= {f"source.{name}": value for name, value in rows if name not in ("truth",)}
    facts["rows"] = json.dumps(counts)
    with engine_on(root).begin() as mart:
        mart.execute(insert(marts.info), [{"name": k, "value": v} for k, v in facts.items()])


# --- publishing --------------------------------------------------------------------------------------


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One refresh at a time; the lock goes with the process, so a killed one leaves none behind."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DashboardError(f"another refresh of {folder} is running: wait for it") from error
        _clear(folder, ".building-")
        yield


def _clear(folder: Path, name: str) -> None:
    """Remove what a refresh left behind: its file, the log beside it and the folder it spilled to."""
    for leftover in folder.glob(f"{name}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)


def _new_version(folder: Path) -> str:
    """A name never used before in this folder; names sort by time."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3] + FORMAT


def _point(folder: Path, version: str) -> None:
    pointer = folder / f"{POINTER}.{os.getpid()}"
    try:
        pointer.write_text(json.dumps({"version": version}), "utf-8")
        os.replace(pointer, folder / POINTER)
    finally:
        pointer.unlink(missing_ok=True)


def _prune(folder: Path, version: str) -> None:
    """Old versions go, but not the newest few; a reader who has one open keeps it until he is done."""
    for old in versions(folder)[KEEP_VERSIONS:]:
        if old != version:
            (folder / f"marts-{old}.duckdb").unlink(missing_ok=True)
