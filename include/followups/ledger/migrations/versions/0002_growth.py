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
    _directory_up()
    _approval_up()
    _quota_up()
    _write_back_up()
    _page_up()
    _planning_up()
    _changes_up()


def downgrade() -> None:
    """Take them away again."""
    _changes_down()
    _planning_down()
    _page_down()
    _write_back_down()
    _quota_down()
    _approval_down()
    _directory_down()
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


def _directory_up() -> None:
    op.create_table(
        "directories",
        sa.Column("account", sa.Text(), nullable=False, comment="as the rate limit names it"),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "users", sa.Text(), nullable=True, comment="ids and addresses, as JSON: personal data, null once purged"
        ),
        sa.Column("task_types", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_directories")),
    )


def _directory_down() -> None:
    op.drop_table("directories")


def _approval_up() -> None:
    comment = "until then its rows are kept for it: a person or calls are awaited"
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.add_column(sa.Column("waits_until", sa.DateTime(timezone=True), nullable=True, comment=comment))


def _approval_down() -> None:
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.drop_column("waits_until")


def _quota_up() -> None:
    instants = {
        "asked_at": "the clock at the last call",
        "scheduled_at": "the last of scheduled runs",
        "manual_at": "the last of manual runs, or those",
        "requeue_at": "the last of requeues, or those",
    }
    with op.batch_alter_table("rate_slots", schema=None) as batch_op:
        for name, comment in instants.items():
            batch_op.add_column(sa.Column(name, sa.Double(), server_default="0", nullable=False, comment=comment))
        batch_op.add_column(
            sa.Column("backfill_calls", sa.Integer(), server_default="0", nullable=False, comment="those of backfills")
        )
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.add_column(sa.Column("quota_reached_at", sa.DateTime(timezone=True), comment="no call was left then"))
        batch_op.add_column(sa.Column("quota_resets_at", sa.DateTime(timezone=True)))


def _quota_down() -> None:
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.drop_column("quota_resets_at")
        batch_op.drop_column("quota_reached_at")
    with op.batch_alter_table("rate_slots", schema=None) as batch_op:
        for name in ("backfill_calls", "requeue_at", "manual_at", "scheduled_at", "asked_at"):
            batch_op.drop_column(name)


def _write_back_up() -> None:
    op.create_table(
        "write_backs",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False, comment="connection and table"),
        sa.Column(
            "event_id", BIG_ID, server_default="0", nullable=False, comment="the table shows all events up to this"
        ),
        sa.Column("owner", sa.Text(), nullable=True, comment="who writes at the moment"),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the table was last brought up to date",
        ),
        sa.PrimaryKeyConstraint("feed", "target", name=op.f("pk_write_backs")),
    )


def _write_back_down() -> None:
    op.drop_table("write_backs")


def _page_up() -> None:
    refused = sa.text("state IN ('rejected', 'invalid')")
    op.create_index(
        "ix_deliveries_refused", "deliveries", ["feed", "state"], sqlite_where=refused, postgresql_where=refused
    )


def _page_down() -> None:
    op.drop_index("ix_deliveries_refused", "deliveries")


_EVENT_INDEXES = ("delivery_id", "batch_id")


def _planning_up() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "row_hash",
                sa.BigInteger(),
                nullable=True,
                comment="of the warehouse's row as it came; equal: nothing changed",
            )
        )
    for column in _EVENT_INDEXES:
        op.drop_index(f"ix_events_{column}", "events")
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_events_{column}", "events", [column], sqlite_where=where, postgresql_where=where)


def _planning_down() -> None:
    for column in _EVENT_INDEXES:
        op.drop_index(f"ix_events_{column}", "events")
        op.create_index(f"ix_events_{column}", "events", [column])
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_column("row_hash")


def _changes_up() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "changes",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("delivery_id", BIG_ID, nullable=False),
        sa.Column("plan_id", BIG_ID, nullable=False, comment="who asked for it"),
        sa.Column("kind", sa.Text(), nullable=False, comment="update, recreate, complete, delete or undo"),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="planned, sending, accepted, unknown, done, refused, skipped"
        ),
        sa.Column("why", sa.Text(), nullable=False, comment="why it was asked for"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it ended as it did"),
        sa.Column("crm_task_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False, comment="the delivery's when it was asked for"),
        sa.Column("content_hash", sa.Text(), nullable=False, comment="of the follow-up as it is wanted"),
        sa.Column("row_hash", sa.BigInteger(), comment="of the warehouse's row as it came then"),
        sa.Column("payload", sa.Text(), comment="what is wanted; personal data, emptied when the change ends"),
        sa.Column("task_type", sa.Text()),
        sa.Column("due_at", moment),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False, comment="calls; fences their outcomes"),
        sa.Column("owner", sa.Text(), comment="who makes the call"),
        sa.Column("lease_until", moment),
        sa.Column("sent_at", moment, comment="when the intent was committed"),
        sa.Column("looked_at", moment),
        sa.Column("modified_at", moment, comment="when the CRM task was last changed, as seen when this was done"),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_changes_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    still_open = sa.text("state IN ('planned', 'sending', 'accepted', 'unknown')")
    op.create_index(op.f("ix_changes_delivery_id"), "changes", ["delivery_id"])
    op.create_index(op.f("ix_changes_plan_id"), "changes", ["plan_id"])
    op.create_index(
        "uq_changes_open",
        "changes",
        ["delivery_id"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )


def _changes_down() -> None:
    op.drop_table("changes")
