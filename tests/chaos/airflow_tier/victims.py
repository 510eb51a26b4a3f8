"""Find the processes of a stack that run tasks: they retitle themselves, but never leave their session."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

#: How a process calls itself that runs a task: by the task instance's id.
TASK_TITLE: Final = re.compile(r"airflow worker -- [0-9a-f]{8}-[0-9a-f-]{27}")


class Process(NamedTuple):
    """A process of this machine."""

    pid: int
    parent: int
    session: int
    title: str


def processes(sessions: Collection[int]) -> list[Process]:
    """Return the living processes of some sessions."""
    return [process for process in _all() if process.session in sessions]


def task_processes(found: Collection[Process]) -> list[Process]:
    """Return those that run a task."""
    return [process for process in found if TASK_TITLE.fullmatch(process.title)]


def task_supervisors(found: Collection[Process]) -> list[Process]:
    """Return the executor's workers that watch over a task now."""
    parents = {process.parent for process in task_processes(found)}
    return [process for process in found if process.pid in parents and process.pid != process.session]


def kill(victims: Collection[Process]) -> None:
    """Send SIGKILL."""
    for process in victims:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def _all() -> Iterator[Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            state, parent, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if state != "Z":
                title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                yield Process(int(folder.name), int(parent), int(session), title)
