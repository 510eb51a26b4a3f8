"""Keep CRM tasks in step with the warehouse: which delivered follow-ups are to be changed, and to what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from followups.changes import ChangeKind
from followups.feeds import Feed
from followups.keys import marker
from followups.ledger.asking import AskedChange, LastChange
from followups.ledger.rows import Known
from followups.model import State
from followups.planning.counts import PlanCounts
from followups.rows import Candidate, PayloadBuilder

CANCELLED = "cancelled in the warehouse after it was delivered"
CHANGED = "the row changed in the warehouse after it was delivered"


class Ledger(Protocol):
    """What keeping in step asks of the ledger."""

    def last_changes(self, delivery_ids: Sequence[int]) -> Mapping[int, LastChange]: ...  # noqa: D102


class InStep:
    """Collects a chunk's delivered rows that differ from the warehouse; `asked` tells what is to be done to them.

    What was asked before for the same content is not asked again, however it ended: only another change is.
    """

    def __init__(self, feed: Feed, ledger: Ledger, build_payload: PayloadBuilder, counts: PlanCounts) -> None:
        self._on_change = None if feed.on_change == "ignore" else ChangeKind(feed.on_change)
        self._on_cancel = None if feed.on_cancel == "ignore" else ChangeKind(feed.on_cancel)
        self._ledger = ledger
        self._build = build_payload
        self._counts = counts
        self._wanted: list[tuple[Candidate, Known, ChangeKind]] = []
        #: of two rows with one id the first counts, or each night would undo the one before
        self._met: set[str] = set()

    def meet(self, unchanged: Iterable[str]) -> None:
        """Take note of rows that are as they were, by key."""
        if self._on_change or self._on_cancel:
            self._met.update(unchanged)

    def takes(self, candidate: Candidate, known: Known | None) -> bool:
        """Take a delivered row if something is to become of its CRM task."""
        if known is None or known.state != State.CREATED or not (self._on_change or self._on_cancel):
            return False
        if candidate.key in self._met:
            return False
        self._met.add(candidate.key)
        kind = None
        if candidate.state == State.CANCELLED:
            kind = self._on_cancel
        elif candidate.state == State.PLANNED and known.content_hash != candidate.content_hash:
            kind = self._on_change
        if kind is None:
            return False
        self._wanted.append((candidate, known, kind))
        return True

    def asked(self) -> list[AskedChange]:
        """Return the changes of the chunk, counted."""
        wanted, self._wanted = self._wanted, []
        if not wanted:
            return []
        last = self._ledger.last_changes([known.id for _, known, _ in wanted])
        asked = []
        for candidate, known, kind in wanted:
            before = last.get(known.id)
            if before and (before.kind, before.content_hash) == (kind, candidate.content_hash):
                self._counts.outcomes[f"already created, {kind} {_WORDS.get(before.state, 'under way')} before"] += 1
            elif change := self._change(candidate, known, kind):
                self._counts.outcomes[f"to {kind}"] += 1
                asked.append(change)
        return asked

    def _change(self, candidate: Candidate, known: Known, kind: ChangeKind) -> AskedChange | None:
        payload = None
        if kind in {ChangeKind.UPDATE, ChangeKind.RECREATE}:
            generation = known.generation + (kind is ChangeKind.RECREATE)
            try:
                payload = self._build(candidate, marker(candidate.key, generation))
            except ValueError as error:
                self._counts.outcomes["already created, changed to what cannot be sent"] += 1
                self._counts.reasons[State.CREATED, f"not changed: {error}"] += 1
                return None
        return AskedChange(
            delivery_id=known.id,
            kind=kind,
            content_hash=candidate.content_hash,
            row_hash=candidate.row_hash,
            why=CHANGED if payload else CANCELLED,
            payload=payload,
            task_type=candidate.task_type,
            due_at=candidate.due_at,
        )


_WORDS = {"done": "done", "skipped": "skipped", "refused": "refused"}
