"""Settle what was sent: look it up, and give a verdict on each row once one can be given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from followups.ledger.settling import OpenBatch, OpenRow
from followups.model import State
from followups.readback import Reader, look

#: Absence must be seen twice: look-ups lag, and their pages shift while they are read.
LOOKS_BEFORE_ABSENT = 2
BATCHES_PER_LOOK = 200

DROPPED = "LeadSquared accepted the call and did not create the task; its Request History page may say why"
CANNOT_LOOK = "the outcome is unknown and nothing is left by which the task could be found; settle it by hand"


class Ledger(Protocol):
    """What verification asks of the ledger; see `followups.ledger.settling.SettleLedger`."""

    def open_batches(self, limit: int, after: str = "") -> list[OpenBatch]: ...  # noqa: D102
    def open_rows(self, batch_ids: Sequence[str]) -> dict[str, list[OpenRow]]: ...  # noqa: D102
    def created(self, crm_task_ids: dict[int, str], reason: str | None = None) -> None: ...  # noqa: D102
    def move(self, delivery_ids: Sequence[int], state: State, reason: str | None) -> None: ...  # noqa: D102
    def looked(self, batch_ids: Sequence[str]) -> None: ...  # noqa: D102


@dataclass(kw_only=True)
class Verified:
    """What one round came to. `wait` is how long until another round can tell more; None: all is settled."""

    counts: Counter[str] = field(default_factory=Counter)
    duplicates: dict[int, list[str]] = field(default_factory=dict)
    wait: timedelta | None = None


class Verifier:
    """Runs rounds of verification over the ledger's open batches."""

    def __init__(self, ledger: Ledger, read: Reader, *, settle: timedelta) -> None:
        self._ledger = ledger
        self._read = read
        self._settle = settle

    def round(self) -> Verified:
        """Look once for everything that is open and due to be looked for."""
        result = Verified()
        after = ""
        while found := self._ledger.open_batches(BATCHES_PER_LOOK, after):
            after = found[-1].batch_id
            due = [batch for batch in found if self._until_due(batch) <= timedelta(0) and not self._is_given_up(batch)]
            if due:
                self._look(due, result)
        waiting = [batch for batch in self._ledger.open_batches(1_000_000) if not self._is_given_up(batch)]
        if waiting:
            result.wait = max(min(self._until_due(batch) for batch in waiting), timedelta(seconds=1))
        return result

    def _is_given_up(self, batch: OpenBatch) -> bool:
        """An unknown batch that was looked for often enough stays unknown: a later look will not tell more."""
        return batch.state == State.UNKNOWN and batch.looks >= LOOKS_BEFORE_ABSENT and batch.age >= self._settle

    def _until_due(self, batch: OpenBatch) -> timedelta:
        """First look soon, as most rows are there by then; the next ones after the settle time."""
        if batch.looked_ago is None:
            return self._settle / 10 - batch.age
        return max(self._settle - batch.age, self._settle / 2 - batch.looked_ago)

    def _look(self, open_batches: Sequence[OpenBatch], result: Verified) -> None:
        rows = self._ledger.open_rows([batch.batch_id for batch in open_batches])
        found = look([row for members in rows.values() for row in members], self._read)
        self._ledger.created({delivery_id: ids[0] for delivery_id, ids in found.tasks.items()})
        result.counts[State.CREATED] += len(found.tasks)
        result.duplicates.update({key: list(ids) for key, ids in found.tasks.items() if len(ids) > 1})
        self._ledger.move(found.impossible, State.HELD, CANNOT_LOOK)
        result.counts[State.HELD] += len(found.impossible)
        for batch in open_batches:
            if batch.age >= self._settle and batch.looks + 1 >= LOOKS_BEFORE_ABSENT:
                absent = [row for row in rows[batch.batch_id]
                          if row.id not in found.tasks and row.id not in found.impossible]  # fmt: skip
                self._absent(absent, result)
        self._ledger.looked([batch.batch_id for batch in open_batches])

    def _absent(self, rows: Sequence[OpenRow], result: Verified) -> None:
        dropped = [row.id for row in rows if row.state == State.ACCEPTED]
        self._ledger.move(dropped, State.REJECTED, DROPPED)
        result.counts[State.REJECTED] += len(dropped)
