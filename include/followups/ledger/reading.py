"""The ledger as people and reports see it: counts, lists, timelines. Nothing is changed here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from followups.model import State
from followups.schema import OPEN_CHANGES, attempts, batches, changes, deliveries, events, plans

#: Stands in the notes that verification writes of follow-ups with several CRM tasks.
SEVERAL_TASKS = " CRM tasks"


class LedgerReader:
    """Reads the ledger."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def open_accounts(self) -> list[str]:
        """Return the connections by which batches or changes go that are not settled, or not looked at since."""
        b, p = batches.c, plans.c
        unsettled = sa.select(b.plan_id).where(b.state != "settled")
        unaudited = sa.select(b.plan_id).where(b.audited_at.is_(None), b.sent_at.is_not(None))
        changing = sa.select(changes.c.plan_id).where(changes.c.state.in_(OPEN_CHANGES))
        query = sa.select(p.leadsquared_conn_id).distinct().where(p.id.in_(unsettled.union(unaudited, changing)))
        with self._engine.connect() as connection:
            return sorted(connection.execute(query).scalars())

    def plan_ids(self, run_key: str) -> list[int]:
        """Return the plans of a run, oldest first; a retried plan task makes another."""
        query = sa.select(plans.c.id).where(plans.c.run_key == run_key).order_by(plans.c.id)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def plan(self, plan_id: int) -> Mapping[str, Any]:
        """Return one plan."""
        with self._engine.connect() as connection:
            return dict(connection.execute(sa.select(plans).where(plans.c.id == plan_id)).mappings().one())

    def sent_counts(self, plan_ids: Sequence[int]) -> Counter[tuple[str, str]]:
        """Count the deliveries in the plans' batches by (state, reason)."""
        d, b = deliveries.c, batches.c
        query = (
            sa.select(d.state, d.reason, sa.func.count())
            .select_from(batches.join(deliveries, d.batch_id == b.batch_id))
            .where(b.plan_id.in_(plan_ids))
            .group_by(d.state, d.reason)
        )
        return self._by_reason(query)

    def call_counts(self, plan_ids: Sequence[int]) -> Counter[str]:
        """Count the plans' calls by outcome."""
        a, b = attempts.c, batches.c
        query = (
            sa.select(sa.func.coalesce(a.outcome, "under way"), sa.func.count())
            .select_from(attempts.join(batches, a.batch_id == b.batch_id))
            .where(b.plan_id.in_(plan_ids))
            .group_by(a.outcome)
        )
        with self._engine.connect() as connection:
            return Counter({row[0]: row[1] for row in connection.execute(query)})

    def states(self, feed: str | None = None) -> Counter[tuple[str, str]]:
        """Count all deliveries by (state, reason), of one feed or of all."""
        d = deliveries.c
        query = sa.select(d.state, d.reason, sa.func.count()).group_by(d.state, d.reason)
        if feed is not None:
            query = query.where(d.feed == feed)
        return self._by_reason(query)

    def _by_reason(self, query: sa.Select[Any]) -> Counter[tuple[str, str]]:
        counts: Counter[tuple[str, str]] = Counter()
        with self._engine.connect() as connection:
            for state, reason, count in connection.execute(query):
                counts[state, reason or ""] += count
        return counts

    def timeline(self, delivery_key: str) -> list[Mapping[str, Any]]:
        """Return what happened to one delivery, oldest first: its own events and those of the batches it was in."""
        d, e = deliveries.c, events.c
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(d.id, d.batch_id).where(d.delivery_key == delivery_key)).first()
            if row is None:
                return []
            own = connection.execute(sa.select(events).where(e.delivery_id == row.id).order_by(e.id)).mappings().all()
            found: dict[int, Mapping[str, Any]] = {event["id"]: dict(event) for event in own}
            since = 0
            stays = [(event["batch_id"], event["id"]) for event in own if event["batch_id"]] + [(row.batch_id, None)]
            for batch_id, until in stays:
                query = sa.select(events).where(e.batch_id == batch_id, e.delivery_id.is_(None), e.id > since)
                if until is not None:
                    query = query.where(e.id < until)
                    since = until if batch_id != row.batch_id else since
                for event in connection.execute(query).mappings():
                    found[event["id"]] = dict(event)
        story = [found[key] for key in sorted(found)]
        # A batch begins with its rows' planning; a row that comes from elsewhere has an event of its own for that.
        return [event for number, event in enumerate(story) if number == 0 or event["from_state"] is not None]

    def last_event(self) -> int:
        """Return the number of the newest event, from which `needing_people` counts."""
        with self._engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.max(events.c.id))).scalar_one() or 0)

    def needing_people(self, since: int, actor: str) -> dict[str, Counter[str]]:
        """Count, by feed and reason, what `actor` did since an event that nothing but a person will settle."""
        d, e = deliveries.c, events.c
        doubled = e.reason.like(f"%{SEVERAL_TASKS}%")
        query = (
            sa.select(d.feed, sa.case((doubled, "more than one CRM task"), else_=e.reason), sa.func.count())
            .select_from(events.join(deliveries, e.delivery_id == d.id))
            .where(e.id > since, e.actor == actor, sa.or_(doubled, e.to_state == State.HELD))
            .group_by(sa.text("1, 2"))
        )
        found: dict[str, Counter[str]] = defaultdict(Counter)
        with self._engine.connect() as connection:
            for feed, reason, count in connection.execute(query):
                found[feed][reason or ""] += count
        return dict(found)

    def open_states(self) -> Counter[str]:
        """Count deliveries that still wait for something, by state."""
        d = deliveries.c
        waiting = (State.PLANNED, State.SENDING, State.ACCEPTED, State.UNKNOWN, State.HELD)
        query = sa.select(d.state, sa.func.count()).where(d.state.in_(waiting)).group_by(d.state)
        with self._engine.connect() as connection:
            return Counter({row[0]: row[1] for row in connection.execute(query)})

    def delivery(self, delivery_key: str) -> Mapping[str, Any] | None:
        """Return one delivery without its payload; None if it is not known."""
        columns = [column for column in deliveries.c if column.name != "payload"]
        with self._engine.connect() as connection:
            row = (
                connection.execute(sa.select(*columns).where(deliveries.c.delivery_key == delivery_key))
                .mappings()
                .first()
            )
            return dict(row) if row else None
