"""How far the reading of a file is: rows, rate and the time left, told while DuckDB reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import duckdb

Progress = Callable[[str, float], None]
"""Told of a step in words, and of the share of the whole that is done."""

EVERY = 0.5
SAMPLE = 1 << 20


@contextmanager
def told(
    connection: duckdb.DuckDBPyConnection, name: str, paths: list[Path], progress: Progress, done: float
) -> Iterator[None]:
    """While the body reads the files of a source, say how far it is."""
    lines, finished, started = _lines(paths), threading.Event(), perf_counter()

    def watch() -> None:
        while not finished.wait(EVERY):
            share = connection.query_progress() / 100
            if not 0 < share < 1:
                continue
            spent = perf_counter() - started
            rows = f"{lines * share:,.0f} of about {lines:,.0f} rows, {lines * share / spent:,.0f} rows/s"
            progress(f"{name}: {rows}, {spent * (1 - share) / share:.0f} s left", done)

    progress(f"{name}: about {lines:,.0f} rows", done)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()


def _lines(paths: list[Path]) -> float:
    """About how many lines there are, judged by the start of each file."""
    total = 0.0
    for path in paths:
        with path.open("rb") as file:
            start = file.read(SAMPLE)
        total += start.count(b"\n") * path.stat().st_size / len(start) if start else 0
    return total
