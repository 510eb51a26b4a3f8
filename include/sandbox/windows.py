"""Three ways to count calls in a window. The vendor does not say which one it uses.

All times are seconds of a monotonic clock. `admit` must be called in the order of arrival.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol


class Window(Protocol):
    """Decides whether a call still fits."""

    def admit(self, at: float) -> bool:
        """Whether the call that arrived at `at` fits; if it does, it is counted."""
        ...


class SlidingLog:
    """Never more than `calls` in any `seconds`: the exact rule."""

    def __init__(self, calls: int, seconds: float, *, count_rejected: bool) -> None:
        self._calls, self._seconds, self._count_rejected = calls, seconds, count_rejected
        self._log: deque[float] = deque()

    def admit(self, at: float) -> bool:
        """Whether fewer than `calls` arrived in the last `seconds`."""
        while self._log and self._log[0] <= at - self._seconds:
            self._log.popleft()
        fits = len(self._log) < self._calls
        if fits or self._count_rejected:
            self._log.append(at)
        return fits


class FixedWindow:
    """A counter that starts again every `seconds`, whatever came before."""

    def __init__(self, calls: int, seconds: float, *, count_rejected: bool) -> None:
        self._calls, self._seconds, self._count_rejected = calls, seconds, count_rejected
        self._index, self._count = -1, 0

    def admit(self, at: float) -> bool:
        """Whether fewer than `calls` arrived since the window began."""
        index = int(at // self._seconds)
        if index != self._index:
            self._index, self._count = index, 0
        fits = self._count < self._calls
        if fits or self._count_rejected:
            self._count += 1
        return fits


class SlidingCounter:
    """This window's count plus the last one's, weighted by how much of it is still within `seconds`."""

    def __init__(self, calls: int, seconds: float, *, count_rejected: bool) -> None:
        self._calls, self._seconds, self._count_rejected = calls, seconds, count_rejected
        self._index, self._count, self._previous = -1, 0, 0

    def admit(self, at: float) -> bool:
        """Whether the weighted count is below `calls`."""
        index = int(at // self._seconds)
        if index != self._index:
            self._previous = self._count if index == self._index + 1 else 0
            self._index, self._count = index, 0
        passed = at / self._seconds - index
        fits = self._previous * (1 - passed) + self._count < self._calls
        if fits or self._count_rejected:
            self._count += 1
        return fits


WINDOWS: dict[str, type[SlidingLog | FixedWindow | SlidingCounter]] = {
    "sliding": SlidingLog,
    "fixed": FixedWindow,
    "counter": SlidingCounter,
}
