"""The ledger as undoing sees it: what a run, or a time, created; ask for its deletion all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from followups.changes import ChangeKind, OpenChange
from followups.errors import PermanentError
from followups.ledger.asking import AskedChange, ask
from followups.ledger.clock import store_now
from followups.model import State
from followups.schema import OPEN_CHANGES, batches, changes, deliveries, plans
from followups.suggestions import hint

CHUNK_ROWS = 5000
UNSETTLED = (State.SENDING, State.ACCEPTED, State.UNKNOWN)


class UndoError(PermanentError):
    """It is not clear what is to be undone, or it was not confirmed. Nothing was deleted; the text says what to do."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What is to be undone: a run by its id, of one feed where several have a run of that id; or a feed's creations
    from `since` (in) to `until` (out)."""

    feed: str | None = None
    run_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __str__(self) -> str:
        if self.run_id:
            return f"run {self.run_id}" + (f" of feed {self.feed}" if self.feed else "")
        return f"feed {self.feed}, created from {self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, kw_only=True)
class Undoable:
    """What the scope holds."""

    feed: str
    leadsquared_conn_id: str
    #: follow-ups that have a CRM task
    created: int
    #: sent and not settled: they cannot be undone yet
    unsettled: int
    #: of the created ones, those to whose CRM task another change is under way
    changing: int


class UndoLedger:
    """What a scope created."""

    def __init__(self, engine: sa.Engine, scope: Scope) -> None:
        self._engine = engine
        self._scope = scope

    def find(self) -> Undoable:
        """Count what there is.

        :raises UndoError: the scope holds nothing to be undone, or is of several feeds or accounts.
        """
        d, p, c = deliveries.c, plans.c, changes.c
        with self._engine.connect() as connection:
            where = sa.select(d.feed, p.leadsquared_conn_id).select_from(self._sent()).where(*self._inside()).distinct()
            places = sorted(tuple(row) for row in connection.execute(where))
            if not places:
                raise UndoError(f"{self._scope}: {self._why_nothing(connection)}. Nothing was deleted.")
            self._check(places)
            count = sa.select(d.state, sa.func.count()).select_from(self._sent()).where(*self._inside())
            states = {row[0]: row[1] for row in connection.execute(count.group_by(d.state))}
            under_way = sa.exists().where(c.delivery_id == d.id, c.state.in_(OPEN_CHANGES), c.attempts > 0)
            busy = sa.select(sa.func.count()).select_from(self._sent()).where(*self._created(), under_way)
            changing = connection.execute(busy).scalar_one()
        found = Undoable(
            feed=places[0][0],
            leadsquared_conn_id=places[0][1],
            created=states.get(State.CREATED, 0),
            unsettled=sum(states.get(state, 0) for state in UNSETTLED),
            changing=changing,
        )
        if not found.created and not found.unsettled:
            stand = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
            raise UndoError(f"{self._scope}: none of its follow-ups has a CRM task now ({stand}). Nothing was deleted.")
        return found

    def _why_nothing(self, connection: sa.Connection) -> str:
        """Say which part of the scope matches nothing that could be undone."""
        scope, p, b = self._scope, plans.c, batches.c
        feeds = sorted(connection.execute(sa.select(p.feed).distinct()).scalars())
        if scope.feed and scope.feed not in feeds:
            return f"the ledger knows no feed {scope.feed}{hint(scope.feed, feeds, 'it knows')}"
        called = sa.select(b.batch_id).join(plans, p.id == b.plan_id).where(*self._inside(), b.sent_at.is_not(None))
        if connection.execute(called.limit(1)).first():
            return "what was sent was undone, or is with another run since"
        if scope.run_id:
            known = connection.execute(sa.select(p.id).where(*self._inside()).limit(1)).first()
            return "the run sent nothing" if known else "the ledger knows no such run; copy its id from Airflow's page"
        times = sa.select(sa.func.min(b.sent_at), sa.func.max(b.sent_at)).where(b.feed == scope.feed)
        first, last = connection.execute(times).one()
        sent = f"sent from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC" if first else "never sent anything"
        return f"the feed sent nothing then; it {sent}"

    def _check(self, places: Sequence[tuple[Any, ...]]) -> None:
        if len({feed for feed, _ in places}) > 1:
            names = ", ".join(sorted({feed for feed, _ in places}))
            raise UndoError(f"{self._scope}: is of several feeds ({names}): name one in `feed`")
        if len(places) > 1:
            raise UndoError(f"{self._scope}: went to several accounts: undo them by `feed` and dates")

    def created(self) -> Iterator[list[OpenChange]]:
        """Yield the follow-ups that have a CRM task, in chunks, as changes that were not asked for yet."""
        d = deliveries.c
        after = 0
        while True:
            query = sa.select(deliveries).select_from(self._sent()).where(*self._created(), d.id > after)
            with self._engine.connect() as connection:
                rows = connection.execute(query.order_by(d.id).limit(CHUNK_ROWS)).all()
            if not rows:
                return
            after = rows[-1].id
            yield [_as_change(row) for row in rows]

    def ask(self, found: Undoable, *, run_key: str, actor: str, why: str) -> int:
        """Ask for the deletion of all, in a plan of its own; return the plan's id. All or nothing."""
        d = deliveries.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            plan = {
                "run_key": run_key, "feed": found.feed, "leadsquared_conn_id": found.leadsquared_conn_id,
                "kind": "undo", "mode": "send", "created_at": now, "heartbeat_at": now,
            }  # fmt: skip
            plan_id: int = connection.execute(sa.insert(plans).values(plan).returning(plans.c.id)).scalar_one()
            query = sa.select(d.id, d.content_hash, d.row_hash).select_from(self._sent()).where(*self._created())
            rows = connection.execute(query.order_by(d.id)).all()
            for first in range(0, len(rows), CHUNK_ROWS):
                asked = [
                    AskedChange(delivery_id=row[0], kind=ChangeKind.UNDO, content_hash=row[1], row_hash=row[2], why=why)
                    for row in rows[first : first + CHUNK_ROWS]
                ]
                ask(connection, asked, plan_id=plan_id, actor=actor, now=now)
        return plan_id

    def _sent(self) -> sa.FromClause:
        b = batches.c
        return deliveries.join(batches, b.batch_id == deliveries.c.batch_id).join(plans, plans.c.id == b.plan_id)

    def _inside(self) -> tuple[sa.ColumnElement[bool], ...]:
        scope, p, b = self._scope, plans.c, batches.c
        feed = () if scope.feed is None else (p.feed == scope.feed,)
        if scope.run_id:
            # Tasks of DAGs written by hand add their own name to the run's key.
            key = p.feed + f"/{scope.run_id}/"
            return (*feed, sa.func.substr(p.run_key + "/", 1, sa.func.length(key)) == key)
        return (*feed, b.sent_at >= scope.since, b.sent_at < scope.until)

    def _created(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (*self._inside(), deliveries.c.state == State.CREATED, deliveries.c.crm_task_id.is_not(None))


def _as_change(row: sa.Row[Any]) -> OpenChange:
    return OpenChange(
        id=row.id,
        delivery_id=row.id,
        plan_id=0,
        kind=ChangeKind.UNDO,
        state="planned",
        attempts=0,
        crm_task_id=row.crm_task_id,
        key=row.delivery_key,
        generation=row.generation,
        sent=row.payload,
        wanted=None,
        why="",
        sent_ago=None,
        looked_ago=None,
        modified_at=None,
    )
