"""What the assignment of service levels promises: it fits, little more can be had, and it can be explained.

All of it is checked outside the solver: small bases by trying every assignment, large ones by adding up.
"""

import itertools
import math

import numpy as np
import pytest

from dashboard.analysis.service_levels import Infeasible, assign, explain, frontier


def customers(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lognormal value, concave response to four levels, three scarce resources, a floor for one in fifty."""
    rng = np.random.default_rng(seed)
    value, response = rng.lognormal(5, 1.3, n), rng.gamma(2, 0.15, n)
    gain = value[:, None] * (1 - np.exp(-response[:, None] * [0, 1, 3, 8]))
    base = np.array([[0, 0, 0], [20, 0.2, 0.1], [90, 1, 1], [300, 4, 3]])
    cost = base * rng.lognormal(0, 0.5, (n, 4, 3))
    allowed = np.ones((n, 4), dtype=bool)
    allowed[rng.random(n) < 0.02, 0] = False
    return gain, cost, 0.3 * cost[:, 2].sum(axis=0) * [0.7, 0.9, 0.7], allowed


def small_problem(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A few customers, whole or broken numbers, costs of any sign, capacities from too short to ample."""
    rng = np.random.default_rng(seed)
    n, levels, resources = rng.integers(1, 6), rng.integers(1, 5), rng.integers(1, 4)
    gain = rng.normal(2, 3, (n, levels))
    cost = rng.normal(1.5, 1, (n, levels, resources))
    allowed = rng.random((n, levels)) < 0.8
    allowed[np.arange(n), rng.integers(0, levels, n)] = True
    least = np.where(allowed[:, :, None], cost, np.inf).min(axis=1).sum(axis=0)
    most = np.where(allowed[:, :, None], cost, -np.inf).max(axis=1).sum(axis=0)
    capacity = least + (most - least) * rng.uniform(-0.05, 0.8, resources) + 1e-6
    if seed % 2:
        gain, cost, capacity = np.rint(gain), np.rint(cost), np.rint(capacity)
    return gain, cost, capacity, allowed


def best_by_trying_all(gain, cost, capacity, allowed) -> float:
    rows = range(len(gain))
    best = -np.inf
    for levels in itertools.product(*[np.flatnonzero(free) for free in allowed]):
        used = [math.fsum(cost[i, levels[i], r] for i in rows) for r in range(len(capacity))]
        if all(use <= limit for use, limit in zip(used, capacity, strict=True)):
            best = max(best, math.fsum(gain[i, levels[i]] for i in rows))
    return best


class TestAssign:
    @pytest.mark.parametrize("block", range(4))
    def test_finds_what_trying_everything_finds(self, block):
        for seed in range(25 * block, 25 * (block + 1)):
            gain, cost, capacity, allowed = small_problem(seed)
            best = best_by_trying_all(gain, cost, capacity, allowed)
            if best == -np.inf:
                with pytest.raises(Infeasible):
                    assign(gain, cost, capacity, allowed)
                continue
            result = assign(gain, cost, capacity, allowed)
            assert result.value == pytest.approx(best, rel=1e-6, abs=1e-9), seed
            assert result.upper_bound >= best - 1e-9 * abs(best), seed
            assert (result.used <= capacity).all(), seed

    @pytest.mark.parametrize("n", [1, 40, 1_000])
    def test_fits_and_reports_what_can_be_added_up_again(self, n):
        gain, cost, capacity, allowed = customers(n)
        capacity = capacity + np.array([100, 1, 1])
        result = assign(gain, cost, capacity, allowed)
        row = np.arange(n)
        assert allowed[row, result.level].all()
        assert (result.count.sum(axis=1) == 1).all()
        assert result.value == pytest.approx(gain[row, result.level].sum())
        assert result.used == pytest.approx(cost[row, result.level].sum(axis=0))
        assert (result.used <= capacity).all()
        assert result.gap == pytest.approx((result.upper_bound - result.value) / result.upper_bound)

    def test_its_prices_prove_the_bound_by_weak_duality(self):
        gain, cost, capacity, allowed = customers(3_000, seed=2)
        result = assign(gain, cost, capacity, allowed, tolerance=1e-4)
        reduced = np.where(allowed, gain - cost @ result.prices, -np.inf)
        proved = reduced.max(axis=1).sum() + result.prices @ capacity
        assert (result.prices >= 0).all()
        assert result.value <= result.upper_bound <= proved * (1 + 1e-12)
        assert proved - result.value <= 1e-4 * proved

    def test_ten_thousand_customers_are_nearly_optimal_with_few_near_ties(self):
        problem = customers(10_000)
        result = assign(*problem)
        assert result.gap < 1e-5
        assert 0 < result.marginal.sum() < 500

    def test_many_customers_are_nearly_optimal_within_every_capacity(self):
        problem = customers(200_000)
        result = assign(*problem)
        assert result.gap < 1e-5
        assert (result.used <= problem[2]).all()

    def test_one_budget_is_filled_by_slopes(self):
        gain, cost, capacity, allowed = customers(200_000)
        result = assign(gain, cost[:, :, :1], capacity[:1], allowed)
        assert result.gap < 1e-5
        assert result.used[0] <= capacity[0]
        # No step to a dearer level that was left out pays more than the price, none taken pays less.
        row = np.arange(len(gain))
        more_gain = gain - gain[row, result.level][:, None]
        more_cost = cost[:, :, 0] - cost[row, result.level, 0][:, None]
        clear = ~result.marginal
        assert (more_gain <= result.prices[0] * more_cost + 1e-6)[clear][allowed[clear]].all()

    def test_the_price_of_money_is_what_one_more_unit_brings(self):
        gain, cost, capacity, allowed = customers(20_000, seed=3)
        more = capacity * [1.01, 1, 1]
        before = assign(gain, cost, capacity, allowed, tolerance=1e-5)
        after = assign(gain, cost, more, allowed, tolerance=1e-5)
        brought = (after.upper_bound - before.upper_bound) / (more - capacity)[0]
        assert after.prices[0] * 0.99 < brought < before.prices[0] * 1.01

    def test_a_resource_without_limit_has_no_price_and_changes_nothing(self):
        gain, cost, capacity, allowed = customers(100)
        two = assign(gain, cost[:, :, :2], capacity[:2], allowed)
        three = assign(gain, cost, [*capacity[:2], np.inf], allowed)
        assert three.value == pytest.approx(two.value, rel=2e-6)
        assert three.prices[2] == 0
        ample = assign(gain, cost, [np.inf] * 3, allowed)
        assert (ample.level == np.where(allowed, gain, -np.inf).argmax(axis=1)).all()
        assert ample.gap < 1e-12
        assert ample.prices.tolist() == [0, 0, 0]

    @pytest.mark.parametrize("resources", [1, 2])
    def test_a_row_of_many_customers_is_many_rows(self, resources):
        rng = np.random.default_rng(5)
        size = rng.integers(0, 40, 12)
        gain = np.sort(rng.lognormal(3, 1, (12, 3)), axis=1)
        cost = np.sort(rng.lognormal(1, 0.5, (12, 3, resources)), axis=1)
        capacity = 1.5 * (cost.min(axis=1) * size[:, None]).sum(axis=0)
        together = assign(gain, cost, capacity, size=size)
        apart = assign(np.repeat(gain, size, axis=0), np.repeat(cost, size, axis=0), capacity)
        assert together.value == pytest.approx(apart.value, rel=2e-6)
        assert together.count.sum(axis=1).tolist() == size.tolist()
        assert together.used == pytest.approx((together.count[:, :, None] * cost).sum(axis=(0, 1)))
        assert (together.used <= capacity).all()
        assert together.n == size.sum()

    @pytest.mark.parametrize("n", [1, 5, 2_000])
    def test_equal_customers_share_the_capacity(self, n):
        gain = np.tile([0.0, 10.0], (n, 1))
        cost = np.tile([[0.0], [1.0]], (n, 1, 1))
        result = assign(gain, cost, [n // 3])
        assert result.value == 10 * (n // 3)
        assert result.marginal.all() or n == 1

    def test_levels_of_equal_worth_are_spread_so_that_they_fit(self):
        # Each of 2,000 customers can be served over either of two channels, and both are needed.
        cost = np.zeros((2_000, 2, 2))
        cost[:, 0, 0], cost[:, 1, 1] = np.random.default_rng(6).uniform(1, 2, (2, 2_000))
        result = assign(np.ones((2_000, 2)), cost, [1_400, 1_400])
        assert result.value == 2_000
        assert (result.used <= 1_400).all()

    def test_nobody_is_assigned_to_nothing(self):
        result = assign(np.empty((0, 3)), np.empty((0, 3, 2)), [1.0, 1.0])
        assert (result.n, result.value, result.level.shape) == (0, 0, (0,))

    def test_the_same_input_gives_the_same_answer_and_silence(self, capfd):
        # On this base HiGHS 1.12 writes a left-over line to standard output, where answers go.
        problem = customers(500)
        one, other = assign(*problem), assign(*problem)
        assert (one.level == other.level).all()
        assert capfd.readouterr().out == ""


class TestInfeasible:
    def test_says_which_capacity_is_below_the_least_use_and_by_how_much(self):
        cost = np.array([[[1.0, 5.0], [2.0, 3.0]], [[4.0, 1.0], [2.0, 9.0]]])
        with pytest.raises(Infeasible, match=r"hours: the least .* use is 4, and the capacity is 3: short by 1") as e:
            assign(np.ones((2, 2)), cost, [3.0, 3.0], resources=["money", "hours"])
        assert e.value.short == {"hours": 1.0}

    def test_says_what_is_short_when_capacities_only_fit_one_by_one(self):
        # Each customer takes a unit of money or an hour: three of both can't serve ten.
        cost = np.tile(np.eye(2), (10, 1, 1))
        with pytest.raises(Infeasible, match="not all at once: short") as e:
            assign(np.ones((10, 2)), cost, [3.0, 3.0], resources=["money", "hours"])
        assert sum(e.value.short.values()) == pytest.approx(4)

    def test_says_what_is_short_when_only_split_customers_would_fit(self):
        cost = np.tile(np.eye(2), (1, 1, 1))
        with pytest.raises(Infeasible, match="can't be split") as e:
            assign(np.ones((1, 2)), cost, [0.6, 0.5])
        assert e.value.short == {"resource 0": pytest.approx(0.4)}

    def test_a_budget_that_is_the_sum_of_the_cheapest_levels_is_enough(self):
        # Summed in another order the same costs differ in the last digit: no reason to turn anybody away.
        rng = np.random.default_rng(8)
        cost = np.sort(rng.lognormal(3, 1, (1_000, 3, 1)), axis=1)
        for budget in (cost[:, 0].sum(), cost[::-1, 0].cumsum()[-1] * (1 - 1e-14)):
            result = assign(np.tile([0.0, 1, 2], (1_000, 1)), cost, [budget])
            assert (result.level == 0).all()
            assert result.used[0] == pytest.approx(budget, rel=1e-12)

    def test_floors_that_cannot_be_paid_are_refused(self):
        gain, cost, capacity, allowed = customers(500)
        allowed[:, :3] = False
        with pytest.raises(Infeasible, match="resource 0: the least"):
            assign(gain, cost, capacity, allowed)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"gain": [[0, 1], [np.nan, 1]]}, "gain, row 1: must be finite"),
            ({"cost": [[[0], [np.inf]], [[0], [1]]]}, "cost, row 0: must be finite"),
            ({"capacity": [np.nan]}, "capacity of 'resource 0' is missing"),
            ({"allowed": [[True, True], [False, False]]}, "allowed, row 1: must be at least one level"),
            ({"size": [1, 0.5]}, "size, row 1: must be a whole number"),
            ({"cost": [[0, 1], [0, 1]]}, r"cost must be \(2, 2, 1\)"),
            ({"capacity": []}, "one resource or more"),
            ({"resources": ["money", "hours"]}, "1 resources need as many"),
        ],
    )
    def test_refuses_input_that_does_not_fit_and_names_the_row(self, change, message):
        problem = {"gain": [[0, 1], [0, 1]], "cost": [[[0], [1]], [[0], [1]]], "capacity": [1], **change}
        with pytest.raises(ValueError, match=message):
            assign(**problem)

    def test_a_level_that_is_not_allowed_may_hold_anything(self):
        result = assign([[0, np.nan]], [[[0], [np.nan]]], [1], allowed=[[True, False]])
        assert result.level.tolist() == [0]


class TestFrontier:
    def test_bends_down_and_money_gets_cheaper_until_it_is_worth_nothing(self):
        gain, cost, capacity, allowed = customers(1_000)
        budget = np.linspace(0.1, 6, 20) * capacity[0]
        curve = frontier(gain, cost, capacity, budget, "money", allowed, resources=["money", "hours", "slots"])
        slope = np.diff(curve.profit) / np.diff(curve.budget)
        assert (np.diff(slope) <= 1e-9).all()
        assert (np.diff(curve.price) <= 1e-9).all()
        assert curve.price[0] > 1
        assert curve.price[-1] == 0
        # Each price lies between what the last unit brought and what the next one will.
        assert (curve.price[1:] <= slope + 1e-9).all()
        assert (curve.price[:-1] >= slope - 1e-9).all()
        assert (curve.used <= np.maximum(capacity, budget[:, None] * [1, 0, 0]) + 1e-6).all()

    def test_agrees_with_the_assignment_at_the_same_budget(self):
        gain, cost, capacity, allowed = customers(2_000)
        curve = frontier(gain, cost, capacity, [capacity[0]], 0, allowed)
        result = assign(gain, cost, capacity, allowed, tolerance=1e-4)
        assert result.value <= curve.profit[0] * (1 + 1e-9)
        assert result.value == pytest.approx(curve.profit[0], rel=1e-4)
        assert curve.price[0] == pytest.approx(result.prices[0], rel=0.05)

    def test_a_sample_tells_the_profit_within_its_interval(self):
        gain, cost, capacity, allowed = customers(20_000)
        budget = capacity[0] * np.array([0.5, 1.0, 2.0])
        full = frontier(gain, cost, capacity, budget, 0, allowed)
        part = frontier(gain, cost, capacity, budget, 0, allowed, sample=4_000)
        assert (full.sampled, part.sampled, part.n) == (20_000, 4_000, 20_000)
        assert ((part.low < full.profit) & (full.profit < part.high)).all()
        assert (part.high - part.low < 0.15 * part.profit).all()
        assert (full.low == full.high).all()

    def test_steps_of_two_customers_can_be_read_off(self):
        gain, cost = [[0, 1, 1.5], [0, 3, 4]], [[[0], [1], [2]]] * 2
        curve = frontier(gain, cost, [0], [-1, 0, 0.5, 1.5, 2.5, 3.5, 9])
        assert np.isnan(curve.profit[0])
        assert curve.profit[1:].tolist() == pytest.approx([0, 1.5, 3.5, 4.5, 5.25, 5.5])
        assert curve.price[2:].tolist() == pytest.approx([3, 1, 1, 0.5, 0])

    def test_refuses_budgets_that_fall_and_unknown_resources(self):
        with pytest.raises(ValueError, match="ascending"):
            frontier([[0, 1]], [[[0], [1]]], [1], [2, 1])
        with pytest.raises(ValueError, match="'mony' is unknown; known are money"):
            frontier([[0, 1]], [[[0], [1]]], [1], [1], "mony", resources=["money"])


class TestExplain:
    def test_names_runner_up_margin_and_what_stands_in_the_way(self):
        # Money for one of three: the second customer is worth the most, the third wants the level for free.
        gain = [[0.0, 4.0], [0.0, 9.0], [0.0, 5.0], [1.0, 0.0]]
        cost = [[[0.0], [1.0]]] * 4
        result = assign(gain, cost, [1.0], resources=["money"])
        table = explain(result, gain, cost).table
        assert result.level.tolist() == [0, 1, 0, 0]
        assert table["runner_up"].tolist() == [1, 0, 1, 1]
        assert table["wanted"].tolist() == [1, 1, 1, 0]
        assert table["binding"].fillna("-").tolist() == ["money", "-", "money", "-"]
        price = result.prices[0]
        assert 5 <= price <= 9
        assert table["margin"].tolist() == pytest.approx([price - 4, 9 - price, price - 5, price + 1])
        assert table["switch_gain"].tolist()[0] == pytest.approx(price)
        assert table["switch_price"].tolist()[:3] == pytest.approx([4, 9, 5])

    def test_what_it_says_would_change_the_level_makes_a_tie(self):
        gain, cost, capacity, allowed = customers(100)
        result = assign(gain, cost, capacity, allowed)
        table = explain(result, gain, cost, allowed).table
        for row in table.itertuples():
            at, rival = (row.row, row.level), (row.row, row.runner_up)
            reduced = gain[at] - cost[at] @ result.prices
            assert row.switch_gain - cost[rival] @ result.prices == pytest.approx(reduced, abs=1e-8)
            if not np.isnan(row.switch_cost):
                r = result.resources.index(row.switch_resource)
                changed = np.where(np.arange(3) == r, row.switch_cost, cost[rival])
                assert gain[rival] - changed @ result.prices == pytest.approx(reduced, abs=1e-8)
            if not np.isnan(row.switch_price):
                r = result.resources.index(row.switch_resource)
                prices = np.where(np.arange(3) == r, row.switch_price, result.prices)
                assert gain[at] - cost[at] @ prices == pytest.approx(gain[rival] - cost[rival] @ prices, abs=1e-8)
        assert table["switch_price"].notna().any()
        assert table["switch_cost"].notna().any()
        assert (table.loc[table["margin"] < 0, "marginal"]).all()

    def test_explains_the_rows_asked_for(self):
        gain, cost, capacity, allowed = customers(100)
        result = assign(gain, cost, capacity, allowed)
        whole = explain(result, gain, cost, allowed)
        some = explain(result, gain, cost, allowed, rows=[7, 3])
        assert some.table["row"].tolist() == [7, 3]
        assert (some.reduced == whole.reduced[[7, 3]]).all()

    def test_a_customer_with_one_level_has_no_runner_up(self):
        result = assign([[0.0, 1.0]], [[[0.0], [1.0]]], [1.0], allowed=[[True, False]])
        row = explain(result, [[0.0, 1.0]], [[[0.0], [1.0]]], [[True, False]]).table.iloc[0]
        assert (row["level"], row["runner_up"]) == (0, -1)
        assert np.isnan(row["margin"])
        assert row[["binding", "switch_resource"]].isna().all()
