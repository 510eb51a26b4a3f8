"""One real Airflow with its scheduler for all tests of this folder, beside a sandbox and a warehouse of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from demo.client import AirflowClient
from demo.environment import ROOT, defaults, import_path
from demo.scenario import ZONE
from demo.stack import Stack
from followups.database import connect
from sandbox.testing import RunningSandbox, running
from sandbox.warehouse.seeding import SeedPlan, seed

ROWS = 3000


@dataclass(frozen=True)
class Product:
    """Everything that runs."""

    airflow: AirflowClient
    sandbox: RunningSandbox
    ledger: sa.Engine
    home: Path

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
    with running() as sandbox:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        environment = {**inherited, **defaults(home, sandbox.url), "PYTHONPATH": import_path(None)}
        binaries = str(Path(sys.executable).parent)
        subprocess.run(["bash", "include/demo/setup.sh", binaries], check=True, env=environment, cwd=ROOT)
        with Stack(home, environment, prepared=home) as stack:
            ledger = connect(f"sqlite:///{home / 'ledger.db'}")
            yield Product(AirflowClient(stack.url, stack.password, stack.check), sandbox, ledger, home)
            ledger.dispose()
