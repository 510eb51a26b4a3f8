"""Work that the service accepts at once and does later: bulk create, bulk delete, bulk move."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

_FIRST_NUMBER = 1_700_000_000


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row: an id when it worked, a reason when it did not."""

    index: int
    name: str
    crm_task_id: str | None = None
    exception_type: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class JobResult:
    """What became of a job. `counter` names the count of successes in the report, such as `CreatedTasksCount`."""

    operation: str
    counter: str
    request: str
    rows: list[RowResult]


@dataclass(slots=True)
class Job:
    """A piece of later work; `report` is told the result once."""

    request: str
    work: Callable[[], JobResult]
    report: Callable[[JobResult], None]


class JobQueue:
    """Runs jobs after their delay, each once."""

    def __init__(self) -> None:
        self._last = _FIRST_NUMBER
        #: A job that never runs is not kept: so many rows would make the search for garbage stop all calls.
        self._pending: dict[str, asyncio.TimerHandle | None] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def next_request(self) -> str:
        """A new request number: ten digits, increasing, not a GUID."""
        self._last += 1
        return str(self._last)

    @property
    def pending(self) -> int:
        """Jobs that have not run yet."""
        return len(self._pending)

    def add(self, job: Job, delay_seconds: float | None) -> None:
        """Run a job after a delay; None means never."""
        handle = None
        if delay_seconds is not None:
            handle = asyncio.get_running_loop().call_later(delay_seconds, self._run, job)
        self._pending[job.request] = handle
        self._idle.clear()

    async def drain(self, seconds: float) -> bool:
        """Wait until nothing is pending, at most so many seconds. Returns whether that was reached."""
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def clear(self) -> None:
        """Forget what is pending."""
        for handle in self._pending.values():
            if handle is not None:
                handle.cancel()
        self._pending.clear()
        self._idle.set()

    def _run(self, job: Job) -> None:
        try:
            job.report(job.work())
        finally:
            del self._pending[job.request]
            if not self._pending:
                self._idle.set()
