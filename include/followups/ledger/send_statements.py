"""The statements that each call needs, built once: to build one takes longer than to run it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from followups.ledger.clock import Clock
from followups.model import OutcomeKind, State
from followups.schema import batches, deliveries

#: The values of `HELD`: the batch, and the token by which its owner holds it.
HELD = (batches.c.batch_id == sa.bindparam("of_batch"), batches.c.token == sa.bindparam("of_token"))
#: Rows that a call may have made; those that a rejection speaks of too, since a look may have called them absent.
_OPEN = (State.SENDING, State.UNKNOWN)
_OPEN_TO_REJECTION = (*_OPEN, State.PLANNED)

TAKE_UP = (
    sa.update(deliveries)
    .where(deliveries.c.batch_id == sa.bindparam("of_batch"), deliveries.c.state == State.PLANNED)
    .values(
        state=sa.case((deliveries.c.withdrawn, State.CANCELLED), else_=State.SENDING), updated_at=sa.bindparam("now")
    )
    .returning(deliveries.c.id, deliveries.c.payload, deliveries.c.state)
)
_LOCK = (
    sa.select(deliveries.c.id)
    .where(deliveries.c.batch_id.in_(sa.bindparam("batch_ids", expanding=True)))
    .order_by(deliveries.c.id)
    .with_for_update()
)
#: Counted, so that the ids need not travel.
_LOCK_AND_COUNT = sa.select(sa.func.count()).select_from(_LOCK.subquery())


def claim(clock: Clock, gone: sa.ColumnElement[bool]) -> sa.UpdateBase:
    """Return what takes a batch that nobody has, or whose owner is `gone`."""
    b = batches.c
    free = sa.or_(b.state.in_(("open", "again")), sa.and_(b.state == "claimed", gone))
    return (
        sa.update(batches)
        .where(b.batch_id == sa.bindparam("of_batch"), free)
        .values(state="claimed", token=b.token + 1, owner=sa.bindparam("claimant"), lease_until=clock.later)
        .returning(b.token)
    )


def begin(clock: Clock) -> sa.UpdateBase:
    """Return what marks a batch that its owner still holds as on its way, and tells the store's time."""
    values = {"state": "sending", "answered_at": None, "looks": 0, "looked_at": None}
    return (
        sa.update(batches)
        .where(*HELD, batches.c.state == "claimed")
        .values(**values, sent_at=clock.now, lease_until=clock.later)
        .returning(batches.c.sent_at)
    )


@cache
def answer_batch(names: frozenset[str], *, give_back: bool) -> sa.UpdateBase:
    """Return what sets these columns of an answered batch; with `give_back` its state is that of one never sent."""
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
    if give_back:
        values["state"] = unsent()
    return sa.update(batches).where(*HELD, batches.c.state.in_(("sending", "unknown"))).values(**values)


@cache
def answer_rows(kind: OutcomeKind) -> sa.UpdateBase:
    """Return what moves the rows of an answered batch."""
    d = deliveries.c
    concerned = _OPEN_TO_REJECTION if kind is OutcomeKind.REJECTED else _OPEN
    names = ("state", "reason", "crm_task_id", "updated_at")
    return (
        sa.update(deliveries)
        .where(d.batch_id == sa.bindparam("of_batch"), d.state.in_(concerned))
        .values({name: sa.bindparam(f"new_{name}") for name in names})
    )


def unsent() -> sa.ColumnElement[str]:
    """Return the state of a batch that its owner gives back: who sends again must find those that were settled."""
    return sa.case((batches.c.settled_at.is_(None), "open"), else_="again")


def lock_rows(connection: sa.Connection, batch_ids: Sequence[str]) -> None:
    """Lock batches' rows in the order in which plans and verdicts lock theirs, so that none waits in a circle."""
    if connection.dialect.name != "sqlite":  # there the transaction has the whole file to itself
        connection.execute(_LOCK_AND_COUNT, {"batch_ids": batch_ids})
