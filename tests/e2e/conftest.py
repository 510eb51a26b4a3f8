"""One real Airflow with its scheduler for all tests of this folder, beside a sandbox and a warehouse of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from demo.client import AirflowClient
from demo.environment import ROOT, defaults
from demo.scenario import ZONE
from demo.stack import Stack
from followups.database import connect
from sandbox.testing import RunningSandbox, running
from sandbox.warehouse.seeding import SeedPlan, seed
from tests.support.mail_server import MailServer, running_mail_server

ROWS = 3000
LEADSQUARED = "leadsquared_default"
#: The extra of the connection unless a test says otherwise.
SETTINGS = {"settle_seconds": 6.0}
LOCAL = "airflow.dag_processing.bundles.local.LocalDagBundle"
BUNDLES = [
    {"name": "dags-folder", "classpath": LOCAL, "kwargs": {}},
    {"name": "examples", "classpath": LOCAL, "kwargs": {"path": str(ROOT / "include" / "examples" / "dags")}},
]
#: Feeds beside the shipped ones, for what those do not use.
LARGE_RUNS = """\
description: Asks a person before more than five follow-ups are sent.
start_date: 2026-01-01
schedule: null
sql: in_order.sql
approval:
  above_rows: 5
notify: [lead@example.com]
"""


@dataclass(frozen=True)
class Product:
    """Everything that runs."""

    stack: Stack
    airflow: AirflowClient
    sandbox: RunningSandbox
    ledger: sa.Engine
    home: Path
    post: MailServer

    def set_connection(self, **settings: float) -> None:
        """Replace the connection's extra, which stands in Airflow's database as in most installations."""
        extra = json.dumps(SETTINGS | settings)
        body = {"connection_id": LEADSQUARED, "conn_type": "leadsquared", "extra": extra}
        self.airflow.call("PATCH", f"connections/{LEADSQUARED}", body, update_mask="extra")

    def create(self, name: str, owner: str) -> str:
        """Create a CRM task as somebody else would, and return its id."""
        row = {"Name": name, "TaskType": {"Name": "Meeting"}, "OwnerEmailAddress": owner, "RelatedEntity": 0}
        return str(self._ask("POST", "Create", json=row)["Message"]["Id"])

    def complete(self, task_id: str) -> None:
        """Complete a CRM task as its owner would."""
        self._ask("GET", "MarkComplete", params={"id": task_id})

    def delete(self, task_id: str) -> None:
        """Delete a CRM task that no ledger knows."""
        self._ask("POST", "DeleteTasks", json={"TaskIds": [task_id]})

    def _ask(self, method: str, operation: str, **content: Any) -> Any:
        keys = {"x-LSQ-AccessKey": "demo-access-key", "x-LSQ-SecretKey": "demo-secret-key"}
        url = f"{self.sandbox.url}/v2/Task.svc/{operation}"
        reply = requests.request(method, url, headers=keys, timeout=30, **content)
        reply.raise_for_status()
        return reply.json()

    def logs_of(self, dag_id: str, run_id: str) -> str:
        """All that the run's tasks logged."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        return "\n".join(path.read_text(errors="replace") for path in sorted(folder.rglob("*.log")))


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    home = tmp_path_factory.mktemp("airflow")
    seed(
        f"duckdb:///{home / 'warehouse.duckdb'}",
        SeedPlan(rows=ROWS, days=14, around=datetime.now(ZONE).date(), seed=7),
    )
    project = copy_project(home / "project")
    with running() as sandbox, running_mail_server() as post:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        values = defaults(home, sandbox.url)
        connection = json.loads(values.pop(f"AIRFLOW_CONN_{LEADSQUARED.upper()}"))
        environment = {
            **inherited,
            **values,
            # A task that a person stopped is told so with its next sign of life.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(BUNDLES),
            "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(project / "plugins"),
            "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(post.connection()),
            "PYTHONPATH": os.pathsep.join([str(project / "include"), str(project / "plugins")]),
        }
        binaries = str(Path(sys.executable).parent)
        subprocess.run(["bash", "include/demo/setup.sh", binaries], check=True, env=environment, cwd=ROOT)
        with Stack(home, environment, prepared=home) as stack:
            ledger = connect(f"sqlite:///{home / 'ledger.db'}")
            airflow = AirflowClient(stack.url, stack.password, stack.check)
            extra = json.dumps(connection.pop("extra"))
            airflow.call("POST", "connections", {"connection_id": LEADSQUARED, **connection, "extra": extra})
            yield Product(stack, airflow, sandbox, ledger, home, post)
            ledger.dispose()


def wait_until(done: Callable[[], Any], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def copy_project(target: Path) -> Path:
    """Copy what Airflow loads, and put feeds beside the shipped ones."""
    for folder in ("dags", "include", "plugins"):
        shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns("__pycache__"))
    feeds, queries = target / "include" / "feeds", target / "include" / "sql"
    # So that a run's `limit` takes the same rows each time.
    query = (queries / "appointments.sql").read_text(encoding="utf-8")
    (queries / "in_order.sql").write_text(f"{query.rstrip()}\nORDER BY due_at, followup_id\n", encoding="utf-8")
    (feeds / "large_runs.yaml").write_text(LARGE_RUNS, encoding="utf-8")
    (feeds / "impatient.yaml").write_text(LARGE_RUNS.replace("5\n", "5\n  timeout_hours: 0.002\n"), encoding="utf-8")
    return target
