"""The quality of the facts, found once a refresh: counts by check and region, examples, completeness.

The counting is done by the statements of `queries/quality.py`, where the facts live; what comes back is a few
rows a check and region, which the refresh publishes with the marts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pyarrow as pa
from babel.numbers import list_currencies
from sqlalchemy import Connection, Select, Table, select

from queries import quality, schema
from queries.quality import Check, Facts

SELLS_WEEKLY = 0.75
"""Weeks without a sale are a gap only where something is sold in at least this share of the weeks."""
ARROW = {"BIGINT": pa.int64(), "INTEGER": pa.int32(), "DOUBLE": pa.float64()}
Row = tuple[Any, ...]
Regions = Mapping[int, int]


@dataclass(frozen=True)
class Quality:
    """What was found, as rows of the mart tables `finding`, `finding_example` and `completeness`, and the pairs of
    customer keys that share a telephone number."""

    findings: tuple[Row, ...]
    examples: tuple[Row, ...]
    completeness: tuple[Row, ...]
    same_phone: tuple[tuple[int, int], ...]

    def totals(self) -> dict[str, tuple[int, int, float, float]]:
        """Faulty rows, rows looked at, and the amounts of both, by check."""
        sums: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0, 0.0])
        for key, _, *numbers in self.findings:
            sums[key] = [held + more for held, more in zip(sums[key], numbers, strict=True)]
        return {key: (int(a), int(b), c, d) for key, (a, b, c, d) in sums.items()}


def newest_day() -> date:
    """The last day that a fact can have: somewhere it is tomorrow already."""
    return datetime.now(UTC).date() + timedelta(days=1)


def examine(source: Connection, filled: Iterable[str], regions: Regions, newest: date) -> Quality:
    """Look at the facts. `regions` are the places in the region tree by region key, `newest` the last day that
    can be."""
    search = _Search(source, frozenset(filled), regions, newest)
    for table in schema.metadata.tables:
        if table in search.facts.filled:
            search.conditions(table)
    for table in quality.REPEATS:
        if table in search.facts.filled:
            search.repeats(table)
    search.double_codes()
    search.gaps()
    search.currency()
    return Quality(tuple(search.findings), tuple(search.examples), search.completeness(), search.same_phone())


class _Search:
    """One look at the facts, and what it has found so far."""

    def __init__(self, source: Connection, filled: frozenset[str], regions: Regions, newest: date) -> None:
        self.source = source
        self.regions = regions
        self.facts = Facts(filled, newest)
        if "sales_line" in filled:
            lines, first, third = source.execute(quality.amounts_fence()).one()
            self.facts = Facts(filled, newest, quality.fence(lines, first, third))
        self.looked_at: dict[str, dict[int | None, tuple[int, float]]] = {}
        self.findings: list[Row] = []
        self.examples: list[Row] = []

    def _place(self, region_key: int | None) -> int | None:
        return None if region_key is None else self.regions.get(region_key)

    def _note(self, check: Check, found: Mapping[int | None, tuple[int, float]], examples: Select | None) -> None:
        """Keep what a check found, by place in the region tree: with every region that was looked at."""
        if not any(rows for rows, _ in found.values()):
            return
        looked_at = self.looked_at[check.table]
        for place in {**looked_at, **found}:
            (rows, amount), (all_rows, all_amount) = (held.get(place, (0, 0.0)) for held in (found, looked_at))
            self.findings.append((check.key, place, rows, all_rows, amount, all_amount))
        if examples is not None:
            self._show(check, self.source.execute(examples))

    def _show(self, check: Check, rows: Iterable[Any]) -> None:
        """Keep the first few examples of each region."""
        kept: dict[int | None, int] = defaultdict(int)
        numbers = count()
        for region, *told in rows:
            place = self._place(region)
            if kept[place] < quality.EXAMPLES_KEPT:
                kept[place] += 1
                texts = (None if text is None else str(text) for text in told)
                self.examples.append((check.key, next(numbers), place, *texts))

    def conditions(self, table: str) -> None:
        """Every check of a table that is a condition on its rows, in one pass."""
        checks = quality.applying(table, self.facts.filled)
        looked_at: dict[int | None, tuple[int, float]] = {}
        found: list[dict[int | None, tuple[int, float]]] = [{} for _ in checks]
        for region, rows, amount, *counts in self.source.execute(quality.counted(table, checks, self.facts)):
            place = self._place(region)
            _add(looked_at, place, rows, amount)
            for held, at in zip(found, range(0, len(counts), 2), strict=True):
                _add(held, place, counts[at], counts[at + 1])
        self.looked_at[table] = looked_at
        for check, held in zip(checks, found, strict=True):
            self._note(check, held, quality.examples(check, self.facts))

    def repeats(self, table: str) -> None:
        """Rows that are likely one row, entered twice."""
        check = next(each for each in quality.SPECIAL if (each.kind, each.table) == ("repeat", table))
        found: dict[int | None, tuple[int, float]] = {}
        for region, rows, amount in self.source.execute(quality.repeats_by_region(table)):
            _add(found, self._place(region), rows, amount)
        self._note(check, found, quality.repeated_examples(table))

    def double_codes(self) -> None:
        """Codes of customers that differ in blanks or case alone."""
        check = quality.KNOWN["customer.code.double_code"]
        rows = self.source.execute(quality.double_codes()).all()
        found: dict[int | None, tuple[int, float]] = {}
        for region, _, _, more in rows:
            _add(found, self._place(region), more, 0)
        self._note(check, found, None)
        self._show(check, ((region, one, None, other) for region, one, other, _ in rows))

    def gaps(self) -> None:
        """Weeks in which nothing was sold, of a business that sells in most weeks."""
        check = quality.KNOWN["sales_line.sold_on.gap"]
        weeks = [week for (week,) in self.source.execute(quality.weeks_with_sales(self.facts.newest))]
        if not weeks:
            return
        all_weeks = [weeks[0] + timedelta(weeks=n) for n in range((weeks[-1] - weeks[0]).days // 7 + 1)]
        if len(weeks) == len(all_weeks) or len(weeks) < SELLS_WEEKLY * len(all_weeks):
            return
        missing = sorted(set(all_weeks) - set(weeks))
        self.findings.append((check.key, None, len(missing), len(all_weeks), 0.0, 0.0))
        self._show(check, ((None, None, None, week) for week in missing))

    def currency(self) -> None:
        """The warehouse's currency is one that there is; two in one warehouse can't be added up."""
        check = quality.KNOWN["warehouse_info.value.currency"]
        info = schema.warehouse_info.c
        stated = None
        if "warehouse_info" in self.facts.filled:
            stated = self.source.execute(select(info.value).where(info.name == "currency")).scalar()
        if (stated or "").strip() not in list_currencies():
            self.findings.append((check.key, None, 1, 1, 0.0, 0.0))
            self._show(check, [(None, None, None, stated)])

    def completeness(self) -> tuple[Row, ...]:
        """By account manager, place and field, customers and those whose file has the field."""
        if "customer" not in self.facts.filled:
            return ()
        fields, statement = quality.filled_fields("customer_profile" in self.facts.filled)
        rows = []
        for manager, region, customers, *filled in self.source.execute(statement):
            place = self._place(region)
            rows += [(manager, place, name, n, customers, filled[n]) for n, name in enumerate(fields)]
        return tuple(rows)

    def same_phone(self) -> tuple[tuple[int, int], ...]:
        """Pairs of customers that share a telephone number."""
        if "customer_profile" not in self.facts.filled:
            return ()
        return tuple((one, other) for one, other in self.source.execute(quality.same_phone()))


def _add(held: dict[int | None, tuple[int, float]], place: int | None, rows: Any, amount: Any) -> None:
    """Regions that share a place (those of which the tree knows nothing) are one."""
    before = held.get(place, (0, 0.0))
    held[place] = before[0] + int(rows or 0), before[1] + float(amount or 0)


def as_arrow(table: Table, rows: Iterable[Row]) -> pa.Table:
    """Rows in the order of a mart table's columns, as that table takes them."""
    columns = list(zip(*rows, strict=True)) or [()] * len(table.c)
    kinds = [ARROW.get(str(column.type), pa.string()) for column in table.c]
    arrays = [pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
    return pa.table(arrays, table.c.keys())
