"""A person's hands on a run that is under way, and Airflow's parts restarted: every row once, none lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from demo.accounting import compare
from demo.scenario import ZONE
from followups.schema import deliveries
from tests.e2e.conftest import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

DAG = "leadsquared_appointments"
RECONCILE = "leadsquared_reconcile"
#: Calls of 50: at the account's limit they take five seconds, and none of them ends within one.
ROWS = 1200
LATENCY_MS = 1200
#: A sender that had to be killed is given up after its lease; most tests need none of that.
BALANCED_WITHIN_SECONDS = 420

_MORE_ROWS = """
    INSERT INTO followups
    SELECT f.* REPLACE (
        $name || '-' || f.followup_id AS followup_id, NULL AS end_at,
        $day::TIMESTAMPTZ + to_seconds(row_number() OVER ()) AS due_at)
    FROM followups AS f LEFT JOIN followups_expected AS e USING (feed, followup_id)
    WHERE f.feed = 'appointments' AND NOT f.cancelled AND e.outcome IS NULL AND f.followup_id NOT LIKE '%-%-%'
    LIMIT $rows
"""


@pytest.fixture(autouse=True)
def unhurried(product: Product) -> Iterator[None]:
    product.airflow.wait_for_dags([DAG, RECONCILE])
    product.airflow.unpause(DAG)
    product.airflow.unpause(RECONCILE)
    product.sandbox.set(latency_ms=LATENCY_MS)
    yield
    product.sandbox.set(latency_ms=0)


def wait_until(done: Callable[[], Any], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


class Run:
    """A run of rows that are this test's own."""

    def __init__(self, product: Product, name: str, days_ahead: int, rows: int = ROWS) -> None:
        day = datetime.now(ZONE).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days_ahead)
        with duckdb.connect(str(product.home / "warehouse.duckdb")) as warehouse:
            warehouse.execute(_MORE_ROWS, {"name": name, "day": day, "rows": rows})
        self.product = product
        self.rows = rows
        self.window = {"from": day.isoformat(), "to": (day + timedelta(days=1)).isoformat()}
        self.name = name
        self.run_id = product.airflow.trigger(DAG, self.window)
        self.path = f"dags/{DAG}/dagRuns/{self.run_id}/taskInstances"

    def count(self, *states: str) -> int:
        """How many of the rows are in some states."""
        d = deliveries.c
        query = sa.select(sa.func.count()).where(d.followup_id.startswith(f"{self.name}-"), d.state.in_(states))
        with self.product.ledger.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def state_of(self, task: str) -> str | None:
        return str(self.product.airflow.call("GET", f"{self.path}/{task}")["state"])

    def wait_until_it_sends(self) -> None:
        wait_until(lambda: self.count("accepted", "created"), "nothing was sent")
        assert self.count("planned")

    def ends(self) -> str:
        self.product.sandbox.set(latency_ms=0)
        return self.product.airflow.wait_for_run(DAG, self.run_id)

    def unsent(self) -> int:
        states = self.product.airflow.report(DAG, self.run_id)["states"]
        return int(states.get("planned", 0)) + int(states.get("sending", 0))

    def is_accounted_for(self) -> None:
        """Assert that the next run and reconcile leave every row created, once."""
        airflow, sandbox = self.product.airflow, self.product.sandbox
        deadline = time.monotonic() + BALANCED_WITHIN_SECONDS
        while True:
            airflow.wait_for_run(DAG, airflow.trigger(DAG, self.window))
            sandbox.drain()
            accounts = compare(self.product.ledger, sandbox.tasks())
            if accounts.balanced or time.monotonic() > deadline:
                break
            airflow.wait_for_run(RECONCILE, airflow.trigger(RECONCILE, {}))
        assert accounts.balanced, accounts
        assert self.count("created") == self.rows
        assert sandbox.audit()["duplicates"]["by_marker_ever"] == 0


def test_clearing_an_instance_that_sends(product: Product) -> None:
    run = Run(product, "cleared", 30)
    run.wait_until_it_sends()
    product.airflow.clear(DAG, run.run_id, [["create_tasks", 0]])
    run.ends()
    assert product.airflow.call("GET", f"{run.path}/create_tasks/0")["try_number"] == 2
    run.is_accounted_for()


@pytest.mark.parametrize(("state", "days_ahead"), [("failed", 31), ("success", 32)])
def test_marking_an_instance_that_sends(product: Product, state: str, days_ahead: int) -> None:
    run = Run(product, f"marked-{state}", days_ahead)
    run.wait_until_it_sends()
    product.airflow.call("PATCH", f"{run.path}/create_tasks/0", {"new_state": state})
    ended = run.ends()
    assert ended == ("failed" if run.unsent() else "success")  # a word said by hand does not make it true
    run.is_accounted_for()


def test_restarting_the_scheduler_while_rows_are_sent(product: Product) -> None:
    run = Run(product, "restarted", 33)
    run.wait_until_it_sends()
    product.stack.restart("scheduler")
    run.ends()
    run.is_accounted_for()


def test_restarting_triggerer_and_scheduler_while_verification_is_deferred(product: Product) -> None:
    product.settle_within(30)
    product.sandbox.set(lookup_lag_ms=15000)
    try:
        run = Run(product, "deferred", 34, rows=60)
        wait_until(lambda: run.state_of("verify") == "deferred", "verification was not deferred")
        product.stack.restart("triggerer")
        product.stack.restart("scheduler")
        assert run.ends() == "success"
    finally:
        product.settle_within(6)
        product.sandbox.set(lookup_lag_ms=0)
    run.is_accounted_for()
