"""Pictures of satisfaction and word of mouth: the curve with its two thresholds, and what goes with it.

The curve is the indifference-zone model: flat in the middle, exponential praise above one threshold and
complaint below another. Rates are read as events per 100 customers a month.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.axes import axis, bare, measured, money_axis, percent_axis, plain, span, ticks, title
from dashboard.charts.marks import FADED, ROW, Column, area, bars_of, hover, interval, ranking, tones
from dashboard.charts.marks import curve as curve_of
from dashboard.charts.theme import (
    SIZE,
    Look,
    annotation,
    band,
    caption,
    clean,
    empty,
    figure,
    labels_of,
    layout,
    line,
    mix,
    rows,
    see_through,
)
from dashboard.language import MINUS, UNDEFINED, undefined

PER = 100  # customers: a rate of 0.012 a month reads as 1.2 events per 100 customers


def curve(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """The word-of-mouth curve: praise above a common zero, complaint below it, the silent zone in between.

    Points are binned means with intervals, sized by how many answers they rest on; lines are the fitted
    curve with its band; at the foot, in the same satisfaction scale, today's customers.
    """
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    bins = table.sort_values("satisfaction")
    x = clean(bins["satisfaction"])
    first, last, places = _scale(x)
    sides = (("praise", 1, palette.gain), ("complaint", -1, palette.loss))
    fitted = [_Fit(point) for point in numbers.get("fitted") or []]
    low, high = _reach(bins, fitted)
    traces: list[dict[str, Any]] = []
    for side, sign, color in sides:
        traces += _fitted(fitted, side, sign, color, look)
        traces.append(_means(bins, x, side, sign, color, look))
    traces.append(_foot(bins, numbers, look))
    zone, words = _thresholds(numbers, (first, last), (low, high), look)
    values = ticks(low, high, 7)
    base = layout(
        look,
        height=470,
        margin={"l": 8, "r": 20, "t": 48, "b": 8, "pad": 0},
        bargap=0.08,
        xaxis=axis(
            look,
            range=[first, last],
            tickvals=places,
            showgrid=False,
            anchor="y2",
            title=title(say("Satisfaction"), look),
        ),
        yaxis=axis(
            look,
            domain=[0.22, 1],
            range=[low, high],
            tickvals=values,
            ticktext=[plain(abs(v)) for v in values],
        ),
        yaxis2=bare(look, domain=[0, 0.14], rangemode="tozero"),
        shapes=[*zone, line(look, 0, 1, 0, 0, palette.secondary, xref="paper")],
        annotations=[
            caption(say("Events per 100 customers a month<br>(bars and bands: 95% intervals)"), look),
            caption(say("Customers today"), look, y=0.14, yshift=4),
            *words,
        ],
    )
    return figure(traces, base)


def standing(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Where today's customers stand on the curve: complaining, silent or praising, with their money."""
    if table.empty:
        return empty(look)
    palette, say, language = look.palette, look.language.t, look.language
    looks = {
        "complaining": (say("Complaining"), palette.loss),
        "indifferent": (say("Indifferent"), palette.neutral),
        "praising": (say("Praising"), palette.gain),
    }
    found = {z[0]: z for z in rows(table, ["zone", "customers", "revenue", "profit"])}
    zones = [found[code] for code in looks if code in found]
    total = sum(z[1] or 0 for z in zones)
    shares = [(z[1] or 0) / total if total else 0 for z in zones]
    names = [looks[z[0]][0] for z in zones]
    hovers = [
        hover(
            name,
            (say("Customers"), f"{language.number(z[1], exact=True)} ({language.percent(share)})"),
            (say("Revenue"), look.money(z[2])),
            (say("Profit"), look.money(z[3])),
        )
        for name, z, share in zip(names, zones, shares, strict=True)
    ]
    trace = bars_of(clean(shares), [[z[0]] for z in zones], [looks[z[0]][1] for z in zones], hovers)
    columns = [
        Column(say("Customers"), [language.number(z[1]) for z in zones], width=62),
        Column("", [language.percent(share, 0) for share in shares], width=40),
        Column(say("Profit"), [look.money(z[3]) for z in zones], tones([z[3] for z in zones], look), width=66),
    ]
    return ranking(look, names, [trace], columns, *span(shares))


def by_group(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Mean satisfaction of each group with its 95 % interval, highest first; a dot filters by its group."""
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    groups = rows(
        table.sort_values("satisfaction", ascending=False, na_position="last"),
        ["code", "name", "satisfaction", "low", "high", "n"],
    )
    names = labels_of(g[1] for g in groups)
    means = [g[2] for g in groups]
    low, high = span(means, [g[3] for g in groups], [g[4] for g in groups], zero=False)
    room = (high - low) * 0.06 or 0.1
    hovers = [
        hover(
            name,
            (say("Satisfaction"), _score(g[2])),
            (say("95% interval"), say("{low} to {high}", low=_score(g[3]), high=_score(g[4]))),
            (say("Answers"), look.language.number(g[5])),
        )
        for name, g in zip(names, groups, strict=True)
    ]
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": clean(means),
        "y": list(range(len(groups))),
        "marker": {"color": palette.accent, "size": 10},
        "error_x": interval([g[4] for g in groups], means, [g[3] for g in groups], palette.neutral),
        "customdata": [[g[0]] for g in groups],
        "hovertext": hovers,
        "hoverinfo": "text",
        "unselected": FADED,
    }
    columns = [
        Column(say("Satisfaction"), [_score(m) for m in means], width=78),
        Column(
            say("Answers"),
            [look.language.number(g[5]) for g in groups],
            [palette.secondary] * len(groups),
            62,
        ),
    ]
    places = ticks(low - room, high + room, 4)
    return ranking(
        look,
        names,
        [trace],
        columns,
        low,
        high,
        height=66 + ROW * len(groups),
        xaxis=axis(look, range=[low - room, high + room], tickvals=places, ticktext=[plain(p) for p in places]),
        shapes=[],
    )


def loyalty(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """The share that buys again by satisfaction, with its band; larger dots rest on more answers."""
    if table.empty:
        return empty(look)
    palette, say, language = look.palette, look.language.t, look.language
    points = rows(
        table.sort_values("satisfaction"),
        ["satisfaction", "n", "repurchase_rate", "low", "high", "recommend"],
    )
    x = clean(p[0] for p in points)
    first, last, places = _scale(x)
    rates = clean(p[2] for p in points)
    hovers = [
        hover(
            say("Satisfaction {score}", score=_score(p[0])),
            (say("Buys again"), language.percent(p[2])),
            (
                say("95% interval"),
                say("{low} to {high}", low=language.percent(p[3]), high=language.percent(p[4])),
            ),
            (say("Would recommend, 0 to 10"), _score(p[5])),
            (say("Answers"), language.number(p[1])),
        )
        for p in points
    ]
    solid = {"opacity": 1, "line": {"color": palette.page, "width": 1}}
    traces = [
        area(
            x,
            clean(p[3] for p in points),
            clean(p[4] for p in points),
            mix(palette.accent, palette.page, 0.15),
        ),
        curve_of(
            x,
            rates,
            palette.accent,
            2.2,
            mode="lines+markers",
            marker={"size": _sizes([p[1] for p in points]), "color": palette.accent, **solid},
            hovertext=hovers,
            hoverinfo="text",
            cliponaxis=False,
        ),
    ]
    low, high = span(rates, [p[4] for p in points])
    base = layout(
        look,
        height=330,
        margin={"l": 8, "r": 20, "t": 48, "b": 8, "pad": 0},
        xaxis=axis(look, range=[first, last], tickvals=places, showgrid=False, title=title(say("Satisfaction"), look)),
        yaxis=percent_axis(look, low, min(high * 1.08, 1.04) or 1),
        annotations=[caption(say("Share that buys again within half a year<br>(band: 95% interval)"), look)],
    )
    return figure(traces, base)


def drivers(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """What drives satisfaction: how much each item moves it, with its interval, and how it is rated.

    Only an item that matters more than the average and is rated below it, both beyond chance, is marked.
    """
    items = table.dropna(subset=["importance", "performance"]) if len(table) else table
    if items.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    columns = ["item", "name", "importance", "low", "high", "performance", "performance_low", "performance_high"]
    found = rows(items.sort_values("importance", ascending=False), columns)
    names = labels_of(i[1] for i in found)
    urgent = [i[0] in (numbers.get("improve") or []) for i in found]
    hovers = [
        hover(
            name,
            (say("Importance"), _score(i[2])),
            (say("95% interval"), say("{low} to {high}", low=_score(i[3]), high=_score(i[4]))),
            (say("Rated, 1 to 5"), _score(i[5])),
            (say("95% interval"), say("{low} to {high}", low=_score(i[6]), high=_score(i[7]))),
        )
        for name, i in zip(names, found, strict=True)
    ]
    middle, low, high = ([i[place] for i in found] for place in (2, 3, 4))
    bars = bars_of(
        clean(middle),
        [[i[0]] for i in found],
        [palette.accent if u else palette.neutral for u in urgent],
        hovers,
        error_x=interval(high, middle, low, palette.secondary),
    )
    rated = [_score(i[5]) for i in found]
    columns_shown = [Column(say("Rated, 1 to 5"), rated, width=80)]
    if any(urgent):
        told = [say("Improve first") if u else "" for u in urgent]
        columns_shown.append(Column("", told, [palette.accent] * len(found), width=84))
    key = annotation(
        say("Importance (line: 95% interval)"), 0, 1, palette.secondary, anchor="left", xref="paper", yref="paper"
    )
    notes = [key | {"yanchor": "bottom", "yshift": 6}]
    return ranking(look, names, [bars], columns_shown, *span(middle, low, high), notes=notes)


class _Fit:
    """A point of the fitted curve: satisfaction, and the rate of a side with its band, per 100 customers."""

    def __init__(self, point: dict[str, Any]) -> None:
        self.s = point["s"]
        self._point = point

    def rate(self, key: str) -> float | None:
        value = self._point.get(key)
        return None if undefined(value) else float(value) * PER


def _scale(x: Sequence[float | None]) -> tuple[float, float, list[float]]:
    """The ends and ticks of the scale the values lie on: answers of 1 to 5, or an index of 0 to 100."""
    if span(x)[1] <= 5:
        return 0.9, 5.1, [1, 2, 3, 4, 5]
    return -2, 102, [0, 20, 40, 60, 80, 100]


def _reach(bins: pd.DataFrame, fitted: Sequence[_Fit]) -> tuple[float, float]:
    """The vertical range: what the curve and the means reach; a wide interval may run out of the picture."""
    ends = []
    for side in ("complaint", "praise"):
        means = [v * PER for v in clean(bins[f"{side}_rate"]) if v is not None]
        tops = [v * PER for v in clean(bins[f"{side}_high"]) if v is not None]
        lines = [v for f in fitted if (v := f.rate(side)) is not None]
        best = max([*means, *lines], default=0.0)
        ends.append(min(max([best, *tops]), best * 1.4) or 0.1)
    return -ends[0] * 1.12, ends[1] * 1.12


def _fitted(fitted: Sequence[_Fit], side: str, sign: int, color: str, look: Look) -> list[dict[str, Any]]:
    if not fitted:
        return []
    s = clean(f.s for f in fitted)
    keys = (side, f"{side}_low", f"{side}_high")
    middle, low, high = (clean(None if (v := f.rate(key)) is None else sign * v for f in fitted) for key in keys)
    return [area(s, low, high, mix(color, look.palette.page, 0.2)), curve_of(s, middle, color, 2.5)]


def _means(
    bins: pd.DataFrame, x: Sequence[float | None], side: str, sign: int, color: str, look: Look
) -> dict[str, Any]:
    say, language = look.language.t, look.language
    means = rows(bins, ["n", f"{side}_rate", f"{side}_low", f"{side}_high", "referral_rate"])
    name = say("Praise") if side == "praise" else say("Complaint")
    hovers = [
        hover(
            say("Satisfaction {score}", score=_score(s)),
            (name, _rate(rate, look)),
            (say("95% interval"), say("{low} to {high}", low=_rate(low, look), high=_rate(high, look))),
            *([(say("Referral"), _rate(referral, look))] if side == "praise" else []),
            (say("Answers"), language.number(n)),
        )
        for s, (n, rate, low, high, referral) in zip(x, means, strict=True)
    ]
    ends = [tuple(None if v is None else sign * v * PER for v in (high, rate, low)) for _, rate, low, high, _ in means]
    upper, middle, lower = (list(part) for part in zip(*ends, strict=True))
    if sign < 0:
        upper, lower = lower, upper
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": clean(middle),
        "marker": {
            "color": color,
            "size": _sizes([n for n, *_ in means]),
            "line": {"color": look.palette.page, "width": 1},
            "opacity": 1,
        },
        "error_y": interval(upper, middle, lower, see_through(color, 0.45)),
        "hovertext": hovers,
        "hoverinfo": "text",
    }


def _foot(bins: pd.DataFrame, numbers: dict[str, Any], look: Look) -> dict[str, Any]:
    """Today's customers by satisfaction, coloured by the zone they stand in."""
    palette, say = look.palette, look.language.t
    complaint, praise = (_estimate(numbers.get(f"{side}_threshold")) for side in ("complaint", "praise"))
    places, counts = _today(bins, numbers)
    colors = []
    for place in places:
        loud = praise is not None and place is not None and place > praise
        cross = complaint is not None and place is not None and place < complaint
        colors.append(palette.gain if loud else palette.loss if cross else palette.neutral)
    hovers = [
        hover(
            say("Satisfaction {score}", score=_score(place)),
            (say("Customers today"), look.language.number(count, exact=True)),
        )
        for place, count in zip(places, counts, strict=True)
    ]
    return {
        "type": "bar",
        "x": places,
        "y": counts,
        "yaxis": "y2",
        "marker": {"color": colors},
        "hovertext": hovers,
        "hoverinfo": "text",
    }


def _today(bins: pd.DataFrame, numbers: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Centres and counts of today's customers: in their own narrow bands where given, else in the curve's."""
    bands = [band for band in numbers.get("customers_by_score") or [] if not undefined(band["low"])]
    if not bands:
        counts = bins["customers"] if "customers" in bins else [None] * len(bins)
        return clean(bins["satisfaction"]), clean(counts)
    lows = sorted(float(band["low"]) for band in bands)
    width = min((b - a for a, b in pairwise(lows)), default=0.25)
    return clean(float(b["low"]) + width / 2 for b in bands), clean(b["customers"] for b in bands)


def _thresholds(
    numbers: dict[str, Any], x_range: tuple[float, float], y_range: tuple[float, float], look: Look
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The silent zone between the thresholds in grey, each with its interval, and the words for all three.

    Words stand where the picture is empty: praise above on its left, complaint below on its right.
    """
    palette, say = look.palette, look.language.t
    (first, last), (low, high) = x_range, y_range
    complaint, praise = (_estimate(numbers.get(f"{side}_threshold")) for side in ("complaint", "praise"))
    shapes, words = [], []
    if complaint is not None and praise is not None and complaint < praise:
        shapes.append(band(complaint, praise, low, high, mix(palette.neutral, palette.page, 0.14)))
        name = say("Zone of<br>indifference")
        words.append(annotation(name, (complaint + praise) / 2, high * 0.62, palette.secondary))
    for side, place, color in (("complaint", complaint, palette.loss), ("praise", praise, palette.gain)):
        if place is not None:
            ends = [numbers[f"{side}_threshold"].get(end) for end in ("low", "high")]
            if not any(undefined(end) for end in ends):
                shapes.append(band(ends[0], ends[1], low, high, mix(color, palette.page, 0.18)))
            shapes.append(line(look, place, place, low, high, color, line={"dash": "dot"}))
    text = say("Complaint") if complaint is None else say("← Complaints below {score}", score=_score(complaint))
    place, side = (last, "right") if complaint is None else (complaint, "left")
    words.append(_word(text, place, low, palette.loss, side, "bottom"))
    text = say("Praise") if praise is None else say("Praise above {score} →", score=_score(praise))
    place, side = (first, "left") if praise is None else (praise, "right")
    words.append(_word(text, place, high, palette.gain, side, "top"))
    return shapes, words


def _word(text: str, x: float, y: float, color: str, side: str, edge: str) -> dict[str, Any]:
    shift = 5 if side == "left" else -5
    return annotation(f"<b>{text}</b>", x, y, color, SIZE, anchor=side, yanchor=edge, xshift=shift)


def _estimate(threshold: dict[str, Any] | None) -> float | None:
    value = threshold.get("estimate") if threshold else None
    return None if undefined(value) else float(value)


def _sizes(counts: Sequence[float | None]) -> list[float]:
    """Diameters whose areas follow the counts, 5 to 15 pixels."""
    most = max((c for c in counts if c), default=1)
    return [round(max(5.0, 15 * math.sqrt((c or 0) / most)), 1) for c in counts]


def _score(value: float | None) -> str:
    if value is None:
        return UNDEFINED
    size = abs(value)
    digits = f"{size:.2f}" if size < 9.995 else f"{size:.1f}".removesuffix(".0")
    return MINUS + digits if value < 0 and float(digits) else digits


def _rate(value: float | None, look: Look) -> str:
    return look.language.number(None if value is None else float(f"{value * PER:.3g}"))


def worth(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """What one more point is worth at each satisfaction, with its band, against what a point costs.

    Left of the first candidate more satisfaction pays; between the two it does not; whether the climb to full
    satisfaction pays is the area above the cost line against the area below it.
    """
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    x = clean(table["satisfaction"])
    value, low, high = (clean(table[name]) for name in ("worth_of_a_point", "worth_low", "worth_high"))
    cost = clean(table["cost_of_a_point"])
    bottom, top = span(value, low, high, cost)
    yaxis, unit = money_axis(look, bottom, top + (top - bottom) * 0.12)
    hovers = [
        hover(
            say("Satisfaction {score}", score=_score(place)),
            (say("Worth of one more point"), look.money(point)),
            (say("From fewer complaints"), look.money(complaints)),
            (say("From more praise"), look.money(praise)),
        )
        for place, point, complaints, praise in rows(
            table, ["satisfaction", "worth_of_a_point", "from_complaints", "from_praise"]
        )
    ]
    traces = [
        area(x, low, high, mix(palette.accent, palette.page, 0.16)),
        curve_of(x, cost, palette.neutral, 1.5, "dash"),
        curve_of(x, value, palette.accent, 2.5, hoverinfo="text", hovertext=hovers),
    ]
    left, right, places = _scale(x)
    said_cost = say("What a point costs: {cost}", cost=look.money(cost[0]))
    words, lines = [], []
    meaning = say("What word of mouth is worth, less what this satisfaction costs, a customer and month")
    for name in ("interior", "corner"):
        place = numbers[name]
        better = (name == "corner") == bool(numbers["corner_pays"])
        color = palette.accent if better else palette.secondary
        lines.append(line(look, place["score"], place["score"], 0, 1, color, yref="paper", line={"dash": "dot"}))
        aim = say("Aim for {score}", score=f"{place['score']:.2g}")
        said = f"<b>{aim}</b><br>" + say("net {amount} a month", amount=look.money(place["profit"], plus=True))
        words.append(
            annotation(said, place["score"], 1, color, anchor="right", yref="paper", yanchor="top", xshift=-5)
            | {"hovertext": meaning, "captureevents": True}
        )
    words += [
        caption(measured(look, say("Worth of one more point, a customer and month"), unit), look),
        annotation(said_cost, places[len(places) // 2], cost[0] or 0, palette.secondary, yanchor="bottom"),
    ]
    heading = title(say("Satisfaction, 1 to 5"), look)
    base = layout(
        look,
        height=340,
        hoverdistance=-1,
        xaxis=axis(look, range=[left, right], tickvals=places, showgrid=False, title=heading),
        yaxis=yaxis,
        shapes=lines,
        annotations=words,
    )
    return figure(traces, base)
