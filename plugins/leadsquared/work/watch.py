"""Look at CRM tasks that are waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from leadsquared.hook import LeadSquaredHook
from leadsquared.names import Missing, Until
from leadsquared.sightings import Sightings
from leadsquared.waiting import Standing, Watch

#: Looks hurry nobody: they leave the account's slots to those who send.
IN_FLIGHT = 2


class Watching:
    """A watch with a hook of its own, by one who has `waited` so long already."""

    def __init__(
        self,
        task_ids: Sequence[str],
        *,
        until: Until,
        missing: Missing,
        leadsquared_conn_id: str,
        ledger_conn_id: str,
        waited: timedelta = timedelta(0),
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hook = LeadSquaredHook(leadsquared_conn_id, ledger_conn_id=ledger_conn_id, pool_size=IN_FLIGHT)
        sightings = Sightings(self._hook, in_flight=IN_FLIGHT, stop=stop)
        settle = timedelta(seconds=self._hook.settings.settle_seconds) - waited
        self._watch = Watch(task_ids, sightings, until=until, missing=missing, settle=settle)

    def look(self) -> tuple[Standing, bool]:
        """Return how the CRM tasks stand, and whether the wait is over."""
        return self._watch.look()

    def close(self) -> None:
        """Close the hook's connections."""
        self._hook.close()
