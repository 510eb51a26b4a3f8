"""Who comes first when runs compete for slots."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Priority(IntEnum):
    """The kinds of runs, the most urgent first."""

    SCHEDULED = 0
    MANUAL = 1
    #: A run by hand that sends again what was rejected or held.
    REQUEUE = 2
    BACKFILL = 3


#: The column, by priority, with the last slot of a call as urgent or more; none for the last: that is the whole queue.
QUEUES: Final = ("scheduled_at", "manual_at", "requeue_at", None)
