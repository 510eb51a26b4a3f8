"""Account for every row of a run, and give the run its colour."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from leadsquared.links import RunPageLink
from leadsquared.names import DEFAULT_LEDGER
from leadsquared.retrying import RETRY_POLICY


def tell_of_failure(context: Any) -> None:
    """Tell the people whom the feed names that its run failed."""
    from leadsquared.notifying import tell_of_failure as tell  # noqa: PLC0415 - heavy; see leadsquared.work

    tell(context["task"].feed, context)


class ReportDeliveriesOperator(BaseOperator):
    """Count a run's rows by state and reason; fail where the feed's thresholds are exceeded or rows were not sent.

    The addresses under the feed's `notify` get a mail where the run failed or holds rows.

    :param feed: name of the run's feed.
    """

    ui_color = "#e8f0fe"
    operator_extra_links = (RunPageLink(),)

    def __init__(self, *, feed: str, ledger_conn_id: str = DEFAULT_LEDGER, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        kwargs.setdefault("on_failure_callback", tell_of_failure)
        super().__init__(**kwargs)
        self.feed = feed
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Any) -> dict[str, Any] | None:
        """Log and return the report."""
        from leadsquared.work.report import report_run  # noqa: PLC0415 - heavy; see leadsquared.work

        return report_run(self.feed, self.ledger_conn_id, context)
