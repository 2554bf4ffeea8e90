"""With an access file nobody sees data before he has signed in, and then only his own regions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.scope import Scope
from dashboard.settings import ACCESS_VARIABLE, ROOT
from dashboard.warehouse.read import Marts
from tests.pages.app import PAGES, PATIENCE, bodies, figures, headlines, opened, turned, widened, words
from tests.small import asked

NOBODY = {"is_logged_in": False}
ALL, NORTH, STRANGER = ({"is_logged_in": True, "email": f"{name}@example.com"} for name in ("all", "north", "stranger"))
every_page = pytest.mark.parametrize("page", PAGES)


@pytest.fixture
def guarded(demo_app: Path, demo: Marts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The demo behind an access file; the code of the region that the reader in the north sees."""
    region = next(code for code, entry in demo.dimensions["region"].items() if entry.level == 1)
    path = tmp_path / "access.toml"
    path.write_text(
        f"""
        [people."all@example.com"]
        permissions = ["profile", "export"]

        [people."North@Example.com"]
        regions = ["{region}"]
        permissions = []
        """,
        "utf-8",
    )
    monkeypatch.setenv(ACCESS_VARIABLE, str(path))
    return region


def seen(app: AppTest) -> set[str]:
    """Whatever a reader sees beside the language switch."""
    return {text.strip() for place, text in words(app) if "language-switch" not in place} - {""}


@every_page
def test_who_has_not_signed_in_sees_no_data(guarded: str, page: str) -> None:
    app = turned(opened(user=NOBODY, customer="C000001"), page)
    assert not app.exception
    assert not re.search(r"\d", " ".join(seen(app)))
    assert "Sign in" in seen(app) and len(seen(app)) == 2
    assert not app.dataframe and not figures(app)


@every_page
def test_a_page_file_run_by_itself_shows_no_data(guarded: str, page: str) -> None:
    """As when a client asks for the script and goes around the entry."""
    app = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=PATIENCE)
    for user in (NOBODY, {}, STRANGER):
        app.user = dict(user)
        app.run()
        assert not figures(app) and not app.dataframe and not headlines(app)
        assert "kpi" not in bodies(app)


def test_who_is_not_in_the_access_file_is_told_whom_to_ask(guarded: str) -> None:
    app = opened(user=STRANGER)
    assert "nobody has given you access yet" in app.error[0].value
    assert not headlines(app)


# A plan leaves the hours that customers outside the filter use to them; a reader of one region knows of none.
@pytest.mark.parametrize("page", [page for page in PAGES if page not in ("customer", "levels", "policy", "data")])
def test_a_reader_of_one_region_sees_the_numbers_of_that_region(guarded: str, demo: Marts, page: str) -> None:
    """The same headlines as the unrestricted reader has who filters by the region."""
    mine = opened(page, user=NORTH)
    theirs = opened(page, user=ALL, region=guarded)
    assert not mine.exception
    assert headlines(mine)[0] == headlines(theirs)[0] != headlines(opened(page, user=ALL))[0]


def test_a_link_to_another_region_shows_nothing(guarded: str, demo: Marts) -> None:
    regions = demo.dimensions["region"]
    other = next(code for code, entry in regions.items() if entry.level == 0 and code != regions[guarded].parent)
    app = opened("value", user=NORTH, region=other)
    assert set(headlines(app)) == {"No customers match these filters."}


def test_the_filter_offers_only_regions_one_may_see(guarded: str, demo: Marts) -> None:
    app = widened(opened("value", user=NORTH))
    options = [option.strip() for option in app.multiselect(key="filter-region").options]
    regions = demo.dimensions["region"]
    below = [entry.name_en for code, entry in regions.items() if guarded in (code, entry.parent)]
    assert options == below
    assert len(widened(opened("value", user=ALL)).multiselect(key="filter-region").options) == len(regions)


def test_a_customer_elsewhere_is_not_found(guarded: str, demo: Marts) -> None:
    mine = set(asked(demo, "customers.list", region=guarded).table["code"])
    foreign = next(c for c in asked(demo, "customers.list").table["code"] if c not in mine)
    app = opened("customer", user=NORTH, customer=foreign)
    assert headlines(app) == ["No such customer, or not in the regions you may see."]
    app.text_input(key="customer-search").set_value(foreign).run()
    assert [info.value for info in app.info] == ["No customer is called that."]
    assert headlines(opened("customer", user=ALL, customer=foreign))[0].count("brought") == 1


def test_personal_details_and_files_need_their_permission(guarded: str, demo: Marts) -> None:
    code = asked(demo, "customers.list", scope=Scope("north", (guarded,), frozenset())).table.iloc[0]["code"]
    north, everything = (opened("customer", user=user, customer=code) for user in (NORTH, ALL))
    assert [block.proto.label for block in everything.get("expander")][-1] == "Personal details"
    assert "Personal details" not in [block.proto.label for block in north.get("expander")]
    assert everything.get("download_button") and not north.get("download_button")


def test_two_readers_of_different_rights_do_not_share_answers(guarded: str) -> None:
    """Answers are cached for everybody who may see the same; never for somebody else."""
    wide, narrow = opened("value", user=ALL), opened("value", user=NORTH)
    for _ in range(2):
        wide.run()
        narrow.run()
        assert headlines(wide)[0] != headlines(narrow)[0]
    turned(narrow, "cost"), turned(wide, "cost")
    assert headlines(wide)[0] != headlines(narrow)[0]


def test_a_link_that_asks_for_more_than_a_reader_may_see_says_so(guarded: str) -> None:
    beyond = opened("review", user=NORTH, region="DE")
    assert not beyond.exception
    assert "more than you may see" in beyond.info[0].value
    assert not opened("review", user=NORTH, region=guarded).info
    assert not opened("review", user=ALL, region="DE").info
