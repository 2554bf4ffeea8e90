"""An empty ledger for each test, on SQLite and on a real PostgreSQL: one suite for both."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from dashboard.insight import Reader
from dashboard.ledger import Ledger
from dashboard.scope import PERMISSIONS, Scope
from dashboard.warehouse.read import Marts
from tests.conftest import Cluster
from tests.small import reader

ENGINES = ("sqlite", "postgresql")
As = Callable[..., Reader]
_number = count(1)


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
def empty_database(postgres: Cluster) -> str:
    """The name of a database with an empty ledger: a template."""
    ledger = made(Ledger(postgres.new_database("empty_ledger")))
    ledger._engine.dispose()  # a template may have no connections
    return "empty_ledger"


@pytest.fixture(params=ENGINES)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where an empty ledger of this test's own is."""
    if request.param == "sqlite":
        yield str(shutil.copy(request.getfixturevalue("empty_file"), tmp_path / "w.ledger.db"))
        return
    cluster, template = request.getfixturevalue("postgres"), request.getfixturevalue("empty_database")
    name = f"ledger{next(_number)}"
    cluster.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
    yield cluster.url(name).render_as_string(hide_password=False)


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
