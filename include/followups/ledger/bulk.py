"""Write deliveries by the thousand: what SQLAlchemy does for each value would cost more than the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from followups.ledger.sets import is_one_of
from followups.schema import UtcDateTime, deliveries

Values = Mapping[str, Any]


def insert_deliveries(connection: sa.Connection, rows: Sequence[Values]) -> None:
    """Insert rows that all have the same columns; a delivery that is there already stays as it is."""
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name == "sqlite":
        _insert_into_sqlite(connection, names, rows)
        return
    try:
        with connection.begin_nested():
            _copy(connection, names, rows)
    except psycopg.errors.UniqueViolation:  # another run was quicker with one of them
        statement = postgresql_insert(deliveries).on_conflict_do_nothing(index_elements=["delivery_key"])
        connection.execute(statement, rows)


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


def _insert_into_sqlite(connection: sa.Connection, names: Sequence[str], rows: Iterable[Values]) -> None:
    marks = ", ".join("?" * len(names))
    into = f"INSERT INTO deliveries ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - names of columns
    plain = [tuple(values) for values in _plain(connection, names, rows)]
    connection.exec_driver_sql(f"{into} ON CONFLICT (delivery_key) DO NOTHING", plain)


def _copy(connection: sa.Connection, names: Sequence[str], rows: Iterable[Values]) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY deliveries ({', '.join(names)}) FROM STDIN") as copy:
        for values in _plain(connection, names, rows):
            copy.write_row(values)


def _plain(connection: sa.Connection, names: Sequence[str], rows: Iterable[Values]) -> Iterator[list[Any]]:
    """Yield the values of rows as the driver takes them with the least work."""
    converted = [(place, convert) for place, name in enumerate(names) if (convert := _converter(connection, name))]
    pick = itemgetter(*names)
    for row in rows:
        values = list(pick(row))
        for place, convert in converted:
            values[place] = convert(values[place])
        yield values


def _converter(connection: sa.Connection, name: str) -> Callable[[Any], Any] | None:
    """Return what makes a column's values plain, None where they are; moments and states come again and again."""
    kind = deliveries.c[name].type
    convert: Callable[[Any], Any] | None
    if name == "state":
        convert = str  # for a word of an enumeration psycopg's way is a long one
    elif isinstance(kind, UtcDateTime) and connection.dialect.name == "postgresql":
        convert = _moment
    else:
        convert = kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return lru_cache(maxsize=10_000)(convert) if convert else None


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
