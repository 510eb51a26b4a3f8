"""Turns a row of a create request into a CRM task, or says why the service would not (`/create-tasks-in-bulk/`).

Two steps, because the bulk operation takes them at different times: `check_structure` looks at JSON types and date
texts, `draft` at what the row means.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any

from sandbox.crm_task import LEAD, NO_RELATION, OPPORTUNITY, CrmTask
from sandbox.dates import local_midnight
from sandbox.directory import TO_DO, TaskType
from sandbox.people import People, is_guid
from sandbox.reading import Fields
from sandbox.replies import MalformedError, RefusedError
from sandbox.settings import Settings
from sandbox.situations import Situation

_HTML = re.compile(r"<\s*(script|iframe|img|svg|object|a)\b|javascript:", re.IGNORECASE)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d", re.ASCII)
_TEXTS = ("Name", "Description", "RelatedEntityId", "NotifyBy", "OwnerId", "OwnerEmailAddress", "Location")
_NUMBERS = ("RelatedEntity", "Reminder", "ReminderBeforeDays")
_NOT_LISTED_IN_BULK = ("OwnerId", "ReminderBeforeDays", "ReminderTime")


@dataclass(frozen=True, slots=True)
class Context:
    """What rows are judged by. `now` is seconds since the epoch."""

    settings: Settings
    people: People
    now: float


def row_fields(row: object, settings: Settings, *, bulk: bool) -> Fields:
    """The row's fields. Raises MalformedError when it is not an object."""
    if not isinstance(row, dict):
        raise MalformedError("A task must be an object")
    if bulk and settings.bulk_ignore_unlisted_fields:
        row = {key: value for key, value in row.items() if key not in _NOT_LISTED_IN_BULK}
    return Fields(row, any_case=settings.key_case == "any")


def check_structure(row: Fields) -> None:
    """Check JSON types and date texts. Raises MalformedError or RefusedError."""
    for name in _TEXTS:
        row.text(name)
    for name in _NUMBERS:
        row.number(name)
    row.plain_object("CustomFields")
    task_type = row.object("TaskType")
    if task_type is not None:
        task_type.text("Name")
    row.moment("DueDate")
    row.moment("EndDate")


def draft(row: Fields, context: Context) -> CrmTask:
    """The CRM task that a row asks for. Raises RefusedError (or MalformedError, for an unchecked row)."""
    check_structure(row)
    name = _mandatory_text(row, "Name")
    task_type = _task_type(row, context)
    owner = find_owner(row, context)
    kind, related_id = related(row, context)
    kept_type = context.people.type_of(task_type)
    if kept_type.mandatory_lead and kind == NO_RELATION:
        raise RefusedError(Situation.MANDATORY, "RelatedEntityId")
    due, end = _dates(row, kept_type, context)
    task = CrmTask(
        name=name,
        task_type=task_type,
        owner=owner,
        due=due,
        end=end,
        description=row.text("Description"),
        related_kind=kind,
        related_id=related_id,
        location=sys.intern(row.text("Location") or "") or None,
        custom_fields=_custom_fields(row, kept_type, context.settings),
        notify_by=notify_by(row),
    )
    _set_reminders(task, row)
    check_texts(task, context.settings)
    return task


def find_owner(row: Fields, context: Context) -> int:
    """Position of the owner: `OwnerId` wins over `OwnerEmailAddress`. Raises RefusedError if unknown or inactive."""
    owner_id, email = row.text("OwnerId"), row.text("OwnerEmailAddress")
    if owner_id:
        field, owner = "OwnerId", context.people.user_by_id(owner_id)
    else:
        strict = context.settings.owner_match == "strict"
        field, owner = "OwnerEmailAddress", context.people.user_by_email(email or "", strict=strict)
    if owner is None or not context.people.users[owner].active:
        raise RefusedError(Situation.OWNER, field)
    return owner


def related(row: Fields, context: Context) -> tuple[int, str]:
    """Kind and id of the related entity: 0 none, 1 lead, 5 opportunity, whose id must then be known."""
    kind = row.number("RelatedEntity") or NO_RELATION
    related_id = (row.text("RelatedEntityId") or "").strip().lower()
    if kind not in (NO_RELATION, LEAD, OPPORTUNITY):
        raise RefusedError(Situation.INPUT, "RelatedEntity")
    if kind == NO_RELATION:
        if related_id:
            raise RefusedError(Situation.INPUT, "RelatedEntityId")
        return kind, ""
    if not related_id:
        raise RefusedError(Situation.MANDATORY, "RelatedEntityId")
    known = context.settings.known_leads
    if kind == LEAD and not context.people.knows_lead(related_id, known):
        raise RefusedError(Situation.LEAD)
    if kind == OPPORTUNITY and not is_guid(related_id):
        raise RefusedError(Situation.MALFORMED_OPPORTUNITY)
    if kind == OPPORTUNITY and not context.people.knows_opportunity(related_id, known):
        raise RefusedError(Situation.OPPORTUNITY, value=related_id)
    return kind, related_id


def notify_by(row: Fields) -> str:
    """`1100` e-mails the owner, `1000` does not; no other value is documented."""
    value = row.text("NotifyBy") or "1000"
    if value not in ("1000", "1100"):
        raise RefusedError(Situation.INPUT, "NotifyBy")
    return sys.intern(value)


def check_texts(task: CrmTask, settings: Settings) -> None:
    """Refuse texts that are too long or that hold mark-up, where the switches say so."""
    limits = settings.max_len
    custom = [(name, value, limits.custom) for name, value in (task.custom_fields or {}).items()]
    for field, text, limit in [
        ("Name", task.name, limits.name),
        ("Description", task.description, limits.description),
        ("Location", task.location, limits.location),
        *custom,
    ]:
        if not isinstance(text, str):
            continue
        if limit is not None and len(text) > limit:
            raise RefusedError(Situation.TOO_LONG, field, limit=limit)
        if settings.reject_html and _HTML.search(text):
            raise RefusedError(Situation.HTML, field)


def _mandatory_text(row: Fields, name: str) -> str:
    text = row.text(name)
    if not text or not text.strip():
        raise RefusedError(Situation.MANDATORY, name)
    return text


def _task_type(row: Fields, context: Context) -> int:
    value = row.object("TaskType")
    name = (value.text("Name") if value else None) or ""
    found = context.people.type_by_name(name, loose=context.settings.type_match == "loose")
    if found is None:
        raise RefusedError(Situation.TASK_TYPE, "TaskType")
    return found


def _dates(row: Fields, task_type: TaskType, context: Context) -> tuple[int, int]:
    zone, settings = context.people.zone, context.settings
    due, end = row.moment("DueDate"), row.moment("EndDate")
    if due is None:
        due = int(context.now) if settings.default_due == "now_utc" else local_midnight(context.now, zone)
    if end is None:
        end = due + task_type.default_minutes * 60
    if end < due:
        raise RefusedError(Situation.DATE, "EndDate")
    if task_type.category == TO_DO and settings.todo_dates == "local_midnight":
        due, end = local_midnight(due, zone), local_midnight(end, zone)
    return due, end


def _custom_fields(row: Fields, task_type: TaskType, settings: Settings) -> dict[str, Any] | None:
    sent = row.plain_object("CustomFields")
    known = {field.schema_name.lower(): field for field in task_type.custom_fields}
    values: dict[str, Any] = {}
    for name, value in sent.items():
        field = known.get(name.lower())
        if field is None:
            if settings.unknown_custom_fields == "reject":
                raise RefusedError(Situation.INPUT, name)
        elif value not in (None, ""):
            if field.options and value not in field.options:
                raise RefusedError(Situation.INPUT, field.schema_name)
            values[field.schema_name] = value
    for field in task_type.custom_fields:
        if field.mandatory and field.schema_name not in values:
            raise RefusedError(Situation.MANDATORY, field.schema_name)
    return values or None


def _set_reminders(task: CrmTask, row: Fields) -> None:
    task.reminder = row.number("Reminder") or 0
    task.reminder_days = row.number("ReminderBeforeDays") or 0
    task.reminder_time = row.text("ReminderTime") or None
    for name, number in (("Reminder", task.reminder), ("ReminderBeforeDays", task.reminder_days)):
        if number < 0:
            raise RefusedError(Situation.INPUT, name)
    if task.reminder_time is not None and not _CLOCK.fullmatch(task.reminder_time):
        raise RefusedError(Situation.INPUT, "ReminderTime")
