"""The account's task types with their fields."""

from __future__ import annotations

import json
from typing import Any

from sandbox.dates import write_epoch
from sandbox.directory import CustomField, TaskType
from sandbox.operations.base import Operation, Request
from sandbox.replies import RefusedError
from sandbox.situations import Situation

_CREATED = 1_700_000_000


async def retrieve_task_types(request: Request) -> list[dict[str, Any]]:
    """A bare list, of all types or of those with one column's value."""
    types = request.sandbox.people.task_types
    column, value = request.query.get("columnname", ""), request.query.get("columnvalue", "")
    if column:
        types = tuple(item for item in types if _column(item, column) == value.strip().lower())
    caller = request.sandbox.people.caller.id
    return [_item(task_type, caller) for task_type in types]


def _column(task_type: TaskType, column: str) -> str:
    match column.lower():
        case "tasktypeid":
            return task_type.id
        case "tasktypename" | "taskname":
            return task_type.name.lower()
        case "category":
            return str(task_type.category)
    raise RefusedError(Situation.INPUT, "ColumnName")


def _item(task_type: TaskType, caller: str) -> dict[str, Any]:
    columns = [
        _configuration("OwnerId", "Owner", mandatory=True),
        _configuration("Name", "Subject", mandatory=True),
        _configuration("RelatedEntityId", "Associated Lead", mandatory=task_type.mandatory_lead, configurable=True),
        _configuration("DueDate", "Schedule", mandatory=True),
        _configuration("Description", "Description"),
        *([] if task_type.category else [_configuration("Location", "Location")]),
        *(_custom(field) for field in task_type.custom_fields),
    ]
    return {
        "Id": task_type.id,
        "Name": task_type.name,
        "Category": task_type.category,
        "Color": task_type.color,
        "ColumnConfiguration": columns,
        "DefaultDuration": task_type.default_minutes,
        "CreatedBy": caller,
        "CreatedOn": write_epoch(_CREATED),
        "ModifiedBy": caller,
        "ModifiedOn": write_epoch(_CREATED),
        "FormLayout": json.dumps({"Sections": [{"Fields": [column["SchemaName"] for column in columns]}]}),
    }


def _configuration(
    schema_name: str, display_name: str, *, mandatory: bool = False, configurable: bool = False
) -> dict[str, Any]:
    return {
        "SchemaName": schema_name,
        "InternalSchemaName": schema_name,
        "DisplayName": display_name,
        "DataType": 0,
        "RenderType": 0,
        "IsDefault": True,
        "Mandatory": mandatory,
        "IsMandatoryConfigurable": configurable,
        "Options": None,
    }


def _custom(field: CustomField) -> dict[str, Any]:
    column = _configuration(field.schema_name, field.display_name, mandatory=field.mandatory, configurable=True)
    return {**column, "DataType": 3 if field.options else 0, "IsDefault": False, "Options": list(field.options) or None}


OPERATIONS = (
    Operation(
        "GET",
        "Task.svc/RetrieveTaskType",
        retrieve_task_types,
        "/get-list-of-task-types-2/",
        query=("ColumnName", "ColumnValue"),
    ),
)
