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
KEYS = ("version", "source", "largest_fall", "levels", "lifetime", "word_of_mouth")
LEVEL_KEYS = ("response", "includes")
LIFETIME_KEYS = ("annual_discount_rate", "horizon_years", "model")
TALK_KEYS = ("source", "value_of_praise", "cost_of_complaint", "cost_of_a_point")
PURCHASE_MODELS = ("mbg_nbd", "bg_nbd")


@dataclass(frozen=True)
class Level:
    """`response`: margin over self-service as a share of the margin there; `includes`: units a year by activity."""

    response: float
    includes: dict[str, float]


@dataclass(frozen=True)
class Lifetime:
    """How value to come is computed: the rate is a fraction a year, the horizon in years."""

    annual_discount_rate: float
    horizon_years: float
    model: str


@dataclass(frozen=True)
class Talk:
    """What word of mouth is worth, in the warehouse's money: of one event, and of a point of satisfaction
    for one customer and month."""

    source: str
    value_of_praise: float
    cost_of_complaint: float
    cost_of_a_point: float


@dataclass(frozen=True)
class Policy:
    """What recommendation and forecasts rest on. `levels` by tier, best first."""

    version: str
    source: str
    largest_fall: int
    levels: dict[str, Level]
    lifetime: Lifetime
    word_of_mouth: Talk


@cache
def policy(path: Path = FILE) -> Policy:
    """The policy of a file. Raises DashboardError naming the key and the mend."""
    try:
        text = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DashboardError(f"policy {path}: {error}") from error
    known(text, KEYS, f"policy {path}")
    fall = text["largest_fall"]
    if not isinstance(fall, int) or fall < 0:
        raise DashboardError(f"policy {path}: 'largest_fall' needs a whole number of zero or more")
    known(text["levels"], TIERS, f"policy {path}: [levels]")
    levels = {tier: _level(text["levels"][tier], f"policy {path}: [levels.{tier}]") for tier in TIERS}
    lifetime = _lifetime(text["lifetime"], f"policy {path}: [lifetime]")
    talk = _talk(text["word_of_mouth"], f"policy {path}: [word_of_mouth]")
    return Policy(str(text["version"]), str(text["source"]), fall, levels, lifetime, talk)


def _level(text: dict[str, Any], where: str) -> Level:
    known(text, LEVEL_KEYS, where)
    for name, value in {"response": text["response"], **text["includes"]}.items():
        if not isinstance(value, int | float) or value < 0:
            raise DashboardError(f"{where}: {name!r} needs a number of zero or more")
    return Level(float(text["response"]), {code: float(units) for code, units in text["includes"].items()})


def _lifetime(text: dict[str, Any], where: str) -> Lifetime:
    known(text, LIFETIME_KEYS, where)
    if text["model"] not in PURCHASE_MODELS:
        raise DashboardError(f"{where}: 'model' is one of {', '.join(PURCHASE_MODELS)}; got {text['model']!r}")
    rate, years = number(text, "annual_discount_rate", where), number(text, "horizon_years", where)
    if not years:
        raise DashboardError(f"{where}: 'horizon_years' needs a number above zero")
    return Lifetime(rate, years, text["model"])


def _talk(text: dict[str, Any], where: str) -> Talk:
    known(text, TALK_KEYS, where)
    return Talk(str(text["source"]), *[number(text, key, where) for key in TALK_KEYS[1:]])


def number(text: dict[str, Any], key: str, where: str) -> float:
    """A number of zero or more under a key of a policy file."""
    value = text[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise DashboardError(f"{where}: {key!r} needs a number of zero or more")
    return float(value)


def known(text: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    """Refuse a part of a policy file that has other keys than these, or lacks one."""
    for key in text:
        if key not in keys:
            raise DashboardError(f"{where}: unknown key {key!r}{nearest(key, keys)}")
    for key in keys:
        if key not in text:
            raise DashboardError(f"{where}: key {key!r} is missing")
