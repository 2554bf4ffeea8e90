"""The ledger as a database: append-only, whole after a kill, clear when it can't be written, brought up to date."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.exc import DBAPIError

from dashboard.errors import DashboardError
from dashboard.ledger import (
    Ledger,
    LedgerError,
    alerts,
    audit,
    decisions,
    notes,
    open_ledger,
    pilots,
    plans,
    policies,
    store,
    tables,
    views,
)
from dashboard.ledger.decisions import Choice
from dashboard.settings import ROOT, Settings
from dashboard.warehouse.read import Marts
from tests.conftest import Cluster
from tests.ledger.conftest import As, made
from tests.small import reader

REVIEW = date(2026, 11, 9)
SCRIPTS = ScriptDirectory(str(store.MIGRATIONS))
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]


def everything(someone: As) -> None:
    """At least one row in every table."""
    ann, bob = someone("ann"), someone("bob")
    (one,) = decisions.record(ann, REVIEW, [Choice("C01", "accept", "key", "key", "key")], policy_version="p1")
    decisions.approve(bob, REVIEW, [one.id], "approved")
    lines = [plans.Line("C01", "key", one.id), plans.Line("C02", "standard")]
    plans.hand_over(ann, REVIEW, lines, {"profit": 1.5}, policy_version="p1", approval_needed=True)
    dates = {"starts_on": date(2026, 11, 9), "ends_on": date(2027, 5, 9)}
    pilots.declare(ann, "p", levels=["key"], seed=1, share=0.5, **dates, held=["C01"], why="to learn")
    policies.save(ann, "2027-01", "version = '2027-01'", "new year")
    views.save_view(ann, "mine", "value", {"grade": "A"}, everyone=False)
    views.save_scenario(ann, "what if", {"budget": "1000"}, everyone=True)
    first = notes.write_note(ann, REVIEW, "说了什么", "value.whale")
    notes.change_note(ann, first, "what was said")
    notes.annotate(ann, **dates, text="展会", text_en="Fair")
    alerts.set_state(ann, "profit/CN", "acknowledged")
    audit.audited(ann, "export", "customers.list", 10)
    audit.delivered(ann, "weekly", "bob", channel="mail", format="pdf", language="en", status="sent", attempt=1)


# --- append-only -------------------------------------------------------------------------------------


def test_the_database_itself_refuses_to_change_or_delete_anything(ledger: Ledger, someone: As) -> None:
    everything(someone)
    before = exported(ledger)
    assert {line["table"] for line in before} == set(tables.metadata.tables)
    for table in tables.metadata.sorted_tables:
        last = table.c.keys()[-1]
        columns = ", ".join(table.c.keys())
        attempts = [f"UPDATE {table.name} SET {last} = {last}", f"DELETE FROM {table.name}"]
        if ledger.file:
            attempts.append(f"INSERT OR REPLACE INTO {table.name} SELECT * FROM {table.name}")
        else:
            attempts.append(f"TRUNCATE {table.name} CASCADE")
            attempts.append(
                f"INSERT INTO {table.name} OVERRIDING SYSTEM VALUE SELECT {columns} FROM {table.name} "
                f"ON CONFLICT ({', '.join(c.name for c in table.primary_key)}) DO UPDATE SET {last} = excluded.{last}"
            )
        for attempt in attempts:
            # As an administrator with a client of his own would do it.
            engine = create_engine(f"sqlite:///{ledger.file}" if ledger.file else ledger.location)
            with pytest.raises(DBAPIError, match="the ledger is append-only"), engine.begin() as connection:
                connection.execute(text(attempt))
            engine.dispose()
    assert exported(ledger) == before


def test_the_database_refuses_what_no_decision_may_be(ledger: Ledger) -> None:
    """Whoever writes past the program meets the same rules."""
    good = {
        **{"at": datetime.now(UTC), "author": "x", "review": REVIEW, "customer_code": "C01", "sequence": 1},
        **{"action": "accept", "level": "key", "reason": "", "expected": {}},
        **{"policy_version": "", "data_version": ""},
    }
    wrong = [
        {"action": "overrule"},
        {"level": None},
        {"sequence": 0},
        {"action": "override"},
        {"action": "postpone"},
        {"action": "withdraw"},
    ]
    for change in wrong:
        with pytest.raises(DBAPIError), ledger.writing() as connection:
            connection.execute(insert(tables.decision), good | change)
    with ledger.writing() as connection:
        connection.execute(insert(tables.decision), good)


def test_moments_are_kept_in_utc(ledger: Ledger, someone: As) -> None:
    then = datetime(2026, 11, 9, 8, 30, 15, 123456, UTC)
    ledger.clock = lambda: then
    notes.write_note(someone(), REVIEW, "text")
    (note,) = notes.notes(someone(), REVIEW)
    assert (note.at, note.at.tzinfo) == (then, UTC)


# --- killed, full, locked, read-only -----------------------------------------------------------------


@contextmanager
def worker(what: str, marts: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.worker", what, str(marts), *arguments],
        **{"cwd": ROOT, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdout and process.stdin
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.fixture
def folder(small_file: Path, small: Marts) -> Path:
    """The worked example's marts."""
    return small_file.with_suffix(".marts")


def test_killed_in_the_middle_of_writing_it_is_whole_and_has_all_it_acknowledged(
    location: str, ledger: Ledger, folder: Path
) -> None:
    acknowledged = 0
    with worker("decide_for_ever", folder, location) as process:
        go(process)
        assert process.stdout
        while acknowledged < 12:
            acknowledged = int(process.stdout.readline())
        process.kill()
        acknowledged = max([acknowledged, *map(int, process.communicate()[0].split())])
    found = ledger.rows(select(tables.decision.c.customer_code, tables.decision.c.sequence))
    rounds = max(row.sequence for row in found)
    assert rounds >= acknowledged
    assert len(found) == 10 * rounds  # a bulk is there as a whole or not at all
    assert ledger.whole()


@pytest.mark.parametrize("limited", ["by the size of a file", "by the disk"])
def test_a_full_disk_is_said_and_nothing_is_half_written(
    limited: str, empty_file: Path, tmp_path: Path, folder: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    on_disk = limited == "by the disk"
    if (
        on_disk
        and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True).returncode
    ):
        pytest.skip("only an administrator can make a small disk")
    try:
        path = shutil.copy(empty_file, disk / "w.ledger.db")
        with worker("fill_the_disk", folder, str(path), "0" if on_disk else "1000000") as process:
            go(process)
            told = process.communicate()[0].splitlines()
        full = "The disk of the ledger is full or can't be written to. Nothing was saved; make room and try again."
        assert told == [full, "saved"]
        assert [row.text for row in Ledger(str(path)).rows(select(tables.note))] == ["fits"]
        assert Ledger(str(path)).whole()
    finally:
        if on_disk:
            subprocess.run(["umount", disk], check=True)


def test_a_ledger_that_may_not_be_written_says_so(empty_file: Path, folder: Path) -> None:
    place = Path(tempfile.mkdtemp(prefix="ledger-"))
    try:
        path = Path(shutil.copy(empty_file, place))
        path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
        place.chmod(0o555)
        with worker("write_as_nobody", folder, str(path)) as process:
            go(process)
            (told,) = process.communicate()[0].splitlines()
        assert told.startswith("The ledger may not be written to (")
    finally:
        place.chmod(0o755)
        shutil.rmtree(place)


def test_a_server_that_may_not_be_written_says_so(postgres: Cluster, small: Marts) -> None:
    location = postgres.new_database("read_only")
    made(Ledger(location))._engine.dispose()
    postgres.execute("postgres", "ALTER DATABASE read_only SET default_transaction_read_only = on")
    ann = reader(small, ledger=Ledger(location))
    with pytest.raises(LedgerError, match="may not be written to"):
        notes.write_note(ann, REVIEW, "text")
    assert notes.notes(ann, REVIEW) == []


def test_a_writer_who_waits_too_long_is_told(location: str, someone: As, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PATIENCE_SECONDS", 0.2)
    with Ledger(location).writing() as other:
        entry = {"at": datetime.now(UTC), "author": "other", "version": "1", "text": "", "why": ""}
        other.execute(insert(tables.policy_text), entry)
        with pytest.raises(LedgerError, match="Somebody else is writing to the ledger right now"):
            policies.save(someone(), "1", "", "why")
        with pytest.raises(LedgerError, match="此刻有他人正在写入台账"):
            policies.save(someone(lang="zh"), "1", "", "why")
    assert [p.author for p in policies.versions(someone())] == ["other"]


def test_what_fails_within_a_transaction_leaves_nothing(ledger: Ledger, someone: As) -> None:
    entry = {"at": datetime.now(UTC), "author": "x", "version": "1", "text": "", "why": ""}
    with pytest.raises(ZeroDivisionError), ledger.writing() as connection:
        connection.execute(insert(tables.policy_text), entry)
        raise ZeroDivisionError
    assert policies.versions(someone()) == []


# --- opening -----------------------------------------------------------------------------------------


def test_looking_makes_no_file(tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path / "w.ledger.db"))
    assert (ledger.rows(select(tables.note)), ledger.state(), set(ledger.counts().values())) == ([], "", {0})
    assert list(tmp_path.iterdir()) == []


def test_each_commit_reaches_the_disk_and_readers_dont_wait(empty_file: Path, tmp_path: Path) -> None:
    ledger = Ledger(str(shutil.copy(empty_file, tmp_path)))
    with ledger.writing() as connection:
        asked = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")}
        assert asked == {"journal_mode": "wal", "synchronous": 2}
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert ledger.counts()["note"] == 0  # a reader while a writer writes


def test_several_processes_may_open_a_new_ledger_at_once(postgres: Cluster, tmp_path: Path, folder: Path) -> None:
    locations = [str(tmp_path / "new.ledger.db"), postgres.new_database("opened_at_once")]
    with ExitStack() as stack:
        writers = [stack.enter_context(worker("open_each", folder, name, *locations)) for name in "ab"]
        for process in writers:
            go(process)
        assert [process.communicate()[0] for process in writers] == ["saved\nsaved\n"] * 2
    for location in locations:
        assert sorted(row.name for row in Ledger(location).rows(select(tables.saved_view))) == ["a", "b"]


def bare(engine: str, tmp_path: Path, request: pytest.FixtureRequest, name: str) -> str:
    """A database without tables."""
    if engine == "postgresql":
        return request.getfixturevalue("postgres").new_database(name)
    sqlite3.connect(tmp_path / "bare.db").close()
    return str(tmp_path / "bare.db")


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
@pytest.mark.parametrize("version", REVISIONS)
def test_a_ledger_of_each_older_version_is_brought_up_to_date_with_all_it_holds(
    engine: str, version: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    location = bare(engine, tmp_path, request, f"version_{version}")
    old = Ledger(location)
    if old.file:
        old.file.touch()
    with old._engine.connect() as connection, store._transaction(connection):
        store.migrate(connection, version)
        connection.execute(
            text("INSERT INTO policy_text (at, author, version, text, why) VALUES (:at, 'a', '1', 't', 'w')"),
            {"at": datetime(2026, 1, 1, tzinfo=UTC) if not old.file else "2026-01-01 00:00:00.000000"},
        )
    made(Ledger(location))
    ledger = Ledger(location)
    assert [tuple(row) for row in ledger.rows(select(tables.policy_text))] == [
        (1, datetime(2026, 1, 1, tzinfo=UTC), "a", "1", "t", "w")
    ]
    with ledger._engine.connect() as connection:
        assert ledger._version(connection) == REVISIONS[-1]
        assert compare_metadata(MigrationContext.configure(connection, opts=OURS), tables.metadata) == []
    with pytest.raises((DashboardError, DBAPIError), match="append-only"), ledger.writing() as connection:
        connection.execute(text("DELETE FROM policy_text"))


OURS = {"include_name": lambda name, kind, parents: kind != "table" or name in tables.metadata.tables}


def test_the_release_knows_all_its_migrations() -> None:
    assert tuple(REVISIONS) == store.VERSIONS


def test_a_ledger_of_a_newer_release_is_refused_and_left_alone(location: str, ledger: Ledger) -> None:
    with ledger.writing() as connection:
        connection.execute(text(f"UPDATE {store.VERSION_TABLE} SET version_num = '0099'"))
    newer = Ledger(location)
    for attempt in (newer.counts, lambda: made(newer)):
        with pytest.raises(LedgerError) as error:
            attempt()
        assert str(error.value).endswith("was written by a newer release (version 0099). Update the dashboard.")
        assert "\n" not in str(error.value)


def test_a_file_that_is_no_ledger_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "w.ledger.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(LedgerError, match=r"is damaged .*Put a backup in its place"):
        Ledger(str(path)).counts()
    assert path.read_bytes() == b"no database at all" * 100


@pytest.mark.parametrize(
    ("location", "said"),
    [
        (
            "mysql://root:s3cret@db/x",
            "the ledger is kept in SQLite (name a path) or PostgreSQL (name a URL), not in mysql",
        ),
        ("sqlite:///x.db", "not in sqlite"),
        ("postgresql+psycopg://me:s3cret@db:port/x", "the ledger's URL can't be read"),
        ("postgresql+psycopg://me:s3cret@127.0.0.1:1/none", "The ledger postgresql+psycopg://me:***@127.0.0.1:1/none"),
        ("/nowhere/at/all/w.ledger.db", "The ledger /nowhere/at/all/w.ledger.db can't be opened"),
    ],
)
def test_a_wrong_place_is_said_in_one_line_without_its_password(location: str, said: str) -> None:
    with pytest.raises(DashboardError) as error:
        made(Ledger(location))
    assert said in str(error.value)
    assert "s3cret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_it_lies_beside_the_marts_unless_said_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(str(tmp_path / "w.duckdb")).ledger == str(tmp_path / "w.ledger.db")
    assert Settings("postgresql://db/sales").ledger.endswith(".ledger.db")
    monkeypatch.setenv("DASHBOARD_LEDGER", "postgresql://db/ledger")
    assert Settings.read(str(tmp_path / "w.duckdb")).ledger == "postgresql://db/ledger"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DASHBOARD_LEDGER", "my.db")
    assert Settings.read().ledger == str(tmp_path / "my.db")
    assert open_ledger(Settings.read()) is open_ledger(Settings.read())


def test_the_state_moves_with_every_entry(ledger: Ledger, someone: As) -> None:
    seen = {ledger.state()}
    for text_ in ("one", "two"):
        notes.write_note(someone(), REVIEW, text_)
        seen.add(ledger.state())
    audit.audited(someone(), "export", "customers.list", 1)
    seen.add(ledger.state())
    assert len(seen) == 4
    assert ledger.state() in seen


# --- copies ------------------------------------------------------------------------------------------


def exported(ledger: Ledger) -> list[dict]:
    told = io.StringIO()
    assert ledger.export(told) == len(told.getvalue().splitlines())
    return [json.loads(line) for line in told.getvalue().splitlines()]


def test_an_export_holds_every_entry_as_a_line(ledger: Ledger, someone: As) -> None:
    everything(someone)
    lines = exported(ledger)
    (decision,) = [line for line in lines if line["table"] == "decision"]
    assert (decision["author"], decision["review"], decision["customer_code"]) == ("ann", "2026-11-09", "C01")
    assert datetime.fromisoformat(decision["at"]).utcoffset() is not None
    counts = ledger.counts()
    assert {name: sum(line["table"] == name for line in lines) for name in counts} == counts
    assert [line["text"] for line in lines if line["table"] == "note"] == ["说了什么", "what was said"]


def test_a_backup_is_a_ledger_like_the_one_it_copies(ledger: Ledger, someone: As, tmp_path: Path) -> None:
    everything(someone)
    copy = tmp_path / "copy.db"
    if ledger.file is None:
        with pytest.raises(DashboardError, match="back it up with pg_dump"):
            ledger.backup(copy)
        return
    with ledger.writing() as connection:  # in the middle of a write: what isn't committed isn't in it
        entry = {"at": datetime.now(UTC), "author": "x", "version": "2", "text": "", "why": ""}
        connection.execute(insert(tables.policy_text), entry)
        ledger.backup(copy)
    assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name) == ["copy.db"]
    assert Ledger(str(copy)).counts() == ledger.counts() | {"policy_text": 1}
    made(Ledger(str(copy)))
    ledger.backup(copy)
    assert exported(Ledger(str(copy))) == exported(ledger)
    for target, said in ((ledger.file, "is the ledger itself"), (tmp_path / "none" / "x.db", "x.db can't be written")):
        with pytest.raises(DashboardError, match=said):
            ledger.backup(target)


def test_a_backup_put_in_its_place_is_read_at_once(empty_file: Path, tmp_path: Path) -> None:
    ledger = Ledger(str(shutil.copy(empty_file, tmp_path / "w.ledger.db")))
    assert ledger.counts()["note"] == 0
    entry = {"at": datetime.now(UTC), "author": "x", "version": "2", "text": "", "why": ""}
    other = Ledger(str(shutil.copy(empty_file, tmp_path / "other.db")))
    with other.writing() as connection:
        connection.execute(insert(tables.policy_text), entry)
    os.replace(tmp_path / "other.db", tmp_path / "w.ledger.db")
    assert ledger.counts()["policy_text"] == 1
