"""Runs of planning and sending over a ledger, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from followups.feeds import Feed
from followups.ledger.planning import RUN_SILENT_AFTER, PlanLedger, finish_plans
from followups.ledger.sending import Claim, Intent, SendLedger
from followups.model import Outcome, OutcomeKind
from followups.planning.counts import PlanCounts
from followups.planning.decisions import Requeue
from followups.planning.planner import Planner
from followups.schema import batches, deliveries, plans
from tests.support.follow_ups import build_payload, make_feed, make_reader

ACCEPTED = Outcome(kind=OutcomeKind.ACCEPTED, http_status=200, request_id="1700000001")
REFUSED = Outcome(kind=OutcomeKind.REFUSED, http_status=429, detail="too many calls")
REJECTED = Outcome(kind=OutcomeKind.REJECTED, http_status=500, detail="MXInvalidInputException: no")
UNAUTHORISED = Outcome(kind=OutcomeKind.UNAUTHORISED, http_status=401, detail="wrong keys")
UNKNOWN = Outcome(kind=OutcomeKind.UNKNOWN, detail="timeout")
OUTCOMES = {outcome.kind: outcome for outcome in (ACCEPTED, REFUSED, REJECTED, UNAUTHORISED, UNKNOWN)}


def open_plan(engine: sa.Engine, run: str = "run-1", feed: Feed | None = None) -> PlanLedger:
    """Begin a plan."""
    ledger = PlanLedger(engine, feed=(feed or make_feed()).name, run_key=run, actor=run)
    ledger.open(kind="manual", mode="send", window=None)
    return ledger


def make_planner(ledger: PlanLedger, feed: Feed | None = None, **options: Any) -> Planner:
    feed = feed or make_feed()
    return Planner(feed, ledger, make_reader(feed), build_payload, **options)


def plan(
    engine: sa.Engine,
    rows: Sequence[Mapping[str, Any]] = (),
    *more_chunks: Sequence[Mapping[str, Any]],
    run: str = "run-1",
    feed: Feed | None = None,
    requeue: Requeue = "none",
    limit: int | None = None,
    leftovers: bool = False,
    closed: bool = True,
) -> tuple[int, PlanCounts]:
    """Plan a run of some chunks; return the plan's id and counts."""
    ledger = open_plan(engine, run, feed)
    planner = make_planner(ledger, feed, requeue=requeue, limit=limit)
    for chunk in (rows, *more_chunks):
        planner.add(chunk)
    if leftovers:
        planner.add_leftovers()
    counts = planner.finish()
    if closed:
        ledger.close(counts.as_json())
    return ledger.plan_id, counts


def sender_of(engine: sa.Engine, owner: str = "a", lease_seconds: float = 300) -> SendLedger:
    return SendLedger(engine, owner=owner, lease=timedelta(seconds=lease_seconds))


def batch_ids(engine: sa.Engine, plan_id: int) -> list[str]:
    """All batches of a plan."""
    query = sa.select(batches.c.batch_id).where(batches.c.plan_id == plan_id).order_by(batches.c.batch_id)
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def take(ledger: SendLedger, batch_id: str) -> tuple[Claim, Intent]:
    """Claim a batch and commit the intent."""
    claim = ledger.claim(batch_id)
    assert claim is not None
    intent = ledger.begin(claim, f"{batch_id}/{claim.token}/{claim.owner}")
    assert intent is not None
    return claim, intent


def send(engine: sa.Engine, plan_id: int, outcome: Outcome = ACCEPTED) -> int:
    """Send every open batch of a plan with the same outcome; return how many."""
    ledger = sender_of(engine)
    found = ledger.open_batches(f"{plan_id}-", f"{plan_id}-9")
    for batch_id in found:
        claim, _ = take(ledger, batch_id)
        ledger.record(claim, outcome)
    return len(found)


def die(engine: sa.Engine, *plan_ids: int) -> None:
    """Let the plans' runs fall silent for longer than others wait."""
    long_ago = datetime.now(UTC) - RUN_SILENT_AFTER - timedelta(minutes=1)
    with engine.begin() as connection:
        connection.execute(sa.update(plans).where(plans.c.id.in_(plan_ids)).values(heartbeat_at=long_ago))


def end(engine: sa.Engine, *plan_ids: int) -> None:
    """Let the plans' runs end."""
    finish_plans(engine, plan_ids)


def expire(engine: sa.Engine, batch_id: str) -> None:
    """Let the lease of a batch run out."""
    past = datetime.now(UTC) - timedelta(hours=1)
    with engine.begin() as connection:
        connection.execute(sa.update(batches).where(batches.c.batch_id == batch_id).values(lease_until=past))


def rows_of(engine: sa.Engine) -> list[dict[str, Any]]:
    """All deliveries."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(deliveries).order_by(deliveries.c.id)).mappings()]


def states(engine: sa.Engine) -> dict[str, str]:
    """State by follow-up id."""
    return {row["followup_id"]: row["state"] for row in rows_of(engine)}


def counted(engine: sa.Engine) -> Counter[str]:
    return Counter(row["state"] for row in rows_of(engine))


def batch(engine: sa.Engine, batch_id: str) -> dict[str, Any]:
    with engine.connect() as connection:
        return dict(connection.execute(sa.select(batches).where(batches.c.batch_id == batch_id)).mappings().one())


def one(rows: Iterable[dict[str, Any]], followup_id: str) -> dict[str, Any]:
    return next(row for row in rows if row["followup_id"] == followup_id)


class CrashError(BaseException):
    """The process dies here."""


@contextmanager
def crash_at_write(engine: sa.Engine, nth: int) -> Iterator[None]:
    """Let the process die at the nth statement that would change the ledger; its transaction is lost."""
    count = 0

    def die_maybe(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal count
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE")):
            count += 1
            if count == nth:
                raise CrashError

    sa.event.listen(engine, "before_cursor_execute", die_maybe)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", die_maybe)


@contextmanager
def explained(engine: sa.Engine, *words: str) -> Iterator[list[str]]:
    """Yield how the database finds the rows of each statement that holds all these words."""
    sqlite = engine.dialect.name == "sqlite"
    found: list[str] = []

    def explain(_: object, cursor: Any, statement: str, parameters: Any, *__: object) -> None:
        if all(word in statement for word in words):
            if not sqlite:
                cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {'QUERY PLAN ' * sqlite}{statement}", parameters)
            found.append(" ".join(str(row[-1]) for row in cursor.fetchall()))

    sa.event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", explain)
