"""Let CRM tasks follow the warehouse: update, recreate, complete or delete what a run's plan found changed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from airflow.sdk import BaseOperator

from leadsquared.names import DEFAULT_LEDGER
from leadsquared.operators.waits import wait_or_defer
from leadsquared.retrying import RETRY_POLICY


class ApplyChangesOperator(BaseOperator):
    """Make the changes that a run asked for, and see them done; waits without a worker slot.

    CRM tasks that a rep completed or touched are left alone, which the report shows.

    :param feed: name of the run's feed, whose `on_change` and `on_cancel` say what is to be done.
    """

    ui_color = "#d7f0dd"

    def __init__(self, *, feed: str, ledger_conn_id: str = DEFAULT_LEDGER, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(**kwargs)
        self.feed = feed
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Any, event: Any = None) -> dict[str, int]:  # noqa: ARG002 - given by the trigger
        """Do rounds until nothing is left; return how the changes ended since the task last waited."""
        from followups.throttle import DailyQuotaReached  # noqa: PLC0415 - heavy; see leadsquared.work
        from leadsquared.work.in_step import apply_changes, plain  # noqa: PLC0415
        from leadsquared.work.quota import defer_until_reset  # noqa: PLC0415

        ended: Counter[tuple[str, str]] = Counter()
        try:
            while True:
                result = apply_changes(self.feed, self.ledger_conn_id, context)
                ended += result.ended
                if result.wait is None:
                    return plain(ended)
                wait_or_defer(self, result.wait, "execute")
        except DailyQuotaReached as quota:
            defer_until_reset(self, quota)
