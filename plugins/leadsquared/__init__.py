"""What speaks LeadSquared.

hook         LeadSquaredHook: one method per operation of the API
wire         payloads and create bodies; bodies: those of all other operations
replies      what a reply means, from status, headers and body
reading      tolerant readers of LeadSquared's objects; records: those objects
errors       what can go wrong, by what to do next
connection   the Airflow connection's settings
changes      wanted states of CRM tasks; changer: brings CRM tasks to them and sees that they got there
operators    CreateTasksOperator, CreateTaskOperator, UpdateTasksOperator, CompleteTasksOperator, DeleteTasksOperator
sensors      TaskStatusSensor, which waits in triggers

Importing the package, or any of these but hook, operators, sensors and triggers, does not import Airflow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadsquared.hook import LeadSquaredHook
    from leadsquared.operators.complete_tasks import CompleteTasksOperator
    from leadsquared.operators.create_task import CreateTaskOperator
    from leadsquared.operators.create_tasks import CreateTasksOperator
    from leadsquared.operators.delete_tasks import DeleteTasksOperator
    from leadsquared.operators.update_tasks import UpdateTasksOperator
    from leadsquared.sensors.task_status import TaskStatusSensor

__all__ = [
    "CompleteTasksOperator",
    "CreateTaskOperator",
    "CreateTasksOperator",
    "DeleteTasksOperator",
    "LeadSquaredHook",
    "TaskStatusSensor",
    "UpdateTasksOperator",
]

_HOMES = {
    "CompleteTasksOperator": "leadsquared.operators.complete_tasks",
    "CreateTaskOperator": "leadsquared.operators.create_task",
    "CreateTasksOperator": "leadsquared.operators.create_tasks",
    "DeleteTasksOperator": "leadsquared.operators.delete_tasks",
    "LeadSquaredHook": "leadsquared.hook",
    "TaskStatusSensor": "leadsquared.sensors.task_status",
    "UpdateTasksOperator": "leadsquared.operators.update_tasks",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
