"""The CRM task as the sandbox keeps it, and the forms in which the lookups show it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.dates import write_date_time, write_with_millis
from sandbox.directory import TO_DO
from sandbox.people import People

NO_RELATION, LEAD, OPPORTUNITY = 0, 1, 5


@dataclass(slots=True, eq=False)
class CrmTask:
    """One appointment or to-do. Times are seconds since the epoch, owner and type positions in the directory."""

    name: str
    task_type: int
    owner: int
    due: int
    end: int
    description: str | None = None
    related_kind: int = NO_RELATION
    related_id: str = ""
    reminder: int = 0
    reminder_days: int = 0
    reminder_time: str | None = None
    notify_by: str = "1000"
    location: str | None = None
    custom_fields: dict[str, Any] | None = None
    #: The rest is filled in by the store.
    number: int = field(default=0, init=False)
    request: int = field(default=0, init=False)
    created: float = field(default=0.0, init=False)
    modified: float = field(default=0.0, init=False)
    #: position of the user who changed it last, where that was not by the API
    modified_by: int | None = field(default=None, init=False)
    completed: float | None = field(default=None, init=False)
    deleted: float | None = field(default=None, init=False)


def full_item(task: CrmTask, task_id: str, people: People) -> dict[str, Any]:
    """The item of `Retrieve` and of the lookups by users (`/retrieve-tasks/`, `/get-to-dos-by-user-id/`)."""
    owner, caller, task_type = people.users[task.owner], people.caller, people.type_of(task.task_type)
    done = task.completed is not None
    editor = caller if task.modified_by is None else people.users[task.modified_by]
    return {
        "UserTaskId": task_id,
        "Name": task.name,
        "Category": task_type.category,
        "Description": task.description,
        "RelatedEntity": task.related_kind,
        "RelatedEntityId": task.related_id or None,
        "RelatedEntityIdName": related_name(task, people),
        "DueDate": write_with_millis(task.due),
        "EndDate": write_with_millis(task.end),
        "Reminder": task.reminder,
        "ReminderBeforeDays": task.reminder_days,
        "ReminderTime": task.reminder_time,
        "NotifyBy": task.notify_by,
        "StatusCode": int(done),
        "OwnerId": owner.id,
        "OwnerName": owner.name,
        "OwnerEmailAddress": owner.email,
        "CreatedBy": caller.id,
        "CreatedByName": caller.name,
        "CreatedOn": write_with_millis(task.created),
        "ModifiedBy": editor.id,
        "ModifiedByName": editor.name,
        "ModifiedOn": write_with_millis(task.modified),
        "CompletedOn": write_with_millis(task.completed),
        "CompletedBy": editor.id if done else None,
        "CompletedByName": editor.name if done else None,
        "PercentCompleted": 100 if done else 0,
        "Priority": None,
        "Location": task.location,
        "Latitude": None,
        "Longitude": None,
        "TaskType": {"Id": task_type.id, "Name": task_type.name, "Category": task_type.category},
        "CustomFields": task.custom_fields or {},
    }


def short_item(task: CrmTask, task_id: str, people: People, now: float) -> dict[str, Any]:
    """The item of the lookups by lead and opportunity: other names, fewer fields (`/retrieve-tasks-by-leadid/`)."""
    return {
        "TaskID": task_id,
        "Name": task.name,
        "Description": task.description,
        "DueDate": write_date_time(task.due),
        "CreatedOn": write_date_time(task.created),
        "OwnerID": people.users[task.owner].id,
        "OwnerName": people.users[task.owner].name,
        "CreatedBy": people.caller.id,
        "CreatedByName": people.caller.name,
        "Status": status_word(task, now),
        "Reminder": str(task.reminder),
    }


def status_word(task: CrmTask, now: float) -> str:
    """Overdue is not kept anywhere: it follows from the end (`/create-tasks-in-bulk/`)."""
    if task.completed is not None:
        return "Completed"
    return "Overdue" if task.end < now else "Pending"


def related_name(task: CrmTask, people: People) -> str | None:
    """Name of the lead or opportunity that a task belongs to, where the directory has one."""
    if task.related_kind == LEAD:
        lead = people.lead(task.related_id)
        return lead.name if lead else None
    opportunity = people.opportunity(task.related_id) if task.related_kind == OPPORTUNITY else None
    return opportunity.name if opportunity else None


def is_to_do(task: CrmTask, people: People) -> bool:
    """Whether the task is of a to-do type."""
    return people.type_of(task.task_type).category == TO_DO
