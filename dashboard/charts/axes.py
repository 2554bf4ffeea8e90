"""Axes that name their unit once and whose ticks read in the reader's language.

Plotly's own tick formats know neither 万 nor 亿 and name months in English only, so ticks are worked out
here. Every axis is fixed: a page that scrolls must not zoom a chart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from dashboard.charts.theme import SMALL, Look
from dashboard.language import MINUS, currency_name, undefined


def axis(look: Look, **parts: Any) -> dict[str, Any]:
    """A quiet axis: thin grid, no box, small secondary type."""
    palette = look.palette
    return {
        "fixedrange": True,
        "showline": False,
        "zeroline": False,
        "showgrid": True,
        "gridcolor": palette.line,
        "gridwidth": 1,
        "ticks": "",
        "automargin": True,
        "tickfont": {"size": SMALL, "color": palette.secondary},
        **parts,
    }


def bare(look: Look, **parts: Any) -> dict[str, Any]:
    """An axis that only places marks: no grid, no ticks, no labels."""
    return axis(look, showgrid=False, showticklabels=False, **parts)


def title(text: str, look: Look) -> dict[str, Any]:
    """The small title under a horizontal axis."""
    return {"text": text, "font": {"size": SMALL, "color": look.palette.secondary}, "standoff": 6}


def names_axis(look: Look, labels: Sequence[str], **parts: Any) -> dict[str, Any]:
    """Rows by position, first on top: the order is the table's and equal names stay two rows."""
    return axis(
        look,
        showgrid=False,
        tickvals=list(range(len(labels))),
        ticktext=list(labels),
        tickfont={"size": 12, "color": look.palette.text},
        range=[len(labels) - 0.5, -0.5],
        ticklabelstandoff=6,
        **parts,
    )


def span(*groups: Iterable[float | None], zero: bool = True) -> tuple[float, float]:
    """Lowest and highest of all defined values, zero among them unless told otherwise."""
    values = [float(v) for group in groups for v in group if not undefined(v)]
    if zero or not values:
        values.append(0.0)
    return min(values), max(values)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers (1, 2 or 5 times a power of ten) between low and high."""
    if high <= low:
        return [low]
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def measured(look: Look, *parts: str) -> str:
    """What an axis measures, in which unit and on which scale; a currency nobody named leaves no gap."""
    return ("，" if look.language.code == "zh" else ", ").join(part for part in parts if part)


def money_axis(look: Look, low: float, high: float, count: int = 5, **parts: Any) -> tuple[dict[str, Any], str]:
    """A money axis and its unit, which the caller names once: ticks 0 5 10 beside '¥M' or '万元'."""
    step, unit = money_unit(look, max(abs(low), abs(high)))
    places = ticks(low, high, count)
    labels = [plain(place / step) for place in places]
    return axis(look, tickvals=places, ticktext=labels, range=[low, high], **parts), unit


def money_unit(look: Look, size: float) -> tuple[float, str]:
    """The unit that keeps amounts of this size short: (1e6, '¥M'), (1e4, '万元')."""
    name = currency_name(look.currency, look.language.code)
    for step, unit in look.language.steps:
        if size >= 2 * step:
            return step, name + unit if look.language.code == "en" else unit + name
    return 1.0, name


def number_axis(look: Look, low: float, high: float, count: int = 5, **parts: Any) -> dict[str, Any]:
    """An axis of counts: there are no half customers."""
    places = [place for place in ticks(low, high, count) if place == int(place)]
    labels = [look.language.number(place) for place in places]
    return axis(look, tickvals=places, ticktext=labels, range=[low, high], **parts)


def percent_axis(look: Look, low: float, high: float, count: int = 5, **parts: Any) -> dict[str, Any]:
    """An axis of fractions read as percentages."""
    places = ticks(low, high, count)
    labels = [look.language.percent(place) for place in places]
    return axis(look, tickvals=places, ticktext=labels, range=[low, high], **parts)


def week_axis(look: Look, weeks: Sequence[date], count: int = 5, **parts: Any) -> dict[str, Any]:
    """A time axis of ordered weeks with at most `count` month names, the year under the first of each."""
    firsts = _month_firsts(weeks[0], weeks[-1]) or [weeks[0]]
    step = next(s for s in (1, 2, 3, 4, 6, 12, 24, 60, 240, 100_000) if math.ceil(len(firsts) / s) <= count)
    shown = [day for day in firsts if (day.year * 12 + day.month - 1) % step == 0] or firsts[:1]
    labels = []
    for before, day in zip([None, *shown], shown, strict=False):
        year = look.language.t("{year}", year=day.year) if before is None or before.year != day.year else ""
        labels.append(f"{look.language.month(day)}<br>{year}")
    ends = [weeks[0] - timedelta(days=3), weeks[-1] + timedelta(days=3)]
    return axis(look, type="date", showgrid=False, tickvals=shown, ticktext=labels, range=ends, **parts)


def plain(x: float) -> str:
    """A number on a tick: no unit, a true minus, no trailing zeros."""
    text = f"{abs(x):,.10g}" if abs(x) < 1e6 else f"{abs(x):,.0f}"
    return MINUS + text if x < 0 else text


def _month_firsts(first: date, last: date) -> list[date]:
    """The first day of every month from one day to another."""
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    days = [date(month // 12, month % 12 + 1, 1) for month in months]
    return [day for day in days if first <= day]
