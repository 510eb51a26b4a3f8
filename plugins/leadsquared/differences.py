"""Hold a CRM task against the payload that it was made of: what differs, and whose hand that shows."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from followups.changes import OpenChange, Seen
from followups.keys import marker
from leadsquared.wire.records import CrmTask

APPOINTMENT = 0
OPEN, COMPLETE = 0, 1
#: Between the creation of a CRM task and what LeadSquared itself still writes to it.
CREATION = timedelta(seconds=60)
#: What `/update-task/` takes; an appointment's end is moved by `/bulk-update-appointment-timings/`.
UPDATABLE = frozenset({"Name", "Description", "RelatedEntityId", "DueDate", "Reminder", "OwnerEmailAddress", "OwnerId"})
END = "EndDate"
#: What stands for no value; payloads leave such fields out.
_EMPTY = {"Reminder": 0, "Location": ""}
_NO_ID = "00000000-0000-0000-0000-000000000000"

BY_ANOTHER = "changed in LeadSquared by another user than these keys'"
SINCE = "changed in LeadSquared since our last write"


def compare(change: OpenChange, task: CrmTask, keys_user: Collection[str]) -> Seen:
    """Return what the CRM task shows.

    :param keys_user: ids of the user whose keys these are; whoever made the CRM task is taken for one of ours too.
    """
    wanted = wanted_fields(change)
    differing = [] if wanted is None else differences(task, wanted, loose=change.attempts > 0)
    if wanted is not None and change.sent and not change.attempts:
        differing += _not_shown(task, json.loads(change.sent), wanted)
    updatable = UPDATABLE | ({END} if task.category == APPOINTMENT else set())
    is_completed = task.status_code == COMPLETE or task.completed_at is not None
    return Seen(
        is_open=not is_completed and task.status_code in {OPEN, None},
        is_completed=is_completed,
        touched=_touched(change, task, wanted, keys_user),
        differing=tuple(differing),
        not_updatable=tuple(name for name in differing if name not in updatable),
        is_appointment=task.category == APPOINTMENT,
        modified_at=task.modified_at,
    )


def differences(task: CrmTask, payload: Mapping[str, Any], *, loose: bool) -> list[str]:
    """Return the fields that the payload names, the look returned, and that differ.

    A to-do has no end, and `loose` its due date counts by the day, as LeadSquared may keep no more of it.
    """
    by_day = loose and task.category not in {APPOINTMENT, None}
    shown, given = _shown(task), _given(payload)
    return [
        name
        for name, value in given.items()
        if None not in (value, shown.get(name)) and not _agree(name, shown[name], value, by_day=by_day)
    ]


def _not_shown(task: CrmTask, sent: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return the fields that are to change and that the look said nothing of."""
    shown, before, after = _shown(task), _given(sent), _given(wanted)
    if task.category not in {APPOINTMENT, None}:
        del after[END]
    return [name for name, value in after.items() if shown.get(name) is None and value != before.get(name)]


def _shown(task: CrmTask) -> dict[str, Any]:
    return {
        "Name": _words(task.name),
        "Description": _words(task.description),
        "TaskType": _lower(task.task_type),
        "RelatedEntityId": _identity(task.related_id),
        "DueDate": task.due_at,
        END: task.end_at if task.category in {APPOINTMENT, None} else None,
        "Reminder": task.reminder_minutes,
        "Location": _words(task.location),
        "OwnerEmailAddress": _lower(task.owner_email),
        "OwnerId": _identity(task.owner_id),
        **{name.lower(): _plain(value) for name, value in task.custom_fields.items() if value is not None},
    }


def _given(payload: Mapping[str, Any]) -> dict[str, Any]:
    kind = payload.get("TaskType")
    owner = "OwnerEmailAddress" if payload.get("OwnerEmailAddress") else "OwnerId"
    custom = (payload.get("CustomFields") or {}).items()
    return {
        "Name": _words(payload.get("Name")),
        "Description": _words(payload.get("Description")),
        "TaskType": _lower(kind.get("Name") if isinstance(kind, Mapping) else kind),
        "RelatedEntityId": _identity(payload.get("RelatedEntityId")),
        "DueDate": _moment(payload.get("DueDate")),
        END: _moment(payload.get(END)),
        "Reminder": payload.get("Reminder"),
        "Location": _words(payload.get("Location")),
        owner: _identity(payload.get(owner)),
        **{name.lower(): _plain("" if value is None else value) for name, value in custom},
    }


def _agree(name: str, shown: Any, given: Any, *, by_day: bool) -> bool:
    return bool(shown.date() == given.date() if by_day and name == "DueDate" else shown == given)


def _touched(
    change: OpenChange, task: CrmTask, wanted: Mapping[str, Any] | None, keys_user: Collection[str]
) -> str | None:
    """Return how a person's hand shows: in who changed it last, in a value that is not ours, in when."""
    if change.sent is None:
        return None
    ours = {_lower(user) for user in (*keys_user, task.created_by) if user}
    if task.modified_by and _lower(task.modified_by) not in ours:
        return BY_ANOTHER
    foreign = differences(task, json.loads(change.sent), loose=True)
    if change.attempts and wanted is not None:  # a call of ours may have done its part
        missing = differences(task, wanted, loose=True)
        foreign = [name for name in foreign if name in missing]
    if foreign:
        return f"changed in LeadSquared: {', '.join(foreign)}"
    last_write = change.modified_at or (task.created_at + CREATION if task.created_at else None)
    if not change.attempts and last_write and task.modified_at and task.modified_at > last_write:
        return SINCE
    return None


def wanted_fields(change: OpenChange) -> dict[str, Any] | None:
    """Return the wanted payload, with what was sent and is no longer wanted emptied, under the marker that there is.

    Another generation's payload has another marker, which is no difference of the follow-up.
    """
    if change.wanted is None:
        return None
    wanted: dict[str, Any] = json.loads(change.wanted)
    sent: dict[str, Any] = json.loads(change.sent) if change.sent else {}
    emptied = {name: empty for name, empty in _EMPTY.items() if name in sent and name not in wanted}
    old, new = marker(change.key, change.generation), marker(change.key, change.generation + 1)
    fields = dict.fromkeys(sent.get("CustomFields") or {}, "") | (wanted.get("CustomFields") or {})
    return {
        **wanted,
        **emptied,
        "Description": _replaced(wanted.get("Description"), new, old),
        "CustomFields": {name: _replaced(value, new, old) for name, value in fields.items()},
    }


def _replaced(value: Any, new: str, old: str) -> Any:
    return value.replace(new, old) if isinstance(value, str) else value


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _words(text: Any) -> str | None:
    """Return a text without what CRMs trim or fold: space at the ends, kinds of line ends."""
    return None if text is None else " ".join(str(text).split())


def _lower(text: Any) -> str | None:
    return None if text is None else str(text).strip().lower()


def _identity(text: Any) -> str | None:
    """Return an id in one case; no id may be written as nothing or as zeros."""
    return "" if _lower(text) == _NO_ID else _lower(text)


def _plain(value: Any) -> Any:
    """Return a custom field's value in the one form that its ways there and back have in common."""
    text = str(value).strip()
    if (moment := _moment(text)) is not None:
        return moment
    try:
        return float(text)
    except ValueError:
        return _words(text.lower() if isinstance(value, bool) or text in {"True", "False"} else text)
