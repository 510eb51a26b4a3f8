"""A day whose calls are used up: the run waits without a worker, and goes on at a person's word."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Product, wait_until
from tests.e2e.own_run import DAG, Run, get_ready

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def used_up_day(product: Product) -> Iterator[None]:
    get_ready(product)
    # Users and task types are known from a run before.
    assert Run(product, "before", 37, rows=10).ends() == "success"
    product.sandbox.set(rate__daily=1)
    yield
    open_day(product)


def open_day(product: Product) -> str:
    """Let the account have calls again, and tell the ledger so, as a person would."""
    product.sandbox.set(rate__daily=None)
    command = [sys.executable, "-m", "leadsquared", "rate", "--forget-learned"]
    done = subprocess.run(
        command, env=product.stack.environment, cwd=product.home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_run_waits_without_a_worker_and_goes_on_when_a_person_opens_the_day(product: Product) -> None:
    run = Run(product, "quota", 36, rows=120)
    wait_until(lambda: run.states_of("create_tasks") == ["deferred"], "sending was not deferred")
    assert run.count("planned")
    preview = product.airflow.trigger(DAG, {**run.window, "mode": "preview"})
    assert product.airflow.wait_for_run(DAG, preview) == "success"  # no worker is held
    assert "the day is open" in open_day(product)
    product.airflow.clear(DAG, run.run_id, [["create_tasks", 0]])
    assert run.ends() == "success"
    assert run.count("created") == run.rows
    run.is_accounted_for()
