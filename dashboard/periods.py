"""Weeks and the windows made of them.

A review happens each week, so every period is a number of ISO weeks that ends with the as-of week. The same
weeks last year are as many that end with the ISO week of the same number (`year_before`). Named events such as
Spring Festival move between ISO weeks: `around` aligns a window by the event instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

WEEK = timedelta(weeks=1)
YEAR = timedelta(weeks=52)

PERIODS = ("1w", "4w", "13w", "52w", "ytd", "all")
COMPARISONS = ("previous", "last_year", "event", "target", "benchmark")
DEFAULT_PERIOD = "52w"
REVIEWED = ("1w", "4w", "13w")
"""What a review looks at: the week, or a few. Any other period is reviewed by its week."""
SHORT = "1w"
"""A week is quick to sum, so only the one that the review opens with is kept ready."""
MOST_DRIFT = timedelta(days=80)
"""An event of last year lies within this of its day a year earlier; a feast of the moon moves by a month."""


def monday(day: date) -> date:
    """The Monday of a day's ISO week."""
    return day - timedelta(days=day.weekday())


def year_before(week: date) -> date:
    """The Monday of the ISO week with the same number a year before; week 53 is set beside its week 52, the last."""
    year, number, _ = week.isocalendar()
    last = date(year - 1, 12, 28).isocalendar().week  # the 28th of December lies in the last week of its year
    return date.fromisocalendar(year - 1, min(number, last), 1)


@dataclass(frozen=True, order=True)
class Window:
    """Whole weeks, named by their Mondays, both inclusive."""

    first_week: date
    last_week: date

    @property
    def weeks(self) -> int:
        return (self.last_week - self.first_week).days // 7 + 1

    @property
    def last_day(self) -> date:
        return self.last_week + timedelta(days=6)

    def earlier(self, by: timedelta) -> Window:
        return Window(self.first_week - by, self.last_week - by)

    @property
    def last_year(self) -> Window:
        """As many weeks that end with the same week of the year before."""
        return self.earlier(self.last_week - year_before(self.last_week))


@dataclass(frozen=True)
class Occasion:
    """One time a named event took place; both days inclusive."""

    name: str
    starts_on: date
    ends_on: date

    def days_in(self, window: Window) -> int:
        return max((min(self.ends_on, window.last_day) - max(self.starts_on, window.first_week)).days + 1, 0)


def around(window: Window, occasions: Iterable[Occasion]) -> tuple[Window, str] | None:
    """Last year's window at the same distance from a named event, and the event's name.

    None where the ISO calendar compares like with like: neither window nor the one a year earlier holds a day of
    an event, or both hold as many. The event with most days in either decides; whole weeks are moved, so the
    weeks in which the event begins fall on each other.
    """
    pairs = list(_pairs(occasions))
    same_weeks = window.last_year
    uneven = [pair for pair in pairs if pair[0].days_in(window) != pair[1].days_in(same_weeks)]
    if not uneven:
        return None
    now, before = max(uneven, key=lambda pair: (pair[0].days_in(window), pair[1].days_in(same_weeks)))
    moved = window.earlier(monday(now.starts_on) - monday(before.starts_on))
    return (moved, now.name) if moved != same_weeks else None


def _pairs(occasions: Iterable[Occasion]) -> Iterable[tuple[Occasion, Occasion]]:
    """Each time of an event with the time a year before."""
    known = list(occasions)
    for now in known:
        for before in known:
            if now.name == before.name and abs(now.starts_on - before.starts_on - YEAR) <= MOST_DRIFT:
                yield now, before


@dataclass(frozen=True)
class Calendar:
    """The weeks a version of the marts holds, and which windows it keeps ready.

    `last_day` is the last day with data: the newest week is unfinished when it is not a Sunday.
    """

    first_week: date
    last_week: date
    last_day: date
    ready: dict[Window, int] = field(default_factory=dict, hash=False)

    @property
    def unfinished(self) -> bool:
        return self.last_day < self.last_week + timedelta(days=6)

    @property
    def finished_week(self) -> date:
        """The last week that is over; the newest one while there is no other."""
        return self.last_week - WEEK if self.unfinished and self.last_week > self.first_week else self.last_week

    def weeks(self) -> list[date]:
        """All Mondays, newest first."""
        count = (self.last_week - self.first_week).days // 7 + 1
        return [self.last_week - WEEK * i for i in range(count)]

    def window(self, period: str, as_of: date | None = None) -> Window:
        """The weeks of a period that ends with the as-of week (the newest by default)."""
        last = as_of or self.last_week
        if period == "all":
            return Window(min(self.first_week, last), last)
        if period == "ytd":
            return Window(date.fromisocalendar(last.isocalendar().year, 1, 1), last)
        return Window(last - WEEK * (int(period.removesuffix("w")) - 1), last)

    def compared(self, period: str, comparison: str, as_of: date | None = None) -> Window | None:
        """The window a period is compared with, or None when the data does not reach back that far.

        `last_year` ends with the ISO week of the same number; `previous` are the weeks just before (for the year
        to date, which has no comparable weeks just before, last year's). Events move it by `around`.
        """
        window = self.window(period, as_of)
        if period == "all":
            return None
        if comparison == "previous" and period != "ytd":
            return self.held(window.earlier(WEEK * window.weeks))
        return self.held(window.last_year)

    def held(self, window: Window) -> Window | None:
        """The window, or None when the data does not reach back that far."""
        return window if window.first_week >= self.first_week else None

    def usual(self) -> list[Window]:
        """The windows worth keeping ready: each period at the newest week and what it is compared with.

        And what the review opens with: the last finished week, the week before and that of last year; and the year up
        to both, for it tells who turned a loss.
        """
        kept = [period for period in PERIODS if period != SHORT]
        windows = {self.window(period) for period in kept}
        for period in kept:
            windows |= {w for c in ("previous", "last_year") if (w := self.compared(period, c))}
        week = self.window(SHORT, self.finished_week)
        shown = {week, week.earlier(WEEK), week.last_year}
        shown |= {self.window(DEFAULT_PERIOD, last) for last in (week.last_week, week.last_week - WEEK)}
        windows |= {w for window in shown if (w := self.held(window))}
        return sorted(windows)
