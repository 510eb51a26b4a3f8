"""Write what a CRM task is to become, and tell whether it has.

Names are those of follow-ups (`subject`, `due_at`, …) or LeadSquared's own; the page is `/update-task/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from typing import Any, Final

from leadsquared.wire.creates import RELATED_ENTITIES, find_marker, format_utc, render_marker
from leadsquared.wire.encoding import PayloadError
from leadsquared.wire.ids import is_guid
from leadsquared.wire.records import CrmTask
from leadsquared.wire.values import to_moment, to_number, to_text

#: LeadSquared's names by ours.
NAMES: Final[Mapping[str, str]] = {
    "subject": "Name",
    "description": "Description",
    "related_to": "RelatedEntity",
    "related_id": "RelatedEntityId",
    "due_at": "DueDate",
    "reminder_minutes": "Reminder",
    "notify_owner": "NotifyBy",
    "owner_id": "OwnerId",
    "owner_email": "OwnerEmailAddress",
}
_NO_UPDATE: Final = {
    "end_at": "an update has no end; move appointments with LeadSquaredHook.move_appointments",
    "EndDate": "an update has no end; move appointments with LeadSquaredHook.move_appointments",
    "task_type": "the type of a CRM task cannot be changed",
    "TaskType": "the type of a CRM task cannot be changed",
}
_DAY: Final = timedelta(days=1)


def wanted_fields(given: Mapping[str, Any], zone: tzinfo = UTC) -> dict[str, Any]:
    """Return the fields of an update in LeadSquared's names and forms.

    :param given: our names or LeadSquared's; `due_at` a date-time or its ISO text, in `zone` if it has none.
    :raises PayloadError: an unknown name, or a value that LeadSquared has no form for.
    """
    if not given:
        raise PayloadError("fields", "hold nothing to change")
    fields = {}
    for name, value in given.items():
        target = NAMES.get(name, name)
        if target not in NAMES.values():
            raise PayloadError(name, _NO_UPDATE.get(name) or _unknown(name))
        fields[target] = _value(name, target, value, zone)
    if "OwnerId" in fields and "OwnerEmailAddress" in fields:
        raise PayloadError("owner_id", "and owner_email are given: one of them names the owner")
    if fields.get("RelatedEntity", 0) and not fields.get("RelatedEntityId"):
        raise PayloadError("related_id", "is missing although related_to is given")
    if fields.get("RelatedEntityId") and not fields.get("RelatedEntity"):
        raise PayloadError("related_to", "is missing although related_id is given")
    return fields


def complete_fields(task: CrmTask, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return `wanted` with all other fields as they stand: the vendor does not say whether those left out are kept.

    Our marker, by which the ledger knows the CRM task, stays at the end of a new description.
    """
    fields: dict[str, Any] = {
        "Name": task.name,
        "Description": task.description or "",
        "RelatedEntity": task.related_entity or 0,
        "RelatedEntityId": task.related_id or "",
        "DueDate": format_utc(task.due_at) if task.due_at else None,
        "Reminder": task.reminder_minutes,
        "NotifyBy": task.notify_by,
        "OwnerId": None if "OwnerEmailAddress" in wanted else task.owner_id,
        **wanted,
    }
    if wanted.get("RelatedEntity") == 0:
        fields["RelatedEntityId"] = ""
    code = find_marker(task.description)
    if code and "Description" in wanted and find_marker(fields["Description"]) != code:
        fields["Description"] = f"{fields['Description']} {render_marker(code)}".lstrip()
    return {name: value for name, value in fields.items() if value is not None}


def is_as_wanted(task: CrmTask, wanted: Mapping[str, Any], *, asked: bool) -> bool:
    """Tell whether a CRM task stands as wanted.

    :param asked: the change was asked for. Then what a look-up leaves out counts as changed, and so does a to-do that
        is due earlier on that day: LeadSquared may keep a to-do's date alone.
    """
    fields = complete_fields(task, wanted)
    return all(_agrees(task, name, fields[name], asked=asked) for name in wanted if name in fields)


def _agrees(task: CrmTask, name: str, value: Any, *, asked: bool) -> bool:
    if name == "DueDate":
        return _is_due(task, value, asked=asked)
    seen = {
        "Name": task.name,
        "Description": task.description or "",
        "RelatedEntity": task.related_entity,
        "RelatedEntityId": task.related_id or "",
        "Reminder": task.reminder_minutes,
        "NotifyBy": task.notify_by,
        "OwnerId": task.owner_id,
        "OwnerEmailAddress": task.owner_email,
    }[name]
    if seen is None:
        return asked
    if name in {"Name", "Description"}:
        return str(seen).strip() == str(value).strip()
    return str(seen).strip().lower() == str(value).strip().lower()


def _is_due(task: CrmTask, value: str, *, asked: bool) -> bool:
    moment = to_moment(value)
    if task.due_at is None or moment is None:
        return asked
    if asked and task.category == 1:
        return timedelta(0) <= moment - task.due_at < _DAY or moment == task.due_at
    return moment == task.due_at.replace(microsecond=0)


def _value(name: str, target: str, value: Any, zone: tzinfo) -> Any:
    if target == "DueDate":
        return _moment(name, value, UTC if name == target else zone)
    if target == "RelatedEntity":
        return _related_entity(name, value)
    if target == "Reminder":
        number = to_number(value)
        if number is None or number < 0 or isinstance(value, bool):
            raise PayloadError(name, "must be a whole number of minutes from 0 up")
        return number
    if target == "NotifyBy":
        return _notify_by(name, value)
    text = to_text(value)
    if text is None or (target in {"Name", "OwnerId", "OwnerEmailAddress"} and not text.strip()):
        if target in {"Description", "RelatedEntityId"} and value is None:
            return ""
        raise PayloadError(name, "must be text that is not blank")
    if target in {"OwnerId", "RelatedEntityId"} and text and not is_guid(text.strip()):
        raise PayloadError(name, "is no id like 00000000-0000-4000-8000-000000000001")
    return text.strip()


def _moment(name: str, value: Any, zone: tzinfo) -> str:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise PayloadError(name, "is no date-time like 2031-04-05 06:00:00+05:30") from None
    return format_utc(moment if moment.tzinfo else moment.replace(tzinfo=zone), name)


def _related_entity(name: str, value: Any) -> int:
    if name == "related_to" and (value is None or value in RELATED_ENTITIES):
        return RELATED_ENTITIES[value]
    number = to_number(value)
    if name == "RelatedEntity" and number in RELATED_ENTITIES.values():
        assert number is not None
        return number
    raise PayloadError(name, "must be lead, opportunity or null" if name == "related_to" else "must be 0, 1 or 5")


def _notify_by(name: str, value: Any) -> str:
    if name == "notify_owner" and isinstance(value, bool):
        return "1100" if value else "1000"
    if name == "NotifyBy" and to_text(value) in {"1000", "1100"}:
        return str(value)
    raise PayloadError(name, "must be true or false" if name == "notify_owner" else "must be 1000 or 1100")


def _unknown(name: str) -> str:
    close = get_close_matches(name, [*NAMES, *NAMES.values()], n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(NAMES)}"
    return f"is no field of an update; {hint}"
