"""The world of a case: a sandbox, a ledger, a warehouse, a feed. A lane keeps one, and sets it back for each case."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL

from followups.database import connect
from followups.ledger.migrate import upgrade
from followups.schema import metadata
from sandbox.testing import RunningSandbox, running
from tests.chaos.orders import FEED, SETTLE_SECONDS, TIMEOUT_SECONDS
from tests.support import postgres

SWITCHES: Final = {"rate.normal": "5000/1", "bulk_delay_ms": 20}
OWNERS: Final = tuple(
    f"{name}@example.com" for name in ("aarav.sharma", "aditi.rao", "ananya.iyer")
)  # fmt: skip
FEED_FILE: Final = """
timezone: Asia/Kolkata
start_date: 2026-01-01
sql: chaos.sql
batches_per_slice: 2
duplicates: {duplicates}
write_back: {{table: followup_outcomes, conn_id: outcomes}}
"""
QUERY: Final = """
SELECT followup_id, task_type, subject, owner_email, due_at, cancelled FROM followups
WHERE due_at >= :window_start AND due_at < :window_end ORDER BY followup_id
"""


@dataclass(frozen=True)
class Rows:
    """Ids of the warehouse's rows by what is right for them."""

    valid: frozenset[str]
    invalid: frozenset[str]
    cancelled: frozenset[str]


def expected(count: int) -> Rows:
    """Return what is right for the rows of a warehouse of `count`; every 40th is invalid, one is cancelled."""
    ids = {f"f-{number:05d}": number for number in range(1, count + 1)}
    invalid = frozenset(key for key, number in ids.items() if number % 40 == 0)
    cancelled = frozenset({"f-00011"})
    return Rows(frozenset(ids) - invalid - cancelled, invalid, cancelled)


def make_warehouse(folder: Path, count: int) -> Path:
    """Write a warehouse of `count` rows, due in the last days."""
    path = folder / f"warehouse-{count}.db"
    if path.exists():
        return path
    right = expected(count)
    now = datetime.now(UTC)
    rows = [
        (
            f"f-{number:05d}",
            "Meeting" if number % 2 else "Follow Up",
            None if f"f-{number:05d}" in right.invalid else f"Row {number} of the list",
            OWNERS[number % len(OWNERS)],
            str(now - timedelta(hours=2 + number % 70)),
            f"f-{number:05d}" in right.cancelled,
        )
        for number in range(1, count + 1)
    ]
    columns = "followup_id TEXT, task_type TEXT, subject TEXT, owner_email TEXT, due_at TEXT, cancelled BOOLEAN"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE followups ({columns})")
        connection.executemany("INSERT INTO followups VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
    return path


class World:
    """What the actors of a case share."""

    def __init__(self, folder: Path, sandbox: RunningSandbox, urls: dict[str, URL], *, warehouses: Path) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self._urls = urls
        self._warehouses = warehouses
        self.url = urls["sqlite"]

    def reset(self, store: str, *, rows: int, heal: bool) -> None:
        """Forget everything of the case before."""
        self.sandbox.reset(switches=True)
        self.url = self._urls[store]
        if store == "sqlite":
            _empty_sqlite(Path(self.url.database or ""), self.folder / "template.db")
        else:
            _empty_postgresql(self.url)
        self._forget_outcomes()
        self.warehouse = make_warehouse(self._warehouses, rows)
        duplicates = "delete_younger" if heal else "report"
        (self.folder / f"{FEED}.yaml").write_text(FEED_FILE.format(duplicates=duplicates))
        (self.folder / f"{FEED}.sql").write_text(QUERY)

    @property
    def outcomes_url(self) -> URL:
        """Where outcomes are written back to: a file, or the ledger's server."""
        if self.url.get_backend_name() == "sqlite":
            return URL.create("sqlite", database=str(self.folder / "outcomes.db"))
        return self.url

    def _forget_outcomes(self) -> None:
        engine = sa.create_engine(self.outcomes_url)
        with engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE IF EXISTS followup_outcomes"))
        engine.dispose()

    def outcomes(self) -> list[dict[str, Any]]:
        """Return what was written back."""
        engine = sa.create_engine(self.outcomes_url)
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("followup_outcomes"):
                return []
            found = connection.execute(sa.text("SELECT * FROM followup_outcomes")).mappings().all()
        engine.dispose()
        return [dict(row) for row in found]

    def environment(self, webhook_url: str | None = None) -> dict[str, str]:
        """Return the connections that the actors use."""
        extra: dict[str, Any] = {
            "calls": 1000, "period_seconds": 1,
            "settle_seconds": SETTLE_SECONDS, "timeout_seconds": TIMEOUT_SECONDS,
        }  # fmt: skip
        if webhook_url:
            extra["status_webhook_base_url"] = webhook_url
        leadsquared = {
            "conn_type": "leadsquared",
            "host": self.sandbox.url,
            "login": "demo-access-key",
            "password": "demo-secret-key",
            "extra": extra,
        }
        return {
            "AIRFLOW_CONN_LEADSQUARED_DEFAULT": json.dumps(leadsquared),
            "AIRFLOW_CONN_FOLLOWUPS_LEDGER": json.dumps(_connection_of(self.url)),
            "AIRFLOW_CONN_OUTCOMES": json.dumps(_connection_of(self.outcomes_url)),
            "AIRFLOW_CONN_WAREHOUSE_DEFAULT": json.dumps({"conn_type": "sqlite", "host": str(self.warehouse)}),
        }

    def rehearsals(self) -> list[dict[str, Any]]:
        """Return what actors are rehearsed with, once for each store."""
        ready = []
        for store in self._urls:
            self.reset(store, rows=40, heal=True)
            ready.append({"environment": self.environment(), "folder": str(self.folder)})
        return ready

    @contextlib.contextmanager
    def ledger(self) -> Iterator[sa.Engine]:
        """Lend an engine on the case's ledger."""
        engine = connect(self.url)
        try:
            yield engine
        finally:
            engine.dispose()


@contextlib.contextmanager
def open_world(server: URL | None, warehouses: Path) -> Iterator[World]:
    """Start a sandbox and make empty ledgers; on PostgreSQL only where there is a server."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        urls = {"sqlite": URL.create("sqlite", database=str(folder / "ledger.db"))}
        _migrate(URL.create("sqlite", database=str(folder / "template.db")))
        with contextlib.closing(sqlite3.connect(folder / "template.db")) as template:
            template.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if server is not None:
            urls["postgresql"] = stack.enter_context(postgres.empty_database(server))
            _migrate(urls["postgresql"])
        sandbox = stack.enter_context(running(SWITCHES))
        yield World(folder, sandbox, urls, warehouses=warehouses)


def _migrate(url: URL) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    engine = connect(url)
    upgrade(engine)
    engine.dispose()


def _empty_sqlite(path: Path, template: Path) -> None:
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        name.unlink(missing_ok=True)
    shutil.copy(template, path)


def _empty_postgresql(url: URL) -> None:
    engine = connect(url)
    with engine.begin() as connection:
        others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"
        )
        connection.execute(sa.text(others), {"name": url.database})
        found = sa.inspect(connection).get_table_names()
        names = ", ".join(name for name in found if name in metadata.tables or name.startswith("rate_"))
        connection.execute(sa.text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    engine.dispose()


def _connection_of(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"conn_type": "sqlite", "host": url.database}
    return {
        "conn_type": "postgres", "host": url.host, "port": url.port, "schema": url.database,
        "login": url.username, "password": url.password,
    }  # fmt: skip
