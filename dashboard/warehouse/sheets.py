"""Worksheets of .xlsx and .xls books, as the text that a CSV file of the same source would hold."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime, time
from itertools import islice
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError

import duckdb
import openpyxl
import pyarrow as pa
import xlrd
from openpyxl.utils.cell import get_column_letter, range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from dashboard.errors import nearest
from dashboard.warehouse.mapping import LoadError
from dashboard.warehouse.staging import BATCH, COLUMNS, LINE, Plain, Staged, append_batches, texts_table
from dashboard.warehouse.writing import first_line

DAMAGED = (
    AttributeError,
    OSError,
    KeyError,
    ValueError,
    IndexError,
    TypeError,
    ParseError,
    zlib.error,
    zipfile.BadZipFile,
    InvalidFileException,
)
"""What openpyxl makes of a file that is no workbook, or a broken one."""
MERGED = re.compile(rb'mergeCell ref="([A-Z]+\d+:[A-Z]+\d+)"')
UNKNOWN = re.compile(rb"<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")
LONGEST_CELL = 1 << 16
"""Bytes of XML; a formula may have 8,192 characters."""


def read_xlsx(connection: duckdb.DuckDBPyConnection, staged: Staged, file: Plain, copy: Path) -> None:
    """Append the rows of one sheet, a batch at a time. What a merged cell says holds for every cell that it covers."""
    source = staged.source
    try:
        book = openpyxl.load_workbook(file.path.open("rb"), read_only=True, data_only=True)
    except DAMAGED as error:
        raise LoadError(f"{source.place}: {file.title} is no Excel file: {_said(error, file)}") from None
    try:
        shown = {sheet.title: sheet.sheet_state == "visible" for sheet in book.worksheets}
        sheet = book[_sheet(staged, file, shown)]
        sheet.reset_dimensions()
        merged, unknown = _merged(file.path, sheet._worksheet_path)
        if unknown:
            staged.notes.append(
                f"{file.title}: {unknown:,} formulas have no value, for no spreadsheet has worked them out; they are"
                " read as empty: open the file in a spreadsheet and save it"
            )
        rows = _xlsx_rows(sheet, source.decimal)
        append_batches(connection, staged, file, _batches(staged, file, _spread(rows, merged)))
    except DAMAGED as error:
        raise LoadError(f"{source.place}: {file.title} is damaged: {_said(error, file)}") from None
    finally:
        book.close()


def read_xls(connection: duckdb.DuckDBPyConnection, staged: Staged, file: Plain, copy: Path) -> None:
    """Append the rows of one sheet of an old book, which has 65,536 at most."""
    source = staged.source
    try:
        book = xlrd.open_workbook(file.path, on_demand=True, logfile=io.StringIO())
        names = [name for name in book.sheet_names() if name == source.sheet] or book.sheet_names()
        shown = {name: book.sheet_by_name(name).visibility == 0 for name in names}
        sheet = book.sheet_by_name(_sheet(staged, file, shown))
    except LoadError:
        raise
    except Exception as error:  # what xlrd makes of a damaged file is any error
        raise LoadError(f"{source.place}: {file.title} is no Excel file: {_said(error, file)}") from None
    rows = ([_xls_text(cell, book.datemode, source.decimal) for cell in row] for row in sheet.get_rows())
    merged = [(top, bottom - 1, left, right - 1) for top, bottom, left, right in sheet.merged_cells]
    append_batches(connection, staged, file, _batches(staged, file, _spread(rows, merged)))


def _said(error: Exception, file: Plain) -> str:
    """What a reader says of a file, by the name that people know it by."""
    return first_line(error).replace(str(file.path), file.title)


def _sheet(staged: Staged, file: Plain, shown: dict[str, bool]) -> str:
    """The sheet that the source names, else the first that isn't hidden."""
    source = staged.source
    if source.sheet is None:
        visible = [name for name, seen in shown.items() if seen] or list(shown)
        if not visible:
            raise LoadError(f"{source.place}: {file.title} has no sheet of cells")
        if visible[1:]:
            staged.notes.append(f'{file.title}: of {len(visible)} sheets "{visible[0]}" is read; name others by sheet')
        return visible[0]
    if source.sheet not in shown:
        raise LoadError(f'{source.place}: {file.title} has no sheet "{source.sheet}"{nearest(source.sheet, shown)}')
    return source.sheet


Block = tuple[int, int, int, int]
"""First and last row, first and last column of merged cells, from 0."""


def _merged(path: Path, part: str) -> tuple[list[Block], int]:
    """The merged cells of a sheet, and how many of its formulas have no value. A pass over its XML, which holds both
    in places that a reader of rows doesn't tell."""
    blocks: list[Block] = []
    unknown = 0
    with zipfile.ZipFile(path) as archive, archive.open(part) as sheet:
        for xml in _pieces(sheet):
            unknown += sum(1 for _ in UNKNOWN.finditer(xml))
            for found in MERGED.finditer(xml):
                left, top, right, bottom = range_boundaries(found[1].decode())
                blocks.append((top - 1, bottom - 1, left - 1, right - 1))
    return blocks, unknown


def _pieces(sheet: IO[bytes]) -> Iterator[bytes]:
    """The XML of a sheet a stretch at a time, never parted within a cell or a merge."""
    rest = b""
    while chunk := sheet.read(1 << 20):
        text = rest + chunk
        end = max(text.rfind(b"<c "), text.rfind(b"<mergeCell "), len(text) - LONGEST_CELL)
        yield text[:end]
        rest = text[end:]
    yield rest


def _xlsx_rows(sheet: Any, decimal: str) -> Iterator[list[str | None]]:
    """A sheet's cells as text. How wide a format of zeros makes a code is looked up once for each style."""
    widths: dict[Any, int] = {}
    for row in sheet.iter_rows():
        texts: list[str | None] = []
        for cell in row:
            value = cell.value
            if value is None:
                texts.append(None)
                continue
            style = cell._style_id
            if style not in widths:
                zeros = re.fullmatch("0+", cell.number_format or "")
                widths[style] = len(zeros[0]) if zeros else 0
            text = value if isinstance(value, str) else _cell_text(value, decimal)
            texts.append(text.zfill(widths[style]) if widths[style] else text)
        yield texts


def _spread(rows: Iterable[list[str | None]], merged: list[Block]) -> Iterator[list[str | None]]:
    """The rows with the value of each merged block in all its cells; blocks of one row only stay as they are."""
    waiting = sorted((block for block in merged if block[1] > block[0]), reverse=True)
    open_blocks: dict[Block, str | None] = {}
    for number, row in enumerate(rows):
        open_blocks = {block: value for block, value in open_blocks.items() if block[1] >= number}
        if open_blocks and any(cell is not None for cell in row):
            for (_, _, left, _), value in open_blocks.items():
                row += [None] * (left + 1 - len(row))
                row[left] = value
        while waiting and waiting[-1][0] <= number:
            block = waiting.pop()
            open_blocks[block] = row[block[2]] if block[2] < len(row) else None
        yield row


def _batches(staged: Staged, file: Plain, rows: Iterable[list[str | None]]) -> Iterator[pa.Table]:
    """A sheet's rows by the names in its header, the first row that isn't empty, and each row's place in it."""
    first, place = staged.source.header_row or 1, staged.source.place
    filled = (
        (number, row) for number, row in enumerate(rows, 1) if number >= first and any(cell is not None for cell in row)
    )
    given: list[str | None] = [*staged.source.columns]
    at, header = (first - 1, given) if given else next(filled, (first, []))
    names = {name: column for column, name in enumerate(header) if name is not None}
    cases = [name.casefold() for name in header if name is not None]  # names of columns know no case
    if len(names) > COLUMNS:
        raise LoadError(f"{place}: {file.title} has {len(names):,} columns; more than {COLUMNS:,} are no table")
    if not names or len(set(cases)) < len(cases):
        twice = next((name for name in names if cases.count(name.casefold()) > 1), None)
        why = f'"{twice}" stands there twice' if twice else "it is empty"
        raise LoadError(
            f"{place}: row {at} of {file.title} has to name every column, each once ({why});"
            " say header_row = N if the names are in another row"
        )
    named, nameless = set(names.values()), set[int]()
    while True:
        body = list(islice(filled, BATCH))
        yield texts_table(
            {LINE: [number for number, _ in body]}
            | {name: [row[column] if column < len(row) else None for _, row in body] for name, column in names.items()}
        )
        for _, row in body:
            if len(row) > len(named):
                nameless.update(n for n, cell in enumerate(row) if cell is not None and n not in named)
        if len(body) < BATCH:
            break
    if nameless:
        letters = ", ".join(get_column_letter(column + 1) for column in sorted(nameless)[:5])
        staged.notes.append(
            f"{file.title}: columns without a name in row {at} are not read: {letters}; say header_row = N if the names"
            " are in another row"
        )


def _xls_text(cell: xlrd.sheet.Cell, datemode: int, decimal: str) -> str | None:
    if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
        return None
    if cell.ctype == xlrd.XL_CELL_DATE:
        return _cell_text(xlrd.xldate_as_datetime(cell.value, datemode), decimal)
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#ERROR"))
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
