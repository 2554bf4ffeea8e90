"""`check` names what is wrong with settings, warehouse and marts, and the mend; it changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from dashboard.settings import Settings
from dashboard.warehouse.check import Finding, check
from dashboard.warehouse.connect import Warehouse
from dashboard.warehouse.read import Marts
from dashboard.warehouse.refresh import POINTER, refresh
from tests.small import line

UNRATED = "Service events without a rate in force that day: 1 rows"


@pytest.fixture
def path(small: Marts, small_file: Path, tmp_path: Path) -> Path:
    """The worked example with its published marts, to be spoilt."""
    shutil.copytree(small_file.with_suffix(".marts"), tmp_path / "w.marts")
    return Path(shutil.copy(small_file, tmp_path / "w.duckdb"))


def found(path: Path) -> list[Finding]:
    return check(Settings(str(path)))


def worst(path: Path) -> list[str]:
    """All that is wrong, but for the activity without a rate that the worked example has."""
    wrong = (f for f in found(path) if f.level in ("warn", "error") and not f.what.startswith(UNRATED))
    return [f"{f.what} – {f.mend}" for f in wrong]


def test_nothing_wrong_is_no_error(path: Path) -> None:
    findings = found(path)
    assert [f.level for f in findings] == ["ok", "warn", "note", "ok", "ok", "ok"]
    assert findings[0].what == f"{path} keeps the contract; 21 tables are filled"
    assert findings[-2].what.endswith("hold data to 2026-11-12")
    assert findings[-1].what == f"the ledger {path.with_suffix('.ledger.db')} holds 0 entries"


def test_checking_writes_nothing(path: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in path.parent.rglob("*")}
    found(path)
    assert {p: p.stat().st_mtime_ns for p in path.parent.rglob("*")} == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "DELETE FROM customer WHERE code = 'C02'",
            "Order lines whose customer is not there: 4 rows, 29% (2)",
        ),
        (
            "DELETE FROM activity WHERE code = 'call'",
            "Service events whose activity is not there: 5 rows, 42% (C03 (2) · C09 (2) · C08 (2))",
        ),
        (
            "DELETE FROM region WHERE code = 'GZ'",
            "Customer records whose region is not there: 2 rows, 18% (C05 (6) · C06 (6))",
        ),
        ("DELETE FROM sales_line", "table 'sales_line' is empty – load it: it is required"),
    ],
)
def test_rows_without_their_other_half_are_counted(path: Path, change: str, said: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(change)
    assert any(line.startswith(said) and " – " in line for line in worst(path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE assignment SET valid_to = NULL WHERE customer_key IN (2, 3)", "'assignment' has two rows in force"),
        ("UPDATE assignment SET valid_to = valid_to + 1 WHERE customer_key = 2", "same day for 1 customer_key(s)"),
        ("UPDATE activity_rate SET valid_to = NULL", "'activity_rate' has two rows in force on the same day for 2"),
    ],
)
def test_two_rows_in_force_on_a_day_are_an_error(path: Path, change: str, said: str) -> None:
    """The customer, or the cost, would be counted twice."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(change)
    (finding,) = worst(path)
    assert said in finding
    assert finding.endswith("let each row end (valid_to, exclusive) where the next one begins")


def test_a_broken_contract_ends_the_check_with_its_place(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("ALTER TABLE survey DROP COLUMN quality")
    assert worst(path) == [f"{path}: table 'survey' lacks the column(s) quality: see queries/schema.py – "]


def test_a_missing_warehouse_is_an_error_with_its_mend(tmp_path: Path) -> None:
    finding, _ = found(tmp_path / "none.duckdb")
    assert finding.level == "error"
    assert "make one with 'dashboard demo' or 'dashboard load'" in finding.what


def test_marts_that_are_missing_or_damaged_are_said_to_be_so(path: Path) -> None:
    pointer = path.with_suffix(".marts") / POINTER
    pointer.write_text("{")
    assert worst(path) == [f"{pointer} is damaged: run 'dashboard refresh' – "]
    pointer.unlink()
    assert worst(path) == ["no marts are published – run 'dashboard refresh'"]


def test_margins_that_can_not_be_computed_are_a_warning(tmp_path: Path) -> None:
    path = line(goods=None).file(tmp_path / "w.duckdb")
    refresh(Warehouse(str(path)), tmp_path / "w.marts")
    uncosted, currency = worst(path)
    assert currency.startswith("The currency is not stated")
    assert uncosted.startswith("Order lines without cost of goods: 1 rows, 100% (C1) – Supply the cost of goods")


def test_a_mistake_in_the_access_file_is_found(path: Path, tmp_path: Path) -> None:
    access = tmp_path / "access.toml"
    access.write_text('[people."a@b"]\nrights = []')
    findings = check(Settings(str(path), access))
    assert [f.level for f in findings if f.level == "error"] == ["error"]
    assert "unknown key 'rights'" in findings[0].what


def test_a_url_names_no_password(postgres: object) -> None:
    findings = check(Settings("postgresql+psycopg://reader:s3cret@127.0.0.1:1/none"))
    assert [f.level for f in findings if f.level != "ok"] == ["error"]
    assert "s3cret" not in findings[0].what


def test_a_damaged_ledger(path: Path) -> None:
    path.with_suffix(".ledger.db").write_bytes(b"no database at all" * 100)
    (said,) = worst(path)
    assert "w.ledger.db is damaged (file is not a database). Put a backup in its place." in said
