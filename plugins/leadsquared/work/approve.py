"""Ask a person whether a run may be sent, and do what the answer says."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import Any

from followups.feeds import Feed, feeds_dir, load_feed
from followups.ledger import held_changes
from followups.ledger.asking import NOT_APPROVED
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
    if context["params"].get("mode") == "preview":
        return None
    engine = open_ledger(ledger_conn_id)
    reader = LedgerReader(engine)
    plans = reader.plan_ids(run_key(feed.name, context))
    ledger = KeepBackLedger(engine, actor=actor(context))
    by_type, calls = ledger.waiting(plans)
    by_kind = held_changes.waiting(engine, plans)
    if feed.approval is None or max(by_type.total(), by_kind.total()) <= feed.approval.above_rows:
        held_changes.release(engine, plans)
        log.info("%d rows to send and %d CRM tasks to change: no approval needed", by_type.total(), by_kind.total())
        return None
    settings = LeadSquaredHook(feed.leadsquared_conn_id, ledger_conn_id=ledger_conn_id).settings
    subject = _subject(feed, by_type.total(), by_kind)
    body = "\n".join(_lines(feed, reader.plan(plans[-1]), by_type, by_kind, calls, settings))
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
        held_changes.release(engine, plans)
        log.info("approved by %s", _name_of(by))
        return
    hours = feed.approval.timeout_hours if feed.approval else 0
    reason = f"{NOT_APPROVED} by {_name_of(by)}" if by else f"{NOT_APPROVED}: no answer within {hours:g} h"
    dropped = held_changes.drop(engine, plans, reason, actor=actor(context))
    held = ledger.hold(plans, reason)
    log.warning(
        "%d rows are held, %d changes to CRM tasks are not made: %s; a run with requeue=held sends the rows, and the "
        "next run asks about the changes again",
        held, dropped, reason,
    )  # fmt: skip


def _subject(feed: Feed, rows: int, by_kind: Mapping[str, int]) -> str:
    changes = [f"{kind} {count} CRM tasks" for kind, count in sorted(by_kind.items())]
    return f"{feed.name}: {', '.join([*([f'send {rows} follow-ups'] if rows else []), *changes])}?"


def _lines(
    feed: Feed,
    plan: Mapping[str, Any],
    by_type: Mapping[str, int],
    by_kind: Mapping[str, int],
    calls: int,
    settings: ConnectionSettings,
) -> list[str]:
    window = [plan["window_start"], plan["window_end"]]
    kept = {outcome: count for outcome, count in plan["counts"]["outcomes"].items() if outcome not in {"new", "again"}}
    seconds = ceil(calls * settings.period_seconds / (settings.calls * (1 - settings.headroom)))
    assert feed.approval is not None
    return [
        f"Feed `{feed.name}`, due from {window[0]:%Y-%m-%d %H:%M} to {window[1]:%Y-%m-%d %H:%M} UTC.",
        "",
        *_counted("To send, by task type:", by_type),
        *_counted("CRM tasks to be changed, as their rows changed or were cancelled:", by_kind),
        *_counted("Not sent:", kept),
        f"{calls} calls to send, at least {_duration(seconds)} at the account's limit.",
        f"Approve: all of it is done. Reject, or no answer within {feed.approval.timeout_hours:g} h: rows are held, "
        "and a run with `requeue` = `held` sends them; CRM tasks stay as they are, and the next run asks again.",
    ]


def _counted(title: str, counts: Mapping[str, int]) -> list[str]:
    if not counts:
        return []
    return [title, "", *(f"- {count} {word}" for word, count in sorted(counts.items(), key=lambda each: -each[1])), ""]


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{ceil(seconds / 60)} min"


def _name_of(user: Any) -> str:
    """Return the name of whoever answered in Airflow, which hands it on as a mapping or as an object."""
    given = user if isinstance(user, Mapping) else getattr(user, "__dict__", {})
    return str(given.get("name") or given.get("id") or "a person")
