"""What a reader sees, and when: measured inside a headless Chromium page, by watching its document change.

The same script watches the dashboard and the bare pages. A moment is when a thing last changed, so a chart
counts when it is fully drawn and a row of cards when its last card is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
CHROMIUM = "/usr/bin/chromium"
QUIET = 700
"""Milliseconds without a change after which a page counts as finished; not part of any measurement."""
PATIENCE = 180_000
CHARTS = '[data-testid="stPlotlyChart"]'

WATCH = """
(() => {
  const chart = '[data-testid="stPlotlyChart"]';
  const top = '.page-headline, .kpi, [data-testid="stHeading"]';
  const sentence = '.card-headline';
  const table = '[data-testid="stDataFrame"] canvas';
  const seen = window.bench = { acted: 0, top: 0, said: 0, chart: 0, table: 0 };
  const act = () => { seen.acted = performance.now(); };
  addEventListener('click', act, true);
  addEventListener('keydown', act, true);
  let tables = 0;
  new MutationObserver(changes => {
    const now = performance.now();
    for (const change of changes) {
      const node = change.target.nodeType === 1 ? change.target : change.target.parentElement;
      if (node?.closest(chart)) { seen.chart = now; continue; }
      if (change.type === 'attributes') continue;
      const holds = selector => node?.closest(selector) ||
        [...change.addedNodes].some(one => one.matches?.(selector) || one.querySelector?.(selector));
      if (holds(top)) seen.top = now;
      if (holds(sentence)) seen.said = now;
      if (holds(chart)) seen.chart = now;
    }
    const shown = document.querySelectorAll(table).length;
    if (shown !== tables) { tables = shown; seen.table = now; }
  }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
})()
"""

FINISHED = """
([charts, since, quiet]) => {
  const app = document.querySelector('[data-testid="stApp"]');
  if (app?.getAttribute('data-test-script-state') !== 'notRunning') return false;
  if (document.querySelector('[data-testid="stSkeleton"]')) return false;
  const places = [...document.querySelectorAll('[data-testid="stPlotlyChart"]')];
  if (places.length < charts || places.some(chart => !chart.querySelector('.main-svg'))) return false;
  const seen = window.bench;
  const last = Math.max(seen.top, seen.said, seen.chart, seen.table);
  return last > since && performance.now() - Math.max(last, seen.acted) > quiet;
}
"""


@dataclass(frozen=True)
class Moments:
    """Milliseconds from navigation or from the reader's act to the headline and its cards, to the last sentence,
    to the last chart and to the table he asked for; nan for what did not change."""

    top: float
    said: float
    charts: float
    table: float

    @property
    def everything(self) -> float:
        """The last of what the page says and draws."""
        return max(moment for moment in (self.top, self.said, self.charts, self.table) if moment == moment)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def reader(browser: Browser) -> BrowserContext:
    """A reader with a cache of his own: from his second page on the program's files are there."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, locale="en-GB")
    context.add_init_script(WATCH)
    context.set_default_timeout(PATIENCE)
    return context


@contextmanager
def visit(context: BrowserContext, url: str, charts: int) -> Iterator[tuple[Page, Moments]]:
    """Open a page in a new tab; it is finished when all its charts are drawn, which are at least so many."""
    page = context.new_page()
    try:
        page.goto(url)
        yield page, _moments(page, charts, 0.0)
    finally:
        page.close()


def choose(page: Page, key: str, option: str, charts: int) -> Moments:
    """Choose an option of a select box, by the keyboard: the mouse stays away from the charts."""
    page.locator(f".st-key-{key} input").click()
    page.keyboard.type(option)
    page.keyboard.press("Enter")
    return _moments(page, charts, _acted(page))


def click(page: Page, selector: str, charts: int) -> Moments:
    """Click the first thing that matches."""
    page.locator(selector).first.click()
    return _moments(page, charts, _acted(page))


def count_charts(page: Page) -> int:
    return page.locator(CHARTS).count()


def _acted(page: Page) -> float:
    return float(page.evaluate("window.bench.acted"))


def _moments(page: Page, charts: int, since: float) -> Moments:
    page.wait_for_function(FINISHED, arg=[charts, since, QUIET], timeout=PATIENCE)
    seen: dict[str, Any] = page.evaluate("window.bench")

    def after(name: str) -> float:
        return seen[name] - since if seen[name] > since else float("nan")

    return Moments(after("top"), after("said"), after("chart"), after("table"))
