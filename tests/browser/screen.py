"""A reader's screen: a real Chromium, and the moment when a page is completely drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    *("--disable-component-update", "--disable-sync"),
)
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PATIENCE = 20_000
"""Milliseconds to wait for anything: the machine may be busy."""

DRAWN = """
() => {
  const app = document.querySelector('[data-testid="stApp"]');
  if (app?.getAttribute('data-test-script-state') !== 'notRunning') return false;
  if (!document.querySelector('.page-title') || document.querySelector('[data-testid="stSkeleton"]')) return false;
  const charts = [...document.querySelectorAll('[data-testid="stPlotlyChart"]')];
  return charts.every(chart => chart.querySelector('.js-plotly-plot .main-svg'));
}
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def address(base: str, page: str, **params: str) -> str:
    """The address of a page with the filters of a link; the overview has no name of its own."""
    return f"{base}/{'' if page == 'overview' else page}?{urlencode(params, safe=',')}"


def drawn(page: Page) -> None:
    """Wait until the run has ended and every chart is drawn."""
    page.wait_for_function(DRAWN, timeout=PATIENCE)


def visit(page: Page, url: str) -> None:
    page.goto(url)
    drawn(page)


def headline(page: Page) -> str:
    return page.locator(".page-headline").inner_text()


def expect_query(page: Page, **params: str) -> None:
    """The link in the address bar carries these parameters."""
    for name, value in params.items():
        expect(page).to_have_url(re.compile(rf"[?&]{name}={re.escape(value)}(&|$)"), timeout=PATIENCE)


def whole(page: Page) -> None:
    """Make the window as high as the page, which scrolls inside of it, so that a picture shows all."""
    height = page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
    size = page.viewport_size or WIDE
    page.set_viewport_size({"width": size["width"], "height": min(int(height) + 20, 8000)})
    page.wait_for_function(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))"
    )


def cards(page: Page) -> list[str]:
    """What each KPI card says."""
    return page.locator(".kpi").all_inner_texts()


def chips(page: Page) -> list[str]:
    return page.locator("[class*='st-key-chip-'] button:visible p").all_inner_texts()


def charts(page: Page) -> list[str]:
    """The data of every chart on the page."""
    return page.evaluate("[...document.querySelectorAll('.js-plotly-plot')].map(plot => JSON.stringify(plot.data))")


def card(page: Page, key: str) -> Locator:
    """The card of a question."""
    return page.locator(f".st-key-card-{key.replace('.', '-')}")


def unfold(page: Page, key: str) -> Locator:
    """The card of a question that is folded, opened."""
    page.locator(f".st-key-fold-{key.replace('.', '-')} summary").click()
    expect(card(page, key)).to_be_visible(timeout=PATIENCE)
    drawn(page)
    return card(page, key)


def click_mark(page: Page, key: str, place: int) -> list[str]:
    """Click a mark of a chart as a reader does, in the middle of what is drawn; the codes it stands for."""
    mark = card(page, key).locator(".point path").nth(place)
    codes = card(page, key).locator(".js-plotly-plot").evaluate("(plot, at) => plot.data[0].customdata[at]", place)
    _click(page, mark, 0.5, 0.5)
    return codes


def click_row(page: Page, table: Locator, row: int, rows: int) -> None:
    """Click a row of a table that shows its heading and so many rows."""
    _click(page, table.locator("[data-testid='stDataFrame'] canvas").first, 0.2, (row + 1.5) / (rows + 1))


def _click(page: Page, what: Locator, across: float, down: float) -> None:
    what.scroll_into_view_if_needed()
    box = what.bounding_box()
    assert box, f"{what} is not to be seen"
    x, y = box["x"] + box["width"] * across, box["y"] + box["height"] * down
    page.mouse.move(x, y)
    page.mouse.move(x + 1, y)
    page.mouse.click(x + 1, y)


def tick(page: Page, name: str, option: str) -> None:
    """Tick an option of a filter in the popover, which is opened when it isn't."""
    field = page.locator(f".st-key-filter-{name} input")
    if not field.is_visible():
        page.locator(".st-key-filter-popover button").first.click()
    field.fill(option)
    page.get_by_role("option", name=option, exact=True).first.click()
    expect(page.locator(f".st-key-chip-{name}").first).to_be_visible(timeout=PATIENCE)


def go(page: Page, title: str) -> None:
    """To another page by the sidebar."""
    page.locator("[data-testid='stSidebarNav']").get_by_role("link", name=title, exact=True).click()
    expect(page.locator(".page-title")).not_to_have_text("", timeout=PATIENCE)
