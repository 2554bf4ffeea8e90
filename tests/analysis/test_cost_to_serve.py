"""What the cost-to-serve methods promise: the ledger to the cent, and causes that add up to the profit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis.cost_to_serve import (
    causes_of_loss,
    largest_remainder,
    return_on_service,
    time_driven,
)


def kaplan_anderson_activities() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "activity": ["order", "inquiry", "credit check"],
            "pool": "customer service",
            "capacity_cost": 560_000.0,
            "practical_capacity": 700_000,
            "unit_time": [8, 44, 50],
        }
    )


def kaplan_anderson_volumes() -> pd.DataFrame:
    rows = [
        ("Ames", "order", 40_000),
        ("Bates", "order", 9_000),
        ("Ames", "inquiry", 1_400),
        ("Bates", "credit check", 2_500),
    ]
    return pd.DataFrame(rows, columns=["customer", "activity", "quantity"])


def activities(**columns) -> pd.DataFrame:
    return pd.DataFrame({"activity": ["calls"], "capacity_cost": [100.0], "practical_capacity": [10.0], **columns})


def volumes(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer", "activity", "quantity"])


class TestTimeDriven:
    def test_gives_the_answer_of_kaplan_and_anderson(self):
        result = time_driven(kaplan_anderson_activities(), kaplan_anderson_volumes())

        pool = result.pools.iloc[0]
        assert pool["rate"] == pytest.approx(0.80)
        assert pool["used"] == 578_600
        assert pool["unused_capacity"] == 121_400
        assert result.ledger_cents == 560_000_00
        assert result.customers_cents == 462_880_00
        assert result.unused_cents == 97_120_00
        assert result.activities["unit_cost"].tolist() == pytest.approx([6.40, 35.20, 40.00])
        assert result.customers.to_dict() == {"Ames": 305_280_00, "Bates": 157_600_00}

    def test_statement_adds_up_to_the_ledger(self):
        statement = time_driven(kaplan_anderson_activities(), kaplan_anderson_volumes()).statement()
        *parts, ledger = statement["cents"]
        assert statement["line"].iloc[-1] == "ledger"
        assert sum(parts) == ledger == 560_000_00

    @settings(deadline=None, max_examples=60, derandomize=True)
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 12),
                st.sampled_from(["a", "b", "c", "rent"]),
                st.floats(0, 1e6, allow_subnormal=False),
            ),
            max_size=40,
        ),
        st.lists(st.integers(0, 10**7), min_size=3, max_size=3),
        st.floats(0.5, 1e6),
    )
    def test_customers_unused_and_enterprise_make_the_ledger_to_the_cent(self, entries, cents, capacity):
        plan = pd.DataFrame(
            {
                "activity": ["a", "b", "c", "rent"],
                "pool": ["people", "people", "vans", "rent"],
                "capacity_cost": np.array([cents[0], cents[0], cents[1], cents[2]]) / 100,
                "practical_capacity": [capacity, capacity, 100 * capacity, 0],
                "unit_time": [1, 0.37, 2.5, 1],
                "level": ["order", "order", "customer", "enterprise"],
            }
        )
        result = time_driven(plan, volumes(*entries))

        assert result.ledger_cents == sum(cents)
        assert result.customers_cents + result.unused_cents + result.enterprise_cents == result.ledger_cents
        assert result.customers.sum() == result.cells["cents"].sum() == result.activities["cents"].sum()
        assert result.enterprise_cents == cents[2]
        by_activity = result.cells.groupby("activity", observed=False)["cents"].sum()
        assert by_activity.tolist() == result.activities["cents"].tolist()

    def test_no_cell_is_more_than_two_cents_off_its_rate(self):
        rng = np.random.default_rng(5)
        entries = pd.DataFrame(
            {
                "customer": rng.integers(0, 300, 2_000),
                "activity": rng.choice(["order", "inquiry", "credit check"], 2_000),
                "quantity": rng.gamma(1, 3, 2_000),
            }
        )
        result = time_driven(kaplan_anderson_activities(), entries)
        assert np.abs(result.cells["cents"] - 80 * result.cells["used"]).max() < 2

    def test_row_order_changes_nothing(self):
        rng = np.random.default_rng(6)
        entries = pd.DataFrame(
            {
                "customer": [f"c{code}" for code in rng.integers(0, 40, 500)],
                "activity": rng.choice(["order", "inquiry", "credit check"], 500),
                "quantity": rng.choice([0.1, 0.2, 0.3], 500),
            }
        )
        one = time_driven(kaplan_anderson_activities(), entries)
        other = time_driven(kaplan_anderson_activities(), entries.sample(frac=1, random_state=1))
        pd.testing.assert_frame_equal(one.cells, other.cells)
        pd.testing.assert_series_equal(one.customers, other.customers)

    def test_tied_cents_go_to_the_customer_that_sorts_first(self):
        plan = activities(capacity_cost=[1.00], practical_capacity=[3])
        result = time_driven(plan, volumes(("z", "calls", 1), ("m", "calls", 1), ("a", "calls", 1)))
        assert result.customers.to_dict() == {"a": 34, "m": 33, "z": 33}

    def test_use_above_capacity_is_charged_in_full_and_shown_as_an_overrun(self):
        result = time_driven(activities(), volumes(("x", "calls", 15)))
        assert result.customers_cents == 150_00
        assert result.unused_cents == -50_00
        assert result.pools["overrun"].tolist() == [True]
        assert dict(result.statement().to_numpy())["overrun"] == -50_00

    @pytest.mark.parametrize("level", ["market", "enterprise"])
    def test_what_no_customer_causes_is_charged_to_nobody(self, level):
        plan = activities(level=[level], practical_capacity=[np.nan])
        result = time_driven(plan, volumes(("x", "calls", 4)))
        assert result.customers.to_dict() == {"x": 0}
        assert (result.enterprise_cents, result.unused_cents) == (100_00, 0)

    def test_without_volumes_the_whole_cost_is_unused(self):
        result = time_driven(activities(), volumes())
        assert (result.n, result.customers_cents, result.unused_cents) == (0, 0, 100_00)

    @pytest.mark.parametrize(
        ("plan", "entries", "message"),
        [
            (activities(), volumes(("x", "calls", np.nan)), r"quantity, row 0 \('x'\): must be a finite number"),
            (activities(), volumes(("x", "calls", 1), ("y", "calls", -1)), r"quantity, row 1 \('y'\)"),
            (activities(), volumes((None, "calls", 1)), "customer, row 0: must be a key"),
            (
                activities(),
                volumes(("x", "call", 1)),
                "row 0 of volumes: 'call' is unknown; did you mean 'calls'",
            ),
            (activities(capacity_cost=[np.nan]), volumes(), r"capacity_cost, row 0 \('calls'\)"),
            (activities(practical_capacity=[0]), volumes(), "practical_capacity, row 0 .* above zero"),
            (activities(level=["custmer"]), volumes(), "did you mean 'customer'"),
            (activities(), pd.DataFrame({"customer": []}), "volumes has no column 'activity'"),
            (activities(), volumes(("x", "calls", 1e300)), "check the units"),
            (
                pd.concat([activities(pool=["p"]), activities(activity=["mails"], pool=["p"], capacity_cost=[9])]),
                volumes(),
                r"capacity_cost, row 1 \('mails'\): must be the same in all rows of a pool",
            ),
        ],
    )
    def test_refuses_what_it_cannot_cost_and_names_the_row(self, plan, entries, message):
        with pytest.raises(ValueError, match=message):
            time_driven(plan, entries)

    def test_a_million_customers_add_up_to_the_cent(self):
        rng = np.random.default_rng(7)
        n = 1_000_000
        entries = pd.DataFrame(
            {
                "customer": np.tile(rng.permutation(n), 2),
                "activity": pd.Categorical.from_codes(np.repeat([0, 1], n), ["calls", "visits"]),
                "quantity": rng.gamma(1, 5, 2 * n),
            }
        )
        plan = pd.DataFrame(
            {
                "activity": ["calls", "visits"],
                "capacity_cost": [100_000.01, 3_000_000],
                "practical_capacity": [entries["quantity"][:n].sum(), 6e6],
            }
        )
        result = time_driven(plan, entries)

        calls = result.cells[result.cells["activity"] == "calls"]
        assert calls["cents"].sum() == 10_000_001
        assert np.abs(calls["cents"] - 10_000_001 * calls["used"] / calls["used"].sum()).max() < 1


class TestLargestRemainder:
    @settings(deadline=None, derandomize=True)
    @given(st.integers(0, 10**12), st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=60))
    def test_parts_add_up_and_stay_within_a_cent_of_the_share(self, total, weights):
        parts = largest_remainder(total, weights)
        share = total * (np.array(weights) / np.sum(weights))
        assert parts.sum() == total
        assert (np.abs(parts - share) < 1.01).all()

    def test_whole_shares_are_kept(self):
        assert largest_remainder(60, [1, 2, 3]).tolist() == [10, 20, 30]
        assert largest_remainder(7, [0, 7]).tolist() == [0, 7]

    def test_refuses_a_split_over_nobody(self):
        with pytest.raises(ValueError, match="all weights are zero"):
            largest_remainder(5, [0.0, 0.0])
        with pytest.raises(ValueError, match="weights, row 1"):
            largest_remainder(5, [1, np.nan])


def shop() -> pd.DataFrame:
    """Two customers that pay, one that returns too much, one that doesn't pay its bills."""
    return pd.DataFrame(
        {
            "customer": ["good", "fair", "returner", "debtor"],
            "revenue": [1000.0, 1000.0, 500.0, 200.0],
            "cost_of_goods": [500.0, 600.0, 275.0, 110.0],
            "returns": [20.0, 60.0, 300.0, 8.0],
            "bad_debt": [0.0, 0.0, 0.0, 150.0],
        }
    )


class TestCausesOfLoss:
    def test_the_first_cause_is_the_line_furthest_above_the_benchmark(self):
        result = causes_of_loss(shop())
        assert result.benchmark.to_dict() == pytest.approx({"cost_of_goods": 0.55, "returns": 0.04, "bad_debt": 0})
        assert result.benchmark_n == 2
        table = result.customers.set_index("customer")
        assert table["first_cause"].to_dict()["returner"] == "returns"
        assert table["first_cause"].to_dict()["debtor"] == "bad_debt"
        assert table.loc["returner", "first_cents"] == 280_00
        assert table["loses"].tolist() == [False, False, True, True]

    def test_summary_counts_and_prices_each_cause_over_the_loss_makers(self):
        summary = causes_of_loss(shop()).summary.set_index("cause")
        assert summary.index[0] == "returns"
        assert summary["customers"].to_dict() == {"returns": 1, "bad_debt": 1, "cost_of_goods": 0}
        assert summary["loss_cents"].to_dict() == {"returns": -75_00, "bad_debt": -68_00, "cost_of_goods": 0}
        assert summary.loc["bad_debt", "excess_cents"] == 150_00

    @settings(deadline=None, derandomize=True)
    @given(
        st.lists(
            st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e6)),
            min_size=1,
            max_size=30,
        ),
        st.sampled_from(["aggregate", "median"]),
    )
    def test_expected_profit_less_the_parts_is_the_profit_exactly(self, rows, statistic):
        table = pd.DataFrame(rows, columns=["revenue", "discount", "goods", "freight"])
        table.insert(0, "customer", range(len(rows)))
        table.loc[len(rows)] = [len(rows), 100, 10, 20, 30]  # someone to compare with
        result = causes_of_loss(table, statistic=statistic)

        money = np.rint(table[["revenue", "discount", "goods", "freight"]] * 100)
        profit = money["revenue"] - money[["discount", "goods", "freight"]].sum(axis=1)
        customers = result.customers
        assert customers["profit_cents"].tolist() == profit.tolist()
        assert (customers["expected_cents"] - result.excess.to_numpy().sum(axis=1) == customers["profit_cents"]).all()
        assert (result.ranking.groupby("customer")["excess_cents"].max().to_numpy() == result.excess.max(axis=1)).all()

    def test_loss_makers_alone_are_explained_by_given_ratios(self):
        losers = shop().iloc[2:]
        ratios = {"cost_of_goods": 0.55, "returns": 0.04, "bad_debt": 0.0}
        alone = causes_of_loss(losers, benchmark=ratios)
        within = causes_of_loss(shop())
        pd.testing.assert_frame_equal(alone.excess, within.excess.loc[["returner", "debtor"]])
        assert alone.benchmark_n == 0

    def test_the_whole_group_can_be_the_benchmark(self):
        result = causes_of_loss(shop(), lines=["returns"], benchmark="all", statistic="median")
        assert result.benchmark["returns"] == pytest.approx(0.05)
        assert result.benchmark_n == 4

    def test_a_customer_no_line_of_which_is_high_has_no_cause(self):
        same = pd.DataFrame({"customer": [1, 2], "revenue": [10.0, 10.0], "goods": [12.0, 12.0]})
        result = causes_of_loss(same, benchmark="all")
        assert result.customers["first_cause"].isna().all()
        assert result.customers["first_cents"].tolist() == [0, 0]
        assert (result.losers, result.summary["customers"].sum()) == (2, 0)

    def test_without_revenue_the_whole_cost_is_excess(self):
        table = pd.concat([shop(), pd.DataFrame([["idle", 0.0, 0.0, 0.0, 7.5]], columns=shop().columns)])
        row = causes_of_loss(table).customers.iloc[-1]
        assert (row["first_cause"], row["first_cents"], row["expected_cents"]) == ("bad_debt", 750, 0)

    def test_an_empty_table_has_no_causes(self):
        result = causes_of_loss(shop().iloc[:0])
        assert (result.n, result.losers, len(result.ranking)) == (0, 0, 0)

    @pytest.mark.parametrize(
        ("change", "arguments", "message"),
        [
            ({"returns": [1, np.nan, 1, 1]}, {}, r"returns, row 1 \('fair'\)"),
            ({"customer": ["a", "b", "a", "c"]}, {}, r"customer, row 2 \('a'\): must be a key of its own"),
            ({}, {"lines": ["freight"]}, "customers has no column 'freight'"),
            ({}, {"lines": []}, "no cost line"),
            ({}, {"benchmark": {"retuns": 0.1}}, "'retuns' is unknown; did you mean 'returns'"),
            ({}, {"benchmark": {"returns": 0.1}}, "no ratio for cost_of_goods, bad_debt"),
            ({}, {"benchmark": "best"}, "'best' is unknown"),
            ({"returns": [2000.0] * 4}, {}, "no profitable customer with revenue"),
        ],
    )
    def test_refuses_what_it_cannot_compare(self, change, arguments, message):
        with pytest.raises(ValueError, match=message):
            causes_of_loss(shop().assign(**change), **arguments)


class TestReturnOnService:
    def test_divides_contribution_by_cost_and_totals_by_totals(self):
        result = return_on_service([300, 100, -50], [100, 100, 0])
        assert result.ratio[:2].tolist() == [3.0, 1.0]
        assert np.isnan(result.ratio[2])
        assert result.defined.tolist() == [True, True, False]
        assert result.overall == pytest.approx(350 / 200)
        assert result.n == 2

    def test_is_undefined_when_nothing_is_spent(self):
        assert np.isnan(return_on_service([5.0], [0.0]).overall)
        assert return_on_service([], []).n == 0

    def test_refuses_missing_numbers(self):
        with pytest.raises(ValueError, match="contribution, row 1"):
            return_on_service([1, np.nan], [1, 1])
        with pytest.raises(ValueError, match="cost, row 0"):
            return_on_service([1, 1], [-1, 1])
        with pytest.raises(ValueError, match="one length"):
            return_on_service([1, 1], [1])
