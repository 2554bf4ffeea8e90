"""How customers are graded and served over time, and how they answer to it.

Every half year the company measures each customer's trailing value (with noise), sets a grade, and
gives a tier that follows the grade loosely: some are over-served, some under-served, on purpose.
The tier raises satisfaction and, with diminishing returns, spending; satisfaction raises spending too.
Spending of one period is the trailing value of the next review: the loop is closed, period by period.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.demo import window
from data.demo.customers import BAD_DEBT, CAUSES, DEEP_DISCOUNT, OVER_SERVED, RETURNS, URGENT_SMALL, Customers
from data.demo.load import Batch, Coded
from data.demo.purchases import Orders
from data.demo.streams import Subject, stream
from queries.schema import GRADES, TIERS

TIER_EFFORT = np.array([1.0, 0.6, 0.3, 0.08])
SPEND_GAIN, SPEND_SPEED = 0.90, 1.4
"""Spending at effort e is proportional to 1 + gain x (1 - exp(-speed x e))."""
SPEND_OF_SATISFACTION = 0.12
"""Spending changes by this share for a point of true satisfaction."""

MEAN_SATISFACTION = 3.43
DISPOSITION_EFFECT = 0.80
PERIOD_NOISE = 0.32
TIER_EFFECT = np.array([0.16, 0.10, 0.0, -0.06])
CAUSE_EFFECT = {OVER_SERVED: 0.10, DEEP_DISCOUNT: 0.10, RETURNS: -0.25, URGENT_SMALL: -0.15, BAD_DEBT: -0.10}

GRADE_FLOOR = np.array([39_000.0, 7_600.0, 350.0])
"""Half-yearly value at list price from which a customer is A, B, C; D below."""
KEEP_BAND = 0.85
"""A grade is kept until the value falls below this share of its floor; and it falls by one at most."""
MEASUREMENT_NOISE = 0.25
MEMORY = 0.35
TIER_SHARES = np.array(
    [[0.50, 0.36, 0.14, 0.00], [0.03, 0.44, 0.43, 0.10], [0.00, 0.05, 0.58, 0.37], [0.00, 0.02, 0.23, 0.75]]
)
"""Tier given a grade; a customer keeps his place in the line, so his tier moves only when the grade does."""
TIER_LAG = 0.30
"""Share of grade changes that the tier doesn't follow at once."""
REASONS = ("initial", "value_up", "value_down", "relationship", "capacity", "tier_review")


@dataclass(frozen=True)
class Course:
    """Arrays of shape (customers, periods) that are meaningful from the period of acquisition on."""

    first_period: np.ndarray
    grade: np.ndarray
    tier: np.ndarray
    satisfaction: np.ndarray
    spend: np.ndarray


def spending_at(effort: np.ndarray) -> np.ndarray:
    """Spending relative to the standard tier."""
    return (1 + SPEND_GAIN * -np.expm1(-SPEND_SPEED * effort)) / (1 + SPEND_GAIN * -np.expm1(-SPEND_SPEED * 0.3))


def run(customers: Customers, orders: Orders, seed: int) -> Course:
    rng = stream(seed, customers.chunk, Subject.COURSE)
    size, shape = len(customers), (len(customers), window.PERIODS)
    first = window.PERIOD_OF_DAY[np.maximum(customers.acquired, 0)]
    place = np.where(customers.cause == OVER_SERVED, 0.25 * rng.random(size), rng.random(size))
    base = _value_by_period(customers, orders)
    prior = customers.rate * 26 * customers.line_value * 3 * np.exp(0.5 * rng.standard_normal(size))
    grade, tier = np.full(shape, -1), np.full(shape, -1)
    satisfaction, spend = np.zeros(shape), np.ones(shape)
    level, mood = prior, rng.standard_normal(size)
    for period in range(window.PERIODS):
        measured = level * np.exp(MEASUREMENT_NOISE * rng.standard_normal(size))
        before = (grade[:, period - 1], tier[:, period - 1]) if period else (grade[:, 0], tier[:, 0])
        grade[:, period] = np.where(first <= period, _grade(measured, before[0]), -1)
        tier[:, period] = _tier(rng, grade[:, period], *before, place)
        mood = 0.6 * mood + 0.8 * rng.standard_normal(size)
        satisfaction[:, period] = _satisfaction(customers, tier[:, period], mood, period)
        spend[:, period] = spending_at(TIER_EFFORT[tier[:, period]]) * np.exp(
            SPEND_OF_SATISFACTION * (satisfaction[:, period] - MEAN_SATISFACTION)
        )
        seen = first <= period
        level = np.where(seen, MEMORY * level + (1 - MEMORY) * base[:, period] * spend[:, period], level)
    return Course(first, grade, tier, satisfaction, spend)


def _value_by_period(customers: Customers, orders: Orders) -> np.ndarray:
    """Value at list price in each period, brought to half a year of presence."""
    cell = orders.who * window.PERIODS + window.PERIOD_OF_DAY[orders.day]
    value = np.bincount(cell, orders.base_value, len(customers) * window.PERIODS).reshape(-1, window.PERIODS)
    begin = np.maximum(window.PERIOD_START, customers.acquired[:, None])
    return value * 182 / np.maximum(window.PERIOD_END - begin, 60)


def _grade(value: np.ndarray, before: np.ndarray) -> np.ndarray:
    """0 (A) to 3 (D): up at once, down by one at a time and only when the value is well below the floor."""
    fresh = (value[:, None] < GRADE_FLOOR).sum(axis=1)
    lenient = (value[:, None] < GRADE_FLOOR * KEEP_BAND).sum(axis=1)
    kept = np.where(fresh > before, np.maximum(before, np.minimum(lenient, before + 1)), fresh)
    return np.where(before < 0, fresh, kept)


def _tier(
    rng: np.random.Generator,
    grade: np.ndarray,
    grade_before: np.ndarray,
    tier_before: np.ndarray,
    place: np.ndarray,
) -> np.ndarray:
    fitting = (place[:, None] >= np.cumsum(TIER_SHARES, axis=1)[grade][:, :-1]).sum(axis=1)
    lags = rng.random(len(grade)) < TIER_LAG
    known = tier_before >= 0
    stays = known & ((grade == grade_before) | lags) & (rng.random(len(grade)) > 0.04)
    return np.where(grade < 0, -1, np.where(stays, tier_before, fitting))


def _satisfaction(customers: Customers, tier: np.ndarray, mood: np.ndarray, period: int) -> np.ndarray:
    """True satisfaction on the 1-5 scale: disposition, service given, cause of loss, mood."""
    effect = np.array([CAUSE_EFFECT.get(cause, 0.0) for cause in range(len(CAUSES))])
    at_work = customers.cause_from <= window.PERIOD_START[period]
    return (
        MEAN_SATISFACTION
        + DISPOSITION_EFFECT * customers.disposition
        + TIER_EFFECT[tier]
        + np.where(at_work, effect[customers.cause], 0.0)
        + PERIOD_NOISE * mood
    )


def assignment_rows(customers: Customers, course: Course) -> Batch:
    """One row for each stretch of unchanged grade and tier, the first from acquisition or day 0 on."""
    periods = np.arange(window.PERIODS)
    changed = (np.diff(course.grade, axis=1) != 0) | (np.diff(course.tier, axis=1) != 0)
    opens = np.hstack([np.zeros((len(customers), 1), bool), changed]) & (periods > course.first_period[:, None])
    opens |= periods == course.first_period[:, None]
    who, period = np.nonzero(opens)
    begin = np.maximum(window.PERIOD_START[period], customers.acquired[who])
    last = np.append(who[1:] != who[:-1], True)
    end = np.where(last, 0, np.append(begin[1:], 0))
    return {
        "customer_key": customers.key[who],
        "valid_from": begin,
        "valid_to": np.ma.masked_array(end, last),
        "grade": Coded(GRADES, course.grade[who, period]),
        "tier": Coded(TIERS, course.tier[who, period]),
        "decided_by": _decided_by(customers, who, period, course),
        "reason": Coded(REASONS, _reason(who, period, course)),
    }


def _decided_by(customers: Customers, who: np.ndarray, period: np.ndarray, course: Course) -> Coded:
    """The account manager for standard and self-service, the review committee above."""
    managers = customers.manager_key
    names = ("committee", *(f"E{key:04d}" for key in range(1, int(managers.max(initial=0)) + 1)))
    return Coded(names, np.where(course.tier[who, period] < 2, 0, managers[who]))


def _reason(who: np.ndarray, period: np.ndarray, course: Course) -> np.ndarray:
    """Why a row was written: a tier that stays above or below a new grade has a reason of its own."""
    grade, tier, previous = course.grade[who, period], course.tier[who, period], np.maximum(period - 1, 0)
    grade_before, kept = course.grade[who, previous], tier == course.tier[who, previous]
    reasons = {
        "initial": period == course.first_period[who],
        "relationship": (grade > grade_before) & kept & (tier < grade),
        "capacity": (grade < grade_before) & kept & (tier > grade),
        "value_up": grade < grade_before,
        "value_down": grade > grade_before,
    }
    index = [REASONS.index(name) for name in reasons]
    return np.select(list(reasons.values()), index, REASONS.index("tier_review"))
