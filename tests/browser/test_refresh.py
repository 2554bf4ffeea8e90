"""A new version of the data appears while somebody reads, without a restart and without an error."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.language import PERIOD_NAMES
from dashboard.settings import ROOT
from dashboard.warehouse.read import Marts
from dashboard.warehouse.refresh import current_version
from tests.bench import servers
from tests.browser.conftest import watched
from tests.browser.screen import PATIENCE, WIDE, address, drawn, visit
from tests.small import asked


@pytest.fixture
def growing(fresh_copy: Path) -> Iterator[tuple[str, Path]]:
    with servers.dashboard(fresh_copy) as base:
        yield base, fresh_copy


def test_a_refresh_reaches_readers_without_disturbing_them(growing: tuple[str, Path], browser: Browser) -> None:
    base, warehouse = growing
    context = browser.new_context(viewport=WIDE, locale="en-GB")
    reader, other = context.new_page(), context.new_page()
    problems = [*watched(reader), *watched(other)]
    folder = warehouse.with_suffix(".marts")
    old = current_version(folder)
    visit(other, address(base, "data", lang="en"))
    expect(version(other)).to_have_text(f"Data version{old}")
    visit(reader, address(base, "value", lang="en"))

    with duckdb.connect(str(warehouse)) as writer:
        writer.execute(
            "INSERT INTO sales_line BY NAME SELECT * REPLACE (90000 AS revenue, 1000 AS line_key) "
            "FROM sales_line ORDER BY sold_on DESC LIMIT 1"
        )
    command = [sys.executable, "-m", "dashboard.cli", "refresh", "--warehouse", str(warehouse)]
    refreshing = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    clicks = 0
    until = time.monotonic() + 60
    while refreshing.poll() is None and time.monotonic() < until:
        clicks += 1
        toggle(reader)
    said, errors = refreshing.communicate(timeout=60)
    assert refreshing.returncode == 0, errors
    assert clicks > 0

    new = current_version(folder)
    assert new and new != old and new in said
    select(reader, "filter-period", PERIOD_NAMES["all"])
    wanted = asked(Marts(folder, new), "value.summary", period="all").headline
    expect(reader.locator(".page-headline")).to_have_text(wanted, timeout=PATIENCE)
    other.reload()
    expect(version(other)).to_have_text(f"Data version{new}", timeout=PATIENCE)
    assert not problems
    context.close()


def version(page: Page) -> Locator:
    return page.locator(".facts > div").first


def toggle(page: Page) -> None:
    """Open or close the table under the first chart."""
    button = page.locator(".st-key-toggle-value-whale button")
    words = button.inner_text()
    button.click()
    expect(button).not_to_have_text(words, timeout=PATIENCE)
    drawn(page)


def select(page: Page, key: str, option: str) -> None:
    field = page.locator(f".st-key-{key} input")
    field.click()
    field.fill(option)
    expect(page.get_by_role("option", name=option, exact=True)).to_be_visible(timeout=PATIENCE)
    field.press("Enter")
