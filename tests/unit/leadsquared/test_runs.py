"""What kind of run this is, and how urgent its calls are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from followups.throttle import Priority
from leadsquared.runs import run_priority


@pytest.mark.parametrize(
    ("run_type", "requeue", "priority"),
    [
        ("scheduled", None, Priority.SCHEDULED),
        ("asset_triggered", "none", Priority.SCHEDULED),
        ("manual", "none", Priority.MANUAL),
        ("manual", None, Priority.MANUAL),
        ("manual", "rejected", Priority.REQUEUE),
        ("manual", "held", Priority.REQUEUE),
        ("backfill", "none", Priority.BACKFILL),
        ("backfill", "rejected", Priority.BACKFILL),
    ],
)
def test_priority_follows_the_kind_of_run(run_type: str, requeue: str | None, priority: Priority) -> None:
    params = {} if requeue is None else {"requeue": requeue}
    assert run_priority({"dag_run": SimpleNamespace(run_type=run_type), "params": params}) is priority
