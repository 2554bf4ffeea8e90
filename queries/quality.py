"""What can be wrong with the facts: which rows, in which customers' regions, and examples of them.

A `Check` is a condition that is true of a faulty row. All checks of a table are counted in one pass over it,
where the facts live, by the region of the customer that a row names; a finding is then shown within a
reader's scope as everything else is. The likely same customer is looked for in the marts, among sorted
neighbours (Hernández and Stolfo 1995), so that two million names cost one sort and not every pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Double,
    FromClause,
    Select,
    String,
    Table,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
)

from dashboard.scope import Scope
from queries import marts, schema
from queries.dialects import start_of_week
from queries.schema import GRADES, MONEY, SURVEY_ITEMS, TIERS

Severity = Literal["red", "amber", "note"]
SEVERITIES: tuple[Severity, ...] = ("red", "amber", "note")

ANCIENT = date(1971, 1, 1)
"""Days before it are spreadsheets' 1900-01-00 and computers' 1970-01-01 far more often than business."""
FENCE_LINES = 20
FENCE_LEAST = 10.0
EXAMPLES_READ, EXAMPLES_KEPT = 2_000, 3
SHARED_PHONES = 5
"""A phone number of more customers than this is a switchboard's or a filler."""
NEAR_NAME_LETTERS = 8
AMOUNTS = {"sales_line": "revenue", "direct_cost": "amount"}


@dataclass(frozen=True)
class Facts:
    """What conditions are worked out from: the tables with rows, the newest day that can be, the amounts' fence."""

    filled: frozenset[str]
    newest: date
    fence: float | None = None


@dataclass(frozen=True)
class Check:
    """A kind of fault in a column: true of a faulty row is `bad`. `severity` is that of a single row, or of a
    share of the rows (or, where `by_amount`, of the money) from `amber_from` on; below it is a note."""

    kind: str
    table: str
    column: str
    severity: Severity
    bad: Callable[[Facts], ColumnElement[bool]]
    needs: frozenset[str] = frozenset()
    amber_from: float = 0.0
    by_amount: bool = False
    bounds: tuple[int, int] | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        return f"{self.table}.{self.column}.{self.kind}"

    def judged(self, share: float) -> Severity:
        """The severity of a share of faulty rows."""
        return self.severity if share >= self.amber_from else "note"


def _column(table: str, column: str) -> Column:
    return schema.metadata.tables[table].c[column]


def _orphan(table: str, column: str, target: str, severity: Severity) -> Check:
    key = _column(table, column)
    there = schema.metadata.tables[target].alias("there").c[f"{target}_key"]
    lost = and_(key.is_not(None), key.not_in(select(there).where(there.is_not(None))))
    return Check("orphan", table, column, severity, lambda facts: lost, frozenset({target}))


def _future(table: str, column: str, severity: Severity) -> Check:
    return Check("future", table, column, severity, lambda facts: _column(table, column) > facts.newest)


def _ancient(table: str, column: str, severity: Severity) -> Check:
    return Check("ancient", table, column, severity, lambda facts: _column(table, column) < ANCIENT)


def _range(table: str, column: str, low: int, high: int, severity: Severity = "amber") -> Check:
    outside = ~_column(table, column).between(low, high)
    return Check("range", table, column, severity, lambda facts: outside, bounds=(low, high))


def _code(table: str, column: str, known: Iterable[str], severity: Severity = "amber") -> Check:
    unknown = _column(table, column).not_in(tuple(known))
    return Check("unknown_code", table, column, severity, lambda facts: unknown)


def _plain(
    kind: str, table: str, column: str, bad: ColumnElement[bool], severity: Severity = "amber", amber_from: float = 0.0
) -> Check:
    return Check(kind, table, column, severity, lambda facts: bad, amber_from=amber_from)


def _negative(table: str, column: str) -> Check:
    return _plain("negative", table, column, _column(table, column) < 0)


def _turned(table: str, last: str, first: str) -> Check:
    """An end before its beginning; `valid_to` is exclusive, so that an equal one is in force on no day."""
    ends, begins = _column(table, last), _column(table, first)
    return _plain("order", table, last, ends <= begins if last == "valid_to" else ends < begins)


def _empty(table: str, column: str) -> Check:
    return _plain("empty", table, column, _column(table, column).is_(None), _grave(table))


def _grave(table: str) -> Severity:
    """The severity of what takes a row out of every figure: red where figures are made of the table."""
    return "red" if table in COUNTED else "amber"


COUNTED = ("customer", "sales_line", "service_event", "direct_cost", "survey", "word_of_mouth", "assignment")
"""The tables that the pages' figures are made of."""
ENTRIES = {
    "sales_line": "sold_on",
    "service_event": "served_on",
    "direct_cost": "incurred_on",
    "survey": "answered_on",
    "word_of_mouth": "happened_on",
    "complaint": "opened_at",
    "contact": "contacted_on",
    "opportunity_stage": "entered_on",
    "loyalty_entry": "entered_on",
    "stock_month": "month",
    "assignment": "valid_from",
}
"""What belongs to a customer, and its day."""

_line, _served, _rate = schema.sales_line.c, schema.service_event.c, schema.activity_rate.c
_in_force = and_(
    _rate.activity_key == _served.activity_key,
    _rate.valid_from <= _served.served_on,
    or_(_rate.valid_to.is_(None), _rate.valid_to > _served.served_on),
)
_known_activity = _served.activity_key.in_(select(schema.activity.c.activity_key))

CHECKS: tuple[Check, ...] = (
    *(_orphan(table, "customer_key", "customer", _grave(table)) for table in ENTRIES),
    _orphan("customer", "region_key", "region", "red"),
    _orphan("customer", "manager_key", "employee", "amber"),
    _orphan("customer", "acquisition_channel_key", "channel", "amber"),
    _orphan("region", "parent_key", "region", "amber"),
    _orphan("sales_line", "product_key", "product", "amber"),
    _orphan("sales_line", "channel_key", "channel", "amber"),
    _orphan("service_event", "activity_key", "activity", "red"),
    *(
        _empty(table.name, column.name)
        for table in schema.metadata.sorted_tables
        if table.name in ("customer", *ENTRIES)
        for column in table.c
        if not column.nullable and not column.primary_key and column.name != "name"
    ),
    *(
        _future(table, column, "red" if table == "sales_line" else "amber")
        for table, column in ENTRIES.items()
        if table != "assignment"  # may be decided ahead
    ),
    *(_ancient(table, column, "red" if table == "sales_line" else "amber") for table, column in ENTRIES.items()),
    _future("customer", "acquired_on", "amber"),
    _ancient("customer", "acquired_on", "amber"),
    _range("survey", "satisfaction", 1, 5, "red"),
    _range("survey", "recommend", 0, 10),
    *(_range("survey", item, 1, 5) for item in SURVEY_ITEMS),
    _range("complaint", "satisfaction_after", 1, 5),
    _range("customer", "strategic_fit", 1, 5),
    _range("customer", "needs_level", 1, 5),
    _code("assignment", "grade", GRADES, "red"),
    _code("assignment", "tier", TIERS, "red"),
    _code("customer", "kind", ("organisation", "person")),
    _code("word_of_mouth", "kind", marts.WORDS),
    _code("opportunity_stage", "stage", ("collect", "contact", "engage", "decide", "close", "after_sales")),
    _negative("service_event", "quantity"),
    _negative("direct_cost", "amount"),
    _negative("activity_rate", "unit_rate"),
    _negative("product", "list_price"),
    _negative("product", "unit_cost"),
    _negative("customer", "credit_limit"),
    _negative("customer", "acquisition_cost"),
    _negative("stock_month", "on_hand"),
    _plain("negative_price", "sales_line", "revenue", _line.revenue * _line.quantity < 0),
    _plain("zero_price", "sales_line", "revenue", and_(_line.revenue == 0, _line.quantity != 0), amber_from=0.05),
    _plain("cost_sign", "sales_line", "cost_of_goods", _line.revenue * _line.cost_of_goods < 0),
    Check(
        "outlier",
        "sales_line",
        "revenue",
        "amber",
        lambda facts: false() if facts.fence is None else func.abs(_line.revenue) > facts.fence,
    ),
    Check(
        "uncosted",
        "sales_line",
        "cost_of_goods",
        "amber",
        lambda facts: _line.cost_of_goods.is_(None),
        amber_from=marts.UNCOSTED_LIMIT,
        by_amount=True,
    ),
    Check(
        "unrated",
        "service_event",
        "activity_key",
        "amber",
        lambda facts: and_(_known_activity, ~exists().where(_in_force)) if "activity_rate" in facts.filled else false(),
        frozenset({"activity"}),
    ),
    _turned("assignment", "valid_to", "valid_from"),
    _turned("activity_rate", "valid_to", "valid_from"),
    _turned("complaint", "resolved_at", "opened_at"),
    _turned("opportunity_stage", "left_on", "entered_on"),
    _turned("target", "ends_on", "starts_on"),
    _turned("event", "ends_on", "starts_on"),
)

REPEATS: dict[str, tuple[str, ...]] = {
    "sales_line": ("order_code", "customer_key", "product_key", "channel_key", "sold_on", "quantity", "revenue"),
    "direct_cost": ("customer_key", "incurred_on", "kind", "amount"),
    "survey": ("customer_key", "answered_on"),
}
"""The columns in which two rows agree that are likely one, entered twice."""

_never: Callable[[Facts], ColumnElement[bool]] = lambda facts: false()  # noqa: E731 - counted by queries of their own
SPECIAL: tuple[Check, ...] = (
    Check("repeat", "sales_line", "line_key", "amber", _never, amber_from=0.002),
    Check("repeat", "direct_cost", "entry_key", "amber", _never, amber_from=0.002),
    Check("repeat", "survey", "response_key", "note", _never),
    Check("double_code", "customer", "code", "amber", _never),
    Check("same_customer", "customer", "name", "amber", _never, amber_from=0.02),
    Check("gap", "sales_line", "sold_on", "amber", _never),
    Check("currency", "warehouse_info", "value", "amber", _never),
)
KNOWN: dict[str, Check] = {check.key: check for check in (*CHECKS, *SPECIAL)}


def applying(table: str, filled: Iterable[str]) -> list[Check]:
    """The checks of a table that the filled tables allow."""
    filled = set(filled)
    return [check for check in CHECKS if check.table == table and check.needs <= filled]


def amounts_fence() -> Select:
    """(lines, first and third quartile) of the amounts' sizes, without zeros."""
    size = cast(func.abs(_line.revenue), Double)
    quartiles = [func.percentile_cont(literal_column(share)).within_group(size) for share in ("0.25", "0.75")]
    return select(func.count(), *quartiles).where(_line.revenue != 0)


def fence(lines: int, first: float | None, third: float | None) -> float | None:
    """The size from which an amount is an outlier: Tukey's (1977) outer fence of the amounts' logarithms.

    Three interquartile ranges above the third quartile, and at least ten times that; None of too few lines.
    """
    if lines < FENCE_LINES or not first or not third:
        return None
    return float(third) * max((float(third) / float(first)) ** 3, FENCE_LEAST)


def _by_customer(table: Table) -> tuple[ColumnElement, ColumnElement, FromClause]:
    """(region key, code of the customer, FROM clause) of a table's rows; both NULL where it names no customer."""
    customer = schema.customer
    if table is customer:
        return customer.c.region_key, customer.c.code, customer
    if "customer_key" not in table.c:
        nothing = cast(null(), marts.region.c.region_key.type)
        return nothing, cast(null(), String), table
    joined = table.outerjoin(customer, customer.c.customer_key == table.c.customer_key)
    return customer.c.region_key, customer.c.code, joined


def counted(table: str, checks: list[Check], facts: Facts) -> Select:
    """By region key: rows, their amount (size), and for each check the faulty rows and their amount."""
    source = schema.metadata.tables[table]
    region, _, rows_of = _by_customer(source)
    amount = func.abs(source.c[AMOUNTS[table]]) if table in AMOUNTS else cast(literal(0), MONEY)
    marks = [case((check.bad(facts), 1), else_=0).label(f"bad_{n}") for n, check in enumerate(checks)]
    rows = select(region.label("region_key"), amount.label("amount"), *marks).select_from(rows_of).subquery("rows_")
    found = []
    for n in range(len(checks)):
        mark = rows.c[f"bad_{n}"]
        found += [func.sum(mark), func.sum(case((mark == 1, rows.c.amount)))]
    return select(rows.c.region_key, func.count(), func.sum(rows.c.amount), *found).group_by(rows.c.region_key)


def examples(check: Check, facts: Facts) -> Select:
    """(region key, customer's code, the row's own name, the faulty value) of the first faulty rows."""
    source = schema.metadata.tables[check.table]
    region, code, rows_of = _by_customer(source)
    own = source.c.order_code if check.table == "sales_line" else cast(null(), String)
    if "code" in source.c and check.table != "customer":
        own = source.c.code
    return (
        select(region.label("region_key"), code, own, cast(source.c[check.column], String))
        .select_from(rows_of)
        .where(check.bad(facts))
        .order_by(*source.primary_key)
        .limit(EXAMPLES_READ)
    )


def repeats(table: str) -> Select:
    """(region key, customer's code, the row's own name, rows too many, their amount) of rows that are alike."""
    source = schema.metadata.tables[table]
    columns = [source.c[name] for name in REPEATS[table]]
    alike = (
        select(*columns, (func.count() - 1).label("more")).group_by(*columns).having(func.count() > 1).subquery("alike")
    )
    customer = schema.customer
    amount = func.abs(alike.c[AMOUNTS[table]]) if table in AMOUNTS else cast(literal(0), MONEY)
    own = alike.c.order_code if "order_code" in alike.c else cast(null(), String)
    joined = alike.join(customer, customer.c.customer_key == alike.c.customer_key)
    return select(customer.c.region_key, customer.c.code, own, alike.c.more, alike.c.more * amount).select_from(joined)


def repeats_by_region(table: str) -> Select:
    """(region key, rows too many, their amount)."""
    rows = repeats(table).subquery("repeats")
    region, _, _, more, amount = rows.c
    return select(region, func.sum(more), func.sum(amount)).group_by(region)


def repeated_examples(table: str) -> Select:
    """As `examples`, of rows that are alike."""
    rows = repeats(table).subquery("repeats")
    region, code, own, more, _ = rows.c
    return select(region, code, own, cast(more + 1, String)).order_by(code, own, more).limit(EXAMPLES_READ)


def double_codes() -> Select:
    """(region key, one code, the other code) of customers whose codes differ in blanks or case alone."""
    c = schema.customer.c
    same = func.lower(func.trim(c.code))
    return (
        select(func.min(c.region_key), func.min(c.code), func.max(c.code), func.count() - 1)
        .group_by(same)
        .having(func.count() > 1)
        .order_by(func.min(c.code))
    )


def weeks_with_sales(newest: date) -> Select:
    """The weeks in which something was sold, in order, between the days that can be."""
    week = start_of_week(_line.sold_on).label("week")
    return select(week).where(_line.sold_on.between(ANCIENT, newest)).distinct().order_by(week)


# --- the customer file ------------------------------------------------------------------------------------

FIELDS = (
    "name",
    "kind",
    "region_key",
    "industry",
    "size",
    "manager_key",
    "acquired_on",
    "acquisition_channel_key",
    "strategic_fit",
    "needs_level",
    "credit_limit",
)
PROFILE_FIELDS = ("contact_name", "phone", "email", "birthday", "hobbies")


def filled_fields(profiles: bool) -> tuple[tuple[str, ...], Select]:
    """(fields, statement): by account manager and region key, customers and how many have each field.

    A name that only repeats the code tells nothing and doesn't count.
    """
    customer, profile = schema.customer, schema.customer_profile
    columns = {name: customer.c[name] for name in FIELDS}
    source = customer.outerjoin(profile, profile.c.customer_key == customer.c.customer_key) if profiles else customer
    if profiles:
        columns |= {name: profile.c[name] for name in PROFILE_FIELDS}
    counts = []
    for name, column in columns.items():
        there: ColumnElement[bool] = column.is_not(None)
        if isinstance(column.type, String):
            there = func.trim(column) != ""
        if name == "name":
            there = and_(there, column != customer.c.code)
        counts.append(func.sum(case((there, 1), else_=0)))
    keys = (customer.c.manager_key, customer.c.region_key)
    return tuple(columns), select(*keys, func.count(), *counts).select_from(source).group_by(*keys)


def same_phone() -> Select:
    """(one customer, the other): pairs of customers that share a telephone number."""
    p = schema.customer_profile.c
    bare: ColumnElement[str] = p.phone
    for sign in (" ", "-", "(", ")", "/", ".", "+86"):
        bare = func.replace(bare, sign, "")
    digits = bare.label("digits")
    numbers = select(p.customer_key, digits).where(func.length(p.phone) >= 6).subquery("numbers").c
    key = numbers.customer_key
    return (
        select(func.min(key), func.max(key))
        .group_by(numbers.digits)
        .having(and_(func.count() > 1, func.count() <= SHARED_PHONES, func.min(key) < func.max(key)))
        .order_by(func.min(key))
    )


LEGAL_FORMS = r"\b(co|company|ltd|limited|inc|llc|llp|plc|corp|corporation|gmbh|ag|kg|sa|sarl|bv|pte|pty|srl|spa)\b"
CHINESE_FORMS = "(股份有限公司|有限责任公司|有限公司|集团公司|集团|公司)$"


def same_names() -> Select:
    """(one customer, the other, reason) of organisations with a like name in one region, beside the pairs that the
    marts have already.

    `name`: alike but for case, blanks, punctuation and legal form; `spelling`: one letter of a long name apart.
    """
    c = marts.customer.c
    words = func.regexp_replace(func.lower(c.name), LEGAL_FORMS, "", "g")
    bare = func.regexp_replace(func.regexp_replace(words, r"[\s\p{P}\p{S}]+", "", "g"), CHINESE_FORMS, "")
    plain = (
        select(c.customer_key, c.region_position, bare.label("bare"))
        .where(c.name.is_not(None), c.name != c.code, func.coalesce(c.kind, "organisation") != "person", bare != "")
        .subquery("plain")
    )

    def before(column: ColumnElement) -> ColumnElement:
        order = (plain.c.bare, plain.c.customer_key)
        return func.lag(column).over(partition_by=plain.c.region_position, order_by=order)

    pair = select(
        plain.c.customer_key,
        plain.c.bare,
        before(plain.c.customer_key).label("other_key"),
        before(plain.c.bare).label("other"),
    ).subquery("pair")
    p = pair.c
    digits = [func.regexp_replace(name, r"[^0-9]", "", "g") for name in (p.bare, p.other)]
    spelling = and_(
        func.length(p.bare) >= NEAR_NAME_LETTERS,
        func.abs(func.length(p.bare) - func.length(p.other)) <= 1,
        func.regexp_full_match(p.bare, r"[\x00-\x{024F}]+"),
        digits[0] == digits[1],
        func.levenshtein(p.bare, p.other) <= 1,
    )
    one, other = func.least(p.customer_key, p.other_key), func.greatest(p.customer_key, p.other_key)
    known = marts.same_customer.alias("known").c
    new = ~exists().where(known.customer_key == one, known.other_key == other)
    reason = case((p.bare == p.other, "name"), else_="spelling")
    return select(one, other, reason).where(p.other_key.is_not(None), or_(p.bare == p.other, spelling), new)


def same_customers_found() -> Select:
    """Rows of `marts.finding` about the pairs in the marts, each counted where its first customer is."""
    c, s = marts.customer.c, marts.same_customer.c
    return (
        select(
            literal("customer.name.same_customer"), c.region_position,
            func.count(s.other_key), func.count(c.customer_key.distinct()), literal(0.0), literal(0.0),
        )
        .select_from(marts.customer.outerjoin(marts.same_customer, s.customer_key == c.customer_key))
        .where(exists().select_from(marts.same_customer.alias("any_pair")))
        .group_by(c.region_position)
    )  # fmt: skip


# --- what readers see, from the marts ---------------------------------------------------------------------


def findings(scope: Scope) -> Select:
    """By check: faulty rows, rows looked at, and the amounts of both, in the reader's regions."""
    f = marts.finding.c
    sums = [func.sum(f[name]).label(name) for name in ("found", "looked_at", "amount", "amount_looked_at")]
    return select(f.check_key, *sums).where(scope.allows(f.region_position)).group_by(f.check_key)


def finding_examples(scope: Scope) -> Select:
    """Examples by check (columns check_key, code, own, value), of the reader's own regions."""
    e = marts.finding_example.c
    order = (e.check_key, e.place)
    return select(e.check_key, e.code, e.own, e.value).where(scope.allows(e.region_position)).order_by(*order)


def completeness(scope: Scope) -> Select:
    """By account manager and field: customers, and those of them whose file has it."""
    c, e = marts.completeness.c, marts.employee.c
    names = (e.code, e.name, e.name_en)
    sums = (func.sum(c.customers).label("customers"), func.sum(c.filled).label("filled"))
    joined = marts.completeness.outerjoin(marts.employee, e.employee_key == c.manager_key)
    return (
        select(*names, c.field, c.place, *sums)
        .select_from(joined)
        .where(scope.allows(c.region_position))
        .group_by(*names, c.field, c.place)
        .order_by(c.place)
    )


def same_customers(scope: Scope, limit: int) -> Select:
    """Pairs that are likely one customer, both in the reader's regions; `pairs` is how many there are."""
    one, other, s = marts.customer.alias("one"), marts.customer.alias("other"), marts.same_customer.c
    place = marts.region.alias("place")
    total = func.count().over().label("pairs")
    return (
        select(
            one.c.code, one.c.name, one.c.name_en,
            other.c.code.label("other_code"), other.c.name.label("other_name"), other.c.name_en.label("other_name_en"),
            place.c.name.label("region"), place.c.name_en.label("region_en"), s.reason, total,
        )
        .select_from(marts.same_customer)
        .join(one, one.c.customer_key == s.customer_key)
        .join(other, other.c.customer_key == s.other_key)
        .outerjoin(place, place.c.position == one.c.region_position)
        .where(scope.allows(one.c.region_position), scope.allows(other.c.region_position))
        .order_by(s.reason, one.c.code)
        .limit(limit)
    )  # fmt: skip
