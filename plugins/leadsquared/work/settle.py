"""Settle rows that were given inline, in the task that sent them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from followups.ledger.planning import finish_plans
from followups.ledger.reading import LedgerReader
from followups.report import build_report
from followups.verification import Policy
from leadsquared.databases import open_ledger
from leadsquared.hook import LeadSquaredHook
from leadsquared.inline import inline_feed
from leadsquared.runs import inline_run_key, run_priority
from leadsquared.work.verify import verify_plans


@dataclass(frozen=True)
class Settled:
    """Rows by state, and how long until another look can tell more; None: all is settled."""

    states: dict[str, int]
    wait: timedelta | None


def settle_inline(feed_name: str, *, leadsquared_conn_id: str, ledger_conn_id: str, context: Any) -> Settled:
    """Look once for what this task sent, in whichever try; send again what was proved absent."""
    engine = open_ledger(ledger_conn_id)
    plans = LedgerReader(engine).plan_ids(inline_run_key(inline_feed(feed_name).name, context))
    hook = LeadSquaredHook(leadsquared_conn_id, ledger_conn_id=ledger_conn_id, priority=run_priority(context))
    try:
        wait = verify_plans(engine, hook, plans, Policy(), context).wait
    finally:
        hook.close()
    if wait is None:
        finish_plans(engine, plans)
    reader = LedgerReader(engine)
    found = [reader.plan(plan)["counts"] for plan in plans]
    report = build_report([counts for counts in found if counts], reader.sent_counts(plans), reader.call_counts(plans))
    return Settled({str(state): count for state, count in report.states.items() if count}, wait)
