"""The account-wide rate, from worker processes that share one ledger.

Each line is real processes against a local server that enforces 25 calls in 5 s with one of three algorithms, while
calls arrive up to so many ms later than they were sent. "Of the limit" is the rate of calls let in after the first
window; "fairness" is Jain's index (1 if all processes got the same); "longest wait" is in fair shares (processes x
period / calls); "processor" is the worker's whole time for each call, its own loop and socket included.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy.engine import URL

from followups.database import connect
from followups.schema import metadata
from followups.throttle import rate_slots
from tests.benchmarks import figures
from tests.benchmarks.figures import Figure
from tests.benchmarks.rate_fleet import WINDOWS, LimitServer, Outcome, outcome, run_fleet
from tests.benchmarks.rate_worker import Orders
from tests.support import postgres

CALLS, PERIOD = 25, 5.0
START_SECONDS = 60.0
REFUSED_PERCENT = 0.25


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One line of the matrix."""

    processes: int
    store: str
    window: str
    jitter_ms: int
    seconds: float

    @property
    def subject(self) -> str:
        """Return the line's name."""
        return f"{self.processes} processes, {self.store}, {self.window}, jitter {self.jitter_ms} ms"


def cells(quick: bool) -> list[list[Cell]]:
    """Return what is measured: two lines side by side, or all, one after the other.

    Workers that wait for slots take 2 % of a core; it is their start that would disturb others.
    """
    if quick:
        return [[Cell(processes=16, store=s, window="sliding log", jitter_ms=40, seconds=15) for s in STORES]]
    matrix = itertools.product((1, 4, 16, 32), STORES, WINDOWS)
    usual = [Cell(processes=p, store=s, window=w, jitter_ms=40, seconds=26) for p, s, w in matrix]
    rough = [
        Cell(processes=p, store=s, window="sliding log", jitter_ms=100, seconds=26) for p in (4, 16) for s in STORES
    ]
    return [[cell] for cell in (*usual, *rough)]


@contextlib.contextmanager
def sqlite_database() -> Iterator[URL]:
    with tempfile.TemporaryDirectory() as folder:
        yield URL.create("sqlite", database=f"{folder}/ledger.db")


@contextlib.contextmanager
def postgresql_database() -> Iterator[URL]:
    found = postgres.find_server()
    with contextlib.ExitStack() as stack:
        server = found or stack.enter_context(postgres.throw_away_server())
        yield stack.enter_context(postgres.empty_database(server))


STORES = {"SQLite": sqlite_database, "PostgreSQL": postgresql_database}


def outcomes(quick: bool) -> Iterator[tuple[Cell, Outcome]]:
    """Run every cell."""
    for together in cells(quick):
        yield from zip(together, run_together(together), strict=True)


def run_together(together: list[Cell]) -> list[Outcome]:
    """Run cells side by side; they begin when the processes of all have started."""
    all_ready = threading.Barrier(len(together), timeout=START_SECONDS)
    with ThreadPoolExecutor(len(together)) as pool:
        return list(pool.map(lambda cell: run(cell, all_ready.wait), together))


def run(cell: Cell, ready: Callable[[], object]) -> Outcome:
    """Run one cell."""
    with STORES[cell.store]() as url, contextlib.ExitStack() as stack:
        engine = connect(url)
        metadata.create_all(engine, tables=[rate_slots])
        engine.dispose()
        server = stack.enter_context(LimitServer(WINDOWS[cell.window](CALLS, PERIOD), CALLS, PERIOD).running())
        orders = [
            Orders(
                url=url.render_as_string(hide_password=False),
                number=number,
                calls=CALLS,
                period=PERIOD,
                seconds=cell.seconds,
                jitter=cell.jitter_ms / 1000,
                port=server.port,
            )
            for number in range(cell.processes)
        ]
        return outcome(server.calls, run_fleet(orders, ready), CALLS, PERIOD)


def measure(quick: bool) -> Iterator[Figure]:
    """Measure every cell."""
    calls = refused = 0
    for cell, got in outcomes(quick):
        calls, refused = calls + got.calls, refused + got.refused
        goal = 98 if cell.jitter_ms <= 40 else 97
        yield Figure(subject=cell.subject, measure="of the limit", value=100 * got.share, unit="%", at_least=goal)
        yield Figure(subject=cell.subject, measure="calls", value=got.calls)
        yield Figure(subject=cell.subject, measure="refused", value=got.refused)
        yield Figure(subject=cell.subject, measure="fairness", value=got.fairness, at_least=0.95)
        yield Figure(subject=cell.subject, measure="longest wait", value=got.longest_wait, at_most=3)
        yield Figure(subject=cell.subject, measure="processor", value=got.cpu_ms, unit="ms/call")
    # One stall of the machine makes one refusal, which is more than the goal where there are few calls.
    allowed = max(REFUSED_PERCENT, 100 / calls)
    yield Figure(subject="all together", measure="refused", value=100 * refused / calls, unit="%", at_most=allowed)


if __name__ == "__main__":
    figures.main(measure, __doc__)
