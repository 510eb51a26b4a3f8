"""The account that the sandbox plays: organisation, users, task types, leads, opportunities. All of it is invented."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

_SHIPPED = Path(__file__).with_name("directory.json")
_NAMESPACE = uuid.UUID("5a4d0b0c-0000-4000-8000-000000000001")
_LEADS = 400
_OPPORTUNITIES = 120
_FIRST_LEAD_AT = 1_760_000_000
_CITIES = ("Mumbai", "Pune", "Bengaluru", "Chennai", "Hyderabad", "Kolkata", "Jaipur", "Lucknow", "Kochi", "Indore")
_FIRST_NAMES = (
    *("Aisha", "Bharat", "Charu", "Dinesh", "Esha", "Ganesh", "Hema", "Irfan", "Jyoti", "Kabir", "Lata", "Madhav"),
    *("Nisha", "Omkar", "Pooja", "Ravi", "Sana", "Tarun", "Usha", "Yash"),
)
_LAST_NAMES = (
    *("Acharya", "Bose", "Chauhan", "Dutta", "Fernandes", "Gandhi", "Hegde", "Jain", "Kamath", "Lobo", "Mukherjee"),
    *("Nambiar", "Ojha", "Prasad", "Rathore", "Sethi", "Trivedi", "Upadhyay", "Vyas", "Wagle"),
)

APPOINTMENT = 0
TO_DO = 1


@dataclass(frozen=True, slots=True)
class User:
    """A user of the account, who may own CRM tasks while active."""

    id: str
    first_name: str
    last_name: str
    email: str
    active: bool
    role: str = "Sales_User"

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field of a task type's own, such as `mx_Custom_1`. Empty options mean free text."""

    schema_name: str
    display_name: str
    mandatory: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskType:
    """A task type. Category 0 is an appointment, 1 a to-do (`/get-list-of-task-types-2/`)."""

    id: str
    name: str
    category: Literal[0, 1]
    color: str = "#888888"
    default_minutes: int = 0
    mandatory_lead: bool = False
    custom_fields: tuple[CustomField, ...] = ()


@dataclass(frozen=True, slots=True)
class Lead:
    """A prospective customer. `modified` is seconds since the epoch."""

    id: str
    first_name: str
    last_name: str
    email: str
    phone: str
    city: str
    modified: int = _FIRST_LEAD_AT

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A sale in the making, which belongs to a lead."""

    id: str
    lead_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Directory:
    """Everything that CRM tasks may point to."""

    organisation: str
    organisation_id: str
    time_zone: str
    users: tuple[User, ...]
    task_types: tuple[TaskType, ...]
    leads: tuple[Lead, ...]
    opportunities: tuple[Opportunity, ...]


@lru_cache(maxsize=4)
def load_directory(path: Path | None = None) -> Directory:
    """Read the account's directory from a JSON file; without one, the account that ships with the sandbox.

    Leads and opportunities are made up from fixed lists, so that they are the same in every process.
    """
    data = json.loads((path or _SHIPPED).read_text(encoding="utf-8"))
    leads = tuple(_lead(number) for number in range(_LEADS))
    return Directory(
        organisation=data["organisation"],
        organisation_id=data["organisation_id"],
        time_zone=data["time_zone"],
        users=tuple(User(**user) for user in data["users"]),
        task_types=tuple(_task_type(item) for item in data["task_types"]),
        leads=leads,
        opportunities=tuple(_opportunity(number, leads[number * 3 % _LEADS]) for number in range(_OPPORTUNITIES)),
    )


def _task_type(item: dict[str, Any]) -> TaskType:
    fields = tuple(
        CustomField(**{**field, "options": tuple(field.get("options", ()))}) for field in item.get("custom_fields", ())
    )
    return TaskType(**{**item, "custom_fields": fields})


def _lead(number: int) -> Lead:
    first = _FIRST_NAMES[number % len(_FIRST_NAMES)]
    last = _LAST_NAMES[number // len(_FIRST_NAMES) % len(_LAST_NAMES)]
    return Lead(
        id=str(uuid.uuid5(_NAMESPACE, f"lead/{number}")),
        first_name=first,
        last_name=last,
        email=f"{first}.{last}.{number}@example.com".lower(),
        phone=f"+91-90000{number:05d}",
        city=_CITIES[number % len(_CITIES)],
        modified=_FIRST_LEAD_AT + number * 3600,
    )


def _opportunity(number: int, lead: Lead) -> Opportunity:
    return Opportunity(
        id=str(uuid.uuid5(_NAMESPACE, f"opportunity/{number}")), lead_id=lead.id, name=f"Opportunity of {lead.name}"
    )
