"""Shorten the product's times in an actor process, and point it at the case's own feed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from followups import database, sending, write_back
from followups.feeds import files
from followups.ledger import planning, settling, write_backs
from followups.ledger.sending import SendLedger
from followups.throttle import engines, turn
from leadsquared import deliveries_table, warehouse
from leadsquared.hook import base
from leadsquared.work import plan, report, verify
from tests.chaos.orders import LEASE_SECONDS

LOCK_SECONDS = 1.0


def shorten(folder: str) -> None:
    """Replace the constants; the logic is untouched."""
    lease = timedelta(seconds=LEASE_SECONDS)
    defaults = SendLedger.__init__.__kwdefaults__
    assert defaults is not None
    defaults["lease"] = lease
    for module in (planning, settling):
        setattr(module, "RUN_SILENT_AFTER", lease)  # noqa: B010 - imported there by name
    write_backs.LEASE = lease
    write_backs.IN_FLIGHT_SECONDS = 0.2
    write_back.PAUSE_SECONDS = LEASE_SECONDS / 10
    write_back.TURN_SECONDS = LEASE_SECONDS * 2
    warehouse.LOCKED_SECONDS = deliveries_table.LOCKED_SECONDS = LOCK_SECONDS
    sending.HEARTBEAT_SECONDS = LEASE_SECONDS / 4
    base.LONGEST_PAUSE_SECONDS = 0.1
    base.FROZEN_SECONDS, turn.MAX_HELD = LEASE_SECONDS / 2, LEASE_SECONDS / 4
    verify.AUDIT_AFTER_SETTLE_TIMES = 1
    database.BUSY_TIMEOUT_SECONDS = int(LOCK_SECONDS)
    database.STATEMENT_TIMEOUT_MS = int(LOCK_SECONDS * 1000)
    engines.SQLITE_BUSY_TIMEOUT = LOCK_SECONDS
    _feed_in(Path(folder))


def _feed_in(folder: Path) -> None:
    for module in (plan, report, verify):
        setattr(module, "feeds_dir", lambda: folder)  # noqa: B010 - imported there by name
    files.sql_dir = lambda: folder
