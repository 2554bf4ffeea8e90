"""The demo's calendar: 156 ISO weeks, its seasons, its half-yearly reviews and its named events.

Days are counted from the first Monday of the window (day 0); days before it are negative. Purchases
and service follow *operational time*: a clock that stands almost still at Spring Festival and hurries
before Double 11, and whose average over the window is a week a week. A customer's purchases are a plain
Poisson process on that clock, so the seasons never disturb what is planted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

START, END = date(2023, 11, 20), date(2026, 11, 15)
DAYS = (END - START).days + 1
WEEKS = DAYS // 7
EPOCH = (START - date(1970, 1, 1)).days

SPRING_FESTIVALS = (date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17))
PRICE_CHANGE = date(2025, 3, 3)
PRICE_RISE = 1.04


def day(when: date) -> int:
    return (when - START).days


REVIEWS = tuple(
    date(*ymd) for ymd in ((2023, 11, 20), (2024, 7, 1), (2024, 12, 30), (2025, 6, 30), (2025, 12, 29), (2026, 6, 29))
)
"""Grades and tiers are set on these Mondays; each opens a period that ends at the next."""
PERIOD_START = np.array([day(review) for review in REVIEWS])
PERIOD_END = np.append(PERIOD_START[1:], DAYS)
PERIODS = len(REVIEWS)
PERIOD_OF_DAY = np.repeat(np.arange(PERIODS), PERIOD_END - PERIOD_START)

QUARTERS = tuple(date.fromisocalendar(year, week, 1) for year in (2023, 2024, 2025, 2026) for week in (1, 14, 27, 40))[
    3:
]
"""First Mondays of the ISO quarters that meet the window; the last one ends with ISO week 53 of 2026."""
QUARTER_END = (*(start - timedelta(days=1) for start in QUARTERS[1:]), date(2027, 1, 3))
QUARTER_OF_DAY = np.searchsorted([day(start) for start in QUARTERS], np.arange(DAYS), side="right") - 1

YEARS = (2023, 2024, 2025, 2026)
YEAR_OF_DAY = np.array([(START + timedelta(days=n)).year - YEARS[0] for n in range(DAYS)])

LAST_52_WEEKS = DAYS - 52 * 7

EVENTS = (
    *((day(new_year) - 1, day(new_year) + 6, "春节", "Spring Festival", "holiday") for new_year in SPRING_FESTIVALS),
    *((day(date(y, 10, 1)), day(date(y, 10, 7)), "国庆节", "National Day", "holiday") for y in YEARS[1:]),
    *((day(date(y, 11, 1)), day(date(y, 11, 11)), "双十一", "Double 11", "campaign") for y in YEARS[1:]),
    *((day(date(y, 6, 1)), day(date(y, 6, 18)), "618 年中大促", "618 mid-year sale", "campaign") for y in YEARS[1:]),
    (day(PRICE_CHANGE), day(PRICE_CHANGE), "目录价上调 4%", "List prices raised by 4 %", "price"),
)


def _set(weights: np.ndarray, first: date, last: date, factor: float) -> None:
    weights[max(0, day(first)) : max(0, day(last) + 1)] *= factor


def _weekdays() -> np.ndarray:
    return np.tile([1.25, 1.3, 1.3, 1.25, 1.15, 0.5, 0.25], WEEKS)


def _work_in_china() -> np.ndarray:
    weights = _weekdays()
    for new_year in SPRING_FESTIVALS:
        _set(weights, new_year - timedelta(days=7), new_year - timedelta(days=3), 0.55)
        _set(weights, new_year - timedelta(days=2), new_year + timedelta(days=7), 0.08)
        _set(weights, new_year + timedelta(days=8), new_year + timedelta(days=14), 0.65)
    for year in YEARS:
        _set(weights, date(year, 10, 1), date(year, 10, 7), 0.3)
    return weights


def _work_elsewhere() -> np.ndarray:
    weights = _weekdays()
    for year in YEARS:
        _set(weights, date(year, 12, 22), date(year + 1, 1, 2), 0.3)
        _set(weights, date(year, 8, 1), date(year, 8, 24), 0.85)
    return weights


def _quarter_ends(weights: np.ndarray) -> None:
    for year in YEARS:
        for month, last in ((3, 31), (6, 30), (9, 30), (12, 31)):
            _set(weights, date(year, month, last - 9), date(year, month, last), 1.15)


def _trade_in_china() -> np.ndarray:
    """Working days, with a rush before Spring Festival, at 618, Double 11 and the ends of quarters."""
    weights = _work_in_china()
    _quarter_ends(weights)
    for new_year in SPRING_FESTIVALS:
        _set(weights, new_year - timedelta(days=28), new_year - timedelta(days=8), 1.15)
    for year in YEARS:
        _set(weights, date(year, 11, 1), date(year, 11, 8), 1.2)
        _set(weights, date(year, 11, 9), date(year, 11, 11), 1.75)
        _set(weights, date(year, 6, 1), date(year, 6, 18), 1.15)
    return weights


def _trade_elsewhere() -> np.ndarray:
    weights = _work_elsewhere()
    _quarter_ends(weights)
    for year in YEARS:
        _set(weights, date(year, 11, 20), date(year, 12, 15), 1.15)
    return weights


class Clock:
    """Operational time, in weeks since day 0; its average over the window is a week a week."""

    def __init__(self, weights: np.ndarray) -> None:
        self.at = np.concatenate([[0.0], np.cumsum(weights) * WEEKS / weights.sum()])

    def elapsed(self, days: np.ndarray) -> np.ndarray:
        """Time at the start of these days; days outside the window count as its edges."""
        return self.at[np.clip(days, 0, DAYS)]

    def day_at(self, elapsed: np.ndarray) -> np.ndarray:
        return np.minimum(np.searchsorted(self.at, elapsed, side="right") - 1, DAYS - 1)


@dataclass(frozen=True)
class Clocks:
    """China's clock and everybody else's, chosen by a boolean `chinese` for each row."""

    china: Clock
    elsewhere: Clock

    def elapsed(self, days: np.ndarray, chinese: np.ndarray) -> np.ndarray:
        return np.where(chinese, self.china.elapsed(days), self.elsewhere.elapsed(days))

    def day_at(self, elapsed: np.ndarray, chinese: np.ndarray) -> np.ndarray:
        return np.where(chinese, self.china.day_at(elapsed), self.elsewhere.day_at(elapsed))


TRADE = Clocks(Clock(_trade_in_china()), Clock(_trade_elsewhere()))
"""The clock of purchases."""
WORK = Clocks(Clock(_work_in_china()), Clock(_work_elsewhere()))
"""The clock of visits, calls, surveys, complaints: working days and holidays, no rush."""
