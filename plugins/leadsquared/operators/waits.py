"""Waits of operators: short ones in the worker, others without a worker slot."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator

#: Deferring costs Airflow about five seconds, and a trigger that fires before the scheduler took note of the deferral
#: makes it count the task as failed.
SHORT_WAIT = timedelta(seconds=15)

log = logging.getLogger(__name__)


def wait_or_defer(operator: BaseOperator, wait: timedelta, method_name: str, **kwargs: Any) -> None:
    """Return after a short wait; defer for a longer one, after which Airflow calls the method with `kwargs`."""
    if wait <= SHORT_WAIT:
        time.sleep(wait.total_seconds())
        return
    from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger  # noqa: PLC0415 - heavy

    log.info("looking again in %.0f s", wait.total_seconds())
    operator.defer(trigger=TimeDeltaTrigger(wait), method_name=method_name, kwargs=kwargs or None)
