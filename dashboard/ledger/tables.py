"""The ledger's tables: what people write, entry by entry.

Every table is append-only, and the database itself refuses UPDATE and DELETE (triggers made by the first
migration). The state of anything is what its newest entry says; taking something back is an entry too. Each entry
has its number, its moment (UTC) and its author. A table's columns are changed by a new migration
(`dashboard/ledger/migrations`), never here alone: a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

ACTIONS = ("accept", "override", "postpone", "withdraw")
VERDICTS = ("approved", "rejected")
ALERT_STATES = ("open", "acknowledged", "closed")
STATUSES = ("sent", "failed", "refused")
AUDITED = ("export", "sign_off")


class Moment(TypeDecorator[datetime]):
    """A moment in UTC; SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""An entry's number: SQLite counts up only a column that is exactly INTEGER."""
DATA = JSON(none_as_null=True)


def _entries(name: str, *columns: SchemaItem, comment: str) -> Table:
    """A table of entries: number, moment and author, then what is written."""
    return Table(
        name,
        metadata,
        Column("id", NUMBER, Identity(always=True), primary_key=True),
        Column("at", Moment(), nullable=False),
        Column("author", String, nullable=False),
        *columns,
        comment=comment,
        sqlite_autoincrement=True,
    )


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(v) for v in values)})", name=column)


def _text(name: str, *, optional: bool = False) -> Column:
    return Column(name, String, nullable=optional)


def _regions() -> Column:
    return Column("regions", DATA, comment="codes of the regions it is about; empty: the whole company")


# --- decisions ---------------------------------------------------------------------------------------

decision = _entries(
    "decision",
    Column("review", Date, nullable=False, comment="Monday of the review week"),
    _text("customer_code"),
    Column("sequence", Integer, nullable=False, comment="1, 2, … of this customer in this review"),
    _text("action"),
    _text("current", optional=True),
    _text("recommended", optional=True),
    Column("level", String, comment="the level decided; empty when a decision is taken back"),
    _text("reason"),
    Column("expires_on", Date, comment="an override's last day; the day to which a decision is put off"),
    Column("expected", DATA, nullable=False, comment="figures at that moment"),
    _text("policy_version"),
    _text("data_version"),
    UniqueConstraint("review", "customer_code", "sequence"),
    _one_of("action", ACTIONS),
    CheckConstraint("sequence >= 1", name="sequence"),
    CheckConstraint("(action = 'withdraw') = (level IS NULL)", name="level"),
    CheckConstraint("action <> 'override' OR (reason <> '' AND expires_on IS NOT NULL)", name="override"),
    CheckConstraint("action <> 'postpone' OR reason <> '' OR expires_on IS NOT NULL", name="postpone"),
    Index(None, "customer_code"),
    comment="who gets which level, decided by whom and why",
)

approval = _entries(
    "approval",
    Column("review", Date, nullable=False),
    _text("verdict"),
    _text("reason"),
    _one_of("verdict", VERDICTS),
    comment="what a second person says to decisions",
)

approval_decision = Table(
    "approval_decision",
    metadata,
    Column("approval_id", NUMBER, ForeignKey(approval.c.id), primary_key=True),
    Column("decision_id", NUMBER, ForeignKey(decision.c.id), primary_key=True),
    Index(None, "decision_id"),
)

plan = _entries(
    "plan",
    Column("review", Date, nullable=False),
    Column("number", Integer, nullable=False, unique=True, comment="1, 2, … of all plans"),
    _regions(),
    Column("totals", DATA, nullable=False),
    _text("policy_version"),
    _text("data_version"),
    comment="plans as they were handed over",
)

plan_line = Table(
    "plan_line",
    metadata,
    Column("plan_id", NUMBER, ForeignKey(plan.c.id), primary_key=True),
    Column("customer_code", String, primary_key=True),
    _text("level"),
    Column("decision_id", NUMBER, ForeignKey(decision.c.id)),
)

pilot = _entries(
    "pilot",
    _text("name"),
    Column("levels", DATA, nullable=False, comment="whose customers were drawn from"),
    Column("seed", Integer, nullable=False),
    Column("share", Double, nullable=False, comment="of 1, held at their level"),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False, comment="last day, inclusive"),
    _text("why"),
    CheckConstraint("share > 0 AND share < 1", name="share"),
    CheckConstraint("ends_on >= starts_on", name="ends_on"),
    comment="random hold-outs; the newest entry of a name is in force",
)

pilot_customer = Table(
    "pilot_customer",
    metadata,
    Column("pilot_id", NUMBER, ForeignKey(pilot.c.id), primary_key=True),
    Column("customer_code", String, primary_key=True),
)

policy_text = _entries(
    "policy_text",
    Column("version", String, nullable=False, unique=True),
    _text("text"),
    _text("why"),
    comment="versions of the service policy saved from the editor",
)

# --- what is kept for oneself or for everyone --------------------------------------------------------


def _named(name: str, *columns: SchemaItem, comment: str) -> Table:
    return _entries(
        name,
        _text("name"),
        *columns,
        Column("params", DATA, nullable=False, comment="URL parameters that restore it"),
        Column("everyone", Boolean, nullable=False),
        Column("retired", Boolean, nullable=False),
        comment=comment,
    )


scenario = _named("scenario", comment="named what-ifs")
saved_view = _named("saved_view", _text("page"), comment="named views of pages")

note = _entries(
    "note",
    Column("review", Date, nullable=False),
    Column("question", String, comment="key of the question it stands beside"),
    Column("customer_code", String),
    _regions(),
    _text("text"),
    Column("replaces", NUMBER, ForeignKey("note.id"), unique=True),
    Column("retired", Boolean, nullable=False),
    Index(None, "review"),
    comment="what was said in a review",
)

annotation = _entries(
    "annotation",
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False, comment="last day, inclusive"),
    _text("text"),
    _text("text_en", optional=True),
    Column("replaces", NUMBER, ForeignKey("annotation.id"), unique=True),
    Column("retired", Boolean, nullable=False),
    CheckConstraint("ends_on >= starts_on", name="ends_on"),
    comment="events that charts show to everybody",
)

# --- what was done -----------------------------------------------------------------------------------

alert_state = _entries(
    "alert_state",
    _text("alert_key"),
    _text("state"),
    _text("reason"),
    Column("customer_code", String),
    _regions(),
    _one_of("state", ALERT_STATES),
    Index(None, "alert_key"),
    comment="the newest entry of a key is the alert's state",
)

delivery = _entries(
    "delivery",
    _text("pack"),
    _text("recipient"),
    _text("channel"),
    _text("format"),
    _text("language"),
    _text("filters"),
    _text("status"),
    Column("attempt", Integer, nullable=False),
    _text("error"),
    _text("data_version"),
    _regions(),
    _one_of("status", STATUSES),
    CheckConstraint("attempt >= 1", name="attempt"),
    comment="packs sent, and why one was not",
)

audit = _entries(
    "audit",
    _text("what"),
    Column("subject", String, nullable=False, comment="question, plan or file"),
    _text("filters"),
    Column("rows", Integer),
    _text("data_version"),
    _one_of("what", AUDITED),
    comment="exports and sign-offs",
)

ENTRIES = tuple(table for table in metadata.sorted_tables if "author" in table.c)
"""Tables of entries; the others hold the lines of one of them."""
