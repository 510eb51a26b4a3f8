"""What LeadSquared knows of users and task types, to refuse a row before it costs a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from followups.suggestions import NAMES_SHOWN, NearAddresses, hint

#: Several values of one field are written with this between them.
SEVERAL = ";"


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
    #: The type's own fields with the values they take, no value listed: any; None: the fields are not known.
    fields: Mapping[str, Sequence[str]] | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Users and task types as LeadSquared gave them, and how long ago."""

    users: Sequence[User]
    task_types: Sequence[TaskType]
    age: timedelta = timedelta(0)


class Directory:
    """Users and task types by the ways a row may name them. Empty: nothing is known, and nothing is refused.

    :param refresh: asks LeadSquared anew, None where it cannot be asked; called once at most, at the first refusal, so
        that what was added since the snapshot is no reason to refuse.
    """

    def __init__(
        self, snapshot: Snapshot | None = None, *, refresh: Callable[[], Snapshot | None] | None = None
    ) -> None:
        self._refresh = refresh
        self._index(snapshot or Snapshot(users=(), task_types=()))

    @classmethod
    def of(cls, users: Iterable[User], task_types: Iterable[TaskType]) -> Directory:
        """Index what was read just now."""
        return cls(Snapshot(users=list(users), task_types=list(task_types)))

    def _index(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        # Of two users with one address the active one counts: people leave and come back.
        by_activity = sorted(snapshot.users, key=lambda user: user.active)
        self._by_email = {user.email.strip().lower(): user for user in by_activity if user.email}
        self._by_id = {user.id.lower(): user for user in snapshot.users if user.id}
        self._near = NearAddresses(address for address, user in self._by_email.items() if user.active)
        names = Counter(task_type.name for task_type in snapshot.task_types)
        self._types = {task_type.name: task_type for task_type in snapshot.task_types}
        #: names that several task types share; which of them LeadSquared takes is not known, so no rules are applied
        self.ambiguous = sorted(name for name, count in names.items() if count > 1)
        self._rules = {name: each for name, each in self._types.items() if names[name] == 1}

    @property
    def summary(self) -> str:
        """What rows are checked against, and its age, for logs and reports."""
        if not self.snapshot.users and not self.snapshot.task_types:
            return "nothing: users and task types could not be read"
        users, types = len(self.snapshot.users), len(self.snapshot.task_types)
        return f"{users} users and {types} task types, read {_age(self.snapshot.age)}"

    def owner(self, email: str | None, user_id: str | None) -> tuple[str | None, str | None]:
        """Return the address to send for an owner, or the reason why there is none."""
        found = self._owner(email, user_id)
        return self._owner(email, user_id) if found[1] and self._read_anew() else found

    def task_type_problem(self, name: str) -> str | None:
        """Return why a task type cannot be used; None where it can, or where nothing is known."""
        if name in self._types or not self._types:
            return None
        if self._read_anew() and name in self._types:
            return None
        return f"task_type: no such task type{hint(name, self._types, 'LeadSquared has')}"

    def rules_problem(self, name: str, *, has_lead: bool, fields: Mapping[str, Any] | None) -> str | None:
        """Return what a row lacks or holds against its task type's rules; None where nothing."""
        problem = self._rules_problem(name, has_lead=has_lead, fields=fields or {})
        if problem and self._read_anew():
            return self._rules_problem(name, has_lead=has_lead, fields=fields or {})
        return problem

    def has_field(self, name: str, field: str) -> bool:
        """Tell whether a task type has a field, or may have it for all that is known."""
        task_type = self._rules.get(name)
        return task_type is None or task_type.fields is None or field in task_type.fields

    def category(self, name: str) -> int | None:
        """Return 0 for appointments, 1 for to-dos, None where it is not known."""
        task_type = self._rules.get(name)
        return task_type.category if task_type else None

    def _read_anew(self) -> bool:
        """Ask LeadSquared once more, once; tell whether there is something new to go by."""
        refresh, self._refresh = self._refresh, None
        snapshot = refresh() if refresh else None
        if snapshot is not None:
            self._index(snapshot)
        return snapshot is not None

    def _owner(self, email: str | None, user_id: str | None) -> tuple[str | None, str | None]:
        if email:
            if not self._by_email:
                return email, None
            user = self._by_email.get(email)
            if user is None:
                return None, f"owner_email: no LeadSquared user has this address{self._near.hint(email)}"
        else:
            user = self._by_id.get((user_id or "").lower())
            if user is None:
                known = "no LeadSquared user has this id" if self._by_id else "users could not be read to resolve it"
                return None, f"owner_id: {known}; give owner_email"
        if not user.active:
            return None, f"{'owner_email' if email else 'owner_id'}: this LeadSquared user is not active"
        return user.email.strip(), None

    def _rules_problem(self, name: str, *, has_lead: bool, fields: Mapping[str, Any]) -> str | None:
        task_type = self._rules.get(name)
        if task_type is None:
            return None
        if task_type.mandatory_lead and not has_lead:
            return f"related_id: task type {name!r} demands a lead"
        demanded = task_type.mandatory_fields
        if demanded and (lacking := [field for field in demanded if fields.get(field) in (None, "")]):
            return f"custom_fields: task type {name!r} demands {', '.join(sorted(lacking))}"
        if task_type.fields is None:
            return None
        for field, value in fields.items():
            options = task_type.fields.get(field)
            if options is None:
                known = hint(field, task_type.fields, "it has", casing_alone=True)
                return f"custom_fields: task type {name!r} has no field {field}{known}"
            if options and not _is_allowed(value, options):
                return f"custom_fields: {field} takes one of {_listed(options)}, exactly as written"
        return None


def _is_allowed(value: Any, options: Collection[str]) -> bool:
    if value is None or value == "":
        return True
    if isinstance(value, bool):
        return str(value).lower() in {option.lower() for option in options}
    text = str(value)
    return text in options or (SEVERAL in text and all(part.strip() in options for part in text.split(SEVERAL)))


def _listed(options: Sequence[str]) -> str:
    shown = ", ".join(repr(option) for option in options[:NAMES_SHOWN])
    return f"{shown} and {len(options) - NAMES_SHOWN} more" if len(options) > NAMES_SHOWN else shown


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return "just now"
    return f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"
