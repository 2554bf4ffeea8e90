"""How customer value is distributed: who makes the profit, who breaks even and who eats it.

Concentration after Lorenz (1905), Gini (1912) and the whale curve of Kaplan & Narayanan (2001).
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from dashboard.analysis import concentration
from dashboard.charts import value as charts
from dashboard.comparison import FLOWS, compare, ratio, unknown
from dashboard.insight import MEASURED, Answer, Reader, has, no_customers, question
from dashboard.language import message
from dashboard.ledger.notes import annotated
from dashboard.periods import WEEK, Window, year_before
from queries import customers
from queries import value as queries
from queries.population import weeks

CARD_METRICS = ("customers", "active_customers", "revenue", "gross_margin", "cost_to_serve", "profit")
SUMMARY = (*CARD_METRICS, "margin", "loss_makers", "satisfaction", "praise", "complaint", "referral")


def totals(reader: Reader, view: object) -> dict[str, float | None]:
    """The summary numbers of a view; undefined ones are None."""
    row = reader.rows(queries.summary(view)).iloc[0]  # type: ignore[arg-type]
    found = {name: none_if_undefined(row[name]) for name in row.index}
    found["revenue"] = found["revenue"] or 0.0
    if has("costs", reader.marts):
        found["cost_to_serve"] = found["cost_to_serve"] or 0.0
    found["margin"] = ratio(found["profit"], found["revenue"])
    found["loss_maker_share"] = ratio(found["loss_makers"], found["moved_customers"])
    return found


def against(
    reader: Reader, now: dict[str, float | None], metrics: tuple[str, ...]
) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """A row a metric with its value and what it is compared with, and why a comparison is not known."""
    compared = compare(reader, totals)
    table = pd.DataFrame({"metric": metrics, "value": [now[m] for m in metrics]})
    for comparison, found in compared.items():
        table[comparison] = [found.values.get(m) for m in metrics]
    return table.astype(dict.fromkeys(table.columns[1:], float)), unknown(reader, compared, metrics)


def without_profit(reader: Reader, now: dict[str, float | None]) -> str:
    """The sentence where nothing says what the goods cost."""
    return reader.t(
        "{customers} {customers:customer|customers} brought {revenue}; profit can't be said without cost of goods.",
        customers=reader.language.number(now["active_customers"]),
        revenue=reader.money(now["revenue"]),
    )


@question("value.summary", message("Customers, revenue and profit at a glance"))
def summary(reader: Reader) -> Answer:
    now = totals(reader, reader.view)
    if not now["customers"]:
        return no_customers(reader)
    table, reasons = against(reader, now, SUMMARY)
    t, money = reader.t, reader.money
    if now["profit"] is None:
        headline = without_profit(reader, now)
    elif not has("costs", reader.marts):
        headline = t(
            "{customers} {customers:customer|customers} brought {revenue} and a margin of {profit}, "
            "{margin} of revenue, before what they "
            "cost to serve.",
            customers=reader.language.number(now["active_customers"]),
            revenue=money(now["revenue"]),
            profit=money(now["profit"]),
            margin=reader.language.percent(now["margin"]),
        )
    else:
        headline = t(
            "{customers} {customers:customer|customers} brought {revenue} and a profit of {profit}, "
            "{margin} of revenue.",
            customers=reader.language.number(now["active_customers"]),
            revenue=money(now["revenue"]),
            profit=money(now["profit"]),
            margin=reader.language.percent(now["margin"]),
        )
    return Answer(headline, table, {**now, "unknown": reasons}, int(now["customers"]))


@question("value.trend", message("Revenue and profit week by week"), draw=charts.trend, written=True)
def trend(reader: Reader) -> Answer:
    window = reader.view.window
    shown = Window(min(window.first_week, window.last_week - timedelta(weeks=51)), window.last_week)
    shown = Window(max(shown.first_week, reader.calendar.first_week), shown.last_week)
    before = [year_before(shown.first_week + WEEK * i) for i in range(shown.weeks)]
    both = reader.rows(weeks(reader.view, Window(before[0], shown.last_week)))
    if both.empty:
        return no_customers(reader)
    both["week"] = pd.to_datetime(both["week"])
    by_week = both.set_index("week")[[*FLOWS]].astype(float)
    every = pd.date_range(shown.first_week, shown.last_week, freq="7D", name="week")
    # A week without sales is zero, a week before the data is not known; so is a measure without data behind it.
    known = [name for name in FLOWS if name == "revenue" or has(MEASURED[name], reader.marts)]
    held = pd.date_range(reader.calendar.first_week, shown.last_week, freq="7D")
    if reader.filters.customer:  # nor is a week before he was a customer
        held = held[held > _customer_since(reader) - pd.Timedelta(days=7)]
    by_week = by_week.reindex(held).fillna(dict.fromkeys(known, 0.0))
    filled, earlier = by_week.reindex(every), by_week.reindex(pd.DatetimeIndex(before))
    table = filled.assign(
        revenue_last_year=earlier["revenue"].to_numpy(), profit_last_year=earlier["profit"].to_numpy()
    ).reset_index()
    events = reader.marts.events
    inside = events[
        (pd.to_datetime(events["starts_on"]) >= pd.Timestamp(shown.first_week))
        & (pd.to_datetime(events["starts_on"]) <= pd.Timestamp(shown.last_day))
    ]
    named = [
        {"starts_on": row.starts_on, "name": reader.language.name(row.name_local, row.name_en)}
        for row in inside.rename(columns={"name": "name_local"}).itertuples()
    ]
    if reader.ledger is not None:
        for mark in annotated(reader, shown.first_week, shown.last_day):
            name = reader.language.name(mark.text, mark.text_en)
            starts_on = max(mark.starts_on, shown.first_week)
            named.append({"starts_on": starts_on, "name": name, "author": mark.author})
    overlap = table[table["revenue_last_year"].notna()]
    enough = 2 * len(overlap) > len(table)
    sums = overlap["revenue"].sum(), overlap["revenue_last_year"].sum()
    change = reader.language.change(*sums) if enough else None
    if change is None:
        headline = reader.t(
            "Weekly revenue is {revenue} on average; there is no year before to compare with.",
            revenue=reader.money(table["revenue"].mean()),
        )
    else:
        headline = reader.t(
            "Revenue of the last {weeks} weeks is {change} against the same weeks a year earlier.",
            weeks=len(overlap),
            change=change,
        )
    return Answer(headline, table, {"weeks": len(table), "events": named}, reader.customers)


def _customer_since(reader: Reader) -> pd.Timestamp:
    """The day on which the customer in view was acquired, or first bought if that was earlier."""
    days = reader.rows(customers.profile(reader.view))[["acquired_on", "first_purchase"]].stack().dropna()
    return pd.Timestamp(days.min() if len(days) else reader.calendar.first_week)


def ranking(reader: Reader, measure: str) -> pd.DataFrame:
    """Groups of customers in falling order of a measure, exact up to a quarter of a million customers."""
    n = int(reader.rows(queries.moved_customers(reader.view)).iloc[0]["n"])
    return reader.rows(queries.ranked(reader.view, measure, exact=n <= queries.EXACT_UP_TO))


@question("value.concentration", message("How concentrated revenue is"), draw=charts.lorenz, behind="moved")
def concentration_(reader: Reader) -> Answer:
    groups = ranking(reader, "revenue")
    n = int(groups["customers"].sum())
    if not n or groups["total"].sum() <= 0:
        return no_customers(reader)
    rank_total = groups["rank_total"] if groups["rank_total"].notna().all() else None
    curve = concentration.lorenz_from_groups(
        groups["customers"], groups["total"], groups["smallest"], rank_total, groups["squares"]
    )
    top = curve.top_share(0.2)
    points = curve.points()
    table = points.rename(columns={points.columns[0]: "customers_share", points.columns[1]: "revenue_share"})
    numbers = {"gini": curve.gini, "top_20_share": top, "revenue": curve.total, "customers": n}
    headline = reader.t("The best 20% of customers bring {share} of revenue.", share=reader.language.percent(top))
    return Answer(headline, table, numbers, n)


@question(
    "value.whale",
    message("Who makes the profit and who eats it"),
    needs=("cost_of_goods",),
    draw=charts.whale,
    behind="moved",
)
def whale(reader: Reader) -> Answer:
    groups = ranking(reader, "profit")
    n = int(groups["customers"].sum())
    if not n:
        return no_customers(reader)
    columns = ("customers", "total", "smallest", "gainers", "gains", "losers", "squares")
    curve = concentration.WhaleCurve.from_groups(*[groups[c] for c in columns])
    zones = reader.rows(queries.zones(reader.view)).set_index("zone")
    band = curve.interval()
    numbers = {
        "total_profit": curve.total,
        "peak_share": curve.peak_share,
        "peak_at_share": curve.peak_at_share,
        "top_20_share": curve.top_20_share,
        "loss_makers": curve.loss_makers,
        "loss_maker_share": curve.loss_maker_share,
        "erosion": curve.erosion,
        "worst_10_share": curve.worst_10_share,
        "gains": curve.gains,
        "losses": curve.losses,
        "customers": n,
        "zones": zone_numbers(zones, n),
    }
    if band is not None and curve.top_20_share is not None:
        numbers |= {"top_20_share_low": band.top_20_share.low, "top_20_share_high": band.top_20_share.high}
        numbers |= {"peak_share_low": band.peak_share.low, "peak_share_high": band.peak_share.high}
    percent = reader.language.percent
    if curve.top_20_share is None:
        headline = reader.t(
            "These customers lose {loss} together, so shares of profit are not defined.",
            loss=reader.money(-curve.total),
        )
    else:
        headline = reader.t(
            "20% of customers make {share} of the profit; {losers} lose money and eat {erosion} of it.",
            share=percent(curve.top_20_share),
            losers=percent(curve.loss_maker_share),
            erosion=percent(curve.erosion),
        )
    return Answer(headline, curve.points(300), numbers, n)


def zone_numbers(zones: pd.DataFrame, n: int) -> list[dict]:
    """Creators, break-even and destroyers with their place on the whale curve, best first."""
    found, reached = [], 0
    for code in ("creators", "break_even", "destroyers"):
        customers = int(zones["customers"].get(code, 0))
        entry = {"code": code, "from_share": reached / n, "customers": customers}
        reached += customers
        found.append(entry | {"to_share": reached / n, "profit": float(zones["profit"].get(code, 0.0))})
    return found


@question(
    "value.distribution", message("How revenue is spread over customers"), draw=charts.distribution, behind="moved"
)
def distribution(reader: Reader) -> Answer:
    bins = reader.rows(queries.distribution(reader.view))
    n = int(bins["customers"].sum())
    if not n:
        return no_customers(reader)
    middle = reader.rows(queries.quantiles(reader.view)).iloc[0]
    width = 1 / queries.BINS_A_DECADE
    table = pd.DataFrame(
        {
            "low": 10 ** (bins["bin"].astype(float) * width),
            "high": 10 ** ((bins["bin"].astype(float) + 1) * width),
            "customers": bins["customers"],
            "revenue": bins["revenue"],
        }
    )
    deciles = [none_if_undefined(middle[f"q{q}"]) for q in range(1, 10)]
    median, mean = deciles[4], none_if_undefined(middle["mean"])
    numbers = {
        "median": median,
        "mean": mean,
        "deciles": deciles,
        "buyers": int(middle["n"]),
        "not_positive": int(bins.loc[bins["bin"].isna(), "customers"].sum()),
    }
    headline = reader.t(
        "Half of the buyers bring less than {median}; the average is {mean}.",
        median=reader.money(median),
        mean=reader.money(mean),
    )
    return Answer(headline, table, numbers, n)


@question(
    "value.deciles",
    message("Ten equal groups of customers, the best first"),
    draw=charts.deciles,
    behind="moved",
    dimension="group",
)
def deciles(reader: Reader) -> Answer:
    table = reader.rows(queries.deciles(reader.view))
    if table.empty:
        return no_customers(reader)
    table["revenue_share"] = share_of_total(table["revenue"])
    table["profit_share"] = share_of_total(table["profit"])
    best, worst = table.iloc[0], table.iloc[-1]
    n = int(table["customers"].sum())
    if pd.isna(best["profit"]):
        headline = reader.t(
            "The top tenth brings {share} of revenue.", share=reader.language.percent(best["revenue_share"])
        )
    elif worst["profit"] < 0:
        headline = reader.t(
            "The best tenth earns {best}, the worst tenth loses {worst}.",
            best=reader.money(best["profit"]),
            worst=reader.money(-worst["profit"]),
        )
    else:
        headline = reader.t(
            "The best tenth earns {best}, the last tenth {worst}.",
            best=reader.money(best["profit"]),
            worst=reader.money(worst["profit"]),
        )
    groups = {str(decile): f"decile-{decile}" for decile in table["decile"]}
    return Answer(headline, table, {"groups": groups}, n)


@question("value.by_region", message("Regions"), needs=("region",), draw=charts.by_region, dimension="region")
def by_region(reader: Reader) -> Answer:
    level = shown_level(reader)
    table = reader.named(reader.rows(queries.by_region(reader.view, level)))
    if table.empty:
        return no_customers(reader)
    table["margin"] = divided(table["profit"], table["revenue"])
    keep = [
        "code", "name", "customers", "active_customers", "revenue", "gross_margin", "cost_to_serve", "profit",
        "margin", "loss_makers", "satisfaction",
    ]  # fmt: skip
    table = table[keep]
    first = table.iloc[0]
    share = ratio(first["revenue"], table["revenue"].sum())
    losing = table[table["profit"] < 0]
    said = {"region": first["name"], "share": reader.language.percent(share)}
    earned = ratio(first["profit"], total) if (total := table["profit"].sum()) > 0 else None
    if len(losing):
        headline = reader.t(
            "{region} brings {share} of revenue; {losing} lose money.",
            **said,
            losing=reader.language.list(losing["name"].head(3)),
        )
    elif earned is not None:
        headline = reader.t(
            "{region} brings {share} of revenue and {earned} of profit.",
            **said,
            earned=reader.language.percent(earned),
        )
    else:
        headline = reader.t("{region} brings {share} of revenue.", **said)
    return Answer(headline, table, {"level": level}, int(table["customers"].sum()))


def shown_level(reader: Reader) -> int:
    """The level below the regions chosen, or below those the reader may see: one looks into what one has."""
    regions = reader.marts.dimensions["region"]
    deepest = max((entry.level for entry in regions.values()), default=0)
    within = reader.filters.region or reader.scope.regions or ()
    chosen = [regions[code].level for code in within if code in regions]
    return min(min(chosen) + 1, deepest) if chosen else 0


def divided(numerator: pd.Series, denominator: pd.Series) -> pd.Series:
    """Row by row ratios; undefined where the denominator is zero."""
    return numerator.astype(float) / denominator.astype(float).where(denominator != 0)


def share_of_total(values: pd.Series) -> pd.Series:
    """Each value as a share of the sum; undefined unless the sum is positive."""
    total = values.sum(min_count=1)
    return values / total if total > 0 else values * float("nan")


def none_if_undefined(value: object) -> float | None:
    return None if pd.isna(value) else float(value)  # type: ignore[arg-type]
