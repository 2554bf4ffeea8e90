"""The meeting's page: decisions are written as they were seen, by those who may, and nobody overwrites another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.insight import Reader
from dashboard.insights import decided
from dashboard.ledger import Ledger, RefusedError, decisions, pilots, plans, views
from dashboard.ledger.entries import today
from dashboard.scope import PERMISSIONS, Scope
from dashboard.settings import ACCESS_VARIABLE, LEDGER_VARIABLE
from dashboard.warehouse.read import Marts
from tests.pages.app import bodies, opened, turned
from tests.small import asked, reader

PEOPLE = {
    "ann": PERMISSIONS,
    "bob": ("decide", "approve", "export"),
    "eve": (),
}


@pytest.fixture
def ledger(demo_app: Path, demo: Marts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """An empty ledger that the pages of this test write, and people with their permissions."""
    access = tmp_path / "access.toml"
    people = (f'[people."{who}@example.com"]\npermissions = {list(may)}\n' for who, may in PEOPLE.items())
    access.write_text("\n".join(people), "utf-8")
    monkeypatch.setenv(ACCESS_VARIABLE, str(access))
    monkeypatch.setenv(LEDGER_VARIABLE, str(tmp_path / "w.ledger.db"))
    kept = Ledger(str(tmp_path / "w.ledger.db"))
    yield kept
    kept._engine.dispose()


def page_of(who: str, lang: str = "en", **link: str) -> AppTest:
    user = {"is_logged_in": True, "email": f"{who}@example.com"}
    return opened("levels", lang, user=user, **link)


def as_(who: str, demo: Marts, ledger: Ledger) -> Reader:
    return reader(demo, scope=Scope(f"{who}@example.com", None, frozenset(PEOPLE[who])), ledger=ledger)


def standing(demo: Marts, ledger: Ledger) -> dict[str, decisions.Decision]:
    looking = as_("ann", demo, ledger)
    return decisions.of_review(looking, today(looking))


def codes(app: AppTest) -> list[str]:
    """Customers of the first table on the page, in its order."""
    return list(app.dataframe[0].value["code"])


def choose(app: AppTest, table: str, *chosen: str) -> AppTest:
    """As after ticking these rows."""
    app.session_state[f"decide-chosen-{table}"] = list(chosen)
    return app.run()


def told(app: AppTest) -> list[str]:
    return [each.value.replace("\\", "") for each in (*app.success, *app.warning, *app.error)]


def test_what_is_accepted_is_there_for_everybody_and_can_be_taken_back(ledger: Ledger, demo: Marts) -> None:
    app = page_of("ann")
    first, second = codes(app)[:2]
    choose(app, "queue", first, second).button(key="do-accept").click().run()
    assert not app.exception
    assert told(app)[0].startswith("2 accepted; saved at ") and told(app)[0].endswith("by ann@example.com")
    made = standing(demo, ledger)
    assert set(made) == {first, second}
    assert made[first].level == made[first].recommended and made[first].expected["gain"] > 0
    assert made[first].policy_version and made[first].data_version == demo.version
    other = page_of("bob")
    assert first not in codes(other)
    other.segmented_control(key="decide-status").set_value("decided").run()
    assert set(codes(other)) == {first, second}
    choose(other, "decided-False", first).button(key="do-back").click().run()
    assert told(other)[0].startswith("1 taken back")
    assert standing(demo, ledger)[first].action == "withdraw"
    assert first in codes(page_of("ann"))


def test_two_people_on_one_customer_get_a_conflict_and_choice_and_reason_are_kept(ledger: Ledger, demo: Marts) -> None:
    mine = page_of("ann")
    first, second = codes(mine)[:2]
    mine.segmented_control(key="decide-way").set_value("postpone").run()
    mine.text_input(key="decide-reason").set_value("until the tender is decided").run()
    choose(mine, "queue", first, second)
    # Between Ann's look and her click Bob decides.
    theirs = page_of("bob")
    choose(theirs, "queue", first).button(key="do-accept").click().run()
    mine.button(key="do-postpone").click().run()
    assert "Somebody else was first; nothing of yours was saved" in told(mine)[0]
    assert f"{first} accepted by bob@example.com" in told(mine)[0]
    assert set(standing(demo, ledger)) == {first}
    assert mine.text_input(key="decide-reason").value == "until the tender is decided"
    assert first not in codes(mine) and mine.session_state["decide-chosen-queue"] == [first, second]
    mine.button(key="do-postpone").click().run()  # what is left of the choice: the second one
    assert told(mine)[0].startswith("1 postponed")
    assert standing(demo, ledger)[second].reason == "until the tender is decided"


def test_an_override_needs_its_reason_and_ends_on_a_day(ledger: Ledger, demo: Marts) -> None:
    app = page_of("ann")
    first = codes(app)[0]
    app.segmented_control(key="decide-way").set_value("override").run()
    app.selectbox(key="decide-level").set_value("self_service").run()
    choose(app, "queue", first).button(key="do-override").click().run()
    assert told(app) == ["The reason of an override is missing."]
    assert not standing(demo, ledger)
    app.text_input(key="decide-reason").set_value("insolvent").run()
    app.selectbox(key="decide-until").set_value(4).run()
    app.button(key="do-override").click().run()
    made = standing(demo, ledger)[first]
    assert (made.action, made.level, made.reason) == ("override", "self_service", "insolvent")
    assert (made.expires_on - today(as_("ann", demo, ledger))).days == 28
    assert app.text_input(key="decide-reason").value == ""


def test_any_customer_is_found_given_a_level_and_given_another_one_directly(ledger: Ledger, demo: Marts) -> None:
    app = page_of("ann")
    proposed = set(codes(app))
    app.segmented_control(key="decide-status").set_value("any").run()
    rows = app.dataframe[0].value
    one = next(row.code for row in rows.itertuples() if row.code not in proposed and row.current == "Key")
    app.text_input(key="decide-search").set_value(one.lower()).run()
    assert codes(app) == [one]
    app.segmented_control(key="decide-way").set_value("override").run()
    choose(app, "any", one).selectbox(key="decide-level").set_value("strategic").run()
    assert "Strategic for 1: service costs " in bodies(app)
    app.text_input(key="decide-reason").set_value("a new contract").run()
    app.button(key="do-override").click().run()
    assert told(app)[0].startswith("1 given another level; saved at ")
    assert standing(demo, ledger)[one].level == "strategic"
    assert "waits for a second person" in list(app.dataframe[0].value["state"])
    # And now to another one, without taking the first back.
    app.segmented_control(key="decide-status").set_value("decided").run()
    app.segmented_control(key="decided-way").set_value("override").run()
    choose(app, "decided-False", one).selectbox(key="decide-level").set_value("standard").run()
    app.text_input(key="decide-reason").set_value("the contract is smaller").run()
    app.button(key="do-change").click().run()
    newest, first = decisions.history(as_("ann", demo, ledger), one)
    assert (first.level, newest.level, newest.sequence) == ("strategic", "standard", 2)
    assert newest.reason == "the contract is smaller"


def test_a_second_person_approves_and_only_what_is_approved_is_handed_over(ledger: Ledger, demo: Marts) -> None:
    app = page_of("ann", effect="2.0")  # levels that bring more raise somebody to the one that needs a second person
    app.button(key="do-accept-all").click().run()
    made = standing(demo, ledger)
    asked_for = {code for code, each in made.items() if each.level == "strategic"}
    assert asked_for and len(made) > len(asked_for)
    assert "your own" in bodies(app)
    one = sorted(asked_for)[0]
    choose(app, "approve", one)
    assert app.button(key="do-approve").disabled  # Ann's own decision
    second = page_of("bob")
    choose(second, "approve", one).button(key="do-reject").click().run()
    assert told(second) == ["The reason of a rejection is missing."]
    second.button(key="do-approve").click().run()
    assert told(second)[0].startswith("1 approved")
    second.button(key="do-hand-over").click().run()
    assert told(second)[0].startswith("Plan with ")
    plan = plans.handed_over(as_("bob", demo, ledger))[0]
    lines = {line.customer: line.level for line in plans.lines_of(as_("bob", demo, ledger), plan)}
    assert one in lines and not lines.keys() & (asked_for - {one})
    assert second.button(key="do-hand-over").disabled  # nothing has changed since
    assert "Plan 1 of" in bodies(page_of("ann"))


def test_who_may_only_look_is_told_so_and_refused_when_he_writes_directly(ledger: Ledger, demo: Marts) -> None:
    choose(page_of("ann"), "queue", *codes(page_of("ann"))[:1]).button(key="do-accept").click().run()
    app = page_of("eve")
    keys = {button.key for button in app.button}
    assert not keys & {"do-accept", "do-accept-all", "do-back", "do-approve", "do-reject", "do-hand-over"}
    assert "You can look here, not decide" in bodies(app)
    assert not app.get("download_button")
    looking = as_("eve", demo, ledger)
    made = standing(demo, ledger)
    for write in (
        lambda: decisions.record(looking, today(looking), [], policy_version="1"),
        lambda: decisions.approve(looking, today(looking), [next(iter(made.values())).id], "approved"),
        lambda: decided.hand_over(looking, [plans.Line(next(iter(made)), "key", None)]),
    ):
        with pytest.raises(RefusedError):
            write()


def test_a_slider_is_in_the_link_and_moves_the_plan(ledger: Ledger) -> None:
    app = page_of("ann", budget="0.9")
    assert app.slider(key="what-if-budget").value == 90
    before = bodies(app)
    app.slider(key="what-if-budget").set_value(80).run()
    assert app.query_params["budget"] == "0.8" and bodies(app) != before
    app.button(key="what-if-reset").click().run()
    assert "budget" not in app.query_params
    assert app.slider(key="what-if-budget").value == 100


def test_the_page_reads_chinese_after_a_decision(ledger: Ledger) -> None:
    app = page_of("ann", "zh")
    choose(app, "queue", codes(app)[0]).button(key="do-accept").click().run()
    assert told(app)[0].startswith("已接受1个")
    assert turned(app, "overview").exception == []


def test_what_ifs_are_kept_compared_opened_by_link_and_retired(ledger: Ledger, demo: Marts) -> None:
    app = page_of("ann", budget="1.2")
    app.text_input(key="scenario-name").set_value("lean year").run()
    app.button(key="scenario-keep").click().run()
    kept = views.saved_scenarios(as_("ann", demo, ledger))
    assert [(each.name, each.params, each.everyone) for each in kept] == [("lean year", {"budget": "1.2"}, False)]
    assert "lean year" in bodies(app) and "budget=1.2" in app.code[0].value
    assert "lean year" not in bodies(page_of("bob"))  # Ann's own
    assert page_of("bob").checkbox(key="scenario-everyone").disabled  # who may not share
    app = page_of("ann")
    app.button(key="scenario-open").click().run()
    assert app.slider(key="what-if-budget").value == 120
    app.button(key="scenario-retire").click().run()
    assert not views.saved_scenarios(as_("ann", demo, ledger))


def test_a_pilot_holds_customers_drawn_by_lot(ledger: Ledger, demo: Marts) -> None:
    app = page_of("ann")
    app.session_state["pilot-new"] = True
    app.run()
    app.button(key="pilot-declare").click().run()
    assert told(app) == ["The name is missing."]
    app.text_input(key="pilot-name").set_value("Key accounts, autumn").run()
    app.text_input(key="pilot-why").set_value("to see what Key brings").run()
    app.button(key="pilot-declare").click().run()
    assert not app.exception and "Key accounts, autumn" in bodies(app)
    (made,) = pilots.declared(as_("ann", demo, ledger))
    key = asked(demo, "levels.today").table.set_index("tier").loc["key", "customers"]
    assert 0 < len(made.held) < 0.3 * key
    assert not set(made.held) & set(codes(app))  # no move is proposed for them
    assert "pilot-new" not in {getattr(block, "key", "") for block in page_of("eve").get("expander")}


def test_a_person_of_one_region_hands_over_nobody_elses_customers(ledger: Ledger, demo: Marts) -> None:
    region = next(code for code, entry in demo.dimensions["region"].items() if entry.level == 0)
    app = page_of("ann")
    app.button(key="do-accept-all").click().run()
    scope = Scope("bob@example.com", (region,), frozenset(PEOPLE["bob"]))
    mine = reader(demo, scope=scope, ledger=ledger)
    assert 0 < len(decided.lines(mine)) < len(decided.lines(as_("bob", demo, ledger)))
