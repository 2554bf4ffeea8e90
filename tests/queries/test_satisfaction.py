"""How satisfaction turns into word of mouth: spells, the sums of the curve, and who stands where, by hand."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import pytest

from dashboard.warehouse.read import Marts
from queries import satisfaction
from queries.marts import DAYS_A_MONTH
from queries.schema import SURVEY_ITEMS
from tests.small import Books, asked, columns, line

MONTH = DAYS_A_MONTH


def about(rows: list[tuple]) -> list[tuple]:
    return [tuple(pytest.approx(v) if isinstance(v, float) else v for v in row) for row in rows]


# --- the curve ---------------------------------------------------------------------------------------


def test_the_sums_of_the_curve(marts: Marts) -> None:
    """An answer is in force until the next one, half a year at most, and to the last day with data.

    C01: 4.5 for 60 days (praised once), then 4 for 182 (twice; the day it ends is no longer counted).
    C02: 3 for the 43 days to the last day (one complaint, on that day). C03: 2 for 182 days (two).
    C04: 1 for 182 days (one). C08: 2, corrected the same day to 3, for 65 days (one referral).
    """
    rows = columns(marts, satisfaction.curve, "satisfaction n exposure praise complaint referral")
    assert rows == about(
        [
            (1, 1, 182 / MONTH, 0, 1, 0),
            (2, 1, 182 / MONTH, 0, 2, 0),
            (3, 2, (43 + 65) / MONTH, 0, 1, 1),
            (4, 1, 182 / MONTH, 2, 0, 0),
            (4.5, 1, 60 / MONTH, 1, 0, 0),
        ]
    )


def test_the_squares_of_the_curve_tell_the_spread_between_customers(marts: Marts) -> None:
    """Σ count² / exposure over spells: C02's one complaint in 43 days, C08's none in 65."""
    rows = columns(marts, satisfaction.curve, "praise_square complaint_square")
    half_year = 182 / MONTH
    assert rows == about(
        [(0.0, 1 / half_year), (0.0, 4 / half_year), (0.0, MONTH / 43), (4 / half_year, 0.0), (MONTH / 60, 0.0)]
    )


def test_the_curve_of_a_window_holds_the_spells_that_began_in_it(marts: Marts) -> None:
    assert columns(marts, satisfaction.curve, "satisfaction n", period="13w") == [(3, 2)]
    assert columns(marts, satisfaction.curve, "satisfaction n", region="TJ") == [(1, 1), (2, 1)]
    assert columns(marts, satisfaction.curve, "satisfaction n", period="4w") == []


def spells(books: Books, folder: Path) -> list[tuple]:
    names = "satisfaction n exposure praise complaint referral"
    rows = columns(books.marts(folder), satisfaction.curve, names, period="all")
    return [(score, n, round(months * MONTH), *said) for score, n, months, *said in rows]


IN_FORCE: tuple[tuple[dict[str, int], dict[int, int]], ...] = (
    ({"2026-01-05": 4}, {4: 182}),
    ({"2026-11-12": 4}, {4: 1}),  # the last day itself
    ({"2026-11-13": 4}, {}),  # after the last day with data
    ({"2026-05-15": 4}, {4: 182}),  # 181 days and the last one
    ({"2026-05-16": 4}, {4: 181}),
    ({"2026-01-05": 4, "2026-01-06": 2}, {4: 1, 2: 182}),
    ({"2026-01-05": 4, "2026-07-05": 2}, {4: 181, 2: 131}),
    ({"2026-01-05": 4, "2026-07-06": 2}, {4: 182, 2: 130}),
    ({"2026-01-05": 4, "2026-07-07": 2}, {4: 182, 2: 129}),  # a day between in which no answer is in force
)


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Marts:
    """A customer a case: C1, C2 …"""
    b = line("C0")
    for number, (answers, _) in enumerate(IN_FORCE, 1):
        b.customer(f"C{number}")
        for on, score in answers.items():
            b.answered(f"C{number}", on, score)
    return b.marts(tmp_path_factory.mktemp("answering"))


@pytest.mark.parametrize("number", range(1, len(IN_FORCE) + 1), ids=[str(answers) for answers, _ in IN_FORCE])
def test_how_long_an_answer_is_in_force(answering: Marts, number: int) -> None:
    rows = columns(answering, satisfaction.curve, "satisfaction exposure", period="all", customer=f"C{number}")
    assert {score: round(months * MONTH) for score, months in rows} == IN_FORCE[number - 1][1]


def test_what_is_said_counts_for_the_answer_in_force_that_day(tmp_path: Path) -> None:
    """First day in, last day out; what is said before any answer or after its half year counts for none."""
    b = line()
    b.answered("C1", "2026-01-05", 4)
    b.answered("C1", "2026-03-02", 2)
    days = ("2026-01-04", "2026-01-05", "2026-03-01", "2026-03-02", "2026-08-30", "2026-08-31", "2026-11-12")
    for on in days:
        b.said("C1", on, "complaint")
    assert spells(b, tmp_path) == [(2, 1, 182, 0, 2, 0), (4, 1, 56, 0, 2, 0)]


def test_a_score_is_the_mean_of_the_items_answered(tmp_path: Path) -> None:
    b = line()
    b.answered("C1", "2026-01-05", 5, quality=4, trust=3)
    b.answered("C1", "2026-03-02", 1, **dict.fromkeys(SURVEY_ITEMS, 5))
    assert [row[0] for row in spells(b, tmp_path)] == [4.0, 4.5]
    numbers = asked(b.marts(tmp_path / "again"), "value.summary").numbers
    assert numbers["satisfaction"] == pytest.approx(4.25)


# --- who stands where --------------------------------------------------------------------------------


def test_histogram_counts_customers_by_their_mean_answer(marts: Marts) -> None:
    """C01 answered 4.5 and 4; C08 2 and 3."""
    assert columns(marts, satisfaction.histogram, "low customers revenue") == [
        (1, 1, 400),
        (2, 1, 500),
        (2.5, 1, 100),
        (3, 1, 800),
        (4.25, 1, 1000),
    ]


def test_standing_below_between_and_above_two_scores(marts: Marts) -> None:
    rows = columns(marts, satisfaction.standing, "zone customers revenue profit", 2.5, 4.25)
    assert sorted(rows) == [("complaining", 2, 900, 250), ("indifferent", 2, 900, 150), ("praising", 1, 1000, 500)]


def test_by_grade_and_tier(marts: Marts) -> None:
    """Grade A: C01 with 4.5 and 4, C02 with 3. Grade B: C03 with 2, C04 with 1."""
    names = "code satisfaction deviation n"
    spread = sqrt(((4.5 - 11.5 / 3) ** 2 + (4 - 11.5 / 3) ** 2 + (3 - 11.5 / 3) ** 2) / 2)
    assert columns(marts, satisfaction.by_column, names, "grade") == about(
        [("A", 11.5 / 3, spread, 3), ("B", 1.5, sqrt(0.5), 2)]
    )
    assert columns(marts, satisfaction.by_column, "code satisfaction n", "tier") == about(
        [("key", 3.0, 1), ("standard", 1.0, 1), ("strategic", 3.5, 3)]
    )
    assert columns(marts, satisfaction.by_column, "code deviation", "tier")[0] == ("key", None)


@pytest.mark.parametrize(
    ("level", "rows"),
    [(0, [("CN", 2.9, 5), ("DE", 2.5, 2)]), (1, [("NORTH", 2.9, 5)]), (2, [("BJ", 11.5 / 3, 3), ("TJ", 1.5, 2)])],
)
def test_by_region(marts: Marts, level: int, rows: list[tuple]) -> None:
    assert columns(marts, satisfaction.by_region, "code satisfaction n", level) == about(rows)


def test_loyalty_is_a_purchase_in_the_half_year_after_an_answer(marts: Marts) -> None:
    """C01 bought again within the first half year and not within the second, C03 did, C04 did not.

    Of the answers at 3 the half year is not over yet: they count neither way.
    """
    assert columns(marts, satisfaction.loyalty, "low n bought recommend") == [
        (1, 1, 0, 0),
        (2, 1, 1, None),
        (3, 0, 0, None),
        (4, 1, 0, 8),
        (4.5, 1, 1, 10),
    ]


def test_the_half_year_of_loyalty_begins_the_day_after(tmp_path: Path) -> None:
    """The order taken on the day of the answer was not brought by it."""
    b = line("C0")
    bought = {"2026-01-05": 0, "2026-01-06": 1, "2026-07-06": 1, "2026-07-07": 0}
    for on in bought:
        b.customer(on)
        b.sale(on, on, 10, 5)
        b.answered(on, "2026-01-05", 4)
    held = b.marts(tmp_path)
    assert {on: columns(held, satisfaction.loyalty, "n bought", customer=on) for on in bought} == {
        on: [(1, loyal)] for on, loyal in bought.items()
    }


def test_drivers_are_means_and_covariances_of_complete_answers(tmp_path: Path) -> None:
    """Three complete answers, satisfaction 1, 3, 5 with quality 1, 2, 4; an incomplete one stays out.

    cov(satisfaction, quality) = ((1 − 3)(1 − 7/3) + 0 + (5 − 3)(4 − 7/3)) / 2 = 3.
    """
    b = line()
    for on, overall, quality in (("2026-01-05", 1, 1), ("2026-02-02", 3, 2), ("2026-03-02", 5, 4)):
        b.answered("C1", on, overall, **dict.fromkeys(SURVEY_ITEMS, 3) | {"quality": quality})
    b.answered("C1", "2026-04-06", 5, quality=5)
    means, covariances = "n mean_satisfaction mean_quality", "cov_satisfaction_satisfaction cov_satisfaction_quality"
    names = f"{means} {covariances} cov_on_time_quality"
    held = b.marts(tmp_path)
    assert columns(held, satisfaction.drivers, names) == about([(3, 3.0, 7 / 3, 4.0, 3.0, 0.0)])


def test_drivers_of_nothing(marts: Marts) -> None:
    assert columns(marts, satisfaction.drivers, "n mean_quality cov_satisfaction_quality") == [(0, None, None)]
