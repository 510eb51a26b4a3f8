"""Write the outcome of each follow-up to a table of the company's own: a projection of the ledger, never its source.

Every row carries the ledger's event up to which it is known, and replaces only what is no newer. So a writer that was
frozen and wakes up late can do no harm, and one that dies anywhere is simply followed by the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from followups.errors import TransientError
from followups.ledger.write_backs import WriteBackLedger

CHUNK_ROWS = 2000
#: Longer than a dead writer's lease.
TURN_SECONDS = 90.0
PAUSE_SECONDS = 0.5


class WriteBackError(TransientError):
    """The table could not be brought up to date. Nothing is lost: the ledger has every outcome."""


class Table(Protocol):
    """What the write-back asks of the table."""

    def prepare(self) -> bool:
        """Make the table if it is missing; return whether it was."""

    def replace(self, rows: Sequence[Mapping[str, Any]], event_id: int) -> None:
        """Write rows in one transaction, in place of those of their keys that are no newer than `event_id`."""


def write_back(ledger: WriteBackLedger, table: Table, *, sleep: Callable[[float], None] = time.sleep) -> int:
    """Bring the table up to date with the ledger; return how many rows were written.

    :raises WriteBackError: another writer did not come to an end.
    """
    since = _turn(ledger, sleep)
    upto = None
    try:
        newest = ledger.newest()
        changed = ledger.changed(since, newest.event_id)
        if changed and table.prepare() and since:
            changed = ledger.changed(0, newest.event_id)
        for start in range(0, len(changed), CHUNK_ROWS):
            if not ledger.renew():
                raise WriteBackError("another writer took over, as this one was silent for too long")
            table.replace(ledger.rows(changed[start : start + CHUNK_ROWS]), newest.event_id)
        upto = newest.event_id if newest.complete else None
    finally:
        ledger.release(upto)
    return len(changed)


def _turn(ledger: WriteBackLedger, sleep: Callable[[float], None]) -> int:
    """Wait until no other writer is at work; return the event up to which the table is written."""
    waited = 0.0
    while (since := ledger.take()) is None:
        if waited >= TURN_SECONDS:
            raise WriteBackError(f"another writer has been at work for {waited:.0f} s")
        sleep(PAUSE_SECONDS)
        waited += PAUSE_SECONDS
    return since
