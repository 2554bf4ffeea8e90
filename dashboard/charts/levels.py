"""Pictures of the decision: what service brings today, who should get which level, and what a budget buys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.axes import money_axis, span, title
from dashboard.charts.marks import ROW, Cell, Column, bars_of, curve, dot, grid, hover, interval, ranking, tones
from dashboard.charts.theme import SIZE, Look, annotation, caption, clean, empty, figure, layout, line, mix, rows
from dashboard.language import TIER_NAMES, undefined
from queries.schema import TIERS

WORTH_SAYING = 0.01
"""A price of money below this is no price."""


def frontier(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Profit against service budget: the best reachable as a line, today's point hollow, the plan's solid."""
    table = table.dropna(subset=["budget", "value"]) if len(table) else table
    if table.empty:
        return empty(look)
    say = look.language.t
    table = table.sort_values("budget")
    x, y = clean(table["budget"]), clean(table["value"])
    points = {key: place for key in ("current", "plan") if (place := _place(numbers.get(key)))}
    left, right = _padded([*x, *(p[0] for p in points.values())], 0.05, 0.05)
    low, high = _padded([*y, *(p[1] for p in points.values())], 0.12, 0.16)
    xaxis, x_unit = money_axis(look, left, right, 4, showgrid=False)
    yaxis, y_unit = money_axis(look, low, high, 4)
    money = [[look.money(a), look.money(b)] for a, b in zip(x, y, strict=True)]
    kept = say("Profit and value kept")
    template = f"{say('Budget')} %{{customdata[0]}}<br>{kept} <b>%{{customdata[1]}}</b><extra></extra>"
    hovered: dict[str, Any] = {"customdata": money, "hoverinfo": "text", "hovertemplate": template}
    traces = [curve(x, y, look.palette.neutral, 2.5, **hovered)]
    notes = [caption(say("Profit and value kept, {unit}", unit=y_unit), look)]
    for key, place in points.items():
        mark, words = _decision(key, place, (left, right), look)
        traces.append(mark)
        notes.append(words)
    if not undefined(price := numbers.get("price")) and price >= WORTH_SAYING:
        unit = look.money(1)
        text = say("One more {unit} of service<br>brings {price} after its cost", unit=unit, price=look.money(price))
        notes.append(caption(text, look, x=1, xanchor="right", align="right"))
    heading = title(say("Service budget, {unit}", unit=x_unit), look)
    ways = []
    if len(points) == 2:  # from today to the plan, which may lie far apart
        (x0, y0), (x1, y1) = points["current"], points["plan"]
        ways = [line(look, x0, x1, y0, y1, line={"dash": "dot"})]
    base = layout(
        look,
        height=370,
        shapes=ways,
        margin={"l": 8, "r": 20, "t": 48, "b": 8, "pad": 0},
        hoverdistance=-1,
        xaxis=xaxis | {"title": heading},
        yaxis=yaxis,
        annotations=notes,
    )
    return figure(traces, base)


def capacity(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Hours of account managers by region: the plan's use of the capacity as a bar, today's as a tick."""
    if table.empty:
        return empty(look)
    palette, say, language = look.palette, look.language.t, look.language
    columns = ["code", "name", "hours_today", "hours_planned", "hours_capacity", "hours_share", "price_of_an_hour"]
    found = rows(table, columns)
    shares = [row[5] for row in found]
    today = [row[2] / row[4] if row[4] else None for row in found]
    hovers = [
        hover(
            str(name),
            (say("Today"), language.number(now, exact=True)),
            (say("Plan"), language.number(planned, exact=True)),
            (say("Capacity"), language.number(most, exact=True)),
        )
        for _, name, now, planned, most, _, _ in found
    ]
    full = [palette.accent if (row[6] or 0) > 0 else palette.neutral for row in found]
    bars = bars_of(clean(shares), [[row[0]] for row in found], full, hovers)
    tick = {"symbol": "line-ns", "size": 14, "line": {"width": 2, "color": palette.text}}
    marks = dot(clean(today), list(range(len(found))), palette.text, marker=tick)
    columns_shown = [
        Column(say("Used"), [language.percent(share) for share in shares], width=54),
        Column(say("Hours"), [language.number(row[3] and round(row[3])) for row in found], width=58),
        Column(say("One more"), [look.money(row[6]) if row[6] else "–" for row in found], width=66),
    ]
    names = [str(row[1]) for row in found]
    note = caption(say("Bar: plan. Tick: today. 100% is all hours there are"), look, yshift=24)
    low, high = span([*shares, *today, 1.0])
    mark = line(look, 1, 1, 0, 1, yref="paper", color=palette.secondary)
    room = noted(columns_shown, len(found))
    return ranking(look, names, [bars, marks], columns_shown, low, high, notes=[note], shapes=[mark], **room)


def follow_up(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """What each batch of moves brought, with its interval, and what was expected of it as a tick."""
    if table.empty:
        return empty(look)
    palette, say, language = look.palette, look.language.t, look.language
    found = rows(table, ["direction", "n", "expected_profit", "came", "came_low", "came_high"])
    days = [language.date(day) for day in table["date"]]
    came, low, high = ([row[i] for row in found] for i in (3, 4, 5))
    expected = [row[2] for row in found]
    hovers = [
        hover(
            f"{day} · {row[0]}",
            (say("Customers"), language.number(row[1], exact=True)),
            (say("Expected"), look.money(row[2], plus=True)),
            (say("Came"), f"{look.money(row[3], plus=True)} ({look.money(row[4])} – {look.money(row[5])})"),
        )
        for day, row in zip(days, found, strict=True)
    ]
    places = list(range(len(found)))
    mark = {"size": 9, "color": palette.accent}
    seen = dot(
        clean(came),
        places,
        palette.accent,
        marker=mark,
        error_x=interval(clean(high), clean(came), clean(low), palette.accent),
        hovertext=hovers,
        hoverinfo="text",
    )
    tick = {"symbol": "line-ns", "size": 16, "line": {"width": 2, "color": palette.text}}
    hoped = dot(clean(expected), places, palette.text, marker=tick)
    columns = [
        Column(say("Expected"), [look.money(value) for value in expected], width=70),
        Column(say("Came"), [look.money(value) for value in came], tones(came, look), width=70),
    ]
    names = [f"{day} {row[0]}" for day, row in zip(days, found, strict=True)]
    note = caption(say("Dot: came, with its 95% interval. Tick: expected"), look, yshift=24)
    low_end, high_end = span([*low, *high, *expected])
    room = noted(columns, len(found))
    return ranking(look, names, [seen, hoped], columns, low_end, high_end, notes=[note], **room)


def noted(columns: Sequence[Column], count: int) -> dict[str, Any]:
    """Room above the columns' headings of a ranking for a line that says what its marks are."""
    right = sum(column.width for column in columns)
    return {"height": 70 + ROW * count, "margin": {"l": 8, "r": right + 8, "t": 56, "b": 8, "pad": 0}}


def _decision(
    key: str, place: tuple[float, float], x_range: tuple[float, float], look: Look
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Today's point, its words below right, or the plan's, above left: where a concave line leaves room."""
    palette, say = look.palette, look.language.t
    budget, value = place
    is_plan = key == "plan"
    name = say("Plan") if is_plan else say("Today")
    color = palette.accent if is_plan else palette.text
    ring = {"size": 13, "color": color if is_plan else palette.page, "line": {"color": color, "width": 2}}
    told = hover(name, (say("Budget"), look.money(budget)), (say("Profit and value kept"), look.money(value)))
    mark = dot([budget], [value], color, marker=ring, hovertext=[told], hoverinfo="text")
    early = (budget - x_range[0]) / (x_range[1] - x_range[0]) < (0.4 if is_plan else 0.75)
    shift = (14 if early else 8) if is_plan else -9
    where: dict[str, Any] = {
        "anchor": "left" if early else "right",
        "yanchor": "bottom" if is_plan else "top",
        "yshift": shift,
    }
    return mark, annotation(f"<b>{name}</b> {look.money(value)}", budget, value, color, SIZE, **where)


def _place(point: dict[str, Any] | None) -> tuple[float, float] | None:
    if not point or undefined(point.get("budget")) or undefined(point.get("value")):
        return None
    return float(point["budget"]), float(point["value"])


def _padded(values: Sequence[float | None], below: float, above: float) -> tuple[float, float]:
    low, high = span(values, zero=False)
    size = (high - low) or abs(high) or 1.0
    return low - size * below, high + size * above


def today(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """What each tier of service costs and brings today: profit for each unit of money spent on service."""
    if table.empty:
        return empty(look)
    palette, say, language = look.palette, look.language.t, look.language
    found = {t[0]: t for t in rows(table, ["tier", "customers", "cost_to_serve", "profit", "return_per_cost"])}
    tiers = [found[tier] for tier in TIERS if tier in found]
    names = [say(TIER_NAMES[t[0]]) for t in tiers]
    returns = [t[4] for t in tiers]
    hovers = [
        hover(
            name,
            (say("Customers"), language.number(t[1], exact=True)),
            (say("Cost to serve"), look.money(t[2])),
            (say("Profit"), look.money(t[3])),
            (say("Return per {unit}", unit=look.money(1)), look.money(t[4])),
        )
        for name, t in zip(names, tiers, strict=True)
    ]
    trace = bars_of(clean(returns), [[t[0]] for t in tiers], [palette.tiers[t[0]] for t in tiers], hovers)
    signs = tones([t[3] for t in tiers], look)
    columns = [
        Column(say("Per {unit}", unit=look.money(1)), [look.money(r) for r in returns], signs, width=54),
        Column(say("Cost"), [look.money(t[2]) for t in tiers], [palette.secondary] * len(tiers), width=58),
        Column(say("Profit"), [look.money(t[3]) for t in tiers], signs, width=62),
    ]
    return ranking(look, names, [trace], columns, *span(returns))


def matrix(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Today's tier (rows) against the recommended one: customers and gain; moves are tinted and say so."""
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    found = {(r[0], r[1]): r for r in rows(table, ["current", "recommended", "customers", "gain"])}
    looks = {
        1: (f"▲ {say('Raise')}", palette.under),
        -1: (f"▼ {say('Lower')}", palette.over),
        0: ("", palette.line),
    }
    cells = []
    for row, current in enumerate(TIERS):
        for column, recommended in enumerate(TIERS):
            name = f"{say(TIER_NAMES[current])} → {say(TIER_NAMES[recommended])}"
            _, _, count, gain = found.get((current, recommended), (current, recommended, 0, None))
            code = (current, recommended)
            if not count:
                cells.append(Cell(row, column, "–", name, palette.card, palette.line, code))
                continue
            word, edge = looks[(row > column) - (row < column)]
            text = f"<b>{look.language.number(count)}</b>"
            if row != column:
                text += f"<br>{look.money(gain, plus=True)}<br>{word}"
            told = hover(
                name,
                (say("Customers"), look.language.number(count, exact=True)),
                (say("Gain"), look.money(gain, plus=True)),
            )
            fill = mix(edge, palette.page, 0.22) if row != column else palette.card
            cells.append(Cell(row, column, text, told, fill, edge, code))
    names = [say(TIER_NAMES[tier]) for tier in TIERS]
    notes = [caption(say("Rows: today. Columns: recommended"), look, yshift=24)]
    return grid(look, names, names, cells, head=28, annotations=notes)
