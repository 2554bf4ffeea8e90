"""Whose amounts, silence or drift are out of the ordinary today, with false alarms kept to a known share?

Amounts are judged by modified z on logarithms (Iglewicz & Hoaglin 1993), silence by the Poisson-gamma gap,
drift by a self-starting two-sided CUSUM (Page 1954; Hawkins 1987). Each gives a p-value per customer, and
alarms are the discoveries of Benjamini & Hochberg (1995) over all customers of the day. Large inflow and
large outflow are both events: an alarm carries its direction, not only a risk.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression, minimize
from scipy.special import betainc, digamma, gammaln, ndtri, stdtr
from scipy.stats import norm
from scipy.stats import t as student

from dashboard.analysis import inputs

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

NORMAL_MAD = 0.6745  # median absolute deviation of a standard normal
EXTREME_Z = 3.5  # Iglewicz & Hoaglin's cut-off for one value on its own
SEGMENT_WEIGHT = 8.0  # transactions that the segment's spread counts for
TYPICAL_UNLIKENESS = 0.09  # variance of log MAD between customers when there are too few to measure it
COMMON_SHIFT_ROWS = 30  # from this many in a segment on, its common movement is taken off
# Small samples understate the MAD: factors for n = 2..9 (Croux & Rousseeuw 1992), n / (n - .8) beyond.
MAD_FACTORS = np.array([1.0, 1.0, 1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107])
LARGEST_STEP = 4.0  # one period counts for no more: a single jump is an unusual amount, not a drift


@dataclass(frozen=True, eq=False)
class Discoveries:
    """Benjamini & Hochberg's answer: who is rejected, up to which p, and each q-value (NaN = not tested)."""

    rejected: Flags
    q_value: Array
    cutoff: float
    tested: int


@dataclass(frozen=True, eq=False)
class Watch:
    """One row a customer judged, in the order handed over, with p, q_value, local_fdr and alarm at the end.

    Customers without enough history have p, q_value and local_fdr NaN and no alarm; they are not counted as
    tested. Among the alarms about `q` are false on average. cutoff: largest p that raised an alarm (0 when
    none did).
    """

    table: pd.DataFrame
    q: float
    tested: int
    alarms: int
    cutoff: float

    def work_list(self, money_at_risk: ArrayLike, capacity: int | None = None) -> pd.DataFrame:
        """The alarms worth most, money_at_risk x (1 - local fdr) first, as many as can be contacted.

        money_at_risk: one amount a row of the table. Raises ValueError on another length.
        """
        money = inputs.finite("money_at_risk", money_at_risk)
        inputs.of_one_length(table=self.table, money_at_risk=money)
        expected = money * (1 - self.table["local_fdr"])
        rows = self.table.assign(expected_money=expected)[self.table["alarm"]]
        return rows.sort_values("expected_money", ascending=False, kind="stable").head(capacity)


def benjamini_hochberg(p: ArrayLike, q: float = 0.05) -> Discoveries:
    """Rejections that keep the expected share of false ones at q.

    p: p-values, one a customer; NaN means not tested and is not counted. Valid for independent or positively
    dependent tests (Benjamini & Hochberg 1995, JRSS B 57:289-300). Raises ValueError when a p-value or q lies
    outside 0..1.
    """
    values = _p_values(p)
    inputs.between_0_and_1("q", q)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    scaled = values[order] * order.size / np.arange(1, order.size + 1)
    q_value = np.full(values.shape, np.nan)
    q_value[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    rejected = q_value <= q
    cutoff = float(values[rejected].max()) if rejected.any() else 0.0
    return Discoveries(rejected, q_value, cutoff, int(order.size))


def local_fdr(p: ArrayLike) -> Array:
    """Chance that a customer with this very p-value is a false alarm; NaN stays NaN.

    The share of nulls among equal p-values: pi0 (Storey 2002, at .5) over the density of p, the slope of the
    distribution's least concave majorant (Grenander 1956; Strimmer 2008).
    """
    values = _p_values(p)
    result = np.full(values.shape, np.nan)
    known = ~np.isnan(values)
    if not known.any():
        return result
    points, place, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    widths = np.maximum(np.diff(points, prepend=0.0), 1e-300)
    density = isotonic_regression(counts / known.sum() / widths, weights=widths, increasing=False).x
    nulls = min(1.0, 2 * np.count_nonzero(values[known] > 0.5) / known.sum())
    result[known] = np.minimum(nulls / np.maximum(density, 1e-300), 1.0)[place]
    return result


def _watch(table: pd.DataFrame, p: Array, q: float) -> Watch:
    found = benjamini_hochberg(p, q)
    judged = table.assign(p=p, q_value=found.q_value, local_fdr=local_fdr(p), alarm=found.rejected)
    return Watch(judged, q, found.tested, int(found.rejected.sum()), found.cutoff)


def _p_values(p: ArrayLike) -> Array:
    values = inputs.numbers("p", p)
    inputs.refuse((values < 0) | (values > 1), "p", "a p-value between 0 and 1", p)
    return values


def _columns(**columns: ArrayLike) -> dict[str, Array]:
    """Columns of one length, none below zero."""
    arrays = {name: inputs.finite(name, values, least=0) for name, values in columns.items()}
    inputs.of_one_length(**arrays)
    return arrays


# --- amounts -----------------------------------------------------------------------------------------------


def unusual_amounts(recent: pd.DataFrame, history: pd.DataFrame, q: float = 0.05) -> Watch:
    """Transactions far from what the customer usually spends (or draws), up or down.

    recent: columns customer, amount, one row a transaction to judge. history: the same columns and optionally
    segment (a customer's last one counts), the earlier transactions. Amounts are above zero: judge refunds
    and withdrawals as an own run with their sign turned.

    On log amounts, modified z = .6745 (x - median) / MAD, where the customer's MAD (n transactions) is drawn
    to the segment's as (n MAD + 8 MAD_segment) / (n + 8), and is the segment's when it is 0 or n is 1. When a
    segment has 30 recent rows, their median deviation is taken off first: a season or a price rise is
    nobody's alarm. The p-value is two-sided from Student's t, which allows for the error of the median and of
    the MAD and for how unlike customers' MADs are. Customers without history are not tested, nor is anyone
    when nobody has two transactions.

    Gives a Watch with customer, amount, n, usual (median amount), shift (common log movement taken off), z,
    extreme (|z| > 3.5, the rule for one value on its own), direction ('up' or 'down').
    Raises ValueError on missing columns, missing amounts and amounts not above zero, naming the row.
    """
    earlier = _amounts(history, "history")
    usual, unlike = _usual_amounts(earlier)
    return judged_amounts(_amounts(recent, "recent").join(usual, on="customer"), unlike, q)


def judged_amounts(judged: pd.DataFrame, unlike: float, q: float = 0.05) -> Watch:
    """As `unusual_amounts`, of histories that were reduced before, say in a warehouse.

    judged: a row a transaction with customer, amount, log (of the amount), and of the customer's history n, centre
    (median of logs), mad (of logs, times `mad_factor`), segment and spread (the segment's MAD). unlike: see
    `unlikeness`.
    """
    deviation = judged["log"] - judged["centre"]
    alike = deviation.groupby(judged["segment"])
    shift = alike.transform("median").where(alike.transform("count") >= COMMON_SHIFT_ROWS, 0.0)
    n = judged["n"].fillna(1.0)
    own = judged["mad"].where(judged["mad"] > 0, judged["spread"])
    weight = n / (n + SEGMENT_WEIGHT)
    mad = weight * own + (1 - weight) * judged["spread"]
    z = _ratio((NORMAL_MAD * (deviation - shift)).to_numpy(), mad.to_numpy())
    # Variances relative to the truth: the median's is exact for n = 1, a MAD's is 1.36 / n.
    median_error = np.pi / (2 * n + np.pi - 2)
    mad_error = weight**2 * 1.36 / n + (1 - weight) ** 2 * unlike
    p = 2 * student.sf(np.abs(z) / np.sqrt(1 + median_error), 1 / (2 * mad_error))
    table = pd.DataFrame(
        {
            "customer": judged["customer"],
            "amount": judged["amount"],
            "n": judged["n"].fillna(0).astype(int),
            "usual": np.exp(judged["centre"]),
            "shift": shift,
            "z": z,
            "extreme": np.abs(z) > EXTREME_Z,
            "direction": np.where(z > 0, "up", "down"),
        }
    )
    return _watch(table, p, q)


def mad_factor(n: ArrayLike) -> Array:
    """What a median absolute deviation of n values is multiplied by to be right on average."""
    count = np.asarray(n, dtype=float)
    small = MAD_FACTORS[np.minimum(np.nan_to_num(count), 9).astype(int)]
    return np.where(count < 10, small, count / np.where(count < 10, np.inf, count - 0.8))


def _amounts(table: pd.DataFrame, name: str) -> pd.DataFrame:
    absent = [column for column in ("customer", "amount") if column not in table.columns]
    if absent:
        raise ValueError(f"{name} lacks the columns {', '.join(absent)}; it needs customer and amount")
    inputs.refuse(table["customer"].isna().to_numpy(), f"{name} customer", "a key")
    amount = inputs.finite(f"{name} amount", table["amount"], above=0, labels=table["customer"])
    rows = pd.DataFrame({"customer": table["customer"].to_numpy(), "amount": amount, "log": np.log(amount)})
    if name == "history":
        rows["segment"] = table["segment"].to_numpy() if "segment" in table.columns else "all"
    return rows


def _usual_amounts(history: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Per customer n, centre, segment, own MAD of log amounts, the segment's (spread); their unlikeness."""
    customers = history.groupby("customer")
    usual = customers["log"].agg(n="size", centre="median").assign(segment=customers["segment"].last())
    # As numbers, which a lookup of nobody is not.
    of_customer = usual[["centre", "n"]].reindex(history["customer"]).astype(float).set_axis(history.index)
    away = (history["log"] - of_customer["centre"]).abs()
    n = usual["n"].to_numpy()
    factor = pd.Series(mad_factor(n), usual.index)
    usual["mad"] = away.groupby(history["customer"]).median() * factor
    # A segment's spread is that of its transactions about their own customer's median.
    corrected = (away * factor.reindex(history["customer"]).to_numpy())[of_customer["n"] > 1]
    by_segment = corrected.groupby(history["customer"].map(usual["segment"])).median()
    usual["spread"] = by_segment.reindex(usual["segment"]).fillna(corrected.median()).to_numpy()
    return usual, unlikeness(usual)


def unlikeness(usual: pd.DataFrame) -> float:
    """Variance between customers of their log MAD to the segment's, beyond the error of measuring it.

    usual: a row a customer with n, mad and spread as `judged_amounts` takes them.
    """
    known = usual[(usual["n"] >= SEGMENT_WEIGHT) & (usual["mad"] > 0) & (usual["spread"] > 0)]
    if len(known) < COMMON_SHIFT_ROWS:
        return TYPICAL_UNLIKENESS
    ratio = np.log(known["mad"] / known["spread"])
    between = (np.subtract(*np.quantile(ratio, [0.75, 0.25])) / (2 * NORMAL_MAD)) ** 2
    return float(max(between - np.mean(1.36 / known["n"]), 0.0))


def _ratio(above: Array, below: Array) -> Array:
    """above / below; any deviation from amounts that never varied is infinitely far, none is not."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((below == 0) & (np.abs(above) < 1e-12), 0.0, above / below)


# --- silence -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GapPrior:
    """Purchase rates over customers: gamma with shape r and rate alpha (in the unit of time)."""

    r: float
    alpha: float


def gap_probability(
    purchases: ArrayLike, observed: ArrayLike, gap: ArrayLike, prior: GapPrior, regularity: int = 1
) -> Array:
    """Chance that a customer who still buys as before would be silent this long.

    purchases: repeat purchases; observed: time from the first to the last of them; gap: time since the last;
    all in one unit and of one length. With gamma rates, for x purchases in T,
    P(gap > g) = ((alpha + T) / (alpha + T + g)) ** (r + x). Buyers more regular than random: regularity k > 1
    takes a purchase as the last of k random stages (Erlang-k, as in BTYDplus); estimate it with
    `regularity_of`.

    It is a test of the silence, not a state: P(alive) of a purchase model asks another question.
    Raises ValueError on missing or negative numbers, naming the row.
    """
    rows = _columns(purchases=purchases, observed=observed, gap=gap)
    if regularity < 1:
        raise ValueError(f"regularity counts the stages of a purchase and is at least 1, not {regularity}")
    time, stages = prior.alpha + rows["observed"], prior.r + regularity * rows["purchases"]
    # Fewer than k stages in the gap: the negative binomial distribution function; with k = 1 the power above.
    return np.asarray(betainc(stages, regularity, time / (time + rows["gap"])))


def gap_prior(purchases: ArrayLike, observed: ArrayLike, gap: ArrayLike, regularity: int = 1) -> GapPrior:
    """Gamma distribution of purchase rates by maximum marginal likelihood, from what `gap_probability` takes.

    The running gap counts as time without purchase, so lost customers pass for slow ones and the test of a
    silence errs to the quiet side. Raises ValueError when no customer has a repeat purchase.
    """
    rows = _columns(purchases=purchases, observed=observed, gap=gap)
    stages, time = regularity * rows["purchases"], rows["observed"] + rows["gap"]
    if not stages.any() or not time.any():
        raise ValueError("no repeat purchase at all: the usual gap cannot be told; hand over a GapPrior")

    def misfit(logs: Array) -> tuple[float, Array]:
        r, alpha = np.exp(logs)
        total = np.log(alpha + time)
        value = gammaln(r + stages) - gammaln(r) + r * np.log(alpha) - (r + stages) * total
        by_r = digamma(r + stages) - digamma(r) + np.log(alpha) - total
        by_alpha = r / alpha - (r + stages) / (alpha + time)
        return -value.mean(), -np.array([r * by_r.mean(), alpha * by_alpha.mean()])

    start = np.log([1.0, time.sum() / stages.sum()])
    best = minimize(misfit, start, jac=True, method="L-BFGS-B", bounds=[(-7, 12), start[1] + np.array([-14, 14])])
    return GapPrior(float(np.exp(best.x[0])), float(np.exp(best.x[1])))


def regularity_of(earlier: ArrayLike, later: ArrayLike) -> float:
    """Erlang shape k of the gaps between purchases, from pairs of successive gaps, one pair a customer.

    With M = earlier / (earlier + later), var M = 1 / (4 (2k + 1)) whatever the customers' rates (Wheat &
    Morrison 1990, J. Marketing Research 27:87-93). 1 is random, above is regular. Raises ValueError on fewer
    than two pairs and on gaps that are missing, negative or both zero, naming the row.
    """
    rows = _columns(earlier=earlier, later=later)
    total = rows["earlier"] + rows["later"]
    inputs.refuse(total <= 0, "earlier", "above zero when the later gap is 0", earlier)
    if total.size < 2:
        raise ValueError("the regularity of gaps needs at least two pairs")
    spread = float(np.mean((rows["earlier"] / total - 0.5) ** 2))
    return (1 - 4 * spread) / (8 * spread) if spread > 0 else np.inf


def silence(
    customer: ArrayLike,
    purchases: ArrayLike,
    observed: ArrayLike,
    gap: ArrayLike,
    q: float = 0.05,
    *,
    prior: GapPrior | None = None,
    regularity: int = 1,
) -> Watch:
    """Customers silent for longer than their own rhythm explains.

    One row a customer: repeat purchases, time from first to last, time since the last (see
    `gap_probability`). The prior is fitted to these customers when it is not given; one silent customer among
    few deserves a given one. With short histories p-values near .05 come up to 1.7 times too often, because
    an early last purchase is itself rare; those small enough to raise alarms do not. Gives a Watch with
    customer, purchases, observed, gap, usual_gap (time a purchase at the expected rate).
    """
    rows = _columns(purchases=purchases, observed=observed, gap=gap)
    names = np.asarray(customer)
    inputs.of_one_length(customer=names, **rows)
    rates = prior or gap_prior(purchases, observed, gap, regularity)
    p = gap_probability(purchases, observed, gap, rates, regularity)
    stages = rates.r + regularity * rows["purchases"]
    usual = regularity * (rates.alpha + rows["observed"]) / stages
    return _watch(pd.DataFrame({"customer": names, **rows, "usual_gap": usual}), p, q)


# --- drift -------------------------------------------------------------------------------------------------


def cusum_run_length(h: float, k: float = 0.5, two_sided: bool = False) -> float:
    """Mean number of periods to a false alarm of a CUSUM on standard normal values (from zero).

    One-sided: Page's integral equation L(u) = 1 + L(0) Phi(k - u) + integral L(y) phi(y + k - u) dy over
    0..h, on Gauss-Legendre nodes. Two-sided: half of it, because both sides never alarm at once when h > k
    (van Dobben de Bruyn 1968). Raises ValueError when h or k is not above zero.
    """
    if h <= 0 or k <= 0:
        raise ValueError("the alarm limit h and the allowance k must be above zero")
    state, weight = _nodes(h)
    kernel = _steps_between(state, k) * weight
    # Unknowns: L at each node, and L(0) first.
    system = np.zeros((state.size + 1, state.size + 1))
    system[0, 0], system[0, 1:] = norm.cdf(k), norm.pdf(state + k) * weight
    system[1:, 0], system[1:, 1:] = norm.cdf(k - state), kernel
    length = np.linalg.solve(np.eye(state.size + 1) - system, np.ones(state.size + 1))[0]
    return float(length / 2 if two_sided else length)


def _nodes(h: float) -> tuple[Array, Array]:
    place, weight = np.polynomial.legendre.leggauss(max(60, int(5 * h)))
    return h * (place + 1) / 2, h * weight / 2


def _steps_between(state: Array, k: float) -> Array:
    """Density of moving from each state (row) to each (column) in one period."""
    return np.asarray(norm.pdf(state + k - state[:, None]))


def cusum_p(height: ArrayLike, k: float = 0.5) -> Array:
    """Chance that a long-run one-sided CUSUM without drift stands at this height or above.

    The steady state of the unbounded CUSUM (Grigg & Spiegelhalter 2008, Technometrics 50:501-511), solved on
    quadrature nodes; its far tail falls as exp(-2 k height). Raises ValueError when k is not above zero.
    """
    if k <= 0:
        raise ValueError(f"the allowance k must be above zero, not {k}")
    grid, tail = _tail(float(k))
    heights = inputs.shaped("height", height)
    within = np.exp(np.interp(heights, grid, tail))
    beyond = np.exp(-2 * k * np.maximum(heights - grid[-1], 0.0))
    return np.where(heights <= 0, 1.0, within * beyond)


@cache
def _tail(k: float) -> tuple[Array, Array]:
    """Heights of a CUSUM without drift, and the logarithm of the chance to stand there or above: of the allowance
    alone, so that it is solved once."""
    reach = 15 / k
    state, weight = _nodes(reach)
    moves = _steps_between(state, k) * weight[:, None]
    # Density on the nodes per unit of mass resting at zero: f = phi(. + k) + f K.
    density = np.linalg.solve(np.eye(state.size) - moves.T, norm.pdf(state + k))
    mass = density * weight
    resting = 1 / (1 + mass.sum())
    # One more period from the steady state gives the tail between the nodes exactly.
    grid = np.linspace(0.0, 0.8 * reach, 501)
    tail = resting * (norm.sf(grid + k) + norm.sf(grid[:, None] + k - state) @ mass)
    return grid, np.log(tail)


def drift(
    customer: ArrayLike,
    values: ArrayLike,
    q: float = 0.05,
    *,
    segment: ArrayLike | None = None,
    k: float = 0.5,
    h: float = 5.0,
) -> Watch:
    """Customers whose level has moved, judged after the last period.

    values: shape (customers, periods), say weekly turnover, oldest first; NaN where nothing was observed.
    Skewed values should come as logarithms. Each period is standardised by the customer's own earlier ones
    and turned to a standard normal through Student's t (self-starting CUSUM, Hawkins 1987, J. Quality
    Technology 19:198-203), so no clean base period is needed. With 30 customers in a segment (everyone, when
    left out) observed in a period, their median is taken off: a season is nobody's drift. Then up = max(0, up
    + z - k) and down = max(0, down - z - k); k = .5 looks for shifts of one standard deviation. No
    period counts for more than 4 standard deviations: one jump is an unusual amount, not a drift. p is
    two-sided, from the CUSUM's steady state.

    Gives a Watch with customer, periods (used), up, down, crossed (either above h: on average every 465
    periods by chance at h = 5), direction, since (index of the first period of the present excursion, -1
    without one). Fewer than 3 observed periods are not tested. Raises ValueError when the shapes do not fit.
    """
    series = inputs.array("values", values)
    names = np.asarray(customer)
    groups = np.zeros(names.shape, dtype=int) if segment is None else pd.factorize(np.asarray(segment))[0]
    if series.ndim != 2 or names.shape != series.shape[:1] or groups.shape != names.shape:
        raise ValueError(f"values must have a row a customer and a column a period, not the shape {series.shape}")
    infinite = np.isinf(series).any(axis=1)
    inputs.refuse(infinite, "values", "finite or missing: take logarithms of amounts above zero only")
    scores = _without_common(_standardised(series), groups)
    up, down = np.zeros(len(series)), np.zeros(len(series))
    up_since, down_since = np.full(len(series), -1), np.full(len(series), -1)
    for period, z in enumerate(np.nan_to_num(scores).T):
        seen = ~np.isnan(scores[:, period])
        up, up_since = _stepped(up, up_since, z, seen, k, period)
        down, down_since = _stepped(down, down_since, -z, seen, k, period)
    height = np.maximum(up, down)
    periods = (~np.isnan(scores)).sum(axis=1)
    p = np.where(periods > 0, np.minimum(2 * cusum_p(height, k), 1.0), np.nan)
    table = pd.DataFrame(
        {
            "customer": names,
            "periods": periods,
            "up": up,
            "down": down,
            "crossed": height > h,
            "direction": np.where(up >= down, "up", "down"),
            "since": np.where(up >= down, up_since, down_since),
        }
    )
    return _watch(table, p, q)


def _stepped(
    level: Array, since: NDArray[np.int_], z: Array, seen: Flags, k: float, period: int
) -> tuple[Array, NDArray[np.int_]]:
    """One period of a one-sided CUSUM, and where its present excursion from zero began."""
    after = np.where(seen, np.maximum(0.0, level + z - k), level)
    return after, np.where(after == 0, -1, np.where(since < 0, period, since))


def _standardised(series: Array) -> Array:
    """Each value against mean and sd of the row's earlier ones as a standard normal; NaN before the third."""
    known = ~np.isnan(series)
    filled = np.where(known, series, 0.0)
    # Counted from the row's first value, because raw squares lose the digits of large amounts.
    first = filled[np.arange(len(filled)), known.argmax(axis=1)] if filled.size else np.zeros(len(filled))
    filled = np.where(known, filled - first[:, None], 0.0)
    n = np.cumsum(known, axis=1) - known
    total = np.cumsum(filled, axis=1) - filled
    squares = np.cumsum(filled**2, axis=1) - filled**2
    mean = total / np.maximum(n, 1)
    deviation = np.sqrt(np.maximum(squares - n * mean**2, 0.0) / np.maximum(n - 1, 1))
    ratio = _ratio((filled - mean) * np.sqrt(n / (n + 1)), deviation)
    usable = known & (n >= 2)
    scores = np.full(series.shape, np.nan)
    scores[usable] = np.clip(ndtri(stdtr(n[usable] - 1, ratio[usable])), -LARGEST_STEP, LARGEST_STEP)
    return scores


def _without_common(scores: Array, groups: NDArray[np.int_]) -> Array:
    adjusted = scores.copy()
    for group in np.unique(groups):
        rows = scores[groups == group]
        crowded = (~np.isnan(rows)).sum(axis=0) >= COMMON_SHIFT_ROWS
        adjusted[np.ix_(groups == group, crowded)] -= np.nanmedian(rows[:, crowded], axis=0)
    return adjusted
