"""CRM tasks of one rep go to another, who leaves them all done; what was made by mistake is deleted."""

from __future__ import annotations

from airflow.sdk import Param, dag, task

from leadsquared import CompleteTasksOperator, DeleteTasksOperator, LeadSquaredHook, UpdateTasksOperator

FROM, TO = "ananya.iyer@example.com", "arjun.nair@example.com"


@dag(
    dag_id="leadsquared_example_change",
    schedule=None,
    tags=["leadsquared", "example"],
    params={
        "from_owner": Param(FROM, type="string", title="Whose open tasks"),
        "to_owner": Param(TO, type="string", title="Who gets them"),
        "mistakes": Param([], type="array", title="CRM task ids to delete"),
    },
)
def change() -> None:
    """Hand over, complete, delete; each step may run again at any time."""

    @task
    def find_open(params: dict[str, str]) -> list[str]:
        with LeadSquaredHook() as hook:
            return [each.id for each in hook.iter_tasks_of_owner(params["from_owner"], status="open") if each.id]

    @task
    def new_fields(params: dict[str, str]) -> dict[str, str]:
        return {"owner_email": params["to_owner"], "description": "Taken over"}

    ids = find_open()
    hand_over = UpdateTasksOperator(task_id="hand_over", task_ids=ids, fields=new_fields(), missing="ignore")
    complete = CompleteTasksOperator(task_id="complete", task_ids=ids, missing="ignore")
    delete = DeleteTasksOperator(task_id="delete", task_ids="{{ params.mistakes }}")
    hand_over >> complete >> delete


change()
