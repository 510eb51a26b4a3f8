"""Alembic's entry: migrates over the connection that `followups.ledger.migrate` hands in."""

from alembic import context

from followups.ledger.migrate import VERSION_TABLE
from followups.schema import metadata
from followups.throttle.table import rate_slots  # noqa: F401 - a table of the schema

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
