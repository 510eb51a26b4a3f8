"""One to-do is created, its completion awaited without a worker slot, and the next step taken then."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from leadsquared import CreateTaskOperator, LeadSquaredHook, TaskStatusSensor

OWNER = "ananya.iyer@example.com"


@dag(dag_id="leadsquared_example_wait", schedule=None, tags=["leadsquared", "example"])
def wait() -> None:
    """Create a to-do with a reminder, wait until it is completed, look at it."""
    create = CreateTaskOperator(
        task_id="create",
        task_type="Follow Up",
        subject="Call back about run {{ run_id }}",
        owner_email=OWNER,
        due_at="{{ (dag_run.run_after + macros.timedelta(days=2)).isoformat() }}",
        reminder_before_days=1,
        reminder_time="09:00",
    )
    completed = TaskStatusSensor(
        task_id="wait_for_completion",
        task_ids=create.output,
        poke_interval=timedelta(seconds=20),
        timeout=timedelta(days=3),
        missing="fail",
    )

    @task
    def look(standing: dict[str, list[str]]) -> list[str]:
        with LeadSquaredHook() as hook:
            tasks = [hook.get_task(task_id) for task_id in standing["completed"]]
        return [found.completed_at.isoformat() for found in tasks if found and found.completed_at]

    look(completed.output)


wait()
