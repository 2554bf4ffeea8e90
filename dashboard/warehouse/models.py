"""The models of value to come, fitted once a refresh to the published facts (`analysis.lifetime_value`).

Organisations and persons have models of their own when there are enough of both. A model that can't be
fitted leaves its columns empty and its reason in the table `model`: the refresh goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.analysis import lifetime_value as lv
from dashboard.periods import Calendar
from dashboard.policy import Lifetime
from dashboard.warehouse.connect import engine_on
from queries import marts
from queries.lifetime import HELD_OUT, histories

VERSION = "1"
"""Of the method: raise it when the same facts would give another value to come."""
FEWEST_REPEAT_BUYERS = 50
SEGMENT_FROM = 500
"""Customers above which organisations and persons get models of their own, if both have as many."""
YEAR_WEEKS = 52.0
WEEKS_A_YEAR = 365.25 / 7
FITS = {"mbg_nbd": lv.fit_mbg_nbd, "bg_nbd": lv.fit_bg_nbd}
HISTORY = ("frequency", "recency", "age")


@dataclass
class Record:
    """The rows of the table `model`, as they come."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, segment: str, form: str, fitted_to: date, **values: Any) -> None:
        about = {"name": name, "segment": segment, "form": form, "fitted_to": fitted_to, "version": VERSION}
        self.rows.append(about | values)

    def fit(self, name: str, segment: str, form: str, fitted_to: date, model: lv.FittedModel, **more: float) -> None:
        """A row a parameter; those the data don't pin down (at all, or to less than their size) say so."""
        bounds = model.intervals()
        for parameter, estimate in model.params.items():
            held = parameter in model.at_limit
            band = None if held else bounds[parameter]
            self.add(
                *(name, segment, form, fitted_to),
                parameter=parameter,
                estimate=estimate,
                standard_error=None if held else model.standard_errors[parameter],
                low=band and band.low,
                high=band and band.high,
                n=round(model.n),
                state="at_limit" if held else "weak" if model.standard_errors[parameter] > estimate else "",
            )
        for parameter, estimate in more.items():
            self.add(name, segment, form, fitted_to, parameter=parameter, estimate=estimate, n=round(model.n), state="")

    def table(self) -> pa.Table:
        kinds = {"fitted_to": pa.date32(), "n": pa.int64()}
        floats = ("estimate", "standard_error", "low", "high")
        return pa.table(
            {
                name: pa.array(
                    [row.get(name) for row in self.rows],
                    kinds.get(name, pa.float64() if name in floats else pa.string()),
                )
                for name in marts.model.c.keys()
            }
        )


@dataclass(frozen=True)
class Fit:
    """A segment's models of purchases and spend."""

    purchases: lv.PurchaseModel
    spend: lv.GammaGamma


@dataclass(frozen=True)
class ValueToCome:
    """The rows of `customer_value` and `model`, and the models of each segment that has both."""

    values: pa.Table
    models: pa.Table
    fits: dict[str, Fit]


def value_to_come(root: duckdb.DuckDBPyConnection, calendar: Calendar, costed: bool, rules: Lifetime) -> ValueToCome:
    """Value to come of every customer, from the facts published in this mart file."""
    with engine_on(root).connect() as mart:
        cursor: Any = mart.execute(histories(calendar, costed)).cursor
        customers = cursor.df()
    record = Record()
    for parameter in ("annual_discount_rate", "horizon_years"):
        estimate = getattr(rules, parameter)
        record.add("settings", "all", rules.model, calendar.last_day, parameter=parameter, estimate=estimate, state="")
    fits: dict[str, Fit] = {}
    values = [_valued(part, segment, calendar, rules, record, fits) for segment, part in _segments(customers)]
    valued = pd.concat(values)[marts.customer_value.c.keys()]
    return ValueToCome(pa.Table.from_pandas(valued, preserve_index=False), record.table(), fits)


def _segments(customers: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Organisations and persons apart when there are enough of both, else all together."""
    sizes = customers["segment"].value_counts()
    if len(sizes) > 1 and sizes.min() > SEGMENT_FROM:
        for segment, part in customers.groupby("segment"):
            yield str(segment), part
    else:
        yield "all", customers.assign(segment="all")


def _valued(
    part: pd.DataFrame, segment: str, calendar: Calendar, rules: Lifetime, record: Record, fits: dict[str, Fit]
) -> pd.DataFrame:
    """A segment's customers with what its models say of them; empty where a model could not be fitted. The models
    that could be are added to `fits`."""
    empty = [name for name in marts.customer_value.c.keys() if name not in part]
    valued = part.assign(**dict.fromkeys(empty, np.nan))
    last_day = calendar.last_day
    purchases = _purchases(part[[*HISTORY]], segment, last_day, rules, record, "purchases")
    if purchases is not None:
        history = [part[name].to_numpy(dtype=float) for name in HISTORY]
        valued["probability_alive"] = purchases.probability_alive(*history)
        valued["expected_purchases"] = purchases.expected_purchases(YEAR_WEEKS, *history)
        spend = _spend(part, segment, last_day, record)
        if spend is not None:
            _add_money(valued, purchases, spend, rules)
            fits[segment] = Fit(purchases, spend)
    _add_holdout(valued, segment, calendar, rules, record)
    return valued


def _purchases(
    history: pd.DataFrame, segment: str, last_day: date, rules: Lifetime, record: Record, name: str
) -> lv.PurchaseModel | None:
    about = (name, segment, rules.model, last_day)
    repeat = int((history["frequency"] > 0).sum())
    if repeat < FEWEST_REPEAT_BUYERS:
        record.add(*about, n=repeat, state="too_few")
        return None
    try:
        model = FITS[rules.model](*[history[column].to_numpy(dtype=float) for column in history])
    except ValueError:
        record.add(*about, n=len(history), state="not_identified")
        return None
    if name == "purchases":
        record.fit(*about, model)
    return _without_interval(model)


def _spend(part: pd.DataFrame, segment: str, last_day: date, record: Record) -> lv.GammaGamma | None:
    about = ("spend", segment, "gamma_gamma", last_day)
    # The mean is of all purchase days, the first one included: a customer who bought once has a spend too.
    days, mean_spend = part["frequency"].to_numpy(dtype=float) + 1, part["mean_spend"].to_numpy(dtype=float)
    try:
        model = lv.fit_gamma_gamma(days, mean_spend)
    except ValueError:
        record.add(*about, n=len(part), state="not_identified")
        return None
    if model.params["q"] <= 1:
        record.add(*about, n=round(model.n), state="no_mean_spend")
        return None
    record.fit(*about, model, correlation=model.correlation)
    return _without_interval(model)


def _without_interval(model: Any) -> Any:
    """The model; without its covariance where a parameter ran to its limit, so that no interval is claimed."""
    return replace(model, log_covariance=None) if model.at_limit else model


def value_then(history: pd.DataFrame, fit: Fit, rules: Lifetime) -> pd.DataFrame:
    """Value to come as today's models see an earlier day: the history of that day (columns frequency, recency, age,
    mean_spend, margin, yearly_cost) with residual_value and residual_revenue. No interval: it is only ranked."""
    purchases, spend = replace(fit.purchases, log_covariance=None), replace(fit.spend, log_covariance=None)
    columns = [history[name].to_numpy(dtype=float) for name in HISTORY]
    valued = history.assign(
        probability_alive=purchases.probability_alive(*columns),
        expected_purchases=purchases.expected_purchases(YEAR_WEEKS, *columns),
    )
    _add_money(valued, purchases, spend, rules)
    return valued


def _add_money(valued: pd.DataFrame, purchases: lv.PurchaseModel, spend: lv.GammaGamma, rules: Lifetime) -> None:
    """Revenue, margin and cost to serve within the horizon.

    Service goes on at today's yearly cost for the expected active years: the probability of being alive times
    the discounted purchases within the horizon over those of the next 52 weeks. Its uncertainty is left out.
    """
    columns = {name: valued[name].to_numpy(dtype=float) for name in (*HISTORY, "mean_spend")}
    horizon = rules.horizon_years * WEEKS_A_YEAR
    days = columns["frequency"] + 1
    rate = rules.annual_discount_rate
    revenue = lv.lifetime_value(purchases, spend, 1.0, horizon, rate, spend_frequency=days, **columns)
    alive, soon = valued["probability_alive"].to_numpy(), valued["expected_purchases"].to_numpy()
    years = alive * np.divide(revenue.purchases, soon, out=np.zeros_like(soon), where=soon > 0)
    margin, service = valued["margin"].to_numpy(dtype=float), valued["yearly_cost"].to_numpy() * years
    valued["residual_revenue"] = revenue.value
    valued["residual_margin"] = revenue.value * margin
    valued["service_to_come"] = service
    valued["residual_value"] = valued["residual_margin"] - service
    if revenue.low is None or revenue.high is None:
        return
    known = np.isfinite(margin)
    share, cost = np.where(known, margin, 1.0), np.where(known, service, 0.0)
    ends = revenue.low * share - cost, revenue.high * share - cost
    valued["low"], valued["high"] = np.minimum(*ends), np.maximum(*ends)


def _add_holdout(valued: pd.DataFrame, segment: str, calendar: Calendar, rules: Lifetime, record: Record) -> None:
    """What the model would have forecast half a year ago, knowing only what was known then, and what came."""
    last_day = calendar.last_week - HELD_OUT + timedelta(days=6)
    if calendar.last_week - calendar.first_week < 2 * HELD_OUT:
        record.add("holdout", segment, rules.model, last_day, state="too_short")
        return
    known = valued["past_frequency"].notna().to_numpy()
    past = valued.loc[known, [f"past_{name}" for name in HISTORY]].rename(columns=lambda name: name[5:])
    model = _purchases(past, segment, last_day, rules, record, "holdout")
    if model is None:
        return
    t = (calendar.last_day - last_day).days / 7
    history = [past[name].to_numpy(dtype=float) for name in HISTORY]
    actual = valued.loc[known, "held_actual"].to_numpy(dtype=float)
    rate = np.divide(history[0], history[2], out=np.zeros_like(history[0]), where=history[2] > 0)
    valued.loc[known, "held_expected"] = model.expected_purchases(t, *history)
    valued.loc[known, "held_history"] = rate * t
    found = lv.holdout(model, t, actual, *history)
    for parameter in ("error", "baseline_error", "expected", "actual"):
        record.add(
            *("holdout", segment, rules.model, last_day),
            parameter=parameter,
            estimate=getattr(found, parameter),
            n=round(found.n),
            state="",
        )
