"""Open the ledger's database: SQLite for one host, PostgreSQL for any number of them."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

BUSY_TIMEOUT_SECONDS = 10
STATEMENT_TIMEOUT_MS = 60_000
CONNECT_TIMEOUT_SECONDS = 10
_IN_TURN = "in turn"
_BULK = "bulk"
#: What a SQLite connection may keep in memory: the index of a million keys takes 40 MB.
CACHE_KB = 16_384
#: After so many pages SQLite copies its log into the file. Copying seldom spares work, and copying little spares waits.
WAL_PAGES, BULK_WAL_PAGES = 1000, 10_000
#: A connection that was given back so lately is taken for alive: asking it costs as much as a statement.
TRUSTED_SECONDS = 0.05
_GIVEN_BACK = "given back at"
_BEGIN_FORGETFUL = "BEGIN; SET LOCAL synchronous_commit = off"


def connect(url: str | URL) -> sa.Engine:
    """Return an engine on `url`. Call it after a fork: connections must not be shared by processes.

    On SQLite every transaction begins with BEGIN IMMEDIATE, so that a reader that goes on to write can never
    meet a lock upgrade that fails; readers elsewhere go on under WAL. Threads take turns, since SQLite lets whoever
    asks at the right moment in, and many threads starve some. The execution option `durable=False` is for what may be
    forgotten if the host loses power, and for nothing else: it spares the wait for the disk.
    With `reading=True` nothing may be written: on SQLite a transaction takes no lock and no turn, on PostgreSQL there
    is none, and each statement stands alone.
    """
    target = make_url(url)
    if target.get_backend_name() == "sqlite":
        return _sqlite(target)
    if target.get_backend_name() == "postgresql":
        return _postgresql(target)
    raise ValueError(
        f"The ledger's database must be SQLite or PostgreSQL, not {target.get_backend_name()!r}: "
        "change the connection followups_ledger."
    )


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


# SQLite waits for whoever writes, but not where the first of all transactions is under way while its log is begun.
@retry(
    retry=retry_if_exception(_is_busy),
    stop=stop_after_delay(BUSY_TIMEOUT_SECONDS),
    wait=wait_random(0.005, 0.05),
    reraise=True,
)
def _begin_log(cursor: sqlite3.Cursor) -> None:
    cursor.execute("PRAGMA journal_mode=WAL")


def _sqlite(url: URL) -> sa.Engine:
    engine = sa.create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        _begin_log(cursor)
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA cache_size=-{CACHE_KB}")
        cursor.close()

    turn = threading.Lock()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        if options.get("reading"):
            connection.exec_driver_sql("BEGIN")
            return
        durable = options.get("durable", True)
        if not connection.info.get(_IN_TURN):
            connection.info[_IN_TURN] = turn.acquire(timeout=BUSY_TIMEOUT_SECONDS)
        bulk = options.get("bulk", False)
        if connection.info.get(_BULK, False) is not bulk:
            connection.info[_BULK] = bulk
            connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint={BULK_WAL_PAGES if bulk else WAL_PAGES}")
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine, "checkin")
    @event.listens_for(engine, "invalidate")
    def _end_turn(_connection: Any, record: Any, *_: Any) -> None:
        if record.info.pop(_IN_TURN, False):
            turn.release()

    return engine


def _postgresql(url: URL) -> sa.Engine:
    settings = {
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        # Locks of a process that is frozen within a transaction would keep everybody else waiting.
        "idle_in_transaction_session_timeout": STATEMENT_TIMEOUT_MS,
        "timezone": "UTC",
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    # A host that is gone answers nothing: within a minute the connection to it counts as lost.
    alive = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        # In autocommit psycopg leaves BEGIN to us, which says at once what the transaction needs.
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS, "options": options, "autocommit": True, **alive},
        pool_size=20,
        max_overflow=20,
        # The connection that was used last has the statements prepared.
        pool_use_lifo=True,
        # Parameters hold payloads, and errors reach logs.
        hide_parameters=True,
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        if options.get("reading"):
            return  # a statement alone sees as much, and costs one round trip instead of three
        durable = options.get("durable", True)
        driver: Any = connection.connection.driver_connection
        try:
            driver.execute("BEGIN" if durable else _BEGIN_FORGETFUL, prepare=False)
        except psycopg.Error:
            connection.exec_driver_sql("BEGIN")  # fails again, but in SQLAlchemy's words

    _replace_lost(engine)
    return engine


def _replace_lost(engine: sa.Engine) -> None:
    """Ask connections that were idle whether they live; one that does not makes the pool open new ones."""

    @event.listens_for(engine, "checkin")
    def _note(_connection: Any, record: Any) -> None:
        record.info[_GIVEN_BACK] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ask(connection: Any, record: Any, _proxy: Any) -> None:
        given_back = record.info.get(_GIVEN_BACK)
        if given_back is None or time.monotonic() - given_back < TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.OperationalError as lost:
            raise sa.exc.InvalidatePoolError from lost
