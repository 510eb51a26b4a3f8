"""CRM tasks of one owner, and one by its id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.crm_task import CrmTask, full_item
from sandbox.operations.base import NUMBER, TEXT, Operation, Request, object_schema
from sandbox.operations.selection import clamp, listing, ordered, visible
from sandbox.reading import Fields
from sandbox.replies import RefusedError
from sandbox.situations import Situation

_SORT_KEYS: dict[str, Callable[[CrmTask], Any]] = {
    "CreatedOn": lambda task: int(task.created),
    "ModifiedOn": lambda task: int(task.modified),
    "DueDate": lambda task: task.due,
    "EndDate": lambda task: task.end,
    "Name": lambda task: task.name,
}


async def retrieve(request: Request) -> dict[str, Any]:
    """Tasks of one owner, filtered, sorted and paged by `Offset` and `RowCount`. An unknown owner has none."""
    parameter = request.body.object("Parameter")
    if parameter is None:
        raise RefusedError(Situation.NO_PARAMETER)
    owner = _owner(request, parameter)
    keep = _filter(request, parameter)
    sandbox = request.sandbox
    tasks = [] if owner is None else sandbox.store.numbered(sandbox.store.of_owner(owner))
    found = _sorted(request, [task for task in visible(sandbox, tasks) if keep(task)])
    paging = request.body.object("Paging")
    offset = (paging.number("Offset") if paging else None) or 0
    if offset < 0:
        raise RefusedError(Situation.INPUT, "Offset")
    count = clamp(request, paging.number("RowCount") if paging else None, sandbox.settings.max_row_count, "RowCount")
    wanted = _columns(request)
    items = [full_item(task, sandbox.store.id_of(task), sandbox.people) for task in found[offset : offset + count]]
    return listing(request, "List", len(found), [wanted(item) for item in items])


async def retrieve_by_id(request: Request) -> list[dict[str, Any]]:
    """A list of the one task, or an empty list."""
    sandbox = request.sandbox
    task = sandbox.store.get(request.mandatory_id("id"))
    found = visible(sandbox, [task] if task else [])
    return [full_item(task, sandbox.store.id_of(task), sandbox.people) for task in found]


def _owner(request: Request, parameter: Fields) -> int | None:
    name, value = parameter.text("LookupName"), parameter.text("LookupValue")
    if not value:
        raise RefusedError(Situation.MANDATORY, "LookupValue")
    if name == "OwnerId":
        return request.sandbox.people.user_by_id(value)
    if name == "OwnerEmailAddress":
        return request.sandbox.people.user_by_email(value)
    raise RefusedError(Situation.INPUT, "LookupName")


def _filter(request: Request, parameter: Fields) -> Callable[[CrmTask], bool]:
    """The conditions of a request. `TypeName` holds the id of a task type, despite its name."""
    sandbox = request.sandbox
    first, last = parameter.moment("FromDate"), parameter.moment("ToDate")
    if first is not None and last is not None and first > last:
        raise RefusedError(Situation.DATE, "FromDate")
    status, type_id = parameter.number("StatusCode"), parameter.text("TypeName")
    task_type = sandbox.people.type_by_id(type_id) if type_id else None
    by_due = sandbox.settings.task_range_field == "DueDate"

    def keep(task: CrmTask) -> bool:
        moment = task.due if by_due else int(task.created)
        return (
            (first is None or moment >= first)
            and (last is None or moment <= last)
            and (status is None or status == int(task.completed is not None))
            and (not type_id or task.task_type == task_type)
        )

    return keep


def _sorted(request: Request, tasks: list[CrmTask]) -> list[CrmTask]:
    sorting = request.body.object("Sorting")
    column = (sorting.text("ColumnName") if sorting else None) or "CreatedOn"
    direction = sorting.number("Direction") if sorting else None
    key = {name.lower(): key for name, key in _SORT_KEYS.items()}.get(column.lower())
    if key is None:
        raise RefusedError(Situation.INPUT, "ColumnName")
    return ordered(request, tasks, key, descending=direction != 0)


def _columns(request: Request) -> Callable[[dict[str, Any]], dict[str, Any]]:
    columns = request.body.object("Columns")
    included = _names(columns.text("Include_CSV") if columns else None)
    excluded = _names(columns.text("Exclude_CSV") if columns else None)

    def choose(item: dict[str, Any]) -> dict[str, Any]:
        if not included and not excluded:
            return item
        return {name: item[name] for name in item if (not included or name in included) and name not in excluded}

    return choose


def _names(text: str | None) -> set[str]:
    return {name.strip() for name in (text or "").split(",") if name.strip()}


OPERATIONS = (
    Operation(
        "POST",
        "Task.svc/Retrieve",
        retrieve,
        "/retrieve-tasks/",
        body=object_schema(
            ("Parameter",),
            Parameter=object_schema(
                ("LookupName", "LookupValue"),
                LookupName={"type": "string", "enum": ["OwnerId", "OwnerEmailAddress"]},
                LookupValue=TEXT,
                FromDate=TEXT,
                ToDate=TEXT,
                StatusCode=NUMBER,
                TypeName=TEXT,
            ),
            Columns=object_schema(Include_CSV=TEXT, Exclude_CSV=TEXT),
            Sorting=object_schema(ColumnName=TEXT, Direction=TEXT),
            Paging=object_schema(Offset=NUMBER, RowCount=NUMBER),
        ),
    ),
    Operation("GET", "Task.svc/Retrieve.GetById", retrieve_by_id, "(seen in public clients)", query=("id",)),
)
