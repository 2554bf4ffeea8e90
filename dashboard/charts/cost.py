"""Pictures of what customers cost: from revenue to profit, activities, idle capacity, and loss-makers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.axes import axis, measured, span, title
from dashboard.charts.marks import Column, bars_of, hover, ranking
from dashboard.charts.theme import (
    Look,
    annotation,
    caption,
    clean,
    customers,
    empty,
    figure,
    labels_of,
    layout,
    line,
    rows,
    see_through,
)
from dashboard.charts.value import bars
from dashboard.language import symbol

by_tier = bars
MOST_CAUSES, SMALL_CAUSE = 8, 0.01
"""Causes of loss drawn one by one, and the share of the loss below which a cause is not."""
STEP_KINDS = ("cost", "change")


def waterfall(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """From a total through its steps to what is left: totals solid, gains and losses tinted, thin connectors.

    Rows in the table's order. kind: 'total' or 'subtotal' is drawn from zero at its amount; 'cost' or 'change' is
    a step of its signed amount (a cost is negative, a gain positive) from where the row above ended.
    """
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    steps = rows(table, ["step", "name", "amount", "kind"])
    names, amounts = labels_of(s[1] for s in steps), [s[2] or 0.0 for s in steps]
    bases, ends, reached = [], [], 0.0
    for (_, _, _, kind), amount in zip(steps, amounts, strict=True):
        bases.append(reached if kind in STEP_KINDS else 0.0)
        reached = bases[-1] + amount
        ends.append(reached)
    solid = [s[3] not in STEP_KINDS for s in steps]
    colors = [
        palette.loss if amount < 0 else palette.neutral if is_total else palette.gain
        for amount, is_total in zip(amounts, solid, strict=True)
    ]
    if solid[-1] and amounts[-1] >= 0:
        colors[-1] = palette.accent
    start = abs(amounts[0]) if amounts[0] else None
    shares = [look.language.percent(a / start if start else None, 1) for a in amounts]
    texts = [look.money(s[2], plus=s[3] in STEP_KINDS) for s in steps]
    hovers = [
        hover(name, ("", text), (say("Share of {name}", name=names[0]), share))
        for name, text, share in zip(names, texts, shares, strict=True)
    ]
    trace = bars_of(
        clean(amounts),
        [[s[0]] for s in steps],
        colors,
        hovers,
        base=clean(bases),
        marker={
            "color": colors,
            "opacity": [1 if is_total else 0.75 for is_total in solid],
            "cornerradius": 2,
        },
    )
    joints = {
        "type": "scatter",
        "mode": "lines",
        "x": clean(v for end in ends[:-1] for v in (end, end, None)),
        "y": [v for row in range(len(ends) - 1) for v in (row + 0.35, row + 0.65, None)],
        "line": {"color": palette.neutral, "width": 1},
        "hoverinfo": "skip",
    }
    tones = [palette.loss if s[3] not in STEP_KINDS and (s[2] or 0) < 0 else palette.text for s in steps]
    columns = [
        Column(say("Amount"), texts, tones, width=70),
        Column("%", shares, [palette.secondary] * len(steps), width=54),
    ]
    return ranking(look, names, [trace, joints], columns, *span(bases, ends), strong=solid)


def activities(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Cost of each activity's capacity: used in colour, unused hatched, dearest first; a bar filters."""
    if table.empty:
        return empty(look)
    palette, say, language = look.palette, look.language.t, look.language
    pools = rows(
        table.sort_values("cost", ascending=False),
        [
            "code",
            "name",
            "driver_unit",
            "quantity",
            "unit_rate",
            "cost",
            "capacity",
            "used_share",
            "unused_cost",
        ],
    )
    names = labels_of(p[1] for p in pools)
    hovers = [
        hover(
            name,
            (say("Cost of use"), look.money(p[5])),
            (say("Quantity"), f"{language.number(p[3])} {p[2] or ''}"),
            (say("Rate"), f"{look.money(p[4])} / {p[2] or '–'}"),
            (say("Practical capacity"), language.number(p[6])),
            (say("Used"), language.percent(p[7])),
            (say("Unused capacity"), look.money(p[8])),
        )
        for name, p in zip(names, pools, strict=True)
    ]
    codes = [[p[0]] for p in pools]
    used = [p[5] or 0 for p in pools]
    idle = [max(p[8] or 0, 0) for p in pools]
    traces = [
        bars_of(clean(used), codes, palette.accent, hovers),
        bars_of(
            clean(idle),
            codes,
            palette.neutral,
            hovers,
            base=clean(used),
            marker={
                "color": "rgba(0,0,0,0)",
                "line": {"color": palette.neutral, "width": 1},
                "pattern": {"shape": "/", "fgcolor": palette.neutral, "size": 5, "solidity": 0.35},
            },
        ),
    ]
    tones = [palette.loss if (p[7] or 0) > 1 else palette.secondary for p in pools]
    columns = [
        Column(say("Cost"), [look.money(p[5]) for p in pools]),
        Column(say("Used"), [language.percent(p[7], 0) for p in pools], tones, width=48),
    ]
    ends = [a + b for a, b in zip(used, idle, strict=True)]
    key = annotation(
        say("Hatched: unused"),
        0,
        1,
        palette.secondary,
        anchor="left",
        xref="paper",
        yref="paper",
        yanchor="bottom",
    )
    return ranking(look, names, traces, columns, *span(ends), notes=[key | {"yshift": 6}])


def quadrant(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Contribution before service against cost to serve; on the diagonal the one eats the other exactly.

    A mark is a cell of customers, its area their revenue. Both axes are squeezed alike (a logarithm that
    passes through zero), so that the line of no profit stays straight.
    """
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    columns = ["cost_low", "cost_high", "margin_low", "margin_high", "customers", "revenue", "profit"]
    cells = rows(table, columns)
    squeeze = _Squeeze([_middle(*ends) for c in cells for ends in (c[:2], c[2:4])])
    x, y = [squeeze(_middle(*c[:2])) for c in cells], [squeeze(_middle(*c[2:4])) for c in cells]
    right, high = max([*x, 0.5]) * 1.08, max([*y, 0.5]) * 1.25
    low = min([*y, 0]) - 0.14 * (high - min([*y, 0]))
    reach = min(right, high)
    sign = symbol(look.currency, look.language.code)
    # Below the line by more than its own width, so that it never lies on the line, however narrow the plot.
    no_profit = annotation(say("No profit"), reach, reach * 0.72, palette.text, anchor="right")
    no_profit["bgcolor"] = see_through(palette.page, 0.75)
    heading = measured(look, say("Cost to serve"), sign, say("log scale"))
    base = layout(
        look,
        height=460,
        margin={"l": 8, "r": 8, "t": 58, "b": 8, "pad": 0},
        xaxis=axis(
            look,
            range=[-right * 0.02, right],
            showgrid=False,
            title=title(heading, look),
            **squeeze.marks(0, right, look),
        ),
        yaxis=axis(look, range=[low, high], showgrid=False, **squeeze.marks(low, high, look)),
        shapes=[
            line(look, 0, reach, 0, reach, palette.text),
            line(look, 0, right, 0, 0, palette.neutral),
            line(look, 0, 0, low, high, palette.neutral),
        ],
        annotations=[
            # Above the two lines of the corner, which it would meet on a phone.
            caption(measured(look, say("Contribution before service"), sign, say("log scale")), look, yshift=36),
            no_profit,
            *_corners((0, right), (low, high), look),
        ],
    )
    return figure(_bubbles(cells, x, y, look), base)


def _bubbles(
    cells: Sequence[tuple[Any, ...]], x: Sequence[float], y: Sequence[float], look: Look
) -> list[dict[str, Any]]:
    """Cells of customers: profitable ones round, losing ones diamonds."""
    say, palette = look.language.t, look.palette
    most = max((abs(c[5] or 0) for c in cells), default=0) or 1
    marks = [
        {
            "x": a,
            "y": b,
            "size": round(max(5.0, 34 * math.sqrt(abs(revenue or 0) / most)), 1),
            "losing": (profit or 0) < 0,
            "told": [
                customers(look, count),
                say("{low} to {high}", low=look.money(c_low), high=look.money(c_high)),
                say("{low} to {high}", low=look.money(m_low), high=look.money(m_high)),
                look.money(revenue),
                look.money(profit),
            ],
        }
        for a, b, (c_low, c_high, m_low, m_high, count, revenue, profit) in zip(x, y, cells, strict=True)
    ]
    template = hover(
        "%{customdata[0]}",
        (say("Cost to serve"), "%{customdata[1]}"),
        (say("Contribution"), "%{customdata[2]}"),
        (say("Revenue"), "%{customdata[3]}"),
        (say("Profit"), "%{customdata[4]}"),
    )
    traces = []
    for losing, color, shape in ((False, palette.gain, "circle"), (True, palette.loss, "diamond")):
        mine = [mark for mark in marks if mark["losing"] == losing]
        style = {"color": color, "opacity": 0.7, "symbol": shape, "line": {"color": palette.page, "width": 1}}
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": clean((mark["x"] for mark in mine), 4),
                "y": clean((mark["y"] for mark in mine), 4),
                "marker": style | {"size": [mark["size"] for mark in mine]},
                "customdata": [mark["told"] for mark in mine],
                "hovertemplate": f"{template}<extra></extra>",
            }
        )
    return traces


def _corners(x: tuple[float, float], y: tuple[float, float], look: Look) -> list[dict[str, Any]]:
    """The names of the four corners, each written into its own; one above it, where the diagonal ends."""
    say = look.language.t
    words = (
        (say("High contribution,<br>cheap to serve"), x[0], y[1], "left", "top", 0),
        (say("High contribution,<br>costly to serve"), x[1], y[1], "right", "bottom", 2),
        (say("Low contribution,<br>cheap to serve"), x[0], y[0], "left", "bottom", 0),
        (say("Low contribution,<br>costly to serve"), x[1], y[0], "right", "bottom", 0),
    )
    return [
        annotation(
            text,
            cx,
            cy,
            look.palette.secondary,
            anchor=side,
            yanchor=edge,
            yshift=shift,
            xshift=4 if side == "left" else -4,
            bgcolor=see_through(look.palette.page, 0.75),
        )
        for text, cx, cy, side, edge, shift in words
    ]


def losses(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Why loss-makers lose money: causes ranked by the loss they stand for; a bar filters by its cause."""
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    table = table.assign(size=table["loss"].astype(float).abs()).sort_values("size", ascending=False)
    # What is small beside the whole is one bar; the table names each.
    kept = min(MOST_CAUSES, int((table["size"] >= table["size"].sum() * SMALL_CAUSE).sum()))
    if len(table) > kept + 1:
        rest = table.iloc[kept:]
        said = say("{n} smaller causes", n=len(rest))
        last = {"cause": "", "name": said, "customers": rest["customers"].sum(), "size": rest["size"].sum()}
        table = pd.concat([table.iloc[:kept], pd.DataFrame([last])], ignore_index=True)
    causes = rows(table, ["cause", "name", "customers", "size"])
    names = labels_of(c[1] for c in causes)
    texts = [look.money(None if c[3] is None else -c[3]) for c in causes]
    counts = [look.language.number(c[2]) for c in causes]
    hovers = [
        hover(name, (say("Loss"), text), (say("Customers"), count))
        for name, text, count in zip(names, texts, counts, strict=True)
    ]
    trace = bars_of(clean(c[3] for c in causes), [[c[0]] for c in causes], palette.loss, hovers)
    columns = [
        Column(say("Loss"), texts, [palette.loss] * len(causes)),
        Column(say("Customers"), counts, [palette.secondary] * len(causes), width=70),
    ]
    return ranking(look, names, [trace], columns, *span([c[3] for c in causes]))


class _Squeeze:
    """A symmetric logarithm, asinh(v / s), with s the tenth part of a typical amount; zero stays zero."""

    def __init__(self, values: list[float]) -> None:
        sizes = sorted(abs(v) for v in values if v)
        typical = sizes[len(sizes) // 2] if sizes else 1.0
        self.scale = 10.0 ** math.floor(math.log10(typical / 5))

    def __call__(self, value: float) -> float:
        return math.asinh(value / self.scale)

    def marks(self, low: float, high: float, look: Look) -> dict[str, Any]:
        """Ticks at zero and at powers of ten on both sides, as far as the axis goes."""
        places, labels = [0.0], ["0"]
        size = self.scale
        while self(size) <= max(high, -low):
            for signed in (size, -size):
                if low <= self(signed) <= high:
                    places.append(self(signed))
                    labels.append(("−" if signed < 0 else "") + look.language.compact(size))
            size *= 10
        return {"tickvals": clean(places), "ticktext": labels}


def _middle(low: float | None, high: float | None) -> float:
    """The centre of a cell; one that is open on a side sits on its known edge."""
    ends = [v for v in (low, high) if v is not None]
    return sum(ends) / len(ends) if ends else 0.0
