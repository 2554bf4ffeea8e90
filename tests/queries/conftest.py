"""The worked example's marts, refreshed from each engine: what holds for one must hold for the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.warehouse.read import Marts
from tests.small import published

ENGINES = ("duckdb", "postgresql")


@pytest.fixture(scope="session")
def small_from_postgres(small_postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Marts:
    return published(small_postgres, tmp_path_factory.mktemp("postgres") / "small.marts")


@pytest.fixture(params=ENGINES)
def marts(request: pytest.FixtureRequest) -> Marts:
    return request.getfixturevalue({"duckdb": "small", "postgresql": "small_from_postgres"}[request.param])


@pytest.fixture(params=ENGINES)
def location(request: pytest.FixtureRequest, small_file: Path) -> str:
    """The worked example's warehouse itself."""
    return str(small_file) if request.param == "duckdb" else request.getfixturevalue("small_postgres")
