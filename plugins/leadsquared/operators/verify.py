"""Settle a run's rows: look in LeadSquared whether they exist."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator

from leadsquared.names import DEFAULT_LEDGER
from leadsquared.retrying import RETRY_POLICY

#: Deferring costs Airflow about five seconds, and a trigger that fires before the scheduler took note of the deferral
#: makes it count the task as failed.
SHORT_WAIT = timedelta(seconds=15)

log = logging.getLogger(__name__)


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
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger  # noqa: PLC0415 - heavy

        from leadsquared.work.verify import verify_run  # noqa: PLC0415 - heavy; see leadsquared.work

        result = verify_run(self.feed, self.ledger_conn_id, context)
        while result.wait is not None and result.wait <= SHORT_WAIT:
            time.sleep(result.wait.total_seconds())
            result = verify_run(self.feed, self.ledger_conn_id, context)
        if result.wait is not None:
            log.info("looking again in %.0f s", result.wait.total_seconds())
            self.defer(trigger=TimeDeltaTrigger(result.wait), method_name="execute")
        return {str(state): count for state, count in result.counts.items()}
