"""The ledger as verification sees it: what is still open after it was sent, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from followups.ledger import events
from followups.ledger.clock import store_now
from followups.ledger.sets import is_one_of
from followups.model import State
from followups.schema import batches, deliveries

OPEN_BATCHES = ("accepted", "unknown")
OPEN_ROWS = (State.ACCEPTED, State.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRow:
    """A delivery that was sent and is not settled."""

    id: int
    key: str
    generation: int
    state: State
    payload: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBatch:
    """A batch with rows that are not settled. `age` and `looked_ago` are in the store's time."""

    batch_id: str
    state: State
    looks: int
    age: timedelta
    looked_ago: timedelta | None


class SettleLedger:
    """Verification's view of the ledger, for one plan or for everything."""

    def __init__(self, engine: sa.Engine, *, actor: str, plan_ids: Sequence[int] | None = None) -> None:
        self._engine = engine
        self._actor = actor
        self._plan_ids = plan_ids

    def open_batches(self, limit: int, after: str = "") -> list[OpenBatch]:
        """Return batches that wait for a verdict, by id."""
        b = batches.c
        query = sa.select(b.batch_id, b.state, b.looks, b.sent_at, b.looked_at)
        query = query.where(b.state.in_(OPEN_BATCHES), b.batch_id > after).order_by(b.batch_id).limit(limit)
        if self._plan_ids is not None:
            query = query.where(b.plan_id.in_(self._plan_ids))
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            now = store_now(connection)
        return [
            OpenBatch(
                batch_id=row.batch_id,
                state=State(row.state),
                looks=row.looks,
                age=now - (row.sent_at or now),
                looked_ago=None if row.looked_at is None else now - row.looked_at,
            )
            for row in rows
        ]

    def open_rows(self, batch_ids: Sequence[str]) -> dict[str, list[OpenRow]]:
        """Return the unsettled rows of some batches, by batch."""
        d = deliveries.c
        rows: dict[str, list[OpenRow]] = {batch_id: [] for batch_id in batch_ids}
        with self._engine.connect() as connection:
            query = sa.select(d.batch_id, d.id, d.delivery_key, d.generation, d.state, d.payload)
            query = query.where(is_one_of(connection, d.batch_id, batch_ids), d.state.in_(OPEN_ROWS))
            for row in connection.execute(query):
                rows[row[0]].append(
                    OpenRow(id=row[1], key=row[2], generation=row[3], state=State(row[4]), payload=row[5])
                )
        return rows

    def created(self, crm_task_ids: Mapping[int, str], reason: str | None = None) -> None:
        """Record the CRM tasks that were found, by delivery."""
        d = deliveries.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            before = self._states(connection, list(crm_task_ids))
            statement = (
                sa.update(deliveries)
                .where(d.id == sa.bindparam("delivery"), sa.or_(*(d.state == state for state in OPEN_ROWS)))
                .values(state=State.CREATED, crm_task_id=sa.bindparam("task"), reason=reason, updated_at=now)
            )
            rows = [{"delivery": delivery_id, "task": task_id} for delivery_id, task_id in crm_task_ids.items()]
            if rows:
                connection.execute(statement, rows)
            self._log(connection, before, State.CREATED, reason or "seen in LeadSquared", now)

    def move(self, delivery_ids: Sequence[int], state: State, reason: str | None) -> None:
        """Record another verdict on unsettled rows."""
        if not delivery_ids:
            return
        d = deliveries.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            before = self._states(connection, delivery_ids)
            chosen = is_one_of(connection, d.id, list(delivery_ids))
            statement = sa.update(deliveries).where(chosen, d.state.in_(OPEN_ROWS))
            connection.execute(statement.values(state=state, reason=reason, updated_at=now))
            self._log(connection, before, state, reason, now)

    def looked(self, batch_ids: Sequence[str]) -> None:
        """Note that all rows of the batches were looked for; batches with no open row left are settled."""
        b, d = batches.c, deliveries.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            chosen = is_one_of(connection, b.batch_id, list(batch_ids))
            connection.execute(sa.update(batches).where(chosen).values(looks=b.looks + 1, looked_at=now))
            open_rows = sa.exists().where(d.batch_id == b.batch_id, d.state.in_((*OPEN_ROWS, State.SENDING)))
            done = sa.update(batches).where(chosen, b.state.in_(OPEN_BATCHES), ~open_rows)
            connection.execute(done.values(state="settled", settled_at=now))

    def _states(self, connection: sa.Connection, delivery_ids: Sequence[int]) -> dict[int, str]:
        d = deliveries.c
        query = sa.select(d.id, d.state).where(is_one_of(connection, d.id, list(delivery_ids)), d.state.in_(OPEN_ROWS))
        return {row[0]: row[1] for row in connection.execute(query)}

    def _log(
        self, connection: sa.Connection, before: Mapping[int, str], to: State, reason: str | None, now: datetime
    ) -> None:
        log = [
            {"at": now, "actor": self._actor, "delivery_id": delivery_id, "from_state": state, "to_state": to,
             "reason": reason}
            for delivery_id, state in before.items()
        ]  # fmt: skip
        events.record(connection, log)
