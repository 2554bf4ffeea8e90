"""Every page on a wide and a narrow screen, light and dark: readable, named for screen readers, nothing cut."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from dashboard.charts.theme import DARK, LIGHT
from dashboard.language import CODES
from dashboard.warehouse.read import Marts
from tests.browser import look
from tests.browser.screen import NARROW, PATIENCE, WIDE, address, charts, drawn, visit
from tests.browser.shots import PAGES
from tests.small import asked


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_readable_on_a_wide_and_on_a_narrow_screen(server: str, page: Page, demo: Marts, name: str) -> None:
    lang = CODES[PAGES.index(name) % 2]
    link = {"customer": asked(demo, "value.bottom").table.iloc[0]["code"]} if name == "customer" else {}
    page.set_viewport_size(WIDE)
    visit(page, address(server, name, lang=lang, **link))
    assert look.headings(page)[0] == 1 and look.headings(page).count(1) == 1
    steps = zip(look.headings(page), look.headings(page)[1:], strict=False)
    assert all(after - before <= 1 for before, after in steps)
    assert not look.nameless(page)
    assert not page.locator("img:not([alt])").count()
    assert not look.pale_texts(page)
    assert not look.bad_labels(page)
    assert look.too_wide(page) <= 0

    page.set_viewport_size(NARROW)
    page.wait_for_function(
        "[...document.querySelectorAll('.js-plotly-plot .main-svg')].every(svg => svg.clientWidth <= innerWidth)",
        timeout=PATIENCE,
    )
    assert look.too_wide(page) <= 0
    assert not look.bad_labels(page)
    title = page.locator(".page-title").bounding_box()
    header = page.get_by_test_id("stHeader").bounding_box()
    assert title and header and title["y"] >= header["y"] + header["height"]
    if page.locator(".kpi").count() and charts(page):
        assert top(page, ".kpi") < top(page, ".js-plotly-plot")


def top(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box
    return box["y"]


def test_the_dark_scheme_changes_the_page_and_the_charts(server: str, page: Page) -> None:
    visit(page, address(server, "tiers", lang="en"))
    app = page.get_by_test_id("stApp")
    expect(app).to_have_css("background-color", rgb(LIGHT.page))
    light = charts(page)
    page.emulate_media(color_scheme="dark")
    expect(app).to_have_css("background-color", rgb(DARK.page), timeout=PATIENCE)
    expect(page.locator(".page-title")).to_have_css("color", rgb(DARK.secondary))
    assert not look.pale_texts(page)

    page.wait_for_function(
        "colour => JSON.stringify([...document.querySelectorAll('.js-plotly-plot')].map(p => p.data)).includes(colour)",
        arg=DARK.grades["A"],
        timeout=PATIENCE,
    )
    drawn(page)
    dark = charts(page)
    assert len(dark) == len(light)
    assert not [colour for colour in LIGHT.grades.values() if any(colour in chart for chart in dark)]


def rgb(colour: str) -> str:
    return f"rgb({int(colour[1:3], 16)}, {int(colour[3:5], 16)}, {int(colour[5:7], 16)})"
