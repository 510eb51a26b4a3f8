"""From a candidate to the row that the ledger keeps of it."""

from __future__ import annotations

from typing import Any

from followups.ledger.planning import ChangedRow, Known, NewRow
from followups.planning.allowance import OwnerDay
from followups.rows import Candidate


def columns_of(candidate: Candidate) -> dict[str, Any]:
    """Return what the ledger keeps of a candidate, without its payload and its batch."""
    return {
        "delivery_key": candidate.key,
        "followup_id": candidate.followup_id,
        "state": candidate.state,
        "reason": candidate.reason,
        "task_type": candidate.task_type,
        "due_at": candidate.due_at,
        "content_hash": candidate.content_hash,
        "row_hash": candidate.row_hash,
    }


def row_of(
    known: Known | None, values: dict[str, Any], why: str, owner_day: OwnerDay | None = None
) -> NewRow | ChangedRow:
    """Return a delivery that is new, or the change of one that is known."""
    if known is None:
        return NewRow(values, owner_day)
    del values["delivery_key"]
    return ChangedRow(known.id, known.state, known.batch_id, values, why, owner_day)


def withdrawal_of(known: Known, why: str) -> ChangedRow:
    """Return the change of a row that is withdrawn, or wanted again, while it stays with the plan that sent it."""
    values = {"withdrawn": not known.withdrawn, "plan_id": known.plan_id}
    return ChangedRow(known.id, known.state, known.batch_id, values, why)
