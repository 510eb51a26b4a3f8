"""A person approves or rejects large runs, and is told by mail: on a real Airflow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from followups.schema import deliveries, plans
from tests.e2e.conftest import Product, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

DAG, IMPATIENT = "leadsquared_large_runs", "leadsquared_impatient"


def trigger(product: Product, first: int, last: int, dag: str = DAG, **conf: Any) -> str:
    """Start a run over some days; on a Sunday alone less is due than these runs are to have."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    window = [(today + timedelta(days=days)).isoformat() for days in (first, last)]
    return product.airflow.trigger(dag, {"from": window[0], "to": window[1], "limit": 20, **conf})


def instances(product: Product, run_id: str) -> dict[str, str]:
    found = product.airflow.call("GET", f"dags/{DAG}/dagRuns/{run_id}/taskInstances")["task_instances"]
    return {each["task_id"]: each["state"] for each in found}


def question(product: Product, run_id: str) -> str:
    return f"dags/{DAG}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"


def answer(product: Product, run_id: str, option: str) -> None:
    body = {"chosen_options": [option], "params_input": {}}
    product.airflow.call("PATCH", question(product, run_id), body)


def test_large_runs_wait_for_an_answer_and_people_are_told(product: Product) -> None:
    product.airflow.wait_for_dags([DAG, IMPATIENT])
    for dag in (DAG, IMPATIENT):
        product.airflow.unpause(dag)
    unanswered = trigger(product, 1, 3, IMPATIENT)
    yes, no = trigger(product, 1, 3), trigger(product, 3, 6)
    wrong = trigger(product, 2, 1)
    for run_id in (yes, no):
        wait_until(
            lambda run_id=run_id: instances(product, run_id).get("approve") == "awaiting_input",
            "nobody was asked",
            seconds=180,
        )
    asked = product.airflow.call("GET", question(product, yes))
    assert asked["subject"] == "large_runs: send 20 follow-ups?"
    assert "To send, by task type:" in asked["body"]
    assert "@" not in asked["body"]

    # However long it waits, its rows are no other run's.
    with product.ledger.begin() as connection:
        long_ago = datetime.now(UTC) - timedelta(hours=5)
        connection.execute(sa.update(plans).where(plans.c.feed == "large_runs").values(heartbeat_at=long_ago))
    small = trigger(product, 1, 3, limit=2)
    assert product.airflow.wait_for_run(DAG, small) == "success"
    assert instances(product, small)["approve"] == "success"
    assert product.airflow.report(DAG, small)["before"]["with another run"] == 20

    answer(product, yes, "Approve")
    answer(product, no, "Reject")
    assert product.airflow.wait_for_run(DAG, yes) == "success"
    assert product.airflow.wait_for_run(DAG, no) == "success"
    assert product.airflow.wait_for_run(DAG, wrong) == "failed"
    assert product.airflow.report(DAG, yes)["states"]["created"] == 20
    assert (instances(product, no)["create_tasks"], instances(product, no)["report"]) == ("skipped", "success")
    report = product.airflow.report(DAG, no)
    assert report["states"]["held"] == 20
    assert ["held", "not approved by admin", 20] in report["reasons"]

    assert product.airflow.wait_for_run(IMPATIENT, unanswered) == "success"
    left = product.airflow.report(IMPATIENT, unanswered)
    assert ["held", "not approved: no answer within 0.002 h", 20] in left["reasons"]

    subjects = [mail.subject for mail in product.post.mails]
    assert subjects.count("[LeadSquared] approval asked for: large_runs: send 20 follow-ups?") == 2
    assert subjects.count("[LeadSquared] large_runs: 20 rows are held") == 1
    assert subjects.count("[LeadSquared] large_runs: a run failed") == 1
    assert {address for mail in product.post.mails for address in mail.to} == {"lead@example.com"}
    with product.ledger.connect() as connection:
        texts = connection.execute(sa.select(deliveries.c.payload).where(deliveries.c.feed == "large_runs")).scalars()
        owners = {text.split('"OwnerEmailAddress":"')[1].split('"')[0] for text in texts if text}
    assert owners
    for mail in product.post.mails:
        assert not any(owner in mail.text for owner in owners)
