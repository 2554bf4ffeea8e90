"""Triggers by which the database itself refuses to change or delete an entry.

A migration calls `protect` for each table it creates. In SQLite `INSERT OR REPLACE` deletes without a trigger, so an
insert that meets an existing key is refused as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

SAID = "the ledger is append-only"
FUNCTION = "ledger_append_only"


def prepare() -> None:
    """What the triggers call; once, before the first table."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{SAID}'; END $$"
        )


def protect(table: str, keys: Sequence[Sequence[str]]) -> None:
    """Make a table append-only. `keys` are the columns of its primary and unique keys."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {FUNCTION}()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
        )
        return
    refuse = f"BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
    for verb in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} {refuse}")
    for key in keys:
        same = " AND ".join(f"{column} = NEW.{column}" for column in key)
        op.execute(
            f"CREATE TRIGGER {table}_no_replace_{'_'.join(key)} BEFORE INSERT ON {table} "  # noqa: S608
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) {refuse}"
        )
