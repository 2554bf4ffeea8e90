"""Who gets which level of service: what each level costs and brings today, and a first recommendation.

The recommendation moves today's service budget to where it brings most (a multiple-choice knapsack, see
`analysis.service_levels`). What a level includes and brings is the policy's (`data/policy.toml`), an assumption
until pilots show it; what that costs follows from the unit rates in force.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashboard.analysis import service_levels
from dashboard.charts import levels as charts
from dashboard.insight import Answer, Reader, no_customers, question
from dashboard.insights.value import divided
from dashboard.language import TIER_NAMES, message
from dashboard.policy import Policy, policy
from queries import levels as queries
from queries.schema import GRADES, TIERS

BUDGETS = 40
PRICE_OF_NOTHING = 0.005
NEEDS = ("assignment", "service_event", "cost_of_goods")


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


@dataclass(frozen=True)
class Problem:
    """Groups of like customers with the gain and cost of each level: arrays (n, L), (n, L, 1), sizes (n,).

    `budget` is what the levels of today cost, `profit` what the customers earn today, `current` (n,) each
    group's level.
    """

    gain: np.ndarray
    cost: np.ndarray
    allowed: np.ndarray
    size: np.ndarray
    current: np.ndarray
    budget: float
    profit: float

    @property
    def value_today(self) -> float:
        rows = np.arange(len(self.size))
        return float((self.gain[rows, self.current] * self.size).sum())


def problem(groups: pd.DataFrame, rules: Policy, level_cost: np.ndarray) -> Problem:
    """The assignment problem of groups from `queries.levels.groups`; `level_cost` (L,) is for one customer."""
    current = groups["tier"].map(TIERS.index).to_numpy()
    size = groups["customers"].to_numpy(dtype=float)
    response = np.array([rules.levels[tier].response for tier in TIERS])
    margin = (groups["gross_margin"] / groups["customers"]).clip(lower=0).to_numpy()
    basic_margin = margin / (1 + response[current])
    gain = basic_margin[:, None] * response - level_cost
    falls = np.arange(len(TIERS)) - current[:, None]
    allowed = falls <= rules.largest_fall
    cost = np.broadcast_to(level_cost, gain.shape)
    return Problem(
        gain,
        cost[:, :, None],
        allowed,
        size,
        current,
        float((level_cost[current] * size).sum()),
        float(groups["profit"].sum()),
    )


def cost_of_levels(reader: Reader, rules: Policy) -> np.ndarray | None:
    """What each level's activities cost a customer over the window, (L,); None when an activity has no rate."""
    rates = reader.marts.unit_rates(reader.view.window.last_day)
    years = reader.view.window.weeks / 52
    wanted = {code for level in rules.levels.values() for code in level.includes}
    if not wanted <= rates.keys():
        return None
    levels = (rules.levels[tier] for tier in TIERS)
    return years * np.array([sum(rates[code] * units for code, units in level.includes.items()) for level in levels])


def posed(reader: Reader) -> Problem | Answer:
    """The problem of the customers in view, or the answer that there is none."""
    groups = reader.rows(queries.groups(reader.view))
    groups = groups[groups["tier"].isin(TIERS) & groups["grade"].isin(GRADES)].reset_index(drop=True)
    if groups.empty:
        return no_customers(reader)
    rules = policy()
    level_cost = cost_of_levels(reader, rules)
    if level_cost is None:
        wanted = sorted({code for level in rules.levels.values() for code in level.includes})
        return Answer(
            reader.t(
                "The service policy includes activities without a unit rate here ({codes}); adapt data/policy.toml.",
                codes=", ".join(wanted),
            )
        )
    return problem(groups, rules, level_cost)


@question(
    "levels.recommendation",
    message("The recommended level for each group"),
    needs=NEEDS,
    draw=charts.matrix,
)
def recommendation(reader: Reader) -> Answer:
    task = posed(reader)
    if isinstance(task, Answer):
        return task
    rules = policy()
    plan = service_levels.assign(
        task.gain, task.cost, [task.budget], task.allowed, task.size, resources=[reader.t("budget")]
    )
    rows = np.arange(len(task.size))
    before = task.gain[rows, task.current]
    current, recommended = np.meshgrid(task.current, range(len(TIERS)), indexing="ij")
    moved = pd.DataFrame(
        {
            "current": np.array(TIERS)[current.ravel()],
            "recommended": np.array(TIERS)[recommended.ravel()],
            "customers": plan.count.ravel(),
            "gain": (plan.count * np.where(task.allowed, task.gain - before[:, None], 0.0)).ravel(),
            "cost_change": (plan.count * (task.cost[:, :, 0] - task.cost[rows, task.current, 0][:, None])).ravel(),
        }
    )
    table = moved[moved["customers"] > 0].groupby(["current", "recommended"], as_index=False).sum()
    place = table["current"].map(TIERS.index) * len(TIERS) + table["recommended"].map(TIERS.index)
    table = table.iloc[place.argsort()].reset_index(drop=True)
    changes = table[table["current"] != table["recommended"]]
    step = changes["recommended"].map(TIERS.index).astype(int) - changes["current"].map(TIERS.index).astype(int)
    gained = plan.value - task.value_today
    numbers = {
        "budget": task.budget,
        "budget_used": float(plan.used[0]),
        "value": plan.value,
        "value_today": task.value_today,
        "gain": gained,
        "upper_bound": plan.upper_bound,
        "gap": plan.gap,
        "prices": plan.prices.tolist(),
        "raised": int(changes.loc[step < 0, "customers"].sum()),
        "lowered": int(changes.loc[step > 0, "customers"].sum()),
        "policy": rules.version,
        "source": rules.source,
    }
    headline = reader.t(
        "Raising {raised} customers and lowering {lowered} would add {gain} of profit and cost {used}, not {budget}.",
        raised=reader.language.number(numbers["raised"]),
        lowered=reader.language.number(numbers["lowered"]),
        gain=reader.money(gained),
        used=reader.money(numbers["budget_used"]),
        budget=reader.money(task.budget),
    )
    return Answer(headline, table, numbers, int(task.size.sum()))


@question("levels.frontier", message("What another budget would bring"), needs=NEEDS, draw=charts.frontier)
def frontier(reader: Reader) -> Answer:
    task = posed(reader)
    if isinstance(task, Answer):
        return task
    cheapest = float((np.where(task.allowed, task.cost[:, :, 0], np.inf).min(axis=1) * task.size).sum())
    start, today_ = cheapest * (1 + 1e-9), max(task.budget, cheapest * (1 + 1e-9))
    budgets = np.unique(np.append(np.linspace(start, max(today_ * 1.3, start + 1), BUDGETS), today_))
    curve = service_levels.frontier(task.gain, task.cost, [task.budget], budgets, 0, task.allowed, task.size)
    expected = task.profit - task.value_today + curve.profit
    table = pd.DataFrame({"budget": curve.budget, "value": expected, "price": curve.price})
    place = int(np.searchsorted(budgets, today_))
    price = float(curve.price[place])
    enough = budgets[int(np.argmax(curve.price <= PRICE_OF_NOTHING))] if price <= PRICE_OF_NOTHING else today_
    at = int(np.searchsorted(budgets, enough))
    numbers = {
        "current": {"budget": task.budget, "value": task.profit},
        "plan": {"budget": float(budgets[at]), "value": float(expected[at])},
        "price": price,
    }
    if price > PRICE_OF_NOTHING:
        headline = reader.t("One more unit of service budget would bring {price} of profit.", price=f"{price:.2f}")
    else:
        headline = reader.t(
            "Beyond {enough} more service budget brings nothing; today's levels cost {budget}.",
            enough=reader.money(float(enough)),
            budget=reader.money(task.budget),
        )
    return Answer(headline, table, numbers, int(task.size.sum()))
