"""The time that is written to the ledger: the store's own, so that workers' clocks do not matter."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa


def store_now(connection: sa.Connection) -> datetime:
    """Return the store's time; SQLite has none of its own and lives on the caller's host."""
    if connection.dialect.name == "postgresql":
        now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return now.astimezone(UTC)
    return datetime.now(UTC)
