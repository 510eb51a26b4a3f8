"""Read rows, decide on each, write the decisions down in batches.

Rows stream through in chunks; memory holds one chunk and the batch that is not yet full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from followups.feeds import Feed
from followups.keys import delivery_key, marker
from followups.ledger.asking import LastChange
from followups.ledger.planning import ChangedRow, Changes, Known, NewRow
from followups.model import State
from followups.planning.allowance import DailyAllowance, OwnerDay
from followups.planning.batching import BatchCutter
from followups.planning.counts import PlanCounts, Preview
from followups.planning.decisions import Action, Decision, Requeue, decide
from followups.planning.deliveries import columns_of, row_of, withdrawal_of
from followups.planning.in_step import InStep
from followups.planning.related import Lookup, refuse_strangers
from followups.planning.unchanged import Unchanged
from followups.rows import Candidate, Outline, PayloadBuilder

CHUNK_ROWS = 5000
CONFLICT = "followup_id: another row of this window has the same id and other content; the first was taken"
#: States of rows that took nothing of their owner's allowance when they were taken up.
NEVER_ALLOWED = frozenset({State.INVALID, State.CANCELLED})


class Ledger(Protocol):
    """What planning asks of the ledger: `PlanLedger`, or `PreviewLedger`, which writes nothing."""

    plan_id: int

    def known(self, keys: Sequence[str]) -> dict[str, Known]: ...  # noqa: D102
    def is_live_elsewhere(self, plan_id: int) -> bool: ...  # noqa: D102
    def leftovers(self, limit: int) -> list[tuple[int, str | None, int]]: ...  # noqa: D102
    def owner_day_counts(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]: ...  # noqa: D102
    def last_changes(self, delivery_ids: Sequence[int]) -> Mapping[int, LastChange]: ...  # noqa: D102
    def write(self, changes: Changes) -> None: ...  # noqa: D102


class Reader(Protocol):
    """Makes a candidate of what was read: `TableReader` for a query's rows, `RowReader` for mappings."""

    def outline(self, row: Any) -> Outline: ...  # noqa: D102
    def read(self, row: Any, outline: Outline | None = None) -> Candidate: ...  # noqa: D102


class Planner:
    """Plans one run of one feed: `add` chunks, maybe `add_leftovers`, then `finish`."""

    def __init__(
        self,
        feed: Feed,
        ledger: Ledger,
        reader: Reader,
        build_payload: PayloadBuilder,
        *,
        requeue: Requeue = "none",
        limit: int | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        self._feed = feed
        self._ledger = ledger
        self._reader = reader
        self._build = build_payload
        self._requeue = requeue
        self._limit = limit
        self._lookup = lookup
        self._allowance = DailyAllowance(feed.max_per_owner_per_day, feed.zone, ledger.owner_day_counts)
        self._unchanged = Unchanged(ledger.plan_id, requeue)
        self._cutter = BatchCutter(ledger.plan_id)
        self._changes = Changes()
        self._batch_id = ""
        self._batch: list[NewRow | ChangedRow] = []
        #: content by key of rows in the open batch, which the ledger does not show yet
        self._unwritten: dict[str, str] = {}
        #: rows of this chunk whose id another row has, by a key of their own
        self._conflicts: dict[str, Candidate] = {}
        self.counts = PlanCounts()
        self.preview = Preview()
        self._in_step = InStep(feed, ledger, build_payload, self.counts)

    @property
    def is_full(self) -> bool:
        """Whether the run's `limit` is reached, so that reading on is of no use."""
        return self._limit is not None and self.counts.to_send >= self._limit

    def add(self, rows: Iterable[Any]) -> None:
        """Take one chunk of rows as the reader knows them."""
        outlined = [(row, self._reader.outline(row)) for row in rows]
        known = self._ledger.known([outline.key for _, outline in outlined])
        seen = dict(self._unwritten)
        if self._limit is None:
            left, outlined = self._unchanged.part(outlined, known, seen)
            self._leave(left, seen)
        candidates: Sequence[Candidate] = [self._reader.read(row, outline) for row, outline in outlined]
        if self._lookup is not None:
            candidates = refuse_strangers(candidates, known, self._lookup)
        self._allowance.load(candidates, (row.owner_day for row in self._batch))
        for candidate in candidates:
            if self.is_full:
                break
            self.counts.due += 1
            if candidate.key in seen:
                self._repeated(candidate, seen[candidate.key])
                continue
            seen[candidate.key] = candidate.content_hash
            if not self._in_step.takes(candidate, known.get(candidate.key)):
                self._take(candidate, known.get(candidate.key))
        self._record_conflicts()
        self._changes.asked = self._in_step.asked()
        self._write()

    def keep_in_step(self, rows: Iterable[Any], reader: Reader | None = None) -> None:
        """Take one chunk of rows outside of the run's window, for what they say of follow-ups delivered before."""
        reader = reader or self._reader
        outlined = [(row, reader.outline(row)) for row in rows]
        known = self._ledger.known([outline.key for _, outline in outlined])
        left, outlined = self._unchanged.part(outlined, known, ())
        self._in_step.meet(left.values())
        candidates = [reader.read(row, outline) for row, outline in outlined]
        for candidate in candidates:
            self._in_step.takes(candidate, known.get(candidate.key))
        self._changes.asked = self._in_step.asked()
        self._write()

    def _leave(self, left: Mapping[str, Known], seen: dict[str, str]) -> None:
        self.counts.due += len(left)
        states = Counter(known.state for known in left.values())
        self.counts.outcomes.update({f"already {state}": count for state, count in states.items()})
        seen.update((key, known.content_hash) for key, known in left.items())
        self._in_step.meet(left.values())

    def add_leftovers(self) -> None:
        """Take up planned rows that no living run will send."""
        while not self.is_full and (found := self._ledger.leftovers(CHUNK_ROWS)):
            # The rows of the batch that is still open were taken up already; the ledger does not show it yet.
            taken = {row.id for row in self._batch if isinstance(row, ChangedRow)}
            for delivery_id, batch_id, size in found:
                if self.is_full:
                    break
                if delivery_id in taken:
                    continue
                self.counts.leftovers += 1
                row = ChangedRow(delivery_id, State.PLANNED, batch_id, {}, "left behind by an earlier run")
                self._to_batch(row, size)
            self._close_batch()
            self._cutter.close()
            self._write()

    def finish(self) -> PlanCounts:
        """Write what is left and return the counts."""
        self._close_batch()
        self._write()
        self.counts.batches = self._cutter.batches
        return self.counts

    def _take(self, candidate: Candidate, known: Known | None) -> None:
        decision = decide(
            candidate,
            known,
            plan_id=self._ledger.plan_id,
            requeue=self._requeue,
            is_live_elsewhere=self._ledger.is_live_elsewhere,
        )
        owner_day = None
        if decision.action is Action.SEND and (known is None or known.state in NEVER_ALLOWED):
            candidate, owner_day = self._allowance.apply(candidate)
            if candidate.state == State.HELD:
                decision = Decision(Action.RECORD, candidate.state, candidate.reason or "")
        if decision.action is Action.SEND:
            self._send(candidate, known, decision, owner_day)
        elif decision.action is Action.RECORD:
            self._record(candidate, known, decision.why)
        elif decision.action is Action.WITHDRAW:
            assert known is not None
            self.counts.outcomes[decision.outcome] += 1
            self._append(withdrawal_of(known, decision.why))
        elif decision.action is Action.DUPLICATE:
            assert known is not None
            self._repeated(candidate, known.content_hash)
        else:
            self.counts.outcomes[decision.outcome] += 1

    def _send(self, candidate: Candidate, known: Known | None, decision: Decision, owner_day: OwnerDay | None) -> None:
        try:
            payload = self._payload(candidate, known)
        except ValueError as error:
            self._record(replace(candidate, state=State.INVALID, reason=str(error)), known, str(error))
            return
        self.preview.note(candidate.owner_email or "", candidate.task_type or "", payload)
        self.counts.outcomes[decision.outcome] += 1
        values = {**columns_of(candidate), "state": State.PLANNED, "reason": None, "payload": payload}
        if known is not None and known.withdrawn:
            values["withdrawn"] = False
        self._to_batch(row_of(known, values, decision.why, owner_day), len(payload.encode()))
        self._unwritten[candidate.key] = candidate.content_hash

    def _record(self, candidate: Candidate, known: Known | None, why: str) -> None:
        payload = None
        if candidate.state == State.HELD:
            try:
                payload = self._payload(candidate, known)
            except ValueError as error:
                candidate, why = replace(candidate, state=State.INVALID, reason=str(error)), str(error)
        self.counts.keep_back(candidate.state, candidate.reason)
        self._append(row_of(known, {**columns_of(candidate), "payload": payload, "batch_id": None}, why))

    def _repeated(self, candidate: Candidate, first_content: str) -> None:
        """The same id again in one window: harmless if equal; else nobody can tell which is meant beyond the first."""
        if candidate.content_hash == first_content:
            self.counts.outcomes["repeated row"] += 1
            return
        key = delivery_key(self._feed.name, candidate.key, "duplicate", candidate.content_hash)
        if key in self._conflicts:
            self.counts.outcomes["repeated row"] += 1
        else:
            self._conflicts[key] = candidate

    def _record_conflicts(self) -> None:
        """Record the rows that are not like the first of their id; whoever recorded them before does it once."""
        known = self._ledger.known(list(self._conflicts)) if self._conflicts else {}
        for key, candidate in self._conflicts.items():
            if key in known:
                self.counts.outcomes[f"already {State.INVALID}"] += 1
                continue
            self.counts.keep_back(State.INVALID, CONFLICT)
            values = {**columns_of(candidate), "delivery_key": key, "state": State.INVALID, "reason": CONFLICT}
            self._append(NewRow({**values, "payload": None, "batch_id": None}))
        self._conflicts = {}

    def _payload(self, candidate: Candidate, known: Known | None) -> str:
        """Build the payload; ValueError where LeadSquared has no form for the row."""
        return self._build(candidate, marker(candidate.key, known.generation if known else 0))

    def _to_batch(self, row: NewRow | ChangedRow, size: int) -> None:
        self.counts.to_send += 1
        batch_id = self._cutter.next(size)
        if batch_id != self._batch_id:
            self._close_batch()
            self._batch_id = batch_id
        row.values["batch_id"] = batch_id
        self._batch.append(row)

    def _close_batch(self) -> None:
        if self._batch:
            self._changes.batches[self._batch_id] = len(self._batch)
        for row in self._batch:
            self._append(row)
        self._batch = []
        self._unwritten = {}

    def _append(self, row: NewRow | ChangedRow) -> None:
        if row.owner_day:
            self._changes.owner_days[row.owner_day] += 1
        if isinstance(row, NewRow):
            self._changes.new.append(row)
        else:
            self._changes.changed.append(row)

    def _write(self) -> None:
        if len(self._changes):
            self._ledger.write(self._changes)
        self._changes = Changes()
