"""Plan a feed's run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from followups.feeds import Feed, feeds_dir, load_feed, read_query
from followups.garbage import seldom_collected
from followups.late import LateRows
from followups.ledger.planning import PlanLedger
from followups.ledger.preview import PreviewLedger
from followups.planning.batching import cut_slices
from followups.planning.beside import Beside
from followups.planning.counts import Preview
from followups.planning.planner import Planner
from followups.progress import Progress
from followups.rows import RowReader, check_columns
from followups.sql import reads_window
from followups.table import Columns, TableReader
from followups.window import Window
from leadsquared.databases import open_ledger
from leadsquared.hook import LeadSquaredHook
from leadsquared.params import FEED_PARAMS, check_params
from leadsquared.pokes import poke
from leadsquared.preflight import Preflight, RelatedLookup
from leadsquared.previews import preview_lines
from leadsquared.runs import actor, run_key, run_kind, run_priority, run_window
from leadsquared.warehouse import open_query
from leadsquared.wire.payloads import payload_builder
from leadsquared.work.ledgers import open_send_ledger

PLAN_KEY = "plan"
Rows = Iterator[list[tuple[Any, ...]]]

log = logging.getLogger(__name__)


def plan_feed(name: str, ledger_conn_id: str, context: Any) -> list[dict[str, Any]]:
    """Plan and return the slices; counts go to XCom under `plan`."""
    check_params(context, FEED_PARAMS, nothing_done="Nothing was sent.")
    feed = load_feed(feeds_dir() / f"{name}.yaml")
    window = run_window(feed, context)
    log.info("feed %s, rows due from %s (by %s)", feed.name, window, window.source)
    engine = open_ledger(ledger_conn_id)
    hook = LeadSquaredHook(feed.leadsquared_conn_id, ledger_conn_id=ledger_conn_id, priority=run_priority(context))
    preview = context["params"].get("mode") == "preview"
    directory = Preflight(hook, engine, keep=not preview).directory()
    if not preview:
        open_send_ledger(engine, hook, context)
    ledger = _ledger(PreviewLedger if preview else PlanLedger, engine, feed, context)
    beside = Beside(looks=not preview, writes=not preview and engine.dialect.name != "sqlite")
    reader = RowReader(feed, datetime.now(UTC), directory)
    shown = Preview() if preview else None
    _warn_of_all_rows(feed)
    with beside, seldom_collected():
        # The query is opened before the plan, so that a warehouse that is down leaves no trace in the ledger.
        with _open_query(feed, window) as (columns, chunks):
            if ignored := check_columns(feed, columns.names):
                log.info("columns of the query that no follow-up has are ignored: %s", ", ".join(ignored))
            ledger.open(kind=run_kind(context), mode=str(context["params"].get("mode", "send")), window=window)
            lookup = RelatedLookup(hook, feed) if feed.check_leads or feed.check_opportunities else None
            planner = Planner(
                feed,
                ledger,
                TableReader(reader, columns),
                payload_builder(feed.marker),
                requeue=context["params"].get("requeue") or "none",
                limit=context["params"].get("limit"),
                lookup=lookup,
                preview=shown,
                beside=beside,
            )
            late = LateRows(columns, window.on_time_from, feed.zone)
            _add(planner, chunks, late.note if window.late else None)
        if feed.keeps_in_step and window.source == "interval" and run_kind(context) == "scheduled":
            _look_back(feed, planner, reader, window)
        if window.source != "params" and run_kind(context) != "backfill":
            planner.add_leftovers()
        counts = planner.finish()
    hook.close()
    recorded = {**counts.as_json(), "late": late.count, "directory": directory.summary}
    ledger.close(recorded)
    slices = cut_slices(ledger.plan_id, counts.batches, feed.batches_per_slice)
    summary = {"plan_id": ledger.plan_id, "window": str(window), **recorded, "slices": len(slices)}
    context["ti"].xcom_push(key=PLAN_KEY, value=summary)
    log.info(
        "%d rows due, %d to send in %d calls and %d mapped tasks; by outcome: %s",
        counts.due, counts.to_send, counts.batches, len(slices), dict(counts.outcomes),
    )  # fmt: skip
    if shown is not None and isinstance(ledger, PreviewLedger):
        for line in preview_lines(shown, counts, ledger.not_sent(), hook.settings):
            log.info("%s", line)
        return []
    poke(ledger.plan_id)
    return [each.as_json() for each in slices]


def _ledger(kind: type[PlanLedger], engine: sa.Engine, feed: Feed, context: Any) -> PlanLedger:
    return kind(
        engine,
        feed=feed.name,
        run_key=run_key(feed.name, context),
        actor=actor(context),
        leadsquared_conn_id=feed.leadsquared_conn_id,
        holds_changes=feed.approval is not None,
    )


def _add(planner: Planner, chunks: Rows, note: Callable[[list[tuple[Any, ...]]], None] | None) -> None:
    progress = Progress(log, "rows read")
    for count in planner.add_all(_noted(chunks, note) if note else chunks):
        progress.add(count, planner.counts.outcomes)
        if planner.is_full:
            break


def _noted(chunks: Rows, note: Callable[[list[tuple[Any, ...]]], None]) -> Rows:
    for chunk in chunks:
        note(chunk)
        yield chunk


def _warn_of_all_rows(feed: Feed) -> None:
    if not reads_window(read_query(feed)):
        log.warning(
            "feed %s: include/sql/%s uses neither :window_start nor :window_end, so that every run reads all its rows: "
            "add WHERE due_at >= :window_start AND due_at < :window_end",
            feed.name, feed.sql,
        )  # fmt: skip


def _look_back(feed: Feed, planner: Planner, reader: RowReader, window: Window) -> None:
    """Read the rows before the window again: what was delivered of them may have changed since."""
    before = Window(start=window.on_time_from - feed.look_back, end=window.start, source=window.source)
    if before.start >= before.end:
        return
    with _open_query(feed, before) as (columns, chunks):
        table = TableReader(reader, columns)
        for chunk in chunks:
            planner.keep_in_step(chunk, table)


def _open_query(feed: Feed, window: Window) -> AbstractContextManager[tuple[Columns, Rows]]:
    bounds = {"window_start": window.start, "window_end": window.end}
    source = f"feed {feed.name}: include/sql/{feed.sql}"
    return open_query(feed.warehouse_conn_id, read_query(feed), bounds, source=source)
