"""The ledger as a task's sender sees it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from followups.ledger.sending import SendLedger
from leadsquared.hook import LeadSquaredHook
from leadsquared.runs import actor, earlier_tries


def open_send_ledger(engine: sa.Engine, hook: LeadSquaredHook, context: Any) -> SendLedger:
    """Return the ledger for this task's sending, after what dead senders left behind was called unknown."""
    longest_call = timedelta(seconds=hook.settings.timeout_seconds)
    ledger = SendLedger(engine, owner=actor(context), longest_call=longest_call, replaces=earlier_tries(context))
    ledger.expire_leases()
    return ledger
