"""One appointment or to-do at a time."""

from __future__ import annotations

import time
from typing import Any

from sandbox.operations.base import NUMBER, TEXT, Operation, Request, object_schema
from sandbox.replies import success
from sandbox.rows import draft

ROW_SCHEMA = object_schema(
    ("Name", "TaskType"),
    Name=TEXT,
    Description=TEXT,
    RelatedEntity={"type": "integer", "enum": [0, 1, 5]},
    RelatedEntityId=TEXT,
    DueDate=TEXT,
    EndDate=TEXT,
    Reminder=NUMBER,
    ReminderBeforeDays=TEXT,
    ReminderTime=TEXT,
    NotifyBy={"type": "string", "enum": ["1100", "1000"]},
    OwnerId=TEXT,
    OwnerEmailAddress=TEXT,
    TaskType=object_schema(("Name",), Name=TEXT),
    Location=TEXT,
    CustomFields={"type": "object"},
)


async def create(request: Request) -> dict[str, Any]:
    """Create one CRM task at once; the reply holds its id."""
    sandbox = request.sandbox
    request.call.rows = 1
    task = sandbox.store.add(draft(request.body, sandbox.context()), request=0, now=time.time())
    return success({"Id": sandbox.store.id_of(task)})


OPERATIONS = (Operation("POST", "Task.svc/Create", create, "/create-task-appointment/", body=ROW_SCHEMA),)
