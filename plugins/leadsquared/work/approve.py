"""Ask a person whether a run may be sent, and do what the answer says."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import Any

from followups.feeds import Feed, feeds_dir, load_feed
from followups.ledger.keeping import KeepBackLedger
from followups.ledger.reading import LedgerReader
from leadsquared.connection import ConnectionSettings
from leadsquared.databases import open_ledger
from leadsquared.hook import LeadSquaredHook
from leadsquared.notifying import tell
from leadsquared.runs import actor, run_key, task_url

log = logging.getLogger(__name__)

#: An answer that comes at the last moment takes Airflow a while to hand on; meanwhile the rows are still the run's.
GRACE = timedelta(minutes=30)


def ask(name: str, ledger_conn_id: str, context: Any) -> tuple[str, str] | None:
    """Return subject and text of the question, None where the run needs no approval; marks the run as waiting."""
    feed = load_feed(feeds_dir() / f"{name}.yaml")
    if feed.approval is None or context["params"].get("mode") == "preview":
        return None
    engine = open_ledger(ledger_conn_id)
    reader = LedgerReader(engine)
    plans = reader.plan_ids(run_key(feed.name, context))
    ledger = KeepBackLedger(engine, actor=actor(context))
    by_type, calls = ledger.waiting(plans)
    if by_type.total() <= feed.approval.above_rows:
        log.info("%d rows to send, approval is asked for above %d", by_type.total(), feed.approval.above_rows)
        return None
    settings = LeadSquaredHook(feed.leadsquared_conn_id, ledger_conn_id=ledger_conn_id).settings
    subject = f"{feed.name}: send {by_type.total()} follow-ups?"
    body = "\n".join(_lines(feed, reader.plan(plans[-1]), by_type, calls, settings))
    ledger.wait(plans, feed.approval.timeout + GRACE)
    log.info("%s\n%s", subject, body)
    tell(feed, f"approval asked for: {subject}", [*body.splitlines(), "", f"Answer at {task_url(context)}"])
    return subject, body


def answer(name: str, ledger_conn_id: str, context: Any, *, approved: bool, by: Any) -> None:
    """Let the run go on, or hold its rows."""
    feed = load_feed(feeds_dir() / f"{name}.yaml")
    engine = open_ledger(ledger_conn_id)
    plans = LedgerReader(engine).plan_ids(run_key(feed.name, context))
    ledger = KeepBackLedger(engine, actor=actor(context))
    if approved:
        ledger.go_on(plans)
        log.info("approved by %s", _name_of(by))
        return
    hours = feed.approval.timeout_hours if feed.approval else 0
    reason = f"not approved by {_name_of(by)}" if by else f"not approved: no answer within {hours:g} h"
    held = ledger.hold(plans, reason)
    log.warning("%d rows are held: %s; a run with requeue=held sends them", held, reason)


def _lines(
    feed: Feed, plan: Mapping[str, Any], by_type: Mapping[str, int], calls: int, settings: ConnectionSettings
) -> list[str]:
    window = [plan["window_start"], plan["window_end"]]
    kept = {outcome: count for outcome, count in plan["counts"]["outcomes"].items() if outcome not in {"new", "again"}}
    seconds = ceil(calls * settings.period_seconds / (settings.calls * (1 - settings.headroom)))
    assert feed.approval is not None
    return [
        f"Feed `{feed.name}`, due from {window[0]:%Y-%m-%d %H:%M} to {window[1]:%Y-%m-%d %H:%M} UTC.",
        "",
        "To send, by task type:",
        "",
        *(f"- {count} {task_type}" for task_type, count in sorted(by_type.items(), key=lambda each: -each[1])),
        "",
        *(["Not sent:", "", *(f"- {count} {outcome}" for outcome, count in kept.items()), ""] if kept else []),
        f"{calls} calls, at least {_duration(seconds)} at the account's limit.",
        f"Approve: they are sent. Reject, or no answer within {feed.approval.timeout_hours:g} h: they are held, and a "
        "run with `requeue` = `held` sends them.",
    ]


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{ceil(seconds / 60)} min"


def _name_of(user: Any) -> str:
    """Return the name of whoever answered in Airflow, which hands it on as a mapping or as an object."""
    given = user if isinstance(user, Mapping) else getattr(user, "__dict__", {})
    return str(given.get("name") or given.get("id") or "a person")
