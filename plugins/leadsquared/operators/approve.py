"""Ask a person before a large run is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from leadsquared.names import DEFAULT_LEDGER
from leadsquared.retrying import RETRY_POLICY


class ApproveRunOperator(ApprovalOperator):
    """Wait, without a worker slot, for a person to approve a run that would send or change more than the feed allows.

    Yes: the run goes on. No, or no answer in time: its rows are held with that as their reason, nothing is sent, and
    CRM tasks stay as they are. Smaller runs, and previews, pass.

    :param feed: name of the run's feed, which sets `approval`.
    :param timeout: how long an answer is waited for.
    """

    ui_color = "#fde8e8"

    def __init__(self, *, feed: str, timeout: timedelta, ledger_conn_id: str = DEFAULT_LEDGER, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        # What is asked is known only once the run is planned; no answer counts as no.
        super().__init__(subject="approval of a run", defaults=self.REJECT, response_timeout=timeout, **kwargs)
        self.feed = feed
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Any) -> Any:
        """Ask, unless the run is small enough."""
        from leadsquared.work.approve import ask  # noqa: PLC0415 - heavy; see leadsquared.work

        question = ask(self.feed, self.ledger_conn_id, context)
        if question is None:
            return None
        self.subject, self.body = question
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Take the answer in; without a yes the rows are held and what comes next is skipped."""
        from leadsquared.work.approve import answer  # noqa: PLC0415 - heavy; see leadsquared.work

        approved = event.get("chosen_options") == [self.APPROVE]
        answer(self.feed, self.ledger_conn_id, context, approved=approved, by=event.get("responded_by_user"))
        return super().execute_complete(context, event)
