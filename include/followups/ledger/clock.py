"""The time that is written to the ledger: the store's own, so that workers' clocks do not matter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from followups.schema import UtcDateTime

_ASK = sa.select(sa.func.clock_timestamp(type_=UtcDateTime))


def store_now(connection: sa.Connection) -> datetime:
    """Return the store's time; SQLite has none of its own and lives on the caller's host."""
    if connection.dialect.name == "postgresql":
        now: datetime = connection.execute(_ASK).scalar_one()
        return now
    return datetime.now(UTC)


class Clock:
    """The store's time as part of statements that are built once, which spares asking for it; SQLite is told it.

    `now` and `later`, which is a lease from now, stand in the statements; `values` belong to each execution.
    """

    def __init__(self, dialect: sa.Dialect) -> None:
        self._told = dialect.name != "postgresql"
        self.now: sa.ColumnElement[datetime]
        self.later: sa.ColumnElement[datetime]
        if self._told:
            self.now = sa.bindparam("clock_now", type_=UtcDateTime)
            self.later = sa.bindparam("clock_later", type_=UtcDateTime)
        else:
            self.now = sa.func.clock_timestamp(type_=UtcDateTime)
            self.later = self.now + sa.bindparam("clock_lease", type_=sa.Interval)

    def values(self, lease: timedelta | None = None) -> dict[str, Any]:
        """Return what the elements need; `lease` where `later` is one of them."""
        if not self._told:
            return {} if lease is None else {"clock_lease": lease}
        now = datetime.now(UTC)
        return {"clock_now": now} if lease is None else {"clock_now": now, "clock_later": now + lease}
