"""What the text of a source means: a number, a day, a code, as SQL of the staging database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb
from duckdb_sqlalchemy import Dialect
from sqlalchemy import Date, DateTime, Integer, String
from sqlalchemy.types import TypeEngine

NUMBER = "DECIMAL(18,6)"
BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160) || chr(12288) || chr(65279)"
SERIALS = {"excel": "TIMESTAMP '1899-12-30'", "excel-1904": "TIMESTAMP '1904-01-01'"}
"""What a date format may say of days counted by a spreadsheet, and the day they count from."""
NO_BLANKS, SPACES, ODD = 0, 1, 2
"""Around the text of a source: nothing, spaces, or also tabs, line ends, no-break and ideographic spaces."""


def ident(name: str) -> str:
    """A name, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """A constant of a mapping, as a SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value:%Y-%m-%d %H:%M:%S}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    return "'" + str(value).replace("'", "''") + "'"


def run(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """Run a statement to its end; a statement left half fetched would keep the connection busy."""
    return connection.execute(sql).fetchall()


def first_line(error: Exception) -> str:
    """What an engine's error says, without its drawing of the statement."""
    return str(error).strip().split("\n")[0]


@dataclass(frozen=True)
class Writing:
    """How a source writes numbers, days and nothing."""

    decimal: str = "."
    thousands: str | None = None
    empty: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    blanks: int = ODD  # what may surround the text; to trim what isn't there would cost half of the load
    cells: bool = False  # from a worksheet: real dates come as yyyy-mm-dd, whatever the formats say


PLAIN = Writing()


def clean(value: str, kind: str, writing: Writing) -> str:
    """A column as read, with blanks trimmed and empty text as NULL; other types unchanged."""
    if kind != "VARCHAR":
        return value
    blank = ", ".join(literal(word) for word in writing.empty)
    trims = {NO_BLANKS: value, SPACES: f"trim({value})", ODD: f"trim({value}, {BLANKS})"}
    trimmed = f"nullif({trims[writing.blanks]}, '')"
    return f"CASE WHEN {trimmed} NOT IN ({blank}) THEN {trimmed} END" if blank else trimmed


def as_text(value: str, kind: str) -> str:
    """Codes and words; a whole floating-point number loses its `.0`."""
    if kind == "VARCHAR":
        return value
    if kind in ("FLOAT", "DOUBLE"):
        whole = f"CAST(CAST({value} AS BIGINT) AS VARCHAR)"
        return (
            f"CASE WHEN {value} = trunc({value}) AND abs({value}) < 1e15 THEN {whole}"
            f" WHEN NOT isnan({value}) THEN CAST({value} AS VARCHAR) END"
        )
    return f"CAST({value} AS VARCHAR)"


def as_number(value: str, kind: str, target: str, writing: Writing) -> str:
    """A number of the type `target`; NULL when the text isn't one. Whole types refuse a fraction."""
    if kind == "VARCHAR":
        value = _plain_number(value, writing)
    if target.startswith(("DECIMAL", "NUMERIC")):
        return f"TRY_CAST({value} AS {target})"
    exact = f"TRY_CAST({value} AS {NUMBER})"
    return f"CASE WHEN {exact} = trunc({exact}) THEN TRY_CAST({exact} AS {target}) END"


def _plain_number(value: str, writing: Writing) -> str:
    """The text with a point for the decimals and no thousands; NULL where the marks are misplaced."""
    mark, group = writing.decimal, writing.thousands
    plain = value
    misplaced = [f"contains({value}, '.')"] if "." not in (mark, group) else []
    if group:
        if group == " ":  # typesetters' spaces: no-break and narrow no-break
            value = plain = f"translate({value}, chr(160) || chr(8239), '  ')"
        pattern = rf"[+-]?\d{{1,3}}({re.escape(group)}\d{{2,3}})*{re.escape(group)}\d{{3}}({re.escape(mark)}\d*)?"
        misplaced.append(f"contains({value}, {literal(group)}) AND NOT regexp_full_match({value}, {literal(pattern)})")
        plain = f"replace({value}, {literal(group)}, '')"
    if mark != ".":
        plain = f"replace({plain}, {literal(mark)}, '.')"
    return f"CASE WHEN NOT ({' OR '.join(misplaced)}) THEN {plain} END" if misplaced else plain


def as_time(value: str, kind: str, target: str, writing: Writing) -> str:
    """A DATE or TIMESTAMP by the declared formats in turn, else ISO; NULL when the text is none."""
    if kind.startswith(("DATE", "TIMESTAMP")):
        return f"CAST({value} AS {target})"
    text = as_text(value, kind)
    iso = f"TRY_CAST({text} AS TIMESTAMP)"
    iso = f"CASE WHEN {iso} BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59' THEN {iso} END"
    if not writing.formats:
        return f"CAST({iso} AS {target})"
    day = f"TRY_CAST({text} AS DOUBLE)"
    serials = {form: f"{SERIALS[form]} + INTERVAL 1 SECOND * round({day} * 86400)" for form in SERIALS}
    written = [form for form in writing.formats if form not in SERIALS]
    declared = [f"try_strptime({text}, [{', '.join(map(literal, written))}])"] if written else []
    numbered = [form for form in writing.formats if form in SERIALS]
    declared += [f"CASE WHEN {day} BETWEEN 1 AND 2958465 THEN {serials[form]} END" for form in numbered]
    either = ", ".join([*declared, iso] if writing.cells else declared)
    return f"CAST(coalesce({either}) AS {target})"


def sql_type(kind: TypeEngine) -> str:
    """The contract's type as DuckDB spells it."""
    return str(kind.compile(dialect=Dialect()))


def convert(value: str, kind: str, target: TypeEngine, writing: Writing) -> tuple[str, str]:
    """(SQL of the contract's type, what a value that can't be converted is not)."""
    if isinstance(target, String):
        return as_text(value, kind), "a text"
    if isinstance(target, DateTime | Date):
        spelling = " or ".join(writing.formats) or "yyyy-mm-dd"
        return as_time(value, kind, sql_type(target), writing), f"a date written {spelling}"
    expected = "a whole number" if isinstance(target, Integer) else "a number"
    return as_number(value, kind, sql_type(target), writing), expected
