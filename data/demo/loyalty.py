"""The points club of persons and small organisations: a statement of points each quarter.

A point for each CNY 10 of net revenue; a member redeems part of what he has now and then. Levels follow
the points earned so far.
"""

from __future__ import annotations

import numpy as np

from data.demo import window
from data.demo.customers import SIZES, Customers
from data.demo.lists import codes
from data.demo.load import Batch, Coded
from data.demo.sales import Lines
from data.demo.streams import Subject, pick, stream

LEVELS = codes("loyalty_level")
LEVEL_POINTS = (1_500, 6_000)
BENEFITS = codes("benefit")
CENTS_A_POINT = 1_000
MEMBERS = {"person": 0.55, "small organisation": 0.35}
REDEEMING_SHARE = 0.22
_QUARTERS = len(window.QUARTERS)
_STATEMENT_DAY = np.minimum([window.day(end) for end in window.QUARTER_END], window.DAYS - 1)


def entry_rows(customers: Customers, lines: Lines, seed: int, first_entry: int) -> Batch:
    rng = stream(seed, customers.chunk, Subject.LOYALTY)
    member = _members(rng, customers)
    cell = lines.who.astype(np.int64) * _QUARTERS + window.QUARTER_OF_DAY[lines.day]
    cents = np.bincount(cell, lines.revenue, len(customers) * _QUARTERS).reshape(-1, _QUARTERS)[member]
    earned = (cents // CENTS_A_POINT).astype(np.int64)
    redeemed = _redeemed(rng, earned)
    which, quarter = np.nonzero(((earned > 0) | (redeemed > 0)).T)[::-1]
    redeeming = redeemed[which, quarter] > 0
    level = np.digitize(np.cumsum(earned, axis=1)[which, quarter], LEVEL_POINTS)
    return {
        "entry_key": first_entry + np.arange(len(which)),
        "customer_key": customers.key[member[which]],
        "entered_on": _STATEMENT_DAY[quarter],
        "earned": earned[which, quarter],
        "redeemed": redeemed[which, quarter],
        "level": Coded(LEVELS, level),
        "benefit": Coded(BENEFITS, np.where(redeeming, pick(rng, [60, 30, 10], len(which)), -1)),
    }


def _members(rng: np.random.Generator, customers: Customers) -> np.ndarray:
    small = ~customers.person & (customers.size <= SIZES.index("small"))
    share = MEMBERS["person"] * customers.person + MEMBERS["small organisation"] * small
    return np.flatnonzero(rng.random(len(customers)) < share)


def _redeemed(rng: np.random.Generator, earned: np.ndarray) -> np.ndarray:
    """Points redeemed by quarter, never more than there are."""
    balance, redeemed = np.zeros(len(earned), np.int64), np.zeros_like(earned)
    for quarter in range(_QUARTERS):
        asks = (rng.random(len(earned)) < REDEEMING_SHARE) & (balance >= 50)
        redeemed[:, quarter] = np.where(asks, (balance * (0.4 + 0.6 * rng.random(len(earned)))).astype(np.int64), 0)
        balance += earned[:, quarter] - redeemed[:, quarter]
    return redeemed
