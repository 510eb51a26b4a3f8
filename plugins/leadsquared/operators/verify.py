"""Settle a run's rows: look in LeadSquared whether they exist."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from leadsquared.names import DEFAULT_LEDGER
from leadsquared.operators.waits import wait_or_defer
from leadsquared.retrying import RETRY_POLICY


class VerifyDeliveriesOperator(BaseOperator):
    """Look up what a run sent until every accepted row is `created` or `rejected`; waits without a worker slot.

    :param feed: name of the run's feed.
    """

    ui_color = "#fff4d6"

    def __init__(self, *, feed: str, ledger_conn_id: str = DEFAULT_LEDGER, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(**kwargs)
        self.feed = feed
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Any, event: Any = None) -> dict[str, int]:  # noqa: ARG002 - given by the trigger
        """Look once; wait and look again while that can tell more. Returns the last look's counts."""
        from followups.throttle import DailyQuotaReached  # noqa: PLC0415 - heavy; see leadsquared.work
        from leadsquared.work.quota import defer_until_reset  # noqa: PLC0415
        from leadsquared.work.verify import verify_run  # noqa: PLC0415 - heavy; see leadsquared.work

        try:
            result = verify_run(self.feed, self.ledger_conn_id, context)
            while result.wait is not None:
                wait_or_defer(self, result.wait, "execute")
                result = verify_run(self.feed, self.ledger_conn_id, context)
        except DailyQuotaReached as quota:
            defer_until_reset(self, quota)
        return {str(state): count for state, count in result.counts.items()}
