"""What the ledger calls an Airflow run: its key, its kind, its window."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from followups.feeds import Feed
from followups.throttle.priority import Priority
from followups.window import Window, resolve_window
from leadsquared.names import inline_run_id


def run_key(feed: str, context: Any) -> str:
    """Return the key of a run in the ledger: the same for every try, every clearing and every mapped task."""
    return f"{feed}/{context['dag_run'].run_id}"


def inline_run_key(feed: str, context: Any) -> str:
    """Return the key under which one task's inline rows are planned: the same for every try and clearing of it."""
    return f"{feed}/{inline_run_id(context['ti'])}"


def run_kind(context: Any) -> str:
    """Return scheduled, manual, backfill or asset."""
    kind = str(getattr(context["dag_run"].run_type, "value", context["dag_run"].run_type))
    return {"asset_triggered": "asset"}.get(kind, kind)


def run_priority(context: Any) -> Priority:
    """Return how urgent a run's calls are."""
    kind = run_kind(context)
    if kind == "backfill":
        return Priority.BACKFILL
    if context["params"].get("requeue") not in {None, "none"}:
        return Priority.REQUEUE
    return Priority.MANUAL if kind == "manual" else Priority.SCHEDULED


def actor(context: Any) -> str:
    """Return who writes to the ledger, for the event log and for leases: unlike any other process at the same time."""
    return _actor(context["ti"], context["ti"].try_number)


def earlier_tries(context: Any) -> list[str]:
    """Return what the tries of this task before this one are called; Airflow has done with them, or given them up."""
    return [_actor(context["ti"], number) for number in range(1, context["ti"].try_number)]


def _actor(ti: Any, try_number: int) -> str:
    return f"{ti.dag_id}/{ti.run_id}/{ti.task_id}[{ti.map_index}] try {try_number}"


def task_url(context: Any) -> str:
    """Return the address of the task's page, where its log, and a question that it asks, are shown."""
    return str(context["ti"].log_url)


def run_window(feed: Feed, context: Any) -> Window:
    """Return the due dates that this run covers."""
    params = context["params"]
    run = context["dag_run"]
    # Runs without a date have no such keys in their context: see the window's rules.
    interval = (context.get("data_interval_start"), context.get("data_interval_end"))
    return resolve_window(
        given=(params.get("from"), params.get("to")),
        interval=interval,
        run_type=run_kind(context),
        now=(getattr(run, "run_after", None) or datetime.now(UTC)).astimezone(UTC),
        look_back=feed.look_back,
        zone=feed.zone,
        ahead=feed.ahead,
        late=feed.late,
    )
