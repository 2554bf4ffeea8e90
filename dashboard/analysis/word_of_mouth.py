"""From which satisfaction do customers praise or complain, how fast, and what is one more point worth?

The managers' curve, flat in the middle and steep at both ends (Anderson 1998; Jones & Sasser 1995), is fitted
as two log-hinge Poisson quasi-likelihoods with a profiled threshold (Lerman 1980; Muggeo 2003). The data may
refuse it: a threshold is claimed only when it beats the log-linear curve by more than chance does, told by a
parametric bootstrap because the chi-square is invalid there (Davies 1987).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression, nnls
from scipy.special import xlogy
from scipy.stats import chi2

from dashboard.analysis import inputs

Array = NDArray[np.float64]
MoneyCurve = Callable[[Array], ArrayLike] | float

MODELS = ("constant", "log-linear", "log-quadratic", "sinh", "hinge")
VERDICTS = ("threshold", "smooth", "no_threshold", "flat", "reversed", "too_few", "one_score")

MOST_CATEGORIES = 7  # up to here a score is ordinal: a threshold is known only up to a gap between categories
MOST_GROUPS = 256  # more distinct scores than this are merged into equal-width bins at their mean score
FEWEST_EVENTS = 20  # counts divided by their dispersion; below it no shape can be told from any other
SMALLEST_TAIL = 0.01  # share of exposure that must lie beyond any threshold tried
SMOOTH_MARGIN = 2.0  # quasi-BIC by which a curve without dead zone must beat the hinge to displace it
STEEPEST = 30.0  # largest log ratio between the ends of a curve: stops the growth of separated data
FOLDS = 5
MOST_ISOTONIC = 200  # draws of the isotonic check, which takes them one by one


@dataclass(frozen=True)
class Estimate:
    """A number and its interval. `estimate` is None where only a range is known, all are where nothing is."""

    estimate: float | None
    low: float | None
    high: float | None


UNKNOWN = Estimate(None, None, None)


@dataclass(frozen=True, eq=False)
class RateBand:
    """Rates per unit of exposure at `score`, with their pointwise band; four arrays of one length."""

    score: Array
    rate: Array
    low: Array
    high: Array

    def frame(self) -> pd.DataFrame:
        """The same as a table with columns score, rate, low, high."""
        return pd.DataFrame({"score": self.score, "rate": self.rate, "low": self.low, "high": self.high})


@dataclass(frozen=True, eq=False)
class Groups:
    """What the fit needs of one side: sums per distinct score, ascending.

    `squares` is the sum of count^2 / exposure over the customers of a score (with Pearson's dispersion it is
    sufficient), or None when only the sums were handed over.
    """

    score: Array
    n: Array
    exposure: Array
    count: Array
    squares: Array | None

    @property
    def rate(self) -> Array:
        """Observed counts per unit of exposure."""
        return self.count / self.exposure


@dataclass(frozen=True, eq=False)
class Side:
    """One side of the curve. Rates are per unit of exposure, growth is per point of score.

    verdict: 'threshold' (flat, then exponential), 'smooth' (bends, but a curve without dead zone fits
    better), 'no_threshold' (log-linear), 'flat' (no rise to be seen), 'reversed' (moves against its own
    direction), 'too_few' (fewer than 20 counts after dispersion) or 'one_score'.
    threshold: with categories, low and high are the two neighbours between which the rise starts.
    growth: log rate per point beyond the threshold, away from the middle; with categories the mean slope from
    the last flat category to the end of the scale, a lower bound. Unknown when the verdict has no single
    growth.
    base: rate on the flat part, or at the far end of the scale for curves without one.
    model: the one that `rate` draws: one of MODELS or 'categories'.
    rise_p, bend_p: bootstrap p-values of the sup-likelihood-ratio tests against constant and log-linear.
    gap_share: with categories, the share of bootstrap draws that find the same gap; otherwise None.
    dispersion: Pearson's phi (1 = Poisson), from customers when squares are known, else from the scores.
    isotonic: per score n, exposure, count, observed, isotonic and model rate; isotonic_p small means that
    some other rising curve fits better than the model.
    """

    name: str
    verdict: str
    model: str
    threshold: Estimate
    growth: Estimate
    base: Estimate
    dispersion: float
    rise_p: float | None
    bend_p: float | None
    gap_share: float | None
    isotonic: pd.DataFrame
    isotonic_p: float | None
    comparison: pd.DataFrame
    groups: Groups
    level: float
    fitted: _Curve | _Categories

    def rate(self, score: ArrayLike) -> RateBand:
        """Rate at each score with its band; scores beyond those observed take the rate at the nearest end."""
        points = inputs.finite("score", score).copy()
        rate = self.fitted.rates(points)[0]
        low, high = _band(self.draws(points), self.level)
        # A bootstrap from zero stays at zero: there the exact upper limit of no event speaks.
        empty = rate <= 0
        if empty.any():
            silent = self.groups.exposure[self.fitted.rates(self.groups.score)[0] <= 0].sum()
            limit = garwood(0.0, silent, self.level, self.dispersion)[1]
            high = np.where(empty, np.maximum(high, limit), high)
        return RateBand(points, rate, np.minimum(low, rate), np.maximum(high, rate))

    def draws(self, score: ArrayLike) -> Array:
        """Bootstrap rates, shape (draws, len(score))."""
        return self.fitted.rates(inputs.finite("score", score))[1:]


@dataclass(frozen=True, eq=False)
class WordOfMouth:
    """The satisfaction curve: both sides, and how many customers (spells) stand behind it."""

    complaint: Side
    praise: Side
    n: int
    categories: tuple[float, ...] | None

    @property
    def complaint_threshold(self) -> Estimate:
        """Score below which complaints grow."""
        return self.complaint.threshold

    @property
    def praise_threshold(self) -> Estimate:
        """Score above which praise grows."""
        return self.praise.threshold

    @property
    def complaint_growth(self) -> Estimate:
        """Log complaints per point of satisfaction lost below the threshold."""
        return self.complaint.growth

    @property
    def praise_growth(self) -> Estimate:
        """Log praise per point of satisfaction won above the threshold."""
        return self.praise.growth

    @property
    def complaint_base(self) -> Estimate:
        """Complaints per unit of exposure in the flat middle."""
        return self.complaint.base

    @property
    def praise_base(self) -> Estimate:
        """Praise per unit of exposure in the flat middle."""
        return self.praise.base

    @property
    def verdict(self) -> dict[str, str]:
        """One code of VERDICTS per side."""
        return {"complaint": self.complaint.verdict, "praise": self.praise.verdict}

    @property
    def dispersion(self) -> dict[str, float]:
        """Pearson's phi per side."""
        return {"complaint": self.complaint.dispersion, "praise": self.praise.dispersion}

    @property
    def comparison(self) -> pd.DataFrame:
        """Columns side, model, parameters, log_likelihood and, low being good, qaicc, qbic, cv_deviance.

        cv_deviance is the Poisson deviance of five held-out folds together. With categories the model
        'categories' stands in for sinh and hinge.
        """
        return pd.concat([self.complaint.comparison, self.praise.comparison], ignore_index=True)

    @property
    def scale(self) -> tuple[float, float]:
        """Lowest and highest score observed."""
        return float(self.praise.groups.score[0]), float(self.praise.groups.score[-1])

    def rate_of_complaint(self, score: ArrayLike) -> RateBand:
        """Complaints per unit of exposure at each score, with the band."""
        return self.complaint.rate(score)

    def rate_of_praise(self, score: ArrayLike) -> RateBand:
        """Praise per unit of exposure at each score, with the band."""
        return self.praise.rate(score)


# --- from rows to sums -------------------------------------------------------------------------------------


def fit_curve(
    satisfaction: ArrayLike,
    praise: ArrayLike,
    complaints: ArrayLike,
    exposure: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    draws: int = 400,
    level: float = 0.95,
    significance: float = 0.01,
    seed: int = 0,
) -> WordOfMouth:
    """Fit both sides of the satisfaction curve from one row per customer (or customer-spell).

    All arguments are of one length: a score, counts of praise and complaints, exposure (months, transactions;
    above zero) and optionally how often each row stands for a customer. The rows are summed per distinct
    score and handed to `fit_curve_from_groups`, where the options are explained; both give the same answer.

    Raises ValueError on no rows, unequal lengths, missing or negative numbers and zero exposure, naming the
    row.
    """
    columns = {
        "satisfaction": satisfaction,
        "praise": praise,
        "complaints": complaints,
        "exposure": exposure,
        "weights": np.ones(np.size(satisfaction)) if weights is None else weights,
    }
    rows = _checked(columns, positive=("exposure",))
    weight, months = rows["weights"], rows["exposure"]
    table = pd.DataFrame(
        {
            "satisfaction": rows["satisfaction"],
            "n": weight,
            "exposure": weight * months,
            "praise": weight * rows["praise"],
            "complaint": weight * rows["complaints"],
            "praise_square": weight * rows["praise"] ** 2 / months,
            "complaint_square": weight * rows["complaints"] ** 2 / months,
        }
    )[weight > 0]
    return fit_curve_from_groups(table, draws=draws, level=level, significance=significance, seed=seed)


def fit_curve_from_groups(
    table: pd.DataFrame,
    *,
    draws: int = 400,
    level: float = 0.95,
    significance: float = 0.01,
    seed: int = 0,
) -> WordOfMouth:
    """Fit both sides of the satisfaction curve from sums per score.

    table: columns satisfaction, n (customer-spells), exposure, praise, complaint, and if known praise_square
    and complaint_square, the sums of count^2 / exposure over customers. Rows may come in any order; equal
    scores add. Without the squares the dispersion is told from how the scores scatter around the curve, or
    taken as 1 when there are too few scores; with them it comes from the customers.

    Means per unit of exposure: praise p0 exp(kP max(0, s - tP)), complaints c0 exp(kC max(0, tC - s)). For a
    fixed threshold it is a two-parameter Poisson quasi-likelihood; the threshold is found on a grid and
    refined. Up to seven distinct scores are categories: one rate each, rising, and a gap instead of a
    threshold.

    draws: bootstrap draws. A draw takes phi_g Poisson(mean_g / phi_g) as the sum at score g, with the mean
    and variance of the sum; phi_g = 1 + a + b x (mean count a customer), a and b not negative, fits both
    constant over-dispersion and a gamma mixture. Intervals are the draws' percentiles at `level`.
    significance: of the two sup-likelihood-ratio tests (rise against constant, bend against log-linear) that
    a threshold must pass. A threshold must also not lose by more than 2 of quasi-BIC to a curve without dead
    zone.

    Raises ValueError on no rows, missing columns, missing or negative numbers and zero exposure, naming the
    row.
    """
    if draws < 1 or not 0 < level < 1 or not 0 < significance < 1:
        raise ValueError("draws must be at least 1; level and significance must lie between 0 and 1")
    if significance * (draws + 1) < 1:
        least = int(np.ceil(1 / significance - 1e-9)) - 1
        raise ValueError(f"{draws} draws cannot show a p-value of {significance:g}: take at least {least}")
    needed = ["satisfaction", "n", "exposure", "praise", "complaint"]
    absent = [name for name in needed if name not in table.columns]
    if absent:
        raise ValueError(f"the table of sums lacks the columns {', '.join(absent)}; it needs {', '.join(needed)}")
    squares = [name for name in ("praise_square", "complaint_square") if name in table.columns]
    rows = _checked({name: table[name] for name in needed + squares}, positive=("exposure", "n"))
    complaint = _grouped(rows, "complaint")
    praise = _grouped(rows, "praise")
    rng = np.random.default_rng(seed)
    options = _Options(draws, level, significance)
    ordinal = praise.score.size <= MOST_CATEGORIES
    return WordOfMouth(
        complaint=_fit_side("complaint", complaint, options, rng),
        praise=_fit_side("praise", praise, options, rng),
        n=round(praise.n.sum()),
        categories=tuple(praise.score.tolist()) if ordinal else None,
    )


@dataclass(frozen=True)
class _Options:
    draws: int
    level: float
    significance: float


def _checked(columns: dict[str, ArrayLike], positive: tuple[str, ...]) -> dict[str, Array]:
    arrays = {}
    for name, values in columns.items():
        if name == "satisfaction":
            arrays[name] = inputs.finite(name, values)
        elif name in positive:
            arrays[name] = inputs.finite(name, values, above=0)
        else:
            arrays[name] = inputs.finite(name, values, least=0)
    inputs.of_one_length(**arrays)
    if not next(iter(arrays.values())).size:
        raise ValueError("no rows: a curve needs at least one customer with a score and exposure")
    return arrays


def _summed(place: NDArray[np.intp], values: Array) -> Array:
    return np.bincount(place, values).astype(float)


def _grouped(rows: dict[str, Array], side: str) -> Groups:
    # Averages of items arrive with the rounding of the database that took them.
    score = np.round(rows["satisfaction"], 9)
    names, place = np.unique(score, return_inverse=True)
    if names.size > MOST_GROUPS:
        edges = np.linspace(names[0], names[-1], MOST_GROUPS + 1)[1:-1]
        place = np.unique(np.searchsorted(edges, score, side="right"), return_inverse=True)[1]
    exposure = _summed(place, rows["exposure"])
    squares = rows.get(f"{side}_square")
    if squares is not None:
        least = rows[side] ** 2 / rows["exposure"] * (1 - 1e-6)
        inputs.refuse(squares < least, f"{side}_square", "at least count^2 / exposure: sum it over customers", squares)
    return Groups(
        score=_summed(place, rows["exposure"] * score) / exposure if names.size > MOST_GROUPS else names,
        n=_summed(place, rows["n"]),
        exposure=exposure,
        count=_summed(place, rows[side]),
        squares=None if squares is None else _summed(place, squares),
    )


# --- curves of the form level x exp(slope x feature) -------------------------------------------------------
# Every model compared is one of these, with at most one shape parameter to profile. Scores are turned to
# z = 0 at the calm end of the scale and z = 1 at the end where the side's counts rise.


@dataclass(frozen=True, eq=False)
class _Family:
    name: str
    parameters: int
    feature: Callable[[Array, Array], Array]
    shapes: Array
    slopes: Array


def _hinge(z: Array, shape: Array) -> Array:
    return np.maximum(0.0, z - shape) / (1.0 - shape)


def _line(z: Array, shape: Array) -> Array:
    return z + 0.0 * shape


def _nothing(z: Array, shape: Array) -> Array:
    return 0.0 * (z + shape)


def _parabola(z: Array, shape: Array) -> Array:
    """A quadratic with one slope: `shape` is the angle between its linear and its square part."""
    centred = 2.0 * z - 1.0
    return np.cos(shape) * centred + np.sin(shape) * centred**2


def _sinh(z: Array, shape: Array) -> Array:
    return np.sinh(shape * z) / np.sinh(shape)


RISING = np.concatenate([np.linspace(0.0, 12.0, 49), np.linspace(13.0, STEEPEST, 18)])
EITHER_WAY = np.concatenate([-RISING[:0:-1], RISING])
NO_SHAPE = np.zeros(1)
ANGLES = np.linspace(-np.pi / 2, np.pi / 2, 48, endpoint=False)

CONSTANT = _Family("constant", 1, _nothing, NO_SHAPE, NO_SHAPE)
LOG_LINEAR = _Family("log-linear", 2, _line, NO_SHAPE, EITHER_WAY)
LOG_RISING = _Family("log-linear", 2, _line, NO_SHAPE, RISING)
LOG_QUADRATIC = _Family("log-quadratic", 3, _parabola, ANGLES, EITHER_WAY)
SINH = _Family("sinh", 3, _sinh, np.geomspace(0.2, 20.0, 24), RISING)


def _hinges(shapes: Array) -> _Family:
    return _Family("hinge", 3, _hinge, shapes, RISING)


def _last_threshold(z: Array, exposure: Array) -> float:
    """Largest threshold with two scores and enough exposure beyond it: nearer the end the growth is free."""
    order = np.argsort(z)
    beyond = np.cumsum(exposure[order][::-1])[::-1] / exposure.sum()
    enough = z[order][beyond >= SMALLEST_TAIL]
    return float(min(z[order][-3], enough[-2] if enough.size > 1 else z[order][1]))


def _oriented(score: Array, groups: Groups, side: str) -> Array:
    first, last = groups.score[0], groups.score[-1]
    share: Array = (np.clip(score, first, last) - first) / (last - first if last > first else 1.0)
    return share if side == "praise" else 1.0 - share


class _Profile:
    """Quasi-likelihood of many count vectors over a family's shapes at once.

    Given its total, a count vector is an exponential family in the slope whose cumulant log M depends on the
    exposures only. So slope and likelihood of every bootstrap draw are read off one table: the Legendre
    transform of log M, interpolated with its exact derivative (cubic Hermite) in the mean feature of the
    counts.
    """

    def __init__(self, family: _Family, z: Array, exposure: Array) -> None:
        self.family, self.z = family, z
        self.share = exposure / exposure.sum()
        self.total = exposure.sum()
        self.features = family.feature(z, family.shapes[:, None])
        tilted = self.share * np.exp(family.slopes[:, None] * self.features[:, None, :])
        mass = tilted.sum(axis=2)
        self.mean = (tilted * self.features[:, None, :]).sum(axis=2) / mass
        self.gain = family.slopes * self.mean - np.log(mass)

    def gains(self, counts: Array) -> tuple[Array, Array]:
        """Log-likelihood above the constant rate, and slope, of counts (draws, scores): (draws, shapes)."""
        totals = counts.sum(axis=1)
        means = counts @ self.features.T / np.maximum(totals, 1e-300)[:, None]
        if self.family.slopes.size == 1:
            return np.zeros_like(means), np.zeros_like(means)
        slopes, gain = self._transform(means)
        return gain * totals[:, None], slopes

    def _transform(self, mean: Array) -> tuple[Array, Array]:
        nodes, slope, row = self.mean, self.family.slopes, np.arange(self.mean.shape[0])
        inside = np.clip(mean, nodes[:, 0], nodes[:, -1])
        # Features lie within 2 of 0, so rows moved 4 apart stay sorted and one search serves all shapes.
        right = np.searchsorted((nodes + 4.0 * row[:, None]).ravel(), inside + 4.0 * row)
        left = np.clip(right - 1 - slope.size * row, 0, slope.size - 2)
        start, low, high = nodes[row, left], self.gain[row, left], self.gain[row, left + 1]
        width = np.maximum(nodes[row, left + 1] - start, 1e-300)
        step = np.clip((inside - start) / width, 0.0, 1.0)
        ahead, behind = slope[left] * width - (high - low), high - low - slope[left + 1] * width
        value = low + step * (high - low) + step * (1 - step) * (ahead * (1 - step) + behind * step)
        outside = np.where(mean > nodes[:, -1], slope[-1], slope[0]) * (mean - inside)
        return slope[left] + step * (slope[left + 1] - slope[left]), value + outside

    def fit(self, counts: Array) -> _Fits:
        """Best shape and slope of every count vector: the grid's best, refined by a parabola through it."""
        gain, slopes = self.gains(counts)
        rows, best = np.arange(len(counts)), gain.argmax(axis=1)
        grid = self._polished(counts, self.family.shapes[best], slopes[rows, best])
        if self.family.shapes.size < 3:
            return grid
        vertex = _vertices(self.family.shapes, gain, best)
        refined = self._polished(counts, vertex, slopes[rows, best])
        better = refined.gain > grid.gain
        return _Fits(*(np.where(better, new, old) for new, old in zip(refined, grid, strict=True)))

    def outcome(self, counts: Array) -> _Outcome:
        """Rates by score and log-likelihood of every count vector."""
        fits = self.fit(counts)
        features = self.family.feature(self.z, fits.shape[:, None])
        rates = fits.level[:, None] * np.exp(fits.slope[:, None] * features)
        return _Outcome(rates, fits.gain, self.family.parameters)

    def _polished(self, counts: Array, shapes: Array, slopes: Array) -> _Fits:
        totals = counts.sum(axis=1)
        features = self.family.feature(self.z, shapes[:, None])
        target = (counts * features).sum(axis=1) / np.maximum(totals, 1e-300)
        lowest, highest = self.family.slopes[0], self.family.slopes[-1]
        for _ in range(4):  # the table is good to three digits; Newton doubles them each time
            tilted = self.share * np.exp(slopes[:, None] * features)
            mass = tilted.sum(axis=1)
            mean = (tilted * features).sum(axis=1) / mass
            spread = (tilted * features**2).sum(axis=1) / mass - mean**2
            step = np.clip((target - mean) / np.maximum(spread, 1e-12), -1.0, 1.0)
            slopes = np.clip(slopes + step, lowest, highest)
        mass = (self.share * np.exp(slopes[:, None] * features)).sum(axis=1)
        gain = totals * (slopes * target - np.log(mass))
        return _Fits(shapes, slopes, totals / self.total / mass, gain)


class _Fits(NamedTuple):
    """Shape, slope, level and log-likelihood above the constant rate: one of each a count vector."""

    shape: Array
    slope: Array
    level: Array
    gain: Array


class _Outcome(NamedTuple):
    """A model fitted to count vectors: rates (draws, scores) and log-likelihood above the constant rate."""

    rates: Array
    gain: Array
    parameters: int


def _vertices(shapes: Array, gain: Array, best: NDArray[np.intp]) -> Array:
    """Where the parabola through each row's best shape and its two neighbours peaks."""
    rows, middle = np.arange(len(gain)), np.clip(best, 1, shapes.size - 2)
    left, right = shapes[middle] - shapes[middle - 1], shapes[middle + 1] - shapes[middle]
    down = gain[rows, middle] - gain[rows, middle - 1]
    up = gain[rows, middle + 1] - gain[rows, middle]
    curvature = (up / right - down / left) / (left + right)
    slope = (up / right * left + down / left * right) / (left + right)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(curvature < 0, -slope / (2 * curvature), 0.0)
    vertex: Array = shapes[middle] + np.clip(step, -left, right)
    return vertex


# --- one side ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Curve:
    """A family with the parameters of the estimate (first) and of every draw."""

    groups: Groups
    side: str
    family: _Family
    fits: _Fits

    def rates(self, score: Array) -> Array:
        """Shape (1 + draws, len(score)): the estimate, then the draws."""
        features = self.family.feature(_oriented(score, self.groups, self.side), self.fits.shape[:, None])
        return self.fits.level[:, None] * np.exp(self.fits.slope[:, None] * features)


@dataclass(frozen=True, eq=False)
class _Categories:
    """A rate per category, of the estimate (first) and of every draw; between categories a straight line."""

    score: Array
    by_category: Array

    def rates(self, score: Array) -> Array:
        """Shape (1 + draws, len(score)): the estimate, then the draws."""
        inside = np.clip(score, self.score[0], self.score[-1])
        left = np.clip(np.searchsorted(self.score, inside, side="right") - 1, 0, self.score.size - 2)
        step = (inside - self.score[left]) / (self.score[left + 1] - self.score[left])
        return self.by_category[:, left] * (1 - step) + self.by_category[:, left + 1] * step


class _Noise(NamedTuple):
    """Dispersion: Pearson's phi, that of each score's sum, and their mean over counts (for likelihoods)."""

    phi: float
    by_score: Array
    by_count: float

    def sample(self, expected: Array, draws: int, rng: np.random.Generator) -> Array:
        """Sums with the given means and phi times their variance, shape (draws, scores)."""
        return self.by_score * rng.poisson(expected / self.by_score, size=(draws, expected.size))


def _noise(groups: Groups, rate: Array, parameters: int) -> _Noise:
    expected = np.maximum(rate * groups.exposure, 1e-12)
    if not groups.count.any():
        return _Noise(1.0, np.ones_like(expected), 1.0)
    if groups.squares is None:
        scatter = ((groups.count - expected) ** 2 / expected).sum()
        spare = groups.score.size - parameters
        phi = float(scatter / spare) if spare >= MOST_CATEGORIES else 1.0
        return _Noise(phi, np.full_like(expected, max(phi, 1.0)), max(phi, 1.0))
    customers = groups.n.sum()
    pearson = groups.squares * groups.exposure / expected - 2 * groups.count + expected
    pearson *= customers / max(customers - parameters, 1.0)
    mean = expected / groups.n
    # Squared Pearson residuals of a Poisson count have variance 2 + 1 / mean.
    weight = np.sqrt(groups.n / (2 + 1 / mean))
    design = np.column_stack([np.ones_like(mean), mean])
    extra = nnls(design * weight[:, None], (pearson / groups.n - 1) * weight)[0]
    by_score = 1 + design @ extra
    return _Noise(float(pearson.sum() / customers), by_score, float(np.average(by_score, weights=expected)))


def _fit_side(side: str, groups: Groups, options: _Options, rng: np.random.Generator) -> Side:
    mean = groups.count.sum() / groups.exposure.sum()
    noise = _noise(groups, np.full_like(groups.exposure, mean), 1)
    z = _oriented(groups.score, groups, side)
    case = _Case(side, groups, z, options, rng)
    if groups.score.size == 1:
        return _calm(case, noise, "one_score")
    if groups.count.sum() < FEWEST_EVENTS * max(noise.phi, 1.0):
        return _calm(case, noise, "too_few")
    return _fit_categories(case) if groups.score.size <= MOST_CATEGORIES else _fit_smooth(case)


@dataclass(frozen=True, eq=False)
class _Case:
    side: str
    groups: Groups
    z: Array
    options: _Options
    rng: np.random.Generator

    def profile(self, family: _Family) -> _Profile:
        return _Profile(family, self.z, self.groups.exposure)

    def draws(self, noise: _Noise, profile: _Profile) -> Array:
        """Bootstrap sums from a model fitted to the observed ones, shape (draws, scores)."""
        return self.sampled(noise, profile.outcome(self.observed).rates[0])

    def sampled(self, noise: _Noise, rates: Array) -> Array:
        """Bootstrap sums at the given rates by score, shape (draws, scores)."""
        return noise.sample(rates * self.groups.exposure, self.options.draws, self.rng)

    @property
    def observed(self) -> Array:
        return self.groups.count[None, :]

    def score_at(self, z: Array) -> Array:
        return self.calm_end + z * (self.width if self.side == "praise" else -self.width)

    def upward(self, by_score: Array) -> Array:
        """The last axis turned so that the calm end of the scale comes first (or turned back)."""
        return by_score if self.side == "praise" else by_score[..., ::-1]

    @property
    def width(self) -> float:
        return float(self.groups.score[-1] - self.groups.score[0])

    @property
    def calm_end(self) -> float:
        return float(self.groups.score[0] if self.side == "praise" else self.groups.score[-1])


def _side(
    case: _Case,
    noise: _Noise,
    verdict: str,
    fitted: _Curve | _Categories,
    comparison: pd.DataFrame,
    *,
    model: str = "constant",
    threshold: Estimate = UNKNOWN,
    growth: Estimate = UNKNOWN,
    base: Estimate | None = None,
    rise_p: float | None = None,
    bend_p: float | None = None,
    gap_share: float | None = None,
    isotonic_p: float | None = None,
) -> Side:
    groups, level = case.groups, case.options.level
    table = pd.DataFrame(
        {
            "score": groups.score,
            "n": groups.n,
            "exposure": groups.exposure,
            "count": groups.count,
            "observed": groups.rate,
            "isotonic": _isotonic(groups.count, case),
            "model": fitted.rates(groups.score)[0],
        }
    )
    return Side(
        name=case.side,
        verdict=verdict,
        model=model,
        threshold=threshold,
        growth=growth,
        base=base or _estimate(fitted.rates(np.array([case.calm_end]))[:, 0], level),
        dispersion=noise.phi,
        rise_p=rise_p,
        bend_p=bend_p,
        gap_share=gap_share,
        isotonic=table,
        isotonic_p=isotonic_p,
        comparison=comparison,
        groups=groups,
        level=level,
        fitted=fitted,
    )


def _calm(case: _Case, noise: _Noise, verdict: str) -> Side:
    """Only a constant rate can be had: exact interval, no tests, draws from the rate's Jeffreys posterior."""
    groups, options = case.groups, case.options
    total, exposure = groups.count.sum(), groups.exposure.sum()
    low, high = garwood(total, exposure, options.level, noise.by_count)
    draws = case.rng.gamma(total / noise.by_count + 0.5, noise.by_count / exposure, options.draws)
    levels = np.concatenate([[total / exposure], draws])
    flat = np.zeros_like(levels)
    curve = _Curve(groups, case.side, CONSTANT, _Fits(flat, flat, levels, flat))
    comparison = _comparison(case, noise, {"constant": case.profile(CONSTANT).outcome})
    base = Estimate(float(total / exposure), float(low), float(high))
    return _side(case, noise, verdict, curve, comparison, base=base)


def _fit_smooth(case: _Case) -> Side:
    groups, options, observed = case.groups, case.options, case.observed
    hinge, noise = _sharpened_hinge(case)
    line, rising, flat = case.profile(LOG_LINEAR), case.profile(LOG_RISING), case.profile(CONSTANT)
    profiles = [flat, line, case.profile(LOG_QUADRATIC), case.profile(SINH), hinge]

    level_draws, linear_draws = case.draws(noise, flat), case.draws(noise, line)
    both = hinge.fit(np.vstack([observed, level_draws, linear_draws])).gain
    straight = rising.fit(np.vstack([observed, linear_draws])).gain
    rise_p = _p_value(both[0], both[1 : options.draws + 1])
    bend_p = _p_value(both[0] - straight[0], both[options.draws + 1 :] - straight[1:])

    comparison = _comparison(case, noise, {each.family.name: each.outcome for each in profiles})
    verdict, model = _judged(comparison, rise_p, bend_p, options.significance)
    if verdict == "flat" and _falls(line.fit(observed), noise, options.significance):
        verdict, model = "reversed", "log-linear"
    profile = next(profile for profile in profiles if profile.family.name == model)
    fits = profile.fit(np.vstack([observed, case.draws(noise, profile)]))
    curve = _Curve(groups, case.side, profile.family, fits)
    beyond = (1 - fits.shape) if model == "hinge" else np.ones_like(fits.shape)
    growth = fits.slope / beyond / case.width
    return _side(
        case,
        noise,
        verdict,
        curve,
        comparison,
        model=model,
        threshold=_estimate(case.score_at(fits.shape), options.level) if model == "hinge" else UNKNOWN,
        growth=_estimate(growth, options.level) if model in ("hinge", "log-linear") else UNKNOWN,
        rise_p=rise_p,
        bend_p=bend_p,
        isotonic_p=_isotonic_p(case, noise, profile),
    )


def _sharpened_hinge(case: _Case) -> tuple[_Profile, _Noise]:
    """The hinge profile on a grid that is dense where the threshold may lie, and the dispersion around it."""
    groups = case.groups
    grid = np.linspace(0.0, _last_threshold(case.z, groups.exposure), 96)
    coarse = case.profile(_hinges(grid))
    for _ in range(2):
        noise = _noise(groups, coarse.outcome(case.observed).rates[0], 3)
        gain = coarse.gains(case.observed)[0][0]
        near = np.flatnonzero(gain >= gain.max() - 8 * noise.by_count)
        shapes = coarse.family.shapes
        ends = shapes[max(near[0] - 1, 0)], shapes[min(near[-1] + 1, shapes.size - 1)]
        coarse = case.profile(_hinges(np.unique(np.concatenate([grid, np.linspace(*ends, 64)]))))
    return coarse, noise


def _judged(comparison: pd.DataFrame, rise_p: float, bend_p: float, significance: float) -> tuple[str, str]:
    qbic = comparison.set_index("model")["qbic"]
    if rise_p > significance:
        return "flat", "constant"
    if bend_p > significance:
        return "no_threshold", "log-linear"
    smooth = qbic[["log-quadratic", "sinh"]]
    if smooth.min() < qbic["hinge"] - SMOOTH_MARGIN:
        return "smooth", str(smooth.idxmin())
    return "threshold", "hinge"


def _falls(line: _Fits, noise: _Noise, significance: float) -> bool:
    """Whether the log-linear curve runs against the side's direction, by its quasi-likelihood ratio."""
    return bool(line.slope[0] < 0 and chi2.sf(2 * line.gain[0] / noise.by_count, 1) < significance)


def _p_value(observed: float, draws: Array) -> float:
    return float((1 + np.count_nonzero(draws >= observed - 1e-9)) / (1 + draws.size))


def _band(draws: Array, level: float) -> tuple[Array, Array]:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def _estimate(values: Array, level: float) -> Estimate:
    """The first value with the percentile interval of the others."""
    low, high = _band(values[1:], level)
    return Estimate(float(values[0]), float(min(low, values[0])), float(max(high, values[0])))


# --- comparing models --------------------------------------------------------------------------------------


def _comparison(case: _Case, noise: _Noise, models: Mapping[str, Callable[[Array], _Outcome]]) -> pd.DataFrame:
    """Quasi AICc and BIC (Burnham & Anderson 2002; the dispersion is a parameter) and held-out deviance."""
    folds = _thinned(case, noise)
    sums = np.vstack([case.observed, case.groups.count - folds])
    exposure, total, customers = case.groups.exposure, case.groups.count.sum(), case.groups.n.sum()
    rows = []
    for name, fit in models.items():
        outcome = fit(sums)
        likelihood = float(xlogy(total, total / exposure.sum()) - total + outcome.gain[0])
        known = outcome.parameters + 1
        spare = customers - known - 1
        misfit = -2 * likelihood / noise.by_count + 2 * known
        # The training rates put 4/5 of the counts on all of the exposure; a held-out fold has 1/5 of it.
        held_out = outcome.rates[1:] * (FOLDS / (FOLDS - 1)) * exposure / FOLDS
        rows.append(
            {
                "side": case.side,
                "model": name,
                "parameters": outcome.parameters,
                "log_likelihood": likelihood,
                "qaicc": misfit + 2 * known * (known + 1) / spare if spare > 0 else np.inf,
                "qbic": misfit + known * (np.log(customers) - 2),
                "cv_deviance": float(_deviance(folds, held_out).sum()),
            }
        )
    return pd.DataFrame(rows)


def _deviance(counts: Array, expected: Array) -> Array:
    """Poisson deviance by element; a count where none was expected is taken against a tiny mean."""
    mean = np.maximum(expected, 1e-9)
    deviance: Array = 2 * (xlogy(counts, counts / mean) - counts + mean)
    return deviance


def _thinned(case: _Case, noise: _Noise) -> Array:
    """Sums split at random into five folds as a split of the customers would, shape (5, scores).

    Customers are gone once their counts are summed, but data thinning gives folds of the same law (Neufeld,
    Dharamshi, Gao & Witten 2024): a multinomial split, Dirichlet-multinomial under over-dispersion.
    """
    counts, rng = case.groups.count, case.rng
    shares = np.full((counts.size, FOLDS), 1 / FOLDS)
    spread = noise.by_score - 1
    loose = (spread > 1e-6) & (counts > 0)
    size = counts[loose] / spread[loose] / FOLDS
    drawn = rng.gamma(np.repeat(size[:, None], FOLDS, axis=1)) + 1e-12
    shares[loose] = drawn / drawn.sum(axis=1, keepdims=True)
    whole = np.floor(counts)
    return (rng.multinomial(whole.astype(int), shares) + ((counts - whole) / FOLDS)[:, None]).T


def _isotonic(counts: Array, case: _Case) -> Array:
    exposure = case.groups.exposure
    fit = isotonic_regression(counts / exposure, weights=exposure, increasing=case.side == "praise")
    return np.asarray(fit.x)


def _isotonic_p(case: _Case, noise: _Noise, profile: _Profile) -> float:
    """How often data from the fitted model itself would be bettered as much by a free rising curve."""
    sums = np.vstack([case.observed, case.draws(noise, profile)[:MOST_ISOTONIC]])
    totals = sums.sum(axis=1)
    free = np.array([xlogy(row, _isotonic(row, case)).sum() for row in sums])
    lead = free - xlogy(totals, totals / case.groups.exposure.sum()) - profile.fit(sums).gain
    return _p_value(lead[0], lead[1:])


# --- categories --------------------------------------------------------------------------------------------


class _Steps(NamedTuple):
    """Rising rates by category, calm end first, one row a count vector.

    flat: how many categories share the first one's rate. blocks: how many rates differ. gain: log-likelihood
    above the constant rate; lead: the same less the price of the further rates (quasi-BIC).
    """

    rates: Array
    flat: NDArray[np.intp]
    blocks: NDArray[np.intp]
    gain: Array
    lead: Array


def _steps(counts: Array, exposure: Array, price: float, least_flat: int = 1) -> _Steps:
    """Best number of flat categories by quasi-BIC, for counts (draws, categories) ordered calm end first.

    price: log-likelihood a further distinct rate must bring.
    """
    rates = np.stack([_pooled(counts, exposure, flat) for flat in range(least_flat, exposure.size + 1)])
    blocks = 1 + (np.diff(rates, axis=2) > 1e-9 * rates[:, :, 1:]).sum(axis=2)
    total = counts.sum(axis=1)
    gain = xlogy(counts, rates).sum(axis=2) - xlogy(total, total / exposure.sum())
    lead = gain - (blocks - 1) * price
    best, rows = lead.argmax(axis=0), np.arange(len(counts))
    chosen = rates[best, rows]
    return _Steps(chosen, _level_part(chosen), blocks[best, rows], gain[best, rows], lead[best, rows])


def _pooled(counts: Array, exposure: Array, flat: int) -> Array:
    """Rising rates (the max-min formula of isotonic regression) with the first `flat` categories as one."""
    first = counts[:, :flat].sum(axis=1, keepdims=True) * exposure[:flat] / exposure[:flat].sum()
    sums = np.cumsum(np.hstack([np.zeros((len(counts), 1)), first, counts[:, flat:]]), axis=1)
    spans = np.cumsum(np.concatenate([[0.0], exposure]))
    places = range(exposure.size)
    means = {(a, b): (sums[:, b + 1] - sums[:, a]) / (spans[b + 1] - spans[a]) for a in places for b in places[a:]}
    lowest = {(a, g): np.min([means[a, b] for b in places[g:]], axis=0) for a in places for g in places[a:]}
    return np.column_stack([np.max([lowest[a, g] for a in range(g + 1)], axis=0) for g in places])


def _fit_categories(case: _Case) -> Side:
    """Ordinal scores: one rising rate each, and the gap behind which the rise starts by quasi-BIC.

    The tests are those of the smooth curve: the best gap must lead constant and log-linear, by quasi-BIC, by
    more than it would if either were true.
    """
    groups, options, observed = case.groups, case.options, case.observed
    noise = _noise(groups, _isotonic(groups.count, case), groups.score.size)
    exposure, price = case.upward(groups.exposure), noise.by_count * np.log(groups.n.sum()) / 2
    flat, line, rising = case.profile(CONSTANT), case.profile(LOG_LINEAR), case.profile(LOG_RISING)

    def steps(counts: Array, least_flat: int = 1) -> _Steps:
        return _steps(case.upward(counts), exposure, price, least_flat)

    level_sums = np.vstack([observed, case.draws(noise, flat)])
    linear_sums = np.vstack([observed, case.draws(noise, line)])
    rise = steps(level_sums).lead
    bend = steps(linear_sums, least_flat=2).lead - (rising.fit(linear_sums).gain - price)
    rise_p, bend_p = _p_value(rise[0], rise[1:]), _p_value(bend[0], bend[1:])
    if rise_p > options.significance:
        verdict = "reversed" if _falls(line.fit(observed), noise, options.significance) else "flat"
    else:
        bends = bend_p <= options.significance and steps(observed).flat[0] > 1
        verdict = "threshold" if bends else "no_threshold"

    def rates(counts: Array) -> Array:
        upward = case.upward(counts)
        if verdict == "threshold":
            return steps(counts).rates
        if verdict == "reversed":
            return _pooled(upward[:, ::-1], exposure[::-1], 1)[:, ::-1]
        return _pooled(upward, exposure, 1 if verdict == "no_threshold" else exposure.size)

    fitted = case.upward(rates(observed))[0]
    sums = np.vstack([observed, case.sampled(noise, fitted)])
    by_category = rates(sums)
    score, same = case.upward(groups.score), _level_part(by_category)
    gap, share, growth = UNKNOWN, None, UNKNOWN
    if verdict == "threshold":
        low, high = sorted(score[same[0] - 1 : same[0] + 1].tolist())
        gap, share = Estimate(None, low, high), float(np.mean(same[1:] == same[0]))
        growth = _category_growth(by_category, same, score, options.level)
    elif verdict != "flat":
        growth = _estimate(line.fit(sums).slope / case.width, options.level)
    models: dict[str, Callable[[Array], _Outcome]] = {"constant": flat.outcome, "log-linear": line.outcome}
    if groups.score.size > 3:
        models["log-quadratic"] = case.profile(LOG_QUADRATIC).outcome
    blocks = int(steps(observed).blocks[0])
    models["categories"] = lambda sums: _Outcome(case.upward(steps(sums).rates), steps(sums).gain, blocks)
    return _side(
        case,
        noise,
        verdict,
        _Categories(groups.score, case.upward(by_category)),
        _comparison(case, noise, models),
        model="constant" if verdict == "flat" else "categories",
        threshold=gap,
        growth=growth,
        rise_p=rise_p,
        bend_p=bend_p,
        gap_share=share,
    )


def _level_part(rates: Array) -> NDArray[np.intp]:
    """How many categories, from the calm end, share the first one's rate."""
    differs = ~np.isclose(rates, rates[:, :1], rtol=1e-9, atol=0.0)
    same: NDArray[np.intp] = np.where(differs.any(axis=1), differs.argmax(axis=1), rates.shape[1])
    return same


def _category_growth(rates: Array, flat: NDArray[np.intp], score: Array, level: float) -> Estimate:
    """Mean log slope from the last flat category to the end; draws without a rise or counts are left out."""
    reach = np.abs(score[-1] - score[flat - 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.log(rates[:, -1] / rates[:, 0]) / reach
    known = np.isfinite(growth)
    return _estimate(growth[known], level) if known[0] and known[1:].any() else UNKNOWN


# --- plotting and money ------------------------------------------------------------------------------------


def garwood(count: ArrayLike, exposure: ArrayLike, level: float = 0.95, dispersion: float = 1.0) -> tuple[Array, Array]:
    """Exact Poisson limits of a rate, count / exposure (Garwood 1936, Biometrika 28:437-442).

    With a dispersion above 1 the count is taken as dispersion x Poisson, which widens the limits accordingly.
    """
    events, spread = inputs.shaped("count", count, least=0), max(dispersion, 1.0)
    months, tail = inputs.shaped("exposure", exposure, above=0), (1 - inputs.between_0_and_1("level", level)) / 2
    low = np.where(events > 0, chi2.ppf(tail, 2 * np.maximum(events, 1e-300) / spread), 0.0)
    high = chi2.ppf(1 - tail, 2 * events / spread + 2)
    return spread * low / 2 / months, spread * high / 2 / months


def binned(
    satisfaction: ArrayLike,
    count: ArrayLike,
    exposure: ArrayLike,
    n: ArrayLike | None = None,
    *,
    bins: int = 10,
    level: float = 0.95,
    dispersion: float = 1.0,
) -> pd.DataFrame:
    """Observed rates for plotting next to the curve, from customers or from sums per score.

    Arguments of one length: scores, counts, exposure above zero and how many customers a row stands for (1
    each when left out). Scores are cut into `bins` of equal width; when there are no more scores than bins
    each keeps its own row. Gives columns low, high (bin edges), score (mean, weighted by exposure), n,
    exposure, count, rate, rate_low, rate_high: exact limits (Garwood 1936), widened by the dispersion. Empty
    bins are left out.

    Raises ValueError on no rows, unequal lengths, missing or negative numbers and zero exposure, naming the
    row.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    columns = {"satisfaction": satisfaction, "count": count, "exposure": exposure}
    columns["n"] = np.ones(np.size(satisfaction)) if n is None else n
    rows = _checked(columns, positive=("exposure",))
    score = np.round(rows["satisfaction"], 9)
    names, place = np.unique(score, return_inverse=True)
    lower, upper = names, names
    if names.size > bins:
        edges = np.linspace(names[0], names[-1], bins + 1)
        used, place = np.unique(np.searchsorted(edges[1:-1], score, side="right"), return_inverse=True)
        lower, upper = edges[used], edges[used + 1]
    months, events = _summed(place, rows["exposure"]), _summed(place, rows["count"])
    rate_low, rate_high = garwood(events, months, level, dispersion)
    return pd.DataFrame(
        {
            "low": lower,
            "high": upper,
            "score": _summed(place, rows["exposure"] * score) / months,
            "n": _summed(place, rows["n"]),
            "exposure": months,
            "count": events,
            "rate": events / months,
            "rate_low": rate_low,
            "rate_high": rate_high,
        }
    )


@dataclass(frozen=True)
class Candidate:
    """A satisfaction that may be best, and the profit there per customer and unit of exposure."""

    score: float
    profit: Estimate


@dataclass(frozen=True, eq=False)
class Worth:
    """What satisfaction is worth. Money is per customer and unit of exposure (the curve's), slopes per point.

    table: one row a score with profit, low, high (its band); from_praise, from_complaints, from_retention and
    cost, the parts of one more point; net, net_low, net_high, their sum; break_even, the cost per point at
    which one more point just pays.
    best: the score of highest profit, with its bootstrap interval.
    interior: the best score up to the praise threshold, where gains fade as satisfaction rises (without a
    threshold, the best below the top). corner: full satisfaction, the top of the scale, where gains grow.
    corner_share: share of the bootstrap draws in which the corner beats the interior.
    break_even_to_corner: cost per point, averaged from interior to corner, at which both are equally good.
    """

    table: pd.DataFrame
    best: Estimate
    interior: Candidate
    corner: Candidate
    corner_share: float
    break_even_to_corner: Estimate

    @property
    def corner_pays(self) -> bool:
        """Whether full satisfaction earns more than the best score up to the praise threshold."""
        return (self.corner.profit.estimate or 0.0) > (self.interior.profit.estimate or 0.0)


def worth(
    curve: WordOfMouth,
    value_of_praise: float,
    cost_of_complaint: float,
    retention: MoneyCurve = 0.0,
    cost_of_satisfaction: MoneyCurve = 0.0,
    *,
    points: int = 401,
) -> Worth:
    """What one more point of satisfaction is worth at each place, and which place is best.

    pi(s) = retention(s) + value_of_praise x praise(s) - cost_of_complaint x complaints(s) -
    cost_of_satisfaction(s) (return on quality: Rust, Zahorik & Keiningham 1995, J. Marketing 59(2):58-70).
    value_of_praise and cost_of_complaint are money per event; retention and cost_of_satisfaction are money
    per customer and unit of exposure, each a function of an array of scores or a number, the slope per point
    from the lowest score.

    The praise side is convex, so its first-order condition marks a minimum: profit is searched on a grid of
    `points` scores (the categories themselves, if the curve has them), and both candidates are returned.
    Draws carry the uncertainty of the curve only; retention and cost are taken as given.

    Raises ValueError when only one score was observed.
    """
    lowest, highest = curve.scale
    if lowest == highest:
        raise ValueError(f"only the score {lowest:g} was observed: what a point more is worth cannot be told")
    inputs.number("points", points, least=3)
    score = np.array(curve.categories) if curve.categories else np.linspace(lowest, highest, points)
    praise = inputs.number("value_of_praise", value_of_praise) * curve.praise.fitted.rates(score)
    complaints = -inputs.number("cost_of_complaint", cost_of_complaint) * curve.complaint.fitted.rates(score)
    kept, cost = _money("retention", retention, score), _money("cost_of_satisfaction", cost_of_satisfaction, score)
    gross = praise + complaints + kept
    profit, level = gross - cost, curve.praise.level
    slope = np.gradient(profit, score, axis=1)
    rows, interior = np.arange(len(profit)), profit[:, : _praise_start(curve.praise, score)].argmax(axis=1)
    gain = profit[:, -1] - profit[rows, interior]
    rise = (gross[:, -1] - gross[rows, interior]) / (score[-1] - score[interior])
    low, high = _band(profit[1:], level)
    net_low, net_high = _band(slope[1:], level)
    table = pd.DataFrame(
        {
            "score": score,
            "profit": profit[0],
            "low": low,
            "high": high,
            "from_praise": np.gradient(praise[0], score),
            "from_complaints": np.gradient(complaints[0], score),
            "from_retention": np.gradient(kept, score),
            "cost": np.gradient(cost, score),
            "net": slope[0],
            "net_low": net_low,
            "net_high": net_high,
            "break_even": np.gradient(gross[0], score),
        }
    )
    return Worth(
        table=table,
        best=_estimate(score[profit.argmax(axis=1)], level),
        interior=Candidate(float(score[interior[0]]), _estimate(profit[:, interior[0]], level)),
        corner=Candidate(float(score[-1]), _estimate(profit[:, -1], level)),
        corner_share=float(np.mean(gain[1:] > 0)),
        break_even_to_corner=_estimate(rise, level),
    )


def _money(name: str, curve: MoneyCurve, score: Array) -> Array:
    amounts = inputs.finite(name, curve(score) if callable(curve) else curve * (score - score[0]))
    if amounts.size not in (1, score.size):
        raise ValueError(f"{name} must give one amount a score: {score.size}, not {amounts.size}")
    return np.broadcast_to(amounts, score.shape)


def _praise_start(praise: Side, score: Array) -> int:
    """How many scores lie up to the praise threshold; without one, all but the top."""
    start = praise.threshold.low if praise.threshold.estimate is None else praise.threshold.estimate
    below = score.size if start is None else int(np.searchsorted(score, start, side="right"))
    return min(max(below, 1), score.size - 1)
