"""Stream a feed's rows out of the warehouse, whichever it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk import BaseHook

from followups.sql import bind
from leadsquared.errors import ConfigurationError

CHUNK_ROWS = 2000


@contextlib.contextmanager
def open_query(
    conn_id: str, query: str, parameters: Mapping[str, Any]
) -> Iterator[tuple[list[str], Iterator[list[tuple[Any, ...]]]]]:
    """Run the query and yield its columns and its rows in chunks; nothing is buffered beyond a chunk.

    DuckDB is opened read-only, as one writer would keep everybody else out; PostgreSQL streams through a named
    cursor, as its ordinary one fetches everything at once.
    """
    hook = _hook(conn_id)
    sql, values = bind(query, parameters, hook.placeholder)
    with contextlib.closing(hook.get_conn()) as connection:
        named = {"name": "due_follow_ups"} if hook.conn_type == "postgres" else {}
        with contextlib.closing(connection.cursor(**named)) as cursor:
            cursor.execute(sql, values)
            first = cursor.fetchmany(CHUNK_ROWS)
            columns = [column[0].lower() for column in cursor.description]
            yield columns, _chunks(cursor, first)


def _chunks(cursor: Any, first: list[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    chunk = first
    while chunk:
        yield chunk
        chunk = cursor.fetchmany(CHUNK_ROWS)


def _hook(conn_id: str) -> DbApiHook:
    connection = BaseHook.get_connection(conn_id)
    is_file = connection.conn_type == "duckdb"
    hook = connection.get_hook(hook_params={"read_only": True} if is_file else {})
    if not isinstance(hook, DbApiHook):
        raise ConfigurationError(
            f"connection {conn_id}: type {connection.conn_type!r} is no database that Airflow can query: "
            "use duckdb, postgres, snowflake, bigquery or another with a DB-API hook"
        )
    return hook
