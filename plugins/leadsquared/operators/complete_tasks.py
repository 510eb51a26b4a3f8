"""Mark CRM tasks as completed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from leadsquared.operators.changing import ChangingOperator
from leadsquared.wire.ids import check_ids

if TYPE_CHECKING:
    from leadsquared.changes import Change


class CompleteTasksOperator(ChangingOperator):
    """Complete CRM tasks, one call each; those that are complete already cost none.

    Returns counts under `completed`, `already` and `missing`. Safe to run again: see `ChangingOperator`, which also
    gives `missing` and `in_flight`. No vendor page describes the call; integrators use it.

    :param task_ids: one id, a list, or another task's result such as `create.output`; templated.
    :raises RequestRejected: CRM tasks are missing, or LeadSquared refuses.
    """

    template_fields: Sequence[str] = ("task_ids", "leadsquared_conn_id")

    def __init__(self, *, task_ids: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.task_ids = task_ids

    def _change(self, context: Any) -> tuple[Change, list[str]]:  # noqa: ARG002 - see `ChangingOperator`
        from leadsquared.changes import Complete  # noqa: PLC0415 - DAG files stay light

        return Complete(), check_ids(self.task_ids)
