"""A decision by clicks: taken, kept over a reload, approved by a second person, handed over, taken away as a file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashboard import deciding
from dashboard.insight import Reader, ask
from dashboard.ledger import Ledger, decisions
from dashboard.ledger.entries import today
from dashboard.scope import Scope
from dashboard.warehouse.read import open_marts
from tests.bench import servers
from tests.browser.screen import PATIENCE, WIDE, address, drawn, visit
from tests.small import reader


@pytest.fixture
def written(demo_file: Path, tmp_path: Path) -> Path:
    """A demo whose ledger this test may write."""
    copy = tmp_path / "demo.duckdb"
    shutil.copy(demo_file, copy)
    shutil.copytree(demo_file.with_suffix(".marts"), copy.with_suffix(".marts"))
    return copy


@pytest.fixture
def two(browser: Browser) -> Iterator[tuple[BrowserContext, BrowserContext]]:
    """Two people at two screens."""
    both = tuple(browser.new_context(viewport=WIDE, locale="en-GB", accept_downloads=True) for _ in range(2))
    for context in both:
        context.set_default_timeout(PATIENCE)
    yield both
    for context in both:
        context.close()


def tick(page: Page, name: str, row: int) -> None:
    """Tick a row of a table of moves."""
    table = page.locator(f"[class*='st-key-rows-{name}-'] [data-testid='stDataFrame'] canvas").first
    table.scroll_into_view_if_needed()
    expect(table).to_be_visible(timeout=PATIENCE)
    box = table.bounding_box()
    assert box
    page.mouse.click(box["x"] + 18, box["y"] + 36 + 68 * row + 34)


def decided_by_another(looking: Reader) -> str:
    """Somebody else accepts a move that asks for a second person; the customer's code."""
    # Levels that bring more raise somebody to the one that needs a second person.
    filters = replace(looking.filters, effect=2.0)
    another = replace(looking, scope=Scope.unrestricted("ann"), filters=filters)
    queue, seen = ask("levels.queue", another), ask("levels.decided", another).numbers["seen"]
    code = next(row.code for row in queue.table.itertuples() if row.approval)
    deciding.write(another, deciding.accepted(queue, seen, [code], {}), queue.numbers["policy"])
    return code


def press(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} button").click()


def test_decided_reloaded_approved_and_handed_over(
    written: Path, two: tuple[BrowserContext, BrowserContext], tmp_path: Path
) -> None:
    with servers.dashboard(written) as base:
        mine, theirs = (context.new_page() for context in two)
        link = address(base, "levels", lang="en")
        visit(mine, link)
        tick(mine, "queue", 0)
        tick(mine, "queue", 1)
        visit(theirs, link)
        tick(theirs, "queue", 0)
        expect(mine.locator(".st-key-do-accept button")).to_have_text("Accept 2 chosen", timeout=PATIENCE)
        expect(theirs.locator(".st-key-do-accept button")).to_have_text("Accept 1 chosen", timeout=PATIENCE)
        press(mine, "do-accept")
        expect(mine.get_by_test_id("stAlert").first).to_contain_text("2 accepted; saved at", timeout=PATIENCE)
        press(theirs, "do-accept")  # on the same customer, from a screen that is older
        expect(theirs.get_by_test_id("stAlert").first).to_contain_text("Somebody else was first", timeout=PATIENCE)

        mine.reload()
        drawn(mine)
        expect(mine.locator(".st-key-decide-status")).to_contain_text("Decided · 2", timeout=PATIENCE)
        ledger = Ledger(str(written.with_suffix(".ledger.db")))
        looking = reader(open_marts(written.with_suffix(".marts")), ledger=ledger)
        made = decisions.of_review(looking, today(looking))
        assert len(made) == 2 and {each.action for each in made.values()} == {"accept"}

        other = decided_by_another(looking)
        mine.reload()
        drawn(mine)
        rows = mine.locator("[class*='st-key-rows-approve-'] [data-testid='stDataFrame'] canvas").first
        rows.scroll_into_view_if_needed()
        tick(mine, "approve", 0)
        expect(mine.locator(".st-key-do-approve button")).to_have_text("Approve 1 chosen", timeout=PATIENCE)
        press(mine, "do-approve")
        expect(mine.get_by_text("1 approved; saved at").first).to_be_visible(timeout=PATIENCE)
        assert decisions.of_review(looking, today(looking))[other].verdict == "approved"

        press(mine, "do-hand-over")
        expect(mine.get_by_text("handed over; saved at").first).to_be_visible(timeout=PATIENCE)
        with mine.expect_download() as file:
            press(mine, "plan-xlsx")
        target = tmp_path / "plan.xlsx"
        file.value.save_as(target)
        cells = [str(c) for sheet in openpyxl.load_workbook(target) for row in sheet.values for c in row if c]
        assert other in cells
