"""Names that try to be formulas, tags, links or mathematics stay names: on the screen and in files taken away."""

from __future__ import annotations

import csv

import pandas as pd
from playwright.sync_api import Page, expect

from tests.browser.conftest import EVIL
from tests.browser.screen import PATIENCE, address, unfold, visit


def test_a_downloaded_table_runs_nothing_in_a_spreadsheet(own_server: str, page: Page) -> None:
    visit(page, address(own_server, "value", lang="en"))
    table = unfold(page, "value.top")
    with page.expect_download() as download:
        table.get_by_role("button", name="Download CSV").click()
    path = download.value.path()
    assert download.value.suggested_filename.endswith(".csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        heading, best, *rest = list(csv.reader(file))
    assert best[heading.index("name")] == f"'{EVIL}"
    assert best[heading.index("code")] == "'+C99"
    assert float(best[heading.index("revenue")]) == 5000
    assert not [cell for row in (heading, best, *rest) for cell in row if cell.startswith(("=", "@", "\t", "+"))]
    assert (pd.read_csv(path)["profit"] > 0).sum() >= 5


def test_a_hostile_name_is_shown_as_it_is_written(own_server: str, page: Page) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    visit(page, address(own_server, "customer", customer="+C99", lang="en"))
    expect(page.locator(".page-headline")).to_contain_text(EVIL, timeout=PATIENCE)
    field = page.locator(".st-key-customer-search input")
    field.fill("C")
    field.press("Enter")
    hits = page.locator("[class*='st-key-hit-'] button")
    expect(hits.first).to_be_visible(timeout=PATIENCE)
    assert f"{EVIL} (+C99)" in hits.all_inner_texts()
    assert not page.locator("[class*='st-key-hit-'] :is(b, strong, a, .katex)").count()
    assert not dialogs
