"""A real Airflow in a folder of its own, beside a sandbox, and what its runs cost."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from demo.client import AirflowClient
from demo.environment import ROOT, defaults, import_path
from demo.scenario import ZONE
from demo.stack import Stack
from sandbox.testing import RunningSandbox, running
from sandbox.warehouse.seeding import SeedPlan, seed
from tests.benchmarks.processor import processor_seconds

BULK_CREATE = "Task.svc/Bulk/Create"
OURS, ALTERNATIVE = "leadsquared_appointments", "pool_paced"
#: What the server takes for a call.
LATENCY_MS = 300
#: Appointments are a little more than half of the rows that are seeded, and the first run takes two days' of them.
SEEDED_FOR_ONE = 2.4
_DAYS = 14


class CountedStack(Stack):
    """A stack that knows its processor time."""

    def processor_seconds(self) -> float:
        """Return what all parts and all that they ever started have used."""
        return processor_seconds(process.pid for process in self._processes.values())


@dataclass(kw_only=True)
class Run:
    """What one run came to; times are seconds of the epoch."""

    state: str
    started: float
    ended: float
    #: each task instance's start and end
    tasks: list[tuple[str, float, float]]
    #: arrivals at the server of every call, and of those that create
    calls: list[float] = field(default_factory=list)
    creates: list[float] = field(default_factory=list)
    refused: int = 0
    rows: int = 0
    processor: float = 0.0

    @property
    def seconds(self) -> float:
        """Return the run's length."""
        return self.ended - self.started

    def begin(self, task: str) -> float:
        """Return when the first instance of a task began."""
        return min(start for name, start, _ in self.tasks if name == task)

    def end(self, task: str) -> float:
        """Return when the last instance of a task ended."""
        return max(end for name, _, end in self.tasks if name == task)


class MeasuredAirflow:
    """Runs DAGs one after the other and counts what each costs."""

    def __init__(self, stack: CountedStack, sandbox: RunningSandbox, started_in: float) -> None:
        self.started_in = started_in
        self._stack = stack
        self._sandbox = sandbox
        self._client = AirflowClient(stack.url, stack.password, stack.check)
        self._idle = 0.0

    def settle(self, seconds: float) -> float:
        """Wait for the DAGs and for a first run of ours, as unpausing starts one; then measure the idle stack.

        Returns its processor seconds a second.
        """
        self._client.wait_for_dags([OURS, ALTERNATIVE])
        for dag_id in (OURS, ALTERNATIVE):
            self._client.unpause(dag_id)
        self._client.wait_for_run(OURS, self._client.wait_for_first_run(OURS, "scheduled"))
        time.sleep(3)
        before, began = self._stack.processor_seconds(), time.monotonic()
        time.sleep(seconds)
        self._idle = (self._stack.processor_seconds() - before) / (time.monotonic() - began)
        return self._idle

    def pool(self, slots: int) -> None:
        """Set the size of the alternative's pool."""
        body = {"name": ALTERNATIVE, "slots": slots, "description": "", "include_deferred": False}
        names = {pool["name"] for pool in self._client.call("GET", "pools")["pools"]}
        if ALTERNATIVE in names:
            self._client.call("PATCH", f"pools/{ALTERNATIVE}", body)
        else:
            self._client.call("POST", "pools", body)

    def run(self, dag_id: str, conf: Mapping[str, Any]) -> Run:
        """Trigger a run, wait for its end, and return what it came to, the idle stack's processor time left out."""
        self._sandbox.reset()
        before, began = self._stack.processor_seconds(), time.monotonic()
        run_id = self._client.trigger(dag_id, conf)
        state = self._client.wait_for_run(dag_id, run_id, seconds=1800)
        used = self._stack.processor_seconds() - before - self._idle * (time.monotonic() - began)
        self._sandbox.drain()
        found = self._client.call("GET", f"dags/{dag_id}/dagRuns/{run_id}")
        run = Run(state=state, started=_moment(found["start_date"]), ended=_moment(found["end_date"]), tasks=[])
        run.tasks = list(self._tasks(dag_id, run_id))
        calls = self._sandbox.calls()
        run.calls = sorted(_moment(call["arrived_at"]) for call in calls)
        run.creates = sorted(_moment(call["arrived_at"]) for call in calls if call["operation"] == BULK_CREATE)
        run.refused = sum(call["outcome"] == "refused" for call in calls)
        run.rows = self._sandbox.audit()["tasks"]["created"]
        run.processor = used
        return run

    def _tasks(self, dag_id: str, run_id: str) -> Iterator[tuple[str, float, float]]:
        path, offset = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", 0
        while True:
            page = self._client.call("GET", path, limit=100, offset=offset)
            for each in page["task_instances"]:
                if each["start_date"] and each["end_date"]:
                    yield each["task_id"], _moment(each["start_date"]), _moment(each["end_date"])
            offset += 100
            if offset >= page["total_entries"]:
                return


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def window(rows: int) -> dict[str, Any]:
    """Return the params of one of our runs that sends `rows` rows of what was seeded."""
    now = datetime.now(ZONE)
    first, last = now - timedelta(days=_DAYS), now + timedelta(days=_DAYS)
    return {"from": first.isoformat(), "to": last.isoformat(), "limit": rows}


@contextlib.contextmanager
def measured_airflow(rows: int) -> Iterator[MeasuredAirflow]:
    """Start everything from nothing in a temporary folder, with at least `rows` appointments in the warehouse."""
    with contextlib.ExitStack() as opened:
        home = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="overhead-", ignore_cleanup_errors=True)))
        plan = SeedPlan(rows=int(SEEDED_FOR_ONE * rows), days=_DAYS, around=datetime.now(ZONE).date(), seed=5)
        seed(f"duckdb:///{home / 'warehouse.duckdb'}", plan)
        sandbox = opened.enter_context(running({"latency_ms": LATENCY_MS}))
        environment = _environment(home, sandbox.url)
        setup = ["bash", "include/demo/setup.sh", str(Path(sys.executable).parent)]
        subprocess.run(setup, check=True, env=environment, cwd=ROOT)
        began = time.monotonic()
        stack = opened.enter_context(CountedStack(home, environment, prepared=home))
        yield MeasuredAirflow(stack, sandbox, time.monotonic() - began)


def _environment(home: Path, sandbox_url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    ours = defaults(home, sandbox_url)
    keys = json.loads(ours["AIRFLOW_CONN_LEADSQUARED_DEFAULT"])
    headers = {"x-LSQ-AccessKey": keys["login"], "x-LSQ-SecretKey": keys["password"]}
    dags, bodies = home / "dags", home / "bodies"
    dags.mkdir()
    bodies.mkdir()
    for source in (ROOT / "dags" / "leadsquared_feeds.py", Path(__file__).parent / "dags" / "pool_paced.py"):
        shutil.copy(source, dags)
    return {
        **inherited,
        **ours,
        "PYTHONPATH": import_path(os.environ.get("PYTHONPATH")),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        # As an account is set up, without the demo's short settle time.
        "AIRFLOW_CONN_LEADSQUARED_DEFAULT": json.dumps({**keys, "extra": {}}),
        "AIRFLOW_CONN_LEADSQUARED_HTTP": json.dumps({"conn_type": "http", "host": sandbox_url, "extra": headers}),
        "POOL_PACED_BODIES": str(bodies),
    }
