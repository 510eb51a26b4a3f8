"""Settle what was sent: look it up, and give a verdict on each row once one can be given.

A row that is seen is `created`. One that is proved absent was dropped, if LeadSquared had accepted its batch, or goes
back to `planned`, if the outcome was unknown. Where absence cannot be proved, the row is held: see `verdicts`.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Literal, Protocol

from followups.crash_points import reach
from followups.keys import marker
from followups.ledger.sent_rows import OpenRow
from followups.ledger.settling import CORRIGIBLE, OpenBatch
from followups.model import State
from followups.progress import Progress
from followups.readback import Found, Reader, SeenTask, look, look_closely
from followups.verdicts import CANNOT_LOOK, DROPPED, HELD_BY_POLICY, NOT_THERE, RESENT, judge

#: So many batches are listed, marked or audited at a time.
BATCHES_AT_ONCE = 200
#: So many rows, due together, are held in memory and looked for at a time.
ROWS_PER_LOOK = 20_000
#: So many accepted rows of a batch are looked for one by one before the rest are taken for dropped too.
CLOSE_LOOKS = 5
#: Between a server's clock and ours, with the time that a call may take.
CLOCKS_DIFFER = timedelta(hours=1)
FAR_AWAY = datetime.max.replace(tzinfo=UTC)

log = logging.getLogger(__name__)

Rows = dict[str, list[OpenRow]]
OnUnknown = Literal["verify", "hold", "resend"]
Duplicates = Literal["report", "delete_younger"]


class Ledger(Protocol):
    """What verification asks of the ledger; see `followups.ledger.settling.SettleLedger`."""

    def open_batches(self, limit: int, after: str = "") -> list[OpenBatch]: ...  # noqa: D102
    def ages_open(self) -> list[tuple[timedelta, timedelta | None]]: ...  # noqa: D102
    def count_open_rows(self, batch_ids: Sequence[str]) -> int: ...  # noqa: D102
    def open_rows(self, batch_ids: Sequence[str]) -> dict[str, list[OpenRow]]: ...  # noqa: D102
    def open_rows_by_due(self, batch_ids: Sequence[str], limit: int) -> Iterator[dict[str, list[OpenRow]]]: ...  # noqa: D102
    def waiting_rows(self, batch_ids: Sequence[str]) -> dict[str, list[OpenRow]]: ...  # noqa: D102
    def unaudited_batches(self, settled_for: timedelta, limit: int, after: str = "") -> list[OpenBatch]: ...  # noqa: D102
    def audited_rows(self, batch_ids: Sequence[str]) -> dict[str, list[OpenRow]]: ...  # noqa: D102
    def created(self, crm_task_ids: Mapping[int, str], reason: str | None = None) -> None: ...  # noqa: D102
    def keep(self, crm_task_ids: Mapping[int, str], instead_of: Mapping[int, Sequence[str]]) -> None: ...  # noqa: D102
    def move(self, delivery_ids: Sequence[int], state: State, reason: str | None) -> None: ...  # noqa: D102
    def note(self, delivery_ids: Sequence[int], reason: str) -> None: ...  # noqa: D102
    def looked(self, batch_ids: Sequence[str], *, conclusive: bool) -> None: ...  # noqa: D102
    def audited(self, batch_ids: Sequence[str]) -> None: ...  # noqa: D102


class LeadSquared(Protocol):
    """What verification asks of LeadSquared."""

    @property
    def read(self) -> Reader: ...  # noqa: D102

    def sees_everything(self) -> bool:
        """Tell whether these keys are an administrator's, to whom no task is hidden."""

    def delete(self, task_ids: Sequence[str]) -> None:
        """Ask for the deletion of CRM tasks."""

    def told(self, batch_ids: Sequence[str]) -> tuple[Mapping[int, str], Mapping[int, str]]:
        """Return what status webhooks told: CRM task ids, and reasons of failure, by delivery."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A feed's rules for verification."""

    on_unknown: OnUnknown = "verify"
    duplicates: Duplicates = "report"


@dataclass(kw_only=True)
class Verified:
    """What one round came to. `wait` is how long until another round can tell more; None: all is settled."""

    counts: Counter[str] = field(default_factory=Counter)
    #: rows that have more than one CRM task
    duplicates: int = 0
    #: plans with batches to be sent again
    again: set[int] = field(default_factory=set)
    wait: timedelta | None = None


class Verifier:
    """Runs rounds of verification over the ledger's open batches."""

    def __init__(
        self, ledger: Ledger, leadsquared: LeadSquared, *, settle: timedelta, policy_of: Callable[[str], Policy]
    ) -> None:
        self._ledger = ledger
        self._leadsquared = leadsquared
        self._settle = settle
        self._policy_of = policy_of
        self._result = Verified()
        #: when the batches were of the age that they say
        self._listed_at = datetime.now(UTC)

    def round(self) -> Verified:
        """Look once for everything that is open and due to be looked for."""
        self._result = Verified()
        if due := self._due():
            self._sweep(due)
        waiting = [self._until_due(*ages) for ages in self._ledger.ages_open()]
        if waiting:
            self._result.wait = max(min(waiting), timedelta(seconds=1))
        return self._result

    def audit(self, settled_for: timedelta) -> Verified:
        """Look once more for rows that were settled a while ago: duplicates, and tasks that came late."""
        self._result = Verified()
        after = ""
        progress = Progress(log, "batches audited")
        while found := self._ledger.unaudited_batches(settled_for, BATCHES_AT_ONCE, after):
            after = found[-1].batch_id
            batch_ids = [batch.batch_id for batch in found]
            rows = self._ledger.audited_rows(batch_ids)
            late = {row.id for members in rows.values() for row in members if row.state in CORRIGIBLE}
            ids, _ = self._leadsquared.told(batch_ids)
            told = {row_id: task_id for row_id, task_id in ids.items() if row_id in late}
            self._record_told(told)
            seen = look([row for members in rows.values() for row in members], self._leadsquared.read)
            late -= set(told)
            self._record_created({row_id: tasks for row_id, tasks in seen.tasks.items() if row_id in late})
            doubled = self._heal({batch.batch_id: batch for batch in found}, rows, seen)
            # A batch with duplicates is looked at again, to see that they are gone.
            self._ledger.audited([batch_id for batch_id in batch_ids if batch_id not in doubled])
            progress.add(len(found), self._result.counts)
        return self._result

    def heed(self, batch_ids: Sequence[str]) -> None:
        """Believe webhooks that came since rows were proved absent, before these are sent again."""
        ids, _ = self._leadsquared.told(batch_ids)
        if ids:
            self._take_what_was_told(self._ledger.waiting_rows(batch_ids), ids)

    def _until_due(self, age: timedelta, looked_ago: timedelta | None) -> timedelta:
        """First look soon, as most rows are there by then; the next ones after the settle time.

        A batch that was looked for sooner, beside others, has its own first look all the same.
        """
        soon = self._settle / 10
        if looked_ago is None or age - looked_ago < soon:
            return soon - age
        return max(self._settle - age, self._settle / 2 - looked_ago)

    def _due(self) -> dict[str, OpenBatch]:
        """Return the batches to be looked for now.

        Those that nobody looked for yet go with others: the same look-ups show them, and most rows are there by then.
        """
        self._listed_at = datetime.now(UTC)
        found, after = list[OpenBatch](), ""
        while page := self._ledger.open_batches(BATCHES_AT_ONCE, after):
            after = page[-1].batch_id
            found += page
        due = {batch.batch_id for batch in found if self._until_due(batch.age, batch.looked_ago) <= timedelta(0)}
        return {batch.batch_id: batch for batch in found if batch.batch_id in due or (due and batch.looked_ago is None)}

    def _sweep(self, due: Mapping[str, OpenBatch]) -> None:
        """Look for all rows of some batches, those that are due together at a time, as look-ups show whole days."""
        for batch_ids in _parts(due):
            ids, _ = self._leadsquared.told(batch_ids)
            if ids:
                self._take_what_was_told(self._ledger.open_rows(batch_ids), ids)
        progress = Progress(log, "rows looked for", total=self._ledger.count_open_rows(list(due)))
        looked: set[int] = set()
        try:
            for rows in self._ledger.open_rows_by_due(list(due), ROWS_PER_LOOK):
                self._look(due, rows)
                looked.update(row.id for members in rows.values() for row in members)
                progress.add(sum(map(len, rows.values())), self._result.counts)
        except Exception:
            # Else days that nobody answers for would keep all others from their verdict.
            self._note_looks(due, self._covered(due, looked))
            raise
        self._note_looks(due, due)

    def _covered(self, due: Iterable[str], looked: Collection[int]) -> Iterator[str]:
        """Yield the batches of which every row that is still open was looked for."""
        for batch_ids in _parts(due):
            for batch_id, members in self._ledger.open_rows(batch_ids).items():
                if all(row.id in looked for row in members):
                    yield batch_id

    def _note_looks(self, due: Mapping[str, OpenBatch], batch_ids: Iterable[str]) -> None:
        """Only looks past the settle time can prove absence."""
        noted = list(batch_ids)
        for conclusive in (False, True):
            for part in _parts(each for each in noted if self._is_conclusive(due[each]) is conclusive):
                self._ledger.looked(part, conclusive=conclusive)

    def _is_conclusive(self, batch: OpenBatch) -> bool:
        return batch.age >= self._settle

    def _look(self, batches: Mapping[str, OpenBatch], rows: Rows) -> None:
        reach("before look")
        rows = self._resend_unseen(batches, rows)
        found = look([row for members in rows.values() for row in members], self._leadsquared.read)
        self._record_created(found.tasks)
        self._heal(batches, rows, found)
        self._move(found.impossible, State.HELD, CANNOT_LOOK)
        settled = {*found.tasks, *found.impossible}
        for batch_id, members in rows.items():
            if self._is_conclusive(batches[batch_id]):
                self._judge(batches[batch_id], [row for row in members if row.id not in settled], found)

    def _resend_unseen(self, batches: Mapping[str, OpenBatch], rows: Rows) -> Rows:
        """Put unknown rows back to planned at once where the feed wants them sent without looking."""
        left = {}
        for batch_id, members in rows.items():
            batch, left[batch_id] = batches[batch_id], members
            # A webhook may still tell of the youngest.
            if self._policy_of(batch.feed).on_unknown == "resend" and batch.age >= self._settle / 10:
                unknown = [row.id for row in members if row.state == State.UNKNOWN]
                self._move(unknown, State.PLANNED, RESENT)
                left[batch_id] = [row for row in members if row.state != State.UNKNOWN]
                if unknown:
                    self._result.again.add(batch.plan_id)
        return left

    def _take_what_was_told(self, rows: Rows, ids: Mapping[int, str]) -> None:
        """Believe a webhook that names the CRM task of a row: only LeadSquared knows its address. An audit follows."""
        self._record_told({row.id: ids[row.id] for members in rows.values() for row in members if row.id in ids})

    def _record_told(self, told: Mapping[int, str]) -> None:
        if told:
            self._ledger.created(told, "reported by LeadSquared's status webhook")
            self._result.counts[State.CREATED] += len(told)

    def _record_created(self, tasks: Mapping[int, Sequence[SeenTask]]) -> None:
        self._ledger.created({row_id: seen[0].id or "" for row_id, seen in tasks.items()})
        self._result.counts[State.CREATED] += len(tasks)

    def _judge(self, batch: OpenBatch, missing: Sequence[OpenRow], found: Found) -> None:
        """Give a verdict on a batch's rows that a look past the settle time did not show."""

        def hides(row: OpenRow) -> bool:
            return row.task_type not in found.visible_types and not self._leadsquared.sees_everything()

        verdict = judge(batch.looks + 1, missing, found, hides=hides, closely=lambda rows: self._closely(batch, rows))
        for reason, ids in verdict.held.items():
            self._move(ids, State.HELD, reason)
        self._reject(batch, [row.id for row in verdict.absent if row.state == State.ACCEPTED])
        unknown = [row.id for row in verdict.absent if row.state == State.UNKNOWN]
        if self._policy_of(batch.feed).on_unknown == "hold":
            self._move(unknown, State.HELD, HELD_BY_POLICY)
        elif unknown:
            self._move(unknown, State.PLANNED, NOT_THERE)
            self._result.again.add(batch.plan_id)

    def _reject(self, batch: OpenBatch, delivery_ids: Sequence[int]) -> None:
        """Record that LeadSquared dropped rows, with its webhook's reasons where it gave any."""
        if not delivery_ids:
            return
        _, reasons = self._leadsquared.told([batch.batch_id])
        dropped: dict[str, list[int]] = defaultdict(list)
        for delivery_id in delivery_ids:
            dropped[reasons.get(delivery_id, DROPPED)].append(delivery_id)
        for reason, ids in dropped.items():
            self._move(ids, State.REJECTED, reason)

    def _closely(self, batch: OpenBatch, rows: Sequence[OpenRow]) -> Found:
        """Look once more, a lead or an owner a call, for what seems absent, and record what is found.

        Of rows that LeadSquared accepted, which are not sent again, a few stand for all while none of them is found.
        """
        accepted = [row for row in rows if row.state == State.ACCEPTED]
        chosen = [row for row in rows if row.state == State.UNKNOWN] + accepted[:CLOSE_LOOKS]
        since = self._listed_at - batch.age - CLOCKS_DIFFER
        found = look_closely(chosen, self._leadsquared.read, since)
        if any(row.id in found.tasks for row in accepted[:CLOSE_LOOKS]):
            found = look_closely([*chosen, *accepted[CLOSE_LOOKS:]], self._leadsquared.read, since)
        self._record_created(found.tasks)
        return found

    def _heal(self, batches: Mapping[str, OpenBatch], rows: Mapping[str, Sequence[OpenRow]], found: Found) -> set[str]:
        """Report rows with several CRM tasks, delete the younger where the feed says so; return what to check."""
        doomed: dict[int, list[str]] = {}
        survivors: dict[int, str] = {}
        doubled = set()
        for batch_id, members in rows.items():
            delete = self._policy_of(batches[batch_id].feed).duplicates == "delete_younger"
            for row in members:
                tasks = _oldest_first(found.tasks.get(row.id, ()), row)
                if len(tasks) < 2:
                    continue
                self._result.duplicates += 1
                if delete and (younger := _deletable(row, tasks)):
                    doomed[row.id] = younger
                    doubled.add(batch_id)
                    survivors[row.id] = tasks[0].id or ""
                else:
                    ids = ", ".join(task.id or "" for task in tasks)
                    self._ledger.note([row.id], f"{len(tasks)} CRM tasks for this follow-up: {ids}")
        if doomed:  # the ledger first: it must never name a task that is gone, whoever named it meanwhile
            self._ledger.keep(survivors, instead_of=doomed)
            self._leadsquared.delete([task_id for ids in doomed.values() for task_id in ids])
        for row_id, younger in doomed.items():
            count = len(found.tasks[row_id])
            self._ledger.note([row_id], f"{count} CRM tasks; asked to delete the younger: {', '.join(younger)}")
        return doubled

    def _move(self, delivery_ids: Sequence[int], state: State, reason: str) -> None:
        if delivery_ids:
            self._ledger.move(delivery_ids, state, reason)
            self._result.counts[state] += len(delivery_ids)


def _parts(batch_ids: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(batch_ids)
    while part := list(islice(remaining, BATCHES_AT_ONCE)):
        yield part


def _oldest_first(tasks: Sequence[SeenTask], row: OpenRow) -> Sequence[SeenTask]:
    """Sort by age; of tasks of one age the one that the ledger knows comes first."""
    return sorted(tasks, key=lambda task: (task.created_at or FAR_AWAY, not _is_known(task, row)))


def _is_known(task: SeenTask, row: OpenRow) -> bool:
    """Tell whether the ledger names the task; a create's reply may write its id in another case than look-ups do."""
    return (task.id or "").lower() == (row.crm_task_id or "").lower()


def _deletable(row: OpenRow, tasks: Sequence[SeenTask]) -> list[str]:
    """Return the younger tasks that are still open and surely ours: any other text may quote the row's marker."""
    own = marker(row.key, row.generation)
    return [task.id or "" for task in tasks[1:] if task.marker == own and task.status_code in {0, None}]
