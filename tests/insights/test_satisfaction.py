"""Satisfaction and word of mouth, as they are told: the worked example by hand, the demo for what needs many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.warehouse.read import Marts
from queries.marts import DAYS_A_MONTH
from queries.schema import SURVEY_ITEMS
from tests.small import Books, asked


def test_the_curve_shows_observed_rates_a_month(small: Marts) -> None:
    """Two complaints in C03's half year; one praise in C01's 60 days at 4.5."""
    table = asked(small, "satisfaction.curve").table
    table = table.set_index(table["satisfaction"].round(9))
    assert table.loc[2, "complaint_rate"] == pytest.approx(2 / (182 / DAYS_A_MONTH))
    assert table.loc[4.5, "praise_rate"] == pytest.approx(1 / (60 / DAYS_A_MONTH))
    assert table.loc[3, "referral_rate"] == pytest.approx(1 / (108 / DAYS_A_MONTH))
    assert table["n"].sum() == 6
    assert table["customers"].sum() == 5


def test_too_few_words_are_said_to_be_too_few(small: Marts) -> None:
    insight = asked(small, "satisfaction.curve")
    assert insight.numbers["verdict"] == {"complaint": "too_few", "praise": "too_few"}
    assert insight.numbers["complaint_threshold"]["estimate"] is None
    assert insight.headline == "Too little was said so far to tell where word of mouth begins."
    assert "can't be sorted" in asked(small, "satisfaction.standing").headline


def test_intervals_hold_their_rates(demo: Marts) -> None:
    table = asked(demo, "satisfaction.curve").table
    for kind in ("praise", "complaint"):
        assert (table[f"{kind}_low"] <= table[f"{kind}_rate"] + 1e-12).all()
        assert (table[f"{kind}_rate"] <= table[f"{kind}_high"] + 1e-12).all()
    assert table["satisfaction"].is_monotonic_increasing


def test_a_single_answer_has_no_interval_and_a_few_have_one(small: Marts) -> None:
    table = asked(small, "satisfaction.by_grade").table.set_index("code")
    assert (table.loc["A", "satisfaction"], table.loc["A", "n"]) == (pytest.approx(11.5 / 3), 3)
    assert table.loc["A", "low"] < 11.5 / 3 < table.loc["A", "high"]
    alone = asked(small, "satisfaction.by_grade", customer="C02").table
    assert alone[["low", "high"]].isna().all(axis=None)


def test_loyalty_has_its_interval(small: Marts) -> None:
    table = asked(small, "satisfaction.loyalty").table
    assert table["repurchase_rate"].tolist() == [0, 1, 0, 1]
    assert ((table["low"] >= 0) & (table["low"] <= table["repurchase_rate"])).all()
    assert ((table["high"] <= 1) & (table["high"] >= table["repurchase_rate"])).all()


def test_satisfaction_that_moves_repurchase_shows_in_the_demo(demo: Marts) -> None:
    numbers = asked(demo, "satisfaction.drivers")
    assert numbers.table["importance"].is_monotonic_decreasing
    assert set(numbers.table.columns) >= {"item", "name", "importance", "performance", "low", "high"}


# --- what drives satisfaction ------------------------------------------------------------------------


def rating(weights: dict[str, float], means: dict[str, float], answers: int) -> Books:
    """Answers whose overall rating follows the items with these weights, and noise."""
    random = np.random.default_rng(7)
    b = Books()
    b.customer("C1")
    b.sale("C1", "2026-11-12", 100, 60)
    for _ in range(answers):
        noise = {item: random.normal(0, 1) for item in SURVEY_ITEMS}
        items = {item: round(np.clip(means.get(item, 3.5) + noise[item], 1, 5)) for item in SURVEY_ITEMS}
        overall = 3.5 + sum(weights.get(item, 0.3) * noise[item] for item in SURVEY_ITEMS) + random.normal(0, 0.3)
        b.answered("C1", "2026-10-05", round(np.clip(overall, 1, 5)), **items)
    return b


def test_an_important_item_that_is_rated_low_comes_first(tmp_path: Path) -> None:
    insight = asked(rating({"price": 0.9}, {"price": 2.6}, 500).marts(tmp_path), "satisfaction.drivers")
    assert insight.headline.startswith("Price moves satisfaction most. Price matters and is rated below the rest (2.6")
    assert insight.numbers["improve"] == ["price"]


def test_no_order_is_claimed_within_chance(tmp_path: Path) -> None:
    insight = asked(rating({}, {}, 60).marts(tmp_path), "satisfaction.drivers")
    assert insight.numbers["improve"] == []
    assert "chance" in insight.headline and "All are rated alike, 3.4 of 5" in insight.headline
