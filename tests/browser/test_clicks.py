"""From a mark, a card or a row to the customers behind it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from dashboard.warehouse.read import Marts
from tests.browser.screen import PATIENCE, address, cards, chips, click_mark, click_row, expect_query, unfold, visit
from tests.small import asked


@pytest.mark.parametrize(
    ("on", "key", "headline", "place", "link"),
    [
        ("value", "value.by_region", "value.summary", 1, ("region",)),
        ("tiers", "tiers.matrix", "tiers.matrix", 1, ("grade", "tier")),
        ("cost", "cost.activities", "cost.summary", 0, ("activity",)),
    ],
)
def test_a_click_on_a_mark_filters_the_whole_page(
    server: str, page: Page, demo: Marts, on: str, key: str, headline: str, place: int, link: tuple[str, ...]
) -> None:
    visit(page, address(server, on, lang="en"))
    wanted = dict(zip(link, click_mark(page, key, place), strict=False))
    expect_query(page, **wanted)
    expect(page.locator(".page-headline")).to_have_text(asked(demo, headline, **wanted).headline, timeout=PATIENCE)
    assert len(chips(page)) == len(link)


def test_behind_a_card_is_its_total_and_a_row_leads_to_its_customer(server: str, page: Page, demo: Marts) -> None:
    visit(page, address(server, "value", region="CN", period="13w", lang="en"))
    label, value = cards(page)[1].split("\n")[:2]
    assert label == "Active customers"
    page.locator(".st-key-kpi-behind-active_customers button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("strong")).to_contain_text(re.compile(rf"^{value} customers with"), timeout=PATIENCE)
    behind = asked(demo, "customers.list", region="CN", period="13w", group="active")
    expect(dialog.locator("strong")).to_have_text(behind.headline)

    expect(dialog.locator("[data-testid='stDataFrame'] canvas").first).to_be_visible(timeout=PATIENCE)
    click_row(page, dialog, 0, 12)
    expect(page.locator(".page-title")).to_have_text("Customer", timeout=PATIENCE)
    expect_query(page, customer=behind.table.iloc[0]["code"])
    expect(page.locator(".page-headline")).to_contain_text(behind.table.iloc[0]["name"], timeout=PATIENCE)


def test_a_row_of_a_card_leads_to_its_customer(server: str, page: Page, demo: Marts) -> None:
    visit(page, address(server, "value", lang="en"))
    click_row(page, unfold(page, "value.bottom"), 1, 10)
    second = asked(demo, "value.bottom").table.iloc[1]
    expect_query(page, customer=second["code"])
    expect(page.locator(".page-headline")).to_contain_text(second["name"], timeout=PATIENCE)
    page.go_back()
    expect(page.locator(".page-title")).to_have_text("Customer value", timeout=PATIENCE)
