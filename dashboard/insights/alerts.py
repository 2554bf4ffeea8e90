"""Which alerts stand, and which packs were sent: what the rules raise and what the ledger keeps.

An alert is about the whole company, a region, a grade or a customer, and its key says so: while it lasts it is one and
the same. What people say to it (open, acknowledged, closed) is in the ledger. Rules are judged at the end of a refresh;
a page judges them anew for its week, so that it shows what holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from dashboard.alerts import PLACES, SEVERITIES, Rule, rules
from dashboard.errors import DashboardError, nearest
from dashboard.filters import Filters
from dashboard.insight import Answer, Reader, question
from dashboard.insights.drift import RATIOS, Drift, drifts, limit
from dashboard.insights.movers import moves
from dashboard.insights.value import totals
from dashboard.language import TIER_NAMES, message
from dashboard.ledger.alerts import AlertState, history, set_state, states, written
from dashboard.ledger.audit import deliveries
from dashboard.ledger.entries import covers
from dashboard.metrics import METRICS, say
from queries import levels as queries
from queries.schema import GRADES

CLEARED = "no longer the case"
"""The reason of an alert that ended by itself; when it comes again it is a new one."""
ENDED = message("Ended by itself")
STEADY = 0.5
"""An alert of a drift ends when the shift has come back below this share of what raised it."""
MOST_MOVED = 200
"""Customers that one rule names, those with most value to come."""
BEYOND = {
    "below": message("{what} of {about} is {value}, below {limit}."),
    "above": message("{what} of {about} is {value}, above {limit}."),
}
NEARLY = {
    "below": message("{what} of {about} is {value}; it was below {limit}, and this ends above {clears}."),
    "above": message("{what} of {about} is {value}; it was above {limit}, and this ends below {clears}."),
}
DRIFTED = {
    "up": message(
        "{what} of {about} has been rising since the week of {week}: {value}, against {before} a year earlier."
    ),
    "down": message(
        "{what} of {about} has been falling since the week of {week}: {value}, against {before} a year earlier."
    ),
}
DRIFTED_SUM = {
    "up": message(
        "{what} of {about} has been rising since the week of {week}: {value} a week, against {before} a year earlier."
    ),
    "down": message(
        "{what} of {about} has been falling since the week of {week}: {value} a week, against {before} a year earlier."
    ),
}
MOVED = {
    "down": message("{name} fell from {what} {before} to {now}, with {worth} to come."),
    "up": message("{name} rose from {what} {before} to {now}, with {worth} to come."),
}
MOVED_TOGETHER = {
    "down": message("{n} customers fell to a lower {what}, with {worth} to come."),
    "up": message("{n} customers rose to a higher {what}, with {worth} to come."),
}
SEVERITY_NAMES = {"red": message("Act now"), "amber": message("Look into it")}
STATE_NAMES = {
    "open": message("Raised"),
    "acknowledged": message("Acknowledged"),
    "closed": message("Closed"),
}
STATUS_NAMES = {"sent": message("Sent"), "failed": message("Failed"), "refused": message("Refused")}


@dataclass(frozen=True)
class Alert:
    """A rule that holds now.

    `about` names what for the reader, `said` is the sentence and `note` what helps to judge it; `regions` is what it is
    about (empty: the whole company), unless it is about a customer, whose value to come is `worth`.
    """

    key: str
    rule: Rule
    about: str
    said: str
    note: str = ""
    customer: str = ""
    regions: tuple[str, ...] = ()
    worth: float = 0.0


# --- what holds now ------------------------------------------------------------------------------------------------


def firing(
    reader: Reader, wanted: tuple[Rule, ...], today: date | None = None, standing: Collection[str] = ()
) -> list[Alert]:
    """The alerts of these rules as far as they are about what the reader may see all of, at his week (the last that is
    over, by default). An alert among those `standing` lasts until its figure is clearly right again."""
    found: list[Alert] = []
    for rule in wanted:
        if rule.kind == "stale":
            found += _stale(reader, rule, today or datetime.now(UTC).date())
        elif rule.kind == "moved":
            found += _moved(reader, rule)
        else:
            found += (_drifting if rule.kind == "drift" else _beyond)(reader, rule, standing)
    return sorted(found, key=lambda alert: SEVERITIES.index(alert.rule.severity))


def _week(reader: Reader) -> date:
    return reader.filters.as_of or reader.calendar.finished_week


def _looking(reader: Reader, rule: Rule) -> Filters:
    """What a rule looks at, at the reader's week."""
    filters = Filters.parse({**rule.filters, "period": rule.period, "as_of": _week(reader).isoformat()})
    return filters.checked(reader.marts)


def _beyond(reader: Reader, rule: Rule, standing: Collection[str]) -> Iterator[Alert]:
    for part, about, filters in _parts(reader, rule):
        if not covers(reader, filters.region):
            continue
        key = "/".join(filter(None, (rule.name, part)))
        within = replace(reader, filters=filters)
        found = totals(within, within.view)
        if rule.metric not in found:
            known = [name for name in found if name in METRICS]
            raise DashboardError(f"alert {rule.name!r}: no figure {rule.metric!r}{nearest(rule.metric, known)}")
        value = found[rule.metric]
        if value is None or not _wrong(rule, value, rule.clears if key in standing else rule.limit):
            continue
        said = reader.t(
            (BEYOND if _wrong(rule, value, rule.limit) else NEARLY)[rule.direction],
            what=reader.t(METRICS[rule.metric].label),
            about=about,
            value=_said(reader, rule.metric, value),
            limit=_said(reader, rule.metric, rule.limit),
            clears=_said(reader, rule.metric, rule.clears),
        )
        yield Alert(key, rule, about, said, regions=filters.region)


def _wrong(rule: Rule, value: float, limit: float) -> bool:
    return value < limit if rule.direction == "below" else value > limit


def _said(reader: Reader, metric: str, value: float) -> str:
    """A figure beside its limit: a share to a hundredth of a percent, so that 9.98% is not 10%, below 10%."""
    if METRICS[metric].format == "share":
        return reader.language.percent(value, 2)
    return say(metric, value, reader.language, reader.marts.currency)


def _parts(reader: Reader, rule: Rule) -> Iterator[tuple[str, str, Filters]]:
    """What a rule looks at one by one: code, name and filters of each."""
    base = _looking(reader, rule)
    if rule.by == "grade":
        for grade in GRADES:
            yield grade, reader.t("Grade {grade}", grade=grade), base.put("grade", (grade,))
    elif rule.by == "region":
        for code, entry in reader.marts.dimensions["region"].items():
            if entry.level == rule.level:
                yield code, reader.language.name(entry.name, entry.name_en), base.put("region", (code,))
    else:
        members = reader.marts.dimensions["region"]
        named = [reader.language.name(members[code].name, members[code].name_en) for code in base.region]
        yield "", reader.language.list(named) if named else reader.t("all customers"), base


def _drifting(reader: Reader, rule: Rule, standing: Collection[str]) -> Iterator[Alert]:
    parts = list(_parts(reader, rule))
    # The limit is for all series that the rule watches, whoever looks.
    high = limit(len(parts) * len(rule.metrics), rule.limit)
    level = rule.level if rule.by else None
    shifts = drifts(replace(reader, filters=_looking(reader, rule)), rule.metrics, level)
    for part, about, filters in parts:
        for found in shifts.get(part, ()):
            key = "/".join(filter(None, (rule.name, part, found.metric)))
            if covers(reader, filters.region) and found.height > (STEADY * high if key in standing else high):
                note = reader.t(
                    "By chance alone this rule would raise {n} {n:alert|alerts} a year.", n=f"{rule.limit:g}"
                )
                yield Alert(key, rule, about, _shift(reader, about, found), note, regions=filters.region)


def _shift(reader: Reader, about: str, found: Drift) -> str:
    """A drift in words."""
    return reader.t(
        (DRIFTED if found.metric in RATIOS else DRIFTED_SUM)["down" if METRICS[found.metric].good == "up" else "up"],
        what=reader.t(METRICS[found.metric].label),
        about=about,
        week=reader.language.date(found.since),
        value=_said(reader, found.metric, found.value),
        before=_said(reader, found.metric, found.before),
    )


def _moved(reader: Reader, rule: Rule) -> Iterator[Alert]:
    """Customers who moved in the weeks of the rule, one alert each."""
    within = replace(reader, filters=_looking(reader, rule))
    places = PLACES[rule.what]
    found = moves(within, within.view.window.first_week - timedelta(days=1))
    if rule.what == "tier" and found.measured_on:
        return
    for row in found.table(within, worth=rule.limit or None).to_dict("records"):
        before, now = row[f"from_{rule.what}"], row[f"to_{rule.what}"]
        if before not in rule.places or now not in places or now == before:
            continue
        if (places.index(now) > places.index(before)) == (rule.direction == "down"):
            said = _move(reader, rule, row, found.measured_on is not None)
            by = "" if pd.isna(row["manager"]) else reader.t("Account manager: {name}", name=row["manager"])
            key = f"{rule.name}/{row['code']}/{before}-{now}"
            yield Alert(key, rule, row["name"], said, by, customer=row["code"], worth=row["value_to_come"])


def _move(reader: Reader, rule: Rule, row: dict[str, Any], measured: bool) -> str:
    """A move in words."""
    tier = rule.what == "tier"
    before, now = (str(row[f"{side}_{rule.what}"]) for side in ("from", "to"))
    return reader.t(
        MOVED[rule.direction],
        name=row["name"],
        what=reader.t("level") if tier else reader.t("measured grade") if measured else reader.t("grade"),
        before=reader.t(TIER_NAMES[before]) if tier else before,
        now=reader.t(TIER_NAMES[now]) if tier else now,
        worth=reader.money(row["value_to_come"]),
    )


def _stale(reader: Reader, rule: Rule, today: date) -> Iterator[Alert]:
    days = (today - reader.calendar.last_day).days
    if days > rule.limit and covers(reader, ()):
        said = reader.t(
            "The data end {time} ago, on {day}.",
            time=_time(reader, days),
            day=reader.language.date(reader.calendar.last_day),
        )
        yield Alert(rule.name, rule, reader.t("all customers"), said)


def _time(reader: Reader, days: int) -> str:
    """So many days in the unit that people would say."""
    if days < 92:
        return reader.t("{n} {n:day|days}", n=days)
    if days < 730:
        return reader.t("{n} months", n=days // 30)
    return reader.t("{n} years", n=days // 365)


# --- states --------------------------------------------------------------------------------------------------------


def judge(reader: Reader, wanted: tuple[Rule, ...], today: date | None = None) -> tuple[list[Alert], int, int]:
    """Bring the ledger in line with what holds now: the alerts, how many are new, how many have ended.

    An alert that lasts is not written again. One that a person closed stays closed until it has ended once.
    """
    before = written(reader)
    now = {alert.key: alert for alert in firing(reader, wanted, today, _lasting(before))}
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


def _lasting(said: dict[str, AlertState]) -> set[str]:
    return {key for key, state in said.items() if not _ended(state)}


def standing(
    reader: Reader, wanted: tuple[Rule, ...], today: date | None = None
) -> list[tuple[Alert, AlertState | None]]:
    """What holds now and nobody has closed, with what was said to it."""
    # What stands now says nothing of an earlier week: there a figure is wrong beyond its threshold alone.
    newest = _week(reader) >= reader.calendar.finished_week
    found = firing(reader, wanted, today, _lasting(written(reader)) if newest else ())
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
                "note": alert.note or None,
                "state": _told(reader, state),
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
    numbers["together"] = together(reader, [alert for alert, _ in found])
    if not found:
        return Answer(
            reader.t("No alert stands: none of {n} {n:rule|rules} is broken.", n=len(rules())), table, numbers
        )
    headline = reader.t("{n} {n:alert stands|alerts stand}, {red} of them to act on now.", n=len(found), red=red)
    return Answer(headline, table, numbers, len(found))


def together(reader: Reader, found: list[Alert]) -> dict[str, str]:
    """Of each rule that names several customers, all of them in one sentence, by the rule's name."""
    named: dict[str, list[Alert]] = {}
    for alert in found:
        if alert.customer:
            named.setdefault(alert.rule.name, []).append(alert)
    return {name: _in_one(reader, alerts) for name, alerts in named.items() if len(alerts) > 1}


def _in_one(reader: Reader, alerts: list[Alert]) -> str:
    rule = alerts[0].rule
    return reader.t(
        MOVED_TOGETHER[rule.direction],
        n=len(alerts),
        what=reader.t("level") if rule.what == "tier" else reader.t("grade"),
        worth=reader.money(sum(alert.worth for alert in alerts)),
    )


def _told(reader: Reader, state: AlertState | None) -> str:
    """Since when an alert stands, or when it was acknowledged."""
    if state is None or _ended(state):
        return reader.t("New")
    day = reader.language.date(state.at)
    if state.state == "acknowledged":
        return reader.t("Acknowledged on {day}", day=day)
    return reader.t("Since {day}", day=day)


@question("alerts.history", message("What became of alerts"), behind=None, written=True)
def told(reader: Reader) -> Answer:
    """Every alert that was opened, acknowledged or closed about what the reader may see: when and by whom."""
    entries = history(reader)
    subjects = _subjects(reader, entries)
    table = pd.DataFrame(
        [
            {
                "at": f"{entry.at:%Y-%m-%d %H:%M} UTC",
                "alert": subjects[entry.key],
                "state": reader.t(STATE_NAMES[entry.state]),
                "author": entry.author,
                "reason": reader.t(ENDED) if _ended(entry) else entry.reason or None,
            }
            for entry in entries
        ]
    )
    numbers = {"entries": len(entries)}
    if not entries:
        return Answer(reader.t("No alert has been raised yet."), table, numbers)
    by_itself = sum(_ended(entry) for entry in entries)
    by_hand = sum(entry.state == "closed" for entry in entries) - by_itself
    headline = reader.t(
        "{opened} {opened:alert was|alerts were} raised; {ended} ended by themselves and people closed {closed}.",
        opened=sum(entry.state == "open" for entry in entries),
        ended=by_itself,
        closed=by_hand,
    )
    return Answer(headline, table, numbers, len(entries))


def _subjects(reader: Reader, entries: list[AlertState]) -> dict[str, str]:
    """What each alert was about in words, by its key; the key itself where its rule is gone."""
    wanted = sorted({entry.customer for entry in entries if entry.customer})
    found = reader.named(reader.rows(queries.named(reader.view, wanted))) if wanted else pd.DataFrame()
    names = dict(zip(found["code"], found["name"], strict=True)) if len(found) else {}
    known = {rule.name: rule for rule in rules()}
    return {entry.key: _subject(reader, entry, known.get(entry.key.split("/")[0]), names) for entry in entries}


def _subject(reader: Reader, entry: AlertState, rule: Rule | None, names: dict[str, str]) -> str:
    if rule is None:
        return entry.key
    if rule.kind == "stale":
        return reader.t("Old data")
    parts = entry.key.split("/")[1:]
    if rule.kind == "moved":
        before, _, now = parts[-1].partition("-")
        ways = [reader.t(TIER_NAMES[place]) if rule.what == "tier" else place for place in (before, now)]
        return f"{names.get(str(entry.customer), entry.customer)} · {' → '.join(ways)}"
    metric = parts.pop() if rule.kind == "drift" else rule.metric
    about = reader.t("all customers")
    if parts and rule.by == "grade":
        about = reader.t("Grade {grade}", grade=parts[0])
    elif parts and (region := reader.marts.dimensions["region"].get(parts[0])):
        about = reader.language.name(region.name, region.name_en)
    return f"{reader.t(METRICS[metric].label)} · {about}"


@question("data.deliveries", message("Packs that were sent"), behind=None, written=True)
def sent(reader: Reader) -> Answer:
    """The log of deliveries about what the reader sees all of: of all of them for those who see every region."""
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
        nothing = message("No pack has been sent yet.")
        if reader.scope.regions is not None:
            nothing = message("No pack about your regions has been sent yet.")
        return Answer(reader.t(nothing), table, numbers)
    headline = reader.t(
        "Of the last {n} {n:attempt|attempts} to send a pack {failed} failed; the newest is of {day}.",
        n=len(found),
        failed=failed,
        day=reader.language.date(found[0].at),
    )
    return Answer(headline, table, numbers, len(found))
