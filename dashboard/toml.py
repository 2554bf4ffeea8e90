"""Files in TOML, strictly read: an unknown key is named with the nearest known one, a missing one with its place."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dashboard.errors import DashboardError, nearest


def read(path: Path, what: str) -> dict[str, Any]:
    """The file. Raises DashboardError with the line of a fault."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DashboardError(f"{what} {path}: {error}") from error


def only(table: Any, known: Sequence[str], needed: Sequence[str], where: str) -> dict[str, Any]:
    """The table when it has the keys needed and none that isn't known; raises DashboardError otherwise."""
    if not isinstance(table, dict):
        raise DashboardError(f"{where}: needs a table of {', '.join(known)}")
    for key in table:
        if key not in known:
            raise DashboardError(f"{where}: unknown key {key!r}{nearest(key, known)}")
    for key in needed:
        if key not in table:
            raise DashboardError(f"{where}: key {key!r} is missing")
    return table


def text(table: dict[str, Any], key: str, where: str, default: str = "") -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise DashboardError(f"{where}: {key!r} needs a text; got {value!r}")
    return value


def number(table: dict[str, Any], key: str, where: str, default: float, least: float = 0.0) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < float("inf"):
        raise DashboardError(f"{where}: {key!r} needs a number of {least:g} or more; got {value!r}")
    return float(value)


def one_of(table: dict[str, Any], key: str, known: Sequence[str], where: str, default: str = "") -> str:
    value = text(table, key, where, default)
    if value not in known:
        raise DashboardError(f"{where}: {key!r} is one of {', '.join(known)}; got {value!r}{nearest(value, known)}")
    return value


def texts(table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise DashboardError(f"{where}: {key!r} needs a list of texts")
    return tuple(value)
