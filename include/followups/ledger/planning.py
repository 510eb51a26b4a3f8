"""The ledger as planning sees it: what is known of some keys, and taking rows up in batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from followups.crash_points import reach
from followups.ledger import events, owner_days
from followups.ledger.asking import LastChange, ask, last_changes
from followups.ledger.bulk import insert_deliveries, locked, update_deliveries
from followups.ledger.clock import store_now
from followups.ledger.copying import insert_many
from followups.ledger.rows import ChangedRow, Changes, NewRow, Standing
from followups.ledger.sets import is_one_of
from followups.ledger.standing import standing
from followups.model import State
from followups.schema import batches, deliveries, plans
from followups.window import Window

#: Kinds of plans of rows that a DAG gave itself: they go out by bulk creates, or one row by the single create.
INLINE = "inline"
SINGLE = "single"
#: A run that showed no sign of life for so long no longer keeps its planned rows from others.
RUN_SILENT_AFTER = timedelta(minutes=10)
MAX_BYTES_PER_CHARACTER = 4


class PlanLedger:
    """Planning's view of the ledger, for one feed and one run."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        feed: str,
        run_key: str,
        actor: str,
        leadsquared_conn_id: str = "leadsquared_default",
        holds_changes: bool = False,
    ) -> None:
        self._engine = engine
        #: On SQLite a look beside a write takes no turn from it.
        self._reading = engine.execution_options(reading=True)
        self._writing = engine.execution_options(bulk=True)
        #: whether changes to CRM tasks wait until a person approves them
        self._holds_changes = holds_changes
        self._feed = feed
        self._run_key = run_key
        self._actor = actor
        self._conn_id = leadsquared_conn_id
        self._live: dict[int, bool] = {}
        self.plan_id = 0

    def open(self, *, kind: str, mode: str, window: Window | None) -> int:
        """Begin a plan and return its id."""
        with self._engine.begin() as connection:
            now = store_now(connection)
            values = {
                "run_key": self._run_key, "feed": self._feed, "leadsquared_conn_id": self._conn_id,
                "kind": kind, "mode": mode, "created_at": now,
                "heartbeat_at": now, "window_start": window.start if window else None,
                "window_end": window.end if window else None,
            }  # fmt: skip
            self.plan_id = connection.execute(sa.insert(plans).values(values).returning(plans.c.id)).scalar_one()
        return self.plan_id

    def close(self, counts: Mapping[str, Any]) -> None:
        """Record what the plan came to."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(plans).where(plans.c.id == self.plan_id).values(counts=dict(counts)))

    def standing(self, row_hashes: Mapping[str, int | None], states: Set[State]) -> Standing:
        """Return what the ledger holds of rows given by key; of equal hash, in `states`, of other plans: unchanged."""
        with self._reading.connect() as connection:
            return standing(connection, row_hashes, states, plan_id=self.plan_id)

    def is_live_elsewhere(self, plan_id: int) -> bool:
        """Tell whether another run that still lives has the plan; it will send those rows itself."""
        if plan_id not in self._live:
            with self._engine.connect() as connection:
                row = connection.execute(sa.select(plans).where(plans.c.id == plan_id)).mappings().first()
                now = store_now(connection)
            self._live[plan_id] = bool(
                row
                and row["run_key"] != self._run_key
                and row["finished_at"] is None
                and (row["heartbeat_at"] > now - RUN_SILENT_AFTER or (row["waits_until"] or now) > now)
            )
        return self._live[plan_id]

    def leftovers(self, limit: int) -> list[tuple[int, str | None, int]]:
        """Return id, batch and size of planned deliveries of the feed that no living run will send, due first.

        The size is what the payload's characters may take at most in bytes. What only the single create can make is
        left out, and so are inline rows for another account, as DAGs may share a feed's name.
        """
        d, p = deliveries.c, plans.c
        with self._engine.connect() as connection:
            now = store_now(connection)
            unanswered = sa.or_(p.waits_until.is_(None), p.waits_until < now)
            silent = sa.and_(p.heartbeat_at < now - RUN_SILENT_AFTER, unanswered)
            abandoned = sa.or_(p.finished_at.is_not(None), silent, p.run_key == self._run_key)
            ours = sa.and_(p.kind != SINGLE, sa.or_(p.kind != INLINE, p.leadsquared_conn_id == self._conn_id))
            query = (
                sa.select(d.id, d.batch_id, sa.func.coalesce(sa.func.length(d.payload), 0) * MAX_BYTES_PER_CHARACTER)
                .join(plans, p.id == d.plan_id)
                .where(d.feed == self._feed, d.state == State.PLANNED, d.plan_id != self.plan_id, abandoned, ours)
                .order_by(d.due_at, d.id)
                .limit(limit)
            )
            return [(row[0], row[1], row[2]) for row in connection.execute(query)]

    def owner_day_counts(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """Return how many deliveries were planned for each owner and local day."""
        with self._engine.connect() as connection:
            return owner_days.counts(connection, self._feed, pairs)

    def last_changes(self, delivery_ids: Sequence[int]) -> Mapping[int, LastChange]:
        """Return what was asked for last of some deliveries' CRM tasks."""
        with self._engine.connect() as connection:
            return last_changes(connection, delivery_ids)

    def write(self, changes: Changes) -> None:
        """Write new and changed rows with their batches and events, and asked changes, all or nothing."""
        with self._writing.begin() as connection:
            now = store_now(connection)
            self._write_batches(connection, changes, now)
            self._write_new(connection, changes.new, now)
            self._write_changed(connection, changes.changed, now)
            owner_days.add(connection, self._feed, changes.owner_days)
            held = self._holds_changes
            ask(connection, changes.asked, plan_id=self.plan_id, actor=self._actor, now=now, held=held)
            connection.execute(sa.update(plans).where(plans.c.id == self.plan_id).values(heartbeat_at=now))
            reach("before plan commit")
        reach("after plan commit")

    def _write_batches(self, connection: sa.Connection, changes: Changes, now: datetime) -> None:
        if not changes.batches:
            return
        rows = [
            {"batch_id": batch_id, "plan_id": self.plan_id, "feed": self._feed, "state": "open", "rows": count}
            for batch_id, count in changes.batches.items()
        ]
        insert_many(connection, batches, rows)
        planned = [
            events.of_batch(now, self._actor, batch_id, to_state=State.PLANNED, reason="due")
            for batch_id in changes.batches
        ]
        events.record(connection, planned)

    def _write_new(self, connection: sa.Connection, rows: Sequence[NewRow], now: datetime) -> None:
        if not rows:
            return
        common = {"feed": self._feed, "plan_id": self.plan_id, "created_at": now, "updated_at": now, "generation": 0}
        insert_deliveries(connection, rows, common)
        self._log_kept_back(connection, [row.delivery_key for row in rows if not row.batch_id], now)

    def _log_kept_back(self, connection: sa.Connection, keys: Sequence[str], now: datetime) -> None:
        """Begin the timeline of new deliveries that are in no batch, whose events would tell it."""
        if not keys:
            return
        d = deliveries.c
        inserted = (d.plan_id == self.plan_id, d.created_at == now)
        # A condition on `batch_id` would make SQLite read all of the ledger's rows that are in no batch.
        found = connection.execute(
            sa.select(d.id, d.state, d.reason, d.batch_id).where(is_one_of(connection, d.delivery_key, keys), *inserted)
        )
        log = [
            {"at": now, "actor": self._actor, "delivery_id": row.id, "to_state": row.state, "reason": row.reason}
            for row in found
            if row.batch_id is None
        ]
        events.record(connection, log)

    def _write_changed(self, connection: sa.Connection, rows: Sequence[ChangedRow], now: datetime) -> None:
        if not rows:
            return
        found = locked(connection, [row.id for row in rows])
        moved = [row for row in rows if found.get(row.id) == (row.expected, row.from_batch)]
        update_deliveries(
            connection, [{"id": row.id, "plan_id": self.plan_id, "updated_at": now, **row.values} for row in moved]
        )
        # A delivery's own event names the batch that it leaves, so that its timeline can be put together.
        events.record(connection, [
            {
                "at": now, "actor": self._actor, "delivery_id": row.id, "batch_id": row.from_batch,
                "from_state": row.expected, "to_state": row.values.get("state", row.expected), "reason": row.why,
            }
            for row in moved
        ])  # fmt: skip


def finish_plans(engine: sa.Engine, plan_ids: Sequence[int]) -> None:
    """Note that a run ended: what it left planned is free for others."""
    with engine.begin() as connection:
        statement = sa.update(plans).where(plans.c.id.in_(plan_ids), plans.c.finished_at.is_(None))
        connection.execute(statement.values(finished_at=store_now(connection)))
