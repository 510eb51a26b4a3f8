"""Alembic's entry: migrates over the connection that `followups.ledger.migrate` hands in."""

from alembic import context

from followups.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, version_table="followups_version", render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
