"""Connections read and do nothing else: no files, no settings, no extensions, no writes; and errors name the mend."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from sqlalchemy import Connection, create_engine, inspect, literal, select, text
from sqlalchemy.exc import SQLAlchemyError

from dashboard.errors import DashboardError
from dashboard.warehouse.connect import Warehouse, batches, engine_on, open_file
from queries import marts, schema
from tests.small import company, line, money

Open = Callable[[], AbstractContextManager[Connection]]


@pytest.fixture(params=["warehouse", "marts"])
def opened(request: pytest.FixtureRequest, small_file: Path, tmp_path: Path) -> Open:
    """How the program opens a warehouse file and a file of marts."""
    if request.param == "warehouse":
        return Warehouse(str(small_file)).connect
    request.getfixturevalue("small")
    path = next(small_file.with_suffix(".marts").glob("marts-*.duckdb"))
    return engine_on(open_file(path)).connect


# --- hardening ---------------------------------------------------------------------------------------

READS_FILES = (
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_parquet('{folder}/x.parquet')",
    "SELECT * FROM glob('/etc/*')",
    "ATTACH '{folder}/other.duckdb'",
    "IMPORT DATABASE '{folder}'",
)
WRITES_FILES = (
    "COPY (SELECT 1) TO '{folder}/stolen.csv'",
    "COPY customer TO '{folder}/stolen.parquet'",
    "EXPORT DATABASE '{folder}/stolen'",
)
EXTENDS = ("INSTALL httpfs", "LOAD httpfs", "INSTALL '{folder}/x.duckdb_extension'", "FORCE INSTALL spatial")
CONFIGURES = (
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET enable_external_access",
    "SET autoinstall_known_extensions = true",
    "SET temp_directory = '{folder}'",
    "PRAGMA threads = 1",
    "SET memory_limit = '10MB'",
)
WRITES = (
    "CREATE TABLE stolen (a INTEGER)",
    "DROP TABLE customer",
    "ALTER TABLE customer ADD COLUMN a INTEGER",
    "INSERT INTO customer (customer_key, code, name) VALUES (99, 'x', 'x')",
    "UPDATE customer SET name = 'x'",
    "DELETE FROM customer",
    "TRUNCATE customer",
)


@pytest.mark.parametrize("statement", [*READS_FILES, *WRITES_FILES, *EXTENDS, *CONFIGURES, *WRITES])
def test_sql_can_do_nothing_but_read_its_own_tables(opened: Open, tmp_path: Path, statement: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    refused = pytest.raises((SQLAlchemyError, DashboardError), match=r"disabled|locked|read-only|does not exist")
    with refused, opened() as connection:
        connection.execute(text(statement.format(folder=tmp_path))).fetchall()
    assert sorted(tmp_path.rglob("*")) == before
    with opened() as connection:
        assert connection.execute(text("SELECT count(*) FROM customer")).scalar_one() == 11


def test_sql_cannot_reach_the_variables_of_the_program(opened: Open) -> None:
    secret = pd.DataFrame({"password": ["hunter2"]})
    assert len(secret) == 1
    with pytest.raises((SQLAlchemyError, DashboardError), match="secret"), opened() as connection:
        connection.execute(text("SELECT * FROM secret")).fetchall()


# --- threads -----------------------------------------------------------------------------------------


def test_threads_never_get_each_others_rows(small_file: Path) -> None:
    """Sixteen threads on one connection, each asking for numbers of its own, many times over."""
    root = open_file(small_file)
    engine = engine_on(root)

    def wrong_answers(own: int) -> int:
        statement = text(f"SELECT {own} AS own, range + {own} AS n FROM range({1000 + own})")
        wrong = 0
        for _ in range(30):
            with engine.connect() as connection:
                rows = connection.execute(statement).cursor.df()
            wrong += len(rows) != 1000 + own or (rows["own"] != own).any() or rows["n"].iloc[-1] != 999 + 2 * own
        return wrong

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(wrong_answers, range(16))) == 0
    root.close()


# --- the contract ------------------------------------------------------------------------------------


def test_filled_tables_are_those_with_rows(small_file: Path) -> None:
    warehouse = Warehouse(str(small_file))
    with warehouse.connect() as connection:
        filled = warehouse.filled_tables(connection)
    assert {"customer", "sales_line", "survey", "target"} <= filled
    assert not {"stock_month", "loyalty_entry"} & filled


def test_optional_tables_may_be_absent_and_views_count_as_tables(tmp_path: Path) -> None:
    path = line().file(tmp_path / "w.duckdb", ("customer", "sales_line"))
    with duckdb.connect(str(path)) as connection:
        connection.execute("ALTER TABLE sales_line RENAME TO facts")
        connection.execute("CREATE VIEW sales_line AS SELECT * FROM facts")
    warehouse = Warehouse(str(path))
    with warehouse.connect() as connection:
        assert warehouse.filled_tables(connection) == {"customer", "sales_line"}


BROKEN = {
    "DROP TABLE sales_line": "no table 'sales_line', which is required",
    "ALTER TABLE sales_line DROP COLUMN revenue": "table 'sales_line' lacks the column(s) revenue",
    "ALTER TABLE survey DROP COLUMN trust": "table 'survey' lacks the column(s) trust",
    "ALTER TABLE sales_line ALTER revenue TYPE VARCHAR": "'sales_line.revenue' holds a text where the contract has a n",
    "ALTER TABLE sales_line ALTER sold_on TYPE TIMESTAMP": "'sales_line.sold_on' holds a point in time where the con",
    "ALTER TABLE survey ALTER answered_on TYPE VARCHAR": "'survey.answered_on' holds a text where the contract has",
}


@pytest.mark.parametrize("change", BROKEN)
def test_a_broken_contract_is_said_in_one_line_that_names_the_place(tmp_path: Path, change: str) -> None:
    path = company().file(tmp_path / "w.duckdb")
    with duckdb.connect(str(path)) as connection:
        connection.execute(change)
    warehouse = Warehouse(str(path))
    with pytest.raises(DashboardError) as error, warehouse.connect() as connection:
        warehouse.filled_tables(connection)
    assert BROKEN[change] in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_or_foreign_file_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(DashboardError, match=r"no warehouse at .*absent.duckdb: make one with 'dashboard demo'"):
        Warehouse(str(tmp_path / "absent.duckdb")).connect().__enter__()
    foreign = tmp_path / "notes.duckdb"
    foreign.write_text("not a database " * 1000)
    with pytest.raises(DashboardError, match=r"notes.duckdb can't be opened as a DuckDB file"):
        Warehouse(str(foreign)).connect().__enter__()


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("duckdb:///x.duckdb", "name a DuckDB file by its path"),
        ("nosuchengine://host/db", "nosuchengine"),
        ("://host", "engine://user@host/name"),
        ("postgresql+psycopg://reader:s3cret@127.0.0.1:1/none", "warehouse postgresql"),
        ("mysql://reader:s3cret@127.0.0.1/none", "mysql"),
    ],
)
def test_a_url_that_leads_nowhere_is_said_in_one_line_without_its_password(location: str, said: str) -> None:
    with pytest.raises(DashboardError) as error:
        Warehouse(location).connect().__enter__()
    assert said in str(error.value)
    assert "s3cret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_is_let_go_at_once_so_that_a_load_may_replace_it(tmp_path: Path) -> None:
    path = line().file(tmp_path / "w.duckdb")
    with Warehouse(str(path)).connect() as connection:
        assert inspect(connection).has_table("customer")
    with duckdb.connect(str(path)) as writer:  # a reader that held on would lock it out
        writer.execute("DELETE FROM customer")
    shutil.move(path, tmp_path / "moved.duckdb")


# --- batches -----------------------------------------------------------------------------------------


def test_batches_carry_decimals_days_and_nulls_exactly(tmp_path: Path) -> None:
    b = line("C1", 0.1, None)
    b.sale("C1", "2026-11-10", 12345678901.23, 0.01)
    path = b.file(tmp_path / "w.duckdb")
    s = schema.sales_line.c
    statement = select(s.customer_key, s.sold_on.label("week"), s.revenue, s.cost_of_goods).order_by(s.revenue)
    with Warehouse(str(path)).connect() as connection:
        rows = batches(connection, statement, marts.sales_week).read_all().to_pylist()
    assert [row["revenue"] for row in rows] == [money(0.1), money(12345678901.23)]
    assert [row["cost_of_goods"] for row in rows] == [None, money(0.01)]
    assert str(rows[1]["week"]) == "2026-11-10"


def test_days_in_a_statement_of_batches_are_days(tmp_path: Path) -> None:
    path = line("C1", 1, None).file(tmp_path / "w.duckdb")
    sold = schema.sales_line.c.sold_on
    age = (sold - literal(date(2026, 1, 1))).label("lines")
    statement = select(schema.sales_line.c.customer_key, literal(date(2026, 1, 1)).label("week"), age)
    with Warehouse(str(path)).connect() as connection:
        table = batches(connection, statement.where(sold > date(2026, 1, 1)), marts.sales_week).read_all()
        (day,) = connection.execute(select(sold)).one()
    assert table["week"].to_pylist() == [date(2026, 1, 1)]
    assert table["lines"].to_pylist() == [(day - date(2026, 1, 1)).days]


def test_the_engine_gives_each_caller_a_cursor_of_its_own(small_file: Path) -> None:
    """Two results of one engine, read in turns, don't disturb each other."""
    root = open_file(small_file)
    engine = engine_on(root)
    with engine.connect() as one, engine.connect() as other:
        first = one.execute(text("SELECT range FROM range(3000)"))
        second = other.execute(text("SELECT -range FROM range(3000)"))
        pairs = [(first.fetchone(), second.fetchone()) for _ in range(3000)]
    root.close()
    assert pairs == [((n,), (-n,)) for n in range(3000)]


def test_a_url_by_sqlalchemy_is_read_too(tmp_path: Path) -> None:
    """Any engine SQLAlchemy reaches will do for what is portable; SQLite stands for the untested ones."""
    path = tmp_path / "w.sqlite"
    engine = create_engine(f"sqlite:///{path}")
    line().fill(engine, ("customer", "sales_line"))
    engine.dispose()
    warehouse = Warehouse(f"sqlite:///{path}")
    with warehouse.connect() as connection:
        assert warehouse.filled_tables(connection) == {"customer", "sales_line"}
        assert warehouse.count(connection, schema.customer) == 1
