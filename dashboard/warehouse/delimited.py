"""CSV files: read by DuckDB as text, every line accounted for.

DuckDB's reader sets broken lines aside, but a quote that is never closed swallows what follows it. So the lines of
a file are counted independently, from its bytes, and a file whose records don't come out even is refused.
"""
# Names are quoted by `ident` and values by `literal`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from dashboard.warehouse.mapping import LoadError
from dashboard.warehouse.plain import BLANKS, DELIMITERS, in_utf8, whole_lines
from dashboard.warehouse.staging import COLUMNS, File, Plain, Staged, append, reject
from dashboard.warehouse.writing import NO_BLANKS, ODD, SPACES, ident, literal, run

OPTIONS = (
    "all_varchar = true, header = true, skip = 0, comment = '', escape = {quote}, quote = {quote},"
    " delim = {delimiter}, store_rejects = true, rejects_limit = 0, rejects_table = 'refused',"
    " rejects_scan = 'refusing'"
)
REFUSALS = {
    "INVALID ENCODING": "the line is not UTF-8; name the encoding of the file",
    "UNQUOTED VALUE": "a quoted field of the line is broken",
    "LINE SIZE OVER MAXIMUM": "the line is too long",
}
MARK = "\ufeff"
STRETCH = 1 << 24


def read_csv(connection: duckdb.DuckDBPyConnection, staged: Staged, file: Plain, copy: Path) -> None:
    """Append the rows of one file; its broken lines go to `stage.rejected`."""
    file = in_utf8(staged, file, copy)
    source = staged.source
    quote = '"' if source.quote is None else source.quote
    header = _header(file.path)
    if not header.strip():
        raise LoadError(f"{source.place}: {file.title} is empty; it needs a header at least")
    delimiter = source.delimiter or max(DELIMITERS, key=lambda mark: _outside_quotes(header).count(mark))
    if header.count(delimiter) >= COLUMNS:
        raise LoadError(
            f"{source.place}: {file.title} has {header.count(delimiter) + 1:,} columns;"
            f" more than {COLUMNS:,} are no table"
        )
    text = _Text(file, quote)
    options = OPTIONS.format(quote=literal(quote), delimiter=literal(delimiter))
    read = f"read_csv({literal(file.path)}, {options})"
    known = staged.blanks if staged.files else NO_BLANKS
    with ThreadPoolExecutor(1) as beside:
        blanks = beside.submit(text.blanks, delimiter)
        try:
            append(connection, staged, file, f"SELECT *{_but_empty(connection, header, delimiter, read)} FROM {read}")
        except duckdb.Error as error:
            blanks.result()  # may know better what is wrong
            _refuse_broken(staged, file, text, error)
            raise
        staged.blanks = max(known, blanks.result())
    _note_same_names(staged, file, header, delimiter)
    rejected = _reject_lines(connection, staged, file, text)
    run(connection, "DROP TABLE refused; DROP TABLE refusing")
    rows = staged.files[-1].last - staged.files[-1].first + 1
    if text.quoted and len(staged.columns) > 1 and text.records() != rows + rejected + 1:
        text.refuse_open_quote(source.place)
        raise LoadError(
            f"{source.place}: {file.title} has {text.records() - 1:,} records, of which {rows + rejected:,} could be"
            ' read; look for quotes that are not doubled, or say quote = "" if it uses none'
        )


def _refuse_broken(staged: Staged, file: Plain, text: _Text, error: duckdb.Error) -> None:
    """Raise LoadError with what is wrong with a file that the reader gave up, where it can be told."""
    place = staged.source.place
    text.refuse_open_quote(place)
    if text.ends_differ():
        raise LoadError(
            f"{place}: the lines of {file.title} end in different ways, some in a carriage return alone;"
            " save it again with one kind of line end"
        ) from None
    if "aximum line size" in str(error):
        raise LoadError(f"{place}: {file.title} has a line of more than 2 MB; this is no table") from None


def _note_same_names(staged: Staged, file: Plain, header: str, delimiter: str) -> None:
    """Say under which name the second of two columns of one name is read; a name knows no case."""
    names = [name.strip().casefold() for name in next(csv.reader([header], delimiter=delimiter), [])]
    twice = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    for name in twice:
        others = [column for column in staged.columns if re.fullmatch(rf"{re.escape(name)}_\d+", column.casefold())]
        told = ", ".join(f'"{other}"' for other in others)
        staged.notes.append(f'{file.title} names "{name}" {names.count(name)} times; the others are read as {told}')


def csv_lines(file: File, rows: np.ndarray, rejected: list[int], quote: str) -> np.ndarray:
    """The line in the file, from 1, of each of these rows (in order) of the staged source."""
    wanted, found, seen = rows - file.first + 1, [], 0
    for lines in _Text(file.plain, quote).record_lines():
        lines = lines[~np.isin(lines, rejected)]
        mine = wanted[(wanted >= seen) & (wanted < seen + len(lines))] - seen
        found.append(lines[mine])
        seen += len(lines)
    return np.concatenate(found) if found else rows


def _header(path: Path) -> str:
    with path.open("rb") as file:
        return file.readline(1 << 22).decode("utf-8", errors="replace")


def _but_empty(connection: duckdb.DuckDBPyConnection, header: str, delimiter: str, rows: str) -> str:
    """SQL that leaves out a last column without a name and a value: of lines that all end with the delimiter."""
    if not header.rstrip("\r\n").endswith(delimiter) or delimiter == BLANKS:
        return ""
    last = ident(run(connection, f"DESCRIBE SELECT * FROM {rows}")[-1][0])
    empty = run(connection, f"SELECT count(nullif(trim({last}), '')) = 0 FROM {rows}")[0][0]
    run(connection, "DROP TABLE refused; DROP TABLE refusing")
    return f" EXCLUDE ({last})" if empty else ""


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _reject_lines(connection: duckdb.DuckDBPyConnection, staged: Staged, file: Plain, text: _Text) -> int:
    """Note the lines that the reader refused, by their real line numbers: its own forget blank lines."""
    at = "line_byte_position"
    refused = connection.sql(
        f"SELECT {at}, min(error_type::VARCHAR) AS problem, min(csv_line) AS text FROM refused GROUP BY {at} ORDER BY 1"
    ).to_arrow_table()
    if refused.num_rows:
        reasons = "".join(f" WHEN {literal(kind)} THEN {literal(said)}" for kind, said in REFUSALS.items())
        lines = pa.array(text.line_numbers(refused[at].to_numpy()))
        connection.register("refused_lines", refused.append_column("at_line", lines))
        reject(
            connection,
            staged,
            file,
            f"SELECT at_line AS line, CASE problem{reasons} ELSE 'the line has more or fewer columns than the"
            " header' END AS reason, ltrim(text, chr(10) || chr(13)) AS text FROM refused_lines",
        )
        connection.unregister("refused_lines")
    return refused.num_rows


class _Text:
    """The bytes of a CSV file in UTF-8, looked at a stretch of whole lines at a time."""

    def __init__(self, file: Plain, quote: str) -> None:
        self.file = file
        self.quote = ord(quote) if quote else None
        self.quoted = False

    def _stretches(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """(offset, bytes up to a line's end, where in them lines end)."""
        for offset, lines in whole_lines(self.file.path, STRETCH):
            text = np.frombuffer(lines, np.uint8)
            ends = np.flatnonzero(text == ord("\n"))
            if not lines.endswith(b"\n"):
                ends = np.append(ends, len(lines))  # the last line needs no line end
            yield offset, text, ends

    def blanks(self, delimiter: str) -> int:
        """What may surround the fields, told from the bytes beside each blank. Refuses NUL bytes."""
        edges = f'{delimiter}",;|\n\r\t'.encode()
        found = NO_BLANKS
        for offset, lines in whole_lines(self.file.path, STRETCH):
            if (nul := lines.find(0)) >= 0:
                line = int(self.line_numbers(np.array([offset + nul]))[0])
                raise LoadError(
                    f"{self.file.title}, line {line:,}: a NUL byte; this is no text file, or UTF-16 unmarked"
                )
            self.quoted = self.quoted or (self.quote is not None and self.quote in lines)
            if found < ODD and _has_odd_blanks(lines, delimiter):
                found = ODD
            if found < SPACES and _has_outer_spaces(lines, edges):
                found = SPACES
        return found

    def record_lines(self) -> Iterator[np.ndarray]:
        """The lines on which records start: lines that aren't blank and before which the quotes are paired."""
        line, open_quotes = 1 + self.file.skipped, 0
        for _, text, ends in self._stretches():
            before = text[np.maximum(ends - 1, 0)] == ord("\r")
            filled = np.diff(ends, prepend=-1) - 1 - before > 0
            if self.quote is not None:
                quotes = np.flatnonzero(text == self.quote)
                starts = np.concatenate(([0], ends[:-1] + 1))
                filled &= (np.searchsorted(quotes, starts) + open_quotes) % 2 == 0
                open_quotes += len(quotes)
            yield np.flatnonzero(filled) + line
            line += len(ends)

    def records(self) -> int:
        """How many records there are, with the header."""
        return sum(len(lines) for lines in self.record_lines())

    def line_numbers(self, positions: np.ndarray) -> np.ndarray:
        """The line, from 1, on which each byte position (in order) lies, or the next line that isn't blank."""
        found, line, pending = [], 1 + self.file.skipped, positions
        for offset, text, ends in self._stretches():
            before = text[np.maximum(ends - 1, 0)] == ord("\r")
            filled = np.flatnonzero(np.diff(ends, prepend=-1) - 1 - before > 0)
            on = np.searchsorted(ends, np.maximum(pending - offset, 0))
            place = np.searchsorted(filled, on)
            here = (on < len(ends)) & (place < len(filled))
            found.append(filled[place[here]] + line)
            pending, line = pending[~here], line + len(ends)
        return np.concatenate([*found, np.full(len(pending), line)]) if found else positions

    def ends_differ(self) -> bool:
        """Whether there are carriage returns that no line feed follows."""
        return any(
            lines.count(b"\r") != lines.count(b"\r\n") for _, lines in whole_lines(self.file.path, STRETCH)
        )

    def refuse_open_quote(self, place: str) -> None:
        """Raise LoadError naming the first line with an odd number of quotes, if their whole number is odd."""
        line, first, total = 1 + self.file.skipped, 0, 0
        for _, text, ends in self._stretches():
            quotes = np.flatnonzero(text == self.quote) if self.quote is not None else np.zeros(0, np.int64)
            odd = np.flatnonzero(np.diff(np.searchsorted(quotes, ends), prepend=0) % 2)
            if len(odd) and not first:
                first = line + int(odd[0])
            total += len(quotes)
            line += len(ends)
        if total % 2:
            raise LoadError(
                f"{place}: {self.file.title}, line {first:,}: a quote is opened and never closed; close it, or say"
                ' quote = "" if the file uses none'
            )


def _has_odd_blanks(lines: bytes, delimiter: str) -> bool:
    """Whether there are blanks beside spaces that may surround a field. To look for one byte costs next to nothing."""
    if b"\t" in lines and delimiter != "\t":
        return True
    if b'"' in lines and (b'\n"' in lines or b'\r"' in lines):
        return True
    lines = lines.removeprefix(MARK.encode())
    return not lines.isascii() and any(blank.encode() in lines for blank in ("\u00a0", "\u3000", MARK))


def _has_outer_spaces(lines: bytes, edges: bytes) -> bool:
    """Whether a space stands beside one of these bytes or at either end."""
    text = np.frombuffer(lines, np.uint8)
    spaces = np.flatnonzero(text == ord(" "))
    if not len(spaces) or spaces[0] == 0 or spaces[-1] == len(text) - 1:
        return bool(len(spaces))
    edge = np.isin(np.arange(256), np.frombuffer(edges, np.uint8))
    return bool(edge[text[spaces - 1]].any() or edge[text[spaces + 1]].any())
