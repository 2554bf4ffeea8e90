"""Measured grades, worked out once a refresh: every customer at every review, by the grading policy.

The history of each customer is added up from review to review, so each review knows only what was known on its
day; the parameters of the models of value to come are today's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection, Select

from dashboard.analysis.grading import GradeHistory, assign_grades, score
from dashboard.grading import INPUTS, LESS_IS_BETTER, Grading
from dashboard.periods import WEEK, YEAR, Calendar
from dashboard.policy import Lifetime
from dashboard.warehouse.connect import engine_on
from dashboard.warehouse.models import Fit, value_then
from queries import grading as queries
from queries.lifetime import MARGIN_PURCHASES, SHORTEST_COST_WEEKS

SHORTEST_HISTORY = timedelta(weeks=13)
"""How much data a review needs before it."""
SUNDAY = timedelta(days=6)
FIRST = "first"
"""The reason of a first grade."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """The rows of `measured_history` and `measured_grade`, and what they rest on (see `Marts.grading`)."""

    history: pa.Table
    grades: pa.Table
    record: dict[str, Any]


class Tally:
    """What is known of each customer (by key) on the day of a review, brought forward from one to the next.

    Columns, in cents: gross, costed, margin since the beginning, revenue, profit, cost, risk of the last 52 weeks,
    half of the last 26; days with a purchase, and the first and last of them in days since 1970.
    """

    ADDED = ("days", "gross", "costed", "margin", "revenue", "half", "profit", "cost", "risk")

    def __init__(self, keys: NDArray[np.int64]) -> None:
        self.keys = keys
        self.columns = {name: np.zeros(len(keys)) for name in self.ADDED}
        self.columns |= {"first_day": np.full(len(keys), np.inf), "last_day": np.full(len(keys), -np.inf)}

    def bring_forward(self, mart: Connection, after: date | None, until: date) -> None:
        """Add what happened between two reviews."""
        for statement in (queries.purchases, queries.trailing, queries.risks):
            found = _columns(mart, statement(after, until))
            place, known = _places(self.keys, found.pop("customer_key"))
            for name, values in found.items():
                held, new = self.columns[name], np.asarray(values, dtype=float)[known]
                change = {"first_day": np.fmin, "last_day": np.fmax}.get(name, np.add)
                held[place] = change(held[place], new)


@dataclass(frozen=True)
class Base:
    """What stays the same from review to review: `segment` and `strategic_fit` (NaN: unstated) are (n,)."""

    segment: NDArray[Any]
    strategic_fit: Floats
    calendar: Calendar
    costed: bool
    lifetime: Lifetime
    fits: dict[str, Fit]
    weights: dict[str, float]


def review_weeks(calendar: Calendar, policy: Grading) -> list[date]:
    """The weeks after which grades are reviewed, oldest first: always the same ones, so that a refresh doesn't move
    the reviews of the past. The newest week alone where the data is too short for any."""
    finished = calendar.last_week - WEEK if calendar.unfinished else calendar.last_week
    first = max(calendar.first_week + SHORTEST_HISTORY - WEEK, finished - policy.reaches_back_weeks * WEEK)
    weeks = [week for week in calendar.weeks()[::-1] if first <= week <= finished]
    return [week for week in weeks if week.toordinal() // 7 % policy.every_weeks == 0] or [calendar.last_week]


def measure_grades(
    root: duckdb.DuckDBPyConnection,
    calendar: Calendar,
    filled: set[str],
    policy: Grading,
    lifetime: Lifetime,
    fits: dict[str, Fit],
) -> Measured:
    """Grades of all customers at all reviews, from the facts and models in this mart file."""
    weeks = review_weeks(calendar, policy)
    with engine_on(root).connect() as mart:
        who = _columns(mart, queries.customers())
        tally = Tally(np.asarray(who["customer_key"], dtype=np.int64))
        segment = np.full(len(tally.keys), "all", dtype=object) if "all" in fits else who["segment"]
        strategic_fit = np.asarray(who["strategic_fit"], dtype=float)
        base = Base(segment, strategic_fit, calendar, "cost_of_goods" in filled, lifetime, fits, {})
        base = replace(base, weights=_weights(policy, base, weeks[-1], filled))
        scores = np.full((len(tally.keys), len(weeks)), np.nan)
        after, standing = None, pd.DataFrame()
        for review, week in enumerate(weeks):
            tally.bring_forward(mart, after, week)
            bought = np.flatnonzero(tally.columns["days"] > 0)
            less = [name for name in LESS_IS_BETTER if name in base.weights]
            found = score(_inputs(tally, bought, base, week), base.weights, less)
            scores[bought, review], after = found.score, week
            standing = found.parts / pd.Series(base.weights)
        events = _signed(mart, tally.keys, weeks, policy)
    started = np.isnan(scores).sum(axis=1)  # who has bought once has bought at every later review
    graded = assign_grades(scores, policy.rules(), started=started, contract_events=events)
    plain = assign_grades(scores, policy.plain_rules(), started=started)
    changes = _changes(graded, started, scores, np.array([week + SUNDAY for week in weeks], dtype="datetime64[D]"))
    a_year = YEAR / WEEK / policy.every_weeks
    record = policy.fields() | {
        "used": base.weights,
        "reviews": [(week + SUNDAY).isoformat() for week in weeks],
        "graded": int((graded.state.grade >= 0).sum()),
        "flips": _defined(graded.flips_per_customer_year(a_year)),
        "plain_flips": _defined(plain.flips_per_customer_year(a_year)),
    }
    history = pa.table(
        {
            "customer_key": tally.keys[changes["row"]],
            "valid_from": _days(changes["on"]),
            "valid_to": _days(changes["until"]),
            **{name: pa.array(changes[name], pa.string(), from_pandas=True) for name in ("before", "grade", "reason")},
            "score": changes["score"].to_numpy(),
        }
    )
    return Measured(history, _newest(tally.keys, graded, scores[:, -1], standing, changes, weeks[-1]), record)


def _weights(policy: Grading, base: Base, last: date, filled: set[str]) -> dict[str, float]:
    """The policy's weights of what this warehouse has data for, summing to 1; revenue where that is nothing."""
    there = {
        "residual_value": bool(base.fits) and set(base.segment) <= set(base.fits),
        "growth": _a_year_before(last, base.calendar),
        "strategic_fit": bool(np.isfinite(base.strategic_fit).any()),
        "risk": "direct_cost" in filled,
    }
    kept = {name: weight for name, weight in policy.weights.items() if there.get(name, True)}
    total = sum(kept.values())
    return {name: weight / total for name, weight in kept.items()} if kept else {"revenue": 1.0}


def _a_year_before(week: date, calendar: Calendar) -> bool:
    return week - YEAR >= calendar.first_week - WEEK


def _inputs(tally: Tally, bought: NDArray[np.intp], base: Base, week: date) -> pd.DataFrame:
    """The policy's inputs of the customers who have bought, as known at the end of a week."""
    known = {name: column[bought] for name, column in tally.columns.items()}
    make = {
        "residual_value": lambda: _residual(known, base.segment[bought], base, week),
        "contribution": lambda: known["profit"] if base.costed else known["revenue"],
        "revenue": lambda: known["revenue"],
        "growth": lambda: _growth(known, base, week),
        "strategic_fit": lambda: _stated(base.strategic_fit[bought]),
        "risk": lambda: _risk(known),
    }
    return pd.DataFrame({name: make[name]() for name in base.weights})


def _growth(known: dict[str, Floats], base: Base, week: date) -> Floats:
    """(recent half - half before) / both; zero for who is too new for it, or bought for nothing."""
    half_year_ago = _day_number(week + SUNDAY) - 26 * 7
    both = known["revenue"]
    defined = (both > 0) & (known["first_day"] <= half_year_ago) & _a_year_before(week, base.calendar)
    return np.divide(2 * known["half"] - both, both, out=np.zeros(len(both)), where=defined)


def _stated(strategic_fit: Floats) -> Floats:
    """An unstated one counts as the middle of the stated ones."""
    stated = np.isfinite(strategic_fit)
    middle = np.median(strategic_fit[stated]) if stated.any() else 0.0
    return np.where(stated, strategic_fit, middle)


def _risk(known: dict[str, Floats]) -> Floats:
    """Costs that tell of risk as a share of revenue, at most all of it."""
    lost, revenue = known["risk"], known["revenue"]
    share = np.divide(lost, revenue, out=np.ones(len(lost)), where=revenue > 0)
    return np.where(lost > 0, np.minimum(share, 1.0), 0.0)


def _residual(known: dict[str, Floats], segment: NDArray[Any], base: Base, week: date) -> Floats:
    """Value to come as of a week, or revenue to come; `queries.lifetime.histories` explains the terms."""
    days, first = known["days"], known["first_day"]
    age = (_day_number(min(week + SUNDAY, base.calendar.last_day)) - first) / 7
    history = pd.DataFrame(
        {
            "frequency": days - 1,
            "recency": (known["last_day"] - first) / 7,
            "age": age,
            "mean_spend": known["gross"] / days / 100,
            "margin": np.nan,
            "yearly_cost": known["cost"] / 100 * 52 / np.clip(age, SHORTEST_COST_WEEKS, 52),
        }
    )
    value = np.zeros(len(days))
    for name, fit in base.fits.items():
        mine = segment == name
        part = history[mine]
        if base.costed:
            kept, costed = known["margin"][mine], known["costed"][mine]
            usual = kept.sum() / costed.sum() if costed.sum() else 0.0
            own = np.divide(kept, costed, out=np.full(len(kept), usual), where=costed > 0)
            drawn = (days[mine] * own + MARGIN_PURCHASES * usual) / (days[mine] + MARGIN_PURCHASES)
            part = part.assign(margin=drawn)
        value[mine] = value_then(part, fit, base.lifetime)["residual_value" if base.costed else "residual_revenue"]
    return value


def _signed(mart: Connection, keys: NDArray[np.int64], weeks: list[date], policy: Grading) -> NDArray[np.bool_] | None:
    """At which review a contract had been signed since the one before, (n, reviews)."""
    if policy.smallest_contract is None:
        return None
    found = _columns(mart, queries.contracts(policy.smallest_contract))
    place, known = _places(keys, found["customer_key"])
    ends = np.array([week + SUNDAY for week in weeks], dtype="datetime64[D]")
    review = np.searchsorted(ends, np.asarray(found["signed_on"], dtype="datetime64[D]")[known])
    events = np.zeros((len(keys), len(weeks)), dtype=bool)
    seen = review < len(weeks)
    events[place[seen], review[seen]] = True
    return events


def _changes(graded: GradeHistory, started: NDArray[np.int64], scores: Floats, days: NDArray[Any]) -> pd.DataFrame:
    """First grades and changes by customer and time: row, on, until (empty for the newest), before (empty for a first
    grade), grade, score, reason."""
    rows = np.flatnonzero(started < scores.shape[1])
    review = started[rows]
    names = np.array(graded.policy.grades, dtype=object)
    first = pd.DataFrame(
        {
            "row": rows,
            "review": review,
            "before": None,
            "grade": names[graded.grades[rows, review]],
            "score": scores[rows, review],
            "reason": FIRST,
        }
    )
    later = graded.changes.rename(columns={"after": "grade"})
    later = later.astype({"before": object, "grade": object, "reason": object})
    changes = pd.concat([first, later], ignore_index=True).sort_values(["row", "review"], ignore_index=True)
    changes["on"] = days[changes["review"]]
    return changes.assign(until=changes["on"].shift(-1).where(changes["row"] == changes["row"].shift(-1)))


def _newest(
    keys: NDArray[np.int64],
    graded: GradeHistory,
    scores: Floats,
    standing: pd.DataFrame,
    changes: pd.DataFrame,
    week: date,
) -> pa.Table:
    """Each graded customer at the newest review: his grade with its reason, his score and where he stands."""
    held = np.flatnonzero(graded.state.grade >= 0)
    newest = changes.drop_duplicates("row", keep="last").set_index("row").loc[held]
    unused = pa.nulls(len(held), pa.float64())
    return pa.table(
        {
            "customer_key": keys[held],
            "reviewed_on": pa.array([week + SUNDAY] * len(held), pa.date32()),
            "grade": pa.array(newest["grade"], pa.string()),
            "score": scores[held],
            "smoothed": graded.state.smoothed[held],
            "since": _days(newest["on"]),
            "reason": pa.array(newest["reason"], pa.string()),
            **{name: standing[name].to_numpy() if name in standing else unused for name in INPUTS},
        }
    )


def _columns(mart: Connection, statement: Select) -> dict[str, NDArray[Any]]:
    """The columns of a statement's rows; missing numbers are NaN."""
    cursor: Any = mart.execute(statement).cursor
    return {name: np.asarray(column) for name, column in cursor.df().items()}


def _places(keys: NDArray[np.int64], wanted: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where these keys are among the sorted ones, and which of them are there at all."""
    place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    known = keys[place] == wanted
    return place[known], known


def _days(days: pd.Series) -> pa.Array:
    return pa.array(days.to_numpy().astype("datetime64[D]"))


def _day_number(day: date) -> int:
    return (day - queries.EPOCH).days


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else value
