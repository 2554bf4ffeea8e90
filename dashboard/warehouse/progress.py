"""How far a long statement is: rows, rate and the time left, told while DuckDB works on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import duckdb

Progress = Callable[[str, float], None]
"""Told of a step in words, and of the share of the whole that is done."""

READING, STAGING, FILLING = 0.4, 0.2, 0.35
"""The shares of a load that its parts take, about; the rest is to make sure and to publish."""
EVERY = 0.5
SAMPLE = 1 << 20
PATIENCE = 100
"""Seconds above which what is left is told in minutes."""


@contextmanager
def told(
    connection: duckdb.DuckDBPyConnection, what: str, rows: float, progress: Progress, done: float, span: float
) -> Iterator[None]:
    """While the body runs a statement over about so many rows, say how far it is.

    `done` is the share of the whole that is behind it, `span` its own.
    """
    finished, started = threading.Event(), perf_counter()

    def watch() -> None:
        while not finished.wait(EVERY):
            share, spent = connection.query_progress() / 100, perf_counter() - started
            if 0 < share < 1:
                so_far = f"{rows * share:,.0f} of {rows:,.0f} rows, {rows * share / spent:,.0f} rows/s"
                progress(f"{what}: {so_far}, {_time(spent * (1 - share) / share)} left", done + span * share)

    progress(f"{what}: {rows:,.0f} rows", done)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds <= PATIENCE else f"{seconds / 60:.0f} min"


def lines_in(path: Path) -> float:
    """About how many lines a text file has, judged by its start."""
    with path.open("rb") as file:
        start = file.read(SAMPLE)
    return start.count(b"\n") * path.stat().st_size / len(start) if start else 0.0
