"""Make changes to CRM tasks: look first, leave alone what a person touched, commit the intent, call, see it done."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from followups.changes import DELETIONS, Action, ChangeKind, OpenChange, Seen, judge, until_due
from followups.crash_points import reach
from followups.ledger.changed import Ended
from followups.model import Outcome, OutcomeKind
from followups.sending import MAX_REFUSALS, StillRefusedError, UnauthorisedError

#: LeadSquared deletes at most so many CRM tasks a call; also what one look covers.
CHANGES_PER_LOOK = 5000
IN_FLIGHT = 8

_STATES = {Action.DONE: "done", Action.SKIP: "skipped", Action.REFUSE: "refused"}

log = logging.getLogger(__name__)

Begin = Callable[[], Sequence[OpenChange]]


class Ledger(Protocol):
    """What changing asks of the ledger; see `followups.ledger.changing.ChangeLedger`."""

    def open_changes(self, limit: int, after: int = 0) -> list[OpenChange]: ...  # noqa: D102
    def begin(self, chosen: Sequence[OpenChange]) -> list[OpenChange]: ...  # noqa: D102
    def record(self, begun: Sequence[OpenChange], outcome: Outcome) -> None: ...  # noqa: D102
    def expire_leases(self) -> int: ...  # noqa: D102
    def looked(self, change_ids: Sequence[int]) -> None: ...  # noqa: D102
    def end(self, ended: Sequence[Ended]) -> None: ...  # noqa: D102


class LeadSquared(Protocol):
    """What changing asks of LeadSquared.

    The three calls run `begin` shortly before sending, once the rate slot is certain. Nothing in it means: send nothing
    and return None. After it returned something they never raise: whatever goes wrong then is an outcome.
    """

    def look(self, chosen: Sequence[OpenChange]) -> Mapping[int, Seen | None]:
        """Return what is seen of the CRM tasks, by change; None where there is no such CRM task.

        Changes whose CRM task could not be looked at are left out.
        """

    def update(self, change: OpenChange, seen: Seen, begin: Begin) -> Outcome | None:
        """Give the CRM task the fields that are wanted."""

    def complete(self, change: OpenChange, begin: Begin) -> Outcome | None:
        """Complete the CRM task."""

    def delete(self, begin: Begin) -> Outcome | None:
        """Delete the CRM tasks of the changes that `begin` returns."""


@dataclass(kw_only=True)
class Changed:
    """What one round came to. `wait` is how long until another round can tell more; None: all is settled."""

    #: ended changes by kind and state
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: calls by kind and outcome
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: plans with follow-ups whose CRM task is to be made anew
    again: set[int] = field(default_factory=set)
    wait: timedelta | None = None


class ChangeRounds:
    """Runs rounds over the ledger's open changes."""

    def __init__(self, ledger: Ledger, leadsquared: LeadSquared, *, settle: timedelta) -> None:
        self._ledger = ledger
        self._leadsquared = leadsquared
        self._settle = settle
        self._result = Changed()
        self._not_told: set[int] = set()

    def round(self) -> Changed:
        """Look once at everything that is due to be looked at, and make the calls that this asks for."""
        self._result = Changed()
        self._not_told = set()
        self._ledger.expire_leases()
        after = 0
        while found := self._ledger.open_changes(CHANGES_PER_LOOK, after):
            after = found[-1].id
            due = [change for change in found if until_due(change, self._settle) <= timedelta(0)]
            if due:
                self._take(due)
        # What could not be looked at is left to reconcile: a run would wait for it without end.
        waiting = [each for each in self._ledger.open_changes(CHANGES_PER_LOOK) if each.id not in self._not_told]
        if waiting:
            soonest = min(until_due(change, self._settle) for change in waiting)
            self._result.wait = max(soonest, timedelta(seconds=1))
        return self._result

    def _take(self, due: Sequence[OpenChange]) -> None:
        reach("before look")
        seen = self._leadsquared.look(due)
        ended, waiting, to_send = [], [], []
        self._not_told |= {change.id for change in due if change.id not in seen}
        for change in due:
            if change.id not in seen:
                continue
            task = seen[change.id]
            verdict = judge(change, task, self._settle)
            if verdict.action is Action.SEND:
                to_send.append(change)
            elif verdict.action is Action.WAIT:
                waiting.append(change.id)
            else:
                state = _STATES[verdict.action]
                modified_at = task.modified_at if task else None
                ended.append(Ended(change=change, state=state, reason=verdict.reason, modified_at=modified_at))
        self._end(ended)
        self._ledger.looked(waiting)
        self._send(to_send, seen)

    def _end(self, ended: Sequence[Ended]) -> None:
        self._ledger.end(ended)
        for each in ended:
            self._result.ended[each.change.kind, each.state] += 1
            if each.change.kind is ChangeKind.RECREATE and each.state == "done":
                self._result.again.add(each.change.plan_id)

    def _send(self, to_send: Sequence[OpenChange], seen: Mapping[int, Seen | None]) -> None:
        deletions = [change for change in to_send if change.kind in DELETIONS]
        if deletions:
            self._delete(deletions)
        others = [change for change in to_send if change.kind not in DELETIONS]
        if others:
            with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="change") as pool:
                for done in [pool.submit(self._change, change, seen[change.id]) for change in others]:
                    done.result()

    def _change(self, change: OpenChange, seen: Seen | None) -> None:
        assert seen is not None
        if change.kind is ChangeKind.COMPLETE:
            self._call([change], lambda begin: self._leadsquared.complete(change, begin))
        else:
            self._call([change], lambda begin: self._leadsquared.update(change, seen, begin))

    def _delete(self, chosen: Sequence[OpenChange]) -> None:
        """Delete in one call; a call that is refused as a whole is halved, to find the row that spoils it."""
        outcome = self._call(chosen, self._leadsquared.delete, final=len(chosen) == 1)
        if outcome is not None and outcome.kind is OutcomeKind.REJECTED and len(chosen) > 1:
            middle = len(chosen) // 2
            self._delete(chosen[:middle])
            self._delete(chosen[middle:])

    def _call(
        self, chosen: Sequence[OpenChange], call: Callable[[Begin], Outcome | None], *, final: bool = True
    ) -> Outcome | None:
        """Make one call, again where it was refused before anything was done; record what came of it."""
        for _ in range(MAX_REFUSALS):
            begun: list[OpenChange] = []

            def begin(begun: list[OpenChange] = begun) -> Sequence[OpenChange]:
                begun += self._ledger.begin(chosen)
                return begun

            outcome = call(begin)
            if outcome is None:
                return None
            self._result.calls[chosen[0].kind, outcome.kind] += 1
            self._record(begun, outcome, final=final)
            if outcome.kind is OutcomeKind.UNAUTHORISED:
                raise UnauthorisedError(f"LeadSquared refused the keys of the connection: {outcome.detail}")
            if outcome.kind is not OutcomeKind.REFUSED:
                return outcome
        raise StillRefusedError(f"{len(chosen)} changes were refused {MAX_REFUSALS} times; they stay to be made")

    def _record(self, begun: Sequence[OpenChange], outcome: Outcome, *, final: bool) -> None:
        if outcome.kind is not OutcomeKind.REJECTED:
            self._ledger.record(begun, outcome)
            return
        nothing_done = Outcome(kind=OutcomeKind.REFUSED, detail=outcome.detail)
        self._ledger.record(begun, nothing_done)
        if final:
            self._end([Ended(change=change, state="refused", reason=outcome.detail) for change in begun])
