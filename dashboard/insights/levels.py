"""Who gets which level of service: what each level costs and brings today, and a first recommendation.

The recommendation moves today's service budget to where it brings most (a multiple-choice knapsack, see
`analysis.service_levels`). What a level costs is measured: the activity cost of those who have it, by grade.
What it brings is the policy's assumption (`data/policy.toml`) until pilots show it.
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

BUDGETS = 25
NEEDS = ("assignment", "costs", "cost_of_goods")


@question("levels.today", message("What each level costs and brings"), needs=("assignment", "costs"), draw=charts.today)
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

    `budget` is what the levels of today cost, `current` (n,) is each group's level.
    """

    gain: np.ndarray
    cost: np.ndarray
    allowed: np.ndarray
    size: np.ndarray
    current: np.ndarray
    budget: float

    @property
    def value_today(self) -> float:
        rows = np.arange(len(self.size))
        return float((self.gain[rows, self.current] * self.size).sum())


def problem(groups: pd.DataFrame, rules: Policy) -> Problem:
    """The assignment problem of groups from `queries.levels.groups`."""
    current = groups["tier"].map(TIERS.index).to_numpy()
    size = groups["customers"].to_numpy(dtype=float)
    level_cost = cost_of_levels(groups)
    response = np.array([rules.response[tier] for tier in TIERS])
    margin = (groups["gross_margin"] / groups["customers"]).clip(lower=0).to_numpy()
    basic_margin = margin / (1 + response[current])
    gain = basic_margin[:, None] * response - level_cost
    falls = np.arange(len(TIERS)) - current[:, None]
    allowed = falls <= rules.largest_fall
    spent = float((level_cost[np.arange(len(size)), current] * size).sum())
    return Problem(gain, level_cost[:, :, None], allowed, size, current, spent)


def cost_of_levels(groups: pd.DataFrame) -> np.ndarray:
    """Activity cost of each level for a customer of each row's grade, (n, L).

    A level's average cost times the grade's factor, which is set so that each grade's total stays what it
    was: customers of a grade cost more or less than others at the same level.
    """
    by_tier = groups.groupby("tier")[["activity_cost", "customers"]].sum().reindex(TIERS)
    average = (by_tier["activity_cost"] / by_tier["customers"]).bfill().ffill().fillna(0.0)
    expected = groups["tier"].map(average) * groups["customers"]
    spent = groups["activity_cost"].groupby(groups["grade"]).sum()
    factor = (spent / expected.groupby(groups["grade"]).sum()).replace([np.inf, -np.inf], np.nan).fillna(1.0)
    return groups["grade"].map(factor).fillna(1.0).to_numpy()[:, None] * average.to_numpy()[None, :]


def _groups(reader: Reader) -> pd.DataFrame:
    groups = reader.rows(queries.groups(reader.view))
    return groups[groups["tier"].isin(TIERS) & groups["grade"].isin(GRADES)].reset_index(drop=True)


@question(
    "levels.recommendation",
    message("The recommended level for each group"),
    needs=NEEDS,
    draw=charts.matrix,
)
def recommendation(reader: Reader) -> Answer:
    groups = _groups(reader)
    if groups.empty:
        return no_customers(reader)
    rules = policy()
    task = problem(groups, rules)
    plan = service_levels.assign(
        task.gain, task.cost, [task.budget], task.allowed, task.size, resources=[reader.t("budget")]
    )
    rows = np.arange(len(task.size))
    before = task.gain[rows, task.current]
    current, recommended = np.meshgrid(range(len(groups)), range(len(TIERS)), indexing="ij")
    moved = pd.DataFrame(
        {
            "current": groups["tier"].to_numpy()[current.ravel()],
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
    step = changes["recommended"].map(TIERS.index) - changes["current"].map(TIERS.index)
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
        "With today's {budget} placed better, raising {raised} and lowering {lowered} customers, profit is expected "
        "to rise by {gain}.",
        budget=reader.money(task.budget),
        raised=reader.language.number(numbers["raised"]),
        lowered=reader.language.number(numbers["lowered"]),
        gain=reader.money(gained),
    )
    return Answer(headline, table, numbers, int(task.size.sum()))


@question("levels.frontier", message("What another budget would bring"), needs=NEEDS, draw=charts.frontier)
def frontier(reader: Reader) -> Answer:
    groups = _groups(reader)
    if groups.empty:
        return no_customers(reader)
    task = problem(groups, policy())
    cheapest = float((np.where(task.allowed, task.cost[:, :, 0], np.inf).min(axis=1) * task.size).sum())
    highest = max(task.budget * 1.6, cheapest * 1.05 + 1)
    budgets = np.unique(np.append(np.linspace(cheapest * 1.0001 + 1e-6, highest, BUDGETS), max(task.budget, cheapest)))
    curve = service_levels.frontier(task.gain, task.cost, [task.budget], budgets, 0, task.allowed, task.size)
    table = pd.DataFrame({"budget": curve.budget, "value": curve.profit, "price": curve.price})
    place = int(np.searchsorted(budgets, max(task.budget, cheapest)))
    price = float(curve.price[place])
    numbers = {
        "current": {"budget": task.budget, "value": task.value_today},
        "plan": {"budget": float(budgets[place]), "value": float(curve.profit[place])},
        "price": price,
    }
    if price > 0.005:
        headline = reader.t("One more unit of service budget would bring {price} of profit.", price=f"{price:.2f}")
    else:
        headline = reader.t("More service budget would bring nothing more.")
    return Answer(headline, table, numbers, int(task.size.sum()))
