"""Which alerts stand, and which packs were sent: what the rules raise and what the ledger keeps.

An alert is about the whole company, a region, a grade or a customer, and its key says so: while it lasts it is one and
the same. What people say to it (open, acknowledged, closed) is in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pandas as pd

from dashboard.alerts import SEVERITIES, Rule, rules
from dashboard.errors import DashboardError, nearest
from dashboard.filters import Filters
from dashboard.insight import Answer, Reader, ask, question
from dashboard.insights.value import totals
from dashboard.language import message
from dashboard.ledger.alerts import AlertState, set_state, states, written
from dashboard.ledger.audit import deliveries
from dashboard.ledger.entries import covers
from dashboard.metrics import METRICS, say
from queries.schema import GRADES

CLEARED = "no longer the case"
"""The reason of an alert that ended by itself; when it comes again it is a new one."""
UNDER = message("{what} of {about} is {value}, below {limit}.")
OVER = message("{what} of {about} is {value}, above {limit}.")
FELL, ROSE = message("{name} fell from grade {before} to {now}."), message("{name} rose from grade {before} to {now}.")
SEVERITY_NAMES = {"red": message("Act now"), "amber": message("Look into it")}
OPEN, ACKNOWLEDGED = message("Not acknowledged"), message("Acknowledged")
STATUS_NAMES = {"sent": message("Sent"), "failed": message("Failed"), "refused": message("Refused")}


@dataclass(frozen=True)
class Alert:
    """A rule that holds now. `about` names what for the reader, `said` is the sentence; `regions` is what it is about
    (empty: the whole company), unless it is about a customer."""

    key: str
    rule: Rule
    about: str
    said: str
    customer: str = ""
    regions: tuple[str, ...] = ()


# --- what holds now ------------------------------------------------------------------------------------------------


def firing(reader: Reader, wanted: tuple[Rule, ...], today: date | None = None) -> list[Alert]:
    """The alerts of these rules as far as they are about what the reader may see all of, at his as-of week."""
    found: list[Alert] = []
    for rule in wanted:
        if rule.kind == "stale":
            found += _stale(reader, rule, today or datetime.now(UTC).date())
        else:
            found += _moved(reader, rule) if rule.kind == "moved" else _beyond(reader, rule)
    return sorted(found, key=lambda alert: SEVERITIES.index(alert.rule.severity))


def _beyond(reader: Reader, rule: Rule) -> Iterator[Alert]:
    weeks = {"period": rule.period} | ({"as_of": reader.filters.as_of.isoformat()} if reader.filters.as_of else {})
    base = Filters.parse({**rule.filters, **weeks}).checked(reader.marts)
    for part, about, filters in _parts(reader, rule, base):
        if not covers(reader, filters.region):
            continue
        within = replace(reader, filters=filters)
        found = totals(within, within.view)
        if rule.metric not in found:
            known = [name for name in found if name in METRICS]
            raise DashboardError(f"alert {rule.name!r}: no figure {rule.metric!r}{nearest(rule.metric, known)}")
        value = found[rule.metric]
        if value is None or not (value < rule.limit if rule.direction == "below" else value > rule.limit):
            continue
        said = reader.t(
            UNDER if rule.direction == "below" else OVER,
            what=reader.t(METRICS[rule.metric].label),
            about=about,
            value=_said(reader, rule.metric, value),
            limit=_said(reader, rule.metric, rule.limit),
        )
        yield Alert("/".join(filter(None, (rule.name, part))), rule, about, said, regions=filters.region)


def _said(reader: Reader, metric: str, value: float) -> str:
    """A figure beside its limit: a share to a hundredth of a percent, so that 9.98% is not 10%, below 10%."""
    if METRICS[metric].format == "share":
        return reader.language.percent(value, 2)
    return say(metric, value, reader.language, reader.marts.currency)


def _parts(reader: Reader, rule: Rule, base: Filters) -> Iterator[tuple[str, str, Filters]]:
    """What a rule looks at one by one: code, name and filters of each."""
    if rule.by == "grade":
        for grade in GRADES:
            yield grade, reader.t("Grade {grade}", grade=grade), base.put("grade", (grade,))
    elif rule.by == "region":
        for code, entry in reader.marts.dimensions["region"].items():
            if entry.level == 0:
                yield code, reader.language.name(entry.name, entry.name_en), base.put("region", (code,))
    else:
        members = reader.marts.dimensions["region"]
        named = [reader.language.name(members[code].name, members[code].name_en) for code in base.region]
        yield "", reader.language.list(named) if named else reader.t("all customers"), base


def _moved(reader: Reader, rule: Rule) -> Iterator[Alert]:
    """Customers who moved since the week before, one alert each."""
    week = replace(reader, filters=Filters(as_of=reader.filters.as_of, period="1w"))
    table = ask("review.movers", week).table
    for row in table.to_dict("records"):
        before, now = row.get("from_grade"), row.get("to_grade")
        if before not in rule.grades or now not in GRADES:
            continue
        if (GRADES.index(now) > GRADES.index(before)) != (rule.direction == "down") or now == before:
            continue
        said = reader.t(FELL if rule.direction == "down" else ROSE, name=row["name"], before=before, now=now)
        yield Alert(f"{rule.name}/{row['code']}/{before}{now}", rule, row["name"], said, customer=row["code"])


def _stale(reader: Reader, rule: Rule, today: date) -> Iterator[Alert]:
    days = (today - reader.calendar.last_day).days
    if days > rule.limit and covers(reader, ()):
        said = reader.t(
            "The data end {days} days ago, on {day}.", days=days, day=reader.language.date(reader.calendar.last_day)
        )
        yield Alert(rule.name, rule, reader.t("all customers"), said)


# --- states --------------------------------------------------------------------------------------------------------


def judge(reader: Reader, wanted: tuple[Rule, ...], today: date | None = None) -> tuple[list[Alert], int, int]:
    """Bring the ledger in line with what holds now: the alerts, how many are new, how many have ended.

    An alert that lasts is not written again. One that a person closed stays closed until it has ended once.
    """
    now = {alert.key: alert for alert in firing(reader, wanted, today)}
    before = written(reader)
    new = [alert for key, alert in now.items() if key not in before or _ended(before[key])]
    for alert in new:
        set_state(reader, alert.key, "open", customer=alert.customer or None, regions=alert.regions)
    names = {rule.name for rule in wanted}
    gone = [s for key, s in before.items() if key not in now and not _ended(s) and key.split("/")[0] in names]
    for state in gone:
        set_state(reader, state.key, "closed", CLEARED, customer=state.customer, regions=state.regions)
    return list(now.values()), len(new), len(gone)


def _ended(state: AlertState) -> bool:
    return state.state == "closed" and state.reason == CLEARED


def standing(
    reader: Reader, wanted: tuple[Rule, ...], today: date | None = None
) -> list[tuple[Alert, AlertState | None]]:
    """What holds now and nobody has closed, with what was said to it."""
    found = firing(reader, wanted, today)
    said = states(reader, [alert.key for alert in found])
    listed = [(alert, said.get(alert.key)) for alert in found]
    return [(alert, state) for alert, state in listed if state is None or state.state != "closed" or _ended(state)]


# --- questions -----------------------------------------------------------------------------------------------------


@question("alerts.open", message("Alerts that stand"), behind=None, written=True)
def alerts(reader: Reader) -> Answer:
    """Alerts that hold at the as-of week, whatever else is filtered: their rules say what they look at."""
    found = standing(reader, rules())
    table = pd.DataFrame(
        [
            {
                "severity": reader.t(SEVERITY_NAMES[alert.rule.severity]),
                "alert": alert.said,
                "state": reader.t(ACKNOWLEDGED if state and state.state == "acknowledged" else OPEN),
                "author": state.author if state and state.state == "acknowledged" else None,
                "rule": alert.rule.name,
                "code": alert.key,
            }
            for alert, state in found
        ]
    )
    red = sum(alert.rule.severity == "red" for alert, _ in found)
    about = {
        alert.key: {"severity": alert.rule.severity, "customer": alert.customer, "regions": list(alert.regions)}
        for alert, _ in found
    }
    numbers = {"open": len(found), "red": red, "rules": len(rules()), "about": about}
    if not found:
        return Answer(reader.t("No alert stands: none of {n} rules is broken.", n=len(rules())), table, numbers)
    headline = reader.t("{n} alerts stand, {red} of them to act on now.", n=len(found), red=red)
    return Answer(headline, table, numbers, len(found))


@question("data.deliveries", message("Packs that were sent"), behind=None, written=True)
def sent(reader: Reader) -> Answer:
    """The log of deliveries, for those who see every region: it names people."""
    if reader.scope.regions is not None:
        return Answer(reader.t("Who sees every region reads whom packs were sent to."))
    found = deliveries(reader)
    table = pd.DataFrame(
        [
            {
                "at": f"{entry.at:%Y-%m-%d %H:%M} UTC",
                "recipient": entry.recipient,
                "channel": entry.channel,
                "format": entry.format,
                "state": reader.t(STATUS_NAMES[entry.status]),
                "attempt": entry.attempt,
                "reason": entry.error or None,
            }
            for entry in found
        ]
    )
    failed = sum(entry.status != "sent" for entry in found)
    numbers = {"attempts": len(found), "failed": failed}
    if not found:
        return Answer(reader.t("No pack has been sent yet."), table, numbers)
    headline = reader.t(
        "Of the last {n} attempts to send a pack {failed} failed; the newest is of {day}.",
        n=len(found),
        failed=failed,
        day=reader.language.date(found[0].at),
    )
    return Answer(headline, table, numbers, len(found))
