"""The bench: `python -m tests.bench [--customers N] [--rounds N] [--share X] [--lines N] [PART…]`.

Headless Chromium opens the dashboard and bare Streamlit pages in turns, on the same machine and in the same
minute. What is compared is a ratio: the machine may be slow, the product may not be much slower than nothing.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext

from dashboard.settings import Settings
from tests.bench import browser, loading, methods, questions, servers, sessions

PAGES = ("overview", "review", "value", "tiers", "satisfaction", "cost", "levels")
PARTS = ("pages", "crowd", "questions", "methods", "loading")
MANY = 500_000
"""Customers from which the goal is the one for big companies."""
USUAL, BIG = 1.3, 1.6
SPARE = 100
"""Milliseconds a change of filters may take beside the ratio."""
PEOPLE, CLICKS = 20, 6
SLOW = 200
"""Milliseconds of SQL above which a question is marked."""
PERIODS = ("Last 13 weeks", "Last 52 weeks")


def main() -> None:
    options = _options()
    if set(options.parts) - {"methods", "loading"}:
        _measure_product(options)
    if "loading" in options.parts:
        loading.run(options.lines)
    if "methods" in options.parts:
        methods.run(options.share)


def _measure_product(options: argparse.Namespace) -> None:
    with _warehouse(options) as warehouse:
        goal = BIG if options.customers >= MANY else USUAL
        print(f"{options.customers:,} customers, medians of {options.rounds} rounds, {os.cpu_count()} cores\n")
        with servers.dashboard(warehouse) as dashboard:
            if "pages" in options.parts:
                with servers.bare_app(warehouse.parent / "bare") as bare, browser.chromium() as chromium:
                    _report_pages(Pages(browser.reader(chromium), dashboard, bare).measured(options.rounds), goal)
            if "crowd" in options.parts:
                _report_crowds(dashboard, Settings.read(str(warehouse)).marts)
        if "questions" in options.parts:
            _report_questions(Settings.read(str(warehouse)).marts, min(options.rounds, 5))
            print()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="How long a reader waits.")
    default = int(os.environ.get("CUSTOMERS", "20000"))
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help=f"what to measure (default: {' '.join(PARTS)})")
    parser.add_argument("--customers", type=int, default=default, help="size of the demo company ($CUSTOMERS)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each thing is measured")
    parser.add_argument("--warehouse", type=Path, help="a demo built before, instead of a new one that is deleted")
    parser.add_argument("--share", type=float, default=1.0, help="of the customers the methods are measured with")
    parser.add_argument("--lines", type=int, default=2_000_000, help="order lines of the file that is loaded")
    options = parser.parse_args()
    options.parts = options.parts or list(PARTS)
    return options


@contextmanager
def _warehouse(options: argparse.Namespace) -> Iterator[Path]:
    if options.warehouse:
        yield options.warehouse.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="dashboard-bench-") as folder:
        path = Path(folder) / "demo.duckdb"
        servers.build(path, options.customers)
        yield path


# --- pages -------------------------------------------------------------------------------------------


class Pages:
    """The dashboard's pages and their bare counterparts, measured in turns."""

    def __init__(self, reader: BrowserContext, dashboard: str, bare: str) -> None:
        self.reader, self.dashboard, self.bare = reader, dashboard, bare
        self.charts: dict[str, int] = {}
        self._unasked = unasked()
        self._times: dict[tuple[str, str], list[float]] = defaultdict(list)

    def measured(self, rounds: int) -> dict[tuple[str, str], list[float]]:
        """Milliseconds by (page, what), one entry a round. What happens only once is left out: the first
        visits to each page let the server import, the browser fetch and compile."""
        for page in PAGES:
            with browser.visit(self.reader, self._url(page), 0) as (tab, _):
                tab.wait_for_timeout(3000)
                self.charts[page] = browser.count_charts(tab)
            self._round(page)
        self._times.clear()
        for number in range(rounds):
            for page in PAGES:
                started = time.monotonic()
                self._round(page)
                took = time.monotonic() - started
                print(f"round {number + 1} of {rounds}: {page} {took:.0f} s", file=sys.stderr, flush=True)
        for page in PAGES:
            self._times[page, "number of charts"].append(self.charts[page])
        return self._times

    def _url(self, page: str, filters: str = "") -> str:
        path = "" if page == "overview" else page  # the first page lies at the root
        return f"{self.dashboard}/{path}?lang=en{filters}"

    def _note(self, page: str, what: str, moment: float) -> None:
        self._times[page, what].append(moment)

    def _round(self, page: str) -> None:
        charts = self.charts[page]
        some = min(charts, 1)  # another period may leave a card without its figure
        with browser.visit(self.reader, self.bare, 0) as (_, moments):
            self._note(page, "bare empty", moments.top)
        with browser.visit(self.reader, self._url(page), charts) as (_, moments):
            self._note(page, "top", moments.top)
            self._note(page, "all", moments.everything)
        if charts:
            with browser.visit(self.reader, f"{self.bare}/?charts={charts}", charts) as (_, moments):
                self._note(page, "bare charts", moments.charts)
        with browser.visit(self.reader, self._url(page, next(self._unasked)), some) as (tab, moments):
            self._note(page, "unasked top", moments.top)
            self._note(page, "unasked all", moments.everything)
            new, back = (browser.choose(tab, "filter-period", period, some) for period in PERIODS)
            self._note(page, "new change", new.everything)
            self._note(page, "new change top", new.top)
            self._note(page, "known change", back.everything)
            toggles = "[class*='st-key-toggle-'] button"
            if tab.locator(toggles).count():
                browser.click(tab, toggles, some)  # the first table loads its program
                browser.click(tab, toggles, some)
                self._note(page, "table", browser.click(tab, toggles, some).table)
        drawn = charts or 1
        with browser.visit(self.reader, f"{self.bare}/?charts={drawn}&choose&fragment", drawn) as (tab, _):
            self._note(page, "bare change", browser.choose(tab, "choose", "B", drawn).charts)
            for _ in range(2):
                browser.click(tab, ".st-key-toggle button", drawn)
            self._note(page, "bare fragment", browser.click(tab, ".st-key-toggle button", drawn).table)


def unasked() -> Iterator[str]:
    """Filters that keep most customers in view and that nobody has asked for: never the same twice."""
    grades = [",".join(some) for n in (4, 3) for some in itertools.combinations("ABCD", n)]
    tiers = ("strategic", "key", "standard", "self_service")
    services = [",".join(some) for n in (4, 3) for some in itertools.combinations(tiers, n)]
    kinds = ("", "&kind=organisation,person", "&kind=organisation")
    for kind, grade, tier in itertools.product(kinds, grades, services):
        yield f"&grade={grade}&tier={tier}{kind}"


@dataclass(frozen=True)
class Line:
    """A line of the report: what the reader waits for, how long, beside what, and the most it may be."""

    page: str
    what: str
    ours: float
    bare: float
    most: Callable[[float], float]

    @property
    def ratio(self) -> float:
        return self.ours / self.bare

    @property
    def met(self) -> bool:
        return self.ours <= self.most(self.bare)


def _report_pages(times: dict[tuple[str, str], list[float]], goal: float) -> None:
    def median(page: str, what: str) -> float:
        values = [value for value in times.get((page, what), []) if not math.isnan(value)]
        return statistics.median(values) if values else math.nan

    def most(bare: float) -> float:
        return goal * bare

    def change(bare: float) -> float:
        return goal * bare + SPARE

    kinds = (
        ("headline and cards", "top", "bare empty", most),
        ("… never asked before", "unasked top", "bare empty", most),
        ("all charts", "all", "bare charts", most),
        ("… never asked before", "unasked all", "bare charts", most),
        ("another period", "known change", "bare change", change),
        ("… never asked before", "new change", "bare change", change),
        ("table of a card", "table", "bare fragment", most),
    )
    lines = [
        Line(page, what, ours, bare, rule)
        for page in PAGES
        for what, own, other, rule in kinds
        if (ours := median(page, own)) == ours and (bare := median(page, other)) == bare
    ]
    print(f"\nGoals: {goal:g} × the bare page; after a change {goal:g} × and {SPARE} ms. Milliseconds.")
    print(f"{'page':<14}{'':<24}{'ours':>7}{'bare':>7}{'ratio':>7}{'most':>7}  goal")
    for page, group in itertools.groupby(lines, key=lambda line: line.page):
        for number, line in enumerate(group):
            name = f"{page} ({median(page, 'number of charts'):.0f})" if not number else ""
            print(
                f"{name:<14}{line.what:<24}{line.ours:>7.0f}{line.bare:>7.0f}{line.ratio:>7.2f}"
                f"{line.most(line.bare):>7.0f}  {'met' if line.met else 'NOT MET'}"
            )
    print(f"{sum(line.met for line in lines)} of {len(lines)} met. In brackets: charts on the page.\n")


# --- questions and crowds ----------------------------------------------------------------------------


def _report_questions(marts: Path, rounds: int) -> None:
    costs = list(questions.measured(marts, rounds))
    print("\nEach question alone, nothing cached. Milliseconds; statements on the bare DuckDB file, answer, figure.")
    print(f"{'question':<30}{'stmts':>6}{'SQL':>7}{'answer':>8}{'figure':>8}")
    for cost in costs:
        mark = f"  SQL above {SLOW}" if cost.sql > SLOW else ""
        print(f"{cost.key:<30}{cost.statements:>6}{cost.sql:>7.0f}{cost.answer:>8.0f}{cost.figure:>8.0f}{mark}")
    for subject, group in itertools.groupby(sorted(costs, key=lambda c: c.key), key=lambda c: c.key.split(".")[0]):
        print(f"{subject + '.*':<36}{sum(c.sql for c in group):>7.0f}")


def _report_crowds(dashboard: str, marts: Path) -> None:
    print(f"{PEOPLE} people, {CLICKS} clicks each; a click chooses a region or a period nobody has looked at.")
    print(f"{'':<44}{'headline':>9}{'all':>7}{'slowest tenth':>15}{'errors':>8}{'wrong':>7}  goal")
    kinds: Sequence[tuple[str, bool]] = (
        ("each at his own pace (2 to 6 s of looking)", False),
        ("all at the same instant", True),
    )
    for what, together in kinds:
        crowd = sessions.crowd(dashboard, marts, people=PEOPLE, clicks=CLICKS, together=together)
        met = crowd.median() < 1 and not crowd.errors and not crowd.wrong
        print(
            f"{what:<44}{crowd.median_first():>7.2f} s{crowd.median():>5.2f} s{crowd.slowest_tenth():>13.2f} s"
            f"{len(crowd.errors):>8}{len(crowd.wrong):>7}  {'met' if met else 'NOT MET'}"
        )
        for line in [*crowd.errors[:3], *crowd.wrong[:3]]:
            print(f"    {line}")
    print(f"The server holds {servers.memory(dashboard) / 1e6:,.0f} MB.\n")


main()
