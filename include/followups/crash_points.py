"""Named points at which a test may let the process die, stop or fail. In normal runs passing one does nothing.

A point is armed by the variable FOLLOWUPS_CRASH_AT, or by `arm`, as `name:nth:how`: at the nth passing of the point
the process is sent SIGKILL, SIGTERM or SIGSTOP, or an error is raised in it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from typing import Final

VARIABLE: Final = "FOLLOWUPS_CRASH_AT"

POINTS: Final = (
    "before claim",
    "after claim",
    "before slot",
    "after slot",
    "before intent commit",
    "after intent commit",
    "headers sent",
    "body sent",
    "reply half read",
    "after reply",
    "before outcome commit",
    "after outcome commit",
    "before xcom",
    "before plan commit",
    "after plan commit",
    "before look",
    "before settle commit",
    "after settle commit",
    "before webhook commit",
    "after webhook commit",
    "before warehouse log",
    "after warehouse log",
)

#: Passed where CRM tasks that exist are changed.
CHANGE_POINTS: Final = (
    "before change intent commit",
    "after change intent commit",
    "before change outcome commit",
    "after change outcome commit",
    "before change end commit",
    "after change end commit",
)


class InjectedError(Exception):
    """Raised at an armed point."""


class _Armed:
    def __init__(self, text: str) -> None:
        self.point, nth, self.how = text.split(":")
        if self.point not in (*POINTS, *CHANGE_POINTS):
            raise ValueError(f"{VARIABLE}: no such point {self.point!r}")
        self.nth = int(nth)
        self.passed: Counter[str] = Counter()
        self.lock = threading.Lock()

    def reach(self, point: str) -> None:
        if point != self.point:
            return
        with self.lock:
            self.passed[point] += 1
            due = self.passed[point] == self.nth
        if due and self.how == "error":
            raise InjectedError(point)
        if due and self.how == "SIGSTOP":
            # By os.kill the main thread would take it, and this one run on until that is scheduled.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        elif due:
            os.kill(os.getpid(), signal.Signals[self.how])


_armed: _Armed | None = None


def arm(text: str | None) -> None:
    """Arm one point in this process, in place of the one before; None disarms."""
    global _armed  # noqa: PLW0603 - one per process by its nature
    _armed = _Armed(text) if text else None


def reach(point: str) -> None:
    """Pass a point."""
    if _armed is not None:
        _armed.reach(point)


arm(os.environ.get(VARIABLE))
