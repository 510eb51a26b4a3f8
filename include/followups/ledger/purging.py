"""Forget personal data by age: payloads of rows that are done, webhooks, users. States, reasons and ids stay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from followups.ledger.clock import store_now
from followups.ledger.directories import purge_users
from followups.model import State
from followups.schema import deliveries, webhooks

#: Rows in these states are not looked for by their payload any more, nor sent without being read anew.
PURGED_STATES = (State.CREATED, State.REJECTED, State.INVALID, State.CANCELLED)
#: So many rows a transaction: nobody waits long for a lock.
CHUNK_ROWS = 5000


@dataclass(frozen=True, kw_only=True)
class Purged:
    """How much was forgotten."""

    payloads: int
    webhooks: int
    #: accounts whose users were forgotten; the next run reads them anew
    directories: int = 0


def purge(engine: sa.Engine, older_than: timedelta) -> Purged:
    """Forget the payloads of rows that have not changed for so long, and webhooks and users that were read before."""
    with engine.connect() as connection:
        before = store_now(connection) - older_than
    d, w = deliveries.c, webhooks.c
    done = sa.and_(d.state.in_(PURGED_STATES), d.payload.is_not(None), d.updated_at < before)
    payloads = 0
    while count := _forget(engine, done):
        payloads += count
    with engine.begin() as connection:
        bodies = connection.execute(sa.delete(webhooks).where(w.received_at < before)).rowcount
    return Purged(payloads=payloads, webhooks=bodies, directories=purge_users(engine, older_than))


def _forget(engine: sa.Engine, done: sa.ColumnElement[bool]) -> int:
    d = deliveries.c
    chosen = sa.select(d.id).where(done).limit(CHUNK_ROWS)
    with engine.begin() as connection:
        return connection.execute(sa.update(deliveries).where(d.id.in_(chosen)).values(payload=None)).rowcount
