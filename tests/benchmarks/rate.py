"""Measure the account-wide rate: processes x store x window x jitter, one table.

    python -m tests.benchmarks.rate            about 20 minutes
    python -m tests.benchmarks.rate --quick    about 2 minutes

Each cell runs real processes against a local server that enforces the limit, for --seconds. "%" is the rate of calls
let in after the first window, as a share of the limit; "longest wait" is in fair shares (processes x period / calls);
"CPU" is the worker's whole processor time for each call, its own loop and socket included.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import tempfile
from collections.abc import Iterator

from sqlalchemy.engine import URL

from followups.database import connect
from followups.schema import metadata
from followups.throttle import rate_slots
from tests.benchmarks.rate_fleet import WINDOWS, LimitServer, Outcome, outcome, run_fleet
from tests.benchmarks.rate_worker import Orders
from tests.support import postgres

HEADER = "| processes | store | window | jitter ms | % of limit | calls | refused | Jain | longest wait | CPU ms/call |"


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


STORES = {"sqlite": sqlite_database, "postgresql": postgresql_database}


def measure(options: argparse.Namespace, processes: int, store: str, window: str, jitter_ms: int) -> Outcome:
    """Run one cell."""
    with STORES[store]() as url, contextlib.ExitStack() as stack:
        engine = connect(url)
        metadata.create_all(engine, tables=[rate_slots])
        engine.dispose()
        enforced = WINDOWS[window](options.calls, options.period)
        server = stack.enter_context(LimitServer(enforced, options.calls, options.period).running())
        orders = [
            Orders(
                url=url.render_as_string(hide_password=False),
                number=number,
                calls=options.calls,
                period=options.period,
                seconds=options.seconds,
                jitter=jitter_ms / 1000,
                port=server.port,
            )
            for number in range(processes)
        ]
        return outcome(server.calls, run_fleet(orders), options.calls, options.period)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few cells, 20 s each")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 4, 16, 32])
    parser.add_argument("--stores", nargs="+", choices=STORES, default=list(STORES))
    parser.add_argument("--windows", nargs="+", choices=WINDOWS, default=list(WINDOWS))
    parser.add_argument("--jitter-ms", type=int, nargs="+", default=[40])
    parser.add_argument("--calls", type=int, default=25)
    parser.add_argument("--period", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=40.0)
    options = parser.parse_args(arguments)
    if options.quick:
        options.processes, options.windows, options.seconds = [4, 16], ["sliding log"], 20.0
    return options


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    print(HEADER)
    print("|---" * 10 + "|")
    cells = itertools.product(options.jitter_ms, options.processes, options.stores, options.windows)
    for jitter_ms, processes, store, window in cells:
        got = measure(options, processes, store, window, jitter_ms)
        print(
            f"| {processes} | {store} | {window} | {jitter_ms} | {100 * got.share:.1f} | {got.calls} | {got.refused} "
            f"| {got.fairness:.3f} | {got.longest_wait:.2f} | {got.cpu_ms:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
