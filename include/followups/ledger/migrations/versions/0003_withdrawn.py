"""Rows that were cancelled while it was not known whether they had been created."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    comment = "cancelled in the warehouse while it was not known whether it had been created"
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("withdrawn", sa.Boolean(), server_default=sa.false(), nullable=False, comment=comment)
        )


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_column("withdrawn")
