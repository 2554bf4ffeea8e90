"""A page's first moment: what the browser is told ahead, so that it asks for nothing in vain and nothing late."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from dashboard.server import EVERYWHERE, PROGRAMS, WITH_CHARTS, programs
from tests.browser.screen import visit


@pytest.mark.parametrize("path", ["", "value", "value/?lang=en"])
def test_a_page_is_opened_without_asking_in_vain(server: str, page: Page, path: str) -> None:
    """No address that isn't there, and the stream doesn't wait to hear that the server is well."""
    missing: list[str] = []
    page.on("response", lambda response: missing.append(response.url) if response.status >= 400 else None)
    page.route("**/_stcore/health", lambda route: None)  # never answered
    visit(page, f"{server}/{path}")
    assert not missing


def test_what_every_page_needs_is_fetched_with_the_page(server: str, page: Page) -> None:
    visit(page, f"{server}/value")
    told = set(re.findall(r"/static/js/([\w.-]+\.js)", page.request.get(server + "/value", headers=HTML).text()))
    assert set(programs(WITH_CHARTS)) <= told
    for kind in EVERYWHERE:
        assert any(name.startswith(f"{kind}.") for name in programs(EVERYWHERE)), kind
    assert all((PROGRAMS / name).is_file() for name in told)


HTML = {"accept": "text/html"}
