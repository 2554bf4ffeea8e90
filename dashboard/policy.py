"""The service policy: a readable, versioned file of assumptions and limits."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dashboard.errors import DashboardError, nearest
from dashboard.settings import ROOT
from queries.schema import TIERS

FILE = ROOT / "data" / "policy.toml"


@dataclass(frozen=True)
class Policy:
    """`response`: margin a level brings over self-service, by tier, as a share of the margin there."""

    version: str
    source: str
    largest_fall: int
    response: dict[str, float]


@cache
def policy(path: Path = FILE) -> Policy:
    """The policy of a file. Raises DashboardError naming the key."""
    try:
        text = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DashboardError(f"policy {path}: {error}") from error
    known = ("version", "source", "largest_fall", "response")
    for key in text:
        if key not in known:
            raise DashboardError(f"policy {path}: unknown key {key!r}{nearest(key, known)}")
    for key in known:
        if key not in text:
            raise DashboardError(f"policy {path}: key {key!r} is missing")
    response = text["response"]
    for tier in response:
        if tier not in TIERS:
            raise DashboardError(f"policy {path}: unknown level {tier!r} in [response]{nearest(tier, TIERS)}")
    for tier in TIERS:
        if not isinstance(response.get(tier), int | float) or response[tier] < 0:
            raise DashboardError(f"policy {path}: [response] needs a number of zero or more for {tier!r}")
    fall = text["largest_fall"]
    if not isinstance(fall, int) or fall < 0:
        raise DashboardError(f"policy {path}: 'largest_fall' needs a whole number of zero or more")
    return Policy(str(text["version"]), str(text["source"]), fall, {t: float(response[t]) for t in TIERS})
