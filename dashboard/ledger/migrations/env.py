"""How Alembic runs a migration here: on the connection, and in the transaction, that the ledger opened."""

from alembic import context

from dashboard.ledger.store import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"], version_table=VERSION_TABLE, transactional_ddl=True
)
context.run_migrations()
