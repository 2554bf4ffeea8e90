"""Service levels of the worked example: what each tier brings today, and the customers a plan is made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from dashboard.policy import Limits, Rule
from dashboard.warehouse.read import Marts
from queries import levels
from queries.levels import Handed, Sheet
from tests.small import EVERYBODY, columns, company, reader
from tests.statements import view_of

FREE = Limits(1, "self_service", 1.0, (), ())
NOTHING = (0.0, 0.0, 0.0, 0.0)
SHEET = Sheet(
    years=1.0,
    items=("visit", "call"),
    counted=("visit",),
    role="account_manager",
    limits=FREE,
    # Whatever he has today: the best level brings 30 % of his margin, the next 20, then 10, for 40, 20, 10 of money.
    change=((0.3, 0.2, 0.1, 0.0, *NOTHING, *NOTHING, 40.0, 20.0, 10.0, 0.0),) * 4,
    talk=(),
    score=24,
)


def found(marts: Marts, sheet: Sheet = SHEET) -> pd.DataFrame:
    view = view_of(marts, EVERYBODY)
    rows = marts.read(levels.select(levels.gained(view, sheet)), EVERYBODY)
    return rows.set_index("code").sort_index()


def test_today(marts: Marts) -> None:
    rows = columns(marts, levels.today, "tier customers revenue gross_margin cost_to_serve profit")
    assert sorted(rows) == [
        ("key", 1, 800, 400, 100, 300),
        ("self_service", 1, 200, 100, 100, 0),
        ("standard", 3, 900, 350, 280, 70),
        ("strategic", 2, 1500, 800, 150, 650),
    ]


def test_a_plan_is_made_of_the_customers_with_a_level_and_what_they_bring_and_cost(marts: Marts) -> None:
    """C05 had one visit of 60 and freight of 20: the freight is cost besides what levels include."""
    rows = found(marts)
    assert list(rows.index) == ["C01", "C02", "C03", "C04", "C05", "C06", "C07"]
    assert rows["margin"].to_dict() == {
        **{"C01": 600, "C02": 400, "C03": 200, "C04": 200},
        **{"C05": 100, "C06": 100, "C07": 50},
    }
    assert rows["other"].to_dict() == {"C01": 0, "C02": 0, "C03": 0, "C04": 0, "C05": 20, "C06": 100, "C07": 40}
    assert rows["units_0"].to_dict() == {"C01": 2, "C02": 1, "C03": 1, "C04": 1, "C05": 1, "C06": 0, "C07": 1}
    assert rows["bad_debt"].to_dict() == {**dict.fromkeys(rows.index, 0), "C06": 100}
    assert rows.loc["C01", [f"gain_{level}" for level in range(4)]].tolist() == [140, 100, 50, 0]
    assert rows.loc["C01", "stake"] == 180
    assert rows.loc["C04", "score"] == 8
    assert pd.isna(rows.loc["C05", "score"])
    assert rows.loc["C05", "class"] == 24


def test_a_review_lowers_by_one_level_and_raises_freely(marts: Marts) -> None:
    rows = found(marts)
    assert rows["now"].to_dict() == {"C01": 0, "C02": 1, "C03": 0, "C04": 2, "C05": 2, "C06": 3, "C07": 2}
    assert rows["first"].eq(0).all()
    assert rows["last"].to_dict() == {"C01": 1, "C02": 2, "C03": 1, "C04": 3, "C05": 3, "C06": 3, "C07": 3}
    kept = replace(SHEET, limits=replace(FREE, largest_fall=0, least="standard"))
    assert found(marts, kept)["last"].to_dict() == {
        **{"C01": 0, "C02": 1, "C03": 0, "C04": 2},
        **{"C05": 2, "C06": 2, "C07": 2},
    }


@pytest.mark.parametrize(
    ("rule", "who"),
    [
        (Rule("key", "code", "one_of", ("C04", "C05"), {}), ["C04", "C05"]),
        (Rule("key", "needs_level", "at_least", 4, {}), ["C01", "C05", "C06"]),
        (Rule("key", "needs_level", "at_most", 1, {}), ["C07"]),
        (Rule("key", "grade", "one_of", ("D",), {}), ["C06", "C07"]),
        (Rule("key", "industry", "one_of", ("food",), {}), ["C02", "C04", "C06"]),
        (Rule("key", "bad_debt", "at_least", 100, {}), ["C06"]),
        (Rule("key", "profit", "at_most", 0, {}), ["C06", "C07"]),
        (Rule("key", "revenue", "at_least", 800, {}), ["C01", "C02"]),
    ],
)
def test_floors_and_ceilings_hold_for_whom_they_are_about_and_nobody_else(
    marts: Marts, rule: Rule, who: list[str]
) -> None:
    free = found(marts)
    floors = found(marts, replace(SHEET, limits=replace(FREE, floors=(rule,))))
    assert list(floors.index[floors["last"] < free["last"]]) == [c for c in who if free.loc[c, "last"] > 1]
    assert floors.loc[who, "last"].le(1).all()
    ceilings = found(marts, replace(SHEET, limits=replace(FREE, ceilings=(rule,))))
    assert list(ceilings.index[ceilings["first"] == 1]) == who
    assert (ceilings["first"] <= ceilings["last"]).all()


def test_a_floor_goes_before_a_ceiling_and_a_credit_hold_lowers_no_further_than_a_review_may(marts: Marts) -> None:
    everybody = Rule("self_service", "revenue", "at_least", 0, {})
    held = found(marts, replace(SHEET, limits=replace(FREE, ceilings=(everybody,))))
    assert held["first"].eq(held["last"]).all()
    assert held["last"].sub(held["now"]).le(1).all()
    floor = Rule("strategic", "code", "one_of", ("C03",), {})
    both = found(marts, replace(SHEET, limits=replace(FREE, floors=(floor,), ceilings=(everybody,))))
    assert both.loc["C03", ["first", "last"]].tolist() == [0, 0]


def test_a_settled_customer_has_his_level_alone(marts: Marts) -> None:
    rows = found(marts, replace(SHEET, decided=(("C01", 3), ("C06", 0))))
    assert rows.loc["C01", ["first", "last"]].tolist() == [3, 3]
    assert rows.loc["C06", ["first", "last"]].tolist() == [0, 0]
    assert rows.loc["C02", ["first", "last"]].tolist() == [0, 2]


def test_word_of_mouth_counts_by_level_today_and_score(marts: Marts) -> None:
    rows = found(marts, replace(SHEET, talk=((2, 8, 7.0, 5.0, 3.0, 1.0), *((n, 24, *NOTHING) for n in range(4)))))
    assert "C04" in rows.index  # score 1 of 5: 8 eighths
    assert rows.loc["C04", "gain_0"] == 0.3 * 200 - 40 + 7


def classes(**counts: list[int]) -> Handed:
    """Standard customers, free between all levels, with nobody's area; no prices."""
    table = pd.DataFrame({"now": [2], "first": [0], "last": [3], "area": [levels.NOWHERE]})
    return Handed.of(table.assign(**counts, **dict.fromkeys(levels.CHARGES, 0.0)))


def test_each_level_goes_to_those_to_whom_it_brings_most(marts: Marts) -> None:
    """C04, C05 and C07 are standard; a strategic level is worth 0.3 × margin − 40: C04 has most of it."""
    who = reader(marts, tier="standard").view
    plan = classes(n0=[1], n1=[0], n2=[1], n3=[1])
    rows = marts.read(levels.listed(who, SHEET, plan, False, None), EVERYBODY).set_index("code")
    assert rows["level"].to_dict() == {"C04": 0, "C05": 2, "C07": 3}
    assert rows["gain"].to_dict() == {"C04": 0.3 * 200 - 40, "C05": 0.1 * 100 - 10, "C07": 0}
    moved = marts.read(levels.listed(who, SHEET, plan, True, None), EVERYBODY)
    assert moved["code"].tolist() == ["C04", "C07"]
    sums = marts.read(levels.sums(who, SHEET, plan), EVERYBODY)
    assert sums["customers"].sum() == 3
    assert sums["gain"].sum() == rows["gain"].sum()


def test_the_nearest_region_with_account_managers_is_a_customers_area(tmp_path: Path) -> None:
    b = company()
    for code, region, role in (("E3", "NORTH", "account_manager"), ("E4", "CN", "account_manager")):
        key = b.key("region", region)
        b.add("employee", code=code, name=code, role=role, region_key=key, hours_per_week=40)
    b.add("employee", code="E5", name="E5", role="director", region_key=b.key("region", "GZ"), hours_per_week=40)
    held = b.marts(tmp_path)
    rows = held.read(levels.areas(view_of(held, EVERYBODY), "account_manager"), EVERYBODY)
    assert rows[["code", "hours"]].to_dict("list") == {"code": ["CN", "NORTH"], "hours": [40, 40]}
    area = dict(zip(rows["code"], rows["area"], strict=True))
    assert found(held)["area"].to_dict() == {
        **{"C01": area["NORTH"], "C02": area["NORTH"], "C03": area["NORTH"], "C04": area["NORTH"]},
        **{"C05": area["CN"], "C06": area["CN"], "C07": area["CN"]},
    }
