"""A run of rows that are one test's own, watched and brought to its end."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import duckdb
import sqlalchemy as sa

from demo.accounting import compare
from demo.scenario import ZONE
from followups.schema import deliveries
from tests.e2e.conftest import Product, wait_until

DAG = "leadsquared_appointments"
RECONCILE = "leadsquared_reconcile"
#: Calls of 50: at the account's limit they take five seconds.
ROWS = 1200
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


def get_ready(product: Product) -> None:
    """Let the DAGs run."""
    product.airflow.wait_for_dags([DAG, RECONCILE])
    product.airflow.unpause(DAG)
    product.airflow.unpause(RECONCILE)


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

    def states_of(self, task: str) -> list[str | None]:
        """The states of a task's mapped instances."""
        found = self.product.airflow.call("GET", self.path, limit=100)["task_instances"]
        return [each["state"] for each in found if each["task_id"] == task]

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
