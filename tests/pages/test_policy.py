"""The page of the service policy: who may, changes it in words or numbers, and the whole plan follows."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import policy_book
from dashboard.language import language
from dashboard.ledger import Conflict, Ledger, policies
from dashboard.ledger.policies import next_version
from dashboard.policy import FILE, numbered, versioned
from dashboard.scope import Scope
from dashboard.settings import LEDGER_VARIABLE
from dashboard.warehouse.read import Marts
from tests.pages.app import bodies, headlines, opened, turned
from tests.small import asked, reader


@pytest.fixture
def ledger(demo_app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv(LEDGER_VARIABLE, str(tmp_path / "w.ledger.db"))
    return Ledger(str(tmp_path / "w.ledger.db"))


def put(app: AppTest, number: str, value: float) -> AppTest:
    return app.number_input(key=f"policy-number-{number}").set_value(value).run()


def test_a_number_changed_in_the_form_is_tried_then_in_force_for_everybody(ledger: Ledger, demo: Marts) -> None:
    app = opened("policy")
    put(app, "levels.strategic.includes.visit", 40.0)
    assert "includes = { visit = 40, call = 370" in app.text_area(key="policy-text").value
    app.button(key="policy-try").click().run()
    assert not app.exception and "With this text" in bodies(app)
    looking = reader(demo, ledger=ledger)
    assert policies.in_force(looking).levels["strategic"].includes["visit"] == 9  # only tried
    app.button(key="policy-save").click().run()
    assert "The reason is missing." in [each.value.replace("\\", "") for each in app.error]
    app.text_input(key="policy-why").set_value("visits take longer").run()
    app.button(key="policy-save").click().run()
    rules = policies.in_force(looking)
    assert rules.levels["strategic"].includes["visit"] == 40
    assert headlines(app)[0].startswith(f"Service policy {rules.version} is in force, saved by")
    assert headlines(turned(app, "levels"))[0] != asked(demo, "levels.recommendation").headline
    # And back to the file, as a version of its own.
    back = opened("policy")
    back.button(key="policy-back-1").click().run()
    back.text_input(key="policy-why").set_value("back again").run()
    back.button(key="policy-save").click().run()
    assert policies.in_force(looking).levels["strategic"].includes["visit"] == 9
    assert [each.why for each in policies.versions(looking)] == ["back again", "visits take longer"]


def test_a_fault_in_the_text_is_told_with_its_line_and_can_not_be_saved(ledger: Ledger) -> None:
    app = opened("policy")
    text = app.text_area(key="policy-text").value
    line = text.splitlines().index("largest_fall = 1") + 1
    app.text_area(key="policy-text").set_value(text.replace("largest_fall = 1", "largest_fal = 1")).run()
    assert f"Line {line}: " in app.error[0].value.replace("\\", "")
    assert "did you mean 'largest_fall'?" in app.error[0].value.replace("\\", "")
    assert "policy-save" not in {button.key for button in app.button}
    app.text_area(key="policy-text").set_value(text.replace("largest_fall = 1", "largest_fall = = 1")).run()
    assert f"Line {line}: " in app.error[0].value.replace("\\", "")


def test_a_spreadsheet_fills_the_editor_and_is_in_force_only_when_put_there(ledger: Ledger, demo: Marts) -> None:
    book = openpyxl.load_workbook(io.BytesIO(policy_book.write(FILE.read_text("utf-8"), language("zh"), str)))
    book["服务等级"]["D2"] = 33
    held = io.BytesIO()
    book.save(held)
    app, looking = opened("policy"), reader(demo, ledger=ledger)
    app.file_uploader(key="policy-upload").set_value(("plan.xlsx", held.getvalue(), "application/octet-stream")).run()
    assert not app.exception
    assert "includes = { visit = 33, call = 370" in app.text_area(key="policy-text").value
    assert [each.value.replace("\\", "") for each in app.info] == [
        "Values taken from plan.xlsx: 1. Nothing is in force until you put it there."
    ]
    assert "Strategic · Included a year · Visit" in bodies(app)
    assert policies.in_force(looking).levels["strategic"].includes["visit"] not in (33, 20)
    app.text_input(key="policy-why").set_value("agreed in the plan").run()
    app.button(key="policy-save").click().run()
    assert policies.in_force(looking).levels["strategic"].includes["visit"] == 33
    book["服务等级"]["D2"] = "many"
    held = io.BytesIO()
    book.save(held)
    app.file_uploader(key="policy-upload").set_value(("plan.xlsx", held.getvalue(), "application/octet-stream")).run()
    assert "plan.xlsx: sheet “服务等级”, cell D2: 'many' is not a number" in app.error[0].value.replace("\\", "")
    assert "visit = 33" in app.text_area(key="policy-text").value


def test_who_changed_an_older_version_gets_a_conflict(ledger: Ledger, demo: Marts) -> None:
    looking, text = reader(demo, ledger=ledger), FILE.read_text("utf-8")
    first = policies.in_force(looking).version
    second = next_version(first)
    policies.put_in_force(looking, versioned(text, second), "mine", seen=first)
    with pytest.raises(Conflict, match="mine"):
        policies.put_in_force(looking, versioned(text, next_version(second)), "yours", seen=first)
    third = next_version(second)
    assert first < second < third
    assert policies.put_in_force(looking, versioned(text, third), "after you", seen=second).version == third


def test_who_may_not_change_the_policy_reads_it(ledger: Ledger, demo: Marts) -> None:
    looking = reader(demo, scope=Scope("eve", None, frozenset()), ledger=ledger)
    with pytest.raises(Exception, match="You may not change the service policy"):
        policies.put_in_force(looking, FILE.read_text("utf-8"), "why", seen="")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("levels", "key", "money", "gift"), "money = { gift = 7.5 }"),
        (("response", "spending", "most"), "most = 7.5"),
        (("capacity", "hours_per_unit", "call"), "hours_per_unit = { visit = 2, call = 7.5 }"),
        (("approval", "cost_above"), "cost_above = 7.5"),
    ],
)
def test_one_number_changes_and_nothing_else(path: tuple[str, ...], line: str) -> None:
    before = FILE.read_text("utf-8").splitlines()
    after = numbered(FILE.read_text("utf-8"), path, 7.5).splitlines()
    assert [new for old, new in zip(before, after, strict=True) if old != new] == [line]
