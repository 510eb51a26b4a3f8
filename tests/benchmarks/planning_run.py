"""One plan, made by the task's own code in a process of its own; prints what it took as a line of JSON.

The argument is a JSON object: `first` and `last` of the window, and the run's id. Connections are in the environment.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

FEED = "appointments"
#: A window in which nothing is due.
NOTHING = ("2001-01-01T00:00:00+00:00", "2001-01-02T00:00:00+00:00")
#: Begins the line with the result, among Airflow's own.
RESULT = "measured:"


def memory_mb(line: str = "VmHWM") -> float:
    """Return this process's peak memory; `getrusage` would count what its parent used before it."""
    found = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith(line))
    return int(found.split()[1]) / 1024


def context(run_id: str, first: str, last: str, pushed: dict[str, Any]) -> dict[str, Any]:
    """Return what Airflow gives a plan task of a run by hand."""
    ti = SimpleNamespace(dag_id=f"leadsquared_{FEED}", run_id=run_id, task_id="plan", map_index=-1, try_number=1)
    ti.xcom_push = lambda key, value: pushed.update({key: value})
    run = SimpleNamespace(run_id=run_id, run_type="manual", run_after=datetime.now(UTC))
    params = {"from": first, "to": last, "mode": "send", "limit": None, "requeue": "none"}
    return {"ti": ti, "dag_run": run, "params": params}


def main() -> None:
    """Plan."""
    orders = json.loads(sys.argv[1])
    import leadsquared.operators.plan  # noqa: F401 - with it all of Airflow that a task process holds

    own = memory_mb()
    from leadsquared.work.plan import PLAN_KEY, plan_feed

    pushed: dict[str, Any] = {}
    began = time.perf_counter()
    # What is imported and asked for once, however many rows there are.
    plan_feed(FEED, "followups_ledger", context(f"{orders['run']}-empty", *NOTHING, {}))
    began, used, idle = time.perf_counter(), time.process_time(), time.perf_counter() - began
    slices = plan_feed(FEED, "followups_ledger", context(orders["run"], orders["first"], orders["last"], pushed))
    print(
        RESULT,
        json.dumps({
            "seconds": time.perf_counter() - began,
            "processor": time.process_time() - used,
            "empty_seconds": idle,
            "memory_mb": memory_mb() - own,
            "slices": len(slices),
            "first_slice": slices[0] if slices else None,
            "xcom_bytes": len(json.dumps(slices)) + len(json.dumps(pushed)),
            **{name: pushed[PLAN_KEY][name] for name in ("plan_id", "due", "to_send", "batches", "outcomes")},
        }),
    )  # fmt: skip


if __name__ == "__main__":
    main()
