"""The warehouse's tables: this file is the contract.

A star around the customer. `customer` and `sales_line` are required; every other table is optional,
and what needs it says so (`needs` on each question). Amounts are in the warehouse's one currency,
net of tax, as DECIMAL; dates are days; `valid_to` is exclusive and empty while the row is in force.
`name` is the name in the company's own language, `name_en` the English one where there is one.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
)

metadata = MetaData()

MONEY = Numeric(15, 2)
QUANTITY = Numeric(15, 3)
RATE = Numeric(15, 4)


def _key(name: str) -> Column:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _to(name: str, *, optional: bool = True) -> Column:
    """A reference to another table's key. Not enforced: warehouses load facts before dimensions."""
    return Column(name, BigInteger, nullable=optional)


def _names(optional: bool = False) -> list[Column]:
    return [Column("name", String, nullable=optional), Column("name_en", String)]


warehouse_info = Table(
    "warehouse_info",
    metadata,
    Column("name", String, primary_key=True, comment="currency, title, origin, truth …"),
    Column("value", String, nullable=False),
)

label = Table(
    "label",
    metadata,
    Column("domain", String, primary_key=True, comment="industry, size, category, root_cause …"),
    Column("code", String, primary_key=True),
    *_names(),
    Column("position", Integer, comment="order of an ordered category"),
    comment="display names of coded values",
)

region = Table(
    "region",
    metadata,
    _key("region_key"),
    Column("code", String, nullable=False, unique=True),
    *_names(),
    _to("parent_key"),
    comment="a tree: country › region › city",
)

employee = Table(
    "employee",
    metadata,
    _key("employee_key"),
    Column("code", String, nullable=False, unique=True),
    *_names(),
    Column("role", String),
    _to("region_key"),
    Column("hours_per_week", Numeric(6, 2)),
)

channel = Table(
    "channel",
    metadata,
    _key("channel_key"),
    Column("code", String, nullable=False, unique=True),
    *_names(),
)

product = Table(
    "product",
    metadata,
    _key("product_key"),
    Column("code", String, nullable=False, unique=True),
    *_names(),
    Column("category", String),
    Column("list_price", MONEY),
    Column("unit_cost", MONEY),
)

customer = Table(
    "customer",
    metadata,
    _key("customer_key"),
    Column("code", String, nullable=False, unique=True),
    *_names(),
    Column("kind", String, comment="organisation or person"),
    _to("region_key"),
    Column("industry", String),
    Column("size", String),
    _to("manager_key"),
    Column("acquired_on", Date),
    _to("acquisition_channel_key"),
    Column("acquisition_cost", MONEY),
    Column("strategic_fit", SmallInteger, comment="1 (none) to 5 (strategic partner)"),
    Column("needs_level", SmallInteger, comment="1 supply, 2 safety, 3 image, 4 esteem, 5 partnership"),
    Column("credit_limit", MONEY),
)

customer_profile = Table(
    "customer_profile",
    metadata,
    _key("customer_key"),
    Column("contact_name", String),
    Column("phone", String),
    Column("email", String),
    Column("birthday", Date),
    Column("sex", String),
    Column("education", String),
    Column("birthplace", String),
    Column("religion", String),
    Column("zodiac", String),
    Column("hobbies", String),
    Column("smokes", String),
    Column("drinks", String),
    Column("operating_history", String),
    comment="personal data: read only with the permission 'profile', never an input to a score",
)

sales_line = Table(
    "sales_line",
    metadata,
    _key("line_key"),
    Column("order_code", String),
    _to("customer_key", optional=False),
    _to("product_key"),
    _to("channel_key"),
    Column("sold_on", Date, nullable=False),
    Column("quantity", QUANTITY),
    Column("revenue", MONEY, nullable=False, comment="net of discount; negative on a return"),
    Column("discount", MONEY),
    Column("cost_of_goods", MONEY, comment="empty when unknown; negative on a return"),
    Column("payment_method", String),
    _to("return_of"),
)

activity = Table(
    "activity",
    metadata,
    _key("activity_key"),
    Column("code", String, nullable=False, unique=True),
    *_names(),
    Column("cost_pool", String),
    Column("driver_unit", String, comment="minute, visit, drop, line, piece …"),
)

activity_rate = Table(
    "activity_rate",
    metadata,
    _key("activity_key"),
    Column("valid_from", Date, primary_key=True),
    Column("valid_to", Date),
    Column("unit_rate", RATE, nullable=False, comment="money for one driver unit"),
    Column("weekly_capacity", QUANTITY, comment="practical capacity, driver units a week"),
    Column("weekly_cost", MONEY, comment="cost of the capacity supplied, a week"),
)

service_event = Table(
    "service_event",
    metadata,
    _key("event_key"),
    _to("customer_key", optional=False),
    _to("activity_key", optional=False),
    Column("served_on", Date, nullable=False),
    Column("quantity", QUANTITY, nullable=False),
    _to("channel_key"),
)

direct_cost = Table(
    "direct_cost",
    metadata,
    _key("entry_key"),
    _to("customer_key", optional=False),
    Column("incurred_on", Date, nullable=False),
    Column("kind", String, nullable=False, comment="bad_debt, legal, gift, freight, refund"),
    Column("amount", MONEY, nullable=False),
)

SURVEY_ITEMS = ("on_time", "quality", "price", "terms", "complaint_handling", "listening", "trust")

survey = Table(
    "survey",
    metadata,
    _key("response_key"),
    _to("customer_key", optional=False),
    Column("answered_on", Date, nullable=False),
    Column("satisfaction", SmallInteger, nullable=False, comment="overall, 1 to 5"),
    Column("recommend", SmallInteger, comment="0 to 10"),
    *[Column(item, SmallInteger, comment="1 to 5") for item in SURVEY_ITEMS],
)

word_of_mouth = Table(
    "word_of_mouth",
    metadata,
    _key("event_key"),
    _to("customer_key", optional=False),
    Column("happened_on", Date, nullable=False),
    Column("kind", String, nullable=False, comment="praise, complaint or referral"),
    Column("channel", String),
    Column("reach", Integer),
    _to("referred_key"),
)

complaint = Table(
    "complaint",
    metadata,
    _key("case_key"),
    _to("customer_key", optional=False),
    Column("opened_at", DateTime, nullable=False),
    Column("first_response_at", DateTime),
    Column("resolved_at", DateTime),
    Column("category", String),
    Column("root_cause", String),
    Column("improvement", String),
    Column("satisfaction_after", SmallInteger),
)

contact = Table(
    "contact",
    metadata,
    _key("contact_key"),
    _to("customer_key", optional=False),
    _to("employee_key"),
    Column("contacted_on", Date, nullable=False),
    Column("channel", String, comment="phone, mail, sms, visit, gift, event, social, chat"),
    Column("purpose", String),
    Column("outcome", String),
    Column("cost", MONEY, comment="out-of-pocket, for response per channel; not part of cost to serve"),
)

opportunity_stage = Table(
    "opportunity_stage",
    metadata,
    _key("entry_key"),
    Column("opportunity_code", String, nullable=False),
    _to("customer_key"),
    Column("lead_name", String),
    Column("stage", String, nullable=False, comment="collect, contact, engage, decide, close, after_sales"),
    Column("entered_on", Date, nullable=False),
    Column("left_on", Date),
    Column("value", MONEY),
)

stock_month = Table(
    "stock_month",
    metadata,
    _key("customer_key"),
    _key("product_key"),
    Column("month", Date, primary_key=True),
    Column("purchased", QUANTITY),
    Column("sold", QUANTITY),
    Column("on_hand", QUANTITY),
)

assignment = Table(
    "assignment",
    metadata,
    _key("customer_key"),
    Column("valid_from", Date, primary_key=True),
    Column("valid_to", Date),
    Column("grade", String, comment="A (worth most) to D"),
    Column("tier", String, comment="strategic, key, standard, self_service"),
    Column("decided_by", String),
    Column("reason", String),
)

loyalty_entry = Table(
    "loyalty_entry",
    metadata,
    _key("entry_key"),
    _to("customer_key", optional=False),
    Column("entered_on", Date, nullable=False),
    Column("earned", Integer),
    Column("redeemed", Integer),
    Column("level", String),
    Column("benefit", String),
)

target = Table(
    "target",
    metadata,
    Column("metric", String, primary_key=True),
    Column("region_code", String, primary_key=True, comment="empty text: all regions"),
    Column("grade", String, primary_key=True, comment="empty text: all grades"),
    Column("starts_on", Date, primary_key=True),
    Column("ends_on", Date, nullable=False, comment="last day, inclusive"),
    Column("value", Numeric(18, 4), nullable=False),
)

event = Table(
    "event",
    metadata,
    _key("event_key"),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False, comment="last day, inclusive"),
    *_names(),
    Column("kind", String),
)

REQUIRED = ("customer", "sales_line")
GRADES = ("A", "B", "C", "D")
TIERS = ("strategic", "key", "standard", "self_service")
