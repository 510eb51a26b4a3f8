"""Airflow with parts that may be killed, and are started again."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from demo.stack import COMPONENTS, Stack
from tests.chaos.airflow_tier import victims
from tests.chaos.airflow_tier.services import Services

#: Airflow takes a task or a part for dead sooner than by default, so that there is more to kill.
IMPATIENT: Final = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "25",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
}
PARALLELISM: Final = 8
#: A part that is started anew gets so long before it may be killed again: it must be able to do something.
SPARED_SECONDS: Final = 25.0
TASK: Final = "task process"
SUPERVISOR: Final = "executor's worker"
WHOLE_WORKER: Final = "whole worker"


class MortalStack(Stack):
    """LocalExecutor. What it starts stays known by its session, however it is called and whoever its parent is."""

    executor = "LocalExecutor"
    #: how many of a hundred kills are of a whole part; the others are of what runs tasks
    shares: Mapping[str, int] = {"scheduler": 8, "triggerer": 10}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sessions: set[int] = set()
        self._spawned: dict[str, float] = {}
        self._is_up = False

    def _settings(self) -> dict[str, str]:
        return {**super()._settings(), **IMPATIENT}

    def start(self) -> None:
        """Start all parts; from then on they may be killed."""
        super().start()
        self._is_up = True

    def check(self) -> None:
        """Start again what was killed, as any service manager would."""
        if not self._is_up:
            super().check()
            return
        for component, process in list(self._processes.items()):
            if process.poll() is not None:
                self._processes[component] = self._spawn(component)

    def kill_one(self, lot: random.Random) -> str | None:
        """Kill a process by the shares; return what it was, None if the lot fell on none.

        Each process that runs a task is in the same danger, however many there are: a lonely one gets done.
        """
        chance = lot.uniform(0, 100)
        for component, share in self.shares.items():
            if chance < share:
                return self._kill_part(component, lot)
            chance -= share
        kind = lot.choice((TASK, TASK, SUPERVISOR))
        found = self._living()
        chosen = victims.task_processes(found) if kind == TASK else victims.task_supervisors(found)
        number = lot.randrange(PARALLELISM)
        victims.kill(chosen[number : number + 1])
        return kind if number < len(chosen) else None

    def stop(self) -> None:
        """Stop everything, orphans of killed parts too."""
        super().stop()
        victims.kill(self._living())

    def _kill_part(self, component: str, lot: random.Random) -> str | None:
        """Kill a part alone: what it started lives on as an orphan. None if it has only just begun."""
        if not self._has_settled_in(component):
            return None
        process = self._processes[component]
        process.kill()
        process.wait()
        return component

    def _has_settled_in(self, component: str) -> bool:
        return time.monotonic() - self._spawned[component] > SPARED_SECONDS

    def _living(self) -> list[victims.Process]:
        found = victims.processes(self._sessions)
        # An empty session's number may be given to a stranger.
        self._sessions &= {process.session for process in found}
        return found

    def _spawn(self, component: str) -> subprocess.Popen[bytes]:
        process = super()._spawn(component)
        self._sessions.add(process.pid)
        self._spawned[component] = time.monotonic()
        return process


class CeleryStack(MortalStack):
    """CeleryExecutor on PostgreSQL and Redis, with two workers on this machine."""

    executor = "CeleryExecutor"
    workers = ("worker-1", "worker-2")
    components = (*COMPONENTS, *workers)
    shares: Mapping[str, int] = {"scheduler": 7, "triggerer": 9, WHOLE_WORKER: 7}

    def __init__(self, home: Path, environment: Mapping[str, str], servers: Services, **kwargs: Any) -> None:
        self._servers = servers
        super().__init__(home, environment, prepared=home, **kwargs)

    def _settings(self) -> dict[str, str]:
        metadata = self._servers.metadata.set(drivername="postgresql")
        return {
            **super()._settings(),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata.render_as_string(hide_password=False),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "10",
            "AIRFLOW__CELERY__BROKER_URL": self._servers.broker,
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "4",
            "AIRFLOW__CELERY__OPERATION_TIMEOUT": "10",
            # Shorter than a task, so that the broker also hands out tasks again that still run.
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "20",
        }

    def _bring_metadata(self) -> None:
        """It is on PostgreSQL."""

    def _arguments(self, component: str) -> list[str]:
        if component not in self.workers:
            return super()._arguments(component)
        return ["celery", "worker", "--celery-hostname", component, "--skip-serve-logs"]

    def _kill_part(self, component: str, lot: random.Random) -> str | None:
        if component != WHOLE_WORKER:
            return super()._kill_part(component, lot)
        worker = lot.choice(self.workers)
        if not self._has_settled_in(worker):
            return None
        process = self._processes[worker]
        victims.kill(victims.processes({process.pid}))
        process.wait()
        return component
