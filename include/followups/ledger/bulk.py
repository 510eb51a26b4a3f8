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


def insert_deliveries(connection: sa.Connection, rows: Sequence[Values], common: Values) -> None:
    """Insert rows that all have the same columns, and `common`; a delivery that is there already stays as it is."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        _insert_into_sqlite(connection, rows, common)
        return
    # In one order, so that two who insert the same rows do not wait for each other. SQLite lets one writer in anyway.
    rows = sorted(rows, key=itemgetter("delivery_key"))
    try:
        with connection.begin_nested():
            _copy(connection, rows, common)
    except psycopg.errors.UniqueViolation:  # another run was quicker with one of them
        statement = postgresql_insert(deliveries).on_conflict_do_nothing(index_elements=["delivery_key"])
        connection.execute(statement, [{**row, **common} for row in rows])


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


def _insert_into_sqlite(connection: sa.Connection, rows: Sequence[Values], common: Values) -> None:
    names = (*rows[0], *common)
    marks = ", ".join("?" * len(names))
    into = f"INSERT INTO deliveries ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - names of columns
    plain = list(_plain(connection, rows, common))
    connection.exec_driver_sql(f"{into} ON CONFLICT (delivery_key) DO NOTHING", plain)


def _copy(connection: sa.Connection, rows: Sequence[Values], common: Values) -> None:
    driver: Any = connection.connection.driver_connection
    into = f"COPY deliveries ({', '.join((*rows[0], *common))}) FROM STDIN"
    with driver.cursor() as cursor, cursor.copy(into) as copy:
        for values in _plain(connection, rows, common):
            copy.write_row(values)


def _plain(connection: sa.Connection, rows: Sequence[Values], common: Values) -> Iterator[tuple[Any, ...]]:
    """Yield the values of rows, then the common ones, as the driver takes them with the least work."""
    names = tuple(rows[0])
    converted = [(place, convert) for place, name in enumerate(names) if (convert := _converter(connection, name))]
    converters = {name: _converter(connection, name) for name in common}
    tail = tuple(convert(common[name]) if convert else common[name] for name, convert in converters.items())
    pick = itemgetter(*names)
    for row in rows:
        values = list(pick(row))
        for place, convert in converted:
            values[place] = convert(values[place])
        yield (*values, *tail)


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
