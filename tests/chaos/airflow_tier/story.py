"""A night's runs of both feeds, while processes are killed; then what a person would do; then the accounts."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import requests
import sqlalchemy as sa
from rich.console import Console

from demo.accounting import compare
from demo.client import AirflowClient
from demo.scenario import FEEDS, ZONE
from followups.model import State
from followups.schema import batches, deliveries
from sandbox.testing import RunningSandbox
from tests.chaos.airflow_tier.stacks import MortalStack
from tests.chaos.comparison import EVERYDAY

RECONCILE: Final = "leadsquared_reconcile"
KILLS: Final = 100
OPEN_STATES: Final = (State.PLANNED, State.SENDING, State.ACCEPTED, State.UNKNOWN)
PAUSE_SECONDS: Final = (0.4, 2.0)
TOLD_EVERY_SECONDS: Final = 20.0
#: Beyond these a phase is given up. On a quiet machine each takes a quarter of it.
START_SECONDS: Final = 300.0
KILLING_SECONDS: Final = 1500.0
RECOVERY_SECONDS: Final = 900.0
RECONCILE_SECONDS: Final = 900.0


class Story:
    """Plays it on one stack."""

    def __init__(self, console: Console, stack: MortalStack, sandbox: RunningSandbox, ledger: sa.Engine) -> None:
        self._console = console
        self._stack = stack
        self._sandbox = sandbox
        self._ledger = ledger
        self._client = AirflowClient(stack.url, stack.password, stack.check)
        self._lot = random.Random(20)
        self._began = self._told = time.monotonic()
        self.kills: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.cleared = 0
        self.seconds = 0.0

    def play(self) -> None:
        """Run, kill, recover, reconcile. TimeoutError where a phase does not end."""
        try:
            self._start()
            self._until(lambda: self.kills.total() >= KILLS, self._kill_one, KILLING_SECONDS, "the kills")
            self._say("no more kills and no more faults: the runs are brought to their end")
            self.faults.update(self._sandbox.audit()["faults"])
            self._sandbox.faults()
            self._until(self._all_ended, lambda: time.sleep(3), RECOVERY_SECONDS, "the runs")
            self._say("the runs ended; reconcile settles the rest")
            self._until(self._settled, self._reconcile, RECONCILE_SECONDS, "reconcile")
            self._say("nothing is open any more")
        finally:
            self.seconds = time.monotonic() - self._began

    def _start(self) -> None:
        self._client.wait_for_dags([*(f"leadsquared_{feed}" for feed in FEEDS), RECONCILE], START_SECONDS)
        self._client.unpause(RECONCILE)
        self._sandbox.faults(*EVERYDAY)
        now = datetime.now(ZONE)
        window = {"from": (now - timedelta(days=9)).isoformat(), "to": (now + timedelta(days=9)).isoformat()}
        for feed in FEEDS:  # unpaused, each also has the scheduled run of its last interval
            self._client.unpause(f"leadsquared_{feed}")
            self._client.trigger(f"leadsquared_{feed}", window)
        self._say("the runs are under way")

    def _kill_one(self) -> None:
        time.sleep(self._lot.uniform(*PAUSE_SECONDS))
        if self._all_ended():
            raise TimeoutError(f"the runs ended before {KILLS} kills: give it more rows")
        victim = self._stack.kill_one(self._lot)
        if victim:
            self.kills[victim] += 1

    def _all_ended(self) -> bool:
        """Tell whether every run is a success; clear those that failed, as a person would."""
        runs = [run for feed in FEEDS for run in self._client.runs(f"leadsquared_{feed}")]
        for run in runs:
            if run["state"] == "failed":
                self._clear(run["dag_id"], run["dag_run_id"])
        return all(run["state"] == "success" for run in runs)

    def _clear(self, dag_id: str, run_id: str) -> None:
        """Let the run go on from its first task that did not end well."""
        plan = self._client.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/plan")
        self._client.clear(dag_id, run_id, ["create_tasks" if plan["state"] == "success" else "plan"])
        self.cleared += 1

    def _reconcile(self) -> None:
        with suppress(TimeoutError):
            self._client.wait_for_run(RECONCILE, self._client.trigger(RECONCILE, {}), 120)

    def _settled(self) -> bool:
        """Tell whether no row is open, and each that was sent was looked at once more after it was settled."""
        b, d = batches.c, deliveries.c
        open_rows = sa.select(d.id).where(d.state.in_(OPEN_STATES))
        unaudited = sa.select(b.batch_id).where(b.sent_at.is_not(None), b.audited_at.is_(None))
        with self._ledger.connect() as connection:
            return not any(connection.execute(query.limit(1)).first() for query in (open_rows, unaudited))

    def _until(self, done: Callable[[], bool], act: Callable[[], None], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with suppress(requests.RequestException):  # the API server is busy, or its database locked
                if done():
                    return
                act()
            self._stack.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not done after {seconds:.0f} s")
            if time.monotonic() - self._told > TOLD_EVERY_SECONDS:
                self._say(what)

    def _say(self, what: str) -> None:
        self._told = time.monotonic()
        accounts = compare(self._ledger, self._sandbox.tasks())
        states = ", ".join(f"{count} {name}" for name, count in accounts.states.most_common())
        text = f"{what}; {self.kills.total()} kills, {self.cleared} clears; {accounts.crm_tasks} CRM tasks; {states}"
        self._console.print(f"{self._told - self._began:5.0f} s  {text}", highlight=False, soft_wrap=True)
