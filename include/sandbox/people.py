"""Finds users, task types, leads and opportunities of the account's directory by the keys that requests use."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from sandbox.directory import Directory, Lead, Opportunity, TaskType, User

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


def is_guid(text: str) -> bool:
    """Whether a text is a GUID in the usual form."""
    return _GUID.fullmatch(text) is not None


class People:
    """Indexes over a directory. Users and task types are also known by their position, which CRM tasks keep."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.zone = ZoneInfo(directory.time_zone)
        self.users = directory.users
        self.task_types = directory.task_types
        self._users_by_id = {user.id: index for index, user in enumerate(self.users)}
        self._users_by_email = {user.email.lower(): index for index, user in enumerate(self.users)}
        self._types_by_id = {item.id: index for index, item in enumerate(self.task_types)}
        self._types_by_name = {item.name: index for index, item in enumerate(self.task_types)}
        self._types_by_loose_name = {item.name.lower(): index for index, item in enumerate(self.task_types)}
        self._leads = {lead.id: lead for lead in directory.leads}
        self._opportunities = {item.id: item for item in directory.opportunities}

    @property
    def caller(self) -> User:
        """The user whose keys the clients use."""
        return self.users[0]

    def user_by_id(self, user_id: str) -> int | None:
        """Position of a user, active or not."""
        return self._users_by_id.get(user_id.strip().lower())

    def user_by_email(self, email: str, *, strict: bool = False) -> int | None:
        """Position of a user, active or not. Strict: the exact spelling; else spaces and case do not matter."""
        position = self._users_by_email.get(email.strip().lower())
        if strict and position is not None and self.users[position].email != email:
            return None
        return position

    def type_by_name(self, name: str, *, loose: bool = False) -> int | None:
        """Position of a task type by its name, exact or without regard to case and outer spaces."""
        return self._types_by_loose_name.get(name.strip().lower()) if loose else self._types_by_name.get(name)

    def type_by_id(self, type_id: str) -> int | None:
        """Position of a task type."""
        return self._types_by_id.get(type_id.strip().lower())

    def type_of(self, position: int) -> TaskType:
        """The task type at a position."""
        return self.task_types[position]

    def lead(self, lead_id: str) -> Lead | None:
        """A lead of the directory."""
        return self._leads.get(lead_id.strip().lower())

    def opportunity(self, opportunity_id: str) -> Opportunity | None:
        """An opportunity of the directory."""
        return self._opportunities.get(opportunity_id.strip().lower())

    def knows_lead(self, lead_id: str, known: str) -> bool:
        """Whether a lead exists: any well-formed id when `known` is `any`, else those of the directory."""
        return is_guid(lead_id) and (known == "any" or self.lead(lead_id) is not None)

    def knows_opportunity(self, opportunity_id: str, known: str) -> bool:
        """Whether an opportunity exists, by the same rule."""
        return is_guid(opportunity_id) and (known == "any" or self.opportunity(opportunity_id) is not None)
