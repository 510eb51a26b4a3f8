"""Up to 50 tasks in one call. The reply only says that they were accepted; rows may be dropped afterwards."""

from __future__ import annotations

import re
import time
from typing import Any

from sandbox.crm_task import CrmTask
from sandbox.faults import Fault, rows_to_drop
from sandbox.jobs import JobResult, RowResult
from sandbox.operations.base import TEXT, Operation, Request, object_schema
from sandbox.operations.later import accept, webhook_address
from sandbox.operations.task_create import ROW_SCHEMA
from sandbox.reading import Fields
from sandbox.replies import MalformedError, RefusedError, explain, success, to_json
from sandbox.rows import check_structure, draft, row_fields
from sandbox.situations import Situation
from sandbox.state import Drop, Sandbox

MOST_ROWS = 50


async def create_in_bulk(request: Request) -> dict[str, Any]:
    """Accept a batch. Which faults of a row refuse the whole batch at once is the switch `bulk_validate`."""
    rows = _rows(request)
    webhook_address(request)
    number = request.sandbox.jobs.next_request()
    drops = _drops(request, len(rows), number)
    await accept(request, number, lambda: _create(request.sandbox, number, rows, drops))
    return success({"Id": number})


def _rows(request: Request) -> list[Fields]:
    rows = request.body.array("TaskList")
    if not rows or len(rows) > MOST_ROWS:
        raise RefusedError(Situation.INPUT, "TaskList")
    request.call.rows = len(rows)
    _refuse_poison(request.call.row_faults, rows)
    settings = request.sandbox.settings
    read = [row_fields(row, settings, bulk=True) for row in rows]
    for row in read:
        if settings.bulk_validate == "structure":
            check_structure(row)
        elif settings.bulk_validate == "all":
            draft(row, request.sandbox.context())
    return read


def _refuse_poison(faults: list[Fault], rows: list[Any]) -> None:
    for fault in faults:
        if fault.rule.kind == "poison_row" and fault.rule.match:
            pattern = re.compile(fault.rule.match)
            if any(pattern.search(to_json(row).decode()) for row in rows):
                raise RefusedError(Situation.POISON, fault.rule.reason or "TaskList")


def _drops(request: Request, rows: int, number: str) -> dict[int, str]:
    """The rows that the switches and faults drop, with the reason."""
    settings = request.sandbox.settings
    always = settings.bulk_row_faults
    indexes = rows_to_drop(always.indexes, always.probability, rows, f"{settings.seed}/{number}")
    drops = dict.fromkeys(indexes, always.reason)
    for fault in request.call.row_faults:
        rule = fault.rule
        if rule.kind == "drop_rows":
            named = rows_to_drop(rule.indexes, rule.row_probability, rows, fault.draw)
            drops.update(dict.fromkeys(named, rule.reason or "Task could not be created"))
    return drops


def _create(sandbox: Sandbox, number: str, rows: list[Fields], drops: dict[int, str]) -> JobResult:
    judged = [_judge(index, row, drops.get(index), sandbox) for index, row in enumerate(rows)]
    atomic = sandbox.settings.bulk_atomic and any(isinstance(item, RowResult) for item in judged)
    results = []
    for index, item in enumerate(judged):
        if isinstance(item, CrmTask) and atomic:
            results.append(RowResult(index, item.name, reason="Another task of the request failed"))
        elif isinstance(item, CrmTask):
            task = sandbox.store.add(item, request=int(number), now=time.time())
            results.append(RowResult(index, task.name, sandbox.store.id_of(task)))
        else:
            results.append(item)
    for result in results:
        if result.crm_task_id is None:
            marker = _marker(rows[result.index], sandbox)
            sandbox.drops.add(Drop(number, result.index, marker, result.exception_type, result.reason))
    return JobResult("Bulk Create Tasks", "CreatedTasksCount", number, results)


def _judge(index: int, row: Fields, drop: str | None, sandbox: Sandbox) -> CrmTask | RowResult:
    name = row.raw("Name")
    shown = name if isinstance(name, str) else ""
    if drop is not None:
        return RowResult(index, shown, exception_type="MXException", reason=drop)
    try:
        return draft(row, sandbox.context())
    except MalformedError as error:
        return RowResult(index, shown, exception_type="MXInvalidInputException", reason=str(error.value))
    except RefusedError as error:
        exception_type, reason = explain(error, sandbox.settings)
        return RowResult(index, shown, exception_type=exception_type, reason=reason)


def _marker(row: Fields, sandbox: Sandbox) -> str | None:
    description, custom = row.raw("Description"), row.raw("CustomFields")
    return sandbox.markers.in_fields(description, custom if isinstance(custom, dict) else {})


OPERATIONS = (
    Operation(
        "POST",
        "Task.svc/Bulk/Create",
        create_in_bulk,
        "/create-tasks-in-bulk/",
        body=object_schema(
            ("TaskList",),
            TaskList={"type": "array", "minItems": 1, "maxItems": MOST_ROWS, "items": ROW_SCHEMA},
            StatusWebhookURL=TEXT,
        ),
    ),
)
