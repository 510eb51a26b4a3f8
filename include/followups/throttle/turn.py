"""One call's turn: reserve a slot, sleep until it, make sure that it still holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from followups.throttle.days import day_of, next_reset
from followups.throttle.errors import DailyQuotaReached, SlotsMissed, ThrottleError, WaitStopped
from followups.throttle.policy import (
    GUARD,
    LEAD,
    LOOK_AHEAD,
    TOLERANCE,
    BucketState,
    RateLimit,
    next_slot,
    rewound,
    spacing,
)
from followups.throttle.priority import Priority
from followups.throttle.store import Request, Reservation, SlotStore

#: So many slots in a row may be missed before the process is judged too slow.
MAX_MISSES = 8
#: A statement on its way for longer than this leaves the moment of the slot unknown.
MAX_TRANSIT = 0.250
#: A slot is lost if a more urgent call has one that is nearer to it, or later, than this share of a spacing.
OVERTAKEN = 0.9
#: How long a call that is prepared may wait for another slot; else it leaves late.
MAX_HELD = 5.0
#: How often a sleeper asks whether it should stop.
STOP_POLL = 0.5


@dataclass(kw_only=True)
class Turn:
    """What one call's steps share: `stop` ends its sleep, and buckets in `counted` have counted it for the day.

    `may_insist` is asked when others came first: true makes the call as urgent as any.
    """

    store: SlotStore
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    stop: Callable[[], bool] | None
    may_insist: Callable[[], bool] = lambda: False
    counted: set[str] = field(default_factory=set)

    def take(
        self,
        request: Request,
        limit: RateLimit,
        *,
        heed_bulk: bool = False,
        early: bool = False,
        longest: float = math.inf,
    ) -> Reservation | None:
        """Return a slot when it is due; with `early` as soon as nobody can take it away, up to PREPARE before.

        None, with `heed_bulk`, if bulk calls turn out to have a limit; also if no slot is nearer than `longest`.
        """
        misses = 0
        while misses < MAX_MISSES:
            slot = self._reserve(request, limit, longest)
            if slot is None or slot.wait > longest or (heed_bulk and slot.bulk_learned):
                return None
            if slot.wait > GUARD:
                self._sleep_until(slot.due - max(LOOK_AHEAD, slot.transit))
                standing = self.store.look(request)
                if heed_bulk and standing is not None and standing.bulk_learned:
                    return None
                if standing is None or standing.series != slot.series:
                    continue
                if standing.urgent_at > slot.at - OVERTAKEN * slot.spacing:
                    if self.may_insist():
                        request = replace(request, priority=Priority.SCHEDULED)
                    continue
            if not early:
                self._sleep_until(slot.due)
            late = self.clock() - slot.due
            if late <= TOLERANCE and slot.transit <= MAX_TRANSIT:
                return slot
            misses += 1
            # What made this one late may be there each time: a distant store, or slow commits.
            request = replace(request, lead=max(request.lead, LEAD + min(max(late, 0.0), MAX_TRANSIT)))
        raise SlotsMissed(
            f"{MAX_MISSES} rate slots in a row were missed by more than {TOLERANCE * 1000:.0f} ms, so nothing is sent: "
            "this machine is overloaded, or the ledger's database is too far away."
        )

    def use(self, slot: Reservation, prepare: Callable[[], None], request: Request, limit: RateLimit) -> Reservation:
        """Run `prepare` before a slot that was taken early is due, and return it then; raise what `prepare` raises.

        Where that took too long another slot is waited for, if one is near: what was prepared must not wait for ever.
        """
        prepare()
        if (left := slot.due - self.clock()) > 0:
            self.sleep(left)
        if self.clock() - slot.due <= TOLERANCE:
            return slot
        try:
            return self.take(request, limit, longest=MAX_HELD) or slot
        except ThrottleError:
            return slot

    def _reserve(self, request: Request, limit: RateLimit, longest: float) -> Reservation | None:
        """Return a slot; None where bulk calls have no place for `longest`."""
        while True:
            self._check_stop()
            slot = self.store.reserve(replace(request, count=0 if request.bucket in self.counted else 1))
            if slot is not None:
                self.counted.add(request.bucket)
                return slot
            now, rows = self.store.read(request.account)
            state = rows.get(request.bucket)
            if state is None:
                self.store.create(request.account, request.bucket)
                continue
            raise_if_spent(state, request, limit, now)
            between = spacing(limit, state)
            slot_at = next_slot(state, now, between, priority=request.priority, lead=request.lead)
            until_bulk = rewound(state, now).bulk_at + request.bulk_spacing - slot_at
            if until_bulk > longest:
                return None
            self._sleep_until(self.clock() + until_bulk)

    def _sleep_until(self, moment: float) -> None:
        while (left := moment - self.clock()) > 0:
            self._check_stop()
            self.sleep(left if self.stop is None else min(left, STOP_POLL))

    def _check_stop(self) -> None:
        if self.stop is not None and self.stop():
            raise WaitStopped("The wait for a rate slot was stopped; nothing was sent.")


def raise_if_spent(state: BucketState, request: Request, limit: RateLimit, now: float) -> None:
    """Raise DailyQuotaReached if the row has no call left for the day."""
    today = day_of(now, request.offset)
    if state.closed_day == today:
        raise DailyQuotaReached(next_reset(now, limit.daily_zone))
    if limit.daily_share is not None and state.day == today and state.day_calls >= limit.daily_share:
        raise DailyQuotaReached(next_reset(now, limit.daily_zone), limit.daily_share)
    made = state.backfill_calls if state.day == today else 0
    if request.is_backfill and limit.backfill_calls is not None and made >= limit.backfill_calls:
        raise DailyQuotaReached(next_reset(now, limit.daily_zone), limit.backfill_calls, backfills_only=True)
