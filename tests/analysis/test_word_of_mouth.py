"""The curve finds thresholds where they are, refuses them where they are not, and prices a point."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from dashboard.analysis.word_of_mouth import (
    MODELS,
    VERDICTS,
    Estimate,
    WordOfMouth,
    binned,
    fit_curve,
    fit_curve_from_groups,
    garwood,
    worth,
)

Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
TRUTH = {
    "complaint_threshold": 40.0,
    "praise_threshold": 80.0,
    "complaint_growth": 0.08,
    "praise_growth": 0.12,
}


def gamma_counts(rng: np.random.Generator, mean: np.ndarray, spread: float) -> np.ndarray:
    """Poisson counts of customers who differ by a gamma factor of variance `spread`."""
    return rng.poisson(mean * rng.gamma(1 / spread, spread, mean.size) if spread else mean)


def two_hinges(n: int, seed: int, spread: float = 0.5) -> Rows:
    """METHODS' truth: scores 0-100, complaints below 40 grow by .08 a point, praise above 80 by .12."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.uniform(0, 100, n))
    months = rng.integers(6, 19, n).astype(float)
    praise = months * 0.03 * np.exp(0.12 * np.maximum(0, score - 80))
    complaint = months * 0.012 * np.exp(0.08 * np.maximum(0, 40 - score))
    return score, gamma_counts(rng, praise, spread), gamma_counts(rng, complaint, spread), months


def composite(n: int, seed: int, step: float = 1 / 8) -> Rows:
    """A 1-5 index as the demo has it: thresholds 2.6 and 4.2, growth 2 and 3 a point."""
    rng = np.random.default_rng(seed)
    score = np.round(np.clip(rng.normal(3.6, 0.8, n), 1, 5) / step) * step
    months = rng.integers(3, 25, n).astype(float)
    praise = months * 0.02 * np.exp(3 * np.maximum(0, score - 4.2))
    complaint = months * 0.015 * np.exp(2 * np.maximum(0, 2.6 - score))
    return score, gamma_counts(rng, praise, 0.5), gamma_counts(rng, complaint, 0.5), months


def without_threshold(n: int, seed: int, growth: float, step: float = 2.5) -> Rows:
    """Both sides log-linear over the whole scale of 0-100, or constant when the growth is 0."""
    rng = np.random.default_rng(seed)
    score = np.round(np.clip(rng.normal(65, 20, n), 0, 100) / step) * step
    months = rng.integers(3, 19, n).astype(float)
    praise = months * 0.03 * np.exp(growth * score)
    complaint = months * 0.03 * np.exp(growth * (100 - score))
    return score, gamma_counts(rng, praise, 0.5), gamma_counts(rng, complaint, 0.5), months


def sums(rows: Rows) -> pd.DataFrame:
    """What the warehouse would hand over for these customers, written as its SQL would."""
    score, praise, complaint, months = rows
    customers = pd.DataFrame({"satisfaction": score, "praise": praise, "complaint": complaint})
    customers = customers.assign(
        n=1,
        exposure=months,
        praise_square=praise**2 / months,
        complaint_square=complaint**2 / months,
    )
    return customers.groupby("satisfaction", as_index=False).sum()


def numbers(curve: WordOfMouth) -> list[float | None]:
    """Every headline number of a curve, in one list."""
    estimates = [asdict(getattr(curve, name)) for name in [*TRUTH, "complaint_base", "praise_base"]]
    return [value for estimate in estimates for value in estimate.values()]


def errors(curves: list[WordOfMouth], name: str) -> np.ndarray:
    found = [getattr(curve, name).estimate for curve in curves]
    return np.array([estimate - TRUTH[name] for estimate in found if estimate is not None])


def rmse(curves: list[WordOfMouth], name: str) -> float:
    return float(np.sqrt(np.mean(errors(curves, name) ** 2)))


@pytest.fixture(scope="module")
def at_500() -> list[WordOfMouth]:
    return [fit_curve(*two_hinges(500, seed), draws=99) for seed in range(25)]


@pytest.fixture(scope="module")
def at_5k() -> list[WordOfMouth]:
    return [fit_curve(*two_hinges(5_000, seed), draws=199) for seed in range(40)]


@pytest.fixture(scope="module")
def at_50k() -> list[WordOfMouth]:
    return [fit_curve(*two_hinges(50_000, seed), draws=99) for seed in range(8)]


# --- what is found when the threshold is real


def test_thresholds_are_recovered_as_well_as_published(at_500, at_5k, at_50k):
    published = {"complaint_threshold": (6.8, 1.7, 0.38), "praise_threshold": (2.6, 0.72, 0.24)}
    for name, limits in published.items():
        for curves, limit in zip((at_500, at_5k, at_50k), limits, strict=True):
            assert rmse(curves, name) < 1.5 * limit


def test_growth_is_within_three_percent_at_50k(at_50k):
    assert rmse(at_50k, "complaint_growth") < 0.03 * TRUTH["complaint_growth"]
    assert rmse(at_50k, "praise_growth") < 0.03 * TRUTH["praise_growth"]


def test_a_real_threshold_is_nearly_always_claimed_at_5k(at_5k):
    claims = [verdict for curve in at_5k for verdict in curve.verdict.values()]
    assert claims.count("threshold") >= 0.95 * len(claims)


def test_intervals_cover_about_as_often_as_they_say(at_5k):
    covered = []
    for name, truth in TRUTH.items():
        bands = [getattr(curve, name) for curve in at_5k if getattr(curve, name).estimate is not None]
        covered.append(np.mean([band.low <= truth <= band.high for band in bands]))
    assert min(covered) >= 0.8
    assert np.mean(covered) >= 0.88


def test_no_direct_search_finds_a_more_likely_hinge(at_5k):
    side = at_5k[0].praise
    score, exposure, count = side.groups.score, side.groups.exposure, side.groups.count

    def misfit(parameters: np.ndarray) -> float:
        threshold, growth, level = parameters
        log_rate = level + growth * np.maximum(0, score - threshold)
        return float((exposure * np.exp(log_rate) - count * log_rate).sum())

    fitted = np.array([side.threshold.estimate, side.growth.estimate, np.log(side.base.estimate)])
    starts = fitted * np.random.default_rng(0).uniform(0.9, 1.1, (20, 3))
    searched = min(minimize(misfit, start, method="Nelder-Mead", tol=1e-9).fun for start in starts)
    assert misfit(fitted) <= searched + 1e-3


def test_rate_bands_hold_the_true_rates(at_5k):
    score = np.array([0.0, 20.0, 60.0, 90.0, 100.0])
    praise = 0.03 * np.exp(0.12 * np.maximum(0, score - 80))
    complaint = 0.012 * np.exp(0.08 * np.maximum(0, 40 - score))
    inside = []
    for curve in at_5k:
        for truth, band in (
            (praise, curve.rate_of_praise(score)),
            (complaint, curve.rate_of_complaint(score)),
        ):
            assert (band.low <= band.rate).all() and (band.rate <= band.high).all()
            inside.append((band.low <= truth) & (truth <= band.high))
    assert np.mean(inside) > 0.9


def test_the_hinge_wins_the_comparison_when_it_is_true(at_50k):
    table = at_50k[0].comparison
    assert list(table.model) == [*MODELS, *MODELS]
    for _, side in table.groupby("side"):
        for criterion in ("qaicc", "qbic", "cv_deviance"):
            assert side.loc[side[criterion].idxmin(), "model"] == "hinge"


def test_held_out_deviance_of_the_true_model_is_one_a_score_and_fold():
    curve = fit_curve(*two_hinges(50_000, seed=20, spread=0.0))
    for side in (curve.complaint, curve.praise):
        held_out = side.comparison.set_index("model").loc["hinge", "cv_deviance"]
        assert held_out == pytest.approx(5 * side.groups.score.size, rel=0.15)


def test_the_isotonic_check_agrees_with_a_true_hinge_and_is_monotone(at_5k):
    passed = [side.isotonic_p > 0.05 for curve in at_5k for side in (curve.complaint, curve.praise)]
    assert np.mean(passed) > 0.85
    assert at_5k[0].praise.isotonic["isotonic"].is_monotonic_increasing
    assert at_5k[0].complaint.isotonic["isotonic"].is_monotonic_decreasing


def test_a_composite_index_of_one_to_five_gives_thresholds_in_its_own_points():
    curve = fit_curve(*composite(20_000, seed=1))
    assert curve.complaint_threshold.estimate == pytest.approx(2.6, abs=0.12)
    assert curve.praise_threshold.estimate == pytest.approx(4.2, abs=0.06)
    assert curve.complaint_growth.estimate == pytest.approx(2.0, rel=0.15)
    assert curve.praise_growth.estimate == pytest.approx(3.0, rel=0.1)
    assert curve.complaint_base.estimate == pytest.approx(0.015, rel=0.06)
    assert curve.praise_base.estimate == pytest.approx(0.02, rel=0.06)
    assert curve.categories is None
    assert curve.n == 20_000


# --- what is refused


def test_a_log_linear_truth_hardly_ever_earns_a_threshold():
    curves = [fit_curve(*without_threshold(2_000, seed, 0.02), draws=99) for seed in range(30)]
    verdicts = [verdict for curve in curves for verdict in curve.verdict.values()]
    assert verdicts.count("threshold") + verdicts.count("smooth") <= 3  # 60 tests at 1 %: above 3 once in 300
    assert verdicts.count("no_threshold") >= 55
    growth = [curve.praise_growth.estimate for curve in curves if curve.praise_growth.estimate is not None]
    assert np.mean(growth) == pytest.approx(0.02, rel=0.05)


def test_a_constant_truth_is_called_flat_and_gives_no_threshold():
    curves = [fit_curve(*without_threshold(2_000, seed, 0.0), draws=99) for seed in range(30)]
    verdicts = [verdict for curve in curves for verdict in curve.verdict.values()]
    assert verdicts.count("flat") >= 54
    assert "threshold" not in verdicts
    flat = next(curve.praise for curve in curves if curve.praise.verdict == "flat")
    assert flat.threshold == flat.growth == Estimate(None, None, None)
    assert np.ptp(flat.rate([0, 50, 100]).rate) == 0


def test_praise_that_falls_with_satisfaction_is_called_reversed():
    score, praise, complaint, months = without_threshold(3_000, 1, 0.03)
    curve = fit_curve(100 - score, praise, complaint, months)
    assert curve.verdict == {"complaint": "reversed", "praise": "reversed"}
    assert curve.praise_growth.high < 0


def test_a_curve_that_bends_without_a_dead_zone_is_not_sold_as_a_threshold():
    rng = np.random.default_rng(5)
    score = np.round(rng.uniform(0, 100, 40_000))
    months = np.full(score.size, 12.0)
    praise = rng.poisson(months * 0.02 * np.exp(4 * (score / 100) ** 2))
    complaint = rng.poisson(months * 0.02 * np.exp(4 * (1 - score / 100) ** 2))
    curve = fit_curve(score, praise, complaint, months)
    assert curve.verdict == {"complaint": "smooth", "praise": "smooth"}
    assert curve.praise_threshold == Estimate(None, None, None)
    assert curve.praise.rate([100.0]).rate[0] == pytest.approx(0.02 * np.exp(4), rel=0.05)


# --- over-dispersion


def test_dispersion_is_pearsons_phi_of_the_customers():
    score, praise, complaint, months = two_hinges(4_000, seed=3, spread=1.0)
    curve = fit_curve(score, praise, complaint, months)
    expected = curve.rate_of_praise(score).rate * months
    pearson = ((praise - expected) ** 2 / expected).sum() / (score.size - 3)
    assert curve.dispersion["praise"] == pytest.approx(pearson, rel=1e-3)
    assert curve.dispersion["praise"] > 1.2


def test_over_dispersed_customers_get_wider_bands_than_poisson_ones():
    widths = []
    for spread in (0.0, 3.0):
        band = fit_curve(*two_hinges(20_000, seed=4, spread=spread)).praise_base
        widths.append((band.high - band.low) / band.estimate)
    assert widths[1] > 1.2 * widths[0]


def test_without_squares_the_dispersion_is_told_from_the_scatter_of_the_scores():
    table = sums(two_hinges(20_000, seed=6, spread=0.0)).drop(columns=["praise_square", "complaint_square"])
    doubled = table.assign(praise=table.praise * 4, complaint=table.complaint * 4)
    assert fit_curve_from_groups(table).dispersion["praise"] == pytest.approx(1.0, abs=0.35)
    assert fit_curve_from_groups(doubled).dispersion["praise"] == pytest.approx(4.0, abs=1.4)


# --- the same data in another shape


def test_customers_and_their_sums_give_the_same_curve():
    rows = two_hinges(3_000, seed=7)
    assert numbers(fit_curve(*rows)) == pytest.approx(numbers(fit_curve_from_groups(sums(rows))), rel=1e-9)


def test_the_order_of_the_rows_does_not_matter():
    rows = composite(2_000, seed=8)
    order = np.random.default_rng(0).permutation(2_000)
    shuffled = fit_curve(*(column[order] for column in rows))
    assert numbers(shuffled) == pytest.approx(numbers(fit_curve(*rows)), rel=1e-9)


def test_a_score_may_be_spread_over_several_rows_of_sums():
    table = sums(two_hinges(3_000, seed=9))
    halves = pd.concat([table * [1, *[0.25] * 6], table * [1, *[0.75] * 6]])
    assert numbers(fit_curve_from_groups(halves)) == pytest.approx(numbers(fit_curve_from_groups(table)), rel=1e-9)


def test_a_weight_is_so_many_customers():
    rows = composite(1_500, seed=10)
    weights = np.random.default_rng(1).integers(0, 4, 1_500)
    repeated = fit_curve(*(np.repeat(column, weights) for column in rows))
    assert numbers(fit_curve(*rows, weights)) == pytest.approx(numbers(repeated), rel=1e-9)
    assert fit_curve(*rows, weights).n == weights.sum()


def test_another_unit_of_exposure_only_rescales_the_rates():
    score, praise, complaint, months = two_hinges(3_000, seed=11)
    monthly, yearly = (
        fit_curve(score, praise, complaint, months),
        fit_curve(score, praise, complaint, months / 12),
    )
    assert yearly.praise_base.estimate == pytest.approx(12 * monthly.praise_base.estimate)
    assert yearly.praise_threshold.estimate == pytest.approx(monthly.praise_threshold.estimate)


def test_scores_finer_than_the_bins_are_merged_without_harm():
    rng = np.random.default_rng(12)
    score = rng.uniform(0, 100, 20_000)
    praise = rng.poisson(12 * 0.03 * np.exp(0.12 * np.maximum(0, score - 80)))
    complaint = rng.poisson(12 * 0.02 * np.exp(0.08 * np.maximum(0, 40 - score)))
    curve = fit_curve(score, praise, complaint, np.full(20_000, 12.0), draws=99)
    assert curve.praise.groups.score.size == 256
    assert curve.praise_threshold.estimate == pytest.approx(80, abs=1.2)
    assert curve.complaint_threshold.estimate == pytest.approx(40, abs=2.0)


def test_the_same_seed_gives_the_same_bands_and_the_result_is_frozen():
    rows = composite(1_000, seed=13)
    curve = fit_curve(*rows)
    assert numbers(curve) == numbers(fit_curve(*rows))
    with pytest.raises(FrozenInstanceError):
        curve.n = 0


# --- few categories


def test_with_five_categories_a_threshold_is_a_gap_between_two():
    curve = fit_curve(*composite(5_000, seed=14, step=1.0))
    assert curve.categories == (1.0, 2.0, 3.0, 4.0, 5.0)
    assert curve.complaint_threshold == Estimate(None, 2.0, 3.0)
    assert curve.praise_threshold == Estimate(None, 4.0, 5.0)
    assert curve.praise.gap_share > 0.9
    assert curve.praise_growth.estimate == pytest.approx(3 * 0.8, rel=0.1)
    assert list(curve.praise.comparison.model) == ["constant", "log-linear", "log-quadratic", "categories"]


def test_category_rates_are_the_pooled_flat_part_and_the_observed_rise():
    table = pd.DataFrame(
        {
            "satisfaction": [1, 2, 3, 4, 5],
            "n": [1_000] * 5,
            "exposure": [10_000.0] * 5,
            "praise": [200, 190, 210, 200, 1_500],
            "complaint": [1_200, 150, 160, 155, 145],
        }
    )
    curve = fit_curve_from_groups(table)
    assert curve.rate_of_praise([1, 2, 3, 4, 5]).rate == pytest.approx([0.02] * 4 + [0.15])
    assert curve.praise_threshold == Estimate(None, 4.0, 5.0)
    assert curve.complaint_threshold == Estimate(None, 1.0, 2.0)


def test_categories_refuse_a_threshold_under_log_linear_and_constant_truth():
    for growth, expected in ((0.02, "no_threshold"), (0.0, "flat")):
        curves = [fit_curve(*without_threshold(2_000, seed, growth, step=25.0), draws=99) for seed in range(30)]
        verdicts = [verdict for curve in curves for verdict in curve.verdict.values()]
        assert verdicts.count("threshold") <= 2
        assert verdicts.count(expected) >= 54


# --- edges


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="no rows"):
        fit_curve([], [], [], [])


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (0, np.nan, "satisfaction, row 2: must be a finite number"),
        (1, np.nan, "praise, row 2: must be a finite number of zero or more, not nan"),
        (2, -1.0, "complaints, row 2: .* zero or more, not -1"),
        (3, 0.0, "exposure, row 2: .* above zero, not 0"),
    ],
)
def test_a_bad_number_is_refused_by_column_and_row(column, value, message):
    rows = [np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4), np.ones(4), np.ones(4)]
    rows[column][2] = value
    with pytest.raises(ValueError, match=message):
        fit_curve(*rows)


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="praise 1"):
        fit_curve([1, 2], [0], [0, 0], [1, 1])


def test_a_table_without_a_needed_column_names_it():
    with pytest.raises(ValueError, match="lacks the columns exposure"):
        fit_curve_from_groups(sums(composite(50, 1)).drop(columns="exposure"))


def test_squares_that_cannot_be_sums_over_customers_are_refused():
    table = sums(composite(500, 1)).assign(praise_square=0.0)
    with pytest.raises(ValueError, match=r"praise_square, row .*: must be at least .*sum it over customers"):
        fit_curve_from_groups(table)


def test_too_few_draws_for_the_significance_are_refused():
    with pytest.raises(ValueError, match="take at least 99"):
        fit_curve(*composite(100, 1), draws=98)


def test_one_score_gives_one_rate():
    curve = fit_curve([4.0] * 100, [1] * 100, [0, 1] * 50, [10.0] * 100)
    assert curve.verdict == {"complaint": "one_score", "praise": "one_score"}
    assert curve.praise_base.estimate == pytest.approx(0.1)
    with pytest.raises(ValueError, match="only the score 4"):
        worth(curve, 1.0, 1.0)


def test_no_event_at_all_gives_zero_with_the_exact_upper_limit():
    score = np.tile(np.arange(1, 5.1, 0.25), 20)
    none = np.zeros(score.size)
    curve = fit_curve(score, none, none, np.full(score.size, 2.0))
    assert curve.verdict == {"complaint": "too_few", "praise": "too_few"}
    upper = -np.log(0.025) / (2.0 * score.size)
    assert curve.praise_base == Estimate(0.0, 0.0, pytest.approx(upper))
    band = curve.rate_of_praise([1.0, 3.0])
    assert band.rate.tolist() == band.low.tolist() == [0.0, 0.0]
    assert band.high == pytest.approx([upper, upper])


def test_no_complaint_leaves_the_praise_side_as_it_was():
    score, praise, _, months = composite(4_000, seed=15)
    curve = fit_curve(score, praise, np.zeros(4_000), months)
    assert curve.verdict == {"complaint": "too_few", "praise": "threshold"}
    assert curve.praise_threshold.estimate == pytest.approx(4.2, abs=0.1)


def test_categories_without_a_single_event_keep_an_upper_limit():
    table = pd.DataFrame({"satisfaction": [1, 2, 3], "n": 500, "exposure": 5_000.0, "praise": [0, 0, 400]})
    curve = fit_curve_from_groups(table.assign(complaint=[300, 0, 0]))
    band = curve.rate_of_praise([1.0, 2.0, 3.0])
    assert band.rate == pytest.approx([0.0, 0.0, 0.08])
    assert band.high[:2] == pytest.approx(-np.log(0.025) / 10_000)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 40).map(lambda eighths: 1 + eighths / 10),
            st.integers(0, 30),
            st.integers(0, 30),
            st.floats(0.1, 50),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_any_counts_give_ordered_finite_bands(rows):
    curve = fit_curve(*(np.array(column, dtype=float) for column in zip(*rows, strict=True)), draws=99)
    assert set(curve.verdict.values()) <= set(VERDICTS)
    for band in (curve.rate_of_praise(np.linspace(0, 6, 13)), curve.rate_of_complaint(np.linspace(0, 6, 13))):
        assert np.isfinite(band.high).all()
        assert (band.low >= 0).all() and (band.low <= band.rate).all() and (band.rate <= band.high).all()
    for threshold in (curve.complaint_threshold, curve.praise_threshold):
        if threshold.low is not None:
            assert curve.scale[0] <= threshold.low <= threshold.high <= curve.scale[1]


# --- binned rates


def test_exact_poisson_limits_are_garwoods():
    low, high = garwood([0, 1, 10], 1.0)
    assert low == pytest.approx([0.0, 0.0253, 4.7954], abs=1e-4)
    assert high == pytest.approx([3.6889, 5.5716, 18.3904], abs=1e-4)


def test_bins_keep_every_count_and_split_the_scale_evenly():
    score, praise, _, months = two_hinges(2_000, seed=16)
    table = binned(score, praise, months, bins=20)
    assert table["count"].sum() == praise.sum()
    assert table["exposure"].sum() == pytest.approx(months.sum())
    assert table["n"].sum() == 2_000
    assert (table.low <= table.score).all() and (table.score <= table.high).all()
    assert (table.high - table.low).to_numpy() == pytest.approx(5.0)


def test_few_scores_are_their_own_bins_and_dispersion_widens_them():
    narrow = binned([1, 1, 2], [3, 4, 10], [10.0, 20.0, 10.0])
    wide = binned([1, 1, 2], [3, 4, 10], [10.0, 20.0, 10.0], dispersion=4.0)
    assert narrow.score.tolist() == [1.0, 2.0]
    assert narrow.rate.tolist() == pytest.approx([7 / 30, 1.0])
    assert (wide.rate_high > narrow.rate_high).all() and (wide.rate_low < narrow.rate_low).all()


# --- what a point is worth


def test_one_more_point_is_worth_what_the_slopes_say(at_50k):
    curve = at_50k[0]
    table = worth(curve, value_of_praise=30.0, cost_of_complaint=50.0, retention=0.4).table
    at = table.set_index("score")
    complaints = curve.complaint_growth.estimate * 50 * curve.rate_of_complaint([20.0]).rate[0]
    praise = curve.praise_growth.estimate * 30 * curve.rate_of_praise([95.0]).rate[0]
    assert at.loc[20.0, "from_complaints"] == pytest.approx(complaints, rel=1e-3)
    assert at.loc[95.0, "from_praise"] == pytest.approx(praise, rel=1e-3)
    dead_zone = at.loc[45.0:75.0]
    assert dead_zone[["from_praise", "from_complaints"]].to_numpy() == pytest.approx(0.0)
    assert dead_zone["break_even"].to_numpy() == pytest.approx(0.4)


def test_the_best_satisfaction_is_the_interior_or_the_corner_whichever_earns_more(at_50k):
    def price(score):
        return 0.1 * (score - score[0])

    dear, cheap = (worth(at_50k[0], value, 40.0, 0.0, price) for value in (2.0, 100.0))
    # Interior: kC vC c0 exp(kC (tC - s)) = cost of a point, here .1.
    stationary = 40 - np.log(0.1 / (0.08 * 40 * 0.012)) / 0.08
    assert dear.best.estimate == dear.interior.score == pytest.approx(stationary, abs=3)
    assert not dear.corner_pays and dear.corner_share < 0.05
    assert cheap.best.estimate == cheap.corner.score == 100.0
    assert cheap.corner_pays and cheap.corner_share > 0.95
    assert cheap.best.low == 100.0
    for result in (dear, cheap):
        assert result.interior.score <= at_50k[0].praise_threshold.estimate < result.corner.score == 100.0
        assert result.best.low <= result.best.estimate <= result.best.high


def test_at_the_break_even_cost_interior_and_corner_tie(at_50k):
    free = worth(at_50k[0], 10.0, 40.0)
    cost = free.break_even_to_corner.estimate
    reach = free.corner.score - free.interior.score
    assert free.corner.profit.estimate - free.interior.profit.estimate == pytest.approx(cost * reach)


def test_with_categories_only_the_categories_are_compared():
    curve = fit_curve(*composite(5_000, seed=17, step=1.0))
    result = worth(curve, 200.0, 100.0, 0.1, lambda score: 0.5 * score)
    assert result.table.score.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert result.corner.score == 5.0
    assert result.interior.score in (1.0, 2.0, 3.0, 4.0)


def test_money_that_is_no_number_is_refused(at_50k):
    for arguments, message in (
        ((np.nan, 1.0), "value_of_praise must be a finite number"),
        ((1.0, 1.0, lambda score: score[:3]), "retention must give one amount a score"),
        ((1.0, 1.0, 0.0, lambda score: score * np.inf), "cost_of_satisfaction, row 0"),
    ):
        with pytest.raises(ValueError, match=message), np.errstate(invalid="ignore"):
            worth(at_50k[0], *arguments)
    with pytest.raises(ValueError, match="score, row 1: must be a finite number"):
        at_50k[0].rate_of_praise([50.0, np.nan])
