"""The few SQL constructs that differ between engines; everything else is plain SQLAlchemy.

Only the statements that run where the facts live need them (`queries/marts.py`); the marts are
always DuckDB.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Date
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


class start_of_week(GenericFunction):
    """The Monday of a date's ISO week, as a date."""

    type = Date()
    inherit_cache = True


@compiles(start_of_week)
def _date_trunc(element: start_of_week, compiler: Any, **options: Any) -> str:
    return f"CAST(date_trunc('week', {compiler.process(element.clauses, **options)}) AS DATE)"


@compiles(start_of_week, "clickhousedb")
def _to_monday(element: start_of_week, compiler: Any, **options: Any) -> str:
    return f"toMonday({compiler.process(element.clauses, **options)})"
