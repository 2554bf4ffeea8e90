"""Lifetime value: published numbers, the papers' formulae, recovery of a known truth, promises."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln, gammaln, hyp2f1

from dashboard.analysis.lifetime_value import (
    DAYS,
    BgNbd,
    GammaGamma,
    MbgNbd,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_shifted_beta_geometric,
    holdout,
    lifetime_value,
    markov_lifetime_value,
    simple_lifetime_value,
)

CDNOW = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}  # Fader, Hardie & Lee 2005, table 2
CDNOW_SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}  # Fader & Hardie 2013
HIGH_END = [1, 0.869, 0.743, 0.653, 0.593, 0.551, 0.517, 0.491]  # Fader & Hardie 2007, table 1
REGULAR = [1, 0.631, 0.468, 0.382, 0.326, 0.289, 0.262, 0.241]
TRUTH = {"r": 0.6, "alpha": 5.0, "a": 0.9, "b": 3.0}
FITS = {BgNbd: fit_bg_nbd, MbgNbd: fit_mbg_nbd}
both_models = pytest.mark.parametrize("model", [BgNbd, MbgNbd])


def simulate(n, model, params, seed, longest=104.0, after=0.0):
    """Histories of n customers, one purchase at a time, and what they buy in the `after` that follows."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(params["r"], 1 / params["alpha"], n)
    leaves = rng.beta(params["a"], params["b"], n)
    age = rng.uniform(longest / 4, longest, n)
    x, recency, later, now = np.zeros((4, n))
    alive = np.arange(n)
    if model is MbgNbd:
        alive = alive[rng.uniform(size=n) > leaves]
    while alive.size:
        now[alive] += rng.exponential(1 / rate[alive])
        alive = alive[now[alive] < age[alive] + after]
        seen = alive[now[alive] < age[alive]]
        x[seen] += 1
        recency[seen] = now[seen]
        later[alive] += now[alive] >= age[alive]
        alive = alive[rng.uniform(size=alive.size) > leaves[alive]]
    return (x, recency, age, later) if after else (x, recency, age)


def simulate_spend(x, params, seed):
    rng = np.random.default_rng(seed)
    scale = rng.gamma(params["q"], 1 / params["v"], x.size)
    orders = np.maximum(x, 1)
    return np.where(x > 0, rng.gamma(params["p"] * orders, 1 / (scale * orders)), 0.0)


def log_likelihood(model, params, x, t_x, age):
    """The likelihood of the papers, a customer a term, with none of the shortcuts of the fit."""
    r, al, a, b = params["r"], params["alpha"], params["a"], params["b"]
    common = gammaln(r + x) - gammaln(r) + r * np.log(al) - betaln(a, b)
    alive, left = -(r + x) * np.log(al + age), -(r + x) * np.log(al + t_x)
    if model is BgNbd:
        left = np.where(x > 0, betaln(a + 1, b + np.maximum(x, 1) - 1) + left, -np.inf)
        return (common + np.logaddexp(betaln(a, b + x) + alive, left)).sum()
    return (common + np.logaddexp(betaln(a, b + x + 1) + alive, betaln(a + 1, b + x) + left)).sum()


def spend_log_likelihood(params, x, m):
    p, q, v = params["p"], params["q"], params["v"]
    x, m = x[x > 0], m[x > 0]
    return (
        gammaln(p * x + q)
        - gammaln(p * x)
        - gammaln(q)
        + q * np.log(v)
        + (p * x - 1) * np.log(m)
        + p * x * np.log(x)
        - (p * x + q) * np.log(x * m + v)
    ).sum()


def standard_errors_by_differences(function, params):
    """From the Hessian of a log-likelihood in the logs of its parameters, and its largest slope there."""
    names, h = list(params), 1e-3
    values = np.array([params[name] for name in names])
    unit = np.eye(len(names)) * h

    def at(shift):
        return function(dict(zip(names, values * np.exp(shift), strict=True)))

    hessian = [[(at(u + w) - at(u - w) - at(w - u) + at(-u - w)) / (4 * h * h) for w in unit] for u in unit]
    slope = [(at(u) - at(-u)) / (2 * h) for u in unit]
    errors = values * np.sqrt(np.diag(np.linalg.inv(-np.array(hessian))))
    return dict(zip(names, errors, strict=True)), np.abs(slope).max()


# ---------------------------------------------------------------- published numbers


def test_bg_nbd_forecasts_the_published_purchases_of_a_new_cdnow_customer():
    weeks = [0.1429, 1, 3, 31.8571, 32, 78]
    expected = BgNbd(CDNOW).expected_purchases_of_new_customer(weeks)
    # the paper's own numbers come from unrounded parameters
    assert expected == pytest.approx([0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.858], rel=4e-3)


def test_bg_nbd_forecasts_the_published_purchases_of_a_known_cdnow_customer():
    assert BgNbd(CDNOW).expected_purchases(39, [2], [30.43], [38.86]) == pytest.approx([1.226], abs=5e-4)


def test_bg_nbd_gives_the_printed_answers_of_the_r_packages_walkthrough():
    # BTYD's vignette: CDNOW, with customer 1516, who bought 26 times more
    model = BgNbd({"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881})
    customer = [26], [216 / 7], [31]
    assert model.expected_purchases_of_new_customer(52) == pytest.approx(1.444010, abs=2e-6)
    assert model.expected_purchases(52, *customer) == pytest.approx([25.75659], abs=1e-3)
    assert model.probability_alive(*customer) == pytest.approx([0.9688523], abs=1e-5)


def test_gamma_gamma_expects_the_published_mean_spend():
    model = GammaGamma(CDNOW_SPEND)
    population_mean = 15.44 * 6.25 / 2.74
    assert model.expected_spend([0], [np.nan]) == pytest.approx([population_mean])
    own = 6.25 * 2 / (6.25 * 2 + 2.74)
    assert model.expected_spend([2], [22.35]) == pytest.approx([own * 22.35 + (1 - own) * population_mean])


def test_sbg_fits_the_published_high_end_cohort():
    model = fit_shifted_beta_geometric(HIGH_END)
    assert model.params["a"] == pytest.approx(0.6681, abs=1e-4)
    assert model.params["b"] == pytest.approx(3.8061, abs=1e-4)
    assert model.survival([0, 1, 7]) == pytest.approx([1, 0.851, 0.489], abs=5e-4)
    assert model.retention(1) == pytest.approx(model.survival(1))
    assert (np.diff(model.retention(np.arange(1, 9))) > 0).all()
    assert model.discounted_residual_lifetime(7, 0.1) == pytest.approx(7.530, abs=1e-3)


@pytest.mark.parametrize(
    ("cohort", "a", "b", "log_likelihood", "year_12"),
    [(HIGH_END, 0.668, 3.806, -1611.2, 0.394), (REGULAR, 0.704, 1.182, -1680.3, 0.173)],
)
def test_sbg_gives_the_published_parameters_likelihood_and_forecast(cohort, a, b, log_likelihood, year_12):
    model = fit_shifted_beta_geometric(np.array(cohort) * 1000)
    assert (model.params["a"], model.params["b"]) == pytest.approx((a, b), abs=6e-4)
    assert model.log_likelihood == pytest.approx(log_likelihood, abs=0.06)
    # seven years were fitted; the twelfth is what then happened
    assert model.survival(12) == pytest.approx(year_12, abs=0.02)


def test_sbg_intervals_cover_the_truth_at_about_their_level():
    rng, rounds, truth = np.random.default_rng(0), 300, {"a": 0.7, "b": 2.0}
    covered = dict.fromkeys(truth, 0)
    for _ in range(rounds):
        lasted = rng.geometric(rng.beta(truth["a"], truth["b"], 2000))
        intervals = fit_shifted_beta_geometric([(lasted > t).sum() for t in range(9)]).intervals()
        for name, value in truth.items():
            covered[name] += intervals[name].low <= value <= intervals[name].high
    assert all(0.91 <= hits / rounds <= 0.985 for hits in covered.values()), covered


def test_very_fickle_customers_are_recovered_where_a_and_b_sum_to_less_than_one():
    truth = {"r": 0.6, "alpha": 5.0, "a": 0.25, "b": 0.35}
    fitted = fit_bg_nbd(*simulate(40_000, BgNbd, truth, 20))
    assert fitted.params["a"] + fitted.params["b"] < 1
    for name, value in truth.items():
        assert abs(fitted.params[name] - value) < 4 * fitted.standard_errors[name]


def test_parameters_that_make_no_model_are_refused():
    with pytest.raises(ValueError, match=r"r, alpha, a, b, each a finite number above zero"):
        BgNbd({"r": 0.2, "alpha": 4.4, "a": -0.8, "b": 2.4})
    with pytest.raises(ValueError, match="p, q, v"):
        GammaGamma({"p": 6.25, "q": 3.74})


def test_rates_times_and_levels_out_of_range_are_refused():
    model = fit_shifted_beta_geometric(HIGH_END)
    for wrong, message in (
        (lambda: model.discounted_residual_lifetime(7, -0.1), "discount_rate must be .* zero or more"),
        (lambda: model.survival(-1), "t, row 0: must be .* zero or more"),
        (lambda: model.intervals(95), "level must lie between 0 and 1; got 95"),
        (lambda: BgNbd(CDNOW).expected_purchases(-1, [0], [0], [9]), "t must be .* zero or more; got -1"),
        (lambda: BgNbd(CDNOW).expected_purchases(1, [0], [0], [9], -1.0), "annual_discount_rate"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()


def test_discounted_residual_lifetime_is_the_sum_of_discounted_survival():
    model = fit_shifted_beta_geometric(HIGH_END)
    later = np.arange(1, 4000)
    summed = (model.survival(7 + later) / model.survival(7) * 1.1 ** -(later - 1.0)).sum()
    assert model.discounted_residual_lifetime(7, 0.1) == pytest.approx(summed)


def test_simple_lifetime_value_says_when_the_first_margin_comes():
    assert simple_lifetime_value(100, 0.8, 0.1, "after renewal") == pytest.approx(266.67, abs=0.005)
    assert simple_lifetime_value(100, 0.8, 0.1, "now") == pytest.approx(366.67, abs=0.005)
    with pytest.raises(ValueError, match="'now' or 'after renewal'; got 'later'"):
        simple_lifetime_value(100, 0.8, 0.1, "later")
    with pytest.raises(ValueError, match="infinite"):
        simple_lifetime_value(100, 1.0, 0.0, "now")


RECENCY_CHAIN = [
    [0.30, 0.70, 0, 0, 0],
    [0.20, 0, 0.80, 0, 0],
    [0.15, 0, 0, 0.85, 0],
    [0.05, 0, 0, 0, 0.95],
    [0, 0, 0, 0, 1],
]


def test_markov_value_is_the_discounted_sum_over_the_recency_states():
    # Pfeifer & Carraway 2000: margin 40, contact 4, d = .2
    reward = np.array([36, -4, -4, -4, 0])
    summed, moved = np.zeros(5), np.eye(5)
    for _ in range(300):
        summed, moved = summed + moved @ reward, moved @ np.array(RECENCY_CHAIN) / 1.2
    value = markov_lifetime_value(RECENCY_CHAIN, reward, 0.2)
    assert value == pytest.approx(summed)
    assert value == pytest.approx([52.320, 5.554, 1.251, -1.820, 0], abs=5e-4)
    with pytest.raises(ValueError, match="discount rate must be above zero"):
        markov_lifetime_value(RECENCY_CHAIN, reward, 0)


def test_markov_value_of_one_state_is_the_simple_value():
    assert markov_lifetime_value([[0.8]], [100], 0.1) == pytest.approx([simple_lifetime_value(100, 0.8, 0.1, "now")])


def test_markov_value_refuses_impossible_transitions():
    with pytest.raises(ValueError, match="row 1 of the transitions"):
        markov_lifetime_value([[0.5, 0.5], [0.7, 0.7]], [1, 1], 0.1)
    with pytest.raises(ValueError, match="2 rewards need a square"):
        markov_lifetime_value([[1.0]], [1, 1], 0.1)


# ---------------------------------------------------------------- agreement with the papers' formulae


@both_models
@pytest.mark.parametrize("x", [0.0, 1.0, 6.0])
def test_expected_purchases_follow_the_closed_form(model, x):
    r, al, a, b = CDNOW.values()
    age, recency, t = 38.86, 30.0 if x else 0.0, 26.0
    z = t / (al + age + t)
    shift = 0 if model is BgNbd else 1
    closed = (a + b + x + shift - 1) / (a - 1) * (
        1 - (1 - z) ** (r + x) * hyp2f1(r + x, b + x + shift, a + b + x + shift - 1, z)
    )  # fmt: skip
    alive = model(CDNOW).probability_alive([x], [recency], [age])
    assert model(CDNOW).expected_purchases(t, [x], [recency], [age]) == pytest.approx(alive * closed)


@both_models
def test_probability_alive_follows_its_formula(model):
    r, al, a, b = CDNOW.values()
    x, recency, age = np.array([1.0, 4.0]), np.array([5.0, 30.0]), np.array([30.0, 38.86])
    chances = b + x if model is MbgNbd else b + x - 1
    odds = a / chances * ((al + age) / (al + recency)) ** (r + x)
    assert model(CDNOW).probability_alive(x, recency, age) == pytest.approx(1 / (1 + odds))


def test_only_mbg_nbd_doubts_a_one_time_buyer():
    assert BgNbd(CDNOW).probability_alive([0], [0], [50]) == [1.0]
    doubted = MbgNbd(CDNOW).probability_alive([0, 0], [0, 0], [10, 50])
    assert 0 < doubted[1] < doubted[0] < 1


def test_mbg_nbd_new_customer_follows_the_closed_form():
    r, al, a, b = CDNOW.values()
    z = 52 / (al + 52)
    closed = b / (a - 1) * (1 - (1 - z) ** r * hyp2f1(r, b + 1, a + b, z))
    assert MbgNbd(CDNOW).expected_purchases_of_new_customer(52.0) == pytest.approx(closed)


@pytest.mark.parametrize(
    ("a", "b", "x", "t"),
    [(1.0, 2.0, 3, 26), (0.2, 0.3, 0, 26), (0.2, 0.3, 250, 26), (1, 1, 250, 5000), (400, 900, 5, 26)],
)
def test_expected_purchases_hold_where_the_closed_form_fails(a, b, x, t):
    params = {"r": 1.0, "alpha": 4.0, "a": a, "b": b}
    age = 100.0

    def bought_by(logit):  # of a customer with drop-out probability p, weighted by the density of p
        log_p, log_q = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
        p = np.exp(log_p)
        return np.exp(a * log_p + (b + x) * log_q - betaln(a, b + x)) * -np.expm1(
            -(1 + x) * np.log1p(p * t / (4 + age))
        ) / p  # fmt: skip

    centre = np.log(a / (b + x))
    pieces = [centre + d for d in (-300, -40, -8, -1, 0, 1, 8, 40, 300)]
    integral = sum(quad(bought_by, *ends, epsabs=0)[0] for ends in pairwise(pieces))
    recency = 99.0 if x else 0.0
    alive = BgNbd(params).probability_alive([x], [recency], [age])
    forecast = BgNbd(params).expected_purchases(t, [x], [recency], [age])
    assert forecast == pytest.approx(alive * integral, rel=1e-8)


@both_models
@pytest.mark.parametrize(
    "params",
    [
        CDNOW,
        {"r": 2.5, "alpha": 0.3, "a": 1.0, "b": 0.5},
        {"r": 0.24, "alpha": 40.0, "a": 0.01, "b": 900.0},
        {"r": 30.0, "alpha": 200.0, "a": 3.0, "b": 40.0},
    ],
)
def test_customers_of_many_ages_are_told_what_each_is_told_alone(model, params):
    ages = np.arange(1, 1500) / 7
    x = np.repeat([0.0, 1.0, 40.0], ages.size)
    age = np.tile(ages, 3)
    recency = np.where(x > 0, age * 0.8, 0.0)
    together = model(params).expected_purchases(156, x, recency, age, 0.1)
    some = np.r_[0, 700, 1498, 1499, 1600, 2000, 3100, 4496]
    alone = [model(params).expected_purchases(156, *([v[i]] for v in (x, recency, age)), 0.1)[0] for i in some]
    assert together[some] == pytest.approx(alone, rel=1e-11)


@both_models
def test_a_discounted_forecast_is_the_sum_of_its_discounted_weeks(model):
    history = [3], [20], [40]
    weeks = np.arange(0, 52.01, 0.1)
    so_far = np.array([model(CDNOW).expected_purchases(t, *history)[0] for t in weeks])
    years = (weeks[1:] + weeks[:-1]) / 2 * 7 / DAYS["year"]
    summed = (np.diff(so_far) * 1.5**-years).sum()
    assert model(CDNOW).expected_purchases(52, *history, 0.5) == pytest.approx([summed], rel=1e-6)
    assert summed < so_far[-1]


# ---------------------------------------------------------------- the fit


@both_models
def test_a_fit_is_the_maximum_of_the_papers_likelihood_with_its_curvature(model):
    data = simulate(3000, model, TRUTH, 1)
    fitted = FITS[model](*data)
    assert fitted.log_likelihood == pytest.approx(log_likelihood(model, fitted.params, *data), rel=1e-10)
    errors, slope = standard_errors_by_differences(lambda p: log_likelihood(model, p, *data), fitted.params)
    assert slope < 1e-2
    assert fitted.standard_errors == pytest.approx(errors, rel=1e-3)


def test_a_spend_fit_is_the_maximum_of_the_papers_likelihood_with_its_curvature():
    x = simulate(2000, BgNbd, TRUTH, 2)[0]
    mean = simulate_spend(x, CDNOW_SPEND, 3)
    fitted = fit_gamma_gamma(x, mean)
    assert fitted.log_likelihood == pytest.approx(spend_log_likelihood(fitted.params, x, mean), rel=1e-10)
    errors, slope = standard_errors_by_differences(lambda p: spend_log_likelihood(p, x, mean), fitted.params)
    assert slope < 1e-2
    assert fitted.standard_errors == pytest.approx(errors, rel=1e-3)


def test_an_sbg_fit_has_the_curvature_of_its_likelihood():
    survivors = np.round(np.array(HIGH_END) * 1000)
    fitted = fit_shifted_beta_geometric(survivors)

    def likelihood(params):
        a, b = params["a"], params["b"]
        t = np.arange(1, 8)
        ends = betaln(a + 1, b + t - 1) - betaln(a, b)
        return -np.diff(survivors) @ ends + survivors[-1] * (betaln(a, b + 7) - betaln(a, b))

    errors, slope = standard_errors_by_differences(likelihood, fitted.params)
    assert slope < 1e-3
    assert fitted.standard_errors == pytest.approx(errors, rel=1e-3)
    assert fitted.log_likelihood == pytest.approx(likelihood(fitted.params))


@both_models
def test_a_large_fit_recovers_the_truth(model):
    # enough distinct histories for several chunks and a warm start
    fitted = FITS[model](*simulate(80_000, model, TRUTH, 4))
    for name, value in TRUTH.items():
        assert abs(fitted.params[name] - value) < 4 * fitted.standard_errors[name]
        assert fitted.standard_errors[name] < 0.1 * value


@both_models
def test_intervals_cover_the_truth_at_about_their_level(model):
    rounds = 150
    covered = dict.fromkeys(TRUTH, 0)
    for seed in range(rounds):
        intervals = FITS[model](*simulate(1500, model, TRUTH, 100 + seed)).intervals()
        for name, value in TRUTH.items():
            covered[name] += intervals[name].low <= value <= intervals[name].high
    assert all(0.9 <= hits / rounds <= 0.99 for hits in covered.values()), covered


def test_spend_intervals_cover_the_truth_at_about_their_level():
    rounds, x = 150, np.random.default_rng(0).integers(1, 6, 600).astype(float)
    covered = dict.fromkeys(CDNOW_SPEND, 0)
    for seed in range(rounds):
        intervals = fit_gamma_gamma(x, simulate_spend(x, CDNOW_SPEND, seed)).intervals()
        for name, value in CDNOW_SPEND.items():
            covered[name] += intervals[name].low <= value <= intervals[name].high
    assert all(0.9 <= hits / rounds <= 0.99 for hits in covered.values()), covered


@both_models
def test_the_forecast_meets_the_holdout_better_than_history_does(model):
    x, recency, age, later = simulate(20_000, model, TRUTH, 5, after=52.0)
    fitted = FITS[model](x, recency, age)
    report = holdout(fitted, 52, later, x, recency, age)
    assert report.expected == pytest.approx(report.actual, rel=0.04)
    assert report.error < 0.8 * report.baseline_error
    assert report.n == 20_000
    # those called alive are those who come back
    alive = fitted.probability_alive(x, recency, age)
    rate = fitted.expected_purchases(52, x, recency, age)
    for low, high in ((0, 0.2), (0.2, 0.6), (0.6, 1.01)):
        band = (alive >= low) & (alive < high)
        assert rate[band].sum() == pytest.approx(later[band].sum(), rel=0.12)


# ---------------------------------------------------------------- lifetime value


@pytest.fixture(scope="module")
def customers():
    x, recency, age = simulate(4000, MbgNbd, TRUTH, 6)
    return pd.DataFrame(
        {"frequency": x, "recency": recency, "age": age, "mean_spend": simulate_spend(x, CDNOW_SPEND, 7)}
    )


def value_of(customers, purchases, spend, **more):
    columns = {name: customers[name] for name in ("frequency", "recency", "age", "mean_spend")}
    arguments = {"margin": 0.3, "horizon": 52, "annual_discount_rate": 0.1} | columns | more
    return lifetime_value(purchases, spend, **arguments)


@pytest.fixture(scope="module")
def models(customers):
    c = customers
    return fit_mbg_nbd(c.frequency, c.recency, c.age), fit_gamma_gamma(c.frequency, c.mean_spend)


def test_lifetime_value_is_discounted_purchases_times_spend_times_margin(customers, models):
    found = value_of(customers, *models)
    purchases, spend = models
    count = purchases.expected_purchases(52, customers.frequency, customers.recency, customers.age, 0.1)
    price = spend.expected_spend(customers.frequency, customers.mean_spend)
    assert found.value == pytest.approx(0.3 * count * price)
    assert found.total == pytest.approx(found.value.sum())
    assert (found.low < found.value).all() and (found.value < found.high).all()
    assert found.total_interval.low < found.total < found.total_interval.high
    # errors of one fit are shared by all customers, so the total is known relatively as well as they are
    assert found.total_interval.high / found.total > 1.01


def test_lifetime_value_follows_margin_horizon_and_discount(customers, models):
    base = value_of(customers, *models).total
    assert value_of(customers, *models, margin=0.6).total == pytest.approx(2 * base)
    assert value_of(customers, *models, margin=np.full(4000, 0.3)).total == pytest.approx(base)
    assert value_of(customers, *models, annual_discount_rate=0.5).total < base
    assert value_of(customers, *models, horizon=104).total > base
    assert value_of(customers, *models, horizon=0).total == 0
    loss = value_of(customers, *models, margin=-0.3)
    assert loss.total_interval.low < loss.total == pytest.approx(-base)


def test_the_interval_of_the_total_covers_the_true_expectation():
    hits, rounds = 0, 80
    for seed in range(rounds):
        x, recency, age = simulate(1200, MbgNbd, TRUTH, 500 + seed)
        c = pd.DataFrame({"frequency": x, "recency": recency, "age": age,
                          "mean_spend": simulate_spend(x, CDNOW_SPEND, seed)})  # fmt: skip
        true = value_of(c, MbgNbd(TRUTH), GammaGamma(CDNOW_SPEND)).total
        found = value_of(c, fit_mbg_nbd(x, recency, age), fit_gamma_gamma(x, c.mean_spend)).total_interval
        hits += found.low <= true <= found.high
    assert 0.88 <= hits / rounds <= 0.995


def test_models_from_published_parameters_have_no_interval(customers):
    found = value_of(customers, BgNbd(CDNOW), GammaGamma(CDNOW_SPEND))
    assert found.low is found.high is found.total_interval is None
    assert BgNbd(CDNOW).intervals() == {}


def test_value_in_days_equals_value_in_weeks(customers, models):
    days = customers.assign(recency=customers.recency * 7, age=customers.age * 7)
    purchases = fit_mbg_nbd(days.frequency, days.recency, days.age, unit="day")
    assert purchases.params["alpha"] == pytest.approx(7 * models[0].params["alpha"], rel=1e-9)
    in_days = value_of(days, purchases, models[1], horizon=7 * 52)
    in_weeks = value_of(customers, *models)
    assert in_days.total == pytest.approx(in_weeks.total, rel=1e-9)
    assert in_days.total_interval == pytest.approx(in_weeks.total_interval, rel=1e-6)


def test_spend_without_a_mean_is_refused(customers, models):
    heavy = GammaGamma({"p": 6.0, "q": 0.9, "v": 15.0})
    assert heavy.expected_spend([0, 2], [0, 20.0])[0] == np.inf
    with pytest.raises(ValueError, match=r"no finite mean \(q = 0\.9"):
        value_of(customers, models[0], heavy)


def test_spend_that_grows_with_frequency_is_flagged():
    x = np.random.default_rng(1).integers(1, 9, 2000).astype(float)
    independent = simulate_spend(x, CDNOW_SPEND, 2)
    assert not fit_gamma_gamma(x, independent).correlated
    dependent = fit_gamma_gamma(x, independent * (1 + x))
    assert dependent.correlated
    assert dependent.correlation == pytest.approx(np.corrcoef(x, independent * (1 + x))[0, 1])


# ---------------------------------------------------------------- the contract of every fit


def assert_same(one, other):
    assert one.params == pytest.approx(other.params, rel=1e-10)
    assert one.standard_errors == pytest.approx(other.standard_errors, rel=1e-9)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-12)
    assert one.n == other.n


@pytest.fixture(scope="module")
def weekly():
    """Histories rounded to weeks, so that many customers share one."""
    x, recency, age = simulate(5000, BgNbd, TRUTH, 8)
    age = np.ceil(age)
    recency = np.minimum(np.ceil(recency), age)
    mean = np.round(simulate_spend(x, CDNOW_SPEND, 9))
    return pd.DataFrame({"x": x, "recency": recency, "age": age, "mean": np.where(x > 0, mean + 1, 0)})


EVERY_FIT = {
    "bg": lambda f, w=None: fit_bg_nbd(f.x, f.recency, f.age, w),
    "mbg": lambda f, w=None: fit_mbg_nbd(f.x, f.recency, f.age, w),
    "spend": lambda f, w=None: fit_gamma_gamma(f.x, f["mean"], w),
}
every_fit = pytest.mark.parametrize("fit", EVERY_FIT.values(), ids=EVERY_FIT)


@every_fit
def test_row_order_changes_nothing(fit, weekly):
    shuffled = weekly.sample(frac=1, random_state=3)
    assert fit(shuffled).params == fit(weekly).params


@every_fit
def test_groups_with_weights_equal_single_customers(fit, weekly):
    groups = weekly.value_counts(list(weekly)).reset_index()
    assert len(groups) < len(weekly)
    assert_same(fit(groups, groups["count"]), fit(weekly))


@every_fit
def test_rows_of_weight_zero_and_pandas_types_change_nothing(fit, weekly):
    weights = np.append(np.ones(len(weekly)), 0)
    padded = pd.concat([weekly, weekly.iloc[:1]])
    assert_same(fit(padded, weights), fit(weekly))
    assert_same(fit(weekly.astype("Float64")), fit(weekly))


@every_fit
def test_twice_the_customers_have_smaller_errors(fit, weekly):
    once, twice = fit(weekly), fit(pd.concat([weekly, weekly]))
    expected = {name: error / np.sqrt(2) for name, error in once.standard_errors.items()}
    assert twice.standard_errors == pytest.approx(expected, rel=1e-7)


@every_fit
@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"x": [], "recency": [], "age": [], "mean": []}, r"no customers to fit|no customer has a repeat"),
        ({"x": [3], "recency": [5], "age": [9], "mean": [10]}, "only 1 different"),
        ({"x": [0] * 9, "recency": [0] * 9, "age": range(9), "mean": [0] * 9}, r"no customer has a repeat"),
        ({"x": [1, -1], "recency": [1, 1], "age": [2, 2], "mean": [5, 5]}, "row 1: must be a count of repeat"),
        ({"x": [1, 1.5], "recency": [1, 1], "age": [2, 2], "mean": [5, 5]}, "row 1: must be a count of repeat"),
        (
            {"x": [1, np.nan], "recency": [1, 1], "age": [2, 2], "mean": [5, 5]},
            "row 1: must be a finite number, not nan",
        ),
    ],
)
def test_data_that_cannot_be_fitted_are_refused(fit, frame, message):
    with pytest.raises(ValueError, match=message):
        fit(pd.DataFrame(frame, dtype=float))


@both_models
@pytest.mark.parametrize(
    ("x", "recency", "age", "message"),
    [
        ([1, 2], [1, 9], [5, 5], "recency, row 1: must be at most the age, not 9"),
        ([1, 0], [1, 4], [5, 5], "recency, row 1: must be 0 .* without a repeat purchase, not 4"),
        ([1, 2], [1, 0], [5, 5], "recency, row 1: must be above 0 with a repeat purchase"),
        ([1, 2], [1, 1], [5, np.nan], "age, row 1: must be a finite number, not nan"),
        ([1, 2], [1, 1], [5], "one length.* age 1"),
    ],
)
def test_impossible_histories_are_refused_with_their_row(model, x, recency, age, message):
    with pytest.raises(ValueError, match=message):
        FITS[model](x, recency, age)
    with pytest.raises(ValueError, match=message):
        model(CDNOW).probability_alive(x, recency, age)


def test_a_wrong_weight_unit_or_spend_is_refused():
    with pytest.raises(ValueError, match="weights, row 0: must be a finite number of zero or more, not -1"):
        fit_bg_nbd([1, 2], [1, 1], [5, 5], [-1, 1])
    with pytest.raises(ValueError, match="one of day, week, month, quarter, year; got 'hour'"):
        fit_bg_nbd([1, 2], [1, 1], [5, 5], unit="hour")
    with pytest.raises(ValueError, match=r"mean_spend, row 1 \('b'\): must be .* above zero for a repeat buyer, not 0"):
        fit_gamma_gamma([1, 2, 0], pd.Series([5, 0, 0], index=list("abc")))


def test_parameters_that_data_do_not_pin_down_are_named():
    rng = np.random.default_rng(4)
    age = np.full(2000, 50.0)
    x = rng.poisson(5, 2000).astype(float)
    recency = 50 * x / (x + 1)  # purchases evenly spaced until now: nobody has dropped out
    fitted = fit_mbg_nbd(x, recency, age)
    assert "b" in fitted.at_limit
    assert fitted.standard_errors["b"] == np.inf
    assert fitted.intervals()["b"].high == np.inf
    assert fitted.expected_purchases(50, x, recency, age).mean() == pytest.approx(5, rel=0.02)


def test_customers_with_very_many_purchases_are_fitted_and_forecast():
    x, recency, age = simulate(2000, BgNbd, TRUTH, 10)
    x[:2], recency[:2] = [250, 3000], age[:2] - 0.005
    for fit in FITS.values():
        fitted = fit(x, recency, age)
        assert fitted.at_limit == ()
        forecast = fitted.expected_purchases(52, x, recency, age)
        assert np.isfinite(forecast).all()
        assert forecast[1] > forecast[0] > 50


def test_a_cohort_that_cannot_be_fitted_is_refused():
    for survivors, message in (
        ([100, 90], "3 counts or more, not 2"),
        ([100, 90, 95], "survivors, row 2: .*never rise, not 95"),
        ([100, 100, 100], "some customers must leave"),
        ([100, 0, 0], "some must renew"),
        ([100, np.nan, 80], "survivors, row 1: must be a finite number"),
    ):
        with pytest.raises(ValueError, match=message):
            fit_shifted_beta_geometric(survivors)


positive = st.floats(1e-3, 300)


@given(
    params=st.fixed_dictionaries({"r": positive, "alpha": positive, "a": positive, "b": positive}),
    x=st.integers(0, 2000),
    age=st.floats(0.01, 1000),
    last=st.floats(0.01, 1),
    t=st.floats(0.001, 5000),
    model=st.sampled_from([BgNbd, MbgNbd]),
)
@settings(deadline=None, max_examples=150)
def test_forecasts_are_always_possible_numbers(params, x, age, last, t, model):
    history = [x], [age * last if x else 0.0], [age]
    alive = model(params).probability_alive(*history)[0]
    forecast = model(params).expected_purchases(t, *history)[0]
    never_leaving = (params["r"] + x) / (params["alpha"] + age) * t
    assert 0 <= alive <= 1
    assert 0 <= forecast <= alive * never_leaving * (1 + 1e-5)
    assert model(params).expected_purchases(t / 2, *history)[0] <= forecast * (1 + 1e-5)


def test_no_rows_have_no_forecast():
    assert BgNbd(CDNOW).expected_purchases(10, [], [], []).size == 0
    assert BgNbd(CDNOW).probability_alive([], [], []).size == 0
