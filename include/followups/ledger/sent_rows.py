"""Rows that were sent, as whoever settles them reads them from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from followups.ledger.sets import is_one_of
from followups.model import State
from followups.schema import UtcDateTime, deliveries

#: Rows given ready-made may have no due date in the ledger; they come first.
_NO_DATE = sa.literal(datetime(1970, 1, 1, tzinfo=UTC), UtcDateTime)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRow:
    """A delivery that was sent and is not settled."""

    id: int
    key: str
    generation: int
    state: State
    task_type: str | None
    payload: str | None
    crm_task_id: str | None = None


def select_rows(connection: sa.Connection, batch_ids: Sequence[str], states: Sequence[State]) -> sa.Select[Any]:
    """Return the query for the rows of some batches; `row_of` reads what it gives."""
    d = deliveries.c
    query = sa.select(
        d.batch_id,
        d.id,
        d.delivery_key,
        d.generation,
        d.state,
        d.task_type,
        d.payload,
        d.crm_task_id,
    )
    return query.where(is_one_of(connection, d.batch_id, batch_ids), d.state.in_(states))


def next_by_due(query: sa.Select[Any], after: int | None, limit: int) -> sa.Select[Any]:
    """Return the query for the next rows by due date, after the row that was read last; None begins."""
    d = deliveries.c
    if after is not None:
        last = deliveries.alias("last")
        its_due = sa.select(_due(last)).where(last.c.id == after).scalar_subquery()
        query = query.where(sa.tuple_(_due(deliveries), d.id) > sa.tuple_(its_due, after))
    return query.order_by(_due(deliveries), d.id).limit(limit)


def _due(table: sa.FromClause) -> sa.ColumnElement[datetime]:
    return sa.func.coalesce(table.c.due_at, _NO_DATE, type_=UtcDateTime)


def row_of(found: Any) -> OpenRow:
    """Return what `select_rows` found."""
    return OpenRow(
        id=found[1],
        key=found[2],
        generation=found[3],
        state=State(found[4]),
        task_type=found[5],
        payload=found[6],
        crm_task_id=found[7],
    )
