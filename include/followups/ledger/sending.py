"""The ledger as sending sees it: claim a batch, commit the intent, record the outcome.

A claim carries a lease and a token that grows with every claim. The lease says when others may take the batch over; the
intent is committed only while the token holds, so of two owners of a batch one sends. A batch whose owner died between
intent and outcome is unknown, never free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from followups.crash_points import reach
from followups.ledger import attempts, events, late_replies
from followups.ledger import send_statements as statements
from followups.ledger.clock import Clock, store_now
from followups.model import Outcome, OutcomeKind, State
from followups.planning.batching import plan_of
from followups.schema import batches, deliveries, plans

#: Longer than a call may take with its wait for a slot; a batch whose owner is silent for so long is given up.
DEFAULT_LEASE = timedelta(minutes=5)

WITHDRAWN = "cancelled in the warehouse before it was known that LeadSquared has it not"
#: What a batch and its deliveries become by outcome.
_BATCH_STATE = {
    OutcomeKind.ACCEPTED: "accepted",
    OutcomeKind.REFUSED: "claimed",
    OutcomeKind.REJECTED: "settled",
    OutcomeKind.UNAUTHORISED: "open",
    OutcomeKind.UNKNOWN: "unknown",
}
_DELIVERY_STATE = {
    OutcomeKind.ACCEPTED: State.ACCEPTED,
    OutcomeKind.REFUSED: State.PLANNED,
    OutcomeKind.REJECTED: State.REJECTED,
    OutcomeKind.UNAUTHORISED: State.PLANNED,
    OutcomeKind.UNKNOWN: State.UNKNOWN,
}
#: Outcomes of calls that created what they asked for, or may have.
_HAD_EFFECT = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN})


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to send one batch, for as long as the lease lasts."""

    batch_id: str
    token: int
    owner: str


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A committed intent: what must be sent now, exactly once."""

    delivery_ids: Sequence[int]
    payloads: Sequence[str]


class SendLedger:
    """Sending's view of the ledger."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        owner: str,
        lease: timedelta = DEFAULT_LEASE,
        longest_call: timedelta = timedelta(0),
        replaces: Sequence[str] = (),
    ) -> None:
        self._engine = engine
        #: For what a loss of power may undo: the batch is then open again, or unknown, and neither is sent twice.
        self._forgetful = engine.execution_options(durable=False)
        self._owner = owner
        #: owners that are over, or taken for dead: what they claimed and did not begin need not wait for its lease
        self._replaces = replaces
        #: Never shorter than twice a call's time-out: a living sender's batch must not be given up.
        self.lease = max(lease, 2 * longest_call)
        self._clock = Clock(engine.dialect)
        self._attempts = attempts.EndingAttempts(self._clock)
        self._claim = statements.claim(self._clock, self._gone(self._clock.now))
        self._begin = statements.begin(self._clock)

    def open_batches(self, first: str, end: str) -> list[str]:
        """Return the ids from `first` (in) to `end` (out), of one plan, of batches that may still be claimed."""
        b = batches.c
        # The plan is named too: some collations pass over the hyphen, and 10-000010 then lies behind 1-000001.
        within = (b.plan_id == plan_of(first), b.batch_id >= first, b.batch_id < end)
        query = sa.select(b.batch_id).where(*within, b.state.in_(("open", "again", "claimed")))
        with self._engine.connect() as connection:
            return list(connection.execute(query.order_by(b.batch_id)).scalars())

    def batches_to_send_again(self, plan_ids: Sequence[int]) -> list[str]:
        """Return the ids of batches whose rows were proved absent after they had been sent.

        Those that somebody who is gone had claimed for that are among them.
        """
        b = batches.c
        with self._engine.connect() as connection:
            left = sa.and_(b.state == "claimed", b.settled_at.is_not(None), self._gone(store_now(connection)))
            query = sa.select(b.batch_id).where(b.plan_id.in_(plan_ids), sa.or_(b.state == "again", left))
            return list(connection.execute(query.order_by(b.batch_id)).scalars())

    def claim(self, batch_id: str) -> Claim | None:
        """Take a batch that is open, again to be sent, or claimed by somebody who is gone and left no intent."""
        values = {"of_batch": batch_id, "claimant": self._owner} | self._clock.values(self.lease)
        with self._forgetful.begin() as connection:
            token = connection.execute(self._claim, values).scalar_one_or_none()
        if token is None:
            return None
        return Claim(batch_id=batch_id, token=token, owner=self._owner)

    def release(self, claim: Claim) -> None:
        """Give a claim back unused."""
        with self._forgetful.begin() as connection:
            statement = sa.update(batches).where(*statements.HELD, batches.c.state == "claimed")
            values = {"state": statements.unsent(), "owner": None, "lease_until": None}
            connection.execute(statement.values(**values), _held_by(claim))

    def begin(self, claim: Claim, webhook_token: str) -> Intent | None:
        """Commit the intent to send; None where somebody else took the batch over or nothing is left to send.

        A claim that nobody took over is good however long its owner waited for a slot of the rate limit.
        `webhook_token` names this call to the status webhook; another call has another.
        """
        held = _held_by(claim)
        with self._engine.begin() as connection:
            now = connection.execute(self._begin, held | self._clock.values(self.lease)).scalar_one_or_none()
            if now is None:
                return None
            statements.lock_rows(connection, [claim.batch_id])
            found = connection.execute(statements.TAKE_UP, {"of_batch": claim.batch_id, "now": now}).all()
            self._cancel(connection, claim, [row[0] for row in found if row[2] == State.CANCELLED], now)
            rows = sorted((row[0], row[1]) for row in found if row[2] == State.SENDING)
            if not rows:
                self._empty(connection, claim, now)
                return None
            reach("before intent commit")
            attempts.begun(connection, claim, webhook_token, [row[0] for row in rows], now)
        reach("after intent commit")
        return Intent(delivery_ids=[row[0] for row in rows], payloads=[row[1] for row in rows])

    def record(self, claim: Claim, outcome: Outcome) -> bool:
        """Commit the outcome of the call; False where somebody else has the batch by now and it is only noted."""
        with self._forgetful.begin() as connection:
            recorded = self._record(connection, claim, outcome)
            reach("before outcome commit")
        reach("after outcome commit")
        return recorded

    def _record(self, connection: sa.Connection, claim: Claim, outcome: Outcome) -> bool:
        attempt = self._attempts.ended(connection, claim, outcome)
        now = attempt.finished_at if attempt else store_now(connection)
        moved = self._answer_batch(connection, claim, outcome, now)
        target = State.CREATED if outcome.crm_task_id else _DELIVERY_STATE[outcome.kind]
        rows_moved = 0
        if moved:
            statements.lock_rows(connection, [claim.batch_id])
            rows_moved = self._answer_rows(connection, claim, outcome, target, now)
        if attempt and rows_moved < len(attempt.delivery_ids) and outcome.kind in _HAD_EFFECT:
            late_replies.look_anew(connection, claim, attempt, now)
            late_replies.keep_back(connection, claim, attempt, outcome, now)
        note = outcome.detail if moved else f"late reply of an earlier owner, only noted: {outcome.detail}"
        event = events.of_batch(
            now, self._owner, claim.batch_id, from_state=State.SENDING, to_state=target, reason=note or None
        )
        events.record(connection, [event])
        return moved

    def _answer_batch(self, connection: sa.Connection, claim: Claim, outcome: Outcome, now: datetime) -> bool:
        lease = now + self.lease if outcome.kind is OutcomeKind.REFUSED else None
        values: dict[str, Any] = {
            "state": _BATCH_STATE[outcome.kind], "reason": outcome.detail or None, "answered_at": now,
            "lease_until": lease,
        }  # fmt: skip
        if outcome.kind is OutcomeKind.REJECTED or outcome.crm_task_id:
            values |= {"state": "settled", "settled_at": now}
        if outcome.request_id:
            values["request_id"] = outcome.request_id
        give_back = outcome.kind is OutcomeKind.UNAUTHORISED
        statement = statements.answer_batch(frozenset(values), give_back=give_back)
        return bool(connection.execute(statement, _held_by(claim) | _new(values)).rowcount)

    def _answer_rows(
        self, connection: sa.Connection, claim: Claim, outcome: Outcome, target: State, now: datetime
    ) -> int:
        reason = outcome.detail if target in {State.REJECTED, State.UNKNOWN} else None
        values = {"state": target, "reason": reason, "crm_task_id": outcome.crm_task_id, "updated_at": now}
        statement = statements.answer_rows(outcome.kind)
        return connection.execute(statement, {"of_batch": claim.batch_id} | _new(values)).rowcount

    def split(self, claim: Claim, outcome: Outcome) -> list[str]:
        """Record that a batch was refused as a whole, and put its rows into two, to find the row that spoils it.

        Both in one step: a death in between would leave good rows rejected.
        """
        b, d = batches.c, deliveries.c
        with self._engine.begin() as connection:
            parent = connection.execute(sa.select(batches).where(b.batch_id == claim.batch_id)).mappings().one()
            if not self._record(connection, claim, outcome):
                return []
            now = store_now(connection)
            refused = (d.batch_id == claim.batch_id, d.state == State.REJECTED)
            ids = connection.execute(sa.select(d.id).where(*refused).order_by(d.id)).scalars().all()
            middle = len(ids) // 2
            children = {f"{claim.batch_id}.1": ids[:middle], f"{claim.batch_id}.2": ids[middle:]}
            for batch_id, members in children.items():
                connection.execute(
                    sa.insert(batches).values(
                        batch_id=batch_id,
                        plan_id=parent["plan_id"],
                        feed=parent["feed"],
                        state="again" if parent["settled_at"] else "open",
                        settled_at=parent["settled_at"],
                        rows=len(members),
                    )
                )
                connection.execute(
                    sa.update(deliveries)
                    .where(d.id.in_(members), *refused)
                    .values(batch_id=batch_id, state=State.PLANNED, reason=None, updated_at=now)
                )
            log = [
                {"at": now, "actor": self._owner, "delivery_id": member, "batch_id": claim.batch_id,
                 "from_state": State.REJECTED, "to_state": State.PLANNED, "reason": f"batch split: {outcome.detail}"}
                for member in ids
            ]  # fmt: skip
            events.record(connection, log)
        return list(children)

    def expire_leases(self) -> int:
        """Call batches unknown whose owner died between intent and outcome; return how many."""
        b, d = batches.c, deliveries.c
        with self._engine.begin() as connection:
            now = store_now(connection)
            reason = "the sender died, or lost the ledger, after it may have sent the batch"
            # Whom a frozen owner keeps from its batch need not wait: the next round finds it.
            each = batches.alias("each").c
            silent = sa.select(each.batch_id).where(each.state == "sending", each.lease_until < now)
            expired = connection.execute(
                sa.update(batches)
                .where(b.batch_id.in_(silent.with_for_update(skip_locked=True)))
                .values(state="unknown", reason=reason)
                .returning(b.batch_id)
            ).scalars().all()  # fmt: skip
            statements.lock_rows(connection, expired)
            for batch_id in expired:
                connection.execute(
                    sa.update(deliveries)
                    .where(d.batch_id == batch_id, d.state == State.SENDING)
                    .values(state=State.UNKNOWN, reason=reason, updated_at=now)
                )
            log = [
                events.of_batch(
                    now, self._owner, batch_id, from_state=State.SENDING, to_state=State.UNKNOWN, reason=reason
                )
                for batch_id in expired
            ]
            events.record(connection, log)
        return len(expired)

    def heartbeat(self, plan_id: int) -> None:
        """Show that the run lives, so that others leave its planned rows to it."""
        with self._forgetful.begin() as connection:
            now = store_now(connection)
            connection.execute(sa.update(plans).where(plans.c.id == plan_id).values(heartbeat_at=now))

    def _gone(self, now: datetime | sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        return sa.or_(batches.c.lease_until < now, batches.c.owner.in_(self._replaces))

    def _empty(self, connection: sa.Connection, claim: Claim, now: datetime) -> None:
        # Rows of an earlier call that were created or refused then stay in the batch, and are audited.
        sent_at = attempts.last_begun(claim.batch_id)
        values = {
            "state": "settled", "settled_at": now, "audited_at": None, "sent_at": sent_at,
            "reason": "nothing left to send",
        }  # fmt: skip
        statement = sa.update(batches).where(*statements.HELD).values(**values, lease_until=None)
        connection.execute(statement, _held_by(claim))

    def _cancel(self, connection: sa.Connection, claim: Claim, delivery_ids: Sequence[int], now: datetime) -> None:
        """Let rows go that were cancelled in the warehouse while it was not known whether they had been created."""
        if not delivery_ids:
            return
        d = deliveries.c
        values = {"batch_id": None, "reason": WITHDRAWN}
        connection.execute(sa.update(deliveries).where(d.id.in_(delivery_ids)).values(**values))
        log = [
            {"at": now, "actor": self._owner, "delivery_id": delivery_id, "batch_id": claim.batch_id,
             "from_state": State.PLANNED, "to_state": State.CANCELLED, "reason": WITHDRAWN}
            for delivery_id in delivery_ids
        ]  # fmt: skip
        events.record(connection, log)


def _held_by(claim: Claim) -> dict[str, Any]:
    return {"of_batch": claim.batch_id, "of_token": claim.token}


def _new(values: dict[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in values.items()}
