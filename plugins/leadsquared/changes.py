"""Wanted states of CRM tasks: completed, deleted, updated. `leadsquared.changer` brings CRM tasks to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from leadsquared.sightings import LookUps, Place, place_of
from leadsquared.wire.bodies import MAX_DELETIONS_PER_CALL
from leadsquared.wire.records import CrmTask
from leadsquared.wire.updates import complete_fields, is_as_wanted
from leadsquared.wire.values import to_moment

#: CRM tasks by id as a look showed them; None: not there
Seen = Mapping[str, CrmTask | None]


class ChangeCalls(LookUps, Protocol):
    """What changing asks of a hook; see `leadsquared.hook.LeadSquaredHook`."""

    def update_task(self, task_id: str, fields: Mapping[str, Any]) -> None: ...  # noqa: D102
    def complete_task(self, task_id: str) -> None: ...  # noqa: D102
    def delete_tasks(self, task_ids: Sequence[str]) -> object: ...  # noqa: D102


class Change(ABC):
    """A wanted state. `done` is the word for CRM tasks that were brought to it, `per_call` how many a call takes."""

    done: str
    per_call = 1
    #: whether a CRM task that is not there is as wanted
    wants_absence = False

    @abstractmethod
    def is_met(self, task_id: str, task: CrmTask, *, asked: bool) -> bool:
        """Tell whether a CRM task that is there stands as wanted; `asked` says that the change was asked for."""

    @abstractmethod
    def ask(self, hook: ChangeCalls, task_ids: Sequence[str], seen: Seen) -> None:
        """Make one call."""

    def place_after(self, task_id: str, task: CrmTask) -> Place | None:  # noqa: ARG002 - for those that move it
        """Return where the CRM task will be found."""
        return place_of(task)


class Complete(Change):
    """CRM tasks are to be completed."""

    done = "completed"

    def is_met(self, task_id: str, task: CrmTask, *, asked: bool) -> bool:  # noqa: ARG002 - see `Change`
        """Tell whether it is complete."""
        return task.is_complete

    def ask(self, hook: ChangeCalls, task_ids: Sequence[str], seen: Seen) -> None:  # noqa: ARG002 - see `Change`
        """Mark one as completed."""
        hook.complete_task(task_ids[0])


class Delete(Change):
    """CRM tasks are to be gone."""

    done = "deleted"
    per_call = MAX_DELETIONS_PER_CALL
    wants_absence = True

    def is_met(self, task_id: str, task: CrmTask, *, asked: bool) -> bool:  # noqa: ARG002 - see `Change`
        """Say no: it is there."""
        return False

    def ask(self, hook: ChangeCalls, task_ids: Sequence[str], seen: Seen) -> None:  # noqa: ARG002 - see `Change`
        """Ask for their deletion, which happens later."""
        hook.delete_tasks(task_ids)


class Update(Change):
    """Fields of CRM tasks are to have values: by id, in LeadSquared's names and forms (`updates.wanted_fields`)."""

    done = "updated"

    def __init__(self, fields: Mapping[str, Mapping[str, Any]]) -> None:
        self._fields = {task_id.lower(): wanted for task_id, wanted in fields.items()}

    def is_met(self, task_id: str, task: CrmTask, *, asked: bool) -> bool:
        """Tell whether all fields have their values."""
        return is_as_wanted(task, self._fields[task_id], asked=asked)

    def ask(self, hook: ChangeCalls, task_ids: Sequence[str], seen: Seen) -> None:
        """Update one; what is not to change is sent as it was seen."""
        task = seen[task_ids[0]]
        assert task is not None
        hook.update_task(task_ids[0], complete_fields(task, self._fields[task_ids[0]]))

    def place_after(self, task_id: str, task: CrmTask) -> Place | None:
        """Return its new owner and day."""
        place, wanted = place_of(task), self._fields[task_id]
        if place is None or "OwnerId" in wanted:
            return None
        owner, due = wanted.get("OwnerEmailAddress"), to_moment(wanted.get("DueDate"))
        return Place(owner or place.owner_email, due or place.due_at, place.category)
