"""How fast a plan is, how much memory it takes and what it leaves in the ledger, on SQLite and on PostgreSQL.

The task's own code plans in a process of its own, from a DuckDB file and from PostgreSQL. Before and after it the same
rows are merely copied from DuckDB into the same database: with `executemany` into SQLite, with COPY into PostgreSQL.
Then everything counts as delivered, and the same window is planned again. Last, equal windows of new rows are planned
into ledgers of growing size. Goals of speed are for a million rows: of a quick look's 20,000, what any plan costs once
is a good part.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL

from demo.environment import ROOT
from followups.database import connect
from followups.ledger.migrate import upgrade
from followups.ledger.reading import LedgerReader
from followups.ledger.sending import SendLedger
from followups.ledger.settling import SettleLedger
from followups.planning.batching import Slice
from sandbox.testing import running
from tests.benchmarks import figures, planning_stores
from tests.benchmarks.figures import Figure
from tests.benchmarks.planning_run import RESULT
from tests.support import postgres

QUICK_ROWS, FULL_ROWS = 20_000, 1_000_000
PROBE_ROWS = 2_000
#: Pages of batches as verification asks for them.
BATCHES_PER_LOOK = 200
#: Parts of the warehouse, see `planning_stores.fill_duckdb`: all rows; then a hundredth, a tenth, and three probes.
ALL, HUNDREDTH, TENTH, PROBE = 0, 1, 2, 3


class Bench:
    """One folder, one sandbox to read users and task types from, one warehouse."""

    def __init__(self, folder: Path, sandbox_url: str, rows: int) -> None:
        self.folder = folder
        self.rows = rows
        self.warehouse = folder / "warehouse.duckdb"
        planning_stores.fill_duckdb(self.warehouse, [rows, rows // 100, rows // 10, PROBE_ROWS, PROBE_ROWS, PROBE_ROWS])
        leadsquared = {
            "conn_type": "leadsquared", "host": sandbox_url, "login": "demo-access-key", "password": "demo-secret-key",
            "extra": {"calls": 1000, "period_seconds": 1},
        }  # fmt: skip
        self._environment = {
            **os.environ,
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW_CONN_LEADSQUARED_DEFAULT": json.dumps(leadsquared),
        }
        self.duckdb = json.dumps({"conn_type": "duckdb", "host": str(self.warehouse)})
        self._runs = 0

    def plan(self, ledger: str, bounds: tuple[str, str], warehouse: str | None = None) -> dict[str, Any]:
        """Plan a window as another run; return what it took."""
        self._runs += 1
        orders = {"run": f"bench-{self._runs}", "first": bounds[0], "last": bounds[1]}
        environment = {
            **self._environment,
            "AIRFLOW_CONN_FOLLOWUPS_LEDGER": ledger,
            "AIRFLOW_CONN_WAREHOUSE_DEFAULT": warehouse or self.duckdb,
        }
        command = [sys.executable, "-m", "tests.benchmarks.planning_run", json.dumps(orders)]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        result: dict[str, Any] = json.loads(done.stdout.rpartition(RESULT)[2])
        return result


def as_connection(url: URL) -> str:
    """Return the Airflow connection of a database."""
    if url.get_backend_name() == "sqlite":
        return json.dumps({"conn_type": "sqlite", "host": url.database})
    values = {"host": url.host, "port": url.port, "login": url.username, "password": url.password}
    return json.dumps({"conn_type": "postgres", "schema": url.database, **{k: v for k, v in values.items() if v}})


def measure_store(bench: Bench, name: str, urls: Callable[[], URL], copy: Callable[[], float]) -> Iterator[Figure]:
    """Copy, plan, copy, deliver, plan again, look at the ledger, grow it."""
    url = urls()
    engine = connect(url)
    upgrade(engine)
    bounds = planning_stores.window(ALL)
    before = copy()
    first = bench.plan(as_connection(url), bounds)
    copied = (before + copy()) / 2
    subject = f"{first['due']:,} rows, DuckDB to {name}"
    yield Figure(subject=subject, measure="copied", value=first["due"] / copied, unit="rows/s")
    yield from speed(subject, first, copied)
    yield from reading(engine, first, f"{first['due']:,} rows, {name}")
    planning_stores.deliver(engine)
    again = bench.plan(as_connection(url), bounds)
    yield Figure(subject=subject, measure="sent by a second run", value=again["to_send"], unit="rows", at_most=0)
    share = again["seconds"] / first["seconds"]
    goal = for_many(0.2, first)
    yield Figure(subject=subject, measure="second run, of the first's time", value=share, at_most=goal)
    yield from weight(engine, first["due"], name)
    yield from growth(bench, name, urls, url)
    engine.dispose()


def for_many(goal: float, run: dict[str, Any]) -> float | None:
    """Return a goal of speed, none for a quick look."""
    return goal if run["due"] > QUICK_ROWS else None


def speed(subject: str, run: dict[str, Any], copied: float) -> Iterator[Figure]:
    """Say what a first plan took."""
    yield Figure(subject=subject, measure="planned", value=run["due"] / run["seconds"], unit="rows/s")
    goal = for_many(0.25, run)
    yield Figure(subject=subject, measure="of a copy's speed", value=copied / run["seconds"], at_least=goal)
    yield Figure(subject=subject, measure="a plan of no rows before it", value=run["empty_seconds"], unit="s")
    yield Figure(subject=subject, measure="processor, a row", value=1e6 * run["processor"] / run["due"], unit="µs")
    yield Figure(subject=subject, measure="memory above Airflow's", value=run["memory_mb"], unit="MB", at_most=300)
    yield Figure(subject=subject, measure="mapped tasks", value=run["slices"], at_most=100)
    yield Figure(subject=subject, measure="XCom", value=run["xcom_bytes"] / 1000, unit="kB", at_most=48)


def reading(engine: sa.Engine, run: dict[str, Any], subject: str) -> Iterator[Figure]:
    """Say how long the run's other tasks look at the ledger."""
    reader, part = LedgerReader(engine), Slice.from_json(run["first_slice"])
    settle = SettleLedger(engine, actor="bench", plan_ids=[run["plan_id"]])

    def timed(what: Callable[[], object]) -> float:
        began = time.perf_counter()
        what()
        return 1000 * (time.perf_counter() - began)

    slice_ms = timed(lambda: SendLedger(engine, owner="bench").open_batches(*part.bounds))
    yield Figure(subject=subject, measure="a slice's batches", value=slice_ms, unit="ms")
    planning_stores.accept(engine)
    yield Figure(
        subject=subject, measure="rows by state", value=timed(lambda: reader.sent_counts([run["plan_id"]])), unit="ms"
    )
    yield Figure(
        subject=subject,
        measure="calls by outcome",
        value=timed(lambda: reader.call_counts([run["plan_id"]])),
        unit="ms",
    )

    def round_of_looks() -> None:
        after = ""
        while found := settle.open_batches(BATCHES_PER_LOOK, after):
            after = found[-1].batch_id

    yield Figure(subject=subject, measure="all batches of a verify round", value=timed(round_of_looks), unit="ms")


def weight(engine: sa.Engine, rows: int, name: str) -> Iterator[Figure]:
    """Say how many bytes of the ledger a row takes, by table and index."""
    found = planning_stores.weigh(engine)
    subject = f"{name}, bytes a delivered row"
    yield Figure(subject=subject, measure="all", value=sum(found.values()) / rows)
    for part, size in sorted(found.items(), key=lambda pair: -pair[1]):
        if size / rows >= 0.5:
            yield Figure(subject=subject, measure=part, value=size / rows)


def growth(bench: Bench, name: str, urls: Callable[[], URL], full: URL) -> Iterator[Figure]:
    """Plan windows of equal size into ledgers of a hundredth, a tenth (if there are many rows) and all of the rows."""
    small = urls()
    upgrade(connect(small))
    taken, spent = 0, []
    parts = (HUNDREDTH, None) if bench.rows <= QUICK_ROWS else (HUNDREDTH, TENTH, None)
    for step, part in enumerate(parts):
        ledger = as_connection(full if part is None else small)
        if part is None:
            taken = bench.rows
        else:
            taken += bench.plan(ledger, planning_stores.window(part))["due"]
        probe = bench.plan(ledger, planning_stores.window(PROBE + step))
        taken += probe["due"] if part is not None else 0
        spent.append(probe["seconds"] / probe["due"])
        subject = f"{probe['due']:,} new rows, {name} with about {taken:,} before"
        yield Figure(subject=subject, measure="a row", value=1e6 * spent[-1], unit="µs")
    subject = f"{name}, a hundred times the ledger"
    yield Figure(subject=subject, measure="a window's time", value=spent[-1] / spent[0], unit="times", at_most=2)


def measure(quick: bool) -> Iterator[Figure]:
    """Measure both kinds of ledger, and PostgreSQL as the warehouse too."""
    yield from measure_rows(QUICK_ROWS if quick else FULL_ROWS)


def measure_rows(rows: int) -> Iterator[Figure]:
    """Measure with so many rows."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="followups-planning-")))
        sandbox = stack.enter_context(running({"rate.normal": "100000/1"}))
        server = postgres.find_server() or stack.enter_context(postgres.throw_away_server())
        bench = Bench(folder, sandbox.url, rows)
        bounds = planning_stores.window(ALL)

        def file() -> URL:
            return URL.create("sqlite", database=f"{tempfile.mkdtemp(dir=folder)}/ledger.db")

        def database() -> URL:
            return stack.enter_context(postgres.empty_database(server))

        def copy_to_file() -> float:
            return planning_stores.copy_to_sqlite(bench.warehouse, Path(tempfile.mkdtemp(dir=folder), "copy"), bounds)

        sink = database()

        def copy_to_database() -> float:
            return planning_stores.copy_to_postgres(bench.warehouse, sink, bounds)

        yield from measure_store(bench, "SQLite", file, copy_to_file)
        yield from measure_store(bench, "PostgreSQL", database, copy_to_database)
        yield from from_postgres(bench, database(), database(), copy_to_database())


def from_postgres(bench: Bench, warehouse: URL, ledger: URL, copied: float) -> Iterator[Figure]:
    """Plan with PostgreSQL on both sides."""
    planning_stores.fill_postgres(warehouse, bench.warehouse)
    upgrade(connect(ledger))
    run = bench.plan(as_connection(ledger), planning_stores.window(ALL), as_connection(warehouse))
    yield from speed(f"{run['due']:,} rows, PostgreSQL to PostgreSQL", run, copied)


if __name__ == "__main__":
    figures.main(measure, __doc__)
