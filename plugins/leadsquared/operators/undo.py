"""Undo what a run created in LeadSquared."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from leadsquared.names import DEFAULT_LEDGER
from leadsquared.operators.waits import wait_or_defer
from leadsquared.retrying import RETRY_POLICY


class UndoOperator(BaseOperator):
    """Delete the CRM tasks that a run created, and see them gone; waits without a worker slot.

    The run's params say what: `run_id`, or `feed` with `from` and `to`. Under `mode: preview` nothing is changed and
    the log shows the number that `confirm` must repeat under `mode: send`. What a person completed or touched stays.
    An undone follow-up is `held`; a run with `requeue: held` sends it again. A cleared or retried task goes on.
    """

    ui_color = "#fde2e2"

    def __init__(self, *, ledger_conn_id: str = DEFAULT_LEDGER, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Any, event: Any = None) -> dict[str, int]:  # noqa: ARG002 - given by the trigger
        """Return how many CRM tasks were deleted, or would be, and how many left alone."""
        from followups.throttle import DailyQuotaReached  # noqa: PLC0415 - heavy; see leadsquared.work
        from leadsquared.work.quota import defer_until_reset  # noqa: PLC0415
        from leadsquared.work.undo import end_undo, preview_undo, undo  # noqa: PLC0415

        if context["params"].get("mode") != "send":
            return preview_undo(self.ledger_conn_id, context)
        try:
            while (result := undo(self.ledger_conn_id, context)).wait is not None:
                wait_or_defer(self, result.wait, "execute")
        except DailyQuotaReached as quota:
            defer_until_reset(self, quota)
        return end_undo(self.ledger_conn_id, context)
