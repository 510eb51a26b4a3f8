"""Print what the demo came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from demo.accounting import Accounts
from demo.scenario import Finished

STATES = ("created", "rejected", "invalid", "held", "cancelled", "unknown")
PADDING = (0, 1, 0, 0)


def print_runs(console: Console, runs: Sequence[Finished], calls_per_second: float) -> None:
    """Print a line a run."""
    table = Table(title="What became of each row", title_justify="left", box=box.SIMPLE, padding=PADDING)
    table.add_column("run", no_wrap=True)
    table.add_column("feed", no_wrap=True)
    for name in ("due", *STATES, "before", "calls", "seconds", "of limit"):
        table.add_column(name, justify="right")
    for run in runs:
        states = run.report.states
        share = run.pace.share(calls_per_second)
        table.add_row(
            run.title,
            run.dag_id.removeprefix("leadsquared_"),
            str(run.report.due),
            *(str(states.get(state, 0) or "") for state in STATES),
            str(run.report.before.total() or ""),
            str(run.pace.calls or ""),
            f"{run.pace.seconds:.1f}" if run.pace.calls else "",
            f"{share:.0%}" if share is not None else "",
        )
    console.print(table)


def print_reasons(console: Console, runs: Sequence[Finished]) -> None:
    """Print why rows were not created."""
    reasons: Counter[tuple[str, str]] = Counter()
    for run in runs:
        reasons.update(run.report.reasons)
    table = Table(title="Why rows were not created", title_justify="left", box=box.SIMPLE, padding=PADDING)
    table.add_column("rows", justify="right")
    table.add_column("state")
    table.add_column("reason", overflow="fold")
    for (state, reason), count in reasons.most_common():
        table.add_row(str(count), state, reason)
    console.print(table)


def print_accounts(console: Console, accounts: Accounts, audit: Mapping[str, Any]) -> None:
    """Print the comparison of ledger and sandbox."""
    table = Table(
        title="The ledger against the sandbox's own record", title_justify="left", show_header=False, box=box.SIMPLE
    )
    table.add_column()
    table.add_column(justify="right")
    outcomes = audit["calls"]["by_outcome"]
    lines = {
        "deliveries in the ledger": accounts.rows,
        "CRM tasks in the sandbox": accounts.crm_tasks,
        "duplicates": accounts.duplicates,
        "created in the ledger, missing in the sandbox": len(accounts.missing),
        "in the sandbox, not created in the ledger": len(accounts.unlabelled) + len(accounts.strangers),
        "with the wrong CRM task id": len(accounts.wrong_id),
        "not settled": accounts.unfinished,
        "calls of all kinds": audit["calls"]["total"],
        "of these refused for the rate limit": outcomes.get("refused", 0),
        "most calls in any 5 s": f"{audit['calls']['most_in_a_window']} of {audit['calls']['limit']}",
    }
    for name, value in lines.items():
        table.add_row(name, str(value))
    console.print(table)
