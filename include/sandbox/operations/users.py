"""The account's users."""

from __future__ import annotations

from typing import Any

from sandbox.conditions import matching_users
from sandbox.directory import User
from sandbox.operations.base import NUMBER, TEXT, Operation, Request, object_schema
from sandbox.operations.selection import page_bounds
from sandbox.people import People

_MOST_A_PAGE = 1000


async def all_users(request: Request) -> list[dict[str, Any]]:
    """All users, active or not, unpaged."""
    return [_short(user) for user in request.sandbox.people.users]


async def user_by_id(request: Request) -> list[dict[str, Any]]:
    """A list of the one user; empty if unknown or inactive."""
    people = request.sandbox.people
    return _active(people, people.user_by_id(request.mandatory_query("userId")))


async def user_by_email(request: Request) -> list[dict[str, Any]]:
    """A list of the one user; empty if unknown or inactive."""
    people = request.sandbox.people
    return _active(people, people.user_by_email(request.mandatory_query("emailaddress")))


async def search_users(request: Request) -> dict[str, Any]:
    """Users by conditions, also nested. Columns that were not asked for come back null."""
    people = request.sandbox.people
    groups = request.body.array("GroupConditions") or []
    found = [people.users[position] for position in matching_users(people, groups)]
    columns = request.body.object("Columns")
    asked = (columns.text("Include_CSV") if columns else None) or "*"
    wanted = {name.strip().lower() for name in asked.split(",")}
    offset, size = page_bounds(request, min(_MOST_A_PAGE, request.sandbox.settings.max_page_size))
    page = found[offset : offset + size]
    request.call.rows = len(page)
    return {
        "SearchInfo": {"RecordCount": len(found)},
        "Users": [_chosen(_found(user, people), wanted) for user in page],
    }


def _active(people: People, position: int | None) -> list[dict[str, Any]]:
    if position is None or not people.users[position].active:
        return []
    return [_full(people.users[position], people)]


def _short(user: User) -> dict[str, Any]:
    return {
        "ID": user.id,
        "FirstName": user.first_name,
        "LastName": user.last_name,
        "EmailAddress": user.email,
        "Role": user.role,
        "StatusCode": 0 if user.active else 1,
        "MemberOfGroups": None,
        "Tag": None,
        "IsPhoneCallAgent": False,
    }


def _full(user: User, people: People) -> dict[str, Any]:
    item = _short(user)
    return {"UserId": item.pop("ID"), **item, "TimeZone": people.directory.time_zone}


def _found(user: User, people: People) -> dict[str, Any]:
    """The item of a search, whose status is a text as integrators have seen it."""
    item = _full(user, people)
    return {**item, "StatusCode": str(item["StatusCode"])}


def _chosen(item: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    if "*" in wanted:
        return item
    return {name: value if name.lower() in wanted or name == "UserId" else None for name, value in item.items()}


OPERATIONS = (
    Operation("GET", "UserManagement.svc/Users.Get", all_users, "/get-users"),
    Operation("GET", "UserManagement.svc/User/Retrieve/ByUserId", user_by_id, "/get-user-by-id/", query=("userId",)),
    Operation(
        "GET",
        "UserManagement.svc/User/Retrieve/ByEmailAddress",
        user_by_email,
        "/get-user-by-email-id/",
        query=("emailaddress",),
    ),
    Operation(
        "POST",
        "UserManagement.svc/User/AdvancedSearch",
        search_users,
        "/user-advanced-search/",
        body=object_schema(
            ("GroupConditions",),
            GroupConditions={"type": "array", "items": {"type": "object"}},
            Columns=object_schema(Include_CSV=TEXT),
            Paging=object_schema(PageIndex=NUMBER, PageSize=NUMBER),
        ),
    ),
)
