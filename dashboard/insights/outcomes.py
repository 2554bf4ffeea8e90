"""What was decided at the last review, what was expected of it, and what came.

Profit since the decision is set against as many weeks before. What would have come anyway is what became of customers
alike on whom nothing was decided (difference in differences, see `analysis.response`): an association, for who is moved
was somebody's choice. Where nobody is alike, no effect is claimed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from dashboard.analysis.response import Effect, moved_against_alike
from dashboard.insight import Answer, Reader, question
from dashboard.insights.review import LISTED, signed
from dashboard.insights.value import none_if_undefined
from dashboard.language import message
from dashboard.ledger import decisions as ledger
from dashboard.ledger.decisions import Decision
from dashboard.periods import WEEK, Window
from queries import outcomes as queries
from queries.outcomes import ALIKE

ACTIONS = {"accept": message("Recommendation followed"), "override": message("Own decision")}
MOST_WEEKS = 26
"""Weeks after a decision that are taken for what came of it."""
SHOWN = [
    *("code", "name", "decision", "from_tier", "to_tier", "expected_gain", "came", "came_alike", "came_beyond"),
    *("profit_before", "profit", "author"),
]


@question(
    "review.decisions",
    message("What was decided, and what came of it"),
    needs=("cost_of_goods",),
    behind=None,
    written=True,
    weekly=True,
)
def decisions(reader: Reader) -> Answer:
    """The newest review before the week with decisions about customers in view, and their profit since.

    Profit is a year's at the pace of the weeks since the decision, half a year at most.
    """
    week = reader.view.window.last_week
    past = [day for day in ledger.reviews(reader) if day < week] if reader.ledger else []
    if not past:
        return Answer(reader.t("No decisions of an earlier review are recorded."))
    review = past[0]
    written = {code: each for code, each in ledger.of_review(reader, review).items() if each.action in ACTIONS}
    weeks = min((week - review).days // 7 + 1, MOST_WEEKS)
    since = Window(review, review + WEEK * (weeks - 1))
    before = reader.calendar.held(since.earlier(WEEK * weeks))
    numbers: dict[str, Any] = {"review": review, "decisions": len(written), "weeks": weeks}
    numbers["actions"] = pd.Series([each.action for each in written.values()], dtype=object).value_counts().to_dict()
    said = {"n": reader.language.number(len(written)), "day": reader.language.date(review)}
    if before is None or not written:
        return Answer(
            reader.t("{n} {n:decision was|decisions were} taken in the review of {day}.", **said), numbers=numbers
        )
    codes, yearly = sorted(written), 52 / weeks
    rows = reader.rows(queries.outcomes(reader.view.over(since), reader.view.over(before), codes))
    if rows.empty:
        return Answer(reader.t("The review of {day} decided on none of these customers.", **said), numbers=numbers)
    everybody = replace(reader.view, filters=reader.filters.reset())
    others = reader.rows(queries.alike(everybody.over(since), everybody.over(before), codes))
    table = _table(reader, reader.named(rows), others, written, yearly)
    effect = _effect(rows, others, {code for code, each in written.items() if each.level != each.current})
    numbers |= {"expected_gain": float(table["expected_gain"].sum()), "came": float(table["came"].sum())}
    numbers |= {"compared": effect.n, "alike": effect.alike}
    numbers |= {
        name: None if part is None else part * effect.n * yearly
        for name, part in (("effect", effect.estimate), ("effect_low", effect.low), ("effect_high", effect.high))
    }
    followed = reader.t(
        "{n} {n:decision|decisions} of the review of {day}: expected {expected} a year; their profit since runs {came} "
        "a year against the {weeks} {weeks:week|weeks} before.",
        expected=signed(reader, numbers["expected_gain"]),
        weeks=weeks,
        came=signed(reader, numbers["came"]),
        **said | {"n": reader.language.number(len(table))},
    )
    return Answer(
        reader.language.sentences(followed, _compared(reader, numbers)), table[SHOWN].head(LISTED), numbers, len(table)
    )


def _table(
    reader: Reader, rows: pd.DataFrame, others: pd.DataFrame, written: dict[str, Decision], yearly: float
) -> pd.DataFrame:
    """A line a decision, those with most change first: what was expected, what came, and what came to those alike."""
    mine = [written[code] for code in rows["code"]]
    change = rows.merge(others, on=list(ALIKE), how="left")["mean"].to_numpy(dtype=float) * yearly
    table = pd.DataFrame(
        {
            "code": rows["code"],
            "name": rows["name"],
            "decision": [reader.t(ACTIONS[each.action]) for each in mine],
            "from_tier": [each.current for each in mine],
            "to_tier": [each.level for each in mine],
            "expected_gain": [none_if_undefined(each.expected.get("gain")) for each in mine],
            "profit_before": rows["profit_before"] * yearly,
            "profit": rows["profit"] * yearly,
            "author": [each.author for each in mine],
        }
    ).astype({"expected_gain": float})
    came = table["profit"] - table["profit_before"]
    table = table.assign(came=came, came_alike=change, came_beyond=came - change)
    return table.iloc[came.abs().argsort(kind="stable")[::-1]].reset_index(drop=True)


def _effect(rows: pd.DataFrame, others: pd.DataFrame, moved: set[str]) -> Effect:
    """The effect of the moves decided, a customer and the weeks since."""
    mine = rows[rows["code"].isin(moved)].assign(change=rows["profit"] - rows["profit_before"])
    cells = mine.groupby(list(ALIKE))["change"].agg(n="count", mean="mean", variance="var").reset_index()
    return moved_against_alike(cells.merge(others, on=list(ALIKE), suffixes=("", "_alike")))


def _compared(reader: Reader, numbers: dict[str, Any]) -> str:
    """What the moves brought beyond what came to those alike, in words; that there is nobody to compare with, else."""
    if numbers["effect"] is None:
        return reader.t(
            "Nobody alike kept his level, so there is no comparison: what would have come anyway is not known."
        )
    said = message(
        "Against customers alike whose level stayed, {n} {n:move|moves} brought {effect} a year ({low} to {high})."
    )
    if numbers["effect_low"] <= 0 <= numbers["effect_high"]:
        said = message(
            "Against customers alike whose level stayed, {n} {n:move|moves} brought {effect} a year ({low} to {high}), "
            "which may be chance."
        )
    ends = {end: signed(reader, numbers[f"effect_{end}"]) for end in ("low", "high")}
    return reader.t(
        said, n=reader.language.number(numbers["compared"]), effect=signed(reader, numbers["effect"]), **ends
    )
