"""What came of past moves between levels, against what the policy assumes, and how good that was.

An association, not an experiment, but where a pilot held customers by lot: who is moved was somebody's choice.
Customers alike in grade and tier, before and after, are what they are compared with (difference in differences, see
`analysis.response`). What was expected stands in the ledger where it has a review of those weeks; else it is what the
policy of today assumes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd

from dashboard.analysis.response import Effect, moved_against_alike
from dashboard.charts import levels as charts
from dashboard.insight import Answer, Reader, question
from dashboard.insights.plan import Rates, rates_of
from dashboard.language import message
from dashboard.ledger import decisions, pilots, policies
from queries import moves as queries
from queries.moves import Noted
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


def noted(reader: Reader) -> list[Noted]:
    """What the ledger says of past moves: who was decided on with what expectation, and whom a pilot held.

    Of the quarters with a batch alone: what is decided today has nothing to be followed up yet.
    """
    spans = [(row.eve.date(), row.close.date()) for row in reader.marts.batches.itertuples()]

    def matters(first: date, last: date) -> bool:
        return any(first <= close and last > eve for eve, close in spans)

    if reader.ledger is None or not spans:
        return []
    held = {
        (code, pilot.starts_on): Noted(code, queries.HELD, pilot.starts_on, pilot.ends_on)
        for pilot in pilots.declared(reader)
        if matters(pilot.starts_on, pilot.ends_on)
        for code in pilot.held
    }
    kept = {code for code, _ in held}
    decided: dict[tuple[str, int, int], Noted] = {}
    for review in decisions.reviews(reader):  # the newest first: of several in a quarter it counts
        if not matters(review, review):
            continue
        for made in decisions.of_review(reader, review).values():
            if made.level is not None and made.verdict != "rejected" and made.customer not in kept:
                gain = made.expected.get("gain")
                note = Noted(made.customer, queries.DECIDED, review, review, None if gain is None else float(gain))
                decided.setdefault((made.customer, review.year, (review.month - 1) // 3), note)
    return [*decided.values(), *held.values()]


def told_once(reader: Reader, key: str, tell: Callable[[Rates | None, pd.DataFrame], Answer]) -> Answer:
    """The answer from what the policy takes moves to bring and the cells: most entries of the ledger change neither."""
    notes, rules = tuple(noted(reader)), policies.in_force(reader)
    who = (reader.filters.canonical, reader.scope.fingerprint, reader.language.code)
    found: Answer = reader.marts.once(
        (key, *who, repr(rules), notes), lambda: tell(rates_of(reader), cells_of(reader, notes))
    )
    return replace(found, table=found.table.copy(deep=False))


def cells_of(reader: Reader, notes: Sequence[Noted]) -> pd.DataFrame:
    """A line a cell of moved customers, with those alike who kept their tier (columns …_alike).

    Where a pilot held customers they are whom the moved are compared with, and `experiment` says so; nobody is
    compared with those who were decided to stay.
    """
    rows = reader.rows(queries.outcomes(reader.view, notes))
    stays = rows["tier_before"] == rows["tier_after"]
    moved, kept = rows[~stays & (rows["role"] != queries.HELD)], rows[stays & (rows["role"] != queries.DECIDED)]
    trials = set(kept.loc[kept["role"] == queries.HELD, "day"])
    kept = kept[(kept["role"] == queries.HELD) | ~kept["day"].isin(trials)]
    found = moved.merge(
        kept.drop(columns=["tier_after", "before_margin", "expected", "role"]), on=ALIKE, suffixes=("", "_alike")
    )
    found["now"] = found["tier_before"].map(TIERS.index)
    found["to"] = found["tier_after"].map(TIERS.index)
    found["experiment"] = found["day"].isin(trials)
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


@question(
    "levels.response",
    message("What service brings: assumed, and seen in the past"),
    needs=NEEDS,
    behind=None,
    written=True,
)
def response(reader: Reader) -> Answer:
    return told_once(reader, "levels.response", lambda rates, cells: responded(reader, rates, cells))


def responded(reader: Reader, rates: Rates | None, cells: pd.DataFrame) -> Answer:
    """What was seen of each kind of move beside what the policy takes it to bring."""
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
    agrees = (table["assumed"] >= table["effect_low"]) & (table["assumed"] <= table["effect_high"])
    by_outcome = agrees.groupby(table["outcome_code"]).agg(["sum", "count"])
    within = {name: int(by_outcome.loc[name, "sum"]) for name in by_outcome.index}
    kinds = {name: int(by_outcome.loc[name, "count"]) for name in by_outcome.index}
    counted = reader.language.list(
        [
            reader.t("{outcome} {within} of {count}", outcome=reader.t(name), within=within[code], count=kinds[code])
            for code, name in RESPONSE_OUTCOMES.items()
            if code in kinds
        ]
    )
    tried = bool(cells["experiment"].all())
    text = message(
        "Kinds of move where the past agrees with what the policy assumes: {counted}; "
        "an association, not an experiment."
    )
    if tried:
        text = message("Kinds of move where the experiment agrees with what the policy assumes: {counted}.")
    headline = reader.t(text, counted=counted)
    sources = {name: r.source for name, r in rates.rules.response.items()}
    numbers = {
        "within": within.get("margin", 0),
        "kinds": kinds.get("margin", 0),
        "agrees": {name: {"within": within[name], "kinds": kinds[name]} for name in kinds},
        "experiment": tried,
        "sources": sources,
    }
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
    written=True,
)
def follow_up(reader: Reader) -> Answer:
    return told_once(reader, "levels.follow_up", lambda rates, cells: followed_up(reader, rates, cells))


def followed_up(reader: Reader, rates: Rates | None, cells: pd.DataFrame) -> Answer:
    """What came of each batch of moves beside what was expected of it."""
    if rates is None or cells.empty:
        return nothing(reader)
    # Where the ledger has a review in a batch's quarter, its decisions are the moves that are followed up.
    decided = cells["role"] == queries.DECIDED
    cells = cells[decided | ~cells["day"].isin(cells.loc[decided, "day"])]
    rows = [batch(rates, part) for _, part in cells.groupby(["day", cells["to"] < cells["now"]])]
    table = pd.DataFrame([row for row in rows if row is not None])
    if table.empty:
        return nothing(reader)
    table["basis"] = [
        reader.t("written down at the review") if written else reader.t("by today's policy")
        for written in table.pop("written")
    ]
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
        *("came_cost", "came_satisfaction", "came_stayed", "basis"),
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
    expected = ((margin - cost) * usable["customers"]).sum()
    written = bool(usable["expected"].notna().all())
    if written:
        expected = (HALF * usable["expected"] * usable["customers"]).sum()
    seen = {name: effect(cells, name).estimate for name in ("cost", "satisfaction", "stayed")}
    return {
        "date": cells["day"].iloc[0],
        "up": bool((cells["to"] < cells["now"]).iloc[0]),
        **{"n": profit.n, "alike": profit.alike},
        **{"expected_profit": float(expected), "written": written},
        **{"came": profit.estimate * profit.n, "came_low": profit.low * profit.n, "came_high": profit.high * profit.n},
        "came_cost": None if seen["cost"] is None else seen["cost"] * profit.n,
        **{"came_satisfaction": seen["satisfaction"], "came_stayed": seen["stayed"]},
    }
