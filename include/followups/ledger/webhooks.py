"""Status webhooks as they came in, and what they told."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from followups.ledger.clock import store_now
from followups.ledger.sets import is_one_of
from followups.schema import attempts, deliveries, webhooks
from followups.webhooks import Told, read_webhook

MAX_BODY_BYTES = 256 * 1024
#: A batch gets one call, perhaps doubled; whoever sends more than this sends nothing new.
MAX_CALLS_PER_BATCH = 50


@dataclass(frozen=True, kw_only=True)
class WebhookCall:
    """One stored call, by the attempt that it answers."""

    batch_id: str
    delivery_ids: Sequence[int]
    #: what was sent, by delivery; without rows whose payload was purged
    payloads: Mapping[int, str]
    told: Told


def store_webhook(engine: sa.Engine, batch_id: str, token: str, content_type: str, body: bytes) -> bool:
    """Store a call as it came; False where the token is none of the batch's."""
    a, w = attempts.c, webhooks.c
    with engine.begin() as connection:
        query = sa.select(a.id, a.webhook_token).where(a.batch_id == batch_id)
        mine = None
        for attempt_id, known in connection.execute(query).all():
            if hmac.compare_digest((known or "").encode(), token.encode("utf-8", "replace")) and known:
                mine = attempt_id
        if mine is None:
            return False
        stored = connection.execute(sa.select(sa.func.count()).where(w.batch_id == batch_id)).scalar_one()
        if stored < MAX_CALLS_PER_BATCH:
            connection.execute(
                sa.insert(webhooks).values(
                    attempt_id=mine,
                    batch_id=batch_id,
                    received_at=store_now(connection),
                    content_type=content_type[:200],
                    payload=body[:MAX_BODY_BYTES],
                )
            )
    return True


def webhook_calls(engine: sa.Engine, batch_ids: Sequence[str]) -> list[WebhookCall]:
    """Return what was told of some batches, oldest first."""
    a, w = attempts.c, webhooks.c
    with engine.connect() as connection:
        query = (
            sa.select(w.batch_id, a.delivery_ids, w.content_type, w.payload)
            .join(attempts, a.id == w.attempt_id)
            .where(is_one_of(connection, w.batch_id, batch_ids))
            .order_by(w.id)
        )
        found = connection.execute(query).all()
        payloads = _payloads(connection, {each for row in found for each in row[1] or []})
    return [
        WebhookCall(
            batch_id=batch_id,
            delivery_ids=delivery_ids or [],
            payloads={each: payloads[each] for each in delivery_ids or [] if each in payloads},
            told=read_webhook(content_type or "", body or b""),
        )
        for batch_id, delivery_ids, content_type, body in found
    ]


def _payloads(connection: sa.Connection, delivery_ids: Collection[int]) -> dict[int, str]:
    d = deliveries.c
    query = sa.select(d.id, d.payload).where(is_one_of(connection, d.id, list(delivery_ids)), d.payload.is_not(None))
    return {row[0]: row[1] for row in connection.execute(query)} if delivery_ids else {}
