"""Weeks, and the windows and comparisons made of them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.periods import PERIODS, Calendar, Occasion, Window, around, monday, year_before


def d(text: str) -> date:
    return date.fromisoformat(text)


CALENDAR = Calendar(d("2023-11-20"), d("2026-11-09"), d("2026-11-12"))


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_a_week_is_named_by_its_monday(day: date) -> None:
    assert monday(day).isoweekday() == 1
    assert timedelta(0) <= day - monday(day) < timedelta(days=7)
    assert monday(day).isocalendar()[:2] == day.isocalendar()[:2]


@pytest.mark.parametrize(
    ("period", "first", "weeks"),
    [("4w", "2026-10-19", 4), ("13w", "2026-08-17", 13), ("52w", "2025-11-17", 52), ("all", "2023-11-20", 156)],
)
def test_a_period_ends_with_the_newest_week(period: str, first: str, weeks: int) -> None:
    window = CALENDAR.window(period)
    assert window == Window(d(first), d("2026-11-09"))
    assert window.weeks == weeks
    assert window.last_day == d("2026-11-15")


@pytest.mark.parametrize(
    ("as_of", "first"),
    [
        (None, "2025-12-29"),  # ISO week 1 of 2026 begins in December
        ("2025-12-29", "2025-12-29"),
        ("2025-12-22", "2024-12-30"),
        ("2024-12-23", "2024-01-01"),
    ],
)
def test_the_year_to_date_begins_with_iso_week_one(as_of: str | None, first: str) -> None:
    assert CALENDAR.window("ytd", d(as_of) if as_of else None).first_week == d(first)


@pytest.mark.parametrize(
    ("period", "comparison", "first", "last"),
    [
        ("4w", "previous", "2026-09-21", "2026-10-12"),
        ("4w", "last_year", "2025-10-20", "2025-11-10"),
        ("52w", "previous", "2024-11-18", "2025-11-10"),
        ("52w", "last_year", "2024-11-18", "2025-11-10"),
        ("ytd", "previous", "2024-12-30", "2025-11-10"),
        ("ytd", "last_year", "2024-12-30", "2025-11-10"),
    ],
)
def test_what_a_period_is_compared_with(period: str, comparison: str, first: str, last: str) -> None:
    assert CALENDAR.compared(period, comparison) == Window(d(first), d(last))


def test_nothing_is_compared_with_weeks_before_the_data() -> None:
    assert CALENDAR.compared("all", "previous") is None
    assert CALENDAR.compared("52w", "previous", d("2025-10-06")) is None
    assert CALENDAR.compared("4w", "last_year", d("2024-01-01")) is None


@given(st.sampled_from(PERIODS), st.sampled_from(("previous", "last_year")), st.integers(0, 155))
def test_what_is_compared_is_as_long_and_no_earlier_than_the_data(period: str, comparison: str, back: int) -> None:
    as_of = CALENDAR.last_week - timedelta(weeks=back)
    window, other = CALENDAR.window(period, as_of), CALENDAR.compared(period, comparison, as_of)
    assert window.last_week == as_of
    if other is not None:
        assert other.weeks == window.weeks
        assert CALENDAR.first_week <= other.first_week
        assert other.last_week < as_of
        assert other.last_week.isoweekday() == 1
        if comparison == "last_year":
            assert other == window.last_year


@pytest.mark.parametrize(
    ("week", "before"),
    [
        ((2026, 46), (2025, 46)),
        ((2026, 52), (2025, 52)),
        ((2026, 53), (2025, 52)),  # a year with 53 weeks: the last one is set beside the last one
        ((2027, 1), (2026, 1)),  # 53 weeks earlier
        ((2027, 52), (2026, 52)),
        ((2028, 1), (2027, 1)),
        ((2021, 10), (2020, 10)),
    ],
)
def test_the_same_week_last_year_has_the_same_number(week: tuple[int, int], before: tuple[int, int]) -> None:
    first = date.fromisocalendar(*week, 1)
    assert year_before(first) == date.fromisocalendar(*before, 1)
    quarter = Window(first - timedelta(weeks=12), first)
    assert (quarter.last_year.last_week, quarter.last_year.weeks) == (year_before(first), 13)


def test_the_year_to_date_after_a_year_of_53_weeks_begins_with_week_one() -> None:
    calendar = Calendar(d("2023-11-20"), d("2027-03-08"), d("2027-03-14"))
    assert calendar.window("ytd") == Window(date.fromisocalendar(2027, 1, 1), date.fromisocalendar(2027, 10, 1))
    before = Window(date.fromisocalendar(2026, 1, 1), date.fromisocalendar(2026, 10, 1))
    assert calendar.compared("ytd", "last_year") == before


def test_the_newest_week_is_unfinished_until_its_sunday() -> None:
    assert CALENDAR.unfinished
    assert not Calendar(d("2023-11-20"), d("2026-11-09"), d("2026-11-15")).unfinished


def test_weeks_come_newest_first_without_gaps() -> None:
    weeks = CALENDAR.weeks()
    assert (weeks[0], weeks[-1], len(weeks)) == (d("2026-11-09"), d("2023-11-20"), 156)
    assert {a - b for a, b in pairwise(weeks)} == {timedelta(weeks=1)}


def test_usual_windows_are_every_period_and_what_it_is_compared_with() -> None:
    usual = CALENDAR.usual()
    assert len(usual) == len(set(usual))
    for period in PERIODS:
        if period == "1w":
            continue  # quick to sum
        assert CALENDAR.window(period) in usual
        for comparison in ("previous", "last_year"):
            other = CALENDAR.compared(period, comparison)
            assert other is None or other in usual
    # the review's week, the one before and the one of last year, and the year up to the first two
    weeks = {Window(d(week), d(week)) for week in ("2026-11-02", "2026-10-26", "2025-11-03")}
    assert weeks | {Window(d("2025-11-10"), d("2026-11-02")), Window(d("2025-11-03"), d("2026-10-26"))} <= set(usual)


def test_a_calendar_of_one_week_has_every_period() -> None:
    short = Calendar(d("2026-11-09"), d("2026-11-09"), d("2026-11-09"))
    assert short.weeks() == [d("2026-11-09")]
    assert all(short.window(period).last_week == d("2026-11-09") for period in PERIODS)
    assert short.window("all").weeks == 1
    assert all(short.compared(period, "previous") is None for period in PERIODS)


# --- named events ------------------------------------------------------------------------------------


def feast(name: str, first: str, last: str) -> Occasion:
    return Occasion(name, d(first), d(last))


FESTIVALS = (
    feast("Spring Festival", "2024-02-10", "2024-02-17"),
    feast("Spring Festival", "2025-01-29", "2025-02-04"),
    feast("Spring Festival", "2026-02-17", "2026-02-23"),
    feast("Price rise", "2026-02-17", "2026-02-17"),
)


def week(first: str) -> Window:
    return Window(d(first), d(first))


@pytest.mark.parametrize(
    ("window", "moved"),
    [
        (week("2026-02-16"), week("2025-01-27")),  # the week the festival begins, three weeks later this year
        (week("2026-02-23"), week("2025-02-03")),  # its second week
        (week("2026-01-26"), None),  # a year earlier it was the festival's week, but this one has no counterpart
        (Window(d("2026-02-09"), d("2026-03-01")), Window(d("2025-01-20"), d("2025-02-09"))),
        (week("2025-01-27"), week("2024-02-05")),
    ],
)
def test_weeks_that_hold_a_festival_are_compared_with_last_years_festival(window: Window, moved: Window | None) -> None:
    found = around(window, FESTIVALS)
    if moved is not None:
        assert found == (moved, "Spring Festival")
    else:
        # last year's same week holds the festival: the same distance from it is compared instead
        assert found == (week("2025-01-06"), "Spring Festival")


def test_weeks_without_an_event_are_compared_by_the_calendar() -> None:
    assert around(week("2026-06-01"), FESTIVALS) is None
    assert around(Window(d("2025-11-17"), d("2026-11-09")), FESTIVALS) is None, "both years hold one festival"
    assert around(week("2026-02-16"), FESTIVALS[3:]) is None, "it never took place before"
    assert around(week("2026-02-16"), ()) is None


def test_the_last_finished_week() -> None:
    assert CALENDAR.finished_week == d("2026-11-02")
    assert Calendar(d("2023-11-20"), d("2026-11-09"), d("2026-11-15")).finished_week == d("2026-11-09")
    assert Calendar(d("2026-11-09"), d("2026-11-09"), d("2026-11-12")).finished_week == d("2026-11-09"), "the only one"
