"""Every number on the screen is part of the same total: groups add up, drill-downs match, faces agree.

On a demo company of 600 customers, to the cent, for whatever is filtered.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.analysis.concentration import WhaleCurve, lorenz_from_groups
from dashboard.cli import main
from dashboard.filters import Filters
from dashboard.insight import QUESTIONS, Reader, ask
from dashboard.language import language
from dashboard.periods import Calendar
from dashboard.warehouse.read import Marts
from queries import cost, customers, levels, population, satisfaction, tiers, value
from tests.small import EVERYBODY, Books, asked
from tests.views import filters

MONEY = ("revenue", "gross_margin", "cost_to_serve", "profit")
CENT = 0.005
ON_A_DEMO = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def look(marts: Marts, chosen: Filters) -> Reader:
    return Reader(chosen.checked(marts), EVERYBODY, marts, language("en"))


def total(reader: Reader) -> pd.Series:
    return reader.rows(value.summary(reader.view)).iloc[0].fillna(0.0)


def adds_up(parts: pd.DataFrame, whole: pd.Series, columns: tuple[str, ...]) -> None:
    for column in columns:
        assert parts[column].sum() == pytest.approx(whole[column], abs=CENT), column


# --- groups add up to the total ----------------------------------------------------------------------


@ON_A_DEMO
@given(data=st.data())
def test_every_breakdown_adds_up_to_the_summary(demo: Marts, data: st.DataObject) -> None:
    reader = look(demo, data.draw(filters(demo)))
    whole = total(reader)
    counted = (*MONEY, "customers", "active_customers", "loss_makers", "answers", "praise")
    for level in range(3):
        adds_up(reader.rows(value.by_region(reader.view, level)), whole, counted)
    for column in ("grade", "tier", "industry", "kind"):
        adds_up(reader.rows(value.by_column(reader.view, column)), whole, counted)
    adds_up(reader.rows(value.deciles(reader.view)).assign(customers=0), whole, MONEY)
    zones = reader.rows(value.zones(reader.view))
    adds_up(zones, whole, ("profit",))
    assert zones["customers"].sum() == whole["moved_customers"]
    items = reader.rows(cost.items(reader.view))
    assert items["amount"].sum() == pytest.approx(whole["cost_to_serve"], abs=CENT)
    adds_up(reader.rows(cost.quadrant(reader.view)), whole, MONEY)
    adds_up(reader.rows(value.distribution(reader.view)), whole, ("revenue",))
    losses = reader.rows(cost.losses(reader.view))
    assert losses["customers"].sum() == whole["loss_makers"]


@ON_A_DEMO
@given(data=st.data())
def test_weeks_of_the_period_add_up_to_the_summary(demo: Marts, data: st.DataObject) -> None:
    reader = look(demo, data.draw(filters(demo)))
    by_week = reader.rows(population.weeks(reader.view, reader.view.window))
    whole = total(reader)
    adds_up(by_week, whole, MONEY)
    assert by_week["satisfaction_n"].sum() == whole["answers"]
    assert by_week["complaint"].sum() == whole["complaint"]


@ON_A_DEMO
@given(data=st.data())
def test_graded_customers_add_up_alike_in_matrix_regions_and_levels(demo: Marts, data: st.DataObject) -> None:
    reader = look(demo, data.draw(filters(demo)))
    matrix = reader.rows(tiers.matrix(reader.view))
    graded = reader.rows(value.by_column(reader.view, "grade")).dropna(subset="code")
    adds_up(matrix, graded[[*MONEY, "customers"]].sum(), (*MONEY, "customers"))
    by_region = reader.rows(tiers.by_region(reader.view, 0))
    assert by_region["customers"].sum() == matrix["customers"].sum()
    with_tier = matrix.dropna(subset="tier")[[*MONEY, "customers"]].sum()
    adds_up(reader.rows(levels.today(reader.view)), with_tier, (*MONEY, "customers"))
    adds_up(reader.rows(levels.served(reader.view, "account_manager")), with_tier, ("customers",))
    moves = reader.rows(tiers.migration(reader.view)).dropna(subset="to_grade")
    assert moves["customers"].sum() == matrix["customers"].sum()


@ON_A_DEMO
@given(data=st.data())
def test_summary_is_the_sum_of_the_customers(demo: Marts, data: st.DataObject) -> None:
    """No row a customer ever leaves the warehouse in the product; here all of them do, and are added up."""
    reader = look(demo, data.draw(filters(demo)))
    everyone = reader.rows(customers.listed(reader.view, "revenue", 10**6))
    whole = total(reader)
    assert len(everyone) == whole["customers"] == reader.customers
    adds_up(everyone, whole, MONEY)
    assert (everyone["profit"] < 0).sum() == whole["loss_makers"]


# --- a window kept ready is the window computed from weeks -------------------------------------------


@settings(ON_A_DEMO, max_examples=5)
@given(data=st.data(), period=st.sampled_from(("4w", "13w", "52w", "ytd", "all")), before=st.booleans())
def test_a_window_kept_ready_equals_the_same_window_summed_from_weeks(
    demo: Marts, data: st.DataObject, period: str, before: bool
) -> None:
    chosen = replace(data.draw(filters(demo)), as_of=None, period=period)
    reader = look(demo, chosen)
    view = (reader.compared("last_year") if before else None) or reader.view
    unready = replace(view, calendar=replace(view.calendar, ready={}))
    assert view.window in view.calendar.ready, "the usual windows are kept ready"
    for statement in (
        value.summary,
        lambda v: value.by_column(v, "grade"),
        lambda v: value.by_region(v, 1),
        cost.items,
        cost.losses,
        tiers.migration,
        value.deciles,
        satisfaction.histogram,
        satisfaction.curve,
    ):
        same(reader.rows(statement(view)), reader.rows(statement(unready)))


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """The same rows in whatever order."""
    keys = [c for c in one.columns if not pd.api.types.is_float_dtype(one[c])] + list(one.columns)
    one, other = (f.sort_values(keys, ignore_index=True, na_position="last") for f in (one, other))
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


# --- the customers behind a number -------------------------------------------------------------------


def behind(demo: Marts, **chosen: str) -> dict[str, Any]:
    """The total of the list that a drill-down opens."""
    return asked(demo, "customers.list", **chosen).numbers


def test_loss_makers_behind_the_whale_curve(demo: Marts) -> None:
    whale = asked(demo, "value.whale").numbers
    found = behind(demo, group="loss_makers")
    assert found["customers"] == whale["loss_makers"]
    assert found["profit"] == pytest.approx(whale["losses"], abs=CENT)
    assert behind(demo, group="moved")["customers"] == whale["customers"]
    assert behind(demo, group="moved")["profit"] == pytest.approx(whale["total_profit"], abs=CENT)


@pytest.mark.parametrize("key", [key for key, question in QUESTIONS.items() if question.behind == "moved"])
def test_an_answer_about_a_group_counts_the_groups_customers(demo: Marts, key: str) -> None:
    assert asked(demo, key).n == behind(demo, group="moved")["customers"]


def test_losses_are_those_of_the_loss_makers(demo: Marts) -> None:
    found = behind(demo, group="loss_makers")
    losses = asked(demo, "cost.losses").numbers
    assert losses["customers"] == found["customers"]
    assert losses["loss"] == pytest.approx(-found["profit"], abs=CENT)
    assert asked(demo, "cost.loss_makers").numbers["loss"] == pytest.approx(losses["loss"], abs=CENT)


@pytest.mark.parametrize("zone", ["creators", "break_even", "destroyers"])
def test_customers_behind_a_zone(demo: Marts, zone: str) -> None:
    shown = next(z for z in asked(demo, "value.whale").numbers["zones"] if z["code"] == zone)
    found = behind(demo, group=zone)
    assert found["customers"] == shown["customers"]
    assert found["profit"] == pytest.approx(shown["profit"], abs=CENT)


@pytest.mark.parametrize("decile", range(1, 11))
def test_customers_behind_a_decile(demo: Marts, decile: int) -> None:
    shown = asked(demo, "value.deciles").table.set_index("decile").loc[decile]
    found = behind(demo, group=f"decile-{decile}")
    assert found["customers"] == shown["customers"]
    for name in MONEY:
        assert found[name] == pytest.approx(shown[name], abs=CENT)


def test_customers_behind_the_active_and_the_surveyed(demo: Marts) -> None:
    summary = asked(demo, "value.summary").numbers
    assert behind(demo, group="active")["customers"] == summary["active_customers"]
    surveyed = behind(demo, group="surveyed")
    assert surveyed["answers"] == summary["answers"]
    reader = look(demo, Filters())
    histogram = reader.rows(satisfaction.histogram(reader.view))
    assert surveyed["customers"] == histogram["customers"].sum()


def test_customers_behind_a_band_of_satisfaction(demo: Marts) -> None:
    reader = look(demo, Filters())
    zones = reader.rows(satisfaction.standing(reader.view, 2.5, 4)).set_index("zone")
    groups = {"complaining": "score-1-2.5", "indifferent": "score-2.5-4", "praising": "score-4-5"}
    for zone, group in groups.items():
        found = behind(demo, group=group)
        assert found["customers"] == zones["customers"].get(zone, 0)
        assert found["revenue"] == pytest.approx(zones["revenue"].get(zone, 0.0), abs=CENT)


@pytest.mark.parametrize(
    ("key", "dimension"), [("value.by_region", "region"), ("tiers.by_region", "region"), ("tiers.matrix", "grade")]
)
def test_customers_behind_a_mark(demo: Marts, key: str, dimension: str) -> None:
    """A click on a mark filters by the question's dimension; the list then has the mark's total."""
    assert QUESTIONS[key].dimension == dimension
    table = asked(demo, key).table.dropna(subset=dimension if dimension in ("grade",) else "code")
    for row in table.head(6).to_dict("records"):
        chosen = {dimension: row.get("code", row.get("grade"))}
        chosen |= {name: row[name] for name in ("grade", "tier") if name in row}
        found = behind(demo, **chosen)
        assert found["customers"] == row["customers"], chosen
        assert found["revenue"] == pytest.approx(row["revenue"], abs=CENT)


def test_customers_behind_an_activity(demo: Marts) -> None:
    for row in asked(demo, "cost.activities").table.to_dict("records"):
        assert behind(demo, activity=row["code"])["customers"] == row["customers"]


# --- the faces agree ---------------------------------------------------------------------------------


@pytest.mark.parametrize("key", sorted(QUESTIONS))
def test_the_command_line_prints_the_insight(
    demo: Marts, demo_file: Any, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = {"period": "13w", "region": "CN"} | ({"customer": "C000001"} if key.startswith("customer.") else {})
    options = [word for name, code in chosen.items() for word in (f"--{name}", code)]
    assert main(["ask", key, "--warehouse", str(demo_file), "--lang", "zh", *options]) == 0
    printed = json.loads(capsys.readouterr().out)
    here = json.loads(asked(demo, key, "zh", **chosen).to_json())
    for answer in (printed, here):
        answer["numbers"].pop("age_hours", None)
    assert printed == here


def test_an_answer_is_the_same_twice(demo: Marts) -> None:
    for key in ("value.summary", "value.whale", "satisfaction.curve"):
        assert asked(demo, key).to_json() == asked(demo, key).to_json()


# --- ranking without sorting -------------------------------------------------------------------------


def test_binned_ranking_approximates_the_exact_one(demo: Marts) -> None:
    reader = look(demo, Filters())
    whale, lorenz = {}, {}
    for exact in (True, False):
        groups = reader.rows(value.ranked(reader.view, "profit", exact=exact))
        columns = ("customers", "total", "smallest", "gainers", "gains", "losers", "squares")
        whale[exact] = WhaleCurve.from_groups(*[groups[c] for c in columns])
        groups = reader.rows(value.ranked(reader.view, "revenue", exact=exact))
        rank_total = groups["rank_total"] if exact else None
        lorenz[exact] = lorenz_from_groups(
            groups["customers"], groups["total"], groups["smallest"], rank_total, groups["squares"]
        )
    assert whale[False].loss_makers == whale[True].loss_makers
    for name in ("total", "gains", "losses"):
        assert getattr(whale[False], name) == pytest.approx(getattr(whale[True], name), abs=CENT)
    for name in ("peak_share", "peak_at_share", "erosion", "top_20_share", "worst_10_share"):
        assert getattr(whale[False], name) == pytest.approx(getattr(whale[True], name), abs=1e-3), name
    assert lorenz[False].gini == pytest.approx(lorenz[True].gini, abs=1e-3)
    assert lorenz[False].top_share(0.2) == pytest.approx(lorenz[True].top_share(0.2), abs=1e-3)


def test_ranking_covers_whom_the_summary_counts(demo: Marts) -> None:
    reader = look(demo, Filters())
    whole = total(reader)
    for exact in (True, False):
        groups = reader.rows(value.ranked(reader.view, "profit", exact=exact))
        assert groups["customers"].sum() == whole["moved_customers"]
        assert groups["total"].sum() == pytest.approx(whole["profit"], abs=CENT)
        assert groups["losers"].sum() == whole["loss_makers"]


def test_the_marts_hold_what_the_warehouse_holds(demo: Marts) -> None:
    """All of history, ungrouped, is the ledger."""
    reader = look(demo, Filters(period="all"))
    whole = total(reader)
    assert isinstance(demo.calendar, Calendar)
    published = reader.rows(population.weeks(reader.view, reader.view.window))
    adds_up(published, whole, MONEY)
    assert ask("value.summary", reader).numbers["revenue"] == pytest.approx(published["revenue"].sum(), abs=CENT)


@pytest.mark.parametrize("costed", [True, False])
def test_customers_behind_a_decile_among_equals_and_without_cost_of_goods(tmp_path: Path, costed: bool) -> None:
    """Twenty-five customers of equal profit and unequal revenue; without cost of goods the rank is by revenue."""
    b = Books()
    for number in range(25):
        b.customer(f"C{number:02}")
        revenue = 1000 - 30 * (7 * number % 25)
        b.sale(f"C{number:02}", "2026-11-12", revenue, revenue - 10 if costed else None)
    held = b.marts(tmp_path)
    for row in asked(held, "value.deciles").table.to_dict("records"):
        found = behind(held, group=f"decile-{row['decile']}")
        assert (found["customers"], found["revenue"]) == (row["customers"], row["revenue"]), row["decile"]
