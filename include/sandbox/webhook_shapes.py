"""Forms in which a job's outcome may be posted to its status webhook. The vendor documents none for bulk create."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from sandbox.jobs import JobResult
from sandbox.replies import to_json

_JSON = "application/json; charset=utf-8"


def body_of(shape: str, result: JobResult) -> tuple[str, bytes]:
    """Content type and body for a shape, which is one of the switch `webhook_shape` but `never`."""
    match shape:
        case "detailed":
            return _JSON, to_json(_detailed(result))
        case "echo":
            return _JSON, to_json({"Status": "Success", "Message": {"Id": result.request}})
        case "rows":
            return _JSON, to_json(_rows(result))
        case "form":
            fields = {key: "" if value is None else value for key, value in _summary(result).items()}
            return "application/x-www-form-urlencoded", urlencode(fields).encode()
        case "garbage":
            return _garbage(result)
        case _:
            return _JSON, to_json(_summary(result))


def _summary(result: JobResult) -> dict[str, Any]:
    done = sum(row.crm_task_id is not None for row in result.rows)
    failed = not done and bool(result.rows)
    return {
        "Status": "Error" if failed else "Success",
        "Operation": result.operation,
        "TasksCount": len(result.rows),
        result.counter: done,
        "FailureReason": result.rows[0].reason if failed else None,
    }


def _detailed(result: JobResult) -> dict[str, Any]:
    failed = [
        {"Index": row.index, "Name": row.name, "Reason": row.reason} for row in result.rows if row.crm_task_id is None
    ]
    done = [{"Index": row.index, "Id": row.crm_task_id} for row in result.rows if row.crm_task_id is not None]
    return {**_summary(result), "Id": result.request, "Details": {"FailedTasks": failed, "CreatedTasks": done}}


def _rows(result: JobResult) -> list[dict[str, Any]]:
    return [
        {"Name": row.name, "Status": "Success", "Id": row.crm_task_id}
        if row.crm_task_id is not None
        else {"Name": row.name, "Status": "Error", "ExceptionMessage": row.reason}
        for row in result.rows
    ]


def _garbage(result: JobResult) -> tuple[str, bytes]:
    forms = [
        ("text/plain", b"Your request has been processed."),
        ("application/json", b""),
        (_JSON, to_json(_summary(result))[:-20]),
    ]
    return forms[int(result.request) % len(forms)]
