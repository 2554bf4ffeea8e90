"""Concentration: the published closed forms, and the promises that hold for any data."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import lognorm, norm

from dashboard.analysis.concentration import (
    WhaleCurve,
    gini,
    gini_from_groups,
    lorenz,
    lorenz_from_groups,
    top_share,
    top_share_from_groups,
    whale_curve,
)

KANTHAL_LIKE = [60, 45, 20, 8, 5, 2, 0, -5, -15, -20]


def evenly_spread(distribution, n=400_000):
    """The n quantiles in the middle of n equal slices: a sample without luck."""
    return distribution.ppf((np.arange(n) + 0.5) / n)


def as_groups(values, most=1000):
    """What the query returns: groups by exact rank, floor((rank - 1) * most / n), largest first."""
    value = np.sort(np.asarray(values, dtype=float))[::-1]
    rank = np.arange(1, value.size + 1)
    frame = pd.DataFrame({"group": (rank - 1) * most // max(value.size, 1), "value": value, "rank": rank})
    frame["gainers"], frame["gains"] = value > 0, np.maximum(value, 0)
    frame["rank_total"], frame["squares"] = rank * value, value**2
    frame["losers"] = value < 0
    return frame.groupby("group").agg(
        customers=("value", "size"),
        total=("value", "sum"),
        smallest=("value", "min"),
        gainers=("gainers", "sum"),
        gains=("gains", "sum"),
        losers=("losers", "sum"),
        rank_total=("rank_total", "sum"),
        squares=("squares", "sum"),
    )


def whale_from(groups, *columns):
    return WhaleCurve.from_groups(
        *(groups[c] for c in ("customers", "total", "smallest", "gainers", "gains")),
        **{c: groups[c] for c in columns},
    )


# ---------------------------------------------------------------- published numbers


@pytest.mark.parametrize(("sigma", "gini_index", "top_20"), [(1.0, 0.5205, 0.5629), (1.5, 0.7112, 0.7449)])
def test_lognormal_value_has_its_closed_form(sigma, gini_index, top_20):
    values = evenly_spread(lognorm(sigma))
    assert gini(values) == pytest.approx(gini_index, abs=2e-4)
    assert top_share(values, 0.2) == pytest.approx(top_20, abs=2e-4)


def test_pareto_80_20_has_its_closed_form():
    # Groups cut from the exact Lorenz curve, top share(q) = q ** (1 - 1/alpha), finer towards the top.
    alpha = np.log(5) / np.log(4)
    reached = np.unique(np.concatenate([np.geomspace(1, 2e11, 4000).round(), np.linspace(1e7, 1e12, 4001)]))
    customers = np.diff(reached, prepend=0)
    total = np.diff((reached / 1e12) ** (1 - 1 / alpha), prepend=0)
    assert gini_from_groups(customers, total) == pytest.approx(0.75647, abs=1e-5)
    assert lorenz_from_groups(customers, total).top_share(0.2) == pytest.approx(0.8, abs=1e-9)


def test_whale_curve_of_the_ten_customer_example():
    curve = whale_curve(KANTHAL_LIKE)
    assert list(curve.points().profit) == [0, 60, 105, 125, 133, 138, 140, 140, 135, 120, 100]
    assert list(curve.points().profit_share) == pytest.approx([m / 100 for m in curve.points().profit])
    assert (curve.top_20_share, curve.peak_share, curve.erosion) == pytest.approx((1.05, 1.4, 0.4))
    assert (curve.gainers, curve.break_even, curve.loss_makers) == (6, 1, 3)
    assert (curve.total, curve.gains, curve.losses) == (100, 140, -40)
    assert (curve.peak_at_share, curve.loss_maker_share) == pytest.approx((0.6, 0.3))
    assert curve.worst_10_share == pytest.approx(-0.2)
    assert curve.full_profit_at_share == pytest.approx((1 + 40 / 45) / 10)


@pytest.mark.parametrize(("c", "top_20", "peak", "peak_at"), [(2, 0.760, 1.396, 0.691), (3, 1.040, 1.763, 0.631)])
def test_normal_profit_has_its_closed_form(c, top_20, peak, peak_at):
    curve = whale_curve(evenly_spread(norm(1, c)))
    assert curve.top_20_share == pytest.approx(top_20, abs=6e-4)
    assert curve.peak_share == pytest.approx(peak, abs=6e-4)
    assert curve.peak_at_share == pytest.approx(peak_at, abs=6e-4)
    # share(q) = q + c phi(z(1-q)) at any q, and the worst tenth is its mirror image
    assert curve.top_share(0.05) == pytest.approx(0.05 + c * norm.pdf(norm.isf(0.05)), abs=1e-3)
    assert curve.worst_10_share == pytest.approx(0.1 - c * norm.pdf(norm.isf(0.1)), abs=1e-3)


@pytest.mark.parametrize(("c", "top_20"), [(3.57, 1.20), (4.29, 1.40)])
def test_the_best_fifth_make_120_to_140_percent_where_profits_spread_so_much(c, top_20):
    assert whale_curve(evenly_spread(norm(1, c))).top_20_share == pytest.approx(top_20, abs=3e-3)


# ---------------------------------------------------------------- promises for any data

money = st.integers(-(10**7), 10**7).map(lambda cents: cents / 100)
profits = st.lists(money, min_size=1, max_size=60)
revenues = st.lists(money.map(abs), min_size=1, max_size=60)


def figures(curve):
    """Every figure of a whale curve, with shares as money so that a small total does not magnify rounding."""
    points = curve.points()
    return [
        curve.customers,
        curve.gainers,
        curve.loss_makers,
        curve.break_even,
        curve.total,
        curve.gains,
        curve.losses,
        *points.profit,
        *points.customers_share,
    ]


def clearly_positive(values):
    return sum(values) > 1e-3 * sum(map(abs, values)) > 0


@given(revenues, st.randoms(use_true_random=False), st.sampled_from([0.25, 3.0, 1e6]), st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_gini_and_top_share_ignore_order_scale_and_duplication(values, random, scale, share):
    assume(sum(values) > 0)
    shuffled = random.sample(values, len(values))
    expected = gini(values), top_share(values, share)
    for same in (shuffled, np.array(values) * scale, pd.Series(values), np.repeat(values, 3)):
        assert (gini(same), top_share(same, share)) == pytest.approx(expected, abs=1e-12)


@given(profits, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_whale_curve_ignores_order_scale_and_duplication(values, random):
    assume(clearly_positive(values))
    curve = whale_curve(values)
    assert figures(whale_curve(random.sample(values, len(values)))) == figures(curve)
    for same in (np.array(values) * 1024, np.repeat(values, 2)):
        other = whale_curve(same)
        for name in ("peak_share", "erosion", "peak_at_share", "top_20_share", "worst_10_share",
                     "loss_maker_share", "full_profit_at_share"):  # fmt: skip
            assert getattr(other, name) == pytest.approx(getattr(curve, name), rel=1e-9, abs=1e-9)


@given(profits)
@settings(deadline=None, max_examples=60)
def test_whale_curve_rises_to_its_peak_and_falls_to_the_total(values):
    curve = whale_curve(values)
    path = curve.points().profit.to_numpy()
    peak = path.argmax()
    assert (np.diff(path[: peak + 1]) >= 0).all()
    assert (np.diff(path[peak:]) <= 0).all()
    assert path[-1] == curve.total
    assert max(path) == curve.gains
    assert curve.gainers + curve.break_even + curve.loss_makers == curve.customers == len(values)
    assert curve.gains + curve.losses == pytest.approx(curve.total, abs=1e-6)


@given(revenues, st.sampled_from([1, 7, 1000]), st.data())
@settings(deadline=None, max_examples=80)
def test_groups_and_single_customers_agree_on_revenue(values, most, data):
    assume(sum(values) > 0)
    g = as_groups(values, most)
    assert gini_from_groups(g.customers, g.total, g.rank_total) == pytest.approx(gini(values), abs=1e-12)
    # mid-ranks leave out the inequality inside a group, so they never overstate
    assert gini_from_groups(g.customers, g.total) <= gini(values) + 1e-12
    boundary = data.draw(st.integers(0, most)) / most
    assert top_share_from_groups(g.customers, g.total, g.smallest, boundary) == pytest.approx(
        top_share(values, boundary), abs=1e-12
    )


@given(profits, st.sampled_from([1, 7, 1000]))
@settings(deadline=None, max_examples=80)
def test_groups_and_single_customers_agree_on_profit(values, most):
    one_by_one, grouped = whale_curve(values), whale_from(as_groups(values, most), "losers")
    scale = sum(map(abs, values)) or 1.0
    for name in ("customers", "gainers", "break_even", "loss_makers"):
        assert getattr(grouped, name) == getattr(one_by_one, name)
    for name in ("total", "gains", "losses"):
        assert getattr(grouped, name) == pytest.approx(getattr(one_by_one, name), abs=1e-12 * scale)
    for boundary in np.arange(most + 1) / most:
        position = boundary * len(values)
        assert grouped.ranking.money_at(position) == pytest.approx(
            one_by_one.ranking.money_at(position), abs=1e-12 * scale
        )


def test_a_thousand_groups_give_the_figures_of_all_customers():
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.lognormal(0, 1.5, 12_345) - 2, np.zeros(678)])
    one_by_one, grouped = whale_curve(values), whale_from(as_groups(values), "losers")
    for name in ("peak_share", "erosion", "peak_at_share", "top_20_share", "worst_10_share",
                 "loss_maker_share", "break_even"):  # fmt: skip
        assert getattr(grouped, name) == pytest.approx(getattr(one_by_one, name), abs=1e-12)
    # only inside a group is a straight line drawn
    assert grouped.full_profit_at_share == pytest.approx(one_by_one.full_profit_at_share, abs=1e-4)


# ---------------------------------------------------------------- small and odd data


def test_empty_data_has_no_figures_and_an_empty_curve():
    curve = whale_curve([])
    assert (curve.customers, curve.total, curve.peak_share, curve.loss_maker_share) == (0, 0, None, None)
    assert gini([]) is top_share([], 0.2) is gini_from_groups([], []) is None
    assert curve.interval() is lorenz([]).interval() is None
    assert list(curve.points().profit) == list(lorenz([]).points().value) == [0]


def test_one_customer_holds_everything_and_nothing_is_unequal():
    assert gini([7.0]) == 0
    assert top_share([7.0], 0.2) == pytest.approx(0.2)
    assert whale_curve([7.0]).peak_share == 1


def test_equal_customers_lie_on_the_diagonal():
    points = lorenz([3.0] * 50).points()
    assert points.value_share.to_list() == pytest.approx(points.customers_share.to_list())
    assert gini([3.0] * 50) == pytest.approx(0, abs=1e-12)


def test_one_customer_with_everything_has_the_largest_gini():
    assert gini([0, 0, 0, 0, 9]) == pytest.approx(0.8)


def test_zeros_have_no_shares():
    curve = lorenz([0.0, 0.0])
    assert curve.gini is curve.top_share(0.5) is None
    assert curve.points().value_share.to_list() == [None, None, None]
    assert curve.points().value.to_list() == [0, 0, 0]


@pytest.mark.parametrize("values", [[5, -8, 1], [-1, -2], [0.1, 0.2, -0.3], [0, 0]])
def test_shares_of_a_total_that_is_not_positive_are_none_and_the_money_stays(values):
    curve = whale_curve(values)
    assert curve.peak_share is curve.erosion is curve.top_20_share is curve.worst_10_share is None
    assert curve.top_share(0.5) is curve.full_profit_at_share is curve.interval() is None
    points = curve.points()
    assert points.profit_share.to_list() == [None] * len(points)
    assert points.profit.to_list() == pytest.approx([0, *np.cumsum(sorted(values, reverse=True))])
    assert curve.loss_makers == sum(v < 0 for v in values)


def test_a_negative_value_is_refused_with_its_position():
    with pytest.raises(ValueError, match=r"values, row 2: must be zero or more .*clip.*, not -4"):
        gini([1, 2, -4, -5])
    with pytest.raises(ValueError, match=r"values, row 1 \('Wang'\).*, not -1"):
        top_share(pd.Series([3, -1], index=["Li", "Wang"]), 0.2)
    with pytest.raises(ValueError, match=r"total, row 1: must be zero or more .*, not -1"):
        gini_from_groups([2, 2], [5, -1])


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_a_missing_value_is_refused_with_its_row(missing):
    with pytest.raises(ValueError, match=r"profits, row 1 \('b'\)"):
        whale_curve(pd.Series([1, missing, 2], index=list("abc")))
    with pytest.raises(ValueError, match="gains, row 1"):
        WhaleCurve.from_groups([1, 1], [1, 0], [1, 0], [1, 0], pd.Series([1, missing]))


def test_a_missing_value_of_a_nullable_column_is_refused():
    with pytest.raises(ValueError, match="values, row 1"):
        gini(pd.Series([1, None], dtype="Float64"))


def test_groups_out_of_order_are_refused():
    with pytest.raises(ValueError, match=r"total, row 1: the group holds larger values.*largest first"):
        gini_from_groups([10, 10], [5, 50])


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"one length.* smallest 1|one length.* rank_total 1"):
        gini_from_groups([10, 10], [50, 5], [1.0])


def test_a_share_outside_zero_and_one_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1; got 20"):
        top_share([1, 2], 20)


def test_groups_without_customers_change_nothing():
    assert gini_from_groups([1, 0, 1], [3, 0, 1]) == gini_from_groups([1, 1], [3, 1])


# ---------------------------------------------------------------- drawing and intervals


def test_points_thin_the_curve_but_keep_its_peak_its_ends_and_its_shape():
    curve = whale_curve(evenly_spread(norm(1, 3), 50_000))
    points = curve.points(60)
    assert len(points) <= 60
    assert points.profit_share.max() == curve.peak_share
    assert points.iloc[0].tolist() == [0, 0, 0]
    assert points.iloc[-1].tolist() == [1, 1, curve.total]
    everywhere = np.linspace(0, 1, 501)
    drawn = np.interp(everywhere, points.customers_share.astype(float), points.profit_share.astype(float))
    assert drawn == pytest.approx([curve.top_share(q) for q in everywhere], abs=0.01)


def test_lorenz_points_run_from_the_poorest_to_the_richest():
    points = lorenz([4, 1, 3, 2]).points()
    assert points.customers_share.to_list() == [0, 0.25, 0.5, 0.75, 1]
    assert points.value.to_list() == [0, 1, 3, 6, 10]
    assert points.value_share.to_list() == pytest.approx([0, 0.1, 0.3, 0.6, 1])
    assert len(lorenz(np.arange(1, 9999)).points(50)) <= 50


def test_intervals_cover_the_truth_at_about_their_level():
    rng, rounds = np.random.default_rng(11), 200
    truth = {
        "gini": 2 * norm.cdf(0.8 / np.sqrt(2)) - 1,
        "top_share": norm.cdf(0.8 - norm.isf(0.2)),
        "top_20_share": 0.2 + 2 * norm.pdf(norm.isf(0.2)),
        "peak_share": norm.cdf(0.5) + 2 * norm.pdf(0.5),
        "loss_maker_share": norm.cdf(-0.5),
    }
    covered = dict.fromkeys(truth, 0)
    for _ in range(rounds):
        revenue = lorenz(rng.lognormal(0, 0.8, 400)).interval(resamples=200)
        profit = whale_curve(rng.normal(1, 2, 400)).interval(resamples=200)
        for name, value in truth.items():
            interval = getattr(revenue if hasattr(revenue, name) else profit, name)
            covered[name] += interval.low <= value <= interval.high
    assert all(0.89 <= hits / rounds <= 0.985 for hits in covered.values()), covered


def test_intervals_from_groups_match_those_from_customers():
    values = np.random.default_rng(5).lognormal(0, 1.2, 30_000) - 1.2
    groups = as_groups(values)
    one_by_one = whale_curve(values).interval(resamples=1000).top_20_share
    grouped = whale_from(groups, "squares").interval(resamples=1000).top_20_share
    blind = whale_from(groups).interval(resamples=1000).top_20_share
    width = one_by_one.high - one_by_one.low
    assert grouped.high - grouped.low == pytest.approx(width, rel=0.12)
    assert blind.high - blind.low < 0.97 * width


def test_an_interval_is_reproducible_and_widens_with_its_level():
    curve = whale_curve(np.random.default_rng(2).normal(1, 2, 500))
    assert curve.interval(seed=3) == curve.interval(seed=3)
    narrow, wide = curve.interval(level=0.5).peak_share, curve.interval(level=0.99).peak_share
    assert wide.low < narrow.low < curve.peak_share < narrow.high < wide.high


def test_an_interval_is_unbounded_where_the_total_may_be_zero():
    interval = whale_curve(KANTHAL_LIKE).interval()
    assert interval.peak_share.high == np.inf
    assert interval.worst_10_share.low == -np.inf
    assert interval.loss_maker_share.high < 1
