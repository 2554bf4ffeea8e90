"""The file of rows set aside: where each row stood, the value to blame and the reason, to be mended in Excel."""
# Names are quoted by `ident` and values by `literal`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from dashboard.warehouse.candidates import Candidates
from dashboard.warehouse.connect import BATCH_ROWS
from dashboard.warehouse.delimited import csv_lines
from dashboard.warehouse.fill import Filling, values
from dashboard.warehouse.mapping import LoadError
from dashboard.warehouse.staging import LINE, File, Staged, hold
from dashboard.warehouse.writing import ident, literal, run

SET_ASIDE_COLUMNS = ("table", "file", "line", "column", "value", "reason", "row")
MARK = b"\xef\xbb\xbf"


def write_set_aside(job: Filling, path: Path, before: Path | None) -> None:
    """Every row set aside, with its place, the value to blame, the reason and the row as it was read.

    When files were added, behind the rows that were set aside `before`.
    """
    _number_lines(job)
    parts = [_set_aside_rows(job, at, part) for at, part in enumerate(job.candidates) if part.losses]
    parts += [
        f"""
        SELECT {literal(table)} AS "table", file, line, NULL::VARCHAR AS "column", NULL::VARCHAR AS value,
            reason, text AS "row", {len(job.candidates)} AS _part, line AS _row, 0 AS _entry
        FROM stage.rejected WHERE source = {literal(source)}
        """
        for table, source in _readers(job)
    ]
    cells = (f"{_safe(ident(n))} AS {ident(n)}" for n in SET_ASIDE_COLUMNS if n not in ("table", "line"))
    query = (
        f"SELECT {', '.join(map(ident, SET_ASIDE_COLUMNS))} FROM (SELECT * REPLACE ({', '.join(cells)})"
        f" FROM ({' UNION ALL '.join(parts)})) ORDER BY _part, _row, _entry"
    )
    with path.open("wb") as file:
        file.write(MARK)
        known = before.read_bytes().removeprefix(MARK) if before and before.exists() else b""
        file.write(known)
        rows = job.connection.sql(query).to_arrow_reader(BATCH_ROWS)
        with pacsv.CSVWriter(file, rows.schema, write_options=pacsv.WriteOptions(include_header=not known)) as writer:
            for batch in rows:
                writer.write_batch(batch)


def _set_aside_rows(job: Filling, at: int, part: Candidates) -> str:
    """One feed's part of the file, as a query; `_part`, `_row` and `_entry` put it in order."""
    checks = values([(place, check.column, check.reason) for place, check in enumerate(part.checks)])
    files = values([(file.first, file.last, file.name) for file in part.base.files])
    return f"""
        SELECT {literal(part.feed.table)} AS "table", f.name AS file, {_line(part.base)} AS line,
            c.name AS "column", s._shown AS value, c.reason, {part.base.original("r")} AS "row",
            {at} AS _part, s._row, s._entry
        FROM ({part.set_aside()}) AS s
        JOIN {checks} AS c (place, name, reason) ON c.place = s._why
        JOIN (SELECT *, {part.base.row} AS _row FROM {part.base.table}) AS r ON r._row = s._row
        JOIN {files} AS f (first, last, name) ON s._row BETWEEN f.first AND f.last
        LEFT JOIN stage.line AS l ON l.source = {literal(part.base.name)} AND l._row = s._row
        """


def _readers(job: Filling) -> list[tuple[str, str]]:
    """(table, source) for every source: the table it feeds, or its own name if it only serves joins."""
    pairs = [(feed.table, feed.source) for feed in job.mapping.feeds if feed.source]
    fed = {source for _, source in pairs}
    return pairs + [(f"source {name}", name) for name in job.sources if name not in fed]


def _number_lines(job: Filling) -> None:
    """`stage.line`: the line in the file of each row set aside from a CSV file."""
    run(job.connection, "CREATE TABLE stage.line (source VARCHAR, _row BIGINT, line BIGINT)")
    for name, staged in job.sources.items():
        parts = [part.lost for part in job.candidates if part.base is staged]
        if staged.source.format != "csv" or not parts:
            continue
        aside = " UNION ".join(f"SELECT _row FROM {table} WHERE _why IS NOT NULL" for table in parts)
        for file in staged.files:
            between = f"SELECT _row FROM ({aside}) WHERE _row BETWEEN {file.first} AND {file.last} ORDER BY 1"
            rows = job.connection.sql(between).to_arrow_table()
            if not rows.num_rows:
                continue
            rejected = _rejected_lines(job, staged, file)
            lines = pa.array(csv_lines(file, rows["_row"].to_numpy(), rejected, _quote(staged)))
            job.connection.register("numbered", rows.append_column("line", lines))
            run(job.connection, f"INSERT INTO stage.line SELECT {literal(name)}, _row, line FROM numbered")
            job.connection.unregister("numbered")


def _quote(staged: Staged) -> str:
    return '"' if staged.source.quote is None else staged.source.quote


def _rejected_lines(job: Filling, staged: Staged, file: File) -> list[int]:
    where = f"source = {literal(staged.name)} AND file = {literal(file.name)}"
    return [line for (line,) in run(job.connection, f"SELECT line FROM stage.rejected WHERE {where}")]


def _line(base: Staged) -> str:
    """Where in its file a row stands: a line of text, a row of a sheet, the n-th row of a Parquet file."""
    in_file = "s._row - f.first + 1"
    if base.source.format in ("parquet", "database"):
        return in_file
    return "l.line" if base.source.format == "csv" else f"r.{LINE}"


def _safe(text: str) -> str:
    """A cell that a spreadsheet can't take for a formula; numbers stay as they are."""
    number = f"regexp_full_match({text}, '[+-]?[0-9][0-9.,]*')"
    formula = f"left({text}, 1) IN ('=', '+', '-', '@', chr(9), chr(13)) AND NOT {number}"
    return f"CASE WHEN {formula} THEN chr(39) || {text} ELSE {text} END"


# Mended ---------------------------------------------------------------------------------------------------


def apply_mended(job: Filling, path: Path) -> None:
    """Put the values of a mended file of rows set aside in the place of those that were read.

    Each is found by its file, line and column. Raises LoadError for a file that has not these columns.
    """
    if not path.exists():
        return
    mended = _mended(path)
    for staged in job.sources.values():
        for file in staged.files:
            here = [row for row in mended if row["file"] == file.name and row["column"] in staged.columns]
            if here:
                done = _overwrite(job, staged, file, here)
                staged.notes.append(f"{file.name}: {done:,} values were taken from {path.name}")


def _mended(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes()
    encoding = "utf-8-sig" if text.startswith(MARK) or _is_utf8(text) else "gb18030"
    first = text.decode(encoding, errors="replace").split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)  # as the spreadsheet of the country saves it
    rows = list(csv.DictReader(io.StringIO(text.decode(encoding, errors="replace")), delimiter=delimiter))
    for name in ("file", "line", "column", "value"):
        if rows and name not in rows[0]:
            raise LoadError(f'{path.name}: no column "{name}"; keep the columns of the file of rows set aside')
    return [row for row in rows if row["line"] and row["line"].isdigit()]


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _overwrite(job: Filling, staged: Staged, file: File, mended: list[dict[str, str]]) -> int:
    """How many values of a file's rows were set."""
    places = _rows_by_line(job, staged, file)
    if staged.viewed:
        hold(job.connection, staged)
    done = 0
    for row in mended:
        at = places.get(int(row["line"]))
        if at is None:
            continue
        name, value = ident(row["column"]), re.sub(r"^'(?=[=+\-@\t\r])", "", row["value"])
        text = f"TRY_CAST({literal(value)} AS {staged.columns[row['column']]})" if value else "NULL"
        query = f"UPDATE {staged.table} SET {name} = {text} WHERE rowid = {at} AND {name} IS DISTINCT FROM {text}"
        done += run(job.connection, query)[0][0]
    return done


def _rows_by_line(job: Filling, staged: Staged, file: File) -> dict[int, int]:
    """The rowid of each line of a file."""
    rows = np.arange(file.first, file.last + 1)
    if staged.source.format in ("parquet", "database"):
        lines = rows - file.first + 1
    elif staged.source.format == "csv":
        lines = csv_lines(file, rows, _rejected_lines(job, staged, file), _quote(staged))
    else:
        between = f"rowid BETWEEN {file.first - 1} AND {file.last - 1}"
        query = f"SELECT {LINE} FROM {staged.table} WHERE {between} ORDER BY rowid"
        lines = np.array([line for (line,) in run(job.connection, query)])
    return dict(zip(lines.tolist(), (rows - 1).tolist(), strict=True))
