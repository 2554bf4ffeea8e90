"""Grades (what a customer is worth, measured) and tiers (the service he gets, decided).

Where they disagree a customer is over- or under-served. Migration after Pfeifer & Carraway (2000).
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from dashboard.analysis import grading
from dashboard.analysis.word_of_mouth import garwood
from dashboard.charts import tiers as charts
from dashboard.insight import Answer, Reader, no_customers, question
from dashboard.insights.grading import close, reason_name, score_of_one, why
from dashboard.insights.value import divided, none_if_undefined, ratio, shown_level
from dashboard.language import message
from queries import tiers as queries
from queries.schema import GRADES, TIERS

TREND_STEP = timedelta(weeks=13)
TREND_POINTS = 9


def fit(grade: str, tier: str) -> str:
    """'over' when the tier ranks above the grade, 'under' when below, 'fits' when they agree."""
    worth, served = GRADES.index(grade), TIERS.index(tier)
    return "fits" if worth == served else "over" if served < worth else "under"


def graded(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows whose grade is one of the policy's; anything else in the data is left to the data page."""
    return table[table[column].isin(GRADES)]


@question("tiers.matrix", message("Grade against tier"), needs=("assignment",), draw=charts.matrix, dimension="grade")
def matrix(reader: Reader) -> Answer:
    table = graded(reader.rows(queries.matrix(reader.view)), "grade")
    table = table[table["tier"].isin(TIERS)].copy()
    if table.empty:
        return no_customers(reader)
    table["fit"] = [fit(g, t) for g, t in zip(table["grade"], table["tier"], strict=True)]
    table["margin"] = divided(table["profit"], table["revenue"])
    place = table["grade"].map(GRADES.index) * len(TIERS) + table["tier"].map(TIERS.index)
    table = table.iloc[place.argsort(kind="stable")]
    keep = ["grade", "tier", "fit", "customers", "revenue", "gross_margin", "cost_to_serve", "profit", "margin"]
    n = int(table["customers"].sum())
    by_fit = table.groupby("fit")[["customers", "cost_to_serve", "profit"]].sum(min_count=1)
    numbers = {}
    for kind in ("fits", "over", "under"):
        found = by_fit.loc[kind] if kind in by_fit.index else None
        numbers[kind] = {
            "customers": int(found["customers"]) if found is not None else 0,
            "cost_to_serve": found["cost_to_serve"] if found is not None else 0.0,
            "profit": found["profit"] if found is not None else 0.0,
        }
    headline = reader.t(
        "{over} {over:customer gets|customers get} more service than their grade, {under} get less; {fits} match.",
        over=reader.language.number(numbers["over"]["customers"]),
        under=reader.language.number(numbers["under"]["customers"]),
        fits=reader.language.percent(ratio(numbers["fits"]["customers"], n)),
    )
    return Answer(headline, table[keep].reset_index(drop=True), numbers, n)


@question(
    "tiers.by_region",
    message("Grades in each region"),
    needs=("grades", "region"),
    draw=charts.region_grade,
    dimension="region",
)
def by_region(reader: Reader) -> Answer:
    level = shown_level(reader)
    table = graded(reader.named(reader.rows(queries.by_region(reader.view, level))), "grade")
    if table.empty:
        return no_customers(reader)
    place = table["grade"].map(GRADES.index)
    total = table.groupby("code")["customers"].transform("sum")
    table = table.assign(customers_share=table["customers"] / total, place=place, total=total)
    table = table.sort_values(["total", "code", "place"], ascending=[False, True, True])
    best = table[(table["grade"] == "A") & (table["total"] >= 20)].sort_values("customers_share", ascending=False)
    n = int(table["customers"].sum())
    if len(best) > 1:
        headline = reader.t(
            "{first} has the largest share of A customers, {high}; {last} the smallest, {low}.",
            first=best.iloc[0]["name"],
            high=reader.language.percent(best.iloc[0]["customers_share"]),
            last=best.iloc[-1]["name"],
            low=reader.language.percent(best.iloc[-1]["customers_share"]),
        )
    else:
        headline = _share_of_a(reader, table, n)
    keep = ["code", "name", "grade", "customers", "customers_share", "revenue"]
    return Answer(headline, table[keep].reset_index(drop=True), {"level": level}, n)


def _share_of_a(reader: Reader, table: pd.DataFrame, n: int) -> str:
    """What share of the graded customers is A, where there is nothing to compare it with."""
    best = table.loc[table["grade"] == "A", "customers"].sum()
    share = reader.language.percent(best / n)
    return reader.t("{share} of {n} graded customers are A.", share=share, n=reader.language.number(n))


@question("tiers.migration", message("Moves between grades"), needs=("grades",), draw=charts.migration)
def migration(reader: Reader) -> Answer:
    table = reader.rows(queries.migration(reader.view))
    if table.empty:
        return no_customers(reader)
    table["from_grade"] = table["from_grade"].where(table["from_grade"].notna(), "new")
    table["to_grade"] = table["to_grade"].where(table["to_grade"].notna(), "left")
    order = ["new", *GRADES, "left"]
    table = table[table["from_grade"].isin(order) & table["to_grade"].isin(order)]
    place = table["from_grade"].map(order.index) * len(order) + table["to_grade"].map(order.index)
    table = table.iloc[place.argsort(kind="stable")].reset_index(drop=True)
    stayed = table[table["from_grade"].isin(GRADES) & table["to_grade"].isin(GRADES)]
    step = stayed["from_grade"].map(GRADES.index).astype(int) - stayed["to_grade"].map(GRADES.index).astype(int)
    moved = {
        "up": int(stayed.loc[step > 0, "customers"].sum()),
        "down": int(stayed.loc[step < 0, "customers"].sum()),
        "stayed": int(stayed.loc[step == 0, "customers"].sum()),
        "new": int(table.loc[table["from_grade"] == "new", "customers"].sum()),
        "left": int(table.loc[table["to_grade"] == "left", "customers"].sum()),
    }
    lost = stayed.loc[step < 0, "profit"].sum(min_count=1)
    at_stake = none_if_undefined(stayed.loc[step < 0, "value_to_come"].sum(min_count=1))
    said = {
        "up": reader.language.number(moved["up"]),
        "down": reader.language.number(moved["down"]),
        "share": reader.language.percent(ratio(moved["stayed"], stayed["customers"].sum())),
    }
    if stayed.empty:
        headline = reader.t("Nobody was graded both before this period and at its end, so no move can be told.")
    elif at_stake is None:
        headline = reader.t(
            "{up} {up:customer|customers} moved up, {down} moved down, {share} kept their grade.", **said
        )
    else:
        headline = reader.t(
            "{up} {up:customer|customers} moved up, {down} moved down with {value} to come, {share} kept their grade.",
            value=reader.money(at_stake),
            **said,
        )
    return Answer(
        headline,
        table,
        moved | {"profit_of_moved_down": lost, "value_of_moved_down": at_stake},
        int(table["customers"].sum()),
    )


@question("tiers.trend", message("Grades over time"), needs=("grades",), draw=charts.trend)
def trend(reader: Reader) -> Answer:
    last = reader.view.window.last_week
    first = reader.calendar.first_week
    mondays = [m for i in range(TREND_POINTS) if (m := last - TREND_STEP * i) >= first]
    table = graded(reader.rows(queries.trend(reader.view, mondays[::-1])), "grade")
    if table.empty:
        return no_customers(reader)
    table["week"] = pd.to_datetime(table["week"])
    total = table.groupby("week")["customers"].transform("sum")
    table["customers_share"] = table["customers"] / total
    best = table[table["grade"] == "A"].set_index("week")["customers_share"]
    n = int(table.loc[table["week"] == table["week"].max(), "customers"].sum())
    if len(best) > 1:
        headline = reader.t(
            "A customers went from {before} to {now} of the graded customers in {weeks} weeks.",
            before=reader.language.percent(best.iloc[0]),
            now=reader.language.percent(best.iloc[-1]),
            weeks=(best.index[-1] - best.index[0]).days // 7,
        )
    else:
        headline = _share_of_a(reader, table, n)
    return Answer(headline, table, {}, n)


@question("tiers.needs", message("Needs level against grade"), needs=("grades",), draw=charts.needs)
def needs(reader: Reader) -> Answer:
    table = graded(reader.rows(queries.needs(reader.view)), "grade").reset_index(drop=True)
    if table.empty and reader.customers:
        return Answer(reader.t("No needs level is known of these customers (customer.needs_level)."))
    if table.empty:
        return no_customers(reader)
    high = table["needs_level"] >= 4
    low_grade = table["grade"].isin(["C", "D"])
    asks_more = int(table.loc[high & low_grade, "customers"].sum())
    n = int(table["customers"].sum())
    headline = reader.t(
        "{share} of the C and D customers already ask for esteem or partnership.",
        share=reader.language.percent(ratio(asks_more, table.loc[low_grade, "customers"].sum())),
    )
    return Answer(headline, table, {"high_needs_low_grade": asks_more}, n)


@question("tiers.reasons", message("Why grades changed"), needs=("grades",), draw=charts.reasons)
def reasons(reader: Reader) -> Answer:
    table = reader.rows(queries.reasons(reader.view))
    n = reader.customers
    if not n:
        return no_customers(reader)
    one = score_of_one(reader) if reader.filters.customer else None
    of_one = {"customer": one} if one else {}
    if table.empty:
        headline = why(reader, one) if one else reader.t("No grade changed in this period.")
        return Answer(headline, numbers={"changes": 0, "up": 0, "down": 0} | of_one, n=1 if one else 0)
    stated = table["reason"].notna()
    names = [
        reason_name(reader, str(reason)) if known else reader.t("no reason stated")
        for reason, known in zip(table["reason"], stated, strict=True)
    ]
    table["reason"] = names
    total = {name: int(table[name].sum()) for name in ("changes", "up", "down")}
    at_stake = none_if_undefined(table["value_of_falls"].sum(min_count=1))
    numbers = total | {"value_at_stake": at_stake, "customers": n} | of_one
    said = {
        "up": reader.language.number(total["up"]),
        "down": reader.language.number(total["down"]),
        "reason": names[0],
        "share": reader.language.percent(table.iloc[0]["changes"] / total["changes"]),
    }
    if one:
        headline = why(reader, one)
    elif at_stake is None:
        headline = reader.t("{up} grades rose and {down} fell; {reason} is behind {share} of the changes.", **said)
    else:
        headline = reader.t(
            "{up} grades rose and {down} fell; {reason} is behind {share} of the changes. Those who fell have {value} "
            "to come.",
            value=reader.money(at_stake),
            **said,
        )
    return Answer(headline, table, numbers, total["changes"])


@question("tiers.stability", message("How stable grades are"), needs=("grades",), draw=charts.stability)
def stability(reader: Reader) -> Answer:
    moves = reader.rows(queries.migration(reader.view))
    moves = moves[moves["from_grade"].isin(GRADES)]
    if moves.empty:
        return (
            no_customers(reader)
            if not reader.customers
            else Answer(
                reader.t("Nobody was graded before this period began, so nothing can be said of its stability.")
            )
        )
    moves = moves.assign(to_grade=moves["to_grade"].where(moves["to_grade"].isin(GRADES), "left"))
    counts = moves.pivot_table(index="from_grade", columns="to_grade", values="customers", aggfunc="sum", fill_value=0)
    found = grading.migration_from_counts(counts, GRADES)
    row = reader.rows(queries.flips(reader.view)).iloc[0]
    flipped, years = int(row["flips"]), ratio(none_if_undefined(row["days"]), 365.25)
    low, high = (float(end) for end in garwood(flipped, years)) if years else (None, None)
    start, end = found.counts.sum(axis=1), found.counts[list(GRADES)].sum()
    kept = pd.Series({g: ratio(found.counts.loc[g, g], start[g]) for g in GRADES}, dtype=float)
    table = pd.DataFrame(
        {
            "grade": list(GRADES),
            "customers": start.to_numpy(),
            "start_share": (start / start.sum()).to_numpy(),
            "end_share": (end / end.sum()).to_numpy() if end.sum() else None,
            "stationary_share": found.stationary.to_numpy(),
            "kept_share": kept.to_numpy(),
        }
    ).astype({"end_share": float})
    everyone = {"grade": reader.t("All grades"), "customers": found.n, "kept_share": none_if_undefined(1 - found.moved)}
    table = pd.concat([table, pd.DataFrame([everyone | {"agreement": none_if_undefined(found.kappa)}])])
    numbers = {
        "flips": flipped,
        "flips_per_customer_year": ratio(flipped, years),
        "flips_low": low,
        "flips_high": high,
        "kappa": none_if_undefined(found.kappa),
        "psi": none_if_undefined(found.psi),
        "moved_share": none_if_undefined(found.moved),
        "stationary": {g: none_if_undefined(s) for g, s in found.stationary.items()},
        "left": int(found.counts["left"].sum()),
    }
    return Answer(stability_headline(reader, numbers, years), table.reset_index(drop=True), numbers, found.n)


def stability_headline(reader: Reader, numbers: dict, years: float | None) -> str:
    """Flips a year, and how close the grades at the end are to those at the start, both in words."""
    t, kappa = reader.t, numbers["kappa"]
    flips = "–" if not years else f"{numbers['flips_per_customer_year']:.2f}"
    if kappa is None:
        return t("A customer changes grade {flips} times a year.", flips=flips)
    words = {
        "closely": message("A customer changes grade {flips} times a year; most are still where they began."),
        "fairly": message("A customer changes grade {flips} times a year; many have moved, few of them far."),
        "loosely": message("A customer changes grade {flips} times a year; the end tells little of the start."),
    }
    return t(words[close(kappa)], flips=flips)
