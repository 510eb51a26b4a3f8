"""The example DAGs on a real scheduler and triggerer."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.e2e.conftest import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

OWNER, SUCCESSOR = "ananya.iyer@example.com", "arjun.nair@example.com"


def start(product: Product, dag_id: str, **params: Any) -> str:
    product.airflow.wait_for_dags([dag_id])
    product.airflow.unpause(dag_id)
    return product.airflow.trigger(dag_id, params)


def tasks_named(product: Product, prefix: str) -> list[dict[str, Any]]:
    assert product.sandbox.drain()
    return [task for task in product.sandbox.tasks() if task["name"].startswith(prefix)]


def result_of(product: Product, dag_id: str, run_id: str, task_id: str) -> Any:
    path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
    return product.airflow.call("GET", path, deserialize=True)["value"]


def test_rows_of_a_task_are_created_once_however_often_the_dag_runs(product: Product) -> None:
    dag_id = "leadsquared_example_create"
    for states in ({"created": 3}, {}):
        run_id = start(product, dag_id)
        assert product.airflow.wait_for_run(dag_id, run_id) == "success"
        assert len(tasks_named(product, "Talk about renewal")) == 3
        assert len(tasks_named(product, "Collect the papers")) == 1
        assert result_of(product, dag_id, run_id, "create_follow_ups")["states"] == states


def test_to_do_is_awaited_in_the_triggerer_until_somebody_completes_it(product: Product) -> None:
    dag_id = "leadsquared_example_wait"
    run_id = start(product, dag_id)
    path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/wait_for_completion"
    deadline = time.monotonic() + 180
    while product.airflow.call("GET", path)["state"] != "deferred":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    (task,) = tasks_named(product, f"Call back about run {run_id}")
    product.complete(task["id"])
    assert product.airflow.wait_for_run(dag_id, run_id) == "success"
    assert result_of(product, dag_id, run_id, "wait_for_completion")["completed"] == [task["id"]]


def test_tasks_are_handed_over_completed_and_deleted(product: Product) -> None:
    dag_id = "leadsquared_example_change"
    mistake = product.create("A mistake", SUCCESSOR)
    moved = product.create("Handed over", OWNER)
    run_id = start(product, dag_id, mistakes=[mistake])
    assert product.airflow.wait_for_run(dag_id, run_id) == "success"
    ((handed_over,), (deleted,)) = tasks_named(product, "Handed over"), tasks_named(product, "A mistake")
    assert (handed_over["id"], handed_over["owner"]) == (moved, SUCCESSOR)
    assert handed_over["completed"]
    assert deleted["deleted"]
    product.delete(moved)
