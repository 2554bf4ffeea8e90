"""The files that a mapping names, brought into a staging database as they are written.

Every file is read whole and first; after that the staging connection can't reach a file any more, so that an
expression in a mapping can't either. CSV, Excel and JSON lines come in as text, Parquet with its own types.
The other half of this module says what such text means: a number, a day, a code, as SQL.
"""
# Names are quoted by `ident` and values by `literal`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import openpyxl
import pyarrow as pa
import xlrd
from openpyxl.utils.exceptions import InvalidFileException

from dashboard.errors import nearest
from dashboard.warehouse.mapping import LoadError, Mapping, Source
from dashboard.warehouse.writing import (
    NO_BLANKS,
    NUMBER,
    ODD,
    SPACES,
    Writing,
    as_number,
    as_text,
    as_time,
    clean,
    first_line,
    ident,
    literal,
    run,
)

UNREADABLE = "\ufffd"
LINE = "_line"
AS_LINES = "columns = {'line': 'VARCHAR'}, delim = '', quote = '', escape = '', header = false, auto_detect = false"
CSV_OPTIONS = (
    "all_varchar = true, header = true, skip = 0, comment = '', quote = '\"', escape = '\"',"
    " store_rejects = true, rejects_limit = 0, rejects_table = 'refused', rejects_scan = 'refusing'"
)
REFUSALS = {
    "INVALID ENCODING": "the line is not UTF-8; name the encoding of the file",
    "UNQUOTED VALUE": "a quoted field of the line is broken",
    "LINE SIZE OVER MAXIMUM": "the line is too long",
}
STRETCH = 1 << 24
Files = list[tuple[Path, Path]]


# Files ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    """One file of a source and the rows of the staged table that came from it: first <= row <= last."""

    name: str
    path: Path
    first: int
    last: int


@dataclass
class Staged:
    """A source in the staging database: table `raw.NAME`, one row a row, numbered from 1 in file order."""

    source: Source
    columns: dict[str, str] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)
    folder: Path = Path()
    garbled: bool = False
    blanks: int = ODD

    @property
    def name(self) -> str:
        return self.source.name

    def title(self, path: Path) -> str:
        """A file as the mapping's reader knows it: its path inside the source folder."""
        return str(path.relative_to(self.folder))

    @property
    def rows(self) -> int:
        return self.files[-1].last if self.files else 0

    @property
    def table(self) -> str:
        return f"raw.{ident(self.name)}"

    @property
    def writing(self) -> Writing:
        one = self.source
        cells = one.format in ("xlsx", "xls")
        return Writing(one.decimal, one.thousands, one.empty, one.date_formats, self.blanks, cells)

    def kind(self, column: str) -> str:
        """The type of a column in the `typed` rows."""
        if column in self.source.numbers:
            return NUMBER
        return "TIMESTAMP" if column in self.source.dates else self.columns[column]

    def typed(self) -> str:
        """The rows with clean text and real numbers and days where the mapping declares them.

        Beside each declared column stands its text as written, for the report of a value that can't be read.
        """
        parts = ["rowid + 1 AS _row"]
        for column, kind in self.columns.items():
            name = ident(column)
            value = clean(name, kind, self.writing)
            if column in self.source.numbers:
                parts.append(f"{as_text(value, kind)} AS {ident(as_written(column))}")
                value = as_number(value, kind, NUMBER, self.writing)
            elif column in self.source.dates:
                parts.append(f"{as_text(value, kind)} AS {ident(as_written(column))}")
                value = as_time(value, kind, "TIMESTAMP", self.writing)
            parts.append(f"{value} AS {name}")
        return f"(SELECT {', '.join(parts)} FROM {self.table})"

    def original(self, alias: str) -> str:
        """A row of `raw.NAME` as JSON text, as it was read."""
        fields = ", ".join(f"{ident(column)} := {alias}.{ident(column)}" for column in self.columns)
        return f"CAST(to_json(struct_pack({fields})) AS VARCHAR)"


def as_written(column: str) -> str:
    """The name under which `Staged.typed` keeps a declared column's own text."""
    return f"{column} (as written)"


def connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """The staging database: in memory, spilling to `scratch`, with no extension fetched or loaded."""
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": str(scratch / "spill"),
        }
    )
    run(connection, "CREATE SCHEMA raw; CREATE SCHEMA stage")
    run(
        connection,
        "CREATE TABLE stage.rejected (source VARCHAR, file VARCHAR, line BIGINT, reason VARCHAR, text VARCHAR)",
    )
    return connection


def lock_down(connection: duckdb.DuckDBPyConnection) -> None:
    """From here on no statement reaches a file, and none can undo that."""
    run(connection, "SET enable_external_access = false")
    run(connection, "SET lock_configuration = true")


def open_sources(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, scratch: Path
) -> Iterator[tuple[str, Staged]]:
    """Read every source of the mapping into the staging database; yields each as it is done."""
    for source in mapping.sources.values():
        staged = Staged(source, folder=mapping.folder)
        paths = _files(source, mapping.folder)
        copies = [scratch / f"{source.name}-{number}.{source.format}" for number in range(len(paths))]
        try:
            READERS[source.format](connection, staged, list(zip(paths, copies, strict=True)))
        except duckdb.Error as error:
            raise LoadError(f"{source.place} {source.file}: can't be read: {first_line(error)}") from None
        for column in (*source.numbers, *source.dates):
            if column not in staged.columns:
                raise LoadError(f'{source.place}: no column "{column}"{nearest(column, staged.columns)}')
        yield source.name, staged


def stage_rows(connection: duckdb.DuckDBPyConnection, name: str, rows: tuple[dict[str, Any], ...]) -> Staged:
    """Rows that a mapping writes out itself, as a source; their line is their place in the list."""
    names = list({column: None for row in rows for column in row})
    staged = Staged(Source(name, "", "rows"))
    texts = {n: [None if row.get(n) is None else str(row[n]) for row in rows] for n in names}
    _append_texts(connection, staged, "the mapping", Path(), {LINE: list(range(1, len(rows) + 1)), **texts})
    return staged


def _files(source: Source, folder: Path) -> list[Path]:
    """The files a source names, in the order of their names; all of them inside the folder."""
    if Path(source.file).is_absolute() or ".." in Path(source.file).parts:
        raise LoadError(f'{source.place}: file = "{source.file}" leaves the source folder; name a file inside it')
    found = sorted(path for path in folder.glob(source.file) if path.is_file())
    for path in found:
        if not path.resolve().is_relative_to(folder):
            raise LoadError(f'{source.place}: "{path.name}" is a link out of the source folder; put the file there')
    if not found:
        near = nearest(source.file, (path.name for path in folder.iterdir() if path.is_file()))
        raise LoadError(f'{source.place}: no file "{source.file}" in {folder}{near}')
    return found


def _append(connection: duckdb.DuckDBPyConnection, staged: Staged, name: str, copy: Path, query: str) -> None:
    """Put a file's rows behind those staged so far. Every file of a source has the same columns."""
    columns = {column: kind for column, kind, *_ in run(connection, f"DESCRIBE {query}")}
    own = {"_row"} if columns.pop(LINE, None) == "BIGINT" else {"_row", LINE}
    if reserved := own & columns.keys():
        raise LoadError(f"{staged.source.place}: {name} has a column {min(reserved)}, a name used here; rename it")
    if staged.files:
        _same_columns(staged, staged.files[0].name, staged.columns, name, columns)
        run(connection, f"INSERT INTO {staged.table} BY NAME {query}")
    else:
        staged.columns = columns
        run(connection, f"CREATE TABLE {staged.table} AS {query}")
    staged.files.append(File(name, copy, staged.rows + 1, _count(connection, staged.table)))


def _same_columns(staged: Staged, first: str, ours: Iterable[str], other: str, theirs: Iterable[str]) -> None:
    differ = sorted(set(ours) ^ set(theirs))
    if differ:
        raise LoadError(
            f"{staged.source.place}: {first} and {other} differ in the column(s) {', '.join(differ)};"
            " files of one source have the same columns"
        )


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return run(connection, f"SELECT count(*) FROM {table}")[0][0]


def _append_texts(
    connection: duckdb.DuckDBPyConnection,
    staged: Staged,
    name: str,
    copy: Path,
    columns: dict[str, list[Any]],
) -> None:
    arrays = [pa.array(column, pa.int64() if key == LINE else pa.string()) for key, column in columns.items()]
    connection.register("arrow_rows", pa.table(arrays, list(columns)))
    _append(connection, staged, name, copy, "SELECT * FROM arrow_rows")
    connection.unregister("arrow_rows")


def _read_parquet(connection: duckdb.DuckDBPyConnection, staged: Staged, files: Files) -> None:
    """All files at once: a column may be whole in one file and have fractions in the next."""
    names: list[set[str]] = []
    for path, copy in files:
        copy.symlink_to(path.resolve())
        names.append({row[0] for row in run(connection, f"DESCRIBE FROM {literal(copy)}")})
        _same_columns(staged, files[0][0].name, names[0], path.name, names[-1])
    copies = ", ".join(literal(copy) for _, copy in files)
    _append(
        connection,
        staged,
        "",
        Path(),
        f"SELECT * FROM read_parquet([{copies}], union_by_name = true, binary_as_string = true)",
    )
    staged.files.clear()
    for path, copy in files:
        rows = _count(connection, literal(copy))
        staged.files.append(File(staged.title(path), copy, staged.rows + 1, staged.rows + rows))


def _utf8(staged: Staged, path: Path, copy: Path) -> None:
    """Make `copy` the file in UTF-8. Bytes that the declared encoding can't have are marked and noted."""
    source = staged.source
    if source.encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig"):
        copy.symlink_to(path.resolve())
        return
    try:
        with (
            path.open(encoding=source.encoding, errors="replace", newline="") as read,
            copy.open("w", encoding="utf-8", newline="") as write,
        ):
            while chunk := read.read(1 << 20):
                staged.garbled = staged.garbled or UNREADABLE in chunk
                write.write(chunk)
    except LookupError:
        near = nearest(source.encoding, ("utf-8", "utf-16", "gb18030", "gbk", "big5", "cp1252", "latin-1"))
        raise LoadError(f'{source.place}: unknown encoding "{source.encoding}"{near}') from None


def _read_csv(connection: duckdb.DuckDBPyConnection, staged: Staged, files: Files) -> None:
    options = CSV_OPTIONS
    if staged.source.delimiter:
        options += f", delim = {literal(staged.source.delimiter)}"
    for path, copy in files:
        _utf8(staged, path, copy)
        staged.blanks = max(_blanks(copy, staged.source.delimiter or ","), staged.blanks if staged.files else 0)
        query = f"SELECT * FROM read_csv({literal(copy)}, {options})"
        _append(connection, staged, staged.title(path), copy, query)
        _reject_lines(connection, staged, path, copy)
        run(connection, "DROP TABLE refused; DROP TABLE refusing")


def _blanks(path: Path, delimiter: str) -> int:
    """What may surround the fields of a CSV file in UTF-8, told from the bytes beside each blank."""
    edges = np.frombuffer(f'{delimiter}",;|\n\r\t'.encode(), np.uint8)
    found = NO_BLANKS
    for text in _stretches(path):
        if delimiter != "\t" and (text == ord("\t")).any():
            return ODD
        for blank in ("\u00a0", "\u3000", '\n"', '\r"'):
            if _holds(text, blank.encode()):
                return ODD
        spaces = np.flatnonzero(text == ord(" "))
        beside = np.concatenate((text[np.maximum(spaces - 1, 0)], text[np.minimum(spaces + 1, len(text) - 1)]))
        if len(spaces) and (np.isin(beside, edges).any() or spaces[0] == 0 or spaces[-1] == len(text) - 1):
            found = SPACES
    return found


def _holds(text: np.ndarray, word: bytes) -> bool:
    """Whether the bytes occur one after the other."""
    at = np.flatnonzero(text[: len(text) - len(word) + 1] == word[0])
    for place, byte in enumerate(word[1:], 1):
        at = at[text[at + place] == byte]
    return len(at) > 0


def _stretches(path: Path) -> Iterator[np.ndarray]:
    """A file's bytes, a stretch at a time; the next begins with the last three of the one before."""
    if not path.stat().st_size:
        return
    whole = np.memmap(path, np.uint8, mode="r")
    for at in range(0, len(whole), STRETCH):
        yield whole[max(at - 3, 0) : at + STRETCH]


def _reject_lines(connection: duckdb.DuckDBPyConnection, staged: Staged, path: Path, copy: Path) -> None:
    """Note the lines that the reader refused, by their real line numbers: its own forget blank lines."""
    at = "line_byte_position"
    refused = connection.sql(
        f"SELECT {at}, min(error_type::VARCHAR) AS problem, min(csv_line) AS text FROM refused GROUP BY {at}"
    ).to_arrow_table()
    if refused.num_rows:
        reasons = "".join(f" WHEN {literal(kind)} THEN {literal(said)}" for kind, said in REFUSALS.items())
        lines = pa.array(_line_numbers(copy, refused[at].to_numpy()))
        connection.register("refused_lines", refused.append_column("at_line", lines))
        _reject(
            connection,
            staged,
            path,
            f"SELECT at_line AS line, CASE problem{reasons} ELSE 'the line has more or fewer columns than the"
            " header' END AS reason, ltrim(text, chr(10) || chr(13)) AS text FROM refused_lines",
        )
        connection.unregister("refused_lines")


def _places(text: np.ndarray, byte: str) -> np.ndarray:
    """Where a byte occurs in a file, found a stretch at a time."""
    stretches = range(0, len(text), STRETCH)
    return np.concatenate([np.flatnonzero(text[at : at + STRETCH] == ord(byte)) + at for at in stretches])


def _filled_lines(text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(where each line ends, which lines aren't blank; both counted from 0)."""
    ends = np.append(_places(text, "\n"), len(text))
    lengths = np.diff(ends, prepend=-1) - 1 - (text[ends - 1] == ord("\r"))
    return ends, np.flatnonzero(lengths > 0)


def _line_numbers(path: Path, positions: np.ndarray) -> np.ndarray:
    """The line, from 1, on which each byte position lies, or the next line that isn't blank."""
    text = np.memmap(path, np.uint8, mode="r")
    ends, filled = _filled_lines(text)
    return filled[np.searchsorted(filled, np.searchsorted(ends, positions))] + 1


def csv_lines(file: File, rows: np.ndarray, rejected: list[int]) -> np.ndarray:
    """The line in the file, from 1, of each of these rows of the staged source.

    A record starts on a line that isn't blank and before which the quotes are paired; the first is the
    header. Where stray quotes make that uncertain, the row's place in the file stands in.
    """
    text = np.memmap(file.path, np.uint8, mode="r")
    ends, filled = _filled_lines(text)
    starts = np.concatenate(([0], ends + 1))[filled]
    paired = np.searchsorted(_places(text, '"'), starts) % 2 == 0
    records = filled[paired] + 1
    records = records[~np.isin(records, rejected)]
    if len(records) != file.last - file.first + 2:
        return rows - file.first + 2
    return records[rows - file.first + 1]


def _reject(connection: duckdb.DuckDBPyConnection, staged: Staged, path: Path, query: str) -> None:
    """Note the lines of a file that are no rows at all."""
    run(
        connection,
        f"INSERT INTO stage.rejected SELECT {literal(staged.name)}, {literal(staged.title(path))},"
        f" line, reason, text FROM ({query})",
    )


def _read_jsonl(connection: duckdb.DuckDBPyConnection, staged: Staged, files: Files) -> None:
    """One object a line; the columns are the keys that occur in any line of any file."""
    columns: dict[str, None] = {}
    for number, (path, copy) in enumerate(files):
        _utf8(staged, path, copy)
        lines = f"lines_{number}"
        good = "WHEN json_valid(line) THEN json_type(line) = 'OBJECT' WHEN line IS NOT NULL THEN false"
        run(
            connection,
            f"CREATE TEMP TABLE {lines} AS"
            f" SELECT row_number() OVER () AS {LINE}, line, CASE {good} END AS good"
            f" FROM read_csv({literal(copy)}, {AS_LINES})",
        )
        bad = f"SELECT {LINE} AS line, 'the line is not a JSON object' AS reason, line AS text FROM {lines}"
        _reject(connection, staged, path, f"{bad} WHERE NOT good")
        keys = f"SELECT unnest(json_keys(line)) AS key, {LINE} FROM {lines} WHERE good"
        found = run(connection, f"SELECT key FROM ({keys}) GROUP BY key ORDER BY min({LINE}), key")
        columns |= dict.fromkeys(key for (key,) in found)
    for number, (path, copy) in enumerate(files):
        pointers = [(key, "/" + key.replace("~", "~0").replace("/", "~1")) for key in columns]
        values = ", ".join(f"json_extract_string(line, {literal(at)}) AS {ident(key)}" for key, at in pointers)
        query = f"SELECT {LINE}, {values} FROM lines_{number} WHERE good ORDER BY {LINE}"
        _append(connection, staged, staged.title(path), copy, query)
        run(connection, f"DROP TABLE lines_{number}")


def _read_xlsx(connection: duckdb.DuckDBPyConnection, staged: Staged, files: Files) -> None:
    for path, copy in files:
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile, InvalidFileException) as error:
            raise LoadError(f"{staged.source.place}: {path.name} is no Excel file: {first_line(error)}") from None
        try:
            sheet = book[_sheet(staged.source, path, book.sheetnames)]
            sheet.reset_dimensions()
            rows = ([_xlsx_text(cell, staged.source.decimal) for cell in row] for row in sheet.iter_rows())
            _append_texts(connection, staged, staged.title(path), copy, _columns(staged, path, rows))
        finally:
            book.close()


def _read_xls(connection: duckdb.DuckDBPyConnection, staged: Staged, files: Files) -> None:
    for path, copy in files:
        try:
            book = xlrd.open_workbook(path, on_demand=True)
        except (OSError, xlrd.XLRDError) as error:
            raise LoadError(f"{staged.source.place}: {path.name} is no Excel file: {first_line(error)}") from None
        sheet = book.sheet_by_name(_sheet(staged.source, path, book.sheet_names()))
        decimal = staged.source.decimal
        rows = ([_xls_text(cell, book.datemode, decimal) for cell in row] for row in sheet.get_rows())
        _append_texts(connection, staged, staged.title(path), copy, _columns(staged, path, rows))


def _sheet(source: Source, path: Path, names: list[str]) -> str:
    if source.sheet is None:
        return names[0]
    if source.sheet not in names:
        raise LoadError(f'{source.place}: {path.name} has no sheet "{source.sheet}"{nearest(source.sheet, names)}')
    return source.sheet


def _columns(staged: Staged, path: Path, rows: Iterable[list[str | None]]) -> dict[str, list[Any]]:
    """A sheet's columns by the names in its first row that isn't empty, and each row's place in it."""
    filled = ((number, row) for number, row in enumerate(rows, 1) if any(cell is not None for cell in row))
    _, header = next(filled, (0, []))
    names = [name for name in header if name is not None]
    if not names or len(set(names)) < len(names):
        raise LoadError(f"{staged.source.place}: the first row of {path.name} has to name every column, each once")
    body = list(filled)
    return {LINE: [number for number, _ in body]} | {
        name: [row[at] if at < len(row) else None for _, row in body]
        for at, name in enumerate(header)
        if name is not None
    }


def _xlsx_text(cell: Any, decimal: str) -> str | None:
    if cell.value is None:
        return None
    zeros = re.fullmatch("0+", cell.number_format or "")
    text = _cell_text(cell.value, decimal)
    return text.zfill(len(zeros[0])) if zeros else text


def _xls_text(cell: xlrd.sheet.Cell, datemode: int, decimal: str) -> str | None:
    if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
        return None
    if cell.ctype == xlrd.XL_CELL_DATE:
        return _cell_text(xlrd.xldate_as_datetime(cell.value, datemode), decimal)
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return xlrd.error_text_from_code.get(cell.value, "#ERROR")
    return _cell_text(bool(cell.value) if cell.ctype == xlrd.XL_CELL_BOOLEAN else cell.value, decimal)


def _cell_text(value: Any, decimal: str) -> str:
    """A cell as the text that a CSV of the same source would hold; days as yyyy-mm-dd."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value).replace(".", decimal)
    if isinstance(value, datetime):
        return value.isoformat(" ") if value.time() != time() else value.date().isoformat()
    return str(value)


READERS = {
    "csv": _read_csv,
    "parquet": _read_parquet,
    "xlsx": _read_xlsx,
    "xls": _read_xls,
    "jsonl": _read_jsonl,
}
