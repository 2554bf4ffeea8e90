"""What each customer costs to serve, by activity, and what a unit of money spent on service brings back.

Time-driven activity-based costing after Kaplan & Anderson (2004): quantity of the driver times the unit rate
in force; unused capacity stands on its own line and is never spread over customers.
"""

from __future__ import annotations

import pandas as pd

from dashboard.charts import cost as charts
from dashboard.insight import Answer, Reader, no_customers, question
from dashboard.insights.value import divided, none_if_undefined, ratio, totals
from dashboard.language import DIRECT_COST_NAMES, message
from queries import cost as queries
from queries import customers as customer_queries

LISTED = 200
STEPS = 9
"""Cost items drawn one by one in the waterfall; the smaller ones are one step."""
LINE_NAMES = {
    "discount": message("Discounts"),
    "returned": message("Returns"),
    "cost_of_goods": message("Cost of goods"),
}


def item_name(reader: Reader, item: str) -> str:
    """An activity, a kind of direct cost or a line above the margin, in the reader's words."""
    if item in LINE_NAMES:
        return reader.t(LINE_NAMES[item])
    entry = reader.marts.dimensions["activity"].get(item)
    if entry:
        return reader.language.name(entry.name, entry.name_en)
    if item in DIRECT_COST_NAMES:
        return reader.t(DIRECT_COST_NAMES[item])
    return reader.label("direct_cost", item)


def code_name(reader: Reader, code: str) -> str:
    """What a code of the service policy stands for: a region, an activity or a kind of direct cost."""
    region = reader.marts.dimensions["region"].get(code)
    return reader.language.name(region.name, region.name_en) if region else item_name(reader, code)


@question("cost.summary", message("What service costs and brings back"), needs=("costs",))
def summary(reader: Reader) -> Answer:
    now = totals(reader, reader.view)
    if not now["customers"]:
        return no_customers(reader)
    served = now["cost_to_serve"] or 0.0
    numbers = {
        "cost_to_serve": served,
        "activity_cost": now["activity_cost"] or 0.0,
        "direct_cost": now["direct_cost"] or 0.0,
        "gross_margin": now["gross_margin"],
        "profit": now["profit"],
        "revenue": now["revenue"],
        "return_per_cost": ratio(now["gross_margin"], served),
        "cost_share_of_revenue": ratio(served, now["revenue"]),
        "cost_share_of_margin": ratio(served, now["gross_margin"]),
        "customers": int(now["customers"]),
        "loss_makers": int(now["loss_makers"] or 0),
    }
    table = pd.DataFrame({"metric": list(numbers), "value": list(numbers.values())}).astype({"value": float})
    if numbers["return_per_cost"] is None:
        headline = reader.t(
            "Serving these customers costs {cost}, {share} of revenue.",
            cost=reader.money(served),
            share=reader.language.percent(numbers["cost_share_of_revenue"]),
        )
    else:
        headline = reader.t(
            "Service costs {cost}, {share} of gross margin; each {one} spent stands against {back} of margin.",
            cost=reader.money(served),
            share=reader.language.percent(numbers["cost_share_of_margin"]),
            one=reader.money(1),
            back=reader.money(numbers["return_per_cost"]),
        )
    return Answer(headline, table, numbers, int(now["customers"]))


@question("cost.waterfall", message("From revenue to customer profit"), needs=("costs",), draw=charts.waterfall)
def waterfall(reader: Reader) -> Answer:
    now = totals(reader, reader.view)
    if not now["customers"]:
        return no_customers(reader)
    items = reader.rows(queries.items(reader.view))
    t = reader.t
    steps = [("revenue", t("Revenue"), now["revenue"], "total")]
    if now["gross_margin"] is not None:
        steps.append(("cost_of_goods", t("Cost of goods"), -(now["cost_of_goods"] or 0.0), "cost"))
        steps.append(("gross_margin", t("Gross margin"), now["gross_margin"], "subtotal"))
    for row in items.head(STEPS).itertuples():
        steps.append((row.item, item_name(reader, row.item), -float(row.amount), "cost"))
    rest = items.iloc[STEPS:]
    if len(rest):
        steps.append(("other", t("{n} smaller items", n=len(rest)), -float(rest["amount"].sum()), "cost"))
    left = now["profit"] if now["profit"] is not None else (now["revenue"] or 0.0) - (now["cost_to_serve"] or 0.0)
    last = "profit" if now["profit"] is not None else "before_goods"
    steps.append((last, t("Profit") if last == "profit" else t("Left before cost of goods"), left, "total"))
    table = pd.DataFrame(steps, columns=["step", "name", "amount", "kind"])
    largest = items.iloc[0] if len(items) else None
    if largest is None:
        headline = t("No service cost was recorded for these customers.")
    else:
        headline = (
            t(
                "Of {margin} gross margin {profit} is left; {item} is the largest cost of service, {amount}.",
                margin=reader.money(now["gross_margin"] if now["gross_margin"] is not None else now["revenue"]),
                profit=reader.money(left),
                item=item_name(reader, largest["item"]),
                amount=reader.money(largest["amount"]),
            )
            if now["profit"] is not None
            else t(
                "{item} is the largest cost of service, {amount}.",
                item=item_name(reader, largest["item"]),
                amount=reader.money(largest["amount"]),
            )
        )
    return Answer(headline, table, {"revenue": now["revenue"], "left": left}, int(now["customers"]))


@question(
    "cost.activities",
    message("Activities, unit rates and unused capacity"),
    needs=("service_event",),
    draw=charts.activities,
    dimension="activity",
)
def activities(reader: Reader) -> Answer:
    used = reader.rows(queries.items(reader.view))
    used = used[used["source"] == "activity"].set_index("item")
    everyone = reader.filters.reset() == reader.filters
    supply = reader.rows(queries.capacity(reader.view)).set_index("code")
    known = reader.marts.dimensions["activity"]
    rows = []
    for code, entry in known.items():
        if code not in used.index and not (everyone and code in supply.index):
            continue
        quantity = float(used["quantity"].get(code, 0.0))
        cost = float(used["amount"].get(code, 0.0))
        offered = none_if_undefined(supply["capacity"].get(code)) if everyone and code in supply.index else None
        supplied = none_if_undefined(supply["supplied_cost"].get(code)) if offered is not None else None
        rows.append(
            {
                "code": code,
                "name": reader.language.name(entry.name, entry.name_en),
                "driver_unit": reader.label("driver_unit", str(supply["driver_unit"].get(code) or "")),
                "quantity": quantity,
                "unit_rate": ratio(cost, quantity),
                "cost": cost,
                "capacity": offered,
                "used_share": ratio(quantity, offered),
                "unused_cost": supplied - cost if supplied is not None else None,
                "customers": int(used["customers"].get(code, 0)),
            }
        )
    if not rows:
        return no_customers(reader)
    table = pd.DataFrame(rows).sort_values("cost", ascending=False).reset_index(drop=True)
    numeric = ["quantity", "unit_rate", "cost", "capacity", "used_share", "unused_cost"]
    table[numeric] = table[numeric].astype(float)
    idle = table["unused_cost"].clip(lower=0).sum() if everyone else None
    numbers = {"cost": table["cost"].sum(), "unused_cost": table["unused_cost"].sum(min_count=1)}
    first = table.iloc[0]
    if idle:
        most = table.loc[table["unused_cost"].idxmax()]
        headline = reader.t(
            "{first} is the dearest activity, {cost}; unused capacity costs {idle}, most of it in {most}.",
            first=first["name"],
            cost=reader.money(first["cost"]),
            idle=reader.money(idle),
            most=most["name"],
        )
    else:
        headline = reader.t(
            "{first} is the dearest activity, {cost}.", first=first["name"], cost=reader.money(first["cost"])
        )
    return Answer(headline, table, numbers, reader.customers)


@question("cost.customers", message("What each customer costs and brings"), needs=("costs",))
def customers(reader: Reader) -> Answer:
    order = "cost_to_serve"
    table = reader.rows(customer_queries.listed(reader.view, order, LISTED))
    if table.empty:
        return no_customers(reader)
    items = reader.rows(customer_queries.cost_of(reader.view, order, LISTED))
    wide = items.pivot_table(index="customer_key", columns="item", values="amount", aggfunc="sum")
    wide = wide[wide.sum().sort_values(ascending=False).index] if len(items) else wide
    wide.columns = [f"cost:{item}" for item in wide.columns]
    table = reader.named(table).merge(wide, how="left", left_on="customer_key", right_index=True)
    table["return_per_cost"] = divided(table["gross_margin"], table["cost_to_serve"])
    now = totals(reader, reader.view)
    shown = float(table["cost_to_serve"].sum())
    numbers = {
        "cost_to_serve": now["cost_to_serve"],
        "shown": len(table),
        "shown_cost": shown,
        "customers": int(now["customers"] or 0),
    }
    headline = reader.t(
        "The {shown} customers who cost most to serve take {share} of all service cost.",
        shown=len(table),
        share=reader.language.percent(ratio(shown, now["cost_to_serve"])),
    )
    keep = [
        "code", "name", "grade", "tier", "region", "revenue", "gross_margin", "cost_to_serve", "profit",
        "return_per_cost", *wide.columns,
    ]  # fmt: skip
    return Answer(headline, table[keep], numbers, int(now["customers"] or 0))


@question(
    "cost.quadrant",
    message("Value against cost to serve"),
    needs=("costs", "cost_of_goods"),
    draw=charts.quadrant,
    behind="moved",
)
def quadrant(reader: Reader) -> Answer:
    cells = reader.rows(queries.quadrant(reader.view))
    if cells.empty:
        return no_customers(reader)

    def edges(place: pd.Series) -> tuple[pd.Series, pd.Series]:
        near = 10 ** (place.abs() / queries.BINS_A_DECADE) - 1
        far = 10 ** ((place.abs() + 1) / queries.BINS_A_DECADE) - 1
        flip = place < 0
        return near.where(~flip, -far), far.where(~flip, -near)

    cost_low, cost_high = edges(cells["x"])
    margin_low, margin_high = edges(cells["y"])
    table = pd.DataFrame(
        {
            "cost_low": cost_low,
            "cost_high": cost_high,
            "margin_low": margin_low,
            "margin_high": margin_high,
            **{name: cells[name] for name in ("customers", "revenue", "gross_margin", "cost_to_serve", "profit")},
        }
    )
    now = totals(reader, reader.view)
    n = int(table["customers"].sum())
    losing = int(now["loss_makers"] or 0)
    headline = reader.t(
        "{losers} of {n} customers cost more to serve than their margin brings.",
        losers=reader.language.number(losing),
        n=reader.language.number(n),
    )
    return Answer(headline, table, {"loss_makers": losing}, n)


@question(
    "cost.losses",
    message("Why customers lose money"),
    needs=("costs", "cost_of_goods"),
    draw=charts.losses,
    behind="loss_makers",
)
def losses(reader: Reader) -> Answer:
    table = reader.rows(queries.losses(reader.view))
    n = reader.customers
    if not n:
        return no_customers(reader)
    if table.empty:
        return Answer(reader.t("None of these customers loses money."), table, {"customers": 0, "loss": 0.0}, n)
    table["cause"] = table["cause"].where(table["cause"].notna(), "none")
    names = [reader.t("No single cause") if cause == "none" else item_name(reader, cause) for cause in table["cause"]]
    table.insert(1, "name", names)
    table["loss"] = table["loss"].astype(float)
    total = float(table["loss"].sum())
    first = table.iloc[0]
    headline = reader.t(
        "{n} {n:customer loses|customers lose} {loss} together; the first cause is most often "
        "{cause}, {share} of the loss.",
        n=reader.language.number(int(table["customers"].sum())),
        loss=reader.money(total),
        cause=first["name"],
        share=reader.language.percent(first["loss"] / total),
    )
    return Answer(headline, table, {"customers": int(table["customers"].sum()), "loss": total}, n)


@question(
    "cost.loss_makers", message("The heaviest loss-makers"), needs=("costs", "cost_of_goods"), behind="loss_makers"
)
def loss_makers(reader: Reader) -> Answer:
    table = reader.rows(customer_queries.causes(reader.view, LISTED))
    n = reader.customers
    if not n:
        return no_customers(reader)
    if table.empty:
        return Answer(reader.t("None of these customers loses money."), n=n)
    table = reader.named(table)
    table["cause"] = [
        reader.t("No single cause") if pd.isna(cause) else item_name(reader, cause) for cause in table["cause"]
    ]
    table["excess"] = table["excess"].clip(lower=0)
    shown = -float(table["profit"].sum())
    headline = reader.t(
        "The {shown} heaviest loss-makers lose {loss}.",
        shown=len(table),
        loss=reader.money(shown),
    )
    return Answer(headline, table, {"shown": len(table), "loss": shown}, n)


@question("cost.identity", message("Does it add up to the ledger?"), needs=("costs",))
def identity(reader: Reader) -> Answer:
    """Customers + unused capacity + enterprise level = ledger, in cents from the marts on.

    The ledger is what the capacity supplied has cost plus the direct costs; an activity without a stated cost of
    its capacity stands in it with what it was charged. Enterprise level is what no known customer was charged with.
    """
    if reader.filters.reset() != reader.filters or reader.scope.regions is not None:
        return Answer(
            reader.t(
                "The ledger is the whole company's: whether costs add up to it is shown with all customers in view."
            )
        )
    items = reader.rows(queries.charged(reader.view)).set_index("item")
    supply = reader.rows(queries.supplied(reader.view)).set_index("code")["supplied"].astype(int)
    customers = int(reader.rows(queries.charged_customers(reader.view)).iloc[0, 0])
    rows = []
    for code in [*items.index, *supply.index.difference(items.index)]:
        used = int(items["charged"].get(code, 0))
        paid = int(supply.get(code, used)) if items["source"].get(code, "activity") == "activity" else used
        rows.append((code, item_name(reader, code), paid, used, paid - used))
    table = pd.DataFrame(rows, columns=["item", "name", "ledger", "charged", "unused_cost"])
    cents = ["ledger", "charged", "unused_cost"]
    ledger, charged, unused = (int(table[name].sum()) for name in cents)
    enterprise = charged - customers
    table = table.sort_values(["ledger", "item"], ascending=[False, True]).drop(columns="item").reset_index(drop=True)
    table[cents] = table[cents] / 100
    numbers = {
        "customers_cost": customers / 100,
        "unused_cost": unused / 100,
        "overrun": float(table["unused_cost"].clip(upper=0).sum()),
        "enterprise_cost": enterprise / 100,
        "ledger": ledger / 100,
        "difference": (ledger - customers - unused - enterprise) / 100,
    }
    said = {name: reader.language.money(amount, reader.marts.currency, exact=True) for name, amount in numbers.items()}
    headline = reader.t(
        "Customers {customers_cost} + unused capacity {unused_cost} + enterprise level {enterprise_cost} = "
        "ledger {ledger}.",
        **said,
    )
    return Answer(headline, table, numbers, reader.customers)
