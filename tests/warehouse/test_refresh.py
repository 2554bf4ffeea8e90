"""A refresh never disturbs a reader: it publishes a whole new version, or leaves the old one in force and says why."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import create_engine, make_url, text

from dashboard.errors import DashboardError
from dashboard.insight import QUESTIONS
from dashboard.warehouse.connect import Warehouse
from dashboard.warehouse.read import Marts, open_marts
from dashboard.warehouse.refresh import KEEP_VERSIONS, POINTER, current_version, put_back, refresh, versions
from queries import marts as m
from tests.conftest import Cluster
from tests.small import Books, asked, company, line

ROOT = Path(__file__).parents[2]


class Home:
    """A warehouse file and its folder of marts."""

    def __init__(self, folder: Path) -> None:
        self.path, self.marts = folder / "w.duckdb", folder / "w.marts"

    def write(self, books: Books) -> Home:
        self.path.unlink(missing_ok=True)
        books.file(self.path)
        return self

    def sql(self, *statements: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)

    def refresh(self) -> str:
        return refresh(Warehouse(str(self.path)), self.marts)

    def revenue(self) -> float:
        return asked(open_marts(self.marts), "value.summary", period="all").numbers["revenue"]

    def leftovers(self) -> list[str]:
        known = (POINTER, ".lock")
        files = (path.name for path in self.marts.iterdir() if path.name not in known)
        return sorted(name for name in files if not name.startswith("marts-") or not name.endswith(".duckdb"))


@pytest.fixture
def home(one_line: Path, tmp_path: Path) -> Home:
    """A one-line warehouse with a published version."""
    shutil.copytree(one_line, tmp_path, dirs_exist_ok=True)
    return Home(tmp_path)


# --- what is published -------------------------------------------------------------------------------


def test_a_refresh_publishes_a_version_and_points_at_it(home: Home) -> None:
    first = current_version(home.marts)
    second = home.write(line(revenue=300)).refresh()
    assert current_version(home.marts) == second
    assert versions(home.marts) == [second, first]
    assert home.revenue() == 300
    assert home.leftovers() == []


def test_a_version_says_what_it_was_made_of(small: Marts, small_file: Path) -> None:
    info = small.info
    assert info["version"] == small.version
    assert info["warehouse"] == str(small_file)
    assert info["source.currency"] == small.currency == "EUR"
    rows = json.loads(info["rows"])
    assert rows["customer"] == 11
    assert rows["sales_line"] == 14
    assert {"survey", "cost_of_goods"} <= small.filled
    assert "stock_month" not in small.filled


def test_progress_is_told_and_never_runs_back(home: Home) -> None:
    told: list[tuple[str, float]] = []
    refresh(Warehouse(str(home.path)), home.marts, lambda step, done: told.append((step, done)))
    shares = [done for _, done in told]
    assert shares == sorted(shares)
    assert told[-1] == ("published", 1.0)


def test_a_version_file_never_changes_once_published(home: Home) -> None:
    before = {path: path.read_bytes() for path in home.marts.glob("marts-*.duckdb")}
    asked(open_marts(home.marts), "value.whale")
    home.write(line(revenue=2)).refresh()
    assert all(path.read_bytes() == content for path, content in before.items())


def test_old_versions_are_pruned_and_the_newest_kept(home: Home) -> None:
    first = current_version(home.marts)
    names = [home.refresh() for _ in range(KEEP_VERSIONS)]
    assert versions(home.marts) == names[::-1]
    assert first not in names
    assert home.revenue() == 100


def test_an_old_version_can_be_put_back_and_a_refresh_moves_on(home: Home) -> None:
    old = current_version(home.marts)
    home.write(line(revenue=999)).refresh()
    put_back(home.marts, old)
    assert current_version(home.marts) == old
    assert home.revenue() == 100
    home.refresh()
    assert home.revenue() == 999


def test_a_version_that_is_not_there_can_not_be_put_back(home: Home) -> None:
    now = current_version(home.marts)
    for name in ("20990101T000000000-1", "../w", ""):
        with pytest.raises(DashboardError, match=f"no version .*; there are {now}"):
            put_back(home.marts, name)
    assert current_version(home.marts) == now


# --- what a refresh makes of odd facts ---------------------------------------------------------------


def test_sales_before_the_acquisition_date_are_not_lost(tmp_path: Path) -> None:
    """A customer entered in the books after his first orders still counts in the weeks of his orders."""
    b = line()
    b.customer("late", acquired_on="2026-11-20")
    b.sale("late", "2026-11-05", 50, 20)
    b.customer("future", acquired_on="2027-01-01")
    held = b.marts(tmp_path)
    for period in ("4w", "52w", "all"):
        numbers = asked(held, "value.summary", period=period).numbers
        assert (numbers["revenue"], numbers["customers"]) == (150, 2)


def test_costs_before_the_first_purchase_are_not_lost(tmp_path: Path) -> None:
    b = line()
    b.paid("C1", "2026-03-02", "gift", 30)
    held = b.marts(tmp_path)
    assert asked(held, "value.summary", as_of="2026-03-08", period="4w").numbers["profit"] == -30


def test_returns_that_outweigh_sales_leave_profit_defined(tmp_path: Path) -> None:
    held = line(revenue=-100, goods=-60).marts(tmp_path)
    numbers = asked(held, "value.summary").numbers
    assert (numbers["revenue"], numbers["gross_margin"], numbers["profit"]) == (-100, -40, -40)
    assert "cost_of_goods" in held.filled


@pytest.mark.parametrize(("uncosted", "defined"), [(5, True), (6, False)])
def test_profit_is_undefined_when_a_twentieth_of_revenue_has_no_cost(
    tmp_path: Path, uncosted: int, defined: bool
) -> None:
    """Not understated, not overstated: undefined."""
    b = line(revenue=100 - uncosted, goods=50)
    b.sale("C1", "2026-11-11", uncosted, None)
    held = b.marts(tmp_path)
    numbers = asked(held, "value.summary").numbers
    assert (numbers["profit"] is not None) == defined
    assert bool(asked(held, "value.whale").missing) != defined
    if defined:
        assert numbers["gross_margin"] == 50


def test_the_newest_week_may_hold_nothing_but_returns(tmp_path: Path) -> None:
    b = line()
    b.sale("C1", "2026-11-17", -30, -10)
    held = b.marts(tmp_path)
    assert str(held.calendar.last_week) == "2026-11-16"
    assert held.calendar.last_day >= held.calendar.last_week
    assert asked(held, "value.summary", period="4w").numbers["revenue"] == 70


def test_regions_whose_parents_run_in_a_circle_are_named(home: Home) -> None:
    b = line()
    b.region("A", "A")
    b.region("B", "B", within="A")
    b.rows["region"][0]["parent_key"] = 2
    with pytest.raises(DashboardError, match="table 'region': A, B lie in a circle of parents"):
        home.write(b).refresh()


def test_a_region_whose_parent_is_missing_becomes_a_root(tmp_path: Path) -> None:
    b = Books()
    b.region("A", "A")
    b.rows["region"][0]["parent_key"] = 99
    b.customer("C1", "A")
    b.sale("C1", "2026-11-12", 10, 5)
    assert asked(b.marts(tmp_path), "value.by_region").table["code"].tolist() == ["A"]


# --- failures leave the old version in force ---------------------------------------------------------

BREAKS = {
    "a table that is gone": ("DROP TABLE sales_line", "no table 'sales_line', which is required"),
    "a column that is gone": ("ALTER TABLE customer DROP COLUMN industry", "lacks the column(s) industry"),
    "a column of another type": ("ALTER TABLE sales_line ALTER revenue TYPE VARCHAR", "'sales_line.revenue' holds"),
    "two customers of one key": (
        "CREATE TABLE twins AS FROM customer UNION ALL FROM customer; "
        "DROP TABLE customer; ALTER TABLE twins RENAME TO customer",
        "table 'customer' has 1 rows whose customer_key another row has",
    ),
    "two grades on a day": (
        "CREATE TABLE assignment AS SELECT 1::BIGINT AS customer_key, unnest(['2026-01-05', '2026-03-02'])::DATE "
        "AS valid_from, NULL::DATE AS valid_to, 'A' AS grade, 'key' AS tier, '' AS decided_by, '' AS reason",
        "table 'assignment' has two rows in force on the same day for 1 customer_key(s)",
    ),
    "no sales": ("DELETE FROM sales_line", "table 'sales_line' is empty: there is nothing to show"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_failed_refresh_says_why_and_leaves_the_old_version(home: Home, name: str) -> None:
    change, said = BREAKS[name]
    before = current_version(home.marts)
    home.sql(change)
    with pytest.raises(DashboardError) as error:
        home.refresh()
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert current_version(home.marts) == before
    assert home.revenue() == 100
    assert home.leftovers() == []


def test_a_warehouse_that_fails_half_way_leaves_the_old_version(home: Home) -> None:
    """The contract looks kept; the rows can't be read. A view stands for a source that fails later."""
    before = current_version(home.marts)
    home.sql(
        "ALTER TABLE customer RENAME TO people",
        "CREATE VIEW customer AS SELECT * REPLACE "
        "(CASE WHEN code = 'C1' THEN error('the source went away')::VARCHAR ELSE name END AS name) FROM people",
        "INSERT INTO people (customer_key, code, name) VALUES (0, 'C0', 'fine')",
    )
    with pytest.raises(DashboardError, match="the source went away"):
        home.refresh()
    assert current_version(home.marts) == before
    assert home.leftovers() == []


def test_a_warehouse_that_moves_during_the_refresh_is_not_published(postgres: Cluster, tmp_path: Path) -> None:
    """The weeks were read, then an order came in: the totals no longer agree, and nobody sees half of it."""
    url = postgres.new_database("moving")
    engine = create_engine(make_url(url))
    line().fill(engine)

    def meanwhile(step: str, _: float) -> None:
        if step == "cost_week":  # the fact after the sales
            with engine.begin() as connection:
                connection.execute(text("UPDATE sales_line SET revenue = revenue + 1"))

    with pytest.raises(DashboardError, match=r"revenue don't reconcile: the warehouse has 101.00, the marts 100.00"):
        refresh(Warehouse(url), tmp_path / "w.marts", meanwhile)
    engine.dispose()
    assert current_version(tmp_path / "w.marts") is None


def in_a_process(home: Home, before: str = "") -> subprocess.Popen[str]:
    """A refresh in a process of its own; `before` runs first and may replace `progress`."""
    program = f"""
        import os, sys, time
        from pathlib import Path
        from dashboard.errors import DashboardError
        from dashboard.warehouse.connect import Warehouse
        from dashboard.warehouse.refresh import refresh
        def progress(step, done):
            pass
        {textwrap.indent(textwrap.dedent(before), " " * 8).strip()}
        try:
            print(refresh(Warehouse({str(home.path)!r}), Path({str(home.marts)!r}), progress))
        except DashboardError as error:
            sys.exit(str(error))
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


STOPS_HALF_WAY = """
def progress(step, done):
    if step == "windows":
        print("half way", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def half_way(home: Home) -> Iterator[subprocess.Popen[str]]:
    """A refresh that has got as far as the windows and waits there."""
    home.write(line(revenue=777))
    process = in_a_process(home, STOPS_HALF_WAY)
    assert process.stdout
    assert process.stdout.readline() == "half way\n"
    yield process
    process.kill()
    process.communicate()


def test_a_killed_refresh_leaves_the_old_version_and_the_next_one_cleans_up(
    home: Home, half_way: subprocess.Popen[str]
) -> None:
    before = current_version(home.marts)
    half_way.send_signal(signal.SIGKILL)
    half_way.wait()
    assert current_version(home.marts) == before
    assert home.revenue() == 100
    left = [name for name in home.leftovers() if name.startswith(".building-")]
    assert left, "the killed one left its file"
    spilled = home.marts / f"{left[0]}.tmp"  # where a bigger one puts what doesn't fit into memory
    spilled.mkdir()
    (spilled / "part").write_text("")
    home.refresh()
    assert home.leftovers() == []
    assert home.revenue() == 777


def test_two_refreshes_at_once_refuse_the_second(home: Home, half_way: subprocess.Popen[str]) -> None:
    before = current_version(home.marts)
    with pytest.raises(DashboardError, match=r"another refresh of .* is running: wait for it"):
        home.refresh()
    with pytest.raises(DashboardError, match="another refresh"):
        put_back(home.marts, str(before))
    assert half_way.poll() is None, "the first goes on"
    assert [name for name in home.leftovers() if name.startswith(".building-")], "with its file untouched"
    assert home.revenue() == 100, "and readers read"


def test_a_disk_that_is_full_leaves_the_old_version(home: Home) -> None:
    """The limit on a file's size stands for the disk's: the write fails in the same place."""
    before = current_version(home.marts)
    home.write(company())
    process = in_a_process(
        home,
        """
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        """,
    )
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.count("\n") == 1, said
    assert "could not be built" in said
    assert "File too large" in said
    assert current_version(home.marts) == before
    assert home.revenue() == 100
    assert home.leftovers() == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY, "only that process was limited"


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a file system")
def test_a_small_disk_that_fills_up_leaves_the_old_version(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mount is not permitted here")
    try:
        found = Home(tmp_path).write(line())
        found.marts = disk / "w.marts"
        before = found.refresh()
        (disk / "ballast").write_bytes(b"x" * (os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - 200_000))
        with pytest.raises(DashboardError) as error:
            found.refresh()
        assert "\n" not in str(error.value)
        assert current_version(found.marts) == before
        assert found.leftovers() == []
        (disk / "ballast").unlink()
        assert found.refresh() > before
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(home: Home) -> None:
    home.marts.chmod(0o500)
    with pytest.raises(DashboardError, match=r"w\.marts"):
        home.refresh()
    home.marts.chmod(0o700)


# --- the whole of it, while readers read -------------------------------------------------------------


def test_readers_go_on_while_versions_come_and_go(home: Home) -> None:
    """Every answer a reader gets belongs to one version: revenue and profit always fit together."""
    home.write(line(revenue=300))
    process = in_a_process(home)
    seen = []
    while process.poll() is None:
        numbers = asked(open_marts(home.marts), "value.summary", period="all").numbers
        assert numbers["profit"] == numbers["revenue"] - 60
        seen.append(numbers["revenue"])
        time.sleep(0.1)
    process.communicate()
    assert process.returncode == 0
    assert set(seen) <= {100, 300}
    assert seen == sorted(seen), "once the new version is seen, the old one never is again"
    assert home.revenue() == 300


def test_every_mart_is_named_in_the_file(home: Home) -> None:
    path = home.marts / f"marts-{current_version(home.marts)}.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert tables == set(m.metadata.tables)
    assert QUESTIONS
