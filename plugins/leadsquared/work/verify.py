"""Settle what was sent: a run's rows, or those that ended runs left behind."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from followups.feeds import Feed, FeedError, feeds_dir, load_feed
from followups.ledger.planning import SINGLE
from followups.ledger.reading import LedgerReader
from followups.ledger.sending import SendLedger
from followups.ledger.settling import SettleLedger
from followups.planning.batching import plan_of
from followups.sending import Sender
from followups.throttle import DailyQuotaReached
from followups.verification import Policy, Verified, Verifier
from leadsquared.databases import open_ledger
from leadsquared.hook import LeadSquaredHook
from leadsquared.outcomes import bulk_post, single_post, webhook_address
from leadsquared.pokes import poke
from leadsquared.runs import actor, run_key, run_priority
from leadsquared.work.ledgers import open_send_ledger
from leadsquared.work.looking import LookingHook
from leadsquared.work.needs import Watch
from leadsquared.work.quota import note
from leadsquared.work.steps import Steps
from leadsquared.work.write_back import write_back_feeds

log = logging.getLogger(__name__)

#: A settled batch is looked at once more after so many settle times: for duplicates, and for what came late.
AUDIT_AFTER_SETTLE_TIMES = 3


def verify_run(name: str, ledger_conn_id: str, context: Any) -> Verified:
    """Look once for all rows of a run that are due to be looked for; send again what was proved absent."""
    feed = load_feed(feeds_dir() / f"{name}.yaml")
    engine = open_ledger(ledger_conn_id)
    plans = LedgerReader(engine).plan_ids(run_key(feed.name, context))
    if not plans or not feed.verify:
        log.info("nothing to verify")
        return Verified()
    hook = LeadSquaredHook(feed.leadsquared_conn_id, ledger_conn_id=ledger_conn_id, priority=run_priority(context))
    try:
        return verify_plans(engine, hook, plans, policy_of(feed), context)
    except DailyQuotaReached as quota:
        if note(engine, plans, quota, feed.quota_patience):
            raise
        return Verified()
    finally:
        hook.close()


def verify_plans(
    engine: sa.Engine, hook: LeadSquaredHook, plans: Sequence[int], policy: Policy, context: Any
) -> Verified:
    """Look once for all rows of one feed's plans that are due to be looked for; send again what was proved absent."""
    sender = open_send_ledger(engine, hook, context)
    ledger = SettleLedger(engine, actor=actor(context), plan_ids=plans)
    try:
        result = _verifier(ledger, hook, engine, lambda _: policy).round()
    finally:
        ledger.spent(plans[-1], hook.reads_made)
    _log_round(result, hook)
    if send_again(sender, hook, plans, engine, context, run=plans[-1]):
        result.wait = result.wait or timedelta(seconds=hook.settings.settle_seconds / 10)
    given_up = ledger.until_given_up()
    if result.wait is None and given_up is not None:
        # A sender died, or was stopped by hand: most calls end soon, the others become unknown with their lease.
        result.wait = max(min(given_up, timedelta(seconds=hook.settings.settle_seconds)), timedelta(seconds=1))
    for plan_id in plans:
        sender.heartbeat(plan_id)
    poke(plans[-1])
    return result


def reconcile(leadsquared_conn_id: str, ledger_conn_id: str, context: Any) -> dict[str, int]:
    """Settle what ended runs left on one account, send again what was proved absent, and audit what was settled.

    Changes to CRM tasks that those runs asked for are made.
    """
    from leadsquared.work.in_step import change_round  # noqa: PLC0415 - which sends again by this module

    engine = open_ledger(ledger_conn_id)
    hook = LeadSquaredHook(leadsquared_conn_id, ledger_conn_id=ledger_conn_id, priority=run_priority(context))
    sender = open_send_ledger(engine, hook, context)
    ledger = SettleLedger(engine, actor=actor(context), leadsquared_conn_id=leadsquared_conn_id)
    feeds = known_feeds()
    verifier = _verifier(ledger, hook, engine, feed_policies(feeds))
    watch = Watch(engine, context)
    counts: Counter[str] = Counter({"sent again": 0, "changes": 0, "duplicates": 0})
    steps = Steps()
    with steps.step("verification"):
        _count_round(verifier.round(), hook, counts)
    with steps.step("changes"):
        counts["changes"] = change_round(engine, hook, context).ended.total()
    with steps.step("sending again"):
        counts["sent again"] = send_again(sender, hook, ledger.plans_to_send_again(), engine, context)
    with steps.step("audit"):
        audit_after = timedelta(seconds=hook.settings.settle_seconds * AUDIT_AFTER_SETTLE_TIMES)
        _count_round(verifier.audit(audit_after), hook, counts)
    hook.close()
    with steps.step("write-back"):
        watch.tell_all()
        mine = [feed for feed in feeds if feed.leadsquared_conn_id == leadsquared_conn_id]
        if (written := write_back_feeds(mine, engine, context)) is not None:
            counts["written back"] = written
    steps.end()
    return {**counts, "still waiting": ledger.count_open(), "look-ups": hook.reads_made}


def send_again(
    ledger: SendLedger,
    hook: LeadSquaredHook,
    plan_ids: Sequence[int],
    engine: sa.Engine,
    context: Any,
    run: int | None = None,
) -> int:
    """Send batches whose rows were proved absent, each by the call that it was sent by; return how many.

    :param run: the plan of the run that does so, None where it is not theirs.
    """
    reader = LedgerReader(engine)
    batch_ids = ledger.batches_to_send_again(plan_ids)
    if batch_ids:
        log.info("%d batches were proved absent and are sent again", len(batch_ids))
        settling = SettleLedger(engine, actor=actor(context), plan_ids=plan_ids)
        Verifier(settling, LookingHook(hook, engine), settle=timedelta(0), policy_of=lambda _: Policy()).heed(batch_ids)
    single = {plan for plan in set(map(plan_of, batch_ids)) if reader.plan(plan)["kind"] == SINGLE}
    for post, chosen in (
        (bulk_post(hook, webhook_address(hook)), [batch for batch in batch_ids if plan_of(batch) not in single]),
        (single_post(hook), [batch for batch in batch_ids if plan_of(batch) in single]),
    ):
        if chosen:
            Sender(ledger, post, plan_id=run).run(chosen)
    return len(batch_ids)


def policy_of(feed: Feed) -> Policy:
    """Return a feed's rules for verification."""
    return Policy(on_unknown=feed.on_unknown, duplicates=feed.duplicates)


def known_feeds() -> list[Feed]:
    """Return the feeds whose files are sound; a wrong one is reported where its DAG should be, and here."""
    feeds = []
    for path in sorted(feeds_dir().glob("*.yaml")):
        try:
            feeds.append(load_feed(path))
        except FeedError as error:
            log.warning("%s", error)
    return feeds


def feed_policies(feeds: Iterable[Feed]) -> Callable[[str], Policy]:
    """Return the rules by feed; rows of feeds without a file, such as inline ones, have the defaults."""
    known = {feed.name: policy_of(feed) for feed in feeds}
    return lambda feed: known.get(feed, Policy())


def _verifier(
    ledger: SettleLedger, hook: LeadSquaredHook, engine: sa.Engine, policies: Callable[[str], Policy]
) -> Verifier:
    settle = timedelta(seconds=hook.settings.settle_seconds)
    return Verifier(ledger, LookingHook(hook, engine), settle=settle, policy_of=policies)


def _count_round(result: Verified, hook: LeadSquaredHook, counts: Counter[str]) -> None:
    _log_round(result, hook)
    counts.update({str(state): count for state, count in result.counts.items()})
    counts["duplicates"] += result.duplicates


def _log_round(result: Verified, hook: LeadSquaredHook) -> None:
    settled = {str(state): count for state, count in result.counts.items()} or "nothing"
    log.info("settled in this look: %s, with %d look-ups", settled, hook.reads_made)
    if result.duplicates:
        log.warning("%d follow-ups have more than one CRM task: see their timelines", result.duplicates)
