"""A sandbox for tests: a process of its own, on a free port, that ends with the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.settings import Settings

_START_SECONDS = 30.0
_STOP_SECONDS = 3.0
#: Never by a proxy: the server is on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class SandboxError(Exception):
    """The sandbox did not start, or did not accept a switch."""


class RunningSandbox:
    """A running sandbox, seen from outside through its own endpoints."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self.process = process

    def audit(self) -> dict[str, Any]:
        """The report of `/_sandbox/audit`."""
        report: dict[str, Any] = self._ask("GET", "/audit?windows=1000000")
        return report

    def tasks(self) -> list[dict[str, Any]]:
        """All CRM tasks ever created, the oldest first."""
        with _OPENER.open(f"{self.url}/_sandbox/tasks?format=ndjson", timeout=120) as reply:
            return [json.loads(line) for line in reply]

    def touch(self, task_id: str, **changes: Any) -> None:
        """Change a CRM task as its owner would by hand: `name`, `description`, `completed`, `deleted`."""
        self._ask("PATCH", f"/tasks/{task_id}", changes)

    def calls(self) -> list[dict[str, Any]]:
        """The kept calls, the oldest first."""
        calls: list[dict[str, Any]] = self._ask("GET", "/calls?limit=50000")["calls"]
        return calls

    def drops(self) -> list[dict[str, Any]]:
        """The kept rows that were accepted and then not created."""
        drops: list[dict[str, Any]] = self._ask("GET", "/drops")["drops"]
        return drops

    def set(self, **switches: Any) -> None:
        """Change switches; dots are written as `__` (`rate__normal="10/5"`). Raises SandboxError for a wrong one."""
        self._ask("PATCH", "/settings", {name.replace("__", "."): value for name, value in switches.items()})

    def faults(self, *rules: str | Mapping[str, Any]) -> None:
        """Put these fault rules in force instead of those before; none clears them."""
        self._ask("PATCH", "/settings", {"faults": list(rules)})

    def drain(self, seconds: float = 60) -> bool:
        """Wait until no bulk job is pending. Returns whether that was reached in time."""
        return bool(self._ask("POST", f"/drain?seconds={seconds}", timeout=seconds + 30)["drained"])

    def reset(self, *, switches: bool = False) -> None:
        """Forget tasks, calls and jobs; with `switches`, also set them as they were at the start."""
        self._ask("POST", f"/reset?switches={str(switches).lower()}")

    def _ask(self, method: str, path: str, body: object = None, timeout: float = 30) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sandbox{path}", data=data, method=method)  # noqa: S310 - loopback
        request.add_header("Content-Type", "application/json")
        try:
            with _OPENER.open(request, timeout=timeout) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                raise SandboxError(f"{method} {path}: {error.code} {error.read().decode()}") from None


@contextmanager
def running(
    settings: Mapping[str, Any] | Settings | None = None, *, faults: tuple[Any, ...] = ()
) -> Iterator[RunningSandbox]:
    """Run a sandbox in a process of its own. It also ends when this process dies."""
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        config, port_file = Path(folder, "sandbox.json"), Path(folder, "port")
        config.write_text(json.dumps(_switches(settings, faults)), encoding="utf-8")
        with _started(["--config", str(config), "--port-file", str(port_file)], Path(folder, "errors")) as process:
            port = _wait_for_port(process, port_file, Path(folder, "errors"))
            yield RunningSandbox(f"http://127.0.0.1:{port}", process)


def _switches(settings: Mapping[str, Any] | Settings | None, faults: tuple[Any, ...]) -> dict[str, Any]:
    if isinstance(settings, Settings):
        given = settings.model_dump(mode="json", exclude_unset=True)
        for key in ("access_key", "secret_key"):
            if key in given:
                given[key] = getattr(settings, key).get_secret_value()
    else:
        given = dict(settings or {})
    if faults:
        given["faults"] = list(faults)
    return given


@contextmanager
def _started(arguments: list[str], errors: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--stop-with-stdin", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with errors.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


def _wait_for_port(process: subprocess.Popen[bytes], port_file: Path, errors: Path) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if port_file.exists():
            return int(port_file.read_text(encoding="ascii"))
        if process.poll() is not None:
            break
        time.sleep(0.01)
    told = errors.read_text(encoding="utf-8", errors="replace").strip()
    raise SandboxError(f"the sandbox did not start: {told or 'no message'}")
