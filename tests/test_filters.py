"""One object says what is looked at: the URL, the sentence and the SQL can't differ, and no text is ever SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from dashboard.errors import DashboardError
from dashboard.filters import CHOICES, GROUPS, Filters, group_name
from dashboard.language import language
from dashboard.scope import Scope
from dashboard.warehouse.read import Marts
from queries.schema import GRADES
from tests import views
from tests.small import EVERYBODY, asked
from tests.statements import statements, view_of

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
TEXT = st.text(min_size=1, max_size=40)
HOSTILE = ("' OR 1=1 --", "'); DROP TABLE customer; --", '"', "%", "_", "\\", "{x}", ":param", "$1", "?", "%(a)s", "\n")


# --- parameters --------------------------------------------------------------------------------------


def test_nothing_given_is_everything_over_a_year() -> None:
    assert Filters.parse({}) == Filters("52w", "previous", None)
    assert Filters().url() == {}
    assert Filters().canonical == ""


def test_parameters_are_read_and_written_back() -> None:
    params = {
        "period": "13w",
        "compare": "last_year",
        "as_of": "2026-06-01",
        "region": "BJ,GZ",
        "grade": "A,B",
        "group": "decile-10",
        "customer": "C01",
    }
    filters = Filters.parse(params)
    assert filters.region == ("BJ", "GZ")
    assert filters.as_of == date(2026, 6, 1)
    assert filters.url() == params


def test_what_ifs_of_the_plan_are_shares_of_today_to_the_hundredth() -> None:
    filters = Filters.parse({"budget": "0.90", "hours": "1.234", "effect": "1"})
    assert (filters.budget, filters.hours, filters.effect) == (0.9, 1.23, 1.0)
    assert filters.url() == {"budget": "0.9", "hours": "1.23"}
    assert filters.without_what_ifs() == Filters()
    assert filters.reset() == Filters()


@pytest.mark.parametrize("day", ["2026-06-01", "2026-06-03", "2026-06-07", "2026-W23", "2026-W23-3", "20260603"])
def test_any_day_of_a_week_names_the_week(day: str) -> None:
    assert Filters.parse({"as_of": day}).as_of == date(2026, 6, 1)


def test_grades_and_tiers_come_in_their_own_order_and_repeats_count_once() -> None:
    filters = Filters.parse({"grade": "D,A,D", "tier": "standard,strategic", "region": "B,A,B,"})
    assert filters.grade == ("A", "D")
    assert filters.tier == ("strategic", "standard")
    assert filters.region == ("B", "A")


def test_unknown_parameters_are_left_to_others() -> None:
    assert Filters.parse({"lang": "zh", "utm_source": "mail"}) == Filters()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"period": "52"}, "period: '52' is not known; did you mean '52w'?"),
        ({"period": "year"}, "period: 'year' is not known; one of 1w, 4w, 13w, 52w, ytd, all"),
        ({"compare": "lastyear"}, "compare: 'lastyear' is not known; did you mean 'last_year'?"),
        ({"grade": "A,E"}, "grade: 'E' is not known; one of A, B, C, D"),
        ({"tier": "strategy"}, "tier: 'strategy' is not known; did you mean 'strategic'?"),
        ({"as_of": "June"}, "as_of: 'June' is not a date like 2026-11-16 or a week like 2026-W47"),
        ({"as_of": "2026-02-30"}, "as_of: '2026-02-30' is not a date"),
        ({"as_of": "2026-W54"}, "as_of: '2026-W54' is not a date"),
        ({"budget": "1.51"}, "budget: '1.51' is not a share from 0.5 to 1.5 (1 is today's)"),
        ({"hours": "much"}, "hours: 'much' is not a share from 0.5 to 1.5"),
        ({"effect": "nan"}, "effect: 'nan' is not a share from 0 to 2"),
        ({"group": "winners"}, "group: 'winners' names no group of customers"),
        ({"group": "decile-11"}, "group: 'decile-11' names no group of customers"),
        ({"group": "decile-1 OR 1=1"}, "names no group of customers"),
    ],
)
def test_a_wrong_value_is_named_with_the_nearest_right_one(params: Mapping[str, str], said: str) -> None:
    with pytest.raises(DashboardError) as error:
        Filters.parse(params)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@QUICK
@given(params=st.dictionaries(st.sampled_from([f.name for f in fields(Filters)]), TEXT))
def test_whatever_a_link_holds_it_is_parsed_or_refused_in_one_line(params: dict[str, str]) -> None:
    try:
        filters = Filters.parse(params)
    except DashboardError as error:
        assert "\n" not in str(error)
    else:
        assert Filters.parse(filters.url()) == filters
        assert not filters.group or GROUPS.fullmatch(filters.group)


codes = st.lists(TEXT, max_size=3, unique=True).map(tuple)
any_filters = st.builds(
    Filters,
    period=st.sampled_from(("4w", "52w")),
    as_of=st.sampled_from((None, date(2026, 6, 1))),
    **dict.fromkeys(("region", "industry", "channel", "manager", "kind", "activity"), codes),
    grade=views.some(GRADES),
    group=st.sampled_from(("", *views.GROUPS)),
    customer=st.one_of(st.just(""), TEXT),
    budget=st.sampled_from((0.5, 0.95, 1.0, 1.5)),
    hours=st.sampled_from((0.5, 1.0, 1.27)),
    effect=st.sampled_from((0.0, 1.0, 2.0)),
).map(lambda f: replace(f, grade=tuple(sorted(f.grade))))


@QUICK
@given(filters=any_filters)
@example(filters=Filters(region=("a,b", "c%2Cd", "100%", "e&f=g")))
def test_a_link_restores_the_filters_exactly(filters: Filters) -> None:
    assert Filters.parse(filters.url()) == filters


@QUICK
@given(one=any_filters, other=any_filters)
@example(one=Filters(customer="a", group="active"), other=Filters(customer="a&group=active"))
@example(one=Filters(region=("a", "b")), other=Filters(region=("a,b",)))
def test_two_views_never_share_a_cache_key(one: Filters, other: Filters) -> None:
    assert (one.canonical == other.canonical) == (one == other)


def test_filters_are_taken_away_one_by_one_or_all_at_once() -> None:
    filters = Filters(region=("X",), group="active", as_of=date(2026, 6, 1), period="4w")
    assert filters.without("group") == replace(filters, group="")
    assert filters.reset() == Filters("4w", as_of=date(2026, 6, 1))


# --- against the data --------------------------------------------------------------------------------


def test_filters_are_checked_against_the_marts(small: Marts) -> None:
    assert Filters(region=("BJ",), industry=("retail",)).checked(small)
    for name, code, said in (
        ("region", "bj", "no region 'bj'"),
        ("industry", "retail'", "no industry \"retail'\"; did you mean 'retail'?"),
        ("channel", "webb", "no channel 'webb'; did you mean 'web'?"),
    ):
        with pytest.raises(DashboardError) as error:
            Filters(**{name: (code,)}).checked(small)
        assert str(error.value).startswith(said)


def test_a_week_outside_the_data_is_refused_and_the_newest_is_the_default(small: Marts) -> None:
    for day in ("2024-11-11", "2026-11-16", "1999-01-01"):
        with pytest.raises(DashboardError, match=f"as_of: {day[:3]}.* lies outside the data, 2024-11-18 to 2026-11-09"):
            Filters.parse({"as_of": day}).checked(small)
    assert Filters.parse({"as_of": "2026-11-12"}).checked(small).as_of == date(2026, 11, 9), "unfinished: it is named"
    assert Filters.parse({"as_of": "2026-11-02"}).checked(small).as_of == date(2026, 11, 2)


@pytest.mark.parametrize("code", ["en", "zh"])
def test_every_filter_is_said_in_the_sentence(small: Marts, code: str) -> None:
    filters = Filters.parse(
        {"region": "BJ,DE", "grade": "A", "tier": "key", "industry": "retail", "channel": "web", "manager": "E1"}
        | {"kind": "person", "activity": "visit", "group": "loss_makers", "customer": "C01"}
        | {"budget": "0.9", "hours": "1.1", "effect": "0.5"}
    )
    words = filters.words(language(code), small)
    assert set(words) == {f.name for f in fields(Filters)} - {"as_of"}
    expected = {
        "en": ("Beijing and Germany", "rade A", "Key", "Retail", "Web shop", "Wang Fang", "Visit"),
        "zh": ("北京和Deutschland", "A", "零售", "网店", "王芳", "拜访"),
    }
    sentence = filters.sentence(language(code), small)
    for word in expected[code]:
        assert word in sentence
    assert "Nov 17, 2025" in sentence or "2025年11月17日" in sentence


@pytest.mark.parametrize("group", views.GROUPS)
def test_every_group_has_a_name_in_both_languages(group: str) -> None:
    names = {group_name(group, language(code)) for code in ("en", "zh")}
    assert len(names) == 2


# --- text is never SQL -------------------------------------------------------------------------------


def compiled(marts: Marts, filters: Filters, scope: Scope, text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Every statement of a view as the engine gets it: its name, its SQL and its parameters."""
    found = []
    for name, statement in statements(view_of(marts, scope, filters), text):
        sql = statement.compile(marts._engine, compile_kwargs={"render_postcompile": True})
        found.append((name.partition("(")[0], str(sql), dict(sql.params)))
    return found


@settings(QUICK, max_examples=3)
@given(text=TEXT, period=st.sampled_from(("52w", "13w")), as_of=st.sampled_from((None, date(2026, 6, 1))))
@example(text="' OR 1=1 --", period="52w", as_of=None)
def test_text_reaches_the_database_as_a_parameter_only(
    small: Marts, text: str, period: str, as_of: date | None
) -> None:
    """The SQL is the same whatever somebody types: into a filter, the search box or the access file."""

    def view(word: str) -> tuple[Filters, Scope]:
        choices = dict.fromkeys(CHOICES, (word,))
        return Filters(period, "previous", as_of, **choices, customer=word), Scope("x", (word,), frozenset())

    plain = compiled(small, *view("plain"), "plain")
    typed = compiled(small, *view(text), text)
    assert [(name, sql) for name, sql, _ in typed] == [(name, sql) for name, sql, _ in plain]
    for name, _, params in typed:
        if name != "cost.capacity":
            assert text in params.values()


@settings(QUICK, max_examples=12)
@given(data=st.data(), name=st.sampled_from([*CHOICES, "customer"]), text=st.one_of(TEXT, st.sampled_from(HOSTILE)))
def test_hostile_text_finds_nobody_and_harms_nothing(small: Marts, data: st.DataObject, name: str, text: str) -> None:
    assume(text not in ("A", "B", "C", "D"))
    group = data.draw(st.sampled_from(("", "moved")))
    filters = Filters(**{name: text if name == "customer" else (text,)}, group=group)
    for said, statement in statements(view_of(small, EVERYBODY, filters), text):
        if said.startswith(("population.counted", "customers.found", "value.summary")):
            rows = small.read(statement, EVERYBODY)
            assert rows.empty or rows.fillna(0).iloc[0, 0] == 0, said
    assert asked(small, "value.summary").numbers["customers"] == 10
