"""How satisfaction turns into word of mouth: flat in the middle, steep at both ends.

A survey answer's score (mean of the items answered, 1 to 5) is in force until the next answer, half a year
at most; what the customer says meanwhile is counted against that time. An association, not an experiment:
good customers get better service too.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.analysis import word_of_mouth
from dashboard.analysis.drivers import key_drivers
from dashboard.charts import satisfaction as charts
from dashboard.insight import Answer, Reader, no_customers, question
from dashboard.insights.value import shown_level
from dashboard.language import message
from dashboard.ledger import policies
from queries import satisfaction as queries
from queries.schema import GRADES, SURVEY_ITEMS

BANDS = 16
CERTAIN, LIKELY = 0.95, 0.8
"""Shares of the redrawn samples that agree, from which on a verdict is certain or likely."""
WORTH_POINTS = 101
Z95 = 1.959964
ITEM_NAMES = {
    "on_time": message("Delivery on time"),
    "quality": message("Quality"),
    "price": message("Price"),
    "terms": message("Terms of business"),
    "complaint_handling": message("Complaint handling"),
    "listening": message("Listening"),
    "trust": message("Trust"),
}


def fitted(reader: Reader) -> tuple[pd.DataFrame, word_of_mouth.WordOfMouth | None]:
    """Sums per score and the curve fitted to them; None when there is nothing to fit. Fitted once for all who ask."""
    key = ("curve", reader.filters.canonical, reader.scope.fingerprint)
    return reader.marts.once(key, lambda: _fitted(reader))


def _fitted(reader: Reader) -> tuple[pd.DataFrame, word_of_mouth.WordOfMouth | None]:
    groups = reader.rows(queries.curve(reader.view))
    groups = groups[groups["exposure"] > 0]
    if groups.empty:
        return groups, None
    return groups, word_of_mouth.fit_curve_from_groups(groups, draws=200)


def threshold(estimate: word_of_mouth.Estimate) -> dict[str, float | None]:
    return {"estimate": estimate.estimate, "low": estimate.low, "high": estimate.high}


def said(reader: Reader, estimate: word_of_mouth.Estimate) -> str:
    """A threshold in words: a number with its interval, or the gap between two categories."""
    if estimate.estimate is None:
        return reader.t("between {low} and {high}", low=f"{estimate.low:g}", high=f"{estimate.high:g}")
    return f"{estimate.estimate:.1f}"


@question(
    "satisfaction.curve",
    message("Satisfaction and word of mouth"),
    needs=("survey", "word_of_mouth"),
    draw=charts.curve,
    behind="surveyed",
)
def curve(reader: Reader) -> Answer:
    groups, found = fitted(reader)
    if found is None:
        return no_customers(reader)
    table = binned(groups, found)
    histogram = reader.rows(queries.histogram(reader.view))
    nearest = [(table["satisfaction"] - middle).abs().idxmin() for middle in histogram["low"] + 0.125]
    table["customers"] = histogram.groupby(nearest)["customers"].sum().reindex(table.index, fill_value=0)
    low, high = found.scale
    grid = np.linspace(low, high, 60) if high > low else np.array([low])
    praise, complaint = found.rate_of_praise(grid), found.rate_of_complaint(grid)
    line = pd.DataFrame(
        {
            "s": grid,
            **{"praise": praise.rate, "praise_low": praise.low, "praise_high": praise.high},
            **{"complaint": complaint.rate, "complaint_low": complaint.low, "complaint_high": complaint.high},
        }
    )
    numbers = {
        "complaint_threshold": threshold(found.complaint_threshold),
        "praise_threshold": threshold(found.praise_threshold),
        "complaint_growth": threshold(found.complaint_growth),
        "praise_growth": threshold(found.praise_growth),
        "complaint_base": threshold(found.complaint_base),
        "praise_base": threshold(found.praise_base),
        "verdict": found.verdict,
        "dispersion": found.dispersion,
        "scale": [low, high],
        "fitted": line.to_dict("records"),
        "customers_by_score": histogram.to_dict("records"),
    }
    return Answer(curve_headline(reader, found), table, numbers, int(groups["n"].sum()))


def curve_headline(reader: Reader, found: word_of_mouth.WordOfMouth) -> str:
    complains = found.verdict["complaint"] == "threshold"
    praises = found.verdict["praise"] == "threshold"
    low, high = found.complaint_threshold, found.praise_threshold
    if complains and praises:
        return reader.t(
            "Complaints take off below {low}, praise above {high}; in between little is said.",
            low=said(reader, low),
            high=said(reader, high),
        )
    if complains:
        return reader.t(
            "Complaints take off below {low}; for praise the answers show no threshold.", low=said(reader, low)
        )
    if praises:
        return reader.t(
            "Praise takes off above {high}; for complaints the answers show no threshold.", high=said(reader, high)
        )
    if "too_few" in found.verdict.values():
        return reader.t("Too little was said so far to tell where word of mouth begins.")
    return reader.t("The answers show no threshold: word of mouth changes evenly with satisfaction, or not at all.")


def binned(groups: pd.DataFrame, found: word_of_mouth.WordOfMouth) -> pd.DataFrame:
    """Observed rates a month with their intervals, in bands of satisfaction."""
    score, months, n = groups["satisfaction"], groups["exposure"], groups["n"]

    def rates(kind: str, dispersion: float) -> pd.DataFrame:
        return word_of_mouth.binned(score, groups[kind], months, n, bins=BANDS, dispersion=dispersion)

    praise = rates("praise", found.dispersion["praise"])
    complaint = rates("complaint", found.dispersion["complaint"])
    referral = rates("referral", 1.0)
    return pd.DataFrame(
        {
            "satisfaction": praise["score"],
            "low": praise["low"],
            "high": praise["high"],
            "n": praise["n"],
            "months": praise["exposure"],
            "praise_rate": praise["rate"],
            "praise_low": praise["rate_low"],
            "praise_high": praise["rate_high"],
            "complaint_rate": complaint["rate"],
            "complaint_low": complaint["rate_low"],
            "complaint_high": complaint["rate_high"],
            "referral_rate": referral["rate"],
        }
    )


@question(
    "satisfaction.standing",
    message("Where today's customers stand"),
    needs=("survey", "word_of_mouth"),
    draw=charts.standing,
    behind="surveyed",
    dimension="group",
)
def standing(reader: Reader) -> Answer:
    _, found = fitted(reader)
    if found is None:
        return no_customers(reader)
    places = edges(found)
    if places is None:
        told = [reached(found.complaint_threshold), reached(found.praise_threshold)]
        return Answer(
            reader.t("Without two thresholds the customers can't be sorted by what they would say."),
            pd.DataFrame({"zone": [], "customers": [], "revenue": [], "profit": []}),
            {"complaint_threshold": told[0], "praise_threshold": told[1]},
        )
    low, high = places
    zones = reader.rows(queries.standing(reader.view, low, high)).set_index("zone")
    zones = zones.reindex(["complaining", "indifferent", "praising"])
    zones["customers"] = zones["customers"].fillna(0).astype(int)
    zones[["revenue", "profit"]] = zones[["revenue", "profit"]].where(zones["customers"] > 0, 0.0)
    n = int(zones["customers"].sum())
    if not n:
        return no_customers(reader)
    share = zones["customers"] / n
    headline = reader.t(
        "{share} of the customers asked sit where little is said; {complaining} are below the complaint threshold.",
        share=reader.language.percent(share["indifferent"]),
        complaining=reader.language.percent(share["complaining"]),
    )
    numbers = {
        "complaint_threshold": low,
        "praise_threshold": high,
        **{f"{zone}_share": float(value) for zone, value in share.items()},
        "groups": {
            "complaining": f"score-1-{low:g}",
            "indifferent": f"score-{low:g}-{high:g}",
            "praising": f"score-{high:g}-5",
        },
    }
    return Answer(headline, zones.assign(customers_share=share).reset_index(), numbers, n)


def reached(estimate: word_of_mouth.Estimate) -> float | None:
    """Where a threshold is drawn: its estimate, or the upper end of the gap it lies in."""
    return estimate.estimate if estimate.estimate is not None else estimate.high


def edges(found: word_of_mouth.WordOfMouth) -> tuple[float, float] | None:
    """The complaint and the praise threshold that sort customers into zones; None unless there are both."""
    low, high = reached(found.complaint_threshold), reached(found.praise_threshold)
    return None if low is None or high is None else (round(float(low), 2), round(float(high), 2))


def scored(table: pd.DataFrame) -> pd.DataFrame:
    """Mean scores with their 95 % intervals; a single answer has none."""
    reach = Z95 * table["deviation"] / np.sqrt(table["n"])
    low, high = (table["satisfaction"] - reach).clip(lower=1), (table["satisfaction"] + reach).clip(upper=5)
    return table.assign(low=low, high=high).drop(columns="deviation")


def compared_headline(reader: Reader, table: pd.DataFrame) -> str:
    """Who is most and who least satisfied, and whether the intervals let one say so."""
    ranked = table[table["n"] >= 30].sort_values("satisfaction", ascending=False)
    if len(ranked) < 2:
        return reader.t(
            "Satisfaction is {score} of 5.",
            score=f"{(table['satisfaction'] * table['n']).sum() / table['n'].sum():.2f}",
        )
    best, worst = ranked.iloc[0], ranked.iloc[-1]
    values = {
        "best": best["name"],
        "high": f"{best['satisfaction']:.2f}",
        "worst": worst["name"],
        "low": f"{worst['satisfaction']:.2f}",
    }
    if best["low"] > worst["high"]:
        return reader.t("{best} is most satisfied ({high} of 5), {worst} least ({low}).", **values)
    return reader.t("Between {best} ({high} of 5) and {worst} ({low}) the difference is within chance.", **values)


@question(
    "satisfaction.by_grade",
    message("Satisfaction by grade"),
    needs=("survey", "grades"),
    draw=charts.by_group,
    dimension="grade",
    behind="surveyed",
)
def by_grade(reader: Reader) -> Answer:
    table = reader.rows(queries.by_column(reader.view, "grade"))
    table = scored(table[table["code"].isin(GRADES)])
    if table.empty:
        return no_customers(reader)
    table.insert(1, "name", [reader.t("Grade {grade}", grade=code) for code in table["code"]])
    return Answer(compared_headline(reader, table), table.reset_index(drop=True), {}, int(table["n"].sum()))


@question(
    "satisfaction.by_region",
    message("Satisfaction by region"),
    needs=("survey", "region"),
    draw=charts.by_group,
    dimension="region",
    behind="surveyed",
)
def by_region(reader: Reader) -> Answer:
    rows = reader.rows(queries.by_region(reader.view, shown_level(reader)))
    if rows.empty:
        return no_customers(reader)
    table = scored(reader.named(rows))
    return Answer(compared_headline(reader, table), table, {}, int(table["n"].sum()))


@question(
    "satisfaction.loyalty",
    message("Loyalty by satisfaction"),
    needs=("survey",),
    draw=charts.loyalty,
    behind="surveyed",
)
def loyalty(reader: Reader) -> Answer:
    rows = reader.rows(queries.loyalty(reader.view))
    rows = rows[rows["n"] > 0].reset_index(drop=True)
    if rows.empty:
        return Answer(reader.t("No answer is half a year old yet, so its repurchase can't be told."))
    rate = rows["bought"] / rows["n"]
    # Wilson's interval (1927): sound for shares near 0 and 1 and for small n.
    middle = (rate + Z95**2 / (2 * rows["n"])) / (1 + Z95**2 / rows["n"])
    reach = Z95 / (1 + Z95**2 / rows["n"]) * np.sqrt(rate * (1 - rate) / rows["n"] + Z95**2 / (4 * rows["n"] ** 2))
    table = pd.DataFrame(
        {
            "satisfaction": rows["low"] + queries.BAND / 2,
            "n": rows["n"],
            "repurchase_rate": rate,
            "low": middle - reach,
            "high": middle + reach,
            "recommend": rows["recommend"],
        }
    )
    n = int(table["n"].sum())
    enough = table[table["n"] >= 30]
    if len(enough) < 2:
        return Answer(reader.t("Too few answers to compare repurchase by satisfaction."), table, {}, n)
    first, last = enough.iloc[0], enough.iloc[-1]
    headline = reader.t(
        "{high} of the answers near {best} led to a purchase within half a year, {low} of those near {worst}.",
        high=reader.language.percent(last["repurchase_rate"]),
        best=f"{last['satisfaction']:.2g}",
        low=reader.language.percent(first["repurchase_rate"]),
        worst=f"{first['satisfaction']:.2g}",
    )
    return Answer(headline, table, {}, n)


@question(
    "satisfaction.drivers",
    message("What drives satisfaction"),
    needs=("survey",),
    draw=charts.drivers,
    behind="surveyed",
)
def drivers(reader: Reader) -> Answer:
    row = reader.rows(queries.drivers(reader.view)).iloc[0]
    n = int(row["n"])
    names = ("satisfaction", *SURVEY_ITEMS)
    covariance = {
        (a, b): row[f"cov_{a}_{b}"] for i, a in enumerate(names) for b in names[i:] if pd.notna(row[f"cov_{a}_{b}"])
    }
    table = key_drivers(n, covariance, "satisfaction", SURVEY_ITEMS)
    if table.empty:
        return Answer(reader.t("Too few complete answers to tell what drives satisfaction."), table, {}, n)
    table["performance"] = [float(row[f"mean_{item}"]) for item in table["item"]]
    reach = [Z95 * float(np.sqrt(covariance[item, item] / n)) for item in table["item"]]
    table["performance_low"], table["performance_high"] = table["performance"] - reach, table["performance"] + reach
    table.insert(1, "name", [reader.t(ITEM_NAMES[item]) for item in table["item"]])
    table = table.sort_values("importance", ascending=False).reset_index(drop=True)
    urgent = improve_first(table)
    headline = reader.t("{first} {second}", first=leading(reader, table), second=rated(reader, table, urgent))
    return Answer(headline, table, {"improve": urgent["item"].tolist()}, n)


def improve_first(table: pd.DataFrame) -> pd.DataFrame:
    """Items that matter more than the average item and are rated below it, both beyond chance; the weakest first."""
    matters = table["low"] > table["importance"].mean()
    weak = table["performance_high"] < table["performance"].mean()
    return table[matters & weak].sort_values("performance")


def leading(reader: Reader, table: pd.DataFrame) -> str:
    """What moves satisfaction most: one item, or those that chance doesn't let one tell apart."""
    alike = table[table["high"] >= table["low"].iloc[0]]
    if len(alike) == 1:
        return reader.t("{item} moves satisfaction most.", item=alike.iloc[0]["name"])
    if len(alike) == len(table):
        return reader.t("All that was asked moves satisfaction alike, as far as chance lets one tell.")
    return reader.t(
        "{items} move satisfaction most; which of them comes first is within chance.",
        items=reader.language.list(alike["name"]),
    )


def rated(reader: Reader, table: pd.DataFrame, urgent: pd.DataFrame) -> str:
    """What to improve first, if the ratings differ enough to say so."""
    if len(urgent):
        return reader.t(
            "{item} matters and is rated below the rest ({score} of 5): improve it first.",
            item=urgent.iloc[0]["name"],
            score=f"{urgent.iloc[0]['performance']:.2f}",
        )
    if table["performance_low"].max() <= table["performance_high"].min():
        score = f"{table['performance'].mean():.1f}"
        return reader.t("All are rated alike, {score} of 5: no rating stands out as weak.", score=score)
    return reader.t("Nothing that matters is rated below the rest.")


@question(
    "satisfaction.worth",
    message("Is full satisfaction worth it?"),
    needs=("survey", "word_of_mouth"),
    draw=charts.worth,
    written=True,
)
def worth(reader: Reader) -> Answer:
    groups, found = fitted(reader)
    if found is None:
        return no_customers(reader)
    n = int(groups["n"].sum())
    if found.scale[0] == found.scale[1]:
        return Answer(reader.t("All answers have the same score, so what one more point is worth can't be told."))
    rules = policies.in_force(reader).word_of_mouth
    told = word_of_mouth.worth(
        found, rules.value_of_praise, rules.cost_of_complaint, cost_of_satisfaction=rules.cost_of_a_point
    )
    rows = told.table.iloc[np.unique(np.linspace(0, len(told.table) - 1, WORTH_POINTS).astype(int))]
    table = pd.DataFrame(
        {
            "satisfaction": rows["score"],
            "worth_of_a_point": rows["break_even"],
            "worth_low": rows["net_low"] + rows["cost"],
            "worth_high": rows["net_high"] + rows["cost"],
            "from_complaints": rows["from_complaints"],
            "from_praise": rows["from_praise"],
            "cost_of_a_point": rows["cost"],
            "worth_in_all": rows["profit"],
        }
    ).reset_index(drop=True)
    table = table.round(6) + 0.0  # differences of equal sums leave dust, and a zero without a sign

    def candidate(place: word_of_mouth.Candidate) -> dict[str, float | None]:
        return {
            "score": place.score,
            "profit": place.profit.estimate,
            "low": place.profit.low,
            "high": place.profit.high,
        }

    numbers = {
        "best": threshold(told.best),
        "interior": candidate(told.interior),
        "corner": candidate(told.corner),
        "corner_pays": told.corner_pays,
        "corner_share": told.corner_share,
        "break_even_to_corner": threshold(told.break_even_to_corner),
        "value_of_praise": rules.value_of_praise,
        "cost_of_complaint": rules.cost_of_complaint,
        "cost_of_a_point": rules.cost_of_a_point,
        "source": rules.source,
        "policy": policies.in_force(reader).version,
    }
    said = {
        "interior": f"{told.interior.score:.1f}",
        "corner": f"{told.corner.score:g}",
        "cost": reader.money(rules.cost_of_a_point),
        "limit": reader.money(told.break_even_to_corner.estimate),
    }
    share = max(told.corner_share, 1 - told.corner_share)
    sure = (
        ""
        if share >= CERTAIN
        else reader.t("The answers make this likely, not certain.")
        if share >= LIKELY
        else reader.t("The answers leave this open.")
    )
    if told.corner_pays:
        headline = reader.t(
            "Full satisfaction pays: going from {interior} to {corner} is worth it while a point costs less than "
            "{limit} a customer and month; it is taken to cost {cost}.",
            **said,
        )
    else:
        headline = reader.t(
            "{interior} is satisfied enough: going on to {corner} would pay only if a point cost less than {limit} a "
            "customer and month; it is taken to cost {cost}.",
            **said,
        )
    headline = reader.t("{first} {second}", first=headline, second=sure).strip()
    return Answer(headline, table, numbers, n)


def model_names(reader: Reader) -> dict[str, str]:
    t = reader.t
    return {
        "constant": t("no change with satisfaction"),
        "log-linear": t("an even change"),
        "log-quadratic": t("an evenly bending curve"),
        "sinh": t("a smooth curve without a silent zone"),
        "hinge": t("a silent zone that ends at a threshold"),
        "categories": t("a rate of its own for each score"),
    }


@question("satisfaction.models", message("Which curve fits best"), needs=("survey", "word_of_mouth"))
def models(reader: Reader) -> Answer:
    groups, found = fitted(reader)
    if found is None:
        return no_customers(reader)
    names, t = model_names(reader), reader.t
    parts = []
    for side, side_name in (("complaint", t("Complaints to others")), ("praise", t("Praise"))):
        compared = found.comparison[found.comparison["side"] == side]
        behind = compared["qbic"] - compared["qbic"].min()
        parts.append(
            pd.DataFrame(
                {
                    "side": side_name,
                    "model": [names[model] for model in compared["model"]],
                    "verdict": [
                        t("best")
                        if gap == 0
                        else t("as good")
                        if gap < 2
                        else t("weaker")
                        if gap < 10
                        else t("ruled out")
                        for gap in behind
                    ],
                    "parameters": compared["parameters"],
                    "behind": behind,
                    "qaicc": compared["qaicc"].replace(np.inf, np.nan),
                    "cv_deviance": compared["cv_deviance"],
                }
            )
        )
    best = [part.loc[part["behind"].idxmin(), "model"] for part in parts]
    headline = reader.t(
        "Complaints are best described by {complaint}, praise by {praise}.", complaint=best[0], praise=best[1]
    )
    table = pd.concat(parts, ignore_index=True)
    return Answer(headline, table, {"verdict": found.verdict}, int(groups["n"].sum()))
