"""Rules of alerts: figures beyond their threshold or slowly shifting, customers who moved, old data.

A TOML file, read strictly.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from dashboard import toml
from dashboard.errors import DashboardError, nearest
from dashboard.filters import Filters
from dashboard.metrics import METRICS
from dashboard.periods import PERIODS, REVIEWED
from dashboard.settings import ROOT
from queries.schema import GRADES, TIERS

FILE = ROOT / "data" / "alerts.toml"
VARIABLE = "DASHBOARD_ALERTS"
"""Names the company's own rules."""
KINDS = {
    "metric": ("metric", "below", "above", "clears", "by", "level", "period", "filters"),
    "drift": ("metrics", "false_per_year", "by", "level", "filters"),
    "moved": ("what", "direction", "from", "worth", "period", "filters"),
    "stale": ("days",),
}
SEVERITIES = ("red", "amber")
BY = ("region", "grade")
DRIFTING = ("revenue", "gross_margin", "cost_to_serve", "profit", "margin", "satisfaction")
"""Metrics that are known week by week."""
PLACES = {"grade": GRADES, "tier": TIERS}
BACK = 0.02
"""An alert of a figure ends when it is better than its threshold by this share of it, so that one that wavers about the
threshold is one alert."""


@dataclass(frozen=True)
class Rule:
    """What raises an alert.

    `limit` is of the metric's unit (shares are fractions of 1), days of old data, the least value to come of a customer
    who moved, or the false alarms that a rule of drifts may raise a year. `direction` is the side of the limit that is
    wrong ('below' or 'above') or the way of a move ('up' or 'down'); `clears` is where the metric is right again;
    `level` of the region tree is 0 for its top; `places` are the grades or tiers (`what`) moved from.
    """

    name: str
    kind: str
    severity: str
    direction: str = ""
    limit: float = 0.0
    metric: str = ""
    by: str = ""
    period: str = "13w"
    filters: Mapping[str, str] = field(default_factory=dict)
    places: tuple[str, ...] = ()
    what: str = "grade"
    clears: float = 0.0
    level: int = 0
    metrics: tuple[str, ...] = ()


def rules() -> tuple[Rule, ...]:
    """The rules in force."""
    return read(Path(os.environ.get(VARIABLE) or FILE))


@cache
def read(path: Path) -> tuple[Rule, ...]:
    """The rules of a file. Raises DashboardError that names the place and the mend."""
    where = f"alert rules {path}"
    table = toml.only(toml.read(path, "alert rules"), ("version", "rule"), ("version", "rule"), where)
    if not isinstance(table["rule"], list):
        raise DashboardError(f"{where}: rules are written as [[rule]]")
    found = tuple(_rule(each, f"{where}: [[rule]] {n}") for n, each in enumerate(table["rule"], 1))
    names = [rule.name for rule in found]
    if double := next((name for name in names if names.count(name) > 1), ""):
        raise DashboardError(f"{where}: two rules are named {double!r}")
    return found


def _rule(table: Any, where: str) -> Rule:
    common = ("name", "kind", "severity")
    toml.only(table, (*common, *(key for keys in KINDS.values() for key in keys)), common, where)
    kind = toml.one_of(table, "kind", tuple(KINDS), where)
    toml.only(table, (*common, *KINDS[kind]), common, where)
    name = toml.text(table, "name", where)
    if not name or "/" in name:
        raise DashboardError(f"{where}: 'name' needs a text without a slash; got {name!r}")
    rule = Rule(name, kind, toml.one_of(table, "severity", SEVERITIES, where))
    if kind == "stale":
        return replace(rule, limit=toml.number(table, "days", where, 10, 1))
    rule = replace(rule, filters=_filters(table, where))
    if kind == "moved":
        return _move(rule, table, where)
    # A grade's customers are those of today: of them it is known that they rose or fell.
    by = ("", "region") if kind == "drift" else ("", *BY)
    rule = replace(rule, by=toml.one_of(table, "by", by, where), level=int(toml.number(table, "level", where, 0)))
    return _drift(rule, table, where) if kind == "drift" else _threshold(rule, table, where)


def _filters(table: dict[str, Any], where: str) -> Mapping[str, str]:
    filters = table.get("filters", {})
    if not isinstance(filters, dict) or not all(isinstance(value, str) for value in filters.values()):
        raise DashboardError(f"{where}: 'filters' needs texts, such as {{ region = \"CN-E\" }}")
    return toml.only(filters, tuple(Filters.__dataclass_fields__), (), f"{where}: filters")


def _move(rule: Rule, table: dict[str, Any], where: str) -> Rule:
    what = toml.one_of(table, "what", tuple(PLACES), where, "grade")
    places = toml.texts(table, "from", where) or PLACES[what]
    for place in places:
        if place not in PLACES[what]:
            raise DashboardError(f"{where}: no {what} {place!r}{nearest(place, PLACES[what])}")
    return replace(
        rule,
        what=what,
        places=places,
        direction=toml.one_of(table, "direction", ("up", "down"), where, "down"),
        limit=toml.number(table, "worth", where, 0),
        period=toml.one_of(table, "period", REVIEWED, where, "4w"),
    )


def _drift(rule: Rule, table: dict[str, Any], where: str) -> Rule:
    metrics = toml.texts(table, "metrics", where)
    for metric in metrics:
        if metric not in DRIFTING:
            raise DashboardError(f"{where}: no weekly metric {metric!r}{nearest(metric, DRIFTING)}")
    if not metrics:
        raise DashboardError(f"{where}: 'metrics' names at least one of {', '.join(DRIFTING)}")
    return replace(rule, metrics=metrics, limit=toml.number(table, "false_per_year", where, 1, 0.01))


def _threshold(rule: Rule, table: dict[str, Any], where: str) -> Rule:
    toml.only(table, tuple(table), ("metric",), where)
    sides = [side for side in ("below", "above") if side in table]
    if len(sides) != 1:
        raise DashboardError(f"{where}: give either 'below' or 'above'")
    metric = toml.text(table, "metric", where)
    if metric not in METRICS:
        raise DashboardError(f"{where}: no metric {metric!r}{nearest(metric, METRICS)}")
    below, limit = sides[0] == "below", toml.number(table, sides[0], where, 0.0, float("-inf"))
    clears = toml.number(table, "clears", where, limit + abs(limit) * (BACK if below else -BACK), float("-inf"))
    if clears < limit if below else clears > limit:
        raise DashboardError(f"{where}: 'clears' lies on the right side of the threshold, where the alert ends")
    period = toml.one_of(table, "period", PERIODS, where, "13w")
    return replace(rule, metric=metric, direction=sides[0], limit=limit, clears=clears, period=period)
