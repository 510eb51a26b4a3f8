"""A store that cannot be asked gives an error within ten seconds, and never a slot."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from followups.database import connect
from followups.schema import metadata
from followups.throttle import Throttle, ThrottleUnavailable, engines
from tests.contract.throttle_kit import ACCOUNT, LIMIT


@pytest.fixture
def silent_server() -> Iterator[URL]:
    """A server whose host takes connections, and that never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield URL.create("postgresql+psycopg", username="u", host="127.0.0.1", port=listener.getsockname()[1])


def refused_wait(url: URL) -> tuple[str, float]:
    """Return the error of a wait, and how long it took."""
    started = time.monotonic()
    with Throttle(connect(url), ACCOUNT, LIMIT) as throttle, pytest.raises(ThrottleUnavailable) as error:
        throttle.wait()
    assert ACCOUNT not in f"{error.value} {error.value.__cause__}"
    return str(error.value), time.monotonic() - started


def test_missing_table_says_how_to_get_it(database_url: URL) -> None:
    text, _ = refused_wait(database_url)
    assert "migrate the ledger's schema" in text


def test_no_server_gives_an_error_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    text, seconds = refused_wait(URL.create("postgresql+psycopg", username="u", host="127.0.0.1", port=port))
    assert "nothing is sent" in text
    assert seconds < 5


def test_silent_server_gives_an_error_within_ten_seconds(silent_server: URL) -> None:
    assert refused_wait(silent_server)[1] < 10


def test_folder_that_is_not_there_gives_an_error(tmp_path: Path) -> None:
    refused_wait(URL.create("sqlite", database=str(tmp_path / "gone" / "ledger.db")))


def test_database_in_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="database file"):
        Throttle(connect("sqlite://"), ACCOUNT, LIMIT)


def test_file_locked_by_another_gives_an_error(sqlite_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "SQLITE_BUSY_TIMEOUT", 0.2)
    engine = connect(sqlite_url)
    metadata.create_all(engine)
    engine.dispose()
    assert sqlite_url.database is not None
    locker = sqlite3.connect(sqlite_url.database, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    try:
        text, _ = refused_wait(sqlite_url)
    finally:
        locker.close()
    assert "locked" in text


def test_threads_that_wait_for_a_locked_file_give_up_together(sqlite_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "SQLITE_BUSY_TIMEOUT", 0.5)
    engine = connect(sqlite_url)
    metadata.create_all(engine)
    assert sqlite_url.database is not None
    locker = sqlite3.connect(sqlite_url.database, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with Throttle(engine, ACCOUNT, LIMIT) as throttle, ThreadPoolExecutor(32) as pool:
        errors = [each.exception() for each in [pool.submit(throttle.wait) for _ in range(32)]]
    locker.close()
    engine.dispose()
    assert {type(error) for error in errors} == {ThrottleUnavailable}
    assert all("locked" in str(error) for error in errors)
    assert time.monotonic() - started < 8  # one after the other it would be 16


def test_time_outs_add_up_to_less_than_ten_seconds() -> None:
    assert engines.SQLITE_BUSY_TIMEOUT < 10
    assert engines.IDLE_TIMEOUT < engines.STATEMENT_TIMEOUT < engines.REPLY_TIMEOUT
    assert engines.POOL_TIMEOUT + engines.REPLY_TIMEOUT < 10
    assert 1 + engines.CONNECT_TIMEOUT + engines.REPLY_TIMEOUT < 10


def test_server_that_stops_answering_is_given_up_and_its_connection_closed(
    postgres_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engines.slot_engine(postgres_url)
    with engine.connect() as connection:
        monkeypatch.setattr(engines, "REPLY_TIMEOUT", 0.2)
        with pytest.raises(sa.exc.OperationalError) as error:
            connection.execute(sa.text("SELECT pg_sleep(3)"))
    assert error.value.connection_invalidated
    engine.dispose()


def test_process_that_froze_while_it_held_the_row_does_not_stop_the_others(
    postgres_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "IDLE_TIMEOUT", 0.3)
    engine = connect(postgres_url)
    metadata.create_all(engine)
    frozen = engines.slot_engine(postgres_url)
    with Throttle(engine, ACCOUNT, LIMIT) as throttle:
        throttle.wait()
        with frozen.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql("SELECT * FROM rate_slots FOR UPDATE")
            assert throttle.wait().calls_today == 2
            connection.invalidate()
    frozen.dispose()
    engine.dispose()


def test_connection_that_was_cut_is_replaced(postgres_url: URL) -> None:
    engine = connect(postgres_url)
    metadata.create_all(engine)
    with Throttle(engine, ACCOUNT, LIMIT) as throttle:
        throttle.wait()
        with engine.begin() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            connection.execute(sa.text(f"{others} AND pid <> pg_backend_pid()"))
        throttle.wait()
        assert throttle.status()[0].calls_today == 2
    engine.dispose()


def test_slots_are_not_flushed_but_the_ledger_is(sqlite_url: URL) -> None:
    engine, slots = connect(sqlite_url), engines.slot_engine(sqlite_url)
    with engine.connect() as precious, slots.connect() as fleeting:
        assert precious.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert fleeting.exec_driver_sql("PRAGMA synchronous").scalar() == 1
    engine.dispose()
    slots.dispose()


def test_slots_are_not_flushed_on_postgresql(postgres_url: URL) -> None:
    slots = engines.slot_engine(postgres_url)
    with slots.connect() as connection:
        assert connection.scalar(sa.text("SHOW synchronous_commit")) == "off"
        assert connection.scalar(sa.text("SHOW statement_timeout")) == "4s"
    slots.dispose()
