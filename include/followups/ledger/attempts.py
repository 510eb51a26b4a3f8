"""One row for each call: who began it, how it ended. A call without an end is under way, or its owner died in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from followups.ledger import events
from followups.model import Outcome, State
from followups.schema import UtcDateTime, attempts

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


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A call that has just ended: when it began, and with which rows."""

    started_at: datetime
    delivery_ids: Sequence[int]


def ended(connection: sa.Connection, claim: Claim, outcome: Outcome, now: datetime) -> Ended | None:
    """Note how the claim's call ended; return it, None where that was noted before."""
    a = attempts.c
    row = connection.execute(
        sa.update(attempts)
        .where(a.batch_id == claim.batch_id, a.token == claim.token, a.finished_at.is_(None))
        .values(finished_at=now, outcome=outcome.kind, http_status=outcome.http_status, detail=outcome.detail)
        .returning(a.started_at, a.delivery_ids)
    ).first()
    return None if row is None else Ended(started_at=row.started_at, delivery_ids=row.delivery_ids)


def last_begun(batch_id: str) -> sa.ScalarSelect[datetime | None]:
    """Return, as a query, when a batch's last call began; null where it was never sent."""
    a = attempts.c
    last = sa.func.max(a.started_at, type_=UtcDateTime)
    return sa.select(last).where(a.batch_id == batch_id).scalar_subquery()
