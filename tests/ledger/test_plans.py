"""Plans handed over, pilots declared, versions of the policy saved."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dashboard.errors import DashboardError
from dashboard.insight import Reader
from dashboard.ledger import Conflict, Ledger, decisions, pilots, plans, policies
from dashboard.ledger.decisions import Choice
from dashboard.ledger.plans import Change, Line, Plan
from tests.ledger.conftest import As

REVIEW = date(2026, 11, 9)


def hand_over(reader: Reader, *lines: Line, approval_needed: bool = False, **totals: Any) -> Plan:
    return plans.hand_over(reader, REVIEW, lines, totals, policy_version="p1", approval_needed=approval_needed)


def decided(reader: Reader, code: str, level: str = "key", seen: int = 0) -> Line:
    choice = Choice(code, "accept", recommended=level, level=level, seen=seen)
    (written,) = decisions.record(reader, REVIEW, [choice], policy_version="p1")
    return Line(code, level, written.id)


# --- plans -------------------------------------------------------------------------------------------


def test_a_plan_is_kept_with_its_number_its_totals_and_its_lines(someone: As) -> None:
    lines = [decided(someone(), "C01"), Line("C02", "standard")]
    plan = hand_over(someone("ann"), *lines, profit=12.5, hours=None)
    assert plans.handed_over(someone("bob")) == [plan]
    assert (plan.number, plan.author, plan.review, plan.regions) == (1, "ann", REVIEW, None)
    assert plan.totals == {"profit": 12.5, "hours": None}
    assert plans.lines_of(someone(), plan) == lines


def test_what_changed_since_the_last_one(someone: As) -> None:
    one = hand_over(someone(), Line("C01", "key"), Line("C02", "key"), Line("C03", "standard"))
    two = hand_over(someone(), Line("C01", "strategic"), Line("C02", "key"), Line("C10", "standard"))
    assert plans.before(someone(), two) == one
    assert plans.before(someone(), one) is None
    assert plans.changes(someone(), one, two) == [
        Change("C01", "key", "strategic"),
        Change("C03", "standard", None),
        Change("C10", None, "standard"),
    ]
    assert plans.changes(someone(), None, one)[0] == Change("C01", None, "key")


def test_a_plan_follows_the_one_of_the_same_regions(someone: As) -> None:
    north = hand_over(someone(regions=("NORTH",)), Line("C01", "key"))
    hand_over(someone(), Line("C01", "strategic"))
    again = hand_over(someone(region="NORTH"), Line("C01", "standard"))
    assert (north.regions, again.regions) == (("NORTH",), ("NORTH",))
    assert plans.before(someone(), again) == north


def test_a_part_of_the_company_sees_its_lines_and_no_totals_of_the_whole(someone: As) -> None:
    hand_over(someone(), Line("C01", "key"), Line("C08", "standard"), profit=1000)
    hand_over(someone(), Line("C08", "key"), profit=1000)
    (seen,) = plans.handed_over(someone("ned", regions=("NORTH",)))
    assert (seen.number, seen.totals) == (1, None)
    assert plans.lines_of(someone("ned", regions=("NORTH",)), seen) == [Line("C01", "key")]


def test_a_line_stands_on_the_newest_decision_and_on_its_approval_where_one_is_needed(someone: As) -> None:
    line = decided(someone("ann"), "C01")
    with pytest.raises(DashboardError, match="C01: the decision is not approved"):
        hand_over(someone("ann"), line, approval_needed=True)
    assert line.decision is not None
    decisions.approve(someone("bob"), REVIEW, [line.decision], "approved")
    hand_over(someone("ann"), line, approval_needed=True)
    decisions.approve(someone("bob"), REVIEW, [line.decision], "rejected", "no")
    with pytest.raises(DashboardError, match="C01: the decision is not approved"):
        hand_over(someone("ann"), line)
    decided(someone("eve"), "C01", "standard", seen=1)
    for stale in (line, replace(line, level="standard"), Line("C02", "key", line.decision)):
        with pytest.raises(DashboardError, match="the decision has changed since this plan was made"):
            hand_over(someone("ann"), stale)
    assert len(plans.handed_over(someone())) == 1


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "The plan is empty."),
        ([Line("C01", "keys")], "level: 'keys' is not known; did you mean 'key'?"),
        ([Line("C01", "key"), Line("C01", "key")], "A customer is twice in the plan."),
        ([Line("C01", "key"), Line("nobody", "key")], "There is no customer nobody that you may see."),
    ],
)
def test_a_plan_that_is_not_whole_is_refused(someone: As, lines: list[Line], said: str) -> None:
    with pytest.raises(DashboardError) as error:
        hand_over(someone(), *lines)
    assert str(error.value) == said
    assert plans.handed_over(someone()) == []


def test_plans_handed_over_at_once_get_numbers_of_their_own_or_are_told(location: str, someone: As) -> None:
    start, told = threading.Barrier(4), []

    def one() -> None:
        reader = replace(someone(), ledger=Ledger(location))
        start.wait()
        try:
            hand_over(reader, Line("C01", "key"))
        except Conflict as conflict:
            told.append(conflict.taken[0].about)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [plan.number for plan in plans.handed_over(someone())]
    assert numbers == list(range(len(numbers), 0, -1))
    assert len(numbers) + len(told) == 4
    assert numbers


# --- pilots ------------------------------------------------------------------------------------------

PILOT = {
    "levels": ["key", "standard"],
    "seed": 7,
    "share": 0.25,
    "starts_on": date(2026, 11, 16),
    "ends_on": date(2027, 5, 16),
    "held": ["C08", "C01"],
    "why": "is a visit worth it?",
}


def test_a_pilot_keeps_whom_it_holds_and_the_same_name_replaces_it(someone: As) -> None:
    declared = pilots.declare(someone("ann"), "visits", **PILOT)
    assert pilots.declared(someone("bob")) == [declared]
    assert (declared.held, declared.levels, declared.share, declared.seed) == (
        ("C01", "C08"),
        ("key", "standard"),
        0.25,
        7,
    )
    shorter = pilots.declare(someone("bob"), "visits", **PILOT | {"ends_on": date(2027, 1, 1)})
    assert pilots.declared(someone()) == [shorter]
    (part,) = pilots.declared(someone("ned", regions=("NORTH",)))
    assert part.held == ("C01",)
    assert pilots.declared(someone("gus", regions=("GZ",))) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"share": 1.0}, "The share held lies between 0 and 1; got 1.0."),
        ({"levels": ["gold"]}, "level: 'gold' is not known"),
        ({"held": []}, "A pilot holds at least one customer"),
        ({"ends_on": date(2026, 1, 1)}, "The last day lies before the first one."),
        ({"why": " "}, "The reason is missing."),
        ({"held": ["nobody"]}, "There is no customer nobody"),
    ],
)
def test_a_pilot_that_is_not_whole_is_refused(someone: As, change: dict[str, Any], said: str) -> None:
    with pytest.raises(DashboardError, match=said):
        pilots.declare(someone(), "visits", **PILOT | change)
    assert pilots.declared(someone()) == []


# --- policy ------------------------------------------------------------------------------------------


def test_versions_of_the_policy_stay_and_one_is_never_two_texts(someone: As) -> None:
    policies.save(someone("ann"), "2026-12", "a = 1", "new rates")
    policies.save(someone("bob"), "2027-01", "a = 2", "new year")
    assert [(p.version, p.author, p.text) for p in policies.versions(someone())] == [
        ("2027-01", "bob", "a = 2"),
        ("2026-12", "ann", "a = 1"),
    ]
    with pytest.raises(Conflict, match=r"policy version 2026-12 \(ann, .*new rates\)"):
        policies.save(someone("eve"), "2026-12", "a = 3", "mine")
    found = policies.find(someone(), "2026-12")
    assert found is not None
    assert found.text == "a = 1"
    assert policies.find(someone(), "1999") is None
