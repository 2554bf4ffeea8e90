"""Value to come: histories worked out by hand, planted parameters found again, and what is said without data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

from dashboard.analysis import lifetime_value as lv
from dashboard.errors import DashboardError
from dashboard.policy import FILE, policy
from dashboard.scope import Scope
from dashboard.warehouse.models import FEWEST_REPEAT_BUYERS, SEGMENT_FROM
from dashboard.warehouse.read import Marts
from data import demo as demo_data
from queries import marts
from queries.lifetime import MARGIN_PURCHASES
from queries.population import population
from tests.small import Books, asked, line, published, reader

VALUE_TO_COME = ("value.lifetime", "value.lifetime_against_past", "value.alive")


def stored(held: Marts) -> pd.DataFrame:
    """What the marts hold of each customer with a purchase, by code."""
    asking = reader(held, period="all")
    customers, who, value = population(asking.view), marts.customer.c, marts.customer_value
    statement = (
        select(who.code, who.acquired_on, who.kind, *value.c)
        .join_from(customers, marts.customer, who.customer_key == customers.c.customer_key)
        .join(value, value.c.customer_key == customers.c.customer_key)
    )
    return asking.rows(statement).set_index("code")


@pytest.fixture(scope="module")
def histories(small: Marts) -> pd.DataFrame:
    return stored(small)


@pytest.fixture(scope="module")
def truth_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo large enough for models of organisations and persons; what was planted lies beside it."""
    path = tmp_path_factory.mktemp("planted") / "demo.duckdb"
    demo_data.build(path, 8_000, 3)
    return path


@pytest.fixture(scope="module")
def planted(truth_file: Path) -> Marts:
    return published(str(truth_file), truth_file.with_suffix(".marts"))


# --- histories ---------------------------------------------------------------------------------------


def test_a_history_counts_purchase_days_from_the_first_in_the_data(histories: pd.DataFrame) -> None:
    """C01 bought on 2024-11-20, 2026-03-02 and 2026-11-12, which is the last day with data."""
    first = histories.loc["C01"]
    assert (first["frequency"], first["recency"], first["age"]) == (2, 722 / 7, 722 / 7)
    assert first["mean_spend"] == (500 + 600 + 400) / 3


def test_two_order_lines_on_a_day_are_one_purchase_and_a_return_is_none(histories: pd.DataFrame) -> None:
    """C02 bought on 2025-11-05, twice on 2026-11-05, and returned goods for 100 the day after."""
    row = histories.loc["C02"]
    assert (row["frequency"], row["recency"]) == (1, 365 / 7)
    assert row["mean_spend"] == (200 + 500 + 400) / 2


def test_who_bought_once_has_no_recency_and_who_never_bought_no_history(histories: pd.DataFrame) -> None:
    assert histories.loc["C08", ["frequency", "recency"]].tolist() == [0, 0]
    assert histories.loc["C08", "age"] == 64 / 7
    assert {"C09", "C10"}.isdisjoint(histories.index)


def test_a_margin_is_drawn_to_that_of_the_segment(histories: pd.DataFrame) -> None:
    """Organisations: 4500 of revenue and 100 of returns before which 4600 was sold, 2360 of cost of goods."""
    of_all = (4500 - 2360) / 4600
    own = (1500 - 600) / 1500
    drawn = (3 * own + MARGIN_PURCHASES * of_all) / (3 + MARGIN_PURCHASES)
    assert histories.loc["C01", "margin"] == pytest.approx(drawn)


def test_cost_of_a_new_customer_is_not_blown_up_to_a_year(histories: pd.DataFrame) -> None:
    """C08's 190 of his first nine weeks are taken for thirteen: 760 a year, not 1,081."""
    assert histories.loc["C08", "yearly_cost"] == pytest.approx(190 * 52 / 13)
    assert histories.loc["C01", "yearly_cost"] == pytest.approx(100)


# --- the models --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["organisation", "person"])
def test_planted_parameters_are_found_again(planted: Marts, truth_file: Path, kind: str) -> None:
    """Customers won in the window have whole histories: BG/NBD then finds what was planted.

    The planted clock is slowed and hastened by the seasons, and a second purchase on a day moves to the next free
    one; four standard errors leave room for both.
    """
    truth, rows = demo_data.truth(truth_file), stored(planted)
    rows = rows[(rows["kind"] == kind) & (rows["acquired_on"] >= pd.Timestamp(truth["window"]["starts_on"]))]
    fit = lv.fit_bg_nbd(rows["frequency"], rows["recency"], rows["age"])
    wanted = truth["purchases"]["parameters"][kind]
    assert fit.n > 400
    for name in ("r", "alpha"):
        assert abs(fit.params[name] - wanted[name]) < 4 * fit.standard_errors[name], name
    # Of a and b only the mean drop-out after a purchase is pinned down well.
    assert fit.params["a"] / (fit.params["a"] + fit.params["b"]) == pytest.approx(
        wanted["a"] / (wanted["a"] + wanted["b"]), rel=0.5
    )


def test_organisations_and_persons_have_models_of_their_own(planted: Marts) -> None:
    models = planted.models
    fitted = models[models["name"] == "purchases"]
    assert set(fitted["segment"]) == {"organisation", "person"}
    assert fitted["n"].min() > SEGMENT_FROM
    assert (fitted["standard_error"] > 0).all()
    assert (models["fitted_to"] <= pd.Timestamp(planted.calendar.last_day)).all()


def test_the_forecast_beats_the_mean_of_history_and_is_hardly_biased(planted: Marts) -> None:
    numbers = asked(planted, "value.forecast_quality").numbers
    assert numbers["error"] < 0.9 * numbers["baseline_error"]
    assert abs(numbers["bias"]) < 0.08
    assert abs(numbers["bias"]) < abs(numbers["baseline_bias"])
    models = planted.models
    held = models[models["name"] == "holdout"]
    error = held[held["parameter"] == "error"]
    assert np.average(error["estimate"], weights=error["n"]) == pytest.approx(numbers["error"])
    assert held.loc[held["parameter"] == "actual", "estimate"].sum() == numbers["actual"]


def test_service_is_taken_off_once(planted: Marts) -> None:
    rows = stored(planted)
    assert np.allclose(rows["residual_value"], rows["residual_margin"] - rows["service_to_come"])
    assert np.allclose(rows["residual_margin"], rows["residual_revenue"] * rows["margin"])
    assert (rows["low"] <= rows["residual_value"] + 1e-9).all()
    assert (rows["residual_value"] <= rows["high"] + 1e-9).all()
    # Nobody is served for longer than the discounted years of the horizon.
    years = rows["service_to_come"] / rows["yearly_cost"].where(rows["yearly_cost"] > 0)
    rules = policy().lifetime
    annuity = sum((1 + rules.annual_discount_rate) ** -year for year in range(int(rules.horizon_years)))
    assert years.max() < annuity
    assert (rows["probability_alive"].between(0, 1)).all()


# --- the answers -------------------------------------------------------------------------------------


def test_groups_add_up_to_the_whole(planted: Marts) -> None:
    whole = asked(planted, "value.lifetime")
    rows = stored(planted)
    assert whole.numbers["customer_equity"] == pytest.approx(rows["residual_value"].sum())
    assert whole.numbers["expected_purchases"] == pytest.approx(rows["expected_purchases"].sum())
    assert whole.numbers["customers"] == whole.n == len(rows) == whole.table["customers"].sum()
    assert whole.numbers["customer_equity_low"] < whole.numbers["customer_equity"]
    assert whole.numbers["customer_equity"] < whole.numbers["customer_equity_high"]
    for key in ("value.lifetime_by_grade", "value.lifetime_by_region", "value.lifetime_against_past", "value.alive"):
        table = asked(planted, key).table
        assert table["customers"].sum() == len(rows), key
        assert table["value_to_come"].sum() == pytest.approx(whole.numbers["customer_equity"]), key
    assert whole.table["value_to_come"].sum() == pytest.approx(whole.numbers["customer_equity"])
    edges = whole.table[["value_from", "value_to"]]
    assert (edges["value_from"].iloc[1:].to_numpy() == edges["value_to"].iloc[:-1].to_numpy()).all()


def test_a_region_is_valued_by_its_own_customers(planted: Marts) -> None:
    japan = asked(planted, "value.lifetime", scope=Scope("jp", ("JP",), frozenset()))
    by_region = asked(planted, "value.lifetime_by_region").table.set_index("code")
    assert japan.numbers["customer_equity"] == pytest.approx(by_region.loc["JP", "value_to_come"])
    assert japan.n == by_region.loc["JP", "customers"]
    assert japan.numbers["parameters"] == [], "the models' sample sizes are the company's"
    assert asked(planted, "value.lifetime", region="JP").numbers["customer_equity"] == japan.numbers["customer_equity"]


def test_alive_bands_are_in_order_and_whole(planted: Marts) -> None:
    table = asked(planted, "value.alive").table
    assert table["zone"].tolist() == ["sure", "likely", "open", "unlikely", "gone"]
    assert table["customers_share"].sum() == pytest.approx(1)


# --- without enough data -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", VALUE_TO_COME)
def test_too_few_customers_are_said_in_words(small: Marts, key: str) -> None:
    for lang, words in (("en", f"fewer than {FEWEST_REPEAT_BUYERS} customers"), ("zh", f"{FEWEST_REPEAT_BUYERS}个")):
        insight = asked(small, key, lang)
        assert words in insight.headline
        assert insight.table.empty


def test_the_reason_is_stored(small: Marts) -> None:
    models = small.models.set_index("name")
    assert models.loc["purchases", "state"] == "too_few"
    assert models.loc["purchases", "n"] == 3, "C01, C02 and C03 bought a second time"


def test_one_order_line_is_enough_to_publish(tmp_path: Path) -> None:
    held = line().marts(tmp_path)
    assert "fewer than" in asked(held, "value.lifetime").headline
    assert asked(held, "value.forecast_quality").headline.startswith("The forecast can't be checked")


def repeat_buyers(goods: float | None) -> Books:
    """Ninety customers of different habits, the last purchases in the last weeks."""
    b = Books()
    for number in range(90):
        code = f"C{number:02d}"
        b.customer(code, kind="organisation")
        days = pd.date_range("2025-01-06", "2026-11-09", freq=f"{20 + 3 * number}D")[: 2 + number % 9]
        for place, on in enumerate(days):
            b.sale(code, str(on.date()), 50 + 10 * number + 5 * place, goods)
    b.sale("C00", "2026-11-12", 60, goods)
    return b


def test_without_cost_of_goods_revenue_is_forecast(tmp_path: Path) -> None:
    insight = asked(repeat_buyers(None).marts(tmp_path), "value.lifetime")
    assert "of revenue over the next 5 years" in insight.headline
    assert insight.numbers["customer_equity"] is None
    assert insight.numbers["residual_margin"] is None
    assert insight.numbers["residual_revenue"] > 0
    assert insight.numbers["value_to_come"] == insight.numbers["residual_revenue"]


def test_without_surveys_and_grades_of_its_own_value_to_come_stands(tmp_path: Path) -> None:
    held = repeat_buyers(20).marts(tmp_path)
    assert asked(held, "value.lifetime").numbers["customer_equity"] > 0
    assert asked(held, "value.lifetime_by_grade").headline.startswith("Grade ")  # a measured one
    assert "survey" in asked(held, "satisfaction.worth").missing


def test_loyal_customers_do_not_show_who_leaves(tmp_path: Path) -> None:
    """Everybody goes on buying to the end: drop-out can't be told, and spend that grows with frequency is said."""
    b = Books()
    for number in range(120):
        code = f"C{number:03d}"
        b.customer(code)
        step = 14 + number % 40
        for place, on in enumerate(pd.date_range("2026-11-12", "2025-06-01", freq=f"-{step}D")):
            b.sale(code, str(on.date()), 5000 / step + place % 3, 20)
    held = b.marts(tmp_path)
    assert asked(held, "value.alive").headline.startswith("The purchases hardly show who has left")
    insight = asked(held, "value.lifetime")
    assert insight.numbers["correlation"] > lv.CORRELATION_ALARM
    assert "Caution: spend a purchase goes with frequency" in insight.headline


# --- grades, word of mouth, the ledger ---------------------------------------------------------------


def test_reasons_count_the_changes_of_the_year(small: Marts) -> None:
    """In the year C02 rose to A, C03 fell to B and C06 fell to D; a first or last grade is no change."""
    numbers = asked(small, "tiers.reasons").numbers
    assert (numbers["changes"], numbers["up"], numbers["down"]) == (3, 1, 2)
    assert asked(small, "tiers.reasons", region="DE").numbers == {"changes": 0, "up": 0, "down": 0}


def test_flips_are_counted_against_the_years_graded(small: Marts) -> None:
    """C01 C02 C03 C04 C06 C07 were graded all 364 days, C05 from 2026-03-01 (260), C08 until 2026-09-01 (288)."""
    numbers = asked(small, "tiers.stability").numbers
    years = (6 * 364 + 260 + 288) / 365.25
    assert numbers["flips"] == 3
    assert numbers["flips_per_customer_year"] == pytest.approx(3 / years)
    assert numbers["flips_low"] < numbers["flips_per_customer_year"] < numbers["flips_high"]
    assert numbers["left"] == 1
    assert sum(numbers["stationary"].values()) == pytest.approx(1)


def test_the_ledger_is_met_to_the_cent(small: Marts) -> None:
    """Visits cost 25 a week to mid-year (226 days) and 60 after (138): 807.14 + 1182.86 = 1990; 8 of them 410."""
    numbers = asked(small, "cost.identity").numbers
    assert numbers["difference"] == 0
    assert numbers["customers_cost"] == 850
    assert numbers["enterprise_cost"] == 0
    table = asked(small, "cost.identity").table.set_index("name")
    assert table.loc["Visit", "ledger"] == 1990
    assert numbers["unused_cost"] == 1990 - table.loc["Visit", "charged"]
    assert numbers["ledger"] == 850 + numbers["unused_cost"]


def test_an_overrun_is_a_negative_unused_capacity(tmp_path: Path) -> None:
    b = Books()
    b.add("activity", code="visit", name="Visit", driver_unit="visit")
    b.rate("visit", "2025-01-01", None, 10, weekly_capacity=1, weekly_cost=7)
    b.customer("C1")
    b.sale("C1", "2026-11-12", 1000, 10)
    b.served("C1", "visit", "2026-11-12", 100)
    numbers = asked(b.marts(tmp_path), "cost.identity").numbers
    assert numbers["customers_cost"] == 1000
    assert numbers["ledger"] == 52 * 7
    assert numbers["unused_cost"] == numbers["overrun"] == 52 * 7 - 1000
    assert numbers["difference"] == 0


@pytest.mark.parametrize("view", [{"region": "CN"}, {"grade": "A"}])
def test_the_ledger_is_not_a_regions(small: Marts, view: dict[str, str]) -> None:
    for insight in (
        asked(small, "cost.identity", **view),
        asked(small, "cost.identity", scope=Scope("n", ("NORTH",), frozenset())),
    ):
        assert "whole company" in insight.headline
        assert not insight.numbers
        assert insight.table.empty


def test_a_point_is_worth_the_events_it_changes(planted: Marts) -> None:
    insight = asked(planted, "satisfaction.worth")
    numbers, table, rules = insight.numbers, insight.table, policy().word_of_mouth
    assert np.allclose(table["worth_of_a_point"], table["from_complaints"] + table["from_praise"], atol=1e-4)
    assert (table["cost_of_a_point"] == rules.cost_of_a_point).all()
    assert numbers["corner"]["score"] == 5
    assert numbers["interior"]["score"] < numbers["corner"]["score"]
    assert numbers["corner_pays"] == (numbers["corner"]["profit"] > numbers["interior"]["profit"])
    assert numbers["corner_pays"] == (numbers["break_even_to_corner"]["estimate"] > rules.cost_of_a_point)
    assert numbers["source"] == rules.source


def test_models_are_ranked_on_both_sides(planted: Marts) -> None:
    table = asked(planted, "satisfaction.models").table
    for _, side in table.groupby("side"):
        assert (side["verdict"] == "best").sum() == 1
        assert side.loc[side["behind"].idxmin(), "verdict"] == "best"


# --- the policy --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('model = "mbg_nbd"', 'model = "pareto"', "'model' is one of mbg_nbd, bg_nbd; got 'pareto'$"),
        ("horizon_years = 5", "horizon_years = 0", "'horizon_years' needs a number above zero"),
        ("annual_discount_rate = 0.10", "annual_discount_rate = -1", "'annual_discount_rate' needs a number"),
        ("annual_discount_rate = 0.10", "anual_discount_rate = 0.10", "unknown key 'anual_discount_rate'"),
        ("value_of_praise = 600", "value_of_praise = true", "'value_of_praise' needs a number"),
        ("cost_of_a_point = 30", "", "key 'cost_of_a_point' is missing"),
    ],
)
def test_a_wrong_policy_names_the_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = FILE.read_text("utf-8")
    assert old in text
    (tmp_path / "policy.toml").write_text(text.replace(old, new), "utf-8")
    with pytest.raises(DashboardError, match=words):
        policy(tmp_path / "policy.toml")
