"""What every question promises, whatever the warehouse holds.

A question never fails: it answers with a sentence in either language, numbers that JSON can carry, and a
figure made of the table and the numbers alone; or it says what is missing and how to supply it. A new
question is covered as soon as it is registered.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest

from dashboard.charts.theme import Look
from dashboard.insight import NEEDS, QUESTIONS, Insight, find, has
from dashboard.language import language
from dashboard.metrics import METRICS
from dashboard.warehouse.read import Marts
from tests.small import Books, asked, company, line

UNDEFINED_WORDS = re.compile(r"\b(nan|NaN|None(?! of )|NaT|inf|Infinity)\b|<NA>")
ODD_NAMES = (
    "🦄" * 40,
    "=1+1|' /C calc'!A0",
    '<script>alert(1)</script><b>bold</b> & "quoted"',
    "[link](javascript:alert(1)) **bold** $x^2$ :red[text] `code` #head",
    "長" * 2_000,
    "{customer} %s {0} \\n",
    "a\tb\nc\r\nd",
    "مرحبا \u202e reversed \u0000".replace("\u0000", ""),
    "-",
    "Ａ​zero​width",
    " ",
)


# --- the warehouses ----------------------------------------------------------------------------------


def all_equal() -> Books:
    """Twelve customers with the same numbers, grade and answers: no spread to divide by."""
    b = Books()
    b.region("X", "X")
    b.add("activity", code="visit", name="Visit", driver_unit="visit")
    b.rate("visit", "2025-01-01", None, 10, weekly_capacity=12, weekly_cost=120)
    for number in range(12):
        code = f"C{number}"
        b.customer(code, "X", industry="all", kind="person", needs_level=3)
        b.sale(code, "2025-11-06", 100, 60)
        b.sale(code, "2026-11-05", 100, 60)
        b.served(code, "visit", "2026-11-05", 1)
        b.paid(code, "2026-11-05", "freight", 5)
        b.answered(code, "2026-03-02", 4, **dict.fromkeys(("on_time", "quality", "price", "terms", "trust"), 4))
        b.said(code, "2026-04-01", "praise")
        b.assigned(code, "B", "key", "2025-01-01")
    return b


def odd_names() -> Books:
    """The worked example where every name, and every free text, is hostile or long."""
    b = company()
    place = 0
    for table in ("region", "employee", "channel", "product", "activity", "customer", "label", "event"):
        for row in b.rows[table]:
            row["name"], row["name_en"] = ODD_NAMES[place % len(ODD_NAMES)], ODD_NAMES[(place + 4) % len(ODD_NAMES)]
            place += 1
    for row in b.rows["assignment"]:
        row["reason"] = ODD_NAMES[place % len(ODD_NAMES)]
    return b


def negative() -> Books:
    """Everybody returned more than he bought."""
    b = company()
    for row in b.rows["sales_line"]:
        row["revenue"] = -abs(row["revenue"])
        row["cost_of_goods"] = Decimal("-0.4") * abs(row["revenue"])
    return b


def without_goods() -> Books:
    b = company()
    for row in b.rows["sales_line"]:
        row["cost_of_goods"] = None
    return b


WAREHOUSES: dict[str, Callable[[], Books]] = {
    "worked example": company,
    "required tables": lambda: company().only("customer", "sales_line"),
    "one line": line,
    "all equal": all_equal,
    "odd names": odd_names,
    "negative": negative,
    "without cost of goods": without_goods,
}
EMPTY_VIEW = {"region": "DE", "grade": "A", "tier": "key"}
"""Filters that hold nobody in the worked example."""

SITUATIONS = ("demo", *WAREHOUSES, "nobody")


@pytest.fixture(scope="module", params=SITUATIONS)
def situation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Marts, dict[str, str]]]:
    """A warehouse's name, its marts and filters to ask with."""
    name = request.param
    if name == "demo":
        yield name, request.getfixturevalue("demo"), {}
    elif name == "nobody":
        yield name, request.getfixturevalue("small"), EMPTY_VIEW
    else:
        tables = ("customer", "sales_line") if name in ("required tables", "one line") else None
        yield name, WAREHOUSES[name]().marts(tmp_path_factory.mktemp("contract"), tables), {}


def filters_for(key: str, marts: Marts, filters: dict[str, str]) -> dict[str, str]:
    """Questions about one customer are asked of the marts' first one."""
    if not key.startswith("customer."):
        return filters
    first = asked(marts, "customers.list", **filters).table
    return filters | {"customer": first["code"].iloc[0] if len(first) else "C01"}


# --- the promises ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", sorted(QUESTIONS))
def test_every_question_answers(situation: tuple[str, Marts, dict[str, str]], key: str) -> None:
    name, marts, filters = situation
    filters = filters_for(key, marts, filters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for code, mode in (("en", "light"), ("zh", "dark")):
            insight = asked(marts, key, code, **filters)
            assert insight.headline.strip(), name
            assert not UNDEFINED_WORDS.search(insight.headline), insight.headline
            assert "{" not in without_names(insight.headline), "a placeholder was left open"
            check_columns(insight)
            check_json(insight)
            check_missing(insight, marts, code)
            check_figure(insight, marts, code, mode)


def without_names(headline: str) -> str:
    for name in ODD_NAMES:
        headline = headline.replace(name, "")
    return headline


def check_columns(insight: Insight) -> None:
    """Heading, export and definitions page can't show a column that nobody has named."""
    assert [c for c in insight.table.columns if c not in METRICS and not c.startswith(("cost:", "filled:"))] == []


def check_json(insight: Insight) -> None:
    """The JSON is strict, undefined is null, numbers are numbers and dates are days."""
    text = insight.to_json()
    body = json.loads(text, parse_constant=refuse)
    assert set(body) >= {"key", "headline", "numbers", "table", "filters", "as_of", "n"}
    assert body["key"] == insight.key
    assert isinstance(body["n"], int)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", body["as_of"])
    for path, value in leaves(body):
        if isinstance(value, str):
            assert not UNDEFINED_WORDS.fullmatch(value), path
        name = path[1] if len(path) == 2 else ""  # a number or a cell, not what lies deeper
        if name in METRICS and METRICS[name].format in ("money", "count", "number", "share", "score", "rate"):
            assert value is None or (isinstance(value, int | float) and not isinstance(value, bool)), (path, value)
        if name in METRICS and METRICS[name].format in ("date", "week"):
            assert value is None or re.fullmatch(r"\d{4}-\d\d-\d\d", value), (path, value)


def check_missing(insight: Insight, marts: Marts, code: str) -> None:
    """What lacks its data says which data, and how to supply them, in the reader's language."""
    lacking = [need for need in find(insight.key).needs if not has(need, marts)]
    assert bool(insight.missing) == bool(lacking)
    for need in lacking:
        assert language(code).t(NEEDS[need]) in insight.missing
        assert "dashboard load" in insight.missing
        assert insight.table.empty


def check_figure(insight: Insight, marts: Marts, code: str, mode: str) -> None:
    """The figure is made of the table and the numbers alone; its JSON holds no NaN."""
    draw = find(insight.key).draw
    if draw is None or insight.missing or (insight.table.empty and not insight.n):
        return
    figure = draw(insight.table, insight.numbers, Look(mode, language(code), marts.currency))
    text = figure.to_json()
    json.loads(text, parse_constant=refuse)
    for _, value in leaves(json.loads(text)):
        if isinstance(value, str):
            assert not re.search(r"(?<!\w)(nan|NaN|None|NaT)(?!\w)", value), value


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path or ("",), value


@pytest.mark.parametrize("lacking", ["activity", "activity_rate"])
def test_events_that_can_not_be_costed_are_missing_and_not_a_cost_of_nothing(tmp_path: Path, lacking: str) -> None:
    tables = {"customer", "sales_line", "service_event", "activity", "activity_rate"} - {lacking}
    held = company().only(*tables).marts(tmp_path)
    for key in ("cost.summary", "cost.activities", "cost.customers"):
        assert "service_event" in asked(held, key).missing


# --- keys that programs rely on ----------------------------------------------------------------------

NUMBERS = {
    "value.summary": ("customers", "active_customers", "revenue", "gross_margin", "cost_to_serve", "profit"),
    "value.concentration": ("gini", "top_20_share"),
    "value.whale": (
        *("total_profit", "peak_share", "peak_at_share", "top_20_share", "loss_makers", "loss_maker_share"),
        "erosion",
    ),
    "satisfaction.curve": ("complaint_threshold", "praise_threshold"),
    "cost.summary": ("cost_to_serve", "return_per_cost"),
}
COLUMNS = {
    "value.by_region": ("code", "name", "customers", "revenue", "gross_margin", "cost_to_serve", "profit"),
    "tiers.matrix": ("grade", "tier", "fit", "customers", "revenue", "cost_to_serve", "profit"),
    "tiers.migration": ("from_grade", "to_grade", "customers", "revenue", "profit"),
    "satisfaction.curve": ("satisfaction", "n", "praise_rate", "complaint_rate", "referral_rate"),
    "cost.activities": ("code", "name", "quantity", "unit_rate", "cost", "capacity", "unused_cost"),
    "cost.customers": ("code", "name", "revenue", "gross_margin", "cost_to_serve", "profit", "return_per_cost"),
    "cost.losses": ("cause", "name", "customers", "loss", "excess"),
}


@pytest.mark.parametrize("key", NUMBERS)
def test_numbers_keep_their_names(demo: Marts, key: str) -> None:
    numbers = json.loads(asked(demo, key).to_json())["numbers"]
    assert set(NUMBERS[key]) <= set(numbers)
    for name in NUMBERS[key]:
        if name.endswith("_threshold"):
            assert {"low", "high"} <= set(numbers[name])
        else:
            assert isinstance(numbers[name], int | float)


@pytest.mark.parametrize("key", COLUMNS)
def test_tables_keep_their_columns(demo: Marts, key: str) -> None:
    table = json.loads(asked(demo, key).to_json())["table"]
    assert table
    assert set(COLUMNS[key]) <= set(table[0])


def test_every_need_has_a_sentence() -> None:
    assert {need for question in QUESTIONS.values() for need in question.needs} <= set(NEEDS)


def test_every_question_has_a_title_in_both_languages() -> None:
    for question in QUESTIONS.values():
        assert language("zh").t(question.title) != question.title, f"no Chinese for {question.title!r}"
