"""What grading promises: equal customers are graded equally, grades move for lasting reasons, and chains
give the published answers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis.grading import (
    GradePolicy,
    assign_grades,
    cuts_for_shares,
    flips_per_customer_year,
    migration,
    migration_from_counts,
    population_stability,
    rfm,
    same_transitions,
    score,
    stationary_share,
    weighted_kappa,
)

GRADES = ["A", "B", "C", "D"]
FOUR_GRADES = np.array([[80, 15, 4, 1], [10, 70, 15, 5], [2, 12, 70, 16], [0, 2, 10, 88]])


class TestScore:
    def test_is_the_weighted_sum_of_mid_rank_percentiles(self):
        components = pd.DataFrame({"margin": [10, 20, 20, 40], "risk": [0.4, 0.3, 0.2, 0.1]})
        result = score(components, {"margin": 0.75, "risk": 0.25}, lower_is_better=["risk"])
        assert result.parts["margin"].tolist() == pytest.approx([0.75 * p for p in (0.125, 0.5, 0.5, 0.875)])
        assert result.parts["risk"].tolist() == pytest.approx([0.25 * p for p in (0.125, 0.375, 0.625, 0.875)])
        assert result.score.tolist() == pytest.approx(result.parts.sum(axis=1).tolist())

    def test_a_column_without_weight_changes_nothing(self):
        rng = np.random.default_rng(1)
        components = pd.DataFrame({"margin": rng.normal(size=50), "zodiac": rng.integers(0, 12, 50)})
        shuffled = components.assign(zodiac=rng.permutation(components["zodiac"]))
        assert (score(components, {"margin": 1}).score == score(shuffled, {"margin": 1}).score).all()

    def test_all_equal_score_one_half_and_nobody_scores_nothing(self):
        assert score(pd.DataFrame({"margin": [7.0] * 5}), {"margin": 1}).score.tolist() == [0.5] * 5
        assert score(pd.DataFrame({"margin": []}), {"margin": 1}).n == 0

    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            ({"margin": 0.9}, "sum to 1"),
            ({"margin": 1.5, "fit": -0.5}, "zero or more"),
            ({"margn": 1.0}, "'margn' is unknown; did you mean 'margin'"),
            ({"fit": 1.0}, "fit, row 1: must be a finite number"),
        ],
    )
    def test_refuses_wrong_weights_and_missing_numbers(self, weights, message):
        with pytest.raises(ValueError, match=message):
            score(pd.DataFrame({"margin": [1, 2], "fit": [1, np.nan]}), weights)


def weekly_scores(customers: int = 20_000, weeks: int = 52) -> tuple[np.ndarray, np.ndarray]:
    """A latent score with sd 1, and its weekly readings with noise of sd .25 and autocorrelation .7."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal(customers)
    noise = rng.standard_normal(customers)
    readings = np.empty((customers, weeks))
    for week in range(weeks):
        readings[:, week] = latent + 0.25 * noise
        noise = 0.7 * noise + np.sqrt(1 - 0.7**2) * rng.standard_normal(customers)
    return latent, readings


def at_once(**change) -> GradePolicy:
    """Cuts at 30, 20 and 10, and nothing that steadies unless asked for."""
    return GradePolicy(**{"cuts": (30, 20, 10), "smoothing": 1.0, "dwell": 1, "max_step_down": 3, **change})


class TestAssignGrades:
    def test_steadying_cuts_the_flips_by_95_percent_and_grades_better(self):
        latent, readings = weekly_scores()
        cuts = cuts_for_shares(latent, (0.1, 0.2, 0.4))
        raw_policy = GradePolicy(cuts=cuts, smoothing=1, dwell=1, max_step_down=3)
        truth = assign_grades(latent[:, None], raw_policy).state.grade
        raw = assign_grades(readings, raw_policy)
        steady = assign_grades(readings, GradePolicy(cuts=cuts, smoothing=0.15, band=0.10, dwell=3))

        # The published simulation: 6.69 against .32 flips, agreement .834 against .924.
        assert raw.flips_per_customer_year() == pytest.approx(6.8, abs=0.3)
        assert steady.flips_per_customer_year() == pytest.approx(0.32, abs=0.03)
        assert (raw.state.grade == truth).mean() == pytest.approx(0.83, abs=0.01)
        assert (steady.state.grade == truth).mean() == pytest.approx(0.924, abs=0.01)

    def test_without_steadying_grades_are_the_plain_cuts(self):
        result = assign_grades([[35, 30, 29.9, 5, 25]], at_once())
        assert result.grades.tolist() == [[0, 0, 1, 3, 1]]
        assert result.current.tolist() == ["B"]

    def test_a_score_inside_the_band_changes_nothing(self):
        result = assign_grades([[25, 29, 31.9, 18.1, 25]], at_once(band=2))
        assert result.grades.tolist() == [[1, 1, 1, 1, 1]]
        assert assign_grades([[25, 32, 17.9]], at_once(band=2)).grades.tolist() == [[1, 0, 2]]

    def test_a_change_waits_for_the_dwell_time_without_a_break(self):
        result = assign_grades([[25, 35, 35, 25, 35, 35, 35, 35]], at_once(dwell=3))
        assert result.grades.tolist() == [[1, 1, 1, 1, 1, 1, 0, 0]]
        assert result.changes[["row", "review"]].to_numpy().tolist() == [[0, 6]]

    def test_a_fall_takes_one_step_a_review_and_says_so(self):
        result = assign_grades([[35, 5, 5, 5, 5]], at_once(max_step_down=1))
        assert result.grades.tolist() == [[0, 1, 2, 3, 3]]
        assert result.changes["reason"].tolist() == ["fall limited", "fall limited", "fall"]
        assert result.changes["after"].tolist() == ["B", "C", "D"]

    def test_a_rise_goes_all_the_way(self):
        result = assign_grades([[5, 35]], at_once(max_step_down=1))
        assert result.changes[["before", "after", "reason"]].to_numpy().tolist() == [["D", "A", "rise"]]

    def test_a_contract_lifts_at_once_and_never_lowers(self):
        scores = [[15, 35, 35], [35, 5, 5], [15, 15, 15]]
        signed = [[False, True, False], [False, True, False], [False, True, False]]
        policy = at_once(smoothing=0.5, dwell=3, band=1)
        result = assign_grades(scores, policy, contract_events=signed)
        assert result.grades.tolist() == [[2, 0, 0], [0, 0, 0], [2, 2, 2]]
        assert result.changes[["row", "review", "reason"]].to_numpy().tolist() == [[0, 1, "contract"]]

    def test_every_change_is_stored_with_its_reason(self):
        _, readings = weekly_scores(customers=500)
        signed = np.random.default_rng(3).random(readings.shape) < 0.05
        policy = GradePolicy(cuts=(1, 0.5, -0.5), band=0.1)
        result = assign_grades(readings, policy, contract_events=signed)

        row, before_review = np.nonzero(np.diff(result.grades, axis=1))
        seen = set(zip(row.tolist(), (before_review + 1).tolist(), strict=True))
        assert seen == set(zip(result.changes["row"], result.changes["review"], strict=True))
        assert result.changes["reason"].notna().all()
        rose = result.changes["after"].cat.codes < result.changes["before"].cat.codes
        assert (result.changes["reason"].isin(["rise", "contract"]) == rose).all()

    def test_a_year_in_two_halves_is_the_year(self):
        _, readings = weekly_scores(customers=300)
        policy = GradePolicy(cuts=(1, 0.5, -0.5), band=0.1)
        whole = assign_grades(readings, policy)
        half = assign_grades(readings[:, :20], policy)
        rest = assign_grades(readings[:, 20:], policy, state=half.state)
        assert (np.hstack([half.grades, rest.grades]) == whole.grades).all()
        assert (half.state.grade == half.grades[:, -1]).all()

    def test_a_new_customer_is_graded_from_his_start(self):
        scores = [[35, 35, 35], [np.nan, 5, 35], [np.nan, np.nan, 15]]
        result = assign_grades(scores, at_once(dwell=2), started=[0, 1, 2])
        assert result.grades.tolist() == [[0, 0, 0], [-1, 3, 3], [-1, -1, 2]]
        assert len(result.changes) == 0
        waiting = assign_grades([[np.nan]], at_once(), started=[1])
        assert waiting.current.isna().all()
        assert np.isnan(waiting.flips_per_customer_year())

    def test_nobody_and_no_review_are_fine(self):
        assert assign_grades(np.empty((0, 4)), at_once()).grades.shape == (0, 4)
        assert assign_grades(np.empty((2, 0)), at_once()).state.grade.tolist() == [-1, -1]

    def test_refuses_a_missing_score_and_names_customer_and_review(self):
        with pytest.raises(ValueError, match="row 1, review 2: the score is missing"):
            assign_grades([[1, 1, 1], [1, 1, np.nan]], at_once())
        with pytest.raises(ValueError, match=r"contract_events is \(1, 1\)"):
            assign_grades([[1, 1]], at_once(), contract_events=[[True]])

    @pytest.mark.parametrize(
        "change",
        [
            {"cuts": (10, 20, 30)},
            {"cuts": (20, 10)},
            {"smoothing": 0},
            {"band": -1},
            {"dwell": 0},
            {"weights": {"margin": 0.5}},
        ],
    )
    def test_refuses_a_policy_that_makes_no_sense(self, change):
        with pytest.raises(ValueError, match=r"cuts|smoothing|band|dwell|weights"):
            at_once(**change)


class TestCutsForShares:
    def test_leave_the_shares_above_the_cuts(self):
        values = np.arange(1000)
        cuts = cuts_for_shares(values, (0.1, 0.2, 0.4))
        assert [(values >= cut).mean() for cut in cuts] == pytest.approx([0.1, 0.3, 0.7])

    def test_refuse_shares_that_leave_nothing(self):
        with pytest.raises(ValueError, match="sum to less than 1"):
            cuts_for_shares([1, 2], (0.5, 0.5))


class TestRfm:
    def test_scores_fifths_with_recent_as_good(self):
        value = np.arange(1, 11)
        result = rfm(value, value, value)
        assert result.frequency.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
        assert result.recency.tolist() == result.frequency.tolist()[::-1]
        assert result.cell[0] == 511

    @settings(deadline=None, derandomize=True)
    @given(st.lists(st.integers(0, 6), min_size=1, max_size=80), st.booleans())
    def test_equal_values_get_equal_scores_and_better_values_no_worse(self, values, nested):
        constant = np.ones(len(values))
        result = rfm(constant, values, constant, nested=nested)
        table = pd.DataFrame({"value": values, "score": result.frequency}).drop_duplicates()
        assert table["value"].is_unique
        assert table.sort_values("value")["score"].is_monotonic_increasing

    @settings(deadline=None, derandomize=True)
    @given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5), st.floats(0, 1e6)), min_size=1, max_size=80))
    def test_the_cuts_it_prints_reproduce_its_scores(self, rows):
        recency, frequency, monetary = np.array(rows).T
        result = rfm(recency, frequency, monetary)
        again = rfm(recency, frequency, monetary, cuts=result.fixed_cuts())
        assert (again.cell == result.cell).all()

    def test_fixed_cuts_include_their_limit_on_the_good_side(self):
        result = rfm([7, 8, 400], [16, 2, 1], [0, 0, 0], cuts={"recency": [7, 30, 90, 180], "frequency": [2, 4, 8, 16]})
        assert result.recency.tolist() == [5, 4, 1]
        assert result.frequency.tolist() == [5, 2, 1]
        limits = result.cuts.set_index(["component", "score"])["limit"]
        assert limits["recency", 5] == 7
        assert limits["frequency", 5] == 16

    def test_nested_scores_rank_within_the_cell_and_print_its_limits(self):
        recency = [1, 1, 1, 1, 9, 9, 9, 9]
        frequency = [1, 2, 3, 4, 10, 20, 30, 40]
        result = rfm(recency, frequency, np.ones(8), classes=2, nested=True)
        assert result.frequency.tolist() == [1, 1, 2, 2, 1, 1, 2, 2]
        limits = result.cuts.query("component == 'frequency'").set_index("within")["limit"]
        assert limits.to_dict() == {"R1": 30, "R2": 3}
        with pytest.raises(ValueError, match="limits in each cell"):
            result.fixed_cuts()

    def test_all_equal_share_the_middle_class_and_nobody_is_fine(self):
        assert set(rfm(np.ones(9), np.ones(9), np.ones(9)).cell) == {333}
        assert set(rfm([3], [3], [3]).cell) == {333}
        assert rfm([], [], []).n == 0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"recency": [1, np.nan]}, "recency, row 1"),
            ({"recency": [1]}, "one length.*recency 1, frequency 2"),
            ({"classes": 10}, "classes must be 2 to 9"),
            ({"cuts": {"monetary": [1, 2]}}, "monetary needs 4 ascending limits"),
            ({"cuts": {"monetery": [1, 2, 3, 4]}}, "did you mean 'monetary'"),
            ({"cuts": {"monetary": [1, 2, 3, 4]}, "nested": True}, "not both"),
        ],
    )
    def test_refuses_what_it_cannot_score(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            rfm(**{"recency": [1, 2], "frequency": [1, 2], "monetary": [1, 2], **arguments})


class TestMigration:
    def test_gives_the_stationary_shares_of_the_four_grade_example(self):
        result = migration_from_counts(FOUR_GRADES, GRADES, smoothing=0)
        assert result.probability.to_numpy() == pytest.approx(FOUR_GRADES / 100)
        assert result.stationary.tolist() == pytest.approx([0.1215, 0.1918, 0.2558, 0.4310], abs=5e-5)

    def test_customers_and_counts_give_the_same(self):
        before = pd.Series(["A", "A", "B", "C", "D", "D"])
        after = pd.Series(["A", "B", "B", "left", "D", "C"])
        one = migration(before, after, GRADES)
        table = pd.crosstab(before, after)
        other = migration_from_counts(table, GRADES)
        pd.testing.assert_frame_equal(one.counts, other.counts)
        assert one.counts.loc["C", "left"] == 1
        assert (one.n, one.stayed) == (6, 5)
        assert one.moved == pytest.approx(2 / 5)
        assert one.flips_per_customer_year(52) == pytest.approx(52 * 2 / 5)

    def test_smoothing_adds_one_customer_of_doubt_to_each_row(self):
        result = migration_from_counts([[8, 2], [0, 0]], ["A", "B"])
        assert result.probability.to_numpy() == pytest.approx(np.array([[8.5 / 11, 2.5 / 11], [0.5, 0.5]]))
        assert ((result.low < result.probability) & (result.probability < result.high)).all(axis=None)

    def test_intervals_cover_the_true_probabilities_at_about_their_level(self):
        rng, truth = np.random.default_rng(8), FOUR_GRADES / 100
        inside = []
        for _ in range(60):
            counts = np.array([rng.multinomial(200, row) for row in truth])
            found = migration_from_counts(counts, GRADES)
            inside.append((found.low <= truth) & (truth <= found.high))
        # Rows of zeros and ones can't be covered by an interval of a smoothed share: they stand aside.
        possible = truth > 0
        assert 0.91 <= np.mean([each.to_numpy()[possible] for each in inside]) <= 0.99

    def test_value_asks_for_every_margin_and_a_discount(self):
        found = migration_from_counts(FOUR_GRADES, GRADES)
        with pytest.raises(ValueError, match="no amount for C, D"):
            found.value({"A": 9, "B": 5}, 0.1)
        with pytest.raises(ValueError, match="discount rate must be above zero"):
            found.value([9, 5, 2, 0], 0)

    def test_leavers_bring_nothing_and_those_who_remain_share_the_long_run(self):
        counts = np.hstack([FOUR_GRADES * 0.9, np.full((4, 1), 10)]) * 10
        leaving = migration_from_counts(counts, GRADES, smoothing=0)
        staying = migration_from_counts(FOUR_GRADES, GRADES, smoothing=0)
        assert leaving.leaver == "left"
        assert leaving.stationary.tolist() == pytest.approx(staying.stationary.tolist())
        margin = {"A": 100, "B": 40, "C": 10, "D": -5}
        # One tenth leaving a period weighs like a higher discount rate.
        same = staying.value(margin, 1.1 / 0.9 - 1)
        assert leaving.value(margin, 0.1).tolist() == pytest.approx(same.tolist())

    def test_grades_that_never_mix_have_no_long_run(self):
        assert np.isnan(stationary_share(np.eye(3))).all()
        assert stationary_share([[0, 1], [1, 0]]).tolist() == pytest.approx([0.5, 0.5])
        assert migration_from_counts([[0, 0], [0, 5]], ["A", "B"], smoothing=0).stationary.isna().all()

    @pytest.mark.parametrize(
        ("before", "after", "message"),
        [
            (["A", None], ["A", "B"], "from_grades, row 1: the grade is missing"),
            (["A", "B"], ["A", "E"], "to_grades, row 1: 'E' is unknown"),
            (["A"], ["A", "B"], "from_grades 1, to_grades 2"),
        ],
    )
    def test_refuses_grades_it_does_not_know(self, before, after, message):
        with pytest.raises(ValueError, match=message):
            migration(before, after, GRADES)

    def test_refuses_counts_that_cannot_be_counts(self):
        with pytest.raises(ValueError, match="row 'B': must be whole numbers"):
            migration_from_counts([[1, 2], [-1, 3]], ["A", "B"])
        with pytest.raises(ValueError, match="counts must be"):
            migration_from_counts([[1, 2, 3, 4]], ["A", "B"])
        with pytest.raises(ValueError, match="counts' columns: 'gone' is unknown"):
            migration_from_counts(pd.DataFrame({"A": [1], "gone": [1]}, index=["A"]), ["A", "B"])

    def test_nobody_has_no_migration(self):
        result = migration([], [], GRADES)
        assert (result.n, result.stayed) == (0, 0)
        assert np.isnan([result.kappa, result.psi, result.moved]).all()


class TestStability:
    def test_flips_count_changes_between_graded_reviews(self):
        assert flips_per_customer_year([[0, 0, 1], [-1, 2, 1]], 52) == pytest.approx(52 * 2 / 3)

    def test_kappa_is_cohens_published_kind(self):
        assert weighted_kappa(np.diag([3, 4, 5])) == 1
        assert weighted_kappa(np.outer([2, 3, 5], [1, 1, 2])) == pytest.approx(0)
        # Two categories have one distance only: weighted kappa is Cohen's (1960), here (.7 - .5) / .5.
        assert weighted_kappa([[20, 5], [10, 15]]) == pytest.approx(0.4)
        assert weighted_kappa([[20, 5], [10, 15]], "linear") == pytest.approx(0.4)
        assert np.isnan(weighted_kappa([[9, 0], [0, 0]]))

    def test_kappa_of_the_couples_in_agrestis_table(self):
        # Agresti, Categorical Data Analysis: answers of 91 couples on a scale of four
        couples = [[7, 7, 2, 3], [2, 8, 3, 7], [1, 5, 4, 9], [2, 8, 9, 14]]
        assert weighted_kappa(couples, "linear") == pytest.approx(0.2374, abs=5e-5)

    def test_population_stability_is_zero_for_equal_shares_and_grows(self):
        assert population_stability([10, 20, 30], [20, 40, 60], smoothing=0) == pytest.approx(0)
        expected = 0.2 * np.log(0.7 / 0.5) - 0.2 * np.log(0.3 / 0.5)
        assert population_stability([50, 50], [70, 30], smoothing=0) == pytest.approx(expected)
        assert np.isfinite(population_stability([50, 50], [100, 0]))
        assert np.isnan(population_stability([0, 0], [1, 1]))


class TestSameTransitions:
    def draw(self, matrices: list[np.ndarray], seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return np.array([[rng.multinomial(400, row) for row in matrix] for matrix in matrices])

    def test_keeps_its_level_when_nothing_changes(self):
        steady = [FOUR_GRADES / 100] * 4
        p_values = [same_transitions(self.draw(steady, seed)).p_value for seed in range(200)]
        assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.04)

    def test_sees_a_change(self):
        other = FOUR_GRADES[:, ::-1] / 100
        result = same_transitions(self.draw([FOUR_GRADES / 100, other], 0))
        assert result.p_value < 1e-6
        assert result.degrees_of_freedom in (11, 12)

    def test_has_nothing_to_say_about_one_group(self):
        assert np.isnan(same_transitions([FOUR_GRADES]).p_value)
