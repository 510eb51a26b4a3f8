"""The ledger's tables.

Personal data lives in `deliveries.payload`, `webhooks.payload`, `directories.users` and, until a change ends, in
`changes.payload` alone; each may be cleared.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: SQLite numbers rows by itself only for INTEGER.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: States in which a delivery still waits for something; the partial index covers these alone.
OPEN_STATES = ("planned", "held", "sending", "accepted", "unknown")


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware date-time, kept in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse naive values: a ledger must not guess a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive date-time given to the ledger: attach a time zone first")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Give back aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)  # type: ignore[no-any-return]


plans = sa.Table(
    "plans",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("run_key", sa.Text, nullable=False, index=True, comment="feed and Airflow run"),
    sa.Column("feed", sa.Text, nullable=False),
    sa.Column("leadsquared_conn_id", sa.Text, nullable=False, comment="the account that the rows go to"),
    sa.Column("kind", sa.Text, nullable=False, comment="scheduled, manual, backfill, asset or inline"),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("window_start", UtcDateTime),
    sa.Column("window_end", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("heartbeat_at", UtcDateTime, nullable=False, comment="the run's last sign of life"),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("waits_until", UtcDateTime, comment="until then its rows are kept for it: a person or calls are awaited"),
    sa.Column("counts", sa.JSON),
    sa.Column("lookups", sa.Integer, nullable=False, server_default="0", comment="calls spent on read-back"),
    sa.Column("quota_reached_at", UtcDateTime, comment="no call was left then"),
    sa.Column("quota_resets_at", UtcDateTime),
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("batch_id", sa.Text, primary_key=True, comment="<plan>-<number>"),
    sa.Column("plan_id", BigId, sa.ForeignKey("plans.id"), nullable=False, index=True),
    sa.Column("feed", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="open, claimed, sending, accepted, unknown, again, settled"),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("token", sa.Integer, nullable=False, server_default="0", comment="fence: grows with every claim"),
    sa.Column("owner", sa.Text, comment="who holds the lease"),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("request_id", sa.Text, comment="LeadSquared's opaque id, to find the call in Request History"),
    sa.Column("sent_at", UtcDateTime, comment="when the intent to send was committed"),
    sa.Column("answered_at", UtcDateTime, comment="when the call ended; its effect may come a settle time later"),
    sa.Column("looks", sa.Integer, nullable=False, server_default="0", comment="read-backs of all its rows"),
    sa.Column("looked_at", UtcDateTime),
    # Stays while the batch is sent again: so one that is given back unsent is known from one that never was settled.
    sa.Column("settled_at", UtcDateTime),
    sa.Column("audited_at", UtcDateTime, comment="last look for duplicates and latecomers after it was settled"),
    sa.Column("reason", sa.Text),
    sa.Index("ix_batches_unaudited", "settled_at", sqlite_where=sa.text("audited_at IS NULL"),
             postgresql_where=sa.text("audited_at IS NULL")),
    sa.Index("ix_batches_unsettled", "feed", "state", sqlite_where=sa.text("state <> 'settled'"),
             postgresql_where=sa.text("state <> 'settled'")),
)  # fmt: skip

#: Conditions of the partial indexes on deliveries; SQLite uses an index only where its condition is given word by word.
OPEN_ROWS = sa.text("state IN ({})".format(", ".join(f"'{state}'" for state in OPEN_STATES)))
#: Rows that people ask about: few, so that finding them costs little.
REFUSED_STATES = ("rejected", "invalid")
REFUSED_ROWS = sa.text("state IN ('rejected', 'invalid')")

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("delivery_key", sa.Text, nullable=False, unique=True),
    sa.Column("feed", sa.Text, nullable=False),
    sa.Column("followup_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("crm_task_id", sa.Text),
    sa.Column("batch_id", sa.Text, index=True),
    sa.Column("plan_id", BigId, nullable=False, comment="the plan that last took the row up"),
    sa.Column("task_type", sa.Text),
    sa.Column("due_at", UtcDateTime),
    sa.Column("content_hash", sa.Text, nullable=False, comment="of the follow-up as read, to see changes"),
    sa.Column("row_hash", sa.BigInteger, comment="of the warehouse's row as it came; equal: nothing changed"),
    sa.Column("generation", sa.Integer, nullable=False, server_default="0", comment="grows when a row is sent anew"),
    sa.Column("payload", sa.Text, comment="what is sent; the only place of personal data"),
    sa.Column("withdrawn", sa.Boolean, nullable=False, server_default=sa.false(),
              comment="cancelled in the warehouse while it was not known whether it had been created"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("ix_deliveries_refused", "feed", "state", sqlite_where=REFUSED_ROWS, postgresql_where=REFUSED_ROWS),
    sa.Index("ix_deliveries_open", "feed", "state", "due_at", sqlite_where=OPEN_ROWS, postgresql_where=OPEN_ROWS),
)  # fmt: skip

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("batch_id", sa.Text, nullable=False, index=True),
    sa.Column("token", sa.Integer, nullable=False),
    sa.Column("webhook_token", sa.Text, unique=True, comment="names this call to the status webhook; unguessable"),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("delivery_ids", sa.JSON, nullable=False, comment="the rows in the order in which they were sent"),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("outcome", sa.Text, comment="null while the call is under way, or its owner died in it"),
    sa.Column("http_status", sa.Integer),
    sa.Column("detail", sa.Text),
)

#: States in which a change still waits for something; a delivery has at most one such change.
OPEN_CHANGES = ("planned", "sending", "accepted", "unknown")
#: The state of a change that nobody may make before a person approves it.
HELD_CHANGE = "held"
_open_change = sa.text("state IN ({})".format(", ".join(f"'{state}'" for state in (HELD_CHANGE, *OPEN_CHANGES))))

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("delivery_id", BigId, nullable=False, index=True),
    sa.Column("plan_id", BigId, sa.ForeignKey("plans.id"), nullable=False, index=True, comment="who asked for it"),
    sa.Column("kind", sa.Text, nullable=False, comment="update, recreate, complete, delete or undo"),
    sa.Column(
        "state", sa.Text, nullable=False, comment="held, planned, sending, accepted, unknown, done, refused, skipped"
    ),
    sa.Column("why", sa.Text, nullable=False, comment="why it was asked for"),
    sa.Column("reason", sa.Text, comment="why it ended as it did"),
    sa.Column("crm_task_id", sa.Text, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False, comment="the delivery's when it was asked for"),
    sa.Column("content_hash", sa.Text, nullable=False, comment="of the follow-up as it is wanted"),
    sa.Column("row_hash", sa.BigInteger, comment="of the warehouse's row as it came then"),
    sa.Column("payload", sa.Text, comment="what is wanted; personal data, emptied when the change ends"),
    sa.Column("task_type", sa.Text),
    sa.Column("due_at", UtcDateTime),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0", comment="calls; fences their outcomes"),
    sa.Column("owner", sa.Text, comment="who makes the call"),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("sent_at", UtcDateTime, comment="when the intent was committed"),
    sa.Column("looked_at", UtcDateTime),
    sa.Column("modified_at", UtcDateTime, comment="when the CRM task was last changed, as seen when this was done"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("uq_changes_open", "delivery_id", unique=True, sqlite_where=_open_change, postgresql_where=_open_change),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("delivery_id", BigId, comment="one delivery, or"),
    sa.Column("batch_id", sa.Text, comment="all deliveries that were in the batch then"),
    sa.Column("from_state", sa.Text),
    sa.Column("to_state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    # Most events have one of the two: each index leaves out the others.
    sa.Index("ix_events_delivery_id", "delivery_id", sqlite_where=sa.text("delivery_id IS NOT NULL"),
             postgresql_where=sa.text("delivery_id IS NOT NULL")),
    sa.Index("ix_events_batch_id", "batch_id", sqlite_where=sa.text("batch_id IS NOT NULL"),
             postgresql_where=sa.text("batch_id IS NOT NULL")),
)  # fmt: skip

owner_days = sa.Table(
    "owner_days",
    metadata,
    sa.Column("feed", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, primary_key=True, comment="a digest of the owner's address"),
    sa.Column("day", sa.Text, primary_key=True, comment="local date"),
    sa.Column("planned", sa.Integer, nullable=False),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("attempt_id", BigId, nullable=False),
    sa.Column("batch_id", sa.Text, nullable=False, index=True),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("content_type", sa.Text),
    sa.Column("payload", sa.LargeBinary, comment="the body as it came; may hold personal data"),
)

directories = sa.Table(
    "directories",
    metadata,
    sa.Column("account", sa.Text, primary_key=True, comment="as the rate limit names it"),
    sa.Column("read_at", UtcDateTime, nullable=False),
    sa.Column("users", sa.Text, comment="ids and addresses, as JSON: personal data, null once purged"),
    sa.Column("task_types", sa.JSON, nullable=False),
)

write_backs = sa.Table(
    "write_backs",
    metadata,
    sa.Column("feed", sa.Text, primary_key=True),
    sa.Column("target", sa.Text, primary_key=True, comment="connection and table"),
    sa.Column("event_id", BigId, nullable=False, server_default="0", comment="the table shows all events up to this"),
    sa.Column("owner", sa.Text, comment="who writes at the moment"),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("written_at", UtcDateTime, comment="when the table was last brought up to date"),
)
