"""The account's rate as its callers see it: wait for a slot, say what was refused, show how things stand."""

from __future__ import annotations

import logging
import math
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

import sqlalchemy as sa

from followups.throttle.days import DAY, day_of, utc_offset
from followups.throttle.policy import (
    AFTER_MIDNIGHT,
    BULK,
    LEAD,
    MIDNIGHT_PAUSE,
    NORMAL,
    PREPARE,
    BucketState,
    RateLimit,
    Widening,
    after_refusal,
    blamed,
    in_force,
    told_limit,
)
from followups.throttle.priority import Priority
from followups.throttle.status import BucketStatus, bucket_status
from followups.throttle.store import Request, Reservation, SlotStore
from followups.throttle.turn import Turn

#: A process that more urgent calls have kept waiting for so long takes one slot as if it were one of them.
PATIENCE = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Leave to send one call, now. `at` is the store's clock in UTC; `calls_today` counts this call too."""

    bucket: str
    at: datetime
    waited_seconds: float
    calls_today: int


class Throttle:
    """The slots of one account, shared by every process that uses the same database.

    Make it after a fork, in the process that uses it; its threads may share it. `account` names the row and is never
    logged. `priority` is that of the run whose calls these are. `bucket_limits` may hold a limit for "bulk". Tests
    replace `clock` and `sleep`, and the store's clock by `store`.
    """

    def __init__(
        self,
        engine: sa.Engine,
        account: str,
        limit: RateLimit,
        *,
        priority: Priority = Priority.SCHEDULED,
        bucket_limits: Mapping[str, RateLimit] | None = None,
        widening: Widening | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        store: SlotStore | None = None,
    ) -> None:
        given = dict(bucket_limits or {})
        if unknown := sorted(set(given) - {BULK}):
            raise ValueError(f"bucket_limits knows the bucket 'bulk' alone, not {', '.join(unknown)}")
        self._account = account
        self._priority = priority
        self._limits = {NORMAL: limit, BULK: given.get(BULK, replace(limit, daily_calls=None))}
        self._bulk_configured = BULK in given
        self._bulk_limited = self._bulk_configured
        self._widening = widening or Widening()
        self._clock = clock
        self._sleep = sleep
        self._served_at = clock()
        self._lock = threading.Lock()
        self._store = store or SlotStore(engine, monotonic=clock)
        self._closed = weakref.finalize(self, self._store.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the store."""
        self._closed()

    def wait(
        self,
        bucket: str = NORMAL,
        *,
        stop: Callable[[], bool] | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> Slot:
        """Take the next slot, sleep until it, and return: the call must go out at once.

        `prepare` is run once, shortly before the slot is due, when nothing can take it away any more; what it raises is
        raised, and after it nothing else. Work that a call needs done goes there, so that calls leave evenly all the
        same.

        Raise DailyQuotaReached if the day is used up, ThrottleUnavailable if the store does not answer, SlotsMissed
        if this process is too slow, WaitStopped once `stop()` is true (asked every half second).
        """
        _check_bucket(bucket)
        started = self._clock()
        turn = Turn(
            store=self._store, clock=self._clock, sleep=self._sleep, stop=stop, may_insist=lambda: self._insist(started)
        )
        slot = None
        while slot is None:
            between = self._pass_bulk(turn) if bucket == BULK and self._bulk_limited else 0.0
            heed_bulk = bucket == BULK and not self._bulk_limited
            request = self._request(NORMAL, between)
            if prepare is not None:
                request = replace(request, lead=PREPARE)
            slot = turn.take(request, self._limits[NORMAL], heed_bulk=heed_bulk, early=prepare is not None)
            self._bulk_limited = self._bulk_limited or slot is None
        if prepare is not None:
            slot = turn.use(slot, prepare, self._request(NORMAL, between), self._limits[NORMAL])
        self._served_at = self._clock()
        return Slot(
            bucket=bucket,
            at=datetime.fromtimestamp(slot.at, UTC),
            waited_seconds=self._served_at - started,
            calls_today=slot.day_calls,
        )

    def refused(
        self,
        bucket: str = NORMAL,
        *,
        limit: tuple[int, float] | None = None,
        retry_after: float | None = None,
        daily: bool = False,
    ) -> None:
        """Take in that LeadSquared refused a call of `bucket`.

        `limit` is the (calls, seconds) that the refusal named, `retry_after` the seconds that it asked for, `daily`
        whether it closed the day; a limit per day or longer does that too. Numbers that make no sense are passed over.
        """
        _check_bucket(bucket)
        told = told_limit(limit)
        daily = daily or (told is not None and told[1] >= DAY)
        pause = retry_after if retry_after is not None and math.isfinite(retry_after) and retry_after > 0 else None

        def change(now: float, rows: dict[str, BucketState]) -> list[BucketState]:
            if daily:
                return [self._close_day(rows[NORMAL], now)]
            limited = self._bulk_configured or (BULK in rows and rows[BULK].learned is not None)
            names = blamed(bucket, told, in_force(self._limits[NORMAL], rows[NORMAL].learned), limited)
            return [self._after_refusal(rows[name], now, told, pause) for name in names]

        self._store.create(self._account, *([NORMAL, BULK] if bucket == BULK else [NORMAL]))
        self._store.change(self._account, change)

    def status(self) -> list[BucketStatus]:
        """Return how the buckets stand; "bulk" only if it has a limit."""
        now, rows = self._store.read(self._account)
        states = [rows.get(NORMAL, BucketState(bucket=NORMAL))]
        bulk = rows.get(BULK, BucketState(bucket=BULK))
        if self._bulk_configured or bulk.learned is not None:
            states.append(bulk)
        return [bucket_status(state, self._limits[state.bucket], now) for state in states]

    def forget_learned(self, bucket: str = NORMAL) -> None:
        """Go back to the settings' limit, and take the day for open: a person's decision, never the program's."""
        _check_bucket(bucket)

        def change(_now: float, rows: dict[str, BucketState]) -> list[BucketState]:
            state = rows.get(bucket)
            if state is None:
                return []
            return [replace(state, learned_calls=None, learned_period=None, closed_day=None)]

        self._store.change(self._account, change)

    def _pass_bulk(self, turn: Turn) -> float:
        """Wait for a slot of the bulk bucket; return its spacing, or 0 if its limit was forgotten meanwhile."""
        slot: Reservation | None = turn.take(self._request(BULK, 0.0), self._limits[BULK])
        if slot is None or not (self._bulk_configured or slot.learned_calls):
            self._bulk_limited = False
            return 0.0
        return slot.spacing

    def _request(self, bucket: str, bulk_spacing: float) -> Request:
        limit, is_backfill = self._limits[bucket], self._priority is Priority.BACKFILL
        return Request(
            account=self._account,
            bucket=bucket,
            calls=limit.calls,
            period=float(limit.period_seconds),
            margin=float(limit.margin_seconds),
            share=float(limit.share),
            shrink=self._widening.shrink,
            lead=LEAD,
            offset=utc_offset(limit.daily_zone),
            daily_calls=-1 if limit.daily_share is None else limit.daily_share,
            priority=self._priority,
            is_backfill=is_backfill,
            backfill_calls=limit.backfill_calls if is_backfill and limit.backfill_calls is not None else -1,
            bulk_spacing=bulk_spacing,
        )

    def _insist(self, started: float) -> bool:
        """Tell whether a call that waits since `started` may go first: one of this process in PATIENCE."""
        with self._lock:
            now = self._clock()
            if now - max(started, self._served_at) < PATIENCE:
                return False
            self._served_at = now
            return True

    def _close_day(self, normal: BucketState, now: float) -> BucketState:
        offset = utc_offset(self._limits[NORMAL].daily_zone)
        today = day_of(now, offset)
        if day_of(now - AFTER_MIDNIGHT, offset) != today:
            return self._after_refusal(normal, now, None, MIDNIGHT_PAUSE)
        log.warning("LeadSquared refused a call for the day: no more calls are made until the quota resets.")
        return replace(normal, closed_day=today, series=normal.series + 1, refusals=normal.refusals + 1, refused_at=now)

    def _after_refusal(
        self, state: BucketState, now: float, told: tuple[int, float] | None, pause: float | None
    ) -> BucketState:
        limit = self._limits[state.bucket]
        changed = after_refusal(state, limit, now=now, told=told, retry_after=pause, widening=self._widening)
        if changed.learned != state.learned and changed.learned is not None:
            calls, period = changed.learned
            log.warning("LeadSquared allows %d calls in %g s (%s): the pace is lowered.", calls, period, state.bucket)
        else:
            log.info("LeadSquared refused a call (%s): windows are %.2f s wider.", state.bucket, changed.extra)
        return changed


def _check_bucket(bucket: str) -> None:
    if bucket not in (NORMAL, BULK):
        raise ValueError(f"a bucket is 'normal' or 'bulk', not {bucket!r}")
