"""Stream a feed's rows out of the warehouse, whichever it is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk import BaseHook

from followups.planning.chunks import CHUNK_ROWS
from followups.sql import bind
from followups.table import Columns
from leadsquared.errors import ConfigurationError
from leadsquared.warehouse_errors import asking, opening

#: How long to wait for a database file that another process has open for writing.
LOCKED_SECONDS = 60.0
LOCKED_PAUSE_SECONDS = 0.2


@contextlib.contextmanager
def open_query(
    conn_id: str, query: str, parameters: Mapping[str, Any], *, source: str = "query"
) -> Iterator[tuple[Columns, Iterator[list[tuple[Any, ...]]]]]:
    """Run the query and yield its columns and its rows in chunks; nothing is buffered beyond a chunk.

    DuckDB is opened read-only, as one writer would keep everybody else out; PostgreSQL streams through a named
    cursor, as its ordinary one fetches everything at once.

    :param source: what errors call the query.
    """
    with opening(source, conn_id):
        hook = database_hook(conn_id, read_only=True)
    sql, values = bind(query, parameters, hook.placeholder)
    with opening(source, conn_id):
        connection = _open(hook)
    with _closing(connection):
        with asking(source, conn_id):
            named = {"name": "due_follow_ups"} if hook.conn_type == "postgres" else {}
            cursor = connection.cursor(**named)
        with _closing(cursor):
            with asking(source, conn_id):
                zoned = _zoned_columns(cursor, sql, values) if hook.conn_type == "duckdb" else []
                cursor.execute(_in_utc(sql, zoned), values)
                first = cursor.fetchmany(CHUNK_ROWS)
            names = [column[0] for column in cursor.description]
            in_utc = frozenset(name.lower() for name in zoned)
            yield Columns(tuple(name.lower() for name in names), in_utc), _chunks(cursor, first, source, conn_id)


def _chunks(cursor: Any, first: list[tuple[Any, ...]], source: str, conn_id: str) -> Iterator[list[tuple[Any, ...]]]:
    chunk = first
    while chunk:
        yield chunk
        with asking(source, conn_id):
            chunk = cursor.fetchmany(CHUNK_ROWS)


@contextlib.contextmanager
def _closing(opened: Any) -> Iterator[None]:
    """Close at the end; a connection that broke cannot be closed, and why it broke is what counts."""
    try:
        yield
    finally:
        with contextlib.suppress(Exception):
            opened.close()


def _zoned_columns(cursor: Any, sql: str, values: Any) -> list[str]:
    """Return the query's columns of aware date-times; none where DuckDB cannot tell, or two share a name."""
    import duckdb  # noqa: PLC0415 - only where the warehouse is one

    try:
        described = cursor.execute(f"DESCRIBE {sql}", values).fetchall()
        zoned = [row[0] for row in described if row[1] == "TIMESTAMP WITH TIME ZONE"]
        cursor.execute(f"DESCRIBE {_in_utc(sql, zoned)}", values).fetchall()
    except duckdb.Error:
        return []  # the query itself will say what is wrong with it
    return zoned


def _in_utc(sql: str, zoned: Sequence[str]) -> str:
    """Let DuckDB give these columns in UTC without a zone: making each value's zone costs it more than all else."""
    if not zoned:
        return sql
    quoted = ['"{}"'.format(name.replace('"', '""')) for name in zoned]
    replaced = ", ".join(f"{name} AT TIME ZONE 'UTC' AS {name}" for name in quoted)
    return f"SELECT * REPLACE ({replaced}) FROM (\n{sql.rstrip().rstrip(';')}\n)"  # noqa: S608 - the feed's own query


def database_hook(conn_id: str, *, read_only: bool = False) -> DbApiHook:
    """Return the hook of a connection to a database; `read_only` is for database files."""
    connection = BaseHook.get_connection(conn_id)
    is_file = connection.conn_type == "duckdb"
    hook = connection.get_hook(hook_params={"read_only": True} if is_file and read_only else {})
    if not isinstance(hook, DbApiHook):
        raise ConfigurationError(
            f"connection {conn_id}: type {connection.conn_type!r} is no database that Airflow can query: "
            "use duckdb, postgres, snowflake, bigquery or another with a DB-API hook"
        )
    return hook


def is_locked(error: BaseException) -> bool:
    """Tell whether a database file was not to be had because another process has it: DuckDB's words, and SQLite's."""
    text = str(error)
    return "Could not set lock on file" in text or "database is locked" in text


def _open(hook: DbApiHook) -> Any:
    deadline = time.monotonic() + LOCKED_SECONDS
    while True:
        try:
            return hook.get_conn()
        except Exception as error:
            if not is_locked(error) or time.monotonic() >= deadline:
                raise
            time.sleep(LOCKED_PAUSE_SECONDS)
