"""Alarms are found when something happened, and no more of them are false than promised."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import false_discovery_control, norm

from dashboard.analysis.monitoring import (
    GapPrior,
    benjamini_hochberg,
    cusum_p,
    cusum_run_length,
    drift,
    gap_prior,
    gap_probability,
    local_fdr,
    regularity_of,
    silence,
    unusual_amounts,
)


@pytest.fixture(scope="module")
def shifted() -> np.ndarray:
    """METHODS' day: 100,000 customers, the first 1 % shifted by 4.5 sd; two-sided p-values."""
    z = np.random.default_rng(0).normal(size=100_000)
    z[:1_000] += 4.5
    return 2 * norm.sf(np.abs(z))


# --- false alarms


def test_published_day_gives_the_published_alarms(shifted):
    found = benjamini_hochberg(shifted, q=0.05)
    assert np.count_nonzero(shifted < 0.05) == pytest.approx(5_885, abs=250)
    assert found.rejected.sum() == pytest.approx(941, abs=75)
    assert found.rejected[1_000:].sum() / found.rejected.sum() == pytest.approx(0.06, abs=0.02)
    assert found.rejected[:1_000].mean() == pytest.approx(0.885, abs=0.06)
    assert found.tested == 100_000


def test_q_values_are_those_of_scipy(shifted):
    assert benjamini_hochberg(shifted).q_value == pytest.approx(false_discovery_control(shifted))


def test_the_worked_example_of_benjamini_and_hochberg_rejects_four():
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    published += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    found = benjamini_hochberg(published)
    assert found.rejected.tolist() == [True] * 4 + [False] * 11
    assert found.cutoff == 0.0095


def test_untested_customers_change_nothing_for_the_others():
    p = np.array([0.001, np.nan, 0.2, np.nan, 0.012, 0.9])
    found, alone = benjamini_hochberg(p), benjamini_hochberg(p[~np.isnan(p)])
    assert found.rejected[~np.isnan(p)].tolist() == alone.rejected.tolist()
    assert not found.rejected[np.isnan(p)].any()
    assert found.tested == 4


@given(hnp.arrays(float, st.integers(0, 30), elements=st.floats(0, 1)), st.floats(0.01, 0.5))
def test_rejections_are_the_smallest_p_values_and_follow_the_step_up_rule(p, q):
    found = benjamini_hochberg(p, q)
    ordered = np.sort(p)
    passing = np.flatnonzero(ordered * p.size / np.arange(1, p.size + 1) <= q)
    assert found.rejected.sum() >= (passing[-1] + 1 if passing.size else 0)
    assert set(p[found.rejected]).isdisjoint(p[~found.rejected])
    assert found.cutoff == (p[found.rejected].max() if found.rejected.any() else 0.0)


def test_wrong_p_values_and_shares_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        benjamini_hochberg([0.5, 1.2])
    with pytest.raises(ValueError, match="q must lie between 0 and 1"):
        benjamini_hochberg([0.5], q=1.0)


def test_local_fdr_tells_the_false_from_the_true_alarms(shifted):
    chance = local_fdr(shifted)
    rejected = benjamini_hochberg(shifted).rejected
    assert chance[rejected].sum() == pytest.approx(rejected[1_000:].sum(), abs=25)
    order = np.argsort(shifted)
    assert (np.diff(chance[order]) >= -1e-12).all()
    assert chance[~rejected].mean() > 0.95


# --- amounts


def spenders(customers: int, seed: int, unlike: float = 0.3) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Log-normal amounts of customers with 1-24 transactions, own level and spread; and today's amounts."""
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 25, customers)
    level, spread = rng.normal(5, 1, customers), 0.4 * np.exp(unlike * rng.normal(size=customers))
    customer = np.repeat(np.arange(customers), n)
    logs = level[customer] + spread[customer] * rng.normal(size=customer.size)
    history = pd.DataFrame({"customer": customer, "amount": np.exp(logs)})
    today = np.exp(level + spread * rng.normal(size=customers))
    return history, pd.DataFrame({"customer": np.arange(customers), "amount": today}), spread


@pytest.mark.parametrize("unlike", [0.0, 0.3])
def test_an_ordinary_day_raises_hardly_any_alarm(unlike):
    history, today, _ = spenders(10_000, seed=1, unlike=unlike)
    watch = unusual_amounts(today, history)
    assert watch.tested == 10_000
    assert watch.alarms <= 2
    assert 0.6 < np.mean(watch.table["p"] < 0.05) / 0.05 < 1.1
    assert np.mean(watch.table["p"] < 0.001) / 0.001 < 1.5


def test_unusual_amounts_are_found_with_the_share_of_false_alarms_allowed():
    history, today, spread = spenders(10_000, seed=2)
    today.loc[:199, "amount"] *= np.exp(7 * spread[:200])
    today.loc[200:399, "amount"] *= np.exp(-7 * spread[200:400])
    watch = unusual_amounts(today, history)
    assert watch.table["alarm"][:400].mean() > 0.6
    assert watch.table["alarm"][400:].sum() <= 0.08 * watch.alarms
    alarms = watch.table[watch.table["alarm"]]
    assert (alarms["direction"] == np.where(alarms["customer"] < 200, "up", "down")).mean() > 0.95


def test_modified_z_is_iglewicz_and_hoaglins_on_logarithms():
    logs = np.array([2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6, 8.2, 8.3] * 40)  # so long that no shrinkage is left
    table = unusual_amounts(
        pd.DataFrame({"customer": ["a"], "amount": [np.exp(8.3)]}),
        pd.DataFrame({"customer": "a", "amount": np.exp(logs)}),
    ).table
    median = np.median(logs)
    expected = 0.6745 * (8.3 - median) / np.median(np.abs(logs - median))
    assert table["z"][0] == pytest.approx(expected, rel=0.01)
    assert table["extreme"][0]
    assert table["usual"][0] == pytest.approx(np.exp(median))


def test_a_spread_of_few_transactions_is_drawn_to_the_segments():
    rng = np.random.default_rng(3)
    many = pd.DataFrame({"customer": np.repeat(np.arange(200), 30), "amount": np.exp(rng.normal(0, 0.5, 6_000))})
    few = pd.DataFrame({"customer": ["same"] * 4 + ["narrow"] * 4, "amount": [10.0] * 4 + [9.99, 10.0, 10.0, 10.01]})
    recent = pd.DataFrame({"customer": ["same", "narrow", "new"], "amount": [10 * np.e**1.0] * 2 + [5.0]})
    table = unusual_amounts(recent, pd.concat([many, few])).table.set_index("customer")
    assert table.loc["same", "z"] == pytest.approx(1.0 / 0.5, rel=0.05)  # MAD 0: the segment's alone
    assert table.loc["narrow", "z"] == pytest.approx(1.0 / (0.5 * 8 / 12), rel=0.05)
    assert np.isnan(table.loc["new", "p"]) and not table.loc["new", "alarm"]


def test_a_price_rise_for_all_is_nobodys_alarm():
    history, today, _ = spenders(2_000, seed=4)
    raised = unusual_amounts(today.assign(amount=today["amount"] * 1.5), history)
    usual = unusual_amounts(today, history)
    assert raised.table["p"].to_numpy() == pytest.approx(usual.table["p"].to_numpy(), abs=1e-9)
    assert raised.table["shift"][0] - usual.table["shift"][0] == pytest.approx(np.log(1.5))


def test_the_currency_and_the_order_of_rows_do_not_matter():
    history, today, _ = spenders(500, seed=5)
    first = unusual_amounts(today, history).table
    again = unusual_amounts(
        today.assign(amount=today["amount"] * 7.3).iloc[::-1],
        history.assign(amount=history["amount"] * 7.3).sample(frac=1, random_state=1),
    ).table.sort_values("customer")
    assert again["p"].to_numpy() == pytest.approx(first["p"].to_numpy(), abs=1e-9)


@pytest.mark.parametrize(("amount", "fault"), [(0.0, "0"), (np.nan, "nan")])
def test_amounts_without_a_logarithm_are_refused_by_row(amount, fault):
    good = pd.DataFrame({"customer": [1, 1], "amount": [2.0, 3.0]})
    with pytest.raises(ValueError, match=rf"history amount, row 1 \(1\): must be .* above zero, not {fault}"):
        unusual_amounts(good, good.assign(amount=[2.0, amount]))
    with pytest.raises(ValueError, match="recent lacks the columns amount"):
        unusual_amounts(good[["customer"]], good)


# --- silence


def buyers(customers: int, seed: int, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Purchase times after the first, customers by purchases, and the rates: gamma with r = 2, alpha = 10."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(2, 1 / 10, customers)
    return np.cumsum(rng.gamma(k, 1 / (k * rate[:, None]), (customers, 80)), axis=1), rate


def seen(times: np.ndarray, stopped: np.ndarray | float, now: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Repeat purchases, time from first to last and the running gap, when buying stopped at `stopped`."""
    purchases = (times <= np.minimum(stopped, now)[:, None]).sum(axis=1)
    last = np.where(purchases > 0, times[np.arange(len(times)), np.maximum(purchases - 1, 0)], 0.0)
    return purchases, last, now - last


def test_the_published_gap_has_probability_0346():
    assert gap_probability([8], [40], [20], GapPrior(2, 10))[0] == pytest.approx(0.0346, abs=5e-5)


def test_gap_probability_is_the_share_of_such_gaps_among_buyers_of_that_history():
    rng = np.random.default_rng(6)
    for k in (1, 3):
        stage_rate = rng.gamma(2 + 8 * k, 1 / (10 + 40), 200_000)
        gaps = rng.gamma(k, 1 / stage_rate)
        expected = gap_probability([8], [40], [20 / k], GapPrior(2, 10), regularity=k)[0]
        assert np.mean(gaps > 20 / k) == pytest.approx(expected, abs=0.003)


def test_the_prior_is_recovered():
    times, _ = buyers(20_000, seed=7)
    prior = gap_prior(*seen(times, np.full(20_000, np.inf), 60.0))
    assert prior.r == pytest.approx(2.0, rel=0.05)
    assert prior.alpha == pytest.approx(10.0, rel=0.05)


def test_regularity_is_recovered_whatever_the_rates():
    for k in (1, 3):
        times, _ = buyers(20_000, seed=8, k=k)
        assert regularity_of(times[:, 0], times[:, 1] - times[:, 0]) == pytest.approx(k, rel=0.06)


@pytest.mark.parametrize("k", [1, 3])
def test_stopped_buyers_are_found_with_the_share_of_false_alarms_allowed(k):
    times, rate = buyers(20_000, seed=9, k=k)
    stopped = np.where(np.arange(20_000) < 1_000, 20.0, np.inf)
    watch = silence(np.arange(20_000), *seen(times, stopped, 60.0), regularity=k)
    true = watch.table["alarm"][:1_000]
    frequent = rate[:1_000] > 0.3
    assert true[frequent].mean() > 0.6
    assert watch.table["alarm"][1_000:].sum() <= 0.07 * watch.alarms
    none = silence(np.arange(20_000), *seen(times, np.full(20_000, np.inf), 60.0), regularity=k)
    assert none.alarms <= 2


def test_regular_buyers_are_missed_sooner_than_random_ones():
    random, regular = (
        silence(["a", "b"], [12, 12], [60, 60], [5, 20], prior=GapPrior(2 * k, 10), regularity=k).table for k in (1, 4)
    )
    assert regular["p"][1] < random["p"][1] / 5
    assert regular["p"][0] > random["p"][0]


def test_histories_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"gap, row 1: must be .* zero or more, not -1"):
        gap_probability([1, 1], [2, 2], [3, -1], GapPrior(1, 1))
    with pytest.raises(ValueError, match="no repeat purchase"):
        silence([1, 2], [0, 0], [0, 0], [5, 6])
    with pytest.raises(ValueError, match="of one length"):
        silence([1, 2], [0, 0], [0, 0], [5])


# --- drift


@pytest.mark.parametrize(("k", "h"), [(0.25, 8.01), (0.5, 4.77), (0.75, 3.34), (1.0, 2.52), (1.25, 1.99), (1.5, 1.61)])
def test_the_published_pairs_of_allowance_and_limit_alarm_every_370_periods(k, h):
    # Hawkins (1993), reprinted in Montgomery, Introduction to Statistical Quality Control
    assert cusum_run_length(h, k, two_sided=True) == pytest.approx(370, rel=0.02)


@pytest.mark.parametrize(("h", "one_sided", "two_sided"), [(4, 335.4, 167.7), (5, 930.9, 465.4)])
def test_run_lengths_are_the_published_ones(h, one_sided, two_sided):
    assert cusum_run_length(h) == pytest.approx(one_sided, abs=0.05)
    assert cusum_run_length(h, two_sided=True) == pytest.approx(two_sided, abs=0.05)


@pytest.mark.parametrize("k", [0.25, 0.5, 1.0])
def test_steady_state_is_that_of_simulated_cusums(k):
    rng = np.random.default_rng(10)
    level = np.zeros(20_000)
    heights = []
    for period in range(600):
        level = np.maximum(0.0, level + rng.normal(size=level.size) - k)
        if period >= 100 and period % 20 == 0:
            heights.append(level.copy())
    for height in (0.3, 1.0, 3.0):
        assert np.mean(np.array(heights) >= height) == pytest.approx(cusum_p(height, k), rel=0.05)
    assert cusum_p(100.0, k) < 1e-15
    assert (np.diff(cusum_p(np.linspace(0, 80, 400), k)) < 0).all()


def test_steady_customers_raise_hardly_any_alarm_and_fair_p_values():
    rng = np.random.default_rng(11)
    values = rng.normal(1_000, 200, (10_000, 40)) * rng.uniform(0.1, 10, (10_000, 1))
    watch = drift(np.arange(10_000), values)
    assert watch.alarms <= 2
    for level in (0.05, 0.01):
        assert np.mean(watch.table["p"] < level) == pytest.approx(level, rel=0.25)


def test_drifts_are_found_dated_and_given_their_direction_with_the_false_alarms_allowed():
    false = []
    for seed in range(4):
        values = np.random.default_rng(seed).normal(100, 20, (5_000, 52))
        values[:50, 36:] += 50
        values[50:100, 36:] -= 50
        watch = drift(np.arange(5_000), values)
        true = watch.table[:100]
        assert true["alarm"].mean() > 0.9
        assert true["crossed"].mean() > 0.9
        assert (true["direction"] == ["up"] * 50 + ["down"] * 50).all()
        assert true["since"].median() == pytest.approx(36, abs=1)
        false.append(watch.table["alarm"][100:].sum() / watch.alarms)
    assert np.mean(false) < 0.075  # .05 is promised; the mean of four days errs by .01


def test_a_season_for_all_is_nobodys_drift():
    rng = np.random.default_rng(13)
    values = rng.normal(100, 20, (300, 40))
    season = values + np.where(np.arange(40) >= 34, 60, 0)
    assert drift(np.arange(300), season).alarms == 0
    lone = drift([1], season[:1])  # nobody to compare with: the season looks like a drift
    assert lone.table["crossed"][0] and lone.table["direction"][0] == "up"


def test_one_jump_is_not_a_drift_and_a_constant_customer_has_none():
    values = np.full((2, 30), 5.1)
    values[0, 20] = 5_000.0
    table = drift(["jump", "constant"], values).table
    assert not table["crossed"].any() and not table["alarm"].any()
    assert table["up"][1] == table["down"][1] == 0.0


def test_gaps_in_the_series_are_skipped_and_short_series_not_tested():
    rng = np.random.default_rng(14)
    series = rng.normal(0, 1, 20)
    gappy = np.full((3, 25), np.nan)
    gappy[0, :20] = series
    gappy[1, np.sort(rng.permutation(25)[:20])] = series
    gappy[2, :2] = series[:2]
    watch = drift(["whole", "gaps", "short"], gappy)
    assert watch.table["up"][0] == pytest.approx(watch.table["up"][1])
    assert watch.table["periods"].tolist() == [18, 18, 0]
    assert watch.tested == 2 and np.isnan(watch.table["p"][2])


def test_unit_and_offset_do_not_matter():
    values = np.random.default_rng(15).normal(0, 1, (40, 30))
    table, other = drift(np.arange(40), values).table, drift(np.arange(40), 1e6 + 50 * values).table
    assert other["p"].to_numpy() == pytest.approx(table["p"].to_numpy(), rel=1e-5)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="a row a customer"):
        drift([1, 2], np.zeros((3, 5)))
    with pytest.raises(ValueError, match="values, row 0: must be finite or missing"):
        drift([1], [[1.0, np.inf, 2.0]])


# --- what is done with the alarms


def test_the_work_list_takes_the_most_money_first_up_to_the_capacity():
    watch = silence(list("abcd"), [40, 40, 40, 3], [40.0] * 4, [30.0, 30.0, 30.0, 1.0], prior=GapPrior(2, 10))
    assert watch.table["alarm"].tolist() == [True, True, True, False]
    listed = watch.work_list([10.0, 30.0, 20.0, 1e9], capacity=2)
    assert listed["customer"].tolist() == ["b", "c"]
    assert (listed["expected_money"] <= [30.0, 20.0]).all()
    with pytest.raises(ValueError, match="table 4, money_at_risk 2"):
        watch.work_list([1.0, 2.0])


def test_a_day_without_customers_has_no_alarms_and_results_are_frozen():
    empty = drift([], np.zeros((0, 10)))
    assert (empty.tested, empty.alarms, empty.cutoff) == (0, 0, 0.0)
    history = pd.DataFrame({"customer": [1, 1], "amount": [2.0, 3.0]})
    assert unusual_amounts(history[:0], history).alarms == 0
    with pytest.raises(FrozenInstanceError):
        empty.alarms = 1
