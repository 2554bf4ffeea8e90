"""Targets for each ISO quarter: for all, for each country and for each grade.

They are what came out, give or take five per cent; quarters that the window cuts are brought to their
full length. Targets of the countries add up to the company's, and so do those of the grades.
Money metrics are in CNY for the quarter; satisfaction is the mean score of the responses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np

from data.demo import geography, window
from data.demo.chunk import Chunk
from data.demo.load import Batch
from data.demo.streams import Subject, stream
from queries.schema import GRADES

METRICS = ("revenue", "gross_margin", "cost_to_serve", "profit")
SATISFACTION = "satisfaction"
SPREAD = 0.05
_SHAPE = (len(window.QUARTERS), len(geography.COUNTRIES), len(GRADES))
_SCALE = 10_000


@dataclass
class Actuals:
    """Sums by quarter, country of the customer and grade in force: cents, and scores of responses."""

    revenue: np.ndarray = field(default_factory=lambda: np.zeros(_SHAPE))
    cost_of_goods: np.ndarray = field(default_factory=lambda: np.zeros(_SHAPE))
    cost_to_serve: np.ndarray = field(default_factory=lambda: np.zeros(_SHAPE))
    score: np.ndarray = field(default_factory=lambda: np.zeros(_SHAPE))
    responses: np.ndarray = field(default_factory=lambda: np.zeros(_SHAPE))

    def add(self, drawn: Chunk) -> None:
        lines, returns, events, entries = drawn.lines, drawn.returns, drawn.events, drawn.entries
        responses, country = drawn.responses, drawn.customers.country

        def total(who: np.ndarray, day: np.ndarray, amount: np.ndarray) -> np.ndarray:
            grade = drawn.course.grade[who, window.PERIOD_OF_DAY[day]]
            cell = np.ravel_multi_index((window.QUARTER_OF_DAY[day], country[who], grade), _SHAPE)
            return np.bincount(cell, amount, int(np.prod(_SHAPE))).reshape(_SHAPE)

        back = lines.who[returns.line]
        self.revenue += total(lines.who, lines.day, lines.revenue) + total(back, returns.day, returns.revenue)
        self.cost_of_goods += total(lines.who, lines.day, lines.cost) + total(back, returns.day, returns.cost)
        self.cost_to_serve += total(events.who, events.day, events.cents)
        self.cost_to_serve += total(entries.who, entries.day, entries.cents)
        self.score += total(responses.who, responses.day, responses.score)
        self.responses += total(responses.who, responses.day, np.ones(len(responses.who)))

    def money(self, metric: str) -> np.ndarray:
        """CNY by quarter, country and grade, cut quarters brought to full length."""
        margin = self.revenue - self.cost_of_goods
        cents = {
            "revenue": self.revenue,
            "gross_margin": margin,
            "cost_to_serve": self.cost_to_serve,
            "profit": margin - self.cost_to_serve,
        }[metric]
        return cents / 100 * _full_length()[:, None, None]


def _full_length() -> np.ndarray:
    """Length of each quarter relative to the part of it that the window has."""
    seen = np.bincount(window.QUARTER_OF_DAY, minlength=len(window.QUARTERS))
    whole = [(end - start).days + 1 for start, end in zip(window.QUARTERS, window.QUARTER_END, strict=True)]
    return np.array(whole) / seen


def target_rows(actuals: Actuals, seed: int) -> Batch:
    rng = stream(seed, 0, Subject.TARGET)
    rows = [row for metric in METRICS for row in _slices(metric, *_money_targets(rng, actuals.money(metric)))]
    rows += _slices(SATISFACTION, *_score_targets(rng, actuals))
    metric, region, grade, quarter, value = (list(column) for column in zip(*rows, strict=True))
    return {
        "metric": metric,
        "region_code": region,
        "grade": grade,
        "starts_on": np.array([window.day(window.QUARTERS[index]) for index in quarter]),
        "ends_on": np.array([window.day(window.QUARTER_END[index]) for index in quarter]),
        "value": np.rint(np.array(value) * _SCALE).astype(np.int64),
    }


def _money_targets(rng: np.random.Generator, actual: np.ndarray) -> tuple[np.ndarray, ...]:
    """Targets of the company, of countries and of grades, which add up to whole hundreds of CNY."""
    countries = _near(rng, actual.sum(axis=2))
    company = countries.sum(axis=1)
    grades = _near(rng, actual.sum(axis=1))
    weight = np.abs(actual.sum(axis=1)) / np.maximum(1, np.abs(actual.sum(axis=1)).sum(axis=1, keepdims=True))
    grades = np.round(grades + weight * (company - grades.sum(axis=1))[:, None], -2)
    grades[:, 0] += company - grades.sum(axis=1)
    return company, countries, grades


def _near(rng: np.random.Generator, actual: np.ndarray) -> np.ndarray:
    return np.round(actual + np.abs(actual) * rng.uniform(-SPREAD, SPREAD, actual.shape), -2)


def _score_targets(rng: np.random.Generator, actuals: Actuals) -> tuple[np.ndarray, ...]:
    def mean(axes: tuple[int, ...]) -> np.ndarray:
        responses = actuals.responses.sum(axis=axes)
        usual = actuals.score.sum() / max(1, actuals.responses.sum())
        scores = np.where(responses > 0, actuals.score.sum(axis=axes) / np.maximum(1, responses), usual)
        return np.round(scores + rng.uniform(-0.05, 0.15, scores.shape), 2)

    return mean((1, 2)), mean((2,)), mean((1,))


def _slices(
    metric: str, company: np.ndarray, countries: np.ndarray, grades: np.ndarray
) -> list[tuple[str, str, str, int, float]]:
    quarters = range(len(window.QUARTERS))
    rows = [(metric, "", "", quarter, company[quarter]) for quarter in quarters]
    rows += [
        (metric, code, "", quarter, countries[quarter, index])
        for quarter, (index, code) in product(quarters, enumerate(geography.COUNTRIES))
    ]
    rows += [
        (metric, "", grade, quarter, grades[quarter, index])
        for quarter, (index, grade) in product(quarters, enumerate(GRADES))
    ]
    return rows
