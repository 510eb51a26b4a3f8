"""Connections of the throttle's own to the ledger's database.

Slots need other manners than deliveries. They are not precious: PostgreSQL need not flush their commits
(`synchronous_commit=off`), and SQLite under WAL leaves that to the next checkpoint (`synchronous=NORMAL`, a setting
of the connection, which cannot harm the ledger's own commits). And they are urgent: a store that is down must show
within ten seconds, also when its host is frozen and only a clock on this side can tell.
"""

from __future__ import annotations

from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from sqlalchemy import event
from sqlalchemy.engine import URL

CONNECT_TIMEOUT = 3
STATEMENT_TIMEOUT = 4.0
#: How long a reply may take on this side: the server's own time-out comes first, if the server lives.
REPLY_TIMEOUT = 5.0
#: How long a process may hold a row's lock without a word; a frozen one must not stop all others.
IDLE_TIMEOUT = 2.0
SQLITE_BUSY_TIMEOUT = 8.0
POOL_TIMEOUT = 4.0


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that gives up on a server that does not answer, and is closed by it."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Run one exchange with the server, for at most REPLY_TIMEOUT."""
        try:
            return super().wait(gen, interval, REPLY_TIMEOUT if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


def slot_engine(url: URL) -> sa.Engine:
    """Return an engine in autocommit for the slots in the database at `url`, to be used by this process alone.

    Raise ValueError for a SQLite database in memory.
    """
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def _sqlite(url: URL) -> sa.Engine:
    if url.database in (None, "", ":memory:"):
        raise ValueError("rate slots need a database file: one in memory cannot be shared by processes")
    arguments = {"timeout": SQLITE_BUSY_TIMEOUT, "check_same_thread": False}
    engine = sa.create_engine(url, connect_args=arguments, pool_timeout=POOL_TIMEOUT, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


def _postgresql(url: URL) -> sa.Engine:
    limits = {"statement_timeout": STATEMENT_TIMEOUT, "idle_in_transaction_session_timeout": IDLE_TIMEOUT}
    options = " ".join(f"-c {name}={int(seconds * 1000)}" for name, seconds in limits.items())
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT,
            "options": f"{options} -c synchronous_commit=off -c timezone=UTC",
            "cursor_factory": psycopg.RawCursor,
        },
        isolation_level="AUTOCOMMIT",
        # The server's own place-holders: psycopg would search the long statement for its own at each call.
        paramstyle="numeric_dollar",
        hide_parameters=True,
        pool_size=2,
        max_overflow=6,
        # The last one used has the statements prepared.
        pool_use_lifo=True,
        pool_timeout=POOL_TIMEOUT,
    )

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> BoundedConnection:
        return BoundedConnection.connect(*arguments, **options)

    return engine
