"""Worksheets of .xlsx and .xls books, as the text that a CSV file of the same source would hold."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime, time
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import duckdb
import openpyxl
import xlrd
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from dashboard.errors import nearest
from dashboard.warehouse.mapping import LoadError, Source
from dashboard.warehouse.staging import COLUMNS, LINE, Plain, Staged, append_texts
from dashboard.warehouse.writing import first_line


def read_xlsx(connection: duckdb.DuckDBPyConnection, staged: Staged, file: Plain, copy: Path) -> None:
    """Append the rows of one sheet. What a merged cell says holds for every cell that it covers."""
    source = staged.source
    try:
        book = openpyxl.load_workbook(file.path.open("rb"), read_only=True, data_only=True)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, InvalidFileException) as error:
        raise LoadError(f"{source.place}: {file.title} is no Excel file: {first_line(error)}") from None
    try:
        sheet = book[_sheet(source, file, book.sheetnames)]
        sheet.reset_dimensions()
        rows = ([_xlsx_text(cell, source.decimal) for cell in row] for row in sheet.iter_rows())
        merged = list(_merged(file.path, sheet._worksheet_path))
        append_texts(connection, staged, file, _columns(staged, file, _spread(rows, merged)))
    except (ValueError, KeyError, ParseError, zipfile.BadZipFile) as error:
        raise LoadError(f"{source.place}: {file.title} is damaged: {first_line(error)}") from None
    finally:
        book.close()


def read_xls(connection: duckdb.DuckDBPyConnection, staged: Staged, file: Plain, copy: Path) -> None:
    """Append the rows of one sheet of an old book."""
    source = staged.source
    try:
        book = xlrd.open_workbook(file.path)
    except (OSError, xlrd.XLRDError) as error:
        raise LoadError(f"{source.place}: {file.title} is no Excel file: {first_line(error)}") from None
    sheet = book.sheet_by_name(_sheet(source, file, book.sheet_names()))
    rows = ([_xls_text(cell, book.datemode, source.decimal) for cell in row] for row in sheet.get_rows())
    merged = [(top, bottom - 1, left, right - 1) for top, bottom, left, right in sheet.merged_cells]
    append_texts(connection, staged, file, _columns(staged, file, _spread(rows, merged)))


def _sheet(source: Source, file: Plain, names: list[str]) -> str:
    if source.sheet is None:
        return names[0]
    if source.sheet not in names:
        raise LoadError(f'{source.place}: {file.title} has no sheet "{source.sheet}"{nearest(source.sheet, names)}')
    return source.sheet


Block = tuple[int, int, int, int]
"""First and last row, first and last column of merged cells, from 0."""


def _merged(path: Path, part: str) -> Iterator[Block]:
    with zipfile.ZipFile(path) as archive, archive.open(part) as sheet:
        tail = b""
        while chunk := sheet.read(1 << 20):
            text = tail + chunk
            for found in re.finditer(rb'mergeCell ref="([A-Z]+\d+:[A-Z]+\d+)"', text):
                left, top, right, bottom = range_boundaries(found[1].decode())
                yield top - 1, bottom - 1, left - 1, right - 1
            tail = text[-60:] if b'mergeCell ref="' in text[-60:] and not text.endswith(b">") else b""


def _spread(rows: Iterable[list[str | None]], merged: list[Block]) -> Iterator[list[str | None]]:
    """The rows with the value of each merged block in all its cells; blocks of one row only stay as they are."""
    blocks = sorted(block for block in merged if block[1] > block[0])
    values: dict[Block, str | None] = {}
    for number, row in enumerate(rows):
        for block in blocks:
            top, bottom, left, _ = block
            if number == top:
                values[block] = row[left] if left < len(row) else None
            elif top < number <= bottom and any(cell is not None for cell in row):
                row += [None] * (left + 1 - len(row))
                row[left] = values.get(block)
        yield row


def _columns(staged: Staged, file: Plain, rows: Iterable[list[str | None]]) -> dict[str, list[Any]]:
    """A sheet's columns by the names in its header, the first row that isn't empty, and each row's place in it."""
    first, place = staged.source.header_row or 1, staged.source.place
    filled = (
        (number, row) for number, row in enumerate(rows, 1) if number >= first and any(cell is not None for cell in row)
    )
    at, header = next(filled, (first, []))
    names = [name for name in header if name is not None]
    if len(names) > COLUMNS:
        raise LoadError(f"{place}: {file.title} has {len(names):,} columns; more than {COLUMNS:,} are no table")
    if not names or len(set(names)) < len(names):
        twice = next((name for name in names if names.count(name) > 1), None)
        why = f'"{twice}" stands there twice' if twice else "it is empty"
        raise LoadError(
            f"{place}: row {at} of {file.title} has to name every column, each once ({why});"
            " say header_row = N if the names are in another row"
        )
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
