"""Say in the log how far long work has come: at a steady pace, never a line a row."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

EVERY_SECONDS = 10.0


class Progress:
    """Counts one piece of work. `what` names what is counted ("rows read"); without a `total` no end is foretold."""

    def __init__(
        self,
        log: logging.Logger,
        what: str,
        *,
        total: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._what = what
        self._total = total
        self._clock = clock
        self._done = 0
        self._began = self._told = clock()

    def add(self, count: int, outcomes: Mapping[str, int] | None = None) -> None:
        """Note that so many more are done; a line is written if the last one is 10 s old. It names the outcomes."""
        self._done += count
        now = self._clock()
        if now - self._told >= EVERY_SECONDS:
            self._told = now
            named = "".join(f", {number:,} {outcome}" for outcome, number in (outcomes or {}).items())
            self._log.info("%s", describe(self._done, self._total, self._what, now - self._began) + named)


def describe(done: int, total: int | None, what: str, seconds: float) -> str:
    """Return how far work has come, how fast it goes, and how long it will take if it goes on like this."""
    rate = done / seconds if seconds > 0 else 0.0
    of_all = "" if total is None else f" of {total:,}"
    line = f"{done:,}{of_all} {what}, {rate:,.{0 if rate >= 100 else 1}f} a second"
    if total is None or not rate:
        return line
    return f"{line}, about {duration(max(total - done, 0) / rate)} left"


def duration(seconds: float) -> str:
    """Return a length of time in the unit that suits it."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole / 3600:.1f} h"
