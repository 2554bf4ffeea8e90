"""Pictures of grades (what a customer is worth, measured) and tiers (the service it gets, decided)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.axes import axis, names_axis, span, ticks, week_axis
from dashboard.charts.marks import (
    FADED,
    ROW,
    Cell,
    Column,
    bars_of,
    curve,
    dot,
    grid,
    hover,
    ranking,
    tones,
)
from dashboard.charts.theme import (
    SIZE,
    SMALL,
    Look,
    annotation,
    caption,
    clean,
    customers,
    empty,
    escape,
    figure,
    ink,
    labels_of,
    layout,
    mix,
    rows,
    see_through,
    wrapped,
)
from dashboard.language import NEEDS_NAMES, TIER_NAMES
from queries.schema import GRADES, TIERS

MOST_REGIONS = 15


def matrix(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Grade by tier: customers and profit in each cell; those over- or under-served are tinted and say so."""
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    words = {"over": say("Over-served"), "under": say("Under-served")}
    fills = {
        "over": mix(palette.over, palette.page, 0.22),
        "under": mix(palette.under, palette.page, 0.22),
    }
    edges = {"over": palette.over, "under": palette.under}
    found = {(r[0], r[1]): r for r in rows(table, ["grade", "tier", "customers", "profit", "revenue", "fit"])}
    cells = []
    for row, grade in enumerate(GRADES):
        for column, tier in enumerate(TIERS):
            name = f"{grade} · {say(TIER_NAMES[tier])}"
            _, _, count, profit, revenue, fit = found.get((grade, tier), (grade, tier, 0, None, None, "fits"))
            word = words.get(fit, "")
            if not count:
                cells.append(Cell(row, column, "–", name, palette.card, palette.line, (grade, tier)))
                continue
            text = f"<b>{look.language.number(count)}</b><br>{look.money(profit)}" + (
                f"<br>{_small(word)}" if word else ""
            )
            told = hover(
                name,
                (say("Customers"), look.language.number(count, exact=True)),
                (say("Profit"), look.money(profit)),
                (say("Revenue"), look.money(revenue)),
            ) + (f"<br>{word}" if word else "")
            fill, edge = fills.get(fit, palette.card), edges.get(fit, palette.line)
            cells.append(Cell(row, column, text, told, fill, edge, (grade, tier)))
    names = [say(TIER_NAMES[tier]) for tier in TIERS]
    key = say("Down: grade. Across: tier. In each cell: customers, profit")
    return _graded_grid(look, names, cells, key)


def _graded_grid(look: Look, columns: Sequence[str], cells: Sequence[Cell], key: str) -> go.Figure:
    """Cells by grade, a row each, with a line above that says what rows, columns and cells are."""
    names = [wrapped(look.language.t("Grade {grade}", grade=grade), 7) for grade in GRADES]
    words = annotation(escape(key), 0, 1, look.palette.secondary, anchor="left", xref="paper", yref="paper")
    note = words | {"yanchor": "bottom", "yshift": 28}
    return grid(look, columns, names, cells, head=28, annotations=[note])


def measured(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Grade in force by measured grade: customers and value to come; those whom the policy would move are tinted."""
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    words = {"promote": say("Would rise"), "demote": say("Would fall"), "same": ""}
    colors = {"promote": palette.gain, "demote": palette.loss}
    columns = ["grade", "measured", "move", "customers", "value_to_come", "profit"]
    found = {(r[0], r[1]): r for r in rows(table, columns)}
    cells = []
    for row, grade in enumerate(GRADES):
        for column, other in enumerate(GRADES):
            name = say("grade in force {grade}, measured grade {measured}", grade=grade, measured=other)
            _, _, move, count, value, profit = found.get((grade, other), (grade, other, "same", 0, None, None))
            color = colors.get(move)
            if not count:
                cells.append(Cell(row, column, "–", name, palette.card, palette.line, ()))
                continue
            text = f"<b>{look.language.number(count)}</b><br>{look.money(value)}"
            text += f"<br>{_small(words[move])}" if words[move] else ""
            told = hover(
                name,
                (say("Customers"), look.language.number(count, exact=True)),
                (say("Value to come"), look.money(value)),
                (say("Profit"), look.money(profit)),
            )
            fill = mix(color, palette.page, 0.18) if color else palette.card
            cells.append(Cell(row, column, text, told, fill, color or palette.line, (f"{grade}{other}",)))
    names = [say("Measured {grade}", grade=grade) for grade in GRADES]
    key = say("Down: in force. Across: measured. Count, value to come")
    return _graded_grid(look, names, cells, key)


def region_grade(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """The mix of grades in each region as bars of 100 %, A first; a segment filters by region and grade."""
    if table.empty:
        return empty(look)
    palette = look.palette
    parts = rows(table, ["code", "name", "grade", "customers"])
    every = dict(zip([p[0] for p in parts], labels_of(p[1] for p in parts), strict=True))
    names = dict(list(every.items())[:MOST_REGIONS])
    totals: dict[Any, float] = {}
    for code, _, _, count in parts:
        totals[code] = totals.get(code, 0) + (count or 0)
    counts = {(code, grade): count or 0 for code, _, grade, count in parts}
    traces = []
    for grade in GRADES:
        fill = palette.grades[grade]
        shares = [counts.get((code, grade), 0) / totals[code] if totals[code] else 0 for code in names]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": grade,
                "x": clean(shares),
                "y": list(range(len(names))),
                "marker": {"color": fill, "line": {"color": palette.page, "width": 1.5}},
                "text": [look.language.percent(share, 0) if share >= 0.1 else "" for share in shares],
                "textposition": "inside",
                "insidetextanchor": "middle",
                "textangle": 0,
                "constraintext": "none",
                "insidetextfont": {"color": ink(fill), "size": SMALL},
                "customdata": [[code, grade] for code in names],
                "hovertext": [
                    hover(
                        f"{name} · {grade}",
                        (customers(look, counts.get((code, grade), 0)), look.language.percent(share)),
                    )
                    for (code, name), share in zip(names.items(), shares, strict=True)
                ],
                "hoverinfo": "text",
                "unselected": FADED,
            }
        )
    notes = _best_shares(counts, totals, names, look)
    if hidden := len(every) - len(names):
        more = look.language.t("{n} smaller ones are in the table", n=hidden)
        where: dict[str, Any] = {"xref": "paper", "yref": "paper", "yanchor": "top", "yshift": -4}
        notes.append(annotation(more, 0, 0, palette.secondary, anchor="left", **where))
    base = layout(
        look,
        height=50 + ROW * len(names) + (18 if hidden else 0),
        barmode="stack",
        margin={"l": 8, "r": 52, "t": 36, "b": 26 if hidden else 8, "pad": 0},
        annotations=notes,
        xaxis=axis(look, range=[0, 1], showgrid=False, showticklabels=False),
        yaxis=names_axis(look, [wrapped(name) for name in names.values()]),
        **legend(look),
    )
    return figure(traces, base)


def _best_shares(
    counts: dict[tuple[Any, Any], float], totals: dict[Any, float], names: Iterable[Any], look: Look
) -> list[dict[str, Any]]:
    """The share of the best grade right of each bar: it is often too small to be written in its segment."""
    best = GRADES[0]
    right: dict[str, Any] = {"anchor": "right", "xref": "paper", "xshift": 46}
    texts = [look.language.percent(ratio) for ratio in (counts.get((c, best), 0) / (totals[c] or 1) for c in names)]
    notes = [annotation(text, 1, row, look.palette.text, **right) for row, text in enumerate(texts)]
    head = annotation(f"<b>{best}</b>", 1, 1, look.palette.text, **right, yref="paper", yanchor="bottom", yshift=6)
    return [head, *notes]


def migration(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """From the grade before to the grade now: moves up in gain, down in loss, stays in grey."""
    columns = ["from_grade", "to_grade", "customers", "profit", "value_to_come"]
    moves = rows(table, columns) if len(table) else []
    moves = [move for move in moves if move[2]]
    if not moves:
        return empty(look)
    palette, say = look.palette, look.language.t
    sent = {g: size for g in (*GRADES, "new") if (size := sum(m[2] for m in moves if m[0] == g))}
    got = {g: size for g in (*GRADES, "left") if (size := sum(m[2] for m in moves if m[1] == g))}
    words = {g: g for g in GRADES} | {"new": say("New"), "left": say("Left")}
    colors = {**palette.grades, "new": palette.gain, "left": palette.loss}
    nodes = [*sent.items(), *got.items()]
    trace = {
        "type": "sankey",
        "arrangement": "fixed",
        "textfont": {"color": palette.text, "size": SIZE, "shadow": "none"},
        "node": {
            "label": [f"{words[g]}  {look.language.number(size)}" for g, size in nodes],
            "x": [0.001] * len(sent) + [0.999] * len(got),
            "y": clean([*_heights(list(sent.values())), *_heights(list(got.values()))]),
            "color": [colors[g] for g, _ in nodes],
            "pad": 14,
            "thickness": 12,
            "line": {"width": 0},
            "hovertemplate": "%{label}<extra></extra>",
        },
        "link": {
            "source": [list(sent).index(m[0]) for m in moves],
            "target": [len(sent) + list(got).index(m[1]) for m in moves],
            "value": [m[2] for m in moves],
            "color": [_move_color(m[0], m[1], look) for m in moves],
            "customdata": [
                hover(
                    f"{words[before]} → {words[after]}",
                    (say("Customers"), look.language.number(count, exact=True)),
                    (say("Profit"), look.money(profit)),
                    (say("Value to come"), look.money(coming)),
                )
                for before, after, count, profit, coming in moves
            ],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
    }
    down = say("▼ Down")
    if (at_stake := numbers.get("value_of_moved_down")) is not None:
        down = say("▼ Down: {value} to come", value=look.money(at_stake))
    key = [
        (say("▲ Up"), palette.gain, 0.0, "left"),
        (say("Unchanged"), palette.secondary, 0.35, "center"),
        (down, palette.loss, 1.0, "right"),
    ]
    top: dict[str, Any] = {"xref": "paper", "yref": "paper", "yanchor": "bottom", "yshift": 10}
    notes = [annotation(text, x, 1, color, anchor=side, **top) for text, color, x, side in key]
    margin = {"l": 8, "r": 8, "t": 36, "b": 12, "pad": 0}
    return figure([trace], layout(look, height=360, margin=margin, annotations=notes))


def trend(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Share of each grade by week, a panel and a scale for each, with the latest share and its change in points."""
    if table.empty:
        return empty(look)
    days = [pd.Timestamp(day).date() for day in table["week"]]
    weeks = sorted(set(days))
    keys = list(zip(table["grade"], days, strict=True))
    shares = dict(zip(keys, clean(table["customers_share"]), strict=True))
    counts = dict(zip(keys, clean(table["customers"]), strict=True))
    shown = [g for g in GRADES if (table["grade"] == g).any()]
    traces, notes, axes = [], [caption(look.language.t("Share of graded customers, a scale for each grade"), look)], {}
    for place, grade in enumerate(shown):
        number = str(place + 1) if place else ""
        top = 1 - place / len(shown)
        domain = [max(top - 1 / len(shown) + 0.04, 0), top - 0.04]
        values = [shares.get((grade, week)) for week in weeks]
        held = [counts.get((grade, week)) for week in weeks]
        axes[f"yaxis{number}"] = _own_scale(values, domain, look)
        traces += _grade_line(weeks, values, held, grade, f"y{number}", look)
        notes.append(_latest(values, grade, sum(domain) / 2, look))
    base = layout(
        look,
        height=60 + 84 * len(shown),
        margin={"l": 8, "r": 92, "t": 30, "b": 8, "pad": 0},
        hoverdistance=-1,
        xaxis=week_axis(look, weeks, anchor=f"y{len(shown)}" if len(shown) > 1 else "y"),
        annotations=notes,
        **axes,
    )
    return figure(traces, base)


def _own_scale(values: Sequence[float | None], domain: list[float], look: Look) -> dict[str, Any]:
    """The axis of one grade, from its lowest share to its highest: a line, so it need not start at zero."""
    low, high = span(values, zero=False)
    room = max((high - low) * 0.15, high * 0.02, 0.001)
    places = ticks(low, high, 2)
    labels = [look.language.percent(place) for place in places]
    return axis(look, domain=domain, range=[low - room, high + room], tickvals=places, ticktext=labels)


def _grade_line(
    weeks: Sequence[date],
    values: Sequence[float | None],
    counts: Sequence[float | None],
    grade: str,
    yaxis: str,
    look: Look,
) -> list[dict[str, Any]]:
    """The shares of one grade as a line that ends in a dot."""
    color, percent = look.palette.grades[grade], look.language.percent
    days = [week.isoformat() for week in weeks]
    told = [
        [look.language.week(week), percent(value), customers(look, count)]
        for week, value, count in zip(weeks, values, counts, strict=True)
    ]
    template = f"<b>{grade}</b>  %{{customdata[1]}}<br>%{{customdata[2]}}<br>%{{customdata[0]}}<extra></extra>"
    hovered: dict[str, Any] = {"customdata": told, "hoverinfo": "text", "hovertemplate": template}
    known = [(day, value) for day, value in zip(days, values, strict=True) if value is not None]
    return [
        curve(days, values, color, 2.2, yaxis=yaxis, **hovered),
        dot([day for day, _ in known[-1:]], [value for _, value in known[-1:]], color, yaxis=yaxis),
    ]


def _latest(values: Sequence[float | None], grade: str, y: float, look: Look) -> dict[str, Any]:
    """The latest share of a grade and its change since the first week shown, right of its line."""
    known = [value for value in values if value is not None]
    first, last = (known[0], known[-1]) if known else (None, None)
    change = None if first is None or last is None else last - first
    text = f"<b>{grade}  {look.language.percent(last)}</b><br>{look.language.points(change)}"
    where: dict[str, Any] = {"anchor": "left", "xref": "paper", "yref": "paper", "xshift": 10}
    return annotation(text, 1, y, look.palette.text, **where)


def needs(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Customers by needs level (partnership on top) and grade, the tint by the cell's share of its grade."""
    if table.empty:
        return empty(look)
    palette, say = look.palette, look.language.t
    parts = {(p[0], p[1]): p[2] for p in rows(table, ["needs_level", "grade", "customers"])}
    totals = {grade: sum(v or 0 for (_, g), v in parts.items() if g == grade) for grade in GRADES}
    levels = sorted(NEEDS_NAMES, reverse=True)
    cells = []
    for row, level in enumerate(levels):
        for column, grade in enumerate(GRADES):
            count = parts.get((level, grade)) or 0
            share = count / totals[grade] if totals[grade] else 0.0
            fill = mix(palette.accent, palette.page, round(0.05 + 0.55 * share, 2)) if count else palette.card
            text = f"{look.language.number(count)}<br>{look.language.percent(share, 0)}" if count else "–"
            told = hover(
                f"{say(NEEDS_NAMES[level])} · {grade}",
                (say("Customers"), look.language.number(count, exact=True)),
                (say("Share of grade {grade}", grade=grade), look.language.percent(share)),
            )
            cells.append(Cell(row, column, text, told, fill, palette.line, (level, grade)))
    names = [f"{level} {wrapped(say(NEEDS_NAMES[level]), 17, 3)}" for level in levels]
    return grid(look, [f"<b>{grade}</b>" for grade in GRADES], names, cells, row_height=46)


def legend(look: Look) -> dict[str, Any]:
    """The grades in one line above the plot, where no room is left to label the segments directly."""
    return {
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "traceorder": "normal",
            "title": {"text": look.language.t("Grade"), "side": "left"},
            "itemclick": False,
            "itemdoubleclick": False,
            "font": {"size": SMALL, "color": look.palette.secondary},
            "bgcolor": "rgba(0,0,0,0)",
        },
    }


def _small(word: str) -> str:
    """A word that still fits a cell on a phone."""
    return f'<span style="font-size:10px">{word}</span>'


def _heights(sizes: Sequence[float]) -> list[float]:
    """Where the nodes of one side stand so that they keep their order: centres from top to bottom."""
    gap = 0.05
    room = 1 - gap * (len(sizes) - 1)
    total = sum(sizes)
    places, used = [], 0.0
    for size in sizes:
        part = room * size / total
        places.append(min(max(used + part / 2, 0.001), 0.999))
        used += part + gap
    return places


def _move_color(before: str, after: str, look: Look) -> str:
    """Gain for a move up or a new customer, loss for a move down or a lost one, grey for a stay."""
    palette = look.palette
    if before == after:
        return see_through(palette.neutral, 0.25)
    order = [*GRADES, "left"]
    up = before == "new" or order.index(after) < order.index(before)
    return see_through(palette.gain if up else palette.loss, 0.45)


def reasons(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Changes of grade by reason: falls to the left in loss, rises to the right in gain."""
    if table.empty:
        return empty(look)
    palette, say, language = look.palette, look.language.t, look.language
    found = rows(table, ["reason", "up", "down", "value_to_come"])
    names = labels_of(r[0] for r in found)
    hovers = [
        hover(
            name,
            (say("Rises"), language.number(r[1], exact=True)),
            (say("Falls"), language.number(r[2], exact=True)),
            (say("Value to come"), look.money(r[3])),
        )
        for name, r in zip(names, found, strict=True)
    ]
    ups, downs = [r[1] or 0 for r in found], [-(r[2] or 0) for r in found]
    codes = [[r[0]] for r in found]
    columns = [
        Column(say("▲ Up"), [language.number(up) for up in ups], [palette.gain] * len(found), width=52),
        Column(say("▼ Down"), [language.number(-down) for down in downs], [palette.loss] * len(found), width=58),
        Column(say("To come"), [look.money(r[3]) for r in found], tones([r[3] for r in found], look), width=68),
    ]
    bars = [bars_of(ups, codes, palette.gain, hovers), bars_of(downs, codes, palette.loss, hovers)]
    return ranking(look, names, bars, columns, *span(ups, downs))


def stability(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """Share of each grade at the end (bar), at the start (tick) and in the long run (ring) if moves went on so."""
    if table.empty:
        return empty(look)
    palette, say, percent = look.palette, look.language.t, look.language.percent
    columns = ["grade", "start_share", "end_share", "stationary_share", "kept_share"]
    found = [row for row in rows(table, columns) if row[0] in GRADES]
    hovers = [
        hover(
            say("Grade {grade}", grade=r[0]),
            (say("Start"), percent(r[1])),
            (say("End"), percent(r[2])),
            (say("Long run"), percent(r[3])),
            (say("Kept the grade"), percent(r[4])),
        )
        for r in found
    ]
    places = list(range(len(found)))
    bars = bars_of(clean(r[2] for r in found), [[r[0]] for r in found], [palette.grades[r[0]] for r in found], hovers)

    def marks(column: int, symbol: str, size: int) -> dict[str, Any]:
        edge = {"color": palette.text, "width": 2}
        marker = {"symbol": symbol, "color": palette.page, "size": size, "line": edge}
        values = clean(r[column] for r in found)
        return dot(values, places, palette.page, marker=marker)

    beside = [
        Column(f"| {say('Start')}", [percent(r[1], 0) for r in found], [palette.secondary] * len(found), width=52),
        Column(say("End"), [percent(r[2], 0) for r in found], width=44),
        Column(f"○ {say('Long run')}", [percent(r[3], 0) for r in found], [palette.secondary] * len(found), width=80),
    ]
    traces = [bars, marks(1, "line-ns", 16), marks(3, "circle", 9)]
    shares = [[r[place] for r in found] for place in (1, 2, 3)]
    return ranking(look, [r[0] for r in found], traces, beside, *span(*shares))
