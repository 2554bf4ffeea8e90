"""Reading marts: only with the reader's scope, never another thread's rows, always the version in force."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import FromClause, Select, func, literal, select, union_all

from dashboard.errors import DashboardError
from dashboard.filters import Filters
from dashboard.scope import Scope
from dashboard.warehouse.connect import Warehouse
from dashboard.warehouse.read import TABLES, Entry, Marts, UnscopedQueryError, open_marts
from dashboard.warehouse.refresh import FORMAT, POINTER, refresh
from queries import customers, marts, value
from queries.population import population
from tests.small import EVERYBODY, Books, asked, line
from tests.statements import functions, statements, view_of

BEIJING = Scope("beijing", ("BJ",), frozenset())
NOWHERE = Scope("nobody", (), frozenset())


# --- scope -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", functions())
def test_a_statement_of_another_reader_is_refused(small: Marts, name: str) -> None:
    """Whatever asks with one reader's rights can't be read with another's, wider or narrower."""
    for mine, other in ((BEIJING, EVERYBODY), (EVERYBODY, BEIJING), (BEIJING, NOWHERE)):
        for _, statement in statements(view_of(small, mine), only=name):
            small.read(statement, mine)
            with pytest.raises(UnscopedQueryError, match=other.user):
                small.read(statement, other)


MONDAY = date(2026, 11, 9)
WITHOUT_SCOPE = (
    select(marts.customer),
    select(func.count()).select_from(marts.customer_window),
    marts.customer_totals(MONDAY, MONDAY, MONDAY),
    customers.lines(1, 10),
    customers.contacts(1, 10),
    customers.complaints(1, 10),
    customers.personal(1),
)


@pytest.mark.parametrize("statement", WITHOUT_SCOPE)
def test_a_statement_without_a_scope_is_refused(small: Marts, statement: Select) -> None:
    with pytest.raises(UnscopedQueryError, match="lacks the scope of 'test' and was not run"):
        small.read(statement, EVERYBODY)


def test_a_table_in_memory_is_made_once_for_each_scope_and_read_with_it(small: Marts) -> None:
    def kept(scope: Scope) -> FromClause:
        view = view_of(small, scope)
        return small.table("customers", lambda: select(population(view).c.customer_key), scope)

    assert kept(EVERYBODY) is kept(EVERYBODY)
    assert kept(BEIJING) is not kept(EVERYBODY)
    place = marts.customer.c
    counted = select(func.count()).where(place.customer_key == kept(BEIJING).c.customer_key)
    assert small.read(counted.where(BEIJING.allows(place.region_position)), BEIJING).iloc[0, 0] == 3
    with pytest.raises(UnscopedQueryError):
        small.read(counted, BEIJING)
    for statement in WITHOUT_SCOPE:
        with pytest.raises(UnscopedQueryError):
            small.table(str(statement), lambda statement=statement: statement, EVERYBODY)


def test_a_table_that_nobody_has_any_more_goes(home: Path) -> None:
    held = open_marts(home / "w.marts")
    names = select(literal(1).label("one")).where(EVERYBODY.allows(literal(None, marts.region.c.position.type)))

    def there() -> int:
        return len(held._root.cursor().execute("SELECT * FROM duckdb_tables() WHERE NOT internal AND schema_name = "
                                               "'main' AND database_name = 'memory_'").fetchall())  # fmt: skip

    mine = held.table(0, lambda: names, EVERYBODY)
    for number in range(1, 5 * TABLES):
        held.table(number, lambda: names, EVERYBODY)
    assert there() <= 2 * TABLES
    reading = select(mine).where(EVERYBODY.allows(literal(None, marts.region.c.position.type)))
    assert held.read(reading, EVERYBODY).iloc[0, 0] == 1, "one that somebody has stays"


def test_two_scopes_in_one_statement_are_refused(small: Marts) -> None:
    one, other = (value.summary(view_of(small, scope)).subquery() for scope in (EVERYBODY, BEIJING))
    both = select(union_all(select(one), select(other)).subquery())
    for scope in (EVERYBODY, BEIJING):
        with pytest.raises(UnscopedQueryError):
            small.read(both, scope)


def test_a_reader_of_no_region_sees_nothing(small: Marts) -> None:
    for said, statement in statements(view_of(small, NOWHERE)):
        rows = small.read(statement, NOWHERE)
        numbers = rows.select_dtypes("number").fillna(0)
        assert rows.empty or (len(rows) == 1 and (numbers == 0).all(axis=None)), said


# --- threads -----------------------------------------------------------------------------------------


def test_threads_never_get_each_others_rows(small: Marts) -> None:
    """Sixteen readers of one version, each with statements of its own, many times over."""
    view = view_of(small, EVERYBODY)
    tried = [statement for _, statement in statements(view)][:24]
    tried += [select(literal(n).label("n")).where(EVERYBODY.allows(literal(0))) for n in range(8)]
    alone = [sorted_rows(small.read(statement, EVERYBODY)) for statement in tried]

    def differing(reader: int) -> int:
        wrong = 0
        for turn in range(len(tried)):
            place = (turn * 5 + reader * 2) % len(tried)
            wrong += not sorted_rows(small.read(tried[place], EVERYBODY)).equals(alone[place])
        return wrong

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(differing, range(16))) == 0


def sorted_rows(frame: pd.DataFrame) -> pd.DataFrame:
    floats = frame.select_dtypes("float").columns
    frame = frame.assign(**{name: frame[name].round(6) for name in floats})
    return frame.sort_values(list(frame.columns), ignore_index=True)


# --- what a version knows of itself ------------------------------------------------------------------


def test_dimensions_carry_names_order_and_tree(small: Marts) -> None:
    regions = small.dimensions["region"]
    assert list(regions) == ["CN", "NORTH", "BJ", "TJ", "SOUTH", "GZ", "DE"]
    assert regions["BJ"] == Entry("BJ", "北京", "Beijing", "NORTH", 2)
    assert list(small.dimensions["industry"]) == ["food", "retail"], "in the label's order"
    assert small.dimensions["industry"]["retail"].name == "零售"
    assert small.dimensions["kind"]["person"] == Entry("person", "person", None), "without a label its code"
    assert list(small.dimensions["manager"]) == ["E1", "E2"]
    assert list(small.dimensions["activity"]) == ["visit", "call", "gift_wrap"]


def test_calendar_spans_the_data(small: Marts) -> None:
    calendar = small.calendar
    assert [str(d) for d in (calendar.first_week, calendar.last_week, calendar.last_day)] == [
        "2024-11-18",
        "2026-11-09",
        "2026-11-12",
    ]
    assert calendar.unfinished


@pytest.mark.parametrize(
    ("dimension", "code", "said"),
    [
        ("region", "BI", "no region 'BI'; did you mean 'BJ'?"),
        ("industry", "retial", "no industry 'retial'; did you mean 'retail'?"),
        ("channel", "shop", "no channel 'shop'; one of fair, web"),
        ("manager", "E9", "no manager 'E9'; did you mean"),
        ("activity", "visits", "no activity 'visits'; did you mean 'visit'?"),
        ("kind", "robot", "no kind 'robot'; one of organisation, person"),
    ],
)
def test_an_unknown_code_is_said_with_the_nearest_one(small: Marts, dimension: str, code: str, said: str) -> None:
    with pytest.raises(DashboardError) as error:
        small.check(dimension, (code,))
    assert str(error.value).startswith(said)


# --- versions ----------------------------------------------------------------------------------------


@pytest.fixture
def home(one_line: Path, tmp_path: Path) -> Path:
    """A folder with a published version of a one-line warehouse."""
    shutil.copytree(one_line, tmp_path, dirs_exist_ok=True)
    return tmp_path


def write(home: Path, books: Books) -> str:
    (home / "w.duckdb").unlink()
    books.file(home / "w.duckdb")
    return refresh(Warehouse(str(home / "w.duckdb")), home / "w.marts")


def revenue(held: Marts) -> float:
    return asked(held, "value.summary").numbers["revenue"]


def test_the_version_in_force_is_opened_once(home: Path) -> None:
    assert open_marts(home / "w.marts") is open_marts(home / "w.marts")


def test_a_new_version_is_seen_without_a_restart_and_the_old_one_stays_whole(home: Path) -> None:
    old = open_marts(home / "w.marts")
    assert revenue(old) == 100
    write(home, line(revenue=250))
    new = open_marts(home / "w.marts")
    assert (revenue(new), revenue(old)) == (250, 100)
    assert new.version > old.version


def test_a_reader_in_flight_finishes_on_its_version_even_when_that_is_pruned(home: Path) -> None:
    old = open_marts(home / "w.marts")
    for amount in (1, 2, 3):
        write(home, line(revenue=amount))
    assert not (home / "w.marts" / f"marts-{old.version}.duckdb").exists()
    assert revenue(old) == 100
    assert old.read(value.summary(view_of(old, EVERYBODY, Filters(period="all"))), EVERYBODY)["revenue"].item() == 100


def test_no_marts_yet_is_said_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(DashboardError, match=r"no marts in .*: run 'dashboard refresh'"):
        open_marts(tmp_path / "none.marts")


@pytest.mark.parametrize("pointer", ["", "{", "null", "[]", '"x"', "{}", "\xff\xfe"])
def test_a_damaged_pointer_is_said_to_be_so(home: Path, pointer: str) -> None:
    (home / "w.marts" / POINTER).write_bytes(pointer.encode("latin-1"))
    with pytest.raises(DashboardError, match=r"current.json is damaged: run 'dashboard refresh'"):
        open_marts(home / "w.marts")


def test_a_refresh_mends_a_damaged_pointer(home: Path) -> None:
    (home / "w.marts" / POINTER).write_text("{")
    write(home, line(revenue=70))
    assert revenue(open_marts(home / "w.marts")) == 70


def test_a_pointer_to_a_version_that_is_gone_is_said_with_the_mend(home: Path) -> None:
    version = open_marts(home / "w.marts").version
    (home / "w.marts" / POINTER).write_text(json.dumps({"version": "20200101T000000000" + FORMAT}))
    with pytest.raises(DashboardError, match="dashboard refresh") as error:
        open_marts(home / "w.marts")
    assert "20200101T000000000" in str(error.value)
    assert version not in str(error.value)
