"""What the planning benchmark does to databases: fill a warehouse, copy rows, deliver a plan, weigh a ledger."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL

from followups.feeds import feeds_dir, load_feed, read_query
from followups.sql import bind
from sandbox.warehouse.databases import FOLLOWUPS, open_database
from sandbox.warehouse.seeding import SeedPlan, seed
from tests.benchmarks.planning_run import FEED

CHUNK_ROWS = 2000
#: Parts of the warehouse lie so far from each other that no window covers two.
APART = timedelta(days=100)
DAYS = 14


def window(part: int, last: int | None = None) -> tuple[str, str]:
    """Return the window over parts `part` to `last`."""
    middle = datetime.now(UTC)
    begin, end = middle + APART * part, middle + APART * (part if last is None else last)
    return (begin - timedelta(days=DAYS)).isoformat(), (end + timedelta(days=DAYS)).isoformat()


def fill_duckdb(file: Path, parts: list[int]) -> None:
    """Seed as many rows as all parts have, all of one feed, each part in its own fortnight."""
    seed(f"duckdb:///{file}", SeedPlan(rows=sum(parts), days=DAYS, around=date.today(), seed=7))  # noqa: DTZ011
    ends = [sum(parts[: number + 1]) for number in range(len(parts))]
    part = "CASE " + " ".join(f"WHEN n < {end} THEN {number}" for number, end in enumerate(ends)) + " END"
    later = f"to_days(CAST({APART.days} * {part} AS INTEGER))"
    with duckdb.connect(str(file)) as connection:
        connection.execute("UPDATE followups SET due_at = now() WHERE due_at IS NULL")
        # The rows were made day by day: parts are shuffled over the days.
        connection.execute(
            f"CREATE OR REPLACE TABLE followups AS SELECT * EXCLUDE (n) REPLACE ('{FEED}' AS feed, "
            f"due_at + {later} AS due_at, end_at + {later} AS end_at) FROM "
            "(SELECT *, row_number() OVER (ORDER BY hash(followup_id)) - 1 AS n FROM followups) ORDER BY due_at"
        )


def fill_postgres(url: URL, file: Path) -> None:
    """Copy a DuckDB warehouse into PostgreSQL."""
    with duckdb.connect(str(file), read_only=True) as source, open_database(plain(url)) as target:
        target.create_tables(replace=True)
        cursor = source.execute("SELECT * FROM followups")
        while chunk := cursor.fetchmany(50_000):
            target.append(FOLLOWUPS, chunk)
        target.create_indexes()


def plain(url: URL) -> str:
    """Return a PostgreSQL address without SQLAlchemy's driver."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@contextlib.contextmanager
def rows_to_copy(file: Path, bounds: tuple[str, str]) -> Iterator[tuple[list[str], Iterator[list[tuple[Any, ...]]]]]:
    """Yield the columns and chunks of a window's rows as DuckDB gives them."""
    start, end = (datetime.fromisoformat(each) for each in bounds)
    sql, values = bind(
        read_query(load_feed(feeds_dir() / f"{FEED}.yaml")), {"window_start": start, "window_end": end}, "?"
    )
    with duckdb.connect(str(file), read_only=True) as connection:
        cursor = connection.execute(sql, values)
        yield [column[0] for column in cursor.description], iter(lambda: cursor.fetchmany(CHUNK_ROWS), [])


def copy_to_sqlite(file: Path, target: Path, bounds: tuple[str, str]) -> float:
    """Insert the rows as they are, with executemany; return the seconds."""
    began = time.perf_counter()
    with rows_to_copy(file, bounds) as (names, chunks), contextlib.closing(sqlite3.connect(target)) as sink:
        sink.execute("PRAGMA journal_mode=WAL")
        sink.execute(f"CREATE TABLE copy ({', '.join(names)})")
        marks = ", ".join("?" for _ in names)
        for chunk in chunks:
            texts = [[each.isoformat() if isinstance(each, datetime) else each for each in row] for row in chunk]
            sink.executemany(f"INSERT INTO copy VALUES ({marks})", texts)
            sink.commit()
    return time.perf_counter() - began


def copy_to_postgres(file: Path, url: URL, bounds: tuple[str, str]) -> float:
    """Insert the rows as they are, with one COPY; return the seconds."""
    began = time.perf_counter()
    with rows_to_copy(file, bounds) as (names, chunks), psycopg.connect(plain(url)) as sink:
        sink.execute("DROP TABLE IF EXISTS copied")
        kinds = {"due_at": "timestamptz", "end_at": "timestamptz", "cancelled": "boolean", "notify_owner": "boolean",
                 "duration_minutes": "integer", "reminder_minutes": "integer"}  # fmt: skip
        columns = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in names)
        sink.execute(f"CREATE TABLE copied ({columns})")
        with sink.cursor() as cursor, cursor.copy("COPY copied FROM STDIN") as copy:
            for chunk in chunks:
                for row in chunk:
                    copy.write_row(row)
    return time.perf_counter() - began


def accept(engine: sa.Engine) -> None:
    """Let every batch be accepted by one call."""
    with _slow(engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO attempts (batch_id, token, owner, rows, delivery_ids, started_at, outcome) "
            "SELECT batch_id, 1, 'bench', rows, '[]', CURRENT_TIMESTAMP, 'accepted' FROM batches WHERE state = 'open'"
        )
        connection.exec_driver_sql(
            "UPDATE batches SET state = 'accepted', sent_at = CURRENT_TIMESTAMP WHERE state = 'open'"
        )


def deliver(engine: sa.Engine) -> None:
    """Let everything that was planned be created."""
    with _slow(engine) as connection:
        connection.exec_driver_sql(
            "UPDATE deliveries SET state = 'created', crm_task_id = '00000000-0000-4000-8000-' || "
            "substr(delivery_key, 1, 12) WHERE state = 'planned'"
        )
        connection.exec_driver_sql("UPDATE batches SET state = 'settled', settled_at = CURRENT_TIMESTAMP")
    if engine.dialect.name == "postgresql":
        with _slow(engine) as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
            # What was written so far is not to reach the disk while the next run is timed.
            connection.exec_driver_sql("CHECKPOINT")


@contextlib.contextmanager
def _slow(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection on which a statement may take as long as it does."""
    patient = sa.create_engine(engine.url, isolation_level="AUTOCOMMIT")
    with patient.connect() as connection:
        yield connection
    patient.dispose()


def weigh(engine: sa.Engine) -> dict[str, int]:
    """Return bytes by table and index."""
    query = (
        "SELECT relname, pg_relation_size(oid) FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"
        if engine.dialect.name == "postgresql"
        else "SELECT name, sum(pgsize) FROM dbstat GROUP BY name"
    )
    with engine.connect() as connection:
        return {row[0]: int(row[1]) for row in connection.exec_driver_sql(query)}
