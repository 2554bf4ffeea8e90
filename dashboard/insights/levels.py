"""Who gets which level of service: what each level costs and brings today, and the plan for the customers in view.

The plan moves the service budget and the account managers' hours to where they bring most, within the rules of the
policy (see `insights.plan`). What a level includes and brings is the policy's (`data/policy.toml`), an assumption
until pilots show it; what that costs follows from the unit rates in force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dashboard.analysis import service_levels
from dashboard.charts import levels as charts
from dashboard.insight import Answer, Reader, no_customers, question
from dashboard.insights.plan import Plan, kept, planned, ranked
from dashboard.insights.reasons import broken_by, explained
from dashboard.insights.value import divided
from dashboard.language import TIER_NAMES, message
from queries import levels as queries
from queries.schema import TIERS

LISTED = 2_000
QUEUED = 500
BENDS = 4
"""Where another budget would bring is worked out at so many budgets besides the ends and the plan's own."""
UNSEEN = 0.002
"""Of the gain: a bend of the curve that nobody would see."""
CURVE_POINTS = 61
ROUNDING = 1e-9  # of a sum of costs, above which a budget lies
WIDEST_BUDGET = 1.2
NEEDS = ("assignment", "service_event", "cost_of_goods")
Tangent = tuple[float, float, float]
"""A budget, the most it could gain, and the price of money there."""


def with_plan(answer: Callable[[Reader, Plan], Answer]) -> Callable[[Reader], Answer]:
    """A question about the plan: where there is none, the answer says why."""

    def of(reader: Reader) -> Answer:
        plan = planned(reader)
        return plan if isinstance(plan, Answer) else answer(reader, plan)

    return of


@question(
    "levels.today",
    message("What each level costs and brings"),
    needs=("assignment", "costs"),
    draw=charts.today,
    dimension="tier",
)
def today(reader: Reader) -> Answer:
    table = reader.rows(queries.today(reader.view))
    table = table[table["tier"].isin(TIERS)]
    if table.empty:
        return no_customers(reader)
    table = table.iloc[table["tier"].map(TIERS.index).argsort()].reset_index(drop=True)
    table["name"] = [reader.t(TIER_NAMES[tier]) for tier in table["tier"]]
    table["return_per_cost"] = divided(table["gross_margin"], table["cost_to_serve"])
    keep = ["tier", "name", "customers", "revenue", "gross_margin", "cost_to_serve", "profit", "return_per_cost"]
    known = table[table["return_per_cost"].notna()]
    if known.empty:
        headline = reader.t("Service costs {cost} over all levels.", cost=reader.money(table["cost_to_serve"].sum()))
    else:
        best, worst = known.loc[known["return_per_cost"].idxmax()], known.loc[known["return_per_cost"].idxmin()]
        headline = reader.t(
            "A unit of service brings most margin at {best} ({high}) and least at {worst} ({low}).",
            best=best["name"],
            high=f"{best['return_per_cost']:.2f}",
            worst=worst["name"],
            low=f"{worst['return_per_cost']:.2f}",
        )
    return Answer(headline, table[keep], {}, int(table["customers"].sum()))


def listing(
    reader: Reader,
    plan: Plan,
    moves: bool,
    limit: int | None,
    *,
    undecided: bool = False,
    codes: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Customers with what the plan does for them, the moves first, greatest gain first: a line each, with current and
    recommended as codes and gain, cost_change and hours_change a year; `undecided` leaves out who is settled, `codes`
    everybody else."""
    sheet, handed = kept(reader, plan.task.sheet), ranked(reader, plan.task.sheet, plan.handed)
    chosen: dict[str, Any] = {"decided": plan.decided, "undecided": undecided, "codes": codes}
    return as_moves(reader, plan, reader.rows(queries.listed(reader.view, sheet, handed, moves, limit, **chosen)))


def as_moves(reader: Reader, plan: Plan, table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `queries.levels.listed` with the reader's names, and what the moves change."""
    table = reader.named(table)
    now, level, rates = table["now"].to_numpy(), table["level"].to_numpy(), plan.task.rates
    names = np.array(TIERS)
    return table.assign(
        current=names[now],
        recommended=names[level],
        cost_change=rates.effort[level] - rates.effort[now],
        hours_change=rates.hours[level] - rates.hours[now],
    )


def moves_of(plan: Plan) -> pd.DataFrame:
    """Customers, gain and cost change by level today and level recommended, best level first."""
    s, effort = plan.sums, plan.task.rates.effort
    cost = (effort[s["level"]] - effort[s["now"]]) * s["customers"]
    both = s.assign(cost_change=cost).groupby(["now", "level"], as_index=False)
    return both[["customers", "gain", "cost_change"]].sum()


def counts_of(moves: pd.DataFrame) -> dict[str, int]:
    """How many customers rise and fall."""
    return {
        "raised": int(moves.loc[moves["level"] < moves["now"], "customers"].sum()),
        "lowered": int(moves.loc[moves["level"] > moves["now"], "customers"].sum()),
    }


def numbers_of(plan: Plan) -> dict[str, Any]:
    """The plan in figures; everything is a year's."""
    task, prices = plan.task, plan.prices
    budget = plan.of("budget")[0]
    rules = task.rates.rules
    known = task.codes_of_areas
    return {
        "budget": budget.capacity,
        "budget_today": budget.today,
        "budget_used": plan.used(budget),
        "value": plan.value,
        "upper_bound": plan.upper_bound,
        "gap": round(plan.gap, 9),  # below that it is the rounding of the sums
        "prices": {
            "budget": prices["budget"],
            "hours": {known[r.area]: prices[r.key] for r in plan.of("hours") if r.area in known},
            "lowered": {known.get(r.area, ""): prices[r.key] for r in plan.of("lowered")},
        },
        "hours": {
            known[r.area]: {"today": r.today, "used": plan.used(r), "capacity": r.capacity}
            for r in plan.of("hours")
            if r.area in known
        },
        **counts_of(moves_of(plan)),
        "gain": plan.value,
        "effects": plan.effects,
        "policy": rules.version,
        "source": rules.source,
        "sources": {name: response.source for name, response in rules.response.items()},
    }


def summed_up(reader: Reader, plan: Plan) -> str:
    """The plan in a sentence."""
    counts = counts_of(moves_of(plan))
    budget = plan.of("budget")[0]
    used = plan.used(budget)
    said = {name: reader.language.number(count, exact=True) for name, count in counts.items()}
    said |= {"gain": reader.money(plan.value), "used": reader.money(used), "budget": reader.money(budget.today)}
    if not counts["raised"] and not counts["lowered"]:
        return reader.t("Today's levels are the best these rules allow: no customer should move.")
    if not counts["raised"]:
        text = message(
            "Lowering {lowered} {lowered:customer|customers} would gain {gain} a year; service would "
            "cost {used} instead of {budget}."
        )
    elif not counts["lowered"]:
        text = message(
            "Raising {raised} {raised:customer|customers} would gain {gain} a year; service would "
            "cost {used} instead of {budget}."
        )
    else:
        text = message(
            "Raising {raised} {raised:customer|customers} and lowering {lowered} would gain {gain} a "
            "year; service would cost {used} "
            "instead of {budget}."
        )
        if said["used"] == said["budget"]:
            text = message(
                "Raising {raised} {raised:customer|customers} and lowering {lowered} would gain {gain} a year "
                "for what service costs today."
            )
    sentence, profit = reader.t(text, **said), reader.money(plan.effects["profit"]["change"])
    if profit == said["gain"]:
        return sentence
    more = message("{plan} Of the gain {profit} is profit of the year, the rest value kept.")
    return reader.t(more, plan=sentence, profit=profit)


def states(reader: Reader, plan: Plan, codes: pd.Series) -> list[str]:
    """Whether each customer's level was decided by somebody or is only recommended."""
    decided = {code for code, _ in plan.decided}
    return [reader.t("decided") if code in decided else reader.t("recommended") for code in codes]


def customers_of(plan: Plan) -> int:
    return int(plan.sums["customers"].sum())


RECOMMENDED = [
    *("code", "name", "region", "grade", "current", "recommended", "gain", "cost_change", "hours_change"),
    *("reasons", "runner_up", "switch"),
]


def recommended(reader: Reader) -> Iterator[pd.DataFrame]:
    """The recommendation for every customer in view, in parts."""
    plan = planned(reader)
    if isinstance(plan, Answer):
        return
    sheet, handed = kept(reader, plan.task.sheet), ranked(reader, plan.task.sheet, plan.handed)
    for part in reader.stream(queries.listed(reader.view, sheet, handed, moves=False, limit=None)):
        yield explained(reader, plan, as_moves(reader, plan, part))[RECOMMENDED]


@question(
    "levels.recommendation",
    message("The recommended level for each customer"),
    needs=NEEDS,
    written=True,
    parts=recommended,
)
@with_plan
def recommendation(reader: Reader, plan: Plan) -> Answer:
    """The first rows of it; `recommended` has all of them."""
    table = explained(reader, plan, listing(reader, plan, moves=False, limit=LISTED))
    numbers = numbers_of(plan)
    numbers |= {"rows_shown": len(table), "rows": customers_of(plan)}
    return Answer(summed_up(reader, plan), table[RECOMMENDED], numbers, customers_of(plan))


@question(
    "levels.matrix",
    message("From today's level to the recommended one"),
    needs=NEEDS,
    draw=charts.matrix,
    dimension="move",
    written=True,
)
@with_plan
def matrix(reader: Reader, plan: Plan) -> Answer:
    moves = moves_of(plan)
    names = np.array(TIERS)
    table = pd.DataFrame(
        {
            "current": names[moves["now"]],
            "recommended": names[moves["level"]],
            **{name: moves[name] for name in ("customers", "gain", "cost_change")},
        }
    )
    changes = moves[moves["now"] != moves["level"]]
    if changes.empty:
        headline = summed_up(reader, plan)
    else:
        best = changes.loc[changes["gain"].idxmax()]
        headline = reader.t(
            "Most comes from moving {count} {count:customer|customers} from {current} to {recommended}: {gain} a year.",
            count=reader.language.number(best["customers"], exact=True),
            current=reader.t(TIER_NAMES[TIERS[int(best["now"])]]),
            recommended=reader.t(TIER_NAMES[TIERS[int(best["level"])]]),
            gain=reader.money(best["gain"]),
        )
    return Answer(headline, table, counts_of(moves) | {"gain": plan.value}, customers_of(plan))


@question("levels.queue", message("Moves to decide, the most valuable first"), needs=NEEDS, written=True)
@with_plan
def queue(reader: Reader, plan: Plan) -> Answer:
    found = listing(reader, plan, moves=True, limit=QUEUED, undecided=True)
    table, numbers = offered(reader, plan, found)
    count = int(found["listed"].iloc[0]) if len(found) else 0
    counts = counts_of(moves_of(plan))
    numbers |= counts | {"moves": count, "shown": len(table), "gain": plan.value}
    if not count:
        settled = bool(plan.decided) and sum(counts.values()) > 0
        said = reader.t("Every move here is decided.") if settled else summed_up(reader, plan)
        return Answer(said, table, numbers, customers_of(plan))
    top = table["gain"].head(20).sum()
    headline = reader.t(
        "{count} {count:move waits|moves wait} for a decision; the first {few} of them bring {gain} a year.",
        count=reader.language.number(count, exact=True),
        few=min(20, count),
        gain=reader.money(float(top)),
    )
    return Answer(headline, table, numbers, customers_of(plan))


def offered(reader: Reader, plan: Plan, found: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A listing as it is decided on: the table, and by customer what each level would gain (`gains`) and which rules
    it would break (`breaks`), the plan's own `levels` and the `areas` of the account managers, and by level what it
    costs (`cost`) and takes (`hours`) a year."""
    table, rates = explained(reader, plan, found), plan.task.rates
    asks = rates.rules.approval.asks
    changes = zip(table["recommended"], table["cost_change"], table["gain"], strict=True)
    table["approval"] = [reader.t("second person") if asks(*change) else "" for change in changes]
    table["profit"] = table["profit"] / plan.task.sheet.years
    table["satisfaction"] = table["score"] / queries.SCORE_STEPS
    columns = [
        *("code", "name", "region", "grade", "current", "recommended", "gain", "reasons", "cost_change"),
        *("hours_change", "approval", "profit", "satisfaction"),
    ]
    gains = table[[f"gain_{level}" for level in range(len(TIERS))]].to_numpy(dtype=float)
    numbers = {
        "policy": rates.rules.version,
        "gains": {
            code: dict(zip(TIERS, map(float, row), strict=True)) for code, row in zip(table["code"], gains, strict=True)
        },
        "levels": dict(zip(table["code"], table["recommended"], strict=True)),
        "areas": dict(zip(found["code"], found["area"].map(plan.task.codes_of_areas.get), strict=True)),
        "breaks": {row["code"]: broken_by(reader, rates.rules.limits, row) for row in found.to_dict("records")},
        "cost": dict(zip(TIERS, map(float, rates.effort), strict=True)),
        "hours": dict(zip(TIERS, map(float, rates.hours), strict=True)),
    }
    return table[columns], numbers


@question("levels.plan", message("The plan to hand over"), needs=NEEDS, written=True)
@with_plan
def plan_(reader: Reader, plan: Plan) -> Answer:
    table = listing(reader, plan, moves=True, limit=None)
    table["state"] = states(reader, plan, table["code"])
    columns = ["code", "name", "region", "grade", "current", "recommended", "state"]
    columns += ["gain", "cost_change", "hours_change"]
    numbers = counts_of(moves_of(plan)) | {"gain": plan.value, "policy": plan.task.rates.rules.version}
    return Answer(summed_up(reader, plan), table[columns], numbers, customers_of(plan))


@question(
    "levels.capacity",
    message("Account managers' hours by region"),
    needs=NEEDS,
    draw=charts.capacity,
    dimension="region",
    written=True,
)
@with_plan
def capacity(reader: Reader, plan: Plan) -> Answer:
    names, codes = plan.task.names_of_areas(reader), plan.task.codes_of_areas
    hours = [r for r in plan.of("hours") if r.area in names]
    if not hours:
        return Answer(reader.t("Table employee names no account managers' hours here, so hours limit nothing."))
    table = pd.DataFrame(
        {
            "code": [codes[r.area] for r in hours],
            "name": [names[r.area] for r in hours],
            "hours_today": [r.today for r in hours],
            "hours_planned": [plan.used(r) for r in hours],
            "hours_capacity": [r.capacity for r in hours],
            "price_of_an_hour": [plan.prices[r.key] for r in hours],
        }
    )
    table["hours_share"] = divided(table["hours_planned"], table["hours_capacity"])
    scarce = table[table["price_of_an_hour"] > 0].sort_values("price_of_an_hour", ascending=False)
    said = {"used": reader.language.percent(table["hours_planned"].sum() / max(table["hours_capacity"].sum(), 1e-9), 0)}
    if scarce.empty:
        headline = reader.t("The plan takes {used} of the account managers' hours; nowhere are they scarce.", **said)
    else:
        first = scarce.iloc[0]
        said |= {"region": first["name"], "price": reader.money(first["price_of_an_hour"])}
        headline = reader.t(
            "The plan takes {used} of the account managers' hours; one more in {region} would bring {price}.", **said
        )
    table = table.sort_values("hours_share", ascending=False, na_position="last").reset_index(drop=True)
    return Answer(headline, table, {}, customers_of(plan))


@question(
    "levels.frontier", message("What another budget would bring"), needs=NEEDS, draw=charts.frontier, written=True
)
@with_plan
def frontier(reader: Reader, plan: Plan) -> Answer:
    profit = float(plan.sums["profit"].sum()) / plan.task.sheet.years
    budget = plan.of("budget")[0]
    tangents = tangents_of(plan)
    table = curve_of_budgets(tangents, profit)
    price = plan.prices["budget"]
    used = plan.used(budget)
    numbers = {
        "current": {"budget": budget.today, "value": profit},
        "plan": {"budget": used, "value": profit + plan.value},
        "price": price,
    }
    one = reader.money(1)
    said = {"price": reader.money(price), "one": one, "used": reader.money(used), "budget": reader.money(budget.today)}
    if price >= 0.01:
        headline = reader.t("{one} more of service budget a year would bring {price} after its cost.", **said)
    else:
        headline = reader.t(
            "{used} of service budget is enough: more would bring nothing. Today costs {budget}.", **said
        )
    return Answer(headline, table, numbers, customers_of(plan))


def tangents_of(plan: Plan) -> pd.DataFrame:
    """The most that several budgets could gain and its slope there: columns budget, gain, price. From the least that
    the other limits allow to somewhat more than today's, closest together where the curve bends."""
    p = plan.task.problem
    place = next(i for i, r in enumerate(p.resources) if r.kind == "budget")

    def touched(budget: float) -> Tangent:
        capacity = p.capacity
        capacity[place] = budget
        found = service_levels.relax(**p.stated | {"capacity": capacity})
        return budget, found.value, float(found.prices[place])

    free = p.capacity
    free[place] = np.inf
    least = -service_levels.relax(**p.stated | {"gain": -p.cost[:, :, place], "capacity": free}).value
    dearest = (np.where(p.allowed, p.cost[:, :, place], -np.inf).max(axis=1) * p.size).sum()
    most = min(float(dearest), max(p.resources[place].today * WIDEST_BUDGET, least * 1.01))
    rows = [touched(least * (1 + ROUNDING)), touched(most)]
    rows.append((float(p.capacity[place]), plan.upper_bound, plan.prices["budget"]))
    for _ in range(BENDS):
        budget, unknown = max(map(crossing, *_neighbours(rows)), key=lambda each: each[1])
        if unknown <= UNSEEN * plan.upper_bound:
            break
        rows.append(touched(budget))
    return pd.DataFrame(sorted(rows), columns=["budget", "gain", "price"])


def _neighbours(rows: list[Tangent]) -> tuple[list[Tangent], list[Tangent]]:
    ordered = sorted(rows)
    return ordered[:-1], ordered[1:]


def crossing(left: Tangent, right: Tangent) -> tuple[float, float]:
    """The budget at which two tangents cross, and how far the curve may lie below them there."""
    (b0, v0, p0), (b1, v1, p1) = left, right
    if p0 <= p1:
        return b0, 0.0
    budget = (v1 - v0 + p0 * b0 - p1 * b1) / (p0 - p1)
    chord = v0 + (v1 - v0) * (budget - b0) / (b1 - b0)
    return budget, v0 + p0 * (budget - b0) - chord


def curve_of_budgets(tangents: pd.DataFrame, profit: float) -> pd.DataFrame:
    """The concave curve under the tangents, on top of today's profit: columns budget, value, price.

    Each tangent is a bound by weak duality, exact where it touches: their least is the frontier from above.
    """
    grid = np.union1d(np.linspace(tangents["budget"].min(), tangents["budget"].max(), CURVE_POINTS), tangents["budget"])
    budget, gain, price = (tangents[name].to_numpy() for name in tangents)
    lines = gain + price * (grid[:, None] - budget)
    lowest = lines.argmin(axis=1)
    return pd.DataFrame({"budget": grid, "value": profit + lines[np.arange(len(grid)), lowest], "price": price[lowest]})
