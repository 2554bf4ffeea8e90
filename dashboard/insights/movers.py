"""Who moved between grades and levels of service, and what is at stake with them.

A company grades its customers now and then, the grading policy measures them every few weeks: where no grade in force
moved in the weeks reviewed, the measured grades tell who has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from dashboard.insight import Answer, Reader, no_customers, question
from dashboard.insights.review import LISTED, earlier, no_history, since
from dashboard.insights.value import none_if_undefined
from dashboard.language import message
from queries import movers as queries
from queries.schema import GRADES, TIERS

ORDER = {"grade": GRADES, "tier": TIERS}
"""From the best to the last."""


@dataclass(frozen=True)
class Moves:
    """Moves counted, since a day: by the grades in force, or by those measured up to `measured_on`.

    `recent` says that the measurement lies in the weeks reviewed; else it is the newest one before their end.
    """

    counted: pd.DataFrame
    since: date
    measured_on: date | None = None
    recent: bool = True

    def table(self, reader: Reader, limit: int | None = None, worth: float | None = None) -> pd.DataFrame:
        """The customers who moved (and have so much to come): those who fell first, then by value to come."""
        measured = self.measured_on is not None
        found = queries.movers(reader.view, self.since, limit, measured=measured, worth=worth)
        return reader.named(reader.rows(found))


def moves(reader: Reader, since: date) -> Moves:
    """Who moved since a day: by what is in force, else by the measured grades of the last review."""
    counted = reader.rows(queries.moves(reader.view, since))
    reviews = [date.fromisoformat(day) for day in reader.marts.grading["reviews"]]
    known = [day for day in reviews if day <= reader.view.window.last_day]
    if len(counted) or len(known) < 2:
        return Moves(counted, since)
    recent = known[-1] > since
    start = since if recent else known[-2]
    return Moves(reader.rows(queries.moves(reader.view, start, measured=True)), start, known[-1], recent)


@question("review.movers", message("Who moved between grades and levels"), needs=("grades",), behind=None, weekly=True)
def movers(reader: Reader) -> Answer:
    before = earlier(reader)
    if before is None:
        return no_history(reader)
    n = reader.customers
    if not n:
        return no_customers(reader)
    found = moves(reader, before.window.last_day)
    numbers = direction(found.counted, "grade") | {f"tier_{k}": v for k, v in direction(found.counted, "tier").items()}
    numbers |= {"measured_on": found.measured_on, "since": found.since}
    table = found.table(reader, LISTED)
    if found.measured_on is None:
        if table.empty:
            headline = reader.t("Nobody has moved between grades or levels of service {since}.", since=since(reader))
            return Answer(headline, pd.DataFrame(), numbers, n)
        return Answer(in_force(reader, numbers), table, numbers, n)
    return Answer(
        measured(reader, found, numbers),
        table.drop(columns="from_tier").rename(columns={"to_tier": "tier"}),
        numbers,
        n,
    )


def direction(counted: pd.DataFrame, what: str) -> dict[str, Any]:
    """Customers who rose and fell in grade or tier, and what those who fell and are worth something have to come."""
    order = ORDER[what]
    known = counted[counted[f"from_{what}"].isin(order) & counted[f"to_{what}"].isin(order)]
    step = known[f"from_{what}"].map(order.index).astype(int) - known[f"to_{what}"].map(order.index).astype(int)
    rose, fell = known[step > 0], known[step < 0]
    return {
        "up": int(rose["customers"].sum()),
        "down": int(fell["customers"].sum()),
        "value_of_rises": none_if_undefined(rose["value_to_come"].sum(min_count=1)),
        "value_of_falls": none_if_undefined(fell["value_to_come"].sum(min_count=1)),
    }


def in_force(reader: Reader, numbers: dict[str, Any]) -> str:
    """Moves between the grades in force in words."""
    levels = reader.t(
        "{n} got another level of service.", n=reader.language.number(numbers["tier_up"] + numbers["tier_down"])
    )
    if not numbers["up"] and not numbers["down"]:
        return reader.language.sentences(
            reader.t("Nobody has moved between grades {since}.", since=since(reader)), levels
        )
    moved = reader.t(
        "{up} {up:customer|customers} rose and {down} fell in grade {since}.",
        **counts(reader, numbers),
        since=since(reader),
    )
    return reader.language.sentences(moved, *at_stake(reader, numbers), levels)


def measured(reader: Reader, found: Moves, numbers: dict[str, Any]) -> str:
    """Moves between measured grades in words, and when the grades in force last moved."""
    about = counts(reader, numbers) | {"day": reader.language.date(found.measured_on)}
    if not numbers["up"] and not numbers["down"]:
        moved = reader.t("By the grades measured on {day} nobody has moved.", **about)
    elif found.recent:
        moved = reader.t(
            "By the grades measured on {day}, {up} {up:customer|customers} rose and {down} fell {since}.",
            **about,
            since=since(reader),
        )
    else:
        moved = reader.t(
            "By the grades last measured, on {day}, {up} {up:customer|customers} rose and {down} fell since {before}.",
            **about,
            before=reader.language.date(found.since),
        )
    said = [moved, *at_stake(reader, numbers)]
    if not reader.marts.measured:
        last = reader.rows(queries.last_graded(reader.view)).iloc[0]["day"]
        if not pd.isna(last):
            said.append(reader.t("Grades in force last changed on {day}.", day=reader.language.date(last)))
    return reader.language.sentences(*said)


def counts(reader: Reader, numbers: dict[str, Any]) -> dict[str, str]:
    return {way: reader.language.number(numbers[way]) for way in ("up", "down")}


def at_stake(reader: Reader, numbers: dict[str, Any]) -> list[str]:
    """What those who fell have to come, as a sentence; none when that is nothing."""
    if not numbers["value_of_falls"]:
        return []
    return [reader.t("Those who fell have {stake} to come.", stake=reader.money(numbers["value_of_falls"]))]
