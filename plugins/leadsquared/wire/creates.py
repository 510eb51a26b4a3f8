"""Write follow-ups in LeadSquared's form: payloads and the bodies of the two create calls.

Pages: `/create-tasks-in-bulk/`, `/create-task-appointment/`, `/create-a-to-do/`. The vendor leaves most defaults
unsaid, so all of them are sent explicitly. What cannot be expressed is refused with the field's name; nothing is cut or
dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache
from math import isfinite
from typing import Any, Final, Literal

import msgspec

from leadsquared.wire.encoding import MAX_BODY_BYTES, PayloadError, check_size, encode_payload, encode_text

__all__ = [
    "IN_DESCRIPTION",
    "MAX_BODY_BYTES",
    "MAX_TASKS_PER_CALL",
    "NO_MARKER",
    "PayloadError",
    "add_marker",
    "build_payload",
    "bulk_body",
    "compose_payload",
    "create_body",
    "encode_payload",
    "find_marker",
    "find_markers",
    "format_utc",
    "place_marker",
    "render_marker",
]

#: `/create-tasks-in-bulk/`: at most 50 tasks a call.
MAX_TASKS_PER_CALL: Final = 50

NO_MARKER: Final = "off"
IN_DESCRIPTION: Final = "description"

RELATED_ENTITIES: Final[Mapping[str | None, int]] = {None: 0, "lead": 1, "opportunity": 5}

_MARKER: Final = re.compile(r"\[ref:([0-9A-Za-z-]{6,20})\]")
_MARKER_CODE: Final = re.compile(r"[0-9A-Za-z-]{6,20}\Z")
_to_text: Final = msgspec.to_builtins
_PLAIN: Final = (str, int, type(None))
_FIELD_NAME: Final = re.compile(r"mx_[0-9A-Za-z_]{1,60}\Z")


def format_utc(moment: datetime, field: str = "date") -> str:
    """Return `YYYY-MM-DD HH:MM:SS` in UTC, the one form that all operations take; parts of a second are dropped."""
    if moment.tzinfo is not UTC:
        if moment.utcoffset() is None:
            raise PayloadError(field, "has no time zone; give an aware date-time")
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            raise PayloadError(field, "lies outside the years 1 to 9999 in UTC") from None
    # Four times as fast as isoformat: a run formats two million of them.
    text: str = _to_text(moment)
    return text[:19].replace("T", " ")


def build_payload(
    *,
    task_type: str,
    subject: str,
    due_at: datetime,
    end_at: datetime | None = None,
    owner_email: str | None = None,
    owner_id: str | None = None,
    description: str | None = None,
    location: str | None = None,
    related_to: Literal["lead", "opportunity"] | None = None,
    related_id: str | None = None,
    reminder_minutes: int | None = None,
    notify_owner: bool = False,
    custom_fields: Mapping[str, Any] | None = None,
    marker: str | None = None,
    marker_place: str = IN_DESCRIPTION,
) -> dict[str, Any]:
    """Return one item of `TaskList`, also the body of a single create.

    :param task_type: the task type's exact name.
    :param due_at: aware; when it is due, or when the appointment starts.
    :param end_at: aware, not before `due_at`; `due_at` itself by default.
    :param owner_email: the owner's address; used even if `owner_id` is given, as a bulk create knows no other.
    :param related_id: id of the lead or opportunity; given if and only if `related_to` is.
    :param reminder_minutes: minutes before `due_at` at which the owner gets an e-mail; none by default.
    :param notify_owner: e-mail the owner about the new task at once.
    :param custom_fields: values by `mx_…` name: text, number, boolean, null, date or aware date-time.
    :param marker: 6 to 20 letters, digits and hyphens, written as `[ref:…]`.
    :param marker_place: `description`, the name of a custom field, or `off`.
    :raises PayloadError: naming the parameter at fault.
    """
    _required("subject", subject)
    _required("task_type", task_type)
    _check_related(related_to, related_id)
    if not owner_email:
        _required("owner_email", owner_id, "is missing, and so is owner_id")
    if reminder_minutes is not None:
        _not_negative("reminder_minutes", reminder_minutes)
    payload = compose_payload(
        task_type=task_type,
        subject=subject,
        due_at=due_at,
        end_at=end_at,
        owner_email=owner_email and owner_email.strip(),
        owner_id=owner_id,
        description=description,
        location=location,
        related_to=related_to,
        related_id=related_id,
        reminder_minutes=reminder_minutes,
        notify_owner=notify_owner,
        custom_fields=custom_fields,
    )
    if marker is not None and marker_place != NO_MARKER:
        _check_marker(marker)
        place_marker(payload, marker, marker_place)
    return payload


def compose_payload(
    *,
    task_type: str,
    subject: str,
    due_at: datetime,
    end_at: datetime | None,
    owner_email: str | None,
    owner_id: str | None = None,
    description: str | None,
    location: str | None,
    related_to: str | None,
    related_id: str | None,
    reminder_minutes: int | None,
    notify_owner: bool | None,
    custom_fields: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the same of values of which each was checked by itself, as those of a `FollowUp` are.

    :raises PayloadError: a date or a custom field that LeadSquared's form cannot hold.
    """
    due = format_utc(due_at, "due_at")
    end = due if end_at is None or end_at is due_at else format_utc(end_at, "end_at")
    if end < due:
        raise PayloadError("end_at", "is before due_at")
    payload: dict[str, Any] = {
        "Name": subject,
        "Description": description or "",
        "RelatedEntity": RELATED_ENTITIES[related_to],
        "RelatedEntityId": related_id or "",
        "DueDate": due,
        "EndDate": end,
        "NotifyBy": "1100" if notify_owner else "1000",
        "TaskType": {"Name": task_type},
    }
    if owner_email:
        payload["OwnerEmailAddress"] = owner_email
    else:
        payload["OwnerId"] = owner_id
    if reminder_minutes is not None:
        payload["Reminder"] = reminder_minutes
    if location:
        payload["Location"] = location
    if custom_fields:
        payload["CustomFields"] = _custom_fields(custom_fields)
    return payload


def add_marker(payload: Mapping[str, Any], code: str, place: str = IN_DESCRIPTION) -> dict[str, Any]:
    """Return a ready-made payload with the marker written in it; places are those of `build_payload`."""
    marked = {**payload, "Description": payload.get("Description") or ""}
    if place not in {IN_DESCRIPTION, NO_MARKER}:
        marked["CustomFields"] = dict(payload.get("CustomFields") or {})
    if place != NO_MARKER:
        _check_marker(code)
        place_marker(marked, code, place)
    return marked


def bulk_body(payloads: Sequence[str | Mapping[str, Any]], status_webhook_url: str | None = None) -> bytes:
    """Return the body of `Task.svc/Bulk/Create`: 1 to 50 payloads in their order, as mappings or encoded JSON text.

    :param status_webhook_url: where LeadSquared is to post the outcome; the shape of that post is not documented.
    :raises PayloadError: no payload, more than 50, or a body above 1 MB.
    """
    if not 1 <= len(payloads) <= MAX_TASKS_PER_CALL:
        raise PayloadError("TaskList", f"holds {len(payloads)} payloads; a call takes 1 to {MAX_TASKS_PER_CALL}")
    items = ",".join(item if isinstance(item, str) else encode_payload(item) for item in payloads)
    tail = "" if status_webhook_url is None else f',"StatusWebhookURL":{encode_text(status_webhook_url)}'
    return check_size(f'{{"TaskList":[{items}]{tail}}}', "TaskList")


def create_body(
    payload: str | Mapping[str, Any], *, reminder_before_days: int | None = None, reminder_time: time | None = None
) -> bytes:
    """Return the body of `Task.svc/Create`, the same for appointments and to-dos: the task type decides.

    A to-do's reminder (`/create-a-to-do/`) is given by both of these together and replaces `reminder_minutes`:

    :param reminder_before_days: days before the due date.
    :param reminder_time: time of day, in a zone that the vendor does not state.
    """
    if reminder_before_days is None and reminder_time is None:
        return check_size(payload if isinstance(payload, str) else encode_payload(payload), "payload")
    if reminder_before_days is None or reminder_time is None:
        raise PayloadError("reminder_time", "and reminder_before_days must be given together")
    to_do = dict(msgspec.json.decode(payload) if isinstance(payload, str) else payload)
    to_do.pop("Reminder", None)
    to_do["ReminderBeforeDays"] = str(_not_negative("reminder_before_days", reminder_before_days))
    to_do["ReminderTime"] = reminder_time.strftime("%H:%M:%S")
    return check_size(encode_payload(to_do), "payload")


def render_marker(code: str) -> str:
    """Return the marker as it stands in the CRM."""
    return f"[ref:{code}]"


def find_marker(text: str | None) -> str | None:
    """Return the code of the last marker in `text`: ours stands at the end, and customers' notes may quote others."""
    found = find_markers(text)
    return found[-1] if found else None


def find_markers(text: str | None) -> list[str]:
    """Return the codes of all markers in `text`, ours and quoted ones."""
    return _MARKER.findall(text) if text and "[ref:" in text else []


def place_marker(payload: dict[str, Any], code: str, place: str) -> None:
    """Write the marker of a delivery into its payload."""
    if place == NO_MARKER:
        return
    marker = render_marker(code)
    if place == IN_DESCRIPTION:
        text = payload["Description"]
        if not text:
            payload["Description"] = marker
        elif find_marker(text) != code:
            payload["Description"] = f"{text} {marker}"
        return
    fields = payload.setdefault("CustomFields", {})
    if fields.get(place) not in (None, marker):
        raise PayloadError(place, "is kept for the marker and cannot hold a value of its own")
    fields[_field_name(place)] = marker


def _check_marker(code: str) -> None:
    """Refuse a code that would not be found again."""
    if not _MARKER_CODE.match(code):
        raise PayloadError("marker", "must be 6 to 20 letters, digits and hyphens")


def _custom_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_field_name(name): _custom_value(name, value) for name, value in values.items()}


@lru_cache
def _field_name(name: str) -> str:
    if not _FIELD_NAME.match(name):
        raise PayloadError("custom_fields", "names must look like mx_Custom_1")
    return name


def _custom_value(name: str, value: Any) -> str | int | float | bool | None:
    if isinstance(value, _PLAIN) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, datetime):
        return format_utc(value, name)
    if isinstance(value, date):
        return value.isoformat()
    raise PayloadError(name, "must be text, a finite number, a boolean, null, a date or an aware date-time")


def _required(field: str, value: str | None, rule: str = "is missing or blank") -> str:
    if not value or value.isspace():
        raise PayloadError(field, rule)
    return value


def _check_related(related_to: str | None, related_id: str | None) -> None:
    if related_to is None:
        if related_id:
            raise PayloadError("related_to", "is missing although related_id is given")
        return
    if related_to not in RELATED_ENTITIES:
        raise PayloadError("related_to", "must be lead, opportunity or null")
    _required("related_id", related_id, "is missing although related_to is given")


def _not_negative(field: str, number: int) -> int:
    if number < 0:
        raise PayloadError(field, "must not be negative")
    return number
