"""Views, what-ifs, notes, events on charts, alerts and the trail; and who may write and read each of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from dashboard.errors import DashboardError
from dashboard.insight import Reader
from dashboard.ledger import Conflict, RefusedError, alerts, audit, decisions, notes, pilots, plans, policies, views
from dashboard.ledger.decisions import Choice
from dashboard.scope import PERMISSIONS
from dashboard.warehouse.read import Marts
from tests.ledger.conftest import As
from tests.small import reader

REVIEW = date(2026, 11, 9)
DAYS = {"starts_on": date(2026, 11, 9), "ends_on": date(2026, 11, 15)}


# --- the matrix of rights ----------------------------------------------------------------------------

DECISION = Choice("C01", "accept", recommended="key", level="key")
SENT = {"channel": "mail", "format": "pdf", "language": "en", "status": "sent", "attempt": 1}
PILOT = {"levels": ["key"], "seed": 1, "share": 0.5, **DAYS, "held": ["C01"], "why": "x"}
WRITES: dict[str, tuple[str, Callable[[Reader], Any]]] = {
    "decide": ("decide", lambda r: decisions.record(r, REVIEW, [DECISION], policy_version="")),
    "approve": ("approve", lambda r: decisions.approve(r, REVIEW, [1], "approved")),
    "hand over": (
        "decide",
        lambda r: plans.hand_over(r, REVIEW, [plans.Line("C01", "key")], {}, policy_version="", approval_needed=False),
    ),
    "declare a pilot": ("policy", lambda r: pilots.declare(r, "p", **PILOT)),
    "save a policy": ("policy", lambda r: policies.save(r, "1", "", "x")),
    "share a view": ("share", lambda r: views.save_view(r, "v", "value", {}, everyone=True)),
    "retire a view": ("share", lambda r: views.retire_view(r, "v", everyone=True)),
    "share a what-if": ("share", lambda r: views.save_scenario(r, "s", {}, everyone=True)),
    "retire a what-if": ("share", lambda r: views.retire_scenario(r, "s", everyone=True)),
    "write a note": ("decide", lambda r: notes.write_note(r, REVIEW, "x")),
    "change a note": ("decide", lambda r: notes.change_note(r, 1, "x")),
    "annotate": ("share", lambda r: notes.annotate(r, **DAYS, text="x")),
    "retire an event": ("share", lambda r: notes.retire_annotation(r, 1)),
    "acknowledge": ("decide", lambda r: alerts.set_state(r, "k", "acknowledged")),
    "export": ("export", lambda r: audit.audited(r, "export", "x")),
    "sign off": ("approve", lambda r: audit.audited(r, "sign_off", "x")),
    "send": ("export", lambda r: audit.delivered(r, "weekly", "bob", **SENT)),
}


def test_every_write_is_refused_without_its_permission(someone: As) -> None:
    for what, (permission, write) in WRITES.items():
        others = tuple(p for p in PERMISSIONS if p != permission)
        with pytest.raises(RefusedError) as error:
            write(someone(may=others))
        assert f"“{permission}”" in str(error.value), what
    assert someone().ledger.counts() == dict.fromkeys(someone().ledger.counts(), 0)


ABOUT: dict[str, Callable[[Reader], Any]] = {
    "decide": WRITES["decide"][1],
    "hand over": WRITES["hand over"][1],
    "declare a pilot": WRITES["declare a pilot"][1],
    "write a note": lambda r: notes.write_note(r, REVIEW, "x", customer="C01"),
    "acknowledge": lambda r: alerts.set_state(r, "k", "acknowledged", customer="C01"),
}


def test_every_write_about_a_customer_is_refused_outside_the_scope(someone: As) -> None:
    for write in ABOUT.values():
        with pytest.raises(RefusedError, match="There is no customer C01 that you may see"):
            write(someone("gus", regions=("SOUTH",)))
    assert sum(someone().ledger.counts().values()) == 0
    for write in ABOUT.values():
        write(someone("ned", regions=("NORTH",)))


def test_without_a_ledger_nothing_can_be_saved_and_nothing_is_there(small: Marts) -> None:
    alone = reader(small)
    assert (views.saved_views(alone), decisions.in_force(alone, REVIEW), notes.notes(alone, REVIEW)) == ([], {}, [])
    with pytest.raises(DashboardError, match="Nothing can be saved here: there is no ledger"):
        notes.write_note(alone, REVIEW, "x")


# --- views and what-ifs ------------------------------------------------------------------------------


def test_a_view_is_its_owners_or_everyones(someone: As) -> None:
    nobody_else = someone("bob", may=())
    views.save_view(someone("ann"), "mine", "value", {"grade": "A"}, everyone=False)
    views.save_view(someone("ann"), "ours", "cost", {}, everyone=True)
    views.save_view(nobody_else, "mine", "tiers", {}, everyone=False)
    assert [(v.name, v.page, v.everyone) for v in views.saved_views(nobody_else)] == [
        ("mine", "tiers", False),
        ("ours", "cost", True),
    ]
    assert views.saved_views(someone("ann"))[0].params == {"grade": "A"}


def test_the_newest_entry_of_a_name_counts_and_a_retired_one_is_gone(someone: As) -> None:
    ann, bob = someone("ann"), someone("bob")
    views.save_scenario(ann, " more budget ", {"budget": "1"}, everyone=True)
    views.save_scenario(bob, "more budget", {"budget": "2"}, everyone=True)
    views.save_scenario(bob, "more budget", {"budget": "3"}, everyone=False)
    assert [(s.author, s.params["budget"]) for s in views.saved_scenarios(ann)] == [("bob", "2")]
    assert [s.params["budget"] for s in views.saved_scenarios(bob)] == ["3", "2"]
    views.retire_scenario(ann, "more budget", everyone=True)
    assert views.saved_scenarios(ann) == []
    assert [s.everyone for s in views.saved_scenarios(bob)] == [False]
    with pytest.raises(DashboardError, match="Nothing is saved under the name “more budget”"):
        views.retire_scenario(ann, "more budget", everyone=True)
    views.save_scenario(ann, "more budget", {"budget": "4"}, everyone=True)
    assert [s.params["budget"] for s in views.saved_scenarios(ann)] == ["4"]
    with pytest.raises(DashboardError, match="The name is missing"):
        views.save_scenario(ann, "", {}, everyone=False)


# --- notes -------------------------------------------------------------------------------------------


def test_notes_are_kept_with_their_week_and_question(someone: As) -> None:
    notes.write_note(someone("ann"), date(2026, 11, 11), "first")
    notes.write_note(someone("bob"), REVIEW, "second", "value.whale")
    notes.write_note(someone("bob"), date(2026, 11, 2), "the week before")
    assert [(n.author, n.text) for n in notes.notes(someone(), REVIEW)] == [("ann", "first"), ("bob", "second")]
    assert [n.text for n in notes.notes(someone(), REVIEW, "value.whale")] == ["second"]


def test_notes_are_read_by_those_who_see_all_they_are_about(someone: As) -> None:
    ann = someone("ann")
    notes.write_note(ann, REVIEW, "company")
    notes.write_note(someone("ann", region="NORTH"), REVIEW, "north")
    notes.write_note(someone("ann", region="BJ,GZ"), REVIEW, "two cities")
    notes.write_note(ann, REVIEW, "C01", customer="C01")
    notes.write_note(ann, REVIEW, "C08", customer="C08")
    notes.write_note(someone("tim", regions=("TJ",)), REVIEW, "tianjin")

    def read(*regions: str) -> list[str]:
        return [n.text for n in notes.notes(someone("reader", regions=regions), REVIEW)]

    assert read("NORTH") == ["north", "C01", "tianjin"]
    assert read("CN") == ["north", "two cities", "C01", "tianjin"]
    assert read("TJ") == ["tianjin"]
    assert read("DE") == ["C08"]
    assert len(notes.notes(someone(), REVIEW)) == 6


def test_a_note_is_changed_by_its_author_once_at_a_time(someone: As) -> None:
    ann = someone("ann")
    first = notes.write_note(ann, REVIEW, "fist", "value.whale")
    with pytest.raises(RefusedError, match="Only ann may change this"):
        notes.change_note(someone("bob"), first, "mine")
    second = notes.change_note(ann, first, "first")
    assert [(n.id, n.text, n.question) for n in notes.notes(ann, REVIEW)] == [(second, "first", "value.whale")]
    with pytest.raises(Conflict, match=rf"entry {first} \(ann, .*changed\)"):
        notes.change_note(ann, first, "from another window")
    notes.change_note(ann, second, "")
    assert notes.notes(ann, REVIEW) == []
    with pytest.raises(DashboardError, match="There is no entry 99 that you may see"):
        notes.change_note(ann, 99, "x")


def test_events_are_for_everybody(someone: As) -> None:
    number = notes.annotate(someone("ann"), **DAYS, text="展会", text_en="Fair")
    bob = someone("bob", regions=("GZ",), may=())
    assert notes.annotated(bob, date(2026, 11, 16), date(2026, 12, 1)) == []
    (event,) = notes.annotated(bob, date(2026, 11, 15), date(2026, 12, 1))
    assert (event.text, event.text_en, event.author, event.starts_on) == ("展会", "Fair", "ann", DAYS["starts_on"])
    again = notes.annotate(someone("eve"), date(2026, 11, 10), date(2026, 11, 12), "展会", instead_of=number)
    (event,) = notes.annotated(bob, date(2026, 1, 1), date(2026, 12, 1))
    assert (event.id, event.starts_on) == (again, date(2026, 11, 10))
    notes.retire_annotation(someone("eve"), again)
    assert notes.annotated(bob, date(2026, 1, 1), date(2026, 12, 1)) == []
    with pytest.raises(DashboardError, match="The last day lies before the first one"):
        notes.annotate(someone(), date(2026, 11, 10), date(2026, 11, 9), "x")


# --- alerts ------------------------------------------------------------------------------------------


def test_the_newest_state_of_an_alert_counts(someone: As) -> None:
    alerts.set_state(someone("ann"), "profit/CN", "acknowledged", regions=["CN"])
    alerts.set_state(someone("bob"), "profit/CN", "closed", "seasonal", regions=["CN"])
    alerts.set_state(someone("bob"), "silent/C08", "open", customer="C08")
    found = alerts.states(someone(), ["profit/CN", "silent/C08", "other"])
    assert {key: (a.state, a.author, a.reason) for key, a in found.items()} == {
        "profit/CN": ("closed", "bob", "seasonal"),
        "silent/C08": ("open", "bob", ""),
    }
    assert set(alerts.states(someone(regions=("CN",)), found)) == {"profit/CN"}
    assert alerts.states(someone(regions=("NORTH",)), found) == {}


@pytest.mark.parametrize(
    ("state", "more", "said"),
    [
        ("closed", {}, "To close an alert, say why."),
        ("shut", {}, "state: 'shut' is not known"),
        ("open", {"regions": ["CN"]}, "The alert is about regions that you may not see."),
        ("open", {"customer": "C08"}, "There is no customer C08 that you may see."),
    ],
)
def test_an_alert_that_one_may_not_answer(someone: As, state: str, more: dict[str, Any], said: str) -> None:
    north = someone("ned", regions=("NORTH",))
    with pytest.raises(DashboardError, match=said):
        alerts.set_state(north, "k", state, **more)
    assert alerts.states(someone(), ["k"]) == {}


# --- the trail ---------------------------------------------------------------------------------------


def test_the_trail_says_who_took_what_out_of_which_view(someone: As, small: Marts) -> None:
    audit.audited(someone("ann", grade="A,B"), "export", "customers.list", 3)
    audit.audited(someone("bob"), "sign_off", "plan 1")
    one, other = audit.trail(someone())
    assert (one.author, one.what, one.subject, one.rows) == ("bob", "sign_off", "plan 1", None)
    assert (other.author, other.filters, other.rows, other.data_version) == ("ann", "grade=A%2CB", 3, small.version)


def test_a_part_of_the_company_reads_its_own_trail_only(someone: As) -> None:
    ned = someone("ned", regions=("NORTH",))
    audit.audited(someone("ann"), "export", "customers.list", 3)
    audit.audited(ned, "export", "customers.list", 2)
    audit.delivered(someone("ann"), "weekly", "ned", **SENT, regions=["NORTH"])
    audit.delivered(someone("ann"), "weekly", "gus", **SENT | {"status": "failed", "error": "refused"})
    assert [a.author for a in audit.trail(ned)] == ["ned"]
    assert [(d.recipient, d.status) for d in audit.deliveries(ned)] == [("ned", "sent")]
    assert [(d.recipient, d.status, d.error) for d in audit.deliveries(someone())] == [
        ("gus", "failed", "refused"),
        ("ned", "sent", ""),
    ]
