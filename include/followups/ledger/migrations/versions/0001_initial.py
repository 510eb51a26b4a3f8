"""The first schema: plans, batches, deliveries, attempts, events, rate slots."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "attempts",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column(
            "webhook_token", sa.Text(), nullable=True, comment="names this call to the status webhook; unguessable"
        ),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("delivery_ids", sa.JSON(), nullable=False, comment="the rows in the order in which they were sent"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "outcome", sa.Text(), nullable=True, comment="null while the call is under way, or its owner died in it"
        ),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("webhook_token", name=op.f("uq_attempts_webhook_token")),
    )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attempts_batch_id"), ["batch_id"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("delivery_key", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("followup_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("crm_task_id", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.Column("plan_id", BIG_ID, nullable=False, comment="the plan that last took the row up"),
        sa.Column("task_type", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=False, comment="of the follow-up as read, to see changes"),
        sa.Column(
            "generation", sa.Integer(), server_default="0", nullable=False, comment="grows when a row is sent anew"
        ),
        sa.Column("payload", sa.Text(), nullable=True, comment="what is sent; the only place of personal data"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("delivery_key", name=op.f("uq_deliveries_delivery_key")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deliveries_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(
            "ix_deliveries_open",
            ["feed", "state", "due_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('planned', 'held', 'sending', 'accepted', 'unknown')"),
            postgresql_where=sa.text("state IN ('planned', 'held', 'sending', 'accepted', 'unknown')"),
        )

    op.create_table(
        "events",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("delivery_id", BIG_ID, nullable=True, comment="one delivery, or"),
        sa.Column("batch_id", sa.Text(), nullable=True, comment="all deliveries that were in the batch then"),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_events_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_events_delivery_id"), ["delivery_id"], unique=False)

    op.create_table(
        "owner_days",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False, comment="a digest of the owner's address"),
        sa.Column("day", sa.Text(), nullable=False, comment="local date"),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("feed", "owner", "day", name=op.f("pk_owner_days")),
    )
    op.create_table(
        "plans",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("run_key", sa.Text(), nullable=False, comment="feed and Airflow run"),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("leadsquared_conn_id", sa.Text(), nullable=False, comment="the account that the rows go to"),
        sa.Column("kind", sa.Text(), nullable=False, comment="scheduled, manual, backfill, asset or inline"),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False, comment="the run's last sign of life"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
    )
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plans_run_key"), ["run_key"], unique=False)

    op.create_table(
        "rate_slots",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("slot_at", sa.Double(), server_default="0", nullable=False, comment="the last slot given out"),
        sa.Column(
            "bulk_at", sa.Double(), server_default="0", nullable=False, comment="the last slot given to a bulk call"
        ),
        sa.Column("extra", sa.Double(), server_default="0", nullable=False, comment="seconds a window is widened by"),
        sa.Column(
            "learned_calls",
            sa.Integer(),
            nullable=True,
            comment="limit that a refusal named; null: none lower than the settings",
        ),
        sa.Column("learned_period", sa.Double(), nullable=True, comment="seconds of the learned limit's window"),
        sa.Column(
            "series", sa.Integer(), server_default="0", nullable=False, comment="slots of an older series are void"
        ),
        sa.Column("paused_until", sa.Double(), server_default="0", nullable=False),
        sa.Column("day", sa.Integer(), server_default="0", nullable=False, comment="the day that day_calls counts"),
        sa.Column("day_calls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("closed_day", sa.Integer(), nullable=True, comment="the day that was refused as used up"),
        sa.Column("refusals", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("account", "bucket", name=op.f("pk_rate_slots")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("attempt_id", BIG_ID, nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=True, comment="the body as it came; may hold personal data"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    with op.batch_alter_table("webhooks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_webhooks_batch_id"), ["batch_id"], unique=False)

    op.create_table(
        "batches",
        sa.Column("batch_id", sa.Text(), nullable=False, comment="<plan>-<number>"),
        sa.Column("plan_id", BIG_ID, nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="open, claimed, sending, accepted, unknown, again, settled"
        ),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("token", sa.Integer(), server_default="0", nullable=False, comment="fence: grows with every claim"),
        sa.Column("owner", sa.Text(), nullable=True, comment="who holds the lease"),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "request_id",
            sa.Text(),
            nullable=True,
            comment="LeadSquared's opaque id, to find the call in Request History",
        ),
        sa.Column(
            "sent_at", sa.DateTime(timezone=True), nullable=True, comment="when the intent to send was committed"
        ),
        sa.Column("looks", sa.Integer(), server_default="0", nullable=False, comment="read-backs of all its rows"),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "audited_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="last look for duplicates and latecomers after it was settled",
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_batches_plan_id")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batches")),
    )
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_batches_plan_id"), ["plan_id"], unique=False)
        batch_op.create_index(
            "ix_batches_unaudited",
            ["settled_at"],
            unique=False,
            sqlite_where=sa.text("audited_at IS NULL"),
            postgresql_where=sa.text("audited_at IS NULL"),
        )
        batch_op.create_index(
            "ix_batches_unsettled",
            ["feed", "state"],
            unique=False,
            sqlite_where=sa.text("state <> 'settled'"),
            postgresql_where=sa.text("state <> 'settled'"),
        )


def downgrade() -> None:
    """Drop the tables."""
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_batches_unsettled",
            sqlite_where=sa.text("state <> 'settled'"),
            postgresql_where=sa.text("state <> 'settled'"),
        )
        batch_op.drop_index(
            "ix_batches_unaudited",
            sqlite_where=sa.text("audited_at IS NULL"),
            postgresql_where=sa.text("audited_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_batches_plan_id"))

    op.drop_table("batches")
    with op.batch_alter_table("webhooks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_webhooks_batch_id"))

    op.drop_table("webhooks")
    op.drop_table("rate_slots")
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_plans_run_key"))

    op.drop_table("plans")
    op.drop_table("owner_days")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_events_delivery_id"))
        batch_op.drop_index(batch_op.f("ix_events_batch_id"))

    op.drop_table("events")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_deliveries_open",
            sqlite_where=sa.text("state IN ('planned', 'held', 'sending', 'accepted', 'unknown')"),
            postgresql_where=sa.text("state IN ('planned', 'held', 'sending', 'accepted', 'unknown')"),
        )
        batch_op.drop_index(batch_op.f("ix_deliveries_batch_id"))

    op.drop_table("deliveries")
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attempts_batch_id"))

    op.drop_table("attempts")
