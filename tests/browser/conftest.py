"""Servers and a Chromium for the whole session; a page of its own for each test."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.bench import servers
from tests.browser.screen import PATIENCE, WIDE, chromium
from tests.small import company, published

EVIL = '=HYPERLINK("http://evil.example","€") <b>**bold**</b> [link](javascript:alert(1)) $x$'
NOT_OURS = re.compile(r"_stcore|favicon|fonts\.g|webhooks|net::ERR_INTERNET_DISCONNECTED|net::ERR_NAME_NOT_RESOLVED")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def server(demo_file: Path) -> Iterator[str]:
    """The dashboard on the demo: its address."""
    with servers.dashboard(demo_file) as base:
        yield base


@pytest.fixture(scope="session")
def own_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse to write to: the worked example with a customer whose name tries to be something else."""
    books = company()
    books.customer("+C99", "BJ", name=EVIL, name_en=EVIL)
    books.sale("+C99", "2026-11-10", 5000, 1000)
    books.assigned("+C99", "A", "standard", "2026-01-01")
    path = books.file(tmp_path_factory.mktemp("own") / "own.duckdb")
    published(str(path), path.with_suffix(".marts"))
    return path


@pytest.fixture(scope="session")
def own_server(own_file: Path) -> Iterator[str]:
    with servers.dashboard(own_file) as base:
        yield base


@pytest.fixture(scope="session")
def screen(browser: Browser) -> Iterator[BrowserContext]:
    """A reader at a wide screen in light colours, who keeps the program's files in his browser's cache."""
    context = browser.new_context(viewport=WIDE, color_scheme="light", locale="en-GB", accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(screen: BrowserContext) -> Iterator[Page]:
    """A tab of that reader's; at its end there must be no error of ours on the console."""
    tab = screen.new_page()
    problems = watched(tab)
    yield tab
    tab.close()
    assert not problems


def watched(tab: Page) -> list[str]:
    """What goes wrong in a tab from now on."""
    problems: list[str] = []

    def said(message: object) -> None:
        if message.type == "error" and not NOT_OURS.search(message.text + message.location.get("url", "")):
            problems.append(message.text)

    tab.on("console", said)
    tab.on("pageerror", lambda error: problems.append(str(error)))
    return problems


@pytest.fixture
def fresh_copy(own_file: Path, tmp_path: Path) -> Path:
    """A copy of that warehouse and its marts."""
    copy = tmp_path / "copy.duckdb"
    shutil.copy(own_file, copy)
    shutil.copytree(own_file.with_suffix(".marts"), copy.with_suffix(".marts"))
    return copy
