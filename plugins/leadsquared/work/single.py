"""Create one CRM task through the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from followups.keys import content_hash, delivery_key
from followups.ledger.planning import SINGLE, PlanLedger, finish_plans
from followups.ledger.reading import LedgerReader
from followups.model import State
from followups.planning.batching import batch_name, plan_of
from followups.rows import Candidate, RowReader
from followups.sending import Sender
from followups.verification import Policy
from leadsquared.databases import open_ledger
from leadsquared.errors import ConfigurationError, OutcomeUnknown, RequestRejected
from leadsquared.hook import LeadSquaredHook
from leadsquared.inline import inline_feed, marker_at, plan_inline
from leadsquared.outcomes import single_post
from leadsquared.preflight import Preflight
from leadsquared.runs import actor, run_key, run_priority
from leadsquared.wire.creates import create_body
from leadsquared.wire.payloads import payload_builder
from leadsquared.work.ledgers import open_send_ledger
from leadsquared.work.verify import verify_plans

#: As long as a follow-up's id may be.
MAX_ID = 200
#: Sent, and not to be sent again before it is settled.
_OPEN = {State.SENDING, State.ACCEPTED, State.UNKNOWN}
#: Another owner is at it still; once its lease has run out the row is unknown.
_WAIT_FOR_OTHERS = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class OneTask:
    """One CRM task to be made: a follow-up's columns, and what is beside them."""

    row: Mapping[str, Any]
    feed: str
    timezone: str
    marker: str
    reminder_before_days: int | None = None
    reminder_time: time | str | None = None


def create_once(one: OneTask, *, leadsquared_conn_id: str, ledger_conn_id: str, context: Any) -> str | timedelta:
    """Create the CRM task unless it was created before; return its id, or how long to wait before asking again.

    :raises RequestRejected: LeadSquared, or the checks before, refused it.
    :raises OutcomeUnknown: it may have been made, and nothing can tell whether it was.
    """
    engine = open_ledger(ledger_conn_id)
    hook = LeadSquaredHook(
        leadsquared_conn_id, ledger_conn_id=ledger_conn_id, pool_size=1, priority=run_priority(context)
    )
    try:
        return _Single(one, engine, hook, context).go_on()
    finally:
        hook.close()


class _Single:
    """One CRM task on its way through the ledger."""

    def __init__(self, one: OneTask, engine: sa.Engine, hook: LeadSquaredHook, context: Any) -> None:
        self._one = one
        self._engine = engine
        self._hook = hook
        self._context = context
        self._feed = inline_feed(one.feed, timezone=one.timezone, marker=marker_at(one.marker))
        self._row = {**one.row, "followup_id": short_id(str(one.row["followup_id"]))}
        self._key = delivery_key(self._feed.name, self._row["followup_id"])
        self._ledger = open_send_ledger(engine, hook, context)

    def go_on(self) -> str | timedelta:
        """Send what was not sent, look for what is open, and tell how it stands."""
        if self._delivery().get("state") not in {State.CREATED, *_OPEN}:
            self._send()
        if wait := self._settle():
            return wait
        delivery = self._delivery()
        finish_plans(self._engine, [delivery["plan_id"]])
        return _result(delivery)

    def _delivery(self) -> Mapping[str, Any]:
        return LedgerReader(self._engine).delivery(self._key) or {}

    def _send(self) -> None:
        plan = PlanLedger(
            self._engine,
            feed=self._feed.name,
            run_key=f"{run_key(self._feed.name, self._context)}/{self._key}",
            actor=actor(self._context),
            leadsquared_conn_id=self._hook.leadsquared_conn_id,
        )
        directory = Preflight(self._hook, self._engine).directory()
        reader = RowReader(self._feed, datetime.now(UTC), directory)
        plan_inline(plan, self._feed, reader, [self._row], kind=SINGLE, build=self._build)
        batches = self._ledger.open_batches(batch_name(plan.plan_id, 1), batch_name(plan.plan_id, 2))
        Sender(self._ledger, single_post(self._hook), plan_id=plan.plan_id, in_flight=1).run(batches)

    def _build(self, candidate: Candidate, marker: str) -> str:
        """Build the payload with a to-do's reminder, which no warehouse column has."""
        payload = payload_builder(self._feed.marker)(candidate, marker)
        days, at = self._one.reminder_before_days, to_time(self._one.reminder_time)
        return create_body(payload, reminder_before_days=days, reminder_time=at).decode()

    def _settle(self) -> timedelta | None:
        """Look for it once if it is open; return how long until another look can tell more."""
        delivery = self._delivery()
        if delivery["state"] in {State.PLANNED, State.SENDING}:
            return _WAIT_FOR_OTHERS
        if delivery["state"] not in _OPEN:
            return None
        plans = [plan_of(delivery["batch_id"])]
        return verify_plans(self._engine, self._hook, plans, Policy(), self._context).wait


def to_time(value: time | str | None) -> time | None:
    """Return a time of day that may have come as `HH:MM` or `HH:MM:SS`."""
    if value is None or isinstance(value, time):
        return value
    try:
        return time.fromisoformat(value.strip()) if value.strip() else None
    except ValueError:
        raise ConfigurationError("reminder_time: a time of day like 09:30 is wanted") from None


def short_id(text: str) -> str:
    """Return an id that the ledger takes: a long one, as of a task in nested groups, ends in a digest of all of it."""
    text = text.strip()
    return text if len(text) <= MAX_ID else f"{text[: MAX_ID - 27]}~{content_hash(text)}"


def _result(delivery: Mapping[str, Any]) -> str:
    state, reason = delivery["state"], delivery["reason"] or ""
    if state == State.CREATED and delivery["crm_task_id"]:
        return str(delivery["crm_task_id"])
    if state in {State.INVALID, State.REJECTED, State.HELD, State.CANCELLED}:
        raise RequestRejected(f"the task is {state}: {reason}")
    raise OutcomeUnknown(f"the task is {state}: {reason}; it is not sent again before that is settled")
