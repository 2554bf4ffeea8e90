"""Every statement the program can make of a view, found by the signatures in `queries`, so that none is forgotten."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from datetime import date
from types import ModuleType
from typing import Any

from sqlalchemy import Select, Subquery, select

from dashboard.filters import Filters
from dashboard.policy import Limits, Rule
from dashboard.scope import Scope
from dashboard.warehouse.read import Marts
from queries import (
    cost,
    customers,
    grading,
    levels,
    lifetime,
    moves,
    population,
    quality,
    review,
    satisfaction,
    tiers,
    value,
)
from queries.population import View

MODULES: tuple[ModuleType, ...] = (
    *(population, value, lifetime, cost, customers, levels, moves, satisfaction, tiers),
    *(grading, quality, review),
)

LIMITS = Limits(1, "self_service", 0.1, (Rule("key", "strategic_fit", "at_least", 5, {}),), ())
FOUR = tuple(tuple(float(i * 4 + j) / 100 for j in range(4)) for i in range(4))
SHEET = levels.Sheet(
    years=1.0,
    items=("visit", "gift"),
    counted=("visit",),
    role="account_manager",
    limits=LIMITS,
    change=tuple(row * 4 for row in FOUR),
    talk=tuple((now, score, 0.0, 1.0, 2.0, 3.0) for now in range(4) for score in (24, 32)),
    score=24,
    decided=(("C01", 1),),
)
NOBODY_MOVES = levels.Handed(
    tuple(
        (name, json.dumps([value]))
        for name, value in (
            *((c, 0) for c in levels.CLASS),
            *((c, 1) for c in levels.COUNTS),
            *((c, 0.5) for c in levels.CHARGES),
        )
    )
)
"""A plan of one class of customers: strategic today, free to stay, in the first region."""

NOT_STATEMENTS = {"costs"}
"""Parts of statements, without a scope of their own; what uses them joins a scoped population."""


def functions() -> dict[str, Callable[..., Any]]:
    """Functions of a view by name, such as 'value.summary'."""
    found = {}
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            mine = function.__module__ == module.__name__ and not name.startswith("_")
            if mine and "view" in inspect.signature(function).parameters and name not in NOT_STATEMENTS:
                found[f"{module.__name__.removeprefix('queries.')}.{name}"] = function
    return found


def view_of(marts: Marts, scope: Scope, filters: Filters | None = None) -> View:
    filters = filters or Filters()
    return View(filters, scope, marts.calendar.window(filters.period, filters.as_of), marts.calendar)


def statements(view: View, text: str = "C01", only: str = "") -> Iterator[tuple[str, Select]]:
    """Every statement of a view, or those of one function; `text` is what somebody searches for."""
    others = {
        "level": [0, 1, 2],
        "column": ["grade", "tier", "industry", "kind"],
        "measure": ["revenue", "profit"],
        "exact": [True, False],
        "order": ["revenue", "-profit"],
        "limit": [5],
        "role": ["account_manager"],
        "sheet": [SHEET],
        "plan": [NOBODY_MOVES],
        "moves": [True, False],
        "decided": [SHEET.decided],
        "undecided": [True, False],
        "levels": [("strategic", "standard")],
        "share": [0.5],
        "seed": [3],
        "codes": [["C01", "C05"]],
        "since": [date(2026, 8, 10)],
        "noted": [(), (moves.Noted("C01", moves.DECIDED, date(2026, 4, 1), date(2026, 6, 30), 100.0),)],
        "low": [2.5],
        "high": [4.0],
        "complaint": [2.5],
        "praise": [4.0],
        "text": [text],
        "shown": [view.window],
        "mondays": [[view.window.last_week, date(2026, 8, 10)]],
    }
    for name, function in functions().items():
        if only not in ("", name):
            continue
        parameters = [p for p in inspect.signature(function).parameters if p != "view"]
        assert set(parameters) <= set(others), f"tell tests/statements.py what to give {name} for {parameters}"
        choices = [others[p] for p in parameters]
        if name == "satisfaction.by_column":
            choices = [["grade", "tier"]]
        for place in range(max([1, *map(len, choices)])):
            given = {p: options[place % len(options)] for p, options in zip(parameters, choices, strict=True)}
            made = function(view, **given)
            said = f"{name}({', '.join(map(str, given.values()))})"
            yield said, select(made) if isinstance(made, Subquery) else made
