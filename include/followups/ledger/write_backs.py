"""The ledger as the write-back sees it: which deliveries changed since a table was last brought up to date."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from followups.ledger.clock import store_now
from followups.ledger.sets import is_one_of
from followups.schema import deliveries, events, write_backs

#: A writer that is silent for so long is taken for dead.
LEASE = timedelta(seconds=60)
#: How long to wait for transactions under way, whose events may be older than the newest that is seen.
IN_FLIGHT_SECONDS = 2.0

#: Transactions that have inserted, or are about to insert, into the table of events.
_WRITERS = sa.text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = 'events'::regclass "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND mode = 'RowExclusiveLock' AND granted"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest event seen; `complete` if no event before it can still appear."""

    event_id: int
    complete: bool


class WriteBackLedger:
    """The write-back's view of the ledger, for one feed and one table."""

    def __init__(self, engine: sa.Engine, *, feed: str, target: str, owner: str) -> None:
        self._engine = engine
        self._feed = feed
        self._target = target
        self._owner = owner

    def take(self) -> int | None:
        """Become the table's only writer; return the event up to which it is written, None while somebody else is."""
        w = write_backs.c
        insert = postgresql_insert if self._engine.dialect.name == "postgresql" else sqlite_insert
        with self._engine.begin() as connection:
            now = store_now(connection)
            statement = insert(write_backs).values(feed=self._feed, target=self._target)
            connection.execute(statement.on_conflict_do_nothing())
            free = sa.or_(w.owner.is_(None), w.owner == self._owner, w.lease_until < now)
            taken = (
                sa.update(write_backs)
                .where(*self._mine(), free)
                .values(owner=self._owner, lease_until=now + LEASE)
                .returning(w.event_id)
            )
            return connection.execute(taken).scalar_one_or_none()

    def renew(self) -> bool:
        """Show that the writer lives; False where another one took over."""
        with self._engine.begin() as connection:
            statement = sa.update(write_backs).where(*self._mine(), write_backs.c.owner == self._owner)
            return bool(connection.execute(statement.values(lease_until=store_now(connection) + LEASE)).rowcount)

    def release(self, event_id: int | None = None) -> None:
        """Let others write; `event_id`: the table shows all events up to this."""
        w = write_backs.c
        with self._engine.begin() as connection:
            if event_id is not None:
                values = {"event_id": event_id, "written_at": store_now(connection)}
                connection.execute(sa.update(write_backs).where(*self._mine(), w.event_id <= event_id).values(**values))
            mine = sa.update(write_backs).where(*self._mine(), w.owner == self._owner)
            connection.execute(mine.values(owner=None, lease_until=None))

    def newest(self) -> Newest:
        """Return the newest event, and whether all before it can be seen.

        PostgreSQL numbers events before they are committed: whoever writes events at this moment must come to an end.
        """
        with self._engine.connect() as connection:
            event_id = connection.execute(sa.select(sa.func.max(events.c.id))).scalar_one() or 0
        writers = self._writers()
        deadline = time.monotonic() + IN_FLIGHT_SECONDS
        while writers and time.monotonic() < deadline:
            time.sleep(0.02)
            writers &= self._writers()
        return Newest(event_id=event_id, complete=not writers)

    def changed(self, after: int, upto: int) -> list[int]:
        """Return the feed's deliveries with events after `after` and up to `upto`; all of them where `after` is 0."""
        d, e = deliveries.c, events.c
        ids = sa.select(d.id).where(d.feed == self._feed)
        if after:
            fresh = (e.id > after, e.id <= upto)
            own = sa.select(e.delivery_id).where(*fresh, e.delivery_id.is_not(None))
            batch = sa.select(e.batch_id).where(*fresh, e.delivery_id.is_(None))
            found = sa.union(ids.where(d.id.in_(own)), ids.where(d.batch_id.in_(batch)))
        else:
            found = sa.union(ids)
        with self._engine.connect() as connection:
            return sorted(connection.execute(found).scalars())

    def rows(self, delivery_ids: Sequence[int]) -> list[dict[str, Any]]:
        """Return how deliveries stand now."""
        d = deliveries.c
        columns = (
            d.delivery_key, d.feed, d.followup_id, d.state, d.reason, d.crm_task_id, d.due_at,
            d.updated_at.label("changed_at"),
        )  # fmt: skip
        with self._engine.connect() as connection:
            query = sa.select(*columns).where(is_one_of(connection, d.id, delivery_ids)).order_by(d.id)
            return [dict(row) for row in connection.execute(query).mappings()]

    def _writers(self) -> set[str]:
        """Return the transactions that write events now; on SQLite none does, as ours would have to wait for it."""
        if self._engine.dialect.name != "postgresql":
            return set()
        with self._engine.connect() as connection:
            return set(connection.execute(_WRITERS).scalars())

    def _mine(self) -> tuple[sa.ColumnElement[bool], ...]:
        return write_backs.c.feed == self._feed, write_backs.c.target == self._target
