"""Create one CRM task through the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from followups.keys import content_hash, delivery_key
from followups.ledger.planning import PlanLedger
from followups.ledger.reading import LedgerReader
from followups.model import State
from followups.planning.batching import batch_name
from followups.rows import RowReader
from followups.sending import Sender
from leadsquared.databases import open_ledger
from leadsquared.errors import OutcomeUnknown, RequestRejected
from leadsquared.hook import LeadSquaredHook
from leadsquared.inline import inline_feed, plan_inline
from leadsquared.outcomes import single_post
from leadsquared.preflight import read_directory
from leadsquared.runs import actor, run_key
from leadsquared.work.ledgers import open_send_ledger

#: As long as a follow-up's id may be.
MAX_ID = 200
_NOT_AGAIN = {State.CREATED, State.UNKNOWN, State.SENDING}


def create_once(
    row: Mapping[str, Any],
    *,
    feed_name: str,
    timezone: str,
    leadsquared_conn_id: str,
    ledger_conn_id: str,
    context: Any,
) -> str:
    """Create the row's CRM task unless it was created before; return its id.

    :raises OutcomeUnknown: it may have been made; it is not sent again.
    :raises RequestRejected: LeadSquared, or the checks before, refused it.
    """
    engine = open_ledger(ledger_conn_id)
    feed = inline_feed(feed_name, timezone=timezone)
    followup_id = short_id(str(row["followup_id"]))
    row = {**row, "followup_id": followup_id}
    key = delivery_key(feed.name, followup_id)
    hook = LeadSquaredHook(leadsquared_conn_id, ledger_conn_id=ledger_conn_id, pool_size=1)
    ledger = open_send_ledger(engine, hook, context)
    reader = LedgerReader(engine)
    if (reader.delivery(key) or {}).get("state") not in _NOT_AGAIN:
        run = f"{run_key(feed.name, context)}/{key}"
        plan = PlanLedger(
            engine, feed=feed.name, run_key=run, actor=actor(context), leadsquared_conn_id=leadsquared_conn_id
        )
        plan_inline(plan, feed, RowReader(feed, datetime.now(UTC), read_directory(hook)), [row])
        batches = ledger.open_batches(batch_name(plan.plan_id, 1), batch_name(plan.plan_id, 2))
        Sender(ledger, single_post(hook), plan_id=plan.plan_id, in_flight=1).run(batches)
        hook.close()
    return _result(reader.delivery(key))


def short_id(text: str) -> str:
    """Return an id that the ledger takes: a long one, as of a task in nested groups, ends in a digest of all of it."""
    text = text.strip()
    return text if len(text) <= MAX_ID else f"{text[: MAX_ID - 27]}~{content_hash(text)}"


def _result(delivery: Mapping[str, Any] | None) -> str:
    state = delivery["state"] if delivery else None
    reason = (delivery or {}).get("reason") or ""
    if delivery and state == State.CREATED and delivery["crm_task_id"]:
        return str(delivery["crm_task_id"])
    if state in {State.INVALID, State.REJECTED, State.HELD, State.CANCELLED}:
        raise RequestRejected(f"the task is {state}: {reason}")
    raise OutcomeUnknown(f"the task is {state}: {reason}; it is not sent again before that is settled")
