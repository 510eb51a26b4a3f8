"""The table of outcomes in a company's own database: portable SQL over Airflow's DB-API hooks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from airflow.providers.common.sql.hooks.sql import DbApiHook

from followups.crash_points import reach
from leadsquared.warehouse import LOCKED_SECONDS, database_hook, is_locked

TEXT, TIME, NUMBER = "VARCHAR", "TIMESTAMP WITH TIME ZONE", "BIGINT"
COLUMNS: Final = {
    "delivery_key": TEXT, "feed": TEXT, "followup_id": TEXT, "state": TEXT, "reason": TEXT, "crm_task_id": TEXT,
    "due_at": TIME, "changed_at": TIME, "ledger_event": NUMBER,
}  # fmt: skip
#: Words for the types where a database has others.
_TYPES: Final = {
    "sqlite": {TIME: "TEXT"},
    "gcpbigquery": {TEXT: "STRING", TIME: "TIMESTAMP", NUMBER: "INT64"},
    "google_cloud_platform": {TEXT: "STRING", TIME: "TIMESTAMP", NUMBER: "INT64"},
}
_LOCK_WAIT: Final = {"postgres": "SET LOCAL lock_timeout = {}", "sqlite": "PRAGMA busy_timeout = {}"}
#: Rows in one statement; no database's limit on parameters is met.
STATEMENT_ROWS = 500
LOCKED_PAUSE_SECONDS = 0.2


class DeliveriesTable:
    """One table over one connection, opened for each transaction alone: DuckDB keeps everybody else out meanwhile."""

    def __init__(self, conn_id: str, table: str) -> None:
        self._hook = database_hook(conn_id)
        self._conn_id = conn_id
        self._table = table

    def prepare(self) -> bool:
        """Make the table if it is missing; return whether it was."""
        names = ", ".join(COLUMNS)
        look = f"SELECT {names} FROM {self._table} WHERE 1 = 0"  # noqa: S608 - the name is checked by the feed
        try:
            self._transact(lambda cursor: cursor.execute(look))
        except Exception as missing:
            if is_locked(missing):
                raise
            self._transact(lambda cursor: cursor.execute(self._definition()))
            self._transact(lambda cursor: cursor.execute(look))
            return True
        return False

    def replace(self, rows: Sequence[Mapping[str, Any]], event_id: int) -> None:
        """Write rows in one transaction, in place of those of their keys that are no newer than `event_id`."""

        def work(cursor: Any) -> None:
            for start in range(0, len(rows), STATEMENT_ROWS):
                self._replace(cursor, rows[start : start + STATEMENT_ROWS], event_id)
            reach("before warehouse log")

        self._transact(work)
        reach("after warehouse log")

    def _replace(self, cursor: Any, rows: Sequence[Mapping[str, Any]], event_id: int) -> None:
        mark = self._hook.placeholder
        keys = [row["delivery_key"] for row in rows]
        chosen = f"delivery_key IN ({', '.join([mark] * len(keys))})"
        cursor.execute(f"DELETE FROM {self._table} WHERE ledger_event <= {mark} AND {chosen}", [event_id, *keys])  # noqa: S608
        cursor.execute(f"SELECT delivery_key FROM {self._table} WHERE {chosen}", keys)  # noqa: S608
        newer = {found[0] for found in cursor.fetchall()}
        kept = [{**row, "ledger_event": event_id} for row in rows if row["delivery_key"] not in newer]
        if kept:
            one = f"({', '.join([mark] * len(COLUMNS))})"
            values = [self._value(row[name]) for row in kept for name in COLUMNS]
            into = f"INSERT INTO {self._table} ({', '.join(COLUMNS)}) VALUES "  # noqa: S608
            cursor.execute(into + ", ".join([one] * len(kept)), values)

    def _value(self, value: Any) -> Any:
        return value.isoformat(" ") if isinstance(value, datetime) and self._hook.conn_type == "sqlite" else value

    def _definition(self) -> str:
        words = _TYPES.get(self._hook.conn_type, {})
        columns = [f"{name} {words.get(kind, kind)}" for name, kind in COLUMNS.items()]
        key = " NOT NULL" if words.get(TEXT) else " PRIMARY KEY"  # BigQuery keeps no keys
        columns[0] += key
        return f"CREATE TABLE IF NOT EXISTS {self._table} ({', '.join(columns)})"

    def _transact(self, work: Callable[[Any], object]) -> None:
        """Do it in one short transaction; again, for a bounded time, where somebody else has the file."""
        deadline = time.monotonic() + LOCKED_SECONDS
        while True:
            try:
                with _transaction(self._hook) as cursor:
                    work(cursor)
            except Exception as error:
                if not is_locked(error) or time.monotonic() >= deadline:
                    raise
                time.sleep(LOCKED_PAUSE_SECONDS)
            else:
                return


@contextlib.contextmanager
def _transaction(hook: DbApiHook) -> Iterator[Any]:
    with contextlib.closing(hook.get_conn()) as connection:
        if hook.conn_type == "duckdb":  # commits by itself unless told otherwise; a cursor is another connection
            connection.begin()
            yield connection
            connection.commit()
            return
        if hook.supports_autocommit:
            hook.set_autocommit(connection, False)
        with contextlib.closing(connection.cursor()) as cursor:
            # A writer that is frozen in its transaction must not hold up the next one for ever.
            if wait := _LOCK_WAIT.get(hook.conn_type):
                cursor.execute(wait.format(int(LOCKED_SECONDS * 1000)))
            yield cursor
        connection.commit()
