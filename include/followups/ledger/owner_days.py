"""How many deliveries were planned for each owner and local day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from followups.ledger.sets import is_one_of
from followups.schema import owner_days

OwnerDay = tuple[str, str]


def counts(connection: sa.Connection, feed: str, pairs: Iterable[OwnerDay]) -> dict[OwnerDay, int]:
    """Return how many there are for each owner of `pairs` and each day."""
    owners = sorted({owner for owner, _ in pairs})
    o = owner_days.c
    query = sa.select(o.owner, o.day, o.planned).where(o.feed == feed, is_one_of(connection, o.owner, owners))
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def add(connection: sa.Connection, feed: str, more: Mapping[OwnerDay, int]) -> None:
    """Count deliveries that were planned; in one order, so that two runs do not wait for each other."""
    if not more:
        return
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = insert(owner_days)
    planned = owner_days.c.planned + statement.excluded.planned
    statement = statement.on_conflict_do_update(index_elements=["feed", "owner", "day"], set_={"planned": planned})
    rows = [
        {"feed": feed, "owner": owner, "day": day, "planned": count} for (owner, day), count in sorted(more.items())
    ]
    connection.execute(statement, rows)
