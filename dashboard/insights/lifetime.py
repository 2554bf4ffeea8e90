"""Value to come: who will buy again, how often, for how much, and how far one can trust that.

A refresh fits MBG/NBD and Gamma-Gamma (`dashboard.warehouse.models`) and stores what they say of each customer;
here it is added up for the customers in view. It is as of the newest day with data, whatever week is chosen. The
clock of customers acquired before the data begin starts at their first purchase in the data.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from dashboard.analysis.lifetime_value import CORRELATION_ALARM
from dashboard.charts import lifetime as charts
from dashboard.insight import Answer, Reader, has, no_customers, question
from dashboard.insights.value import none_if_undefined, ratio, share_of_total, shown_level
from dashboard.language import MINUS, message
from dashboard.warehouse.models import FEWEST_REPEAT_BUYERS
from queries import lifetime as queries
from queries.schema import GRADES

STATES = {
    "too_few": message("fewer than {fewest} customers have bought a second time"),
    "not_identified": message("the purchases in the data can't tell how customers differ"),
    "no_mean_spend": message("spend is so unequal that its mean can't be told"),
    "too_short": message("the data reach back less than a year"),
}
CHANCES = {
    "sure": message("90% and more"),
    "likely": message("70 to 90%"),
    "open": message("40 to 70%"),
    "unlikely": message("10 to 40%"),
    "gone": message("under 10%"),
}
SHOWN_DECADES = 4.5
"""Amounts this many factors of ten below the largest are drawn as about nothing."""
Z95 = 1.959964
PARTS = ("expected_purchases", "residual_revenue", "residual_margin", "service_to_come", "residual_value")


def why_not(reader: Reader, *names: str) -> str:
    """Why there is no estimate of these models, in the reader's words; empty when there is one."""
    states = reader.marts.models
    states = states[states["name"].isin(names) & states["parameter"].isna()]
    if states.empty:
        return ""
    return reader.t(STATES[str(states.iloc[0]["state"])], fewest=FEWEST_REPEAT_BUYERS)


def unavailable(reader: Reader) -> Answer:
    """The answer when nobody in view could be valued: nobody at all, nobody who bought, or no model."""
    reason = why_not(reader, "purchases", "spend")
    if not reader.customers:
        return no_customers(reader)
    if reason:
        return Answer(reader.t("Value to come can't be told: {reason}.", reason=reason))
    return Answer(reader.t("None of these customers has bought in the data, so nothing can be told of them."))


def settings(reader: Reader) -> dict[str, float]:
    """What the stored values were computed with: annual_discount_rate and horizon_years."""
    models = reader.marts.models
    return dict(models.loc[models["name"] == "settings", ["parameter", "estimate"]].itertuples(index=False))


def parameters(reader: Reader) -> list[dict[str, Any]]:
    """The fitted parameters with their intervals and sample sizes: the company's, for readers of all regions."""
    if reader.scope.regions is not None:
        return []
    models = reader.marts.models
    fitted = models[models["name"].isin(["purchases", "spend"])]
    keep = ["name", "segment", "form", "parameter", "estimate", "standard_error", "low", "high", "n", "state"]
    return fitted[keep].to_dict("records")


def correlation(reader: Reader) -> float | None:
    """Of purchases and spend a purchase, the larger of the segments': the model of spend takes it to be zero."""
    models = reader.marts.models
    found = models.loc[models["parameter"] == "correlation", "estimate"].dropna()
    return float(found.loc[found.abs().idxmax()]) if len(found) else None


def leaving_unknown(reader: Reader) -> bool:
    """Whether the purchases in the data hardly show if customers leave for good."""
    models = reader.marts.models
    about = (models["name"] == "purchases") & models["parameter"].isin(["a", "b"])
    return bool(models.loc[about, "state"].isin(["weak", "at_limit"]).any())


def costed(reader: Reader) -> bool:
    return "cost_of_goods" in reader.marts.filled


def with_interval(reader: Reader, low: float | None, high: float | None) -> str:
    """An interval in words, or why there is none."""
    if low is None or high is None:
        return reader.t("no interval: the purchases don't tell how customers differ or leave")
    return reader.t("{low} to {high}", low=reader.money(low), high=reader.money(high))


@question("value.lifetime", message("Value to come"), draw=charts.distribution)
def lifetime(reader: Reader) -> Answer:
    row = reader.rows(queries.summary(reader.view)).iloc[0]
    n, with_history = int(row["customers"]), int(row["with_history"])
    if not n:
        return unavailable(reader)
    now = {name: none_if_undefined(row[name]) for name in (*PARTS, "worth", "low", "high", "alive")}
    used = settings(reader)
    numbers = {
        "customers": n,
        **{name: now[name] for name in PARTS},
        "customer_equity": now["residual_value"],
        "customer_equity_low": now["low"] if costed(reader) else None,
        "customer_equity_high": now["high"] if costed(reader) else None,
        "value_to_come": now["worth"],
        "value_low": now["low"],
        "value_high": now["high"],
        "value_per_customer": ratio(now["worth"], n),
        "alive": now["alive"],
        "without_history": reader.customers - with_history,
        "annual_discount_rate": used["annual_discount_rate"],
        "horizon": used["horizon_years"],
        "parameters": parameters(reader),
        "correlation": correlation(reader),
        "fitted_to": reader.calendar.last_day,
    }
    said: dict[str, Any] = {
        "n": reader.language.number(n),
        "value": reader.money(now["worth"]),
        "years": f"{used['horizon_years']:g}",
        "interval": with_interval(reader, now["low"], now["high"]),
    }
    if costed(reader) and not has("costs", reader.marts):
        headline = reader.t(
            "{n} {n:customer is|customers are} worth {value} of margin over the next {years} years "
            "({interval}), before what they cost "
            "to serve.",
            **said,
        )
    elif costed(reader):
        headline = reader.t(
            "{n} {n:customer is|customers are} worth {value} over the next {years} years "
            "({interval}): {margin} of margin less "
            "{service} to serve them.",
            margin=reader.money(now["residual_margin"]),
            service=reader.money(now["service_to_come"]),
            **said,
        )
    else:
        headline = reader.t(
            "{n} {n:customer|customers} will bring {value} of revenue over the next {years} years "
            "({interval}); its margin can't "
            "be said without cost of goods.",
            **said,
        )
    together = correlation(reader)
    if together is not None and abs(together) > CORRELATION_ALARM:
        headline += " " + reader.t(
            "Caution: spend a purchase goes with frequency (correlation {correlation}), which the model leaves out.",
            correlation=f"{together:.2f}".replace("-", MINUS),
        )
    return Answer(headline, spread(reader.rows(queries.distribution(reader.view))), numbers, n)


def spread(bins: pd.DataFrame) -> pd.DataFrame:
    """Customers by value to come between round amounts; the bins close to zero are one on each side."""
    per = queries.BINS_A_DECADE
    nearest = math.floor(bins["bin"].abs().max() - SHOWN_DECADES * per)
    place = bins["bin"].where(bins["bin"].abs() > nearest, np.sign(bins["bin"]) * max(nearest, 1)).astype(int)
    # Exactly nothing counts to the positive side: bins then have no hole at zero.
    place = place.where(place != 0, max(nearest, 1))
    found = bins.groupby(place)[["customers", "worth"]].sum()
    low, high = int(found.index.min()), int(found.index.max())
    first = max(nearest, 1)
    every = [p for p in range(low, high + 1) if abs(p) >= first]
    found = found.reindex(every, fill_value=0)

    def edge(p: int) -> float:
        return 0.0 if abs(p) < first else math.copysign(10 ** (abs(p) / per), p)

    return pd.DataFrame(
        {
            "value_from": [edge(p - 1) if p > 0 else edge(p) for p in every],
            "value_to": [edge(p) if p > 0 else edge(p + 1) for p in every],
            "customers": found["customers"].to_numpy(),
            "value_to_come": found["worth"].astype(float).to_numpy(),
        }
    )


GROUP_COLUMNS = (
    *("code", "name", "customers", "expected_purchases", "residual_margin", "service_to_come"),
    *("value_to_come", "value_low", "value_high", "value_share", "value_per_customer"),
)


def grouped(table: pd.DataFrame) -> pd.DataFrame:
    """Groups that hold a valued customer, with their share of the value to come."""
    table = table[table["customers"] > 0].reset_index(drop=True)
    table = table.rename(columns={"worth": "value_to_come", "low": "value_low", "high": "value_high"})
    table["value_share"] = share_of_total(table["value_to_come"])
    table["value_per_customer"] = table["value_to_come"] / table["customers"]
    return table[list(GROUP_COLUMNS)]


def holds(reader: Reader, first: pd.Series) -> str:
    """Who holds most of the value to come."""
    if pd.isna(first["value_share"]):
        return reader.t(
            "{name} holds most value to come, {value}.",
            name=first["name"],
            value=reader.money(first["value_to_come"]),
        )
    return reader.t(
        "{name} holds {share} of the value to come, {value} from {n} {n:customer|customers}.",
        name=first["name"],
        share=reader.language.percent(first["value_share"]),
        value=reader.money(first["value_to_come"]),
        n=reader.language.number(first["customers"]),
    )


@question(
    "value.lifetime_by_grade",
    message("Value to come by grade"),
    needs=("grades",),
    draw=charts.groups,
    dimension="grade",
)
def by_grade(reader: Reader) -> Answer:
    rows = reader.rows(queries.by_grade(reader.view))
    known = rows["grade"].isin(GRADES)
    rows["code"] = rows["grade"].where(known, "")
    rows["name"] = [
        reader.t("Grade {grade}", grade=grade) if held else reader.t("not graded")
        for grade, held in zip(rows["grade"], known, strict=True)
    ]
    summed = rows.groupby(["code", "name"], as_index=False)[["customers", *queries.SUMS]].sum(min_count=1)
    place = summed["code"].map([*GRADES, ""].index)
    table = grouped(summed.iloc[place.argsort(kind="stable")])
    if table.empty:
        return unavailable(reader)
    n = int(table["customers"].sum())
    return Answer(holds(reader, table.loc[table["value_to_come"].idxmax()]), table, {}, n)


@question(
    "value.lifetime_by_region",
    message("Value to come by region"),
    needs=("region",),
    draw=charts.groups,
    dimension="region",
)
def by_region(reader: Reader) -> Answer:
    level = shown_level(reader)
    table = grouped(reader.named(reader.rows(queries.by_region(reader.view, level))))
    if table.empty:
        return unavailable(reader)
    n = int(table["customers"].sum())
    return Answer(holds(reader, table.loc[table["value_to_come"].idxmax()]), table, {"level": level}, n)


@question("value.lifetime_against_past", message("Value so far against value to come"), draw=charts.against_past)
def against_past(reader: Reader) -> Answer:
    table = reader.rows(queries.against_past(reader.view)).rename(
        columns={"past": "value_so_far", "worth": "value_to_come"}
    )
    if table.empty:
        return unavailable(reader)
    rising = table[(table["so_far"] > 2) & (table["to_come"] == 1)]
    fading = table[(table["so_far"] == 1) & (table["to_come"] > 2)]
    numbers = {
        "rising": int(rising["customers"].sum()),
        "fading": int(fading["customers"].sum()),
        "value_of_rising": float(rising["value_to_come"].sum()),
    }
    headline = reader.t(
        "{rising} customers of the lower half so far belong to the best quarter to come; {fading} of the best quarter "
        "so far to the lower half.",
        rising=reader.language.number(numbers["rising"]),
        fading=reader.language.number(numbers["fading"]),
    )
    return Answer(headline, table, numbers, int(table["customers"].sum()))


@question("value.alive", message("Who is still a customer"), draw=charts.alive)
def alive(reader: Reader) -> Answer:
    found = reader.rows(queries.alive(reader.view)).set_index("zone")
    n = int(found["customers"].sum())
    if not n:
        return unavailable(reader)
    found = found.reindex(list(CHANCES)).fillna(0)
    table = pd.DataFrame(
        {
            "zone": list(CHANCES),
            "probability": [reader.t(chance) for chance in CHANCES.values()],
            "customers": found["customers"].astype(int).to_numpy(),
            "customers_share": found["customers"].to_numpy(dtype=float) / n,
            "revenue": found["revenue"].to_numpy(dtype=float),
            "expected_purchases": found["expected_purchases"].to_numpy(dtype=float),
            "value_to_come": found["worth"].to_numpy(dtype=float),
        }
    )
    lost = found.loc[["unlikely", "gone"], "customers"].sum()
    headline = reader.t(
        "{lost} of {n} customers have probably left without a word, {share}; of {doubt} more it is in doubt, with "
        "{value} to come.",
        lost=reader.language.number(int(lost)),
        n=reader.language.number(n),
        share=reader.language.percent(lost / n),
        doubt=reader.language.number(int(found.loc["open", "customers"])),
        value=reader.money(float(found.loc["open", "worth"])),
    )
    if leaving_unknown(reader):
        headline = reader.t(
            "The purchases hardly show who has left for good; the model counts {lost} of {n} customers as "
            "probably gone.",
            lost=reader.language.number(int(lost)),
            n=reader.language.number(n),
        )
    numbers = {
        f"{zone}_share": float(share) for zone, share in zip(table["zone"], table["customers_share"], strict=True)
    }
    return Answer(headline, table, numbers, n)


@question("value.forecast_quality", message("How well the last half year was forecast"), draw=charts.forecast)
def forecast_quality(reader: Reader) -> Answer:
    bins = reader.rows(queries.forecast(reader.view))
    n = int(bins["customers"].sum())
    if not n:
        reason = why_not(reader, "purchases", "holdout")
        if not reason:
            return unavailable(reader)
        return Answer(reader.t("The forecast can't be checked against the last half year: {reason}.", reason=reason))
    size = bins["customers"]
    mean = {name: bins[name] / size for name in ("expected", "history", "actual")}
    spread_ = np.sqrt((bins["squares"] / size - mean["actual"] ** 2).clip(lower=0) / size)
    table = pd.DataFrame(
        {
            "customers": size,
            **mean,
            "low": (mean["actual"] - Z95 * spread_).clip(lower=0),
            "high": mean["actual"] + Z95 * spread_,
            "error": bins["error"] / size,
            "baseline_error": bins["baseline_error"] / size,
        }
    )
    total = bins[["expected", "history", "actual", "error", "baseline_error"]].sum()
    numbers = {
        "customers": n,
        "error": float(total["error"]) / n,
        "baseline_error": float(total["baseline_error"]) / n,
        "expected": float(total["expected"]),
        "actual": float(total["actual"]),
        "baseline_expected": float(total["history"]),
        "bias": ratio(total["expected"] - total["actual"], total["actual"]),
        "baseline_bias": ratio(total["history"] - total["actual"], total["actual"]),
        "weeks": queries.HELD_OUT.days // 7,
    }
    headline = reader.t(
        "For the last half year the forecast was {error} purchases a customer off, the mean of history {baseline}; "
        "it said {expected} purchases in all and {actual} came.",
        error=f"{numbers['error']:.2f}",
        baseline=f"{numbers['baseline_error']:.2f}",
        expected=reader.language.number(round(float(total["expected"]))),
        actual=reader.language.number(round(float(total["actual"]))),
    )
    return Answer(headline, table, numbers, n)
