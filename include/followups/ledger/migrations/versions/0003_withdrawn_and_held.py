"""Rows that were cancelled while it was not known whether they exist, and changes that wait for a person."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OPEN = ("planned", "sending", "accepted", "unknown")


def upgrade() -> None:
    """Add a column, and a state of changes."""
    comment = "cancelled in the warehouse while it was not known whether it had been created"
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("withdrawn", sa.Boolean(), server_default=sa.false(), nullable=False, comment=comment)
        )
    _one_change_in(("held", *OPEN))


def downgrade() -> None:
    """Take them away again; changes that nobody approved are asked for anew."""
    op.execute("UPDATE changes SET state = 'skipped', reason = 'overtaken by a later change', payload = NULL "
               "WHERE state = 'held'")  # fmt: skip
    _one_change_in(OPEN)
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_column("withdrawn")


def _one_change_in(states: Sequence[str]) -> None:
    """Let a delivery have one change in these states."""
    where = sa.text("state IN ({})".format(", ".join(f"'{state}'" for state in states)))
    op.drop_index("uq_changes_open", "changes")
    op.create_index(
        "uq_changes_open", "changes", ["delivery_id"], unique=True, sqlite_where=where, postgresql_where=where
    )
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column("changes", "state", comment=", ".join((*states, "done", "refused", "skipped")))
