"""What is wrong with the data: each finding with its effect and mend, and how complete the customer file is.

Findings are counted at a refresh (`dashboard.warehouse.quality`); here they are put in words, the most severe
first, within the reader's scope.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dashboard.insight import Answer, Reader, question
from dashboard.language import UNDEFINED, Language, message, undefined
from queries import quality
from queries.quality import KNOWN, SEVERITIES, Check, Severity

MOST_PAIRS = 200
MOST_EXAMPLES = 3
LONGEST = 60
LEAST_SHARE = 0.0001


@dataclass(frozen=True)
class Words:
    """A kind of finding in words: what was found, what it does to figures, and the mend. All are messages."""

    title: str
    effect: str
    mend: str


KINDS = {
    "orphan": Words(
        message("{table} whose {field} is not there"),
        message("The rows belong to nobody, so that figures by {field} add up to less than the books."),
        message("Load the missing rows of the other table, or correct the code."),
    ),
    "empty": Words(
        message("{table} without {field}"),
        message("The rows can't be counted where {field} matters: totals are too low."),
        message("Fill the field at its source; the contract requires it."),
    ),
    "future": Words(
        message("{table} dated in the future"),
        message("Weeks and periods run to the newest day, so that “the last weeks” are looked for in the wrong place."),
        message("Correct the dates; often day and month, or two digits of the year, are exchanged."),
    ),
    "ancient": Words(
        message("{table} dated before 1971"),
        message("Time lines begin there, and new customers look old."),
        message("Correct the dates: an empty date is often written as 1900-01-01 or 1970-01-01."),
    ),
    "range": Words(
        message("{table}: {field} outside {low} to {high}"),
        message("Averages and curves of {field} are wrong: one answer on another scale weighs as much as several."),
        message("Bring the answers to the scale {low} to {high} in the mapping; a scale to 10 or 100 needs a factor."),
    ),
    "unknown_code": Words(
        message("{table}: {field} has values that nobody knows"),
        message("The rows drop out of figures by {field}."),
        message("Translate the values in the mapping (values = …)."),
    ),
    "negative": Words(
        message("{table}: {field} below zero"),
        message("It lowers the totals that it is part of, and makes customers look cheaper or better stocked."),
        message("Check the sign at the source; a correction belongs on the row it corrects."),
    ),
    "negative_price": Words(
        message("Order lines where quantity and amount have opposite signs"),
        message("A price below zero: the line lowers either the revenue or the quantity, and returns are miscounted."),
        message("Give returns a negative quantity and a negative amount; the mapping's rule for returns does it."),
    ),
    "zero_price": Words(
        message("Order lines with a quantity and no amount"),
        message("Goods given away or a missing price: revenue and margin are too low if it is the second."),
        message("Supply the price, or book gifts as a direct cost."),
    ),
    "cost_sign": Words(
        message("Order lines where amount and cost of goods have opposite signs"),
        message("Margin and profit are wrong by twice the cost."),
        message("Give the cost of goods of a return a minus, as its amount has."),
    ),
    "outlier": Words(
        message("Order lines with an amount far beyond all others"),
        message("One line can decide who is grade A, and moves averages, forecasts and the share of the best 20 %."),
        message("Look at each: a decimal sign, a currency or a whole year in one line. Leave what is right."),
    ),
    "uncosted": Words(
        message("Order lines without cost of goods"),
        message("Above 5 % of revenue, margin and profit are not shown at all; below it they are too high."),
        message("Supply the cost of goods, or the product's unit cost times the quantity."),
    ),
    "unrated": Words(
        message("Service events without a rate in force that day"),
        message("They cost nothing: the customer looks more profitable than he is."),
        message("Add a rate for the activity that covers these days."),
    ),
    "order": Words(
        message("{table}: an end before its beginning"),
        message("The row is in force on no day, or durations are below zero."),
        message("Correct one of the two dates."),
    ),
    "repeat": Words(
        message("{table}: rows that are alike, likely entered twice"),
        message("If they are one, the amounts and counts of these customers are too high."),
        message("Compare with the source; merge repeats in the mapping (repeats = \"merge\") if they are one."),
    ),
    "double_code": Words(
        message("Customer codes that differ in blanks or capitals alone"),
        message("One customer is counted as two, each worth a part."),
        message("Make the codes one at the source, or in the mapping (trim and upper)."),
    ),
    "same_customer": Words(
        message("Customers that are likely the same under two names"),
        message("One customer is counted as two: its grade is too low and the number of customers too high."),
        message("Decide pair by pair in the list below, and give both the same code at the source."),
    ),
    "gap": Words(
        message("Weeks without any sale"),
        message("Trends dip and comparisons with last year mislead, if the sales are only missing here."),
        message("Look whether a file of those weeks was not loaded."),
    ),
    "currency": Words(
        message("The currency is not stated, or not one currency"),
        message("Amounts have no unit, and amounts of different currencies can't be added up."),
        message("State one currency by its ISO code in the mapping, such as currency = \"CNY\"; convert the others."),
    ),
}  # fmt: skip
TABLES = {
    "customer": message("Customer records"),
    "region": message("Regions"),
    "product": message("Products"),
    "sales_line": message("Order lines"),
    "activity_rate": message("Rates of activities"),
    "service_event": message("Service events"),
    "direct_cost": message("Direct costs"),
    "survey": message("Survey responses"),
    "word_of_mouth": message("Praise, complaints and referrals"),
    "complaint": message("Complaint cases"),
    "contact": message("Contacts"),
    "opportunity_stage": message("Stages of opportunities"),
    "stock_month": message("Stock months"),
    "assignment": message("Grades and tiers in force"),
    "loyalty_entry": message("Loyalty entries"),
    "target": message("Targets"),
    "event": message("Named events"),
}
FIELDS = {
    "name": message("Name"),
    "kind": message("Kind"),
    "customer_key": message("Customer"),
    "region_key": message("Region"),
    "parent_key": message("Region above"),
    "manager_key": message("Account manager"),
    "acquisition_channel_key": message("Acquisition channel"),
    "channel_key": message("Channel"),
    "product_key": message("Product"),
    "activity_key": message("Activity"),
    "industry": message("Industry"),
    "size": message("Size"),
    "acquired_on": message("Customer since"),
    "strategic_fit": message("Strategic fit"),
    "needs_level": message("Level of needs"),
    "credit_limit": message("Credit limit"),
    "acquisition_cost": message("Cost of acquisition"),
    "contact_name": message("Contact person"),
    "phone": message("Telephone"),
    "email": message("Mail address"),
    "birthday": message("Birthday"),
    "hobbies": message("Hobbies"),
    "code": message("Code"),
    "revenue": message("Revenue"),
    "amount": message("Amount"),
    "quantity": message("Quantity"),
    "sold_on": message("Date"),
    "served_on": message("Date"),
    "incurred_on": message("Date"),
    "answered_on": message("Date"),
    "happened_on": message("Date"),
    "opened_at": message("Date"),
    "contacted_on": message("Date"),
    "entered_on": message("Date"),
    "stage": message("Stage"),
    "opportunity_code": message("Code"),
    "satisfaction": message("Satisfaction"),
    "satisfaction_after": message("Satisfaction after the case"),
    "recommend": message("Recommendation"),
    "on_time": message("On-time delivery"),
    "quality": message("Quality"),
    "price": message("Price"),
    "terms": message("Terms"),
    "complaint_handling": message("Complaint handling"),
    "listening": message("Listening"),
    "trust": message("Trust"),
    "grade": message("Grade"),
    "tier": message("Tier"),
    "unit_rate": message("Unit rate"),
    "list_price": message("List price"),
    "unit_cost": message("Unit cost"),
    "on_hand": message("Stock on hand"),
}
SEVERITY_NAMES = {"red": message("Must be mended"), "amber": message("Look into it"), "note": message("Good to know")}
REASONS = {
    "name": message("Same name, same region"),
    "spelling": message("Names one letter apart, same region"),
    "phone": message("Same telephone number"),
}
_MONEY = ("overview", "value", "tiers", "cost", "levels", "customer")
_COSTS = ("overview", "value", "cost", "levels", "customer")
TOUCHES = {
    "customer": ("overview", "value", "tiers", "customer"),
    "region": ("value", "tiers"),
    "sales_line": _MONEY,
    "service_event": _COSTS,
    "direct_cost": _COSTS,
    "activity_rate": _COSTS,
    "survey": ("overview", "satisfaction", "customer"),
    "word_of_mouth": ("overview", "satisfaction", "customer"),
    "assignment": ("overview", "tiers", "levels", "customer"),
    "target": ("overview",),
    "warehouse_info": _MONEY,
}
"""The pages whose figures a table's rows are part of."""


def said(check: Check, words: str, language: Language) -> str:
    """A message about a kind of finding, with the names of its table and field."""
    field = _inside(language.t(FIELDS.get(check.column, check.column)), language)
    low, high = check.bounds or (None, None)
    table = language.t(TABLES.get(check.table, check.table))
    return language.t(words, table=table, field=field, low=low, high=high)


def judged(
    check: Check, found: int, looked_at: int, amount: float, amount_looked_at: float
) -> tuple[Severity, float | None]:
    """(severity, share) of what a check found among the rows, or the money, that it looked at."""
    parts, whole = (amount, amount_looked_at) if check.by_amount else (found, looked_at)
    share = float(parts) / float(whole) if whole else None
    return check.judged(share or 0.0), share


def said_share(share: float | None, language: Language) -> str:
    """A share; one too small for two digits is below the least of them, not zero."""
    return f"< {language.percent(LEAST_SHARE)}" if share and share < LEAST_SHARE else language.percent(share)


@question("data.findings", message("What is wrong with the data"), behind=None)
def findings(reader: Reader) -> Answer:
    t, say = reader.t, reader.language
    shown = _examples(reader)
    rows: list[dict[str, Any]] = []
    for found in reader.rows(quality.findings(reader.scope)).itertuples():
        if not found.found or found.check_key not in KNOWN:
            continue
        check = KNOWN[found.check_key]
        severity, share = judged(check, found.found, found.looked_at, found.amount, found.amount_looked_at)
        words = KINDS[check.kind]
        rows.append(
            {
                "severity": t(SEVERITY_NAMES[severity]),
                "finding": said(check, words.title, say),
                "found": int(found.found),
                "share": share,
                "examples": shown.get(check.key, UNDEFINED),
                "effect": said(check, words.effect, say),
                "mend": said(check, words.mend, say),
                "code": check.key,
                "rank": SEVERITIES.index(severity),
            }
        )
    rows.sort(key=lambda row: (row["rank"], -(row["share"] or 0.0), row["code"]))
    counts: dict[str, int] = {name: sum(row["rank"] == place for row in rows) for place, name in enumerate(SEVERITIES)}
    touched = Counter(page for row in rows if not row["rank"] for page in TOUCHES.get(KNOWN[row["code"]].table, ()))
    columns = ["severity", "finding", "found", "share", "examples", "effect", "mend", "code"]
    numbers = {**counts, "touched": dict(touched), "severities": [SEVERITIES[row["rank"]] for row in rows]}
    return Answer(_headline(reader, counts), pd.DataFrame(rows, columns=columns), numbers, len(rows))


def _headline(reader: Reader, counts: dict[str, int]) -> str:
    t = reader.t
    if counts["red"]:
        return t("Findings that must be mended before figures can be trusted: {red}; to look into: {amber}.", **counts)
    if counts["amber"]:
        return t("Nothing must be mended; findings to look into: {amber}.", **counts)
    return t("Nothing wrong was found in the data.")


def _examples(reader: Reader) -> dict[str, str]:
    """Up to three examples of each check, as a reader would name the row."""
    frame = reader.rows(quality.finding_examples(reader.scope))
    kept: dict[str, list[str]] = {}
    for key, code, own, value in frame[["check_key", "code", "own", "value"]].itertuples(index=False):
        if key in KNOWN:
            kept.setdefault(key, []).append(example(KNOWN[key], code, own, value, reader.language))
    return {key: listed(texts) for key, texts in kept.items()}


def listed(examples: list[str]) -> str:
    """The first few examples, each said once."""
    return " · ".join(list(dict.fromkeys(examples))[:MOST_EXAMPLES])


def example(check: Check, code: Any, own: Any, value: Any, language: Language) -> str:
    """A row by its customer and its own name, and the faulty value."""
    who = [_short(text) for text in (code, own) if not undefined(text) and text]
    what = "" if undefined(value) else _short(value)
    if check.kind == "repeat":
        what = language.t("{n} {n:time|times}", n=what)
    elif check.kind in ("empty", "uncosted", "zero_price"):
        what = ""
    named = " ".join(who)
    return f"{named} ({what})" if named and what else named or what or UNDEFINED


def _short(text: Any) -> str:
    text = " ".join(str(text).split()).removesuffix(" 00:00:00")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@question("data.same_customer", message("Likely the same customer twice"), behind=None)
def same_customer(reader: Reader) -> Answer:
    frame = reader.rows(quality.same_customers(reader.scope, MOST_PAIRS))
    if frame.empty:
        return Answer(reader.t("No two customers look like one."))
    pairs = int(frame["pairs"].iloc[0])
    other = frame[["other_name", "other_name_en"]].rename(columns=lambda name: name.removeprefix("other_"))
    table = reader.named(frame).drop(columns="pairs").assign(other_name=reader.named(other)["name"])
    table["reason"] = [reader.t(REASONS[reason]) for reason in table["reason"]]
    table = table.drop(columns=["other_name_en"], errors="ignore")
    columns = ["name", "own_code", "other_name", "other_code", "region", "reason"]
    table = table.rename(columns={"code": "own_code"})[columns]
    headline = reader.t(
        "{n} {n:pair|pairs} of customers look like one; a person has to decide.", n=reader.language.number(pairs)
    )
    return Answer(headline, table, {"pairs": pairs, "listed": len(table)}, pairs)


@question("data.completeness", message("How complete the customer file is"), behind=None)
def completeness(reader: Reader) -> Answer:
    """A row an account manager, the emptiest file first, below all together; a column a field, as a share."""
    frame = reader.rows(quality.completeness(reader.scope))
    if frame.empty:
        return Answer(reader.t("There are no customers."))
    fields = list(dict.fromkeys(frame["field"]))
    frame = frame.assign(code=frame["code"].astype(object).where(frame["code"].notna(), ""))
    sums = frame.groupby(["code", "field"])[["customers", "filled"]].sum()
    shares = (sums["filled"] / sums["customers"]).unstack()[fields]
    everybody = frame.groupby("field")[["customers", "filled"]].sum().loc[fields]
    whole = everybody["filled"] / everybody["customers"]
    overall = float(everybody["filled"].sum() / everybody["customers"].sum())
    named = reader.named(frame.drop_duplicates("code")).set_index("code")["name"]
    named = named.where(named.index != "", reader.t("No account manager"))
    customers = frame[frame["field"] == fields[0]].groupby("code")["customers"].sum()
    shares = shares.assign(file=shares.mean(axis=1)).sort_values("file", kind="stable")
    rows = [{"manager": reader.t("All"), "customers": int(customers.sum()), "file": overall, **whole}]
    rows += [
        {"manager": named[code], "customers": int(customers[code]), **share}
        for code, share in shares.to_dict("index").items()
    ]
    order = ["manager", "customers", "file", *(f"filled:{name}" for name in fields)]
    table = pd.DataFrame(rows).rename(columns={name: f"filled:{name}" for name in fields})[order]
    emptiest = str(whole.idxmin())
    headline = reader.t(
        "The customer file is {share} complete; emptiest is {field} ({low}).",
        share=reader.language.percent(overall),
        field=_inside(reader.t(FIELDS[emptiest]), reader.language),
        low=reader.language.percent(float(whole[emptiest])),
    )
    return Answer(headline, table, {"share": overall, "emptiest": emptiest}, int(customers.sum()))


def _inside(name: str, language: Language) -> str:
    """A field's name inside a sentence."""
    return name[:1].lower() + name[1:] if language.code == "en" else name
