"""Changes that wait for a person: asked for, and made by nobody before a yes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from followups.ledger import events
from followups.ledger.clock import store_now
from followups.schema import HELD_CHANGE, changes


def waiting(engine: sa.Engine, plan_ids: Sequence[int]) -> Counter[str]:
    """Return how many changes of some plans wait, by kind."""
    c = changes.c
    query = sa.select(c.kind, sa.func.count()).where(*_held(plan_ids)).group_by(c.kind)
    with engine.connect() as connection:
        return Counter({row[0]: row[1] for row in connection.execute(query)})


def release(engine: sa.Engine, plan_ids: Sequence[int]) -> None:
    """Let the changes of some plans be made."""
    with engine.begin() as connection:
        values = {"state": "planned", "updated_at": store_now(connection)}
        connection.execute(sa.update(changes).where(*_held(plan_ids)).values(values))


def drop(engine: sa.Engine, plan_ids: Sequence[int], reason: str, *, actor: str) -> int:
    """Let the changes of some plans go unmade; return how many. The next run asks for what is still wanted."""
    with engine.begin() as connection:
        now = store_now(connection)
        values = {"state": "skipped", "reason": reason, "payload": None, "updated_at": now}
        gone = sa.update(changes).where(*_held(plan_ids)).values(values)
        rows = connection.execute(gone.returning(changes.c.delivery_id, changes.c.kind)).all()
        events.record(connection, [events.of_created(now, actor, row[0], f"no {row[1]}: {reason}") for row in rows])
    return len(rows)


def _held(plan_ids: Sequence[int]) -> tuple[sa.ColumnElement[bool], ...]:
    return changes.c.plan_id.in_(plan_ids), changes.c.state == HELD_CHANGE
