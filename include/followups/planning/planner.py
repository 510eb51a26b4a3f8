"""Read rows, decide on each, write the decisions down in batches.

Rows stream through in chunks; memory holds five chunks and the batch that is not yet full.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from followups.feeds import Feed
from followups.keys import marker
from followups.ledger.asking import LastChange
from followups.ledger.rows import ChangedRow, Changes, Known
from followups.model import State
from followups.planning import chunks
from followups.planning.allowance import DailyAllowance, OwnerDay
from followups.planning.beside import CHUNKS_AHEAD, Beside
from followups.planning.chunks import Chunk, Looks, Reader
from followups.planning.counts import PlanCounts, Preview
from followups.planning.decisions import Action, Decision, Requeue, decide, decide_new
from followups.planning.deliveries import changed_row, conflict_row, new_row, withdrawal_of
from followups.planning.in_step import InStep
from followups.planning.pending import Pending
from followups.planning.related import Lookup, refuse_strangers
from followups.planning.repeats import Repeats
from followups.planning.unchanged import states_left_alone
from followups.rows import Candidate, PayloadBuilder, refused

#: So many rows are taken from what was read to what is written at a time: what is made of them stays in the cache.
ROWS_AT_ONCE = 250
#: So many conflicting rows are asked about at a time; chunk by chunk each would wait for the ledger.
CONFLICTS_AT_ONCE = 500
CONFLICT = "followup_id: another row of this window has the same id and other content; the first was taken"
REPEATED = "repeated row"
#: States of rows that took nothing of their owner's allowance when they were taken up.
NEVER_ALLOWED = frozenset({State.INVALID, State.CANCELLED})


class Ledger(chunks.Ledger, Protocol):
    """What planning asks of the ledger: `PlanLedger`, or `PreviewLedger`, which writes nothing."""

    plan_id: int

    def is_live_elsewhere(self, plan_id: int) -> bool: ...  # noqa: D102
    def leftovers(self, limit: int) -> list[tuple[int, str | None, int]]: ...  # noqa: D102
    def owner_day_counts(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]: ...  # noqa: D102
    def last_changes(self, delivery_ids: Sequence[int]) -> Mapping[int, LastChange]: ...  # noqa: D102
    def write(self, changes: Changes) -> None: ...  # noqa: D102


class Planner:
    """Plans one run of one feed: `add` chunks, maybe `add_leftovers`, then `finish`.

    :param preview: takes in what would be sent, where somebody wants to see it.
    :param beside: lets looks at the ledger and writes to it go on beside the planner's own work.
    """

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
        preview: Preview | None = None,
        beside: Beside | None = None,
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._build = build_payload
        self._requeue = requeue
        self._limit = limit
        self._lookup = lookup
        self._preview = preview
        self._beside = beside or Beside()
        cap = feed.max_per_owner_per_day
        self._allowance = None if cap is None else DailyAllowance(cap, feed.zone, ledger.owner_day_counts)
        # A run with a limit must not count the rows behind the last one that it takes.
        self._looks = Looks(ledger, states_left_alone(requeue) if limit is None else frozenset(), self._beside)
        self._repeats = Repeats(feed.name)
        self._pending = Pending(ledger.plan_id)
        self.counts = PlanCounts()
        self._in_step = InStep(feed, ledger, build_payload, self.counts)

    @property
    def is_full(self) -> bool:
        """Whether the run's `limit` is reached, so that reading on is of no use."""
        return self._limit is not None and self.counts.to_send >= self._limit

    def add(self, rows: Sequence[Any]) -> None:
        """Take one chunk of rows as the reader knows them."""
        self._add(self._looks.chunk(rows, self._reader))

    def add_all(self, all_rows: Iterable[Sequence[Any]]) -> Iterator[int]:
        """Take chunks, the ledger being asked of each while the one before is planned; yield how many rows each had."""
        ahead: deque[Chunk] = deque()
        for rows in all_rows:
            ahead.append(self._looks.chunk(rows, self._reader))
            if len(ahead) > CHUNKS_AHEAD:
                yield self._add_first(ahead)
        while ahead:
            yield self._add_first(ahead)

    def keep_in_step(self, rows: Sequence[Any], reader: Reader | None = None) -> None:
        """Take one chunk of rows outside of the run's window, for what they say of follow-ups delivered before."""
        self._beside.wait()
        chunk = self._looks.chunk(rows, reader or self._reader)
        unchanged, known = chunk.standing()
        left = {key for keys in unchanged.values() for key in keys}
        self._in_step.meet(left)
        for candidates in chunk.read(left):
            for candidate in candidates:
                self._in_step.takes(candidate, known.get(candidate.key))
        self._write()

    def add_leftovers(self) -> None:
        """Take up planned rows that no living run will send."""
        self._beside.wait()
        while not self.is_full and (found := self._ledger.leftovers(chunks.CHUNK_ROWS)):
            # The rows of the batch that is still open were taken up already; the ledger does not show it yet.
            taken = {row.id for row in self._pending.open_batch if isinstance(row, ChangedRow)}
            for delivery_id, batch_id, size in found:
                if self.is_full:
                    break
                if delivery_id in taken:
                    continue
                self.counts.leftovers += 1
                self.counts.to_send += 1
                row = ChangedRow(delivery_id, State.PLANNED, batch_id, {}, "left behind by an earlier run")
                self._pending.send(row, size)
            self._pending.close_batch(for_good=True)
            self._write()
            self._beside.wait()

    def finish(self) -> PlanCounts:
        """Write what is left and return the counts."""
        self._record_conflicts()
        self._pending.close_batch()
        self._write()
        self._beside.wait()
        self.counts.batches = self._pending.batches
        return self.counts

    def _add_first(self, ahead: deque[Chunk]) -> int:
        chunk = ahead.popleft()
        self._add(chunk)
        return len(chunk)

    def _add(self, chunk: Chunk) -> None:
        unchanged, known = chunk.standing()
        left = self._leave(unchanged, self._repeats.begin_chunk(self._pending.contents))
        for candidate in self._candidates(chunk, left, known):
            if self.is_full:
                break
            self.counts.due += 1
            before = known.get(candidate.key)
            first = self._repeats.first(candidate)
            if first is not None:
                self._repeated(candidate, first)
            elif before is None or not self._in_step.takes(candidate, before):
                self._take(candidate, before)
        if self._repeats.conflicting >= CONFLICTS_AT_ONCE:
            self._record_conflicts()
        self._write()

    def _leave(self, unchanged: Mapping[State, Sequence[str]], carried: Collection[str]) -> set[str]:
        """Count rows that are left alone; return their keys."""
        everything: set[str] = set()
        for state, keys in unchanged.items():
            left = [key for key in keys if key not in carried] if carried else keys
            self.counts.due += len(left)
            self.counts.outcomes[f"already {state}"] += len(left)
            everything.update(left)
        self._in_step.meet(everything)
        return everything

    def _candidates(self, chunk: Chunk, left: Collection[str], known: Mapping[str, Known]) -> Iterator[Candidate]:
        # What asks others about rows asks about all of a chunk.
        asks = self._lookup is not None or self._allowance is not None
        for candidates in chunk.read(left, None if asks else ROWS_AT_ONCE):
            judged = candidates if self._lookup is None else refuse_strangers(candidates, known, self._lookup)
            if self._allowance is not None:
                self._beside.wait()
                self._allowance.load(judged, (row.owner_day for row in self._pending.open_batch))
            yield from judged

    def _take(self, candidate: Candidate, known: Known | None) -> None:
        decision = decide_new(candidate) if known is None else self._decide(candidate, known)
        owner_day = None
        if decision.action is Action.SEND and self._allowance is not None and _takes_allowance(known):
            candidate, owner_day = self._allowance.apply(candidate)
            if candidate.state is State.HELD:
                decision = Decision(Action.RECORD, candidate.state, candidate.reason or "")
        if decision.action is Action.SEND:
            self._send(candidate, known, decision, owner_day)
        elif decision.action is Action.RECORD:
            self._record(candidate, known, decision.why)
        elif decision.action is Action.DUPLICATE:
            assert known is not None
            self._repeated(candidate, known.content_hash)
        else:
            self.counts.outcomes[decision.outcome] += 1
            if decision.action is Action.WITHDRAW:
                assert known is not None
                self._pending.keep(withdrawal_of(known, decision.why))

    def _decide(self, candidate: Candidate, known: Known) -> Decision:
        return decide(
            candidate,
            known,
            plan_id=self._ledger.plan_id,
            requeue=self._requeue,
            is_live_elsewhere=self._ledger.is_live_elsewhere,
        )

    def _send(self, candidate: Candidate, known: Known | None, decision: Decision, owner_day: OwnerDay | None) -> None:
        if candidate.state is not State.PLANNED:  # held, and asked for by a person
            candidate = replace(candidate, state=State.PLANNED, reason=None)
        try:
            payload = self._payload(candidate, known)
        except ValueError as error:
            self._record(refused(candidate, str(error)), known, str(error))
            return
        if self._preview is not None:
            self._preview.note(candidate.owner_email or "", candidate.task_type or "", payload)
        self.counts.to_send += 1
        self.counts.outcomes[decision.outcome] += 1
        if known is None:
            row: Any = new_row(candidate, payload, owner_day)
        else:
            row = changed_row(candidate, known, payload, decision.why, owner_day)
        self._pending.send(row, _bytes_of(payload), key=candidate.key, content=candidate.content_hash)

    def _record(self, candidate: Candidate, known: Known | None, why: str) -> None:
        payload = None
        if candidate.state == State.HELD:
            try:
                payload = self._payload(candidate, known)
            except ValueError as error:
                candidate, why = refused(candidate, str(error)), str(error)
        self.counts.keep_back(candidate.state, candidate.reason)
        if known is None:
            self._pending.keep(new_row(candidate, payload))
        else:
            self._pending.keep(changed_row(candidate, known, payload, why))

    def _repeated(self, candidate: Candidate, first: str) -> None:
        if not self._repeats.conflicts(candidate, first):
            self.counts.outcomes[REPEATED] += 1

    def _record_conflicts(self) -> None:
        """Record the rows that are not like the first of their id; whoever recorded them before does it once."""
        conflicts = self._repeats.take_conflicts()
        if not conflicts:
            return
        self._beside.wait()
        known = self._ledger.standing(dict.fromkeys(conflicts), frozenset()).known
        for key, candidate in conflicts.items():
            if key in known:
                self.counts.outcomes[f"already {State.INVALID}"] += 1
                continue
            self.counts.keep_back(State.INVALID, CONFLICT)
            self._pending.keep(conflict_row(candidate, key, CONFLICT))

    def _payload(self, candidate: Candidate, known: Known | None) -> str:
        """Build the payload; ValueError where LeadSquared has no form for the row."""
        return self._build(candidate, marker(candidate.key, known.generation if known else 0))

    def _write(self) -> None:
        # Also where nothing is to be written: looks that begin from here on show what was written before.
        self._beside.wait()
        changes = self._pending.take()
        changes.asked = self._in_step.asked()
        if len(changes):
            self._beside.write(lambda: self._ledger.write(changes))


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _takes_allowance(known: Known | None) -> bool:
    """Tell whether a row that is sent takes of its owner's allowance: one that was to be sent before took it then."""
    return known is None or known.state in NEVER_ALLOWED
