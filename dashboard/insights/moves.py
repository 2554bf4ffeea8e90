"""What came of past moves between levels, against what the policy assumes, and how good that was.

An association, not an experiment: who is moved was somebody's choice. Customers alike in grade and tier, before and
after, are what they are compared with (difference in differences, see `analysis.response`).
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard.analysis.response import Effect, moved_against_alike
from dashboard.charts import levels as charts
from dashboard.insight import Answer, Reader, question
from dashboard.insights.plan import Rates, rates_of
from dashboard.language import message
from queries import moves as queries
from queries.schema import TIERS

NEEDS = ("assignment", "service_event", "cost_of_goods")
ALIKE = ["day", "grade_before", "grade_after", "tier_before"]
FEWEST = 10
"""Moves of a kind below which nothing is said of them."""
HALF = 0.5
"""The half year that is compared, of the year that responses and costs are stated for."""
RESPONSE_OUTCOMES = {
    "margin": message("Gross margin"),
    "stayed": message("Bought again"),
    "satisfaction": message("Satisfaction"),
}


def cells_of(reader: Reader) -> pd.DataFrame:
    """A line a cell of moved customers, with those alike who kept their tier (columns …_alike)."""
    rows = reader.rows(queries.outcomes(reader.view))
    kept = rows[rows["tier_before"] == rows["tier_after"]].drop(columns=["tier_after", "before_margin"])
    moved = rows[rows["tier_before"] != rows["tier_after"]]
    found = moved.merge(kept, on=ALIKE, suffixes=("", "_alike"))
    found["now"] = found["tier_before"].map(TIERS.index)
    found["to"] = found["tier_after"].map(TIERS.index)
    return found


def effect(cells: pd.DataFrame, outcome: str) -> Effect:
    """The effect of the moves of some cells on an outcome, a customer and half year."""
    names = {f"{part}_{outcome}{who}": f"{part}{who}" for part in ("n", "mean", "variance") for who in ("", "_alike")}
    return moved_against_alike(cells[list(names)].rename(columns=names))


def assumed(rates: Rates, cells: pd.DataFrame, outcome: str) -> float:
    """What the policy takes the same moves to bring: a share of the margin, a share of those who stay, points."""
    part = {"margin": "margin", "stayed": "worth", "satisfaction": "satisfaction"}[outcome]
    step = rates.change()[part][cells["now"], cells["to"]]
    weight = cells["customers"] * (cells["before_margin"].clip(lower=0) if outcome == "margin" else 1.0)
    return float((step * weight).sum() / weight.sum()) if weight.sum() else 0.0


@question("levels.response", message("What service brings: assumed, and seen in the past"), needs=NEEDS, behind=None)
def response(reader: Reader) -> Answer:
    rates, cells = rates_of(reader), cells_of(reader)
    if rates is None or cells.empty:
        return nothing(reader)
    rows: list[dict[str, Any]] = []
    for (now, to), part in cells.groupby(["now", "to"]):
        for outcome, name in RESPONSE_OUTCOMES.items():
            found = effect(part, outcome)
            if found.estimate is None or found.n < FEWEST:
                continue
            # The margin as a share of what the same customers brought before.
            scale = (part["before_margin"] * part["customers"]).sum() / part["customers"].sum()
            unit = 1.0 if outcome != "margin" else scale
            if unit <= 0:
                continue
            ends = [x / unit for x in (found.estimate, found.low or 0.0, found.high or 0.0)]
            rows.append(
                {
                    "current": TIERS[int(now)],
                    "recommended": TIERS[int(to)],
                    "outcome": reader.t(name),
                    "assumed": assumed(rates, part, outcome),
                    **dict(zip(("estimate", "effect_low", "effect_high"), ends, strict=True)),
                    **{"n": found.n, "alike": found.alike, "outcome_code": outcome},
                }
            )
    if not rows:
        return nothing(reader)
    table = pd.DataFrame(rows)
    margins = table[table["outcome_code"] == "margin"]
    within = int(((margins["assumed"] >= margins["effect_low"]) & (margins["assumed"] <= margins["effect_high"])).sum())
    headline = reader.t(
        "For {within} of {count} kinds of move, what the policy assumes of the margin agrees with the past: an "
        "association, not an experiment.",
        within=within,
        count=len(margins),
    )
    sources = {name: r.source for name, r in rates.rules.response.items()}
    numbers = {"within": within, "kinds": len(margins), "sources": sources}
    n = int(cells["customers"].sum())
    return Answer(headline, table.drop(columns="outcome_code"), numbers, n)


def nothing(reader: Reader) -> Answer:
    return Answer(
        reader.t("No move between levels is old enough, with customers alike beside it, to tell what came of it.")
    )


@question(
    "levels.follow_up",
    message("What came of past moves"),
    needs=NEEDS,
    draw=charts.follow_up,
    behind=None,
)
def follow_up(reader: Reader) -> Answer:
    rates, cells = rates_of(reader), cells_of(reader)
    if rates is None or cells.empty:
        return nothing(reader)
    rows = [batch(rates, part) for _, part in cells.groupby(["day", cells["to"] < cells["now"]])]
    table = pd.DataFrame([row for row in rows if row is not None])
    if table.empty:
        return nothing(reader)
    table["direction"] = [reader.t("raised") if up else reader.t("lowered") for up in table.pop("up")]
    right = (table["expected_profit"] >= table["came_low"]) & (table["expected_profit"] <= table["came_high"])
    missed = float((table["came"] - table["expected_profit"]).abs().mean())
    lowest, highest = float(table["came_low"].sum()), float(table["came_high"].sum())
    headline = reader.t(
        "Past moves were expected to bring {expected} in their first half year; {came} came, {right} of {count} "
        "batches within what chance explains.",
        expected=reader.money(float(table["expected_profit"].sum())),
        came=reader.money(float(table["came"].sum())),
        right=int(right.sum()),
        count=len(table),
    )
    numbers = {
        "expected": float(table["expected_profit"].sum()),
        "came": float(table["came"].sum()),
        "came_least": lowest,
        "came_most": highest,
        "within": int(right.sum()),
        "batches": len(table),
        "mean_miss": missed,
    }
    columns = [
        *("date", "direction", "n", "alike", "expected_profit", "came", "came_low", "came_high"),
        *("came_cost", "came_satisfaction", "came_stayed"),
    ]
    return Answer(headline, table[columns], numbers, int(table["n"].sum()))


def batch(rates: Rates, cells: pd.DataFrame) -> dict[str, Any] | None:
    """Expected and seen of one batch of moves in one direction, in all and for its first half year."""
    profit = effect(cells, "profit")
    if profit.estimate is None or profit.low is None or profit.high is None:
        return None
    usable = cells[(cells["n_profit"] >= 2) & (cells["n_profit_alike"] >= 2)]
    margin = rates.change()["margin"][usable["now"], usable["to"]] * usable["before_margin"]
    cost = HALF * (rates.effort[usable["to"]] - rates.effort[usable["now"]])
    seen = {name: effect(cells, name).estimate for name in ("cost", "satisfaction", "stayed")}
    return {
        "date": cells["day"].iloc[0],
        "up": bool((cells["to"] < cells["now"]).iloc[0]),
        **{"n": profit.n, "alike": profit.alike},
        "expected_profit": float(((margin - cost) * usable["customers"]).sum()),
        **{"came": profit.estimate * profit.n, "came_low": profit.low * profit.n, "came_high": profit.high * profit.n},
        "came_cost": None if seen["cost"] is None else seen["cost"] * profit.n,
        **{"came_satisfaction": seen["satisfaction"], "came_stayed": seen["stayed"]},
    }
