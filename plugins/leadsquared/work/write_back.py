"""Bring the tables of outcomes up to date that feeds name by `write_back`."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from followups.errors import PermanentError
from followups.feeds import Feed
from followups.ledger.write_backs import WriteBackLedger
from followups.write_back import WriteBackError, write_back
from leadsquared.deliveries_table import DeliveriesTable
from leadsquared.runs import actor
from leadsquared.warehouse_errors import told

log = logging.getLogger(__name__)


def write_back_feed(feed: Feed, engine: sa.Engine, context: Any) -> int | None:
    """Write what changed since the last time; return how many rows, None where the feed wants none.

    :raises WriteBackError: the table is behind; the next run, or reconcile, catches up.
    """
    if feed.write_back is None:
        return None
    conn_id = feed.write_back.conn_id or feed.warehouse_conn_id
    ledger = WriteBackLedger(engine, feed=feed.name, target=f"{conn_id}/{feed.write_back.table}", owner=actor(context))
    try:
        written = write_back(ledger, DeliveriesTable(conn_id, feed.write_back.table))
    except PermanentError:
        raise
    except Exception as error:
        raise WriteBackError(
            f"feed {feed.name}: table {feed.write_back.table} (connection {conn_id}) is behind the ledger: "
            f"{told(error)}. Nothing is lost: the next run or leadsquared_reconcile catches up."
        ) from None
    log.info("%d rows written to %s (connection %s)", written, feed.write_back.table, conn_id)
    return written


def write_back_feeds(feeds: Iterable[Feed], engine: sa.Engine, context: Any) -> int | None:
    """Do the same for several feeds, each whatever becomes of the others; return how many rows in all."""
    total, failures = None, []
    for feed in feeds:
        try:
            written = write_back_feed(feed, engine, context)
        except (WriteBackError, PermanentError) as error:
            log.error("%s", error)
            failures.append(error)
        else:
            total = total if written is None else (total or 0) + written
    if failures:
        raise failures[0]
    return total
