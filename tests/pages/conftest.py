"""The app on the demo of 600 customers, and on the least a warehouse may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.settings import ACCESS_VARIABLE, WAREHOUSE_VARIABLE
from tests.small import company


@pytest.fixture
def demo_app(demo_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pages opened in this test show the demo."""
    return configured(demo_file, monkeypatch)


@pytest.fixture(scope="session")
def least_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Customers and order lines without cost, nothing else."""
    books = company().only("customer", "sales_line")
    for row in books.rows["sales_line"]:
        row["cost_of_goods"] = None
    path = tmp_path_factory.mktemp("least") / "small.duckdb"
    books.marts(path.parent, ("customer", "sales_line"))
    return path


@pytest.fixture
def least_app(least_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pages opened in this test show a warehouse of the required tables only."""
    return configured(least_file, monkeypatch)


def configured(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(WAREHOUSE_VARIABLE, str(warehouse))
    monkeypatch.delenv(ACCESS_VARIABLE, raising=False)
    return warehouse
