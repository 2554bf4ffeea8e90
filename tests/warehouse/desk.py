"""An analyst's desk for tests: a folder with files, a mapping, and the warehouse they become."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import duckdb

from dashboard.warehouse.load import load
from dashboard.warehouse.report import LoadReport

SALES = """
[warehouse]
currency = "EUR"
tolerance = 1  # files of tests are small, and their bad rows what is looked at

[source.sales]
file = "sales.csv"
numbers = ["qty", "price"]

[table.sales_line]
from = "sales"
[table.sales_line.columns]
order_code = "invoice"
customer = "customer"
sold_on = "day"
quantity = "qty"
revenue = { expression = "qty * price" }

[table.customer]
rows_of = "sales_line"
[table.customer.columns]
code = "customer"
"""
HEADER = "invoice,customer,day,qty,price\n"


def sales(*settings: str, file: str = "sales.csv") -> str:
    """The mapping of `SALES` with more settings of its source."""
    return SALES.replace('"sales.csv"', "\n".join([f'"{file}"', *settings]))


class Desk:
    """A folder with files, a mapping and the warehouse they become."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = folder / "out" / "shop.duckdb"

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def load(self, mapping: str, **files: str | bytes) -> LoadReport:
        for name, content in files.items():
            self.write(f"{name}.csv", content)
        return load(self.write("mapping.toml", mapping), self.warehouse)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def set_aside(self) -> list[dict[str, str]]:
        text = self.warehouse.with_name("shop.set-aside.csv").read_bytes().decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text)))


def balances(report: LoadReport) -> bool:
    """Whether every row and every amount read is loaded, merged or set aside."""
    return all(
        part.read + part.added == part.loaded + part.merged + part.rows_set_aside
        and all(a["read"] == a["loaded"] + a["merged"] + a["set_aside"] for a in part.amounts.values())
        for part in report.tables
    )


def where(rows: list[dict[str, str]]) -> list[tuple[str, str, str, str]]:
    """Line, column, value and reason of rows set aside."""
    return [(row["line"], row["column"], row["value"], row["reason"]) for row in rows]
