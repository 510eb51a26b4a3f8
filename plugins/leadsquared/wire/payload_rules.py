"""What is wrong with a payload given in LeadSquared's own form, before anybody is asked; values are never told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from leadsquared.wire.creates import RELATED_ENTITIES
from leadsquared.wire.values import to_moment, to_number

APPOINTMENT: Final = 0
TO_DO_REMINDERS: Final = ("ReminderBeforeDays", "ReminderTime")
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAMES: Final = {number: name for name, number in RELATED_ENTITIES.items()}


def related_to(payload: Mapping[str, Any]) -> str | None:
    """Return lead, opportunity or None."""
    return _NAMES.get(to_number(payload.get("RelatedEntity")) or 0)


def related_problem(payload: Mapping[str, Any]) -> str | None:
    """Return why `RelatedEntity` and `RelatedEntityId` do not go together (`/create-tasks-in-bulk/`)."""
    given, related_id = payload.get("RelatedEntity"), payload.get("RelatedEntityId")
    if given not in (None, "") and to_number(given) not in _NAMES:
        return "RelatedEntity: not 0 (none), 1 (lead) or 5 (opportunity)"
    kind = related_to(payload)
    if kind is None:
        return "RelatedEntityId: given, but RelatedEntity is not 1 (lead) or 5 (opportunity)" if related_id else None
    if not isinstance(related_id, str) or not _GUID.fullmatch(related_id.strip()):
        return f"RelatedEntityId: not the id of a {kind}, like 00000000-0000-4000-8000-000000000001"
    return None


def end_problem(payload: Mapping[str, Any], due: datetime | None) -> str | None:
    """Return why `EndDate` cannot be."""
    given = payload.get("EndDate")
    if given in (None, ""):
        return None
    end = to_moment(given)
    if end is None:
        return "EndDate: not a date-time like 2031-04-05 06:30:00 (UTC)"
    return "EndDate: before DueDate" if due and end < due else None


def reminder_problem(payload: Mapping[str, Any], category: int | None) -> str | None:
    """Return which reminder an appointment does not take (`/create-a-to-do/`)."""
    given = [name for name in TO_DO_REMINDERS if payload.get(name) not in (None, "")]
    if category != APPOINTMENT or not given:
        return None
    return f"{given[0]}: for to-dos alone, and the task type makes appointments; give Reminder (minutes)"


def fields_problem(payload: Mapping[str, Any]) -> str | None:
    """Return why `CustomFields` cannot be read."""
    given = payload.get("CustomFields")
    return None if given is None or isinstance(given, Mapping) else "CustomFields: not an object of mx_… fields"


def fields_of(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the custom fields."""
    given = payload.get("CustomFields")
    return given if isinstance(given, Mapping) else {}
