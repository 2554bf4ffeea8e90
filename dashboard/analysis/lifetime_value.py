"""What is a customer worth from now on: will they buy again, how often, and for how much?

Without a contract, purchases follow the BG/NBD model (Fader, Hardie & Lee 2005) or the MBG/NBD model
(Batislam, Denizel & Filiztekin 2007), and spend follows the Gamma-Gamma model (Colombo & Jiang 1999; Fader &
Hardie 2013). With a contract, renewals follow the shifted-beta-geometric model (Fader & Hardie 2007). The
textbook formula (Gupta & Lehmann 2003) and the Markov chain (Pfeifer & Carraway 2000) are here as well.

Time is in one unit, stated once when a model is fitted. `frequency` counts repeat purchases (0 for a customer
who bought once), `recency` is the time from the first to the last purchase, `age` from the first until now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BarycentricInterpolator
from scipy.special import betaln, digamma, expit, gammaln, hyp2f1, polygamma
from scipy.stats import norm

from dashboard.analysis import inputs
from dashboard.analysis.concentration import LEVEL, Interval

Floats = NDArray[np.float64]
Objective = Callable[[Floats], tuple[float, Floats, Floats]]

DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375, "quarter": 91.3125, "year": 365.25}
CORRELATION_ALARM = 0.2

_CHUNK = 8192  # rows whose intermediate results stay in the processor's cache
_WARM_START = 20_000
_MOST_PURCHASES = 1_000_000
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(32)
_AGE_DIGITS = 13  # to which purchases at one frequency are interpolated between ages

# Beyond these a parameter has reached its limit: no spread between customers, or no drop-out at all.
_PURCHASE_BOUNDS = {"r": (1e-4, 500.0), "alpha": (1e-6, 1e6), "a": (1e-4, 500.0), "b": (1e-4, 1e5)}
_SPEND_BOUNDS = {"p": (1e-3, 1e3), "q": (1e-3, 1e3), "v": (1e-6, 1e6)}
_RENEWAL_BOUNDS = {"a": (1e-4, 1e4), "b": (1e-4, 1e4)}


# ---------------------------------------------------------------- fitted models


@dataclass(frozen=True)
class FittedModel:
    """What every fit reports. A model may also be made from published `params` alone.

    ``n`` is the number of customers (sum of weights). ``at_limit`` names the parameters the data don't pin
    down: they ran to the end of their range and their standard error is infinite.
    """

    params: dict[str, float]
    standard_errors: dict[str, float] = field(default_factory=dict)
    log_likelihood: float = float("nan")
    n: float = 0.0
    at_limit: tuple[str, ...] = ()
    log_covariance: Floats | None = field(default=None, repr=False, compare=False)

    names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        given = self.params
        if given.keys() != set(self.names) or not all(0 < value < np.inf for value in given.values()):
            raise ValueError(f"params must be {', '.join(self.names)}, each a finite number above zero; got {given}")

    def intervals(self, level: float = LEVEL) -> dict[str, Interval]:
        """Wald intervals of the parameters, symmetric on the log scale; empty for a model not fitted."""
        z = norm.isf((1 - inputs.between_0_and_1("level", level)) / 2)
        found = {}
        for name, error in self.standard_errors.items():
            value = self.params[name]
            found[name] = _log_interval(value, error, z) if np.isfinite(error) else Interval(0.0, np.inf)
        return found


@dataclass(frozen=True)
class PurchaseModel(FittedModel):
    """Purchases of customers who may drop out unseen: params ``r``, ``alpha``, ``a``, ``b``.

    A living customer buys at a rate that is Gamma(r, alpha) across customers, alpha in the unit of time, and
    drops out after a purchase with a probability that is Beta(a, b) across customers.
    """

    unit: str = "week"

    names: ClassVar[tuple[str, ...]] = tuple(_PURCHASE_BOUNDS)
    # Chances to drop out before the first repeat purchase: the whole difference between the two models.
    early_chances: ClassVar[int]

    def probability_alive(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """Probability that each customer has not dropped out; arrays of equal length, in rows' order."""
        return _probability_alive(self.params, self.early_chances, _Histories.of(frequency, recency, age))

    def expected_purchases(
        self,
        t: float,
        frequency: ArrayLike,
        recency: ArrayLike,
        age: ArrayLike,
        annual_discount_rate: float = 0.0,
    ) -> Floats:
        """Purchases expected of each customer in the next `t` units of time, in rows' order.

        With an annual discount rate each purchase is worth less the later it comes (discounted expected
        transactions, Fader & Hardie), discounted continuously to now.
        """
        force = _discount_force(annual_discount_rate, self.unit)
        histories = _Histories.of(frequency, recency, age)
        return _purchases(self.params, self.early_chances, histories, inputs.number("t", t, least=0), force)

    def expected_purchases_of_new_customer(self, t: ArrayLike) -> Floats:
        """Repeat purchases expected in the first `t` units of time after the first purchase; shape of t."""
        times = inputs.shaped("t", t, least=0)
        nothing = np.zeros(1)
        newcomer = _Histories(nothing, nothing, nothing, nothing, nothing, np.zeros(1, dtype=int))
        expected = [_purchases(self.params, self.early_chances, newcomer, until, 0.0)[0] for until in times.ravel()]
        return np.array(expected).reshape(times.shape)


@dataclass(frozen=True)
class BgNbd(PurchaseModel):
    """BG/NBD (Fader, Hardie & Lee 2005). A customer with no repeat purchase is alive with certainty."""

    early_chances: ClassVar[int] = 0


@dataclass(frozen=True)
class MbgNbd(PurchaseModel):
    """MBG/NBD (Batislam, Denizel & Filiztekin 2007): drop-out is possible after the first purchase too."""

    early_chances: ClassVar[int] = 1


@dataclass(frozen=True)
class GammaGamma(FittedModel):
    """Spend of a purchase: params ``p``, ``q``, ``v`` (v in money; g in some texts).

    Each purchase is Gamma(p) around the customer's own mean, and the means differ by Gamma(q, v).
    ``correlation`` is that of frequency and mean spend among repeat buyers, which the model takes to be zero;
    ``correlated`` warns above .2 in size.
    """

    correlation: float = float("nan")

    names: ClassVar[tuple[str, ...]] = tuple(_SPEND_BOUNDS)

    @property
    def correlated(self) -> bool:
        return abs(self.correlation) > CORRELATION_ALARM

    def expected_spend(self, frequency: ArrayLike, mean_spend: ArrayLike) -> Floats:
        """Spend expected of each customer's purchase, in money: their own mean drawn towards everybody's.

        Customers with frequency 0 get the mean of all, whatever `mean_spend` holds. That mean is infinite
        when q <= 1: the tail of spend is too heavy for it to exist.
        """
        return _expected_spend(self.params, *_spending(frequency, mean_spend))


@dataclass(frozen=True)
class ShiftedBetaGeometric(FittedModel):
    """Renewals under contract (Fader & Hardie 2007): the chance to leave at a renewal is Beta(a, b).

    Time counts renewal periods. Retention rises with time, because those who leave easily leave first.
    """

    names: ClassVar[tuple[str, ...]] = tuple(_RENEWAL_BOUNDS)

    def survival(self, t: ArrayLike) -> Floats:
        """Share of the cohort still under contract after `t` renewals; 1 at t = 0."""
        a, b = self.params["a"], self.params["b"]
        return np.exp(betaln(a, b + inputs.shaped("t", t, least=0)) - betaln(a, b))

    def retention(self, t: ArrayLike) -> Floats:
        """Share renewing at renewal `t` (1 is the first) among those still under contract."""
        a, b = self.params["a"], self.params["b"]
        stayed = inputs.shaped("t", t, least=1) - 1
        return (b + stayed) / (a + b + stayed)

    def discounted_residual_lifetime(self, renewals: ArrayLike, discount_rate: float) -> Floats:
        """Discounted expected number of further renewals of a customer who renewed `renewals` times.

        `discount_rate` is per renewal period; the renewal that is due now counts in full. Infinite at rate
        zero when a <= 1. Source: Fader & Hardie (2010), where n = renewals + 1.
        """
        a, b = self.params["a"], self.params["b"]
        stayed = inputs.shaped("renewals", renewals, least=0)
        inputs.number("discount_rate", discount_rate, least=0)
        ahead = hyp2f1(1, b + stayed + 1, a + b + stayed + 1, 1 / (1 + discount_rate))
        return self.retention(stayed + 1) * ahead


def fit_bg_nbd(
    frequency: ArrayLike,
    recency: ArrayLike,
    age: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    unit: str = "week",
) -> BgNbd:
    """Maximum-likelihood BG/NBD; see `fit_mbg_nbd` for the arguments and errors."""
    return BgNbd(**_fit_purchases(BgNbd.early_chances, frequency, recency, age, weights, unit))


def fit_mbg_nbd(
    frequency: ArrayLike,
    recency: ArrayLike,
    age: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    unit: str = "week",
) -> MbgNbd:
    """Maximum-likelihood MBG/NBD, one entry a customer or, with `weights`, a group of equal customers.

    recency and age are in `unit` ("day", "week", "month", "quarter" or "year"). Raises ValueError, naming
    the row, for a missing or impossible history, and when the data can't identify the model.
    """
    return MbgNbd(**_fit_purchases(MbgNbd.early_chances, frequency, recency, age, weights, unit))


def fit_gamma_gamma(frequency: ArrayLike, mean_spend: ArrayLike, weights: ArrayLike | None = None) -> GammaGamma:
    """Maximum-likelihood Gamma-Gamma model of spend, fitted on customers with a repeat purchase.

    mean_spend is the mean over the repeat purchases, in money; it is not read where frequency is 0.
    """
    x, mean = _spending(frequency, mean_spend)
    weight = inputs.weights(weights, x.size)
    used = (x > 0) & (weight > 0)
    if not used.any():
        raise ValueError("no customer has a repeat purchase: the spend of purchases can't be compared")
    weighted = None if weights is None else weight[used]
    (counts, means), (which_x, which_m), weight = _grouped((x[used], mean[used]), weighted)
    if weight.size < len(_SPEND_BOUNDS):
        raise ValueError(_too_few("different pairs of frequency and mean spend", weight.size, _SPEND_BOUNDS))
    x, mean = counts[which_x], means[which_m]
    scale = float(weight @ mean / weight.sum())
    objective = _spend_likelihood(x, which_x, counts, mean / scale, weight)
    fit = _fit(objective, {"p": 2.0, "q": 3.0, "v": 1.0}, _SPEND_BOUNDS, {"v": scale})
    fit["log_likelihood"] -= float(weight.sum() * np.log(scale))
    return GammaGamma(n=float(weight.sum()), correlation=_correlation(x, mean, weight), **fit)


def fit_shifted_beta_geometric(survivors: ArrayLike) -> ShiftedBetaGeometric:
    """Maximum-likelihood sBG from customers still under contract at renewal 0 (all), 1, 2, ...

    Counts give standard errors; shares of the cohort give the same parameters. Raises ValueError when fewer
    than two renewals were seen, when a count rises, or when nobody, or everybody, left.
    """
    alive = inputs.finite("survivors", survivors, least=0)
    if alive.size < 3:
        raise ValueError(f"at least two renewals are needed: give 3 counts or more, not {alive.size}")
    leaving = -np.diff(alive)
    rises = np.append(False, leaving < 0)
    inputs.refuse(rises, "survivors", "no more than the one before: survivors never rise", survivors)
    if not leaving.any() or not alive[1:].any():
        raise ValueError("the model can't be identified: some customers must leave and some must renew")
    k = np.arange(leaving.size)
    at_risk, staying, left = alive[:-1], alive[1:], leaving.sum()

    def objective(params: Floats) -> tuple[float, Floats, Floats]:
        a, b = params
        value = left * np.log(a) + staying @ np.log(b + k) - at_risk @ np.log(a + b + k)
        both = at_risk @ (1 / (a + b + k))
        gradient = np.array([left / a - both, staying @ (1 / (b + k)) - both])
        hessian = np.full((2, 2), at_risk @ (a + b + k) ** -2.0)
        hessian[0, 0] -= left / a**2
        hessian[1, 1] -= staying @ (b + k) ** -2.0
        return float(value), gradient, hessian

    fit = _fit(objective, {"a": 1.0, "b": 3.0}, _RENEWAL_BOUNDS, {})
    return ShiftedBetaGeometric(n=float(alive[0]), **fit)


# ---------------------------------------------------------------- lifetime value


@dataclass(frozen=True, eq=False)
class LifetimeValue:
    """Value to come within the horizon, in money before cost to serve.

    ``value`` has one entry a row, with ``low`` and ``high``; ``total`` is the sum over all customers.
    ``purchases`` is discounted and counted, ``spend`` is money a purchase. The intervals are those of the
    expectation (how well the models are known), not of one customer's luck; None for models not fitted.
    """

    value: Floats
    low: Floats | None
    high: Floats | None
    total: float
    total_interval: Interval | None
    purchases: Floats
    spend: Floats
    level: float


def lifetime_value(
    purchases: PurchaseModel,
    spend: GammaGamma,
    margin: ArrayLike,
    horizon: float,
    annual_discount_rate: float,
    *,
    frequency: ArrayLike,
    recency: ArrayLike,
    age: ArrayLike,
    mean_spend: ArrayLike,
    spend_frequency: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = LEVEL,
) -> LifetimeValue:
    """Discounted margin expected of each customer within `horizon`, in the model's unit of time.

    margin: fraction of spend left after product cost and before cost to serve, one number or one a row;
    annual_discount_rate: .1 for 10 % a year; spend_frequency: how many purchases mean_spend is the mean of, by
    default the repeat purchases; weights: customers a row stands for. The interval follows from
    the covariance of both fits by the delta method on the log scale.
    """
    rows = _Histories.of(frequency, recency, age)
    x, mean = _spending(frequency if spend_frequency is None else spend_frequency, mean_spend)
    weight = inputs.weights(weights, x.size)
    horizon = inputs.number("horizon", horizon, least=0)
    force = _discount_force(annual_discount_rate, purchases.unit)
    kept = inputs.finite("margin", margin)
    if kept.size == 1:
        kept = np.full(x.shape, kept[0])
    inputs.of_one_length(frequency=rows.x, margin=kept, mean_spend=mean)
    inputs.between_0_and_1("level", level)

    def bought(params: dict[str, float]) -> Floats:
        return _purchases(params, purchases.early_chances, rows, horizon, force)

    count, price = bought(purchases.params), _expected_spend(spend.params, x, mean)
    if not np.isfinite(price).all():
        raise ValueError(
            f"spend has no finite mean (q = {spend.params['q']:.3g} is not above 1), so customers without "
            "a repeat purchase can't be valued: trim the largest purchases or leave these customers out"
        )
    value = kept * count * price
    total = float(weight @ value)
    low = high = total_interval = None
    if purchases.log_covariance is not None and spend.log_covariance is not None:
        slopes = np.concatenate(
            [
                _slopes(bought, purchases.params, purchases.log_covariance) * (price * kept),
                _slopes(lambda params: _expected_spend(params, x, mean), spend.params, spend.log_covariance)
                * (count * kept),
            ]
        )
        z = norm.isf((1 - level) / 2)
        errors = np.sqrt(np.einsum("ij,ij->j", slopes, slopes))
        reach = np.exp(z * errors / np.where(value == 0, 1.0, np.abs(value)))
        ends = value / reach, value * reach
        low, high = np.minimum(*ends), np.maximum(*ends)
        total_interval = _log_interval(total, float(np.linalg.norm(slopes @ weight)), z)
    return LifetimeValue(value, low, high, total, total_interval, count, price, level)


def simple_lifetime_value(
    margin: float, retention: float, discount_rate: float, first_margin: Literal["now", "after renewal"]
) -> float:
    """Lifetime value with constant margin and retention for ever (Berger & Nasr 1998; Gupta & Lehmann 2003).

    margin is money a period, the rates are per period. `first_margin` says whether the first margin is
    received now or after the first renewal; the two differ by exactly one margin.
    """
    inputs.number("retention", retention, least=0, most=1)
    inputs.number("margin", margin)
    if not 1 + discount_rate > retention:
        raise ValueError("the value is infinite: 1 + discount rate must be above the retention")
    if first_margin == "now":
        return margin * (1 + discount_rate) / (1 + discount_rate - retention)
    if first_margin == "after renewal":
        return margin * retention / (1 + discount_rate - retention)
    raise ValueError(f"first_margin is 'now' or 'after renewal'; got {first_margin!r}")


def markov_lifetime_value(transition: ArrayLike, reward: ArrayLike, discount_rate: float) -> Floats:
    """Lifetime value of a customer in each state, for ever: V = (I - P/(1+d))^-1 R (Pfeifer & Carraway 2000).

    transition: square, row = state now, column = state next period; reward: money received in each state at
    the start of a period; discount_rate per period, above zero. Rows may sum to less than 1 when customers
    leave for good.
    """
    moves, money = inputs.array("transition", transition), inputs.finite("reward", reward)
    if moves.shape != (money.size, money.size):
        raise ValueError(f"{money.size} rewards need a square transition matrix; got shape {moves.shape}")
    outgoing = moves.sum(axis=1)
    wrong = np.flatnonzero(~((moves >= 0).all(axis=1) & (outgoing <= 1 + 1e-9)))
    if wrong.size:
        raise ValueError(f"row {wrong[0]} of the transitions must hold probabilities that sum to 1 at most")
    if not discount_rate > 0:
        raise ValueError(f"the discount rate must be above zero; got {discount_rate}")
    return np.asarray(np.linalg.solve(np.eye(money.size) - moves / (1 + discount_rate), money))


@dataclass(frozen=True)
class Holdout:
    """Forecast against what happened: mean absolute errors in purchases a customer, and totals.

    ``baseline_error`` is the error of going on at each customer's own past rate.
    """

    error: float
    baseline_error: float
    expected: float
    actual: float
    n: float


def holdout(
    model: PurchaseModel,
    t: float,
    actual: ArrayLike,
    frequency: ArrayLike,
    recency: ArrayLike,
    age: ArrayLike,
    weights: ArrayLike | None = None,
) -> Holdout:
    """Compare the forecast for the next `t` units of time with the `actual` purchases of each customer."""
    happened = inputs.finite("actual", actual)
    forecast = model.expected_purchases(t, frequency, recency, age)
    weight = inputs.weights(weights, forecast.size)
    inputs.of_one_length(frequency=forecast, actual=happened)
    if not weight.any():
        raise ValueError("there are no customers to compare the forecast with: actual is empty")
    x, life = inputs.numbers("frequency", frequency), inputs.numbers("age", age)
    history = np.divide(x * t, life, out=np.zeros_like(x), where=life > 0)
    n = float(weight.sum())
    return Holdout(
        error=float(weight @ np.abs(forecast - happened)) / n,
        baseline_error=float(weight @ np.abs(history - happened)) / n,
        expected=float(weight @ forecast),
        actual=float(weight @ happened),
        n=n,
    )


# ---------------------------------------------------------------- purchases: forecast


@dataclass(frozen=True)
class _Histories:
    """Checked purchase histories, and their distinct pairs of frequency and age."""

    x: Floats
    recency: Floats
    age: Floats
    pair_x: Floats
    pair_age: Floats
    pair: NDArray[np.intp]

    @classmethod
    def of(cls, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> _Histories:
        x, last, life = _checked_histories(frequency, recency, age)
        which_x, counts = pd.factorize(x)
        which_age, ages = pd.factorize(life)
        present, pair = np.unique(which_x * max(ages.size, 1) + which_age, return_inverse=True)
        first, second = np.divmod(present, max(ages.size, 1))
        return cls(x, last, life, counts[first], ages[second], pair)


def _probability_alive(params: dict[str, float], early: int, rows: _Histories) -> Floats:
    r, alpha, a, b = (params[name] for name in _PURCHASE_BOUNDS)
    chances = rows.x + early
    survived = chances > 0
    log_odds = np.log(a / np.where(survived, b + (chances - 1), 1.0)) + (r + rows.x) * (
        np.log1p(rows.age / alpha) - np.log1p(rows.recency / alpha)
    )
    return np.where(survived, expit(-log_odds), 1.0)


def _purchases(params: dict[str, float], early: int, rows: _Histories, t: float, force: float) -> Floats:
    """Expected purchases in the next t, discounted by exp(-force u): P(alive) times those of the living."""
    # Pairs of one frequency stand together.
    ends = np.flatnonzero(np.diff(rows.pair_x, prepend=np.nan, append=np.nan) != 0)
    first, last = ends[:-1], ends[1:]
    logs = np.log(params["alpha"] + rows.pair_age)
    spread = [_age_nodes(logs[one:end]) for one, end in zip(first, last, strict=True)]
    asked_x = np.repeat(rows.pair_x[first], np.array([nodes.size for nodes in spread], dtype=int))
    asked_age = np.exp(np.concatenate([*spread, np.empty(0)])) - params["alpha"]
    found = np.empty(asked_x.size)
    for start in range(0, found.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        found[part] = _purchases_if_alive(params, early, asked_x[part], asked_age[part], t, force)
    of_pairs, start = np.empty(rows.pair_x.size), 0
    for one, end, nodes in zip(first, last, spread, strict=True):
        values = found[start : start + nodes.size]
        of_pairs[one:end] = values if nodes.size == end - one else _chebyshev(nodes, values)(logs[one:end])
        start += nodes.size
    return _probability_alive(params, early, rows) * of_pairs[rows.pair]


def _age_nodes(logs: Floats) -> Floats:
    """Where to evaluate purchases at one frequency, for ages by log(alpha + age): the ages themselves, or fewer
    Chebyshev points that give all of them.

    In that variable purchases are analytic and bounded within pi / 2 of the real line, so that the interpolation
    error falls by rho a point (Trefethen 2013, theorem 8.2), rho being that of the ellipse which fits there.
    """
    low, high = logs.min(), logs.max()
    if high == low:
        return logs
    reach = np.pi / (high - low)
    rho = reach + np.hypot(1, reach)
    points = int(np.ceil(_AGE_DIGITS * np.log(10) / np.log(rho))) + 1
    if 2 * points > logs.size:
        return logs
    return (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * np.arange(points + 1) / points)


def _chebyshev(nodes: Floats, values: Floats) -> BarycentricInterpolator:
    """The polynomial through values at Chebyshev points, whose weights are known."""
    weights = np.where(np.arange(nodes.size) % 2, -1.0, 1.0)
    weights[[0, -1]] /= 2
    return BarycentricInterpolator(nodes, values, wi=weights)


def _purchases_if_alive(params: dict[str, float], early: int, x: Floats, age: Floats, t: float, force: float) -> Floats:
    """Integral of the living customer's purchase rate over the next t, by Gauss-Legendre.

    The published closed form fails at a = 1 and a + b < 1 and has no discounted version; the integrand has
    neither fault. In log(1 + u / pace), with pace the time in which the rate falls, it is so smooth that 32
    nodes give 12 digits, and 5 when t is a thousand times the age of customers who leave almost at once.
    """
    scale = params["alpha"] + age
    shape = params["r"] + x
    leaves = params["a"] / (params["a"] + params["b"] + x + early)
    pace = scale / (1 + shape * leaves)
    span = np.log1p(t / pace)
    logs = span[:, None] * (_NODES + 1) / 2
    later = pace[:, None] * np.expm1(logs)
    rate = _rate_if_alive(params, early, x[:, None], np.log1p(later / scale[:, None])) / scale[:, None]
    step = pace[:, None] * np.exp(logs) * np.exp(-force * later)
    return (rate * step) @ _NODE_WEIGHTS * span / 2


def _rate_if_alive(params: dict[str, float], early: int, x: Floats, logs: Floats) -> Floats:
    """(r + x) E[(1 + p z)^-(r+x+1)] with p ~ Beta(a, b + chances) and log(1 + z) = logs."""
    r, a, b = params["r"], params["a"], params["b"]
    shape, chances = np.broadcast_arrays(r + x, b + x + early, logs)[:2]
    # Pfaff's form of the 2F1: its numerators stay small however often a customer bought, so x = 250 is safe.
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.exp(-a * logs) * hyp2f1(a, a + b + early - r - 1, a + chances, -np.expm1(-logs))
    lost = ~np.isfinite(mean)  # hyp2f1 gives up on some arguments when t is over 9 times alpha + age
    if lost.any():
        mean[lost] = _mean_over_beta(a, chances[lost], shape[lost], logs[lost])
    return shape * mean


def _mean_over_beta(a: float, chances: Floats, shape: Floats, logs: Floats) -> Floats:
    """E[(1 + p z)^-(shape+1)] with p ~ Beta(a, chances): trapezoid in the logit of p, finest at its mean."""
    centre = np.log(a / chances)
    least = np.minimum(a, chances)
    width = 1 / np.sqrt(np.maximum(least, 1))
    reach = np.arcsinh((60 + 120 / np.minimum(least, 1) + np.abs(centre)) / width)
    grid = np.linspace(-1, 1, 401) * reach[:, None]
    logit = centre[:, None] + width[:, None] * np.sinh(grid)
    log_p, log_q = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    log_density = a * log_p + (chances * log_q.T - betaln(a, chances)).T
    log_term = -(shape + 1) * np.log1p(np.exp(log_p.T) * np.expm1(logs))
    step = (width * reach / 200)[:, None] * np.cosh(grid)
    return (np.exp(log_density + log_term.T) * step).sum(axis=1)


# ---------------------------------------------------------------- purchases: likelihood


def _fit_purchases(
    early: int,
    frequency: ArrayLike,
    recency: ArrayLike,
    age: ArrayLike,
    weights: ArrayLike | None,
    unit: str,
) -> dict:
    _days(unit)
    x, last, life = _checked_histories(frequency, recency, age)
    if weights is not None:
        weight = inputs.weights(weights, x.size)
        x, last, life, weights = (column[weight > 0] for column in (x, last, life, weight))
    if x.size == 0:
        raise ValueError("there are no customers to fit: the histories are empty")
    if not x.any():
        raise ValueError("no customer has a repeat purchase: the rate of purchases can't be identified")
    distinct, codes, weight = _grouped((x, life, last), weights)
    if weight.size < len(_PURCHASE_BOUNDS):
        raise ValueError(_too_few("different purchase histories", weight.size, _PURCHASE_BOUNDS))
    counts, ages, recencies = distinct
    which_x, which_age, _ = codes
    n = float(weight.sum())
    scale = float(weight @ ages[which_age]) / n
    purchases = float(weight @ counts[which_x])
    scaled = (counts, ages / scale, recencies / scale)
    start = {"r": 1.0, "alpha": n / purchases, "a": 1.0, "b": 2.0}
    if weight.size > 2 * _WARM_START:
        # The groups are sorted, so every k-th is a sample of all histories that row order can't change.
        some = slice(None, None, weight.size // _WARM_START)
        sample = _PurchaseLikelihood(scaled, tuple(code[some] for code in codes), weight[some], early)
        start = _fit(sample, start, _PURCHASE_BOUNDS, {})["params"]
    fit = _fit(_PurchaseLikelihood(scaled, codes, weight, early), start, _PURCHASE_BOUNDS, {"alpha": scale})
    fit["log_likelihood"] -= purchases * float(np.log(scale))
    return {"n": n, "unit": unit, **fit}


class _PurchaseLikelihood:
    """Log-likelihood, gradient and Hessian in (r, alpha, a, b) over groups of identical histories.

    LL = sum w [ln G(r+x)/G(r) - (r+x) ln(1+T/alpha) - x ln alpha + ln B(a,b+s)/B(a,b) + ln(1 + e^D)], with s
    the chances to drop out that were survived and D the log-odds of having dropped out since. Gamma and
    beta ratios are sums of logs over whole numbers, and all but the last term needs only marginal weights.
    """

    def __init__(
        self,
        distinct: tuple[Floats, Floats, Floats],
        codes: tuple[NDArray[np.intp], ...],
        weight: Floats,
        early: int,
    ) -> None:
        self.counts, self.ages, self.recencies = distinct
        which_x, which_age, _ = codes
        self.purchases = weight @ self.counts[which_x]
        self.at_age = np.bincount(which_age, weight, self.ages.size)
        self.purchases_at_age = np.bincount(which_age, weight * self.counts[which_x], self.ages.size)
        by_count = np.bincount(self.counts[which_x].astype(np.intp), weight)
        at_least = by_count[::-1].cumsum()[::-1]
        self.bought_again = at_least[1:]  # weight of customers with more than k repeat purchases
        self.stayed = at_least[1 - early :]  # weight of customers who survived more than k chances
        self.chances = self.counts + early
        may_have_left = self.chances[which_x] > 0
        self.codes = tuple(code[may_have_left] for code in codes)
        self.weight = weight[may_have_left]

    def __call__(self, params: Floats) -> tuple[float, Floats, Floats]:
        value, gradient, hessian = self._marginal_terms(*params)
        more, slope, curvature = self._dropped_out_terms(*params)
        hessian = hessian + curvature
        return float(value + more), gradient + slope, hessian + np.triu(hessian, 1).T

    def _marginal_terms(self, r: float, alpha: float, a: float, b: float) -> tuple[float, Floats, Floats]:
        shape, stay = r + np.arange(self.bought_again.size), b + np.arange(self.stayed.size)
        either = a + stay
        log_age, share, share_slope, bought_log_age, bought_rest, bought_rest2 = self._age_sums(alpha)
        value = (
            self.bought_again @ np.log(shape)
            + self.stayed @ np.log(stay / either)
            - (r * log_age + bought_log_age)
            - self.purchases * np.log(alpha)
        )
        left = self.stayed @ (1 / either)
        gradient = np.array(
            [
                self.bought_again @ (1 / shape) - log_age,
                r * share - bought_rest,
                -left,
                self.stayed @ (1 / stay) - left,
            ]
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = -(self.bought_again @ shape**-2)
        hessian[0, 1] = share
        hessian[1, 1] = bought_rest2 - r * share_slope
        hessian[2, 2] = hessian[2, 3] = self.stayed @ either**-2
        hessian[3, 3] = hessian[2, 3] - self.stayed @ stay**-2
        return float(value), gradient, hessian

    def _age_sums(self, alpha: float) -> Floats:
        """Sums over the ages T, in chunks that stay in cache.

        By customers: ln(1+T/alpha), 1/alpha - 1/(alpha+T) and 1/alpha^2 - 1/(alpha+T)^2; by purchases:
        ln(1+T/alpha), 1/(alpha+T) and its square.
        """
        sums = np.zeros(6)
        for first in range(0, self.ages.size, _CHUNK):
            part = slice(first, first + _CHUNK)
            age, customers, bought = self.ages[part], self.at_age[part], self.purchases_at_age[part]
            log, rest = np.log1p(age / alpha), 1 / (alpha + age)
            share = age * rest / alpha  # 1/alpha - 1/(alpha+T) without cancellation
            slope = share * (rest + 1 / alpha)
            by_customers = [customers @ log, customers @ share, customers @ slope]
            sums += np.array([*by_customers, bought @ log, bought @ rest, bought @ rest**2])
        return sums

    def _dropped_out_terms(self, r: float, alpha: float, a: float, b: float) -> tuple[float, Floats, Floats]:
        """Upper triangle of the terms in ln(1 + e^D), in chunks that stay in cache."""
        log_age, age_rest = np.log1p(self.ages / alpha), 1 / (alpha + self.ages)
        log_recency, recency_rest = np.log1p(self.recencies / alpha), 1 / (alpha + self.recencies)
        shapes = r + self.counts
        survived = np.where(self.chances > 0, b + (self.chances - 1), 1.0)
        start_odds, staying = np.log(a / survived), 1 / survived
        value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
        slopes = np.empty((4, _CHUNK))
        slopes[2] = 1 / a
        for first in range(0, self.weight.size, _CHUNK):
            part = slice(first, first + _CHUNK)
            which_x, which_age, which_recency = (code[part] for code in self.codes)
            weight = self.weight[part]
            slope = slopes[:, : weight.size]
            shape = shapes[which_x]
            silence = log_age[which_age] - log_recency[which_recency]
            u, v = age_rest[which_age], recency_rest[which_recency]
            log_odds = start_odds[which_x] + shape * silence
            small = np.exp(-np.abs(log_odds))
            value += weight @ (np.maximum(log_odds, 0) + np.log1p(small))
            left = weight * np.where(log_odds >= 0, 1.0, small) / (1 + small)
            slope[0], slope[1], slope[3] = silence, shape * (u - v), -staying[which_x]
            gradient += slope @ left
            unsure = weight * small / (1 + small) ** 2
            hessian += (slope * unsure) @ slope.T
            hessian[0, 1] += left @ (u - v)
            hessian[1, 1] += left @ (shape * (v - u) * (v + u))
            hessian[2, 2] -= left.sum() / a**2
            hessian[3, 3] += left @ slope[3] ** 2
        return value, gradient, np.triu(hessian)


# ---------------------------------------------------------------- spend


def _expected_spend(params: dict[str, float], x: Floats, mean: Floats) -> Floats:
    p, q, v = (params[name] for name in _SPEND_BOUNDS)
    known = p * x + q - 1
    return np.divide((v + x * mean) * p, known, out=np.full(x.shape, np.inf), where=known > 0)


def _spend_likelihood(x: Floats, which_x: NDArray[np.intp], counts: Floats, mean: Floats, weight: Floats) -> Objective:
    """Log-likelihood of mean spends (Fader & Hardie 2013): Gamma functions on distinct counts only."""
    at_count = np.bincount(which_x, weight, counts.size)
    spent = x * mean
    both = np.stack([weight, weight * x])
    n = weight.sum()
    constant = float(weight @ np.log(mean))
    log_spent = float(both[1] @ np.log(spent))

    def objective(params: Floats) -> tuple[float, Floats, Floats]:
        p, q, v = params
        logs, rest, rest2 = np.zeros(2), np.zeros(2), np.zeros(2)
        for first in range(0, spent.size, _CHUNK):
            part = slice(first, first + _CHUNK)
            level = spent[part] + v
            logs += both[:, part] @ np.log(level)
            rest += both[:, part] @ (1 / level)
            rest2 += both[:, part] @ level**-2
        shape, together = p * counts, p * counts + q
        value = (
            at_count @ (gammaln(together) - gammaln(shape) - gammaln(q))
            + n * q * np.log(v)
            + p * log_spent
            - constant
            - p * logs[1]
            - q * logs[0]
        )
        one, two = digamma(together), polygamma(1, together)
        gradient = np.array(
            [
                (at_count * counts) @ (one - digamma(shape)) + log_spent - logs[1],
                at_count @ (one - digamma(q)) + n * np.log(v) - logs[0],
                n * q / v - p * rest[1] - q * rest[0],
            ]
        )
        hessian = np.empty((3, 3))
        hessian[0, 0] = (at_count * counts**2) @ (two - polygamma(1, shape))
        hessian[0, 1] = hessian[1, 0] = (at_count * counts) @ two
        hessian[1, 1] = at_count @ (two - polygamma(1, q))
        hessian[0, 2] = hessian[2, 0] = -rest[1]
        hessian[1, 2] = hessian[2, 1] = n / v - rest[0]
        hessian[2, 2] = p * rest2[1] + q * rest2[0] - n * q / v**2
        return float(value), gradient, hessian

    return objective


def _correlation(x: Floats, mean: Floats, weight: Floats) -> float:
    share = weight / weight.sum()
    dx, dm = x - share @ x, mean - share @ mean
    spread = np.sqrt((share @ dx**2) * (share @ dm**2))
    return float(share @ (dx * dm) / spread) if spread > 0 else 0.0


# ---------------------------------------------------------------- the engine


def _fit(
    objective: Objective,
    start: dict[str, float],
    bounds: dict[str, tuple[float, float]],
    scales: dict[str, float],
) -> dict:
    """Maximise by Newton's method in the logarithms of the parameters; then undo the scales of the data."""
    names = list(bounds)
    lower, upper = np.log(np.array([bounds[name] for name in names])).T
    logs, value, information, held = _newton(objective, np.log([start[name] for name in names]), lower, upper)
    covariance = np.zeros((len(names), len(names)))
    free = np.ix_(~held, ~held)
    covariance[free] = np.linalg.pinv(information[free], hermitian=True)
    params = np.exp(logs) * [scales.get(name, 1.0) for name in names]
    errors = np.where(held, np.inf, params * np.sqrt(np.diag(covariance)))
    return {
        "params": dict(zip(names, params.tolist(), strict=True)),
        "standard_errors": dict(zip(names, errors.tolist(), strict=True)),
        "log_likelihood": value,
        "at_limit": tuple(np.array(names)[held].tolist()),
        "log_covariance": covariance,
    }


def _newton(
    objective: Objective, logs: Floats, lower: Floats, upper: Floats
) -> tuple[Floats, float, Floats, NDArray[np.bool_]]:
    """Damped Newton ascent: returns the logs, the value, the information there and who sits on a bound."""

    def at(point: Floats) -> tuple[float, Floats, Floats]:
        params = np.exp(point)
        value, gradient, hessian = objective(params)
        gradient = gradient * params
        return value, gradient, -(hessian * np.outer(params, params) + np.diag(gradient))

    value, gradient, information = at(logs)
    for _ in range(200):
        held = ((logs <= lower) & (gradient <= 0)) | ((logs >= upper) & (gradient >= 0))
        free = ~held
        step = np.zeros_like(logs)
        curvature, axes = np.linalg.eigh(information[np.ix_(free, free)])
        # Where the surface is not concave its curvature still says how far a step may go.
        curvature = np.maximum(np.abs(curvature), 1e-10 * np.abs(curvature).max(initial=1e-300))
        step[free] = axes @ ((axes.T @ gradient[free]) / curvature)
        step *= min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
        size, damping = np.abs(step).max(), 1.0
        if size < 1e-13:
            return logs, value, information, held
        while True:
            moved = np.clip(logs + damping * step, lower, upper)
            rise = gradient @ (moved - logs)
            found = at(moved)
            if found[0] >= value + 1e-4 * rise - 1e-13 * abs(value):
                break
            damping /= 2
            if damping < 1e-9:
                if gradient @ step < 1e-9 * (1 + abs(value)):  # what is left to gain is rounding
                    return logs, value, information, held
                raise ValueError("the fit stopped short of the maximum: check the rows for mixed units")
        logs, (value, gradient, information) = moved, found
        if size < 1e-7:  # Newton doubles the digits, so the error is now below rounding
            return logs, value, information, held
    raise ValueError("the fit did not converge: the data can't identify the model's parameters")


def _slopes(quantity: Callable[[dict[str, float]], Floats], params: dict[str, float], log_covariance: Floats) -> Floats:
    """Slopes of a quantity along the independent errors of the parameters' logs: (parameters, rows)."""
    tiny = 1e-5  # a one-sided difference: an interval needs four digits, not ten
    here = quantity(params)
    slopes = [(quantity({**params, name: v * np.exp(tiny)}) - here) / tiny for name, v in params.items()]
    scale, axes = np.linalg.eigh(log_covariance)
    return (axes * np.sqrt(np.maximum(scale, 0))).T @ np.array(slopes)


# ---------------------------------------------------------------- input


def _grouped(
    columns: tuple[Floats, ...], weights: Floats | None
) -> tuple[tuple[Floats, ...], tuple[NDArray[np.intp], ...], Floats]:
    """Exact groups of identical rows: sorted distinct values a column, their codes a group, group weights."""
    key, cells = np.zeros(columns[0].size, dtype=np.int64), 1
    distinct = []
    for column in columns:
        codes, values = pd.factorize(column, sort=True)
        distinct.append(values)
        key = key * values.size + codes
        cells *= values.size
    if cells > 2**62:
        raise ValueError("too many different times to group: round recency and age to days")
    if weights is None:
        key, weight = np.unique(key, return_counts=True)
    else:
        key, group = np.unique(key, return_inverse=True)
        weight = np.bincount(group, weights)
    codes_of_groups = []
    for values in reversed(distinct):
        key, code = np.divmod(key, values.size)
        codes_of_groups.append(code)
    return tuple(distinct), tuple(reversed(codes_of_groups)), weight.astype(float)


def _checked_histories(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> tuple[Floats, Floats, Floats]:
    x = _count("frequency", frequency)
    last, life = inputs.finite("recency", recency, least=0), inputs.finite("age", age)
    inputs.of_one_length(frequency=x, recency=last, age=life)
    for wrong, needed in (
        (last > life * (1 + 1e-9), "at most the age"),
        ((x == 0) & (last > 0), "0 (first to last purchase) without a repeat purchase"),
        ((x > 0) & (last == 0), "above 0 with a repeat purchase (purchases of one day count as one)"),
    ):
        inputs.refuse(wrong, "recency", needed, recency)
    return x, np.minimum(last, life), life


def _spending(frequency: ArrayLike, mean_spend: ArrayLike) -> tuple[Floats, Floats]:
    """Frequency, and mean spend where there is a repeat purchase; zero elsewhere."""
    x, mean = _count("frequency", frequency), inputs.numbers("mean_spend", mean_spend)
    inputs.of_one_length(frequency=x, mean_spend=mean)
    wrong = (x > 0) & ~((mean > 0) & np.isfinite(mean))
    inputs.refuse(wrong, "mean_spend", "a finite number above zero for a repeat buyer", mean_spend)
    return x, np.where(x > 0, mean, 0.0)


def _count(name: str, values: ArrayLike) -> Floats:
    counts = inputs.finite(name, values)
    wrong = (counts < 0) | (counts > _MOST_PURCHASES) | (counts != np.floor(counts))
    inputs.refuse(wrong, name, f"a count of repeat purchases: 0, 1, 2, ... {_MOST_PURCHASES:,}", values)
    return counts


def _too_few(what: str, found: int, bounds: dict[str, tuple[float, float]]) -> str:
    return f"only {found} {what}: at least {len(bounds)} are needed to identify {', '.join(bounds)}"


def _days(unit: str) -> float:
    if unit not in DAYS:
        raise ValueError(f"the unit of time is one of {', '.join(DAYS)}; got {unit!r}")
    return DAYS[unit]


def _discount_force(annual_rate: float, unit: str) -> float:
    """Continuous rate a unit of time that equals the annual rate over 365.25 days."""
    if not -1 < annual_rate < np.inf:
        raise ValueError(f"annual_discount_rate must be a fraction such as .1, above -1; got {annual_rate}")
    return float(np.log1p(annual_rate)) * _days(unit) / DAYS["year"]


def _log_interval(value: float, error: float, z: float) -> Interval:
    """Interval symmetric on the log scale, which keeps the sign of the value."""
    if value == 0:
        return Interval(0.0, 0.0)
    reach = float(np.exp(z * error / abs(value)))
    return Interval(*sorted((value / reach, value * reach)))
