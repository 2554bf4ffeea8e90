"""A warehouse of the required tables only: each page says in plain words which data it lacks, none fails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.insight import NEEDS
from dashboard.language import CODES, language
from dashboard.ui.gaps import waits
from dashboard.warehouse.read import Marts, open_marts
from tests.pages.app import PAGES, bodies, headlines, opened, widened, words
from tests.pages.test_every_page import UNDEFINED

LACKING = {
    "overview": ("cost_of_goods", "assignment", "survey", "word_of_mouth", "costs"),
    "review": ("cost_of_goods", "region", "assignment", "costs", "survey", "word_of_mouth"),
    "value": ("cost_of_goods", "region"),
    "tiers": ("assignment",),
    "satisfaction": ("survey", "word_of_mouth"),
    "cost": ("costs",),
    "levels": ("assignment", "costs", "cost_of_goods"),
    "customer": ("survey", "costs"),
    "policy": (),
    "data": (),
}
every_language = pytest.mark.parametrize("lang", CODES)


def page_of(page: str, lang: str) -> AppTest:
    return opened(page, lang, **({"customer": "C01"} if page == "customer" else {}))


def test_every_page_is_in_the_list() -> None:
    assert set(LACKING) == set(PAGES)


@every_language
@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_which_data_it_lacks(least_app: Path, page: str, lang: str) -> None:
    app = page_of(page, lang)
    assert not app.exception and not app.error
    t = language(lang).t
    for need in LACKING[page]:
        assert t(NEEDS[need]) in bodies(app), need
    assert not [(place, text) for place, text in words(widened(app)) if UNDEFINED.search(text)]


def test_what_can_be_said_without_cost_is_said(least_app: Path) -> None:
    assert headlines(opened("overview"))[0] == "8 customers brought 3.5K; profit can't be said without cost of goods."
    value = opened("value")
    assert "The best 20% of customers bring 42% of revenue." in headlines(value)
    assert re.findall(r"class='kpi-label'[^>]*>([^<]*)<", bodies(value)) == ["Customers", "Active customers", "Revenue"]


def test_what_is_lacking_is_said_once_and_names_what_it_would_show(least_app: Path) -> None:
    """No card in its place says the same again, and no dash stands for what nobody measured."""
    for page in ("overview", "review", "value"):
        text = bodies(opened(page))
        assert text.count(NEEDS["cost_of_goods"]) == 1, page
        assert ">–<" not in text, page
    review = re.findall(r"<li>(.*?)<br><span>(.*?)</span></li>", bodies(opened("review")))
    named = dict(review)[NEEDS["cost_of_goods"]]
    assert "Gross margin" in named and "What changed profit" in named


def test_pages_that_wait_for_data_stand_apart_in_the_navigation(least_file: Path, small: Marts) -> None:
    least = open_marts(least_file.with_suffix(".marts"))
    assert [page for page in PAGES if waits(page, least)] == ["cost", "levels", "satisfaction"]
    assert not any(waits(page, small) for page in PAGES)


def test_the_data_page_tells_what_each_missing_table_would_be_good_for(least_app: Path) -> None:
    tables = [frame.value for frame in opened("data").dataframe]
    table = next(frame for frame in tables if "needed_for" in frame).set_index("table")
    assert table.index[table["rows"] > 0].tolist() == ["customer", "sales_line"]
    assert "Satisfaction and word of mouth" in table.loc["survey", "needed_for"]


def test_no_warehouse_at_all_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_WAREHOUSE", str(tmp_path / "none.duckdb"))
    app = opened("overview")
    assert not app.exception
    assert "dashboard refresh" in app.error[0].value
