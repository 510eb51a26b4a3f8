"""The search conditions over users, as in `UserSearchCriteria` and the advanced search (`/user-advanced-search/`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from sandbox.directory import User
from sandbox.people import People
from sandbox.reading import Fields
from sandbox.replies import MalformedError, RefusedError
from sandbox.situations import Situation

Test = Callable[[User], bool]

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

_DEEPEST = 10


def matching_users(people: People, groups: list[Any]) -> Iterator[int]:
    """Positions of the users that meet the conditions. Raises RefusedError for unknown fields and operators."""
    meets = _all_groups(groups, 1)
    return (position for position, user in enumerate(people.users) if meets(user))


def _all_groups(groups: list[Any], depth: int) -> Test:
    """What a list of groups asks for; a group holds conditions or groups."""
    if not groups or depth > _DEEPEST:
        raise RefusedError(Situation.MANDATORY, "GroupConditions")
    tests = [_group(group, depth) for group in groups]
    return lambda user: _joined([(operator, test(user)) for operator, test in tests])


def _group(group: Any, depth: int) -> tuple[str, Test]:
    if not isinstance(group, dict):
        raise MalformedError("A group of conditions must be an object")
    fields = Fields(group, any_case=True)
    operator = fields.text("GroupOperator") or ""
    inner = fields.array("GroupConditions")
    if inner:
        return operator, _all_groups(inner, depth + 1)
    conditions = fields.array("Condition") or fields.array("Conditions") or []
    if not conditions or not all(isinstance(item, dict) for item in conditions):
        raise RefusedError(Situation.MANDATORY, "Condition")
    tests = [_condition(Fields(item, any_case=True)) for item in conditions]
    return operator, lambda user: _joined([(joined_by, test(user)) for joined_by, test in tests])


def _condition(condition: Fields) -> tuple[str, Test]:
    field = _FIELDS.get((condition.text("LookupName") or "").lower())
    operator = _OPERATORS.get((condition.text("Operator") or "").lower())
    if field is None:
        raise RefusedError(Situation.INPUT, "LookupName")
    if operator is None:
        raise RefusedError(Situation.INPUT, "Operator")
    raw = condition.raw("LookupValue")
    asked = "" if raw is None else str(raw).strip().lower()
    return condition.text("ConditionOperator") or "", lambda user: operator(field(user).lower(), asked)


def _joined(results: list[tuple[str, bool]]) -> bool:
    """Read from the left. The operator stands with the former of two, else with the latter, else it is `AND`."""
    verdict = results[0][1]
    for (former, _), (latter, result) in pairwise(results):
        verdict = (verdict or result) if (former or latter).upper() == "OR" else (verdict and result)
    return verdict
