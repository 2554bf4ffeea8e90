"""Which sale a return takes back: the one its source names, else the last earlier one that agrees in the declared
fields; never more of a sale than was sold.

Worked out in rounds of set-based statements. In each, every return that is still open tries the last sale it hasn't
tried; of a sale's returns those that fit, in the order of their days and lines, have found it, and those that don't fit
into what is left of it go on to an earlier one.
"""
# Names are quoted by `ident`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dashboard.warehouse.writing import ident

DAY = 1 << 40
"""More than there are lines: a line's place in time is its day times this, and its number."""
PLACE = f"(sold_on - DATE '0001-01-01') * {DAY}"
LINES = "warehouse.sales_line"


@dataclass(frozen=True)
class Matched:
    """Of so many returns, how many have their sale; `unknown` name an order that has no such line before them."""

    returns: int
    found: int
    unknown: int


def match_returns(
    rows: Callable[[str], list[tuple[Any, ...]]], fields: tuple[str, ...], first: int, last: int, named: str | None
) -> Matched:
    """Set `return_of` of the sales lines first < line_key <= last that are returns.

    `fields` are the columns that a return shares with its sale; `named` is a query of (line_key, named), the order that
    a return says it takes back, which its sale then has to have.
    """
    keys = ", ".join(ident(name) for name in fields)
    orders = named or "SELECT NULL::BIGINT AS line_key, NULL::VARCHAR AS named"
    rows(
        f"CREATE TEMP TABLE returned AS SELECT line_key, {keys}, named, coalesce(abs(quantity), 0) AS units,"
        f" {PLACE} + line_key AS at, {PLACE} + {DAY} AS before, NULL::BIGINT AS sale, NULL::BIGINT AS tried"
        f" FROM {LINES} LEFT JOIN ({orders}) USING (line_key)"
        f" WHERE revenue < 0 AND line_key > {first} AND line_key <= {last}"
    )
    same = " AND ".join(f"r.{ident(name)} = s.{ident(name)}" for name in fields)
    kept = ", ".join(f"s.{ident(name)}" for name in dict.fromkeys((*fields, "order_code")))
    taken = f"SELECT return_of, sum(abs(quantity)) AS units FROM {LINES} WHERE return_of IS NOT NULL GROUP BY 1"
    rows(
        f"CREATE TEMP TABLE sold AS SELECT s.line_key, {kept},"
        f" {PLACE} + s.line_key AS at, coalesce(s.quantity, 0) - coalesce(t.units, 0) AS units"
        f" FROM {LINES} AS s LEFT JOIN ({taken}) AS t ON t.return_of = s.line_key"
        f" WHERE s.revenue > 0 AND EXISTS (FROM returned AS r WHERE {same})"
    )
    _rounds(rows, f"{same} AND r.named = s.order_code", "named IS NOT NULL")
    _rounds(rows, same, "named IS NULL")
    rows(f"UPDATE {LINES} AS l SET return_of = r.sale FROM returned AS r WHERE l.line_key = r.line_key AND r.sale > 0")
    returns, found, unknown = rows("SELECT count(*), count(sale), count(named) FILTER (sale IS NULL) FROM returned")[0]
    rows("DROP TABLE returned; DROP TABLE sold")
    return Matched(returns, found, unknown)


def _rounds(rows: Callable[[str], list[tuple[Any, ...]]], same: str, which: str) -> None:
    """Let the open returns of one kind try their sales, the last one first, until none has one left to try."""
    while True:
        rows("UPDATE returned SET tried = NULL WHERE tried IS NOT NULL")
        open_ones = f"FROM returned WHERE sale IS NULL AND {which}"
        tries = rows(
            "UPDATE returned AS r SET tried = m.sale, before = m.at + 1"
            f" FROM (SELECT r.line_key, s.line_key AS sale, s.at FROM ({open_ones}) AS r"
            f" ASOF JOIN sold AS s ON {same} AND r.before > s.at) AS m WHERE m.line_key = r.line_key"
        )[0][0]
        if not tries:
            return
        rows(
            "UPDATE returned AS r SET sale = f.tried FROM (SELECT t.line_key, t.tried, s.units AS left_over,"
            " sum(t.units) OVER (PARTITION BY t.tried ORDER BY t.at) AS units FROM returned AS t"
            " JOIN sold AS s ON s.line_key = t.tried) AS f WHERE f.line_key = r.line_key AND f.units <= f.left_over"
        )
        rows(
            "UPDATE sold AS s SET units = s.units - t.units FROM (SELECT tried, sum(units) AS units FROM returned"
            " WHERE sale = tried GROUP BY 1) AS t WHERE t.tried = s.line_key"
        )
        rows(
            "UPDATE returned AS r SET before = s.at FROM sold AS s"
            " WHERE s.line_key = r.tried AND r.sale IS NULL AND r.units > s.units"
        )
