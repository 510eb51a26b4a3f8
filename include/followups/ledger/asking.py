"""Ask for changes to CRM tasks that exist; nothing is called here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from followups.changes import ChangeKind
from followups.ledger import events
from followups.ledger.sets import is_one_of
from followups.model import State
from followups.schema import HELD_CHANGE, changes, deliveries

OVERTAKEN = "overtaken by a later change"
#: How the reason of a change begins that a person said no to, or nothing.
NOT_APPROVED = "not approved"
NOT_BEGUN = (HELD_CHANGE, "planned")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedChange:
    """A change that is wanted of a delivered follow-up's CRM task."""

    delivery_id: int
    kind: ChangeKind
    content_hash: str
    why: str
    row_hash: int | None = None
    payload: str | None = None
    task_type: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastChange:
    """The newest change that was asked for of a delivery."""

    kind: ChangeKind
    content_hash: str
    state: str


def ask(
    connection: sa.Connection,
    asked: Sequence[AskedChange],
    *,
    plan_id: int,
    actor: str,
    now: datetime,
    held: bool = False,
) -> int:
    """Write down what is asked for, in place of what was asked before and not begun; return how many were taken.

    A delivery that is no longer created, or whose change is under way, is passed over.

    :param held: nobody may make the changes before `held_changes.release`.
    """
    if not asked:
        return 0
    c, d = changes.c, deliveries.c
    wanted = {each.delivery_id: each for each in asked}
    not_begun = (is_one_of(connection, c.delivery_id, list(wanted)), c.state.in_(NOT_BEGUN), c.attempts == 0)
    overtaken = {"state": "skipped", "reason": OVERTAKEN, "payload": None, "updated_at": now}
    connection.execute(sa.update(changes).where(*not_begun).values(overtaken))
    query = sa.select(d.id, d.crm_task_id, d.generation).where(
        is_one_of(connection, d.id, list(wanted)), d.state == State.CREATED, d.crm_task_id.is_not(None)
    )
    state = HELD_CHANGE if held else "planned"
    rows = [
        {
            "delivery_id": row.id, "plan_id": plan_id, "kind": wanted[row.id].kind, "state": state,
            "why": wanted[row.id].why, "crm_task_id": row.crm_task_id, "generation": row.generation,
            "content_hash": wanted[row.id].content_hash, "row_hash": wanted[row.id].row_hash,
            "payload": wanted[row.id].payload, "task_type": wanted[row.id].task_type, "due_at": wanted[row.id].due_at,
            "created_at": now, "updated_at": now,
        }
        for row in connection.execute(query)
    ]  # fmt: skip
    if not rows:
        return 0
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    connection.execute(insert(changes).on_conflict_do_nothing(), rows)
    # As a sum, or SQLite would read all changes of the plan.
    mine = (is_one_of(connection, c.delivery_id, list(wanted)), c.plan_id + 0 == plan_id, c.created_at == now)
    taken = connection.execute(sa.select(c.delivery_id, c.kind, c.why).where(*mine, c.state == state)).all()
    once = ", once approved" if held else ""
    events.record(connection, [events.of_created(now, actor, row[0], f"to {row[1]}{once}: {row[2]}") for row in taken])
    return len(taken)


def last_changes(connection: sa.Connection, delivery_ids: Sequence[int]) -> dict[int, LastChange]:
    """Return the newest change of some deliveries, by delivery.

    Those that a person did not approve, or was not asked about, do not count: the next run asks again.
    """
    c = changes.c
    query = sa.select(c.delivery_id, c.kind, c.content_hash, c.state)
    reason = sa.func.coalesce(c.reason, "")
    counts = (c.state != HELD_CHANGE, reason != OVERTAKEN, ~reason.startswith(NOT_APPROVED))
    query = query.where(is_one_of(connection, c.delivery_id, list(delivery_ids)), *counts)
    found = connection.execute(query.order_by(c.id))
    return {row[0]: LastChange(ChangeKind(row[1]), row[2], row[3]) for row in found}
