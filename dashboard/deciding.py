"""From the moves of the plan to entries of the ledger: accept, override, postpone, take back.

What is expected of a decision is kept with it as it was seen at that moment: figures are a year's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from dashboard.filters import WHAT_IFS
from dashboard.insight import Insight, Reader
from dashboard.insights.choosing import Offer
from dashboard.ledger import decisions
from dashboard.ledger.decisions import Choice, Decision
from dashboard.ledger.entries import today
from dashboard.periods import WEEK

UNTIL_WEEKS = (4, 13, 26, 52)
"""How long an override or a postponement may hold: a month, a quarter, half a year, a year."""


def until(reader: Reader, weeks: int) -> date:
    """The last day of so many weeks from the day that is looked at."""
    return today(reader) + weeks * WEEK


def accepted(queue: Offer, seen: dict[str, int], codes: Sequence[str], what_ifs: dict[str, float]) -> list[Choice]:
    """The recommended level for these customers of the queue (`levels.queue`); `seen` as the reader saw it."""
    return [_choice(queue, seen, row, "accept", row["recommended"], what_ifs) for row in _rows(queue, codes)]


def overridden(
    queue: Offer,
    seen: dict[str, int],
    codes: Sequence[str],
    what_ifs: dict[str, float],
    level: str,
    reason: str,
    expires_on: date,
) -> list[Choice]:
    """Another level than the recommended one; to whom the level is recommended, it is accepted."""
    found = []
    for row in _rows(queue, codes):
        if row["recommended"] == level:
            found.append(_choice(queue, seen, row, "accept", level, what_ifs, reason))
        else:
            found.append(_choice(queue, seen, row, "override", level, what_ifs, reason, expires_on))
    return found


def postponed(
    queue: Offer,
    seen: dict[str, int],
    codes: Sequence[str],
    what_ifs: dict[str, float],
    reason: str,
    expires_on: date,
) -> list[Choice]:
    """The current level for now."""
    return [
        _choice(queue, seen, row, "postpone", row["current"], what_ifs, reason, expires_on)
        for row in _rows(queue, codes)
    ]


def taken_back(decided: Insight, codes: Sequence[str], reason: str) -> list[Choice]:
    """No decision any more about these customers of `levels.decided`."""
    seen = decided.numbers["seen"]
    return [
        Choice(row["code"], "withdraw", row["current"], row["recommended"], None, reason, seen=seen[row["code"]])
        for row in _rows(decided, codes)
    ]


def write(reader: Reader, choices: Sequence[Choice], policy: str) -> list[Decision]:
    """Write them all or none: see `ledger.decisions.record` for rights and conflicts."""
    return decisions.record(reader, today(reader), choices, policy_version=policy)


def what_ifs(reader: Reader) -> dict[str, float]:
    """The what-ifs under which the plan is looked at: they are kept with what is decided."""
    return {name: share for name in WHAT_IFS if (share := getattr(reader.filters, name)) != 1.0}


def _rows(insight: Offer, codes: Sequence[str]) -> list[dict[str, Any]]:
    table = insight.table
    return table[table["code"].isin(set(codes))].to_dict("records")


def _choice(
    queue: Offer,
    seen: dict[str, int],
    row: dict[str, Any],
    action: str,
    level: str,
    tried: dict[str, float],
    reason: str = "",
    expires_on: date | None = None,
) -> Choice:
    code, now, numbers = row["code"], row["current"], queue.numbers
    gain = numbers["gains"][code][level]
    expected = {
        "gain": gain,
        "cost": numbers["cost"][level] - numbers["cost"][now],
        "hours": numbers["hours"][level] - numbers["hours"][now],
        "profit": row["profit"] + gain,
        "satisfaction": None if pd.isna(row["satisfaction"]) else row["satisfaction"],
        "reasons": row["reasons"],
    }
    expected |= {"what_if": tried} if tried else {}
    if broken := numbers["breaks"][code].get(level):
        expected["breaks"] = broken
    return Choice(code, action, now, row["recommended"], level, reason, expires_on, expected, seen.get(code, 0))
