"""The ledger as its page shows it: a run's progress, a feed's trouble, one row's story. Never a payload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from followups.keys import MARKER_LENGTH, delivery_key, marker
from followups.ledger.clock import store_now
from followups.ledger.reading import LedgerReader
from followups.model import State
from followups.report import RunReport, build_report
from followups.schema import (
    OPEN_ROWS,
    OPEN_STATES,
    REFUSED_ROWS,
    REFUSED_STATES,
    attempts,
    batches,
    deliveries,
    plans,
)

#: A call's pace is measured over so long.
PACE = timedelta(seconds=30)
UNSENT_BATCHES = ("open", "claimed", "again")
MAX_TROUBLE = 50
TROUBLE = (State.HELD, State.UNKNOWN, State.REJECTED, State.INVALID)
_SHOWN = [column for column in deliveries.c if column.name not in {"payload", "content_hash"}]


@dataclass(frozen=True, kw_only=True)
class RunView:
    """A run as it stands. `rate` is in calls a second; `seconds_left` None where it cannot be told."""

    feed: str
    run_id: str
    plan_id: int
    kind: str
    mode: str
    window: tuple[datetime | None, datetime | None]
    began_at: datetime
    ended_at: datetime | None
    now: datetime
    planned: bool
    report: RunReport
    calls_all: int
    calls_done: int
    rate: float
    seconds_left: float | None
    lookups: int


class Overview:
    """Reads what the page shows."""

    def __init__(self, engine: sa.Engine) -> None:
        # Looking on must not hold up those who write.
        self._engine = engine.execution_options(reading=True)
        self._reader = LedgerReader(self._engine)

    def run(self, run_key: str) -> RunView | None:
        """Return a run; None where the ledger knows none of that key."""
        plan_ids = self._reader.plan_ids(run_key)
        if not plan_ids:
            return None
        found = [self._reader.plan(plan_id) for plan_id in plan_ids]
        last = found[-1]
        counts = [plan["counts"] for plan in found if plan["counts"]]
        lookups = sum(plan["lookups"] or 0 for plan in found)
        sent, calls = self._reader.sent_counts(plan_ids), self._reader.call_counts(plan_ids)
        report = build_report(counts, sent, calls, lookups)
        now, calls_all, unsent, rate = self._pace(plan_ids)
        return RunView(
            feed=last["feed"],
            run_id=run_key.partition("/")[2],
            plan_id=last["id"],
            kind=last["kind"],
            mode=last["mode"],
            window=(last["window_start"], last["window_end"]),
            began_at=found[0]["created_at"],
            ended_at=last["finished_at"],
            now=now,
            planned=last["counts"] is not None,
            report=report,
            calls_all=calls_all,
            calls_done=calls_all - unsent,
            rate=rate,
            seconds_left=unsent / rate if rate and unsent else None,
            lookups=lookups,
        )

    def run_of_plan(self, plan_id: int) -> tuple[str, str] | None:
        """Return kind and key of the run that a plan belongs to."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(plans.c.kind, plans.c.run_key).where(plans.c.id == plan_id)).first()
        return None if row is None else (row[0], row[1])

    def runs(self, feed: str, limit: int = 20) -> list[Mapping[str, Any]]:
        """Return a feed's last plans, the newest first."""
        p = plans.c
        columns = (p.id, p.run_key, p.kind, p.mode, p.created_at, p.finished_at, p.counts, p.lookups)
        return self._all(sa.select(*columns).where(p.feed == feed).order_by(p.id.desc()).limit(limit))

    def feeds(self) -> list[str]:
        """Return every feed that ever planned."""
        with self._engine.connect() as connection:
            return sorted(connection.execute(sa.select(plans.c.feed).distinct()).scalars())

    def open_rows(self, feed: str) -> list[Mapping[str, Any]]:
        """Count a feed's rows that wait for something, by state, with the time of the oldest change."""
        d = deliveries.c
        columns = (d.state, sa.func.count().label("rows"), sa.func.min(d.updated_at).label("since"))
        return self._all(sa.select(*columns).where(d.feed == feed, OPEN_ROWS).group_by(d.state))

    def trouble(self, feed: str) -> list[Mapping[str, Any]]:
        """Count a feed's rows that were not delivered, by state and reason, the most frequent first."""
        d = deliveries.c
        columns = (
            d.state, d.reason, sa.func.count().label("rows"), sa.func.min(d.updated_at).label("since"),
            sa.func.max(d.updated_at).label("last"),
        )  # fmt: skip
        query = sa.select(*columns).where(d.feed == feed, d.state.in_(TROUBLE)).group_by(d.state, d.reason)
        query = query.order_by(sa.func.count().desc()).limit(MAX_TROUBLE)
        found = [row for indexed in (OPEN_ROWS, REFUSED_ROWS) for row in self._all(query.where(indexed))]
        return sorted(found, key=lambda row: -row["rows"])[:MAX_TROUBLE]

    def rows(self, feed: str, state: str, reason: str | None, limit: int = 100) -> list[Mapping[str, Any]]:
        """Return a feed's rows in a state for a reason, the last changed first."""
        d = deliveries.c
        query = sa.select(*_SHOWN).where(d.feed == feed, d.state == state, d.reason.is_not_distinct_from(reason))
        for states, indexed in ((OPEN_STATES, OPEN_ROWS), (REFUSED_STATES, REFUSED_ROWS)):
            query = query.where(indexed) if state in states else query
        return self._all(query.order_by(d.updated_at.desc()).limit(limit))

    def search(self, text: str, feeds: Sequence[str], limit: int = 20) -> list[Mapping[str, Any]]:
        """Return rows by follow-up id, CRM task id, key, or the marker that a rep reads in the CRM.

        By what is indexed first; a scan of the ledger only where that finds nothing.
        """
        text = text.strip().strip("[]").removeprefix("ref:").strip()
        d = deliveries.c
        keys = [text, *(delivery_key(feed, text) for feed in feeds)]
        chosen = [d.delivery_key.in_(keys)]
        if len(text) == MARKER_LENGTH and text.isalnum():
            # Every key has the same length and alphabet, so this holds in every collation.
            chosen.append(d.delivery_key.between(f"{text}{'2' * 14}", f"{text}{'z' * 14}"))
        found = self._all(sa.select(*_SHOWN).where(sa.or_(*chosen)).limit(limit))
        if found:
            return found
        found = self._all(sa.select(*_SHOWN).where(sa.or_(d.followup_id == text, d.crm_task_id == text)).limit(limit))
        return found or self._by_later_marker(text)

    def story(self, key: str) -> dict[str, Any] | None:
        """Return a row with its timeline and its calls; None if it is not known."""
        row = self._reader.delivery(key)
        if row is None:
            return None
        timeline = self._reader.timeline(key)
        visited = {event["batch_id"] for event in timeline if event["batch_id"]} | {row["batch_id"]}
        a, b = attempts.c, batches.c
        columns = (a.batch_id, a.rows, a.started_at, a.finished_at, a.outcome, a.http_status, a.detail, b.request_id)
        calls = sa.select(*columns).join(batches, b.batch_id == a.batch_id)
        calls = calls.where(a.batch_id.in_([batch_id for batch_id in visited if batch_id])).order_by(a.id)
        with self._engine.connect() as connection:
            run = connection.execute(
                sa.select(plans.c.run_key).where(plans.c.id == row["plan_id"])
            ).scalar_one_or_none()
        return {
            "delivery": {name: row[name] for name in row if name != "content_hash"},
            "marker": marker(key, row["generation"]),
            "run_key": run,
            "timeline": timeline,
            "calls": self._all(calls),
        }

    def _by_later_marker(self, text: str) -> list[Mapping[str, Any]]:
        """Look through rows that were sent anew: their marker is no part of their key."""
        d = deliveries.c
        if len(text) != MARKER_LENGTH:
            return []
        with self._engine.connect() as connection:
            renewed = connection.execute(sa.select(d.delivery_key, d.generation).where(d.generation > 0))
            key = next((each for each, generation in renewed if marker(each, generation) == text), None)
        return self._all(sa.select(*_SHOWN).where(d.delivery_key == key)) if key else []

    def _pace(self, plan_ids: Sequence[int]) -> tuple[datetime, int, int, float]:
        a, b = attempts.c, batches.c
        mine = b.plan_id.in_(plan_ids)
        with self._engine.connect() as connection:
            now = store_now(connection)
            by_state = connection.execute(sa.select(b.state, sa.func.count()).where(mine).group_by(b.state)).all()
            recent = sa.select(sa.func.count(), sa.func.min(a.started_at)).join(batches, b.batch_id == a.batch_id)
            calls, first = connection.execute(recent.where(mine, a.started_at > now - PACE)).one()
        counts: Counter[str] = Counter({row[0]: row[1] for row in by_state})
        seconds = (now - first).total_seconds() if first else 0.0
        unsent = sum(counts[state] for state in UNSENT_BATCHES)
        return now, counts.total(), unsent, calls / max(seconds, 1.0)

    def _all(self, query: sa.Select[Any]) -> list[Mapping[str, Any]]:
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]
