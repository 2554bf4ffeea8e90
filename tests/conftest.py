"""Warehouses that many tests share: the worked example, a demo of 600 customers and a real PostgreSQL."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
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
    """A PostgreSQL server of the test session's own, on a Unix socket in a folder of its own.

    It is the session's child and ends with it, however the session ends.
    """

    PORT = 54329  # names the socket; no network port is opened
    QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        self.server: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root.
        others = [name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()}]
        self.user = others[0] if os.getuid() == 0 else None
        if self.user:
            shutil.chown(folder, self.user)

    def process(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(self.programs / program), *arguments],
            user=self.user,
            group=pwd.getpwnam(self.user).pw_gid if self.user else None,
            extra_groups=[] if self.user else None,
            preexec_fn=_end_with_parent,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=(self.folder / "log").open("ab"),
            stderr=subprocess.STDOUT,
        )

    def said(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def start(self) -> None:
        data = str(self.folder / "data")
        made = self.process("initdb", "-D", data, "-U", "owner", "-A", "trust", "--no-sync", "-E", "UTF8")
        assert made.wait(60) == 0, self.said()
        settings = [word for setting in ("listen_addresses=", *self.QUICK) for word in ("-c", setting)]
        self.server = self.process("postgres", "-D", data, "-k", str(self.folder), "-p", str(self.PORT), *settings)
        deadline = time.monotonic() + 60
        while "database system is ready to accept connections" not in self.said():
            assert self.server.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def stop(self) -> None:
        if self.server:
            self.server.send_signal(signal.SIGQUIT)  # at once
            self.server.wait(30)

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
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _end_with_parent() -> None:
    """Ask the kernel to end this process when the test session is gone, even killed (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


@pytest.fixture(scope="session")
def small_postgres(postgres: Cluster) -> str:
    """The worked example as a PostgreSQL warehouse: its URL."""
    url = postgres.new_database("small")
    engine = create_engine(make_url(url))
    company().fill(engine)
    engine.dispose()
    return url
