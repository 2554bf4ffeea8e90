"""The plan behind the questions of the decision: which level for whom, worked out once for all of them.

Groups of like customers come from the database, a multiple-choice knapsack decides how many of each get which level
(`analysis.service_levels`), and the database hands the levels to the customers. What comes of it is then added
up there again, customer by customer, outside the solver, and so is the bound no plan can pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from dashboard.analysis import service_levels
from dashboard.analysis.response import Response
from dashboard.insight import Answer, Reader, no_customers
from dashboard.insights.satisfaction import fitted
from dashboard.language import message
from dashboard.ledger import decisions, pilots, policies, tables
from dashboard.policy import Policy
from queries import levels as queries
from queries.levels import CHARGES, CLASS, COUNTS, NOWHERE, SCORE_STEPS, Handed, Sheet
from queries.schema import TIERS

Floats = NDArray[np.float64]
WEEKS_A_YEAR = 52
MONTHS_A_YEAR = 12
SCORES = np.arange(SCORE_STEPS, 5 * SCORE_STEPS + 1)
USUAL_SCORE = 3.0
DRAWS = 400
ROUNDING = 1e-9  # of a capacity that is itself a sum of costs
REFINED = 2
"""How often the prices are found anew, on groups that are fine around the last ones."""
TOLERANCE = 5e-5
"""The gap at which the search for whole customers ends; half of what is promised of the plan."""


@dataclass(frozen=True)
class Curve:
    """Praise and complaints a customer and month at each satisfaction (`score`), and where both take off."""

    score: Floats
    praise: Floats
    complaint: Floats
    complaint_threshold: float | None

    def said(self, score: Floats) -> tuple[Floats, Floats]:
        """Praise and complaints a year."""
        at = np.clip(score, 1, 5)
        rates = (np.interp(at, self.score, rate) for rate in (self.praise, self.complaint))
        praise, complaint = (MONTHS_A_YEAR * rate for rate in rates)
        return praise, complaint


@dataclass(frozen=True)
class Rates:
    """What each level (L,) costs a customer a year, and how he answers to it; ends of responses may be draws (k, 1)."""

    rules: Policy
    effort: Floats
    hours: Floats
    effect: float
    curve: Curve | None

    def at(self, name: str, most: Floats | None = None) -> Floats:
        """The response of each level, (L,) or (k, L)."""
        response: Response = self.rules.response[name]
        return self.effect * response.at(self.effort, None if most is None else most[:, None])

    def change(self, most: dict[str, Floats] | None = None) -> dict[str, Floats]:
        """What the step from one level (row) to another (column) adds, (L, L) or (k, L, L): shares of the margin,
        the value to come and the other cost, and points of satisfaction."""
        ends = most or {}
        spending, serving = (1 + self.at(name, ends.get(name)) for name in ("spending", "cost_to_serve"))
        staying, satisfied = (self.at(name, ends.get(name)) for name in ("retention", "satisfaction"))
        return {
            "margin": spending[..., None, :] / spending[..., :, None] - 1,
            "worth": staying[..., None, :] - staying[..., :, None],
            "other": serving[..., None, :] / serving[..., :, None] - 1,
            "satisfaction": satisfied[..., None, :] - satisfied[..., :, None],
        }

    def talk(self) -> tuple[tuple[float, ...], ...]:
        """Rows of `Sheet.talk`: the worth a year of the word of mouth that each level adds at each score."""
        if self.curve is None:
            return ()
        points, worth = self.change()["satisfaction"], self.rules.word_of_mouth
        score = SCORES / SCORE_STEPS
        before = self.curve.said(score)
        rows = []
        for now in range(len(TIERS)):
            after = self.curve.said(score[:, None] + points[now])
            added = [then - first[:, None] for then, first in zip(after, before, strict=True)]
            money = worth.value_of_praise * added[0] - worth.cost_of_complaint * added[1]
            rows += [(now, int(s), *map(float, line)) for s, line in zip(SCORES, money, strict=True)]
        return tuple(rows)


@dataclass(frozen=True)
class Resource:
    """Something scarce: `kind` is budget, hours, lowered or an activity's code; `area` where hours or falls count.

    `use` (L, L): what a customer uses at a level (column), given his level today (row). `today` is what the
    customers in view use now.
    """

    kind: str
    area: int | None
    use: Floats
    capacity: float
    today: float

    @property
    def key(self) -> str:
        return self.kind if self.area is None else f"{self.kind}:{self.area}"


@dataclass(frozen=True)
class Problem:
    """The assignment of groups: gain (n, L) a customer over today, cost (n, L, R), allowed (n, L), size (n,)."""

    gain: Floats
    cost: Floats
    allowed: NDArray[np.bool_]
    size: Floats
    resources: tuple[Resource, ...]

    @property
    def capacity(self) -> Floats:
        return np.array([resource.capacity for resource in self.resources])

    @property
    def stated(self) -> dict[str, Any]:
        """The arguments of `service_levels.assign` and `relax`."""
        names = [resource.key for resource in self.resources]
        given = {"gain": self.gain, "cost": self.cost, "allowed": self.allowed, "size": self.size}
        return given | {"capacity": self.capacity, "resources": names}


@dataclass(frozen=True)
class Task:
    """What has to be decided: groups of like customers (`queries.levels.groups`), areas with account managers, all
    resources, and the problem in which those that can't run out are left out."""

    rates: Rates
    sheet: Sheet
    groups: pd.DataFrame
    areas: pd.DataFrame
    resources: tuple[Resource, ...]
    problem: Problem

    @property
    def codes_of_areas(self) -> dict[int | None, str]:
        return dict(zip(self.areas["area"], self.areas["code"], strict=True)) if len(self.areas) else {}

    def names_of_areas(self, reader: Reader) -> dict[int | None, str]:
        """The reader's names of the areas, by place."""
        if self.areas.empty:
            return {}
        return dict(zip(self.areas["area"], reader.named(self.areas)["name"], strict=True))


@dataclass(frozen=True)
class Short:
    """A task that no plan fulfils: by how much each resource falls `short` at the least, by its key."""

    task: Task
    short: dict[str, float]


@dataclass(frozen=True)
class Plan:
    """A plan for the customers in view: everything is a year's, gains are over today.

    `sums` are its customers by level today, level recommended, area and score; `value` their gains added up and
    `upper_bound` what no plan can pass, both from the customers themselves. `decided` are the levels settled by now
    (as in `Sheet`): those that the task was set out with, and others since that are the plan's own.
    """

    task: Task
    assignment: service_levels.Assignment
    handed: Handed
    sums: pd.DataFrame
    value: float
    upper_bound: float
    decided: tuple[tuple[str, int], ...]

    @property
    def gap(self) -> float:
        """How much more there might be, as a share of the bound."""
        missed = self.upper_bound - self.value
        return missed / self.upper_bound if missed > 0 else 0.0

    @property
    def prices(self) -> dict[str, float]:
        """Gain of one more unit of each resource, by its key; 0 for what is not scarce."""
        found = dict(zip(self.assignment.resources, map(float, self.assignment.prices), strict=True))
        return {resource.key: found.get(resource.key, 0.0) for resource in self.task.resources}

    @cached_property
    def effects(self) -> dict[str, dict[str, float]]:
        """What the plan changes in a year, see `effects`."""
        return effects(self)

    def used(self, resource: Resource) -> float:
        """What the levels handed to the customers use of a resource."""
        mine = self.sums if resource.area is None else self.sums[self.sums["area"] == resource.area]
        return float((resource.use[mine["now"], mine["level"]] * mine["customers"]).sum())

    def of(self, kind: str) -> list[Resource]:
        return [resource for resource in self.task.resources if resource.kind == kind]


def years(reader: Reader) -> float:
    return reader.view.window.weeks / WEEKS_A_YEAR


def cost_of_levels(reader: Reader, rules: Policy) -> Floats | None:
    """What each level costs a customer a year, (L,); None when an activity has no rate."""
    rates = reader.marts.unit_rates(reader.view.window.last_day)
    if unrated(reader, rules):
        return None
    levels = (rules.levels[tier] for tier in TIERS)
    return np.array(
        [
            sum(rates[code] * units for code, units in level.includes.items()) + sum(level.money.values())
            for level in levels
        ]
    )


def unrated(reader: Reader, rules: Policy) -> list[str]:
    """Activities that the policy includes and that have no unit rate in force."""
    rates = reader.marts.unit_rates(reader.view.window.last_day)
    return sorted({code for level in rules.levels.values() for code in level.includes} - rates.keys())


def curve_of(reader: Reader) -> Curve | None:
    """The word-of-mouth curve of all customers the reader may see; None without answers to fit it to."""
    if not {"survey", "word_of_mouth"} <= reader.marts.filled:
        return None
    _, found = fitted(replace(reader, filters=reader.filters.reset()))
    if found is None:
        return None
    score = np.linspace(1, 5, 401)
    threshold = found.complaint_threshold
    place = threshold.estimate if threshold.estimate is not None else threshold.high
    return Curve(score, found.rate_of_praise(score).rate, found.rate_of_complaint(score).rate, place)


def sheet_of(reader: Reader, rates: Rates) -> Sheet:
    """What the statements work with."""
    rules, change = rates.rules, rates.change()
    cost = rates.effort[None, :] - rates.effort[:, None]
    items = {code for level in rules.levels.values() for code in (*level.includes, *level.money)}
    asked = reader.rows(queries.asked(reader.view)).iloc[0]
    usual = USUAL_SCORE if pd.isna(asked["satisfaction"]) else float(asked["satisfaction"])
    return Sheet(
        years=years(reader),
        items=tuple(sorted(items)),
        counted=tuple(rules.capacity.hours_per_unit),
        role=rules.capacity.role,
        limits=rules.limits,
        change=tuple(
            tuple(float(x) for part in (change["margin"], change["worth"], change["other"], cost) for x in part[now])
            for now in range(len(TIERS))
        ),
        talk=rates.talk(),
        score=round(SCORE_STEPS * usual),
        decided=tuple(sorted(settled(reader).items())),
    )


SETTLING = (tables.decision, tables.approval, tables.pilot)
"""The entries that settle levels: others, such as a file that was taken away, leave the plan as it is."""


def settled(reader: Reader) -> dict[str, int]:
    """Customers whose level is not the plan's to choose, by code: decided in this review, overridden by somebody and
    not yet expired, or held at their level by a pilot. Nobody without a ledger."""
    if reader.ledger is None:
        return {}
    day = min(reader.view.window.last_day, reader.calendar.last_day)
    held = {
        code: queries.KEPT
        for pilot in pilots.declared(reader)
        if pilot.starts_on <= day <= pilot.ends_on
        for code in pilot.held
    }
    overridden = decisions.in_force(reader, day, actions=("override",))
    chosen = {
        code: made.level
        for code, made in decisions.of_review(reader, day).items()
        if made.level and made.verdict != "rejected"
    }
    return held | {code: TIERS.index(level) for code, level in (overridden | chosen).items()}


def rates_of(reader: Reader) -> Rates | None:
    """None when the policy includes an activity without a unit rate."""
    rules = policies.in_force(reader)
    effort = cost_of_levels(reader, rules)
    if effort is None:
        return None
    per_unit = rules.capacity.hours_per_unit
    hours = [sum(per_unit.get(c, 0) * n for c, n in rules.levels[tier].includes.items()) for tier in TIERS]
    return Rates(rules, effort, np.array(hours), reader.filters.effect, curve_of(reader))


def resources_of(reader: Reader, rates: Rates, groups: pd.DataFrame, areas: pd.DataFrame) -> tuple[Resource, ...]:
    """What limits the plan. Customers outside the view keep their levels and what these use of each capacity."""
    rules, filters = rates.rules.capacity, reader.filters
    everybody = np.ones((len(TIERS), 1))
    spent = pd.DataFrame({"tier": groups["now"], "area": groups["area"], "customers": groups["customers"]})
    outside = _outside(reader, rules.role, spent)

    def total(of: pd.DataFrame, use: Floats, area: int | None = None) -> float:
        mine = of if area is None else of[of["area"] == area]
        return float((use[mine["tier"], mine["tier"]] * mine["customers"]).sum())

    def limited(kind: str, use: Floats, whole: float | None, share: float, area: int | None = None) -> Resource:
        now = total(spent, use, area)
        capacity = now * share if whole is None else max(whole * share - total(outside, use, area), 0.0)
        return Resource(kind, area, use, capacity * (1 + ROUNDING), now)

    cost, hours = everybody * rates.effort, everybody * rates.hours
    stated = rules.budget if reader.scope.regions is None else None
    found = [limited("budget", cost, stated, filters.budget)]
    for code in rules.activities:
        units = everybody * np.array([rates.rules.levels[tier].includes.get(code, 0.0) for tier in TIERS])
        weekly = reader.marts.weekly_capacity(reader.view.window.last_day).get(code)
        if weekly is not None and reader.scope.regions is None:
            found.append(limited(code, units, weekly * WEEKS_A_YEAR, 1.0))
    lowered = np.triu(np.ones((len(TIERS), len(TIERS))), 1)
    known = dict(zip(areas["area"], areas["yearly"], strict=True))
    for area in sorted(groups["area"].unique()):
        if area != NOWHERE:
            found.append(limited("hours", hours, known.get(area), filters.hours, int(area)))
        customers = groups.loc[groups["area"] == area, "customers"].sum()
        most = float(np.floor(customers * rates.rules.limits.largest_share_lowered + ROUNDING))
        found.append(Resource("lowered", int(area), lowered, most, 0.0))
    return tuple(found)


def _outside(reader: Reader, role: str, spent: pd.DataFrame) -> pd.DataFrame:
    """Customers that the reader may see and the filters leave out, by level today and area."""
    columns = ["tier", "area", "customers"]
    whole = reader.filters.reset()
    if reader.filters.without_what_ifs() == whole:
        return pd.DataFrame(columns=columns).astype(int)
    rows = reader.rows(queries.served(replace(reader, filters=whole).view, role))
    rows["tier"] = rows["tier"].map(TIERS.index)
    both = pd.concat([rows, spent.assign(customers=-spent["customers"])])
    return both.groupby(["tier", "area"], as_index=False)["customers"].sum()


def posed(groups: pd.DataFrame, resources: tuple[Resource, ...]) -> Problem:
    """The assignment problem; resources that even the greatest use can't exhaust are left out but for the budget."""
    levels = np.arange(len(TIERS))
    now, size = groups["now"].to_numpy(), groups["customers"].to_numpy(dtype=float)
    gain = groups[[f"gain_{level}" for level in levels]].to_numpy(dtype=float) / size[:, None]
    allowed = (levels >= groups["first"].to_numpy()[:, None]) & (levels <= groups["last"].to_numpy()[:, None])
    kept, uses = [], []
    for resource in resources:
        inside = np.ones(len(groups)) if resource.area is None else (groups["area"] == resource.area).to_numpy(float)
        use = resource.use[now] * inside[:, None]
        most = (np.where(allowed, use, 0.0).max(axis=1) * size).sum()
        if resource.kind == "budget" or most > resource.capacity:
            kept.append(resource)
            uses.append(use)
    return Problem(gain, np.stack(uses, axis=2), allowed, size, tuple(kept))


def areas_of(reader: Reader, rules: Policy) -> pd.DataFrame:
    """Areas with account managers, by place in the region tree: code, names, yearly hours for customers."""
    capacity = rules.capacity
    table = reader.rows(queries.areas(reader.view, capacity.role))
    stated = table["code"].map(capacity.hours)
    table["yearly"] = stated.where(stated.notna(), table["hours"] * WEEKS_A_YEAR * capacity.share).astype(float)
    return table


def set_out(reader: Reader) -> Task | None:
    """The task for the customers in view; None without customers, or with an activity that has no unit rate."""
    rates = rates_of(reader)
    if rates is None:
        return None
    sheet = sheet_of(reader, rates)
    groups = reader.rows(queries.groups(reader.view, kept(reader, sheet)))
    if groups.empty:
        return None
    areas = areas_of(reader, rates.rules)
    resources = resources_of(reader, rates, groups, areas)
    return Task(rates, sheet, groups, areas, resources, posed(groups, resources))


def planned(reader: Reader) -> Plan | Answer:
    """The plan for the customers in view, or the answer that says why there is none.

    Worked out once for everybody who asks for the same, whatever his language.
    """
    rules = policies.in_force(reader)
    ledger = () if reader.ledger is None else (reader.ledger.name, reader.ledger.state(SETTLING))
    base = ("plan", reader.filters.canonical, reader.scope.fingerprint, repr(rules))
    last: dict[str, Plan] = reader.marts.once((*base, "last"), dict)
    found = reader.marts.once((*base, ledger), lambda: following(reader, last.get("plan")))
    if isinstance(found, Plan):
        last["plan"] = found
        return found
    if isinstance(found, Short):
        return infeasible(reader, found)
    if codes := unrated(reader, rules):
        text = message(
            "The service policy includes activities without a unit rate here ({codes}); adapt data/policy.toml."
        )
        return Answer(reader.t(text, codes=", ".join(codes)))
    return no_customers(reader)


def following(reader: Reader, last: Plan | None) -> Plan | Short | None:
    """The plan after the last one: the same where all that was decided since is what it recommends, for what is best
    stays best when nothing but other plans is ruled out; else worked out anew."""
    decided = settled(reader)
    if last is None or not (before := dict(last.decided)).items() <= decided.items():
        return worked_out(reader)
    new = {code: level for code, level in decided.items() if code not in before}
    task = last.task
    rows = reader.rows(
        queries.levels_of(reader.view, kept(reader, task.sheet), ranked(reader, task.sheet, last.handed), sorted(new))
    )
    given = rows["code"].map(new)
    agrees = rows["level"] == given.where(given != queries.KEPT, rows["now"])
    return replace(last, decided=tuple(sorted(decided.items()))) if agrees.all() else worked_out(reader)


def worked_out(reader: Reader) -> Plan | Short | None:
    """The plan, from prices that are found on coarse groups and then on groups that are fine around these prices."""
    task = set_out(reader)
    if task is None:
        return None
    try:
        for _ in range(REFINED):
            task = refined(reader, task, service_levels.relax(**task.problem.stated).prices)
        found = service_levels.assign(**task.problem.stated, tolerance=TOLERANCE)
    except service_levels.Infeasible as error:
        return Short(task, error.short)
    handed = Handed.of(classes_of(task, found.prices, found.count))
    sums = reader.rows(queries.sums(reader.view, kept(reader, task.sheet), ranked(reader, task.sheet, handed)))
    value = float(sums["gain"].sum())
    most = float(sums["free"].sum()) + float(found.prices @ task.problem.capacity)
    return Plan(task, found, handed, sums, value, max(most, value), task.sheet.decided)


def kept(reader: Reader, sheet: Sheet) -> Sheet:
    """The sheet with its customers and what each level brings them as a table: neither what was decided nor how much
    there is of anything changes it."""
    free = replace(sheet, decided=())
    key = ("people", reader.filters.without_what_ifs().canonical, repr(free))
    return replace(sheet, people=reader.marts.table(key, lambda: queries.valued(reader.view, free), reader.scope))


def ranked(reader: Reader, sheet: Sheet, handed: Handed) -> Handed:
    """The plan's levels with who gets which as a table."""
    key = ("levels", reader.filters.without_what_ifs().canonical, repr(sheet), handed)
    view = reader.view
    return replace(
        handed,
        people=reader.marts.table(key, lambda: queries.ranked(view, kept(reader, sheet), handed), reader.scope),
    )


def refined(reader: Reader, task: Task, prices: Floats) -> Task:
    """The same task with customers grouped by how far they are from another level at the prices."""
    nobody = np.zeros((len(task.groups), len(TIERS)), dtype=int)
    handed = Handed.of(classes_of(task, prices, nobody))
    groups = reader.rows(queries.regrouped(reader.view, kept(reader, task.sheet), handed))
    return replace(task, groups=groups, problem=posed(groups, task.resources))


def classes_of(task: Task, prices: Floats, count: NDArray[Any]) -> pd.DataFrame:
    """The columns of `Handed`: how many of each class get each level, of `count` (n, L) by group, and its charges."""
    counts = pd.DataFrame(count, columns=list(COUNTS))
    classes = pd.concat([task.groups[list(CLASS)], counts], axis=1).groupby(list(CLASS), as_index=False).sum()
    charges = charged(task, prices, classes["now"].to_numpy(), classes["area"].to_numpy())
    return classes.assign(**dict(zip(CHARGES, charges.T, strict=True)))


def charged(task: Task, prices: Floats, now: NDArray[np.int64], area: NDArray[np.int64]) -> Floats:
    """What the levels (columns) cost customers with a level today and an area at the prices of the resources."""
    total = np.zeros((len(now), len(TIERS)))
    for price, resource in zip(prices, task.problem.resources, strict=True):
        inside = 1.0 if resource.area is None else (area == resource.area)[:, None]
        total += price * resource.use[now] * inside
    return total


def infeasible(reader: Reader, found: Short) -> Answer:
    """Which rule no plan can keep, and by how much."""
    t, parts, task, short = reader.t, [], found.task, found.short
    names = task.names_of_areas(reader)
    for resource in task.resources:
        if resource.key in short:
            by, where = round(short[resource.key], 2), names.get(resource.area, t("the other regions"))
            if resource.kind == "budget":
                parts.append(t("the budget is {amount} short", amount=reader.money(by)))
            elif resource.kind == "hours":
                hours = reader.language.number(np.ceil(by))
                parts.append(t("account managers of {region} lack {hours} hours a year", region=where, hours=hours))
            elif resource.kind == "lowered":
                count = reader.language.number(np.ceil(by))
                parts.append(t("in {region} {count} more customers must fall than may", region=where, count=count))
            else:
                units = reader.language.number(np.ceil(by))
                parts.append(t("{activity} lacks {units} units a year", activity=resource.kind, units=units))
    text = message("No plan keeps every rule: {what}. Give more of it, or loosen a rule in data/policy.toml.")
    return Answer(t(text, what=reader.language.list(parts)), numbers={"short": short})


# --- what comes of it ----------------------------------------------------------------------------------


def effects(plan: Plan) -> dict[str, dict[str, float]]:
    """What the plan changes in a year, each with its 95 % interval from the uncertainty of the responses.

    profit (margin less all cost to serve), cost (of what levels include), value_to_come, word_of_mouth (money),
    satisfaction (mean points), praise, complaint (events), gain (profit, value to come and word of mouth).
    """
    rates = plan.task.rates
    # A Latin hypercube: each response's draws lie evenly in its own distribution, in an order of their own.
    even = norm.ppf((np.arange(DRAWS) + 0.5) / DRAWS)
    normal = np.random.default_rng(0).permuted(np.tile(even, (len(rates.rules.response), 1)), axis=1)
    most = {name: response.drawn(z) for (name, response), z in zip(rates.rules.response.items(), normal, strict=True)}
    middle, drawn = _effects(plan, rates.change()), _effects(plan, rates.change(most))
    found = {}
    for name, value in middle.items():
        low, high = np.percentile(drawn[name], [2.5, 97.5])
        ends = sorted((float(low), float(high), float(value)))
        found[name] = {"change": float(value), "low": ends[0], "high": ends[2]}
    return found


def _effects(plan: Plan, change: dict[str, Floats]) -> dict[str, Floats]:
    """The effects for changes (…, L, L): one number, or one a draw."""
    rates = plan.task.rates
    s = plan.sums.groupby(["now", "level", "class"], as_index=False).sum()
    now, level = s["now"].to_numpy(), s["level"].to_numpy()
    customers = s["customers"].to_numpy(dtype=float)
    step = {name: part[..., now, level] for name, part in change.items()}
    cost = ((rates.effort[level] - rates.effort[now]) * customers).sum()
    added = step["margin"] * s["margin"].to_numpy() - step["other"] * s["other"].to_numpy()
    profit = added.sum(axis=-1) - cost
    worth = (step["worth"] * s["worth"].to_numpy()).sum(axis=-1)
    score = s["class"].to_numpy() / SCORE_STEPS
    points = np.clip(score + step["satisfaction"], 1, 5) - score
    found = {
        "profit": profit,
        "cost": np.broadcast_to(cost, np.shape(profit)),
        "value_to_come": worth,
        "satisfaction": (points * customers).sum(axis=-1) / customers.sum(),
        "praise": np.zeros_like(profit),
        "complaint": np.zeros_like(profit),
    }
    if rates.curve is not None:
        before, after = rates.curve.said(score), rates.curve.said(score + step["satisfaction"])
        for name, then, first in zip(("praise", "complaint"), after, before, strict=True):
            found[name] = ((then - first) * customers).sum(axis=-1)
    worths = rates.rules.word_of_mouth
    found["word_of_mouth"] = worths.value_of_praise * found["praise"] - worths.cost_of_complaint * found["complaint"]
    found["gain"] = profit + worth + found["word_of_mouth"]
    return found
