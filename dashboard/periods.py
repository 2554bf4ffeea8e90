"""Weeks and the windows made of them.

A review happens each week, so every period is a number of ISO weeks that ends with the as-of week, and
the same weeks last year are the weeks 52 weeks earlier (a Monday stays a Monday).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

WEEK = timedelta(weeks=1)
YEAR = timedelta(weeks=52)

PERIODS = ("4w", "13w", "52w", "ytd", "all")
COMPARISONS = ("previous", "last_year", "target")
DEFAULT_PERIOD = "52w"


def monday(day: date) -> date:
    """The Monday of a day's ISO week."""
    return day - timedelta(days=day.weekday())


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

        `last_year` is 52 weeks earlier; `previous` the weeks just before (for the year to date, which
        has no comparable weeks just before, last year's).
        """
        window = self.window(period, as_of)
        if period == "all":
            return None
        by = YEAR if comparison == "last_year" or period == "ytd" else WEEK * window.weeks
        earlier = window.earlier(by)
        return earlier if earlier.first_week >= self.first_week else None

    def usual(self) -> list[Window]:
        """The windows worth keeping ready: each period at the newest week and what it is compared with."""
        windows = {self.window(period) for period in PERIODS}
        for period in PERIODS:
            windows |= {w for c in ("previous", "last_year") if (w := self.compared(period, c))}
        return sorted(windows)
