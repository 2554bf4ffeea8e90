"""Who moved: by the grades in force, else by the measured ones, with what is at stake."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
from sqlalchemy import select

from dashboard.insight import ask
from dashboard.scope import Scope
from dashboard.warehouse.read import Marts
from queries import marts as m
from tests.small import EVERYBODY, asked, reader


def test_movers_by_the_grades_in_force(small: Marts) -> None:
    """Against the same week last year: C02 rose from B to A, C03 fell from A to B, C06 from C to D."""
    insight = asked(small, "review.movers", compare="last_year")
    assert list(insight.table["code"])[:2] == ["C03", "C06"], "those who fell come first"
    assert set(insight.table["code"]) == {"C02", "C03", "C06"}
    assert (insight.numbers["up"], insight.numbers["down"], insight.numbers["tier_up"]) == (1, 2, 0)
    assert insight.numbers["measured_on"] is None
    assert insight.headline.startswith("1 customer rose and 2 fell in grade since the same week last year.")


def measured_then_and_now(held: Marts, then: date, now: date) -> pd.DataFrame:
    """Every customer's measured grade on two days, read from the history as it stands."""
    history = m.measured_history.c
    everybody = select(history.customer_key, history.valid_from, history.valid_to, history.grade, m.customer.c.code)
    of = everybody.join_from(m.measured_history, m.customer, m.customer.c.customer_key == history.customer_key)
    rows = held.read(of.where(EVERYBODY.allows(m.customer.c.region_position)), EVERYBODY)
    sides = [
        rows[(rows["valid_from"] <= day) & (rows["valid_to"].isna() | (rows["valid_to"] > day))].set_index("code")
        for day in (pd.Timestamp(then), pd.Timestamp(now))
    ]
    return pd.concat([side["grade"] for side in sides], axis=1, keys=["then", "now"]).dropna()


def test_where_no_grade_in_force_moved_the_measured_grades_tell_who_did(demo: Marts) -> None:
    insight = asked(demo, "review.movers")
    on = insight.numbers["measured_on"]
    assert on.isoformat() == max(d for d in demo.grading["reviews"] if d <= str(insight.as_of))
    both = measured_then_and_now(demo, insight.numbers["since"], on)
    moved = both[both["then"] != both["now"]]
    assert len(moved) > 0
    assert set(insight.table["code"]) == set(moved.index)
    assert insight.numbers["down"] == (moved["then"] < moved["now"]).sum()
    assert insight.numbers["up"] == (moved["then"] > moved["now"]).sum()
    worth = insight.table.set_index("code")["value_to_come"].clip(lower=0)
    fell = insight.table["from_grade"] < insight.table["to_grade"]
    assert abs(worth[fell.to_numpy()].sum() - insight.numbers["value_of_falls"]) < 0.01
    assert reader(demo).language.date(on) in insight.headline


def test_between_two_measurements_the_last_one_is_told_with_its_day(demo: Marts) -> None:
    newest = date.fromisoformat(demo.grading["reviews"][-1])
    week = newest - timedelta(days=13)  # the Monday of the week before the newest review
    insight = asked(demo, "review.movers", as_of=week.isoformat())
    reviews = [date.fromisoformat(day) for day in demo.grading["reviews"]]
    assert (insight.numbers["since"], insight.numbers["measured_on"]) == (reviews[-3], reviews[-2])
    assert "last measured" in insight.headline


def test_movers_are_those_of_the_readers_regions(demo: Marts) -> None:
    everyone = ask("review.movers", reader(demo)).table
    germany = replace(reader(demo), scope=Scope("de", ("DE",), frozenset()))
    mine = set(ask("customers.list", germany).table["code"])
    assert set(ask("review.movers", germany).table["code"]) == set(everyone["code"]) & mine
