"""Customers one by one: the list behind a number, and one customer in full."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.insight import Answer, Reader, no_customers, question
from dashboard.insights.cost import item_name
from dashboard.insights.grading import reason_name
from dashboard.insights.value import divided, ratio, totals
from dashboard.language import message
from queries import cost as cost_queries
from queries import customers as queries

LISTED = 500
EXTREMES = 10
FACTS = ("code", "name", "kind", "industry", "size", "grade", "tier")
COLUMNS = (
    "code", "name", "grade", "tier", "region", "revenue", "gross_margin", "cost_to_serve", "profit", "margin",
    "satisfaction", "last_purchase",
)  # fmt: skip


def listing(reader: Reader, order: str, limit: int) -> pd.DataFrame:
    """The customers in view by a measure, with names in the reader's language."""
    return told(reader, reader.rows(queries.listed(reader.view, order, limit)))


def told(reader: Reader, found: pd.DataFrame) -> pd.DataFrame:
    """Rows of `queries.customers.listed` as they are shown."""
    table = reader.named(found)
    table["margin"] = divided(table["profit"], table["revenue"])
    return table[list(COLUMNS)]


def measure(reader: Reader) -> str:
    """Profit where it can be computed, revenue otherwise."""
    return "profit" if "cost_of_goods" in reader.marts.filled else "revenue"


def order_of(reader: Reader) -> str:
    """Who comes first behind a number: the largest, of those who lose money who loses most."""
    losing = reader.filters.group in ("loss_makers", "destroyers", "decile-10")
    return f"-{measure(reader)}" if losing else "revenue"


def every(reader: Reader) -> Iterator[pd.DataFrame]:
    """All customers in view, in parts."""
    for part in reader.stream(queries.listed(reader.view, order_of(reader), None)):
        yield told(reader, part)


@question("customers.list", message("The customers behind a number"), parts=every)
def listed(reader: Reader) -> Answer:
    """The first of them; `every` has them all."""
    table = listing(reader, order_of(reader), LISTED)
    now = totals(reader, reader.view)
    n = int(now["customers"] or 0)
    if not n:
        return no_customers(reader)
    if now["profit"] is None:
        headline = reader.t(
            "{n} {n:customer|customers} with {revenue} revenue.",
            n=reader.language.number(n),
            revenue=reader.money(now["revenue"]),
        )
    else:
        headline = reader.t(
            "{n} {n:customer|customers} with {revenue} revenue and {profit} profit.",
            n=reader.language.number(n),
            revenue=reader.money(now["revenue"]),
            profit=reader.money(now["profit"]),
        )
    return Answer(headline, table, now | {"shown": len(table)}, n)


@question("value.top", message("The best customers"))
def top(reader: Reader) -> Answer:
    return _extreme(reader, measure(reader), message("The {n} best customers bring {amount}, {share} of the total."))


@question("value.bottom", message("The least profitable customers"), needs=("cost_of_goods",), behind="loss_makers")
def bottom(reader: Reader) -> Answer:
    table = listing(reader, "-profit", EXTREMES)
    if table.empty:
        return no_customers(reader)
    amount = float(table["profit"].sum())
    if amount < 0:
        headline = reader.t("The {n} worst customers lose {amount}.", n=len(table), amount=reader.money(-amount))
    else:
        headline = reader.t("Even the {n} last customers earn {amount}.", n=len(table), amount=reader.money(amount))
    return Answer(headline, table, {"amount": amount}, len(table))


def _extreme(reader: Reader, order: str, sentence: str) -> Answer:
    table = listing(reader, order, EXTREMES)
    if table.empty:
        return no_customers(reader)
    now = totals(reader, reader.view)
    amount = float(table[order].sum())
    share = ratio(amount, now[order]) if (now[order] or 0) > 0 else None
    headline = reader.t(sentence, n=len(table), amount=reader.money(amount), share=reader.language.percent(share))
    return Answer(headline, table, {"amount": amount, "share": share}, len(table))


@question("customer.summary", message("One customer"))
def one(reader: Reader) -> Answer:
    found = reader.rows(queries.profile(reader.view))
    if len(found) != 1:
        return Answer(reader.t("No such customer, or not in the regions you may see."))
    row = reader.named(found).iloc[0]
    now = totals(reader, reader.view)
    numbers = {
        "customer_key": int(row["customer_key"]),
        **{
            k: None if pd.isna(row[k]) else row[k]
            for k in ("code", "name", "kind", "industry", "size", "grade", "tier", "manager", "channel", "region_code")
        },
        **{k: None if pd.isna(row[k]) else int(row[k]) for k in ("strategic_fit", "needs_level")},
        **{k: None if pd.isna(row[k]) else row[k].date() for k in ("acquired_on", "first_purchase", "last_purchase")},
        **now,
    }
    if now["profit"] is None:
        headline = reader.t("{name} brought {revenue}.", name=row["name"], revenue=reader.money(now["revenue"]))
    elif now["profit"] < 0:
        headline = reader.t(
            "{name} brought {revenue} and cost us {loss} more than that.",
            name=row["name"],
            revenue=reader.money(now["revenue"]),
            loss=reader.money(-now["profit"]),
        )
    else:
        headline = reader.t(
            "{name} brought {revenue} and {profit} profit.",
            name=row["name"],
            revenue=reader.money(now["revenue"]),
            profit=reader.money(now["profit"]),
        )
    return Answer(headline, pd.DataFrame([{"code": row["code"], "name": row["name"]}]), numbers, 1)


@question("customer.costs", message("What serving this customer costs"), needs=("costs",))
def costs(reader: Reader) -> Answer:
    items = reader.rows(cost_queries.items(reader.view))
    table = pd.DataFrame(
        {
            "name": [item_name(reader, item) for item in items["item"]],
            "quantity": items["quantity"],
            "amount": items["amount"],
        }
    )
    if table.empty:
        return Answer(reader.t("No service cost was recorded for these customers."), table)
    headline = reader.t(
        "{item} is the largest cost of service, {amount}.",
        item=table.iloc[0]["name"],
        amount=reader.money(table.iloc[0]["amount"]),
    )
    return Answer(headline, table, {"cost_to_serve": float(table["amount"].sum())}, 1)


@question("customer.assignments", message("Grades and tiers over time"), needs=("grades",))
def assignments(reader: Reader) -> Answer:
    table = reader.rows(queries.assignments(reader.view))
    if table.empty:
        return Answer(reader.t("This customer was never graded."), table)
    table["reason"] = [
        None if pd.isna(reason) else reason_name(reader, reason) for reason in table["reason"].astype(object)
    ]
    since = reader.language.date(table["valid_from"].min())
    if len(table) == 1:
        headline = reader.t("Graded once, and unchanged since {day}.", day=since)
    else:
        headline = reader.t("Graded {n} {n:time|times} since {day}.", n=len(table), day=since)
    return Answer(headline, table, {}, len(table))


@question("customer.answers", message("Survey answers and what was said"), needs=("survey",))
def answers(reader: Reader) -> Answer:
    table = reader.rows(queries.spells(reader.view))
    if table.empty:
        return Answer(reader.t("This customer has not answered a survey."), table)
    headline = reader.t("The last answer was {score} of 5.", score=f"{table.iloc[0]['satisfaction']:.2f}")
    return Answer(headline, table, {}, len(table))
