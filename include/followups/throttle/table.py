"""Where slots are kept: one row for each account and bucket."""

from __future__ import annotations

import sqlalchemy as sa

from followups.schema import metadata

#: Instants are seconds since 1970 in the clock of the database; a day is a number, counted in the zone of the quota.
rate_slots = sa.Table(
    "rate_slots",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("bucket", sa.Text, primary_key=True),
    sa.Column("asked_at", sa.Double, nullable=False, server_default="0", comment="the clock at the last call"),
    sa.Column("slot_at", sa.Double, nullable=False, server_default="0", comment="the last slot given out"),
    sa.Column("scheduled_at", sa.Double, nullable=False, server_default="0", comment="the last of scheduled runs"),
    sa.Column("manual_at", sa.Double, nullable=False, server_default="0", comment="the last of manual runs, or those"),
    sa.Column("requeue_at", sa.Double, nullable=False, server_default="0", comment="the last of requeues, or those"),
    sa.Column("bulk_at", sa.Double, nullable=False, server_default="0", comment="the last slot given to a bulk call"),
    sa.Column("extra", sa.Double, nullable=False, server_default="0", comment="seconds a window is widened by"),
    sa.Column("learned_calls", sa.Integer, comment="limit that a refusal named; null: none lower than the settings"),
    sa.Column("learned_period", sa.Double, comment="seconds of the learned limit's window"),
    sa.Column("series", sa.Integer, nullable=False, server_default="0", comment="slots of an older series are void"),
    sa.Column("paused_until", sa.Double, nullable=False, server_default="0"),
    sa.Column("day", sa.Integer, nullable=False, server_default="0", comment="the day that day_calls counts"),
    sa.Column("day_calls", sa.Integer, nullable=False, server_default="0"),
    sa.Column("backfill_calls", sa.Integer, nullable=False, server_default="0", comment="those of backfills"),
    sa.Column("closed_day", sa.Integer, comment="the day that was refused as used up"),
    sa.Column("refusals", sa.Integer, nullable=False, server_default="0"),
    sa.Column("refused_at", sa.Double),
)
