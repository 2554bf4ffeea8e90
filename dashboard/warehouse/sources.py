"""The sources that a mapping names, brought into the staging database as they are written.

Everything is opened first; after that the staging connection can't reach another file any more, so that an
expression in a mapping can't either. CSV, Excel, JSON lines and databases come in as text, Parquet with its own
types and without being copied. A new kind of source is a reader here: it appends rows and rejects what is no row.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from dashboard.errors import nearest
from dashboard.warehouse.connect import memory_limit
from dashboard.warehouse.databases import read_database
from dashboard.warehouse.delimited import read_csv
from dashboard.warehouse.jsonlines import read_jsonl
from dashboard.warehouse.mapping import LoadError, Mapping, Source, format_of
from dashboard.warehouse.parquet import read_parquet
from dashboard.warehouse.plain import unpacked
from dashboard.warehouse.progress import READING, Progress, lines_in, told
from dashboard.warehouse.sheets import read_xls, read_xlsx
from dashboard.warehouse.staging import LINE, Plain, Staged, append_batches, hold, texts_table
from dashboard.warehouse.writing import first_line, ident, literal, run


def connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """The staging database: in memory, spilling to `scratch`, with no extension fetched or loaded."""
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": str(scratch / "spill"),
            "memory_limit": memory_limit(),
        }
    )
    # The engine's own bar would go to standard output; its count is asked for instead.
    run(connection, "SET enable_progress_bar = true; SET enable_progress_bar_print = false")
    run(connection, "SET parquet_metadata_cache = true")
    run(connection, "CREATE SCHEMA raw; CREATE SCHEMA stage")
    run(
        connection,
        "CREATE TABLE stage.rejected (source VARCHAR, file VARCHAR, line BIGINT, reason VARCHAR, text VARCHAR)",
    )
    return connection


def lock_down(connection: duckdb.DuckDBPyConnection, sources: Iterable[Staged]) -> None:
    """From here on no statement reaches a file but those that are viewed, and none can undo that."""
    viewed = (file.plain.path for staged in sources if staged.viewed for file in staged.files)
    run(connection, f"SET allowed_paths = [{', '.join(map(literal, viewed))}]")
    run(connection, "SET enable_external_access = false")
    run(connection, "SET lock_configuration = true")


def open_sources(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    scratch: Path,
    wanted: frozenset[str],
    added: dict[str, list[Path]],
    progress: Progress,
) -> Iterator[tuple[str, Staged]]:
    """Read the wanted sources of the mapping, each whole or only the files `added` to it; yields each as it is done."""
    for number, name in enumerate(sorted(wanted, key=list(mapping.sources).index)):
        source = mapping.sources[name]
        staged = Staged(source)
        done, span = READING * number / len(wanted), READING / len(wanted)
        progress(f"reading {name}", done)
        try:
            if source.url:
                read_database(connection, staged, mapping.folder)
            else:
                paths = added.get(name) or files_of(source, mapping.folder)
                files = _unpacked(source, paths, mapping.folder, scratch)
                if source.format == "csv":
                    _read_csv(connection, staged, files, scratch, progress, done, span)
                else:
                    _read_files(connection, staged, files, scratch)
        except duckdb.Error as error:
            said = re.sub(rf"{re.escape(str(scratch))}[\w./-]*", source.file, first_line(error))
            raise LoadError(f"{source.place} {source.file}: can't be read: {said}") from None
        for column in (*source.numbers, *source.dates, *source.fill_down):
            if column not in staged.columns:
                raise LoadError(f'{source.place}: no column "{column}"{nearest(column, staged.columns)}')
        if source.fill_down:
            _fill_down(connection, staged)
        yield name, staged


def stage_rows(connection: duckdb.DuckDBPyConnection, name: str, rows: tuple[dict[str, Any], ...]) -> Staged:
    """Rows that a mapping writes out itself, as a source; their line is their place in the list."""
    names = list({column: None for row in rows for column in row})
    staged = Staged(Source(name, "", "rows"))
    texts = {n: [None if row.get(n) is None else str(row[n]) for row in rows] for n in names}
    batch = texts_table({LINE: list(range(1, len(rows) + 1)), **texts})
    append_batches(connection, staged, Plain("the mapping", Path()), [batch])
    return staged


def files_of(source: Source, folder: Path) -> list[Path]:
    """The files a source names, in the order of their names; all of them inside the folder."""
    if Path(source.file).is_absolute() or ".." in Path(source.file).parts:
        raise LoadError(f'{source.place}: file = "{source.file}" leaves the source folder; name a file inside it')
    inside = folder / source.file
    names = f"{source.file.rstrip('/')}/**/*" if inside.is_dir() else source.file
    if inside.is_file():
        names = glob.escape(source.file)
    found = sorted(path for path in folder.glob(names) if path.is_file())
    if inside.is_dir():
        found = [path for path in found if format_of(path.name) == source.format]
    for path in found:
        if not path.resolve().is_relative_to(folder):
            raise LoadError(f'{source.place}: "{path.name}" is a link out of the source folder; put the file there')
    if not found:
        near = nearest(source.file, (path.name for path in folder.iterdir() if path.is_file()))
        raise LoadError(f'{source.place}: no file "{source.file}" in {folder}{near}')
    return found


def _unpacked(source: Source, paths: list[Path], folder: Path, scratch: Path) -> list[Plain]:
    titles = [path.relative_to(folder).as_posix() for path in paths]
    copies = [scratch / f"{source.name}-{number}.plain" for number in range(len(paths))]
    return [unpacked(source, path, title, copy) for path, title, copy in zip(paths, titles, copies, strict=True)]


def _read_csv(
    connection: duckdb.DuckDBPyConnection,
    staged: Staged,
    files: list[Plain],
    scratch: Path,
    progress: Progress,
    done: float,
    span: float,
) -> None:
    """Read the files one by one, and say how far each is."""
    part = span / len(files)
    for number, file in enumerate(files):
        with told(connection, f"reading {file.title}", lines_in(file.path), progress, done + number * part, part):
            read_csv(connection, staged, file, scratch / f"{staged.name}-{number}.text")


def _read_files(connection: duckdb.DuckDBPyConnection, staged: Staged, files: list[Plain], scratch: Path) -> None:
    source = staged.source
    if source.format == "parquet":
        read_parquet(connection, staged, files)
    elif source.format == "jsonl":
        read_jsonl(connection, staged, files, scratch)
    else:
        read = {"xlsx": read_xlsx, "xls": read_xls}[source.format]
        for number, file in enumerate(files):
            read(connection, staged, file, scratch / f"{source.name}-{number}.text")


def _fill_down(connection: duckdb.DuckDBPyConnection, staged: Staged) -> None:
    """Give empty cells the value above them in the same file."""
    ends = "".join(f" WHEN {staged.row} <= {file.last} THEN {at}" for at, file in enumerate(staged.files))
    order = f"OVER (PARTITION BY CASE{ends} END ORDER BY {staged.row})"
    filled = ", ".join(
        f"last_value(nullif(trim({ident(name)}), '') IGNORE NULLS) {order} AS {ident(name)}"
        for name in staged.source.fill_down
    )
    hold(connection, staged, filled)
