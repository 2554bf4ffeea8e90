"""Warehouses that many tests share: the worked example, a demo of 600 customers and a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import URL, create_engine, make_url, text

from dashboard.warehouse.read import Marts
from queries import schema
from tests.small import company, line, published

DEMO_CUSTOMERS, DEMO_SEED = 600, 7

# No deadline: the machine may be busy. In CI the same examples each time, so that a failure is the change's.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worked example as a DuckDB warehouse. Read it, don't write to it."""
    return company().file(tmp_path_factory.mktemp("small") / "small.duckdb", schema.metadata.tables)


@pytest.fixture(scope="session")
def small(small_file: Path) -> Marts:
    """The worked example's marts."""
    return published(str(small_file), small_file.with_suffix(".marts"))


@pytest.fixture(scope="session")
def one_line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with w.duckdb, a warehouse of one order line, and its published marts w.marts: to be copied."""
    folder = tmp_path_factory.mktemp("one-line")
    published(str(line().file(folder / "w.duckdb")), folder / "w.marts")
    return folder


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo warehouse of 600 customers, with marts published beside it. Read it, don't write to it."""
    from data import demo

    path = tmp_path_factory.mktemp("demo") / "demo.duckdb"
    demo.build(path, DEMO_CUSTOMERS, DEMO_SEED)
    published(str(path), path.with_suffix(".marts"))
    return path


@pytest.fixture(scope="session")
def demo(demo_file: Path) -> Marts:
    from dashboard.warehouse.read import open_marts

    return open_marts(demo_file.with_suffix(".marts"))


# --- PostgreSQL --------------------------------------------------------------------------------------


class Cluster:
    """A PostgreSQL server of the test session's own, on a Unix socket in a folder of its own."""

    PORT = 54329  # names the socket; no network port is opened

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.getuid() == 0 else None
        if self.user:
            shutil.chown(folder, self.user)

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            text=True,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}"

    def start(self) -> None:
        data = str(self.folder / "data")
        self.run("initdb", "-D", data, "-U", "owner", "-A", "trust", "--no-sync", "-E", "UTF8")
        quick = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=32MB"
        options = f"-k {self.folder} -p {self.PORT} -c listen_addresses='' {quick}"
        self.run("pg_ctl", "-D", data, "-o", options, "-l", str(self.folder / "log"), "-w", "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def url(self, database: str, user: str = "owner", password: str | None = None) -> URL:
        where = {"host": str(self.folder), "port": str(self.PORT)}
        return URL.create("postgresql+psycopg", user, password, database=database, query=where)

    def execute(self, database: str, *statements: str) -> None:
        engine = create_engine(self.url(database), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def new_database(self, name: str) -> str:
        """An empty database's URL."""
        self.execute("postgres", f'CREATE DATABASE "{name}"')
        return self.url(name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    programs = found[-1].parent if found else Path(on_path).parent if on_path else None
    if programs is None:
        pytest.skip("no PostgreSQL here: initdb is neither in /usr/lib/postgresql nor on the path")
    # Not under pytest's own folder, which only its owner may enter; and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    cluster = Cluster(programs, folder)
    try:
        cluster.start()
        yield cluster
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def small_postgres(postgres: Cluster) -> str:
    """The worked example as a PostgreSQL warehouse: its URL."""
    url = postgres.new_database("small")
    engine = create_engine(make_url(url))
    company().fill(engine)
    engine.dispose()
    return url
