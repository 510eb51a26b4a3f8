"""Account for every row of a run."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk.observability import stats

from followups.feeds import feeds_dir, load_feed
from followups.ledger.changing import ended_counts
from followups.ledger.planning import finish_plans
from followups.ledger.quota import quota_of
from followups.ledger.reading import LedgerReader
from followups.model import State
from followups.report import ThresholdError, build_report, check_thresholds
from leadsquared.databases import open_ledger
from leadsquared.notifying import tell
from leadsquared.pokes import poke
from leadsquared.runs import run_key, task_url
from leadsquared.work.write_back import write_back_feed

log = logging.getLogger(__name__)


def report_run(name: str, ledger_conn_id: str, context: Any) -> dict[str, Any] | None:
    """Log and return the report; None for a preview."""
    feed = load_feed(feeds_dir() / f"{name}.yaml")
    if context["params"].get("mode") == "preview":
        log.info("a preview: nothing was sent and nothing was recorded")
        return None
    engine = open_ledger(ledger_conn_id)
    reader = LedgerReader(engine)
    plans = reader.plan_ids(run_key(feed.name, context))
    if not plans:
        raise ThresholdError("nothing was planned, so nothing was sent: see the log of the task `plan`")
    found = [reader.plan(plan) for plan in plans]
    counts = [plan["counts"] for plan in found if plan["counts"]]
    lookups = sum(plan["lookups"] for plan in found)
    sent, calls, changes = reader.sent_counts(plans), reader.call_counts(plans), ended_counts(engine, plans)
    report = build_report(counts, sent, calls, lookups, quota_of(engine, plans), changes)
    finish_plans(engine, plans)
    for line in report.lines():
        log.info("%s", line)
    for state, count in report.states.items():
        stats.gauge(f"leadsquared.{feed.name}.{state}", count)
    poke(plans[-1])
    context["ti"].xcom_push(key="report", value=report.as_json())
    try:
        write_back_feed(feed, engine, context)
    finally:
        check_thresholds(report, feed.thresholds, verified=feed.verify)
    if not found[-1]["counts"]:
        raise ThresholdError("planning did not end, so rows may be missing here: see the log of the task `plan`")
    held = report.states[State.HELD]
    if held:
        lines = [f"Run {context['ti'].run_id}: nothing sends held rows but a run with requeue=held.", ""]
        tell(feed, f"{feed.name}: {held} rows are held", [*lines, *report.lines(), "", task_url(context)])
    return report.as_json()
