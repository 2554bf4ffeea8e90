"""The mart tables that pages read, and the statements that build them.

`FACTS` are statements over the warehouse (`queries/schema.py`): they run where the facts live and
reduce order lines and events to a customer's weeks. `DERIVED` runs in the mart file itself, from the
published facts: totals of the usual windows, weekly totals of slices, satisfaction spells. A click
then costs what is shown, not what is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    Double,
    FromClause,
    Integer,
    MetaData,
    Select,
    SmallInteger,
    String,
    Table,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from queries import schema
from queries.dialects import start_of_week
from queries.schema import GRADES, MONEY, QUANTITY, SURVEY_ITEMS

metadata = MetaData()

NEVER = literal_column("DATE '9999-12-31'", Date)
SCORE_IN_FORCE_DAYS = 182
"""How long a survey answer speaks for its customer unless a newer one replaces it: half a year."""
DAYS_A_MONTH = 30.4375


def _money(*names: str) -> list[Column]:
    return [Column(name, MONEY) for name in names]


def _copy(name: str, source: Table, *columns: str) -> Table:
    return Table(name, metadata, *[Column(c, source.c[c].type) for c in columns])


# --- published as they are -------------------------------------------------------------------------

info = Table("info", metadata, Column("name", String), Column("value", String))
label = _copy("label", schema.label, "domain", "code", "name", "name_en", "position")
_employee_columns = ("employee_key", "code", "name", "name_en", "role", "region_key", "hours_per_week")
employee = _copy("employee", schema.employee, *_employee_columns)
channel = _copy("channel", schema.channel, "channel_key", "code", "name", "name_en")
activity = _copy("activity", schema.activity, "activity_key", "code", "name", "name_en", "cost_pool", "driver_unit")
activity_rate = _copy(
    "activity_rate",
    schema.activity_rate,
    *("activity_key", "valid_from", "valid_to", "unit_rate", "weekly_capacity", "weekly_cost"),
)
target = _copy("target", schema.target, "metric", "region_code", "grade", "starts_on", "ends_on", "value")
event = _copy("event", schema.event, "event_key", "starts_on", "ends_on", "name", "name_en", "kind")
assignment = _copy("assignment", schema.assignment, "customer_key", "valid_from", "valid_to", "grade", "tier", "reason")
word_of_mouth = _copy("word_of_mouth", schema.word_of_mouth, "customer_key", "happened_on", "kind")
signed_contract = Table(
    "signed_contract",
    metadata,
    Column("customer_key", BigInteger),
    Column("signed_on", Date),
    Column("value", MONEY),
)
_survey_columns = ("response_key", "customer_key", "answered_on", "satisfaction", "recommend", *SURVEY_ITEMS)
survey = _copy("survey", schema.survey, *_survey_columns)
_customer_columns = tuple(c.name for c in schema.customer.c)
customer_fact = _copy("customer_fact", schema.customer, *_customer_columns)

region = Table(
    "region",
    metadata,
    Column("region_key", BigInteger),
    Column("code", String),
    Column("name", String),
    Column("name_en", String),
    Column("parent_code", String),
    Column("level", SmallInteger, comment="0 = country"),
    Column("position", Integer, comment="nested set: pre-order place"),
    Column("last_position", Integer, comment="place of the last descendant"),
)

# --- facts reduced to weeks ------------------------------------------------------------------------

SALES = ("revenue", "discount", "returned", "cost_of_goods", "uncosted_revenue")

sales_week = Table(
    "sales_week",
    metadata,
    Column("customer_key", BigInteger),
    Column("week", Date),
    *_money(*SALES),
    Column("lines", Integer),
    Column("purchase_days", Integer),
    Column("first_day", Date),
    Column("last_day", Date),
)

cost_week = Table(
    "cost_week",
    metadata,
    Column("customer_key", BigInteger),
    Column("week", Date),
    Column("source", String, comment="activity or direct"),
    Column("item", String, comment="activity code or kind of direct cost"),
    Column("quantity", QUANTITY),
    *_money("amount"),
)


def _select_all(source: Table, *names: str) -> Select:
    return select(*[source.c[name] for name in names or source.c.keys()])


def sales_by_week() -> Select:
    """Order lines as a customer's weeks; a day with a sale is one purchase, however many lines it has."""
    line = schema.sales_line
    day = (
        select(
            line.c.customer_key,
            line.c.sold_on,
            func.sum(line.c.revenue).label("revenue"),
            func.sum(line.c.discount).label("discount"),
            func.sum(case((line.c.revenue < 0, -line.c.revenue))).label("returned"),
            func.sum(line.c.cost_of_goods).label("cost_of_goods"),
            func.sum(case((line.c.cost_of_goods.is_(None), line.c.revenue))).label("uncosted_revenue"),
            func.count().label("lines"),
            func.max(case((line.c.revenue > 0, 1), else_=0)).label("bought"),
        )
        .group_by(line.c.customer_key, line.c.sold_on)
        .subquery("day")
    )
    week = start_of_week(day.c.sold_on).label("week")
    return select(
        day.c.customer_key,
        week,
        *[func.coalesce(func.sum(day.c[name]), 0).label(name) for name in SALES],
        func.sum(day.c.lines).label("lines"),
        func.sum(day.c.bought).label("purchase_days"),
        func.min(case((day.c.bought > 0, day.c.sold_on))).label("first_day"),
        func.max(case((day.c.bought > 0, day.c.sold_on))).label("last_day"),
    ).group_by(day.c.customer_key, week)


def costs_by_week(available: set[str]) -> Select | None:
    """Service events at the rate in force that day, rounded to the cent, and direct costs, by week.

    An event without a rate in force counts its quantity and costs nothing.
    """
    event_, rate = schema.service_event, schema.activity_rate
    served = (
        select(
            event_.c.customer_key,
            start_of_week(event_.c.served_on).label("week"),
            literal("activity").label("source"),
            schema.activity.c.code.label("item"),
            event_.c.quantity.label("quantity"),
            func.round(event_.c.quantity * rate.c.unit_rate, 2).label("amount"),
        )
        .join_from(event_, schema.activity, schema.activity.c.activity_key == event_.c.activity_key)
        .outerjoin(
            rate,
            and_(
                rate.c.activity_key == event_.c.activity_key,
                rate.c.valid_from <= event_.c.served_on,
                event_.c.served_on < func.coalesce(rate.c.valid_to, NEVER),
            ),
        )
    )
    direct = schema.direct_cost
    incurred = select(
        direct.c.customer_key,
        start_of_week(direct.c.incurred_on).label("week"),
        literal("direct").label("source"),
        direct.c.kind.label("item"),
        cast(null(), QUANTITY).label("quantity"),
        direct.c.amount.label("amount"),
    )
    parts = []
    if {"service_event", "activity", "activity_rate"} <= available:
        parts.append(served)
    if "direct_cost" in available:
        parts.append(incurred)
    if not parts:
        return None
    cost = union_all(*parts).subquery("cost")
    keys = (cost.c.customer_key, cost.c.week, cost.c.source, cost.c.item)
    return select(
        *keys,
        func.sum(cost.c.quantity).label("quantity"),
        func.coalesce(func.sum(cost.c.amount), 0).label("amount"),
    ).group_by(*keys)


def contracts_signed(available: set[str]) -> Select | None:
    """Opportunities of customers that were won: after-sales begins with the signature."""
    stage = schema.opportunity_stage
    if stage.name not in available:
        return None
    return select(stage.c.customer_key, stage.c.entered_on.label("signed_on"), stage.c.value).where(
        stage.c.stage == "after_sales", stage.c.customer_key.is_not(None)
    )


def _if_there(source: Table, *names: str) -> Callable[[set[str]], Select | None]:
    return lambda available: _select_all(source, *names) if source.name in available else None


FACTS: dict[Table, Callable[[set[str]], Select | None]] = {
    label: _if_there(schema.label),
    employee: _if_there(schema.employee, *employee.c.keys()),
    channel: _if_there(schema.channel),
    activity: _if_there(schema.activity),
    activity_rate: _if_there(schema.activity_rate),
    target: _if_there(schema.target),
    event: _if_there(schema.event),
    assignment: _if_there(schema.assignment, *assignment.c.keys()),
    signed_contract: contracts_signed,
    word_of_mouth: _if_there(schema.word_of_mouth, *word_of_mouth.c.keys()),
    survey: _if_there(schema.survey, *_survey_columns),
    customer_fact: _if_there(schema.customer),
    sales_week: lambda available: sales_by_week(),
    cost_week: lambda available: costs_by_week(available),
}
"""What a refresh asks of the warehouse, in the order in which it is published: given the tables that
hold rows, a statement or None."""

# --- derived in the mart file ----------------------------------------------------------------------

DIMENSIONS = (
    Column("region_position", Integer),
    Column("industry", String),
    Column("channel_key", BigInteger),
    Column("manager_key", BigInteger),
    Column("kind", String),
)


def _dimensions() -> list[Column]:
    return [Column(c.name, c.type) for c in DIMENSIONS]


MEASURES = (
    "revenue",
    "discount",
    "returned",
    "cost_of_goods",
    "gross_margin",
    "activity_cost",
    "direct_cost",
    "cost_to_serve",
    "profit",
)
WORDS = ("praise", "complaint", "referral")
COUNTS = ("purchase_days", *WORDS, "satisfaction_n")

customer = Table(
    "customer",
    metadata,
    Column("customer_key", BigInteger),
    Column("code", String),
    Column("name", String),
    Column("name_en", String),
    Column("region_key", BigInteger),
    *_dimensions(),
    Column("size", String),
    Column("acquired_on", Date),
    Column("acquisition_cost", MONEY),
    Column("strategic_fit", SmallInteger),
    Column("needs_level", SmallInteger),
    Column("first_purchase", Date),
    Column("last_purchase", Date),
    comment="a row a customer",
)


def _customer_measures() -> list[Column]:
    return [
        *_money(*MEASURES),
        *[Column(name, Integer) for name in COUNTS],
        Column("satisfaction_sum", Double),
    ]


customer_week = Table(
    "customer_week",
    metadata,
    Column("customer_key", BigInteger),
    Column("week", Date),
    *_customer_measures(),
    comment="everything that happened with a customer in a week",
)

window = Table(
    "window",
    metadata,
    Column("window_key", SmallInteger),
    Column("first_week", Date),
    Column("last_week", Date),
    comment="the usual windows whose totals are kept ready",
)

customer_window = Table(
    "customer_window",
    metadata,
    Column("window_key", SmallInteger),
    Column("customer_key", BigInteger),
    *_dimensions(),
    Column("grade", String),
    Column("tier", String),
    Column("needs_level", SmallInteger),
    *_customer_measures(),
    comment="a row a customer and window; grade and tier as at the window's end",
)

cost_window = Table(
    "cost_window",
    metadata,
    Column("window_key", SmallInteger),
    Column("customer_key", BigInteger),
    Column("source", String),
    Column("item", String),
    Column("quantity", QUANTITY),
    *_money("amount"),
)

slice_week = Table(
    "slice_week",
    metadata,
    Column("week", Date),
    *[Column(c.name, c.type) for c in DIMENSIONS if c.name in ("region_position", "industry", "kind")],
    Column("grade", String),
    Column("tier", String),
    *_customer_measures(),
    comment="weekly totals of slices, by grade and tier as at the newest week",
)

spell = Table(
    "spell",
    metadata,
    Column("customer_key", BigInteger),
    Column("starts_on", Date),
    Column("ends_on", Date, comment="exclusive"),
    Column("score", Double, comment="mean of the answered items, 1 to 5"),
    Column("recommend", SmallInteger),
    Column("praise", Integer),
    Column("complaint", Integer),
    Column("referral", Integer),
    Column("bought_after", Boolean, comment="a purchase in the 26 weeks after; empty if not yet over"),
    comment="the time a survey answer speaks for its customer, and what he said meanwhile",
)

grade_change = Table(
    "grade_change",
    metadata,
    Column("customer_key", BigInteger),
    Column("changed_on", Date),
    Column("before", String),
    Column("grade", String),
    Column("reason", String),
    comment="the days on which a customer's grade became another",
)

batch = Table(
    "batch",
    metadata,
    Column("day", Date, comment="the day of most moves"),
    Column("eve", Date, comment="the last day before the quarter"),
    Column("close", Date, comment="the last day of the quarter"),
    comment="quarters with moves between tiers whose half years before and after lie within the data; the newest few",
)

batch_member = Table(
    "batch_member",
    metadata,
    Column("day", Date),
    Column("customer_key", BigInteger),
    *[Column(f"{what}_{when}", String) for what in ("grade", "tier") for when in ("before", "after")],
    Column(
        "before_margin", Double, comment="of the half year before the day; the others are changes to the one from it on"
    ),
    *[Column(name, Double) for name in ("margin", "profit", "cost")],
    Column("satisfaction", Double, comment="empty unless asked in both"),
    Column("stayed", Double, comment="1 or 0: who bought before bought again; empty for who did not"),
    comment="a row a batch and customer: his grade and tier before and after, and what changed with him",
)

measured_history = Table(
    "measured_history",
    metadata,
    Column("customer_key", BigInteger),
    Column("valid_from", Date, comment="the last day that the review knew"),
    Column("valid_to", Date, comment="exclusive; empty while in force"),
    Column("before", String, comment="empty for a first grade"),
    Column("grade", String),
    Column("score", Double, comment="smoothed, between 0 and 1"),
    Column("reason", String, comment="first, rise, contract, fall, fall limited"),
    comment="grades that the grading policy measures, from change to change",
)

measured_grade = Table(
    "measured_grade",
    metadata,
    Column("customer_key", BigInteger),
    Column("reviewed_on", Date),
    Column("grade", String),
    Column("score", Double, comment="of the newest review, between 0 and 1: the weighted sum of the standings"),
    Column("smoothed", Double, comment="the running mean of scores that decides"),
    Column("since", Date, comment="the review that gave the grade"),
    Column("reason", String),
    *[
        Column(name, Double, comment="standing among all customers, 0 (last) to 1 (first)")
        for name in ("residual_value", "contribution", "revenue", "growth", "strategic_fit", "risk")
    ],
    comment="a row a customer with a purchase: his grade by the policy at the newest review, and why",
)

# --- value to come, computed by the models -----------------------------------------------------------

customer_value = Table(
    "customer_value",
    metadata,
    Column("customer_key", BigInteger),
    Column("segment", String, comment="organisation or person: whose models"),
    Column("frequency", Integer, comment="purchase days after the first one in the data"),
    Column("recency", Double, comment="weeks from the first to the last purchase"),
    Column("age", Double, comment="weeks from the first purchase to the last day with data"),
    Column("mean_spend", Double, comment="sales before returns, a purchase day"),
    Column("margin", Double, comment="margin after returns, as a fraction of sales before returns"),
    Column("yearly_cost", Double, comment="cost to serve of the last 52 weeks, as a yearly rate"),
    Column("probability_alive", Double),
    Column("expected_purchases", Double, comment="in the next 52 weeks"),
    Column("residual_revenue", Double, comment="discounted, within the horizon"),
    Column("residual_margin", Double, comment="discounted, within the horizon, before cost to serve"),
    Column("service_to_come", Double, comment="yearly cost times the expected active years"),
    Column("residual_value", Double, comment="residual margin minus service to come"),
    Column("low", Double, comment="interval of the residual value; of the residual revenue without margins"),
    Column("high", Double),
    Column("held_expected", Double, comment="purchases forecast for the held-out half year"),
    Column("held_history", Double, comment="the same from the customer's mean rate so far"),
    Column("held_actual", Integer),
    comment="a row a customer with a purchase in the data",
)

model = Table(
    "model",
    metadata,
    Column("name", String, comment="settings, purchases, spend or holdout"),
    Column("segment", String),
    Column("form", String, comment="mbg_nbd, bg_nbd, gamma_gamma"),
    Column("parameter", String),
    Column("estimate", Double),
    Column("standard_error", Double),
    Column("low", Double),
    Column("high", Double),
    Column("n", BigInteger),
    Column("state", String, comment="why there is no estimate, or what is wrong with it; else empty"),
    Column("fitted_to", Date, comment="the last day the model has seen"),
    Column("version", String),
)

# --- the quality of the facts, found by `queries/quality.py` ------------------------------------------

finding = Table(
    "finding",
    metadata,
    Column("check_key", String),
    Column("region_position", Integer, comment="of the customers concerned; empty: of none"),
    Column("found", BigInteger, comment="faulty rows"),
    Column("looked_at", BigInteger),
    Column("amount", Double, comment="size of the faulty rows' amounts"),
    Column("amount_looked_at", Double),
    comment="a row a check that found something and region",
)

finding_example = Table(
    "finding_example",
    metadata,
    Column("check_key", String),
    Column("place", Integer),
    Column("region_position", Integer),
    Column("code", String, comment="the customer's"),
    Column("own", String, comment="the row's own name, such as an order"),
    Column("value", String),
    comment="a few faulty rows of each check and region",
)

completeness = Table(
    "completeness",
    metadata,
    Column("manager_key", BigInteger),
    Column("region_position", Integer),
    Column("field", String),
    Column("place", Integer),
    Column("customers", BigInteger),
    Column("filled", BigInteger),
    comment="how many customers have a field filled, by account manager and region",
)

same_customer = Table(
    "same_customer",
    metadata,
    Column("customer_key", BigInteger),
    Column("other_key", BigInteger),
    Column("reason", String, comment="name, spelling or phone"),
    comment="pairs that are likely one customer, for a person to decide",
)

# --- what is out of the ordinary, judged at each refresh ------------------------------------------------

alert = Table(
    "alert",
    metadata,
    Column("customer_key", BigInteger),
    Column("week", Date, comment="the finished week that was judged"),
    Column("kind", String, comment="amount or silence"),
    Column("direction", String, comment="up or down; a silence is down"),
    Column("amount", Double, comment="of an amount: sales of the week; of a silence: weeks without a purchase"),
    Column("usual", Double, comment="what is usual for this customer, in the same unit"),
    Column("p_value", Double),
    Column("q_value", Double, comment="share of false alarms among those at least as odd"),
    Column("local_fdr", Double, comment="chance that this very alarm is false"),
    Column("money_at_risk", Double),
    comment="customers out of the ordinary in a week; a silence is told once, in the week in which it became one",
)

alert_week = Table(
    "alert_week",
    metadata,
    Column("week", Date),
    Column("kind", String),
    Column("tested", BigInteger),
    Column("alarms", BigInteger),
    comment="the weeks judged: how many customers were tested for what",
)

UNCOSTED_LIMIT = 0.05
"""Above this share of revenue without cost of goods, margin and profit are undefined, not understated."""


def customers() -> Select:
    """The customer with his place in the region tree and his first and last purchase."""
    bought = (
        select(
            sales_week.c.customer_key,
            func.min(sales_week.c.first_day).label("first_purchase"),
            func.max(sales_week.c.last_day).label("last_purchase"),
        )
        .group_by(sales_week.c.customer_key)
        .subquery("bought")
    )
    c = customer_fact
    return (
        select(
            *(c.c.customer_key, c.c.code, c.c.name, c.c.name_en, c.c.region_key),
            region.c.position.label("region_position"),
            *(c.c.industry, c.c.acquisition_channel_key.label("channel_key"), c.c.manager_key, c.c.kind),
            c.c.size,
            func.coalesce(c.c.acquired_on, bought.c.first_purchase).label("acquired_on"),
            *(c.c.acquisition_cost, c.c.strategic_fit, c.c.needs_level),
            *(bought.c.first_purchase, bought.c.last_purchase),
        )
        .outerjoin(region, region.c.region_key == c.c.region_key)
        .outerjoin(bought, bought.c.customer_key == c.c.customer_key)
        .order_by(c.c.customer_key)
    )


def score() -> ColumnElement[Any]:
    """A response's score: the mean of the overall satisfaction and every item answered, 1 to 5."""
    items = [survey.c.satisfaction, *[survey.c[item] for item in SURVEY_ITEMS]]
    total = sum((func.coalesce(cast(item, Double), 0) for item in items[1:]), cast(items[0], Double))
    answered = sum((case((item.is_(None), 0), else_=1) for item in items[1:]), literal(1))
    return total / answered


def spells(last_day: date) -> Select:
    """Survey answers as spells: from the answer to the next one, half a year at most, or today."""
    following = func.lead(survey.c.answered_on).over(
        partition_by=survey.c.customer_key, order_by=(survey.c.answered_on, survey.c.response_key)
    )
    s = select(
        survey.c.customer_key,
        survey.c.answered_on.label("starts_on"),
        func.least(
            func.coalesce(following, NEVER),
            survey.c.answered_on + SCORE_IN_FORCE_DAYS,
            literal(last_day) + 1,
        ).label("ends_on"),
        score().label("score"),
        survey.c.recommend,
    ).cte("s")
    w = word_of_mouth
    said = (
        select(
            s.c.customer_key,
            s.c.starts_on,
            *[func.sum(case((w.c.kind == k, 1), else_=0)).label(k) for k in ("praise", "complaint", "referral")],
        )
        .join_from(
            s,
            w,
            and_(
                w.c.customer_key == s.c.customer_key,
                w.c.happened_on >= s.c.starts_on,
                w.c.happened_on < s.c.ends_on,
            ),
        )
        .group_by(s.c.customer_key, s.c.starts_on)
        .subquery("said")
    )
    # The score's own half year is the exposure; a purchase counts as loyalty in the half year after it.
    until = s.c.starts_on + SCORE_IN_FORCE_DAYS
    bought = (
        select(s.c.customer_key, s.c.starts_on)
        .join_from(
            s,
            sales_week,
            and_(
                sales_week.c.customer_key == s.c.customer_key,
                sales_week.c.last_day > s.c.starts_on,
                sales_week.c.first_day <= until,
            ),
        )
        .distinct()
        .subquery("bought")
    )

    def same(other: FromClause) -> ColumnElement[bool]:
        return and_(other.c.customer_key == s.c.customer_key, other.c.starts_on == s.c.starts_on)

    return (
        select(
            *s.c,
            *[func.coalesce(said.c[k], 0).label(k) for k in WORDS],
            case((until > literal(last_day), null()), else_=bought.c.customer_key.is_not(None)).label("bought_after"),
        )
        .outerjoin(said, same(said))
        .outerjoin(bought, same(bought))
        .where(s.c.ends_on > s.c.starts_on)
        .order_by(s.c.starts_on)
    )


def grade_changes() -> Select:
    """Changes from one grade to another; a first grade is none, nor is one the policy doesn't know."""
    a = assignment.c
    before = func.lag(a.grade).over(partition_by=a.customer_key, order_by=a.valid_from)
    h = select(a.customer_key, a.valid_from, before.label("before"), a.grade, a.reason).subquery("history").c
    return (
        select(h.customer_key, h.valid_from.label("changed_on"), h.before, h.grade, h.reason)
        .where(h.before != h.grade, h.before.in_(GRADES), h.grade.in_(GRADES))
        .order_by(h.valid_from, h.customer_key)
    )


def adopted_grades() -> Select:
    """The measured grades as grades in force, for a company that keeps none itself; tiers stay unknown."""
    h = measured_history.c
    tier = cast(null(), String).label("tier")
    return select(h.customer_key, h.valid_from, h.valid_to, h.grade, tier, h.reason)


def customer_weeks(costed: bool) -> Select:
    """Sales, costs, answers and word of mouth of a customer's week in one row.

    `costed` is False when too much revenue has no cost of goods: margin and profit are then empty.
    """
    nothing = literal(0)

    def part(key: Column, week: ColumnElement, **values: Any) -> Select:
        columns = {**dict.fromkeys((*MEASURES, *COUNTS), nothing), "satisfaction_sum": nothing, **values}
        for derived in ("gross_margin", "cost_to_serve", "profit"):
            columns.pop(derived)
        return select(key.label("customer_key"), week.label("week"), *[v.label(n) for n, v in columns.items()])

    answered_in = func.date_trunc("week", survey.c.answered_on).cast(Date)
    said_in = func.date_trunc("week", word_of_mouth.c.happened_on).cast(Date)
    parts = union_all(
        part(
            sales_week.c.customer_key,
            sales_week.c.week,
            **{name: sales_week.c[name] for name in ("revenue", "discount", "returned", "cost_of_goods")},
            purchase_days=sales_week.c.purchase_days,
        ),
        part(
            cost_week.c.customer_key,
            cost_week.c.week,
            activity_cost=case((cost_week.c.source == "activity", cost_week.c.amount), else_=0),
            direct_cost=case((cost_week.c.source == "direct", cost_week.c.amount), else_=0),
        ),
        part(survey.c.customer_key, answered_in, satisfaction_sum=score(), satisfaction_n=literal(1)),
        part(
            word_of_mouth.c.customer_key,
            said_in,
            **{kind: case((word_of_mouth.c.kind == kind, 1), else_=0) for kind in WORDS},
        ),
    ).subquery("part")
    total = {name: func.sum(parts.c[name]) for name in parts.c.keys()[2:]}
    margin = total["revenue"] - total["cost_of_goods"] if costed else cast(null(), MONEY)
    served = total["activity_cost"] + total["direct_cost"]
    columns = {**total, "gross_margin": margin, "cost_to_serve": served, "profit": margin - served}
    if not costed:
        columns["cost_of_goods"] = columns["profit"] = cast(null(), MONEY)
    return (
        select(
            parts.c.customer_key,
            parts.c.week,
            *[columns[name].label(name) for name in (*MEASURES, *COUNTS, "satisfaction_sum")],
        )
        .group_by(parts.c.customer_key, parts.c.week)
        .order_by(parts.c.week, parts.c.customer_key)
    )


def graded_on(day: date) -> Select:
    """Grade and tier in force on a day."""
    a = assignment
    return select(a.c.customer_key, a.c.grade, a.c.tier).where(
        a.c.valid_from <= literal(day), or_(a.c.valid_to.is_(None), a.c.valid_to > literal(day))
    )


def customer_totals(first_week: date, last_week: date, last_day: date) -> Select:
    """A row a customer known by `last_day`: dimensions, grade and tier that day, totals of the weeks.

    Known is who was acquired by then or has anything in these weeks, so that the rows add up to the weeks.
    """
    w = customer_week
    names = (*MEASURES, *COUNTS, "satisfaction_sum")
    total = (
        select(w.c.customer_key, *[func.sum(w.c[name]).label(name) for name in names])
        .where(w.c.week.between(literal(first_week), literal(last_week)))
        .group_by(w.c.customer_key)
        .subquery("total")
    )
    grade = graded_on(last_day).subquery("graded")
    # Customers without a row had nothing that week: zero, but an undefined margin stays undefined.
    undefined = ("cost_of_goods", "gross_margin", "profit")
    costed = select(func.count(w.c.profit) > 0).scalar_subquery()

    def value(name: str) -> ColumnElement[Any]:
        column = func.coalesce(total.c[name], 0)
        return (case((costed, column)) if name in undefined else column).label(name)

    return (
        select(
            customer.c.customer_key,
            *[customer.c[d.name] for d in DIMENSIONS],
            grade.c.grade,
            grade.c.tier,
            customer.c.needs_level,
            *[value(name) for name in names],
        )
        .outerjoin(total, total.c.customer_key == customer.c.customer_key)
        .outerjoin(grade, grade.c.customer_key == customer.c.customer_key)
        .where(
            or_(
                customer.c.acquired_on.is_(None),
                customer.c.acquired_on <= literal(last_day),
                total.c.customer_key.is_not(None),
            )
        )
    )


def cost_totals(first_week: date, last_week: date) -> Select:
    """A row a customer and cost item: driver quantity and cost of the weeks."""
    w = cost_week
    keys = (w.c.customer_key, w.c.source, w.c.item)
    return (
        select(*keys, func.sum(w.c.quantity).label("quantity"), func.sum(w.c.amount).label("amount"))
        .where(w.c.week.between(literal(first_week), literal(last_week)))
        .group_by(*keys)
    )


def slice_weeks(last_day: date) -> Select:
    """Weekly totals by the dimensions most filters touch, grade and tier as on `last_day`."""
    grade = graded_on(last_day).subquery("graded")
    w = customer_week
    keys: list[ColumnElement[Any]] = [w.c.week]
    for column in slice_week.c:
        if column.name in customer.c:
            keys.append(customer.c[column.name])
        elif column.name in grade.c:
            keys.append(grade.c[column.name])
    names = (*MEASURES, *COUNTS, "satisfaction_sum")
    return (
        select(*keys, *[func.sum(w.c[name]).label(name) for name in names])
        .join_from(w, customer, customer.c.customer_key == w.c.customer_key)
        .outerjoin(grade, grade.c.customer_key == w.c.customer_key)
        .group_by(*keys)
        .order_by(w.c.week)
    )
