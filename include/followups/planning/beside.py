"""Work with the ledger beside the planner's own: looks ahead, one chunk's writing behind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
#: Chunks that the ledger is asked about while one is planned: with one alone the database would wait for the planner
#: between two looks, and the planner for the database.
CHUNKS_AHEAD = 3
#: The database's driver gives Python's lock away many times a chunk; Python's own 5 ms would be waited for each time.
SWITCH_SECONDS = 0.0005


class Beside:
    """Runs looks and writes in threads, the writes one by one in order, or at once where that is not wanted.

    A write that fails raises at the next write, or at `wait`.

    :param writes: False for SQLite, whose driver asks for Python's lock at every row and would wait for it each time.
    """

    def __init__(self, *, looks: bool = False, writes: bool = False) -> None:
        self._looks = ThreadPoolExecutor(CHUNKS_AHEAD, "look-ahead") if looks else None
        self._writes = ThreadPoolExecutor(1, "write-behind") if writes else None
        self._writing: Future[None] | None = None

    def __enter__(self) -> Self:
        """Let threads take turns quickly."""
        self._switch_seconds = sys.getswitchinterval()
        if self._looks or self._writes:
            sys.setswitchinterval(SWITCH_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let what is under way end."""
        for executor in (self._looks, self._writes):
            if executor is not None:
                executor.shutdown()
        sys.setswitchinterval(self._switch_seconds)

    def look(self, work: Callable[[], T]) -> Callable[[], T]:
        """Begin a look; return what gives its result."""
        if self._looks is None:
            return work
        return self._looks.submit(work).result

    def write(self, work: Callable[[], None]) -> None:
        """Begin a write, when the one before has ended."""
        self.wait()
        if self._writes is None:
            work()
        else:
            self._writing = self._writes.submit(work)

    def wait(self) -> None:
        """Wait until everything is written."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()
