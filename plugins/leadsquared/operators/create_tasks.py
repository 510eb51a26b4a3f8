"""Send planned batches to LeadSquared, exactly once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseOperator

from followups.directory import Directory
from followups.ledger.planning import PlanLedger
from followups.ledger.sending import SendLedger
from followups.planning.batching import Slice
from followups.rows import RowReader
from followups.sending import DEFAULT_IN_FLIGHT, Sender, SendReport
from leadsquared.databases import DEFAULT_LEDGER, open_ledger
from leadsquared.errors import ConfigurationError
from leadsquared.hook import LeadSquaredHook
from leadsquared.inline import PayloadReader, inline_feed, plan_inline
from leadsquared.operators.arguments import depend_on, resolve
from leadsquared.outcomes import bulk_post, no_webhook
from leadsquared.preflight import read_directory
from leadsquared.retrying import RETRY_POLICY
from leadsquared.runs import actor, run_key

log = logging.getLogger(__name__)

Rows = Iterable[Mapping[str, Any]]


class CreateTasksOperator(BaseOperator):
    """Create CRM tasks in bulk, 50 a call, within the account's rate limit, through the ledger.

    Give it one of three: a `plan_slice` of `PlanFollowUpsOperator` (map over its output), `follow_ups` in the form
    of the warehouse's rows, or `payloads` in LeadSquared's own form. A list may have any length, or be another
    task's result. The same follow-up is never sent twice, however often the task runs; a payload's identity is its
    key `followup_id` (not sent), else its content.

    :param plan_slice: what to send of a plan.
    :param follow_ups: rows with `followup_id`, `task_type`, `subject`, `due_at`, `owner_email` or `owner_id`, and
        the optional columns.
    :param payloads: items of `TaskList`.
    :param feed: name under which inline rows are kept; rows are the same only within one feed. Default: the DAG's id.
    :param timezone: for inline dates that have no zone.
    :param in_flight: calls that may be under way at once.
    """

    template_fields: Sequence[str] = ("feed", "timezone", "leadsquared_conn_id")
    ui_color = "#d7f0dd"

    def __init__(
        self,
        *,
        plan_slice: Mapping[str, Any] | None = None,
        follow_ups: Rows | None = None,
        payloads: Rows | None = None,
        feed: str | None = None,
        timezone: str = "UTC",
        leadsquared_conn_id: str = LeadSquaredHook.default_conn_name,
        ledger_conn_id: str = DEFAULT_LEDGER,
        in_flight: int = DEFAULT_IN_FLIGHT,
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
        self._sender: Sender | None = None
        depend_on(self, plan_slice, follow_ups, payloads)

    def execute(self, context: Any) -> dict[str, Any]:
        """Send, and return calls and rows by outcome."""
        if sum(given is not None for given in (self.plan_slice, self.follow_ups, self.payloads)) != 1:
            raise ConfigurationError("give CreateTasksOperator one of plan_slice, follow_ups and payloads")
        engine = open_ledger(self.ledger_conn_id)
        ledger = SendLedger(engine, owner=actor(context))
        ledger.expire_leases()
        hook = LeadSquaredHook(
            self.leadsquared_conn_id, ledger_conn_id=self.ledger_conn_id, pool_size=max(self.in_flight, 1)
        )
        work = self._slice(context, engine, hook)
        context["slice_label"] = work.label
        batch_ids = ledger.open_batches(*work.bounds)
        log.info("%s: %d to be made", work.label, len(batch_ids))
        post = bulk_post(hook, no_webhook)
        self._sender = Sender(ledger, post, plan_id=work.plan_id, in_flight=self.in_flight)
        try:
            report = self._sender.run(batch_ids)
        finally:
            hook.close()
            _log_report(self._sender.report)
        return {"calls": dict(report.calls), "rows": dict(report.rows), "skipped": report.skipped}

    def on_kill(self) -> None:
        """Begin no other call; those under way are recorded."""
        if self._sender is not None:
            self._sender.stop()

    def _slice(self, context: Any, engine: Any, hook: LeadSquaredHook) -> Slice:
        if self.plan_slice is not None:
            return Slice.from_json(resolve(self.plan_slice, context))
        feed = inline_feed(self.feed or context["ti"].dag_id, timezone=self.timezone)
        directory: Directory = read_directory(hook)
        ledger = PlanLedger(
            engine, feed=feed.name, run_key=f"{run_key(feed.name, context)}/{_place(context)}", actor=actor(context)
        )
        if self.payloads is not None:
            counts = plan_inline(ledger, feed, PayloadReader(feed, directory), resolve(self.payloads, context))
        else:
            reader = RowReader(feed, datetime.now(UTC), directory)
            counts = plan_inline(ledger, feed, reader, resolve(self.follow_ups, context))
        log.info("inline rows by outcome: %s", dict(counts.outcomes))
        for (state, reason), count in counts.reasons.most_common():
            log.warning("%d rows %s: %s", count, state, reason)
        label = f"{counts.to_send} inline rows"
        return Slice(plan_id=ledger.plan_id, first_batch=1, last_batch=max(counts.batches, 1), label=label)


def _place(context: Any) -> str:
    return f"{context['ti'].task_id}[{context['ti'].map_index}]"


def _log_report(report: SendReport) -> None:
    log.info(
        "%d calls in %.1f s: calls %s; rows %s; %d batches done before or by others",
        report.calls.total(), report.seconds, dict(report.calls), dict(report.rows), report.skipped,
    )  # fmt: skip
