"""Bring CRM tasks to a wanted state."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from leadsquared.changer import Changer, Progress
from leadsquared.changes import Change
from leadsquared.hook import LeadSquaredHook
from leadsquared.names import Missing
from leadsquared.runs import run_priority

log = logging.getLogger(__name__)

#: Seconds between the looks that a worker waits for; longer waits are deferred.
PAUSES = (1.0, 2.0, 4.0, 8.0)


def change_tasks(
    change: Change,
    task_ids: Sequence[str],
    *,
    missing: Missing,
    in_flight: int,
    leadsquared_conn_id: str,
    ledger_conn_id: str,
    context: Any,
    before: Mapping[str, Any] | None = None,
) -> Progress:
    """Carry a change out, or go on after `before`; what look-ups do not show yet is left in the progress.

    :raises NotConfirmed: look-ups do not show it after the connection's settle time.
    """
    hook = LeadSquaredHook(
        leadsquared_conn_id, ledger_conn_id=ledger_conn_id, pool_size=in_flight, priority=run_priority(context)
    )
    changer = Changer(hook, change, missing=missing, patience=PAUSES, in_flight=in_flight)
    try:
        progress = changer.check(Progress.from_json(before)) if before else changer.run(task_ids)
        for pause in PAUSES:
            if not progress.left:
                break
            time.sleep(pause)
            progress = changer.check(progress)
        log.info("%s; %d not seen yet", progress.counts, len(progress.left))
        changer.confirm(progress, within=timedelta(seconds=hook.settings.settle_seconds))
    finally:
        hook.close()
    return progress
