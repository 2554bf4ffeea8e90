"""The review in the meeting: one answer a screen, notes typed in place, views under a name, and links across rights."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dashboard.settings import WAREHOUSE_VARIABLE
from dashboard.warehouse.read import Marts
from tests.pages.app import bodies, headlines, opened, turned
from tests.small import asked


@pytest.fixture
def own_app(demo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo with a ledger of this test's own."""
    folder = demo_file.with_suffix(".marts")
    (tmp_path / "demo.marts").symlink_to(folder)
    copy = Path(shutil.copy(demo_file, tmp_path / "demo.duckdb"))
    monkeypatch.setenv(WAREHOUSE_VARIABLE, str(copy))
    monkeypatch.delenv("DASHBOARD_ACCESS", raising=False)
    monkeypatch.delenv("DASHBOARD_LEDGER", raising=False)
    return copy


def test_the_page_opens_with_the_headline_of_the_week(demo_app: Path, demo: Marts) -> None:
    app = opened("review")
    assert headlines(app)[0] == asked(demo, "review.summary").headline
    for key in ("review.contributions", "review.regions", "review.loss_makers", "review.alerts", "review.targets"):
        assert asked(demo, key).headline in headlines(app), key


def test_a_presentation_shows_one_answer_and_turns(demo_app: Path, demo: Marts) -> None:
    app = opened("review", present="1")
    summary = asked(demo, "review.summary")
    assert headlines(app) == [summary.headline]
    assert bodies(app).count("<tr>") == len(summary.table) + 1, "the week's figures, in large type"
    app.button(key="screen-next").click().run()
    assert app.query_params["present"] == "2"
    assert headlines(app) == [asked(demo, "review.contributions").headline]
    app.button(key="screen-back").click().run()
    assert headlines(app) == [summary.headline]
    app.button(key="screen-end").click().run()
    assert "present" not in app.query_params and len(headlines(app)) > 5
    assert headlines(opened("review", present="99")) == [asked(demo, "review.decisions").headline]
    assert not opened("review", present="x").exception


def test_a_note_is_kept_with_the_week(own_app: Path) -> None:
    app = opened("review")
    app.text_area(key="note-week").set_value("Call <b>Müller</b> & ask").run()
    app.button(key="keep-week").click().run()
    assert not app.exception and not app.error
    assert "Call &lt;b&gt;Müller&lt;/b&gt; &amp; ask" in bodies(app)
    assert app.text_area(key="note-week").value == ""
    assert "Müller" in bodies(opened("review")), "the next reader sees it"
    assert "Müller" not in bodies(opened("review", as_of="2026-06-01")), "another week has its own"


def test_a_view_is_saved_and_opened_by_its_name(own_app: Path) -> None:
    app = opened("cost", grade="A")
    app.session_state["views"] = True
    app.run()
    app.text_input(key="view-name").set_value("Best grade").run()
    app.button(key="view-save").click().run()
    assert not app.error
    other = turned(opened("value"), "value")
    other.session_state["views"] = True
    other.run()
    button = next(b for b in other.button if b.label == "Best grade")
    button.click().run()
    assert other.query_params["grade"] == "A"
    assert "Cost to serve" in bodies(other)


def test_an_event_marked_by_a_person_stands_on_the_trend_with_his_name(own_app: Path) -> None:
    app = opened("review")
    app.session_state["mark"] = True
    app.run()
    app.text_input(key="mark-text").set_value("Fair in Canton").run()
    app.button(key="mark-keep").click().run()
    assert not app.exception and not app.error
    value = opened("value")
    specs = [str(element.proto.spec) for element in value.get("plotly_chart")]
    assert any("Fair in Canton" in spec and "local" in spec for spec in specs)


def test_an_alert_acknowledged_on_the_page_says_by_whom_and_the_others_wait(own_app: Path) -> None:
    app = opened("review")
    waiting = [button.key for button in app.button if str(button.key).startswith("acknowledge-")]
    assert len(waiting) > 1
    app.button(key=waiting[0]).click().run()
    assert not app.exception and not app.error
    assert [button.key for button in app.button if str(button.key).startswith("acknowledge-")] == waiting[1:]
    assert "Acknowledged on" in bodies(app)
    assert "· local" in bodies(app)
