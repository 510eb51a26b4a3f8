"""From a candidate to the row that the ledger keeps of it."""

from __future__ import annotations

from typing import Any

from followups.ledger.rows import ChangedRow, Known, NewRow
from followups.model import State
from followups.planning.allowance import OwnerDay
from followups.rows import Candidate


def new_row(candidate: Candidate, payload: str | None, owner_day: OwnerDay | None = None) -> NewRow:
    """Return the delivery of a candidate that the ledger has not; the batch of one that is sent is filled in later."""
    return NewRow(
        delivery_key=candidate.key,
        followup_id=candidate.followup_id,
        state=candidate.state,
        reason=candidate.reason,
        task_type=candidate.task_type,
        due_at=candidate.due_at,
        content_hash=candidate.content_hash,
        row_hash=candidate.row_hash,
        payload=payload,
        owner_day=owner_day,
    )


def changed_row(
    candidate: Candidate, known: Known, payload: str | None, why: str, owner_day: OwnerDay | None = None
) -> ChangedRow:
    """Return what becomes of a delivery that the ledger has; only one that is sent gets a batch, later."""
    values = {**_columns_of(candidate), "payload": payload, "batch_id": None}
    if candidate.state is State.PLANNED and known.withdrawn:
        values["withdrawn"] = False
    return ChangedRow(known.id, known.state, known.batch_id, values, why, owner_day)


def conflict_row(candidate: Candidate, key: str, reason: str) -> NewRow:
    """Return the delivery of a row whose id another row has, under a key of its own."""
    row = new_row(candidate, None)
    row.delivery_key, row.state, row.reason = key, State.INVALID, reason
    return row


def withdrawal_of(known: Known, why: str) -> ChangedRow:
    """Return the change of a row that is withdrawn, or wanted again, while it stays with the plan that sent it."""
    # Whatever the row said before, what it says now is not what was taken up.
    values = {"withdrawn": not known.withdrawn, "plan_id": known.plan_id, "row_hash": None}
    return ChangedRow(known.id, known.state, known.batch_id, values, why)


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
