"""When users are free: working days of a fixed shape, less their appointments.

The vendor's pages show where the slots stand and not all of their keys; the names here that they do not show follow
those of `/get-work-day-details/`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

from sandbox.directory import APPOINTMENT
from sandbox.operations.base import Handler, Operation, Request
from sandbox.operations.selection import listing, page_bounds
from sandbox.operations.user_lookups import FINDERS, day_bounds, users_schema
from sandbox.replies import MalformedError

_SUNDAY = 6
_WORK = (time(9), time(18))
_BREAK = (time(13), time(14))

#: Start and end as seconds since the epoch.
Span = tuple[int, int]


def _handler(way: str) -> Handler:
    async def handle(request: Request) -> dict[str, Any]:
        return _look_up(request, FINDERS[way](request))

    return handle


def _look_up(request: Request, owners: list[int | None]) -> dict[str, Any]:
    """A page of days; each holds every user. Days are those of the account's calendar, unknown users are ignored."""
    first, last = day_bounds(request)
    offset, size = page_bounds(request, request.sandbox.settings.max_page_size)
    with_conflicts = request.body.raw("IncludeAllowedConflictSlots") or False
    if not isinstance(with_conflicts, bool):
        raise MalformedError("Error converting value for 'IncludeAllowedConflictSlots'")
    known = list(dict.fromkeys(owner for owner in owners if owner is not None))
    days = range(first.toordinal(), last.toordinal() + 1)
    items = [
        {"Date": day.isoformat(), "UserSlots": [_slots(request, owner, day, with_conflicts) for owner in known]}
        for day in map(date.fromordinal, days[offset : offset + size])
    ]
    return listing(request, "List", len(days), items)


def _slots(request: Request, owner: int, day: date, with_conflicts: bool) -> dict[str, Any]:
    people = request.sandbox.people
    user = people.users[owner]
    item = {"UserId": user.id, "EmailAddress": user.email, "UserTimeZone": people.directory.time_zone}
    if day.weekday() == _SUNDAY:
        nothing: dict[str, Any] = {"AvailableSlots": [], "BusySlots": [], "BreakTimings": []}
        return {**item, **nothing, "NoSlotsReason": "NotScheduled"}
    work, pause = _span(request, day, _WORK), _span(request, day, _BREAK)
    busy = [] if with_conflicts else _appointments(request, owner, day, work)
    return {
        **item,
        "AvailableSlots": [_write(request, span) for span in _gaps(work, [pause, *busy])],
        "BusySlots": [_write(request, span) for span in busy],
        "BreakTimings": [_write(request, pause)],
        "NoSlotsReason": None,
    }


def _appointments(request: Request, owner: int, day: date, within: Span) -> list[Span]:
    store = request.sandbox.store
    tasks = store.numbered(store.due_on(owner, APPOINTMENT, day.toordinal()))
    clipped = ((max(task.due, within[0]), min(task.end, within[1])) for task in tasks)
    return sorted({(start, end) for start, end in clipped if start < end})


def _gaps(within: Span, taken: Iterable[Span]) -> list[Span]:
    """What is left of a span."""
    gaps, start = [], within[0]
    for first, last in [*sorted(taken), (within[1], within[1])]:
        if first > start:
            gaps.append((start, first))
        start = max(start, last)
    return gaps


def _span(request: Request, day: date, hours: tuple[time, time]) -> Span:
    zone = request.sandbox.people.zone
    first, last = (int(datetime.combine(day, hour, zone).timestamp()) for hour in hours)
    return first, last


def _write(request: Request, span: Span) -> dict[str, str]:
    first, last = (datetime.fromtimestamp(moment, request.sandbox.people.zone).time().isoformat() for moment in span)
    return {"StartTime": first, "EndTime": last}


OPERATIONS = tuple(
    Operation(
        "POST",
        f"Task.svc/RetrieveAvailableSlots/{way}",
        _handler(way),
        f"/get-available-slots-of-users-{slug}/",
        body=users_schema(way, IncludeAllowedConflictSlots={"type": "boolean"}),
    )
    for way, slug in (
        ("ByUserEmailAddress", "by-user-email-address"),
        ("ByUserSearchCriteria", "by-user-search-criteria"),
    )
)
