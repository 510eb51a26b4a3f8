"""One row for each call: who began it, how it ended. A call without an end is under way, or its owner died in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from followups.ledger import events
from followups.model import Outcome, State
from followups.schema import attempts

if TYPE_CHECKING:
    from followups.ledger.sending import Claim


def begun(
    connection: sa.Connection, claim: Claim, webhook_token: str, delivery_ids: Sequence[int], now: datetime
) -> None:
    """Note that a call with these rows is about to be made."""
    attempt = {
        "batch_id": claim.batch_id,
        "token": claim.token,
        "webhook_token": webhook_token,
        "owner": claim.owner,
        "rows": len(delivery_ids),
        "delivery_ids": list(delivery_ids),
        "started_at": now,
    }
    connection.execute(sa.insert(attempts).values(attempt))
    event = events.of_batch(
        now,
        claim.owner,
        claim.batch_id,
        from_state=State.PLANNED,
        to_state=State.SENDING,
        reason="about to be sent",
    )
    events.record(connection, [event])


def ended(connection: sa.Connection, claim: Claim, outcome: Outcome, now: datetime) -> None:
    """Note how the claim's call ended."""
    a = attempts.c
    connection.execute(
        sa.update(attempts)
        .where(a.batch_id == claim.batch_id, a.token == claim.token, a.finished_at.is_(None))
        .values(finished_at=now, outcome=outcome.kind, http_status=outcome.http_status, detail=outcome.detail)
    )
