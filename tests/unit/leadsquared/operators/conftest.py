"""Operators without a scheduler: a warehouse file, a ledger file, a sandbox, and a context as Airflow gives it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import duckdb
import pytest
import sqlalchemy as sa

from followups.database import connect
from followups.ledger import migrate
from followups.schema import deliveries
from leadsquared.hook import LeadSquaredHook
from leadsquared.wire.records import CrmTask
from sandbox.testing import RunningSandbox, running

RUN_AFTER = datetime(2031, 4, 10, 6, 0, tzinfo=UTC)
WINDOW = {"from": "2031-04-01T00:00:00Z", "to": "2031-05-01T00:00:00Z"}
OWNER = "ananya.iyer@example.com"
COLUMNS = {
    "followup_id": "VARCHAR", "task_type": "VARCHAR", "subject": "VARCHAR", "owner_email": "VARCHAR",
    "owner_id": "VARCHAR", "due_at": "TIMESTAMPTZ", "end_at": "TIMESTAMPTZ", "duration_minutes": "INTEGER",
    "description": "VARCHAR", "location": "VARCHAR", "related_to": "VARCHAR", "related_id": "VARCHAR",
    "reminder_minutes": "INTEGER", "notify_owner": "BOOLEAN", "custom_fields": "VARCHAR", "cancelled": "BOOLEAN",
    "feed": "VARCHAR",
}  # fmt: skip


def follow_up(followup_id: str = "f-1", **changes: Any) -> dict[str, Any]:
    """A row that the sandbox's account takes."""
    return {
        "followup_id": followup_id,
        "task_type": "Meeting",
        "subject": "Explain the offer to Zeenat Quillfeather",
        "owner_email": OWNER,
        "due_at": "2031-04-05T06:00:00Z",
        "feed": "appointments",
        **changes,
    }


@dataclass
class Stack:
    """What a task finds around it."""

    sandbox: RunningSandbox
    engine: sa.Engine
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    pushed: dict[str, Any] = field(default_factory=dict)

    def connection(self, name: str, **fields: Any) -> None:
        self.monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))

    def leadsquared(self, *, password: str = "demo-secret-key", host: str | None = None, **extra: Any) -> None:
        extra = {"calls": 1000, "period_seconds": 1, "settle_seconds": 0, "timeout_seconds": 10} | extra
        self.connection(
            "leadsquared_default", conn_type="leadsquared", host=host or self.sandbox.url, login="demo-access-key",
            password=password, extra=extra,
        )  # fmt: skip

    def warehouse(self, rows: Sequence[dict[str, Any]], without: Sequence[str] = ()) -> None:
        """Write the table of the shipped feeds."""
        columns = {name: kind for name, kind in COLUMNS.items() if name not in without}
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as database:
            database.execute("DROP TABLE IF EXISTS followups")
            database.execute(f"CREATE TABLE followups ({', '.join(f'{n} {kind}' for n, kind in columns.items())})")
            if rows:
                values = [[row.get(name) for name in columns] for row in rows]
                database.executemany(f"INSERT INTO followups VALUES ({', '.join('?' * len(columns))})", values)

    def context(self, task_id: str = "plan", *, run_id: str = "manual__1", map_index: int = -1, **params: Any) -> Any:
        """The context of a run by hand, without dates, as by REST."""
        ti = Mock(dag_id="leadsquared_appointments", run_id=run_id, task_id=task_id, map_index=map_index, try_number=1)
        ti.xcom_push.side_effect = lambda key, value: self.pushed.update({key: json.loads(json.dumps(value))})
        run = Mock(run_id=run_id, run_type="manual", run_after=RUN_AFTER)
        defaults = {"from": None, "to": None, "mode": "send", "limit": None, "requeue": "none"}
        return {"ti": ti, "dag_run": run, "params": {**defaults, **WINDOW, **params}}

    def states(self) -> dict[str, str]:
        with self.engine.connect() as connection:
            query = sa.select(deliveries.c.followup_id, deliveries.c.state)
            return {row[0]: row[1] for row in connection.execute(query)}

    def tables(self) -> dict[str, list[Any]]:
        """Everything in the ledger."""
        with self.engine.connect() as connection:
            names = [name for name in sa.inspect(connection).get_table_names() if name != "rate_slots"]
            return {name: connection.execute(sa.text(f"SELECT * FROM {name}")).all() for name in names}

    def crm_task(self, name: str) -> CrmTask:
        """The one CRM task of that name as LeadSquared shows it."""
        (task_id,) = [task["id"] for task in self.sandbox.tasks() if task["name"] == name and not task["deleted"]]
        return self.crm_task_by_id(task_id)

    def crm_task_by_id(self, task_id: str) -> CrmTask:
        """A CRM task as LeadSquared shows it."""
        hook = LeadSquaredHook()
        found = hook.get_task(task_id)
        hook.close()
        assert found is not None
        return found

    def sent(self) -> list[str]:
        """Names of the CRM tasks that were created."""
        assert self.sandbox.drain()
        return sorted(task["name"] for task in self.sandbox.tasks())


@pytest.fixture(scope="session")
def sandbox_of_operators() -> Iterator[RunningSandbox]:
    with running({"rate.normal": "100000/1", "rate.bulk": "100000/1", "bulk_delay_ms": 0}) as process:
        yield process


@pytest.fixture
def stack(sandbox_of_operators: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    sandbox_of_operators.reset(switches=True)
    ledger = tmp_path / "ledger.db"
    engine = connect(f"sqlite:///{ledger}")
    migrate.upgrade(engine)
    made = Stack(sandbox_of_operators, engine, tmp_path, monkeypatch)
    made.connection("followups_ledger", conn_type="sqlite", host=str(ledger))
    made.connection("warehouse_default", conn_type="duckdb", host=str(tmp_path / "warehouse.duckdb"))
    made.leadsquared()
    made.warehouse([])
    yield made
    engine.dispose()
