"""Read what LeadSquared posts to a status webhook. Pure, and tolerant: the shape is not documented.

Source: `/create-tasks-in-bulk/` says only that the outcome is posted; the shapes below are those of its relatives
(`/delete-tasks-in-bulk/`, `/update-lead-in-bulk-v2`) and what is plausible beside them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

MAX_REASON = 300
_GUID = re.compile(r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$", re.IGNORECASE)
_CREATED_LISTS = ("createdtasks", "created", "successtasks", "successfultasks")
_FAILED_LISTS = ("failedtasks", "failed", "failures", "errors")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a status webhook told about the rows of its batch; places in the call count from 0."""

    #: CRM task ids of rows that were created, by the row's name: neither order nor base of its places is documented
    created: Mapping[str, str] = field(default_factory=dict)
    #: reasons of rows that were not, by place
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
    created = _by_name(_items(details, _CREATED_LISTS))
    failed = {index: _reason_of(item) for item in _items(details, _FAILED_LISTS) if (index := _place(item)) is not None}
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
    items = [_lower(row) if isinstance(row, Mapping) else {} for row in rows]
    done = [str(item.get("status", "")).lower() == "success" for item in items]
    created = _by_name(item for item, success in zip(items, done, strict=True) if success)
    failed = {}
    for order, (item, success) in enumerate(zip(items, done, strict=True)):
        if not success and item.get("status") is not None:
            place = _place(item)
            failed[order if place is None else place] = _reason_of(item)
    return Told(created=created, failed=failed, understood=bool(any(done) or failed))


def _items(details: Mapping[str, Any], names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    for name in names:
        listed = details.get(name)
        for entry in listed if isinstance(listed, list) else ():
            if isinstance(entry, Mapping):
                yield _lower(entry)


def _by_name(items: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return ids by name; one that comes twice tells nothing of either row."""
    pairs = [(name.strip(), _id_of(item)) for item in items if isinstance(name := item.get("name"), str)]
    times = Counter(name for name, _ in pairs)
    return {name: task_id for name, task_id in pairs if task_id and times[name] == 1}


def _place(item: Mapping[str, Any]) -> int | None:
    index = _number(item.get("index"))
    return None if index is None or index < 0 else index


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
