"""One mapped task alone against the rate limit: sender, hook, ledger and throttle as Airflow runs them, in one process.

LeadSquared's look-alike takes `latency` for each call and enforces the limit as a sliding window. "Of the limit" is the
rate of bulk creates that arrived after the first window; "processor" is the task's whole time for one call of 50 rows.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock

from sqlalchemy.engine import URL

from followups.database import connect
from followups.ledger import migrate
from leadsquared.work.send import SendWork
from sandbox.testing import RunningSandbox, running
from tests.benchmarks import figures
from tests.benchmarks.figures import Figure
from tests.benchmarks.rate import STORES

BULK_CREATE = "Task.svc/Bulk/Create"
ROWS_A_CALL = 50


@dataclass(frozen=True, kw_only=True)
class Case:
    """A limit of `calls` in 5 s, and a server that takes `latency_ms` for each."""

    store: str
    calls: int
    latency_ms: int
    seconds: float
    period: float = 5.0

    @property
    def subject(self) -> str:
        """Return the line's name."""
        return f"{self.calls} calls in {self.period:g} s, {self.latency_ms} ms a call, {self.store}"

    @property
    def batches(self) -> int:
        """Return how many calls take the time."""
        return int(self.calls / self.period * self.seconds)


def cases(quick: bool) -> list[Case]:
    """Return what is measured."""
    seconds = 10.0 if quick else 40.0
    stores = list(STORES)[:1] if quick else STORES
    return [
        Case(store=store, calls=calls, latency_ms=latency_ms, seconds=seconds)
        for store in stores
        for calls, latency_ms in ((25, 1000), (250, 100))
    ]


def context() -> dict[str, Any]:
    """Return what Airflow gives to the only mapped task of a scheduled run."""
    ti = Mock(dag_id="saturation", run_id="scheduled__1", task_id="create_tasks", map_index=0, try_number=1)
    return {"ti": ti, "dag_run": Mock(run_id="scheduled__1", run_type="scheduled"), "params": {}}


def connections(url: URL, sandbox: RunningSandbox, case: Case) -> None:
    """Define the task's connections."""
    extra = {"calls": case.calls, "period_seconds": case.period}
    leadsquared = {"conn_type": "leadsquared", "host": sandbox.url, "login": "demo-access-key", "extra": extra}
    os.environ["AIRFLOW_CONN_LEADSQUARED_DEFAULT"] = json.dumps({**leadsquared, "password": "demo-secret-key"})
    ledger: dict[str, Any] = {"conn_type": "sqlite", "host": url.database}
    if url.get_backend_name() == "postgresql":
        ledger = {"conn_type": "postgres", "host": url.host, "port": url.port, "schema": url.database}
        ledger |= {"login": url.username, "password": url.password}
    os.environ["AIRFLOW_CONN_FOLLOWUPS_LEDGER"] = json.dumps(ledger)


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Yield follow-ups that the sandbox's account takes."""
    for number in range(count):
        yield {
            "followup_id": f"f-{number}",
            "task_type": "Meeting",
            "subject": f"Explain the offer to customer {number}",
            "owner_email": "ananya.iyer@example.com",
            "due_at": "2031-04-05T06:00:00Z",
            "description": "Asked for a call back about the offer of last week. " * 3,
        }


def run(case: Case) -> tuple[list[dict[str, Any]], float]:
    """Send everything; return the bulk creates that arrived, and the task's processor seconds."""
    switches = {
        "rate.normal": f"{case.calls}/{case.period:g}",
        "latency_ms": case.latency_ms,
        "bulk_mode": "never",
        "bulk_validate": "none",
    }
    with STORES[case.store]() as url, running(switches) as sandbox:
        engine = connect(url)
        migrate.upgrade(engine)
        engine.dispose()
        connections(url, sandbox, case)
        work = SendWork(
            context(), leadsquared_conn_id="leadsquared_default", ledger_conn_id="followups_ledger", in_flight=None,
            on_start=lambda _: None,
        )  # fmt: skip
        planned = work.plan_follow_ups(rows(case.batches * ROWS_A_CALL), "saturation", "UTC", "off")
        began = time.process_time()
        work.send(planned)
        spent = time.process_time() - began
        return [call for call in sandbox.calls() if call["operation"].endswith(BULK_CREATE)], spent


def measure(quick: bool) -> Iterator[Figure]:
    """Measure every case."""
    logging.disable(logging.INFO)
    for case in cases(quick):
        calls, spent = run(case)
        arrivals = sorted(call["arrived_monotonic"] for call in calls if call["status"] == 200)
        steady = [at for at in arrivals if at >= arrivals[0] + case.period]
        share = (len(steady) - 1) / (steady[-1] - steady[0]) * case.period / case.calls
        refused = sum(call["status"] == 429 for call in calls)
        yield Figure(subject=case.subject, measure="of the limit", value=100 * share, unit="%", at_least=98)
        yield Figure(subject=case.subject, measure="calls", value=len(calls))
        yield Figure(subject=case.subject, measure="refused", value=refused)
        yield Figure(subject=case.subject, measure="processor", value=1000 * spent / len(calls), unit="ms/call")


if __name__ == "__main__":
    figures.main(measure, __doc__)
