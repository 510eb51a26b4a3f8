"""Wait in the triggerer until CRM tasks are completed."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from followups.errors import PermanentError, TransientError
from leadsquared.names import Missing, Until

log = logging.getLogger(__name__)

#: Look-ups of all triggers of one triggerer at a time: they wait for the account's slots, not for one another.
THREADS = 4
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="leadsquared-trigger")


class TaskStatusTrigger(BaseTrigger):
    """Looks at CRM tasks every `poll_seconds`; its one event tells how they stand, or what made waiting useless.

    Looks take slots of the account's rate limit, in threads, so that the triggerer's other triggers go on. What may
    heal (rate limit, network, LeadSquared down, the day's quota used up) is waited out.
    """

    def __init__(
        self,
        *,
        task_ids: Sequence[str],
        until: Until,
        missing: Missing,
        poll_seconds: float,
        leadsquared_conn_id: str,
        ledger_conn_id: str,
    ) -> None:
        super().__init__()
        self.task_ids = list(task_ids)
        self.until = until
        self.missing = missing
        self.poll_seconds = poll_seconds
        self.leadsquared_conn_id = leadsquared_conn_id
        self.ledger_conn_id = ledger_conn_id
        self._stopped = threading.Event()
        self._watching: Any = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow makes it anew from."""
        names = ("task_ids", "until", "missing", "poll_seconds", "leadsquared_conn_id", "ledger_conn_id")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the wait is over."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                pause = self.poll_seconds
                try:
                    standing, over = await loop.run_in_executor(_threads, self._look)
                except PermanentError as error:
                    yield TriggerEvent({"error": type(error).__name__, "message": str(error)})
                    return
                except Exception as error:
                    pause = _pause_after(error, pause)
                    log.warning("looking again in %.0f s: %s", pause, error)
                else:
                    if over:
                        yield TriggerEvent({"standing": standing})
                        return
                    log.info("%d of %d CRM tasks are completed", len(standing["completed"]), len(self.task_ids))
                await asyncio.sleep(pause)
        finally:
            self._stopped.set()
            if self._watching is not None:
                self._watching.close()

    def _look(self) -> Any:
        from leadsquared.work.watch import Watching  # noqa: PLC0415 - heavy; see leadsquared.work

        if self._watching is None:
            self._watching = Watching(
                self.task_ids,
                until=self.until,
                missing=self.missing,
                leadsquared_conn_id=self.leadsquared_conn_id,
                ledger_conn_id=self.ledger_conn_id,
                stop=self._stopped.is_set,
            )
        return self._watching.look()


def _pause_after(error: Exception, pause: float) -> float:
    """Return the seconds until the next look; raise what cannot heal."""
    resets_at = getattr(error, "resets_at", None)
    if resets_at is not None:  # the account's day is used up
        return max(pause, float((resets_at - datetime.now(UTC)).total_seconds()))
    if not isinstance(error, TransientError):
        raise error
    return pause
