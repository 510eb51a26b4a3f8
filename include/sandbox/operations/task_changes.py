"""Changing CRM tasks: update, complete, move, delete."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sandbox.crm_task import CrmTask
from sandbox.jobs import JobResult, RowResult
from sandbox.operations.base import NUMBER, TEXT, TEXTS, Operation, Request, object_schema
from sandbox.operations.later import accept, webhook_address
from sandbox.people import is_guid
from sandbox.reading import Fields
from sandbox.replies import RefusedError, success
from sandbox.rows import check_texts, find_owner, notify_by, related, row_fields
from sandbox.situations import Situation
from sandbox.state import Sandbox

_MOST_DELETED = 5000


def _task(sandbox: Sandbox, task_id: str | None) -> CrmTask:
    if not task_id:
        raise RefusedError(Situation.MANDATORY, "UserTaskId")
    task = sandbox.store.get(task_id)
    if task is None:
        raise RefusedError(Situation.TASK)
    return task


async def update(request: Request) -> dict[str, Any]:
    """Change the fields that are given. The others stay, or are cleared by the switch `update_omitted`."""
    sandbox, body = request.sandbox, request.body
    task = _task(sandbox, body.text("UserTaskId"))
    values = _changes(request, task)
    trial = CrmTask(values.get("name", task.name), task.task_type, task.owner, task.due, task.end)
    trial.description = values.get("description")
    check_texts(trial, sandbox.settings)
    sandbox.store.change(task, values, now=time.time())
    return success({"AffectedRows": 1, "AutoId": task.number})


def _changes(request: Request, task: CrmTask) -> dict[str, Any]:
    body, context = request.body, request.sandbox.context()
    clear = context.settings.update_omitted == "clear"
    values: dict[str, Any] = {}
    if "Name" in body:
        name = body.text("Name")
        if not name or not name.strip():
            raise RefusedError(Situation.MANDATORY, "Name")
        values["name"] = name
    if "OwnerId" in body or "OwnerEmailAddress" in body:
        values["owner"] = find_owner(body, context)
    if "Description" in body or clear:
        values["description"] = body.text("Description")
    if "RelatedEntity" in body or clear:
        values["related_kind"], values["related_id"] = related(body, context)
    if "Reminder" in body or clear:
        values["reminder"] = body.number("Reminder") or 0
    if "NotifyBy" in body or clear:
        values["notify_by"] = notify_by(body)
    due = body.moment("DueDate")
    if due is not None:
        values["due"], values["end"] = due, due + (task.end - task.due)
    return values


async def mark_complete(request: Request) -> dict[str, Any]:
    """Complete a task; a GET with an effect. A completed task stays as it is."""
    sandbox = request.sandbox
    task = _task(sandbox, request.mandatory_id("id"))
    if task.completed is None:
        now = time.time()
        sandbox.store.change(task, {"completed": now}, now=now)
    return success({"AffectedRows": 1})


async def delete_tasks(request: Request) -> dict[str, Any]:
    """Delete up to 5,000 tasks, later. Unknown ids are reported as failed."""
    sandbox = request.sandbox
    ids = request.body.texts("TaskIds")
    if not ids or len(ids) > _MOST_DELETED or not all(is_guid(text.strip()) for text in ids):
        raise RefusedError(Situation.INPUT, "TaskIds")
    webhook_address(request)
    request.call.rows = len(ids)
    number = sandbox.jobs.next_request()

    def delete(index: int) -> CrmTask | None:
        task = sandbox.store.get(ids[index])
        if task is not None:
            sandbox.store.delete(task, now=time.time())
        return task

    await accept(request, number, lambda: _each(sandbox, ("Delete Tasks", "DeletedTasksCount"), number, ids, delete))
    return success({"Id": number})


async def move_appointments(request: Request) -> dict[str, Any]:
    """Give appointments other times, later (`FromDate` becomes the due date, `ToDate` the end)."""
    sandbox = request.sandbox
    rows = request.body.array("TaskList")
    if not rows:
        raise RefusedError(Situation.INPUT, "TaskList")
    webhook_address(request)
    request.call.rows = len(rows)
    read = [row_fields(row, sandbox.settings, bulk=False) for row in rows]
    times = [_times(row) for row in read]
    ids = [row.text("UserTaskId") or "" for row in read]
    number = sandbox.jobs.next_request()

    def move(index: int) -> CrmTask | None:
        task = sandbox.store.get(ids[index])
        if task is None or sandbox.people.type_of(task.task_type).category != 0:
            return None
        sandbox.store.change(task, {"due": times[index][0], "end": times[index][1]}, now=time.time())
        return task

    names = ("Bulk Update Appointment Time", "UpdatedTasksCount")
    await accept(request, number, lambda: _each(sandbox, names, number, ids, move))
    return success({"Id": number, "IsSuccessful": True})


def _times(row: Fields) -> tuple[int, int]:
    first, last = row.moment("FromDate"), row.moment("ToDate")
    if first is None or last is None:
        raise RefusedError(Situation.MANDATORY, "FromDate" if first is None else "ToDate")
    if last < first:
        raise RefusedError(Situation.DATE, "ToDate")
    return first, last


def _each(
    sandbox: Sandbox, names: tuple[str, str], number: str, ids: list[str], change: Callable[[int], CrmTask | None]
) -> JobResult:
    """Change every task, and report those that are not there."""
    results = []
    for index in range(len(ids)):
        task = change(index)
        if task is None:
            results.append(RowResult(index, "", reason="Task does not exist in the system"))
        else:
            results.append(RowResult(index, task.name, sandbox.store.id_of(task)))
    return JobResult(*names, number, results)


_MOVE_ROW = object_schema(("UserTaskId", "FromDate", "ToDate"), UserTaskId=TEXT, FromDate=TEXT, ToDate=TEXT)

OPERATIONS = (
    Operation(
        "POST",
        "Task.svc/Update",
        update,
        "/update-task/",
        body=object_schema(
            ("UserTaskId",),
            UserTaskId=TEXT,
            Name=TEXT,
            Description=TEXT,
            RelatedEntity=NUMBER,
            RelatedEntityId=TEXT,
            DueDate=TEXT,
            Reminder=NUMBER,
            NotifyBy=TEXT,
            OwnerId=TEXT,
            OwnerEmailAddress=TEXT,
        ),
    ),
    Operation("GET", "Task.svc/MarkComplete", mark_complete, "(seen in public clients)", query=("id",)),
    Operation(
        "POST",
        "Task.svc/DeleteTasks",
        delete_tasks,
        "/delete-tasks-in-bulk/",
        body=object_schema(("TaskIds",), TaskIds=TEXTS, StatusWebhookURL=TEXT),
    ),
    Operation(
        "POST",
        "Task.svc/BulkUpdateAppointmentTime",
        move_appointments,
        "/bulk-update-appointment-timings/",
        body=object_schema(("TaskList",), TaskList={"type": "array", "items": _MOVE_ROW}, StatusWebhookURL=TEXT),
    ),
)
