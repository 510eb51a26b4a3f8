"""The search conditions over users, as in `UserSearchCriteria` and the advanced search (`/user-advanced-search/`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sandbox.directory import User
from sandbox.people import People
from sandbox.reading import Fields
from sandbox.replies import MalformedError, RefusedError
from sandbox.situations import Situation

_FIELDS: dict[str, Callable[[User], str]] = {
    "userid": lambda user: user.id,
    "id": lambda user: user.id,
    "firstname": lambda user: user.first_name,
    "lastname": lambda user: user.last_name,
    "emailaddress": lambda user: user.email,
    "role": lambda user: user.role,
    "statuscode": lambda user: "0" if user.active else "1",
}

_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda held, asked: held == asked,
    "neq": lambda held, asked: held != asked,
    "lik": lambda held, asked: asked in held,
    "nlik": lambda held, asked: asked not in held,
    "lik_s": lambda held, asked: held.startswith(asked),
    "lik_e": lambda held, asked: held.endswith(asked),
    "n": lambda held, _: not held,
    "nn": lambda held, _: bool(held),
}


def matching_users(people: People, groups: list[Any]) -> Iterator[int]:
    """Positions of the users that meet the conditions. Raises RefusedError for unknown fields and operators."""
    read = [_group(group) for group in groups]
    if not read:
        raise RefusedError(Situation.MANDATORY, "GroupConditions")
    for position, user in enumerate(people.users):
        if _joined([(operator, _joined(_results(conditions, user))) for operator, conditions in read]):
            yield position


def _group(group: Any) -> tuple[str, list[Fields]]:
    if not isinstance(group, dict):
        raise MalformedError("A group of conditions must be an object")
    fields = Fields(group, any_case=True)
    conditions = fields.array("Condition") or fields.array("Conditions") or []
    if not conditions or not all(isinstance(item, dict) for item in conditions):
        raise RefusedError(Situation.MANDATORY, "Condition")
    return fields.text("GroupOperator") or "", [Fields(item, any_case=True) for item in conditions]


def _results(conditions: list[Fields], user: User) -> list[tuple[str, bool]]:
    return [(item.text("ConditionOperator") or "", _meets(item, user)) for item in conditions]


def _meets(condition: Fields, user: User) -> bool:
    field = _FIELDS.get((condition.text("LookupName") or "").lower())
    operator = _OPERATORS.get((condition.text("Operator") or "").lower())
    if field is None:
        raise RefusedError(Situation.INPUT, "LookupName")
    if operator is None:
        raise RefusedError(Situation.INPUT, "Operator")
    asked = condition.raw("LookupValue")
    return operator(field(user).lower(), "" if asked is None else str(asked).strip().lower())


def _joined(results: list[tuple[str, bool]]) -> bool:
    """Read from the left; the operator stands with the later condition, `AND` unless it says `OR`."""
    verdict = results[0][1]
    for operator, result in results[1:]:
        verdict = (verdict or result) if operator.upper() == "OR" else (verdict and result)
    return verdict
