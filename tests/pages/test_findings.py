"""A fault of the data is said where it changes figures, and told in full on the Data page."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

from tests.pages.app import bodies, nodes, opened
from tests.pages.conftest import configured
from tests.small import company

FAULTY = "Data faults that change these figures: 1"


@pytest.fixture(scope="module")
def faulty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worked example with one answer on a scale to ten."""
    books = company()
    books.rows["survey"][0]["satisfaction"] = 10
    folder = tmp_path_factory.mktemp("faulty")
    books.marts(folder)
    return folder / "small.duckdb"


def lines(page: str) -> list[str]:
    """The lines that lead from a page to the Data page."""
    return [element.proto.label for element in nodes(opened(page)) if element.type == "page_link"]


def test_a_red_finding_shows_on_the_pages_it_touches_and_on_no_other(
    faulty_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(faulty_file, monkeypatch)
    assert FAULTY in lines("overview") and FAULTY in lines("satisfaction")
    assert FAULTY not in lines("cost")


def test_the_data_page_tells_each_finding_with_effect_examples_and_mend(
    faulty_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(faulty_file, monkeypatch)
    body = html.unescape(bodies(opened("data")))
    assert "Survey responses: satisfaction outside 1 to 5" in body
    assert "Averages and curves of satisfaction are wrong" in body
    assert "Examples: C01 (10)" in body
    assert body.index("Must be mended") < body.index("Look into it") < body.index("Good to know")
