"""Processor seconds of process trees, ended children included, from /proc."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")


class _Process(NamedTuple):
    parent: int
    seconds: float


def processor_seconds(roots: Iterable[int]) -> float:
    """Return what the trees under `roots` have used so far; children that were waited for count with their parent."""
    processes = _processes()
    children: dict[int, list[int]] = defaultdict(list)
    for pid, process in processes.items():
        children[process.parent].append(pid)
    waiting, total = [pid for pid in roots if pid in processes], 0.0
    while waiting:
        pid = waiting.pop()
        total += processes[pid].seconds
        waiting += children[pid]
    return total


def _processes() -> dict[int, _Process]:
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            # Own and waited-for children's time, in user and in system mode: fields 14 to 17 of proc(5).
            seconds = sum(int(ticks) for ticks in fields[11:15]) / _TICKS
            found[int(stat.parent.name)] = _Process(int(fields[1]), seconds)
    return found
