"""Read rows, decide on each, write the decisions down in batches.

Rows stream through in chunks; memory holds one chunk and the batch that is not yet full.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from followups.feeds import Feed
from followups.keys import delivery_key, marker
from followups.ledger.asking import LastChange
from followups.ledger.rows import ChangedRow, Changes, Known, NewRow
from followups.model import State
from followups.planning.allowance import DailyAllowance, OwnerDay
from followups.planning.batching import BatchCutter
from followups.planning.beside import Beside
from followups.planning.counts import PlanCounts, Preview
from followups.planning.decisions import Action, Decision, Requeue, decide
from followups.planning.deliveries import conflict_row, kept_row, planned_row, withdrawal_of
from followups.planning.in_step import InStep
from followups.planning.related import Lookup, refuse_strangers
from followups.planning.unchanged import comparable, states_left_alone
from followups.rows import Candidate, Outline, PayloadBuilder

CHUNK_ROWS = 5000
CONFLICT = "followup_id: another row of this window has the same id and other content; the first was taken"
#: States of rows that took nothing of their owner's allowance when they were taken up.
NEVER_ALLOWED = frozenset({State.INVALID, State.CANCELLED})


class Ledger(Protocol):
    """What planning asks of the ledger: `PlanLedger`, or `PreviewLedger`, which writes nothing."""

    plan_id: int

    def known(self, keys: Sequence[str]) -> dict[str, Known]: ...  # noqa: D102
    def unchanged(self, row_hashes: Mapping[str, int], states: Collection[State]) -> dict[State, list[str]]: ...  # noqa: D102
    def is_live_elsewhere(self, plan_id: int) -> bool: ...  # noqa: D102
    def leftovers(self, limit: int) -> list[tuple[int, str | None, int]]: ...  # noqa: D102
    def owner_day_counts(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]: ...  # noqa: D102
    def last_changes(self, delivery_ids: Sequence[int]) -> Mapping[int, LastChange]: ...  # noqa: D102
    def write(self, changes: Changes) -> None: ...  # noqa: D102


class Reader(Protocol):
    """Makes candidates of what was read: `TableReader` for a query's rows, `RowReader` for mappings."""

    def outlines(self, rows: Sequence[Any]) -> list[Outline]: ...  # noqa: D102
    def read(self, rows: Sequence[Any], outlines: Sequence[Outline]) -> list[Candidate]: ...  # noqa: D102


class Standing(NamedTuple):
    """What the ledger holds of a chunk: keys by state of rows that nothing moved, and the others that it knows."""

    unchanged: Mapping[State, Sequence[str]]
    known: Mapping[str, Known]


class Chunk(NamedTuple):
    """Rows with their outlines, and what gives their standing."""

    rows: Sequence[Any]
    outlines: Sequence[Outline]
    standing: Callable[[], Standing]


class Planner:
    """Plans one run of one feed: `add` chunks, maybe `add_leftovers`, then `finish`.

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
        beside: Beside | None = None,
    ) -> None:
        self._feed = feed
        self._ledger = ledger
        self._reader = reader
        self._build = build_payload
        self._requeue = requeue
        self._limit = limit
        self._lookup = lookup
        self._beside = beside or Beside()
        self._allowance = DailyAllowance(feed.max_per_owner_per_day, feed.zone, ledger.owner_day_counts)
        self._left_alone = states_left_alone(requeue)
        self._cutter = BatchCutter(ledger.plan_id)
        self._changes = Changes()
        self._batch_id = ""
        self._batch: list[NewRow | ChangedRow] = []
        #: content by key of rows in the open batch, which the ledger does not show yet
        self._unwritten: dict[str, str] = {}
        #: the same of the last two chunks: a look may have begun before they were written
        self._lately: deque[dict[str, str]] = deque(maxlen=2)
        #: rows of this chunk whose id another row has, by a key of their own
        self._conflicts: dict[str, Candidate] = {}
        self.counts = PlanCounts()
        self.preview = Preview()
        self._in_step = InStep(feed, ledger, build_payload, self.counts)

    @property
    def is_full(self) -> bool:
        """Whether the run's `limit` is reached, so that reading on is of no use."""
        return self._limit is not None and self.counts.to_send >= self._limit

    def add(self, rows: Sequence[Any]) -> None:
        """Take one chunk of rows as the reader knows them."""
        self._add(self._chunk(rows, self._reader))

    def add_all(self, chunks: Iterable[Sequence[Any]]) -> Iterator[int]:
        """Take chunks, the ledger being asked of each while the one before is planned; yield how many rows each had."""
        ahead: Chunk | None = None
        for rows in chunks:
            chunk = self._chunk(rows, self._reader)
            if ahead is not None:
                self._add(ahead)
                yield len(ahead.rows)
            ahead = chunk
        if ahead is not None:
            self._add(ahead)
            yield len(ahead.rows)

    def keep_in_step(self, rows: Sequence[Any], reader: Reader | None = None) -> None:
        """Take one chunk of rows outside of the run's window, for what they say of follow-ups delivered before."""
        self._beside.wait()
        reader = reader or self._reader
        chunk = self._chunk(rows, reader)
        standing = chunk.standing()
        left = {key for keys in standing.unchanged.values() for key in keys}
        self._in_step.meet(left)
        for candidate in self._read(chunk, left, reader):
            self._in_step.takes(candidate, standing.known.get(candidate.key))
        self._changes.asked = self._in_step.asked()
        self._write()

    def _chunk(self, rows: Sequence[Any], reader: Reader) -> Chunk:
        outlines = reader.outlines(rows)
        return Chunk(rows, outlines, self._beside.look(lambda: self._look(outlines)))

    def _look(self, outlines: Sequence[Outline]) -> Standing:
        unchanged: Mapping[State, Sequence[str]] = {}
        if self._limit is None:
            unchanged = self._ledger.unchanged(comparable(outlines), self._left_alone)
        left = {key for keys in unchanged.values() for key in keys}
        return Standing(unchanged, self._ledger.known([key for key, _ in outlines if key not in left]))

    @staticmethod
    def _read(chunk: Chunk, left: Collection[str], reader: Reader) -> Sequence[Candidate]:
        if not left:
            return reader.read(chunk.rows, chunk.outlines)
        others = [pair for pair in zip(chunk.rows, chunk.outlines, strict=True) if pair[1].key not in left]
        return reader.read([row for row, _ in others], [outline for _, outline in others]) if others else ()

    def _add(self, chunk: Chunk) -> None:
        standing = chunk.standing()
        known = standing.known
        carried = self._carried()
        left = self._leave(standing.unchanged, carried)
        candidates = self._read(chunk, left, self._reader)
        if self._lookup is not None:
            candidates = refuse_strangers(candidates, known, self._lookup)
        if self._allowance.is_limited:
            self._beside.wait()
            self._allowance.load(candidates, (row.owner_day for row in self._batch))
        seen: dict[str, str] = {}
        for candidate in candidates:
            if self.is_full:
                break
            self.counts.due += 1
            key = candidate.key
            first = seen.get(key) or carried.get(key)
            if first is not None:
                self._repeated(candidate, first)
                continue
            seen[key] = candidate.content_hash
            if not self._in_step.takes(candidate, known.get(key)):
                self._take(candidate, known.get(key))
        self._lately.append(seen)
        self._record_conflicts()
        self._changes.asked = self._in_step.asked()
        self._write()

    def _carried(self) -> Mapping[str, str]:
        """Return the content by key of rows that were met before, and that a look at the ledger may not have shown."""
        carried = dict(self._unwritten)
        for met in self._lately:
            carried.update(met)
        return carried

    def _leave(self, unchanged: Mapping[State, Sequence[str]], carried: Collection[str]) -> set[str]:
        """Count rows that are left alone; return their keys."""
        everything: set[str] = set()
        for state, keys in unchanged.items():
            left = [key for key in keys if key not in carried]
            self.counts.due += len(left)
            self.counts.outcomes[f"already {state}"] += len(left)
            everything.update(left)
        self._in_step.meet(everything)
        return everything

    def add_leftovers(self) -> None:
        """Take up planned rows that no living run will send."""
        self._beside.wait()
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
            self._beside.wait()

    def finish(self) -> PlanCounts:
        """Write what is left and return the counts."""
        self._close_batch()
        self._write()
        self._beside.wait()
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
        self._to_batch(planned_row(candidate, known, payload, decision.why, owner_day), len(payload.encode()))
        self._unwritten[candidate.key] = candidate.content_hash

    def _record(self, candidate: Candidate, known: Known | None, why: str) -> None:
        payload = None
        if candidate.state == State.HELD:
            try:
                payload = self._payload(candidate, known)
            except ValueError as error:
                candidate, why = replace(candidate, state=State.INVALID, reason=str(error)), str(error)
        self.counts.keep_back(candidate.state, candidate.reason)
        self._append(kept_row(candidate, known, payload, why))

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
        if not self._conflicts:
            return
        self._beside.wait()
        known = self._ledger.known(list(self._conflicts))
        for key, candidate in self._conflicts.items():
            if key in known:
                self.counts.outcomes[f"already {State.INVALID}"] += 1
                continue
            self.counts.keep_back(State.INVALID, CONFLICT)
            self._append(conflict_row(candidate, key, CONFLICT))
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
        if isinstance(row, NewRow):
            row.batch_id = batch_id
        else:
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
        changes, self._changes = self._changes, Changes()
        if len(changes):
            self._beside.write(lambda: self._ledger.write(changes))
