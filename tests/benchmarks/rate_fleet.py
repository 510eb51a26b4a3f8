"""Measure a fleet of worker processes on one rate limit: start them, judge their calls, say what came of it."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Protocol

from tests.benchmarks.rate_worker import Orders, Seen

ROOT = Path(__file__).parents[2]


class Window(Protocol):
    """A way to count calls. `admits` is asked in the order of arrival, and counts the calls that it lets in."""

    def admits(self, now: float) -> bool: ...


@dataclass
class SlidingLog:
    """At most `calls` in any `period`, exactly."""

    calls: int
    period: float
    log: deque[float] = field(default_factory=deque)

    def admits(self, now: float) -> bool:
        while self.log and self.log[0] <= now - self.period:
            self.log.popleft()
        if len(self.log) >= self.calls:
            return False
        self.log.append(now)
        return True


@dataclass
class FixedWindow:
    """At most `calls` between two ticks of `period`."""

    calls: int
    period: float
    tick: int = -1
    count: int = 0

    def admits(self, now: float) -> bool:
        tick = math.floor(now / self.period)
        if tick != self.tick:
            self.tick, self.count = tick, 0
        if self.count >= self.calls:
            return False
        self.count += 1
        return True


@dataclass
class SlidingCounter:
    """The count of this tick plus the share of the last tick's count that a sliding window would still cover."""

    calls: int
    period: float
    tick: int = -1
    count: int = 0
    before: int = 0

    def admits(self, now: float) -> bool:
        tick = math.floor(now / self.period)
        if tick != self.tick:
            self.before, self.tick, self.count = self.count if tick == self.tick + 1 else 0, tick, 0
        if self.before * (1 - now / self.period % 1) + self.count >= self.calls:
            return False
        self.count += 1
        return True


WINDOWS = {"sliding log": SlidingLog, "fixed window": FixedWindow, "sliding counter": SlidingCounter}


class LimitServer:
    """A server on a free port that enforces one limit and remembers each call: when, by whom, let in or not."""

    def __init__(self, window: Window, calls: int, period: float) -> None:
        self.calls: list[tuple[float, int, bool]] = []
        lock, remembered, refusal = threading.Lock(), self.calls, json.dumps([calls, period]).encode() + b"\n"

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                while number := self.request.recv(1):
                    with lock:
                        now = time.monotonic()
                        admitted = window.admits(now)
                        remembered.append((now, number[0], admitted))
                    self.request.sendall(b"null\n" if admitted else refusal)

        ThreadingTCPServer.daemon_threads = True
        self._server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]

    @contextlib.contextmanager
    def running(self) -> Iterator[LimitServer]:
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def run_fleet(orders: list[Orders], ready: Callable[[], object] = lambda: None) -> list[Seen]:
    """Run one process for each of `orders`; all begin together, after `ready()`. An error of a worker is raised."""
    with contextlib.ExitStack() as stack:
        fleet = []
        for one in orders:
            command = [sys.executable, "-m", "tests.benchmarks.rate_worker", json.dumps(asdict(one))]
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            fleet.append(process)
        for process in fleet:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("a worker did not start: see its error above")
        ready()
        for process in fleet:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        replies = [process.communicate()[0] for process in fleet]
    return [Seen(**json.loads(reply)) for reply in replies]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`share`: the rate let in after the first window, as a share of the limit. `longest_wait`: in fair shares."""

    share: float
    calls: int
    refused: int
    fairness: float
    longest_wait: float
    cpu_ms: float


def jain(counts: list[int]) -> float:
    """Return Jain's index: 1 if all got the same, 1/n if one got everything."""
    return sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts)) if any(counts) else 0.0


def outcome(calls: list[tuple[float, int, bool]], fleet: list[Seen], limit: int, period: float) -> Outcome:
    """Sum up the calls (when, by whom, let in) of a run."""
    begin = min(when for when, _, _ in calls) + period
    steady = sorted((when, who) for when, who, admitted in calls if admitted and when >= begin)
    counts = [sum(1 for _, who in steady if who == seen.number) for seen in fleet]
    rate = (len(steady) - 1) / (steady[-1][0] - steady[0][0])
    made = sum(len(seen.sent) for seen in fleet)
    return Outcome(
        share=rate * period / limit,
        calls=len(calls),
        refused=sum(not admitted for _, _, admitted in calls),
        fairness=jain(counts),
        longest_wait=max(itertools.chain(*(seen.waits for seen in fleet))) / (len(fleet) * period / limit),
        cpu_ms=1000 * sum(seen.cpu_seconds for seen in fleet) / made,
    )


def judge(fleet: list[Seen], window: Window) -> list[tuple[float, int, bool]]:
    """Judge calls that were only stamped: when, by whom, let in or not."""
    stamps = sorted((when, seen.number) for seen in fleet for when in seen.sent)
    return [(when, who, window.admits(when)) for when, who in stamps]
