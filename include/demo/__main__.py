"""`make demo`: everything from nothing, every row accounted for, nothing left running.

Uses a sandbox, a warehouse and a ledger of its own, whatever connections are set: it can touch no real account.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import requests
from rich.console import Console

from demo.accounting import compare
from demo.client import AirflowClient
from demo.environment import ROOT, defaults, import_path
from demo.scenario import ZONE, Finished, Scenario
from demo.stack import Stack, StackError
from demo.tables import print_accounts, print_reasons, print_runs
from followups.database import connect
from sandbox.testing import RunningSandbox, running
from sandbox.warehouse.seeding import SeedPlan, seed

CALLS_PER_SECOND = 25 / 5
ROWS = 6000
DAYS = 14


def main() -> int:
    """Play the demo; 0 only if every row is accounted for."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument(
        "--keep-running", action="store_true", help="leave Airflow and the sandbox running until Ctrl-C"
    )
    parser.add_argument("--rows", type=int, default=ROWS, help="follow-ups in the warehouse")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started it in the background
    console = Console(width=max(Console().width, 132))
    try:
        return play(console, rows=arguments.rows, keep_running=arguments.keep_running)
    except (StackError, TimeoutError, requests.RequestException) as error:
        console.print(f"[red]The demo could not be played:[/red] {error}", highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130


def play(console: Console, *, rows: int, keep_running: bool) -> int:
    """Start everything, play the story, print what came of it."""
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.0f} s[/dim]  {text}", highlight=False)

    home = ROOT / ".airflow" / "demo"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    plan = SeedPlan(rows=rows, days=DAYS, around=datetime.now(ZONE).date(), seed=7)
    seeded = seed(f"duckdb:///{home / 'warehouse.duckdb'}", plan)
    say(f"warehouse: {seeded.total()} follow-ups, 7 days back and 7 ahead")
    with running() as sandbox:
        say(f"sandbox: {sandbox.url}")
        environment = _environment(home, sandbox.url)
        _prepare_ledger(home)
        with Stack(home, environment, prepared=_prepared_home(sandbox.url)) as stack:
            say(f"Airflow: {stack.url}, user admin, password {stack.password}")
            client = AirflowClient(stack.url, stack.password, stack.check)
            ledger = connect(f"sqlite:///{home / 'ledger.db'}")
            runs = Scenario(client, ledger, say).play()
            say("all runs ended")
            for component, count in stack.restarts.items():
                say(f"airflow {component} ended by itself and was started anew, {count} times")
            sandbox.drain()
            balanced = _account(console, runs, sandbox, home)
            if keep_running:
                _wait(console, stack, sandbox)
    return 0 if balanced else 1


def _account(console: Console, runs: list[Finished], sandbox: RunningSandbox, home: Path) -> bool:
    accounts = compare(connect(f"sqlite:///{home / 'ledger.db'}"), sandbox.tasks())
    print_runs(console, runs, CALLS_PER_SECOND)
    print_reasons(console, runs)
    print_accounts(console, accounts, sandbox.audit())
    failed = [run for run in runs if run.state != "success"]
    for run in failed:
        console.print(f"[red]{run.dag_id} {run.run_id} ended {run.state}[/red]", highlight=False)
    sent_again = sum(run.pace.calls for run in runs if run.title == "backfill again")
    if sent_again:
        console.print(f"[red]the repeated backfill made {sent_again} calls[/red]")
    balanced = accounts.balanced and not failed and not sent_again
    verdict = "[green]Every row is accounted for.[/green]" if balanced else "[red]Not every row is accounted for.[/red]"
    console.print(verdict)
    return balanced


def _environment(home: Path, sandbox_url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    ours = {**defaults(home, sandbox_url), "PYTHONPATH": import_path(os.environ.get("PYTHONPATH"))}
    return {**inherited, **ours}


def _prepared_home(sandbox_url: str) -> Path:
    """Return an Airflow home that nobody works in: another's database may know connections of real accounts."""
    home = ROOT / ".airflow" / "blank"
    command = ["bash", "include/demo/setup.sh", str(Path(sys.executable).parent)]
    prepared = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, env=_environment(home, sandbox_url), stdout=subprocess.DEVNULL, check=False
    )
    if prepared.returncode:
        raise StackError(f"Airflow's database could not be prepared: see {home / 'setup.log'}")
    return home


def _prepare_ledger(home: Path) -> None:
    from followups.ledger.migrate import upgrade  # noqa: PLC0415 - Alembic takes a while to import

    upgrade(connect(f"sqlite:///{home / 'ledger.db'}"))


def _wait(console: Console, stack: Stack, sandbox: RunningSandbox) -> None:
    console.print(f"Airflow  {stack.url}   user admin, password {stack.password}", highlight=False)
    console.print(f"Sandbox  {sandbox.url}   what arrived in LeadSquared", highlight=False)
    console.print("Ctrl-C stops both.")
    while True:
        stack.check()
        time.sleep(2)


if __name__ == "__main__":
    sys.exit(main())
