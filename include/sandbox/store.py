"""The CRM tasks, in memory, with the indexes that keep lookups quick when there are a million of them."""

from __future__ import annotations

import gc
import uuid
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from sandbox.crm_task import CrmTask
from sandbox.dates import local_day
from sandbox.duplicates import Duplicates, Markers
from sandbox.people import People

_FREEZE_EVERY = 50_000

Bucket = tuple[int, int, int]


class TaskStore:
    """All CRM tasks ever made, numbered from 1. An id is a GUID whose last group is the number: no index is needed."""

    def __init__(self, people: People, markers: Markers) -> None:
        self._people = people
        self._prefix = str(uuid.uuid4())[:24]
        self._tasks: list[CrmTask] = []
        self._by_related: dict[str, int | list[int]] = {}
        self._by_owner: dict[int, array[int]] = {}
        self._by_owner_and_day: dict[Bucket, array[int]] = {}
        self.duplicates = Duplicates(markers)
        self.deleted = 0

    def __len__(self) -> int:
        return len(self._tasks)

    def id_of(self, task: CrmTask) -> str:
        """The GUID of a task."""
        return f"{self._prefix}{task.number:012x}"

    def get(self, task_id: str) -> CrmTask | None:
        """The task with an id, unless it was deleted."""
        text = task_id.strip().lower()
        if not text.startswith(self._prefix) or len(text) != 36:
            return None
        try:
            number = int(text[24:], 16)
        except ValueError:
            return None
        task = self._tasks[number - 1] if 0 < number <= len(self._tasks) else None
        return task if task is not None and task.deleted is None else None

    def add(self, task: CrmTask, *, request: int, now: float) -> CrmTask:
        """Create a task. `request` is the number of the bulk request, 0 for a single create."""
        self._tasks.append(task)
        task.number, task.request = len(self._tasks), request
        task.created = task.modified = now
        self._index(task)
        self.duplicates.add(task)
        if len(self._tasks) % _FREEZE_EVERY == 0:
            gc.freeze()
        return task

    def change(self, task: CrmTask, values: dict[str, Any], *, now: float, by: int | None = None) -> None:
        """Set attributes of a task and keep the indexes right; `by` is the user who does it by hand."""
        self._unindex(task)
        self.duplicates.remove(task)
        for name, value in values.items():
            setattr(task, name, value)
        task.modified, task.modified_by = now, by
        self.duplicates.add(task, again=True)
        self._index(task)

    def delete(self, task: CrmTask, *, now: float) -> None:
        """Take a task out of every lookup. It stays countable."""
        task.deleted = now
        self.deleted += 1
        self._unindex(task)
        self.duplicates.remove(task)

    def recount(self, markers: Markers) -> None:
        """Count duplicates anew, by other markers."""
        self.duplicates = Duplicates(markers)
        for task in self._tasks:
            if task.deleted is None:
                self.duplicates.add(task)

    def numbered(self, numbers: Iterable[int]) -> list[CrmTask]:
        """The tasks with given numbers."""
        return [self._tasks[number - 1] for number in numbers]

    def of_related(self, related_id: str) -> list[CrmTask]:
        """Tasks of a lead or opportunity, the oldest first."""
        found = self._by_related.get(related_id.strip().lower(), [])
        return self.numbered([found] if isinstance(found, int) else found)

    def of_owner(self, owner: int) -> array[int]:
        """Numbers of an owner's tasks, the oldest first unless tasks changed hands."""
        return self._by_owner.get(owner, array("I"))

    def due_on(self, owner: int, category: int, day: int) -> array[int]:
        """Numbers of an owner's appointments or to-dos that are due on a day of the account's calendar."""
        return self._by_owner_and_day.get((owner, category, day), array("I"))

    def after(self, number: int) -> Iterator[CrmTask]:
        """All tasks with greater numbers, deleted ones too, the oldest first."""
        for index in range(max(number, 0), len(self._tasks)):
            yield self._tasks[index]

    def newest_first(self) -> Iterator[CrmTask]:
        """All tasks, deleted ones too."""
        return reversed(self._tasks)

    def _bucket(self, task: CrmTask) -> Bucket:
        return task.owner, self._people.type_of(task.task_type).category, local_day(task.due, self._people.zone)

    def _index(self, task: CrmTask) -> None:
        self._by_owner.setdefault(task.owner, array("I")).append(task.number)
        self._by_owner_and_day.setdefault(self._bucket(task), array("I")).append(task.number)
        if task.related_id:
            key = task.related_id
            present = self._by_related.get(key)
            if present is None:
                self._by_related[key] = task.number
            elif isinstance(present, int):
                self._by_related[key] = [present, task.number]
            else:
                present.append(task.number)

    def _unindex(self, task: CrmTask) -> None:
        self._by_owner[task.owner].remove(task.number)
        self._by_owner_and_day[self._bucket(task)].remove(task.number)
        present = self._by_related.get(task.related_id)
        if isinstance(present, list):
            present.remove(task.number)
        elif present is not None:
            del self._by_related[task.related_id]
