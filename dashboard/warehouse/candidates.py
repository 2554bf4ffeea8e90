"""The rows of a feed as candidates for a table: every field converted, and the first reason not to load a row.

One set-based statement a feed. An analyst's expressions and joins are bound here, and checked by DuckDB's own
parser, so that a slip is reported with its place and the nearest name.
"""
# Names are quoted by `ident` and values by `literal`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import duckdb

from dashboard.errors import nearest
from dashboard.warehouse.mapping import (
    BLANK_IS_A_VALUE,
    DIMENSIONS,
    RATINGS,
    Feed,
    Field,
    Join,
    LoadError,
    Target,
    contract_type,
    targets,
)
from dashboard.warehouse.plain import UNREADABLE
from dashboard.warehouse.staging import Staged, as_written
from dashboard.warehouse.writing import (
    NUMBER,
    PLAIN,
    Writing,
    as_number,
    as_text,
    convert,
    first_line,
    ident,
    literal,
    run,
    sql_type,
)
from queries.schema import metadata

AMOUNTS = {
    "sales_line": ("quantity", "revenue"),
    "service_event": ("quantity",),
    "direct_cost": ("amount",),
}
EXACT = "DECIMAL(38,8)"
SIGNED = ("quantity", "revenue", "discount", "cost_of_goods")


@dataclass(frozen=True)
class Check:
    """A reason to set a row aside: SQL that is true then, the column to blame and its text as it was read.

    A `declared` one is a rule of the mapping, not a fault of the row.
    """

    reason: str
    column: str
    when: str
    shown: str
    declared: bool = False


@dataclass(frozen=True)
class Value:
    """What fills a field: SQL over the rows of a feed, its type, and the text it was read from."""

    sql: str
    kind: str
    column: str = ""
    shown: str = "NULL"
    writing: Writing = PLAIN


@dataclass
class Candidates:
    """A feed, staged: `stage.feed_N` has one row for each row read (and each entry of a spread).

    It is a view, for to work a row out twice is cheaper than to keep it; but rows of a table of codes that say the
    same are one candidate of several `_rows`, kept in a table. `_why` is the place in `checks` of the first reason
    not to load the row, NULL for a good one. Those not to be loaded are in the table `lost`: (_row, _entry, _why,
    _code: the unknown code that is the reason, _rows and the `amounts`), with `_why` NULL for the rows that are
    merged. `source` is the FROM clause the candidates came from.
    """

    feed: Feed
    table: str
    base: Staged
    source: str
    fields: tuple[str, ...]
    checks: list[Check]
    losses: int = 0

    @property
    def lost(self) -> str:
        return f"{self.table}_lost"

    @property
    def good(self) -> str:
        """The rows to load, in order, as a FROM clause."""
        if not self.losses:
            return self.table
        place = "_row" if self.entries == 1 else f"_row * {self.entries} + _entry"
        return f"(SELECT * FROM {self.table} WHERE {place} NOT IN (SELECT {place} FROM {self.lost}))"

    @property
    def amounts(self) -> tuple[str, ...]:
        """The fields whose sums have to come out even."""
        return tuple(name for name in AMOUNTS.get(self.feed.table, ()) if name in self.fields)

    @property
    def rows(self) -> str:
        """SQL of how many rows a candidate stands for."""
        return "_rows" if self.feed.table in DIMENSIONS else "1"

    def set_aside(self) -> str:
        """The rows set aside, a query of (_row, _entry, _why, _shown); their text is read again here."""
        row, entry, why = map(of_aside, ("_row", "_entry", "_why"))
        renamed = ", ".join(f"{name} AS {of_aside(name)}" for name in ("_row", "_entry", "_why", "_code"))
        shown = "".join(f" WHEN {at} THEN {check.shown}" for at, check in enumerate(self.checks))
        return (
            f"SELECT {row} AS _row, {entry} AS _entry, {why} AS _why,"
            f" CAST(CASE {why}{shown} END AS VARCHAR) AS _shown FROM {self.source}"
            f" JOIN (SELECT {renamed} FROM {self.lost} WHERE _why IS NOT NULL)"
            f" ON {row} = {ident(self.base.name)}._row"
        )

    @property
    def entries(self) -> int:
        return max(1, len(self.feed.spread))


def of_aside(name: str) -> str:
    """A column of the rows set aside under a name that no column of a source has."""
    return ident(f"set aside {name}")


class View:
    """The rows of a feed as a FROM clause, its source with what it joins, and the columns seen there."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, feed: Feed, base: Staged, sources: dict[str, Staged]
    ) -> None:
        self.connection = connection
        self.base = base
        self.parts = {base.name: base}
        self.source = f"{base.typed()} AS {ident(base.name)}"
        self.checks: list[Check] = []
        for join in feed.joins:
            self._join(sources[join.source], join, f"{feed.place} join {join.source}")
        for staged in self.parts.values():
            if staged.garbled:
                words = ", ".join(f"{ident(staged.name)}.{ident(column)}" for column in staged.columns)
                unreadable = f"contains(concat_ws(' ', {words}), {literal(UNREADABLE)})"
                self.checks.append(Check(f"the line is not {staged.garbled}", "", unreadable, "NULL"))
        if last := base.source.footer_rows:
            ends = " OR ".join(f"_row BETWEEN {max(f.first, f.last - last + 1)} AND {f.last}" for f in base.files)
            footer = f"({ends.replace('_row', f'{ident(base.name)}._row')})"
            self.checks.insert(0, Check("a row of the footer, such as a total", "", footer, "NULL", True))

    def _join(self, staged: Staged, join: Join, place: str) -> None:
        alias = ident(staged.name)
        ours = [self.column(name, place) for name in join.on]
        for name in join.on.values():
            if name not in staged.columns:
                raise LoadError(f'{place}: no column "{name}"{nearest(name, staged.columns)}')
        theirs = [as_text(f"{alias}.{ident(name)}", staged.kind(name)) for name in join.on.values()]
        twice = run(
            self.connection,
            f"SELECT {', '.join(theirs)} FROM {staged.typed()} AS {alias}"
            f" WHERE {' AND '.join(f'{key} IS NOT NULL' for key in theirs)}"
            " GROUP BY ALL HAVING count(*) > 1 LIMIT 1",
        )
        if twice:
            raise LoadError(
                f"{place}: several rows have {', '.join(join.on.values())} = {', '.join(twice[0])};"
                " a join finds at most one row, so join on what names a row"
            )
        pairs = zip(ours, theirs, strict=True)
        equal = " AND ".join(f"{as_text(our.sql, our.kind)} = {their}" for our, their in pairs)
        self.source += f" LEFT JOIN {staged.typed()} AS {alias} ON {equal}"
        self.parts[staged.name] = staged
        if not join.optional:
            reason = f"no row in {staged.name} for this {', '.join(join.on)}"
            self.checks.append(Check(reason, ours[0].column, f"{alias}._row IS NULL", ours[0].shown))

    def find(self, name: str) -> tuple[Staged, str] | None:
        """The source and column meant by `Column` or `source.Column`; the feed's own source goes first."""
        source, _, rest = name.partition(".")
        meant = [(staged, name) for staged in self.parts.values()]
        meant += [(self.parts[source], rest)] if source in self.parts else []
        for staged, word in meant:
            for column in staged.columns:
                if column.casefold() == word.casefold():  # DuckDB's names know no case
                    return staged, column
        return None

    def column(self, name: str, place: str) -> Value:
        """A column by name. Raises LoadError with the nearest one."""
        found = self.find(name)
        if found is None:
            known = [column for staged in self.parts.values() for column in staged.columns]
            raise LoadError(f'{place}: no column "{name}" in {" or ".join(self.parts)}{nearest(name, known)}')
        staged, column = found
        sql, kind = f"{ident(staged.name)}.{ident(column)}", staged.kind(column)
        declared = column in (*staged.source.numbers, *staged.source.dates)
        shown = f"{ident(staged.name)}.{ident(as_written(column))}" if declared else as_text(sql, kind)
        return Value(sql, kind, column, shown, staged.writing)

    def expression(self, sql: str, place: str) -> tuple[Value, list[Check]]:
        """An analyst's SQL expression, and a check for each declared number or date that it reads."""
        names = self._columns_in(sql, place)
        inner = f"({sql}\n)"
        try:
            kind = run(self.connection, f"DESCRIBE SELECT {inner} FROM {self.source}")[0][1]
        except duckdb.Error as error:
            for name in (name for name in names if name in str(error) and self.find(name) is None):
                self.column(name, place)  # says which name is nearest
            raise LoadError(f"{place}: the expression doesn't work: {first_line(error)}") from None
        read = [self.column(name, place) for name in names if self.find(name)]
        checks = [
            Check(
                f'"{value.column}" is not {"a date" if value.kind == "TIMESTAMP" else "a number"}',
                value.column,
                f"{value.sql} IS NULL AND {value.shown} IS NOT NULL",
                value.shown,
            )
            for value in read
            if value.kind in ("TIMESTAMP", NUMBER)
        ]
        first = read[0] if read else Value("", "")
        return Value(inner, kind, first.column, first.shown, self.base.writing), checks

    def _columns_in(self, sql: str, place: str) -> list[str]:
        """The columns that an expression names, by DuckDB's own parser; it has to be one expression."""
        statement = literal(f"SELECT ({sql}\n)")
        tree = json.loads(run(self.connection, f"SELECT json_serialize_sql({statement})")[0][0])
        if tree["error"]:
            raise LoadError(f"{place}: not an SQL expression: {tree['error_message']}")
        nodes = [statement["node"] for statement in tree["statements"]]
        if len(nodes) != 1 or len(nodes[0].get("select_list", ())) != 1:
            raise LoadError(f"{place}: one SQL expression is needed, not several")
        return list(dict.fromkeys(".".join(names) for names in _column_names(nodes[0])))


def _column_names(node: Any) -> Iterator[list[str]]:
    if isinstance(node, dict):
        if node.get("class") == "COLUMN_REF":
            yield node["column_names"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _column_names(part)


class Entry:
    """The SELECT of one feed, or of one entry of its spread: fields, checks and exact amounts."""

    def __init__(
        self, view: View, feed: Feed, specs: dict[str, Field], fields: tuple[str, ...], anonymous: str | None
    ) -> None:
        self.view = view
        self.table = feed.table
        self.fields: dict[str, str] = {}
        self.exact: dict[str, str] = {}
        self.checks = list(view.checks)
        empty: list[Check] = []
        known = targets(metadata.tables[feed.table])
        for target in map(known.__getitem__, fields):
            blank = (feed.table, target.field) in BLANK_IS_A_VALUE
            spec = specs.get(target.field, Field(constant="") if blank else None)
            if spec is None:
                self.fields[target.field] = f"CAST(NULL AS {sql_type(contract_type(target))})"
                if target.field in AMOUNTS.get(feed.table, ()):
                    self.exact[target.field] = f"CAST(NULL AS {EXACT})"
                continue
            value = self._fill(target, spec, f"{feed.place} columns {target.field}")
            stand_in = anonymous if target.reference == "customer" and target.required else None
            if blank or stand_in is not None:
                self.fields[target.field] = f"coalesce({self.fields[target.field]}, {literal(stand_in or '')})"
            if target.required:
                reason = "no customer" if target.field == "customer" else f"{target.field} is empty"
                missing = f"{self.fields[target.field]} IS NULL"
                empty.append(Check(reason, value.column, missing, value.shown, target.field == "customer"))
        self.checks = list(dict.fromkeys([*self.checks, *empty]))
        for condition in feed.set_aside:
            value, checks = view.expression(condition.where, f"{feed.place} set_aside")
            self.checks += [*checks, Check(condition.reason, value.column, value.sql, value.shown, True)]
        if feed.returns:
            self._turn(feed.returns, f"{feed.place} returns")

    def _fill(self, target: Target, spec: Field, place: str) -> Value:
        """Set the SQL of one field, with the checks of what it reads."""
        contract = contract_type(target)
        if spec.constant is not None:
            value = Value(literal(spec.constant), "VARCHAR" if isinstance(spec.constant, str) else "CONSTANT")
            self._try_constant(value, target, place)
        elif spec.expression is not None:
            value, checks = self.view.expression(spec.expression, place)
            self.checks += checks
        else:
            assert spec.column is not None
            value = self.view.column(spec.column, place)
        if spec.formats:
            value = replace(value, writing=replace(value.writing, formats=spec.formats))
        if spec.values:
            value = self._look_up(value, spec)
        if spec.factor is not None:
            number = as_number(value.sql, value.kind, NUMBER, value.writing)
            value = replace(value, sql=f"({number} * {Decimal(str(spec.factor)):f})", kind="DECIMAL")
        if spec.scale is not None:
            value = self._rescale(value, spec.scale, RATINGS[target.field])
        typed, expected = convert(value.sql, value.kind, contract, value.writing)
        if expected != "a text" and spec.constant is None:
            read = value.sql if spec.expression is not None else value.shown
            blamed = value.column if spec.column is not None else target.field
            shown = f"CAST({read} AS VARCHAR)"
            unreadable = f"{typed} IS NULL AND {read} IS NOT NULL"
            self.checks.append(Check(f'"{blamed}" is not {expected}', blamed, unreadable, shown))
        default = None if spec.default is None else f"CAST({literal(spec.default)} AS {sql_type(contract)})"
        self.fields[target.field] = f"coalesce({typed}, {default})" if default else typed
        if target.field in AMOUNTS.get(self.table, ()):
            exact = as_number(value.sql, value.kind, EXACT, value.writing)
            self.exact[target.field] = f"coalesce({exact}, {default})" if default else exact
        return value

    def _try_constant(self, value: Value, target: Target, place: str) -> None:
        typed, expected = convert(value.sql, value.kind, contract_type(target), PLAIN)
        try:
            answer = run(self.view.connection, f"SELECT {typed}")[0][0]
        except duckdb.Error:
            answer = None
        if answer is None:
            raise LoadError(f"{place}: the constant {value.sql} is not {expected}")

    def _look_up(self, value: Value, spec: Field) -> Value:
        text = as_text(value.sql, value.kind)
        cases = " ".join(f"WHEN {literal(old)} THEN {literal(str(new))}" for old, new in spec.values.items())
        if spec.otherwise is None:
            words = ", ".join(map(literal, spec.values))
            reason = f'"{value.column}" is none of {", ".join(spec.values)}'
            self.checks.append(Check(reason, value.column, f"{text} NOT IN ({words})", value.shown))
        other = "NULL" if spec.otherwise is None else literal(str(spec.otherwise))
        mapped = f"CASE WHEN {text} IS NOT NULL THEN CASE {text} {cases} ELSE {other} END END"
        return replace(value, sql=mapped, kind="VARCHAR", shown=mapped, writing=PLAIN)

    def _rescale(self, value: Value, scale: tuple[float, float], to: tuple[int, int]) -> Value:
        """A rating on another scale, in proportion and to the next whole number; outside of it the row is bad."""
        worst, best = (Decimal(str(end)) for end in scale)
        number = as_number(
            f"rtrim({value.sql}, '% ')" if value.kind == "VARCHAR" else value.sql, value.kind, NUMBER, value.writing
        )
        low, high = sorted((worst, best))
        reason = f'"{value.column}" is not a rating from {scale[0]:g} to {scale[1]:g}'
        outside = f"{value.sql} IS NOT NULL AND coalesce({number} NOT BETWEEN {low:f} AND {high:f}, true)"
        self.checks.append(Check(reason, value.column, outside, value.shown))
        share = f"CAST({number} - {worst:f} AS DOUBLE) / {best - worst:f}"
        return replace(value, sql=f"CAST(round({to[0]} + ({to[1]} - {to[0]}) * {share}) AS INTEGER)", kind="INTEGER")

    def _turn(self, condition: str, place: str) -> None:
        """Make the amounts of returns negative, however the source writes them."""
        value, checks = self.view.expression(condition, place)
        self.checks += checks
        for part in (self.fields, self.exact):
            for name in SIGNED:
                if name in part:
                    part[name] = f"CASE WHEN {value.sql} THEN -abs({part[name]}) ELSE {part[name]} END"

    def select(self, entry: int, first_check: int) -> str:
        """One row a row: the fields, the exact amounts, and `_why`, numbered from `first_check`."""
        base = ident(self.view.base.name)
        fields = [f"{sql} AS {ident(name)}" for name, sql in self.fields.items()]
        exact = [f"{sql} AS {ident(exact_name(name))}" for name, sql in self.exact.items()]
        why = "".join(f" WHEN {check.when} THEN {at}" for at, check in enumerate(self.checks, first_check))
        return (
            f"SELECT {base}._row, {entry} AS _entry, {', '.join(fields + exact)},"
            f" CAST(CASE{why or ' WHEN false THEN 0'} END AS SMALLINT) AS _why FROM {self.view.source}"
        )


def exact_name(amount: str) -> str:
    """The name of the column that keeps an amount before it is rounded."""
    return f"exact {amount}"
