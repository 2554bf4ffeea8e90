"""Builds the demo warehouse: a chunk of customers at a time, then what depends on all of them.

Memory stays flat: a chunk is drawn on one thread while the one before is loaded by another, and then
forgotten. Two things are known of everybody beforehand: the account managers and the customers won by
referral. What is written last is summed up on the way: the use of each activity by week (capacity), the
quarters (targets) and the last year of each customer (truth).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
from sqlalchemy import Column, MetaData, Table, create_engine

from data.demo import (
    chunk,
    complaints,
    contacts,
    course,
    customers,
    direct,
    geography,
    loyalty,
    names,
    pipeline,
    planted,
    profiles,
    sales,
    satisfaction,
    service,
    stock,
    targets,
    window,
)
from data.demo.chunk import Chunk
from data.demo.geography import Staff
from data.demo.lists import rows
from data.demo.load import Batch, insert
from data.demo.satisfaction import ReferralPool
from data.demo.streams import CHUNK
from queries.schema import metadata

Progress = Callable[[str, float], None]

KEYLESS = (
    "sales_line",
    "service_event",
    "direct_cost",
    "survey",
    "word_of_mouth",
    "complaint",
    "contact",
    "opportunity_stage",
    "stock_month",
    "assignment",
    "loyalty_entry",
)
"""Fact tables, without a primary key in the file: its index would cost more than the rows."""

FEWEST = 50
TITLE = "演示数据 · Demo company"


@dataclass
class Writer:
    """Loads batches and hands out the next free number of each table (and of order and opportunity codes)."""

    connection: duckdb.DuckDBPyConnection
    used: dict[str, int] = field(default_factory=dict)

    def next(self, name: str) -> int:
        return 1 + self.used.get(name, 0)

    def count(self, name: str, more: int) -> None:
        self.used[name] = self.used.get(name, 0) + more

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One commit for all that is written in it; what fails is never seen, as its file is thrown away."""
        self.connection.begin()
        yield
        self.connection.commit()

    def write(self, table: str, batch: Batch) -> None:
        self.count(table, insert(self.connection, metadata.tables[table], batch))


@dataclass
class Sums:
    """What is added up over all chunks: driver units by (activity, week), quarters, each customer's year."""

    used: np.ndarray = field(default_factory=lambda: np.zeros((len(service.ACTIVITIES), window.WEEKS)))
    actuals: targets.Actuals = field(default_factory=targets.Actuals)
    record: planted.Record = field(default_factory=planted.Record)

    def add(self, drawn: Chunk) -> None:
        events = drawn.events
        cell = events.activity * window.WEEKS + events.day // 7
        self.used += np.bincount(cell, events.quantity / 1000, self.used.size).reshape(self.used.shape)
        self.actuals.add(drawn)
        self.record.add(drawn)


def build(path: Path, customers: int = 20_000, seed: int = 1, progress: Progress | None = None) -> None:
    """Write a demo warehouse of `customers` customers to a new DuckDB file and its truth beside it.

    The same `customers` and `seed` give the same content. `progress` hears of each stage and the share
    of it that is done. Raises FileExistsError rather than touch a file, ValueError below 50 customers.
    """
    path = Path(path)
    if customers < FEWEST:
        raise ValueError(f"a demo needs at least {FEWEST} customers, not {customers}")
    if path.exists():
        raise FileExistsError(f"{path} exists already: name a new file, or delete that one first")
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        _create_tables(partial)
        with duckdb.connect(str(partial)) as connection:
            facts = _fill(Writer(connection), customers, seed, progress or (lambda stage, done: None))
            connection.execute("CHECKPOINT")
        planted.path_of(path).write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
        partial.with_name(partial.name + ".wal").unlink(missing_ok=True)


def _create_tables(path: Path) -> None:
    """The contract's tables; facts with the same columns but no key."""
    target = MetaData()
    for table in metadata.sorted_tables:
        if table.name in KEYLESS:
            Table(table.name, target, *(Column(c.name, c.type, nullable=c.nullable) for c in table.columns))
        else:
            table.to_metadata(target)
    engine = create_engine(f"duckdb:///{path}")
    target.create_all(engine)
    engine.dispose()


def _fill(writer: Writer, total: int, seed: int, progress: Progress) -> dict:
    staff, sums = geography.staff_for(total), Sums()
    _write_dimensions(writer, staff, seed)
    pool = _referral_pool(total, seed, staff)
    progress("customers", 0.0)
    for drawn in _chunks(total, seed, staff):
        with writer.transaction():
            _write_chunk(writer, drawn, pool, seed)
        sums.add(drawn)
        progress("customers", (writer.next("customer") - 1) / total)
    progress("totals", 0.0)
    facts = sums.record.facts(total, seed)
    writer.write("activity_rate", service.rate_rows(sums.used))
    writer.write("target", targets.target_rows(sums.actuals, seed))
    writer.write("warehouse_info", _info_rows(total, seed, facts))
    progress("totals", 1.0)
    return facts


def _spans(total: int) -> list[tuple[int, int, int]]:
    """(chunk, first key, size) of all chunks."""
    return [(first // CHUNK, first + 1, min(CHUNK, total - first)) for first in range(0, total, CHUNK)]


def _chunks(total: int, seed: int, staff: Staff) -> Iterator[Chunk]:
    """All chunks in order, each drawn while the one before is being loaded."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = None
        for span in _spans(total):
            ready, coming = coming, pool.submit(chunk.draw, seed, *span, staff)
            if ready:
                yield ready.result()
        if coming:
            yield coming.result()


def _referral_pool(total: int, seed: int, staff: Staff) -> ReferralPool:
    """Customers won by referral, of all chunks: drawing them twice is cheaper than keeping them all."""
    days, keys = [], []
    for span in _spans(total):
        drawn = customers.draw(seed, *span, staff)
        referred = np.flatnonzero((drawn.came_by == customers.REFERRAL) & (drawn.acquired >= 0))
        days.append(drawn.acquired[referred])
        keys.append(drawn.key[referred])
    day, key = np.concatenate(days), np.concatenate(keys)
    order = np.argsort(day, kind="stable")
    return ReferralPool(day[order], key[order])


def _write_dimensions(writer: Writer, staff: Staff, seed: int) -> None:
    writer.write("region", geography.region_rows())
    writer.write("employee", geography.employee_rows(staff, seed))
    writer.write("channel", sales.channel_rows())
    writer.write("product", sales.product_rows())
    writer.write("activity", service.activity_rows())
    writer.write("label", _label_rows())
    writer.write("event", _event_rows())


def _write_chunk(writer: Writer, drawn: Chunk, pool: ReferralPool, seed: int) -> None:
    who, called = drawn.customers, names.draw(drawn.customers, seed)
    writer.write("customer", customers.customer_rows(who, called, seed))
    writer.write("customer_profile", profiles.profile_rows(who, called[0], seed))
    writer.write("assignment", course.assignment_rows(who, drawn.course))
    _write_sales(writer, drawn, seed)
    _write_service(writer, drawn, seed)
    _write_voice(writer, drawn, pool, seed)
    opportunities, count = pipeline.stage_rows(who, seed, writer.next("opportunity_stage"), writer.next("opportunity"))
    writer.write("opportunity_stage", opportunities)
    writer.count("opportunity", count)


def _write_sales(writer: Writer, drawn: Chunk, seed: int) -> None:
    who, lines = drawn.customers, drawn.lines
    first = writer.next("sales_line"), writer.next("order")
    writer.write("sales_line", sales.line_rows(who, drawn.orders, lines, drawn.returns, *first))
    writer.count("order", len(drawn.orders))
    writer.write("stock_month", stock.stock_rows(who, lines, drawn.resellers, seed))
    writer.write("loyalty_entry", loyalty.entry_rows(who, lines, seed, writer.next("loyalty_entry")))


def _write_service(writer: Writer, drawn: Chunk, seed: int) -> None:
    who, events = drawn.customers, drawn.events
    writer.write("service_event", service.event_rows(who, events, writer.next("service_event")))
    writer.write("direct_cost", direct.entry_rows(who, drawn.entries, writer.next("direct_cost")))
    writer.write(
        "contact",
        contacts.touch_rows(who, drawn.orders, drawn.course, events, seed, writer.next("contact")),
    )


def _write_voice(writer: Writer, drawn: Chunk, pool: ReferralPool, seed: int) -> None:
    who = drawn.customers
    writer.write("survey", satisfaction.survey_rows(who, drawn.responses, writer.next("survey")))
    talk = satisfaction.talk_rows(who, drawn.talk, pool, seed, writer.next("word_of_mouth"))
    writer.write("word_of_mouth", talk)
    cases = complaints.case_rows(who, drawn.course, drawn.cases, seed, writer.next("complaint"))
    writer.write("complaint", cases)


def _label_rows() -> Batch:
    labels = rows("labels")
    columns = {name: [row[name] for row in labels] for name in ("domain", "code", "name", "name_en")}
    return {**columns, "position": np.array([int(row["position"]) for row in labels])}


def _event_rows() -> Batch:
    starts, ends, name, name_en, kind = (list(column) for column in zip(*sorted(window.EVENTS), strict=True))
    return {
        "event_key": np.arange(1, len(starts) + 1),
        "starts_on": np.array(starts),
        "ends_on": np.array(ends),
        "name": name,
        "name_en": name_en,
        "kind": kind,
    }


def _info_rows(total: int, seed: int, facts: dict) -> Batch:
    info = {
        "currency": "CNY",
        "title": TITLE,
        "origin": "demo",
        "seed": str(seed),
        "customers": str(total),
        "starts_on": window.START.isoformat(),
        "ends_on": window.END.isoformat(),
        "truth": json.dumps(facts, ensure_ascii=False),
    }
    return {"name": list(info), "value": list(info.values())}
