"""What becomes of a delivery when a change to its CRM task ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from followups.changes import DELETIONS, ChangeKind, OpenChange
from followups.ledger import events
from followups.ledger.sets import is_one_of
from followups.model import State
from followups.planning.batching import MAX_ROWS_PER_CALL, batch_name
from followups.schema import OPEN_CHANGES, batches, changes, deliveries


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a change ended: done, skipped or refused."""

    change: OpenChange
    state: str
    reason: str
    #: when LeadSquared last changed the CRM task, as it was seen
    modified_at: datetime | None = None


def take_effect(connection: sa.Connection, ended: Sequence[Ended], *, actor: str, now: datetime) -> None:
    """Write the ends of changes that are still open, and move their deliveries where they are done."""
    renewed = []
    log: list[dict[str, Any] | None] = []
    for each in ended:
        wanted = _close(connection, each, now)
        if wanted is None:
            continue
        change, reason = each.change, each.reason or each.change.why
        if each.state != "done":
            text = f"{change.kind} {each.state}: {reason}"
            log.append(events.of_created(now, actor, change.delivery_id, text))
        elif change.kind is ChangeKind.RECREATE and change.attempts:
            renewed.append((change, wanted))
        else:
            log.append(_move(connection, change, wanted, reason, actor, now))
    events.record(connection, [event for event in log if event])
    for first in range(0, len(renewed), MAX_ROWS_PER_CALL):
        _plan_anew(connection, renewed[first : first + MAX_ROWS_PER_CALL], actor, now)


def _close(connection: sa.Connection, each: Ended, now: datetime) -> dict[str, Any] | None:
    """End the change; return what it wanted, None where somebody else moved it on."""
    c = changes.c
    query = sa.select(c.payload, c.content_hash, c.row_hash, c.task_type, c.due_at).where(c.id == each.change.id)
    wanted = connection.execute(query).mappings().one()
    mine = (c.id == each.change.id, c.attempts == each.change.attempts, c.state.in_(OPEN_CHANGES), c.state != "sending")
    values = {"state": each.state, "reason": each.reason or None, "payload": None, "lease_until": None}
    statement = sa.update(changes).where(*mine).values(**values, modified_at=each.modified_at, updated_at=now)
    return dict(wanted) if connection.execute(statement).rowcount else None


def _move(
    connection: sa.Connection, change: OpenChange, wanted: dict[str, Any], reason: str, actor: str, now: datetime
) -> dict[str, Any] | None:
    """Let the delivery follow its CRM task. One that lost it goes to the next generation, whose marker is another."""
    d = deliveries.c
    values: dict[str, Any] = {"updated_at": now} | {name: wanted[name] for name in ("content_hash", "row_hash")}
    state, batch_id = State.CREATED, None
    if change.kind in {ChangeKind.UPDATE, ChangeKind.RECREATE}:
        values |= {name: wanted[name] for name in ("task_type", "due_at")}
        if change.kind is ChangeKind.UPDATE:
            values["payload"] = wanted["payload"]
    else:
        state = State.HELD if change.kind is ChangeKind.UNDO else State.CANCELLED
        values |= {"state": state, "reason": reason, "batch_id": None, "generation": change.generation + 1}
        batch_id = connection.execute(sa.select(d.batch_id).where(d.id == change.delivery_id)).scalar_one()
        if change.kind in DELETIONS:
            values["crm_task_id"] = None
    if not connection.execute(sa.update(deliveries).where(*_as_asked(change)).values(values)).rowcount:
        return None
    text = f"{change.kind} done: {reason}; CRM task {change.crm_task_id}"
    return {**events.of_created(now, actor, change.delivery_id, text), "to_state": state, "batch_id": batch_id}


def _plan_anew(
    connection: sa.Connection, renewed: Sequence[tuple[OpenChange, dict[str, Any]]], actor: str, now: datetime
) -> None:
    """Plan follow-ups whose CRM task is gone in a batch of the plan that asked; whoever sends again finds it."""
    plan_ids = {change.plan_id for change, _ in renewed}
    for plan_id in sorted(plan_ids):
        members = [(change, wanted) for change, wanted in renewed if change.plan_id == plan_id]
        batch_id = _next_batch(connection, plan_id)
        d, b = deliveries.c, batches.c
        feed = connection.execute(sa.select(d.feed).where(d.id == members[0][0].delivery_id)).scalar_one()
        batch = {
            "batch_id": batch_id, "plan_id": plan_id, "feed": feed, "state": "again", "rows": len(members),
            "settled_at": now,
        }  # fmt: skip
        connection.execute(sa.insert(batches).values(batch))
        old = connection.execute(
            sa.select(d.id, d.batch_id).where(
                is_one_of(connection, d.id, [change.delivery_id for change, _ in members])
            )
        )
        old_batch = {row[0]: row[1] for row in old}
        log = []
        for change, wanted in members:
            values = {
                **wanted, "state": State.PLANNED, "reason": None, "crm_task_id": None, "batch_id": batch_id,
                "plan_id": plan_id, "generation": change.generation + 1, "withdrawn": False, "updated_at": now,
            }  # fmt: skip
            if connection.execute(sa.update(deliveries).where(*_as_asked(change)).values(values)).rowcount:
                text = f"recreate: CRM task {change.crm_task_id} is gone, another is to be made"
                event = events.of_created(now, actor, change.delivery_id, text)
                log.append({**event, "to_state": State.PLANNED, "batch_id": old_batch[change.delivery_id]})
        if log:
            connection.execute(sa.update(batches).where(b.batch_id == batch_id).values(rows=len(log)))
        events.record(connection, log)


def _as_asked(change: OpenChange) -> tuple[sa.ColumnElement[bool], ...]:
    d = deliveries.c
    same_task = (d.crm_task_id == change.crm_task_id, d.generation == change.generation)
    return d.id == change.delivery_id, d.state == State.CREATED, *same_task


def _next_batch(connection: sa.Connection, plan_id: int) -> str:
    """Return the id of one more batch; batches that were split off have a longer one."""
    last = connection.execute(sa.select(sa.func.max(batches.c.batch_id)).where(batches.c.plan_id == plan_id)).scalar()
    number = int(last.partition("-")[2].partition(".")[0]) if last else 0
    return batch_name(plan_id, number + 1)
