"""Filters as a reader uses them: ticked, shared as a link, carried from page to page, walked back, taken away."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from dashboard.warehouse.read import Marts
from tests.browser.screen import (
    PATIENCE,
    address,
    cards,
    charts,
    chips,
    drawn,
    expect_query,
    go,
    headline,
    tick,
    visit,
)
from tests.small import asked


def test_filters_go_into_the_link_and_the_link_restores_the_very_same_page(
    server: str, page: Page, browser: Browser, demo: Marts
) -> None:
    visit(page, address(server, "value", lang="en"))
    tick(page, "region", "China")
    tick(page, "grade", "B")
    expect_query(page, region="CN", grade="B", lang="en")
    expect(page.locator(".page-headline")).to_have_text(
        asked(demo, "value.summary", region="CN", grade="B").headline, timeout=PATIENCE
    )
    page.keyboard.press("Escape")
    drawn(page)

    somebody = browser.new_context(viewport=page.viewport_size, locale="zh-CN").new_page()
    visit(somebody, page.url)
    assert headline(somebody) == headline(page)
    assert cards(somebody) == cards(page)
    assert chips(somebody) == chips(page)
    assert charts(somebody) == charts(page)
    somebody.context.close()


def test_every_choice_is_one_step_of_the_browsers_history(server: str, page: Page, demo: Marts) -> None:
    """A page, a filter and a language are a step each, back and forward; a bare address takes none of its own."""
    begun = page.evaluate("history.length")
    visit(page, address(server, "value", region="CN", lang="en"))
    go(page, "Tiers and grades")
    tick(page, "grade", "A")
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="中文").click()
    steps = (
        ("value", "en", {"region": "CN"}),
        ("tiers", "en", {"region": "CN"}),
        ("tiers", "en", {"region": "CN", "grade": "A"}),
        ("tiers", "zh", {"region": "CN", "grade": "A"}),
    )
    looks_at(page, server, demo, *steps[-1])
    for step in reversed(steps[:-1]):
        page.go_back()
        looks_at(page, server, demo, *step)
    for step in steps[1:]:
        page.go_forward()
        looks_at(page, server, demo, *step)
    assert page.evaluate("history.length") == begun + len(steps)


def test_a_bare_address_is_completed_in_place_and_its_filters_are_taken_back(
    server: str, page: Page, demo: Marts
) -> None:
    begun = page.evaluate("history.length")
    visit(page, f"{server}/tiers")
    looks_at(page, server, demo, "tiers", "en", {})
    assert page.evaluate("history.length") == begun + 1
    tick(page, "grade", "A")
    looks_at(page, server, demo, "tiers", "en", {"grade": "A"})
    page.go_back()
    looks_at(page, server, demo, "tiers", "en", {})


def looks_at(page: Page, server: str, demo: Marts, name: str, lang: str, link: dict[str, str]) -> None:
    """The page, its numbers and its address are those of these filters."""
    key = {"value": "value.summary", "tiers": "tiers.matrix"}[name]
    expect(page.locator(".page-headline")).to_have_text(asked(demo, key, lang, **link).headline, timeout=PATIENCE)
    expect(page).to_have_url(address(server, name, **link, lang=lang), timeout=PATIENCE)
    expect(page.locator("[class*='st-key-chip-'] button:visible")).to_have_count(len(link), timeout=PATIENCE)


def test_a_chip_takes_its_filter_away_and_reset_takes_the_rest(server: str, page: Page, demo: Marts) -> None:
    visit(page, address(server, "cost", region="CN", grade="A", tier="strategic", lang="en"))
    page.locator(".st-key-chip-region button:visible").click()
    expect(page.locator(".page-headline")).to_have_text(
        asked(demo, "cost.summary", grade="A", tier="strategic").headline, timeout=PATIENCE
    )
    page.locator(".st-key-reset button").click()
    expect(page.locator(".page-headline")).to_have_text(asked(demo, "cost.summary").headline, timeout=PATIENCE)
    expect(page.locator("[class*='st-key-chip-']")).to_have_count(0, timeout=PATIENCE)
    assert page.url == address(server, "cost", lang="en")


def test_the_language_switch_keeps_the_filters(server: str, page: Page, demo: Marts) -> None:
    visit(page, address(server, "value", region="CN", period="13w", lang="en"))
    page.get_by_role("radio", name="中文").click()
    wanted = asked(demo, "value.summary", "zh", region="CN", period="13w").headline
    expect(page.locator(".page-headline")).to_have_text(wanted, timeout=PATIENCE)
    expect_query(page, region="CN", period="13w", lang="zh")
    go(page, "服务成本")
    expect(page.locator(".page-title")).to_have_text("服务成本", timeout=PATIENCE)


def test_the_filters_are_reached_and_set_by_keyboard(server: str, page: Page, demo: Marts) -> None:
    visit(page, address(server, "value", lang="en"))
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("!!document.activeElement.closest('.st-key-filter-period')"):
            break
    assert page.evaluate("!!document.activeElement.closest('.st-key-filter-period')")
    page.keyboard.press("ArrowDown")
    page.keyboard.type("Last 4")
    page.keyboard.press("Enter")
    expect_query(page, period="4w")
    expect(page.locator(".page-headline")).to_have_text(
        asked(demo, "value.summary", period="4w").headline, timeout=PATIENCE
    )
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("!!document.activeElement.closest('.st-key-filter-popover')"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-filter-region")).to_be_visible(timeout=PATIENCE)
