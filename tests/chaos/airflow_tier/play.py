"""Play the story on each executor and write what came of it, for the scoreboard."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from os import environ
from pathlib import Path
from typing import Any, Final

import requests
from rich.console import Console
from sqlalchemy.engine import URL

from demo.environment import ROOT, defaults, import_path
from demo.scenario import ZONE
from demo.stack import StackError
from followups.database import connect
from sandbox.testing import RunningSandbox, running
from sandbox.warehouse.seeding import SeedPlan, seed
from tests.chaos.airflow_tier.services import MissingServiceError, services
from tests.chaos.airflow_tier.stacks import CeleryStack, MortalStack
from tests.chaos.airflow_tier.story import KILLS, Story
from tests.chaos.airflow_tier.verdict import Verdict, judge
from tests.chaos.processes import MEASURED

EXECUTORS: Final = ("local", "celery")
#: Verification waits longer than it would sleep in place, so that it is deferred and needs the triggerer.
LEADSQUARED: Final = {"settle_seconds": 20, "timeout_seconds": 6}
#: The share of rows that a bulk create makes late lies well inside the settle time.
SWITCHES: Final = {"bulk_delay_ms": 3000}


def play_on_airflow(console: Console, executors: Sequence[str], rows: int) -> int:
    """Play on each executor; 0 if all that could be played is proved, 1 if not, 2 if Airflow did not start."""
    codes = []
    for executor in executors:
        try:
            codes.append(_play(console, executor, rows))
        except MissingServiceError as missing:
            console.print(f"[yellow]{executor} is skipped:[/yellow] {missing}", highlight=False)
        except (StackError, subprocess.CalledProcessError, requests.RequestException) as error:
            console.print(f"[red]{executor} could not be played:[/red] {error}", highlight=False)
            codes.append(2)
    return max(codes, default=0)


def results() -> dict[str, list[tuple[str, str]]]:
    """Return what was last measured, by executor."""
    found = sorted(MEASURED.glob("*.json"), reverse=True)
    return {path.stem: [tuple(line) for line in json.loads(path.read_text(encoding="utf-8"))] for path in found}


def _play(console: Console, executor: str, rows: int) -> int:
    with _opened(executor, rows) as (stack, sandbox, ledger_url):
        ledger = connect(ledger_url)
        story = Story(console, stack, sandbox, ledger)
        failure = ""
        try:
            story.play()
        except TimeoutError as error:
            failure = str(error)
        verdict = judge(stack.home / "warehouse.duckdb", ledger, sandbox)
        ledger.dispose()
    lines = _lines(rows, story, verdict, failure)
    (MEASURED / f"{stack.executor}.json").write_text(json.dumps(lines, indent=1), encoding="utf-8")
    for name, value in lines:
        console.print(f"{name.strip('*'):32} {value.replace('**', '')}", highlight=False)
    return 0 if verdict.faultless and not failure and story.kills.total() >= KILLS else 1


@contextmanager
def _opened(executor: str, rows: int) -> Iterator[tuple[MortalStack, RunningSandbox, URL]]:
    """Start everything from nothing, and stop it."""
    home = MEASURED / executor
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    with ExitStack() as opened:
        servers = opened.enter_context(services()) if executor == "celery" else None
        plan = SeedPlan(rows=rows, days=14, around=datetime.now(ZONE).date(), seed=11)
        seed(f"duckdb:///{home / 'warehouse.duckdb'}", plan)
        sandbox = opened.enter_context(running(SWITCHES))
        ledger = servers.ledger if servers else URL.create("sqlite", database=str(home / "ledger.db"))
        environment = _environment(home, sandbox.url, ledger)
        stack = CeleryStack(home, environment, servers) if servers else MortalStack(home, environment, prepared=home)
        prepare = ["bash", "include/demo/setup.sh", str(Path(sys.executable).parent)]
        subprocess.run(prepare, check=True, env=stack.environment, cwd=ROOT)
        yield opened.enter_context(stack), sandbox, ledger


def _environment(home: Path, sandbox_url: str, ledger: URL) -> dict[str, str]:
    inherited = {name: value for name, value in environ.items() if not name.startswith("AIRFLOW")}
    values = defaults(home, sandbox_url)
    leadsquared = json.loads(values["AIRFLOW_CONN_LEADSQUARED_DEFAULT"])
    leadsquared["extra"] |= LEADSQUARED
    values["AIRFLOW_CONN_LEADSQUARED_DEFAULT"] = json.dumps(leadsquared)
    if ledger.get_backend_name() == "postgresql":
        address = ledger.set(drivername="postgres").render_as_string(hide_password=False)
        values["AIRFLOW_CONN_FOLLOWUPS_LEDGER"] = address
    return {**inherited, **values, "PYTHONPATH": import_path(str(Path(__file__).parent / "settings"))}


def _lines(rows: int, story: Story, verdict: Verdict, failure: str) -> list[tuple[str, str]]:
    accounts = verdict.accounts
    return [
        ("played", f"{datetime.now(UTC):%Y-%m-%d}, {rows:,} rows in {story.seconds:.0f} s"),
        ("sent SIGKILL", f"{story.kills.total()}: {_words(story.kills)}"),
        ("runs cleared by hand", str(story.cleared)),
        ("server faults injected", _words(story.faults)),
        ("**duplicates**", f"**{accounts.duplicates}** ({verdict.healed} healed)"),
        ("**lost**", f"**{len(verdict.lost)}**"),
        ("**mislabelled**", f"**{verdict.mislabelled}**"),
        ("not settled at the end", f"{accounts.unfinished}{f' ({failure})' if failure else ''}"),
        ("read-back calls per 1,000 rows", f"{1000 * verdict.lookups / rows:.0f}"),
        ("rows by final state", _words(accounts.states)),
    ]


def _words(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in Counter(counts).most_common()) or "none"
