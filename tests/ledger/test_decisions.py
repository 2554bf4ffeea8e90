"""Decisions: who gets which level, written once, never lost, and never over somebody else's.

The worked example's last day is Thursday 2026-11-12; REVIEW is its week.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date, timedelta

import pytest

from dashboard.errors import DashboardError
from dashboard.ledger import Conflict, Ledger, RefusedError, decisions
from dashboard.ledger.decisions import Choice
from dashboard.warehouse.read import Marts
from tests.ledger.conftest import As

REVIEW = date(2026, 11, 9)
YEAR_END = date(2026, 12, 31)
ACCEPT = Choice("C01", "accept", current="key", recommended="strategic", level="strategic", expected={"gain": 12.5})
OVERRIDE = Choice(
    "C02", "override", current="key", recommended="standard", level="key", reason="new contract", expires_on=YEAR_END
)
POSTPONE = Choice("C03", "postpone", current="strategic", recommended="key", level="strategic", reason="ask first")


def record(reader, *choices: Choice, review: date = REVIEW) -> list[decisions.Decision]:
    return decisions.record(reader, review, choices, policy_version="p1")


def test_a_decision_is_kept_with_everything_it_rests_on(someone: As, small: Marts) -> None:
    record(someone("ann"), ACCEPT, OVERRIDE, review=REVIEW + timedelta(days=3))
    found = decisions.of_review(someone("bob"), REVIEW)
    one, other = found["C01"], found["C02"]
    assert (one.author, one.review, one.sequence, one.action, one.level) == ("ann", REVIEW, 1, "accept", "strategic")
    assert (one.current, one.recommended, one.expected) == ("key", "strategic", {"gain": 12.5})
    assert (one.policy_version, one.data_version, one.verdict) == ("p1", small.version, None)
    assert one.at.utcoffset() == timedelta(0)
    assert (other.level, other.reason, other.expires_on) == ("key", "new contract", YEAR_END)


def test_undefined_figures_are_kept_as_nothing(someone: As) -> None:
    record(someone(), replace(ACCEPT, expected={"gain": float("nan"), "reasons": ["a", "b"], "hours": None}))
    kept = decisions.of_review(someone(), REVIEW)["C01"].expected
    assert kept == {"gain": None, "reasons": ["a", "b"], "hours": None}


def test_the_newest_decision_counts_and_all_of_them_stay(someone: As) -> None:
    record(someone("ann"), ACCEPT)
    record(someone("bob"), replace(OVERRIDE, customer="C01", seen=1))
    assert decisions.of_review(someone(), REVIEW)["C01"].author == "bob"
    assert [(d.sequence, d.author) for d in decisions.history(someone(), "C01")] == [(2, "bob"), (1, "ann")]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (replace(OVERRIDE, reason="  "), "The reason of an override is missing."),
        (replace(OVERRIDE, expires_on=None), "An override needs the day on which it ends."),
        (replace(OVERRIDE, expires_on=date(2026, 11, 12)), "2026-11-12 is not a day within a year after 2026-11-12."),
        (replace(OVERRIDE, expires_on=date(2027, 11, 14)), "2027-11-14 is not a day within a year after 2026-11-12."),
        (replace(OVERRIDE, level="standard"), "C02: an override gives another level than the recommended one."),
        (replace(OVERRIDE, level="keys"), "level: 'keys' is not known; did you mean 'key'?"),
        (replace(OVERRIDE, action="overrule"), "action: 'overrule' is not known; did you mean 'override'?"),
        (replace(POSTPONE, reason=""), "To postpone, give a reason or the day until which."),
        (replace(POSTPONE, level="key"), "C03: a postponed customer keeps the current level."),
        (replace(ACCEPT, level="key"), "C01: to accept is to give the recommended level."),
        (Choice("C01", "withdraw"), "C01: there is no decision to take back."),
        (Choice("C01", "withdraw", seen=1), "C01: there is no decision 1 to replace."),
    ],
)
def test_a_choice_that_is_not_whole_is_refused_with_all_others(someone: As, choice: Choice, said: str) -> None:
    with pytest.raises(DashboardError) as error:
        record(someone(), replace(ACCEPT, customer="C10"), choice)
    assert str(error.value) == said
    assert decisions.of_review(someone(), REVIEW) == {}


def test_a_customer_is_decided_on_once_at_a_time(someone: As) -> None:
    with pytest.raises(DashboardError, match="C01 is decided on twice"):
        record(someone(), ACCEPT, ACCEPT)


def test_errors_are_in_the_readers_language(someone: As) -> None:
    with pytest.raises(DashboardError, match="缺少改定的理由"):
        record(someone(lang="zh"), replace(OVERRIDE, reason=""))


# --- two at once -------------------------------------------------------------------------------------


def test_who_comes_second_learns_who_was_first_and_nothing_of_his_is_written(someone: As) -> None:
    record(someone("ann"), ACCEPT, OVERRIDE)
    with pytest.raises(Conflict) as error:
        record(someone("bob"), POSTPONE, replace(ACCEPT, customer="C10"), replace(OVERRIDE, seen=0), ACCEPT)
    assert [(t.about, t.author, t.what) for t in error.value.taken] == [
        ("C01", "ann", "accepted"),
        ("C02", "ann", "overridden"),
    ]
    assert str(error.value).startswith("Somebody else was first, so nothing was saved: C01 (ann, 20")
    assert set(decisions.of_review(someone(), REVIEW)) == {"C01", "C02"}


def test_a_race_has_one_winner_and_every_loser_learns_of_him(small: Marts, location: str, someone: As) -> None:
    """Eight people decide on the same three customers at the same moment, each with his own connection."""
    won, lost, start = [], [], threading.Barrier(8)

    def decide(number: int) -> None:
        one = replace(someone(f"person {number}"), ledger=Ledger(location))
        codes = ("C01", "C02", "C10") if number % 2 else ("C10", "C02", "C01")
        start.wait()
        try:
            record(one, *(replace(ACCEPT, customer=code) for code in codes))
            won.append(one.scope.user)
        except Conflict as conflict:
            lost.append({(taken.about, taken.author) for taken in conflict.taken})

    threads = [threading.Thread(target=decide, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert lost == [{(code, won[0]) for code in ("C01", "C02", "C10")}] * 7
    assert {d.author for d in decisions.of_review(someone(), REVIEW).values()} == {won[0]}


# --- rights ------------------------------------------------------------------------------------------


def test_deciding_needs_the_permission(someone: As) -> None:
    with pytest.raises(RefusedError, match="You may not take decisions: ask the owner of the access file for “decide”"):
        record(someone(may=("approve", "export")), ACCEPT)


@pytest.mark.parametrize("code", ["C08", "C09", "nobody"])
def test_a_customer_outside_the_scope_is_as_if_he_did_not_exist(someone: As, code: str) -> None:
    with pytest.raises(RefusedError, match=f"There is no customer {code} that you may see."):
        record(someone(regions=("NORTH",)), ACCEPT, replace(ACCEPT, customer=code))
    assert decisions.of_review(someone(), REVIEW) == {}


def test_everybody_reads_of_his_customers_only(someone: As) -> None:
    record(
        someone(), ACCEPT, replace(ACCEPT, customer="C08"), replace(ACCEPT, customer="C09"), review=date(2026, 11, 2)
    )
    record(someone(), replace(ACCEPT, customer="C08"))
    north = someone("ned", regions=("NORTH",))
    assert set(decisions.of_review(north, date(2026, 11, 2))) == {"C01"}
    assert decisions.history(north, "C08") == []
    assert decisions.in_force(north, REVIEW) == {"C01": "strategic"}
    assert decisions.reviews(north) == [date(2026, 11, 2)]
    assert decisions.reviews(someone()) == [REVIEW, date(2026, 11, 2)]
    assert set(decisions.in_force(someone(), REVIEW)) == {"C01", "C08", "C09"}


# --- approval ----------------------------------------------------------------------------------------


def test_a_second_person_approves_or_rejects_and_the_newest_verdict_counts(someone: As) -> None:
    one, other = record(someone("ann"), ACCEPT, OVERRIDE)
    decisions.approve(someone("bob"), REVIEW, [one.id, other.id], "approved")
    decisions.approve(someone("eve"), REVIEW, [other.id], "rejected", "too dear")
    found = decisions.of_review(someone(), REVIEW)
    assert (found["C01"].verdict, found["C01"].verdict_by) == ("approved", "bob")
    assert (found["C02"].verdict, found["C02"].verdict_by, found["C02"].verdict_reason) == (
        "rejected",
        "eve",
        "too dear",
    )


def test_nobody_approves_his_own_decision_nor_without_the_right_nor_unseen(someone: As) -> None:
    (one,) = record(someone("ann"), replace(ACCEPT, customer="C08"))
    refused = {
        "the decision about C08 is your own": someone("ann"),
        "You may not approve decisions": someone("bob", may=("decide",)),
        "There is no customer C08 that you may see": someone("ned", regions=("NORTH",)),
    }
    for said, approver in refused.items():
        with pytest.raises(DashboardError, match=said):
            decisions.approve(approver, REVIEW, [one.id], "approved")
    with pytest.raises(DashboardError, match="There is no decision 77 in this review"):
        decisions.approve(someone("bob"), REVIEW, [one.id, 77], "approved")
    with pytest.raises(DashboardError, match="The reason of a rejection is missing"):
        decisions.approve(someone("bob"), REVIEW, [one.id], "rejected")
    assert decisions.of_review(someone(), REVIEW)["C08"].verdict is None


def test_an_approval_of_a_decision_that_was_replaced_meanwhile_is_a_conflict(someone: As) -> None:
    one, other = record(someone("ann"), ACCEPT, OVERRIDE)
    record(someone("eve"), Choice("C01", "withdraw", seen=1))
    with pytest.raises(Conflict, match=r"C01 \(eve, .*taken back\)"):
        decisions.approve(someone("bob"), REVIEW, [one.id, other.id], "approved")
    assert decisions.of_review(someone(), REVIEW)["C02"].verdict is None


# --- in force ----------------------------------------------------------------------------------------


def test_an_override_ends_with_its_last_day(someone: As) -> None:
    record(someone(), ACCEPT, OVERRIDE)
    assert decisions.in_force(someone(), REVIEW - timedelta(days=1)) == {}
    assert decisions.in_force(someone(), REVIEW) == {"C01": "strategic", "C02": "key"}
    assert decisions.in_force(someone(), YEAR_END) == {"C01": "strategic", "C02": "key"}
    assert decisions.in_force(someone(), YEAR_END + timedelta(days=1)) == {"C01": "strategic"}


def test_what_is_put_off_taken_back_or_rejected_leaves_the_review_before_in_force(someone: As) -> None:
    earlier = date(2026, 11, 2)
    levels = {"C01": "strategic", "C02": "strategic", "C03": "strategic"}
    record(someone("ann"), *(replace(ACCEPT, customer=code) for code in levels), review=earlier)
    changed = replace(ACCEPT, recommended="standard", level="standard")
    written = record(someone("ann"), changed, replace(changed, customer="C02"), POSTPONE)
    assert decisions.in_force(someone(), REVIEW) == {"C01": "standard", "C02": "standard", "C03": "strategic"}
    record(someone("ann"), Choice("C01", "withdraw", seen=1))
    decisions.approve(someone("bob"), REVIEW, [written[1].id], "rejected", "no")
    assert decisions.in_force(someone(), REVIEW) == levels


def test_a_reader_of_an_earlier_week_decides_as_of_that_week(someone: As) -> None:
    then = someone(as_of="2026-03-02")
    record(then, replace(OVERRIDE, expires_on=date(2026, 6, 1)), review=date(2026, 3, 2))
    assert decisions.in_force(someone(), date(2026, 5, 1)) == {"C02": "key"}
    assert decisions.in_force(someone(), REVIEW) == {}
