"""What is wrong with the warehouse, the marts, the ledger and the settings, and the mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, and_, func, or_, select

from dashboard.errors import DashboardError
from dashboard.grading import grading
from dashboard.insights.quality import KINDS, example, judged, listed, said, said_share
from dashboard.language import language
from dashboard.ledger import open_ledger
from dashboard.ledger.policies import of_ledger
from dashboard.policy import policy
from dashboard.scope import Scope
from dashboard.settings import Settings
from dashboard.warehouse.connect import Warehouse
from dashboard.warehouse.quality import examine, newest_day
from dashboard.warehouse.read import open_marts
from dashboard.warehouse.refresh import current_version
from queries import schema
from queries.quality import KNOWN, SEVERITIES, Severity, same_customers

Level = Literal["ok", "note", "warn", "error"]
LEVELS: dict[Severity, Level] = {"red": "error", "amber": "warn", "note": "note"}


@dataclass(frozen=True)
class Finding:
    """One thing seen: `level` says whether it must be mended."""

    level: Level
    what: str
    mend: str = ""


def check(settings: Settings) -> list[Finding]:
    """Findings about settings, contract, facts (the most severe first), policies, marts and ledger, in that order."""
    found: list[Finding] = []
    try:
        settings.check_sign_in()
    except DashboardError as error:
        found.append(Finding("error", str(error)))
    return [*found, *_data(settings), *_ledger(settings)]


def _data(settings: Settings) -> list[Finding]:
    """What is wrong with the warehouse and, when it can be read, the marts."""
    found: list[Finding] = []
    try:
        warehouse = Warehouse(settings.warehouse)
        with warehouse.connect() as connection:
            filled = warehouse.filled_tables(connection)
            found.append(Finding("ok", f"{warehouse.name} keeps the contract; {len(filled)} tables are filled"))
            for name in schema.REQUIRED:
                if name not in filled:
                    found.append(Finding("error", f"table {name!r} is empty", "load it: it is required"))
            found += _faults(connection, filled)
            found += _overlaps(connection, filled)
    except DashboardError as error:
        return [*found, Finding("error", str(error))]
    try:
        rules, grades = policy(), grading()
        found.append(Finding("ok", f"service policy {rules.version} and grading policy {grades.version} are whole"))
        if current_version(settings.marts) is None:
            found.append(Finding("warn", "no marts are published", "run 'dashboard refresh'"))
        else:
            marts = open_marts(settings.marts)
            found.append(Finding("ok", f"marts {marts.version} hold data to {marts.calendar.last_day}"))
            if marts.grading["version"] != grades.version:
                found.append(
                    Finding(
                        "warn",
                        f"grades are measured by policy {marts.grading['version']}, the file is {grades.version}",
                        "run 'dashboard refresh'",
                    )
                )
            everybody = Scope.unrestricted("check")
            pairs = marts.read(same_customers(everybody, 1), everybody)["pairs"]
            if len(pairs):
                what = f"{pairs[0]:,} pairs of customers look like one"
                found.append(
                    Finding("note", what, "decide on the Data page or with 'dashboard ask data.same_customer'")
                )
    except DashboardError as error:
        found.append(Finding("error", str(error)))
    return found


def _ledger(settings: Settings) -> list[Finding]:
    """What is wrong with what people wrote."""
    try:
        ledger = open_ledger(settings)
        entries = sum(ledger.counts().values())
        if not ledger.whole():
            return [Finding("error", f"the ledger {ledger.name} is damaged", "put a backup in its place")]
        rules = of_ledger(ledger)
    except DashboardError as error:
        return [Finding("error", str(error))]
    found = [Finding("ok", f"the ledger {ledger.name} holds {entries:,} entries")]
    if rules.version != policy().version:
        found.append(Finding("ok", f"service policy {rules.version}, saved from its page, is in force"))
    return found


def _faults(connection: Connection, filled: set[str]) -> list[Finding]:
    """What is wrong with the facts as they are now: the same findings that a refresh publishes."""
    quality = examine(connection, filled, {}, newest_day())
    speech = language("en")
    held: dict[str, list[str]] = {}
    for key, _, _, code, own, value in quality.examples:
        held.setdefault(key, []).append(example(KNOWN[key], code, own, value, speech))
    found = []
    for key, counts in quality.totals().items():
        check, words = KNOWN[key], KINDS[KNOWN[key].kind]
        severity, share = judged(check, *counts)
        what = f"{said(check, words.title, speech)}: {counts[0]:,} rows, {said_share(share, speech)}"
        shown = f" ({listed(held[key])})" if key in held else ""
        finding = Finding(LEVELS[severity], what + shown, said(check, words.mend, speech))
        found.append((SEVERITIES.index(severity), finding))
    return [finding for _, finding in sorted(found, key=lambda each: each[0])]


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
