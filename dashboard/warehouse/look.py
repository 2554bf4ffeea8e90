"""What files hold that nobody has described yet: columns, what they are called, and what stands in them.

A column is known by its name (`data/mappings/words.toml`, Chinese and English), and only where its values can be
what the name says. Numbers and days are read in the spellings people use.
"""
# Names are quoted by `ident`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import count
from pathlib import Path

import duckdb
import openpyxl
import xlrd

from dashboard.warehouse.databases import tables_of
from dashboard.warehouse.mapping import PACKED, LoadError, Mapping, Source, format_of
from dashboard.warehouse.plain import DELIMITERS, first_lines
from dashboard.warehouse.sources import open_sources
from dashboard.warehouse.staging import Staged
from dashboard.warehouse.writing import as_text, ident, run

WORDS = Path(__file__).resolve().parents[2] / "data" / "mappings" / "words.toml"
SAMPLE = 5_000
"""Values of a column that are looked at one by one."""
MOSTLY = 0.98
"""The share of values that has to be a number, a day or a key to call the column so: files have slips."""
SOME = 0.02
FOUND = 0.95
NAMED = 0.8
"""The share of the columns that a header names at least."""
LOOKED_AT = 30
"""First rows among which a header is looked for."""
FEW = 30
MONEY_SIGNS = "¥￥$€£元"
NUMBER = re.compile(rf"[{MONEY_SIGNS}]?\s*[+-]?\s*[{MONEY_SIGNS}]?\s*\(?[\d.,\s\u00a0']*\d\)?\s*[{MONEY_SIGNS}]?")
ISO = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")
DAYS = (
    "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d",
    "%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%b %d, %Y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y",
)  # fmt: skip
TIMES = ("", " %H:%M", " %H:%M:%S")
EITHER = (("%m/%d/%Y", "%d/%m/%Y"), ("%m/%d/%y", "%d/%m/%y"), ("%m-%d-%Y", "%d-%m-%Y"))
SERIAL_DAYS = (20_000, 60_000)


@dataclass(frozen=True)
class Words:
    """The dictionary: what columns, values and currencies are called."""

    columns: dict[str, tuple[str, ...]]
    values: dict[str, frozenset[str]]
    currencies: dict[str, tuple[str, ...]]


@cache
def words() -> Words:
    """The dictionary of `data/mappings/words.toml`."""
    content = tomllib.loads(WORDS.read_text("utf-8"))
    columns = {meaning: tuple(plain(name) for name in names) for meaning, names in content["column"].items()}
    values = {meaning: frozenset(map(plain, names)) for meaning, names in content["value"].items()}
    return Words(columns, values, {code: tuple(signs) for code, signs in content["currency"].items()})


def plain(name: str) -> str:
    """A name without case, signs and camel humps: `OrderDate`, `order_date` and `Order-Date` are `order date`, and
    `订单 ID` is `订单id`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    bare = " ".join(re.sub(r"[\W_]+", " ", parted).lower().split())
    return re.sub(r"(?<=[^\x00-\u2fff]) | (?=[^\x00-\u2fff])", "", bare)


@dataclass
class Column:
    """A column as it was found: how full, how varied, and what its values are."""

    name: str
    kind: str
    filled: int
    distinct: int
    texts: tuple[str, ...]
    number: bool = False
    formats: tuple[str, ...] | None = None
    either: bool = False
    decimal: str = "."
    thousands: str | None = None
    signs: frozenset[str] = frozenset()
    negative: bool = False
    largest: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def day(self) -> bool:
        return self.formats is not None


@dataclass
class Sheet:
    """A source as it was found, with its columns; `meaning` says which column is what."""

    source: Source
    rows: int
    columns: dict[str, Column]
    repeats: int = 0
    meaning: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def title(self) -> str:
        """The file, and which of its sheets."""
        return f"{self.source.file} ({self.source.sheet})" if self.source.sheet else self.source.file

    def key(self, meaning: str) -> bool:
        """Whether the column of this meaning names the rows: always filled, never twice."""
        column = self.columns.get(self.meaning.get(meaning, ""))
        return column is not None and column.filled == self.rows == column.distinct and self.rows > 0

    def has(self, *meanings: str) -> bool:
        return all(meaning in self.meaning for meaning in meanings)


def looked_at(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], folder: Path, scratch: Path) -> list[Sheet]:
    """The files as sources with their columns, staged in `raw`; those of one shape are one source."""

    def staged(sources: Iterable[Source]) -> dict[str, Staged]:
        named = {source.name: source for source in sources}
        mapping = Mapping(Path(), folder, {}, None, named, ())
        return dict(open_sources(connection, mapping, scratch, frozenset(named), {}, lambda step, done: None))

    found = staged(_sources(files, folder))
    together = _together(list(found.values()), folder)
    found |= staged(source for source in together if source.name not in found)
    return [_sheet(connection, found[source.name]) for source in together]


def _sheet(connection: duckdb.DuckDBPyConnection, staged: Staged) -> Sheet:
    columns = {name: _column(connection, staged.table, name, kind) for name, kind in staged.columns.items()}
    different = f"SELECT DISTINCT {', '.join(map(ident, columns))} FROM {staged.table}"
    repeats = staged.rows - run(connection, f"SELECT count(*) FROM ({different})")[0][0]
    return Sheet(_spelled(staged.source, columns), staged.rows, columns, repeats)


def _sources(files: Sequence[Path], folder: Path) -> Iterator[Source]:
    """A source for each file, and for each sheet of a workbook that has several."""
    taken: set[str] = set()
    for path in files:
        name, kind = path.resolve().relative_to(folder).as_posix(), format_of(path.name)
        if kind is None:
            for table in tables_of(path):
                yield Source(_free(table, taken), table, "database", url=f"sqlite:///{name}", table=table)
            continue
        sheets = _sheets(path, kind)
        for sheet in sheets if len(sheets) > 1 else [None]:
            source = Source(_free(sheet or path.name.split(".")[0], taken), name, kind, sheet=sheet)
            yield replace(source, header_row=header_row(source, path))


def _free(word: str, taken: set[str]) -> str:
    """A source's name made of a word, and not yet taken; it is now."""
    word = re.sub(r"\W+", "_", word).strip("_") or "source"
    word = word if word.isidentifier() else f"s_{word}"
    free = next(name for n in count(1) if (name := word if n == 1 else f"{word}_{n}") not in taken)
    taken.add(free)
    return free


def _sheets(path: Path, kind: str) -> list[str]:
    """The sheets of a workbook that hold anything."""
    try:
        if kind == "xlsx" and path.suffix.lower() == ".xlsx":
            book = openpyxl.load_workbook(path, read_only=True)
            return [sheet.title for sheet in book.worksheets if (sheet.max_row or 2) > 1]
        if kind == "xls" and path.suffix.lower() == ".xls":
            return [sheet.name for sheet in xlrd.open_workbook(path, on_demand=True).sheets() if sheet.nrows > 1]
    except Exception:  # whatever is wrong with the file, the reader of sources says it better
        return []
    return []


def header_row(source: Source, path: Path) -> int | None:
    """The row with the names of the columns where titles stand above it; None for the first that isn't empty.

    Raises LoadError for a file whose first row holds values: nothing names its columns.
    """
    rows = [[cell.strip() for cell in row] for row in _first_rows(source, path)]
    width = max((sum(map(bool, row)) for row in rows), default=0)
    if width < 2:
        return None
    for number, row in enumerate(rows, 1):
        named = [cell for cell in row if cell]
        values = sum(_is_value(cell) for cell in named)
        if len(named) == len(set(named)) and len(named) >= NAMED * width and values <= len(named) / 4:
            first = next(at for at, each in enumerate(rows, 1) if any(each))
            return None if number == first else number
    if sum(map(_is_value, rows[0])) >= width / 2:
        raise LoadError(
            f"--suggest: {source.file}: its first row holds values ({', '.join(rows[0])[:60]}), no names of columns;"
            f" add a row of {len(rows[0])} names to the file, or write the mapping by hand, with columns = [ … ] below"
            " its source"
        )
    return None


def _is_value(cell: str) -> bool:
    """Whether a cell is a number or a day: names of columns are neither."""
    return bool(re.fullmatch(r"[-+¥$€£]?[\d.,:/ -]*\d[\d.,:/ -]*%?", cell))


def _first_rows(source: Source, path: Path) -> list[list[str]]:
    """The first rows of a file or sheet as text; none of what can't be read, which is said when it is read."""
    try:
        if source.format == "csv" and path.suffix.lower() not in PACKED:
            lines = first_lines(path, LOOKED_AT)
            mark = max(DELIMITERS, key=lambda mark: sum(line.count(mark) for line in lines))
            if not any(mark in line for line in lines):
                return [line.split() for line in lines]
            return list(csv.reader(lines, delimiter=mark))
        if source.format == "xlsx" and path.suffix.lower() == ".xlsx":
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            sheet = book[source.sheet] if source.sheet else book.worksheets[0]
            sheet.reset_dimensions()
            found = sheet.iter_rows(max_row=LOOKED_AT, values_only=True)
            return [["" if cell is None else str(cell) for cell in row] for row in found]
        if source.format == "xls" and path.suffix.lower() == ".xls":
            old = xlrd.open_workbook(path, on_demand=True)
            page = old.sheet_by_name(source.sheet) if source.sheet else old.sheet_by_index(0)
            return [[str(value) for value in page.row_values(at)] for at in range(min(LOOKED_AT, page.nrows))]
    except Exception:  # whatever is wrong with the file, the reader of sources says it better
        return []
    return []


def _together(staged: list[Staged], folder: Path) -> list[Source]:
    """Files with the same columns, such as one a month, as one source, where a pattern names just them."""
    by_shape: dict[tuple[str, ...], list[Source]] = {}
    for each in staged:
        shape = (each.source.format, each.source.sheet or "", str(each.source.header_row), *sorted(each.columns))
        by_shape.setdefault(shape, []).append(each.source)
    found, taken = [], {each.name for each in staged}
    for alike in by_shape.values():
        names = [source.file for source in alike]
        start = _alike(names)
        pattern = f"{start}*{_alike([name[len(start) :][::-1] for name in names])[::-1]}"
        there = sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))
        if len(alike) > 1 and there == sorted(names):
            word = start.rsplit("/", 1)[-1].rstrip("0123456789_-. ") or alike[0].name
            found.append(replace(alike[0], name=_free(word, taken), file=pattern))
        else:
            found += alike
    return found


def _alike(texts: list[str]) -> str:
    """The letters with which all of the texts begin."""
    return texts[0][: next((n for n, letters in enumerate(zip(*texts, strict=False)) if len(set(letters)) > 1), None)]


def _column(connection: duckdb.DuckDBPyConnection, table: str, name: str, kind: str) -> Column:
    text = f"nullif(trim({as_text(ident(name), kind)}), '')"
    filled, distinct = run(connection, f"SELECT count({text}), count(DISTINCT {text}) FROM {table}")[0]
    some = f"SELECT DISTINCT {text} AS t FROM {table} WHERE {text} IS NOT NULL LIMIT {SAMPLE}"
    texts = tuple(sorted(row[0] for row in run(connection, some)))
    column = Column(name, kind, filled, distinct, texts)
    if kind.startswith(("DATE", "TIMESTAMP")):
        column.formats = ()
    elif kind != "VARCHAR" and kind != "BOOLEAN":
        column.number = True
    elif texts:
        _read_numbers(column)
        if not column.number or all(re.fullmatch(r"\d{8}", t) for t in texts):
            _read_days(column)
    if column.number:
        numbers = [n for n in (number(t, column.decimal) for t in texts) if n is not None]
        column.negative = any(n < 0 for n in numbers)
        column.largest = max(numbers, default=0.0)
    column.scores = {meaning: score for meaning in words().columns if (score := _named(name, meaning))}
    return column


def number(text: str, decimal: str) -> float | None:
    """The number that a text is, whatever signs are around it."""
    bare = re.sub(rf"[\s\u00a0'{MONEY_SIGNS}]", "", text)
    bare = bare.replace("." if decimal == "," else ",", "").replace(decimal, ".")
    try:
        return float(bare)
    except ValueError:
        return None


def _read_numbers(column: Column) -> None:
    """Whether the texts are numbers, and how they mark decimals, thousands and money."""
    fitting = [text for text in column.texts if NUMBER.fullmatch(text)]
    if len(fitting) < MOSTLY * len(column.texts) or any(re.fullmatch(r"0\d+", text) for text in fitting):
        return  # leading zeros are codes
    bare = [re.sub(rf"[\s\u00a0{MONEY_SIGNS}]", "", text) for text in fitting]
    comma = sum(bool(re.search(r",\d{1,2}$", t)) or bool(re.search(r"\.\d{3},", t)) for t in bare)
    point = sum(bool(re.search(r"\.\d{1,2}$", t)) or bool(re.search(r",\d{3}\.", t)) for t in bare)
    column.decimal = "," if comma > point else "."
    group = "." if column.decimal == "," else ","
    if any(text.count(column.decimal) > 1 for text in bare):
        return  # 12.11.2024 is no number
    grouped = [t for t in bare if group in t]
    if any(not re.fullmatch(rf"[+-]?\d{{1,3}}({re.escape(group)}\d{{3}})+({re.escape(column.decimal)}\d*)?", t)
           for t in grouped):  # fmt: skip
        return  # marks that group no thousands
    column.thousands = group if grouped else None
    column.signs = frozenset(sign for text in fitting for sign in text if sign in MONEY_SIGNS)
    column.number = True


def _read_days(column: Column) -> None:
    """Whether the texts are days, in which spellings, and whether day and month could be exchanged."""
    left, formats = list(column.texts), []
    either = False
    for form in (*ISO, *(day + time for day in DAYS for time in TIMES)):
        fitting = {text for text in left if _is_day(text, form)}
        if len(fitting) < max(1, SOME * len(column.texts)):
            continue
        twin = next((b if form.startswith(a) else a for a, b in EITHER if form.startswith((a, b))), None)
        if twin:
            other = form.replace(form.split(" ")[0], twin)
            more = {text for text in left if _is_day(text, other)}
            if len(more) > len(fitting):
                continue  # the other one reads more of them; it comes later
            either = either or more == fitting
        formats.append(form)
        left = [text for text in left if text not in fitting]
        if not left:
            break
    if len(left) <= (1 - MOSTLY) * len(column.texts) and formats:
        column.formats = () if set(formats) <= set(ISO) else tuple(formats)
        column.either, column.number = either, False


def _is_day(text: str, form: str) -> bool:
    try:
        return 1950 <= datetime.strptime(text, form).year <= 2100
    except ValueError:
        return False


def _named(name: str, meaning: str) -> float:
    """How well a name says a meaning: 1 as written in the dictionary, less with other words around it."""
    told = plain(name)
    best = 0.0
    for word in words().columns[meaning]:
        if told == word:
            return 1.0
        chinese = not word.isascii()
        inside = word in told if chinese else f" {word} " in f" {told} "
        if inside:
            best = max(best, 0.4 + 0.5 * len(word) / len(told))
    return best


NUMBERS = ("quantity", "price", "revenue", "discount", "cost_of_goods", "profit", "unit_cost", "freight",
           "satisfaction", "recommend")  # fmt: skip
DATES = ("sold_on", "acquired_on", "answered_on")
LEAST_SCORE = 0.6


def _fits(column: Column, meaning: str, rows: int) -> bool:
    """Whether what stands in a column can be what its name says."""
    if not column.filled:
        return False
    if meaning == "profit" and column.largest <= 1:
        return False  # a share of revenue
    if meaning in NUMBERS:
        return column.number
    if meaning in DATES:
        return column.day or _serial(column)
    if meaning in ("status", "line_kind", "currency"):
        return not column.day and column.distinct <= FEW
    if meaning in ("region", "customer_name"):
        return not column.day and column.filled >= 0.8 * rows
    return not column.day and not (column.number and column.thousands)


def _serial(column: Column) -> bool:
    """Days as a spreadsheet counts them."""
    low, high = SERIAL_DAYS
    return column.number and all(low <= (number(t, column.decimal) or 0) <= high for t in column.texts)


def _spelled(source: Source, columns: dict[str, Column]) -> Source:
    """The source with the marks of its numbers: of most of its columns, as a file is written by one hand."""
    marked = [c for c in columns.values() if c.number and c.kind == "VARCHAR"]
    commas = sum(c.decimal == "," for c in marked)
    points = sum(c.decimal == "." and any("." in text for text in c.texts) for c in marked)
    decimal = "," if commas > points else "."
    thousands = next((c.thousands for c in marked if c.thousands and c.thousands != decimal), None)
    return replace(source, decimal=decimal, thousands=thousands)


def understood(sheet: Sheet) -> None:
    """Give each meaning its column: the best name first, and of equal names the one with fewer, fuller values; one
    that is the same in every row tells no regions apart."""
    pairs = [
        (score, column.filled >= FOUND * sheet.rows, _parts(column) if meaning == "region" else 0, meaning, name)
        for name, column in sheet.columns.items()
        for meaning, score in column.scores.items()
        if score >= LEAST_SCORE and _fits(column, meaning, sheet.rows)
    ]
    for _, _, _, meaning, name in sorted(pairs, key=lambda pair: pair[:3], reverse=True):
        if meaning not in sheet.meaning and name not in sheet.meaning.values():
            sheet.meaning[meaning] = name


def _parts(column: Column) -> float:
    """How well a column parts the rows into regions: few are better than many, and one is none."""
    return -column.distinct if column.distinct > 1 else float("-inf")
