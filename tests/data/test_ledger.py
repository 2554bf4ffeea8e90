"""What the demo's people wrote: real changes of tier of real demo customers, and never over what anybody else wrote."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from dashboard.cli import main
from dashboard.insight import ask
from dashboard.ledger import Ledger, decisions, notes, plans, views
from dashboard.warehouse.read import Marts
from data.demo.ledger import DIRECTOR, MANAGER, seed
from queries.customers import assignments
from tests.small import columns, reader

MAPPING = """
[warehouse]
currency = "EUR"

[source.sales]
file = "w.csv"
numbers = ["amount"]

[table.sales_line]
from = "sales"
[table.sales_line.columns]
customer = "code"
sold_on = "day"
revenue = "amount"

[table.customer]
rows_of = "sales_line"
[table.customer.columns]
code = "code"
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(str(tmp_path / "demo.ledger.db"))


def test_the_demos_decisions_are_changes_that_happened_and_can_be_followed_up(demo: Marts, ledger: Ledger) -> None:
    asking = reader(demo, ledger=ledger)
    written = seed(asking)
    assert decisions.reviews(asking) == [date(2025, 12, 29), date(2025, 6, 30)]
    taken = [d for week in decisions.reviews(asking) for d in decisions.of_review(asking, week).values()]
    assert len(taken) == written > 20
    for d in taken[::7]:
        spells = columns(demo, assignments, "valid_from tier", customer=d.customer)
        tiers = {str(since): tier for since, tier in spells}
        assert tiers[str(d.review)] == d.level != d.current
    last_day = demo.calendar.last_day
    assert all(timedelta(weeks=26) <= last_day - d.review <= timedelta(weeks=80) for d in taken)
    assert {(d.author, d.verdict, d.verdict_by, d.at.date() == d.review) for d in taken} == {
        (MANAGER, "approved", DIRECTOR, True)
    }
    assert {d.action for d in taken} == {"accept", "override"}
    assert all(isinstance(d.expected["gain"], float) and isinstance(d.expected["profit"], float) for d in taken)


def test_the_demos_review_ends_with_a_plan_a_note_and_a_view(demo: Marts, ledger: Ledger) -> None:
    asking = reader(demo, ledger=ledger)
    seed(asking)
    newest, oldest = plans.handed_over(asking)
    decided = decisions.of_review(asking, newest.review)
    assert {x.customer: x.level for x in plans.lines_of(asking, newest)} == {c: d.level for c, d in decided.items()}
    assert newest.totals is not None
    assert newest.totals["gain"] == pytest.approx(sum(d.expected["gain"] for d in decided.values()))
    assert plans.before(asking, newest) == oldest
    handed = ask("levels.handed_over", asking).table
    assert set(handed["code"]) == set(decided)
    assert set(handed["approved_by"]) == {DIRECTOR} and set(handed["policy"]) == {newest.policy_version}
    assert set(handed["plan"]) == {newest.number} and set(handed["review"]) == {newest.review}
    assert len(notes.notes(asking, newest.review)) == 1
    assert len(views.saved_views(asking)) == 1


def test_only_an_empty_ledger_of_a_demo_is_written_to(demo: Marts, small: Marts, ledger: Ledger) -> None:
    assert seed(reader(small, ledger=ledger)) == 0
    notes.write_note(reader(demo, ledger=ledger), date(2026, 11, 9), "mine")
    assert seed(reader(demo, ledger=ledger)) == 0
    assert sum(ledger.counts().values()) == 1


def test_demo_load_and_refresh_leave_the_ledger_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "demo.duckdb"
    again = ["demo", "--customers", "60", "--warehouse", str(path)]
    assert main(again) == 0
    ledger = Ledger(str(tmp_path / "demo.ledger.db"))

    def by_people() -> list[str]:
        """All entries but those of alerts, which a refresh judges."""
        with path.with_suffix(".copy").open("w") as copy:
            ledger.export(copy)
        written = path.with_suffix(".copy").read_text().splitlines()
        return [line for line in written if '"table": "alert_state"' not in line]

    before = by_people()
    assert before
    (tmp_path / "w.csv").write_text("code,day,amount\nC1,2026-11-12,100\n")
    (tmp_path / "w.toml").write_text(MAPPING)
    load = ["load", "--mapping", str(tmp_path / "w.toml"), "--warehouse", str(path)]
    for command in ([*again, "--seed", "2"], ["refresh", "--warehouse", str(path)], load):
        assert main(command) == 0, capsys.readouterr().err
        assert by_people() == before


def test_a_ledger_named_elsewhere_gets_no_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_LEDGER", str(tmp_path / "company.db"))
    assert main(["demo", "--customers", "60", "--warehouse", str(tmp_path / "demo.duckdb")]) == 0
    written = {name for name, count in Ledger(str(tmp_path / "company.db")).counts().items() if count}
    assert written <= {"alert_state"}, "the alerts of a refresh alone"
