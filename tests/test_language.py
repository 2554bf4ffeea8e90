"""Numbers, dates and names as readers of each language expect them, and a catalogue without holes."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from babel.messages.pofile import read_po

from dashboard.language import (
    CATALOGUE,
    CODES,
    COMPARISON_NAMES,
    DIRECT_COST_NAMES,
    NEEDS_NAMES,
    PERIOD_NAMES,
    TIER_NAMES,
    language,
    undefined,
)
from dashboard.periods import COMPARISONS, PERIODS
from queries.schema import TIERS

ROOT = Path(__file__).parents[1]
ROOMS = ("dashboard", "pages")
TRANSLATORS = {"t", "say", "message"}
"""Names of functions whose first argument is a message: Language.t, its short names, and the marker."""

EN, ZH = language("en"), language("zh")
MONDAY = date(2026, 11, 9)
NOTHING = (None, float("nan"), math.inf, np.float64("nan"), pd.NA, pd.NaT, Decimal("NaN"))


class Used(NamedTuple):
    """Where the program hands a message to a translator; `text` is None when it is no literal sentence."""

    text: str | None
    place: str


def messages_used() -> Iterator[Used]:
    """Every message in the program, found in its syntax trees."""
    for file in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name not in TRANSLATORS:
                continue
            place = f"{file.relative_to(ROOT)}:{node.lineno}"
            for text in branches(node.args[0]):
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield Used(text.value, place)
                elif isinstance(text, ast.JoinedStr | ast.BinOp):
                    yield Used(None, place)


def branches(text: ast.expr) -> list[ast.expr]:
    """A message, or both messages of `one if condition else other`."""
    if isinstance(text, ast.IfExp):
        return [*branches(text.body), *branches(text.orelse)]
    return [text]


def placeholders(text: str) -> list[str]:
    """The names in braces; words that follow a count, {n:customer|customers}, are English alone."""
    return sorted(re.findall(r"{([^{}|]*)}", text))


def catalogue() -> dict[str, str]:
    with CATALOGUE.open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file, locale="zh_CN") if m.id}


def test_every_message_has_a_chinese_translation() -> None:
    known = {text for text, chinese in catalogue().items() if chinese}
    missing = {used.text: used.place for used in messages_used() if used.text and used.text not in known}
    assert not missing


def test_no_translation_is_left_over() -> None:
    used = {used.text for used in messages_used()}
    assert not [text for text in catalogue() if text not in used]


def test_messages_are_literal_sentences() -> None:
    assert not [used.place for used in messages_used() if used.text is None]


def test_translations_keep_their_placeholders() -> None:
    wrong = {en: zh for en, zh in catalogue().items() if zh and placeholders(en) != placeholders(zh)}
    assert not wrong
    assert not [en for en in catalogue() if not all(name.isidentifier() for name in placeholders(en))]


def test_no_message_stands_twice_in_the_catalogue() -> None:
    found = re.findall(r'^msgid "(.+)"$', CATALOGUE.read_text("utf-8"), flags=re.MULTILINE)
    assert len(found) == len(set(found))


def test_chinese_uses_chinese_punctuation() -> None:
    assert not [zh for zh in catalogue().values() if re.search(r"[\u4e00-\u9fff][,;:!?()]", zh)]


def test_every_code_has_its_name() -> None:
    assert tuple(TIER_NAMES) == TIERS
    assert tuple(PERIOD_NAMES) == PERIODS
    assert tuple(COMPARISON_NAMES) == COMPARISONS
    assert list(NEEDS_NAMES) == [1, 2, 3, 4, 5]
    assert set(DIRECT_COST_NAMES) == {"bad_debt", "legal", "gift", "freight", "refund"}
    assert [ZH.t(name) for name in TIER_NAMES.values()] == ["战略", "重点", "标准", "自助"]


def test_a_message_is_filled_in() -> None:
    assert EN.t("{peak} after {share} of customers", peak="142%", share="71%") == "142% after 71% of customers"
    assert ZH.t("{peak} after {share} of customers", peak="142%", share="71%") == "前71%客户累计142%"
    assert ZH.t("A sentence nobody has translated") == "A sentence nobody has translated"
    assert EN.t("100 % {literally}") == "100 % {literally}"


@pytest.mark.parametrize(
    ("n", "said"), [("1", "1 customer is"), (1, "1 customer is"), ("1.2K", "1.2K customers are")]
)
def test_a_word_after_a_count_is_of_one_or_of_many(n: object, said: str) -> None:
    assert EN.t("{n} {n:customer is|customers are}", n=n) == said


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="zh, en"):
        language("fr")
    assert language("zh") is ZH


@pytest.mark.parametrize(
    ("amount", "english", "chinese"),
    [
        (0, "¥0", "¥0"),
        (3.254, "¥3.25", "¥3.25"),
        (0.5, "¥0.50", "¥0.50"),
        (0.004, "¥0.004", "¥0.004"),
        (999.6, "¥1K", "¥1,000"),
        (1240, "¥1.24K", "¥1,240"),
        (9999.9, "¥10K", "¥1万"),
        (1_240_000, "¥1.24M", "¥124万"),
        (12_340_000, "¥12.3M", "¥1,230万"),
        (99_999_999, "¥100M", "¥1亿"),
        (3.2e8, "¥320M", "¥3.2亿"),
        (3.2e9, "¥3.2B", "¥32亿"),
        (3.2e12, "¥3.2T", "¥3.2万亿"),
        (-5_550_000, "−¥5.55M", "−¥555万"),
        (Decimal("1240000.55"), "¥1.24M", "¥124万"),
        (np.int64(1_240_000), "¥1.24M", "¥124万"),
    ],
)
def test_money_is_short_in_the_readers_units(amount: float, english: str, chinese: str) -> None:
    assert (EN.money(amount), ZH.money(amount)) == (english, chinese)


def test_money_is_exact_when_asked() -> None:
    assert EN.money(-1234567.891, exact=True) == "−¥1,234,567.89"
    assert ZH.money(Decimal("1234567.89"), exact=True) == "¥1,234,567.89"
    assert ZH.money(3_000_000, "JPY", exact=True) == "JP¥3,000,000"


def test_currencies_are_told_apart() -> None:
    assert EN.money(3e6, "USD") == "$3M" and ZH.money(3e6, "USD") == "US$300万"
    assert EN.money(3e6, "JPY") == ZH.money(3, "JPY").replace("3", "3M") == "JP¥3M"
    assert EN.money(3e6, "EUR") == "€3M"


@pytest.mark.parametrize(
    ("number", "english", "chinese"),
    [
        (1, "1", "1"),
        (9876, "9,876", "9,876"),
        (12_345, "12.3K", "1.23万"),
        (-12_345, "−12.3K", "−1.23万"),
        (3.14159, "3.14", "3.14"),
        (-0.0, "0", "0"),
    ],
)
def test_counts_below_ten_thousand_are_whole(number: float, english: str, chinese: str) -> None:
    assert (EN.number(number), ZH.number(number)) == (english, chinese)


def test_numbers_are_exact_when_asked() -> None:
    assert EN.number(1234567, exact=True) == ZH.number(1234567, exact=True) == "1,234,567"
    assert EN.number(-1234.5, exact=True) == "−1,234.5"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"),
        (0.714, "71%"),
        (1.344, "134%"),
        (0.05, "5%"),
        (0.053, "5.3%"),
        (0.0996, "10%"),
        (0.0004, "0.04%"),
        (-0.02, "−2%"),
        (-0.000001, "0%"),
        (12.5, "1,250%"),
    ],
)
def test_a_share_is_a_percentage(share: float, text: str) -> None:
    assert EN.percent(share) == ZH.percent(share) == text


def test_digits_of_a_percentage_can_be_chosen() -> None:
    assert EN.percent(0.714, 1) == "71.4%"
    assert EN.percent(0.05, 1) == "5.0%"
    assert EN.percent(-0.0001, 1) == "0.0%"


def test_shares_differ_by_points() -> None:
    assert EN.points(0.023) == "+2.3 pts"
    assert ZH.points(-0.012) == "−1.2个百分点"
    assert EN.points(0.0) == "0 pts"


def test_a_change_is_signed_and_undefined_without_a_base() -> None:
    assert EN.change(112, 100) == "+12%"
    assert EN.change(Decimal("96.8"), 100.0) == "−3.2%"
    assert EN.change(100, 100) == "0%"
    assert [EN.change(1, old) for old in (0, -5, None, float("nan"))] == [None] * 4
    assert EN.change(None, 1) is None


def test_days_weeks_and_periods() -> None:
    assert (EN.date(MONDAY), ZH.date(MONDAY)) == ("Nov 9, 2026", "2026年11月9日")
    assert (EN.week(MONDAY), ZH.week(MONDAY)) == ("week 46, 2026", "2026年第46周")
    assert EN.week(date(2027, 1, 1)) == "week 53, 2026", "the year is the ISO week's"
    assert EN.period(MONDAY, date(2026, 11, 15)) == "Nov 9 – 15, 2026"
    assert ZH.period(MONDAY, date(2026, 11, 15)) == "2026年11月9日至15日"
    assert EN.period(MONDAY, MONDAY) == "Nov 9, 2026"
    assert EN.date(datetime(2026, 11, 9, 23, 59)) == EN.date(pd.Timestamp(MONDAY)) == "Nov 9, 2026"
    assert (EN.month(MONDAY), ZH.month(MONDAY)) == ("Nov", "11月")


def test_a_name_is_in_the_readers_language_if_it_can_be() -> None:
    assert (EN.name("华东", "East China"), ZH.name("华东", "East China")) == ("East China", "华东")
    assert EN.name("华东") == EN.name("华东", "") == EN.name("华东", pd.NA) == "华东"
    assert EN.name(None) == "–"


def test_lists_read_as_sentences() -> None:
    assert EN.list(["A", "B", "C"]) == "A, B, and C"
    assert ZH.list(["甲", "乙", "丙"]) == "甲、乙和丙"
    assert EN.list([]) == "–"


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
@pytest.mark.parametrize("code", CODES)
def test_what_is_not_there_is_a_dash(code: str, nothing: object) -> None:
    reader = language(code)
    forms = (
        reader.money,
        reader.number,
        reader.percent,
        reader.points,
        reader.date,
        reader.week,
        reader.month,
    )
    assert {form(nothing) for form in forms} == {"–"}
    assert reader.money(nothing, exact=True) == reader.period(nothing, MONDAY) == "–"
    assert undefined(nothing) and not undefined(0) and not undefined("") and not undefined(False)
