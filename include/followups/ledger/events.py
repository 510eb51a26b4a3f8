"""The event log: who changed which state when, and why.

Every change of a delivery appends an event in the same transaction, after the change: `write_backs` finds by it what
changed since.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from followups.ledger.copying import insert_many
from followups.model import State
from followups.schema import events


def record(connection: sa.Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Append events; each names one delivery, or a batch and so all deliveries in it at that moment."""
    filled = [{"delivery_id": None, "batch_id": None, "from_state": None, "reason": None, **row} for row in rows]
    insert_many(connection, events, filled)


def of_batch(
    at: datetime, actor: str, batch_id: str, *, to_state: str, from_state: str | None = None, reason: str | None = None
) -> dict[str, Any]:
    """Return the event of a whole batch."""
    return {
        "at": at, "actor": actor, "batch_id": batch_id, "from_state": from_state, "to_state": to_state, "reason": reason
    }  # fmt: skip


def of_created(at: datetime, actor: str, delivery_id: int, reason: str) -> dict[str, Any]:
    """Return what happened to a delivered follow-up that stays delivered."""
    return {
        "at": at, "actor": actor, "delivery_id": delivery_id,
        "from_state": State.CREATED, "to_state": State.CREATED, "reason": reason,
    }  # fmt: skip
