"""PostgreSQL's COPY, in its text format: lines of values between tabs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import sqlalchemy as sa

NULL = r"\N"
#: From so many rows on COPY is quicker than statements, which the driver sends one by one.
_MANY = 20


def insert_many(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns."""
    if not rows:
        return
    if connection.dialect.name == "sqlite" or len(rows) < _MANY:
        connection.execute(_insert_into(table), rows if len(rows) > 1 else rows[0])
    else:
        copy_lines(connection, table, tuple(rows[0]), ["\t".join(map(field, row.values())) for row in rows])


@cache
def _insert_into(table: sa.Table) -> sa.Insert:
    """Return what asks for nothing back, built once: senders log each call by it."""
    return sa.insert(table).inline()


def copy_lines(connection: sa.Connection, table: sa.Table, columns: Sequence[str], lines: Sequence[str]) -> None:
    """Send lines as one text: row by row the driver takes as long as the database."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
        copy.write("\n".join(lines))


def field(value: Any) -> str:
    """Return any value of a column."""
    return moment(value) if isinstance(value, datetime) else text(None if value is None else str(value))


def text(value: str | None) -> str:
    """Return a text with what COPY would take for its own escaped."""
    if value is None:
        return NULL
    escaped = value.replace("\\", "\\\\")
    if escaped.isprintable():
        return escaped
    return escaped.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def json_text(value: str | None) -> str:
    """Return JSON as it is written without spaces: it holds no tab and no end of line."""
    return NULL if value is None else value.replace("\\", "\\\\")


@lru_cache(maxsize=10_000)
def moment(value: datetime | None) -> str:
    """Return a date-time with its zone."""
    return NULL if value is None else value.isoformat()
