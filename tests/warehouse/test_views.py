"""A company's own PostgreSQL, under its own names: read through a mapping of views, with no right to create one."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import create_engine, make_url, select, text

from dashboard.errors import DashboardError
from dashboard.settings import Settings
from dashboard.warehouse.check import check
from dashboard.warehouse.connect import Warehouse
from dashboard.warehouse.read import Marts
from dashboard.warehouse.refresh import refresh
from dashboard.warehouse.views import read_views
from queries import marts, schema
from tests.conftest import Cluster
from tests.small import company

OWN_NAMES = {
    "customer": {"code": "nummer", "name": "bezeichnung", "kind": "art", "region_key": "gebiet"},
    "sales_line": {"sold_on": "datum", "revenue": "umsatz", "customer_key": "kunde"},
}
KINDS = '{ column = "art", values = { F = "organisation", P = "person" } }'


@pytest.fixture(scope="module")
def erp(postgres: Cluster) -> str:
    """The worked example in a schema of a company's own, in German, with amounts in cents; a reader's URL."""
    engine = create_engine(make_url(postgres.new_database("erp")))
    company().fill(engine)
    schema.metadata.create_all(engine)
    engine.dispose()
    changes = ["CREATE SCHEMA erp", "CREATE ROLE leser LOGIN", "GRANT USAGE ON SCHEMA erp TO leser"]
    for table in schema.metadata.tables:
        changes.append(f"ALTER TABLE {table} RENAME TO t_{table}")
        changes.append(f"ALTER TABLE t_{table} SET SCHEMA erp")
        changes += [f"ALTER TABLE erp.t_{table} RENAME {old} TO {new}" for old, new in OWN_NAMES.get(table, {}).items()]
    changes += [
        "UPDATE erp.t_customer SET art = CASE art WHEN 'organisation' THEN 'F' ELSE 'P' END",
        "UPDATE erp.t_sales_line SET umsatz = umsatz * 100",
        "GRANT SELECT ON ALL TABLES IN SCHEMA erp TO leser",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "REVOKE TEMPORARY ON DATABASE erp FROM PUBLIC",
    ]
    postgres.execute("erp", *changes)
    return postgres.url("erp", "leser").render_as_string(hide_password=False)


def mapping(folder: Path) -> Path:
    lines = ["[warehouse]", 'url = "$ERP"', 'currency = "CNY"', 'title = "ERP, 100 % real"']
    for table in schema.metadata.sorted_tables:
        if table.name == "warehouse_info":
            continue
        lines += [f"[view.{table.name}]", f'from = "erp.t_{table.name}"', f"[view.{table.name}.columns]"]
        for column in table.c:
            own = json.dumps(OWN_NAMES.get(table.name, {}).get(column.name, column.name))
            if own == '"umsatz"':
                own = '{ column = "umsatz", factor = 0.01 }'
            own = KINDS if own == '"art"' else own
            lines.append(f"{column.name} = {own}")
    path = folder / "erp.toml"
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_a_refresh_over_views_gives_the_marts_that_the_contract_gives(
    erp: str, small: Marts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERP", erp)
    warehouse = Warehouse(str(mapping(tmp_path)))
    held = Marts(tmp_path / "marts", refresh(warehouse, tmp_path / "marts"))
    for table in (marts.customer, marts.customer_window, marts.slice_week, marts.cost_week, marts.spell):
        frames = [m._frame(select(table).order_by(*table.c)) for m in (held, small)]
        pd.testing.assert_frame_equal(*frames)
    assert held.info["source.title"] == "ERP, 100 % real"
    with warehouse.connect() as connection:
        assert {"customer", "sales_line", "warehouse_info"} <= warehouse.filled_tables(connection)
    findings = check(Settings(str(tmp_path / "erp.toml")))
    assert not [f for f in findings if f.level == "error"]


def test_the_account_may_create_nothing_and_nothing_is_created(
    erp: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERP", erp)
    statements = (
        "CREATE VIEW erp.extra AS SELECT 1",
        "CREATE TEMPORARY TABLE x (a int)",
        "DELETE FROM erp.t_customer",
    )
    warehouse = Warehouse(str(mapping(tmp_path)))
    for statement in statements:
        refused = pytest.raises(DashboardError, match=r"read-only|permission denied")
        with refused, warehouse.connect() as connection:
            connection.execute(text(statement))


MINIMAL = """
[warehouse]
url = "postgresql+psycopg://leser@db/erp"
currency = "EUR"
[view.customer]
from = "kunden"
[view.customer.columns]
customer_key = "id"
code = "nummer"
name = "titel"
[view.sales_line]
query = "SELECT * FROM belege WHERE storno LIKE '%N'"
[view.sales_line.columns]
line_key = "id"
customer_key = "kunde"
sold_on = "datum"
revenue = "umsatz"
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("code =", "cod =", "[view.customer] columns: unknown name \"cod\"; did you mean 'code'?"),
        ("[view.customer", "[view.custmer", "[view]: unknown name \"custmer\"; did you mean 'customer'?"),
        ('revenue = "umsatz"', "", "[view.sales_line] columns: revenue is missing"),
        ('"kunden"', '"kunden; DROP TABLE kunden"', "from is the name of a table; for anything else use query"),
        ('"postgresql+psycopg://leser@db/erp"', '"$NO_SUCH"', "the variable $NO_SUCH is not set"),
        ('currency = "EUR"', "", "currency is missing"),
        ('from = "kunden"', "", 'one of from = "schema.table" or query'),
    ],
)
def test_a_slip_in_the_mapping_of_views_is_one_line_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = tmp_path / "erp.toml"
    path.write_text(MINIMAL, "utf-8")
    read_views(path)
    path.write_text(MINIMAL.replace(old, new), "utf-8")
    with pytest.raises(DashboardError) as error:
        read_views(path)
    assert said in str(error.value) and "\n" not in str(error.value)
