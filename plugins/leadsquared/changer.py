"""Bring CRM tasks to a wanted state and see that they got there: look, ask for what is not as wanted, look again.

What is wanted is a state, not a step, so everything here may be done again at any time: what is as wanted already costs
no change, and a change without a usable answer is settled by looking, then asked for again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from leadsquared.changes import Change, ChangeCalls, Seen
from leadsquared.errors import NotConfirmed, OutcomeUnknown, RateLimited, RequestRejected, RetryableError
from leadsquared.names import Missing
from leadsquared.sightings import DEFAULT_IN_FLIGHT, Sightings, for_each
from leadsquared.wire.encoding import PayloadError
from leadsquared.wire.records import CrmTask

log = logging.getLogger(__name__)

#: How often a change without a usable answer is asked for, and one that was refused before it was processed.
ASKED_AT_MOST: Final = 3
REFUSED_AT_MOST: Final = 20
IDS_SHOWN: Final = 3


@dataclass(kw_only=True)
class Progress:
    """How far a change is: counts by outcome, and the ids that were asked for and are not yet seen as wanted."""

    counts: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    asked_at: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the progress that was written down."""
        return cls(**data)

    @property
    def waited(self) -> timedelta:
        """How long ago the last change was asked for."""
        return datetime.now(UTC) - datetime.fromisoformat(self.asked_at)


class Changer:
    """Carries one change out over many CRM tasks.

    :param missing: what to do about ids of which nothing is there: `fail` before anything is changed, or `ignore`.
    :param patience: seconds before each further look for ids of which nothing is there: look-ups may lag behind.
    :param sightings: knows where CRM tasks are; a new one by default.
    """

    def __init__(
        self,
        hook: ChangeCalls,
        change: Change,
        *,
        missing: Missing = "fail",
        patience: Sequence[float] = (),
        in_flight: int = DEFAULT_IN_FLIGHT,
        sightings: Sightings | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._hook = hook
        self._change = change
        self._missing = missing
        self._patience = patience
        self._in_flight = in_flight
        self._sightings = sightings or Sightings(hook, in_flight=in_flight)
        self._sleep = sleep
        self._refusals: dict[str, RequestRejected] = {}

    def run(self, task_ids: Iterable[str]) -> Progress:
        """Look, ask for what is not as wanted, look again once.

        :raises RequestRejected: CRM tasks are missing and `missing` is `fail`; or LeadSquared refuses the change.
        :raises RateLimited, NotSent, ServiceUnavailable, AuthenticationFailed: the run may be done again at any time.
        """
        wanted = [task_id.lower() for task_id in task_ids]
        seen = self._look_patiently(wanted)
        absent = [task_id for task_id, task in seen.items() if task is None]
        self._check_absent(absent, len(seen))
        todo = [task_id for task_id, task in seen.items() if task and not self._is_met(task_id, task, asked=False)]
        counts = {self._change.done: 0, "already": len(seen) - len(todo)}
        if not self._change.wants_absence:
            counts |= {"already": counts["already"] - len(absent), "missing": len(absent)}
        else:
            # They may be there and not show yet. Apart from the others, as it is not documented whether ids that are
            # not there spoil a call.
            for_each(lambda ids: self._ask(ids, seen), self._calls(absent), self._in_flight)
        progress = Progress(counts=counts, left=todo, asked_at=datetime.now(UTC).isoformat())
        return self._ask_all(progress, seen) if todo else progress

    def check(self, progress: Progress) -> Progress:
        """Look again at what was asked for and not yet seen as wanted."""
        if not progress.left:
            return progress
        seen = self._sightings.see(progress.left, expect_absence=self._change.wants_absence)
        return self._settle(progress, seen)

    def confirm(self, progress: Progress, *, within: timedelta) -> None:
        """Raise NotConfirmed if something is left after so long."""
        if progress.left and progress.waited >= within:
            raise NotConfirmed(
                f"{len(progress.left)} CRM tasks were asked to be {self._change.done}, and look-ups do not show it "
                f"after {progress.waited.total_seconds():.0f} s: {_show(progress.left)}"
            )

    def _look_patiently(self, wanted: Sequence[str]) -> dict[str, CrmTask | None]:
        seen = self._sightings.see(wanted)
        for pause in () if self._change.wants_absence else self._patience:
            absent = [task_id for task_id, task in seen.items() if task is None]
            if not absent:
                break
            self._sleep(pause)
            seen |= self._sightings.see(absent)
        return seen

    def _calls(self, task_ids: Sequence[str]) -> list[Sequence[str]]:
        size = self._change.per_call
        return [task_ids[start : start + size] for start in range(0, len(task_ids), size)]

    def _ask_all(self, progress: Progress, before: Seen) -> Progress:
        """Ask for the changes; those without a usable answer are looked at, and asked for again."""
        todo = progress.left
        places = {task_id: self._change.place_after(task_id, task) for task_id in todo if (task := before[task_id])}
        self._sightings.expect(places)
        for attempt in range(ASKED_AT_MOST):
            if attempt:
                self._sleep(2.0**attempt)
            unknown = for_each(lambda ids: self._ask(ids, before), self._calls(todo), self._in_flight)
            progress.asked_at = datetime.now(UTC).isoformat()
            self.check(progress)
            left = set(progress.left)
            todo = [task_id for part in unknown for task_id in part if task_id in left]
            if not todo:
                break
            log.info("%d changes had no usable answer and are not seen: asking again", len(todo))
        refused = [task_id for task_id in progress.left if task_id in self._refusals]
        if refused:
            raise self._refusals[refused[0]]
        return progress

    def _settle(self, progress: Progress, seen: Seen) -> Progress:
        """Count what is as wanted now, and what vanished meanwhile."""
        left = []
        vanished = []
        for task_id in progress.left:
            task = seen[task_id]
            if task is None and not self._change.wants_absence:
                vanished.append(task_id)
            elif task is None or self._is_met(task_id, task, asked=True):
                progress.counts[self._change.done] += 1
            else:
                left.append(task_id)
        progress.left = left
        if vanished:
            progress.counts["missing"] += len(vanished)
            self._check_absent(vanished, len(seen))
        return progress

    def _ask(self, task_ids: Sequence[str], seen: Seen) -> Sequence[str]:
        """Make one call, again while it is refused unprocessed; return the ids if its outcome is not known."""
        for attempt in range(1, REFUSED_AT_MOST + 1):
            try:
                self._change.ask(self._hook, task_ids, seen)
                return []
            except OutcomeUnknown:
                return task_ids
            except RequestRejected as refusal:
                self._refusals |= dict.fromkeys(task_ids, refusal)
                return []
            except PayloadError as unsendable:  # what a look-up showed, and must be sent along, cannot be written
                self._refusals |= dict.fromkeys(task_ids, RequestRejected(f"the change cannot be sent: {unsendable}"))
                return []
            except RetryableError as failure:
                # The throttle keeps the pause after a refusal; without a connection nobody else does.
                limited = isinstance(failure, RateLimited)
                if attempt == REFUSED_AT_MOST or (isinstance(failure, RateLimited) and failure.daily):
                    raise
                self._sleep(0.0 if limited else min(0.5 * 2**attempt, 15.0))
        raise AssertionError("not reached")

    def _is_met(self, task_id: str, task: CrmTask, *, asked: bool) -> bool:
        return self._change.is_met(task_id, task, asked=asked)

    def _check_absent(self, absent: Sequence[str], of: int) -> None:
        if absent and self._missing == "fail" and not self._change.wants_absence:
            raise RequestRejected(
                f"{len(absent)} of {of} CRM tasks are not there, or hidden from these keys: {_show(absent)}. "
                "missing='ignore' passes them over"
            )


def _show(task_ids: Sequence[str]) -> str:
    more = f" and {len(task_ids) - IDS_SHOWN} more" if len(task_ids) > IDS_SHOWN else ""
    return ", ".join(task_ids[:IDS_SHOWN]) + more
