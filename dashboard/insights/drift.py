"""Slow shifts of a metric: which one, of whom, since when, with the false alarms of a year under control.

A week is set against the same week a year earlier (around the same named event where one moves), which takes the season
off; the differences go into a self-starting CUSUM (Page 1954; Hawkins 1987, see `analysis.monitoring`). Its limit is
set so that all series watched together raise only so many false alarms a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from dashboard.analysis.monitoring import cusum_run_length, drift
from dashboard.insight import Reader
from dashboard.metrics import METRICS
from dashboard.periods import WEEK, YEAR, Window, around, year_before
from queries.population import weeks

FEWEST_WEEKS = 26
"""Weeks with one a year earlier, below which nothing is said of a series."""
WEEKS_A_YEAR = 52
LEAST = 1.0
"""The lowest limit there is."""
RATIOS = {"margin": ("profit", "revenue"), "satisfaction": ("satisfaction_sum", "satisfaction_n")}
"""What a ratio is made of week by week; any other metric is a sum of its own."""
SUMS = ("revenue", "gross_margin", "cost_to_serve", "profit", "satisfaction_sum", "satisfaction_n")


@dataclass(frozen=True)
class Drift:
    """A metric's CUSUM to the wrong side (`height`), the week since when it runs, and the metric over the weeks since
    and the same weeks a year earlier: a ratio of sums, or a mean a week."""

    metric: str
    height: float
    since: date
    value: float
    before: float


@cache
def limit(series: int, false_per_year: float) -> float:
    """The height from which so many series raise no more false alarms in a year, as a mean."""
    wanted = max(series * WEEKS_A_YEAR / false_per_year, cusum_run_length(LEAST))
    return float(brentq(lambda h: np.log(cusum_run_length(h) / wanted), LEAST, 30.0, xtol=1e-3))


def drifts(reader: Reader, metrics: Sequence[str], level: int | None = None) -> dict[str, list[Drift]]:
    """How far each of the metrics has drifted to the wrong side by the week of the reader's view, by the code of each
    region at a level of the tree; by '' for all customers in view without one."""
    calendar, last = reader.calendar, reader.view.window.last_week
    first = calendar.first_week + YEAR
    shown = [first + WEEK * i for i in range((last - first) // WEEK + 1)]
    if len(shown) < FEWEST_WEEKS:
        return {}
    before = [_year_before(reader, week) for week in shown]
    known = reader.rows(weeks(reader.view, Window(calendar.first_week, last), level))
    known = known.assign(week=pd.to_datetime(known["week"]).dt.date).set_index("week")
    parts = known.groupby("code") if level is not None else [("", known)]
    found = {}
    for code, part in parts:
        sums = part[list(SUMS)].astype(float)
        found[str(code)] = _drifts(metrics, shown, sums.reindex(shown), sums.reindex(before))
    return found


def _drifts(metrics: Sequence[str], shown: list[date], now: pd.DataFrame, then: pd.DataFrame) -> list[Drift]:
    values = np.array([_metric(metric, now) - _metric(metric, then) for metric in metrics])
    found = []
    for row in drift(metrics, values).table.itertuples():
        wrong = "down" if METRICS[row.customer].good == "up" else "up"
        if row.periods < FEWEST_WEEKS or row.direction != wrong or row.since < 0:
            continue
        sides = [_metric(row.customer, side.iloc[row.since :].mean().to_frame().T)[0] for side in (now, then)]
        found.append(Drift(row.customer, max(row.up, row.down), shown[row.since], *map(float, sides)))
    return found


def _year_before(reader: Reader, week: date) -> date:
    moved = around(Window(week, week), reader.marts.occasions)
    return moved[0].last_week if moved else year_before(week)


def _metric(metric: str, sums: pd.DataFrame) -> np.ndarray:
    """A metric week by week; undefined without anything to divide by."""
    above, below = RATIOS.get(metric, (metric, ""))
    values = sums[above].to_numpy(dtype=float)
    if not below:
        return values
    base = sums[below].to_numpy(dtype=float)
    return np.divide(values, base, out=np.full(len(values), np.nan), where=base > 0)
