"""JSON lines: one object a line, read a stretch at a time. A line that is none is set aside with number and text."""
# Names are quoted by `ident` and values by `literal`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from dashboard.warehouse.mapping import LoadError
from dashboard.warehouse.plain import UNREADABLE, in_utf8
from dashboard.warehouse.staging import ARROW, BATCH, COLUMNS, LINE, Plain, Staged, append_batches, registered, reject
from dashboard.warehouse.writing import ident, literal, run

LONGEST = 1 << 24
"""Characters; a longer line is no row of a table but a whole file written in one line."""
GOOD = "CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END"


def read_jsonl(connection: duckdb.DuckDBPyConnection, staged: Staged, files: list[Plain], scratch: Path) -> None:
    """Append the rows of all files; the columns are the keys that occur in any line of any file."""
    texts = [in_utf8(staged, file, scratch / f"{staged.name}-{at}.text") for at, file in enumerate(files)]
    columns: dict[str, None] = {}
    for file in texts:
        columns |= dict.fromkeys(_keys(connection, staged, file))
    _refuse_no_table(staged, list(columns))
    pointers = [literal("/" + key.replace("~", "~0").replace("/", "~1")) for key in columns]
    values = ", ".join(f"found[{at}] AS {ident(key)}" for at, key in enumerate(columns, 1))
    found = f"SELECT {LINE}, json_extract_string(line, [{', '.join(pointers)}]) AS found FROM {ARROW} WHERE {GOOD}"
    for file in texts:
        append_batches(connection, staged, file, _stretches(staged, file), f"SELECT {LINE}, {values} FROM ({found})")


def _keys(connection: duckdb.DuckDBPyConnection, staged: Staged, file: Plain) -> list[str]:
    """The keys of a file's objects, in the order in which they first occur; lines that are no objects are set aside."""
    run(connection, f"CREATE TEMP TABLE keys (key VARCHAR, {LINE} BIGINT)")
    for lines in _stretches(staged, file):
        with registered(connection, lines):
            each = f"SELECT unnest(json_keys(line)) AS key, {LINE} FROM {ARROW} WHERE {GOOD}"
            run(connection, f"INSERT INTO keys SELECT key, min({LINE}) FROM ({each}) GROUP BY key")
            bad = f"SELECT {LINE} AS line, 'the line is not a JSON object' AS reason, line AS text FROM {ARROW}"
            reject(connection, staged, file, f"{bad} WHERE NOT {GOOD}")
    found = run(connection, f"SELECT key FROM keys GROUP BY key ORDER BY min({LINE}), key LIMIT {COLUMNS + 1}")
    run(connection, "DROP TABLE keys")
    return [key for (key,) in found if key]


def _stretches(staged: Staged, file: Plain) -> Iterator[pa.Table]:
    """The lines that aren't blank, so many at a time, with their numbers in the file."""
    schema = pa.schema([(LINE, pa.int64()), ("line", pa.string())])
    numbers: list[int] = []
    texts: list[str] = []
    size = 0
    with file.path.open(encoding="utf-8-sig", errors="replace") as lines:
        number = file.skipped
        while line := lines.readline(LONGEST):
            number += 1
            if len(line) == LONGEST:
                raise LoadError(
                    f"{staged.source.place}: {file.title}, line {number:,} is longer than {LONGEST:,} characters; JSON"
                    " lines hold one object a line, so write a list of objects line by line"
                )
            if UNREADABLE in line:
                staged.garbled = staged.garbled or "UTF-8"
            if line.isspace():
                continue
            numbers.append(number)
            texts.append(line.rstrip("\n"))
            size += len(line)
            if len(texts) == BATCH or size > LONGEST:
                yield pa.table([pa.array(numbers, pa.int64()), pa.array(texts, pa.string())], schema=schema)
                numbers, texts, size = [], [], 0
    yield pa.table([pa.array(numbers, pa.int64()), pa.array(texts, pa.string())], schema=schema)


def _refuse_no_table(staged: Staged, columns: list[str]) -> None:
    if not columns:
        raise LoadError(
            f"{staged.source.place}: not one line of {staged.source.file} is a JSON object; JSON lines hold one object"
            " a line, so write a list of objects, or one over several lines, line by line"
        )
    cases: dict[str, str] = {}
    for column in columns:
        if (other := cases.setdefault(column.casefold(), column)) != column:
            raise LoadError(
                f'{staged.source.place}: the keys "{other}" and "{column}" differ only in case, which names of columns'
                " don't know; rename one of them"
            )
    if len(columns) > COLUMNS:
        raise LoadError(f"{staged.source.place}: the objects have more than {COLUMNS:,} keys; that is no table")
