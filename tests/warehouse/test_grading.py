"""Measured grades at a refresh: worked out by hand, steady, blind to personal details.

Four customers over 52 weeks; the sale of 2025-11-17 lies in the first half year, that of 2026-11-15 in the second.

    customer                  P      Q      R      S
    revenue, first half      100    300    100    100
    revenue, second half     300    100    100    100
    profit                   200    150    100    −30   (S has 50 of bad debt on 2026-11-10)
    growth                   1/2   −1/2     0      0
    strategic fit             –      5      1      3    (P counts as the middle one, 3)
    risk                      0      0      0     1/4
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard.grading import Grading, grading
from dashboard.periods import WEEK
from dashboard.policy import policy
from dashboard.warehouse.connect import open_file
from dashboard.warehouse.grading import Measured, measure_grades, review_weeks
from dashboard.warehouse.read import Marts
from queries import marts as m
from tests.small import Books, asked, company, day, money
from tests.test_grading import written


def four() -> Books:
    b = Books()
    fit = {"P": None, "Q": 5, "R": 1, "S": 3}
    sold = {"P": (100, 50, 300, 150), "Q": (300, 200, 100, 50), "R": (100, 50, 100, 50), "S": (100, 90, 100, 90)}
    for code, (early, goods, late, more_goods) in sold.items():
        b.customer(code, strategic_fit=fit[code])
        b.sale(code, "2025-11-17", early, goods)
        b.sale(code, "2026-11-15", late, more_goods)
    b.paid("S", "2026-11-10", "bad_debt", 50)
    return b


@pytest.fixture
def rules(tmp_path: Path) -> Grading:
    """Contribution 5/12, growth 1/6, strategic fit 1/4, risk 1/6, once value to come is left out."""
    weights = {"residual_value": 0.4, "contribution": 0.25, "growth": 0.1, "strategic_fit": 0.15, "risk": 0.1}
    return replace(grading(written(tmp_path)), weights=weights, cuts={"A": 0.78, "B": 0.58, "C": 0.32})


def measured(books: Books, folder: Path, rules: Grading) -> Measured:
    """What a refresh would measure by these rules."""
    held = books.marts(folder)
    root = open_file(next((folder / "small.marts").glob("*.duckdb")))
    return measure_grades(root, held.calendar, set(held.filled), rules, policy().lifetime, {})


def test_scores_and_grades_are_those_worked_out_by_hand(tmp_path: Path, rules: Grading) -> None:
    """Until November only the first sale is known: P .5, Q .75, R .40625, S .34375, that is C, B, C, C. Then the scores
    below, smoothed by .4; P passes .58 by less than the band and S falls below .32 by less: both stay."""
    found = measured(four(), tmp_path, rules)
    table = found.grades.to_pandas()
    twelfths = np.array([5, 2, 3, 2]) / 12
    assert found.record["used"] == pytest.approx(
        dict(zip(("contribution", "growth", "strategic_fit", "risk"), twelfths, strict=True))
    )
    assert table["contribution"].tolist() == [0.875, 0.625, 0.375, 0.125]
    assert table["growth"].tolist() == [0.875, 0.125, 0.5, 0.5]
    assert table["strategic_fit"].tolist() == [0.5, 0.875, 0.125, 0.5]
    assert table["risk"].tolist() == [0.625, 0.625, 0.625, 0.125]
    assert table["residual_value"].isna().all()
    assert table["score"].tolist() == pytest.approx([0.7395833, 0.6041667, 0.375, 0.28125])
    assert table["smoothed"].tolist() == pytest.approx([0.5958333, 0.6916667, 0.39375, 0.31875])
    assert table["grade"].tolist() == ["C", "B", "C", "C"]
    assert found.history.num_rows == 4, "a first grade each, and no change"


def test_without_band_and_smoothing_the_plain_cuts_decide(tmp_path: Path, rules: Grading) -> None:
    found = measured(four(), tmp_path, replace(rules, smoothing=1, band=0, dwell=1))
    assert found.grades.to_pandas()["grade"].tolist() == ["B", "B", "C", "D"]
    changes = found.history.to_pandas().dropna(subset="before")
    assert changes[["before", "grade", "reason"]].to_numpy().tolist() == [["C", "B", "rise"], ["C", "D", "fall"]]
    assert set(changes["valid_from"].astype(str)) == {"2026-11-15"}


@pytest.mark.parametrize(
    ("smallest", "grade", "reason"), [(900, "B", "contract"), (901, "C", "first"), (None, "C", "first")]
)
def test_a_signed_contract_of_size_lifts_at_once(
    tmp_path: Path, rules: Grading, smallest: float | None, grade: str, reason: str
) -> None:
    books = four()
    books.add(
        "opportunity_stage", opportunity_code="O", customer_key=1, stage="after_sales",
        entered_on=day("2026-11-12"), value=money(900),
    )  # fmt: skip
    first = measured(books, tmp_path, replace(rules, smallest_contract=smallest)).grades.to_pandas().iloc[0]
    assert (first["grade"], first["reason"]) == (grade, reason)


def test_reviews_stay_where_they_are_when_weeks_are_added(small: Marts, rules: Grading) -> None:
    calendar = small.calendar
    later = replace(calendar, last_week=date(2026, 12, 7), last_day=date(2026, 12, 13))
    now, then = review_weeks(calendar, rules), review_weeks(later, replace(rules, reaches_back_weeks=520))
    assert {after - before for before, after in pairwise(now)} == {4 * WEEK}
    assert set(now) <= set(then)


def test_who_has_not_bought_before_a_review_is_not_graded(small: Marts) -> None:
    """C09 to C11 have no sale, and the first one of C04 came after the newest review."""
    graded = small._frame(m.measured_grade.select())
    assert str(graded["reviewed_on"].max().date()) == "2026-10-18"
    assert set(graded["customer_key"]) == {1, 2, 3, 5, 6, 7, 8}


def test_personal_details_change_nothing(tmp_path: Path) -> None:
    """Whoever the persons are: the same grades, scores and reasons, to the last digit."""
    tables = []
    for turn, folder in enumerate((tmp_path / "one", tmp_path / "other")):
        b = company()
        b.rows["customer_profile"].clear()
        details = [(f"P{n}", ("m", "f")[n % 2], date(1960 + n, 1, 1), f"creed {n}", f"town {n}") for n in range(8)]
        for key, (name, sex, birthday, religion, town) in enumerate(details[::-1] if turn else details, start=1):
            more = {"contact_name": name, "sex": sex, "religion": religion, "birthplace": town}
            b.add("customer_profile", customer_key=key, birthday=birthday, **more)
        held = b.marts(folder)
        tables.append([held._frame(t.select()) for t in (m.measured_grade, m.measured_history)])
    for one, other in zip(*tables, strict=True):
        assert len(one)
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_the_policy_steadies_grades(demo: Marts) -> None:
    """In the demo plain cuts would change more than twice as many grades."""
    record = demo.grading
    assert len(record["reviews"]) == 27
    assert 0 < record["flips"] < record["plain_flips"] / 2


# --- what is answered from them ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def ungraded(tmp_path_factory: pytest.TempPathFactory) -> Marts:
    """The worked example of a company that keeps no grades."""
    b = company()
    b.rows["assignment"].clear()
    return b.marts(tmp_path_factory.mktemp("ungraded"))


@pytest.mark.parametrize(
    "key",
    [f"tiers.{name}" for name in ("by_region", "migration", "trend", "needs", "reasons", "stability", "policy")]
    + ["value.lifetime_by_grade", "satisfaction.by_grade"],
)
def test_measured_grades_are_the_grades_where_there_are_no_others(ungraded: Marts, key: str) -> None:
    insight = asked(ungraded, key, period="13w")
    assert not insight.missing
    assert insight.headline


def test_what_needs_tiers_goes_on_to_say_so(ungraded: Marts) -> None:
    assert "table assignment" in asked(ungraded, "tiers.matrix").missing
    assert "table assignment" in asked(ungraded, "tiers.measured").missing


def test_filters_by_grade_take_the_measured_ones(ungraded: Marts) -> None:
    counts = {g: asked(ungraded, "customers.list", grade=g).n for g in "ABCD"}
    held = ungraded._frame(m.measured_grade.select())["grade"].value_counts().to_dict()
    assert {g: n for g, n in counts.items() if n} == held
    assert "Measured grade C" in asked(ungraded, "value.summary", grade="C").words


def test_beside_the_companys_grades_the_measured_ones_add_up(small: Marts) -> None:
    """C01 to C07 but C04 hold a grade and are measured: raised, lowered or the same, and each cell opens its own."""
    insight = asked(small, "tiers.measured")
    assert insight.n == 6 == sum(insight.numbers[move]["customers"] for move in ("same", "promote", "demote"))
    for row in insight.table.itertuples():
        group = insight.numbers["groups"][row.grade + row.measured]
        assert asked(small, "customers.list", group=group).n == row.customers
    other = insight.numbers["promote"]["customers"] + insight.numbers["demote"]["customers"]
    assert asked(small, "customers.list", group="regraded").n == other


def test_a_customers_score_is_the_sum_of_its_parts(small: Marts) -> None:
    insight = asked(small, "customer.grade", customer="C01")
    assert insight.table["score_points"].sum() == pytest.approx(insight.numbers["score"])
    assert insight.headline.startswith(f"Measured grade {insight.numbers['grade']} since ")
    assert asked(small, "tiers.reasons", customer="C01").numbers["customer"] == insight.numbers
    assert "nothing to measure" in asked(small, "customer.grade", customer="C10").headline


def test_the_policy_is_told_as_it_was_at_the_refresh(small: Marts) -> None:
    insight = asked(small, "tiers.policy")
    assert insight.numbers["version"] == small.grading["version"]
    assert sum(insight.numbers["weights"].values()) == pytest.approx(1)
    assert "residual_value" in insight.numbers["left_out"]  # eight buyers are too few for a forecast
