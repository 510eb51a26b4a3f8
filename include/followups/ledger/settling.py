"""The ledger as verification sees it: what is still open after it was sent, and how it ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from followups.crash_points import reach
from followups.ledger import events
from followups.ledger.clock import store_now
from followups.ledger.planning import RUN_SILENT_AFTER
from followups.ledger.sent_rows import OpenRow, next_by_due, row_of, select_rows
from followups.ledger.sets import is_one_of, texts_by_number
from followups.model import State
from followups.schema import UtcDateTime, batches, deliveries, plans

OPEN_BATCHES = ("accepted", "unknown")
OPEN_ROWS = (State.ACCEPTED, State.UNKNOWN)
#: Rows that were sent and given up: a task that comes late corrects them.
CORRIGIBLE = (State.REJECTED, State.HELD)
#: Rows of a settled batch that a later look may still correct: duplicates of the one, latecomers of the others.
AUDITED_ROWS = (State.CREATED, *CORRIGIBLE)
#: Another value of one of these: a batch is not what it was when it was listed.
_CALL = (batches.c.token, batches.c.sent_at, batches.c.answered_at, batches.c.settled_at)
#: A server that was slow to answer may have done the work only then; what never ended counts from its start.
_ENDED_AT = sa.func.coalesce(batches.c.answered_at, batches.c.sent_at, type_=UtcDateTime)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBatch:
    """A batch with rows that are not settled. `age`, since its call ended, and `looked_ago` are in the store's time."""

    batch_id: str
    plan_id: int
    feed: str
    state: str
    looks: int
    age: timedelta
    looked_ago: timedelta | None


class SettleLedger:
    """Verification's view of the ledger: some plans, or all that go to one account and are no living run's."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        actor: str,
        plan_ids: Sequence[int] | None = None,
        leadsquared_conn_id: str | None = None,
    ) -> None:
        self._engine = engine
        #: On SQLite a long look takes no turn from those who send.
        self._reading = engine.execution_options(reading=True)
        self._actor = actor
        self._plan_ids = plan_ids
        self._conn_id = leadsquared_conn_id
        #: claim and call of batches as they were last listed: what was looked for then tells nothing of a later call
        self._calls: dict[str, tuple[Any, ...]] = {}
        #: batch and generation of the rows listed last, as they were then
        self._listed: dict[int, tuple[str, int]] = {}

    def open_batches(self, limit: int, after: str = "") -> list[OpenBatch]:
        """Return batches that wait for a verdict, by id."""
        return self._batches(batches.c.state.in_(OPEN_BATCHES), limit, after)

    def unaudited_batches(self, settled_for: timedelta, limit: int, after: str = "") -> list[OpenBatch]:
        """Return batches that were sent, settled that long ago and not looked at since, by id."""
        b = batches.c
        with self._reading.connect() as connection:
            before = store_now(connection) - settled_for
        wanted = sa.and_(b.state == "settled", b.audited_at.is_(None), b.sent_at.is_not(None), b.settled_at < before)
        return self._batches(wanted, limit, after)

    def plans_to_send_again(self) -> list[int]:
        """Return plans, of no living run, with batches whose rows were proved absent."""
        b = batches.c
        with self._reading.connect() as connection:
            now = store_now(connection)
            left = sa.and_(b.state == "claimed", b.settled_at.is_not(None), b.lease_until < now)
            query = sa.select(b.plan_id).where(sa.or_(b.state == "again", left)).distinct().order_by(b.plan_id)
            return list(connection.execute(self._mine(query, now)).scalars())

    def count_open(self) -> int:
        """Return how many batches wait for a verdict."""
        query = sa.select(sa.func.count()).select_from(batches).where(batches.c.state.in_(OPEN_BATCHES))
        with self._reading.connect() as connection:
            counted: int = connection.execute(self._mine(query, store_now(connection))).scalar_one()
        return counted

    def ages_open(self) -> list[tuple[timedelta, timedelta | None]]:
        """Return age and time since the look of the oldest and the youngest open batches that one look showed.

        Those that nobody looked for yet have None. A look covers many batches, so there are few.
        """
        b = batches.c
        ends = [end(_ENDED_AT, type_=UtcDateTime) for end in (sa.func.min, sa.func.max)]
        query = sa.select(b.looked_at, *ends).where(b.state.in_(OPEN_BATCHES)).group_by(b.looked_at)
        with self._reading.connect() as connection:
            now = store_now(connection)
            rows = connection.execute(self._mine(query, now)).all()
        return [
            (now - (ended or now), None if looked is None else now - looked) for looked, *both in rows for ended in both
        ]

    def until_given_up(self) -> timedelta | None:
        """Return how long until the next sender that gave no sign is given up; None where no call is under way."""
        b = batches.c
        query = sa.select(sa.func.min(b.lease_until, type_=UtcDateTime)).where(b.state == "sending")
        with self._reading.connect() as connection:
            now = store_now(connection)
            lease_until = connection.execute(query.where(b.plan_id.in_(self._plan_ids or ()))).scalar()
        return None if lease_until is None else lease_until - now

    def open_rows(self, batch_ids: Sequence[str]) -> dict[str, list[OpenRow]]:
        """Return the unsettled rows of some batches, by batch."""
        return self._rows(batch_ids, OPEN_ROWS)

    def count_open_rows(self, batch_ids: Sequence[str]) -> int:
        """Return how many rows of some batches are unsettled."""
        d = deliveries.c
        with self._reading.connect() as connection:
            mine = is_one_of(connection, d.batch_id, batch_ids)
            query = sa.select(sa.func.count()).where(mine, d.state.in_(OPEN_ROWS))
            counted: int = connection.execute(query).scalar_one()
        return counted

    def open_rows_by_due(self, batch_ids: Sequence[str], limit: int) -> Iterator[dict[str, list[OpenRow]]]:
        """Yield the unsettled rows of some batches by batch, so many at a time: those that are due together.

        Each row comes once, also where others are settled meanwhile.
        """
        last: int | None = None
        while True:
            with self._reading.connect() as connection:
                query = next_by_due(select_rows(connection, batch_ids, OPEN_ROWS), last, limit)
                found = connection.execute(query).all()
            if not found:
                return
            last = found[-1].id
            yield self._list(found)

    def waiting_rows(self, batch_ids: Sequence[str]) -> dict[str, list[OpenRow]]:
        """Return the rows of batches to be sent again that nobody began to send, by batch."""
        return self._rows(batch_ids, (State.PLANNED,))

    def audited_rows(self, batch_ids: Sequence[str]) -> dict[str, list[OpenRow]]:
        """Return the rows of settled batches that a later look may correct, by batch."""
        return self._rows(batch_ids, AUDITED_ROWS)

    def audited(self, batch_ids: Sequence[str]) -> None:
        """Note that settled batches were looked at again."""
        b = batches.c
        with self._engine.begin() as connection:
            chosen = is_one_of(connection, b.batch_id, self._as_listed(connection, batch_ids))
            connection.execute(sa.update(batches).where(chosen).values(audited_at=store_now(connection)))

    def _batches(self, wanted: sa.ColumnElement[bool], limit: int, after: str) -> list[OpenBatch]:
        b = batches.c
        ended_at = _ENDED_AT.label("ended_at")
        query = sa.select(b.batch_id, b.plan_id, b.feed, b.state, b.looks, b.looked_at, ended_at, *_CALL)
        query = query.where(wanted, b.batch_id > after).order_by(b.batch_id).limit(limit)
        with self._reading.connect() as connection:
            now = store_now(connection)
            rows = connection.execute(self._mine(query, now)).all()
        self._calls |= {row.batch_id: _call_of(row) for row in rows}
        return [
            OpenBatch(
                batch_id=row.batch_id,
                plan_id=row.plan_id,
                feed=row.feed,
                state=row.state,
                looks=row.looks,
                age=now - (row.ended_at or now),
                looked_ago=None if row.looked_at is None else now - row.looked_at,
            )
            for row in rows
        ]

    def _mine(self, query: sa.Select[Any], now: datetime) -> sa.Select[Any]:
        """Keep to the batches that this ledger is for."""
        b, p = batches.c, plans.c
        if self._plan_ids is not None:
            return query.where(b.plan_id.in_(self._plan_ids))
        of_ended_run = sa.or_(p.finished_at.is_not(None), p.heartbeat_at < now - RUN_SILENT_AFTER)
        return query.join(plans, p.id == b.plan_id).where(p.leadsquared_conn_id == self._conn_id, of_ended_run)

    def _rows(self, batch_ids: Sequence[str], states: Sequence[State]) -> dict[str, list[OpenRow]]:
        with self._reading.connect() as connection:
            found = connection.execute(select_rows(connection, batch_ids, states))
            return {**{batch_id: [] for batch_id in batch_ids}, **self._list(found)}

    def _list(self, found: Iterable[Any]) -> dict[str, list[OpenRow]]:
        """Return rows by batch, and remember where they were: of rows listed before nothing is said any more."""
        self._listed = {}
        rows: dict[str, list[OpenRow]] = defaultdict(list)
        for each in found:
            row = row_of(each)
            self._listed[row.id] = each.batch_id, row.generation
            rows[each.batch_id].append(row)
        return rows

    def created(self, crm_task_ids: Mapping[int, str], reason: str | None = None) -> None:
        """Record the CRM tasks that were found, by delivery; also of rows that had been given up.

        A CRM task that was seen is there, whatever others made of its row since it was listed: only who sends the row
        again goes on, and a row that lost this CRM task since is of another generation.
        """
        d = deliveries.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            reach("before settle commit")
            before = self._seen_rows(connection, list(crm_task_ids))
            if before:
                tasks = {delivery_id: crm_task_ids[delivery_id] for delivery_id in before}
                delivery_id, task_id = texts_by_number(connection, tasks)
                values = {"state": State.CREATED, "crm_task_id": task_id, "reason": reason, "updated_at": now}
                connection.execute(sa.update(deliveries).where(d.id == delivery_id).values(**values))
                self._put_back(connection, list(before))
            self._log(connection, before, State.CREATED, reason or "seen in LeadSquared", now)
        reach("after settle commit")

    def _put_back(self, connection: sa.Connection, delivery_ids: Sequence[int]) -> None:
        """Put rows that were taken out of their batch since they were listed back into it."""
        d = deliveries.c
        query = sa.select(d.id).where(is_one_of(connection, d.id, delivery_ids), d.batch_id.is_(None))
        for delivery_id in connection.execute(query).scalars().all():
            statement = sa.update(deliveries).where(d.id == delivery_id)
            connection.execute(statement.values(batch_id=self._batch_of(delivery_id)))

    def keep(self, crm_task_ids: Mapping[int, str], instead_of: Mapping[int, Sequence[str]]) -> None:
        """Record which of its CRM tasks stands for a delivery from now on, where the ledger names one of the others."""
        d = deliveries.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            for delivery_id, task_id in sorted(crm_task_ids.items()):
                # A create's reply may write an id in another case than look-ups do.
                others = [other.lower() for other in instead_of[delivery_id]]
                named = (d.id == delivery_id, d.state == State.CREATED, sa.func.lower(d.crm_task_id).in_(others))
                one = sa.update(deliveries).where(*named)
                if connection.execute(one.values(crm_task_id=task_id, updated_at=now)).rowcount:
                    reason = "the oldest of its CRM tasks stands for it"
                    events.record(connection, [events.of_created(now, self._actor, delivery_id, reason)])

    def move(self, delivery_ids: Sequence[int], state: State, reason: str | None) -> None:
        """Record another verdict on unsettled rows.

        Rows that are in another batch since they were listed, or in one that somebody else has sent again since, are
        left alone, and only those whose outcome is unknown go back to planned.
        """
        if not delivery_ids:
            return
        d = deliveries.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            ids = is_one_of(connection, d.id, list(delivery_ids))
            held_in = connection.execute(sa.select(d.batch_id).where(ids, d.batch_id.is_not(None)).distinct())
            as_listed = is_one_of(connection, d.batch_id, self._as_listed(connection, held_in.scalars().all()))
            movable = (State.UNKNOWN,) if state == State.PLANNED else OPEN_ROWS
            chosen = (ids, as_listed, d.state.in_(movable))
            rows = sa.select(d.id, d.state, d.batch_id).where(*chosen)
            found = connection.execute(rows.order_by(d.id).with_for_update())
            before = {row.id: row.state for row in found if self._batch_of(row.id) in {None, row.batch_id}}
            values = {"state": state, "reason": reason, "updated_at": now}
            stayed = is_one_of(connection, d.id, list(before))
            connection.execute(sa.update(deliveries).where(*chosen, stayed).values(**values))
            self._log(connection, before, state, reason, now)

    def note(self, delivery_ids: Sequence[int], reason: str) -> None:
        """Append to rows' event logs without moving them."""
        d = deliveries.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            query = sa.select(d.id, d.state).where(is_one_of(connection, d.id, list(delivery_ids)))
            log = [
                {"at": now, "actor": self._actor, "delivery_id": row[0], "from_state": row[1], "to_state": row[1],
                 "reason": reason}
                for row in connection.execute(query)
            ]  # fmt: skip
            events.record(connection, log)

    def looked(self, batch_ids: Sequence[str], *, conclusive: bool) -> None:
        """Note that all rows of the batches were looked for.

        Only conclusive looks, past the settle time, count towards absence. A batch without an open row is settled, or
        to be sent again where rows went back to planned.
        """
        b, d = batches.c, deliveries.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            chosen = is_one_of(connection, b.batch_id, self._as_listed(connection, batch_ids))
            looks = b.looks + 1 if conclusive else b.looks
            connection.execute(sa.update(batches).where(chosen).values(looks=looks, looked_at=now))
            members = sa.exists().where(d.batch_id == b.batch_id)
            no_open_rows = ~members.where(d.state.in_((*OPEN_ROWS, State.SENDING)))
            ended = sa.update(batches).where(chosen, b.state.in_(OPEN_BATCHES), no_open_rows)
            planned = members.where(d.state == State.PLANNED)
            again = ended.where(planned)
            free = {"owner": None, "lease_until": None, "settled_at": now}
            connection.execute(again.values(state="again", looks=0, looked_at=None, **free))
            connection.execute(ended.values(state="settled", settled_at=now, audited_at=None))

    def _as_listed(self, connection: sa.Connection, batch_ids: Sequence[str]) -> list[str]:
        """Lock batches, and return those that nobody claimed or sent, and whose calls did not end, since then."""
        b = batches.c
        query = sa.select(b.batch_id, *_CALL).where(is_one_of(connection, b.batch_id, batch_ids))
        rows = connection.execute(query.order_by(b.batch_id).with_for_update())
        calls = {row.batch_id: _call_of(row) for row in rows}
        return [batch_id for batch_id, call in calls.items() if self._calls.get(batch_id, call) == call]

    def spent(self, plan_id: int, lookups: int) -> None:
        """Add to the look-ups that a run's verification cost."""
        p = plans.c
        with self._engine.begin() as connection:
            connection.execute(sa.update(plans).where(p.id == plan_id).values(lookups=p.lookups + lookups))

    def _batch_of(self, delivery_id: int) -> str | None:
        """Return the batch in which a row was listed; None where it was not."""
        return self._listed.get(delivery_id, (None, 0))[0]

    def _seen_rows(self, connection: sa.Connection, delivery_ids: Sequence[int]) -> dict[int, str]:
        """Return states of the rows that may be called created, by delivery.

        Locked, so that what is moved afterwards is what the log is about to tell.
        """
        d = deliveries.c
        ids = is_one_of(connection, d.id, list(delivery_ids))
        query = sa.select(d.id, d.state, d.generation).where(ids, d.state.not_in((State.SENDING, State.CREATED)))
        rows = connection.execute(query.order_by(d.id).with_for_update()).all()
        return {row.id: row.state for row in rows if self._may_be_created(row)}

    def _may_be_created(self, row: Any) -> bool:
        if row.id not in self._listed:
            return row.state in (*OPEN_ROWS, *CORRIGIBLE)
        return bool(self._listed[row.id][1] == row.generation)

    def _log(
        self, connection: sa.Connection, before: Mapping[int, str], to: State, reason: str | None, now: datetime
    ) -> None:
        log = [
            {"at": now, "actor": self._actor, "delivery_id": delivery_id, "from_state": state, "to_state": to,
             "reason": reason}
            for delivery_id, state in before.items()
        ]  # fmt: skip
        events.record(connection, log)


def _call_of(row: Any) -> tuple[Any, ...]:
    return row.token, row.sent_at, row.answered_at, row.settled_at
