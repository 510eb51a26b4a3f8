"""One sandbox: its switches and everything that it remembers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.calls import CallLog
from sandbox.directory import Directory
from sandbox.duplicates import Markers
from sandbox.faults import FaultEngine
from sandbox.jobs import JobQueue
from sandbox.limits import RateLimiter
from sandbox.people import People
from sandbox.rows import Context
from sandbox.settings import Settings, changed
from sandbox.store import TaskStore
from sandbox.webhooks import WebhookSender

_KEPT_DROPS = 20_000


@dataclass(frozen=True, slots=True)
class Drop:
    """A row that was accepted in bulk and then not created."""

    request: str
    index: int
    marker: str | None
    exception_type: str
    reason: str


@dataclass(slots=True)
class Drops:
    """All dropped rows in counts, the newest one by one."""

    total: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    newest: deque[Drop] = field(default_factory=lambda: deque(maxlen=_KEPT_DROPS))

    def add(self, drop: Drop) -> None:
        """Count a dropped row."""
        self.total += 1
        self.by_reason[drop.reason] += 1
        self.newest.append(drop)


class Sandbox:
    """The state behind the server. Everything runs on one event loop, so nothing here is locked."""

    def __init__(self, settings: Settings, directory: Directory) -> None:
        self.settings = self._first_settings = settings
        self.people = People(directory)
        self.started_at = time.time()
        self.stopping = asyncio.Event()
        self.jobs = JobQueue()
        self.webhooks = WebhookSender()
        self.calls = CallLog(settings.rate.normal.seconds)
        self._start_again()

    def _start_again(self) -> None:
        settings = self.settings
        self.markers = Markers(settings.marker_pattern, settings.marker_field)
        self.store = TaskStore(self.people, self.markers)
        self.limiter = RateLimiter(settings)
        self.faults = FaultEngine(settings.faults, settings.seed)
        self.calls = CallLog(settings.rate.normal.seconds, self.calls.next_number)
        self.drops = Drops()

    def reset(self, *, switches: bool = False) -> None:
        """Forget tasks, calls, jobs and counts; keep the switches, or set them as they were at the start."""
        if switches:
            self.settings = self._first_settings
        self.jobs.clear()
        self.webhooks.clear()
        self.webhooks.counts.clear()
        self._start_again()

    def change(self, changes: dict[str, Any]) -> None:
        """Set switches. Raises `pydantic.ValidationError` or ValueError, and then changes nothing.

        Windows begin afresh when a rate changes, faults count afresh when they change.
        """
        before, self.settings = self.settings, changed(self.settings, changes)
        settings = self.settings
        rates = [(item.rate, item.count_rejected, item.penalty_seconds) for item in (before, settings)]
        if rates[0] != rates[1]:
            self.limiter = RateLimiter(settings)
        if before.rate.normal.seconds != settings.rate.normal.seconds:
            self.calls.count_in(settings.rate.normal.seconds)
        if before.faults != settings.faults or before.seed != settings.seed:
            self.faults = FaultEngine(settings.faults, settings.seed)
        if (before.marker_pattern, before.marker_field) != (settings.marker_pattern, settings.marker_field):
            self.markers = Markers(settings.marker_pattern, settings.marker_field)
            self.store.recount(self.markers)

    def add_faults(self, rules: Sequence[object]) -> None:
        """Put further fault rules in force; the present ones go on counting. Raises `pydantic.ValidationError`."""
        before = len(self.settings.faults)
        self.settings = changed(self.settings, {"faults": [*self.settings.faults, *rules]})
        self.faults = self.faults.with_more(self.settings.faults[before:])

    def stop(self) -> None:
        """Let go of everything that waits."""
        self.stopping.set()
        self.jobs.clear()
        self.webhooks.clear()

    def context(self) -> Context:
        """What rows are judged by, at this moment."""
        return Context(self.settings, self.people, time.time())
