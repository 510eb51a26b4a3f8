"""A person's hands on a run that is under way, and Airflow's parts restarted: every row once, none lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Product, wait_until
from tests.e2e.own_run import DAG, Run, get_ready

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

#: No call of a run's ends within a second.
LATENCY_MS = 1200


@pytest.fixture(autouse=True)
def unhurried(product: Product) -> Iterator[None]:
    get_ready(product)
    product.sandbox.set(latency_ms=LATENCY_MS)
    yield
    product.sandbox.set(latency_ms=0)


@pytest.fixture
def slow_account(product: Product) -> Iterator[None]:
    """Make a run take three quarters of a minute, so that it sends until a person's word has reached Airflow.

    Airflow on SQLite may let that word wait for seconds while its scheduler writes.
    """
    product.set_connection(calls=1, period_seconds=2)
    yield
    product.set_connection()


@pytest.mark.usefixtures("slow_account")
def test_clearing_an_instance_that_sends(product: Product) -> None:
    run = Run(product, "cleared", 30)
    run.wait_until_it_sends()
    product.airflow.clear(DAG, run.run_id, [["create_tasks", 0]])
    product.set_connection()
    run.ends()
    assert product.airflow.call("GET", f"{run.path}/create_tasks/0")["try_number"] == 2
    run.is_accounted_for()


@pytest.mark.usefixtures("slow_account")
@pytest.mark.parametrize(("state", "days_ahead"), [("failed", 31), ("success", 32)])
def test_marking_an_instance_that_sends(product: Product, state: str, days_ahead: int) -> None:
    run = Run(product, f"marked-{state}", days_ahead)
    run.wait_until_it_sends()
    product.airflow.call("PATCH", f"{run.path}/create_tasks/0", {"new_state": state})
    product.set_connection()
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
    product.set_connection(settle_seconds=30)
    product.sandbox.set(lookup_lag_ms=15000)
    try:
        run = Run(product, "deferred", 34, rows=60)
        wait_until(lambda: run.state_of("verify") == "deferred", "verification was not deferred")
        product.stack.restart("triggerer")
        product.stack.restart("scheduler")
        assert run.ends() == "success"
    finally:
        product.set_connection()
        product.sandbox.set(lookup_lag_ms=0)
    run.is_accounted_for()
