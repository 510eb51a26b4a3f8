"""What the sandbox can prove: how many CRM tasks it made, which of them twice, and how the calls kept to the limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sandbox.calls import Call
from sandbox.crm_task import CrmTask
from sandbox.dates import write_date_time
from sandbox.state import Sandbox

#: A search looks at so many of the newest tasks, to not hold up the API.
_SEARCHED = 100_000


def audit(sandbox: Sandbox) -> dict[str, Any]:
    """Counts since the last reset. `duplicates` are surplus living tasks: two with one marker are one duplicate."""
    store, calls, rate = sandbox.store, sandbox.calls, sandbox.settings.rate
    repeats = store.duplicates
    return {
        "tasks": {
            "created": len(store),
            "deleted": store.deleted,
            "present": len(store) - store.deleted,
            "markers": len(repeats.by_marker),
        },
        "duplicates": {
            "by_marker": repeats.by_marker.now,
            "by_fingerprint": repeats.by_fingerprint.now,
            "by_marker_ever": repeats.by_marker.ever,
            "by_fingerprint_ever": repeats.by_fingerprint.ever,
        },
        "dropped": {"rows": sandbox.drops.total, "by_reason": dict(sandbox.drops.by_reason)},
        "jobs": {"pending": sandbox.jobs.pending},
        "webhooks": {"pending": sandbox.webhooks.pending, **dict(sandbox.webhooks.counts)},
        "calls": {
            "total": calls.total,
            "by_outcome": dict(calls.by_outcome),
            "by_operation": {name: dict(counts) for name, counts in sorted(calls.by_operation.items())},
            "first_at": _iso(calls.first),
            "last_at": _iso(calls.last),
            "first_monotonic": calls.first.arrived if calls.first else None,
            "last_monotonic": calls.last.arrived if calls.last else None,
            "window_seconds": calls.window,
            "limit": rate.normal.calls,
            "most_in_a_window": calls.most_in_a_window,
            "most_admitted_in_a_window": calls.most_admitted_in_a_window,
        },
        "faults": dict(sandbox.faults.fired_by_kind),
    }


def windows(sandbox: Sandbox, newest: int) -> list[dict[str, int]]:
    """Calls by outcome for the newest windows, counted from the first call."""
    return [dict(counts) for counts in sandbox.calls.windows[-newest:]]


def describe_task(sandbox: Sandbox, task: CrmTask) -> dict[str, Any]:
    """A CRM task as the audit lists it."""
    return {
        "number": task.number,
        "id": sandbox.store.id_of(task),
        "marker": sandbox.markers.of(task),
        "name": task.name,
        "type": sandbox.people.type_of(task.task_type).name,
        "owner": sandbox.people.users[task.owner].email,
        "due": write_date_time(task.due),
        "related_to": {1: "lead", 5: "opportunity"}.get(task.related_kind),
        "related_id": task.related_id or None,
        "created": round(task.created, 3),
        "completed": round(task.completed, 3) if task.completed else None,
        "deleted": round(task.deleted, 3) if task.deleted else None,
        "request": str(task.request) if task.request else None,
    }


def search_tasks(sandbox: Sandbox, owner: str, text: str, *, repeated: bool = False) -> Iterator[CrmTask]:
    """Newest tasks first, of owners whose name or address holds one text, and whose own texts hold another."""
    users = sandbox.people.users
    owners = {position for position, user in enumerate(users) if owner.lower() in f"{user.name} {user.email}".lower()}
    sought = text.lower()
    for task in islice(sandbox.store.newest_first(), _SEARCHED):
        if task.owner not in owners or (repeated and not sandbox.store.duplicates.is_repeated(task)):
            continue
        if not sought or sought in f"{task.name}\n{task.description or ''}\n{task.location or ''}".lower():
            yield task


def describe_call(call: Call) -> dict[str, Any]:
    """A call as the log lists it."""
    return {
        "number": call.number,
        "operation": call.operation,
        "method": call.method,
        "outcome": call.outcome,
        "status": call.status,
        "rows": call.rows,
        "request": call.request,
        "error": call.error,
        "faults": call.faults,
        "arrived_monotonic": call.arrived,
        "arrived_at": _iso(call),
        "ms": call.ms,
    }


def _iso(call: Call | None) -> str | None:
    return datetime.fromtimestamp(call.arrived_at, UTC).isoformat(timespec="milliseconds") if call else None
