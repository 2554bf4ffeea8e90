"""A company's own warehouse in other names: a mapping of views turns its tables into the contract's.

The views are common table expressions put before each statement, so the account needs no right to create anything,
no fact is copied, and the engine plans over the real tables. The mapping is one TOML file:

    [warehouse]
    url = "$SALES_DB"                  # or the URL itself
    currency = "EUR"

    [view.customer]
    from = "crm.accounts"              # or query = "SELECT …"
    [view.customer.columns]
    customer_key = "id"
    code = "account_no"
    name = "title"
    kind = { column = "type", values = { B = "organisation", P = "person" } }
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Dialect, String, Table, case, cast, func, literal, literal_column, null
from sqlalchemy.sql import ColumnElement

from dashboard.errors import DashboardError, nearest
from queries import schema

FIELD = ("column", "expression", "constant", "values", "otherwise", "default", "factor")
PLAIN_NAME = r"[^\W\d]\w*(\.[^\W\d]\w*){0,2}"


@dataclass(frozen=True)
class Views:
    """The URL of a warehouse, and the SELECT of each view by the contract's table it stands for."""

    url: str
    selects: dict[str, dict[str, Any]]
    info: dict[str, str]

    def before(self, statement: str, dialect: Dialect) -> str:
        """The statement with the views that it names before it."""
        used = [name for name in (*self.selects, "warehouse_info") if re.search(rf"\b{name}\b", statement)]
        if not used:
            return statement
        views = ", ".join(f"{name} AS ({self._select(name, dialect)})" for name in used)
        head = re.match(r"\s*WITH\s+(RECURSIVE\s+)?", statement, re.IGNORECASE)
        if head:
            return f"WITH {head[1] or ''}{views}, {statement[head.end() :]}"
        return f"WITH {views} {statement}"

    def _select(self, name: str, dialect: Dialect) -> str:
        if name == "warehouse_info":
            said = [(_said(literal(key), dialect), _said(literal(value), dialect)) for key, value in self.info.items()]
            return " UNION ALL ".join(f"SELECT {key} AS name, {value} AS value" for key, value in said)
        view, table = self.selects[name], schema.metadata.tables[name]
        columns = ", ".join(
            f"{_said(_value(view['columns'].get(column.name), column), dialect)} AS {column.name}" for column in table.c
        )
        source = view.get("from") or f"({view['query']}) AS {name}_source"
        if dialect.paramstyle in ("format", "pyformat"):
            source = source.replace("%", "%%")  # the driver takes a single one for a sign of its own
        return f"SELECT {columns} FROM {source}"  # noqa: S608 - the mapping is the administrator's


def read_views(path: Path) -> Views:
    """The mapping of views in `path`. Raises DashboardError naming the place and the nearest name."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DashboardError(f"{path}: the mapping of views can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DashboardError(f"{path}: not a TOML file: {error}") from None
    _known(content, ("warehouse", "view"), path.name)
    info = dict(content.get("warehouse", {}))
    url = info.pop("url", None)
    if not isinstance(url, str) or not all(isinstance(value, str) for value in info.values()):
        raise DashboardError(f'{path.name}: [warehouse] needs url = "engine://…" or "$VARIABLE", and texts in quotes')
    if "currency" not in info:
        raise DashboardError(f'{path.name}: [warehouse]: currency is missing, such as currency = "EUR"')
    if url.startswith("$"):
        if url[1:] not in os.environ:
            raise DashboardError(f"{path.name}: [warehouse] url: the variable {url} is not set")
        url = os.environ[url[1:]]
    if "://" not in url:
        raise DashboardError(
            f"{path.name}: [warehouse] url looks like engine://user@host/name; views are of a database"
        )
    tables = [name for name in schema.metadata.tables if name != "warehouse_info"]
    views = content.get("view", {})
    _known(views, tables, f"{path.name}: [view]")
    for name in schema.REQUIRED:
        if name not in views:
            raise DashboardError(
                f"{path.name}: [view.{name}] is missing; a warehouse needs {', '.join(schema.REQUIRED)}"
            )
    for name, view in views.items():
        _check(view, schema.metadata.tables[name], f"{path.name}: [view.{name}]")
    return Views(url, views, info)


def _check(view: Any, table: Table, place: str) -> None:
    _known(view, ("from", "query", "columns"), place)
    if ("from" in view) == ("query" in view):
        raise DashboardError(f'{place}: one of from = "schema.table" or query = "SELECT …" is needed')
    if "from" in view and not re.fullmatch(PLAIN_NAME, str(view["from"])):
        raise DashboardError(f"{place}: from is the name of a table; for anything else use query")
    columns = view.get("columns", {})
    _known(columns, table.c.keys(), f"{place} columns")
    for column in table.c:
        if not column.nullable and column.name not in columns:
            raise DashboardError(f"{place} columns: {column.name} is missing; {table.name} can't be without it")
    for name, spec in columns.items():
        where = f"{place} columns {name}"
        if isinstance(spec, str):
            continue
        _known(spec, FIELD, where)
        if sum(key in spec for key in ("column", "expression", "constant")) != 1:
            raise DashboardError(f"{where}: one of column, expression or constant is needed")


def _known(part: Any, allowed: Any, place: str) -> None:
    if not isinstance(part, dict):
        raise DashboardError(f"{place}: a table of settings is expected, not {part!r}")
    for name in part:
        if name not in allowed:
            raise DashboardError(f'{place}: unknown name "{name}"{nearest(name, allowed)}')


def _value(spec: Any, column: Column) -> ColumnElement:
    """What fills a column, of the contract's type."""
    if spec is None:
        return cast(null(), column.type)
    if isinstance(spec, str):
        spec = {"column": spec}
    value: ColumnElement
    if "constant" in spec:
        value = literal(spec["constant"])
    elif "expression" in spec:
        value = literal_column(f"({spec['expression']})")
    else:
        value = Column(spec["column"])
    if "values" in spec:
        value = _looked_up(cast(value, String), spec)
    if "factor" in spec:
        value = value * literal_column(str(spec["factor"]))
    if "default" in spec:
        value = func.coalesce(value, literal(spec["default"]))
    return cast(value, column.type)


def _looked_up(text: ColumnElement, spec: dict[str, Any]) -> ColumnElement:
    """The declared word for each value; others become `otherwise`, else they stay as they are."""
    other = literal(str(spec["otherwise"])) if "otherwise" in spec else text
    return case(*[(text == old, literal(str(new))) for old, new in spec["values"].items()], else_=other)


def _said(value: ColumnElement, dialect: Dialect) -> str:
    return str(value.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
