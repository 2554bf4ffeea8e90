"""Rules of alerts: figures beyond their threshold, customers who moved, old data. A TOML file, read strictly."""

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
from dashboard.periods import PERIODS
from dashboard.settings import ROOT
from queries.schema import GRADES

FILE = ROOT / "data" / "alerts.toml"
VARIABLE = "DASHBOARD_ALERTS"
"""Names the company's own rules."""
KINDS = {
    "metric": ("metric", "below", "above", "by", "period", "filters"),
    "moved": ("direction", "from"),
    "stale": ("days",),
}
SEVERITIES = ("red", "amber")
BY = ("region", "grade")


@dataclass(frozen=True)
class Rule:
    """What raises an alert. `limit` is of the metric's unit (shares are fractions of 1) or in days; `direction` is the
    side of the limit that is wrong ('below' or 'above') or the way of a move ('up' or 'down')."""

    name: str
    kind: str
    severity: str
    direction: str = ""
    limit: float = 0.0
    metric: str = ""
    by: str = ""
    period: str = "13w"
    filters: Mapping[str, str] = field(default_factory=dict)
    grades: tuple[str, ...] = ()


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
    if kind == "moved":
        grades = toml.texts(table, "from", where) or GRADES
        for grade in grades:
            if grade not in GRADES:
                raise DashboardError(f"{where}: no grade {grade!r}{nearest(grade, GRADES)}")
        return replace(rule, direction=toml.one_of(table, "direction", ("up", "down"), where, "down"), grades=grades)
    return _threshold(rule, table, where)


def _threshold(rule: Rule, table: dict[str, Any], where: str) -> Rule:
    toml.only(table, tuple(table), ("metric",), where)
    sides = [side for side in ("below", "above") if side in table]
    if len(sides) != 1:
        raise DashboardError(f"{where}: give either 'below' or 'above'")
    metric = toml.text(table, "metric", where)
    if metric not in METRICS:
        raise DashboardError(f"{where}: no metric {metric!r}{nearest(metric, METRICS)}")
    filters = table.get("filters", {})
    if not isinstance(filters, dict) or not all(isinstance(value, str) for value in filters.values()):
        raise DashboardError(f"{where}: 'filters' needs texts, such as {{ region = \"CN-E\" }}")
    toml.only(filters, tuple(Filters.__dataclass_fields__), (), f"{where}: filters")
    return replace(
        rule,
        metric=metric,
        direction=sides[0],
        limit=toml.number(table, sides[0], where, 0.0, float("-inf")),
        by=toml.one_of(table, "by", ("", *BY), where),
        period=toml.one_of(table, "period", PERIODS, where, "13w"),
        filters=filters,
    )
