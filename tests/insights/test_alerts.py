"""Alerts: raised once, kept while they last, ended by themselves, and shown to those who see what they are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from dashboard.alerts import FILE, Rule, read
from dashboard.errors import DashboardError
from dashboard.insight import Reader, ask
from dashboard.insights.alerts import CLEARED, Alert, firing, judge, standing, together
from dashboard.insights.value import totals
from dashboard.ledger import Ledger
from dashboard.ledger.alerts import set_state, written
from dashboard.scope import PERMISSIONS, Scope
from dashboard.warehouse.read import Marts
from tests.small import reader

MARGIN = Rule("margin", "metric", "red", "below", 0.40, "margin", "region", "52w", clears=0.40)
TODAY = date(2026, 11, 13)


@pytest.fixture
def asking(small: Marts, tmp_path: Path) -> Reader:
    return reader(small, scope=Scope.unrestricted("judge"), ledger=Ledger(str(tmp_path / "l.db")))


def margins(small: Marts) -> dict[str, float | None]:
    found = {}
    for code in ("CN", "DE"):
        of_region = reader(small, region=code, as_of=small.calendar.finished_week.isoformat())
        found[code] = totals(of_region, of_region.view)["margin"]
    return found


def test_a_threshold_is_judged_by_the_pages_own_figure_of_each_region(asking: Reader, small: Marts) -> None:
    wrong = {f"margin/{code}" for code, margin in margins(small).items() if margin is not None and margin < 0.40}
    assert {alert.key for alert in firing(asking, (MARGIN,), TODAY)} == wrong
    assert wrong
    other = {f"margin/{code}" for code, margin in margins(small).items() if margin is not None and margin > 0.40}
    assert {alert.key for alert in firing(asking, (replace(MARGIN, direction="above"),), TODAY)} == other


def test_an_alert_that_lasts_is_written_once(asking: Reader) -> None:
    alerts, new, _ = judge(asking, (MARGIN,), TODAY)
    assert new == len(alerts) > 0
    first = written(asking)
    assert judge(asking, (MARGIN,), TODAY)[1:] == (0, 0)
    set_state(asking, alerts[0].key, "acknowledged", regions=alerts[0].regions)
    assert judge(asking, (MARGIN,), TODAY)[1:] == (0, 0)
    assert written(asking)[alerts[0].key].state == "acknowledged"
    assert {key: state.id for key, state in first.items() if key != alerts[0].key} == {
        key: state.id for key, state in written(asking).items() if key != alerts[0].key
    }


def test_an_alert_ends_by_itself_and_opens_again_when_it_comes_again(asking: Reader) -> None:
    judge(asking, (MARGIN,), TODAY)
    fine = replace(MARGIN, limit=-99.0, clears=-99.0)
    assert judge(asking, (fine,), TODAY)[2] == len(written(asking))
    assert {(state.state, state.reason) for state in written(asking).values()} == {("closed", CLEARED)}
    _, new, _ = judge(asking, (MARGIN,), TODAY)
    assert new == len(written(asking))


def test_a_figure_that_wavers_about_its_threshold_is_one_alert(asking: Reader, small: Marts) -> None:
    """It stands while the figure is not clearly better; one that never was beyond the threshold is none."""
    margin = max(m for m in margins(small).values() if m is not None)
    first = replace(MARGIN, limit=margin + 0.01, clears=margin + 0.02)
    wavers = replace(MARGIN, limit=margin - 0.01, clears=margin + 0.01)
    code = next(code for code, m in margins(small).items() if m == margin)
    assert f"margin/{code}" not in {alert.key for alert in firing(asking, (wavers,), TODAY)}
    judge(asking, (first,), TODAY)
    alerts, new, ended = judge(asking, (wavers,), TODAY)
    assert (new, ended) == (0, 0)
    (still,) = [alert for alert in alerts if alert.key == f"margin/{code}"]
    assert "it was below" in still.said
    assert still.key in {each.key for each, _ in standing(asking, (wavers,), TODAY)}
    earlier = replace(asking, filters=asking.filters.put("as_of", small.calendar.finished_week - timedelta(7)))
    assert still.key not in {each.key for each, _ in standing(earlier, (replace(wavers, limit=-99.0),), TODAY)}
    assert judge(asking, (replace(wavers, clears=margin - 0.005),), TODAY)[2] == 1


def test_what_a_person_closed_stays_closed_until_it_has_ended_once(asking: Reader) -> None:
    (alert, *_), _, _ = judge(asking, (MARGIN,), TODAY)
    set_state(asking, alert.key, "closed", "known and agreed", regions=alert.regions)
    assert judge(asking, (MARGIN,), TODAY)[1] == 0
    assert alert.key not in {each.key for each, _ in standing(asking, (MARGIN,), TODAY)}
    judge(asking, (replace(MARGIN, limit=-99.0, clears=-99.0),), TODAY)
    judge(asking, (MARGIN,), TODAY)
    assert alert.key in {each.key for each, _ in standing(asking, (MARGIN,), TODAY)}


def test_a_reader_sees_alerts_about_what_he_may_see_all_of(asking: Reader, small: Marts) -> None:
    company = replace(MARGIN, name="company", by="", limit=9.0)
    rules = (replace(MARGIN, limit=9.0), company)
    judge(asking, rules, TODAY)
    german = replace(asking, scope=Scope("g", ("DE",), frozenset(PERMISSIONS)))
    assert {alert.key for alert, _ in standing(german, rules, TODAY)} == {"margin/DE"}
    assert {"company", "margin/CN", "margin/DE"} == {alert.key for alert, _ in standing(asking, rules, TODAY)}


def test_customers_who_fell_are_named_to_those_who_may_see_them(asking: Reader) -> None:
    """C03 fell from A to B on 2026-05-01; his account manager is Wang Fang."""
    then = replace(asking, filters=asking.filters.put("as_of", date(2026, 4, 27)))
    rule = Rule("fallen", "moved", "amber", "down", period="4w", places=("A",))
    (alert,) = firing(then, (rule,), TODAY)
    assert alert.customer == "C03"
    assert alert.said.startswith("Customer C03 fell from grade A to B, with ")
    assert alert.note == "Account manager: Wang Fang"
    judge(then, (rule,), TODAY)
    assert written(then)[alert.key].customer == "C03"
    south = replace(then, scope=Scope("s", ("SOUTH",), frozenset(PERMISSIONS)))
    assert firing(south, (rule,), TODAY) == []
    assert written(south) == {}
    assert firing(then, (replace(rule, direction="up"),), TODAY) == []
    assert firing(then, (replace(rule, limit=1e9),), TODAY) == [], "his value to come is less"
    assert firing(then, (replace(rule, filters={"region": "SOUTH"}),), TODAY) == []
    month_later = replace(then, filters=then.filters.put("as_of", date(2026, 6, 8)))
    assert judge(month_later, (rule,), TODAY)[1:] == (0, 1), "no news any more"


def test_customers_of_one_rule_are_told_in_one_sentence(asking: Reader) -> None:
    fallen, risen, margin = read(FILE)[4], Rule("risen", "moved", "amber", "up", what="tier"), read(FILE)[0]
    found = [Alert(f"fallen/{code}", fallen, code, "", customer=code, worth=1500.0) for code in ("C01", "C02")]
    alone = [Alert("risen/C03", risen, "C03", "", customer="C03"), Alert("margin-region/DE", margin, "Germany", "")]
    assert together(asking, found + alone) == {"fallen": "2 customers fell to a lower grade, with €3K to come."}


def test_old_data_raise_an_alert_and_new_data_end_it(asking: Reader) -> None:
    rule = Rule("stale", "stale", "red", limit=10)
    assert firing(asking, (rule,), asking.calendar.last_day + timedelta(10)) == []
    (alert,) = firing(asking, (rule,), asking.calendar.last_day + timedelta(11))
    assert "11 days" in alert.said
    (alert,) = firing(asking, (rule,), asking.calendar.last_day + timedelta(10_372))
    assert "28 years" in alert.said


def test_the_question_lists_what_stands(asking: Reader) -> None:
    insight = ask("alerts.open", asking)
    assert insight.n == len(insight.table) == insight.numbers["open"]
    assert list(insight.table["code"]) == [alert.key for alert, _ in standing(asking, read(FILE))]


def test_what_was_said_to_alerts_is_told_with_author_and_day(asking: Reader, small: Marts) -> None:
    (alert, *_), opened, _ = judge(asking, (MARGIN,), TODAY)
    ann = replace(asking, scope=Scope.unrestricted("ann"))
    set_state(ann, alert.key, "acknowledged", regions=alert.regions)
    set_state(ann, alert.key, "closed", "known and agreed", regions=alert.regions)
    told = ask("alerts.history", asking)
    assert list(told.table["state"]) == ["Closed", "Acknowledged", *["Raised"] * opened]
    assert list(told.table["author"])[:2] == ["ann", "ann"]
    assert told.table["reason"][0] == "known and agreed"
    assert told.headline.endswith("people closed 1.")
    german = replace(asking, scope=Scope("g", ("DE",), frozenset()))
    assert set(ask("alerts.history", german).table.get("alert", ())) <= {"margin/DE"}


def test_the_history_tells_what_alerts_of_rules_in_force_were_about(asking: Reader) -> None:
    for key in ("margin-region/DE", "satisfaction/B", "drift/CN/profit", "stale", "fallen/C03/A-B", "gone/X"):
        set_state(asking, key, "open", customer="C03" if "C03" in key else None)
    assert set(ask("alerts.history", asking).table["alert"]) == {
        *("Profit margin · Germany", "Satisfaction · Grade B", "Profit · China", "Old data"),
        *("Customer C03 · A → B", "gone/X"),
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('metric = "margin"', 'metric = "margn"', "no metric 'margn'; did you mean 'margin'?"),
        ("below = 0.10", "bellow = 0.10", "unknown key 'bellow'; did you mean 'below'?"),
        ("below = 0.10", "below = 0.10\nabove = 1", "give either 'below' or 'above'"),
        ('kind = "stale"', 'kind = "stale"\nperiod = "4w"', "unknown key 'period'"),
        ('name = "stale"', 'name = "fallen"', "two rules are named 'fallen'"),
        ('from = ["A", "B"]', 'from = ["E"]', "no grade 'E'"),
        ('from = ["A", "B"]', 'what = "tier"\nfrom = ["kye"]', "no tier 'kye'; did you mean 'key'?"),
        ("clears = 0.11", "clears = 0.09", "'clears' lies on the right side of the threshold"),
        ('metrics = ["profit",', 'metrics = ["proft",', "no weekly metric 'proft'; did you mean 'profit'?"),
        ("false_per_year = 0.5", "false_per_year = 0", "'false_per_year' needs a number of 0.01 or more"),
        ("days = 10", 'days = "ten"', "'days' needs a number of 1 or more"),
    ],
)
def test_a_fault_in_the_rules_is_named_with_its_mend(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = FILE.read_text("utf-8")
    assert old in text
    path = tmp_path / "alerts.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(DashboardError) as caught:
        read(path)
    assert said in str(caught.value)
