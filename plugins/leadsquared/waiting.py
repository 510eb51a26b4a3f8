"""Wait for CRM tasks to be completed: what one look tells, and whether the wait is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from leadsquared.errors import RequestRejected
from leadsquared.names import Missing, Until
from leadsquared.sightings import Sightings
from leadsquared.wire.records import CrmTask

#: CRM task ids under `completed`, `open` and `gone`: deleted, cancelled or hidden.
Standing = dict[str, list[str]]


class Watch:
    """CRM tasks that are waited for; what was completed once is not looked at again.

    :param settle: how long after the first look one that was never seen may still turn up: look-ups lag behind.
    """

    def __init__(
        self,
        task_ids: Sequence[str],
        sightings: Sightings,
        *,
        until: Until,
        missing: Missing,
        settle: timedelta,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._task_ids = list(task_ids)
        self._sightings = sightings
        self._until = until
        self._missing = missing
        self._clock = clock
        self._gone_after = clock() + settle.total_seconds()
        self._completed: set[str] = set()
        self._met: set[str] = set()

    def look(self) -> tuple[Standing, bool]:
        """Return how the CRM tasks stand, and whether the wait is over.

        :raises RequestRejected: some are gone and `missing` is `fail`, or all are and `any` was waited for.
        """
        seen = self._sightings.see(task_id for task_id in self._task_ids if task_id not in self._completed)
        self._completed |= {task_id for task_id, task in seen.items() if task and task.is_complete}
        self._met |= {task_id for task_id, task in seen.items() if task}
        rest = {task_id: task for task_id, task in seen.items() if task_id not in self._completed}
        gone = [task_id for task_id, task in rest.items() if self._is_gone(task_id, task)]
        standing = {
            "completed": [task_id for task_id in self._task_ids if task_id in self._completed],
            "open": [task_id for task_id in rest if task_id not in set(gone)],
            "gone": gone,
        }
        self._check_gone(standing)
        enough = bool(standing["completed"]) if self._until == "any" else not standing["open"]
        return standing, enough or not self._task_ids

    def _is_gone(self, task_id: str, task: CrmTask | None) -> bool:
        if task is None:
            return task_id in self._met or self._clock() >= self._gone_after
        return task.is_cancelled

    def _check_gone(self, standing: Standing) -> None:
        gone = len(standing["gone"])
        hopeless = self._until == "any" and not standing["completed"] and not standing["open"]
        if gone and (self._missing == "fail" or hopeless):
            raise RequestRejected(
                f"{gone} of {len(self._task_ids)} CRM tasks are deleted, cancelled or hidden from these keys and will "
                f"not be completed: {', '.join(standing['gone'][:3])}"
            )
