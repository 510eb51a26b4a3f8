"""Start, watch and stop a real Airflow on this machine: API server, scheduler, DAG processor, triggerer."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from demo.environment import metadata_url

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
HEALTHY_WITHIN_SECONDS = 180.0
STOP_WITHIN_SECONDS = 15.0
MAX_RESTARTS = 2


class StackError(Exception):
    """Airflow did not start, or a part of it ended by itself. The text names the log to read."""


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """A local Airflow in `home`, with the metadata database that `prepared` holds."""

    components: tuple[str, ...] = COMPONENTS

    def __init__(self, home: Path, environment: Mapping[str, str], *, prepared: Path, port: int | None = None) -> None:
        self.home = home
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.password = secrets.token_urlsafe(9)
        self._prepared = prepared
        #: parts that ended by themselves and were started anew
        self.restarts: Counter[str] = Counter()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        #: of every part
        self.environment = {**environment, **self._settings()}

    def _settings(self) -> dict[str, str]:
        return {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata_url(self.home),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        }

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all parts and return when Airflow calls itself healthy."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._bring_metadata()
        passwords = self.home / "passwords.json"
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({"admin": self.password}))
        for component in self.components:
            self._processes[component] = self._spawn(component)
        deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
        while not self._healthy():
            self.check()
            if time.monotonic() > deadline:
                raise StackError(
                    f"Airflow was not healthy within {HEALTHY_WITHIN_SECONDS:.0f} s: see {self.home}/*.log"
                )
            time.sleep(0.5)

    def _bring_metadata(self) -> None:
        if not (self.home / "airflow.db").exists():
            for name in ("airflow.db", "airflow.cfg"):
                shutil.copy(self._prepared / name, self.home / name)

    def check(self) -> None:
        """Start a part anew that ended by itself, as any service manager would; StackError if it goes on ending."""
        for component, process in list(self._processes.items()):
            if process.poll() is None:
                continue
            self.restarts[component] += 1
            if self.restarts[component] > MAX_RESTARTS:
                tail = (self.home / f"{component}.log").read_text(errors="replace")[-1500:]
                raise StackError(f"airflow {component} ended with status {process.returncode} again:\n{tail}")
            self._processes[component] = self._spawn(component)

    def restart(self, component: str) -> None:
        """Stop a part and start it anew, as a service manager would."""
        _end([self._processes[component]])
        self._processes[component] = self._spawn(component)

    def stop(self) -> None:
        """Stop everything that was started, whole process groups, the stubborn by force."""
        _end(list(self._processes.values()))
        self._processes.clear()

    def _arguments(self, component: str) -> list[str]:
        return [component]

    def _spawn(self, component: str) -> subprocess.Popen[bytes]:
        airflow = Path(sys.executable).with_name("airflow")
        with (self.home / f"{component}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command
                [airflow, *self._arguments(component)],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _healthy(self) -> bool:
        try:
            health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN_SECONDS
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(deadline - time.monotonic(), 0.1))
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
