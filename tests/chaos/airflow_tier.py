"""A real Airflow, whose processes are killed at random while it works; then reconcile; then the sandbox's verdict.

Task processes, their executor's workers, scheduler and triggerer are sent SIGKILL; scheduler and triggerer are started
again. Runs that failed for it are cleared, as a person would. Times are the product's own: leases last minutes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import requests
import sqlalchemy as sa
from rich.console import Console

from demo.accounting import Accounts, compare
from demo.client import AirflowClient
from demo.environment import ROOT, defaults, import_path
from demo.scenario import FEEDS, ZONE
from demo.stack import Stack
from followups.database import connect
from followups.schema import batches
from sandbox.testing import RunningSandbox, running
from sandbox.warehouse.seeding import SeedPlan, seed

HOME: Final = ROOT / ".airflow" / "chaos" / "home"
RECONCILE: Final = "leadsquared_reconcile"
KILLS: Final = 100
#: Of every hundred kills so many are of the scheduler and the triggerer; the others are of what runs tasks.
SHARES: Final = {"scheduler": 8, "triggerer": 12}
PAUSE_SECONDS: Final = (0.5, 3.0)
LONGEST_SECONDS: Final = 3600.0
FAULTS: Final = (
    "drop_reply_after_commit probability=0.03 seed=1",
    "html500_after_commit probability=0.03 seed=2",
    "rate_error_in_200 probability=0.02 seed=3",
)
#: Airflow takes a task for dead sooner than by default, so that there is more to kill.
SETTINGS: Final = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
}


class MortalStack(Stack):
    """A stack whose parts may be killed, and are started again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sessions: set[int] = set()

    def check(self) -> None:
        """Start again what was killed."""
        for component in SHARES:
            if self._processes[component].poll() is not None:
                self._processes[component] = self._spawn(component)

    def kill(self, component: str) -> bool:
        """Kill a part, but not what it started."""
        process = self._processes[component]
        self._sessions.add(process.pid)
        process.kill()
        process.wait()
        return True

    def kill_a_task(self, lot: random.Random) -> bool:
        """Kill a process that runs a task, or the executor's worker that watches it; False if none is busy."""
        self._sessions.add(self._processes["scheduler"].pid)
        found = [pid for pid, session in _sessions() if session in self._sessions and pid not in self._sessions]
        found = [pid for pid in found if _is_busy(pid)]
        if not found:
            return False
        with suppress(ProcessLookupError):
            os.kill(lot.choice(found), signal.SIGKILL)
        return True

    def stop(self) -> None:
        """Stop everything, orphans of killed parts too."""
        super().stop()
        for session in self._sessions:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(session, signal.SIGKILL)


def _sessions() -> list[tuple[int, int]]:
    """Return every process's id and session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            found.append((int(stat.parent.name), int(fields[3])))
    return found


def _is_busy(pid: int) -> bool:
    try:
        return b"<idle>" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def play_on_airflow(console: Console, *, rows: int, result: Path) -> int:
    """Kill at least 100 processes while `rows` rows are delivered; write what came of it; 0 if all is accounted for."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    seed(
        f"duckdb:///{HOME / 'warehouse.duckdb'}",
        SeedPlan(rows=rows, days=14, around=datetime.now(ZONE).date(), seed=11),
    )
    with running() as sandbox:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        environment = {**inherited, **defaults(HOME, sandbox.url), **SETTINGS, "PYTHONPATH": import_path(None)}
        setup = ["bash", "include/demo/setup.sh", str(Path(sys.executable).parent)]
        subprocess.run(setup, check=True, env=environment, cwd=ROOT)
        with MortalStack(HOME, environment, prepared=HOME) as stack:
            story = _Story(console, stack, sandbox)
            accounts = story.play()
    audit = story.audit
    text = story.told(rows, accounts, audit)
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(text, encoding="utf-8")
    console.print(text, highlight=False)
    return 0 if accounts.balanced and story.kills.total() >= KILLS else 1


class _Story:
    def __init__(self, console: Console, stack: MortalStack, sandbox: RunningSandbox) -> None:
        self._console = console
        self._stack = stack
        self._sandbox = sandbox
        self._client = AirflowClient(stack.url, stack.password, stack.check)
        self._ledger = connect(f"sqlite:///{HOME / 'ledger.db'}")
        self._lot = random.Random(20)
        self._began = time.monotonic()
        self.kills: Counter[str] = Counter()
        self.cleared = 0
        self.audit: dict[str, Any] = {}

    def play(self) -> Accounts:
        """Run, kill, recover, reconcile; return the accounts."""
        self._client.wait_for_dags([*(f"leadsquared_{feed}" for feed in FEEDS), RECONCILE])
        self._client.unpause(RECONCILE)
        self._sandbox.faults(*FAULTS)
        runs = [self._start(f"leadsquared_{feed}") for feed in FEEDS]
        self._until(lambda: self.kills.total() >= KILLS, self._kill_one, "the kills")
        self._say(f"{self.kills.total()} processes killed: {dict(self.kills)}")
        self._sandbox.faults()
        self._until(lambda: all(self._ended(*run) for run in runs), lambda: self._mend(runs), "the runs")
        self._say("the runs ended; reconcile goes on")
        self._until(self._settled, lambda: time.sleep(20), "reconcile")
        self._sandbox.drain()
        self.audit = self._sandbox.audit()
        return compare(self._ledger, self._sandbox.tasks())

    def told(self, rows: int, accounts: Accounts, audit: dict[str, Any]) -> str:
        """Return what came of it, in a paragraph."""
        lookups = sum(
            sum(counts.values())
            for name, counts in audit["calls"]["by_operation"].items()
            if name.startswith(("Task.svc/RetrieveAppointments", "Task.svc/RetrieveToDos"))
        )
        wrong = len(accounts.missing) + len(accounts.unlabelled) + len(accounts.wrong_id) + len(accounts.strangers)
        return (
            f"{rows:,} rows, LocalExecutor, {time.monotonic() - self._began:.0f} s; killed by SIGKILL: "
            f"{', '.join(f'{count} × {name}' for name, count in self.kills.most_common())}; runs cleared "
            f"{self.cleared} times; server faults {dict(audit['faults'])}. Duplicates **{accounts.duplicates}** "
            f"(healed {audit['duplicates']['by_marker_ever'] - accounts.duplicates}), mislabelled **{wrong}**, "
            f"unfinished **{accounts.unfinished}**; states {dict(accounts.states)}; read-back calls per 1,000 rows "
            f"{1000 * lookups / rows:.0f}. {datetime.now(ZONE):%Y-%m-%d}."
        )

    def _start(self, dag_id: str) -> tuple[str, str]:
        self._client.unpause(dag_id)
        now = datetime.now(ZONE)
        conf = {"from": (now - timedelta(days=9)).isoformat(), "to": (now + timedelta(days=9)).isoformat()}
        return dag_id, self._client.trigger(dag_id, conf)

    def _kill_one(self) -> None:
        time.sleep(self._lot.uniform(*PAUSE_SECONDS))
        self._stack.check()
        chance = self._lot.uniform(0, 100)
        if chance < SHARES["scheduler"]:
            self.kills["scheduler"] += self._stack.kill("scheduler")
        elif chance < SHARES["scheduler"] + SHARES["triggerer"]:
            self.kills["triggerer"] += self._stack.kill("triggerer")
        else:
            self.kills["task process"] += self._stack.kill_a_task(self._lot)
        for feed in FEEDS:
            self._clear_failed(f"leadsquared_{feed}")

    def _mend(self, runs: list[tuple[str, str]]) -> None:
        time.sleep(5)
        self._stack.check()
        for dag_id, _ in runs:
            self._clear_failed(dag_id)

    def _clear_failed(self, dag_id: str) -> None:
        """Clear what failed, as a person would."""
        with suppress(requests.RequestException):
            for run in self._client.runs(dag_id):
                if run["state"] == "failed":
                    body = {
                        "dag_run_id": run["dag_run_id"], "dry_run": False, "only_failed": True,
                        "include_downstream": True, "reset_dag_runs": True,
                    }  # fmt: skip
                    self._client.call("POST", f"dags/{dag_id}/clearTaskInstances", body)
                    self.cleared += 1

    def _ended(self, dag_id: str, run_id: str) -> bool:
        return any(run["dag_run_id"] == run_id and run["state"] == "success" for run in self._client.runs(dag_id))

    def _settled(self) -> bool:
        waiting = sa.select(sa.func.count()).where(batches.c.state != "settled")
        with self._ledger.connect() as connection:
            if connection.execute(waiting).scalar_one():
                return False
        return compare(self._ledger, self._sandbox.tasks()).balanced

    def _until(self, done: Callable[[], bool], act: Callable[[], None], what: str) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not done after {LONGEST_SECONDS:.0f} s")
            act()

    def _say(self, text: str) -> None:
        self._console.print(f"{time.monotonic() - self._began:5.0f} s  {text}", highlight=False, soft_wrap=True)
