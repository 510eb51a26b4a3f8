"""Look in LeadSquared for what was sent."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import chain
from typing import Any

from followups.feeds import feeds_dir, load_feed
from followups.ledger.reading import LedgerReader
from followups.ledger.settling import SettleLedger
from followups.readback import Reader
from followups.verification import Verified, Verifier
from leadsquared.databases import open_ledger
from leadsquared.hook import LeadSquaredHook
from leadsquared.records import CrmTask
from leadsquared.runs import actor, run_key

log = logging.getLogger(__name__)


def verify_run(name: str, ledger_conn_id: str, context: Any) -> Verified:
    """Look once for all rows of a run that are not settled, as far as they are due to be looked for."""
    feed = load_feed(feeds_dir() / f"{name}.yaml")
    engine = open_ledger(ledger_conn_id)
    plans = LedgerReader(engine).plan_ids(run_key(feed.name, context))
    if not plans or not feed.verify:
        log.info("nothing to verify")
        return Verified()
    hook = LeadSquaredHook(feed.leadsquared_conn_id, ledger_conn_id=ledger_conn_id)
    ledger = SettleLedger(engine, actor=actor(context), plan_ids=plans)
    verifier = Verifier(ledger, reader_of(hook), settle=timedelta(seconds=hook.settings.settle_seconds))
    result = verifier.round()
    hook.close()
    log.info("settled in this look: %s", dict(result.counts))
    if result.duplicates:
        log.warning("%d follow-ups have more than one CRM task", len(result.duplicates))
    return result


def reader_of(hook: LeadSquaredHook) -> Reader:
    """Return the look-up of appointments and to-dos of many owners."""

    def read(users: Sequence[str], first: date, last: date) -> Iterator[CrmTask]:
        return chain(hook.iter_appointments(users, first, last), hook.iter_to_dos(users, first, last))

    return read
