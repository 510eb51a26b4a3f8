"""Change CRM tasks that exist. An unknown outcome is raised as such: look the CRM task up before asking again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from leadsquared import bodies, operations
from leadsquared.hook.base import BaseCalls


class ChangingTasks(BaseCalls):
    """Update, complete, delete, move. All raise as `create_tasks` does."""

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
