"""Send a slice of a plan, or rows given inline, exactly once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from followups.crash_points import reach
from followups.directory import Directory
from followups.garbage import only_new_searched
from followups.ledger.keeping import KeepBackLedger
from followups.ledger.planning import PlanLedger, finish_plans
from followups.planning.batching import Slice
from followups.planning.chunks import Reader
from followups.planning.counts import PlanCounts
from followups.rows import RowReader
from followups.sending import Sender, SendReport
from followups.throttle import DailyQuotaReached
from leadsquared.databases import open_ledger
from leadsquared.hook import LeadSquaredHook
from leadsquared.inline import PayloadReader, check_rows, inline_feed, marker_at, plan_inline
from leadsquared.outcomes import bulk_post, webhook_address
from leadsquared.pokes import poke
from leadsquared.preflight import Preflight
from leadsquared.runs import actor, inline_run_key, run_priority
from leadsquared.work.ledgers import open_send_ledger
from leadsquared.work.quota import note

log = logging.getLogger(__name__)

Rows = Iterable[Mapping[str, Any]]


class SendWork:
    """One task's sending: what it plans itself, what it sends."""

    def __init__(
        self,
        context: Any,
        *,
        leadsquared_conn_id: str,
        ledger_conn_id: str,
        in_flight: int | None,
        on_start: Callable[[Sender], None],
        quota_patience: timedelta = timedelta(hours=24),
    ) -> None:
        self._context = context
        self._quota_patience = quota_patience
        self._on_start = on_start
        self._engine: sa.Engine = open_ledger(ledger_conn_id)
        self._hook = LeadSquaredHook(
            leadsquared_conn_id, ledger_conn_id=ledger_conn_id, pool_size=in_flight, priority=run_priority(context)
        )
        self._ledger = open_send_ledger(self._engine, self._hook, context)
        self._preflight = Preflight(self._hook, self._engine)

    def send(self, work: Slice) -> dict[str, Any]:
        """Send the batches of a slice that are still open; return calls and rows by outcome."""
        self._context["slice_label"] = work.label
        self._refuse_lost_types(work)
        batch_ids = self._ledger.open_batches(*work.bounds)
        log.info("%s: %d to be made", work.label, len(batch_ids))
        post = bulk_post(self._hook, webhook_address(self._hook))
        sender = Sender(
            self._ledger,
            post,
            plan_id=work.plan_id,
            in_flight=self._hook.pool_size,
            on_progress=partial(poke, work.plan_id),
        )
        self._on_start(sender)
        try:
            # Calls that come due during a long stop would leave late, and together.
            with only_new_searched():
                sender.run(batch_ids)
        except DailyQuotaReached as quota:
            if note(self._engine, [work.plan_id], quota, self._quota_patience):
                raise
        finally:
            self._hook.close()
            _log_report(sender.report)
        report = sender.report
        reach("before xcom")
        return {
            "calls": {str(kind): count for kind, count in report.calls.items()},
            "rows": {str(kind): count for kind, count in report.rows.items()},
            "skipped": report.skipped,
        }

    def _refuse_lost_types(self, work: Slice) -> None:
        """Look once more whether the task types exist: they may be renamed while a run waits for its turn."""
        ledger = KeepBackLedger(self._engine, actor=actor(self._context))
        names = ledger.planned_types(*work.bounds)
        known = self._preflight.task_types() if names else Directory()
        for name in names:
            problem = known.task_type_problem(name)
            if problem:
                refused = ledger.refuse_type(*work.bounds, task_type=name, reason=problem)
                log.warning("%d rows are not sent: %s", refused, problem)

    def finish(self, work: Slice) -> None:
        """Note that nobody here goes on with the rows: what is not settled is left to reconcile."""
        finish_plans(self._engine, [work.plan_id])

    def plan_follow_ups(self, rows: Rows, feed_name: str, timezone: str, marker: str) -> Slice:
        """Plan inline rows in the warehouse's form."""
        feed = inline_feed(feed_name, timezone=timezone, marker=marker_at(marker))
        rows = check_rows("follow_ups", rows)
        return self._plan(feed, RowReader(feed, datetime.now(UTC), self._preflight.directory()), rows)

    def plan_payloads(self, rows: Rows, feed_name: str, marker: str) -> Slice:
        """Plan inline rows in LeadSquared's form."""
        feed = inline_feed(feed_name, marker=marker_at(marker))
        rows = check_rows("payloads", rows)
        return self._plan(feed, PayloadReader(feed, self._preflight.directory()), rows)

    def _plan(self, feed: Any, reader: Reader, rows: Rows) -> Slice:
        ledger = PlanLedger(
            self._engine,
            feed=feed.name,
            run_key=inline_run_key(feed.name, self._context),
            actor=actor(self._context),
            leadsquared_conn_id=self._hook.leadsquared_conn_id,
        )
        counts = plan_inline(ledger, feed, reader, rows)
        _log_plan(counts)
        label = f"{counts.to_send} inline rows"
        return Slice(plan_id=ledger.plan_id, first_batch=1, last_batch=max(counts.batches, 1), label=label)


def _log_plan(counts: PlanCounts) -> None:
    log.info("inline rows by outcome: %s", dict(counts.outcomes))
    if counts.leftovers:
        log.info("%d more of this feed, which earlier runs left planned, go with them", counts.leftovers)
    for (state, reason), count in counts.reasons.most_common():
        log.warning("%d rows %s: %s", count, state, reason)


def _log_report(report: SendReport) -> None:
    log.info(
        "%d calls in %.1f s: calls %s; rows %s; %d batches done before or by others",
        report.calls.total(),
        report.seconds,
        {str(kind): count for kind, count in report.calls.items()},
        {str(kind): count for kind, count in report.rows.items()},
        report.skipped,
    )
