"""Why a customer gets a level, in a sentence anyone understands, and what would change it.

Each part of the gain is money, so the parts that weigh most are the largest amounts; what a rule settles comes
first. Nothing is told of a customer that the plan doesn't use.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from dashboard.insight import Reader
from dashboard.insights.plan import Plan, charged
from dashboard.language import TIER_NAMES, message
from dashboard.policy import Limits, Rule
from queries.levels import SCORE_STEPS
from queries.schema import TIERS

TOLD = 3
FEWEST_UNITS = 0.5
FINE = 10.0
"""A rate below it is said with its cents."""
LEAST = 1.0
"""Money a year below which nothing is a reason."""
SETTLED = float("inf")
Part = tuple[float, Callable[[], str]]
"""What a reason weighs in money a year, and its words: only those that are told get written."""


def explained(reader: Reader, plan: Plan, table: pd.DataFrame) -> pd.DataFrame:
    """The listing with `reasons` (the three that weigh most), `runner_up` and `switch` (what would change it)."""
    write = Writer(reader, plan)
    levels = np.arange(len(TIERS))
    now, level = table["now"].to_numpy(dtype=int), table["level"].to_numpy(dtype=int)
    gains = table[[f"gain_{i}" for i in levels]].to_numpy(dtype=float)
    allowed = (levels >= table["first"].to_numpy()[:, None]) & (levels <= table["last"].to_numpy()[:, None])
    charges = charged(plan.task, plan.assignment.prices, now, table["area"].to_numpy(dtype=int))
    reduced = np.where(allowed, gains - charges, -np.inf)
    rivals = reduced.copy()
    rivals[np.arange(len(table)), level] = -np.inf
    runner_up = rivals.argmax(axis=1)
    alone = ~np.isfinite(rivals.max(axis=1, initial=-np.inf))
    behind = np.where(alone, 0.0, reduced[np.arange(len(table)), level] - rivals.max(axis=1, initial=-np.inf))
    rows = table.to_dict("records")
    return table.assign(
        reasons=[write.reasons(row) for row in rows],
        runner_up=[None if lone else TIERS[other] for lone, other in zip(alone, runner_up, strict=True)],
        switch=[
            write.settled if lone else write.switch(row, int(other), float(gap))
            for row, lone, other, gap in zip(rows, alone, runner_up, behind, strict=True)
        ],
    )


class Writer:
    """The words of one plan for one reader."""

    def __init__(self, reader: Reader, plan: Plan) -> None:
        self.t: Callable[..., str] = reader.t
        self.reader, self.plan = reader, plan
        rates = plan.task.rates
        self.rates, self.change = rates, rates.change()
        self.names = [reader.t(TIER_NAMES[tier]) for tier in TIERS]
        self.settled = reader.t("the rules leave no other level")
        self.areas = plan.task.names_of_areas(reader)
        self.hour_price = {r.area: plan.prices[r.key] for r in plan.of("hours")}
        self.talk = {(int(row[0]), int(row[1])): row[2:] for row in plan.task.sheet.talk}
        self.rates_of_units = reader.marts.unit_rates(reader.view.window.last_day)

    def money(self, amount: float) -> str:
        """Whole amounts: cents are no reason."""
        return self.reader.money(float(round(amount)))

    def reasons(self, row: dict[str, Any]) -> str:
        """The parts that weigh most, the heaviest first, as one sentence."""
        now, level = int(row["now"]), int(row["level"])
        parts = [*self._rules(row), *self._satisfaction(row, now, level), self._today(row)]
        parts += self._moved(row, now, level) if now != level else self._stays(row, now)
        told = sorted((part for part in parts if part[0] >= LEAST), key=lambda part: -part[0])[:TOLD]
        return self.t("; ").join(say() for _, say in told)

    def _today(self, row: dict[str, Any]) -> Part:
        """What he costs and returns today: 20 visits a year at 300 each, and 0.6 of margin for each yuan of service."""
        cost, margin, years = row["cost_to_serve"], row["gross_margin"], self.plan.task.sheet.years

        def say() -> str:
            said = {"margin": self.money(margin / years), "loss": self.money(-margin / years)}
            if cost <= 0:
                if not margin:
                    return self.t("bought nothing and cost nothing to serve")
                return self.t("costs nothing to serve and brings {margin} of margin a year", **said)
            said |= {"spent": self._spent(row, cost / years), "one": self.reader.money(1)}
            if margin < 0:
                return self.t("{spent}; sells at a loss of {loss} a year even before that", **said)
            said["ratio"] = self.reader.money(margin / cost)
            return self.t("{spent}; each {one} of service returns {ratio}", **said)

        # Said of those who cost something even when other reasons weigh little.
        return max(abs(cost) / years, LEAST), say

    def _spent(self, row: dict[str, Any], cost: float) -> str:
        """Service of a year: the account manager's units where there are any, else what it costs in all."""
        counted = self.plan.task.sheet.counted
        units = round(row["units_0"]) if counted else 0
        code = counted[0] if counted else ""
        known, rate = self.reader.marts.dimensions["activity"].get(code), self.rates_of_units.get(code)
        if not units or known is None or rate is None:
            return self.t("costs {cost} a year to serve", cost=self.money(cost))
        name, unit = self.reader.language.name(known.name, known.name_en), self.reader.marts.driver_units.get(code, "")
        said = {"units": self.reader.language.number(units), "activity": name, "spent": self.money(units * rate)}
        said["rate"] = self.reader.money(rate) if rate < FINE else self.money(rate)
        if unit == code and units == 1:
            return self.t("1 {activity} a year: {spent}", **said | {"activity": name.lower()})
        if unit == code:
            return self.t("{units} {activity}s a year at {rate} each: {spent}", **said | {"activity": name.lower()})
        said["unit"] = self.reader.label("driver_unit", unit)
        return self.t("{activity}, {units} × {unit} a year at {rate}: {spent}", **said)

    def _amount(self, amount: float, text: str, **said: str) -> Part:
        """A reason that is an amount of money."""
        return abs(amount), lambda: self.t(text, amount=self.money(abs(amount)), **said)

    def _moved(self, row: dict[str, Any], now: int, level: int) -> list[Part]:
        name, up = self.names[level], level < now
        margin = row["margin"] * self.change["margin"][now, level]
        worth = row["worth"] * self.change["worth"][now, level]
        cost = self.rates.effort[level] - self.rates.effort[now]
        hours = self.rates.hours[level] - self.rates.hours[now]
        if up:
            texts = (
                message("{level} should bring {amount} more margin a year"),
                message("{level} costs {amount} more a year"),
                message("keeps about {amount} of value to come"),
            )
        else:
            texts = (
                message("costs about {amount} of margin a year"),
                message("{level} costs {amount} less a year"),
                message("puts about {amount} of value to come at risk"),
            )
        parts = [
            self._amount(amount, text, level=name) for amount, text in zip((margin, cost, worth), texts, strict=True)
        ]
        return parts + self._hours(row, hours, abs(cost))

    def _hours(self, row: dict[str, Any], hours: float, cost: float) -> list[Part]:
        if abs(hours) < FEWEST_UNITS:
            return []
        price = self.hour_price.get(row["area"], 0.0)
        # An hour weighs what it is worth elsewhere; where hours aren't scarce, less than the money it costs.
        weight = abs(hours) * price or cost / 2
        said = {"hours": self.reader.language.number(float(round(abs(hours))))}
        text = message("takes {hours} account-manager hours a year")
        if hours < 0:
            text = message("frees {hours} account-manager hours a year")
        elif price > 0:
            said["region"] = self.areas[row["area"]]
            text = message("takes {hours} account-manager hours a year, scarce in {region}")
        return [(weight, lambda: self.t(text, **said))]

    def _stays(self, row: dict[str, Any], now: int) -> list[Part]:
        hangs = row["margin"] * self.change["margin"][-1, now]
        kept = row["worth"] * self.change["worth"][-1, now]
        return [
            self._amount(hangs, message("about {amount} of margin a year depends on {level}"), level=self.names[now]),
            self._amount(kept, message("about {amount} of value to come depends on {level}"), level=self.names[now]),
        ]

    def _satisfaction(self, row: dict[str, Any], now: int, level: int) -> list[Part]:
        curve = self.rates.curve
        if curve is None or pd.isna(row["score"]):
            return []
        score = row["score"] / SCORE_STEPS
        limit = curve.complaint_threshold
        if limit is not None and score < limit:
            said = {"score": f"{score:.1f}", "limit": f"{limit:.1f}"}
            text = message(
                "satisfaction {score} is below the complaint threshold ({limit}), so a call in the first week"
            )
            return [(SETTLED, lambda: self.t(text, **said))]
        worth = self.talk.get((now, int(row["score"])), (0.0,) * len(TIERS))[level]
        if now == level or not worth:
            return []
        if worth > 0:
            return [self._amount(worth, message("word of mouth is worth {amount} more a year"))]
        return [self._amount(worth, message("word of mouth loses {amount} a year"))]

    def _rules(self, row: dict[str, Any]) -> list[Part]:
        """The rules that leave no better (ceilings) or no worse level (floors) than the recommended one."""
        level, limits, code = int(row["level"]), self.rates.rules.limits, self.reader.language.code
        binding = [
            *((rule, row["last"]) for rule in limits.floors),
            *((rule, row["first"]) for rule in limits.ceilings),
        ]
        return [
            (SETTLED, partial(str, rule.why[code]))
            for rule, edge in binding
            if edge == level == TIERS.index(rule.level) and level != row["now"] and holds(rule, row)
        ]

    def switch(self, row: dict[str, Any], other: int, behind: float) -> str:
        """What it takes for the runner-up to win: another margin, or another cost."""
        now, level = int(row["now"]), int(row["level"])
        slope = self.change["margin"][now, other] - self.change["margin"][now, level]
        said = {"level": self.names[other], "behind": self.money(abs(behind))}
        if behind < LEAST:
            return self.t("{level} is as good: a limit on the whole decided between them", **said)
        needed = row["margin"] + behind / slope if slope else -1.0
        if needed >= LEAST:
            said |= {"needed": self.money(needed), "margin": self.money(row["margin"])}
            if slope > 0:
                return self.t("{level}, if margin rose to {needed} a year (now {margin})", **said)
            return self.t("{level}, if margin fell below {needed} a year (now {margin})", **said)
        return self.t("{level}, if it cost {behind} less a year", **said)


def broken_by(reader: Reader, limits: Limits, row: dict[str, Any]) -> dict[str, list[str]]:
    """The rules that each level would break for a listed customer, in words; levels that break none are left out.

    A floor goes before a ceiling, as the plan sees it.
    """
    t, code, now = reader.t, reader.language.code, int(row["now"])
    floors = [rule for rule in limits.floors if holds(rule, row)]
    ceilings = [rule for rule in limits.ceilings if holds(rule, row)]
    floor = min((TIERS.index(rule.level) for rule in floors), default=len(TIERS))
    found: dict[str, list[str]] = {}
    for level, tier in enumerate(TIERS):
        said = [rule.why[code] for rule in floors if level > TIERS.index(rule.level)]
        said += [rule.why[code] for rule in ceilings if level < min(TIERS.index(rule.level), floor)]
        if level - now > limits.largest_fall:
            said.append(t("a review lowers nobody by more than {n}", n=limits.largest_fall))
        if level > TIERS.index(limits.least):
            said.append(t("nobody falls below {level}", level=t(TIER_NAMES[limits.least])))
        if said:
            found[tier] = said
    return found


def holds(rule: Rule, row: dict[str, Any]) -> bool:
    """Whether a rule is about a listed customer, as the statements see it."""
    value = row[rule.input]
    if pd.isna(value):
        return False
    if rule.test == "one_of":
        return str(value) in {str(v) for v in rule.value}
    return bool(value >= rule.value if rule.test == "at_least" else value <= rule.value)
