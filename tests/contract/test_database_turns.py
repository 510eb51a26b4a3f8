"""Many threads on one SQLite ledger: each gets its turn, and only what may be forgotten is not flushed."""

from __future__ import annotations

import sqlite3
import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL
from tenacity import stop_after_delay

from followups import database


def test_threads_take_turns_and_none_meets_a_locked_file(sqlite_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = database.connect(sqlite_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE counter (n INTEGER)")
        connection.exec_driver_sql("INSERT INTO counter VALUES (0)")
    errors: list[Exception] = []

    def count() -> None:
        try:
            for _ in range(5):
                with engine.begin() as connection:
                    connection.exec_driver_sql("UPDATE counter SET n = n + 1")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=count) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert (connection.exec_driver_sql("SELECT n FROM counter").scalar(), errors) == (120, [])
    engine.dispose()


def test_file_that_another_process_is_about_to_fill_is_waited_for(sqlite_url: URL) -> None:
    other = sqlite3.connect(sqlite_url.database or "", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    end = threading.Timer(0.2, other.execute, ["COMMIT"])
    end.start()
    engine = database.connect(sqlite_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    end.join()
    other.close()
    engine.dispose()


def test_file_that_another_process_keeps_is_given_up(sqlite_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database._begin_log.retry, "stop", stop_after_delay(0.1))
    other = sqlite3.connect(sqlite_url.database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    engine = database.connect(sqlite_url)
    with pytest.raises(sa.exc.OperationalError, match="database is locked"):
        engine.connect()
    other.close()
    engine.dispose()


def test_turn_ends_with_an_error_and_with_a_lost_connection(sqlite_url: URL) -> None:
    engine = database.connect(sqlite_url)
    with pytest.raises(sa.exc.OperationalError), engine.begin() as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere")
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        connection.invalidate()

    def ask() -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")

    done = threading.Thread(target=ask)
    done.start()
    done.join(5)
    assert not done.is_alive()
    engine.dispose()


def test_one_connection_may_begin_again_and_again(sqlite_url: URL) -> None:
    engine = database.connect(sqlite_url)
    with engine.connect() as connection:
        for _ in range(3):
            connection.exec_driver_sql("SELECT 1")
            connection.commit()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()


def test_only_what_may_be_forgotten_is_not_flushed(sqlite_url: URL) -> None:
    engine = database.connect(sqlite_url)
    for durable, mode in ((True, 2), (False, 1), (True, 2)):
        with engine.execution_options(durable=durable).begin() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == mode
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()


def test_who_writes_by_the_thousand_lets_the_log_grow_and_nobody_after_it_does(sqlite_url: URL) -> None:
    engine = database.connect(sqlite_url)

    def pages(**options: bool) -> int:
        with engine.execution_options(**options).begin() as connection:
            return int(connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one())

    assert [pages(), pages(bulk=True), pages(bulk=True), pages()] == [
        database.WAL_PAGES, database.BULK_WAL_PAGES, database.BULK_WAL_PAGES, database.WAL_PAGES,
    ]  # fmt: skip
