"""Replies that come when their rows had been proved absent, and wait to be sent again.

A call may take its effect long after everybody gave it up. Rows that nobody has sent again by then must not be: they
get a batch of their own, which is verified as any other. That way the batch that they were in, and whoever has it by
now, are not disturbed.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from followups.ledger import events
from followups.ledger.attempts import Ended
from followups.model import Outcome, OutcomeKind, State
from followups.planning.batching import plan_of
from followups.schema import batches, changes, deliveries

if TYPE_CHECKING:
    from followups.ledger.sending import Claim

#: What rows are in once they are proved absent: whoever sends them again, or lets them go, has not begun.
WAITING = (State.PLANNED, State.CANCELLED, State.INVALID)
#: Rows that a look could not settle, or did not show, are in LeadSquared's hands again once it says that it took them.
GIVEN_UP = (State.HELD, State.REJECTED)
#: Calls whose effect may show a settle time after this reply.
SENT = ("sending", "accepted", "unknown")
REASON = "an earlier call turned out not to be lost"


def keep_back(connection: sa.Connection, claim: Claim, attempt: Ended, outcome: Outcome, now: datetime) -> None:
    """Take the rows of a call that had, or may have, its effect from whoever is about to send them again."""
    d = deliveries.c
    theirs = (d.id.in_(attempt.delivery_ids), d.state.in_(_taken_by(outcome)), ~_renewed_since(attempt))
    query = sa.select(d.id, d.state, d.batch_id).where(*theirs)
    rows = connection.execute(query.order_by(d.id).with_for_update()).all()
    if not rows:
        return
    state = _state_of(outcome)
    batch_id = f"{claim.batch_id}.late{claim.token}"
    connection.execute(sa.insert(batches).values(_batch_of(batch_id, claim, attempt, outcome, now, len(rows))))
    withdrawn = sa.or_(d.withdrawn, d.state == State.CANCELLED)
    values = {
        "state": state, "batch_id": batch_id, "reason": None, "crm_task_id": outcome.crm_task_id,
        "withdrawn": withdrawn,
    }  # fmt: skip
    chosen = d.id.in_([row.id for row in rows])
    connection.execute(sa.update(deliveries).where(chosen).values(**values, updated_at=now))
    log = [
        {"at": now, "actor": claim.owner, "delivery_id": row.id, "batch_id": row.batch_id, "from_state": row.state,
         "to_state": state, "reason": f"{REASON}: {outcome.detail}" if outcome.detail else REASON}
        for row in rows
    ]  # fmt: skip
    events.record(connection, log)


def look_anew(connection: sa.Connection, claim: Claim, attempt: Ended, now: datetime) -> None:
    """Let those who look for the rows, in whichever batch, begin anew: what this call made may not show yet."""
    b, d = batches.c, deliveries.c
    holding = sa.select(d.batch_id).where(d.id.in_(attempt.delivery_ids), d.batch_id.is_not(None))
    concerned = sa.or_(b.batch_id == claim.batch_id, b.batch_id.in_(holding))
    query = sa.select(b.batch_id).where(concerned).order_by(b.batch_id).with_for_update()
    chosen = b.batch_id.in_(connection.execute(query).scalars().all())
    connection.execute(sa.update(batches).where(chosen).values(audited_at=None))
    connection.execute(sa.update(batches).where(chosen, b.settled_at.is_not(None)).values(settled_at=now))
    connection.execute(sa.update(batches).where(chosen, b.state.in_(SENT)).values(answered_at=now, looks=0))


def _taken_by(outcome: Outcome) -> tuple[State, ...]:
    """Return the states that give way to what the reply says."""
    if outcome.crm_task_id:
        return (*WAITING, *GIVEN_UP, State.ACCEPTED, State.UNKNOWN)
    return (*WAITING, *GIVEN_UP) if outcome.kind is OutcomeKind.ACCEPTED else WAITING


def _renewed_since(attempt: Ended) -> sa.ColumnElement[bool]:
    """Tell whether a row lost its CRM task since the call began: the call bore the marker of an earlier generation."""
    c, d = changes.c, deliveries.c
    lost = (c.delivery_id == d.id, c.state == "done", c.generation < d.generation, c.updated_at > attempt.started_at)
    return sa.exists().where(*lost)


def _batch_of(
    batch_id: str, claim: Claim, attempt: Ended, outcome: Outcome, now: datetime, rows: int
) -> dict[str, Any]:
    settled = outcome.crm_task_id is not None
    return {
        "batch_id": batch_id,
        "plan_id": plan_of(batch_id),
        "feed": sa.select(batches.c.feed).where(batches.c.batch_id == claim.batch_id).scalar_subquery(),
        "state": "settled" if settled else str(_state_of(outcome)),
        "rows": rows,
        "request_id": outcome.request_id,
        "sent_at": attempt.started_at,
        "answered_at": now,
        "settled_at": now if settled else None,
        "reason": outcome.detail or None,
    }


def _state_of(outcome: Outcome) -> State:
    if outcome.crm_task_id:
        return State.CREATED
    return State.ACCEPTED if outcome.kind is OutcomeKind.ACCEPTED else State.UNKNOWN
