"""The grading policy: a readable, versioned file of what a measured grade is made of and how slowly it changes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from dashboard import toml
from dashboard.analysis.grading import GradePolicy
from dashboard.errors import DashboardError, nearest
from dashboard.settings import ROOT
from queries.schema import GRADES, customer_profile

FILE = ROOT / "data" / "grading.toml"
INPUTS = ("residual_value", "contribution", "revenue", "growth", "strategic_fit", "risk")
"""All that may enter a grade: a whitelist, so that no personal detail ever can."""
LESS_IS_BETTER = ("risk",)
KEYS = ("version", "source", "weights", "cuts", "stability", "review", "contract")
STABILITY_KEYS = ("smoothing", "band", "dwell", "largest_fall")
REVIEW_KEYS = ("every_weeks", "reaches_back_weeks")
CONTRACT_KEYS = ("lifts_at_once", "smallest_value")
LONGEST_RHYTHM = 26
LONGEST_HISTORY = 520


@dataclass(frozen=True)
class Grading:
    """The rules of measured grades. `weights` by input, summing to 1, without those of zero; `cuts` the lowest
    score of every grade but the last, best first; `smallest_contract` is None when a contract lifts nobody."""

    version: str
    source: str
    weights: dict[str, float]
    cuts: dict[str, float]
    smoothing: float
    band: float
    dwell: int
    largest_fall: int
    every_weeks: int
    reaches_back_weeks: int
    smallest_contract: float | None

    def rules(self) -> GradePolicy:
        """The rules as `analysis.grading` takes them."""
        return GradePolicy(
            cuts=tuple(self.cuts.values()),
            grades=GRADES,
            smoothing=self.smoothing,
            band=self.band,
            dwell=self.dwell,
            max_step_down=self.largest_fall,
        )

    def plain_rules(self) -> GradePolicy:
        """The same cuts with nothing that steadies: what the rules are compared with."""
        return GradePolicy(
            cuts=tuple(self.cuts.values()), grades=GRADES, smoothing=1, dwell=1, max_step_down=len(GRADES)
        )

    def fields(self) -> dict[str, Any]:
        return asdict(self)


@cache
def grading(path: Path = FILE) -> Grading:
    """The grading policy of a file. Raises DashboardError naming the key and the mend."""
    try:
        return parsed(path.read_text("utf-8"), f"grading policy {path}")
    except (OSError, UnicodeDecodeError) as error:
        raise DashboardError(f"grading policy {path}: {error}") from error


def parsed(written: str, where: str) -> Grading:
    """The grading policy that a text says; `where` names it in errors. Raises DashboardError as `grading` does."""
    text = toml.exactly(toml.parsed(written, where), KEYS, where)
    for key in KEYS[2:]:
        if not isinstance(text[key], dict):
            raise DashboardError(f"{where}: {key!r} needs to be a table, [{key}]")
    toml.exactly(text["stability"], STABILITY_KEYS, f"{where}: [stability]")
    toml.exactly(text["review"], REVIEW_KEYS, f"{where}: [review]")
    steady, review = text["stability"], text["review"]
    smoothing = toml.number(steady, "smoothing", f"{where}: [stability]", most=1)
    if not smoothing:
        raise DashboardError(f"{where}: [stability]: 'smoothing' needs a number above 0: at 0 no score ever moves")
    return Grading(
        version=str(text["version"]),
        source=str(text["source"]),
        weights=_weights(text["weights"], f"{where}: [weights]"),
        cuts=_cuts(text["cuts"], f"{where}: [cuts]"),
        smoothing=smoothing,
        band=toml.number(steady, "band", f"{where}: [stability]", most=0.5),
        dwell=toml.whole(steady, "dwell", f"{where}: [stability]", 1, 120),
        largest_fall=toml.whole(steady, "largest_fall", f"{where}: [stability]", 1, len(GRADES) - 1),
        every_weeks=toml.whole(review, "every_weeks", f"{where}: [review]", 1, LONGEST_RHYTHM),
        reaches_back_weeks=toml.whole(review, "reaches_back_weeks", f"{where}: [review]", 1, LONGEST_HISTORY),
        smallest_contract=_contract(text["contract"], f"{where}: [contract]"),
    )


def _weights(text: dict[str, Any], where: str) -> dict[str, float]:
    for name in text:
        if name in customer_profile.c:
            raise DashboardError(f"{where}: {name!r} is a personal detail, which never enters a grade: take it out")
        if name not in INPUTS:
            raise DashboardError(
                f"{where}: unknown input {name!r}{nearest(name, INPUTS)}; a grade may rest on {', '.join(INPUTS)}"
            )
    weights = toml.numbers(text, where)
    total = sum(weights.values())
    if not math.isclose(total, 1, abs_tol=1e-6):
        raise DashboardError(f"{where}: the weights sum to {total:.6g}: make them sum to 1")
    return {name: weight for name, weight in weights.items() if weight}


def _cuts(text: dict[str, Any], where: str) -> dict[str, float]:
    toml.exactly(text, GRADES[:-1], where)
    cuts = {grade: toml.number(text, grade, where, most=1) for grade in GRADES[:-1]}
    for better, worse in pairwise(cuts):
        if cuts[better] <= cuts[worse]:
            raise DashboardError(f"{where}: {better!r} needs a cut above that of {worse!r}, {cuts[worse]:g}")
    return cuts


def _contract(text: dict[str, Any], where: str) -> float | None:
    toml.exactly(text, CONTRACT_KEYS, where)
    if not isinstance(text["lifts_at_once"], bool):
        raise DashboardError(f"{where}: 'lifts_at_once' is true or false")
    smallest = toml.number(text, "smallest_value", where)
    return smallest if text["lifts_at_once"] else None
