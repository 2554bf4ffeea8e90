"""What a mapping file says: which files feed which table, read and checked before any data is.

A mapping is one TOML file: `[warehouse]` (title, currency, folder), `[customer]`, `[source.NAME]` (files),
`[table.NAME]` (a table of `queries/schema.py` and the columns that fill it). Every name in it is checked here
against the contract, so a slip is reported with its place and the nearest valid name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Column, String, Table
from sqlalchemy.types import TypeEngine

from dashboard.errors import DashboardError, nearest
from queries.schema import REQUIRED, SURVEY_ITEMS, metadata

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".xls": "xls",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
PACKED = (".gz", ".bz2", ".zip")
ENDINGS = (*FORMATS, *PACKED)
DIMENSIONS = ("region", "employee", "channel", "product", "customer", "activity")
ALIASES = {
    "parent": "region",
    "manager": "employee",
    "acquisition_channel": "channel",
    "referred": "customer",
}
SCALES = {"percent": "0-100", "nps": "0-10"}
RATINGS = {"recommend": (0, 10), "satisfaction": (1, 5), "satisfaction_after": (1, 5)} | dict.fromkeys(
    SURVEY_ITEMS, (1, 5)
)
"""The contract's scale of each rating, worst and best."""
NOT_MAPPED = ("warehouse_info",)
RETURN_OF = "return_of"
TOLERANCE = 0.05
"""The share of bad rows of a table that is tolerated where the mapping says nothing."""
BLANK_IS_A_VALUE = {("target", "region_code"), ("target", "grade")}


class LoadError(DashboardError):
    """What stopped the load, in one line for the person who can mend it."""


@dataclass(frozen=True)
class Target:
    """One field of a table as a mapping names it: `customer` stands for the column `customer_key`."""

    field: str
    column: Column
    reference: str | None
    required: bool


def generated_key(table: Table) -> str | None:
    """The surrogate key that the loader numbers itself; None when the key is made of mapped fields."""
    keys = [column.name for column in table.primary_key]
    own = len(keys) == 1 and keys[0].endswith("_key")
    return keys[0] if own and (table.name in DIMENSIONS or keys[0][:-4] not in DIMENSIONS) else None


def natural_key(table: Table) -> tuple[str, ...]:
    """The fields that name a row (`code`, or the mapped primary key); empty for a table of entries."""
    if table.name in DIMENSIONS:
        return ("code",)
    if generated_key(table):
        return ()
    return tuple(column.name.removesuffix("_key") for column in table.primary_key)


def targets(table: Table) -> dict[str, Target]:
    """The fields of a table that a mapping can fill, in the contract's order."""
    found = {}
    for column in table.columns:
        if column.name == generated_key(table):
            continue
        if column.name == RETURN_OF:
            # A source names the order that a return takes back; which line of it is worked out.
            found[RETURN_OF] = Target(RETURN_OF, Column(RETURN_OF, String), None, False)
            continue
        stem = column.name.removesuffix("_key")
        reference = ALIASES.get(stem, stem) if column.name.endswith("_key") else None
        required = not column.nullable and (table.name, column.name) not in BLANK_IS_A_VALUE
        if column.name == "name" and table.name in DIMENSIONS:
            required = False  # the code stands in
        found[stem] = Target(stem, column, reference, required)
    return found


def format_of(name: str) -> str | None:
    """The format that a file's ending tells, packed or not; a packed file of no known ending is CSV."""
    path = Path(name.lower())
    if path.suffix in PACKED:
        return FORMATS.get(path.with_suffix("").suffix, "csv")
    return FORMATS.get(path.suffix)


@dataclass(frozen=True)
class Source:
    """Files of one shape, or a table or query of a database: where they lie and how their text is written."""

    name: str
    file: str
    format: str
    url: str | None = None
    table: str | None = None
    query: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    footer_rows: int = 0
    columns: tuple[str, ...] = ()
    fill_down: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str | None = None
    empty: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    date_formats: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        return f"[source.{self.name}]"


@dataclass(frozen=True)
class Field:
    """Where one field comes from: a column, a SQL expression or a constant."""

    column: str | None = None
    expression: str | None = None
    constant: Any = None
    values: dict[str, Any] = field(default_factory=dict)
    otherwise: Any = None
    default: Any = None
    formats: tuple[str, ...] = ()
    factor: Any = None
    scale: tuple[float, float] | None = None


@dataclass(frozen=True)
class Join:
    """A look-up in another source: its row whose columns equal ours; at most one."""

    source: str
    on: dict[str, str]
    optional: bool = False


@dataclass(frozen=True)
class Condition:
    """Rows to set aside, and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class Feed:
    """One stream of rows into one table: from a source, from the rows another table loads, or written out."""

    table: str
    place: str
    fields: dict[str, Field]
    source: str | None = None
    rows_of: str | None = None
    rows: tuple[dict[str, Any], ...] = ()
    joins: tuple[Join, ...] = ()
    set_aside: tuple[Condition, ...] = ()
    spread: tuple[dict[str, Field], ...] = ()
    repeats: str | None = None
    keep: str = "first"
    returns: str | None = None
    replaces: tuple[str, ...] = ()
    return_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mapping:
    """The whole file, checked against the contract."""

    path: Path
    folder: Path
    info: dict[str, str]
    anonymous: tuple[str, str] | None
    sources: dict[str, Source]
    feeds: tuple[Feed, ...]
    tolerance: float = TOLERANCE
    tolerances: dict[str, float] = field(default_factory=dict)

    def tolerated(self, table: str) -> float:
        """The largest share of a table's rows that may be bad; what a rule of the mapping sets aside is not."""
        return self.tolerances.get(table, self.tolerance)


def read_mapping(path: Path, folder: Path | None = None) -> Mapping:
    """The mapping in `path`; `folder` overrides the source folder that it names. Raises LoadError."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise LoadError(f"{path}: the mapping can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LoadError(f"{path}: not a TOML file: {error}") from None
    _known(content, {"warehouse", "customer", "source", "table"}, str(path.name))
    info = dict(_entry(content, "warehouse", dict, "[warehouse]", {}))
    named = info.pop("folder", ".")
    tolerance = _share(info.pop("tolerance", TOLERANCE), "[warehouse]")
    if "currency" not in info:
        raise LoadError('[warehouse]: currency is missing, such as currency = "EUR"')
    if not all(isinstance(value, str) for value in (named, *info.values())):
        raise LoadError("[warehouse]: every value is a text in quotes")
    root = (folder or path.parent / named).resolve()
    if not root.is_dir():
        raise LoadError(f'[warehouse] folder: no folder "{root}"; name it in the mapping or with --source')
    sources = {name: _source(name, part) for name, part in _entry(content, "source", dict, "[source]", {}).items()}
    feeds = _feeds(_entry(content, "table", dict, "[table]", {}), sources)
    missing = [name for name in REQUIRED if name not in {feed.table for feed in feeds}]
    if missing:
        raise LoadError(f"{path.name}: [table.{missing[0]}] is missing; a warehouse needs {', '.join(REQUIRED)}")
    anonymous = _anonymous(content.get("customer", {}))
    return Mapping(path, root, info, anonymous, sources, feeds, tolerance, _tolerances(content["table"]))


def in_mapping(path: Path, message: str) -> str:
    """A message about a place of the mapping, with the line of the file where that place is."""
    found = re.match(r"(\[+([\w.]+)\]+)(?: no\. (\d+))?((?: \w+)*)", message)
    if not found:
        return message
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return message
    heads = [(at, m[1].strip()) for at, line in enumerate(lines) if (m := re.match(r"\s*\[\[?([^\]]+)\]", line))]
    name, words = found[2], (found[4] or "").split()
    quoted = re.search(r'(?:unknown name|no column|no \[source\.|rows_of =|join) "?([^"\].]+)', message)
    starts = [at for at, head in heads if head == name or head == name.split(".")[0]]
    if not starts:
        return message
    start = starts[min(int(found[3] or 1), len(starts)) - 1]
    end = next((at for at, head in heads if at > start and not head.startswith(f"{name}.")), len(lines))
    wanted = [*([quoted[1]] if quoted else []), *reversed(words)]
    line = next(
        (at for word in wanted for at in range(start, end) if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", lines[at])),
        start,
    )
    return f"{path.name}, line {line + 1}: {message}"


def _tolerances(tables: dict[str, Any]) -> dict[str, float]:
    """The largest share of bad rows of a table, for the tables that name one."""
    found = {}
    for table, parts in tables.items():
        for part in parts if isinstance(parts, list) else [parts]:
            if "tolerance" in part:
                found[table] = _share(part["tolerance"], f"[table.{table}]")
    return found


def _share(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise LoadError(f"{place}: tolerance is a share from 0 to 1, such as 0.02, not {value!r}")
    return float(value)


def _known(part: Any, allowed: Iterable[str], place: str) -> None:
    if not isinstance(part, dict):
        raise LoadError(f"{place}: a table of settings is expected, not {part!r}")
    for name in part:
        if name not in allowed:
            raise LoadError(f'{place}: unknown name "{name}"{nearest(name, allowed)}')


def _entry(part: dict[str, Any], name: str, kind: type, place: str, default: Any = None) -> Any:
    value = part.get(name, default)
    if value is not default and not isinstance(value, kind):
        word = {str: "a text in quotes", dict: "a table", list: "a list", bool: "true or false"}[kind]
        raise LoadError(f"{place}: {name} is {word}, not {value!r}")
    return value


def _texts(part: dict[str, Any], name: str, place: str) -> tuple[str, ...]:
    value = part.get(name, [])
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise LoadError(f"{place}: {name} is a text or a list of texts, not {value!r}")
    return tuple(value)


def _choice(part: dict[str, Any], name: str, choices: tuple[str, ...], place: str) -> str | None:
    value = part.get(name)
    if value is not None and value not in choices:
        raise LoadError(f'{place}: {name} = "{value}"{nearest(str(value), choices)}')
    return value


def _anonymous(part: Any) -> tuple[str, str] | None:
    place = "[customer]"
    _known(part, {"missing"}, place)
    rule = part.get("missing", "set aside")
    if rule == "set aside":
        return None
    if not isinstance(rule, dict):
        raise LoadError(f'{place}: missing is "set aside" or {{code = "…", name = "…"}}, not {rule!r}')
    _known(rule, {"code", "name"}, f"{place} missing")
    code = _entry(rule, "code", str, f"{place} missing")
    if not code:
        raise LoadError(f"{place} missing: the anonymous customer needs a code")
    return code, _entry(rule, "name", str, f"{place} missing", code)


def _source(name: str, part: Any) -> Source:
    place = f"[source.{name}]"
    if not name.isidentifier():
        raise LoadError(f'{place}: the name of a source is made of letters, digits and "_"')
    lists = ("columns", "empty", "numbers", "dates", "date_formats", "fill_down")
    texts = ("file", "format", "delimiter", "quote", "encoding", "sheet", "decimal", "thousands", *OF_DATABASES)
    counts = ("header_row", "footer_rows")
    _known(part, {*texts, *lists, *counts}, place)
    given = {key: _entry(part, key, str, place) for key in texts if key in part}
    given |= {key: _texts(part, key, place) for key in lists}
    given |= {key: _count(part, key, place) for key in counts if key in part}
    for key in ("decimal", "thousands", "delimiter"):
        if len(given.get(key, ".")) != 1:
            raise LoadError(f"{place}: {key} is one character, not {given[key]!r}")
    if len(given.get("quote", "")) > 1:
        raise LoadError(f"{place}: quote is one character, or an empty text if the file uses none")
    if given.get("decimal", ".") == given.get("thousands"):
        raise LoadError(f"{place}: decimal and thousands can't both be {given['thousands']!r}")
    if len(set(given["columns"])) < len(given["columns"]):
        raise LoadError(f"{place}: columns names every column of a file without a header, each once")
    if any(key in part for key in OF_DATABASES):
        return _database(name, given, place)
    if not given.get("file"):
        raise LoadError(f'{place}: file is missing, such as file = "{name}.csv" or "{name}_*.csv"')
    kinds = tuple(sorted(set(FORMATS.values())))
    given["format"] = _choice(part, "format", kinds, place) or format_of(given["file"])
    if given["format"] is None:
        ending = Path(given["file"]).suffix.lower()
        raise LoadError(f'{place}: the ending of "{given["file"]}" tells no format{nearest(ending, ENDINGS)}')
    return Source(name, **given)


OF_DATABASES = ("url", "table", "query")


def _database(name: str, given: dict[str, Any], place: str) -> Source:
    """A source in a database. A URL with a password is better named by its variable: url = "$SALES_URL"."""
    if "file" in given or not given.get("url") or ("table" in given) == ("query" in given):
        raise LoadError(f"{place}: a database is named by url, and by either table or query, without file")
    return Source(name, **given | {"file": given.get("table", "query"), "format": "database"})


def _count(part: dict[str, Any], name: str, place: str) -> int:
    value = part[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < (name == "header_row"):
        raise LoadError(f"{place}: {name} is a whole number, not {value!r}")
    return value


def _feeds(tables: dict[str, Any], sources: dict[str, Source]) -> tuple[Feed, ...]:
    feeds = []
    mappable = [name for name in metadata.tables if name not in NOT_MAPPED]
    for table, parts in tables.items():
        if table not in mappable:
            raise LoadError(f'[table.{table}]: the contract has no table "{table}"{nearest(table, mappable)}')
        many = isinstance(parts, list)
        for number, part in enumerate(parts if many else [parts], 1):
            place = f"[[table.{table}]] no. {number}" if many else f"[table.{table}]"
            feeds.append(_feed(table, part, place, sources, tables))
    _check_together(feeds)
    return tuple(feeds)


FEED_NAMES = (
    "from",
    "rows_of",
    "rows",
    "join",
    "columns",
    "set_aside",
    "spread",
    "repeats",
    "keep",
    "returns",
    "replaces",
    "return_of",
    "tolerance",
)


def _feed(table: str, part: Any, place: str, sources: dict[str, Source], tables: dict[str, Any]) -> Feed:
    _known(part, FEED_NAMES, place)
    if sum(name in part for name in ("from", "rows_of", "rows")) != 1:
        raise LoadError(f'{place}: one of from = "source", rows_of = "table" or rows = [ … ] is needed')
    source = _entry(part, "from", str, place)
    if source is not None and source not in sources:
        raise LoadError(f"{place}: no [source.{source}]{nearest(source, sources)}")
    rows_of = _entry(part, "rows_of", str, place)
    if rows_of is not None and rows_of not in tables:
        raise LoadError(f'{place}: rows_of = "{rows_of}" is no table of this mapping{nearest(rows_of, tables)}')
    joins = tuple(_join(join, place, sources) for join in _entry(part, "join", list, place, []))
    if len({source, *(join.source for join in joins)}) <= len(joins):
        raise LoadError(f"{place}: a source is named twice in from and join; join it once")
    allowed = targets(metadata.tables[table])
    rows = tuple(_entry(part, "rows", list, place, []))
    for row in rows:
        _known(row, allowed, f"{place} rows")
    fields = _fields(_entry(part, "columns", dict, place, {}), allowed, f"{place} columns")
    fields = {name: Field(column=name) for row in rows for name in row} | fields
    spread = tuple(_fields(entry, allowed, f"{place} spread") for entry in _entry(part, "spread", list, place, []))
    for entry in spread or ({},):
        for target in allowed.values():
            if target.required and target.field not in fields and target.field not in entry:
                raise LoadError(f"{place} columns: {target.field} is missing; table {table} can't be without it")
    if natural_key(metadata.tables[table]) and any(name in part for name in ("repeats", "spread")):
        raise LoadError(f"{place}: repeats and spread are for tables of entries; {table} has one row a code")
    for rule in ("returns", "return_of"):
        if rule in part and table != "sales_line":
            raise LoadError(f"{place}: {rule} is a rule of table sales_line")
    if "replaces" in part and (natural_key(metadata.tables[table]) or not source):
        raise LoadError(f"{place}: replaces is for tables of entries that come from files")
    return Feed(
        table,
        place,
        fields,
        source,
        rows_of,
        rows,
        joins,
        tuple(_condition(entry, place) for entry in _entry(part, "set_aside", list, place, [])),
        spread,
        _choice(part, "repeats", ("keep", "merge"), place),
        _choice(part, "keep", ("first", "last"), place) or "first",
        _entry(part, "returns", str, place),
        _own_fields(part, "replaces", fields, place),
        _own_fields(part, "return_of", fields, place),
    )


def _own_fields(part: dict[str, Any], name: str, fields: dict[str, Field], place: str) -> tuple[str, ...]:
    """A rule that compares fields of the table with each other; it names some that are filled."""
    named = _texts(part, name, place)
    for field_name in named:
        if field_name not in fields:
            raise LoadError(f'{place} {name}: no field "{field_name}" in columns{nearest(field_name, fields)}')
    return named


def _check_together(feeds: list[Feed]) -> None:
    """What only shows once every feed is known: whose rows are shared, and one rule a table."""
    for feed in feeds:
        if feed.keep != next(other for other in feeds if other.table == feed.table).keep:
            raise LoadError(f"{feed.place}: keep has to be the same in every [[table.{feed.table}]]")
        known = targets(metadata.tables[feed.table])
        for name in dict.fromkeys(name for fields in (feed.fields, *feed.spread) for name in fields):
            refers = known[name].reference
            if refers and all(other.table != refers for other in feeds):
                raise LoadError(
                    f"{feed.place} columns {name}: it names rows of table {refers}, which nothing fills;"
                    f" add [table.{refers}], if need be with rows_of"
                )
        parents = [other for other in feeds if other.table == feed.rows_of]
        if feed.rows_of and (len(parents) != 1 or not parents[0].source):
            raise LoadError(f"{feed.place}: rows_of needs a table with one from = …; {feed.rows_of} isn't")
        if feed.rows_of and (feed.joins or feed.set_aside):
            raise LoadError(f"{feed.place}: with rows_of, join and set_aside are those of {feed.rows_of}")


def _fields(part: Any, allowed: dict[str, Target], place: str) -> dict[str, Field]:
    _known(part, allowed, place)
    fields = {name: _field(value, f"{place} {name}") for name, value in part.items()}
    for name, filled in fields.items():
        if filled.scale and name not in RATINGS:
            raise LoadError(f"{place} {name}: scale is for ratings: {', '.join(RATINGS)}")
    return fields


def _field(value: Any, place: str) -> Field:
    if isinstance(value, str):
        return Field(column=value)
    names = ("column", "expression", "constant", "values", "otherwise", "default", "formats", "factor", "scale")
    _known(value, names, place)
    if sum(name in value for name in ("column", "expression", "constant")) != 1:
        raise LoadError(f"{place}: one of column, expression or constant is needed")
    factor = value.get("factor")
    if factor is not None and (isinstance(factor, bool) or not isinstance(factor, int | float)):
        raise LoadError(f"{place}: factor is a number, not {factor!r}")
    if "otherwise" in value and "values" not in value:
        raise LoadError(f"{place}: otherwise belongs to values")
    return Field(
        _entry(value, "column", str, place),
        _entry(value, "expression", str, place),
        value.get("constant"),
        _entry(value, "values", dict, place, {}),
        value.get("otherwise"),
        value.get("default"),
        _texts(value, "formats", place),
        factor,
        _scale(_entry(value, "scale", str, place), place),
    )


def _scale(value: str | None, place: str) -> tuple[float, float] | None:
    """The worst and the best answer of a rating; the worst may be the larger number, as for school marks."""
    if value is None:
        return None
    ends = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*-\s*(-?\d+(?:\.\d+)?)", SCALES.get(value, value))
    if not ends or float(ends[1]) == float(ends[2]):
        raise LoadError(f'{place}: scale is worst-best, such as "1-10" or "6-1", or one of {", ".join(SCALES)}')
    return float(ends[1]), float(ends[2])


def _join(part: Any, place: str, sources: dict[str, Source]) -> Join:
    place = f"{place} join"
    _known(part, ("source", "on", "optional"), place)
    source = _entry(part, "source", str, place, "")
    if source not in sources:
        raise LoadError(f"{place}: no [source.{source}]{nearest(source, sources)}")
    on = part.get("on")
    on = {on: on} if isinstance(on, str) else on
    if not isinstance(on, dict) or not on or not all(isinstance(name, str) for name in on.values()):
        raise LoadError(f'{place} {source}: on = "Column" or {{"our column" = "their column"}} is needed')
    return Join(source, on, _entry(part, "optional", bool, place, False))


def _condition(part: Any, place: str) -> Condition:
    place = f"{place} set_aside"
    _known(part, ("where", "reason"), place)
    where, reason = (_entry(part, name, str, place) for name in ("where", "reason"))
    if not where or not reason:
        raise LoadError(f"{place}: both where (a SQL condition) and reason (in words) are needed")
    return Condition(where, reason)


def contract_type(target: Target) -> TypeEngine:
    """The type a field is read as: the column's own, or text for the code of another table's row."""
    return String() if target.reference else target.column.type
