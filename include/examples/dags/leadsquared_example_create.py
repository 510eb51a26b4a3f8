"""Rows that a task of your own makes become CRM tasks, each exactly once, however often the DAG runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import dag, task

from leadsquared import CreateTasksOperator

OWNER = "ananya.iyer@example.com"


def at(days: int) -> datetime:
    """Return ten in the morning, so many days from today."""
    return datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=days)


@dag(dag_id="leadsquared_example_create", schedule=None, tags=["leadsquared", "example"])
def create() -> None:
    """Create CRM tasks from follow-ups and from payloads."""

    @task
    def find_follow_ups() -> list[dict[str, Any]]:
        # The columns are those of a feed's query; the same followup_id is never sent twice.
        return [
            {
                "followup_id": f"renewal-{at(0):%Y-%m-%d}-{number}",
                "task_type": "Meeting",
                "subject": f"Talk about renewal {number}",
                "owner_email": OWNER,
                "due_at": at(1).isoformat(),
                "duration_minutes": 30,
            }
            for number in range(3)
        ]

    @task
    def find_payloads() -> list[dict[str, Any]]:
        # LeadSquared's own form; `followup_id` is ours and is not sent.
        return [
            {
                "followup_id": f"papers-{at(0):%Y-%m-%d}",
                "Name": "Collect the papers",
                "TaskType": {"Name": "Follow Up"},
                "OwnerEmailAddress": OWNER,
                "DueDate": f"{at(1):%Y-%m-%d %H:%M:%S}",
                "RelatedEntity": 0,
                "RelatedEntityId": "",
            }
        ]

    # With verify the task ends once LeadSquared shows the CRM tasks; without it, leadsquared_reconcile looks later.
    CreateTasksOperator(task_id="create_follow_ups", follow_ups=find_follow_ups(), verify=True)
    CreateTasksOperator(task_id="create_payloads", payloads=find_payloads(), verify=True)


create()
