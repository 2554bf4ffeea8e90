"""The plan: worked out by hand on a small company, and what holds whatever the company looks like.

Four customers of one region are served alike (standard). A visit costs 10; standard includes none, key ten, so key
costs 100 more. A customer's margin rises by half with key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dashboard import deciding
from dashboard.analysis.response import Response
from dashboard.insight import Answer, ask, whole
from dashboard.insights import choosing, levels
from dashboard.insights.plan import Plan, planned, worked_out
from dashboard.ledger import Conflict, Ledger, decisions, policies
from dashboard.policy import Approval, Capacity, Level, Limits, Policy, Rule, policy
from dashboard.warehouse.read import Marts
from queries.schema import TIERS, customer_profile
from tests.small import Books, asked, company, reader

NOTHING = Response("exponential", 0.0, 0.0, 0.0, 1.0, 1.0, "none")
HALF = Response("exponential", 0.5, 0.4, 0.6, 1e-6, 1.0, "a test")  # any effort at all brings all of it
WORDS = {"en": "a rule", "zh": "规则"}


def rules_of(**changed: Any) -> Policy:
    """Strategic and key include visits, standard and self-service nothing; only spending responds."""
    levels_ = {"strategic": 20.0, "key": 10.0, "standard": 0.0, "self_service": 0.0}
    base = replace(
        policy(),
        levels={tier: Level({"visit": visits}, {}, WORDS) for tier, visits in levels_.items()},
        response={
            "spending": HALF,
            **dict.fromkeys(("retention", "satisfaction", "cost_to_serve"), NOTHING),
        },
        limits=Limits(3, "self_service", 1.0, (), ()),
        capacity=Capacity("account_manager", 0.5, {}, {"visit": 1.0}, (), None),
        approval=Approval(("strategic",), 1000, 1000),
    )
    return replace(base, **changed)


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Put a policy in force for a test."""

    def put(**changed: Any) -> Policy:
        chosen = rules_of(**changed)
        monkeypatch.setattr(policies, "policy", lambda: chosen)
        return chosen

    return put


def four(margins: tuple[float, ...] = (1000, 600, 300, 100), tiers: tuple[str, ...] = ("standard",) * 4) -> Books:
    """Customers C0 … with these yearly margins and tiers, in one region with one account manager of 10 hours a week."""
    b = Books()
    b.region("N", "North")
    b.add("employee", code="E", name="E", role="account_manager", region_key=b.key("region", "N"), hours_per_week=10)
    b.add("activity", code="visit", name="Visit", driver_unit="visit")
    b.rate("visit", "2020-01-01", None, 10)
    for number, (margin, tier) in enumerate(zip(margins, tiers, strict=True)):
        code = f"C{number}"
        b.customer(code, "N", acquired_on="2020-01-01", strategic_fit=number + 1)
        b.sale(code, "2025-12-01", margin + 50, 50)
        b.assigned(code, "B", tier, "2020-01-01")
    b.sale("C0", "2024-11-20", 10, 10)  # a year of history before
    b.sale("C0", "2026-11-12", 1, 1)
    b.served("C0", "visit", "2026-01-05", 2)
    return b


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Marts:
    """The four, served alike: read only, so that one is enough for many tests."""
    return four().marts(tmp_path_factory.mktemp("four"))


def made(marts: Marts, **filters: Any) -> Plan:
    found = planned(reader(marts, **filters))
    assert isinstance(found, Plan), found
    return found


def recommended(marts: Marts, **filters: Any) -> dict[str, str]:
    table = asked(marts, "levels.recommendation", **filters).table
    return dict(zip(table["code"], table["recommended"], strict=True))


# --- by hand -----------------------------------------------------------------------------------------


def test_money_goes_where_it_brings_most(held: Marts, rules: Any) -> None:
    """Key would gain 500 − 100, 300 − 100, 150 − 100 and 50 − 100: a budget of 200 pays for the first two."""
    rules(capacity=Capacity("account_manager", 0.5, {}, {}, (), 200.0))
    insight = asked(held, "levels.recommendation")
    table = insight.table.set_index("code")
    assert table["recommended"].to_dict() == {"C0": "key", "C1": "key", "C2": "standard", "C3": "standard"}
    assert table["gain"].to_dict() == pytest.approx({"C0": 400, "C1": 200, "C2": 0, "C3": 0})
    assert table["cost_change"].to_dict() == pytest.approx({"C0": 100, "C1": 100, "C2": 0, "C3": 0})
    numbers = insight.numbers
    assert (numbers["raised"], numbers["lowered"]) == (2, 0)
    assert (numbers["value"], numbers["upper_bound"], numbers["gap"]) == pytest.approx((600, 600, 0), abs=1e-6)
    assert (numbers["budget_used"], numbers["budget_today"]) == pytest.approx((200, 0))
    # The third would gain 50 for 100 more of budget.
    assert numbers["prices"]["budget"] == pytest.approx(0.5)
    assert numbers["effects"]["profit"]["change"] == pytest.approx(600)
    # Of a margin of 1,600: 0.4 and 0.6 of it instead of a half, less 200.
    assert numbers["effects"]["profit"]["low"] == pytest.approx(0.4 * 1600 - 200, abs=8)
    assert numbers["effects"]["profit"]["high"] == pytest.approx(0.6 * 1600 - 200, abs=8)
    assert insight.headline == "Raising 2 customers would gain 600 a year; service would cost 200 instead of 0."


def test_hours_limit_the_plan_where_the_account_managers_are(held: Marts, rules: Any) -> None:
    """10 hours a week × 52 × a half = 260; at 200 hours a key account there is room for one."""
    rules(capacity=Capacity("account_manager", 0.5, {}, {"visit": 20.0}, (), 1e6))
    found = made(held)
    assert recommended(held) == {"C0": "key", "C1": "standard", "C2": "standard", "C3": "standard"}
    hours = found.of("hours")[0]
    assert (found.used(hours), hours.capacity) == pytest.approx((200, 260))
    table = asked(held, "levels.capacity").table
    assert table["hours_share"].tolist() == pytest.approx([200 / 260])
    assert recommended(held, hours="1.5") == {"C0": "key", "C1": "standard", "C2": "standard", "C3": "standard"}
    rules(capacity=Capacity("account_manager", 0.5, {"N": 400.0}, {"visit": 20.0}, (), 1e6))
    assert recommended(held) == {"C0": "key", "C1": "key", "C2": "standard", "C3": "standard"}
    assert recommended(held, hours="0.5") == {"C0": "key", "C1": "standard", "C2": "standard", "C3": "standard"}


def test_a_review_lowers_no_more_than_a_share_of_a_region(tmp_path: Path, rules: Any) -> None:
    """Without a response all four key accounts would fall; with a quarter of them the cheapest loss goes first."""
    held = four(tiers=("key",) * 4).marts(tmp_path)
    limits = Limits(1, "self_service", 0.25, (), ())
    rules(limits=limits)
    table = asked(held, "levels.recommendation").table.set_index("code")
    # Margins of today hold the key level already: a third of each hangs on it.
    assert table["gain"].to_dict() == pytest.approx({"C3": 100 - 100 / 3, "C0": 0, "C1": 0, "C2": 0})
    rules(limits=replace(limits, largest_share_lowered=0.5))
    assert [c for c, level in recommended(held).items() if level == "standard"] == ["C3"]
    rules(limits=replace(limits, largest_share_lowered=0.0))
    insight = asked(held, "levels.recommendation")
    assert insight.numbers["lowered"] == insight.numbers["raised"] == 0
    assert insight.headline == "Today's levels are the best these rules allow: no customer should move."


def test_rules_give_their_reason(held: Marts, rules: Any) -> None:
    why = {"en": "contract of the partner: at least Key", "zh": "合作伙伴合同：至少重点级"}
    floor = Rule("key", "strategic_fit", "at_least", 4, why)
    rules(limits=Limits(3, "self_service", 1.0, (floor,), ()), capacity=Capacity("x", 1, {}, {}, (), 1e6))
    for code, name in (("en", "contract of the partner: at least Key"), ("zh", "合作伙伴合同：至少重点级")):
        table = asked(held, "levels.recommendation", code).table.set_index("code")
        assert table.loc["C3", "recommended"] == "key"
        assert table.loc["C3", "reasons"].startswith(name)
        assert not table.loc["C0", "reasons"].startswith(name)
    assert "visit" not in table.loc["C3", "reasons"]


def test_reasons_are_the_customers_own_figures_and_what_would_change_them(held: Marts, rules: Any) -> None:
    rules(
        limits=Limits(3, "standard", 1.0, (), ()),
        capacity=Capacity("account_manager", 0.5, {}, {"visit": 1.0}, (), 200.0),
    )
    table = asked(held, "levels.recommendation").table.set_index("code")
    assert table.loc["C0", "reasons"].split("; ") == [
        "Key should bring 500 more margin a year",
        "Key costs 100 more a year",
        "takes 10 account-manager hours a year",
    ]
    # At the price of 0.5 key costs him 150: he would have to bring 300 of margin to be worth it, and brings just that.
    assert table.loc["C3", "switch"] == "Key, if margin rose to 300 a year (now 100)"
    assert table.loc["C0", "runner_up"] in TIERS
    queue = asked(held, "levels.queue").table
    assert queue["code"].tolist() == ["C0", "C1"]
    assert queue["approval"].tolist() == ["", ""]


def test_what_any_level_would_mean_is_told_before_it_is_given(held: Marts, rules: Any) -> None:
    """The budget of 200 pays for C0 and C1 as key accounts. C3, whom nobody proposed, would gain 50 − 100 there, and
    the 100 he costs are taken from another."""
    floor = Rule("standard", "strategic_fit", "at_least", 2, WORDS)
    rules(
        limits=Limits(1, "self_service", 1.0, (floor,), ()),
        capacity=Capacity("account_manager", 0.5, {}, {"visit": 1.0}, (), 200.0),
    )
    looking = reader(held)
    offer = choosing.picked(looking, ["C3", "C0"])
    assert offer.table["code"].tolist() == ["C3", "C0"]
    assert offer.table["recommended"].tolist() == ["standard", "key"]
    assert offer.table["state"].tolist() == ["stays", "open"]
    found = choosing.consequences(looking, offer, ["C3"], "key")
    assert found
    assert (found.n, found.cost, found.gain, found.behind) == pytest.approx((1, 100, 50 - 100, 50))
    assert (found.second, found.broken) == (0, {})
    assert found.lacking == (
        "The budget is 100 short of it, to be saved on others. There it would bring at least 50.00 a year.",
    )
    lowered = choosing.consequences(looking, offer, ["C3"], "self_service")
    assert lowered and lowered.broken == {WORDS["en"]: 1} and lowered.second == 1
    assert choosing.consequences(looking, offer, ["C0"], "key").behind == pytest.approx(0)
    assert choosing.found(looking, "c2").table["code"].tolist() == ["C2"]
    assert choosing.found(looking, "nobody").table.empty


def test_a_file_has_every_customer_and_the_answer_the_first(
    held: Marts, rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules()
    looking = reader(held)
    everybody = ask("levels.recommendation", looking).table
    monkeypatch.setattr(levels, "LISTED", 2)
    first = ask("levels.recommendation", looking)
    assert (len(first.table), first.numbers["rows_shown"], first.numbers["rows"]) == (2, 2, 4)
    file = pd.concat(whole(first, looking), ignore_index=True)
    assert file.to_csv() == everybody.to_csv()


def test_what_the_plan_recommends_leaves_it_as_it_is_and_anything_else_does_not(
    held: Marts, rules: Any, tmp_path: Path
) -> None:
    """C0 and C1 are to be raised for 200 of budget; strategic costs C1 all of it, so that C0 has to go without."""
    rules(capacity=Capacity("account_manager", 0.5, {}, {"visit": 1.0}, (), 200.0))
    looking = reader(held, ledger=Ledger(str(tmp_path / "ledger.db")))
    first, queue = planned(looking), ask("levels.queue", looking)
    assert isinstance(first, Plan)
    deciding.write(looking, deciding.accepted(queue, {}, ["C0"], {}), "1")
    second = planned(looking)
    assert isinstance(second, Plan)
    assert (second.decided, second.value, second.prices) == ((("C0", 1),), first.value, first.prices)
    assert list(ask("levels.queue", looking).table["code"]) == ["C1"]
    assert worked_out(looking).value == pytest.approx(first.value)  # type: ignore[union-attr]
    seen = ask("levels.decided", looking).numbers["seen"]
    back = deciding.taken_back(ask("levels.decided", looking), ["C0"], "")
    deciding.write(looking, back, "1")
    given = deciding.overridden(queue, seen, ["C1"], {}, "strategic", "a partner now", date(2026, 12, 31))
    deciding.write(looking, given, "1")
    third = {row["code"]: row["recommended"] for row in ask("levels.recommendation", looking).table.to_dict("records")}
    assert third == {"C0": "standard", "C1": "strategic", "C2": "standard", "C3": "standard"}


def test_a_decision_against_the_policy_needs_a_second_person(held: Marts, rules: Any, tmp_path: Path) -> None:
    floor = Rule("standard", "strategic_fit", "at_least", 2, WORDS)
    rules(limits=Limits(3, "self_service", 1.0, (floor,), ()), approval=Approval((), 1e9, 1e9))
    looking = reader(held, ledger=Ledger(str(tmp_path / "ledger.db")))
    for code in ("C0", "C3"):  # only C3's strategic fit asks for more
        offer, seen = choosing.picked(looking, [code]), ask("levels.decided", looking).numbers["seen"]
        last = date(2026, 12, 31)
        deciding.write(looking, deciding.overridden(offer, seen, [code], {}, "self_service", "a try", last), "1")
    decided = ask("levels.decided", looking)
    assert decided.numbers["states"] == {"C0": "ready", "C3": "waiting"}
    assert dict(zip(decided.table["code"], decided.table["breaks"], strict=True)) == {"C0": "", "C3": WORDS["en"]}


def test_a_decision_is_changed_directly_and_the_ledger_keeps_both(held: Marts, rules: Any, tmp_path: Path) -> None:
    rules(capacity=Capacity("account_manager", 0.5, {}, {"visit": 1.0}, (), 200.0))
    looking = reader(held, ledger=Ledger(str(tmp_path / "ledger.db")))
    queue = ask("levels.queue", looking)
    deciding.write(looking, deciding.accepted(queue, {}, ["C0"], {}), "1")
    offer = choosing.picked(looking, ["C0"])
    assert offer.table[["recommended", "level"]].to_numpy().tolist() == [["key", "key"]]
    seen = ask("levels.decided", looking).numbers["seen"]
    changed = deciding.overridden(offer, seen, ["C0"], {}, "strategic", "a partner now", date(2026, 12, 31))
    deciding.write(looking, changed, "1")
    newest, first = decisions.history(looking, "C0")
    assert (first.action, first.level, newest.action, newest.level, newest.sequence) == (
        *("accept", "key", "override", "strategic"),
        2,
    )
    assert newest.expected["gain"] == pytest.approx(queue.numbers["gains"]["C0"]["strategic"])
    assert choosing.picked(looking, ["C0"]).table["level"].tolist() == ["strategic"]
    with pytest.raises(Conflict):
        deciding.write(looking, changed, "1")


def test_more_budget_brings_less_and_less_and_nothing_in_the_end(held: Marts, rules: Any) -> None:
    rules(capacity=Capacity("account_manager", 0.5, {}, {}, (), 100.0))
    insight = asked(held, "levels.frontier")
    table = insight.table.set_index("budget")
    profit = insight.numbers["current"]["value"]
    assert insight.numbers["plan"] == pytest.approx({"budget": 100, "value": profit + 400})
    assert (np.diff(table["value"]) >= -1e-9).all()
    assert (np.diff(table["price"]) <= 1e-9).all()


def test_a_what_if_is_the_plan_with_another_share_and_the_link_holds_it(held: Marts, rules: Any) -> None:
    rules(capacity=Capacity("account_manager", 0.5, {}, {}, (), 200.0))
    less = asked(held, "levels.recommendation", budget="0.5")
    assert less.numbers["budget"] == pytest.approx(100)
    assert less.numbers["raised"] == 1
    assert less.filters == {"budget": "0.5"}
    # With half of the effect key brings 250 − 100 and 150 − 100; with none nothing.
    half = asked(held, "levels.recommendation", effect="0.5")
    assert half.numbers["value"] == pytest.approx(150 + 50)
    assert asked(held, "levels.recommendation", effect="0").numbers["raised"] == 0


def test_what_can_not_be_kept_is_said_with_its_amount(held: Marts, rules: Any) -> None:
    floors = (Rule("key", "strategic_fit", "at_least", 3, WORDS),)
    rules(limits=Limits(3, "self_service", 1.0, floors, ()), capacity=Capacity("x", 1, {}, {}, (), 150.0))
    insight = asked(held, "levels.recommendation")
    assert insight.headline == (
        "No plan keeps every rule: the budget is 50 short. Give more of it, or loosen a rule in data/policy.toml."
    )
    rules(
        limits=Limits(3, "self_service", 1.0, floors, ()),
        capacity=Capacity("account_manager", 0.5, {}, {"visit": 20.0}, (), 1e6),
    )
    assert "account managers of North lack 140 hours a year" in asked(held, "levels.recommendation").headline
    ceilings = (Rule("self_service", "strategic_fit", "at_least", 3, WORDS),)
    rules(limits=Limits(3, "self_service", 0.25, (), ceilings))
    assert "in North 1 more customers must fall than may" in asked(held, "levels.recommendation").headline


def test_those_left_out_by_a_filter_keep_their_level_and_what_it_uses(tmp_path: Path, rules: Any) -> None:
    """Of 400 hours, C1 outside the view uses 200 as a key account; 200 are left for C0."""
    held = four(tiers=("standard", "key", "standard", "standard")).marts(tmp_path)
    rules(capacity=Capacity("account_manager", 0.5, {"N": 400.0}, {"visit": 20.0}, (), 1e6))
    found = made(held, tier="standard")
    assert found.of("hours")[0].capacity == pytest.approx(200)
    assert found.of("budget")[0].capacity == pytest.approx(1e6 - 100)


# --- whatever the company looks like -------------------------------------------------------------------


def test_no_personal_detail_moves_anybody(tmp_path: Path, rules: Any) -> None:
    """Names, and every column of the customers' profile, handed round: the plan is the same to the cent."""
    rules(response={name: replace(HALF, scale=100.0) for name in policy().response})
    before = company()
    for number in range(1, 12):
        texts = {c.name: f"{c.name} {number}" for c in customer_profile.c if c.name not in ("customer_key", "birthday")}
        before.rows["customer_profile"] = [r for r in before.rows["customer_profile"] if r["customer_key"] != number]
        born = date(1960, 1, 1) + timedelta(400 * number)
        before.add("customer_profile", customer_key=number, **texts, birthday=born)
    after = company()
    after.rows["customer_profile"] = [
        {**row, "customer_key": 1 + row["customer_key"] % 11} for row in before.rows["customer_profile"]
    ]
    names = [row["name"] for row in after.rows["customer"]]
    for row, name in zip(after.rows["customer"], names[::-1], strict=True):
        row["name"] = row["name_en"] = name
    plans = [
        asked(books.marts(tmp_path / place), "levels.recommendation").table.drop(columns=["name"])
        for place, books in (("before", before), ("after", after))
    ]
    assert len(plans[0]) == 7
    assert plans[0].to_csv() == plans[1].to_csv()


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Books, Marts]]:
    """Companies of two regions with account managers, drawn at random."""
    found = [world(np.random.default_rng(seed)) for seed in range(3)]
    return [(books, books.marts(tmp_path_factory.mktemp("world"))) for books in found]


def world(rng: np.random.Generator) -> Books:
    b = Books()
    b.add("activity", code="visit", name="Visit", driver_unit="visit")
    b.rate("visit", "2020-01-01", None, 10)
    for region in ("N", "S"):
        b.region(region, region)
        hours = float(rng.choice([1.0, 4.0, 20.0]))
        key = b.key("region", region)
        b.add("employee", code=region, name=region, role="account_manager", region_key=key, hours_per_week=hours)
    for number in range(int(rng.integers(4, 40))):
        code = f"C{number}"
        b.customer(code, ("N", "S", None)[rng.integers(3)], strategic_fit=int(rng.integers(1, 6)))
        b.sale(code, "2025-12-01", int(rng.integers(1, 4000)), 0)
        b.assigned(code, "B", TIERS[rng.integers(4)], "2020-01-01")
    b.sale("C0", "2026-11-12", 1, 1)
    b.served("C0", "visit", "2026-01-05", 2)
    return b


def drawn(data: st.DataObject) -> Policy:
    some = Response("adbudg", data.draw(st.sampled_from((0.1, 0.5, 2.0))), 0.0, 3.0, 100.0, 0.7, "drawn")
    floors = (Rule("standard", "strategic_fit", "at_least", 5, WORDS),) * data.draw(st.integers(0, 1))
    ceilings = (Rule("key", "revenue", "at_most", 500, WORDS),) * data.draw(st.integers(0, 1))
    share = data.draw(st.sampled_from((0.0, 0.2, 0.5, 1.0)))
    limits = Limits(data.draw(st.integers(0, 3)), data.draw(st.sampled_from(TIERS[2:])), share, floors, ceilings)
    budget = data.draw(st.sampled_from((None, 500.0, 5000.0)))
    return rules_of(
        levels={
            tier: Level({"visit": visits}, {"gift": gifts}, WORDS)
            for tier, visits, gifts in zip(TIERS, (20.0, 8.0, 2.0, 0.0), (50.0, 5.0, 0.0, 0.0), strict=True)
        },
        response={"spending": some, **dict.fromkeys(("retention", "satisfaction", "cost_to_serve"), NOTHING)},
        limits=limits,
        capacity=Capacity("account_manager", 0.5, {}, {"visit": 1.0}, (), budget),
    )


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(data=st.data())
def test_every_constraint_holds_exactly_and_what_is_told_adds_up(
    worlds: list[tuple[Books, Marts]], data: st.DataObject
) -> None:
    books, held = worlds[data.draw(st.integers(0, len(worlds) - 1))]
    chosen = drawn(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policies, "policy", lambda: chosen)
        looking = reader(held)
        found = planned(looking)
        if isinstance(found, Answer):
            assert found.headline.startswith("No plan keeps every rule"), found.headline
            assert all(short > 0 for short in found.numbers["short"].values())
            return
        table = levels.listing(looking, found, moves=False, limit=None)
        insight = asked(held, "levels.recommendation")
    check(books, chosen, found, table)
    assert insight.table["gain"].sum() == pytest.approx(insight.numbers["value"])
    assert insight.table["cost_change"].sum() == pytest.approx(
        insight.numbers["budget_used"] - insight.numbers["budget_today"], abs=1e-6
    )
    assert insight.numbers["effects"]["gain"]["change"] == pytest.approx(insight.numbers["value"], abs=1e-6)


def check(books: Books, chosen: Policy, found: Plan, table: Any) -> None:
    """The plan against the rules, counted again from the customers themselves."""
    assert len(table) == len(books.rows["customer"])
    limits, rates = chosen.limits, found.task.rates
    floor, ceiling = limits.floors, limits.ceilings
    for row in table.to_dict("records"):
        assert row["level"] - row["now"] <= limits.largest_fall
        lowest = min(row["now"] + limits.largest_fall, TIERS.index(limits.least))
        if floor and row["strategic_fit"] >= 5:
            lowest = min(lowest, TIERS.index("standard"))
        assert row["level"] <= lowest
        if ceiling and row["revenue"] <= 500:
            assert row["level"] >= min(TIERS.index("key"), lowest)
    for resource in found.task.resources:
        mine = table if resource.area is None else table[table["area"] == resource.area]
        used = resource.use[mine["now"], mine["level"]].sum()
        assert used <= resource.capacity + 1e-9
        assert used == pytest.approx(found.used(resource))
    for area in table["area"].unique():
        lowered = (table["area"] == area) & (table["level"] > table["now"])
        assert lowered.sum() <= limits.largest_share_lowered * (table["area"] == area).sum() + 1e-9
    # Each gain is the customer's own: his margin times the step of the response, less the step of the cost.
    response, effort = 1 + chosen.response["spending"].at(rates.effort), rates.effort
    own = table["margin"] * (response[table["level"]] / response[table["now"]] - 1)
    own -= effort[table["level"]] - effort[table["now"]]
    assert np.allclose(table["gain"], own)
    assert found.value == pytest.approx(own.sum())
    assert found.upper_bound >= found.value - 1e-6
