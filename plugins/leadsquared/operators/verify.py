"""Settle a run's rows: look in LeadSquared whether they exist."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import chain
from typing import Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator

from followups.feeds import feeds_dir, load_feed
from followups.ledger.reading import LedgerReader
from followups.ledger.settling import SettleLedger
from followups.readback import Reader
from followups.verification import Verifier
from leadsquared.databases import DEFAULT_LEDGER, open_ledger
from leadsquared.hook import LeadSquaredHook
from leadsquared.records import CrmTask
from leadsquared.retrying import RETRY_POLICY
from leadsquared.runs import actor, run_key

log = logging.getLogger(__name__)


class VerifyDeliveriesOperator(BaseOperator):
    """Look up what a run sent until every accepted row is `created` or `rejected`; waits without a worker slot.

    :param feed: name of the run's feed.
    """

    ui_color = "#fff4d6"

    def __init__(self, *, feed: str, ledger_conn_id: str = DEFAULT_LEDGER, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(**kwargs)
        self.feed = feed
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Any, event: Any = None) -> dict[str, int]:  # noqa: ARG002
        """Look once; wait and look again while that can tell more. Returns this last look's counts."""
        feed = load_feed(feeds_dir() / f"{self.feed}.yaml")
        engine = open_ledger(self.ledger_conn_id)
        plans = LedgerReader(engine).plan_ids(run_key(feed.name, context))
        if not plans or not feed.verify:
            log.info("nothing to verify")
            return {}
        hook = LeadSquaredHook(feed.leadsquared_conn_id, ledger_conn_id=self.ledger_conn_id)
        ledger = SettleLedger(engine, actor=actor(context), plan_ids=plans)
        verifier = Verifier(ledger, reader_of(hook), settle=timedelta(seconds=hook.settings.settle_seconds))
        result = verifier.round()
        hook.close()
        log.info("settled in this look: %s", dict(result.counts))
        if result.duplicates:
            log.warning("%d follow-ups have more than one CRM task", len(result.duplicates))
        if result.wait is not None:
            log.info("looking again in %.0f s", result.wait.total_seconds())
            self.defer(trigger=TimeDeltaTrigger(result.wait), method_name="execute")
        return dict(result.counts)


def reader_of(hook: LeadSquaredHook) -> Reader:
    """Return the look-up of appointments and to-dos of many owners."""

    def read(users: Sequence[str], first: date, last: date) -> Iterator[CrmTask]:
        return chain(hook.iter_appointments(users, first, last), hook.iter_to_dos(users, first, last))

    return read
