"""What LeadSquared knows of users and task types, to refuse a row before it costs a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches


@dataclass(frozen=True, kw_only=True)
class User:
    """A LeadSquared user."""

    id: str
    email: str
    active: bool


@dataclass(frozen=True, kw_only=True)
class TaskType:
    """A LeadSquared task type; `category` is 0 for appointments and 1 for to-dos."""

    name: str
    category: int | None
    mandatory_lead: bool = False
    mandatory_fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Directory:
    """Users and task types by the ways a row may name them. Empty: nothing is known, and nothing is refused."""

    users_by_email: Mapping[str, User] = field(default_factory=dict)
    users_by_id: Mapping[str, User] = field(default_factory=dict)
    task_types: Mapping[str, TaskType] = field(default_factory=dict)

    @classmethod
    def of(cls, users: Iterable[User], task_types: Iterable[TaskType]) -> Directory:
        """Index what was read."""
        users = list(users)
        return cls(
            users_by_email={user.email.strip().lower(): user for user in users if user.email},
            users_by_id={user.id.lower(): user for user in users if user.id},
            task_types={task_type.name: task_type for task_type in task_types},
        )

    def owner(self, email: str | None, user_id: str | None) -> tuple[str | None, str | None]:
        """Return the address to send for an owner, or the reason why there is none."""
        if email:
            if not self.users_by_email:
                return email, None
            user = self.users_by_email.get(email)
            if user is None:
                return None, "owner_email: no LeadSquared user has this address"
        else:
            user = self.users_by_id.get((user_id or "").lower())
            if user is None:
                known = (
                    "no LeadSquared user has this id" if self.users_by_id else "users could not be read to resolve it"
                )
                return None, f"owner_id: {known}; give owner_email"
        if not user.active:
            return None, f"{'owner_email' if email else 'owner_id'}: this LeadSquared user is not active"
        return user.email.strip(), None

    def task_type_problem(self, name: str) -> str | None:
        """Return why a task type cannot be used; None where it can, or where nothing is known."""
        if not self.task_types or name in self.task_types:
            return None
        close = get_close_matches(name, self.task_types, n=1) or [
            known for known in self.task_types if known.lower() == name.lower()
        ]
        hint = f"; did you mean {close[0]!r}?" if close else f"; LeadSquared has {', '.join(sorted(self.task_types))}"
        return f"task_type: no such task type{hint}"

    def missing_for(self, name: str, *, has_lead: bool, fields: Iterable[str]) -> str | None:
        """Return what the task type demands and the row lacks; None where nothing."""
        task_type = self.task_types.get(name)
        if task_type is None:
            return None
        if task_type.mandatory_lead and not has_lead:
            return f"related_id: task type {name!r} demands a lead"
        lacking = sorted(set(task_type.mandatory_fields) - set(fields))
        return f"custom_fields: task type {name!r} demands {', '.join(lacking)}" if lacking else None
