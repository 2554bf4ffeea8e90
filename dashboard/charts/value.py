"""Pictures of how value is spread: whale curve, Lorenz curve, distribution, deciles, trend and regions.

The whale curve is Kaplan's cumulative profit of customers ranked by profit; the Lorenz curve is drawn for
revenue only, since shares of a signed amount are no shares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.axes import axis, measured, money_axis, number_axis, percent_axis, span, title, week_axis
from dashboard.charts.marks import (
    FADED,
    Column,
    area,
    bars_of,
    curve,
    dot,
    hover,
    interval,
    ranking,
    texts_of,
    tones,
)
from dashboard.charts.theme import (
    SMALL,
    Look,
    annotation,
    band,
    caption,
    clean,
    customers,
    empty,
    escape,
    figure,
    labels_of,
    layout,
    line,
    mix,
    rows,
    short,
    width_of,
)
from dashboard.language import symbol, undefined

MOST_ROOM = 1.3
"""How far an interval may raise the top of the whale curve; a wider one, of few customers, runs out of the picture."""
LANES = 4  # rows of event names above a time line
EVENT_NAME = 28  # letters of an event's name
NARROW = 235  # pixels of plot on a phone, where the names of events must not meet


def whale(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Cumulative profit of customers ranked by profit: the rise, the peak, and what is lost after it.

    Above 100 % of the total the area is tinted as loss; the three zones are a strip on the axis with their
    counts and money below. Where the total is not positive, shares mean nothing and money is drawn.
    """
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    in_shares = bool(table["profit_share"].notna().any())
    x, y = clean(table["customers_share"]), clean(table["profit_share" if in_shares else "profit"])
    low, high = span(y, [1.0 if in_shares else 0.0])
    high = min(max(high, numbers.get("peak_share_high") or 0), high * MOST_ROOM) if in_shares else high
    low, high = low - (high - low) * 0.02 * (low < 0), high + (high - low) * 0.16
    if in_shares:
        yaxis, heading = percent_axis(look, low, high), say("Cumulative profit, % of the total")
    else:
        yaxis, unit = money_axis(look, low, high)
        heading = measured(look, say("Cumulative profit"), unit)
    share = say("{share} of the total profit", share="%{y:.0%}") + "<br>" if in_shares else ""
    best = say("Best {share} of customers", share="%{x:.0%}")
    profit = curve(
        x,
        y,
        palette.accent,
        2.5,
        customdata=[look.money(value) for value in clean(table["profit"])],
        hoverinfo="text",
        hovertemplate=f"{best}<br>{share}%{{customdata}}<extra></extra>",
    )
    points, words = _peak(x, y, numbers, look, in_shares, high)
    shapes = [line(look, 0, 1, 0, 0, palette.neutral)]
    notes = [caption(heading, look), *words, *_zone_words(numbers.get("zones") or [], look)]
    above = []
    if in_shares:
        above = [_above_the_total(x, y, mix(palette.loss, palette.page, 0.16))]
        shapes.append(line(look, 0, 1, 1, 1, palette.neutral))
        total = say("100% = {total}", total=look.money(numbers.get("total_profit")))
        notes.append(annotation(total, 1, 1, palette.secondary, anchor="right", yanchor="top", yshift=-3))
        top_point, top_words, top_line = _best_fifth(numbers, look)
        points, notes, shapes = [*points, *top_point], [*notes, *top_words], [*shapes, *top_line]
    heading = say("Customers, most profitable first")
    base = layout(
        look,
        height=430,
        margin={"l": 8, "r": 20, "t": 34, "b": 104, "pad": 0},
        hoverdistance=-1,
        xaxis=percent_axis(look, 0, 1, showgrid=False, ticklabelstandoff=8, title=title(heading, look)),
        yaxis=yaxis,
        shapes=[*shapes, *_zone_strip(numbers.get("zones") or [], look)],
        annotations=notes,
    )
    return figure([*above, profit, *points], base)


def lorenz(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Cumulative revenue of customers ranked upward, under the line of equal shares; the gap is the Gini."""
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    x, y = clean(table["customers_share"]), clean(table["revenue_share"])
    template = say("Smallest {share} of customers", share="%{x:.0%}") + "<br>"
    template += say("{share} of the revenue", share="%{y:.0%}") + "<extra></extra>"
    traces = [
        area(x, y, x, mix(palette.accent, palette.page, 0.12)),
        curve([0, 1], [0, 1], palette.neutral, 1, "dash"),
        curve(x, y, palette.accent, 2.5, hoverinfo="text", hovertemplate=template),
    ]
    notes = [
        caption(say("Cumulative revenue, % of the total"), look),
        annotation(say("Equal shares"), 0.3, 0.3, palette.secondary, anchor="right", xshift=-8, yshift=6),
    ]
    gini, top = numbers.get("gini"), numbers.get("top_20_share")
    if not undefined(gini) and not undefined(top):
        traces.append(dot([0.8], [1 - top], palette.accent))
        text = f"<b>{say('The largest 20%<br>make {share}', share=look.language.percent(top))}</b><br>"
        text += say("Gini {gini}", gini=f"{gini:.2f}")
        where: dict[str, Any] = {"anchor": "right", "yanchor": "bottom", "xshift": -8, "yshift": -8}
        meaning = say("Gini: 0 when all customers bring the same, 1 when one brings everything")
        where |= {"hovertext": meaning, "captureevents": True}
        notes.append(annotation(text, 0.8, 1 - top, palette.text, **where))
    heading = say("Customers, smallest first")
    base = layout(
        look,
        height=380,
        hoverdistance=-1,
        xaxis=percent_axis(look, 0, 1, showgrid=False, title=title(heading, look)),
        yaxis=percent_axis(look, 0, 1.02),
        annotations=notes,
    )
    return figure(traces, base)


def distribution(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """How many customers have how much revenue, on a log scale; deciles tick the foot, the median is named.

    Customers at zero or below have no place on a log scale: they stand apart on the left.
    """
    if table.empty:
        return empty(look)
    say = look.language.t
    bins = rows(table, ["low", "high", "customers", "revenue"])
    ends = [(math.log10(b[0]), math.log10(b[1])) if b[0] and b[0] > 0 else None for b in bins]
    first = min((e[0] for e in ends if e), default=0.0)
    last = max((e[1] for e in ends if e), default=first + 1)
    apart = (first - (last - first) * 0.09, first - (last - first) * 0.03)
    top = span([b[2] for b in bins])[1] * 1.2 or 1
    shapes, notes = _averages(numbers, (first, last), top, look)
    decades = range(math.ceil(first), math.floor(last) + 1, 1 if last - first <= 6 else 2)
    places, labels = [float(d) for d in decades], [look.language.compact(10.0**d) for d in decades]
    if None in ends:
        places, labels = [sum(apart) / 2, *places], ["≤0", *labels]
    unit = symbol(look.currency, look.language.code)
    heading = measured(look, say("Revenue per customer"), unit, say("log scale"))
    heading += "<br>" + say("(ticks mark tenths of customers)")
    base = layout(
        look,
        height=330,
        bargap=0,
        xaxis=axis(
            look,
            showgrid=False,
            tickvals=clean(places),
            ticktext=labels,
            range=[(apart[0] if None in ends else first) - 0.05, last + 0.05],
            ticklabelstandoff=4,
            title=title(heading, look),
        ),
        yaxis=number_axis(look, 0, top),
        shapes=shapes,
        annotations=[caption(say("Customers"), look), *notes],
    )
    return figure([_histogram(bins, ends, apart, look), _foot_ticks(numbers.get("deciles") or [], look)], base)


def deciles(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Profit share of each tenth of customers, best first; a line shows the same tenth's revenue share.

    Where the total profit is not positive the bars are money; where it is unknown they are revenue.
    """
    if table.empty:
        return empty(look)
    palette, say, language = look.palette, look.language.t, look.language
    columns = ["decile", "customers", "revenue", "profit", "revenue_share", "profit_share"]
    tenths = rows(table.sort_values("decile"), columns)
    known = any(tenth[3] is not None for tenth in tenths)
    in_shares = not known or any(tenth[5] is not None for tenth in tenths)
    shown = (5 if in_shares else 3) if known else 4
    place, profit = [tenth[0] for tenth in tenths], [tenth[shown] for tenth in tenths]
    revenue = [tenth[4] if in_shares and known else None for tenth in tenths]
    low, high = span(profit, revenue)
    room = (high - low) * 0.12 or 0.1
    low, high = low - room * (low < 0), high + room
    if in_shares:
        yaxis, heading = (
            percent_axis(look, low, high),
            (say("Share of profit (bars) and of revenue (lines)") if known else say("Share of revenue")),
        )
    else:
        yaxis, unit = money_axis(look, low, high)
        heading = measured(look, say("Profit"), unit)
    hovers = [
        hover(
            say("Tenth {decile}", decile=decile),
            (say("Customers"), language.number(count)),
            (say("Revenue"), f"{look.money(revenue)} ({language.percent(revenue_share)})"),
            (say("Profit"), f"{look.money(profit)} ({language.percent(profit_share)})"),
        )
        for decile, count, revenue, profit, revenue_share, profit_share in tenths
    ]
    colors = [palette.loss if (p or 0) < 0 else palette.accent for p in profit]
    upright = {"orientation": "v", "x": place, "y": clean(profit)}
    shares = {"symbol": "line-ew", "size": 18, "line": {"width": 2, "color": palette.secondary}}
    labels = [language.percent(p, 0) if in_shares else look.money(p) for p in profit]
    heights = [
        p if p is None else p - room * 0.1 if p < 0 else max(p, r or 0) + room * 0.05
        for p, r in zip(profit, revenue, strict=True)
    ]
    traces = [
        bars_of(profit, [[d] for d in place], colors, hovers, **upright),
        dot(place, clean(revenue), palette.secondary, marker=shares),
        texts_of(place, clean(heights), labels, look, ["bottom" if (p or 0) < 0 else "top" for p in profit]),
    ]
    heading_below = (
        say("Tenths of customers, most profitable first") if known else say("Tenths of customers, largest first")
    )
    base = layout(
        look,
        height=320,
        xaxis=axis(look, showgrid=False, tickvals=place, range=[0.4, 10.6], title=title(heading_below, look)),
        yaxis=yaxis,
        shapes=[line(look, 0, 1, 0, 0, palette.neutral, xref="paper")],
        annotations=[caption(heading, look)],
    )
    return figure(traces, base)


def trend(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Revenue and profit (where it is known) by week, a panel each, over the same weeks last year dotted in grey."""
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    table = table.sort_values("week")
    weeks = [pd.Timestamp(day).date() for day in table["week"]]
    shapes, notes, lanes = _events(numbers.get("events") or [], weeks, look)
    traces, axes = [], {}
    revenue = ("revenue", say("Revenue"), palette.text, "y")
    profit = ("profit", say("Profit"), palette.accent, "y2")
    known = bool(table["profit"].notna().any())
    panels = [(*revenue, (0.58, 1.0)), (*profit, (0.0, 0.42))]
    if not known:  # without cost of goods there is only revenue to draw
        panels = [(*revenue, (0.0, 1.0))]
    for column, name, color, number, domain in panels:
        now, before = clean(table[column]), clean(table[f"{column}_last_year"])
        low, high = span(now, before)
        room = (high - low) * 0.08 or 1
        yaxis, unit = money_axis(look, low - room * (low < 0), high + room, 3, domain=list(domain))
        axes[number.replace("y", "yaxis")] = yaxis
        traces += _panel(weeks, now, before, name, color, number, look)
        notes += _last_value(weeks, now, color, number, look)
        heading = f"<b>{name}</b>  {unit}"
        if any(value is not None for value in before):
            heading += f"    ┄ {say('Last year')}"
        shift = 8 + (14 * lanes if column == "revenue" else 0)
        notes.append(caption(heading, look, y=domain[1], yshift=shift))
    base = layout(
        look,
        height=(400 if known else 260) + 14 * lanes,
        margin={"l": 8, "r": 58, "t": 30 + 14 * lanes, "b": 8, "pad": 0},
        hoverdistance=-1,
        xaxis=week_axis(look, weeks, anchor="y2" if known else "y"),
        shapes=shapes,
        annotations=notes,
        **axes,
    )
    return figure(traces, base)


def by_region(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Profit of each region, largest first, with its margin (revenue where profit is unknown); a bar filters."""
    if table.empty:
        return empty(look)
    palette, say, language = look.palette, look.language.t, look.language
    columns = ["code", "name", "customers", "revenue", "profit", "margin"]
    known = bool(table["profit"].notna().any())
    regions = rows(table.sort_values("profit" if known else "revenue", ascending=False), columns)
    names, profits = labels_of(r[1] for r in regions), [r[4] for r in regions]
    lengths = profits if known else [r[3] for r in regions]
    margins = [language.percent(r[5], 1) for r in regions]
    hovers = [
        hover(
            name,
            (say("Customers"), language.number(r[2])),
            (say("Revenue"), look.money(r[3])),
            (say("Profit"), look.money(r[4])),
            (say("Margin"), margin),
        )
        for name, r, margin in zip(names, regions, margins, strict=True)
    ]
    colors = [palette.loss if (p or 0) < 0 else palette.accent for p in profits]
    figures = [
        Column(say("Profit") if known else say("Revenue"), [look.money(v) for v in lengths], tones(lengths, look)),
        *([Column(say("Margin"), margins, width=54)] if known else []),
    ]
    trace = bars_of(clean(lengths), [[r[0]] for r in regions], colors, hovers)
    return ranking(look, names, [trace], figures, *span(lengths))


def bars(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """One value for each member of a dimension, in the table's order; grades and tiers keep their colours.

    numbers: `unit` money (the default), number or percent, and the `header` of the column of figures.
    """
    if table.empty:
        return empty(look)
    palette, language = look.palette, look.language
    shown = {"money": look.money, "number": language.number, "percent": language.percent}
    show = shown[numbers.get("unit", "money")]
    members = rows(table, ["code", "name", "value"])
    own = {**palette.grades, **palette.tiers}
    colors = [palette.loss if (m[2] or 0) < 0 else own.get(m[0], palette.accent) for m in members]
    names, values = labels_of(m[1] for m in members), [m[2] for m in members]
    texts = [show(value) for value in values]
    header = numbers.get("header", "")
    hovers = [hover(name, (header, text)) for name, text in zip(names, texts, strict=True)]
    trace = bars_of(clean(values), [[m[0]] for m in members], colors, hovers)
    return ranking(look, names, [trace], [Column(header, texts, tones(values, look))], *span(values))


def _above_the_total(x: Sequence[Any], y: Sequence[Any], color: str) -> dict[str, Any]:
    """The area between the curve and 100 %, from where the curve first reaches it."""
    places: list[tuple[float, float]] = []
    points = [(a, b) for a, b in zip(x, y, strict=True) if a is not None and b is not None]
    for (x0, y0), (x1, y1) in pairwise(points):
        if (y0 - 1) * (y1 - 1) < 0:
            places.append((x0 + (1 - y0) / (y1 - y0) * (x1 - x0), 1.0))
        if y1 > 1:
            places.append((x1, y1))
    if places:
        places = [(places[0][0], 1.0), *places, (places[-1][0], 1.0)]
    flat = [1.0] * len(places)
    return area([p[0] for p in places], flat, clean(p[1] for p in places), color)


def _peak(
    x: Sequence[Any], y: Sequence[Any], numbers: dict[str, Any], look: Look, in_shares: bool, ceiling: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The highest point of the whale curve, and in words how high it is and after how many customers."""
    known = [i for i, value in enumerate(y) if value is not None]
    if not known:
        return [], []
    peak = max(known, key=lambda i: y[i])
    at, height = x[peak], y[peak]
    percent = look.language.percent
    show = percent if in_shares else look.money
    text = look.language.t("{peak} after {share} of customers", peak=show(height), share=percent(at))
    side = "left" if at < 0.3 else "right" if at > 0.7 else "center"
    high = numbers.get("peak_share_high")
    top = height if undefined(high) or not in_shares else max(height, high)
    where: dict[str, Any] = {"anchor": side, "yanchor": "bottom", "yshift": 7}
    if top > ceiling * 0.9:  # beside the bar, which leaves no room above it
        top, where = height, {**where, "anchor": "left" if at < 0.5 else "right", "xshift": 8 if at < 0.5 else -8}
    note = annotation(text, at, top, look.palette.accent, 12, **where)
    return [_estimated(at, height, "peak_share", numbers, look.palette.accent, look)], [note]


def _best_fifth(
    numbers: dict[str, Any], look: Look
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """The point at 20 % of customers, its words, and the line that leads down to the axis."""
    top = numbers.get("top_20_share")
    if undefined(top):
        return [], [], []
    text = look.language.t("The best 20% make {share}", share=look.language.percent(top))
    where: dict[str, Any] = {"anchor": "left", "yanchor": "top", "xshift": 7, "yshift": -4}
    return (
        [_estimated(0.2, top, "top_20_share", numbers, look.palette.text, look)],
        [annotation(text, 0.2, top, look.palette.text, **where)],
        [line(look, 0.2, 0.2, 0, top, line={"dash": "dot"})],
    )


def _estimated(x: float, y: float, key: str, numbers: dict[str, Any], color: str, look: Look) -> dict[str, Any]:
    """A point of the curve with its interval, where one was estimated."""
    low, high = numbers.get(f"{key}_low"), numbers.get(f"{key}_high")
    if undefined(low) or undefined(high):
        return dot([x], [y], color)
    percent, say = look.language.percent, look.language.t
    between = say("{low} to {high}", low=percent(low), high=percent(high))
    told = hover(percent(y), (say("95% interval"), between))
    bar = interval([high], [y], [low], color)
    return dot([x], [y], color, error_y=bar, hovertext=[told], hoverinfo="text", cliponaxis=True)


def _zone_looks(look: Look) -> dict[str, tuple[str, str, float, str]]:
    """Name, colour, and place of the words of each zone of the whale curve."""
    palette, say = look.palette, look.language.t
    return {
        "creators": (say("Creators"), palette.gain, 0.0, "left"),
        "break_even": (say("Break-even"), palette.neutral, 0.5, "center"),
        "destroyers": (say("Destroyers"), palette.loss, 1.0, "right"),
    }


def _zone_strip(zones: Sequence[dict[str, Any]], look: Look) -> list[dict[str, Any]]:
    """Creators, break-even and destroyers as a strip along the axis."""
    looks = _zone_looks(look)
    pixels = {"yref": "paper", "yanchor": 0, "ysizemode": "pixel", "layer": "above"}
    return [
        band(zone["from_share"], zone["to_share"], 0, -6, looks[zone["code"]][1], **pixels)
        for zone in zones
        if not undefined(zone.get("from_share")) and not undefined(zone.get("to_share"))
    ]


def _zone_words(zones: Sequence[dict[str, Any]], look: Look) -> list[dict[str, Any]]:
    """Under the axis each zone's name, count and money, spread evenly so that they never meet."""
    notes = []
    for zone in zones:
        name, color, place, side = _zone_looks(look)[zone["code"]]
        ink = look.palette.secondary if color == look.palette.neutral else color
        money = look.money(zone["profit"], plus=True)
        text = f"<b>{name}</b><br>{customers(look, zone['customers'])}<br>{money}"
        where: dict[str, Any] = {"xref": "paper", "yref": "paper", "yanchor": "top", "yshift": -50}
        notes.append(annotation(text, place, 0, ink, anchor=side, **where))
    return notes


def _histogram(
    bins: Sequence[tuple[Any, ...]],
    ends: Sequence[tuple[float, float] | None],
    apart: tuple[float, float],
    look: Look,
) -> dict[str, Any]:
    """Customers by revenue; what is not positive stands apart in grey."""
    say, palette = look.language.t, look.palette
    hovers = [
        hover(
            say("{low} to {high}", low=look.money(low), high=look.money(high)) if end else say("Zero or less"),
            (say("Customers"), look.language.number(count)),
            (say("Revenue"), look.money(revenue)),
        )
        for (low, high, count, revenue), end in zip(bins, ends, strict=True)
    ]
    places = [end or apart for end in ends]
    return {
        "type": "bar",
        "x": clean((low + high) / 2 for low, high in places),
        "y": clean(b[2] for b in bins),
        "width": clean((high - low) * 0.94 for low, high in places),
        "marker": {"color": [palette.accent if end else palette.neutral for end in ends]},
        "customdata": [[b[0], b[1]] for b in bins],
        "hovertext": hovers,
        "hoverinfo": "text",
        "unselected": FADED,
    }


def _foot_ticks(deciles: Sequence[float | None], look: Look) -> dict[str, Any]:
    """Short ticks on the axis that cut the customers into tenths."""
    places = clean(math.log10(value) for value in deciles if not undefined(value) and value > 0)
    tick = {"symbol": "line-ns", "size": 8, "line": {"width": 1.5, "color": look.palette.text}}
    return dot(places, [0] * len(places), look.palette.text, marker=tick)


def _averages(
    numbers: dict[str, Any], ends: tuple[float, float], top: float, look: Look
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A line each at the median and, lower and dotted, at the mean, with amounts that point apart."""
    say, color = look.language.t, look.palette.text
    averages = [("median", say("Median"), "solid", top * 0.99), ("mean", say("Mean"), "dot", top * 0.89)]
    places = {key: math.log10(value) for key, *_ in averages if not undefined(value := numbers.get(key)) and value > 0}
    shapes, notes = [], []
    for key, name, dash, height in averages:
        if key not in places:
            continue
        place, value = places[key], numbers[key]
        shapes.append(line(look, place, place, 0, height, color, layer="above", line={"dash": dash}))
        along = (place - ends[0]) / (ends[1] - ends[0])
        to_the_left = along > (0.3 if place == min(places.values()) else 0.8)
        where: dict[str, Any] = {"anchor": "left", "xshift": 4}
        if to_the_left:
            where = {"anchor": "right", "xshift": -4}
        notes.append(annotation(f"{name} {look.money(value)}", place, height, color, yanchor="top", **where))
    return shapes, notes


def _panel(
    weeks: Sequence[date],
    now: Sequence[float | None],
    before: Sequence[float | None],
    name: str,
    color: str,
    yaxis: str,
    look: Look,
) -> list[dict[str, Any]]:
    """The lines of one measure: the same weeks last year dotted in grey, this year's over them."""
    language = look.language
    days = [day.isoformat() for day in weeks]
    told = [
        [language.week(day), look.money(a), look.money(b), language.change(a, b) or "–"]
        for day, a, b in zip(weeks, now, before, strict=True)
    ]
    template = (
        f"%{{customdata[0]}}<br>{name} <b>%{{customdata[1]}}</b><br>"
        f"{language.t('Last year')} %{{customdata[2]}} (%{{customdata[3]}})<extra></extra>"
    )
    latest: dict[str, Any] = {"customdata": told, "hoverinfo": "text", "hovertemplate": template}
    return [
        curve(days, before, look.palette.secondary, 1.5, "dot", yaxis=yaxis),
        curve(days, now, color, 2.2, yaxis=yaxis, **latest),
    ]


def _last_value(
    weeks: Sequence[date], values: Sequence[float | None], color: str, yaxis: str, look: Look
) -> list[dict[str, Any]]:
    """The latest amount written where its line ends."""
    known = [(week, value) for week, value in zip(weeks, values, strict=True) if value is not None]
    if not known:
        return []
    week, value = known[-1]
    text = f"<b>{look.money(value)}</b>"
    return [annotation(text, week.isoformat(), value, color, anchor="left", xshift=5, yref=yaxis)]


def _events(
    events: Sequence[dict[str, Any]], weeks: Sequence[date], look: Look
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """Thin lines at named events, their names in as many lanes as keep them apart on a phone.

    A name that finds no lane is left out of the picture, its line stays.
    """
    length = max((weeks[-1] - weeks[0]).days, 1)
    free = [-math.inf] * LANES
    shapes, notes, used = [], [], 0
    for event in sorted(events, key=lambda e: pd.Timestamp(e["starts_on"])):
        day = pd.Timestamp(event["starts_on"]).date()
        if not weeks[0] <= day <= weeks[-1]:
            continue
        at, name = day.isoformat(), short(str(event["name"]), EVENT_NAME)
        shapes.append(line(look, at, at, 0, 1, look.palette.line, yref="paper", line={"width": 1.5}))
        place, wide = (day - weeks[0]).days / length * NARROW, width_of(name) * 5.6 + 4
        start = place if place + wide <= NARROW + 50 else place - wide
        lane = next((i for i in range(LANES) if free[i] <= start), None)
        if lane is None:
            continue
        free[lane], used = start + wide, max(used, lane + 1)
        where: dict[str, Any] = {"yref": "paper", "yanchor": "bottom", "yshift": 2 + 14 * lane}
        side = "left" if start == place else "right"
        said = " · ".join(filter(None, (str(event["name"]), event.get("author"))))
        full: dict[str, Any] = {"hovertext": escape(said), "captureevents": True}
        notes.append(annotation(name, at, 1, look.palette.secondary, SMALL - 1, anchor=side, **where, **full))
    return shapes, notes, used
