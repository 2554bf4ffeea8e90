"""Every metric and column the product shows is declared once, with its words, unit and format."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest

from dashboard.language import MINUS, UNDEFINED, language
from dashboard.metrics import METRICS, Format, say, say_as

ENGLISH, CHINESE = language("en"), language("zh")


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_has_words_in_both_languages(name: str) -> None:
    metric = METRICS[name]
    for words in filter(None, (metric.label, metric.definition, metric.owner)):
        assert CHINESE.t(words) != words, f"no Chinese for {words!r}"


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.definition])
def test_a_defined_metric_has_an_owner_and_a_ratio_has_both_halves(name: str) -> None:
    metric = METRICS[name]
    assert metric.owner
    assert bool(metric.numerator) == bool(metric.denominator)


@pytest.mark.parametrize(
    ("kind", "value", "english", "chinese"),
    [
        ("money", 1_240_000.0, "¥1.24M", "¥124万"),
        ("money", -12.0, f"{MINUS}¥12", f"{MINUS}¥12"),
        ("count", 9876, "9,876", "9,876"),
        ("count", 1_234_567, "1.23M", "123万"),
        ("number", 1.234, "1.23", "1.23"),
        ("number", -0.5, f"{MINUS}0.50", f"{MINUS}0.50"),
        ("score", 4.125, "4.12", "4.12"),
        ("rate", 0.12345, "0.123", "0.123"),
        ("share", 0.714, "71%", "71%"),
        ("text", "x", "x", "x"),
        ("date", date(2026, 11, 9), "Nov 9, 2026", "2026年11月9日"),
        ("week", date(2026, 11, 9), "week 46, 2026", "2026年第46周"),
    ],
)
def test_a_value_is_said_in_the_readers_form(kind: str, value: object, english: str, chinese: str) -> None:
    assert say_as(kind, value, ENGLISH, "CNY") == english
    assert say_as(kind, value, CHINESE, "CNY") == chinese


@pytest.mark.parametrize("kind", get_args(Format))
@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_undefined_is_a_dash(kind: str, value: object) -> None:
    assert say_as(kind, value, ENGLISH, "CNY") == say_as(kind, value, CHINESE, "CNY") == UNDEFINED


def test_a_metric_is_said_by_its_own_format() -> None:
    assert say("margin", 0.24, ENGLISH, "EUR") == "24%"
    assert say("revenue", 3500, ENGLISH, "EUR") == "€3.5K"
    assert say("no such metric", "x", ENGLISH, "EUR") == "x"
