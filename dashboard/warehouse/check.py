"""What is wrong with the warehouse, the marts and the settings, and the mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, and_, func, or_, select

from dashboard.errors import DashboardError
from dashboard.settings import Settings
from dashboard.warehouse.connect import Warehouse
from dashboard.warehouse.read import open_marts
from dashboard.warehouse.refresh import current_version
from queries import schema


@dataclass(frozen=True)
class Finding:
    """One thing seen: `level` says whether it must be mended."""

    level: Literal["ok", "warn", "error"]
    what: str
    mend: str = ""


def check(settings: Settings) -> list[Finding]:
    """Findings about settings, contract, references between tables and marts, in that order."""
    found: list[Finding] = []
    try:
        settings.check_sign_in()
    except DashboardError as error:
        found.append(Finding("error", str(error)))
    try:
        warehouse = Warehouse(settings.warehouse)
        with warehouse.connect() as connection:
            filled = warehouse.filled_tables(connection)
            found.append(Finding("ok", f"{warehouse.name} keeps the contract; {len(filled)} tables are filled"))
            for name in schema.REQUIRED:
                if name not in filled:
                    found.append(Finding("error", f"table {name!r} is empty", "load it: it is required"))
            found += _references(connection, filled)
            found += _overlaps(connection, filled)
    except DashboardError as error:
        return [*found, Finding("error", str(error))]
    try:
        if current_version(settings.marts) is None:
            found.append(Finding("warn", "no marts are published", "run 'dashboard refresh'"))
        else:
            marts = open_marts(settings.marts)
            found.append(Finding("ok", f"marts {marts.version} hold data to {marts.calendar.last_day}"))
            if "cost_of_goods" not in marts.filled:
                found.append(
                    Finding(
                        "warn", "more than 5 % of revenue has no cost of goods", "margins and profit stay undefined"
                    )
                )
    except DashboardError as error:
        found.append(Finding("error", str(error)))
    return found


def _references(connection: Connection, filled: set[str]) -> list[Finding]:
    """Facts whose customer, activity or region does not exist."""
    pairs = [(t, "customer_key", schema.customer) for t in ("sales_line", "service_event", "direct_cost", "survey")]
    pairs += [("service_event", "activity_key", schema.activity), ("customer", "region_key", schema.region)]
    found = []
    for name, key, target in pairs:
        table = schema.metadata.tables[name]
        if not {name, target.name} <= filled:
            continue
        orphans = (
            select(func.count())
            .select_from(table)
            .where(table.c[key].is_not(None), table.c[key].not_in(select(target.c[key])))
        )
        lost = connection.execute(orphans).scalar_one()
        if lost:
            found.append(
                Finding(
                    "error",
                    f"{lost:,} rows of {name!r} name a {key} that {target.name!r} lacks",
                    "load the missing rows",
                )
            )
    return found


def _overlaps(connection: Connection, filled: set[str]) -> list[Finding]:
    """Grades or rates of which two are in force on the same day: what they apply to is counted twice."""
    found = []
    for table in (schema.assignment, schema.activity_rate):
        if table.name not in filled:
            continue
        one, other = table.alias("one"), table.alias("other")
        key = next(iter(table.primary_key))
        both = and_(
            one.c[key.name] == other.c[key.name],
            one.c.valid_from < other.c.valid_from,
            or_(one.c.valid_to.is_(None), one.c.valid_to > other.c.valid_from),
        )
        twice = connection.execute(select(func.count(one.c[key.name].distinct())).join_from(one, other, both)).scalar()
        if twice:
            found.append(
                Finding(
                    "error",
                    f"{table.name!r} has two rows in force on the same day for {twice:,} {key.name}(s)",
                    "let each row end (valid_to, exclusive) where the next one begins",
                )
            )
    return found
