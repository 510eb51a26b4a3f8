"""What speaks LeadSquared.

hook         LeadSquaredHook: one method per operation of the API
wire         payloads and create bodies; bodies: those of all other operations
replies      what a reply means, from status, headers and body
reading      tolerant readers of LeadSquared's objects; records: those objects
errors       what can go wrong, by what to do next
connection   the Airflow connection's settings
operators    CreateTasksOperator, CreateTaskOperator

Importing the package, or any of these but the hook and the operators, does not import Airflow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadsquared.hook import LeadSquaredHook
    from leadsquared.operators.create_task import CreateTaskOperator
    from leadsquared.operators.create_tasks import CreateTasksOperator

__all__ = ["CreateTaskOperator", "CreateTasksOperator", "LeadSquaredHook"]

_HOMES = {
    "CreateTaskOperator": "leadsquared.operators.create_task",
    "CreateTasksOperator": "leadsquared.operators.create_tasks",
    "LeadSquaredHook": "leadsquared.hook",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
