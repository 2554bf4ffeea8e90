"""Every page, in both languages, through the real entry: it says something, and says it in the reader's language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.language import CODES
from dashboard.metrics import METRICS
from dashboard.warehouse.read import Marts
from queries import schema
from tests.pages.app import CHINESE, ENGLISH, PAGES, bodies, headlines, opened, turned, widened, words
from tests.small import asked

LATIN = {"CSV", "CRM", "Excel", "UTC", "CNY", "LED", "English"}
"""Words that stay as they are in Chinese."""
CODED = {*schema.metadata.tables, *METRICS}
"""Names for programs, which the page about the data lists."""
UNDEFINED = re.compile(r"\b(nan|NaN|NaT|inf|null|undefined)\b|^None$")

every_page = pytest.mark.parametrize("page", PAGES)
every_language = pytest.mark.parametrize("lang", CODES)


def link(page: str, held: Marts) -> dict[str, str]:
    """The page of one customer needs one: the heaviest loss-maker has most to show."""
    return {"customer": asked(held, "value.bottom").table.iloc[0]["code"]} if page == "customer" else {}


@pytest.fixture
def all_of(demo_app: Path, demo: Marts, page: str, lang: str) -> AppTest:
    """A page with everything opened; the same for all tests that only look at it."""
    if (page, lang) not in _seen:
        _seen[page, lang] = everything_on(page, lang, demo)
    return _seen[page, lang]


_seen: dict[tuple[str, str], AppTest] = {}


def everything_on(page: str, lang: str, demo: Marts) -> AppTest:
    """A page with its filters, tables and sheets, and the customers behind its first card."""
    app = widened(opened(page, lang, **link(page, demo)))
    for button in app.button:
        if button.key.startswith("toggle-"):
            button.click()
    widened(app)
    for button in app.button:
        if button.key.startswith("behind-"):
            app.session_state["filter-popover"] = True
            button.click().run()
            assert app.get("dialog")
            break
    return app


@every_language
@every_page
def test_a_page_opens_without_an_error_and_says_what_it_found(all_of: AppTest, page: str) -> None:
    assert not all_of.exception and not all_of.error and not all_of.warning
    sentences = headlines(all_of)
    assert sentences and all(sentences)
    assert re.search(r"\d", sentences[0])
    assert len(re.findall(r"<h1 class='page-title'>[^<]+</h1>", bodies(all_of))) == 1


@every_language
@every_page
def test_nothing_undefined_is_shown_as_a_number(all_of: AppTest) -> None:
    assert not [(place, text) for place, text in words(all_of) if UNDEFINED.search(text)]


@pytest.mark.parametrize("lang", ["en"])
@every_page
def test_english_pages_hold_no_chinese(all_of: AppTest) -> None:
    assert not [(place, text) for place, text in words(all_of) if CHINESE.search(text) and text != "中文"]


@pytest.mark.parametrize("lang", ["zh"])
@every_page
def test_chinese_pages_hold_no_english(all_of: AppTest, demo_file: Path, demo: Marts) -> None:
    left = []
    for place, text in words(all_of):
        own = re.sub(r"\S+@\S+", "", text.replace(demo_file.name, "").replace(demo.version, ""))
        if text not in CODED and set(ENGLISH.findall(own)) - LATIN:
            left.append((place, text))
    assert not left


@pytest.mark.parametrize("lang", ["en"])
@every_page
def test_no_name_of_a_program_stands_where_a_word_should(all_of: AppTest, page: str) -> None:
    coded = re.compile(r"\b[a-z]+(_[a-z]+)+\b")
    allowed = CODED if page == "data" else set()
    assert not [(place, text) for place, text in words(all_of) if coded.search(text) and text not in allowed]


@every_page
def test_a_page_is_the_same_in_both_languages(demo_app: Path, demo: Marts, page: str) -> None:
    """As many sentences and as many numbers, whichever language they are in."""
    english, chinese = (opened(page, lang, **link(page, demo)) for lang in ("en", "zh"))
    assert len(headlines(english)) == len(headlines(chinese))
    assert [m.key for m in english.button] == [m.key for m in chinese.button]


def test_the_language_is_the_links_else_the_browsers(demo_app: Path) -> None:
    assert "Overview" in bodies(opened(lang="en"))
    app = opened(lang="")
    for locale, title in (("zh-CN", "总览"), ("en-GB", "Overview"), ("de-DE", "Overview")):
        app = AppTest.from_file(app._script_path, default_timeout=120)
        app.context = {"locale": locale}
        assert title in bodies(app.run()), locale


def test_the_language_switch_keeps_page_and_filters(demo_app: Path) -> None:
    app = opened("value", "en", grade="A")
    app.segmented_control(key="language-switch").set_value("zh").run()
    assert "客户价值" in bodies(app)
    assert app.query_params == {"grade": "A", "lang": "zh"}
    assert app.button(key="chip-grade").label == "A级"


def test_a_customer_is_found_by_name_and_by_code(demo_app: Path, demo: Marts) -> None:
    best = asked(demo, "value.top", "en").table.iloc[0]
    for text in (best["code"], best["name"]):
        app = opened("customer", "en")
        app.text_input(key="customer-search").set_value(text).run()
        assert headlines(app)[0].startswith(best["name"]), text
    app.text_input(key="customer-search").set_value("nobody of that name").run()
    assert [info.value for info in app.info] == ["No customer is called that."]


def test_pages_follow_each_other_in_one_session(demo_app: Path) -> None:
    app = opened("overview", "en")
    for page in (*PAGES, *reversed(PAGES)):
        assert not turned(app, page).exception, page
