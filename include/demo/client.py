"""The few calls of Airflow's REST API that the demo makes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import requests
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

FINISHED = {"success", "failed"}
TRIES = 10
PAUSE_SECONDS = 2


def _is_locked(error: BaseException) -> bool:
    """Tell how Airflow on SQLite may answer while its scheduler writes."""
    return isinstance(error, requests.HTTPError) and error.response.status_code in {500, 503}


class AirflowClient:
    """Talks to one Airflow as its admin. `check` is called while waiting and may raise."""

    def __init__(self, url: str, password: str, check: Callable[[], None] = lambda: None) -> None:
        self.url = url
        self._check = check
        self._session = requests.Session()
        reply = self._session.post(f"{url}/auth/token", json={"username": "admin", "password": password}, timeout=30)
        reply.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Make a call; raise with Airflow's own words where it is refused."""
        send = self._once if method == "POST" else self._insist
        return send(method, path, body, **params)

    def _insist(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Make a call that does no harm when it is made twice, until Airflow's database lets it."""
        tries = Retrying(
            retry=retry_if_exception(_is_locked),
            stop=stop_after_attempt(TRIES),
            wait=wait_fixed(PAUSE_SECONDS),
            reraise=True,
        )
        return tries(self._once, method, path, body, **params)

    def _once(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        reply = self._session.request(method, f"{self.url}/api/v2/{path}", json=body, params=params, timeout=60)
        if not reply.ok:
            raise requests.HTTPError(f"{method} {path}: {reply.status_code} {reply.text[:500]}", response=reply)
        return reply.json() if reply.content else None

    def get(self, url: str) -> Any:
        """Return what any other address of the API server answers."""
        reply = self._session.get(url, timeout=60)
        reply.raise_for_status()
        return reply.json()

    def wait_for_dags(self, dag_ids: Sequence[str], seconds: float = 120) -> None:
        """Wait until the DAG processor has found all of them."""
        self._wait(lambda: set(dag_ids) <= self._dag_ids(), seconds, f"DAGs {', '.join(dag_ids)}")

    def _dag_ids(self) -> set[str]:
        return {dag["dag_id"] for dag in self.call("GET", "dags")["dags"]}

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run by its schedule."""
        self.call("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run by hand and return its id."""
        run_id = f"manual__{datetime.now(UTC).isoformat()}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        try:
            self._insist("POST", f"dags/{dag_id}/dagRuns", body)
        except requests.HTTPError as error:
            if error.response.status_code != requests.codes.conflict:  # a try that seemed to fail has started it
                raise
        return run_id

    def backfill(self, dag_id: str, first: datetime, last: datetime, *, again: bool = False) -> int:
        """Start a backfill of the intervals that begin from `first` to `last` and return its id."""
        body = {
            "dag_id": dag_id,
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            "max_active_runs": 3,
            "reprocess_behavior": "completed" if again else "none",
            "run_backwards": False,
            "dag_run_conf": {},
        }
        for _ in range(TRIES):
            try:
                return int(self.call("POST", "backfills", body)["id"])
            except requests.HTTPError as error:
                if not _is_locked(error):
                    raise
                # The backfill may be there without its runs.
                time.sleep(PAUSE_SECONDS)
                self._cancel_backfills(dag_id)
                body["reprocess_behavior"] = "completed"
        raise TimeoutError("Airflow could not create the backfill: its database stayed locked")

    def _cancel_backfills(self, dag_id: str) -> None:
        for backfill in self.call("GET", "backfills", dag_id=dag_id)["backfills"]:
            if not backfill["completed_at"]:
                self._cancel(backfill["id"])

    def _cancel(self, backfill_id: int) -> None:
        try:
            self.call("PUT", f"backfills/{backfill_id}/cancel")
        except requests.HTTPError as error:
            # Airflow itself removes a backfill that it could not fill.
            if error.response.status_code not in {requests.codes.not_found, requests.codes.conflict}:
                raise

    def wait_for_backfill(self, backfill_id: int, seconds: float = 600) -> None:
        """Wait until it is complete."""
        self._wait(lambda: self.call("GET", f"backfills/{backfill_id}")["completed_at"], seconds, "the backfill")

    def runs(self, dag_id: str, run_type: str | None = None) -> list[dict[str, Any]]:
        """Return the runs of a DAG, the oldest first."""
        found = self.call("GET", f"dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
        chosen = [run for run in found if run_type in {None, run["run_type"]}]
        return sorted(chosen, key=lambda run: run["run_after"])

    def wait_for_run(self, dag_id: str, run_id: str, seconds: float = 600) -> str:
        """Wait until a run is finished and return its state."""
        self._wait(lambda: self._state(dag_id, run_id) in FINISHED, seconds, f"{dag_id} {run_id}")
        return self._state(dag_id, run_id)

    def wait_for_first_run(self, dag_id: str, run_type: str, seconds: float = 120) -> str:
        """Wait until a DAG has a run of a type and return its id."""
        self._wait(lambda: self.runs(dag_id, run_type), seconds, f"a {run_type} run of {dag_id}")
        return str(self.runs(dag_id, run_type)[0]["dag_run_id"])

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str | Sequence[Any]]) -> None:
        """Clear tasks, or mapped instances as (task, index), with all that comes after them, so that they run again."""
        body = {
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "dry_run": False,
            "only_failed": False,
            "include_downstream": True,
            "reset_dag_runs": True,
        }
        self._insist("POST", f"dags/{dag_id}/clearTaskInstances", body)

    def report(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return what the run's report task came to."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/report/xcomEntries/report"
        value: dict[str, Any] = self.call("GET", path, deserialize=True)["value"]
        return value

    def _state(self, dag_id: str, run_id: str) -> str:
        return str(self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"])

    def _wait(self, done: Callable[[], Any], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            self._check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not there after {seconds:.0f} s")
            time.sleep(1)
