"""The first ledger: decisions, plans, what people keep, and what was done, all of it append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dashboard.ledger.migrations import append_only

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DATA = sa.JSON(none_as_null=True)

KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "alert_state": (("id",),),
    "annotation": (("id",), ("replaces",)),
    "approval": (("id",),),
    "audit": (("id",),),
    "decision": (("id",), ("review", "customer_code", "sequence")),
    "delivery": (("id",),),
    "note": (("id",), ("replaces",)),
    "pilot": (("id",),),
    "plan": (("id",), ("number",)),
    "policy_text": (("id",), ("version",)),
    "saved_view": (("id",),),
    "scenario": (("id",),),
    "approval_decision": (("approval_id", "decision_id"),),
    "pilot_customer": (("pilot_id", "customer_code"),),
    "plan_line": (("plan_id", "customer_code"),),
}


def _entry() -> list[sa.Column]:
    return [
        sa.Column("id", NUMBER, sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "alert_state",
        *_entry(),
        sa.Column("alert_key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("customer_code", sa.String(), nullable=True),
        sa.Column("regions", DATA, nullable=True, comment="codes of the regions it is about; empty: the whole company"),
        sa.CheckConstraint("state IN ('open', 'acknowledged', 'closed')", name=op.f("ck_alert_state_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_state")),
        comment="the newest entry of a key is the alert's state",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_alert_state_alert_key"), "alert_state", ["alert_key"])
    op.create_table(
        "annotation",
        *_entry(),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False, comment="last day, inclusive"),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("text_en", sa.String(), nullable=True),
        sa.Column("replaces", NUMBER, nullable=True),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_annotation_ends_on")),
        sa.ForeignKeyConstraint(["replaces"], ["annotation.id"], name=op.f("fk_annotation_replaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotation")),
        sa.UniqueConstraint("replaces", name=op.f("uq_annotation_replaces")),
        comment="events that charts show to everybody",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "approval",
        *_entry(),
        sa.Column("review", sa.Date(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("verdict IN ('approved', 'rejected')", name=op.f("ck_approval_verdict")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
        comment="what a second person says to decisions",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit",
        *_entry(),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False, comment="question, plan or file"),
        sa.Column("filters", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("data_version", sa.String(), nullable=False),
        sa.CheckConstraint("what IN ('export', 'sign_off')", name=op.f("ck_audit_what")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        comment="exports and sign-offs",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "decision",
        *_entry(),
        sa.Column("review", sa.Date(), nullable=False, comment="Monday of the review week"),
        sa.Column("customer_code", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False, comment="1, 2, … of this customer in this review"),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("current", sa.String(), nullable=True),
        sa.Column("recommended", sa.String(), nullable=True),
        sa.Column(
            "level", sa.String(), nullable=True, comment="the level decided; empty when a decision is taken back"
        ),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column(
            "expires_on",
            sa.Date(),
            nullable=True,
            comment="an override's last day; the day to which a decision is put off",
        ),
        sa.Column("expected", DATA, nullable=False, comment="figures at that moment"),
        sa.Column("policy_version", sa.String(), nullable=False),
        sa.Column("data_version", sa.String(), nullable=False),
        sa.CheckConstraint("(action = 'withdraw') = (level IS NULL)", name=op.f("ck_decision_level")),
        sa.CheckConstraint(
            "action <> 'override' OR (reason <> '' AND expires_on IS NOT NULL)", name=op.f("ck_decision_override")
        ),
        sa.CheckConstraint(
            "action <> 'postpone' OR reason <> '' OR expires_on IS NOT NULL", name=op.f("ck_decision_postpone")
        ),
        sa.CheckConstraint("action IN ('accept', 'override', 'postpone', 'withdraw')", name=op.f("ck_decision_action")),
        sa.CheckConstraint("sequence >= 1", name=op.f("ck_decision_sequence")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
        sa.UniqueConstraint(
            "review", "customer_code", "sequence", name=op.f("uq_decision_review_customer_code_sequence")
        ),
        comment="who gets which level, decided by whom and why",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_decision_customer_code"), "decision", ["customer_code"])
    op.create_table(
        "delivery",
        *_entry(),
        sa.Column("pack", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("filters", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("data_version", sa.String(), nullable=False),
        sa.CheckConstraint("status IN ('sent', 'failed', 'refused')", name=op.f("ck_delivery_status")),
        sa.CheckConstraint("attempt >= 1", name=op.f("ck_delivery_attempt")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        comment="packs sent, and why one was not",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "note",
        *_entry(),
        sa.Column("review", sa.Date(), nullable=False),
        sa.Column("question", sa.String(), nullable=True, comment="key of the question it stands beside"),
        sa.Column("customer_code", sa.String(), nullable=True),
        sa.Column("regions", DATA, nullable=True, comment="codes of the regions it is about; empty: the whole company"),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("replaces", NUMBER, nullable=True),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["replaces"], ["note.id"], name=op.f("fk_note_replaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
        sa.UniqueConstraint("replaces", name=op.f("uq_note_replaces")),
        comment="what was said in a review",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_note_review"), "note", ["review"])
    op.create_table(
        "pilot",
        *_entry(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("levels", DATA, nullable=False, comment="whose customers were drawn from"),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False, comment="of 1, held at their level"),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False, comment="last day, inclusive"),
        sa.Column("why", sa.String(), nullable=False),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_pilot_ends_on")),
        sa.CheckConstraint("share > 0 AND share < 1", name=op.f("ck_pilot_share")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pilot")),
        comment="random hold-outs; the newest entry of a name is in force",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "plan",
        *_entry(),
        sa.Column("review", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="1, 2, … of all plans"),
        sa.Column("regions", DATA, nullable=True, comment="codes of the regions it is about; empty: the whole company"),
        sa.Column("totals", DATA, nullable=False),
        sa.Column("policy_version", sa.String(), nullable=False),
        sa.Column("data_version", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        sa.UniqueConstraint("number", name=op.f("uq_plan_number")),
        comment="plans as they were handed over",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "policy_text",
        *_entry(),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_text")),
        sa.UniqueConstraint("version", name=op.f("uq_policy_text_version")),
        comment="versions of the service policy saved from the editor",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "saved_view",
        *_entry(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("page", sa.String(), nullable=False),
        sa.Column("params", DATA, nullable=False, comment="URL parameters that restore it"),
        sa.Column("everyone", sa.Boolean(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        comment="named views of pages",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "scenario",
        *_entry(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("params", DATA, nullable=False, comment="URL parameters that restore it"),
        sa.Column("everyone", sa.Boolean(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scenario")),
        comment="named what-ifs",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "approval_decision",
        sa.Column("approval_id", NUMBER, nullable=False),
        sa.Column("decision_id", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["approval_id"], ["approval.id"], name=op.f("fk_approval_decision_approval_id")),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_approval_decision_decision_id")),
        sa.PrimaryKeyConstraint("approval_id", "decision_id", name=op.f("pk_approval_decision")),
    )
    op.create_index(op.f("ix_approval_decision_decision_id"), "approval_decision", ["decision_id"])
    op.create_table(
        "pilot_customer",
        sa.Column("pilot_id", NUMBER, nullable=False),
        sa.Column("customer_code", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilot.id"], name=op.f("fk_pilot_customer_pilot_id")),
        sa.PrimaryKeyConstraint("pilot_id", "customer_code", name=op.f("pk_pilot_customer")),
    )
    op.create_table(
        "plan_line",
        sa.Column("plan_id", NUMBER, nullable=False),
        sa.Column("customer_code", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("decision_id", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_plan_line_decision_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_plan_line_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", "customer_code", name=op.f("pk_plan_line")),
    )

    append_only.prepare()
    for table, keys in KEYS.items():
        append_only.protect(table, keys)
