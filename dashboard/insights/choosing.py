"""Any customer in view may be given any level: how he stands now, and what another level would mean.

The plan's rules, capacities and prices say it before anything is written: what it costs, which rule it breaks, and what
other customers have to do without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dashboard.insight import Answer, Insight, Reader
from dashboard.insights.decided import STATES, state_of
from dashboard.insights.levels import listing, offered
from dashboard.insights.plan import Plan, Resource, planned, settled
from dashboard.language import TIER_NAMES, message
from dashboard.ledger import decisions
from dashboard.ledger.entries import today
from queries import customers as queries
from queries.levels import KEPT
from queries.schema import TIERS

Offer = Insight | Answer
"""Customers to decide on, with `levels.queue`'s table and numbers."""
FOUND = 50
LEAST = 1.0
"""Money a year, or a share of an hour or customer, below which nothing is said."""
MOST_TOLD = 4
STANDING = {
    "open": message("open"),
    "stays": message("stays"),
    "held": message("held by a pilot"),
    "earlier": message("overridden at an earlier review"),
}


def found(reader: Reader, text: str) -> Answer:
    """Customers in view with this in their name or code, the largest first, as they stand; all without a text."""
    hits = reader.rows(queries.found(reader.view, text.strip()[:100], FOUND))
    return picked(reader, list(hits["code"]))


def picked(reader: Reader, codes: Sequence[str]) -> Answer:
    """Some customers as `levels.queue` has the open moves, decided or not: besides, the `level` decided in this review
    and the `state`. The recommended level of who is decided is the one that was recommended then."""
    plan = planned(reader)
    if isinstance(plan, Answer):
        return plan
    table, numbers = offered(reader, plan, listing(reader, plan, moves=False, limit=None, codes=codes))
    made = {code: one for code, one in decisions.of_review(reader, today(reader)).items() if one.level is not None}
    held = settled(reader)

    def stands(code: str, moves: bool) -> str:
        if code in made:
            return reader.t(STATES[state_of(reader, made[code])])
        how = "earlier" if code in held else "open" if moves else "stays"
        return reader.t(STANDING["held" if held.get(code) == KEPT else how])

    moved = table["recommended"] != table["current"]
    states = [stands(code, moves) for code, moves in zip(table["code"], moved, strict=True)]
    before = [made[code].recommended if code in made else None for code in table["code"]]
    table = table.assign(
        recommended=[then or now for then, now in zip(before, table["recommended"], strict=True)],
        level=[made[code].level if code in made else None for code in table["code"]],
        state=states,
    )
    order = {code: place for place, code in enumerate(codes)}
    table = table.iloc[table["code"].map(order).argsort()].reset_index(drop=True)
    return Answer("", table, numbers, len(table))


@dataclass(frozen=True)
class Consequences:
    """What a level means for `n` customers, a year and against today: `cost`, `gain` and `hours`; `behind` is what is
    gained less than by the plan. `second` need a second person, `broken` are rules and how many break them, `lacking`
    what the plan has too little of, and in words what becomes of that."""

    n: int
    cost: float
    gain: float
    hours: float
    behind: float
    second: int
    broken: dict[str, int]
    lacking: tuple[str, ...]


def consequences(reader: Reader, offer: Offer, codes: Sequence[str], level: str) -> Consequences | None:
    """What it would mean to give these customers of an offer a level; None without a plan."""
    plan = planned(reader)
    if isinstance(plan, Answer) or not codes:
        return None
    numbers, asks = offer.numbers, plan.task.rates.rules.approval.asks
    now = dict(zip(offer.table["code"], offer.table["current"], strict=True))
    cost = {code: numbers["cost"][level] - numbers["cost"][now[code]] for code in codes}
    gain = {code: numbers["gains"][code][level] for code in codes}
    planned_gain = sum(numbers["gains"][code][numbers["levels"][code]] for code in codes)
    breaks = {code: numbers["breaks"][code].get(level, []) for code in codes}
    broken = pd.Series([why for whys in breaks.values() for why in whys], dtype=object).value_counts()
    moved = [code for code in codes if now[code] != level]
    return Consequences(
        n=len(codes),
        cost=sum(cost.values()),
        gain=sum(gain.values()),
        hours=sum(numbers["hours"][level] - numbers["hours"][now[code]] for code in codes),
        behind=planned_gain - sum(gain.values()),
        second=sum(bool(breaks[code]) or asks(level, cost[code], gain[code]) for code in moved),
        broken={str(why): int(count) for why, count in broken.items()},
        lacking=tuple(_lacking(reader, plan, offer, codes, level)),
    )


def _lacking(reader: Reader, plan: Plan, offer: Offer, codes: Sequence[str], level: str) -> list[str]:
    """What the plan has to take from other customers, the dearest first."""
    place = {code: area for area, code in plan.task.codes_of_areas.items()}
    steps = pd.DataFrame(
        {
            "now": [TIERS.index(tier) for tier in offer.table.set_index("code").loc[list(codes), "current"]],
            "planned": [TIERS.index(offer.numbers["levels"][code]) for code in codes],
            "area": [place.get(offer.numbers["areas"][code] or "", -1) for code in codes],
        }
    )
    told = []
    for resource in plan.task.resources:
        mine = steps if resource.area is None else steps[steps["area"] == resource.area]
        use = resource.use
        more = float((use[mine["now"], TIERS.index(level)] - use[mine["now"], mine["planned"]]).sum())
        room = max(resource.capacity - plan.used(resource), 0.0)
        if more - room > LEAST / 2:
            worth = plan.prices[resource.key] * (more - room)
            told.append((worth, _told(reader, plan, resource, more - room, worth)))
    return [text for _, text in sorted(told, key=lambda each: -each[0])][:MOST_TOLD]


def _told(reader: Reader, plan: Plan, resource: Resource, short: float, worth: float) -> str:
    t = reader.t
    where = plan.task.names_of_areas(reader).get(resource.area, t("the other regions"))
    if resource.kind == "budget":
        text = t("The budget is {amount} short of it, to be saved on others.", amount=reader.money(short))
    elif resource.kind == "hours":
        hours = reader.language.number(float(round(short)))
        text = t("{hours} hours are taken from other customers in {region}.", hours=hours, region=where)
    elif resource.kind == "lowered":
        count = reader.language.number(float(round(short)))
        text = t("In {region} no more may be lowered; other moves down must wait: {count}.", region=where, count=count)
    else:
        units = reader.language.number(float(round(short)))
        text = t("{units} units of {activity} are taken from others.", units=units, activity=resource.kind)
    if worth < LEAST:
        return text
    return t("{what} There it would bring at least {worth} a year.", what=text, worth=reader.money(worth))


def told(reader: Reader, found: Consequences, level: str) -> list[str]:
    """The consequences in words: what it costs and brings, who has to agree, what it breaks, what others lack."""
    t, number = reader.t, reader.language.number
    name = t(TIER_NAMES[level])
    said = {"n": number(found.n, exact=True), "level": name, "gain": reader.money(abs(found.gain))}
    said |= {"cost": reader.money(abs(found.cost)), "hours": number(float(round(abs(found.hours))))}
    lines = [
        t("{level} for {n}: service costs {cost} more a year than today and takes {hours} hours more.", **said)
        if found.cost > 0
        else t("{level} for {n}: service costs {cost} less a year than today and frees {hours} hours.", **said)
        if found.cost < 0
        else t("{level} for {n}: service costs what it costs today.", **said)
    ]
    brings = t("It gains {gain} a year", **said) if found.gain >= 0 else t("It loses {gain} a year", **said)
    if found.behind >= LEAST:
        less = reader.money(found.behind)
        lines.append(t("{brings}, {less} less than by the plan.", brings=brings, less=less))
    else:
        lines.append(t("{brings}, as good as by the plan.", brings=brings))
    lines += [
        t("Against the policy for {n}: {rule}.", n=number(count, exact=True), rule=why)
        for why, count in found.broken.items()
    ]
    lines += found.lacking
    if found.second:
        lines.append(t("A second person has to approve {n} of them.", n=number(found.second, exact=True)))
    return lines
