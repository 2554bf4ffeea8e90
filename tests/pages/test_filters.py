"""Filters through the widgets and through the link: they change the numbers, and what can't hold is said."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts.theme import Look
from dashboard.filters import CHOICES
from dashboard.insight import find
from dashboard.language import language
from dashboard.warehouse.read import Marts
from tests.pages.app import CHINESE, ENGLISH, PAGES, bodies, figures, headlines, opened, turned
from tests.pages.conftest import configured
from tests.small import Books, asked, line, published

FILTERED = tuple(page for page in PAGES if page not in ("customer", "policy", "data"))
EMPTY = {"kind": "person", "grade": "A", "region": "SG", "industry": "manufacturing", "tier": "self_service"}


def chosen(app: AppTest, name: str, *labels: str) -> AppTest:
    """Options ticked in the filter popover."""
    app.session_state["filter-popover"] = True
    app.run()
    box = app.multiselect(key=f"filter-{name}")
    box.set_value([option for option in box.options if option.strip() in labels])
    app.session_state["filter-popover"] = True
    return app.run()


def chips(app: AppTest) -> list[str]:
    return [button.label for button in app.button if button.key.startswith("chip-")]


def card(app: AppTest, metric: str) -> str:
    """The exact value on a card."""
    label = re.search(rf"class='kpi-label'[^>]*>{metric}</div><div class='kpi-value' title='([^']*)'", bodies(app))
    assert label, f"no card {metric}"
    return label[1]


def test_a_region_ticked_in_the_popover_changes_every_number(demo_app: Path, demo: Marts) -> None:
    app = opened("value")
    everyone = headlines(app)
    chosen(app, "region", "China")
    for said, key in ((headlines(app)[0], "value.summary"), (headlines(app)[1], "value.whale")):
        assert said == asked(demo, key, region="CN").headline
    assert len(set(headlines(app)) & set(everyone)) <= 2
    assert app.query_params == {"region": "CN", "lang": "en"}
    assert chips(app) == ["China"]


@pytest.mark.parametrize(
    ("widget", "option", "link"),
    [
        ("filter-period", "Last 4 weeks", {"period": "4w"}),
        ("filter-as_of", "week 40, 2026", {"as_of": "2026-09-28"}),
    ],
)
def test_a_select_box_changes_the_numbers_and_the_link(
    demo_app: Path, demo: Marts, widget: str, option: str, link: dict[str, str]
) -> None:
    app = opened("value")
    before = card(app, "Revenue")
    app.selectbox(key=widget).select(option).run()
    assert card(app, "Revenue") != before
    assert app.query_params == {**link, "lang": "en"}
    assert headlines(app)[0] == asked(demo, "value.summary", **link).headline


def test_several_filters_hold_together(demo_app: Path, demo: Marts) -> None:
    app = chosen(chosen(opened("cost"), "grade", "A", "B"), "tier", "Strategic")
    link = {"grade": "A,B", "tier": "strategic"}
    assert app.query_params == {**link, "lang": "en"}
    assert headlines(app)[0] == asked(demo, "cost.summary", **link).headline
    assert chips(app) == ["Grade A and Grade B", "Strategic"]


def test_a_chip_takes_its_filter_away_and_reset_takes_all(demo_app: Path) -> None:
    app = opened("value", grade="A", region="CN", period="13w")
    assert chips(app) == ["China", "Grade A"]
    app.button(key="chip-region").click().run()
    assert app.query_params == {"period": "13w", "grade": "A", "lang": "en"}
    app.button(key="reset").click().run()
    assert app.query_params == {"period": "13w", "lang": "en"}
    assert not chips(app)


@pytest.mark.parametrize("page", FILTERED)
def test_filters_stay_when_the_page_changes(demo_app: Path, demo: Marts, page: str) -> None:
    app = turned(opened("value", region="CN", grade="B"), page)
    assert chips(app) == ["China", "Grade B"]
    assert app.query_params == {"region": "CN", "grade": "B", "lang": "en"}


@pytest.mark.parametrize("group", ["loss_makers", "decile-1", "score-1-2.5"])
def test_every_filter_is_said_in_the_readers_words(demo_app: Path, demo: Marts, group: str) -> None:
    """A chip for each, without a code: each dimension by its first member's name."""
    members = {name: next(iter(entries)) for name, entries in demo.dimensions.items()}
    link = {**members, "grade": "A", "tier": "self_service", "group": group}
    english, chinese = (chips(opened("value", lang, **link)) for lang in ("en", "zh"))
    assert len(english) == len(chinese) == len(CHOICES) + 1
    assert not [chip for chip in chinese if ENGLISH.search(chip)]
    assert not [chip for chip in english if CHINESE.search(chip) or chip in members.values()]


@pytest.mark.parametrize("page", FILTERED)
def test_a_view_without_customers_says_so_and_leads_back(demo_app: Path, demo: Marts, page: str) -> None:
    assert asked(demo, "value.summary", **EMPTY).n == 0
    app = opened(page, **EMPTY)
    assert not app.exception
    assert "No customers match these filters." in headlines(app)
    back = [button for button in app.button if button.label == "Show all customers"]
    assert back
    back[0].click().run()
    assert not app.exception
    assert app.query_params == {"lang": "en"}
    assert "No customers match these filters." not in headlines(app)


def test_what_a_link_can_not_restore_is_said_and_the_rest_is_kept(demo_app: Path) -> None:
    app = opened(region="CN,ATLANTIS", grade="A", period="3w", as_of="1999-01-04", tier="strategic")
    (said,) = [warning.value.replace("\\", "") for warning in app.warning]
    for part in ("Region ATLANTIS", "Period 3w", "As of 1999-01-04"):
        assert part in said
    assert "CN" not in said
    assert chips(app) == ["China", "Grade A", "Strategic"]
    assert app.query_params == {"region": "CN", "grade": "A", "tier": "strategic", "lang": "en"}
    assert not app.run().warning


def test_new_data_without_a_code_keep_the_other_filters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader looks at two regions, one of which new data no longer have: said in his language, the rest holds."""
    for code, place in (("B", 0), ("A", 1)):
        books = line()
        if not place:
            books.region("GONE", "消失")
        books.region("KEPT", "留下")
        books.customer("C2", "KEPT")
        books.sale("C2", "2026-11-12", 50, 30)
        path = tmp_path / f"{code}.duckdb"
        published(str(books.file(path)), tmp_path / "A.marts")
        if not place:
            configured(tmp_path / "A.duckdb", monkeypatch)
            app = opened("value", "zh", region="KEPT,GONE", period="13w")
            assert not app.warning
    app.run()
    (said,) = [warning.value.replace("\\", "") for warning in app.warning]
    assert "地区 GONE" in said and not ENGLISH.search(said.replace("GONE", ""))
    assert app.query_params == {"region": "KEPT", "period": "13w", "lang": "zh"}


@pytest.mark.parametrize(("days", "old"), [(3, False), (60, True)])
def test_old_data_are_said_to_be_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, old: bool) -> None:
    books = Books()
    books.customer("C1")
    books.sale("C1", (date.today() - timedelta(days=days)).isoformat(), 100, 60)
    path = tmp_path / "w.duckdb"
    published(str(books.file(path)), tmp_path / "w.marts")
    configured(path, monkeypatch)
    for lang, said in (("en", "60 days ago"), ("zh", "60天")):
        assert (said in bodies(opened("overview", lang))) == old


def test_a_link_that_tries_to_be_something_else_is_only_text(demo_app: Path) -> None:
    for evil in (
        "<script>alert(1)</script>",
        "'; DROP TABLE customer; --",
        "[x](javascript:alert(1))",
        "%00",
        "9" * 5000,
    ):
        app = opened(**dict.fromkeys(("region", "grade", "group", "as_of", "period"), evil))
        assert not app.exception and headlines(app), evil
        assert "<script>" not in bodies(app)
        app = opened("customer", customer=evil)
        assert headlines(app) == ["No such customer, or not in the regions you may see."]
        assert "<script>" not in bodies(app)


def test_two_readers_do_not_influence_one_another(demo_app: Path, demo: Marts) -> None:
    first, second = opened("value", "en", grade="A"), opened("value", "zh", region="CN")
    for _ in range(2):
        chosen(first, "tier", "Key")
        second.selectbox(key="filter-period").select("近13周").run()
        first.run()
        assert first.query_params == {"grade": "A", "tier": "key", "lang": "en"}
        assert headlines(first)[0] == asked(demo, "value.summary", "en", grade="A", tier="key").headline
        assert second.query_params == {"region": "CN", "period": "13w", "lang": "zh"}
        assert headlines(second)[0] == asked(demo, "value.summary", "zh", region="CN", period="13w").headline


@pytest.mark.parametrize(("page", "key"), [("value", "value.by_region"), ("tiers", "tiers.matrix")])
def test_a_chart_is_drawn_of_the_insight_of_the_same_filters(demo_app: Path, demo: Marts, page: str, key: str) -> None:
    link = {"grade": "A,B", "period": "13w"}
    insight = asked(demo, key, **link)
    drawn = find(key).draw(insight.table, insight.numbers, Look("light", language("en"), demo.currency))
    assert figures(opened(page, **link))[key]["data"] == json.loads(drawn.to_json())["data"]


def test_behind_a_card_are_the_customers_it_counts(demo_app: Path, demo: Marts) -> None:
    app = opened("value", region="CN", period="13w")
    count = card(app, "Active customers")
    app.button(key="kpi-behind-active_customers").click().run()
    (dialog,) = app.get("dialog")
    said = dialog.markdown[0].value.replace("\\", "")
    assert said.strip("*").startswith(f"{count} customers with")
    assert len(dialog.dataframe[0].value) == min(int(count.replace(",", "")), 500)
    assert "bought" in bodies(app)
