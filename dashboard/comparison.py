"""What a number is compared with: one engine for every card, chart and sentence.

Previous period, the same weeks last year, last year around the same named event, the target, and everybody the
reader may see. Ratios are re-aggregated in each window, never averaged; what is undefined says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from dashboard.insight import Reader
from dashboard.language import message
from dashboard.metrics import METRICS
from dashboard.periods import COMPARISONS
from queries.population import View
from queries.schema import GRADES

FLOWS = ("revenue", "gross_margin", "cost_to_serve", "profit")
"""Metrics that add up over time and over customers: their targets are prorated by days and added up."""

NO_HISTORY = message("the data does not reach back that far")
NO_EVENT = message("no named event moves these weeks")
EVERYBODY = message("all customers are in view already")
NO_TARGET = message("no target is set for these customers and weeks")
PART_OF_WEEKS = message("the target covers only a part of these weeks")
NOT_FOR_THIS = message("targets are for regions and grades, not for the other filters")
NOT_ADDED = message("targets of several groups can't be added up")

Values = Mapping[str, float | None]
Totals = Callable[[Reader, View], Values]


@dataclass(frozen=True)
class Compared:
    """The values to compare with by metric, and why one is missing: of the metric, else of all."""

    values: Values = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    def why(self, metric: str) -> str:
        return self.reasons.get(metric, self.reason)


def compare(reader: Reader, totals: Totals) -> dict[str, Compared]:
    """What the numbers that `totals` gives of a view are compared with, by comparison.

    `totals` is asked for each window, so that ratios are those of its own sums.
    """
    found = {}
    for comparison in COMPARISONS:
        if comparison == "target":
            found[comparison] = targets(reader)
        elif comparison == "benchmark":
            found[comparison] = benchmark(reader, totals)
        elif comparison == "event" and not reader.occasion:
            found[comparison] = Compared(reason=NO_EVENT)
        else:
            view = reader.compared(comparison)
            found[comparison] = Compared(totals(reader, view)) if view else Compared(reason=NO_HISTORY)
    return found


def unknown(reader: Reader, found: Mapping[str, Compared], metrics: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Why there is nothing to compare with, in the reader's words, by comparison and metric."""
    return {
        name: {m: reader.t(what.why(m)) for m in metrics if what.values.get(m) is None and what.why(m)}
        for name, what in found.items()
    }


def benchmark(reader: Reader, totals: Totals) -> Compared:
    """Everybody the reader may see: their ratios, and their sums for as many customers as are in view."""
    if reader.filters.reset() == reader.filters:
        return Compared(reason=EVERYBODY)
    mine = totals(reader, reader.view)
    everyone = totals(reader, replace(reader.view, filters=reader.filters.reset()))
    scale = ratio(mine["customers"], everyone["customers"])
    values: dict[str, float | None] = {}
    for name, value in everyone.items():
        if value is None or (name in METRICS and is_level(name)):
            values[name] = value
        else:
            values[name] = value * scale if scale is not None else None
    return Compared(values)


def is_level(name: str) -> bool:
    """Whether a metric is a ratio or a mean, which does not grow with the number of customers."""
    return bool(METRICS[name].denominator) or METRICS[name].format in ("share", "score", "rate")


def targets(reader: Reader) -> Compared:
    """The targets of the customers in view for its weeks.

    A target is for a region or all, for a grade or all, and for days. Flows are prorated by days and added up over
    regions and grades (what has no target of its own has its parts' together); levels are averaged by days and never
    added up; the profit margin is the profit's target over the revenue's.
    """
    f = reader.filters
    if any((f.tier, f.industry, f.channel, f.manager, f.kind, f.activity, f.group, f.customer)):
        return Compared(reason=NOT_FOR_THIS)
    rows = reader.marts.targets
    regions, grades = _regions(reader), f.grade or ("",)
    if regions is None or rows.empty:
        return Compared(reason=NO_TARGET)
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for metric, part in rows.groupby("metric"):
        goals = [_goal(reader, part, str(metric), region, grade) for region in regions for grade in grades]
        if metric not in FLOWS and len(goals) > 1:
            reasons[str(metric)] = NOT_ADDED
        elif missing := [goal for goal in goals if isinstance(goal, str)]:
            reasons[str(metric)] = missing[0]
        else:
            values[str(metric)] = sum(goal for goal in goals if not isinstance(goal, str))
    if margin := ratio(values.get("profit"), values.get("revenue")):
        values.setdefault("margin", margin)
    return Compared(values, reasons, NO_TARGET)


def _regions(reader: Reader) -> tuple[str, ...] | None:
    """The regions whose targets cover exactly what the reader sees of those he chose; None when none do."""
    allowed, chosen = reader.scope.regions, reader.filters.region
    known = reader.marts.dimensions["region"]

    def above(code: str) -> Iterator[str]:
        place: str | None = code
        while place:
            yield place
            place = known[place].parent if place in known else None

    if allowed is None:
        whole = chosen or ("",)
    elif not chosen:
        whole = allowed
    elif all(set(above(code)) & set(allowed) for code in chosen):
        whole = chosen
    else:
        return None
    # A region chosen beside one it lies in is in it already.
    return tuple(code for code in whole if not set(list(above(code))[1:]) & set(whole)) or None


def _goal(reader: Reader, rows: pd.DataFrame, metric: str, region: str, grade: str) -> float | str:
    """One metric's target for a region and grade over the window, or the reason why there is none.

    What has no target of its own has that of its parts together: of the regions in it, else of the grades.
    """
    own = rows[(rows["region_code"] == region) & (rows["grade"] == grade)]
    if own.empty:
        return _of_parts(reader, rows, metric, region, grade) if metric in FLOWS else NO_TARGET
    window = reader.view.window
    days = pd.date_range(window.first_week, window.last_day, freq="D")
    daily = pd.Series(float("nan"), days)
    # Of targets for the same days the one of the shorter time counts: a month's says more than the year's.
    spans = (pd.to_datetime(own["ends_on"]) - pd.to_datetime(own["starts_on"])).dt.days + 1
    for place in spans.sort_values(ascending=False, kind="stable").index:
        value, first, last = float(own.at[place, "value"]), own.at[place, "starts_on"], own.at[place, "ends_on"]
        daily[pd.Timestamp(first) : pd.Timestamp(last)] = value / spans[place] if metric in FLOWS else value
    if daily.isna().all():
        return NO_TARGET
    if daily.isna().any():
        return PART_OF_WEEKS
    # Rounded, so that a target met to the cent isn't missed by the last bit of its parts.
    return round(float(daily.sum() if metric in FLOWS else daily.mean()), 6)


def _of_parts(reader: Reader, rows: pd.DataFrame, metric: str, region: str, grade: str) -> float | str:
    """The targets of the regions in a region together, else those of its grades; a reason when one is missing."""
    known = reader.marts.dimensions["region"]
    inside = [(code, grade) for code, entry in known.items() if entry.parent == (region or None)]
    by_grade = [(region, each) for each in GRADES] if not grade else []
    for parts in (inside, by_grade):
        total = 0.0
        for part in parts:
            goal = _goal(reader, rows, metric, *part)
            if isinstance(goal, str):
                break
            total += goal
        else:
            if parts:
                return round(total, 6)
    return NO_TARGET


def ratio(numerator: float | None, denominator: float | None) -> float | None:
    """A ratio, or None where it is undefined."""
    if numerator is None or not denominator or pd.isna(numerator) or pd.isna(denominator):
        return None
    return float(numerator) / float(denominator)
