"""Files in TOML, strictly read: an unknown key is named with the nearest known one, a missing one with its place."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from dashboard.errors import DashboardError, likely, nearest

INFINITE = float("inf")


def read(path: Path, what: str) -> dict[str, Any]:
    """The file. Raises DashboardError with the line of a fault."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DashboardError(f"{what} {path}: {error}") from error
    return parsed(text, f"{what} {path}")


def parsed(text: str, where: str) -> dict[str, Any]:
    """A text in TOML; `where` names it in errors."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DashboardError(f"{where}: {error}") from error


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


def exactly(table: Any, known: Sequence[str] | type, where: str, optional: Sequence[str] = ()) -> dict[str, Any]:
    """The table when it has all of the keys but the optional ones, and no other; `known` are names or the dataclass
    that they make."""
    names = tuple(each.name for each in fields(known)) if isinstance(known, type) else tuple(known)
    return only(table, names, [name for name in names if name not in optional], where)


def text(table: dict[str, Any], key: str, where: str, default: str = "") -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise DashboardError(f"{where}: {key!r} needs a text; got {value!r}")
    return value


def filled(table: dict[str, Any], key: str, where: str) -> str:
    """A text that says something."""
    value = text(table, key, where)
    if not value.strip():
        raise DashboardError(f"{where}: {key!r} needs a text")
    return value


def number(
    table: dict[str, Any],
    key: str,
    where: str,
    default: float | None = None,
    least: float = 0.0,
    most: float = INFINITE,
) -> float:
    """A finite number from `least` to `most`."""
    value: Any = table.get(key, default)
    finite = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < INFINITE
    if not finite or not least <= value <= most:
        wanted = f" of {least:g} or more" if least > -INFINITE else ""
        wanted = f" from {least:g} to {most:g}" if most < INFINITE else wanted
        raise DashboardError(f"{where}: {key!r} needs a number{wanted}; got {value!r}")
    return float(value)


def numbers(table: Any, where: str) -> dict[str, float]:
    """Names with numbers of zero or more."""
    if not isinstance(table, dict):
        raise DashboardError(f"{where}: needs names with numbers, such as {{ visit = 2 }}")
    return {str(name): number(table, name, where) for name in table}


def whole(table: dict[str, Any], key: str, where: str, least: int, most: int) -> int:
    """A whole number from `least` to `most`."""
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise DashboardError(f"{where}: {key!r} needs a whole number from {least} to {most}; got {value!r}")
    return value


def one_of(table: dict[str, Any], key: str, known: Sequence[str], where: str, default: str = "") -> str:
    value = text(table, key, where, default)
    if value not in known:
        raise DashboardError(f"{where}: {key!r} is one of {', '.join(known)}; got {value!r}{likely(value, known)}")
    return value


def texts(table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise DashboardError(f"{where}: {key!r} needs a list of texts")
    return tuple(value)
