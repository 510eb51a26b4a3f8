"""Appointments and to-dos of many owners that are due within at most 100 days."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from datetime import date
from itertools import islice
from typing import Any

from sandbox.conditions import matching_users
from sandbox.crm_task import CrmTask, full_item
from sandbox.dates import split_days
from sandbox.directory import APPOINTMENT, TO_DO
from sandbox.operations.base import NUMBER, TEXT, TEXTS, Handler, Operation, Request, object_schema
from sandbox.operations.selection import listing, ordered, page_bounds, shows_everything, visible
from sandbox.replies import RefusedError
from sandbox.situations import Situation
from sandbox.state import Sandbox

_MOST_DAYS = 100


def _by_email(request: Request) -> list[int | None]:
    return [request.sandbox.people.user_by_email(text) for text in _users(request)]


def _by_id(request: Request) -> list[int | None]:
    return [request.sandbox.people.user_by_id(text) for text in _users(request)]


def _by_criteria(request: Request) -> list[int | None]:
    criteria = request.body.object("UserSearchCriteria")
    if criteria is None:
        raise RefusedError(Situation.MANDATORY, "UserSearchCriteria")
    return list(matching_users(request.sandbox.people, criteria.array("GroupConditions") or []))


FINDERS: dict[str, Callable[[Request], list[int | None]]] = {
    "ByUserEmailAddress": _by_email,
    "ByUserId": _by_id,
    "ByUserSearchCriteria": _by_criteria,
}


def _users(request: Request) -> list[str]:
    users = request.body.texts("Users")
    if not users:
        raise RefusedError(Situation.MANDATORY, "Users")
    return users


async def _look_up(request: Request, category: int, owners: list[int | None]) -> dict[str, Any]:
    """One page. Days are those of the account's calendar, both bounds included; unknown users are ignored."""
    first, last = day_bounds(request)
    sandbox = request.sandbox
    offset, size = page_bounds(request, sandbox.settings.max_page_size)
    known = list(dict.fromkeys(owner for owner in owners if owner is not None))
    buckets = [
        bucket
        for day in split_days(first, last)
        for owner in known
        if (bucket := sandbox.store.due_on(owner, category, day))
    ]
    total, page = _page(request, buckets, offset, size)
    return listing(
        request, "List", total, [full_item(task, sandbox.store.id_of(task), sandbox.people) for task in page]
    )


def day_bounds(request: Request) -> tuple[date, date]:
    """First and last day of a request, at most 100 days apart. Raises RefusedError."""
    first, last = request.body.day("FromDate"), request.body.day("ToDate")
    if first > last:
        raise RefusedError(Situation.DATE, "FromDate")
    if (last - first).days > _MOST_DAYS:
        raise RefusedError(Situation.INPUT, "ToDate")
    return first, last


def _page(request: Request, buckets: list[array[int]], offset: int, size: int) -> tuple[int, list[CrmTask]]:
    sandbox = request.sandbox
    if shows_everything(sandbox.settings):
        return sum(map(len, buckets)), _slice(sandbox, buckets, offset, size)
    tasks = [task for bucket in buckets for task in sandbox.store.numbered(bucket)]
    found = ordered(request, visible(sandbox, tasks), lambda task: task.due)
    return len(found), found[offset : offset + size]


def _slice(sandbox: Sandbox, buckets: Iterable[array[int]], offset: int, size: int) -> list[CrmTask]:
    """Tasks from `offset` on, day by day, without a look at those before."""
    found: list[CrmTask] = []
    for bucket in buckets:
        if offset >= len(bucket):
            offset -= len(bucket)
            continue
        found += sandbox.store.numbered(islice(bucket, offset, offset + size - len(found)))
        offset = 0
        if len(found) >= size:
            break
    return found


def _handler(category: int, way: str) -> Handler:
    async def handle(request: Request) -> dict[str, Any]:
        return await _look_up(request, category, FINDERS[way](request))

    return handle


_PAGES = {
    "ByUserEmailAddress": "by-email-address",
    "ByUserId": "by-user-id",
    "ByUserSearchCriteria": "by-search-criteria",
}


def users_schema(way: str, **more: dict[str, Any]) -> dict[str, Any]:
    """The body of a look-up of users' days."""
    users = object_schema(GroupConditions={"type": "array", "items": {"type": "object"}})
    whom = {"UserSearchCriteria": users} if way == "ByUserSearchCriteria" else {"Users": TEXTS}
    paging = object_schema(PageIndex=NUMBER, PageSize=NUMBER)
    return object_schema(("FromDate", "ToDate", *whom), FromDate=TEXT, ToDate=TEXT, Paging=paging, **whom, **more)


OPERATIONS = tuple(
    Operation(
        "POST", f"Task.svc/{name}/{way}", _handler(category, way), f"/get-{slug}-{_PAGES[way]}/", body=users_schema(way)
    )
    for name, slug, category in (
        ("RetrieveAppointments", "appointments", APPOINTMENT),
        ("RetrieveToDos", "to-dos", TO_DO),
    )
    for way in _PAGES
)
