"""Slow shifts: found and dated, told to the wrong side alone, and hardly ever where nothing shifts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from dashboard.alerts import Rule
from dashboard.analysis.monitoring import cusum_run_length
from dashboard.insights.alerts import firing
from dashboard.insights.drift import limit
from dashboard.scope import Scope
from dashboard.warehouse.read import Marts
from tests.small import Books, reader

FIRST, WEEKS = date(2023, 11, 20), 156
RULE = Rule("drift", "drift", "amber", metrics=("margin",), by="region", limit=0.5)
SHIFT = 130
"""The week in which the goods of region B begin to cost more."""


def market(share: Callable[[str, int], float], folder: Path) -> Marts:
    """Two regions that sell week by week, with a season; `share` is the margin's share of a region's week."""
    b = Books()
    noise = np.random.default_rng(7)
    for code in ("A", "B"):
        b.region(code, code)
        b.customer(f"C{code}", code)
        for week in range(WEEKS):
            sold = round(1000 + 400 * np.sin(week / 52 * 2 * np.pi) + 50 * noise.normal(), 2)
            kept = share(code, week) + 0.02 * noise.normal()
            b.sale(f"C{code}", (FIRST + timedelta(weeks=week)).isoformat(), sold, round(sold * (1 - kept), 2))
    b.sale("CA", (FIRST + timedelta(weeks=WEEKS - 1, days=6)).isoformat(), 1, 0.7)  # the last week is over
    return b.marts(folder)


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Marts:
    return market(lambda code, week: 0.3 - (0.06 if code == "B" and week >= SHIFT else 0), tmp_path_factory.mktemp("b"))


def test_a_slow_shift_is_found_dated_and_told_with_its_size(shifted: Marts) -> None:
    (alert,) = firing(reader(shifted), (RULE,))
    assert alert.key == "drift/B/margin"
    assert alert.regions == ("B",)
    began = {(FIRST + timedelta(weeks=SHIFT + k)).isoformat() for k in range(-2, 3)}
    language = reader(shifted).language
    assert any(language.date(date.fromisoformat(day)) in alert.said for day in began)
    assert "has been falling" in alert.said
    assert alert.note == "By chance alone this rule would raise 0.5 alerts a year."


def test_before_the_shift_there_is_no_alert(shifted: Marts) -> None:
    for week in range(100, SHIFT, 5):
        then = reader(shifted, as_of=(FIRST + timedelta(weeks=week)).isoformat())
        assert firing(then, (RULE,)) == []


def test_a_shift_for_the_better_is_no_alert(tmp_path: Path) -> None:
    better = market(lambda code, week: 0.3 + (0.05 if code == "B" and week >= SHIFT else 0), tmp_path)
    assert firing(reader(better), (RULE,)) == []


def test_a_drift_that_stands_lasts_until_it_has_come_back(shifted: Marts) -> None:
    """The limit of a rule with hardly any false alarm isn't reached; one that stands lasts from half of it on."""
    strict = replace(RULE, limit=0.01)
    week = next(
        w
        for w in range(SHIFT, WEEKS)
        if firing(reader(shifted, as_of=(FIRST + timedelta(weeks=w)).isoformat()), (RULE,))
    )
    then = reader(shifted, as_of=(FIRST + timedelta(weeks=week)).isoformat())
    assert firing(then, (strict,)) == []
    assert [alert.key for alert in firing(then, (strict,), standing=["drift/B/margin"])] == ["drift/B/margin"]


def test_a_reader_of_a_region_hears_of_its_drift_alone(shifted: Marts) -> None:
    for code, keys in (("A", []), ("B", ["drift/B/margin"])):
        mine = reader(shifted, scope=Scope("x", (code,), frozenset()))
        assert [alert.key for alert in firing(mine, (RULE,))] == keys


def test_too_short_a_history_says_nothing(small: Marts) -> None:
    short = reader(small, as_of="2026-01-05")
    assert firing(short, (replace(RULE, limit=50.0),)) == []


@pytest.mark.parametrize(("series", "false"), [(1, 1.0), (60, 0.5), (500, 2.0)])
def test_the_limit_gives_the_false_alarms_it_promises(series: int, false: float) -> None:
    assert series * 52 / cusum_run_length(limit(series, false)) == pytest.approx(false, rel=0.01)
