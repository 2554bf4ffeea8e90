"""What every method of `dashboard.analysis` promises, whatever it computes.

A method is entered once below with a typical input. It then has to survive no rows, one row, equal rows, zeros,
huge and negative numbers; to refuse what is not a number, naming argument and row; to give the same answer
for any order, container and number type; to leave its input alone; and to give back a frozen result.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dashboard.analysis
from dashboard.analysis import (
    concentration,
    cost_to_serve,
    grading,
    lifetime_value,
    monitoring,
    service_levels,
    word_of_mouth,
)

Columns = dict[str, Any]
BAD_ROW = 2


@dataclass(frozen=True)
class Method:
    """How a method is called, and what it promises beyond the common contract.

    columns: a typical input, an entry a row. by_row: arrays of the result with an entry a row follow the order
    of the rows. refuses: edge case -> what the refusal says; without an entry the case has an answer.
    undefined: fields that may be NaN, as documented. instead: columns to use in an edge case. missing_allowed:
    columns in which NaN has a meaning. compared: the part of the result that does not tell row numbers.
    """

    call: Callable[..., object]
    columns: Columns
    by_row: bool = False
    weights: str | None = None
    refuses: Mapping[str, str] = field(default_factory=dict)
    undefined: tuple[str, ...] = ()
    instead: Mapping[str, Columns] = field(default_factory=dict)
    missing_allowed: tuple[str, ...] = ()
    compared: Callable[[Any], object] = lambda result: result
    tolerance: float = 1e-9


# ---------------------------------------------------------------- typical inputs


def histories(n: int = 300) -> Columns:
    rng = np.random.default_rng(1)
    age = rng.integers(30, 100, n).astype(float)
    frequency = rng.negative_binomial(1, 0.3, n).astype(float)
    frequency[:4] = [3, 1, 2, 0]
    recency = np.where(frequency > 0, np.ceil(age * rng.beta(2, 1, n)), 0.0)
    return {"frequency": frequency, "recency": recency, "age": age}


def spending(n: int = 300) -> Columns:
    rng = np.random.default_rng(2)
    frequency = histories(n)["frequency"]
    mean = np.rint(60 * rng.gamma(6, 1, n) / rng.gamma(4, 1, n)) + 1
    return {"frequency": frequency, "mean_spend": np.where(frequency > 0, mean, 0.0)}


def talk(n: int = 300) -> Columns:
    rng = np.random.default_rng(3)
    satisfaction, exposure = rng.integers(0, 21, n) * 5.0, rng.integers(3, 19, n).astype(float)
    praise = rng.poisson(exposure * 0.05 * np.exp(0.1 * np.maximum(0, satisfaction - 70))).astype(float)
    complaints = rng.poisson(exposure * 0.05 * np.exp(0.08 * np.maximum(0, 40 - satisfaction))).astype(float)
    return {"satisfaction": satisfaction, "praise": praise, "complaints": complaints, "exposure": exposure}


def sums_by_score() -> Columns:
    rows = pd.DataFrame(talk()).assign(n=1).groupby("satisfaction", as_index=False).sum()
    return {
        name: column.to_numpy(dtype=float) for name, column in rows.rename(columns={"complaints": "complaint"}).items()
    }


def levels(n: int = 41) -> Columns:
    rng = np.random.default_rng(4)
    gain = np.round(np.sort(rng.lognormal(4, 1, (n, 3)), axis=1) * [0.0, 1, 1], 6)
    cost = np.round(rng.uniform(0.5, 1.5, (n, 3, 2)) * np.array([[0, 0], [10, 1], [40, 3]]), 6)
    return {"gain": gain, "cost": cost}


RNG = np.random.default_rng(5)
NAMES = np.array([f"c{i:03d}" for i in range(41)], dtype=object)
MONEY = np.rint(RNG.lognormal(5, 1, 41))
SIGNED = np.rint(RNG.normal(80, 100, 41))
DESCENDING = np.sort(MONEY)[::-1]
GAPS = {"purchases": RNG.integers(1, 20, 41).astype(float), "observed": RNG.integers(20, 60, 41).astype(float),
        "gap": RNG.integers(1, 30, 41).astype(float)}  # fmt: skip
WEIGHTS = RNG.integers(0, 4, 300).astype(float)
HISTORY = pd.DataFrame({"customer": np.repeat(NAMES, 6), "amount": RNG.lognormal(4, 0.5, 246)})
MBG = lifetime_value.MbgNbd({"r": 0.6, "alpha": 5.0, "a": 0.9, "b": 3.0})
SPEND = lifetime_value.GammaGamma({"p": 6.0, "q": 4.0, "v": 15.0})
CURVE = word_of_mouth.fit_curve(**talk(), draws=99)
POLICY = grading.GradePolicy(cuts=(30, 20, 10), dwell=2)
PLAN = pd.DataFrame({"activity": ["calls"], "capacity_cost": [1000.01], "practical_capacity": [9000]})
PLANNED = {"activity": np.array(["calls", "visits", "mail", "drops"], dtype=object),
           "capacity_cost": np.array([1000.0, 2000, 300, 40]),
           "practical_capacity": np.array([900.0, 800, 700, 60])}  # fmt: skip
CAPACITY = [500.0, 45.0]


def history_calls(model: lifetime_value.PurchaseModel) -> dict[str, Callable]:
    return {
        "probability_alive": model.probability_alive,
        "expected_purchases": lambda **columns: model.expected_purchases(52, **columns, annual_discount_rate=0.1),
    }


def fit_method(fit: Callable) -> Method:
    many = histories()
    many["frequency"][:3], many["recency"][:3] = [250, 5000, 90_000], many["age"][:3] - 1
    return Method(
        fit,
        histories(),
        weights="weights",
        instead={"huge": many},
        refuses={"empty": "no customers to fit", "one row": "only 1 different", "all equal": "only 1 different",
                 "zeros": "no customer has a repeat purchase",
                 "negative": "frequency, row 0: must be a count"},
        undefined=("log_covariance",),
        tolerance=1e-7,
    )  # fmt: skip


NOT_BELOW_ZERO = "row 0: must be (a finite number of )?zero or more"

METHODS: dict[str, Method] = {
    "concentration.gini": Method(concentration.gini, {"values": MONEY}, refuses={"negative": NOT_BELOW_ZERO}),
    "concentration.lorenz": Method(concentration.lorenz, {"values": MONEY}, refuses={"negative": NOT_BELOW_ZERO}),
    "concentration.top_share": Method(
        lambda values: concentration.top_share(values, 0.2), {"values": MONEY}, refuses={"negative": NOT_BELOW_ZERO}
    ),
    "concentration.whale_curve": Method(concentration.whale_curve, {"profits": SIGNED}),
    "cost_to_serve.time_driven": Method(
        lambda customer, quantity: cost_to_serve.time_driven(
            PLAN, pd.DataFrame({"customer": customer, "activity": "calls", "quantity": quantity})
        ),
        {"customer": NAMES, "quantity": MONEY},
        refuses={"negative": "quantity, row 0"},
    ),
    "cost_to_serve.time_driven (plan)": Method(
        lambda **plan: cost_to_serve.time_driven(
            pd.DataFrame(plan), pd.DataFrame({"customer": ["a"], "activity": ["calls"], "quantity": [1.0]})
        ),
        PLANNED,
        compared=lambda result: result.pools.sort_values("pool", ignore_index=True)[["pool", "ledger_cents"]],
        undefined=("utilisation", "rate", "unit_cost"),
        refuses={"empty": "activity, row 0 of volumes", "all equal": "activity, row 1.*a name of its own",
                 "negative": "capacity_cost, row 0"},
    ),
    "cost_to_serve.largest_remainder": Method(
        lambda weights: cost_to_serve.largest_remainder(100_001, weights),
        {"weights": MONEY},
        by_row=True,
        tolerance=np.inf,  # tied cents go to the earlier row, as documented
        refuses={"empty": "can't be split", "zeros": "can't be split", "negative": "weights, row 0"},
    ),
    "cost_to_serve.causes_of_loss": Method(
        lambda **columns: cost_to_serve.causes_of_loss(pd.DataFrame(columns)),
        {"customer": NAMES, "revenue": MONEY + 50, "goods": np.rint(MONEY * 0.7), "freight": np.arange(41.0)},
        compared=lambda result: (result.excess.sort_index(), result.summary, result.benchmark),
        instead={"all equal": {"customer": NAMES, "revenue": np.full(41, 9.0), "goods": np.full(41, 5.0)}},
        refuses={"zeros": "no profitable customer", "negative": "no profitable customer"},
    ),
    "cost_to_serve.return_on_service": Method(
        cost_to_serve.return_on_service,
        {"contribution": SIGNED, "cost": MONEY},
        by_row=True,
        undefined=("ratio", "overall"),
        refuses={"negative": "cost, row 0"},
    ),
    "grading.score": Method(
        lambda **columns: grading.score(pd.DataFrame(columns), {"margin": 0.6, "risk": 0.4}, ["risk"]),
        {"margin": SIGNED, "risk": MONEY},
        by_row=True,
    ),
    "grading.cuts_for_shares": Method(
        lambda scores: grading.cuts_for_shares(scores, (0.1, 0.2)), {"scores": SIGNED}, refuses={"empty": "no scores"}
    ),
    "grading.assign_grades": Method(
        lambda score_history, started: grading.assign_grades(score_history, POLICY, started=started),
        {"score_history": RNG.integers(0, 40, (41, 9)).astype(float), "started": np.zeros(41)},
        by_row=True,
        compared=lambda result: (result.grades, result.state),
    ),
    "grading.rfm": Method(
        grading.rfm, {"recency": MONEY, "frequency": GAPS["purchases"], "monetary": SIGNED}, by_row=True,
        undefined=("limit",),
    ),
    "grading.migration": Method(
        lambda from_grades, to_grades: grading.migration(from_grades, to_grades, list("ABCD")),
        {
            "from_grades": np.array(list("ABCD") * 10, dtype=object),
            "to_grades": np.array(list("AABCDDBC") * 5, dtype=object),
        },
        undefined=("kappa", "psi", "moved", "stationary"),
        instead={"zeros": {}, "huge": {}, "negative": {}},
    ),
    "grading.flips_per_customer_year": Method(
        lambda grades: grading.flips_per_customer_year(grades),
        {"grades": RNG.integers(-1, 4, (41, 9))},
        undefined=("",),
    ),
    "grading.population_stability": Method(
        grading.population_stability, {"before": MONEY[:5], "after": MONEY[5:10]}, undefined=("",),
        refuses={"negative": "before, row 0"},
    ),
    "lifetime_value.fit_bg_nbd": fit_method(lifetime_value.fit_bg_nbd),
    "lifetime_value.fit_mbg_nbd": fit_method(lifetime_value.fit_mbg_nbd),
    "lifetime_value.fit_gamma_gamma": Method(
        lifetime_value.fit_gamma_gamma,
        spending(),
        weights="weights",
        tolerance=1e-7,
        undefined=("log_covariance",),
        refuses={"empty": "no customer has a repeat purchase", "one row": "only 1 different",
                 "all equal": "only 1 different", "zeros": "no customer has a repeat purchase",
                 "huge": "frequency, row .*: must be a count", "negative": "frequency, row 0"},
    ),
    "lifetime_value.fit_shifted_beta_geometric": Method(
        lifetime_value.fit_shifted_beta_geometric,
        {"survivors": np.array([1000.0, 869, 743, 653, 593, 551, 517, 491])},
        by_row=True,
        tolerance=np.inf,  # a history has an order
        undefined=("log_covariance",),
        refuses={"empty": "two renewals", "one row": "two renewals", "all equal": "can't be identified",
                 "zeros": "can't be identified", "negative": "survivors, row 0"},
    ),
    "lifetime_value.lifetime_value": Method(
        lambda **columns: lifetime_value.lifetime_value(MBG, SPEND, horizon=52, annual_discount_rate=0.1, **columns),
        {**histories(), "mean_spend": spending()["mean_spend"], "margin": np.full(300, 2.0)},
        by_row=True,
        weights="weights",
        instead={"huge": {**histories(), "frequency": histories()["frequency"] * 9000, "margin": np.full(300, 9e9),
                          "mean_spend": spending()["mean_spend"] * 1e9}},
        refuses={"negative": "frequency, row 0"},
    ),
    "lifetime_value.holdout": Method(
        lambda **columns: lifetime_value.holdout(MBG, 26.0, **columns),
        {**histories(), "actual": np.roll(histories()["frequency"], 1)},
        weights="weights",
        instead={"huge": {**histories(), "frequency": histories()["frequency"] * 9000, "actual": np.full(300, 1e9)}},
        refuses={"empty": "no customers to compare", "negative": "actual, row 0|frequency, row 0"},
    ),
    **{
        f"lifetime_value.{kind.__name__}.{name}": Method(
            call,
            histories(),
            by_row=True,
            instead={"huge": {**histories(), "frequency": histories()["frequency"] * 9000}},
            refuses={"negative": "frequency, row 0"},
        )
        for kind in (lifetime_value.BgNbd, lifetime_value.MbgNbd)
        for name, call in history_calls(kind({"r": 0.3, "alpha": 4.0, "a": 0.2, "b": 0.3})).items()
    },
    "lifetime_value.GammaGamma.expected_spend": Method(
        SPEND.expected_spend, spending(), by_row=True,
        refuses={"negative": "frequency, row 0", "huge": "frequency, row"},
    ),
    "monitoring.benjamini_hochberg": Method(
        monitoring.benjamini_hochberg, {"p": RNG.uniform(size=41)}, by_row=True, missing_allowed=("p",),
        refuses={"negative": "p, row 0", "huge": "p, row 0"},
    ),
    "monitoring.local_fdr": Method(
        monitoring.local_fdr, {"p": RNG.uniform(size=41)}, by_row=True, missing_allowed=("p",),
        refuses={"negative": "p, row 0", "huge": "p, row 0"},
    ),
    "monitoring.unusual_amounts": Method(
        lambda customer, amount: monitoring.unusual_amounts(
            pd.DataFrame({"customer": customer, "amount": amount}), HISTORY
        ),
        {"customer": NAMES, "amount": MONEY},
        by_row=True,
        refuses={"zeros": "amount, row 0", "negative": "amount, row 0"},
    ),
    "monitoring.unusual_amounts (history)": Method(
        lambda customer, amount: monitoring.unusual_amounts(
            HISTORY[:7].reset_index(drop=True), pd.DataFrame({"customer": customer, "amount": amount})
        ),
        {"customer": np.repeat(NAMES[:10], 4), "amount": MONEY[:40]},
        undefined=("usual", "z", "p", "q_value", "local_fdr"),
        refuses={"zeros": "amount, row 0", "negative": "amount, row 0"},
    ),
    "monitoring.gap_probability": Method(
        lambda **columns: monitoring.gap_probability(**columns, prior=monitoring.GapPrior(2, 10)), GAPS, by_row=True,
        refuses={"negative": "purchases, row 0"},
    ),
    "monitoring.gap_prior": Method(
        monitoring.gap_prior, GAPS, tolerance=1e-4,
        refuses={"empty": "no repeat purchase", "zeros": "no repeat purchase", "negative": "purchases, row 0"},
    ),
    "monitoring.regularity_of": Method(
        monitoring.regularity_of, {"earlier": GAPS["observed"], "later": GAPS["gap"]},
        refuses={"empty": "two pairs", "one row": "two pairs", "zeros": "earlier, row 0", "negative": "earlier, row 0"},
    ),
    "monitoring.silence": Method(
        lambda **columns: monitoring.silence(**columns, prior=monitoring.GapPrior(2, 10)),
        {"customer": NAMES, **GAPS},
        by_row=True,
        refuses={"negative": "purchases, row 0"},
    ),
    "monitoring.cusum_p": Method(
        monitoring.cusum_p, {"height": np.abs(SIGNED) / 50}, by_row=True
    ),
    "monitoring.drift": Method(
        monitoring.drift, {"customer": NAMES, "values": RNG.integers(50, 150, (41, 12)).astype(float)}, by_row=True,
        missing_allowed=("values",), undefined=("p", "q_value", "local_fdr"),
    ),
    "service_levels.assign": Method(
        lambda **columns: service_levels.assign(**columns, capacity=CAPACITY),
        levels(),
        by_row=True,
        tolerance=1e-6,
        instead={"huge": {"gain": levels()["gain"] * 1e9, "cost": levels()["cost"]}},
    ),
    "service_levels.relax": Method(
        lambda **columns: service_levels.relax(**columns, capacity=CAPACITY),
        levels(),
        tolerance=1e-6,
        instead={"huge": {"gain": levels()["gain"] * 1e9, "cost": levels()["cost"]}},
    ),
    "service_levels.frontier": Method(
        lambda **columns: service_levels.frontier(**columns, capacity=CAPACITY, budgets=[100.0, 300, 900]),
        levels(),
        tolerance=1e-6,
        instead={"huge": {"gain": levels()["gain"] * 1e9, "cost": levels()["cost"]}},
    ),
    "service_levels.explain": Method(
        lambda gain, cost: service_levels.explain(service_levels.assign(gain, cost, CAPACITY), gain, cost),
        levels(),
        by_row=True,
        tolerance=1e-6,
        compared=lambda result: result.table[["level", "runner_up", "wanted", "binding"]],
        undefined=("switch_cost", "switch_price", "binding", "switch_resource"),
        instead={"huge": {"gain": levels()["gain"] * 1e9, "cost": levels()["cost"]}},
    ),
    "word_of_mouth.fit_curve": Method(
        lambda **columns: word_of_mouth.fit_curve(**columns, draws=99),
        talk(),
        weights="weights",
        compared=lambda curve: (curve.complaint_threshold, curve.praise_growth, curve.praise_base, curve.verdict),
        refuses={"empty": "no rows", "zeros": "exposure, row 0", "negative": "praise, row .*zero or more"},
    ),
    "word_of_mouth.fit_curve_from_groups": Method(
        lambda **columns: word_of_mouth.fit_curve_from_groups(pd.DataFrame(columns), draws=99),
        sums_by_score(),
        compared=lambda curve: (curve.complaint_threshold, curve.praise_growth, curve.praise_base, curve.verdict),
        refuses={"empty": "no rows", "zeros": "n, row 0|exposure, row 0", "negative": "row 0"},
    ),
    "word_of_mouth.binned": Method(
        word_of_mouth.binned,
        {"satisfaction": talk()["satisfaction"], "count": talk()["praise"], "exposure": talk()["exposure"]},
        refuses={"empty": "no rows", "zeros": "exposure, row 0", "negative": "row .*zero or more"},
    ),
    "word_of_mouth.garwood": Method(
        word_of_mouth.garwood, {"count": GAPS["purchases"], "exposure": GAPS["observed"]}, by_row=True,
        refuses={"zeros": "exposure, row 0", "negative": "count, row 0"},
    ),
}  # fmt: skip

# No entry a row: parameters, matrices, sums in an order of their own. Their own tests hold their promises.
WITHOUT_ROWS = {
    "concentration.gini_from_groups",
    "concentration.lorenz_from_groups",
    "concentration.top_share_from_groups",
    "drivers.key_drivers",
    "grading.migration_from_counts",
    "grading.same_transitions",
    "grading.stationary_share",
    "grading.weighted_kappa",
    "lifetime_value.markov_lifetime_value",
    "lifetime_value.simple_lifetime_value",
    "monitoring.cusum_run_length",
    "monitoring.judged_amounts",
    "monitoring.mad_factor",
    "monitoring.unlikeness",
    "response.moved_against_alike",
    "word_of_mouth.worth",
}

every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


# ---------------------------------------------------------------- tools


def public_functions() -> Iterator[str]:
    for module in pkgutil.iter_modules(dashboard.analysis.__path__):
        if module.name != "inputs":  # what the methods share: no method of its own
            loaded = importlib.import_module(f"dashboard.analysis.{module.name}")
            for name, function in inspect.getmembers(loaded, inspect.isfunction):
                if function.__module__ == loaded.__name__ and not name.startswith("_"):
                    yield f"{module.name}.{name}"


def leaves(result: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every number, text and array of a result, with the name of its field."""
    if is_dataclass(result) and not isinstance(result, type):
        for each in fields(result):
            if each.name not in ("ranking", "fitted", "policy"):
                yield from leaves(getattr(result, each.name), each.name)
    elif isinstance(result, pd.DataFrame):
        for name, column in result.items():
            yield str(name), column.to_numpy()
    elif isinstance(result, Mapping):
        for name, value in result.items():
            yield from leaves(value, str(name))
    elif isinstance(result, tuple | list):
        for value in result:
            yield from leaves(value, path)
    elif isinstance(result, pd.Series):
        yield path, result.to_numpy()
    else:
        yield path, result


def run(method: Method, columns: Columns) -> object:
    """Call it; a warning on the way is a fault."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return method.call(**columns)


def assert_same(method: Method, one: object, other: object, order: np.ndarray | None = None) -> None:
    first, second = list(leaves(method.compared(one))), list(leaves(method.compared(other)))
    assert [name for name, _ in first] == [name for name, _ in second]
    for (name, a), (_, b) in zip(first, second, strict=True):
        if method.by_row and order is not None and np.ndim(a) and len(a) == len(order):
            a = a[order]
        left, right = np.asarray(a), np.asarray(b)
        if left.dtype.kind == "f":
            assert right.astype(float) == pytest.approx(left, rel=method.tolerance, abs=1e-9, nan_ok=True), name
        else:
            assert pd.Series(left.ravel()).equals(pd.Series(right.ravel())), name


def rows(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def is_number(column: np.ndarray) -> bool:
    return column.dtype.kind in "if"


EDGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "empty": lambda column: column[:0],
    "one row": lambda column: column[:1],
    "all equal": lambda column: np.repeat(column[:1], len(column), axis=0),
    "zeros": lambda column: column * 0 if is_number(column) else column,
    "huge": lambda column: column * 10**9 if is_number(column) else column,
    "negative": lambda column: -np.abs(column) - 1 if is_number(column) else column,
}


# ---------------------------------------------------------------- the contract


def test_every_public_method_is_under_contract():
    known = {name.split(" ")[0] for name in METHODS} | WITHOUT_ROWS
    assert set(public_functions()) <= known


PURCHASES = (
    "params standard_errors log_likelihood n expected_purchases expected_purchases_of_new_customer probability_alive"
)
WHALE = "total peak_share peak_at_share top_20_share loss_makers erosion points"
TALK = (
    "complaint_threshold praise_threshold complaint_growth praise_growth complaint_base praise_base "
    "rate_of_complaint rate_of_praise comparison verdict"
)


@pytest.mark.parametrize(
    ("name", "arguments", "attributes"),
    [
        ("lifetime_value.fit_bg_nbd", "frequency recency age weights", PURCHASES),
        ("lifetime_value.fit_mbg_nbd", "frequency recency age weights", PURCHASES),
        ("lifetime_value.fit_gamma_gamma", "frequency mean_spend weights", "params expected_spend correlation"),
        ("lifetime_value.fit_shifted_beta_geometric", "survivors", "survival discounted_residual_lifetime"),
        ("lifetime_value.lifetime_value", "purchases spend margin horizon annual_discount_rate", "total_interval"),
        ("concentration.lorenz", "values", "gini top_share points interval"),
        ("concentration.top_share", "values share", ""),
        ("concentration.whale_curve", "profits", WHALE),
        ("grading.assign_grades", "score_history policy", "grades changes flips_per_customer_year"),
        ("grading.rfm", "recency frequency monetary", "recency frequency monetary cuts"),
        ("grading.migration", "from_grades to_grades", "stationary value flips_per_customer_year kappa leaver"),
        ("word_of_mouth.fit_curve", "satisfaction praise complaints exposure weights", TALK),
        ("cost_to_serve.time_driven", "activities volumes", "cells customers activities pools unused_cents"),
        ("cost_to_serve.causes_of_loss", "customers", "ranking summary"),
        ("monitoring.silence", "customer purchases observed gap q", "table q tested alarms"),
        ("monitoring.drift", "customer values q", "table q tested alarms"),
        ("service_levels.assign", "gain cost capacity allowed size", "level value upper_bound gap prices marginal"),
        ("service_levels.frontier", "gain cost capacity budgets", "profit price low high"),
    ],
)
def test_a_method_keeps_its_promised_interface(name, arguments, attributes):
    module, _, function = name.partition(".")
    given = inspect.signature(getattr(importlib.import_module(f"dashboard.analysis.{module}"), function)).parameters
    assert list(given)[: len(arguments.split())] == arguments.split()
    result = run(METHODS[name], METHODS[name].columns)
    assert [each for each in attributes.split() if not hasattr(result, each)] == []


@every_method
@pytest.mark.parametrize("case", EDGES)
def test_odd_data_have_an_answer_or_a_plain_refusal(method, case):
    columns = method.instead.get(case) or {name: EDGES[case](column) for name, column in method.columns.items()}
    if case in method.refuses:
        with pytest.raises(ValueError, match=method.refuses[case]):
            run(method, columns)
        return
    for name, value in leaves(run(method, columns)):
        values = np.asarray(value)
        if values.dtype.kind == "f" and name not in method.undefined:
            assert not np.isnan(values).any(), name


NO_NUMBERS = [
    pytest.param(method, name, bad, id=f"{key}-{name}-{bad}")
    for key, method in METHODS.items()
    for name, column in method.columns.items()
    for bad in (np.nan, np.inf, -np.inf, "many")
    if is_number(column) and not (bad is np.nan and name in method.missing_allowed)
]


@pytest.mark.parametrize(("method", "name", "bad"), NO_NUMBERS)
def test_what_is_no_number_is_refused_with_argument_and_row(method, name, bad):
    column = method.columns[name].astype(object if bad == "many" else float)
    column[(BAD_ROW, *[0] * (column.ndim - 1))] = bad
    where = f"row {BAD_ROW}" if column.ndim == 1 or bad != "many" else "numbers only"
    with pytest.raises(ValueError, match=re.compile(rf"\b{name}\b.*{where}")):
        run(method, method.columns | {name: column})


@every_method
def test_the_order_of_rows_does_not_matter(method):
    n = rows(method.columns)
    order = np.random.default_rng(7).permutation(n)
    shuffled = {name: column[order] for name, column in method.columns.items()}
    if method.tolerance < np.inf:
        assert_same(method, run(method, method.columns), run(method, shuffled), order)


@pytest.mark.parametrize("key", [key for key, method in METHODS.items() if method.weights])
def test_a_weight_is_so_many_rows(key):
    method, n = METHODS[key], rows(METHODS[key].columns)
    weights = WEIGHTS[:n]
    repeated = {name: np.repeat(column, weights.astype(int), axis=0) for name, column in method.columns.items()}
    weighted, many = run(method, method.columns | {method.weights: weights}), run(method, repeated)
    if not method.by_row:
        assert_same(method, weighted, many)
    else:
        assert weighted.total == pytest.approx(many.total, rel=method.tolerance)


@every_method
def test_a_series_with_any_index_is_its_numbers(method):
    n = rows(method.columns)
    index = [f"row {place % 7}" for place in range(n)][::-1]
    named = {
        name: pd.Series(column, index=index) if column.ndim == 1 else pd.DataFrame(column, index=index)
        for name, column in method.columns.items()
        if column.ndim < 3
    }
    assert_same(method, run(method, method.columns), run(method, method.columns | named))


@every_method
def test_whole_and_nullable_numbers_are_numbers(method):
    plain = run(method, method.columns)
    whole = {n: c.astype(np.int64) for n, c in method.columns.items() if is_number(c) and (c == np.floor(c)).all()}
    assert_same(method, plain, run(method, method.columns | whole))
    nullable = {
        name: pd.Series(column, dtype="Float64")
        for name, column in method.columns.items()
        if is_number(column) and column.ndim == 1
    }
    assert_same(method, plain, run(method, method.columns | nullable))


@every_method
def test_input_is_left_alone_and_no_result_hangs_on_it(method):
    given = {name: column.copy() for name, column in method.columns.items()}
    for column in given.values():
        column.flags.writeable = False
    result = run(method, given)
    for name, column in method.columns.items():
        assert pd.Series(given[name].ravel()).equals(pd.Series(column.ravel()))
        for field_name, value in leaves(result):
            assert not (isinstance(value, np.ndarray) and np.shares_memory(value, given[name])), field_name


@every_method
def test_a_result_is_frozen(method):
    result = run(method, method.columns)
    if is_dataclass(result):
        with pytest.raises(FrozenInstanceError):
            setattr(result, fields(result)[0].name, None)
        assert result == result


@every_method
def test_columns_of_different_length_are_refused(method):
    if len(method.columns) > 1 and "pd.DataFrame(" not in inspect.getsource(method.call):
        first = next(iter(method.columns))
        with pytest.raises(ValueError, match=r"length|\(\d+"):
            run(method, method.columns | {first: method.columns[first][:-1]})
