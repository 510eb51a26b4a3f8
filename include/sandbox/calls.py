"""The log of API calls: recent ones one by one, all of them in counts. No key ever enters it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from sandbox.faults import Fault

KEPT = 50_000

Outcome = Literal["accepted", "refused", "rejected", "unauthorised", "faulted"]


@dataclass(slots=True)
class Call:
    """One API call. `arrived` is of the monotonic clock, `arrived_at` of the epoch; `ms` runs from arrival to reply."""

    number: int
    operation: str
    method: str
    arrived: float
    arrived_at: float
    outcome: Outcome = "accepted"
    status: int | None = None
    ms: float | None = None
    rows: int | None = None
    request: str | None = None
    error: str | None = None
    faults: list[str] = field(default_factory=list)
    row_faults: list[Fault] = field(default_factory=list)


class _Busiest:
    """The most calls in any window of `seconds` so far."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._recent: deque[float] = deque()
        self.most = 0

    def add(self, at: float) -> None:
        while self._recent and self._recent[0] <= at - self._seconds:
            self._recent.popleft()
        self._recent.append(at)
        self.most = max(self.most, len(self._recent))


class CallLog:
    """Every call since the last reset. `window` is the length in seconds of the windows that calls are counted in."""

    def __init__(self, window: float, first_number: int = 1) -> None:
        self._next = first_number
        self._calls: deque[Call] = deque(maxlen=KEPT)
        self.by_operation: dict[str, Counter[str]] = {}
        self.by_outcome: Counter[str] = Counter()
        self.first: Call | None = None
        self.last: Call | None = None
        self.count_in(window)

    def count_in(self, window: float) -> None:
        """Count calls in windows of another length, from the next call on."""
        self.window = window
        self.windows: list[Counter[str]] = []
        self._windows_from: float | None = None
        self._arrivals = _Busiest(window)
        self._admitted = _Busiest(window)

    def start(self, operation: str, method: str, arrived: float, arrived_at: float) -> Call:
        """Log a call that has just arrived."""
        call = Call(self._next, operation, method, arrived, arrived_at)
        self._next += 1
        self._calls.append(call)
        self.first = self.first or call
        self.last = call
        self._arrivals.add(arrived)
        return call

    def admit(self, call: Call) -> None:
        """Note that a call passed the rate limits."""
        self._admitted.add(call.arrived)

    def finish(self, call: Call, now: float) -> None:
        """Count a call that has been answered, or will never be; `now` is of the monotonic clock."""
        if call.ms is not None:
            return
        call.ms = round((now - call.arrived) * 1000, 3)
        self.by_operation.setdefault(call.operation, Counter())[call.outcome] += 1
        self.by_outcome[call.outcome] += 1
        self._window_of(call)[call.outcome] += 1

    @property
    def most_in_a_window(self) -> int:
        """The most calls that arrived within any window."""
        return self._arrivals.most

    @property
    def most_admitted_in_a_window(self) -> int:
        """The most calls that arrived within any window and were not refused."""
        return self._admitted.most

    @property
    def total(self) -> int:
        """Calls that arrived since the last reset."""
        return self._next - self.first.number if self.first else 0

    @property
    def next_number(self) -> int:
        """The number of the next call."""
        return self._next

    def newest_first(self) -> Iterator[Call]:
        """The calls that are still kept one by one."""
        return reversed(self._calls)

    def after(self, number: int) -> list[Call]:
        """Kept calls with greater numbers, the oldest first."""
        found = []
        for call in reversed(self._calls):
            if call.number <= number:
                break
            found.append(call)
        return found[::-1]

    def _window_of(self, call: Call) -> Counter[str]:
        if self._windows_from is None:
            self._windows_from = call.arrived
        index = max(0, int((call.arrived - self._windows_from) // self.window))
        while len(self.windows) <= index:
            self.windows.append(Counter())
        return self.windows[index]
