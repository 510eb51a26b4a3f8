"""Send planned batches to LeadSquared, exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from leadsquared.errors import ConfigurationError, RetryableError
from leadsquared.links import RunPageLink
from leadsquared.names import DEFAULT_LEADSQUARED, DEFAULT_LEDGER, inline_run_id
from leadsquared.operators.arguments import depend_on, resolve
from leadsquared.operators.waits import wait_or_defer
from leadsquared.retrying import RETRY_POLICY

if TYPE_CHECKING:
    from followups.planning.batching import Slice
    from leadsquared.work.send import SendWork

Rows = Iterable[Mapping[str, Any]]


class CreateTasksOperator(BaseOperator):
    """Create CRM tasks in bulk, 50 a call, within the account's rate limit, through the ledger.

    Give it one of three: a `plan_slice` of `PlanFollowUpsOperator` (map over its output), `follow_ups` in the form
    of the warehouse's rows, or `payloads` in LeadSquared's own form. A list may have any length, or be another
    task's result. The same follow-up is never sent twice, however often the task runs; a payload's identity is its
    key `followup_id` (not sent), else its content. Inline rows that a run left planned go with the next run's.

    :param plan_slice: what to send of a plan.
    :param follow_ups: rows with `followup_id`, `task_type`, `subject`, `due_at`, `owner_email` or `owner_id`, and
        the optional columns.
    :param payloads: items of `TaskList`.
    :param feed: name under which inline rows are kept; rows are the same only within one feed. Default: the DAG's id.
    :param timezone: for inline dates that have no zone.
    :param marker: for inline rows, where the text is written by which a CRM task can be found again: `description`,
        the name of a custom field, or `off`.
    :param verify: for inline rows: look in LeadSquared until every row is `created`, `rejected` or `held`, waiting
        without a worker slot, and return this task's rows by state under `states`; those that an earlier run sent
        are not among them. Otherwise the DAG `leadsquared_reconcile` settles them.
    :param in_flight: calls that may be under way at once. Default: what the account's rate can use.
    :param quota_patience_hours: how long to wait, deferred, when the account's calls of the day are used up; if they
        come back later than that, the task ends and the rows stay planned.
    """

    template_fields: Sequence[str] = ("feed", "timezone", "leadsquared_conn_id")
    ui_color = "#d7f0dd"
    operator_extra_links = (RunPageLink(),)

    def __init__(
        self,
        *,
        plan_slice: Mapping[str, Any] | None = None,
        follow_ups: Rows | None = None,
        payloads: Rows | None = None,
        feed: str | None = None,
        timezone: str = "UTC",
        leadsquared_conn_id: str = DEFAULT_LEADSQUARED,
        ledger_conn_id: str = DEFAULT_LEDGER,
        in_flight: int | None = None,
        quota_patience_hours: float = 24,
        marker: str = "description",
        verify: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(**kwargs)
        self.plan_slice = plan_slice
        self.follow_ups = follow_ups
        self.payloads = payloads
        self.feed = feed
        self.timezone = timezone
        self.leadsquared_conn_id = leadsquared_conn_id
        self.ledger_conn_id = ledger_conn_id
        self.in_flight = in_flight
        self.quota_patience_hours = quota_patience_hours
        self.marker = marker
        self.verify = verify
        self._sender: Any = None
        self._stopped = False
        depend_on(self, plan_slice, follow_ups, payloads)

    def execute(self, context: Any, event: Any = None) -> dict[str, Any]:  # noqa: ARG002 - given by the trigger
        """Send, and return calls and rows by outcome. Waits, deferred, while no call is left today."""
        if sum(given is not None for given in (self.plan_slice, self.follow_ups, self.payloads)) != 1:
            raise ConfigurationError("give CreateTasksOperator one of plan_slice, follow_ups and payloads")
        if self.plan_slice is not None and self.verify:
            raise ConfigurationError("verify is for rows given inline: slices have VerifyDeliveriesOperator")
        from followups.throttle import DailyQuotaReached  # noqa: PLC0415 - heavy; see leadsquared.work
        from leadsquared.work.quota import defer_until_reset  # noqa: PLC0415
        from leadsquared.work.send import SendWork  # noqa: PLC0415 - heavy; see leadsquared.work

        work = SendWork(
            context,
            leadsquared_conn_id=self.leadsquared_conn_id,
            ledger_conn_id=self.ledger_conn_id,
            in_flight=self.in_flight,
            on_start=self._remember,
            quota_patience=timedelta(hours=self.quota_patience_hours),
        )
        try:
            return self._send(work, context)
        except DailyQuotaReached as quota:
            defer_until_reset(self, quota)

    def _send(self, work: SendWork, context: Any) -> dict[str, Any]:
        from followups.planning.batching import Slice  # noqa: PLC0415 - heavy; see leadsquared.work

        if self.plan_slice is not None:
            return self._send_all(work, Slice.from_json(resolve(self.plan_slice, context)))
        rows = self._plan(work, context)
        try:
            sent = self._send_all(work, rows)
        except BaseException:
            work.finish(rows)
            raise
        if self.verify:
            return self.settle(context, sent)
        work.finish(rows)
        return sent

    def _send_all(self, work: SendWork, rows: Slice) -> dict[str, Any]:
        sent = work.send(rows)
        if self._stopped:  # a worker that is shut down lets its tasks end: they must not end green with rows unsent
            raise RetryableError("the task was stopped; what it had not begun to send stays planned for its next try")
        return sent

    def settle(self, context: Any, sent: Mapping[str, Any], event: Any = None) -> dict[str, Any]:  # noqa: ARG002 - given by the trigger
        """Look until every row is settled; return what was sent, and rows by state."""
        from followups.throttle import DailyQuotaReached  # noqa: PLC0415 - heavy; see leadsquared.work
        from leadsquared.work.quota import defer_until_reset  # noqa: PLC0415
        from leadsquared.work.settle import settle_inline  # noqa: PLC0415 - heavy; see leadsquared.work

        connections = {"leadsquared_conn_id": self.leadsquared_conn_id, "ledger_conn_id": self.ledger_conn_id}
        while True:
            try:
                settled = settle_inline(self._feed_name(context), **connections, context=context)
            except DailyQuotaReached as quota:
                defer_until_reset(self, quota, "settle", sent=sent)
            if settled.wait is None:
                return {**sent, "states": settled.states}
            wait_or_defer(self, settled.wait, "settle", sent=sent)

    def _plan(self, work: SendWork, context: Any) -> Slice:
        feed = self._feed_name(context)
        if self.payloads is not None:
            return work.plan_payloads(resolve(self.payloads, context), feed, self.marker)
        return work.plan_follow_ups(resolve(self.follow_ups, context), feed, self.timezone, self.marker)

    def _feed_name(self, context: Any) -> str:
        return self.feed or str(context["ti"].dag_id)

    def run_on_page(self, ti: Any) -> tuple[str, str]:
        """Return under which names the page shows this task's rows: the DAG's run, or its own where it planned them."""
        if self.plan_slice is not None:
            return ti.dag_id, ti.run_id
        from leadsquared.inline import inline_feed  # noqa: PLC0415 - heavy; see leadsquared.work

        return inline_feed(self.feed or ti.dag_id).name, inline_run_id(ti)

    def on_kill(self) -> None:
        """Begin no other call; those under way are recorded."""
        self._stopped = True
        if self._sender is not None:
            self._sender.stop()

    def _remember(self, sender: Any) -> None:
        self._sender = sender
        if self._stopped:
            sender.stop()
