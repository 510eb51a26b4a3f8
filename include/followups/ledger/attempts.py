"""One row for each call: who began it, how it ended. A call without an end is under way, or its owner died in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from followups.ledger import events
from followups.ledger.clock import Clock
from followups.model import Outcome, State
from followups.schema import UtcDateTime, attempts

if TYPE_CHECKING:
    from followups.ledger.sending import Claim


_BEGIN = sa.insert(attempts).inline()


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
    connection.execute(_BEGIN, attempt)
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
    """A call that has just ended: when it began and ended, and with which rows."""

    started_at: datetime
    finished_at: datetime
    delivery_ids: Sequence[int]


class EndingAttempts:
    """Notes how calls ended, by a statement that is built once for a store."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        a = attempts.c
        self._end = (
            sa.update(attempts)
            .where(a.batch_id == sa.bindparam("of_batch"), a.token == sa.bindparam("of_token"), a.finished_at.is_(None))
            .values(
                finished_at=clock.now,
                outcome=sa.bindparam("kind"),
                http_status=sa.bindparam("status"),
                detail=sa.bindparam("told"),
            )
            .returning(a.started_at, a.finished_at, a.delivery_ids)
        )

    def ended(self, connection: sa.Connection, claim: Claim, outcome: Outcome) -> Ended | None:
        """Note how the claim's call ended; return it, None where that was noted before."""
        values = {
            "of_batch": claim.batch_id, "of_token": claim.token,
            "kind": outcome.kind, "status": outcome.http_status, "told": outcome.detail,
        }  # fmt: skip
        row = connection.execute(self._end, values | self._clock.values()).first()
        return None if row is None else Ended(**row._mapping)


def last_begun(batch_id: str) -> sa.ScalarSelect[datetime | None]:
    """Return, as a query, when a batch's last call began; null where it was never sent."""
    a = attempts.c
    last = sa.func.max(a.started_at, type_=UtcDateTime)
    return sa.select(last).where(a.batch_id == batch_id).scalar_subquery()
