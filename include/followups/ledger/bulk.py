"""Write deliveries by the thousand: what SQLAlchemy does for each value would cost more than the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

import psycopg
import sqlalchemy as sa
from msgspec.structs import asdict
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from followups.ledger.copying import NULL, copy_lines, field, json_text, moment, text
from followups.ledger.rows import NewRow
from followups.ledger.sets import is_one_of
from followups.schema import deliveries

Values = Mapping[str, Any]
_COLUMNS = tuple(name for name in NewRow.__struct_fields__ if name != "owner_day")


def insert_deliveries(connection: sa.Connection, rows: Sequence[NewRow], common: Values) -> None:
    """Insert rows, each with the columns in `common`; a delivery that is there already stays as it is."""
    if not rows:
        return
    # In the order of the keys' index, whose pages are then met one after the other; and in one order, so that two who
    # insert the same rows do not wait for each other.
    rows = sorted(rows, key=attrgetter("delivery_key"))
    if connection.dialect.name == "sqlite":
        _insert_into_sqlite(connection, rows, common)
        return
    try:
        with connection.begin_nested():
            tail = "\t".join(map(field, common.values()))
            copy_lines(connection, deliveries, (*_COLUMNS, *common), [_line(row, tail) for row in rows])
    except psycopg.errors.UniqueViolation:  # another run was quicker with one of them
        statement = postgresql_insert(deliveries).on_conflict_do_nothing(index_elements=["delivery_key"])
        plain = [{**asdict(row), **common} for row in rows]
        connection.execute(statement, [{name: row[name] for name in (*_COLUMNS, *common)} for row in plain])


def locked(connection: sa.Connection, delivery_ids: Sequence[int]) -> dict[int, tuple[str, str | None]]:
    """Return state and batch by delivery, and keep others from changing them until the transaction ends."""
    d = deliveries.c
    query = sa.select(d.id, d.state, d.batch_id).where(is_one_of(connection, d.id, delivery_ids))
    # In one order, so that two who lock the same rows do not wait for each other. SQLite lets one writer in anyway.
    found = connection.execute(query.order_by(d.id).with_for_update())
    return {row[0]: (row[1], row[2]) for row in found}


def update_deliveries(connection: sa.Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Set columns of many deliveries, each of which has its `id` among its values."""
    alike: dict[tuple[str, ...], list[Values]] = defaultdict(list)
    for row in rows:
        alike[tuple(row)].append(row)
    for names, members in alike.items():
        bound: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names if name != "id"}
        statement = sa.update(deliveries).where(deliveries.c.id == sa.bindparam("new_id")).values(bound)
        connection.execute(statement, [{f"new_{name}": value for name, value in row.items()} for row in members])


def _insert_into_sqlite(connection: sa.Connection, rows: Sequence[NewRow], common: Values) -> None:
    def bound(name: str, value: Any) -> Any:
        convert = deliveries.c[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        return convert(value) if convert else value

    @lru_cache(maxsize=10_000)
    def due(moment: datetime | None) -> Any:
        return bound("due_at", moment)

    names = (*_COLUMNS, *common)
    tail = tuple(bound(name, value) for name, value in common.items())
    plain = [
        (row.delivery_key, row.followup_id, str(row.state), row.reason, row.task_type, due(row.due_at),
         row.content_hash, row.row_hash, row.payload, row.batch_id, *tail)
        for row in rows
    ]  # fmt: skip
    marks = ", ".join("?" * len(names))
    into = f"INSERT INTO deliveries ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - names of columns
    connection.exec_driver_sql(f"{into} ON CONFLICT (delivery_key) DO NOTHING", plain)


def _line(row: NewRow, common: str) -> str:
    """Return `_COLUMNS` and what all rows have in common; keys, hashes, states and batches need no escape."""
    return "\t".join((
        row.delivery_key, text(row.followup_id), row.state, text(row.reason),
        text(row.task_type), moment(row.due_at), row.content_hash, NULL if row.row_hash is None else str(row.row_hash),
        json_text(row.payload), row.batch_id or NULL, common,
    ))  # fmt: skip
