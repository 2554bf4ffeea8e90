"""Pictures of the weekly review: the change of profit as a waterfall, and targets met or missed."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.cost import waterfall
from dashboard.charts.marks import Column, bars_of, hover, ranking
from dashboard.charts.theme import Look, clean, empty, labels_of, rows
from dashboard.language import undefined
from dashboard.metrics import METRICS, say


def contributions(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """From the earlier profit to today's by effect; the other breakdowns are in the table and in their own pictures."""
    if not numbers.get("waterfall"):
        return empty(look)
    return waterfall(pd.DataFrame(numbers["waterfall"]), numbers, look)


def breakdown(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """From the earlier profit to today's by the members of a dimension, the largest named, the rest as one."""
    return waterfall(table, numbers, look)


def targets(table: pd.DataFrame, numbers: dict[str, Any], look: Look) -> go.Figure:
    """How far each figure of the customers in view is from its target, in per cent of the target."""
    own = table[table["code"] == ""] if "code" in table else table
    if own.empty:
        return empty(look)
    palette, say_ = look.palette, look.language.t
    found = rows(own, ["metric", "value", "target", "gap"])
    names = labels_of(say_(METRICS[m[0]].label) for m in found)
    shares = [None if not m[2] or undefined(m[3]) else m[3] / abs(m[2]) for m in found]
    good = [(m[3] <= 0) == (METRICS[m[0]].good == "down") or m[3] == 0 for m in found]
    values = [say(m[0], m[1], look.language, look.currency) for m in found]
    goals = [say(m[0], m[2], look.language, look.currency) for m in found]
    words = [("✓ " + say_("met")) if met else ("✗ " + say_("missed")) for met in good]
    hovers = [
        hover(name, (say_("Value"), value), (say_("Target"), goal), ("", word))
        for name, value, goal, word in zip(names, values, goals, words, strict=True)
    ]
    colors = [palette.gain if met else palette.loss for met in good]
    trace = bars_of(clean(shares), [[m[0]] for m in found], colors, hovers)
    columns = [
        Column(say_("Value"), values),
        Column(say_("Target"), goals, [palette.secondary] * len(found)),
        Column("", words, colors, width=70),
    ]
    known = [s for s in shares if s is not None]
    reach = max([abs(s) for s in known], default=0.1) or 0.1
    return ranking(look, names, [trace], columns, -reach, reach)
