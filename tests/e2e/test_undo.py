"""Undo as its users run it: preview, then the real thing, on a run of the product."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from demo.scenario import Scenario
from followups.ledger.reading import LedgerReader
from followups.schema import deliveries
from tests.e2e.conftest import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

APPOINTMENTS, UNDO = "leadsquared_appointments", "leadsquared_undo"


def created_by(product: Product, run_id: str) -> list[str]:
    """Ids of the run's CRM tasks; a scheduled run may be under way beside it."""
    plan_ids = LedgerReader(product.ledger).plan_ids(f"appointments/{run_id}")
    query = sa.select(deliveries.c.crm_task_id).where(deliveries.c.plan_id.in_(plan_ids))
    with product.ledger.connect() as connection:
        return [task_id for task_id in connection.execute(query).scalars() if task_id]


def test_undo_takes_back_what_a_run_created_but_for_what_people_touched(product: Product) -> None:
    product.airflow.wait_for_dags([APPOINTMENTS, UNDO])
    for dag_id in (APPOINTMENTS, UNDO):
        product.airflow.unpause(dag_id)
    scenario = Scenario(product.airflow, product.ledger, lambda _: None)
    days = [(scenario.now + timedelta(days=day)).isoformat() for day in (-6.5, -5.5)]
    run_id = product.airflow.trigger(APPOINTMENTS, dict(zip(("from", "to"), days, strict=True)))
    assert product.airflow.wait_for_run(APPOINTMENTS, run_id) == "success"
    product.sandbox.drain()
    created = created_by(product, run_id)
    done, edited = created[:2]
    product.sandbox.touch(done, completed=True)
    product.sandbox.touch(edited, description="Mine")

    preview = product.airflow.trigger(UNDO, {"run_id": run_id, "feed": "appointments"})
    assert product.airflow.wait_for_run(UNDO, preview) == "success"
    assert f"{len(created)} CRM tasks were created, {len(created) - 2} would be deleted" in product.logs_of(
        UNDO, preview
    )
    assert {task["id"] for task in product.sandbox.tasks() if not task["deleted"]} >= {*created}

    wrong = product.airflow.trigger(UNDO, {"run_id": run_id, "mode": "send", "confirm": 1})
    assert product.airflow.wait_for_run(UNDO, wrong) == "failed"
    params = {"run_id": run_id, "feed": "appointments", "mode": "send", "confirm": len(created)}
    undo = product.airflow.trigger(UNDO, params)
    assert product.airflow.wait_for_run(UNDO, undo) == "success"
    product.sandbox.drain()
    assert {task["id"] for task in product.sandbox.tasks() if not task["deleted"]} & {*created} == {done, edited}
