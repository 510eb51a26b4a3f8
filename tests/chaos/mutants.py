"""The product with one safeguard switched off, each: cases that do not notice would prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from followups import readback, verdicts, verification
from followups.ledger import send_statements
from followups.ledger.sending import Claim, Intent, SendLedger
from followups.model import Outcome, State
from followups.schema import batches, deliveries


def apply(name: str) -> None:
    """Switch a safeguard off in this process; an empty name leaves all in force."""
    if name:
        MUTANTS[name]()


def _no_intent() -> None:
    """Record nothing before sending: the intent is written down together with the outcome."""
    begin, record = SendLedger.begin, SendLedger.record

    def unrecorded(self: SendLedger, claim: Claim, webhook_token: str) -> Intent | None:
        d, b = deliveries.c, batches.c
        with self._engine.connect() as connection:
            fenced = (b.batch_id == claim.batch_id, b.token == claim.token, b.state == "claimed")
            if not connection.execute(sa.select(b.batch_id).where(*fenced)).first():
                return None
            wanted = (d.batch_id == claim.batch_id, d.state == State.PLANNED)
            rows = connection.execute(sa.select(d.id, d.payload).where(*wanted).order_by(d.id)).all()
        return Intent(delivery_ids=[row[0] for row in rows], payloads=[row[1] for row in rows]) if rows else None

    def both(self: SendLedger, claim: Claim, outcome: Outcome) -> bool:
        begin(self, claim, f"late/{claim.batch_id}/{claim.token}")
        return record(self, claim, outcome)

    SendLedger.begin, SendLedger.record = unrecorded, both  # type: ignore[method-assign]


def _no_fence() -> None:
    """Let any earlier owner of a batch write, whatever its token."""
    any_token = sa.bindparam("of_token", type_=sa.Integer).is_not(None)
    send_statements.HELD = (batches.c.batch_id == sa.bindparam("of_batch"), any_token)


def _no_settle_time() -> None:
    """Call a row absent at the first look, however young."""
    verdicts.LOOKS_BEFORE_ABSENT = 1
    rounds = verification.Verifier.round

    def at_once(self: verification.Verifier) -> verification.Verified:
        self._settle = timedelta(0)
        return rounds(self)

    verification.Verifier.round = at_once  # type: ignore[method-assign]


def _all_absent() -> None:
    """Take every row for absent, whatever the look-up shows."""

    def see_nothing(rows: Sequence[Any], read: Any) -> readback.Found:
        found = readback.look(rows, read)
        return readback.Found(tasks={}, impossible=[], visible_types=found.visible_types, complete=True)

    verification.look = see_nothing  # type: ignore[attr-defined]
    verification.look_closely = lambda rows, read, _: see_nothing(rows, read)  # type: ignore[attr-defined]


def _all_present() -> None:
    """Take every row for created, whatever the look-up shows."""

    def see_all(rows: Sequence[Any], read: Any) -> readback.Found:
        task: Any = SimpleNamespace(id="00000000-0000-4000-8000-000000000000", marker="", status_code=0)
        tasks = {row.id: [task] for row in rows}
        return readback.Found(tasks=tasks, impossible=[], visible_types=frozenset(), complete=True)

    verification.look = see_all  # type: ignore[attr-defined]


def _no_lease_check() -> None:
    """Take a batch whose owner fell silent after the intent for unsent, and free."""
    expire = SendLedger.expire_leases

    def free(self: SendLedger) -> int:
        b, d = batches.c, deliveries.c
        count = expire(self)
        with self._engine.begin() as connection:
            silent = sa.select(b.batch_id).where(b.state == "unknown", b.reason.like("the sender died%"))
            connection.execute(
                sa.update(deliveries)
                .where(d.batch_id.in_(silent), d.state == State.UNKNOWN)
                .values(state=State.PLANNED, reason=None)
            )
            connection.execute(
                sa.update(batches).where(b.batch_id.in_(silent)).values(state="open", owner=None, lease_until=None)
            )
        return count

    SendLedger.expire_leases = free  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    "no intent": _no_intent,
    "no fence": _no_fence,
    "no settle time": _no_settle_time,
    "all absent": _all_absent,
    "all present": _all_present,
    "no lease check": _no_lease_check,
}
