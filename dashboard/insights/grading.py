"""Measured grades: what the grading policy makes of each customer, beside the grade in force.

Agreement is weighted kappa (Cohen 1968), told in words after Landis & Koch (1977, Biometrics 33:159-174).
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard.analysis import grading
from dashboard.charts import tiers as charts
from dashboard.insight import Answer, Reader, no_customers, question
from dashboard.insights.value import none_if_undefined, ratio
from dashboard.language import message
from queries import grading as queries
from queries.schema import GRADES

INPUT_NAMES = {
    "residual_value": message("Value to come"),
    "contribution": message("Contribution, last 52 weeks"),
    "revenue": message("Revenue, last 52 weeks"),
    "growth": message("Growth, last 26 weeks against the 26 before"),
    "strategic_fit": message("Strategic fit"),
    "risk": message("Low risk: little bad debt and legal cost"),
}
WITHOUT_GOODS = {"residual_value": message("Revenue to come"), "contribution": message("Revenue, last 52 weeks")}
REASON_NAMES = {
    "first": message("first grade"),
    "rise": message("a score that stayed above the cut"),
    "contract": message("a signed contract"),
    "fall": message("a score that stayed below the cut"),
    "fall limited": message("a score that fell further than one review may take a grade"),
}


def input_name(reader: Reader, name: str) -> str:
    """An input of the score in words; without cost of goods value and contribution are revenue."""
    names = INPUT_NAMES if "cost_of_goods" in reader.marts.filled else INPUT_NAMES | WITHOUT_GOODS
    return reader.t(names[name])


def reason_name(reader: Reader, reason: str) -> str:
    """A reason for a grade: the company's own label, or the policy's words."""
    if ("reason", reason) not in reader.marts.labels and reason in REASON_NAMES:
        return reader.t(REASON_NAMES[reason])
    return reader.label("reason", reason)


def close(kappa: float) -> str:
    """How close two gradings are, as a word of `CLOSENESS`."""
    return "closely" if kappa >= 0.8 else "fairly" if kappa >= 0.6 else "loosely"


@question(
    "tiers.measured",
    message("Grade in force against measured grade"),
    needs=("assignment",),
    draw=charts.measured,
    dimension="group",
    behind="regraded",
)
def measured(reader: Reader) -> Answer:
    table = reader.rows(queries.against_grades(reader.view))
    table = table[table["measured"].isin(GRADES)].copy()
    if table.empty:
        if not reader.customers:
            return no_customers(reader)
        return Answer(reader.t("The policy has measured none of these customers by then."))
    held, found = table["grade"].map(GRADES.index), table["measured"].map(GRADES.index)
    table["move"] = ["same" if h == f else "promote" if f < h else "demote" for h, f in zip(held, found, strict=True)]
    table = table.iloc[(held * len(GRADES) + found).argsort(kind="stable")].reset_index(drop=True)
    counts = table.pivot_table(index="grade", columns="measured", values="customers", aggfunc="sum", fill_value=0)
    kappa = grading.weighted_kappa(counts.reindex(index=GRADES, columns=GRADES, fill_value=0))
    n = int(table["customers"].sum())
    numbers: dict[str, Any] = {
        move: {
            "customers": int(rows["customers"].sum()),
            "profit": none_if_undefined(rows["profit"].sum(min_count=1)),
            "value_to_come": none_if_undefined(rows["value_to_come"].sum(min_count=1)),
        }
        for move in ("same", "promote", "demote")
        for rows in [table[table["move"] == move]]
    }
    numbers |= {
        "agreement": ratio(numbers["same"]["customers"], n),
        "kappa": none_if_undefined(kappa),
        "policy": reader.marts.grading["version"],
        "groups": {f"{g}{m}": f"graded-{g}{m}" for g, m in zip(table["grade"], table["measured"], strict=True)},
    }
    return Answer(measured_headline(reader, numbers), table, numbers, n)


def measured_headline(reader: Reader, numbers: dict[str, Any]) -> str:
    """Agreement, and whom the policy would raise and lower with what they have to come."""

    def whom(move: str) -> str:
        found = numbers[move]
        said = reader.language.number(found["customers"])
        if found["customers"] and found["value_to_come"] is not None:
            return reader.t("{n} ({value} to come)", n=said, value=reader.money(found["value_to_come"]))
        return said

    return reader.t(
        "The policy agrees with the grade in force for {share} of customers; it would raise {up} and lower {down}.",
        share=reader.language.percent(numbers["agreement"]),
        up=whom("promote"),
        down=whom("demote"),
    )


@question("tiers.policy", message("How grades are measured"), behind=None)
def policy(reader: Reader) -> Answer:
    rules, t, percent = reader.marts.grading, reader.t, reader.language.percent
    rows = []
    for name, weight in rules["weights"].items():
        used = rules["used"].get(name)
        meaning = (
            t("left out: the warehouse has no data for it")
            if used is None
            else t("of the score comes from the standing among all customers")
            if abs(used - weight) < 1e-9
            else t("{share} of the score, for others are left out", share=percent(used))
        )
        rows.append((input_name(reader, name), percent(weight), meaning))
    cuts = " · ".join(f"{grade} {points(cut)}" for grade, cut in rules["cuts"].items())
    steady = (
        (t("Lowest score"), cuts, t("of 100 points; below the last one is {grade}", grade=GRADES[-1])),
        (t("Smoothing"), percent(rules["smoothing"]), t("weight of the newest review in the running score")),
        (t("Dead band"), points(rules["band"]), t("points by which the score must pass a cut")),
        (t("Dwell"), f"{rules['dwell']}", t("reviews in a row that must ask for the change")),
        (t("Largest fall"), f"{rules['largest_fall']}", t("grades a customer may lose at one review")),
        (t("Review"), f"{rules['every_weeks']}", t("weeks from one review to the next")),
    )
    signed = rules["smallest_contract"]
    worth = t("not used") if signed is None else reader.money(signed) if signed else t("any")
    contract = (t("Signed contract"), worth, t("smallest value that lets a grade rise at once"))
    table = pd.DataFrame([*rows, *steady, contract], columns=["rule", "setting", "meaning"])
    first = max(rules["used"], key=rules["used"].get)
    numbers = {
        "version": rules["version"],
        "weights": rules["used"],
        "left_out": [name for name in rules["weights"] if name not in rules["used"]],
        "cuts": rules["cuts"],
        **{key: rules[key] for key in ("smoothing", "band", "dwell", "largest_fall", "every_weeks")},
        "smallest_contract": signed,
        "reviews": len(rules["reviews"]),
        "last_review": rules["reviews"][-1],
        "flips_per_customer_year": rules["flips"],
        "flips_by_plain_cuts": rules["plain_flips"],
    }
    headline = t(
        "Policy {version} weighs {n} things, most of all: {first} ({share}).",
        version=rules["version"],
        n=len(rules["used"]),
        first=input_name(reader, first),
        share=percent(rules["used"][first]),
    )
    if rules["flips"] is not None:
        steadied = t(
            "A measured grade changes {flips} times a year; by plain cuts it would be {plain}.",
            flips=f"{rules['flips']:.2f}",
            plain=f"{rules['plain_flips']:.2f}",
        )
        headline = reader.language.sentences(headline, steadied)
    return Answer(headline, table, numbers, rules["graded"])


@question("customer.grade", message("Why this grade"), behind=None)
def grade(reader: Reader) -> Answer:
    found = score_of_one(reader)
    if found is None:
        return Answer(reader.t("Without a purchase there is nothing to measure a grade from."))
    table = pd.DataFrame(found["parts"])
    table["name"] = [input_name(reader, name) for name in table["item"]]
    table = table[["item", "name", "standing", "weight", "score_points"]]
    return Answer(why(reader, found), table, found, 1)


def score_of_one(reader: Reader) -> dict[str, Any] | None:
    """Grade, score and its parts of the one customer in view at the newest review; None when not measured."""
    rows = reader.rows(queries.standing(reader.view))
    if len(rows) != 1:
        return None
    row, rules = rows.iloc[0], reader.marts.grading
    parts = [
        {"item": name, "standing": row[name], "weight": weight, "score_points": 100 * weight * row[name]}
        for name, weight in rules["used"].items()
    ]
    return {
        "grade": row["grade"],
        "in_force": None if reader.marts.measured or pd.isna(row["in_force"]) else row["in_force"],
        "score": 100 * row["score"],
        "smoothed": 100 * row["smoothed"],
        "since": row["since"].date(),
        "reviewed_on": row["reviewed_on"].date(),
        "reason": row["reason"],
        "policy": rules["version"],
        "parts": sorted(parts, key=lambda part: -part["score_points"]),
    }


def why(reader: Reader, found: dict[str, Any]) -> str:
    """Why a customer has his measured grade, in a sentence or two."""
    t, parts = reader.t, found["parts"]
    best = max(parts, key=lambda part: part["weight"] * (part["standing"] - 0.5))
    worst = min(parts, key=lambda part: part["weight"] * (part["standing"] - 0.5))
    said = t(
        "Measured grade {grade} since {day} ({reason}), now {score} of 100 points.",
        grade=found["grade"],
        day=reader.language.date(found["since"]),
        reason=reason_name(reader, found["reason"]),
        score=f"{found['smoothed']:.0f}",
    )
    helps = t(
        "{best} helps most (ahead of {high} of customers), {worst} least ({low}).",
        best=input_name(reader, best["item"]),
        high=reader.language.percent(best["standing"], 0),
        worst=input_name(reader, worst["item"]),
        low=reader.language.percent(worst["standing"], 0),
    )
    if found["in_force"] and found["in_force"] != found["grade"]:
        differs = t("The grade in force is {grade}.", grade=found["in_force"])
        return reader.language.sentences(said, helps, differs)
    return reader.language.sentences(said, helps)


def points(share: float) -> str:
    """A score of 0 to 1 as points of 100."""
    return f"{100 * share:.4g}"
