"""The marts are the same wherever the facts live, and they are the facts.

The statements that run in the warehouse are kept as text, engine beside engine, under `snapshots/`; after a
change that is meant, write them anew with UPDATE_SNAPSHOTS=1.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Date, Engine, String, cast, create_engine, func, literal, make_url, select, text
from sqlalchemy.dialects import postgresql

from dashboard.errors import DashboardError
from dashboard.periods import monday
from dashboard.warehouse.connect import Warehouse
from dashboard.warehouse.read import Marts
from dashboard.warehouse.refresh import current_version
from queries import marts as m
from queries import schema
from queries.dialects import start_of_week
from tests.conftest import Cluster
from tests.small import Books, company, published

SNAPSHOTS = Path(__file__).parent / "snapshots"
TIMES = ("built_at", "version", "warehouse")
"""What a version says of itself that differs from one refresh to the next."""


def content(held: Marts, name: str) -> pd.DataFrame:
    table = m.metadata.tables[name]
    frame = held._frame(select(table)).drop(columns=["version"] if name == "model" else [])
    if name == "info":
        frame = frame[~frame["name"].isin(TIMES)]
    return frame.sort_values(list(frame.columns), ignore_index=True)


# --- one engine as the other -------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(m.metadata.tables))
def test_marts_from_postgresql_are_those_from_duckdb(small: Marts, small_from_postgres: Marts, name: str) -> None:
    here, there = content(small, name), content(small_from_postgres, name)
    pd.testing.assert_frame_equal(here, there, rtol=1e-12)
    # Eight buyers are too few for a model or a rhythm, and none got another tier; likely the same customer is compared
    # in test_quality.py.
    if name not in ("model", "customer_value", "same_customer", "alert", "batch", "batch_member"):
        assert len(here) > 0, "an empty table proves nothing"


def test_half_cents_large_amounts_and_odd_text_survive_either_engine(postgres: Cluster, tmp_path: Path) -> None:
    b = company()
    b.customer("X", name="\u202e'\"\\ 😀 %s :x {y} \t", industry="-- ;")
    for cents in range(1, 10):
        b.served("X", "call", f"2026-10-{cents:02}", cents / 100)  # × 0.5: five of nine end in half a cent
        b.sale("X", f"2026-10-{cents:02}", 9_999_999_999_999.99 / 10**cents, 0.01)
    url = postgres.new_database("odd")
    engine = create_engine(make_url(url))
    b.fill(engine)
    engine.dispose()
    here, there = b.marts(tmp_path), published(url, tmp_path / "postgres.marts")
    for name in ("customer", "sales_week", "cost_week", "customer_week", "customer_window"):
        pd.testing.assert_frame_equal(content(here, name), content(there, name))


# --- facts reduced to weeks --------------------------------------------------------------------------


def test_a_week_of_sales(marts: Marts) -> None:
    """C02 bought twice on a Thursday and returned something on Friday: three lines, one purchase day."""
    table = m.sales_week.c
    names = ("revenue", "discount", "returned", "cost_of_goods", "uncosted_revenue", "lines", "purchase_days")
    weeks = marts._frame(select(*[table[n] for n in names]).where(table.customer_key == 2, table.week == "2026-11-02"))
    assert weeks.astype(float).to_numpy().tolist() == [[800, 0, 100, 400, 0, 3, 1]]
    days = marts._frame(select(table.first_day, table.last_day).where(table.customer_key == 2).order_by(table.week))
    assert days["first_day"].astype(str).tolist() == ["2025-11-05", "2026-11-05"]
    assert days["last_day"].equals(days["first_day"].rename("last_day"))


def test_a_week_of_everything(marts: Marts) -> None:
    """C01 in the week of March 2: bought for 600 less 100 discount, was visited twice, answered and praised."""
    table = m.customer_week.c
    frame = marts._frame(select(*table).where(table.customer_key == 1, table.week == "2026-03-02"))
    (row,) = frame.drop(columns=["customer_key", "week"]).astype(float).to_dict("records")
    assert row == {
        "revenue": 600, "discount": 100, "returned": 0, "cost_of_goods": 200, "gross_margin": 400,
        "activity_cost": 100, "direct_cost": 0, "cost_to_serve": 100, "profit": 300,
        "purchase_days": 1, "praise": 1, "complaint": 0, "referral": 0, "satisfaction_n": 1, "satisfaction_sum": 4,
    }  # fmt: skip


def test_the_region_tree_is_a_nested_set(marts: Marts) -> None:
    r = m.region.c
    frame = marts._frame(select(r.code, r.parent_code, r.level, r.position, r.last_position).order_by(r.position))
    told = [tuple(None if pd.isna(v) else v for v in row) for row in frame.itertuples(index=False)]
    assert told == [
        ("CN", None, 0, 0, 5),
        ("NORTH", "CN", 1, 1, 3),
        ("BJ", "NORTH", 2, 2, 2),
        ("TJ", "NORTH", 2, 3, 3),
        ("SOUTH", "CN", 1, 4, 5),
        ("GZ", "SOUTH", 2, 5, 5),
        ("DE", None, 0, 6, 6),
    ]


def test_usual_windows_are_kept_ready(marts: Marts) -> None:
    assert set(marts.calendar.ready) == set(marts.calendar.usual())


def test_weeks_keep_every_cent(marts: Marts) -> None:
    for column, total in ((m.sales_week.c.revenue, "4500.00"), (m.cost_week.c.amount, "850.03")):
        assert marts._frame(select(cast(func.sum(column), String).label("sum")))["sum"].tolist() == [total]


# --- accounts that may only read ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def reading_account(postgres: Cluster, small_postgres: str) -> str:
    """An account that has SELECT on the warehouse and nothing else."""
    name = make_url(small_postgres).database
    postgres.execute(
        name,
        "CREATE ROLE reader LOGIN PASSWORD 's3cret'",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
    )
    return postgres.url(name, "reader", "s3cret").render_as_string(hide_password=False)


def test_an_account_that_may_only_read_is_enough_for_a_refresh(
    reading_account: str, small: Marts, tmp_path: Path
) -> None:
    held = published(reading_account, tmp_path / "read.marts")
    pd.testing.assert_frame_equal(content(held, "customer_window"), content(small, "customer_window"))


def test_the_password_stays_out_of_the_marts(reading_account: str, tmp_path: Path) -> None:
    held = published(reading_account, tmp_path / "read.marts")
    assert held.info["warehouse"].startswith("postgresql+psycopg://reader:***@")
    for path in (tmp_path / "read.marts").iterdir():
        assert b"s3cret" not in path.read_bytes()


def test_the_warehouse_is_only_read_whoever_asks(small_postgres: str) -> None:
    """Even the owner's account changes nothing through the dashboard's connection."""
    for statement in ("DELETE FROM customer", "CREATE TABLE stolen (a INTEGER)", "DROP TABLE survey"):
        with pytest.raises(DashboardError, match="read-only transaction"), Warehouse(small_postgres).connect() as c:
            c.execute(text(statement))


def test_a_table_that_may_not_be_read_is_named(postgres: Cluster, small: Marts, tmp_path: Path) -> None:
    url = postgres.new_database("partly")
    engine = create_engine(make_url(url))
    company().fill(engine)
    engine.dispose()
    postgres.execute("partly", "CREATE ROLE partly LOGIN", "GRANT SELECT ON customer, sales_line TO partly")
    location = postgres.url("partly", "partly").render_as_string(hide_password=False)
    with pytest.raises(DashboardError, match="permission denied for table") as error:
        published(location, tmp_path / "partly.marts")
    assert "\n" not in str(error.value)
    assert current_version(tmp_path / "partly.marts") is None


def test_an_empty_database_says_what_is_missing(postgres: Cluster, tmp_path: Path) -> None:
    with pytest.raises(DashboardError, match="has no table 'customer', which is required"):
        published(postgres.new_database("empty"), tmp_path / "empty.marts")


def test_required_tables_alone_are_enough_on_postgresql(postgres: Cluster, tmp_path: Path) -> None:
    url = postgres.new_database("required")
    engine = create_engine(make_url(url))
    books: Books = company().only("customer", "sales_line")
    books.fill(engine, ("customer", "sales_line"))
    engine.dispose()
    held = published(url, tmp_path / "required.marts")
    assert held.filled == {"customer", "sales_line", "cost_of_goods", "grades"}


# --- what differs between engines --------------------------------------------------------------------


@pytest.fixture(scope="module")
def engines(postgres: Cluster) -> list[Engine]:
    return [create_engine("duckdb:///:memory:"), create_engine(postgres.url("postgres"))]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=st.dates(date(1970, 1, 1), date(2099, 1, 1)))
def test_a_week_starts_on_the_same_monday_everywhere(engines: list[Engine], start: date) -> None:
    days = [start + timedelta(days=n) for n in range(8)]
    for engine in engines:
        with engine.connect() as connection:
            found = connection.execute(select(*[start_of_week(literal(day, Date)) for day in days])).one()
        assert list(found) == [monday(day) for day in days], engine.dialect.name


DIALECTS = {"duckdb": create_engine("duckdb:///:memory:").dialect, "postgresql": postgresql.dialect()}


@pytest.mark.parametrize("name", [table.name for table in m.FACTS])
def test_statements_over_the_facts_read_as_they_did(name: str) -> None:
    """Side by side: what a change does to each engine is seen in review."""
    statement = m.FACTS[m.metadata.tables[name]](set(schema.metadata.tables))
    assert statement is not None
    parts = []
    for engine, dialect in DIALECTS.items():
        sql = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        parts.append(f"-- {engine}\n" + "\n".join(part.rstrip() for part in str(sql).split("\n")) + "\n")
    told = "\n".join(parts)
    path = SNAPSHOTS / f"{name}.sql"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(told, "utf-8")
    assert path.read_text("utf-8") == told, "meant? then UPDATE_SNAPSHOTS=1 .venv/bin/python -m pytest tests/queries"


def test_no_snapshot_is_left_of_a_statement_that_is_gone() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*")} == {table.name for table in m.FACTS}


def test_statements_are_made_of_the_tables_that_are_there() -> None:
    """Costs come from service events, direct costs, both or neither; other facts from their own table."""
    activities = {"service_event", "activity", "activity_rate"}
    both, one, other = (str(m.costs_by_week(t)) for t in (activities | {"direct_cost"}, activities, {"direct_cost"}))
    assert "UNION ALL" in both
    assert "direct_cost" not in one
    assert "service_event" not in other
    assert m.costs_by_week({"service_event"}) is None
    for table, statement in m.FACTS.items():
        needed = table.name in ("sales_week", "customer_fact")
        assert (statement({"customer", "sales_line"}) is not None) == needed


def test_the_duckdb_of_this_suite_is_the_one_that_is_locked() -> None:
    assert duckdb.__version__ == "2.0.0"
