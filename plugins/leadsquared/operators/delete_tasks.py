"""Delete CRM tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from leadsquared.operators.changing import ChangingOperator
from leadsquared.wire.ids import check_ids

if TYPE_CHECKING:
    from leadsquared.changes import Change


class DeleteTasksOperator(ChangingOperator):
    """Delete CRM tasks for good, 5,000 a call, and see that they are gone (`/delete-tasks-in-bulk/`).

    Returns counts under `deleted` and `already`: what is not there is as wanted, so there is no `missing` here. Its
    deletion is asked for all the same, as look-ups may lag behind. Open and completed CRM tasks alike are deleted, and
    nothing brings them back. Safe to run again: see `ChangingOperator`.

    :param task_ids: one id, a list, or another task's result such as `create.output`; templated.
    :raises RequestRejected: LeadSquared refuses.
    """

    template_fields: Sequence[str] = ("task_ids", "leadsquared_conn_id")
    ui_color = "#fde2e1"

    def __init__(self, *, task_ids: Any, **kwargs: Any) -> None:
        super().__init__(missing="ignore", **kwargs)
        self.task_ids = task_ids

    def _change(self, context: Any) -> tuple[Change, list[str]]:  # noqa: ARG002 - see `ChangingOperator`
        from leadsquared.changes import Delete  # noqa: PLC0415 - DAG files stay light

        return Delete(), check_ids(self.task_ids)
