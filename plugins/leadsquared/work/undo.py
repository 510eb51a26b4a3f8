"""Undo what a run created: show what would be deleted, or delete it and see it gone."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from followups.changes import Action, judge
from followups.changing import Changed
from followups.ledger.changing import ended_counts
from followups.ledger.planning import finish_plans
from followups.ledger.reading import LedgerReader
from followups.ledger.undoing import Scope, Undoable, UndoError, UndoLedger
from followups.schema import OPEN_CHANGES
from followups.window import parse_moment
from leadsquared.databases import open_ledger
from leadsquared.hook import LeadSquaredHook
from leadsquared.params import UNDO_PARAMS, check_params
from leadsquared.runs import actor, run_key, run_priority
from leadsquared.work.changing import ChangingHook
from leadsquared.work.in_step import change_plans

#: Under which the ledger keeps undo runs.
UNDO = "undo"
BY_HAND = "run with requeue=held to send it again"

log = logging.getLogger(__name__)


def scope_of(params: Mapping[str, Any]) -> Scope:
    """Return what is to be undone.

    :raises UndoError: the params name nothing, or too much.
    """
    feed, run_id = (str(params.get(name) or "").strip() or None for name in ("feed", "run_id"))
    utc = ZoneInfo("UTC")
    since, until = parse_moment("from", params.get("from"), utc), parse_moment("to", params.get("to"), utc)
    if run_id and (since or until):
        raise UndoError("give `run_id`, or `feed` with `from` and `to`, not both")
    if run_id:
        return Scope(feed=feed, run_id=run_id)
    if not (feed and since and until):
        raise UndoError("say what to undo: `run_id`, or all of `feed`, `from` and `to` (when the tasks were created)")
    if since >= until:
        raise UndoError(f"`from` ({since:%Y-%m-%d %H:%M} UTC) is not before `to` ({until:%Y-%m-%d %H:%M} UTC)")
    return Scope(feed=feed, since=since, until=until)


def preview_undo(ledger_conn_id: str, context: Any) -> dict[str, int]:
    """Log and return what would be deleted and what would be left alone; nothing is changed."""
    scope = _scope(context)
    engine = open_ledger(ledger_conn_id)
    ledger = UndoLedger(engine, scope)
    found = ledger.find()
    hook = LeadSquaredHook(found.leadsquared_conn_id, ledger_conn_id=ledger_conn_id, priority=run_priority(context))
    looking = ChangingHook(hook)
    kept: Counter[str] = Counter()
    deletable = 0
    for chunk in ledger.created():
        seen = looking.look(chunk)
        for change in chunk:
            if change.id not in seen:
                kept["LeadSquared did not tell of it"] += 1
                continue
            verdict = judge(change, seen[change.id], timedelta(0))
            if verdict.action is Action.SEND:
                deletable += 1
            else:
                kept[verdict.reason] += 1
    hook.close()
    log.info("%s: %d CRM tasks were created, %d would be deleted", scope, found.created, deletable)
    for reason, count in kept.most_common():
        log.info("  %8d %s", count, reason)
    _log_open(found)
    log.info("to delete them, run again with mode=send and confirm=%d", found.created)
    return {"created": found.created, "would be deleted": deletable, "left alone": kept.total()}


def undo(ledger_conn_id: str, context: Any) -> Changed:
    """Do one round of the deletion; the first of a run asks for it all, further ones go on with that."""
    engine = open_ledger(ledger_conn_id)
    key = run_key(UNDO, context)
    if not (plans := LedgerReader(engine).plan_ids(key)):
        plans = [_ask(engine, key, context)]
    conn_id = LedgerReader(engine).plan(plans[0])["leadsquared_conn_id"]
    return change_plans(engine, plans, conn_id, ledger_conn_id, context)


def end_undo(ledger_conn_id: str, context: Any) -> dict[str, int]:
    """Log and return what came of an undo run.

    :raises UndoError: LeadSquared did not delete all that it was asked to.
    """
    engine = open_ledger(ledger_conn_id)
    plans = LedgerReader(engine).plan_ids(run_key(UNDO, context))
    finish_plans(engine, plans)
    counts: Counter[str] = Counter()
    for (_, state, reason), count in ended_counts(engine, plans).items():
        counts[state] += count
        log.info("%8d %s%s", count, "deleted" if state == "done" else state, f": {reason}" if reason else "")
    if left := sum(counts[state] for state in OPEN_CHANGES):
        log.warning("%d CRM tasks are not seen deleted yet: reconcile goes on with them", left)
    if counts["refused"]:
        raise UndoError(f"LeadSquared did not delete {counts['refused']} CRM tasks: see the log and their timelines")
    return {"deleted": counts["done"], "left alone": counts["skipped"]}


def _ask(engine: sa.Engine, key: str, context: Any) -> int:
    scope = _scope(context)
    ledger = UndoLedger(engine, scope)
    found = ledger.find()
    if context["params"].get("confirm") != found.created:
        raise UndoError(
            f"{scope}: {found.created} CRM tasks were created; "
            f"to delete those that no person touched, run again with confirm={found.created}"
        )
    _log_open(found)
    run = context["dag_run"]
    who = getattr(run, "triggering_user_name", None)
    by = f"{who}, {run.run_id}" if isinstance(who, str) and who else run.run_id
    return ledger.ask(found, run_key=key, actor=actor(context), why=f"undone by {by}; {BY_HAND}")


def _scope(context: Any) -> Scope:
    check_params(context, UNDO_PARAMS, nothing_done="Nothing was deleted.")
    return scope_of(context["params"])


def _log_open(found: Undoable) -> None:
    if found.unsettled:
        log.warning("%d more were sent and are not settled: undo again when they are", found.unsettled)
    if found.changing:
        log.warning("%d have another change under way: undo again when it is done", found.changing)
