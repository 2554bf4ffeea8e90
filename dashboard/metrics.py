"""Every metric and column the product shows: name, definition, unit, direction and format, once.

The definitions page, table headings, exports and cards all read from here. A ratio names its numerator
and denominator and is re-aggregated from them, never averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dashboard.language import MINUS, UNDEFINED, Language, message, undefined

Format = Literal["money", "count", "number", "share", "score", "rate", "points", "text", "date", "week", "size"]


@dataclass(frozen=True)
class Metric:
    """A column or number: `label` and `definition` are messages; `good` is the better direction."""

    name: str
    label: str
    format: Format
    definition: str = ""
    good: Literal["up", "down", ""] = ""
    numerator: str = ""
    denominator: str = ""
    owner: str = ""


_SALES, _FINANCE, _SERVICE = message("Sales"), message("Finance"), message("Service")

_ALL = (
    Metric("customers", message("Customers"), "count",
           message("Customers acquired by the last day of the period, whether they bought or not"), owner=_SALES),
    Metric("active_customers", message("Active customers"), "count",
           message("Customers with at least one purchase in the period"), "up", owner=_SALES),
    Metric("revenue", message("Revenue"), "money",
           message("Sales net of discounts and returns"), "up", owner=_SALES),
    Metric("gross_margin", message("Gross margin"), "money",
           message("Revenue minus cost of goods"), "up", owner=_FINANCE),
    Metric("cost_to_serve", message("Cost to serve"), "money",
           message("Service activities at their unit rates plus direct costs such as freight, gifts, bad debt"),
           "down", owner=_FINANCE),
    Metric("activity_cost", message("Activity cost"), "money",
           message("Driver quantity times the unit rate in force that day, rounded to the cent"), "down", owner=_FINANCE),
    Metric("direct_cost", message("Direct cost"), "money",
           message("Costs booked on the customer: freight, gifts, refunds, legal, bad debt"), "down", owner=_FINANCE),
    Metric("profit", message("Profit"), "money",
           message("Gross margin minus cost to serve"), "up", owner=_FINANCE),
    Metric("discount", message("Discounts"), "money", message("Discounts granted on sales"), "down", owner=_SALES),
    Metric("returned", message("Returns"), "money", message("Value of goods returned"), "down", owner=_SALES),
    Metric("cost_of_goods", message("Cost of goods"), "money", message("What the goods sold have cost"), "down", owner=_FINANCE),
    Metric("margin", message("Profit margin"), "share",
           message("Profit as a share of revenue"), "up", "profit", "revenue", _FINANCE),
    Metric("return_per_cost", message("Return per unit of service cost"), "number",
           message("Gross margin earned for each unit of money spent on serving the customer"), "up",
           "gross_margin", "cost_to_serve", _FINANCE),
    Metric("loss_makers", message("Loss-makers"), "count",
           message("Customers whose profit in the period is below zero"), "down", owner=_FINANCE),
    Metric("loss_maker_share", message("Share of loss-makers"), "share",
           message("Loss-makers among the customers with sales or costs in the period"), "down",
           "loss_makers", "moved_customers", _FINANCE),
    Metric("moved_customers", message("Customers with sales or costs"), "count",
           message("Customers with any sale or cost in the period: those a profit can be said of"), owner=_FINANCE),
    Metric("satisfaction", message("Satisfaction"), "score",
           message("Mean of the survey items answered, 1 to 5, over the answers of the period"), "up",
           "satisfaction_sum", "satisfaction_n", _SERVICE),
    Metric("answers", message("Survey answers"), "count", message("Survey answers given in the period"), "up", owner=_SERVICE),
    Metric("praise", message("Praise"), "count", message("Times a customer praised us to others"), "up", owner=_SERVICE),
    Metric("complaint", message("Complaints to others"), "count",
           message("Times a customer complained about us to others"), "down", owner=_SERVICE),
    Metric("referral", message("Referrals"), "count", message("Times a customer recommended us to a prospect"), "up", owner=_SERVICE),
    Metric("praise_rate", message("Praise rate"), "rate",
           message("Praise for each customer-month while a survey answer is in force"), "up", "praise", "months", _SERVICE),
    Metric("complaint_rate", message("Complaint rate"), "rate",
           message("Complaints to others for each customer-month while a survey answer is in force"), "down",
           "complaint", "months", _SERVICE),
    Metric("referral_rate", message("Referral rate"), "rate",
           message("Referrals for each customer-month while a survey answer is in force"), "up", "referral", "months", _SERVICE),
    Metric("repurchase_rate", message("Repurchase rate"), "share",
           message("Survey answers followed by a purchase within half a year"), "up", owner=_SERVICE),
    Metric("recommend", message("Likelihood to recommend"), "number", message("Mean answer, 0 to 10"), "up", owner=_SERVICE),
    Metric("top_20_share", message("Share of the best 20%"), "share",
           message("What the best fifth of the customers bring, as a share of the total"), owner=_FINANCE),
    Metric("gini", message("Gini coefficient"), "number",
           message("Concentration of revenue: 0 when all bring the same, 1 when one brings all"), owner=_FINANCE),
    Metric("peak_share", message("Peak of the whale curve"), "share",
           message("Profit of all profitable customers together, as a share of the total profit"), owner=_FINANCE),
    Metric("erosion", message("Erosion"), "share",
           message("How much of the total profit the loss-makers eat: the peak minus 100%"), "down", owner=_FINANCE),
    Metric("unused_cost", message("Unused capacity"), "money",
           message("Cost of the capacity supplied but not used; negative when more was used than planned"), "down",
           owner=_FINANCE),
    Metric("used_share", message("Capacity used"), "share",
           message("Driver units used as a share of the practical capacity"), "", "quantity", "capacity", _FINANCE),
    Metric("unit_rate", message("Unit rate"), "money",
           message("Cost of one driver unit: cost of the activity divided by its quantity"), "", "cost", "quantity", _FINANCE),
    Metric("residual_revenue", message("Revenue to come"), "money",
           message("Revenue expected within the horizon of the policy, discounted to today"), "up", owner=_FINANCE),
    Metric("residual_margin", message("Margin to come"), "money",
           message("Gross margin expected within the horizon, discounted to today, before cost to serve"), "up", owner=_FINANCE),
    Metric("service_to_come", message("Service to come"), "money",
           message("Cost to serve at the yearly rate of the last 52 weeks for as long as the customer is expected to stay"),
           "down", owner=_FINANCE),
    Metric("residual_value", message("Residual value"), "money",
           message("Margin to come minus service to come"), "up", owner=_FINANCE),
    Metric("customer_equity", message("Customer equity"), "money",
           message("Residual value of all customers together"), "up", owner=_FINANCE),
    Metric("value_to_come", message("Value to come"), "money",
           message("Residual value, or revenue to come where the cost of goods is not known"), "up", owner=_FINANCE),
    Metric("expected_purchases", message("Expected purchases"), "number",
           message("Purchase days expected in the next 52 weeks"), "up", owner=_SALES),
    Metric("probability_alive", message("Probability of being a customer"), "share",
           message("How likely a customer has not left for good, judged by his own rhythm of purchases since the first one "
                   "in the data"), "up", owner=_SALES),
    Metric("error", message("Forecast error"), "number",
           message("Mean absolute difference between the purchases forecast and made, a customer"), "down", owner=_FINANCE),
    Metric("baseline_error", message("Error of the mean of history"), "number",
           message("The same error when every customer goes on at his own past rate"), "down", owner=_FINANCE),
    # Columns of tables, which need no definition of their own
    Metric("code", message("Code"), "text"),
    Metric("name", message("Name"), "text"),
    Metric("grade", message("Grade"), "text"),
    Metric("tier", message("Tier"), "text"),
    Metric("from_grade", message("From grade"), "text"),
    Metric("to_grade", message("To grade"), "text"),
    Metric("needs_level", message("Needs level"), "count"),
    Metric("fit", message("Service against grade"), "text"),
    Metric("region", message("Region"), "text"),
    Metric("industry", message("Industry"), "text"),
    Metric("kind", message("Kind"), "text"),
    Metric("manager", message("Account manager"), "text"),
    Metric("week", message("Week"), "week"),
    Metric("revenue_last_year", message("Revenue a year earlier"), "money"),
    Metric("profit_last_year", message("Profit a year earlier"), "money"),
    Metric("decile", message("Decile"), "count"),
    Metric("revenue_share", message("Share of revenue"), "share"),
    Metric("profit_share", message("Share of profit"), "share"),
    Metric("customers_share", message("Share of customers"), "share"),
    Metric("smallest", message("Smallest"), "money"),
    Metric("low", message("From"), "number"),
    Metric("high", message("To"), "number"),
    Metric("value_per_customer", message("Value to come a customer"), "money"),
    Metric("value_share", message("Share of value to come"), "share"),
    Metric("value_low", message("Value to come, low"), "money"),
    Metric("value_high", message("Value to come, high"), "money"),
    Metric("value_so_far", message("Value so far"), "money"),
    Metric("so_far", message("Quarter by value so far"), "count"),
    Metric("to_come", message("Quarter by value to come"), "count"),
    Metric("probability", message("Probability"), "text"),
    Metric("changes", message("Changes"), "count"),
    Metric("up", message("Rises"), "count"),
    Metric("down", message("Falls"), "count"),
    Metric("value_of_falls", message("Value to come of those who fell"), "money"),
    Metric("measured", message("Measured grade"), "text"),
    Metric("move", message("By the policy"), "text"),
    Metric("rule", message("Rule"), "text"),
    Metric("setting", message("Setting"), "text"),
    Metric("meaning", message("Meaning"), "text"),
    Metric("standing", message("Ahead of"), "share"),
    Metric("weight", message("Weight"), "share"),
    Metric("score_points", message("Points"), "number"),
    Metric("agreement", message("Agreement beyond chance (1 = full)"), "number"),
    Metric("start_share", message("Share at the start"), "share"),
    Metric("end_share", message("Share at the end"), "share"),
    Metric("stationary_share", message("Share in the long run"), "share"),
    Metric("kept_share", message("Kept the grade"), "share"),
    Metric("worth_of_a_point", message("Worth of one more point"), "money"),
    Metric("worth_low", message("Worth, low"), "money"),
    Metric("worth_high", message("Worth, high"), "money"),
    Metric("from_complaints", message("From fewer complaints"), "money"),
    Metric("from_praise", message("From more praise"), "money"),
    Metric("cost_of_a_point", message("Cost of one more point"), "money"),
    Metric("worth_in_all", message("Word of mouth less cost"), "money"),
    Metric("side", message("Side"), "text"),
    Metric("model", message("Model"), "text"),
    Metric("parameters", message("Free numbers"), "count", message("How many numbers the shape may choose freely"), owner=_SERVICE),
    Metric("behind", message("Behind the best"), "number",
           message("How much worse the shape explains the answers than the best one (BIC): 0 is best, above 10 is out"), owner=_SERVICE),
    Metric("qaicc", message("Second measure"), "number",
           message("The same judged by AICc, which forgives free numbers more easily; lower is better"), owner=_SERVICE),
    Metric("cv_deviance", message("Error on held-out answers"), "number",
           message("How far off the shape is on answers it has not seen; lower is better"), owner=_SERVICE),
    Metric("verdict", message("Verdict"), "text"),
    Metric("ledger", message("Ledger"), "money"),
    Metric("charged", message("Charged to customers"), "money"),
    Metric("expected", message("Forecast"), "number"),
    Metric("actual", message("Came"), "number"),
    Metric("history", message("Mean of history"), "number"),
    Metric("value_from", message("From"), "money"),
    Metric("value_to", message("To"), "money"),
    Metric("cost_low", message("Cost to serve, from"), "money"),
    Metric("cost_high", message("Cost to serve, to"), "money"),
    Metric("margin_low", message("Gross margin, from"), "money"),
    Metric("margin_high", message("Gross margin, to"), "money"),
    Metric("praise_low", message("Praise rate, low"), "rate"),
    Metric("praise_high", message("Praise rate, high"), "rate"),
    Metric("complaint_low", message("Complaint rate, low"), "rate"),
    Metric("complaint_high", message("Complaint rate, high"), "rate"),
    Metric("cost_change", message("Change of service cost"), "money"),
    Metric("price", message("Profit of one more unit of budget"), "number"),
    Metric("n", message("Number"), "count"),
    Metric("months", message("Customer-months"), "number"),
    Metric("zone", message("Zone"), "text"),
    Metric("item", message("Item"), "text"),
    Metric("importance", message("Importance"), "number",
           message("How much overall satisfaction moves with this item, the others held equal; 0 is not at all"), owner=_SERVICE),
    Metric("performance", message("Rated, 1 to 5"), "score", message("Mean of the answers for this item"), owner=_SERVICE),
    Metric("performance_low", message("Rated, low"), "score"),
    Metric("performance_high", message("Rated, high"), "score"),
    Metric("driver_unit", message("Driver unit"), "text"),
    Metric("quantity", message("Driver quantity"), "number"),
    Metric("capacity", message("Practical capacity"), "number"),
    Metric("cost", message("Cost"), "money"),
    Metric("cost_pool", message("Cost pool"), "text"),
    Metric("step", message("Step"), "text"),
    Metric("amount", message("Amount"), "money"),
    Metric("cause", message("First cause"), "text"),
    Metric("loss", message("Loss"), "money"),
    Metric("excess", message("Excess of the first cause"), "money"),
    Metric("current", message("Level today"), "text"),
    Metric("recommended", message("Recommended level"), "text"),
    Metric("gain", message("Expected gain"), "money"),
    Metric("hours_change", message("Change of hours"), "number"),
    Metric("reasons", message("Reasons"), "text"),
    Metric("runner_up", message("Runner-up"), "text"),
    Metric("switch", message("What would change it"), "text"),
    Metric("approval", message("Approval"), "text"),
    Metric("hours_today", message("Hours today"), "number"),
    Metric("hours_planned", message("Hours planned"), "number"),
    Metric("hours_capacity", message("Hours there are"), "number"),
    Metric("hours_share", message("Hours used"), "share"),
    Metric("price_of_an_hour", message("Gain of one more hour"), "money"),
    Metric("budget", message("Budget"), "money"),
    Metric("value", message("Value"), "number"),
    Metric("metric", message("Metric"), "text"),
    Metric("previous", message("Previous period"), "number"),
    Metric("last_year", message("Same weeks last year"), "number"),
    Metric("event", message("Last year around the same event"), "number"),
    Metric("target", message("Target"), "number"),
    Metric("benchmark", message("All customers"), "number"),
    Metric("part", message("Breakdown"), "text"),
    Metric("by", message("Broken down by"), "text"),
    Metric("from_tier", message("From level"), "text"),
    Metric("to_tier", message("To level"), "text"),
    Metric("profit_before", message("Profit of the year before"), "money"),
    Metric("from_score", message("Satisfaction before"), "score"),
    Metric("to_score", message("Satisfaction now"), "score"),
    Metric("from_zone", message("Zone before"), "text"),
    Metric("alert", message("Alert"), "text"),
    Metric("playbook", message("What to do"), "text"),
    Metric("money_at_risk", message("Money at stake"), "money",
           message("A year's margin at the customer's usual pace, or how far the sales of the week are from the usual"), "down",
           owner=_SALES),
    Metric("usual", message("Usual"), "number"),
    Metric("q_value", message("Share of false alarms"), "share",
           message("Of the alarms at least as odd as this one, the share expected to be false"), "down", owner=_SALES),
    Metric("local_fdr", message("Chance of a false alarm"), "share",
           message("How likely this very alarm is false"), "down", owner=_SALES),
    Metric("gap", message("Difference"), "number"),
    Metric("table", message("Table"), "text"),
    Metric("rows", message("Rows"), "size"),
    Metric("state", message("State"), "text"),
    Metric("needed_for", message("Needed for"), "text"),
    Metric("satisfaction_low", message("Satisfaction, low"), "score"),
    Metric("satisfaction_high", message("Satisfaction, high"), "score"),
    Metric("last_purchase", message("Last purchase"), "date"),
    Metric("acquired_on", message("Customer since"), "date"),
    Metric("date", message("Date"), "date"),
    Metric("valid_from", message("From"), "date"),
    Metric("valid_to", message("To"), "date"),
    Metric("definition", message("Definition"), "text"),
    Metric("unit", message("Unit"), "text"),
    Metric("owner", message("Owner"), "text"),
    Metric("reason", message("Reason"), "text"),
    Metric("severity", message("Severity"), "text"),
    Metric("finding", message("Finding"), "text"),
    Metric("found", message("Rows concerned"), "size"),
    Metric("share", message("Share"), "share"),
    Metric("examples", message("Examples"), "text"),
    Metric("effect", message("Effect on figures"), "text"),
    Metric("mend", message("Mend"), "text"),
    Metric("own_code", message("Code"), "text"),
    Metric("other_name", message("Other customer"), "text"),
    Metric("other_code", message("Other code"), "text"),
    Metric("file", message("Whole file"), "share"),
)  # fmt: skip

DIGITS = {"number": 2, "score": 2, "rate": 3}
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def say(name: str, value: Any, language: Language, currency: str, *, exact: bool = False) -> str:
    """A value of a metric in the reader's form; a dash when it is undefined."""
    kind = METRICS[name].format if name in METRICS else "text"
    return say_as(kind, value, language, currency, exact=exact)


def say_as(kind: Format, value: Any, language: Language, currency: str, *, exact: bool = False) -> str:
    """A value in the reader's form, by kind of number."""
    if kind == "money":
        return language.money(value, currency, exact=exact)
    if kind in ("count", "size"):
        return language.number(value, exact=exact)
    if kind in ("number", "score", "rate"):
        return UNDEFINED if undefined(value) else f"{value:,.{DIGITS[kind]}f}".replace("-", MINUS)
    if kind == "share":
        return language.percent(value)
    if kind == "points":
        return language.points(value)
    if kind == "date":
        return language.date(value)
    if kind == "week":
        return language.week(value)
    return UNDEFINED if undefined(value) else str(value)
