"""What each question costs without a page: its SQL alone, the whole answer, and its figure."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from sqlalchemy import Select

import dashboard.insights  # noqa: F401 - registers the questions
from dashboard.charts.theme import Look
from dashboard.filters import Filters
from dashboard.insight import QUESTIONS, Reader, ask
from dashboard.language import language
from dashboard.scope import Scope
from dashboard.warehouse.connect import engine_on, open_file
from dashboard.warehouse.read import Marts, open_marts
from dashboard.warehouse.refresh import current_version


@dataclass(frozen=True)
class Cost:
    """Milliseconds of a question: `sql` is its statements one after the other on the bare DuckDB file."""

    key: str
    statements: int
    sql: float
    answer: float
    figure: float


class _Listening:
    """Marts that take down which statements are read."""

    def __init__(self, held: Marts) -> None:
        self._held = held
        self.statements: list[Select] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._held, name)

    def read(self, statement: Select, scope: Scope) -> pd.DataFrame:
        self.statements.append(statement)
        return self._held.read(statement, scope)


def measured(folder: Path, rounds: int) -> Iterator[Cost]:
    """Every question about all customers, on the default filters."""
    raw = open_file(folder / f"marts-{current_version(folder)}.duckdb")
    engine = engine_on(raw)
    speech, scope = language("en"), Scope.unrestricted("bench")
    held = open_marts(folder)
    for key, asked in QUESTIONS.items():
        if key.startswith("customer."):
            continue  # about one customer
        listening = _Listening(held)
        reader = Reader(Filters(), scope, listening, speech)  # type: ignore[arg-type]
        insight = ask(key, reader)
        if insight.missing:
            continue
        said = [each.compile(engine, compile_kwargs={"render_postcompile": True}) for each in listening.statements]
        queries = [(str(each), [each.params[name] for name in each.positiontup or ()]) for each in said]

        look, draw = Look("light", speech, held.currency), asked.draw
        alone = partial(_run, raw, queries)
        whole = partial(_answer, key, Reader(Filters(), scope, held, speech), held)
        drawn = partial(draw, insight.table, insight.numbers, look) if draw else None
        yield Cost(
            key, len(queries), _median(rounds, alone), _median(rounds, whole), _median(rounds, drawn) if drawn else 0.0
        )


def _run(raw: duckdb.DuckDBPyConnection, queries: list[tuple[str, list[Any]]]) -> None:
    for query, values in queries:
        raw.cursor().execute(query, values).df()


def _answer(key: str, reader: Reader, held: Marts) -> None:
    held._rows.cache_clear()
    ask(key, replace(reader))  # a reader of his own: he keeps what he has counted


def _median(rounds: int, work: Callable[[], object]) -> float:
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times[1:])
