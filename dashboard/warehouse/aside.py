"""The file of rows set aside: where each row stood, the value to blame and the reason, to be mended in Excel."""
# Names are quoted by `ident` and values by `literal`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from dashboard.warehouse.candidates import Candidates
from dashboard.warehouse.connect import BATCH_ROWS
from dashboard.warehouse.delimited import csv_lines
from dashboard.warehouse.fill import Filling, values
from dashboard.warehouse.staging import LINE, Staged
from dashboard.warehouse.writing import ident, literal, run

SET_ASIDE_COLUMNS = ("table", "file", "line", "column", "value", "reason", "row")


def write_set_aside(job: Filling, path: Path) -> None:
    """Every row set aside, with its place, the value to blame, the reason and the row as it was read."""
    _number_lines(job)
    parts = [_set_aside_rows(job, at, part) for at, part in enumerate(job.candidates) if part.checks]
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
        file.write(b"\xef\xbb\xbf")
        rows = job.connection.sql(query).to_arrow_reader(BATCH_ROWS)
        with pacsv.CSVWriter(file, rows.schema) as writer:
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
        JOIN {part.base.table} AS r ON r.rowid = s._row - 1
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
        parts = [part.table for part in job.candidates if part.base is staged]
        if staged.source.format != "csv" or not parts:
            continue
        quote = '"' if staged.source.quote is None else staged.source.quote
        aside = " UNION ".join(f"SELECT _row FROM {table} WHERE _why IS NOT NULL" for table in parts)
        for file in staged.files:
            between = f"SELECT _row FROM ({aside}) WHERE _row BETWEEN {file.first} AND {file.last} ORDER BY 1"
            rows = job.connection.sql(between).to_arrow_table()
            if not rows.num_rows:
                continue
            where = f"source = {literal(name)} AND file = {literal(file.name)}"
            rejected = [line for (line,) in run(job.connection, f"SELECT line FROM stage.rejected WHERE {where}")]
            lines = pa.array(csv_lines(file, rows["_row"].to_numpy(), rejected, quote))
            job.connection.register("numbered", rows.append_column("line", lines))
            run(job.connection, f"INSERT INTO stage.line SELECT {literal(name)}, _row, line FROM numbered")
            job.connection.unregister("numbered")


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
