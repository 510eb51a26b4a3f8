"""Make the changes that were asked for: a run's, or those that ended runs left behind."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from followups.changing import Changed, ChangeRounds
from followups.feeds import feeds_dir, load_feed
from followups.ledger.changing import LEASE, ChangeLedger
from followups.ledger.reading import LedgerReader
from followups.ledger.settling import SettleLedger
from followups.throttle import DailyQuotaReached
from leadsquared.databases import open_ledger
from leadsquared.hook import LeadSquaredHook
from leadsquared.runs import actor, run_key, run_priority
from leadsquared.work.changing import ChangingHook
from leadsquared.work.ledgers import open_send_ledger
from leadsquared.work.quota import note
from leadsquared.work.verify import send_again

log = logging.getLogger(__name__)


def apply_changes(name: str, ledger_conn_id: str, context: Any) -> Changed:
    """Do one round over the changes that a feed's run asked for; follow-ups to be made anew are sent."""
    feed = load_feed(feeds_dir() / f"{name}.yaml")
    engine = open_ledger(ledger_conn_id)
    plans = LedgerReader(engine).plan_ids(run_key(feed.name, context))
    if not plans:
        return Changed()
    try:
        return change_plans(engine, plans, feed.leadsquared_conn_id, ledger_conn_id, context)
    except DailyQuotaReached as quota:
        if note(engine, plans, quota, feed.quota_patience):
            raise
        return Changed()


def change_plans(
    engine: sa.Engine, plan_ids: Sequence[int], leadsquared_conn_id: str, ledger_conn_id: str, context: Any
) -> Changed:
    """Do one round over the changes of some plans."""
    hook = LeadSquaredHook(leadsquared_conn_id, ledger_conn_id=ledger_conn_id, priority=run_priority(context))
    sender = open_send_ledger(engine, hook, context)
    for plan_id in plan_ids:
        sender.heartbeat(plan_id)
    result = change_round(engine, hook, context, plan_ids=plan_ids)
    SettleLedger(engine, actor=actor(context), plan_ids=plan_ids).spent(plan_ids[-1], hook.reads_made)
    send_again(sender, hook, plan_ids, engine, context, run=plan_ids[-1])
    hook.close()
    return result


def change_round(
    engine: sa.Engine, hook: LeadSquaredHook, context: Any, *, plan_ids: Sequence[int] | None = None
) -> Changed:
    """Do one round over the changes of some plans, or of the account's ended runs."""
    lease = LEASE + timedelta(seconds=hook.settings.timeout_seconds)
    ledger = ChangeLedger(
        engine,
        actor=actor(context),
        plan_ids=plan_ids,
        leadsquared_conn_id=hook.leadsquared_conn_id,
        lease=lease,
    )
    settle = timedelta(seconds=hook.settings.settle_seconds)
    result = ChangeRounds(ledger, ChangingHook(hook), settle=settle).round()
    if result.ended or result.calls:
        log.info("changes in this look: %s; calls: %s", plain(result.ended) or "none ended", plain(result.calls))
    return result


def plain(counts: Any) -> dict[str, int]:
    """Return counts by pairs of words as plain values."""
    return {f"{first} {second}": count for (first, second), count in counts.items()}
