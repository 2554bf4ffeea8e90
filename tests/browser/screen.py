"""A reader's screen: a real Chromium, and the moment when a page is completely drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, expect, sync_playwright

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
    """The address of a page with the filters of a link."""
    return f"{base}/{page}?{urlencode(params, safe=',')}"


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
    page.set_viewport_size({"width": page.viewport_size["width"], "height": min(int(height) + 20, 8000)})
