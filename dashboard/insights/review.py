"""The weekly review: what changed since the weeks before, why, who moved, and whether targets were met.

A change of profit is broken down by effect, region, grade, line and customer; each breakdown adds up to the change
to the cent, because all sums are whole cents.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from dashboard.charts import review as charts
from dashboard.comparison import ratio, targets
from dashboard.insight import Answer, Reader, no_customers, question
from dashboard.insights.cost import item_name
from dashboard.insights.satisfaction import edges, fitted
from dashboard.insights.value import against, none_if_undefined, shown_level, totals, without_profit
from dashboard.language import message
from dashboard.metrics import METRICS
from dashboard.periods import DEFAULT_PERIOD
from queries import cost, value
from queries import review as queries
from queries.population import View
from queries.schema import GRADES

NAMED = 5
"""Contributors named one by one; the others are one."""
LISTED = 200
SUMMARY = (
    *("active_customers", "revenue", "gross_margin", "cost_to_serve", "profit", "margin"),
    *("satisfaction", "praise", "complaint", "referral"),
)
BREAKDOWNS = {
    "effect": message("Effect"),
    "region": message("Region"),
    "grade": message("Grade"),
    "line": message("Line of profit"),
    "customer": message("Customer"),
}
EFFECTS = {
    "entered": message("Came into this selection"),
    "left": message("Left this selection"),
    "new": message("First-time buyers"),
    "back": message("Returning buyers"),
    "paused": message("Pausing buyers"),
    "volume": message("Volume of steady buyers"),
    "rate": message("Prices and mix of steady buyers"),
    "service": message("Cost to serve"),
}
PLAYBOOK = {
    ("amount", "up"): message("Thank him and ask what it is for: it may be a chance"),
    ("amount", "down"): message("Ask what is missing before the next order"),
    ("silence", "down"): message("Call this week and note the reason"),
}
ALERTS = {"amount": message("Unusual sales"), "silence": message("Silence")}


# --- the windows -------------------------------------------------------------------------------------------


def earlier(reader: Reader) -> View | None:
    """The view that the review compares with: the reader's choice of an earlier time, else the weeks before."""
    chosen = reader.filters.compare
    return reader.compared(chosen if chosen in ("last_year", "event") else "previous")


def base(reader: Reader) -> str:
    """The time compared with, in words that follow a comparison."""
    t, weeks, chosen = reader.t, reader.view.window.weeks, reader.filters.compare
    if chosen == "event" and reader.occasion:
        return t("last year around {event}", event=reader.occasion)
    if chosen in ("last_year", "event"):
        return t("in the same week last year") if weeks == 1 else t("in the same weeks last year")
    return t("the week before") if weeks == 1 else t("the {weeks} weeks before", weeks=weeks)


def since(reader: Reader) -> str:
    """The time compared with, in words that stand alone."""
    t, weeks, chosen = reader.t, reader.view.window.weeks, reader.filters.compare
    if chosen == "event" and reader.occasion:
        return t("since last year around {event}", event=reader.occasion)
    if chosen in ("last_year", "event"):
        return t("since the same week last year") if weeks == 1 else t("since the same weeks last year")
    return t("since the week before") if weeks == 1 else t("since the {weeks} weeks before", weeks=weeks)


def no_history(reader: Reader) -> Answer:
    return Answer(reader.t("There is nothing to compare with: the data does not reach back that far."))


def unfinished(reader: Reader) -> str:
    """A sentence when the last of the weeks is not over, else nothing."""
    calendar, window = reader.calendar, reader.view.window
    if window.last_week < calendar.last_week or not calendar.unfinished:
        return ""
    return reader.t(" The week is unfinished: data to {day}.", day=reader.language.date(calendar.last_day))


# --- the change and its parts ------------------------------------------------------------------------------


def lines_of(reader: Reader, now: View, before: View) -> pd.DataFrame:
    """The change by line of profit, gross margin and each cost item: code, name, before, now, in cents."""
    sides = []
    for view in (before, now):
        margin = int(reader.rows(queries.sums(view)).iloc[0]["gross_margin"])
        items = reader.rows(cost.items(view))
        charged = -(items["amount"] * 100).round().astype("int64")
        sides.append({"gross_margin": margin} | dict(zip(items["item"], charged.tolist(), strict=True)))
    codes = list(sides[1] | sides[0])
    names = [reader.t("Gross margin") if code == "gross_margin" else item_name(reader, code) for code in codes]
    amounts = {name: [side.get(code, 0) for code in codes] for name, side in zip(("before", "now"), sides, strict=True)}
    return pd.DataFrame({"code": codes, "name": names, **amounts})


def groups_of(reader: Reader, now: View, before: View, by: str) -> pd.DataFrame:
    """The change by region (one level below the chosen one) or grade; columns as in `lines_of`."""
    level = shown_level(reader)
    sides = []
    for view in (before, now):
        rows = reader.rows(queries.parts(view, level))
        if by == "region":
            rows = reader.named(rows)
            keys = [rows["code"].fillna(""), rows["name"].where(rows["code"].notna(), reader.t("no region stated"))]
        else:
            grade = rows["grade"].where(rows["grade"].isin(GRADES), "")
            names = [reader.t("Grade {grade}", grade=g) if g else reader.t("not graded") for g in grade]
            keys = [grade, pd.Series(names, rows.index, dtype=object)]
        sides.append(rows["profit"].groupby([keys[0].rename("code"), keys[1].rename("name")]).sum())
    both = pd.concat(sides, axis=1, keys=["before", "now"]).fillna(0).astype("int64")
    return both.reset_index()


def customers_of(reader: Reader, now: View, before: View, change: int) -> pd.DataFrame:
    """The customers whose profit changed most, and all others as one, in cents."""
    rows = reader.named(reader.rows(queries.largest(now, before, NAMED)))
    found = pd.DataFrame({"code": rows["code"], "name": rows["name"], "amount": rows["change"].astype("int64")})
    return with_rest(reader, found, change)


def effects_of(reader: Reader, now: View, before: View) -> pd.DataFrame:
    """The change by effect: who came, left or paused, what steady buyers changed, and the cost to serve, in cents."""
    rows = reader.rows(queries.effects(now, before)).set_index("effect")
    parts = {name: rows.loc[name] for name in rows.index}
    whole = ("entered", "left")
    amounts = {name: int(part["margin"]) for name, part in parts.items() if name != "kept"}
    for name in whole:
        if name in parts:
            amounts[name] -= int(parts[name]["cost"])
    if "kept" in parts:
        kept = parts["kept"]
        amounts |= {"volume": int(kept["volume"]), "rate": int(kept["margin"]) - int(kept["volume"])}
    amounts["service"] = -sum(int(part["cost"]) for name, part in parts.items() if name not in whole)
    order = [name for name in EFFECTS if amounts.get(name)]
    return pd.DataFrame(
        {"code": order, "name": [reader.t(EFFECTS[n]) for n in order], "amount": [amounts[n] for n in order]}
    ).astype({"amount": "int64"})


def with_rest(reader: Reader, table: pd.DataFrame, change: int, limit: int = NAMED) -> pd.DataFrame:
    """The largest contributions, largest first, and what is left of the change as one row."""
    table = table[table["amount"] != 0]
    table = table.iloc[table["amount"].abs().argsort(kind="stable")[::-1]]
    named = table.head(limit)[["code", "name", "amount"]]
    rest = change - int(named["amount"].sum())
    if rest or len(table) > limit:
        named = pd.concat([named, pd.DataFrame([("", reader.t("All others"), rest)], columns=named.columns)])
    return named.reset_index(drop=True)


def parts_of(reader: Reader, by: str, now: View, before: View, change: int) -> pd.DataFrame:
    """One breakdown of the change: code, name, amount in cents, which add up to the change."""
    if by == "effect":
        return effects_of(reader, now, before)
    if by == "customer":
        return customers_of(reader, now, before, change)
    found = lines_of(reader, now, before) if by == "line" else groups_of(reader, now, before, by)
    return with_rest(reader, found.assign(amount=found["now"] - found["before"]), change)


def changed(reader: Reader, before: View) -> dict[str, int]:
    """Profit then and now and the change, in cents."""
    sides = [int(reader.rows(queries.sums(view)).iloc[0]["profit"]) for view in (before, reader.view)]
    return {"before": sides[0], "now": sides[1], "change": sides[1] - sides[0]}


def steps(reader: Reader, parts: pd.DataFrame, sums: dict[str, int]) -> pd.DataFrame:
    """A breakdown from the earlier profit to today's, in money, as a waterfall draws it."""
    first = ("", reader.t("Profit before"), sums["before"], "total")
    last = ("", reader.t("Profit now"), sums["now"], "total")
    rows = [(*part, "change") for part in parts[["code", "name", "amount"]].itertuples(index=False)]
    table = pd.DataFrame([first, *rows, last], columns=["step", "name", "amount", "kind"])
    return table.assign(amount=table["amount"] / 100)


def in_money(sums: dict[str, int]) -> dict[str, float]:
    return {name: amount / 100 for name, amount in sums.items()}


def signed(reader: Reader, amount: float) -> str:
    text = reader.money(amount)
    return f"+{text}" if amount > 0 else text


def said(reader: Reader, parts: pd.DataFrame) -> str:
    """The largest contribution of a breakdown in words: name (amount); empty without one."""
    named = parts[parts["code"] != ""]
    if named.empty:
        return ""
    first = named.loc[named["amount"].abs().idxmax()]
    return f"{first['name']} {signed(reader, first['amount'] / 100)}"


def comparison_sentence(reader: Reader, sums: dict[str, int]) -> str:
    """By how much profit is above or below the time compared with."""
    words = {
        "profit": reader.money(sums["now"] / 100),
        "size": reader.money(abs(sums["change"]) / 100),
        "base": base(reader),
    }
    if sums["change"] > 0:
        return reader.t("Profit is {profit}, {size} more than {base}.", **words)
    if sums["change"] < 0:
        return reader.t("Profit is {profit}, {size} less than {base}.", **words)
    return reader.t("Profit is {profit}, as much as {base}.", **words)


def why(reader: Reader, before: View, sums: dict[str, int]) -> str:
    """A sentence of the largest contributions by grade and by line; one that is all of the change says nothing.

    Not by region: the largest country would be named week after week.
    """
    tables = [parts_of(reader, by, reader.view, before, sums["change"]) for by in ("grade", "line")]
    found = [said(reader, table) for table in tables if len(table) > 1]
    names = [name for name in found if name]
    if not names or not sums["change"]:
        return ""
    return reader.t(" The largest parts of the change: {names}.", names=reader.language.list(names))


@question("review.summary", message("The week at a glance"), weekly=True)
def summary(reader: Reader) -> Answer:
    now = totals(reader, reader.view)
    if not now["customers"]:
        return no_customers(reader)
    table, reasons = against(reader, now, SUMMARY)
    before = earlier(reader)
    numbers: dict[str, Any] = {name: now[name] for name in SUMMARY}
    numbers |= {"week": reader.view.window.last_week, "weeks": reader.view.window.weeks}
    numbers |= {"compared_from": before.window.first_week if before else None, "occasion": reader.occasion}
    numbers["unknown"] = reasons
    if now["profit"] is None:
        headline = without_profit(reader, now)
    elif before is None:
        headline = reader.t(
            "Profit is {profit}; there is nothing earlier to compare it with.", profit=reader.money(now["profit"])
        )
    else:
        sums = changed(reader, before)
        numbers |= {"change": sums["change"] / 100}
        headline = comparison_sentence(reader, sums) + why(reader, before, sums)
    return Answer(headline + unfinished(reader), table, numbers, int(now["customers"]))


@question(
    "review.contributions",
    message("What changed profit"),
    needs=("cost_of_goods",),
    draw=charts.contributions,
    weekly=True,
)
def contributions(reader: Reader) -> Answer:
    before = earlier(reader)
    if before is None:
        return no_history(reader)
    n = reader.customers
    sums = changed(reader, before)
    tables = {by: parts_of(reader, by, reader.view, before, sums["change"]) for by in BREAKDOWNS}
    table = pd.concat([part.assign(by=reader.t(BREAKDOWNS[by]), part=by) for by, part in tables.items()])
    table = table.assign(amount=table["amount"] / 100)[["part", "by", "code", "name", "amount"]]
    if not n and not sums["before"]:
        return no_customers(reader)
    numbers = in_money(sums) | {"compared_from": before.window.first_week, "compared_to": before.window.last_day}
    numbers["waterfall"] = steps(reader, tables["effect"], sums).to_dict("records")
    named = tables["customer"]
    ranked = tables["effect"].iloc[tables["effect"]["amount"].abs().argsort(kind="stable")[::-1]]
    if sums["change"] and len(ranked):
        effects = [
            f"{row.name_} {signed(reader, row.amount / 100)}"
            for row in ranked.head(2).rename(columns={"name": "name_"}).itertuples()
        ]
        headline = reader.t(
            "Profit changed by {change}: {effects}; the {n} customers who changed most make {customers} of it.",
            change=signed(reader, sums["change"] / 100),
            effects=reader.language.list(effects),
            n=int((named["code"] != "").sum()),
            customers=signed(reader, named.loc[named["code"] != "", "amount"].sum() / 100),
        )
    else:
        headline = comparison_sentence(reader, sums)
    return Answer(headline + unfinished(reader), table.reset_index(drop=True), numbers, n)


def breakdown(reader: Reader, by: str) -> Answer:
    """One breakdown of the change of profit as a waterfall."""
    before = earlier(reader)
    if before is None:
        return no_history(reader)
    n = reader.customers
    sums = changed(reader, before)
    if not n and not sums["before"]:
        return no_customers(reader)
    parts = parts_of(reader, by, reader.view, before, sums["change"])
    named = parts[parts["code"] != ""]
    if named.empty:
        headline = reader.t("Nothing changed.")
    else:
        first = named.loc[named["amount"].abs().idxmax()]
        rest = parts.loc[parts["code"] == "", "amount"].sum()
        headline = reader.t(
            "{name} changed most: {amount}. The others together: {rest}.",
            name=first["name"],
            amount=signed(reader, first["amount"] / 100),
            rest=signed(reader, (sums["change"] - first["amount"]) / 100),
        )
        if rest == 0 and len(named) == 1:
            amount = signed(reader, first["amount"] / 100)
            headline = reader.t("All of the change is {name}: {amount}.", name=first["name"], amount=amount)
    return Answer(headline, steps(reader, parts, sums), in_money(sums), n)


@question(
    "review.regions",
    message("Change of profit by region"),
    needs=("cost_of_goods", "region"),
    draw=charts.breakdown,
    dimension="region",
    weekly=True,
)
def regions(reader: Reader) -> Answer:
    return breakdown(reader, "region")


@question(
    "review.grades",
    message("Change of profit by grade"),
    needs=("cost_of_goods", "assignment"),
    draw=charts.breakdown,
    dimension="grade",
    weekly=True,
)
def grades(reader: Reader) -> Answer:
    return breakdown(reader, "grade")


@question(
    "review.lines",
    message("Change of profit by revenue and cost"),
    needs=("cost_of_goods",),
    draw=charts.breakdown,
    weekly=True,
)
def lines(reader: Reader) -> Answer:
    return breakdown(reader, "line")


@question(
    "review.customers",
    message("Customers who changed profit most"),
    needs=("cost_of_goods",),
    draw=charts.breakdown,
    dimension="customer",
    weekly=True,
)
def customers(reader: Reader) -> Answer:
    return breakdown(reader, "customer")


# --- who moved, turned or crossed --------------------------------------------------------------------------


@question(
    "review.loss_makers",
    message("New loss-makers and the first cause"),
    needs=("costs", "cost_of_goods"),
    behind=None,
    weekly=True,
)
def loss_makers(reader: Reader) -> Answer:
    """Those who lose money over the year up to the week and did not over the year up to the time compared with."""
    before = earlier(reader)
    calendar, week = reader.calendar, reader.view.window.last_week
    year = calendar.window(DEFAULT_PERIOD, week)
    past = calendar.held(calendar.window(DEFAULT_PERIOD, before.window.last_week)) if before else None
    if past is None:
        return no_history(reader)
    n = reader.customers
    if not n:
        return no_customers(reader)
    now, then = reader.view.over(year), reader.view.over(past)
    causes = reader.rows(queries.new_losses(now, then))
    if causes.empty:
        headline = reader.t("Nobody turned loss-making over his last 52 weeks {since}.", since=since(reader))
        return Answer(headline, pd.DataFrame(), {"customers": 0, "loss": 0.0}, n)
    table = reader.named(reader.rows(queries.new_loss_makers(now, then, LISTED)))
    table["cause"] = [cause_name(reader, cause) for cause in table["cause"]]
    table["excess"] = table["excess"].clip(lower=0)
    count, loss = int(causes["customers"].sum()), float(causes["loss"].sum())
    headline = reader.t(
        "{n} {n:customer|customers} turned loss-making over their last 52 weeks {since}, {loss} "
        "together; the first cause is most "
        "often {cause}.",
        n=reader.language.number(count),
        since=since(reader),
        loss=reader.money(loss),
        cause=cause_name(reader, causes.loc[causes["customers"].idxmax(), "cause"]),
    )
    by_cause = {
        cause_name(reader, row.cause): {"customers": int(row.customers), "loss": float(row.loss)}
        for row in causes.itertuples()
    }
    return Answer(headline, table, {"customers": count, "loss": loss, "causes": by_cause}, n)


def cause_name(reader: Reader, cause: Any) -> str:
    return reader.t("No single cause") if pd.isna(cause) else item_name(reader, cause)


@question(
    "review.thresholds",
    message("Who crossed a threshold of satisfaction"),
    needs=("survey", "word_of_mouth"),
    behind=None,
    weekly=True,
)
def thresholds(reader: Reader) -> Answer:
    """Crossings of the thresholds of the curve over the year up to the week (`satisfaction.curve`)."""
    before = earlier(reader)
    if before is None:
        return no_history(reader)
    n = reader.customers
    if not n:
        return no_customers(reader)
    year = reader.filters.put("period", DEFAULT_PERIOD)
    _, found = fitted(replace(reader, filters=year))
    places = edges(found) if found is not None else None
    if places is None:
        return Answer(reader.t("The answers show no two thresholds, so nobody can be said to have crossed one."), n=n)
    low, high = places
    table = reader.named(reader.rows(queries.crossings(reader.view, before.window.last_day, low, high)))
    order = ["complaining", "indifferent", "praising"]
    step = table["zone"].map(order.index).astype(int) - table["from_zone"].map(order.index).astype(int)
    numbers = {
        "complaint_threshold": low,
        "praise_threshold": high,
        "up": int((step > 0).sum()),
        "down": int((step < 0).sum()),
        "into_complaining": int((table["zone"] == "complaining").sum()),
    }
    if table.empty:
        headline = reader.t("No answer crossed a threshold of satisfaction {since}.", since=since(reader))
        return Answer(headline, pd.DataFrame(), numbers, n)
    headline = reader.t(
        "{down} {down:customer|customers} fell below a threshold of satisfaction {since}, "
        "{complaining} of them into complaint; "
        "{up} rose above one.",
        down=reader.language.number(numbers["down"]),
        complaining=reader.language.number(numbers["into_complaining"]),
        up=reader.language.number(numbers["up"]),
        since=since(reader),
    )
    return Answer(headline, table.head(LISTED), numbers, n)


# --- alerts and targets ------------------------------------------------------------------------------------


@question("review.alerts", message("Unusual sales and silences"), behind=None, weekly=True)
def alerts(reader: Reader) -> Answer:
    n = reader.customers
    if not n:
        return no_customers(reader)
    window = reader.view.window
    judged = reader.rows(queries.alert_weeks(reader.view))
    judged["week"] = pd.to_datetime(judged["week"]).dt.date
    mine = judged[(judged["week"] >= window.first_week) & (judged["week"] <= window.last_week)]
    if mine.empty:
        return Answer(
            reader.t(
                "Only the last finished weeks are judged ({weeks}); choose one of them.",
                weeks=reader.language.list([reader.language.week(week) for week in sorted(set(judged["week"]))]),
            ),
            n=n,
        )
    table = reader.named(reader.rows(queries.alerts(reader.view)))
    kinds = {kind: table[table["alert"] == kind] for kind in ALERTS}
    numbers: dict[str, Any] = {kind: len(rows) for kind, rows in kinds.items()}
    numbers |= {f"money_{kind}": float(rows["money_at_risk"].sum()) for kind, rows in kinds.items()}
    numbers |= {"tested": int(mine["tested"].sum()), "expected_false": float(table["local_fdr"].sum())}
    if table.empty:
        tested = reader.language.number(numbers["tested"])
        headline = reader.t("Nothing unusual: none of {tested} {tested:test|tests} raised an alarm.", tested=tested)
        return Answer(headline, pd.DataFrame(), numbers, n)
    headline = reader.language.sentences(*unusual(reader, numbers), false_alarms(reader, numbers))
    table["happened"] = [happened(reader, row) for row in table.to_dict("records")]
    table["playbook"] = [
        reader.t(PLAYBOOK[kind, way]) for kind, way in zip(table["alert"], table["direction"], strict=True)
    ]
    table["alert"] = [reader.t(ALERTS[kind]) for kind in table["alert"]]
    table["week"] = pd.to_datetime(table["week"])
    keep = [
        *("code", "name", "grade", "alert", "happened", "playbook", "money_at_risk", "week", "q_value", "local_fdr"),
    ]
    return Answer(headline, table[keep].head(LISTED), numbers, n)


def unusual(reader: Reader, numbers: dict[str, Any]) -> list[str]:
    """How many fell silent and bought unusual amounts, with the money at stake: a sentence for each that did."""
    texts = {
        "silence": message("{n} {n:customer|customers} fell silent, with {money} a year at stake."),
        "amount": message("{n} {n:customer|customers} bought unusual amounts, {money} away from the usual."),
    }
    return [
        reader.t(text, n=reader.language.number(numbers[kind]), money=reader.money(numbers[f"money_{kind}"]))
        for kind, text in texts.items()
        if numbers[kind]
    ]


def false_alarms(reader: Reader, numbers: dict[str, Any]) -> str:
    """How many of the alarms are likely false, in words: the sum of each one's chance to be."""
    tested, expected = reader.language.number(numbers["tested"]), round(numbers["expected_false"])
    if not expected:
        return reader.t("Fewer than one of them is expected to be a false alarm, after {tested} tests.", tested=tested)
    return reader.t(
        "About {n} of them {n:is|are} expected to be {n:a false alarm|false alarms}, after {tested} tests.",
        tested=tested,
        n=expected,
    )


def happened(reader: Reader, alert: dict[str, Any]) -> str:
    """What is out of the ordinary, beside what is usual for this customer."""
    if alert["alert"] == "silence":
        return reader.t(
            "No purchase for {weeks} {weeks:week|weeks}; usually every {usual}",
            weeks=f"{alert['amount']:.0f}",
            usual=f"{alert['usual']:.1f}",
        )
    return reader.t(
        "Bought for {amount}; usually {usual} a week",
        amount=reader.money(alert["amount"]),
        usual=reader.money(alert["usual"]),
    )


@question("review.targets", message("Targets met or missed"), draw=charts.targets, weekly=True)
def targets_(reader: Reader) -> Answer:
    now = totals(reader, reader.view)
    if not now["customers"]:
        return no_customers(reader)
    goals = targets(reader)
    if reader.marts.targets.empty:
        return Answer(reader.t("No targets are set. Supply the table target to compare with them."))
    rows = goal_rows(reader, reader.t("All in view"), now, "")
    level = shown_level(reader)
    for row in reader.named(reader.rows(value.by_region(reader.view, level))).to_dict("records"):
        if not pd.isna(row["code"]) and (row["code"],) != reader.filters.region:
            rows += goal_rows(narrowed(reader, "region", row["code"]), row["name"], with_margin(row), row["code"])
    if not reader.filters.grade:
        for row in reader.rows(value.by_column(reader.view, "grade")).to_dict("records"):
            if row["code"] in GRADES:
                name = reader.t("Grade {grade}", grade=row["code"])
                rows += goal_rows(narrowed(reader, "grade", row["code"]), name, with_margin(row), row["code"])
    if not rows:
        return Answer(reader.t("Nothing to compare with a target: {reason}.", reason=reader.t(goals.reason)))
    table = pd.DataFrame(rows)
    met, own = int(table["met"].sum()), table[table["code"] == ""]
    numbers = {"met": met, "missed": len(table) - met, "own_missed": list(own.loc[~own["met"], "metric"])}
    missed = [reader.t(METRICS[m].label) for m in own.loc[~own["met"], "metric"]]
    if own.empty:
        headline = reader.t("{met} of {all} targets were met.", met=met, all=len(table))
    elif missed:
        headline = reader.t(
            "{missed} missed the target; {met} of {all} targets of all regions and grades were met.",
            missed=reader.language.list(missed),
            met=met,
            all=len(table),
        )
    else:
        headline = reader.t(
            "All targets of these customers were met; {met} of {all} with regions and grades.", met=met, all=len(table)
        )
    table["state"] = [reader.t("met") if done else reader.t("missed") for done in table.pop("met")]
    return Answer(headline, table, numbers, int(now["customers"]))


def narrowed(reader: Reader, name: str, code: str) -> Reader:
    return replace(reader, filters=reader.filters.put(name, (code,)))


def with_margin(row: dict[str, Any]) -> dict[str, Any]:
    known = {name: none_if_undefined(row[name]) for name in row if name not in ("code", "name")}
    return known | {"margin": ratio(known["profit"], known["revenue"])}


def goal_rows(reader: Reader, name: str, values: dict[str, Any], code: str) -> list[dict[str, Any]]:
    """A row a metric with a target: what it was, what it should be, and whether it was met."""
    goals = targets(reader).values
    rows = []
    for metric in SUMMARY:
        goal, actual = goals.get(metric), values.get(metric)
        if goal is None or actual is None:
            continue
        met = actual <= goal if METRICS[metric].good == "down" else actual >= goal
        about = {"code": code, "name": name, "metric": metric}
        rows.append(about | {"value": actual, "target": goal, "gap": actual - goal, "met": met})
    return rows
