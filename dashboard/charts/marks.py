"""Marks that several subjects share: ranked bars with columns of figures, a grid of cells, lines and areas.

A mark that stands for a member of a dimension carries its code in customdata, so that a click can filter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.axes import axis, bare, names_axis
from dashboard.charts.theme import (
    SMALL,
    Look,
    annotation,
    escape,
    figure,
    ink,
    layout,
    line,
    short,
    wrapped,
)

ROW = 34
MOST_STRETCH = 2.0
FADED = {"marker": {"opacity": 0.5}}


@dataclass(frozen=True)
class Column:
    """A column of figures to the right of the bars: its header, its texts, one colour a text."""

    header: str
    texts: Sequence[str]
    colors: Sequence[str] = field(default=())
    width: int = 66


def hover(name: str, *pairs: tuple[str, str]) -> str:
    """What the pointer reads: the name, then one labelled value a line; all of it text, never markup."""
    lines = [f"{escape(label)}  <b>{escape(value)}</b>".strip() for label, value in pairs]
    return "<br>".join([f"<b>{short(name, 60)}</b>", *lines])


def bars_of(
    values: Sequence[float | None],
    codes: Sequence[Sequence[Any]],
    colors: Sequence[str] | str,
    hovers: Sequence[str],
    **parts: Any,
) -> dict[str, Any]:
    """Horizontal bars by row position, each with its code and its hover text."""
    return {
        "type": "bar",
        "orientation": "h",
        "x": list(values),
        "y": list(range(len(values))),
        "marker": {"color": colors, "cornerradius": 2},
        "customdata": [list(code) for code in codes],
        "hovertext": list(hovers),
        "hoverinfo": "text",
        "unselected": FADED,
        **parts,
    }


def ranking(
    look: Look,
    labels: Sequence[str],
    traces: Sequence[dict[str, Any]],
    columns: Sequence[Column],
    low: float,
    high: float,
    strong: Sequence[bool] = (),
    notes: Sequence[dict[str, Any]] = (),
    **parts: Any,
) -> go.Figure:
    """Rows with a name on the left, marks in the middle and right-aligned figures on the right.

    Names and figures keep their width in pixels, so the marks give way on a narrow screen.
    """
    palette = look.palette
    names = [wrapped(label) for label in labels]
    if strong:
        names = [f"<b>{name}</b>" if bold else name for name, bold in zip(names, strong, strict=True)]
    right = 0
    figures = list(notes)
    for column in columns:
        right += column.width
        colors = column.colors or [palette.text] * len(column.texts)
        for row, (text, color) in enumerate(zip(column.texts, colors, strict=True)):
            figures.append(_figure_at(text, row, color, right, "y"))
        if column.header:
            figures.append(_figure_at(column.header, 1, palette.secondary, right, "paper"))
    room = (high - low) * 0.02 or 1.0
    base = layout(
        look,
        height=44 + ROW * len(labels),
        barmode="overlay",
        margin={"l": 8, "r": right + 8, "t": 30, "b": 8, "pad": 0},
        xaxis=bare(look, range=[low - room, high + room]),
        yaxis=names_axis(look, names),
        shapes=[line(look, 0, 0, 0, 1, yref="paper", color=palette.neutral)] if low <= 0 <= high else [],
        annotations=figures,
    )
    return figure(traces, base | parts)


def stretched(drawn: go.Figure, height: int) -> go.Figure:
    """The figure at the height of the one beside it: rows move apart, bars stay as thick as they were.

    Never by more than `MOST_STRETCH`: three bars over a page are no better than a gap below them.
    """
    own = drawn.layout.height
    wanted = min(height, int(own * MOST_STRETCH))
    if wanted <= own:
        return drawn
    drawn.layout.height = wanted
    if any(trace.type == "bar" and trace.orientation == "h" for trace in drawn.data):
        edge = (drawn.layout.margin.t or 0) + (drawn.layout.margin.b or 0)
        thick = (1 - drawn.layout.bargap) * (own - edge) / (wanted - edge)
        drawn.layout.bargap = 1 - thick
    return drawn


@dataclass(frozen=True)
class Cell:
    """One cell of a grid: where it is, what it says, its colours and its code."""

    row: int
    column: int
    text: str
    hover: str
    fill: str
    edge: str
    code: Sequence[Any]


def grid(
    look: Look,
    columns: Sequence[str],
    rows: Sequence[str],
    cells: Sequence[Cell],
    row_height: int = 66,
    head: int = 8,
    **parts: Any,
) -> go.Figure:
    """A table of cells that can be clicked (a heat map's can't): columns named on top, rows on the left."""
    trace = {
        "type": "bar",
        "x": [cell.column for cell in cells],
        "y": [0.94] * len(cells),
        "base": [cell.row - 0.47 for cell in cells],
        "width": 0.97,
        "marker": {
            "color": [cell.fill for cell in cells],
            "line": {"color": [cell.edge for cell in cells], "width": 1},
            "cornerradius": 3,
        },
        "text": [cell.text for cell in cells],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "constraintext": "none",
        "insidetextfont": {"color": [ink(cell.fill) for cell in cells], "size": SMALL},
        "customdata": [list(cell.code) for cell in cells],
        "hovertext": [cell.hover for cell in cells],
        "hoverinfo": "text",
        "unselected": FADED,
    }
    top = axis(
        look,
        showgrid=False,
        side="top",
        tickvals=list(range(len(columns))),
        ticktext=list(columns),
        tickfont={"size": SMALL, "color": look.palette.text},
        range=[-0.5, len(columns) - 0.5],
        tickangle=0,
    )
    base = layout(
        look,
        height=28 + head + row_height * len(rows),
        barmode="overlay",
        margin={"l": 8, "r": 8, "t": 20 + head, "b": 8, "pad": 0},
        xaxis=top,
        yaxis=names_axis(look, rows),
    )
    return figure([trace], base | parts)


def curve(
    x: Sequence[Any], y: Sequence[Any], color: str, width: float = 2, dash: str = "solid", **parts: Any
) -> dict[str, Any]:
    """A line that breaks where a value is missing."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "y": list(y),
        "line": {"color": color, "width": width, "dash": dash},
        "hoverinfo": "skip",
        **parts,
    }


def dot(x: Sequence[Any], y: Sequence[Any], color: str, **parts: Any) -> dict[str, Any]:
    """A point that stands out on a line."""
    marker = {"color": color, "size": 8}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(y),
        "marker": marker,
        "hoverinfo": "skip",
        "cliponaxis": False,
        **parts,
    }


def area(x: Sequence[Any], low: Sequence[Any], high: Sequence[Any], color: str) -> dict[str, Any]:
    """A filled band between two lines, left out where either is missing."""
    kept = [place for place in zip(x, low, high, strict=True) if None not in place]
    around = [(place, top) for place, _, top in kept] + [(place, bottom) for place, bottom, _ in kept[::-1]]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [place for place, _ in around],
        "y": [value for _, value in around],
        "fill": "toself",
        "fillcolor": color,
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def _figure_at(text: str, row: float, color: str, shift: int, yref: str) -> dict[str, Any]:
    head = {"yanchor": "bottom", "yshift": 6} if yref == "paper" else {}
    return annotation(
        text,
        1,
        row,
        color,
        size=SMALL if yref == "paper" else 12,
        anchor="right",
        xref="paper",
        yref=yref,
        xshift=shift,
        **head,
    )


def texts_of(
    x: Sequence[Any], y: Sequence[Any], texts: Sequence[str], look: Look, sides: Sequence[str]
) -> dict[str, Any]:
    """Words above ('top') or below ('bottom') their places, level with them in the middle."""
    return {
        "type": "scatter",
        "mode": "text",
        "x": list(x),
        "y": list(y),
        "text": list(texts),
        "textposition": [f"{side} center" for side in sides],
        "textfont": {"size": SMALL, "color": look.palette.text},
        "hoverinfo": "skip",
        "cliponaxis": False,
    }


def tones(values: Sequence[float | None], look: Look) -> list[str]:
    """The colour of each figure in a column: a negative one in loss, which its minus says too."""
    return [look.palette.loss if (v or 0) < 0 else look.palette.text for v in values]


def interval(
    high: Sequence[float | None], middle: Sequence[float | None], low: Sequence[float | None], color: str
) -> dict[str, Any]:
    """Error bars without caps from low to high around each middle; nothing towards a missing end."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [_gap(top, value) for top, value in zip(high, middle, strict=True)],
        "arrayminus": [_gap(value, bottom) for value, bottom in zip(middle, low, strict=True)],
        "color": color,
        "thickness": 1.5,
        "width": 0,
    }


def _gap(high: float | None, low: float | None) -> float:
    return 0.0 if high is None or low is None else float(f"{max(high - low, 0):.5g}")
