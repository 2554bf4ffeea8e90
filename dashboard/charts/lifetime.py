"""Pictures of value to come: its spread, who holds it, who is still a customer, and how good the forecast is."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.axes import axis, number_axis, span, ticks, title
from dashboard.charts.marks import Cell, Column, bars_of, curve, grid, hover, interval, ranking, tones
from dashboard.charts.theme import Look, annotation, caption, clean, empty, figure, labels_of, layout, mix, rows
from dashboard.language import ALIVE_NAMES, UNDEFINED

MOST_EDGES = 7
"""Amounts named under the distribution."""


def distribution(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Customers by value to come, in bins on a log scale to both sides of zero; what will be lost is in loss."""
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    known = table.dropna(subset=["value_from", "value_to"]).sort_values("value_from")
    if known.empty:
        return empty(look)
    bins = rows(known, ["value_from", "value_to", "customers", "value_to_come"])
    hovers = [
        hover(
            say("{low} to {high}", low=look.money(b[0]), high=look.money(b[1])),
            (say("Customers"), look.language.number(b[2], exact=True)),
            (say("Value to come"), look.money(b[3])),
        )
        for b in bins
    ]
    trace = {
        "type": "bar",
        "x": list(range(len(bins))),
        "y": clean(b[2] for b in bins),
        "marker": {"color": [palette.loss if b[1] <= 0 else palette.accent for b in bins], "cornerradius": 2},
        "hovertext": hovers,
        "hoverinfo": "text",
    }
    # Bar i lies between the edges i and i + 1; zero and powers of ten are named, as many as there is room for.
    edges = [bins[0][0], *(b[1] for b in bins)]
    powers = {place: math.log10(abs(edge)) for place, edge in enumerate(edges) if edge}
    whole = {place: round(power) for place, power in powers.items() if abs(power - round(power)) < 1e-9}
    step = -(-len(whole) // MOST_EDGES) or 1
    named = {place for place, power in whole.items() if power % step == 0 and 0 not in edges[place - 1 : place + 2]}
    places = [place for place, edge in enumerate(edges) if not edge or place in named]
    xaxis = axis(
        look,
        showgrid=False,
        tickangle=0,
        tickvals=[place - 0.5 for place in places],
        ticktext=[look.money(edges[place]) for place in places],
        range=[-0.6, len(bins) - 0.4],
        ticklabelstandoff=6,
        title=title(say("Value to come, log scale on both sides of zero"), look),
    )
    yaxis = number_axis(look, 0, span(b[2] for b in bins)[1] * 1.08 or 1)
    base = layout(
        look, height=320, bargap=0.08, xaxis=xaxis, yaxis=yaxis, annotations=[caption(say("Customers"), look)]
    )
    return figure([trace], base)


def groups(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Value to come of each grade or region with its interval; a bar filters by its group."""
    if table.empty:
        return empty(look)
    palette, say, language = look.palette, look.language.t, look.language
    columns = ["code", "name", "customers", "value_to_come", "value_low", "value_high", "value_share"]
    members = rows(table, columns)
    values = [m[3] for m in members]
    low, high = [m[4] for m in members], [m[5] for m in members]
    hovers = [
        hover(
            name,
            (say("Value to come"), look.money(m[3])),
            (say("95% interval"), say("{low} to {high}", low=look.money(m[4]), high=look.money(m[5]))),
            (say("Customers"), language.number(m[2], exact=True)),
        )
        for name, m in zip(labels_of(m[1] for m in members), members, strict=True)
    ]
    colors = [palette.loss if (m[3] or 0) < 0 else palette.grades.get(m[0], palette.accent) for m in members]
    bars = bars_of(
        clean(values),
        [[m[0]] for m in members],
        colors,
        hovers,
        error_x=interval(high, values, low, palette.secondary),
    )
    figures = [
        Column(say("Customers"), [language.number(m[2]) for m in members], [palette.secondary] * len(members), 64),
        Column(say("To come"), [look.money(value) for value in values], tones(values, look), 70),
        Column(say("Share"), [language.percent(m[6]) for m in members], width=46),
    ]
    return ranking(look, labels_of(m[1] for m in members), [bars], figures, *span(values, low, high))


def against_past(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Quarters by value so far (rows) and by value to come (columns): customers and value to come in each cell.

    Those who will bring more than they did are tinted in gain, those who will bring less in loss.
    """
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    words = [say("Best quarter"), say("Second"), say("Third"), say("Last quarter")]
    found = {(r[0], r[1]): r for r in rows(table, ["so_far", "to_come", "customers", "value_so_far", "value_to_come"])}
    cells = []
    for row in range(1, 5):
        for column in range(1, 5):
            name = f"{words[row - 1]} → {words[column - 1]}"
            _, _, count, past, coming = found.get((row, column), (row, column, 0, None, None))
            tint = palette.gain if column < row else palette.loss
            fill = mix(tint, palette.page, 0.1 * abs(row - column)) if row != column and count else palette.card
            text = f"<b>{look.language.number(count)}</b><br>{look.money(coming)}" if count else UNDEFINED
            told = hover(
                name,
                (say("Customers"), look.language.number(count, exact=True)),
                (say("Value so far"), look.money(past)),
                (say("Value to come"), look.money(coming)),
            )
            cells.append(Cell(row - 1, column - 1, text, told, fill, palette.line, (row, column)))
    note = caption(say("Rows by value so far, columns by value to come"), look, yshift=28)
    return grid(look, words, words, cells, row_height=58, head=30, annotations=[note])


def alive(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Customers by how likely they still are customers, with what they are expected to bring."""
    if table.empty:
        return empty(look)
    palette, say, language = look.palette, look.language.t, look.language
    tint = {"unlikely": palette.loss, "gone": palette.loss, "open": palette.neutral}
    zones = rows(table, ["zone", "probability", "customers", "customers_share", "revenue", "value_to_come"])
    names = [say(ALIVE_NAMES[z[0]]) for z in zones]
    hovers = [
        hover(
            name,
            (say("Probability"), z[1]),
            (say("Customers"), f"{language.number(z[2], exact=True)} ({language.percent(z[3])})"),
            (say("Revenue"), look.money(z[4])),
            (say("Value to come"), look.money(z[5])),
        )
        for name, z in zip(names, zones, strict=True)
    ]
    shares = [z[3] for z in zones]
    trace = bars_of(clean(shares), [[z[0]] for z in zones], [tint.get(z[0], palette.accent) for z in zones], hovers)
    columns = [
        Column(say("Share"), [language.percent(share, 0) for share in shares], width=46),
        Column(say("To come"), [look.money(z[5]) for z in zones], tones([z[5] for z in zones], look), 70),
    ]
    return ranking(look, names, [trace], columns, *span(shares))


def forecast(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Tenths of the customers: purchases forecast against purchases made; on the line the forecast was right."""
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    known = table.dropna(subset=["expected", "actual", "history"])
    if known.empty:
        return empty(look)
    bins = rows(known, ["expected", "actual", "low", "high", "history", "customers"])
    expected, actual = [b[0] for b in bins], [b[1] for b in bins]
    _, most = span(expected, actual, [b[3] for b in bins], [b[4] for b in bins])
    top = most * 1.08 or 1.0
    hovers = [
        hover(
            say("{count} {count:customer|customers}", count=look.language.number(b[5], exact=True)),
            (say("Forecast"), f"{b[0]:.2f}"),
            (say("Came"), f"{b[1]:.2f}"),
            (say("Mean of history"), f"{b[4]:.2f}"),
        )
        for b in bins
    ]

    def points(x: list[float], color: str, symbol: str, **parts: Any) -> dict[str, Any]:
        marker = {"color": color, "size": 8, "symbol": symbol}
        return {"type": "scatter", "mode": "markers", "x": clean(x), "y": clean(actual), "marker": marker, **parts}

    told = {"hovertext": hovers, "hoverinfo": "text"}
    band = interval([b[3] for b in bins], actual, [b[2] for b in bins], palette.accent)
    traces = [
        curve([0, top], [0, top], palette.neutral, 1, "dash"),
        points([b[4] for b in bins], palette.neutral, "circle-open", hoverinfo="skip"),
        points(expected, palette.accent, "circle", error_y=band, **told),
    ]
    text = f"● {say('Forecast')}   <span style='color:{palette.secondary}'>○ {say('Mean of history')}</span>"
    notes = [
        caption(say("Purchases a customer that came"), look),
        annotation(text, 0.02, 1, palette.accent, anchor="left", xref="paper", yref="paper", yanchor="top", yshift=-4),
        annotation(say("Forecast was right"), top, top, palette.secondary, anchor="right", yanchor="top", yshift=-26),
    ]
    heading = title(say("Purchases a customer that were forecast"), look)
    places = {"tickvals": ticks(0, top), "range": [0, top]}
    base = layout(
        look, height=340, xaxis=axis(look, showgrid=False, title=heading, **places), yaxis=axis(look, **places),
        annotations=notes,
    )  # fmt: skip
    return figure(traces, base)
