"""How fast a plan is, and how much memory it takes: rows from a DuckDB file into a SQLite ledger, in one process.

Beside it, in the same run, the same rows merely copied from DuckDB into SQLite with plain inserts.
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import tempfile
import time
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


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Path(folder) / "warehouse.duckdb"
        today = datetime.now(UTC).date()
        seed(f"duckdb:///{warehouse}", SeedPlan(rows=arguments.rows, days=14, around=today, seed=7))
        copied = copy(warehouse, Path(folder) / "copy.db")
        before = peak_megabytes()
        rows, planned = plan(warehouse, Path(folder) / "ledger.db")
        again_rows, again = plan(warehouse, Path(folder) / "ledger.db")
        size = (Path(folder) / "ledger.db").stat().st_size
        print(f"rows                     {rows:>12,}")
        print(f"copied, rows a second    {rows / copied:>12,.0f}")
        print(f"planned, rows a second   {rows / planned:>12,.0f}   {copied / planned:.2f} of a copy's speed")
        print(f"planned again            {again_rows / again:>12,.0f}   {again / planned:.2f} of the first plan's time")
        print(f"peak memory, MB          {peak_megabytes():>12,.0f}   {before:,.0f} before")
        print(f"ledger, bytes a row      {size / rows:>12,.0f}")


if __name__ == "__main__":
    main()
