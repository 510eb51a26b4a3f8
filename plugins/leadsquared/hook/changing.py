"""Change CRM tasks that exist. An unknown outcome is raised as such: look the CRM task up before asking again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from leadsquared.hook.base import BaseCalls
from leadsquared.wire import bodies, operations
from leadsquared.wire.replies import Reply


class ChangingTasks(BaseCalls):
    """Update, complete, delete, move. All raise as `create_tasks` does, but those named `post_…`.

    Those return whatever LeadSquared answered, as `post_tasks` does. What they are given is called once,
    shortly before sending, when the rate slot is certain; None or False from it sends nothing and makes the result
    None.
    """

    def update_task(self, task_id: str, fields: Mapping[str, Any]) -> None:
        """Update a CRM task; `fields` have LeadSquared's own names, such as those of a payload (`/update-task/`).

        Whether fields that are left out are kept is not documented: give all that are to stay. It does not complete.
        """
        self._change(operations.UPDATE, body=bodies.update(task_id, dict(fields)))

    def complete_task(self, task_id: str) -> None:
        """Mark a CRM task as completed. No vendor page; known from integrators."""
        self._change(operations.MARK_COMPLETE, params={"id": task_id})

    def delete_tasks(self, task_ids: Sequence[str], *, status_webhook_url: str | None = None) -> None:
        """Ask for the deletion of 1 to 5,000 CRM tasks, which happens later (`/delete-tasks-in-bulk/`)."""
        self._change(operations.DELETE_TASKS, body=bodies.delete(task_ids, status_webhook_url))

    def move_appointments(
        self, appointments: Sequence[tuple[str, datetime, datetime]], *, status_webhook_url: str | None = None
    ) -> str | None:
        """Move appointments, each given as id, aware start and aware end; return the request id if there is one.

        How many rows a call may hold is not known (`/bulk-update-appointment-timings/`).
        """
        return self._change(operations.MOVE_APPOINTMENTS, body=bodies.move(appointments, status_webhook_url)).request_id

    def post_update(self, task_id: str, fields: Callable[[], Mapping[str, Any] | None]) -> Reply | None:
        """Update a CRM task as `update_task` does; `fields()` returns them."""

        def body() -> bytes | None:
            given = fields()
            return None if given is None else bodies.update(task_id, dict(given))

        return self._call(operations.UPDATE, body=body)

    def post_completion(self, task_id: str, intend: Callable[[], bool]) -> Reply | None:
        """Complete a CRM task as `complete_task` does, if `intend()`."""
        return self._call(operations.MARK_COMPLETE, params={"id": task_id}, body=lambda: b"" if intend() else None)

    def post_deletion(self, task_ids: Callable[[], Sequence[str]]) -> Reply | None:
        """Ask for the deletion of CRM tasks as `delete_tasks` does; `task_ids()` returns them, or none."""

        def body() -> bytes | None:
            given = task_ids()
            return bodies.delete(given) if given else None

        return self._call(operations.DELETE_TASKS, body=body)
