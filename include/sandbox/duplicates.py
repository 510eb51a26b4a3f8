"""Counts CRM tasks that were made twice, as they are made: by marker, and by what a person would call the same task."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

from sandbox.crm_task import CrmTask


class Markers:
    """Finds the marker in a task: a pattern with one group, searched for in `Description` or in a custom field."""

    def __init__(self, pattern: str, field: str) -> None:
        self._pattern = re.compile(pattern)
        self._field = field

    def of(self, task: CrmTask) -> str | None:
        """The marker of a task, or None."""
        return self.in_fields(task.description, task.custom_fields or {})

    def in_fields(self, description: object, custom_fields: Mapping[str, Any]) -> str | None:
        """The marker, or None. In a custom field, a text without the pattern is itself the marker."""
        in_description = self._field == "Description"
        text = str((description if in_description else custom_fields.get(self._field)) or "")
        found = self._pattern.search(text)
        if found:
            return found[1]
        return None if in_description else text or None


class _Repeats:
    """How many living tasks share each key. Keys are kept as hashes: 64 bits tell a million apart."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.now = 0
        self.ever = 0

    def add(self, key: Hashable, *, again: bool) -> None:
        slot = hash(key)
        count = self._counts.get(slot, 0)
        self._counts[slot] = count + 1
        if count:
            self.now += 1
            self.ever += not again

    def remove(self, key: Hashable) -> None:
        slot = hash(key)
        count = self._counts[slot]
        if count == 1:
            del self._counts[slot]
        else:
            self._counts[slot] = count - 1
            self.now -= 1

    def count(self, key: Hashable) -> int:
        return self._counts.get(hash(key), 0)

    def __len__(self) -> int:
        return len(self._counts)


class Duplicates:
    """Surplus tasks: two tasks with one marker are one duplicate. `ever` also counts those that were deleted since."""

    def __init__(self, markers: Markers) -> None:
        self._markers = markers
        self.by_marker = _Repeats()
        self.by_fingerprint = _Repeats()

    def add(self, task: CrmTask, *, again: bool = False) -> None:
        """Count a task; `again` when it was counted before and only changed."""
        marker = self._markers.of(task)
        if marker is not None:
            self.by_marker.add(marker, again=again)
        self.by_fingerprint.add(_fingerprint(task), again=again)

    def remove(self, task: CrmTask) -> None:
        """Count a task no longer."""
        marker = self._markers.of(task)
        if marker is not None:
            self.by_marker.remove(marker)
        self.by_fingerprint.remove(_fingerprint(task))

    def marker_of(self, task: CrmTask) -> str | None:
        """The marker of a task."""
        return self._markers.of(task)

    def is_repeated(self, task: CrmTask) -> bool:
        """Whether another living task has the same marker or, without one, the same fingerprint."""
        if task.deleted is not None:
            return False
        marker = self._markers.of(task)
        if marker is not None:
            return self.by_marker.count(marker) > 1
        return self.by_fingerprint.count(_fingerprint(task)) > 1


def _fingerprint(task: CrmTask) -> Hashable:
    return task.name, task.owner, task.due, task.related_kind, task.related_id
