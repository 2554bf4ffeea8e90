"""An empty ledger for each test, on SQLite and on a real PostgreSQL: one suite for both."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboard.insight import Reader
from dashboard.ledger import Ledger, tables
from dashboard.ledger.store import VERSION_TABLE, VERSIONS
from dashboard.scope import PERMISSIONS, Scope
from dashboard.warehouse.read import Marts
from tests.conftest import Cluster
from tests.small import reader

ENGINES = ("sqlite", "postgresql")
As = Callable[..., Reader]


def made(ledger: Ledger) -> Ledger:
    with ledger.writing():
        return ledger


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite ledger: to be copied."""
    path = tmp_path_factory.mktemp("ledger") / "empty.ledger.db"
    made(Ledger(str(path)))
    return path


@pytest.fixture(scope="session")
def server_ledger(postgres: Cluster) -> str:
    """A PostgreSQL ledger's URL, for one test after the other."""
    location = postgres.new_database("ledger")
    made(Ledger(location))._engine.dispose()
    return location


@pytest.fixture(params=ENGINES)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty ledger of this test's own is."""
    if request.param == "sqlite":
        return str(shutil.copy(request.getfixturevalue("empty_file"), tmp_path / "w.ledger.db"))
    found = request.getfixturevalue("server_ledger")
    names = ", ".join(tables.metadata.tables)
    request.getfixturevalue("postgres").execute(
        "ledger",
        "SET session_replication_role = replica",  # no triggers: what no program of ours can do
        f"TRUNCATE {names} RESTART IDENTITY",
        f"UPDATE {VERSION_TABLE} SET version_num = '{VERSIONS[-1]}'",
    )
    return found


@pytest.fixture
def ledger(location: str) -> Iterator[Ledger]:
    opened = Ledger(location)
    yield opened
    opened._engine.dispose()


@pytest.fixture
def someone(small: Marts, ledger: Ledger) -> As:
    """`someone("ann", regions=("NORTH",), may=("decide",))`: a reader of the worked example who writes this ledger."""

    def of(
        user: str = "ann",
        regions: tuple[str, ...] | None = None,
        may: tuple[str, ...] = PERMISSIONS,
        lang: str = "en",
        **filters: str,
    ) -> Reader:
        return reader(small, lang, Scope(user, regions, frozenset(may)), ledger=ledger, **filters)

    return of
