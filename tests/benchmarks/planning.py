"""How fast a plan is, and how much memory it takes: rows from a DuckDB file into a SQLite ledger, in one process.

Beside it, in the same run, the same rows merely copied from DuckDB into SQLite with plain inserts.
"""

from __future__ import annotations

import resource
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from followups.database import connect
from followups.directory import Directory, TaskType, User
from followups.feeds import feeds_dir, load_feed, read_query
from followups.ledger.migrate import upgrade
from followups.ledger.planning import PlanLedger
from followups.planning.planner import CHUNK_ROWS, Planner
from followups.rows import RowReader
from followups.sql import bind
from followups.window import Window
from leadsquared.payloads import payload_builder
from sandbox.directory import load_directory
from sandbox.warehouse.seeding import SeedPlan, seed
from tests.benchmarks import figures
from tests.benchmarks.figures import Figure

FEED = "appointments"


def peak_megabytes() -> float:
    """Return the process's peak memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def window() -> Window:
    """Cover everything that was seeded."""
    now = datetime.now(UTC)
    return Window(start=now - timedelta(days=30), end=now + timedelta(days=30), source="params")


def sandbox_directory() -> Directory:
    """Return the sandbox's users and task types."""
    known = load_directory()
    return Directory.of(
        [User(id=user.id, email=user.email, active=user.active) for user in known.users],
        [TaskType(name=each.name, category=each.category) for each in known.task_types],
    )


def plan(warehouse: Path, ledger_file: Path) -> tuple[int, float]:
    """Plan everything; return rows and seconds."""
    feed = load_feed(feeds_dir() / f"{FEED}.yaml")
    engine = connect(f"sqlite:///{ledger_file}")
    upgrade(engine)
    ledger = PlanLedger(engine, feed=feed.name, run_key="bench", actor="bench")
    ledger.open(kind="manual", mode="send", window=window())
    reader = RowReader(feed, datetime.now(UTC), sandbox_directory())
    planner = Planner(feed, ledger, reader, payload_builder(feed.marker))
    bounds = {"window_start": window().start, "window_end": window().end}
    sql, values = bind(read_query(feed), bounds, "?")
    began = time.perf_counter()
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        cursor = connection.execute(sql, values)
        columns = [column[0] for column in cursor.description]
        while chunk := cursor.fetchmany(CHUNK_ROWS):
            planner.add(dict(zip(columns, row, strict=True)) for row in chunk)
    counts = planner.finish()
    return counts.due, time.perf_counter() - began


def copy(warehouse: Path, target: Path) -> float:
    """Copy the same rows as they are; return the seconds."""
    feed = load_feed(feeds_dir() / f"{FEED}.yaml")
    bounds = {"window_start": window().start, "window_end": window().end}
    sql, values = bind(read_query(feed), bounds, "?")
    began = time.perf_counter()
    with duckdb.connect(str(warehouse), read_only=True) as source, sqlite3.connect(target) as sink:
        cursor = source.execute(sql, values)
        names = [column[0] for column in cursor.description]
        sink.execute("PRAGMA journal_mode=WAL")
        sink.execute(f"CREATE TABLE copy ({', '.join(names)})")
        marks = ", ".join("?" for _ in names)
        while chunk := cursor.fetchmany(CHUNK_ROWS):
            plain = [[value.isoformat() if isinstance(value, datetime) else value for value in row] for row in chunk]
            sink.executemany(f"INSERT INTO copy VALUES ({marks})", plain)
            sink.commit()
    return time.perf_counter() - began


def measure(quick: bool) -> Iterator[Figure]:
    """Copy, plan, plan again."""
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Path(folder) / "warehouse.duckdb"
        today = datetime.now(UTC).date()
        wanted = 20_000 if quick else 1_000_000
        seed(f"duckdb:///{warehouse}", SeedPlan(rows=wanted, days=14, around=today, seed=7))
        copied = copy(warehouse, Path(folder) / "copy.db")
        before = peak_megabytes()
        rows, planned = plan(warehouse, Path(folder) / "ledger.db")
        subject = f"{rows:,} rows, SQLite"
        yield Figure(subject=subject, measure="copied", value=rows / copied, unit="rows/s")
        yield Figure(subject=subject, measure="planned", value=rows / planned, unit="rows/s")
        yield Figure(subject=subject, measure="of a copy's speed", value=copied / planned, at_least=0.25)
        _, again = plan(warehouse, Path(folder) / "ledger.db")
        yield Figure(subject=subject, measure="planned again, of the first time", value=again / planned, at_most=0.2)
        more = peak_megabytes() - before
        yield Figure(subject=subject, measure="memory above a copy's", value=more, unit="MB", at_most=300)
        size = (Path(folder) / "ledger.db").stat().st_size
        yield Figure(subject=subject, measure="ledger, a row", value=size / rows, unit="bytes")


if __name__ == "__main__":
    figures.main(measure, __doc__)
