"""What grew after the first schema: one function for each subject."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add tables, columns and indexes."""
    _verification_up()


def downgrade() -> None:
    """Take them away again."""
    _verification_down()


def _verification_up() -> None:
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("lookups", sa.Integer(), server_default="0", nullable=False, comment="calls spent on read-back")
        )
    with op.batch_alter_table("batches", schema=None) as batch_op:
        comment = "when the call ended; its effect may come a settle time later"
        batch_op.add_column(sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True, comment=comment))


def _verification_down() -> None:
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.drop_column("answered_at")
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.drop_column("lookups")
