"""Read what LeadSquared posts to a status webhook. Pure, and tolerant: the shape is not documented.

Source: `/create-tasks-in-bulk/` says only that the outcome is posted; the shapes below are those of its relatives
(`/delete-tasks-in-bulk/`, `/update-lead-in-bulk-v2`) and what is plausible beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

MAX_REASON = 300
_GUID = re.compile(r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$", re.IGNORECASE)
_CREATED_LISTS = ("createdtasks", "created", "successtasks", "successfultasks")
_FAILED_LISTS = ("failedtasks", "failed", "failures", "errors")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a status webhook told about the rows of its batch, by their position in the call, from 0."""

    #: CRM task ids of rows that were created
    created: Mapping[int, str] = field(default_factory=dict)
    #: reasons of rows that were not
    failed: Mapping[int, str] = field(default_factory=dict)
    created_count: int | None = None
    failure_reason: str | None = None
    understood: bool = False


def read_webhook(content_type: str, body: bytes) -> Told:
    """Return what a body tells; never raises. What is not understood tells nothing."""
    data = _parse(content_type, body)
    if isinstance(data, list):
        return _from_rows(data)
    if not isinstance(data, Mapping):
        return Told()
    fields = _lower(data)
    details = _lower(fields["details"]) if isinstance(fields.get("details"), Mapping) else fields
    created = {index: task_id for index, item in _items(details, _CREATED_LISTS) if (task_id := _id_of(item))}
    failed = {index: _reason_of(item) for index, item in _items(details, _FAILED_LISTS)}
    reason = fields.get("failurereason") or fields.get("exceptionmessage")
    count = _number(fields.get("createdtaskscount"))
    return Told(
        created=created,
        failed=failed,
        created_count=count,
        failure_reason=_cut(reason) if isinstance(reason, str) and reason else None,
        understood=bool(created or failed or count is not None or isinstance(reason, str)),
    )


def _parse(content_type: str, body: bytes) -> Any:
    text = body.decode("utf-8", "replace").strip()
    if "form-urlencoded" in content_type.lower():
        return {
            name: values[-1] for name, values in parse_qs(text, keep_blank_values=True, max_num_fields=1000).items()
        }
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _from_rows(rows: Sequence[Any]) -> Told:
    created, failed = {}, {}
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            continue
        item = _lower(row)
        position = _number(item.get("index"))
        place = index if position is None else position
        if str(item.get("status", "")).lower() == "success":
            if task_id := _id_of(item):
                created[place] = task_id
        elif item.get("status") is not None:
            failed[place] = _reason_of(item)
    return Told(created=created, failed=failed, understood=bool(created or failed))


def _items(details: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield listed rows that say which row of the call they are; without that nothing can be told of any."""
    for name in names:
        listed = details.get(name)
        for entry in listed if isinstance(listed, list) else ():
            if isinstance(entry, Mapping):
                item = _lower(entry)
                index = _number(item.get("index"))
                if index is not None and index >= 0:
                    yield index, item


def _lower(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name).lower(): value for name, value in mapping.items()}


def _id_of(item: Mapping[str, Any]) -> str | None:
    for name in ("id", "taskid", "usertaskid"):
        value = item.get(name)
        if isinstance(value, str) and _GUID.match(value):
            return value
    return None


def _reason_of(item: Mapping[str, Any]) -> str:
    for name in ("reason", "exceptionmessage", "failurereason", "message"):
        if isinstance(item.get(name), str) and item[name]:
            return _cut(item[name])
    return "LeadSquared reported a failure and no reason"


def _cut(text: str) -> str:
    return text[:MAX_REASON]


def _number(value: Any) -> int | None:
    try:
        return None if value is None or isinstance(value, bool) else int(value)
    except (TypeError, ValueError):
        return None
