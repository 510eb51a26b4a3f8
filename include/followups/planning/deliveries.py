"""From a candidate to the row that the ledger keeps of it."""

from __future__ import annotations

from typing import Any

from followups.ledger.rows import ChangedRow, Known, NewRow
from followups.model import State
from followups.planning.allowance import OwnerDay
from followups.rows import Candidate


def planned_row(
    candidate: Candidate, known: Known | None, payload: str, why: str, owner_day: OwnerDay | None
) -> NewRow | ChangedRow:
    """Return the delivery of a candidate that is to be sent; its batch is filled in later."""
    if known is None:
        return _new_row(candidate, State.PLANNED, payload, owner_day)
    values = {**_columns_of(candidate), "state": State.PLANNED, "reason": None, "payload": payload}
    if known.withdrawn:
        values["withdrawn"] = False
    return ChangedRow(known.id, known.state, known.batch_id, values, why, owner_day)


def kept_row(candidate: Candidate, known: Known | None, payload: str | None, why: str) -> NewRow | ChangedRow:
    """Return the delivery of a candidate that is kept back, in no batch."""
    if known is None:
        return _new_row(candidate, candidate.state, payload)
    values = {**_columns_of(candidate), "payload": payload, "batch_id": None}
    return ChangedRow(known.id, known.state, known.batch_id, values, why)


def conflict_row(candidate: Candidate, key: str, reason: str) -> NewRow:
    """Return the delivery of a row whose id another row has, under a key of its own."""
    row = _new_row(candidate, State.INVALID, None)
    row.delivery_key, row.reason = key, reason
    return row


def withdrawal_of(known: Known, why: str) -> ChangedRow:
    """Return the change of a row that is withdrawn, or wanted again, while it stays with the plan that sent it."""
    values = {"withdrawn": not known.withdrawn, "plan_id": known.plan_id}
    return ChangedRow(known.id, known.state, known.batch_id, values, why)


def _new_row(candidate: Candidate, state: State, payload: str | None, owner_day: OwnerDay | None = None) -> NewRow:
    return NewRow(
        delivery_key=candidate.key,
        followup_id=candidate.followup_id,
        state=state,
        reason=None if state is State.PLANNED else candidate.reason,
        task_type=candidate.task_type,
        due_at=candidate.due_at,
        content_hash=candidate.content_hash,
        row_hash=candidate.row_hash,
        payload=payload,
        owner_day=owner_day,
    )


def _columns_of(candidate: Candidate) -> dict[str, Any]:
    return {
        "followup_id": candidate.followup_id,
        "state": candidate.state,
        "reason": candidate.reason,
        "task_type": candidate.task_type,
        "due_at": candidate.due_at,
        "content_hash": candidate.content_hash,
        "row_hash": candidate.row_hash,
    }
