"""Airflow imports this in each of its processes: the product's minutes made short, its logic untouched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from followups.ledger import planning, settling
from followups.ledger.sending import SendLedger

__all__ = ["task_policy"]

#: Of a batch's owner; longer than a call may take by the connection's timeout, many times over.
LEASE = timedelta(seconds=30)
#: Of a run, after which reconcile takes its rows.
SILENCE = timedelta(seconds=60)
RETRY_DELAY = timedelta(seconds=5)


def task_policy(task: Any) -> None:
    """Let Airflow try again sooner; Airflow calls this for each task of each DAG."""
    task.retry_delay = RETRY_DELAY


defaults = SendLedger.__init__.__kwdefaults__
assert defaults is not None
defaults["lease"] = LEASE
for module in (planning, settling):
    setattr(module, "RUN_SILENT_AFTER", SILENCE)  # noqa: B010 - imported there by name
