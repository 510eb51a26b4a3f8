"""Plan a feed's run: due rows become batches in the ledger, and slices for mapped tasks."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from leadsquared.links import RunPageLink
from leadsquared.names import DEFAULT_LEDGER
from leadsquared.retrying import RETRY_POLICY


class PlanFollowUpsOperator(BaseOperator):
    """Read a feed's due rows and plan their delivery; returns slices to map `CreateTasksOperator` over.

    The run's params `from`, `to`, `mode`, `limit` and `requeue` steer it. Under `mode: preview` nothing is written
    and no slice is returned.

    :param feed: name of a file in `include/feeds`, without `.yaml`.
    :param ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#e8f0fe"
    operator_extra_links = (RunPageLink(),)

    def __init__(self, *, feed: str, ledger_conn_id: str = DEFAULT_LEDGER, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(**kwargs)
        self.feed = feed
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Any) -> list[dict[str, Any]]:
        """Plan and return the slices; counts go to XCom under `plan`."""
        from leadsquared.work.plan import plan_feed  # noqa: PLC0415 - heavy; see leadsquared.work

        return plan_feed(self.feed, self.ledger_conn_id, context)
