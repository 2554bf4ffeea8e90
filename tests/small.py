"""Small warehouses written by hand, on any engine, so that every answer can be worked out on paper.

`Books` takes rows in the words of the trade; `company()` is the worked example that most tests share:

    year                2025-11-17 to 2026-11-15 (52 weeks); the last sale is on Thursday 2026-11-12
    customer            C01  C02  C03  C04  C05  C06  C07   C08  C09  C10  in all
    revenue            1000  800  500  400  300  200  200   100    0    0    3500
    cost of goods       400  400  300  200  200  100  150    60    0    0    1810
    cost to serve       100  100   50  100   80  100  100   190   30    0     850
    profit              500  300  150  100   20    0  −50  −150  −30    0     840

The year before (2024-11-18 to 2025-11-16) C01 bought for 500, C03 for 300 and C02 for 200.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine, MetaData, create_engine

import dashboard.insights  # noqa: F401  (registers the questions)
from dashboard.filters import Filters
from dashboard.insight import Insight, Reader, ask
from dashboard.language import language
from dashboard.ledger import Ledger
from dashboard.scope import Scope
from dashboard.warehouse.connect import Warehouse
from dashboard.warehouse.read import Marts
from dashboard.warehouse.refresh import refresh
from queries import schema

EVERYBODY = Scope.unrestricted("test")


def day(text: str | date) -> date:
    return date.fromisoformat(text) if isinstance(text, str) else text


class Books:
    """Rows by table. Customers, regions and activities are named by code; keys are given in order."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.keys: dict[tuple[str, str], int] = {}

    def add(self, table: str, **values: Any) -> int:
        """A row; the surrogate key, where the table has one and it isn't given, is the next number."""
        columns = schema.metadata.tables[table].c
        own = next((c.name for c in columns if c.primary_key and c.name.endswith("_key")), None)
        key = len(self.rows[table]) + 1
        if own and own not in values:
            values[own] = key
        if unknown := set(values) - set(columns.keys()):
            raise AssertionError(f"{table} has no {unknown}")
        self.rows[table].append({c.name: values.get(c.name) for c in columns})
        if "code" in values:
            self.keys[table, values["code"]] = values[own] if own else key
        return key

    def key(self, table: str, code: str | None) -> int | None:
        return None if code is None else self.keys[table, code]

    def region(self, code: str, name: str, name_en: str | None = None, within: str | None = None) -> None:
        self.add("region", code=code, name=name, name_en=name_en, parent_key=self.key("region", within))

    def customer(self, code: str, region: str | None = None, name: str | None = None, **more: Any) -> None:
        more = {k: day(v) if k == "acquired_on" else v for k, v in more.items()}
        more["manager_key"] = self.key("employee", more.pop("manager", None))
        more["acquisition_channel_key"] = self.key("channel", more.pop("channel", None))
        self.add("customer", code=code, name=name or f"Customer {code}", region_key=self.key("region", region), **more)

    def sale(self, customer: str, on: str, revenue: float, goods: float | None = None, **more: Any) -> None:
        self.add(
            "sales_line",
            customer_key=self.key("customer", customer),
            sold_on=day(on),
            revenue=money(revenue),
            cost_of_goods=money(goods),
            **{k: money(v) if k == "discount" else v for k, v in more.items()},
        )

    def served(self, customer: str, activity: str, on: str, quantity: float) -> None:
        keys = {"customer_key": self.key("customer", customer), "activity_key": self.key("activity", activity)}
        self.add("service_event", **keys, served_on=day(on), quantity=Decimal(str(quantity)))

    def rate(self, activity: str, since: str, until: str | None, rate: float, **more: Any) -> None:
        numbers = {k: Decimal(str(v)) for k, v in {"unit_rate": rate, **more}.items()}
        dates = {"valid_from": day(since), "valid_to": day(until) if until else None}
        self.add("activity_rate", activity_key=self.key("activity", activity), **dates, **numbers)

    def paid(self, customer: str, on: str, kind: str, amount: float) -> None:
        key = self.key("customer", customer)
        self.add("direct_cost", customer_key=key, incurred_on=day(on), kind=kind, amount=money(amount))

    def answered(self, customer: str, on: str, satisfaction: int, **more: int) -> None:
        key = self.key("customer", customer)
        self.add("survey", customer_key=key, answered_on=day(on), satisfaction=satisfaction, **more)

    def said(self, customer: str, on: str, kind: str) -> None:
        self.add("word_of_mouth", customer_key=self.key("customer", customer), happened_on=day(on), kind=kind)

    def assigned(self, customer: str, grade: str, tier: str, since: str, until: str | None = None) -> None:
        dates = {"valid_from": day(since), "valid_to": day(until) if until else None}
        self.add("assignment", customer_key=self.key("customer", customer), **dates, grade=grade, tier=tier)

    def target(self, metric: str, first: str, last: str, value: float, region: str = "", grade: str = "") -> None:
        dates = {"starts_on": day(first), "ends_on": day(last)}
        self.add("target", metric=metric, region_code=region, grade=grade, **dates, value=Decimal(str(value)))

    def fill(self, engine: Engine, tables: Iterable[str] | None = None) -> None:
        """Create the contract's tables (the required and those with rows, or these) and write the rows."""
        tables = tables or {*schema.REQUIRED, *(name for name, rows in self.rows.items() if rows)}
        chosen = [schema.metadata.tables[name] for name in tables]
        target = MetaData()
        for table in chosen:
            table.to_metadata(target)
        with engine.begin() as connection:
            target.create_all(connection)
            for table in target.tables.values():
                if self.rows[table.name]:
                    connection.execute(table.insert(), self.rows[table.name])

    def file(self, path: Path, tables: Iterable[str] | None = None) -> Path:
        """A DuckDB warehouse of these rows."""
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(f"duckdb:///{path}")
        self.fill(engine, tables)
        engine.dispose()
        return path

    def marts(self, folder: Path, tables: Iterable[str] | None = None) -> Marts:
        """The published marts of a DuckDB warehouse of these rows."""
        return published(str(self.file(folder / "small.duckdb", tables)), folder / "small.marts")

    def only(self, *tables: str) -> Books:
        """The same rows with nothing in any other table."""
        kept = Books()
        kept.rows.update({name: self.rows[name] for name in tables})
        return kept

    def where(self, keep: Callable[[dict[str, Any]], bool]) -> Books:
        """The same rows for the customers that `keep`; tables without a customer stay whole."""
        keys = {row["customer_key"] for row in self.rows["customer"] if keep(row)}
        kept = Books()
        for name, rows in self.rows.items():
            kept.rows[name] = [row for row in rows if "customer_key" not in row or row["customer_key"] in keys]
        return kept


def money(amount: float | None) -> Decimal | None:
    return None if amount is None else Decimal(str(amount)).quantize(Decimal("0.01"))


def published(location: str, folder: Path) -> Marts:
    return Marts(folder, refresh(Warehouse(location), folder))


def reader(
    marts: Marts, lang: str = "en", scope: Scope = EVERYBODY, *, ledger: Ledger | None = None, **filters: Any
) -> Reader:
    """A reader with filters as the URL and the command line write them."""
    return Reader(Filters.parse(filters).checked(marts), scope, marts, language(lang), ledger)


def asked(marts: Marts, key: str, lang: str = "en", scope: Scope = EVERYBODY, **filters: Any) -> Insight:
    return ask(key, reader(marts, lang, scope, **filters))


def company() -> Books:
    """The worked example: see the module's text for its year."""
    b = Books()
    b.add("warehouse_info", name="currency", value="EUR")
    b.add("label", domain="industry", code="retail", name="零售", name_en="Retail", position=2)
    b.add("label", domain="industry", code="food", name="食品", name_en="Food", position=1)
    b.region("CN", "中国", "China")
    b.region("NORTH", "华北", "North China", within="CN")
    b.region("BJ", "北京", "Beijing", within="NORTH")
    b.region("TJ", "天津", "Tianjin", within="NORTH")
    b.region("SOUTH", "华南", "South China", within="CN")
    b.region("GZ", "广州", "Guangzhou", within="SOUTH")
    b.region("DE", "Deutschland", "Germany")
    b.add("employee", code="E1", name="王芳", name_en="Wang Fang")
    b.add("employee", code="E2", name="Uwe Klein")
    b.add("channel", code="web", name="网店", name_en="Web shop")
    b.add("channel", code="fair", name="展会", name_en="Trade fair")
    b.add("product", code="P1", name="泵", name_en="Pump", category="pumps")
    for code, name, name_en, unit in (
        ("visit", "拜访", "Visit", "visit"),
        ("call", "电话", "Call", "minute"),
        ("gift_wrap", "包装", "Gift wrap", "piece"),
    ):
        b.add("activity", code=code, name=name, name_en=name_en, driver_unit=unit, cost_pool="service")
    b.rate("visit", "2024-01-01", "2026-07-01", 50, weekly_capacity=0.5, weekly_cost=25)
    b.rate("visit", "2026-07-01", None, 60, weekly_capacity=1, weekly_cost=60)
    b.rate("call", "2024-01-01", "2025-11-17", 0.25)
    b.rate("call", "2025-11-17", None, 0.5)

    places = (("C01", "BJ"), ("C02", "BJ"), ("C03", "TJ"), ("C04", "TJ"), ("C05", "GZ"), ("C06", "GZ"))
    others = (("C07", "SOUTH"), ("C08", "DE"), ("C09", None), ("C10", "BJ"), ("C11", "BJ"))
    needs = {"C01": 5, "C02": 3, "C05": 4, "C06": 4, "C07": 1}
    since = {"C05": "2026-01-10", "C08": "2026-09-09", "C11": "2026-11-20"}
    for number, (code, region) in enumerate((*places, *others)):
        b.customer(
            code,
            region,
            name=f"客户{code}" if code != "C08" else "Müller & Söhne",
            name_en=None if code == "C08" else f"Customer {code}",
            industry="retail" if number % 2 == 0 else "food",
            kind="person" if code == "C09" else "organisation",
            channel="web" if number < 5 else "fair",
            manager="E1" if number < 4 else "E2",
            needs_level=needs.get(code),
            **({"acquired_on": since[code]} if code in since else {}),
        )

    b.sale("C01", "2024-11-20", 500, 200)
    b.sale("C02", "2025-11-05", 200, 150)
    b.sale("C03", "2025-06-11", 300, 200)
    b.sale("C06", "2025-12-20", 200, 100)
    b.sale("C05", "2026-01-15", 300, 200)
    b.sale("C01", "2026-03-02", 600, 200, discount=100, product_key=1, order_code="O-1")
    b.sale("C03", "2026-06-10", 500, 300)
    b.sale("C07", "2026-08-05", 200, 150)
    b.sale("C08", "2026-09-09", 100, 60)
    b.sale("C04", "2026-10-21", 400, 200)
    b.sale("C02", "2026-11-05", 500, 250)
    b.sale("C02", "2026-11-05", 400, 200)
    b.sale("C02", "2026-11-06", -100, -50)
    b.sale("C01", "2026-11-12", 400, 200, product_key=1, order_code="O-2")

    b.served("C03", "call", "2025-06-12", 0.1)  # 0.1 × 0.25 = 0.025, rounded to 0.03
    b.served("C01", "visit", "2026-03-03", 2)
    b.served("C02", "visit", "2026-03-04", 1)
    b.served("C09", "call", "2026-05-05", 60)
    b.served("C10", "gift_wrap", "2026-05-06", 5)  # an activity without a rate costs nothing
    b.served("C03", "visit", "2026-06-30", 1)  # the last day of the old rate
    b.served("C04", "visit", "2026-07-01", 1)  # the first day of the new one
    b.served("C05", "visit", "2026-07-15", 1)
    b.served("C07", "visit", "2026-08-06", 1)
    b.served("C08", "call", "2026-09-11", 80)
    b.served("C04", "call", "2026-10-20", 80)
    b.served("C02", "call", "2026-11-05", 100)
    b.paid("C05", "2026-01-16", "freight", 20)
    b.paid("C06", "2026-02-01", "bad_debt", 100)
    b.paid("C07", "2026-08-07", "freight", 40)
    b.paid("C08", "2026-09-10", "freight", 150)

    b.answered("C01", "2026-01-05", 5, on_time=4, recommend=10)  # 4.5 until C01's next answer, 60 days later
    b.answered("C01", "2026-03-06", 4, recommend=8)  # half a year, to 2026-09-03
    b.answered("C04", "2026-04-01", 1, recommend=0)
    b.answered("C03", "2026-05-13", 2)
    b.answered("C08", "2026-09-09", 2)  # corrected the same day by the next answer
    b.answered("C08", "2026-09-09", 3)
    b.answered("C02", "2026-10-01", 3)  # in force to the last day with data: 43 days
    for on in ("2026-02-01", "2026-03-06", "2026-09-03", "2026-09-04"):
        b.said("C01", on, "praise")
    b.said("C02", "2026-11-12", "complaint")
    b.said("C03", "2026-06-01", "complaint")
    b.said("C03", "2026-06-02", "complaint")
    b.said("C04", "2026-04-02", "complaint")
    b.said("C08", "2026-09-15", "referral")

    start = "2024-11-18"
    b.assigned("C01", "A", "strategic", start)
    b.assigned("C02", "B", "key", start, "2026-02-01")
    b.assigned("C02", "A", "key", "2026-02-01")
    b.assigned("C03", "A", "strategic", start, "2026-05-01")
    b.assigned("C03", "B", "strategic", "2026-05-01")
    b.assigned("C04", "B", "standard", start)
    b.assigned("C05", "C", "standard", "2026-03-01")
    b.assigned("C06", "C", "self_service", start, "2026-06-01")
    b.assigned("C06", "D", "self_service", "2026-06-01")
    b.assigned("C07", "D", "standard", start)
    b.assigned("C08", "C", "key", start, "2026-09-01")

    b.target("revenue", "2025-11-17", "2026-11-15", 3640)
    b.target("revenue", "2025-11-17", "2026-11-15", 364, region="CN")
    b.target("revenue", "2025-11-17", "2026-11-15", 728, grade="A")
    b.target("profit", "2025-11-17", "2026-06-30", 226)  # 226 days
    b.target("profit", "2026-07-01", "2026-11-15", 276)  # 138 days
    b.target("satisfaction", "2025-11-17", "2026-06-30", 3)
    b.target("satisfaction", "2026-07-01", "2026-11-15", 4)
    b.target("gross_margin", "2026-07-01", "2026-11-15", 138)
    b.add("event", starts_on=day("2026-02-16"), ends_on=day("2026-02-22"), name="春节", name_en="Spring Festival")

    first = b.key("customer", "C01")
    b.add("customer_profile", customer_key=first, contact_name="张伟", hobbies="钓鱼")
    b.add("contact", customer_key=first, employee_key=1, contacted_on=day("2026-03-01"), channel="phone")
    b.add("contact", customer_key=first, employee_key=1, contacted_on=day("2026-10-01"), channel="visit")
    opened = datetime(2026, 5, 1, 9, 30)
    b.add("complaint", customer_key=first, opened_at=opened, category="late", resolved_at=datetime(2026, 5, 3, 12))
    signed = {"stage": "after_sales", "entered_on": day("2026-10-28"), "value": money(900)}
    b.add("opportunity_stage", opportunity_code="S-1", customer_key=b.key("customer", "C02"), **signed)
    return b


def line(code: str = "C1", revenue: float = 100.0, goods: float | None = 60.0) -> Books:
    """The least there can be: one customer with one order line."""
    b = Books()
    b.customer(code)
    b.sale(code, "2026-11-12", revenue, goods)
    return b


def columns(marts: Marts, query: Callable[..., Any], names: str, *given: Any, **filters: Any) -> Any:
    """Some columns of a query's rows, as tuples: numbers rounded to nine places."""
    asking = reader(marts, **filters)
    frame = asking.rows(query(asking.view, *given))[names.split()].astype(object)
    return [tuple(map(_told, row)) for row in frame.itertuples(index=False)]


def _told(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return str(value.date())
    return round(value, 9) if isinstance(value, float) else value
