"""The ledger as changes to CRM tasks see it: what is open, the intent of a call, its outcome, how a change ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from followups.changes import ChangeKind, OpenChange
from followups.crash_points import reach
from followups.ledger.changed import Ended, take_effect
from followups.ledger.clock import store_now
from followups.ledger.planning import RUN_SILENT_AFTER
from followups.ledger.sets import is_one_of
from followups.model import Outcome, OutcomeKind
from followups.schema import OPEN_CHANGES, changes, deliveries, plans

#: Longer than a call may take; a change whose owner is silent for so long is unknown.
LEASE = timedelta(minutes=5)


class ChangeLedger:
    """Changes of some plans, or all of one account that are no living run's."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        actor: str,
        plan_ids: Sequence[int] | None = None,
        leadsquared_conn_id: str | None = None,
        lease: timedelta = LEASE,
    ) -> None:
        self._engine = engine
        self._actor = actor
        self._plan_ids = plan_ids
        self._conn_id = leadsquared_conn_id
        self._lease = lease

    def open_changes(self, limit: int, after: int = 0) -> list[OpenChange]:
        """Return changes that wait for something and are in nobody's hands, by id."""
        c, d = changes.c, deliveries.c
        ours = changes.alias().c
        last_write = (
            sa.select(sa.func.max(ours.modified_at))
            .where(ours.delivery_id == c.delivery_id, ours.state == "done", ours.generation == c.generation)
            .scalar_subquery()
        )
        query = sa.select(changes, d.delivery_key, d.payload.label("sent"), last_write.label("last_write"))
        query = query.join(deliveries, d.id == c.delivery_id).where(c.state.in_(OPEN_CHANGES), c.state != "sending")
        with self._engine.connect() as connection:
            now = store_now(connection)
            rows = connection.execute(self._scoped(query, now).where(c.id > after).order_by(c.id).limit(limit)).all()
        return [_open_change(row, now) for row in rows]

    def count_open(self) -> int:
        """Return how many changes wait for something, those in somebody's hands too."""
        with self._engine.connect() as connection:
            query = sa.select(sa.func.count()).select_from(changes).where(changes.c.state.in_(OPEN_CHANGES))
            return int(connection.execute(self._scoped(query, store_now(connection))).scalar_one())

    def _scoped(self, query: sa.Select[Any], now: datetime) -> sa.Select[Any]:
        c, p = changes.c, plans.c
        if self._plan_ids is not None:
            return query.where(c.plan_id.in_(self._plan_ids))
        ended = sa.or_(p.finished_at.is_not(None), p.heartbeat_at < now - RUN_SILENT_AFTER)
        return query.join(plans, p.id == c.plan_id).where(p.leadsquared_conn_id == self._conn_id, ended)

    def begin(self, chosen: Collection[OpenChange]) -> list[OpenChange]:
        """Commit the intent to make calls; return those that nobody else took up since they were looked at."""
        c = changes.c
        by_attempts: dict[int, list[int]] = {}
        for change in chosen:
            by_attempts.setdefault(change.attempts, []).append(change.id)
        taken: set[int] = set()
        with self._engine.begin() as connection:
            now = store_now(connection)
            values = {
                "state": "sending", "attempts": c.attempts + 1, "owner": self._actor, "sent_at": now,
                "lease_until": now + self._lease, "updated_at": now,
            }  # fmt: skip
            for attempts, ids in by_attempts.items():
                free = (is_one_of(connection, c.id, ids), c.attempts == attempts, c.state.in_(OPEN_CHANGES))
                statement = sa.update(changes).where(*free, c.state != "sending").values(values).returning(c.id)
                taken.update(connection.execute(statement).scalars())
            reach("before change intent commit")
        reach("after change intent commit")
        return [change for change in chosen if change.id in taken]

    def record(self, begun: Sequence[OpenChange], outcome: Outcome) -> None:
        """Commit the outcome of a call; what somebody else took up meanwhile is left to them."""
        c = changes.c
        nothing_done = outcome.kind in {OutcomeKind.REFUSED, OutcomeKind.UNAUTHORISED}
        by_attempts: dict[int, list[int]] = {}
        for change in begun:
            by_attempts.setdefault(change.attempts, []).append(change.id)
        with self._engine.begin() as connection:
            now = store_now(connection)
            for attempts, ids in by_attempts.items():
                state = "accepted" if outcome.kind is OutcomeKind.ACCEPTED else "unknown"
                values: dict[str, Any] = {"lease_until": None, "reason": outcome.detail or None, "updated_at": now}
                values["sent_at"] = now  # the settle time begins with the end of the call
                if nothing_done:  # what an earlier call did stays to be seen
                    state = "unknown" if attempts else "planned"
                    values |= {"attempts": attempts} | ({} if attempts else {"sent_at": None})
                mine = (is_one_of(connection, c.id, ids), c.owner == self._actor, c.attempts == attempts + 1)
                lost = c.state.in_(("sending", "unknown"))
                connection.execute(sa.update(changes).where(*mine, lost).values(state=state, **values))
            reach("before change outcome commit")
        reach("after change outcome commit")

    def expire_leases(self) -> int:
        """Call changes unknown whose owner died between intent and outcome; return how many."""
        c = changes.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            dead = sa.update(changes).where(c.state == "sending", c.lease_until < now)
            values = {"state": "unknown", "lease_until": None, "sent_at": now, "updated_at": now}
            return connection.execute(dead.values(values)).rowcount

    def looked(self, change_ids: Sequence[int]) -> None:
        """Note that a look could not tell yet."""
        with self._engine.begin() as connection:
            chosen = is_one_of(connection, changes.c.id, list(change_ids))
            connection.execute(sa.update(changes).where(chosen).values(looked_at=store_now(connection)))

    def end(self, ended: Sequence[Ended]) -> None:
        """Record how changes ended, and what becomes of their deliveries, all or nothing."""
        if not ended:
            return
        with self._engine.begin() as connection:
            take_effect(connection, ended, actor=self._actor, now=store_now(connection))
            reach("before change end commit")
        reach("after change end commit")


def _open_change(row: sa.Row[Any], now: datetime) -> OpenChange:
    return OpenChange(
        id=row.id,
        delivery_id=row.delivery_id,
        plan_id=row.plan_id,
        kind=ChangeKind(row.kind),
        state=row.state,
        attempts=row.attempts,
        crm_task_id=row.crm_task_id,
        key=row.delivery_key,
        generation=row.generation,
        sent=row.sent,
        wanted=row.payload,
        why=row.why,
        sent_ago=None if row.sent_at is None else now - row.sent_at,
        looked_ago=None if row.looked_at is None else now - row.looked_at,
        modified_at=row.last_write,
    )


def ended_counts(engine: sa.Engine, plan_ids: Sequence[int]) -> Mapping[tuple[str, str, str], int]:
    """Count the changes that plans asked for by (kind, state, reason)."""
    c = changes.c
    query = sa.select(c.kind, c.state, sa.func.coalesce(c.reason, ""), sa.func.count())
    query = query.where(c.plan_id.in_(plan_ids)).group_by(c.kind, c.state, c.reason)
    with engine.connect() as connection:
        return {(row[0], row[1], row[2]): row[3] for row in connection.execute(query)}
