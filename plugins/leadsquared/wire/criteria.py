"""Say which users are meant, in LeadSquared's condition groups (`/user-advanced-search/`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from leadsquared.wire.encoding import PayloadError

#: Equal, not equal, contains, does not contain, starts with, ends with, is null, is not null.
Operator = Literal["eq", "neq", "lik", "nlik", "lik_s", "lik_e", "n", "nn"]

_WITHOUT_VALUE: Final = {"n", "nn"}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a user's attribute, such as `Condition("Role", "eq", "Sales_User")`.

    :param attribute: LeadSquared's name, such as FirstName, EmailAddress, Role, TeamId, or StatusCode (0 is active).
    :param value: text to compare with; none with `n` and `nn`.
    """

    attribute: str
    operator: Operator = "eq"
    value: str | None = field(default=None, repr=False)


class AnyOf:
    """Holds if any of its conditions does."""

    def __init__(self, *conditions: Condition) -> None:
        self.conditions = conditions


class AllOf:
    """Holds if all of its parts do."""

    def __init__(self, *parts: Condition | AnyOf) -> None:
        self.parts = parts


def group_conditions(criteria: AllOf) -> list[dict[str, Any]]:
    """Return `GroupConditions`: one group of the single conditions, and one for each `AnyOf`, joined by AND.

    The operator that joins a condition or a group to the next one stands with the former; the last one has none.

    :raises PayloadError: nothing to compare, a value that is missing, or one that the operator does not take.
    """
    single = [part for part in criteria.parts if isinstance(part, Condition)]
    alternatives = [part.conditions for part in criteria.parts if isinstance(part, AnyOf)]
    if not criteria.parts or not all(alternatives):
        raise PayloadError("criteria", "holds no condition")
    groups = ([_conditions(single, "AND")] if single else []) + [_conditions(each, "OR") for each in alternatives]
    return [
        {"Condition": group, "GroupOperator": None if number == len(groups) else "AND"}
        for number, group in enumerate(groups, 1)
    ]


def _conditions(conditions: Sequence[Condition], joined_by: str) -> list[dict[str, Any]]:
    for condition in conditions:
        if (condition.value is None) is not (condition.operator in _WITHOUT_VALUE):
            raise PayloadError("criteria", f"{condition.attribute} needs a value, except to be null or not null")
    return [
        {
            "LookupName": condition.attribute,
            "Operator": condition.operator,
            "LookupValue": condition.value,
            "ConditionOperator": None if number == len(conditions) else joined_by,
        }
        for number, condition in enumerate(conditions, 1)
    ]
