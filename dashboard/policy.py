"""The service policy: a readable, versioned file of what levels include, bring and may change."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.errors import DashboardError, nearest
from dashboard.settings import ROOT
from queries.schema import TIERS

FILE = ROOT / "data" / "policy.toml"
KEYS = ("version", "source", "largest_fall", "levels")
LEVEL_KEYS = ("response", "includes")


@dataclass(frozen=True)
class Level:
    """`response`: margin over self-service as a share of the margin there; `includes`: units a year by activity."""

    response: float
    includes: dict[str, float]


@dataclass(frozen=True)
class Policy:
    """What the recommendation rests on. `levels` by tier, best first."""

    version: str
    source: str
    largest_fall: int
    levels: dict[str, Level]


@cache
def policy(path: Path = FILE) -> Policy:
    """The policy of a file. Raises DashboardError naming the key and the mend."""
    try:
        text = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DashboardError(f"policy {path}: {error}") from error
    _known(text, KEYS, f"policy {path}")
    fall = text["largest_fall"]
    if not isinstance(fall, int) or fall < 0:
        raise DashboardError(f"policy {path}: 'largest_fall' needs a whole number of zero or more")
    _known(text["levels"], TIERS, f"policy {path}: [levels]")
    levels = {tier: _level(text["levels"][tier], f"policy {path}: [levels.{tier}]") for tier in TIERS}
    return Policy(str(text["version"]), str(text["source"]), fall, levels)


def _level(text: dict[str, Any], where: str) -> Level:
    _known(text, LEVEL_KEYS, where)
    for name, value in {"response": text["response"], **text["includes"]}.items():
        if not isinstance(value, int | float) or value < 0:
            raise DashboardError(f"{where}: {name!r} needs a number of zero or more")
    return Level(float(text["response"]), {code: float(units) for code, units in text["includes"].items()})


def _known(text: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in text:
        if key not in keys:
            raise DashboardError(f"{where}: unknown key {key!r}{nearest(key, keys)}")
    for key in keys:
        if key not in text:
            raise DashboardError(f"{where}: key {key!r} is missing")
