"""What a task does when the account's calls of the day are used up: wait for the next day without a worker, or end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import sqlalchemy as sa

from followups.ledger.quota import note_quota
from followups.throttle import DailyQuotaReached

#: LeadSquared's clock may be behind, and a call before its midnight would close the new day.
AFTER_RESET = timedelta(seconds=10)
#: A trigger that fires before the scheduler took note of the deferral makes it count the task as failed.
SHORTEST_DEFERRAL = timedelta(seconds=20)

log = logging.getLogger(__name__)


def note(engine: sa.Engine, plan_ids: Sequence[int], quota: DailyQuotaReached, patience: timedelta) -> bool:
    """Record for the run's report that no call was left; tell whether the task should go on waiting."""
    waits = quota.resets_at - datetime.now(UTC) <= patience
    note_quota(engine, plan_ids, quota.resets_at, waits=waits)
    log.warning("%s %s", quota, "The task waits for that." if waits else "The rest is left to a later run.")
    return waits


def defer_until_reset(operator: Any, quota: DailyQuotaReached, method_name: str = "execute", **kwargs: Any) -> NoReturn:
    """Give the worker slot back; the task begins anew when the quota has reset, and goes on where the ledger stands."""
    from airflow.providers.standard.triggers.temporal import DateTimeTrigger  # noqa: PLC0415 - heavy, seldom needed

    moment = max(quota.resets_at + AFTER_RESET, datetime.now(UTC) + SHORTEST_DEFERRAL)
    log.info("deferred until %s UTC", f"{moment:%Y-%m-%d %H:%M:%S}")
    operator.defer(trigger=DateTimeTrigger(moment=moment), method_name=method_name, kwargs=kwargs or None)
    raise AssertionError("defer returns to nobody")
