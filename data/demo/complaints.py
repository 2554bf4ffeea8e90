"""Complaint cases: opened more often by the dissatisfied, answered sooner for the higher tiers.

Resolution times are lognormal by category; cases not resolved by the end of the window are open
(censored), and a few stall for good. Satisfaction afterwards falls with the logarithm of the time taken:
the planted value of a quick answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.demo import window
from data.demo.course import MEAN_SATISFACTION, Course
from data.demo.customers import CAUSES, RETURNS, URGENT_SMALL, Customers
from data.demo.lists import codes
from data.demo.load import Batch, Coded
from data.demo.presence import heard_of, in_periods
from data.demo.purchases import Orders
from data.demo.streams import Subject, pick, stream

CASES_A_YEAR = 0.12
CASES_OF_SATISFACTION = -0.8
"""A point of true satisfaction less multiplies cases by exp(0.8)."""
CASES_OF_CAUSE = {RETURNS: 2.2, URGENT_SMALL: 1.5}
CATEGORIES = codes("complaint_category")
CATEGORY_SHARES = [36, 24, 14, 14, 12]
ROOT_CAUSES = codes("root_cause")
IMPROVEMENTS = codes("improvement")
CAUSES_OF_CATEGORY = {
    "delivery": {"late_carrier": 5, "stock_out": 3, "picking_error": 2},
    "product": {"defective_batch": 6, "transit_damage": 4},
    "billing": {"wrong_invoice": 6, "price_mismatch": 4},
    "service": {"slow_reply": 6, "missed_promise": 4},
    "returns": {"refund_delay": 7, "picking_error": 3},
}
IMPROVEMENT_OF_CAUSE = {
    "late_carrier": "carrier_review",
    "stock_out": "safety_stock",
    "picking_error": "double_check",
    "defective_batch": "supplier_claim",
    "transit_damage": "carrier_review",
    "wrong_invoice": "billing_fix",
    "price_mismatch": "billing_fix",
    "slow_reply": "training",
    "missed_promise": "apology",
    "refund_delay": "training",
}
RESPONSE_HOURS, RESPONSE_SPREAD = 5.0, 1.0
RESPONSE_OF_TIER = np.array([0.4, 0.6, 1.0, 1.7])
RESOLUTION_DAYS, RESOLUTION_SPREAD = np.array([2.0, 6.0, 3.5, 2.5, 7.0]), 0.9
STALLED_SHARE, IMPROVED_SHARE, ASKED_SHARE = 0.03, 0.6, 0.7
AFTER_THREE_DAYS, COST_OF_DOUBLING = 3.5, 0.35
"""Mean satisfaction after a case of three days, and what each doubling of the time takes away."""

HOUR, DAY = 3_600, 86_400


@dataclass(frozen=True)
class Cases:
    """Cases in order of opening; the time of the day is added when they are written."""

    who: np.ndarray
    day: np.ndarray


def draw(customers: Customers, orders: Orders, course: Course, seed: int) -> Cases:
    rng = stream(seed, customers.chunk, Subject.COMPLAINT)
    a_year = CASES_A_YEAR * np.exp(CASES_OF_SATISFACTION * (course.satisfaction - MEAN_SATISFACTION))
    factor = np.array([CASES_OF_CAUSE.get(cause, 1.0) for cause in range(len(CAUSES))])
    a_year = np.where(heard_of(customers, orders), a_year * factor[customers.cause][:, None], 0)
    who, day = in_periods(rng, customers, orders, a_year)
    order = np.lexsort((who, day))
    return Cases(who[order], day[order])


def case_rows(customers: Customers, course: Course, cases: Cases, seed: int, first_case: int) -> Batch:
    rng = stream(seed, customers.chunk, Subject.COMPLAINT).spawn(1)[0]
    size, period = len(cases.who), window.PERIOD_OF_DAY[cases.day]
    tier = course.tier[cases.who, period]
    category = pick(rng, CATEGORY_SHARES, size)
    root_cause = _root_cause(rng, category)
    opened = cases.day * DAY + rng.integers(8 * HOUR, 18 * HOUR, size)
    answered = opened + _spread(rng, HOUR * RESPONSE_HOURS * RESPONSE_OF_TIER[tier], RESPONSE_SPREAD)
    resolved = answered + _spread(rng, DAY * RESOLUTION_DAYS[category], RESOLUTION_SPREAD)
    unanswered = answered >= window.DAYS * DAY
    unresolved = (resolved >= window.DAYS * DAY) | (rng.random(size) < STALLED_SHARE)
    days = (resolved - opened) / DAY
    after = _satisfaction_after(rng, course.satisfaction[cases.who, period], days)
    return {
        "case_key": first_case + np.arange(size),
        "customer_key": customers.key[cases.who],
        "opened_at": opened,
        "first_response_at": np.ma.masked_array(answered, unanswered),
        "resolved_at": np.ma.masked_array(resolved, unresolved),
        "category": Coded(CATEGORIES, category),
        "root_cause": Coded(ROOT_CAUSES, root_cause),
        "improvement": _improvement(rng, root_cause, unresolved),
        "satisfaction_after": np.ma.masked_array(after, unresolved | (rng.random(size) > ASKED_SHARE)),
    }


def _spread(rng: np.random.Generator, middle: np.ndarray, spread: float) -> np.ndarray:
    return (middle * np.exp(spread * rng.standard_normal(len(middle)))).astype(np.int64)


def _root_cause(rng: np.random.Generator, category: np.ndarray) -> np.ndarray:
    chosen = np.empty(len(category), np.int64)
    for position, name in enumerate(CATEGORIES):
        members = np.flatnonzero(category == position)
        shares = CAUSES_OF_CATEGORY[name]
        index = np.array([ROOT_CAUSES.index(cause) for cause in shares])
        chosen[members] = index[pick(rng, list(shares.values()), len(members))]
    return chosen


def _improvement(rng: np.random.Generator, root_cause: np.ndarray, unresolved: np.ndarray) -> Coded:
    measure = np.array([IMPROVEMENTS.index(IMPROVEMENT_OF_CAUSE[cause]) for cause in ROOT_CAUSES])
    done = ~unresolved & (rng.random(len(root_cause)) < IMPROVED_SHARE)
    return Coded(IMPROVEMENTS, np.where(done, measure[root_cause], -1))


def _satisfaction_after(rng: np.random.Generator, satisfaction: np.ndarray, days: np.ndarray) -> np.ndarray:
    slower = np.log2(np.maximum(days, 0.25) / 3)
    felt = AFTER_THREE_DAYS - COST_OF_DOUBLING * slower + 0.3 * (satisfaction - MEAN_SATISFACTION)
    return np.clip(np.rint(felt + 0.7 * rng.standard_normal(len(days))), 1, 5).astype(np.int64)
