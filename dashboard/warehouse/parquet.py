"""Parquet files: left where they lie and looked at column by column, never copied."""
# Names are quoted by `ident` and values by `literal`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

import duckdb

from dashboard.warehouse.staging import File, Plain, Staged, count, refuse_columns, same_columns
from dashboard.warehouse.writing import NO_BLANKS, ODD, ident, literal, run

NUMBERED = ("_row", "file_index", "file_row_number")
"""Names that the engine or the loader gives to the places of rows."""


def read_parquet(connection: duckdb.DuckDBPyConnection, staged: Staged, files: list[Plain]) -> None:
    """A view of all files at once: a column may be whole in one file and have fractions in the next."""
    first: set[str] = set()
    places = []
    for at, file in enumerate(files):
        one = f"read_parquet({literal(file.path)})"
        names = {row[0] for row in run(connection, f"DESCRIBE FROM {one}")}
        first = first or names
        same_columns(staged, files[0].title, first, file.title, names)
        places.append(f"WHEN {at} THEN {staged.rows + 1}")
        staged.files.append(File(file, staged.rows + 1, staged.rows + count(connection, one)))
    paths = ", ".join(literal(file.path) for file in files)
    every = f"read_parquet([{paths}], union_by_name = true, binary_as_string = true)"
    staged.columns = {name: kind for name, kind, *_ in run(connection, f"DESCRIBE FROM {every}")}
    refuse_columns(staged, files[0].title, staged.columns, NUMBERED)
    row = f"file_row_number + CASE file_index {' '.join(places)} END AS _row"
    run(connection, f"CREATE VIEW {staged.table} AS SELECT *, {row} FROM {every}")
    staged.viewed = True
    staged.blanks = _blanks(connection, staged)


def _blanks(connection: duckdb.DuckDBPyConnection, staged: Staged) -> int:
    """What surrounds the text of a source: nothing, or something to be trimmed."""
    words = [ident(column) for column, kind in staged.columns.items() if kind == "VARCHAR"]
    odd = " OR ".join(
        # Each word by itself: what is the same in many rows of a file is then looked at once.
        f"bool_or({word} < '!' OR reverse({word}) < '!' OR contains({word}, chr(160)) OR contains({word}, chr(12288)))"
        for word in words
    )
    return ODD if words and run(connection, f"SELECT {odd} FROM {staged.table}")[0][0] else NO_BLANKS
