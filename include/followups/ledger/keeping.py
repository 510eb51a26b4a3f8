"""The ledger as those see it who keep planned rows back before they are sent: a last check, a person's no."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from followups.ledger import events
from followups.ledger.clock import store_now
from followups.ledger.sets import is_one_of
from followups.model import State
from followups.planning.batching import plan_of
from followups.schema import batches, deliveries, plans

#: Ends the id of the batch into which a batch's refused rows go; those that are split off end in .1 and .2.
REFUSED = ".0"


class KeepBackLedger:
    """Moves planned rows to states in which they are not sent; rows under way are left alone."""

    def __init__(self, engine: sa.Engine, *, actor: str) -> None:
        self._engine = engine
        self._actor = actor
        self._insert = postgresql_insert if engine.dialect.name == "postgresql" else sqlite_insert

    def planned_types(self, first: str, end: str) -> list[str]:
        """Return the task types of planned rows in batches from `first` (in) to `end` (out) of one plan."""
        d = deliveries.c
        query = sa.select(d.task_type).distinct().where(*_planned(_between(first, end)), d.task_type.is_not(None))
        with self._engine.connect() as connection:
            return sorted(connection.execute(query).scalars())

    def refuse_type(self, first: str, end: str, *, task_type: str, reason: str) -> int:
        """Turn the planned rows of a task type invalid; return how many.

        They leave their batches for settled ones of the same plan, so that its report still counts them.
        """
        d = deliveries.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            moved = connection.execute(
                sa.update(deliveries)
                .where(*_planned(_between(first, end)), d.task_type == task_type)
                .values(
                    state=State.INVALID, reason=reason, row_hash=None, updated_at=now, batch_id=d.batch_id + REFUSED
                )
                .returning(d.id, d.batch_id, d.feed)
            ).all()  # fmt: skip
            rows = Counter((batch_id, feed) for _, batch_id, feed in moved)
            for (batch_id, feed), count in rows.items():
                values = {"batch_id": batch_id, "plan_id": plan_of(first), "feed": feed, "rows": count}
                statement = self._insert(batches).values(**values, state="settled", settled_at=now, reason=reason)
                more = {"rows": batches.c.rows + count}
                connection.execute(statement.on_conflict_do_update(index_elements=["batch_id"], set_=more))
            log = [
                {"at": now, "actor": self._actor, "delivery_id": row_id, "batch_id": batch_id.removesuffix(REFUSED),
                 "from_state": State.PLANNED, "to_state": State.INVALID, "reason": reason}
                for row_id, batch_id, _ in moved
            ]  # fmt: skip
            events.record(connection, log)
        return len(moved)

    def waiting(self, plan_ids: Sequence[int]) -> tuple[Counter[str], int]:
        """Return the rows that some plans would send, by task type, and in how many calls."""
        d, b = deliveries.c, batches.c
        waiting = batches.join(deliveries, d.batch_id == b.batch_id)
        unsent = (b.plan_id.in_(plan_ids), b.state == "open", d.state == State.PLANNED)
        rows = sa.select(d.task_type, sa.func.count()).select_from(waiting).where(*unsent).group_by(d.task_type)
        calls = sa.select(sa.func.count(b.batch_id.distinct())).select_from(waiting).where(*unsent)
        with self._engine.connect() as connection:
            by_type = Counter({row[0] or "": row[1] for row in connection.execute(rows)})
            return by_type, connection.execute(calls).scalar_one()

    def wait(self, plan_ids: Sequence[int], longest: timedelta) -> None:
        """Keep the plans' rows from other runs while a person may answer, though the run shows no sign of life."""
        with self._engine.begin() as connection:
            now = store_now(connection)
            values = {"waits_until": now + longest, "heartbeat_at": now}
            connection.execute(sa.update(plans).where(plans.c.id.in_(plan_ids)).values(**values))

    def go_on(self, plan_ids: Sequence[int]) -> None:
        """Note that the answer came: from now on the run shows signs of life itself."""
        with self._engine.begin() as connection:
            values = {"waits_until": None, "heartbeat_at": store_now(connection)}
            connection.execute(sa.update(plans).where(plans.c.id.in_(plan_ids)).values(**values))

    def hold(self, plan_ids: Sequence[int], reason: str) -> int:
        """Hold the rows of the plans' batches that nobody began to send; return how many."""
        b, d = batches.c, deliveries.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            kept = connection.execute(
                sa.update(batches)
                .where(b.plan_id.in_(plan_ids), b.state == "open")
                .values(state="settled", settled_at=now, reason=reason)
                .returning(b.batch_id)
            ).scalars().all()  # fmt: skip
            held = connection.execute(
                sa.update(deliveries)
                .where(is_one_of(connection, d.batch_id, kept), d.state == State.PLANNED)
                .values(state=State.HELD, reason=reason, updated_at=now)
            )
            log = [
                events.of_batch(
                    now, self._actor, batch_id, from_state=State.PLANNED, to_state=State.HELD, reason=reason
                )
                for batch_id in kept
            ]
            events.record(connection, log)
            connection.execute(sa.update(plans).where(plans.c.id.in_(plan_ids)).values(waits_until=None))
        return held.rowcount


def _between(first: str, end: str) -> sa.Select[tuple[str]]:
    b = batches.c
    # The plan is named too: some collations pass over the hyphen, and 10-000010 then lies behind 1-000001.
    within = (b.plan_id == plan_of(first), b.batch_id >= first, b.batch_id < end)
    return sa.select(b.batch_id).where(*within)


def _planned(batch_ids: sa.Select[tuple[str]]) -> tuple[sa.ColumnElement[bool], ...]:
    return deliveries.c.batch_id.in_(batch_ids), deliveries.c.state == State.PLANNED
