"""Keep one account-wide limit across processes, threads and hosts.

    throttle = Throttle(engine, account, RateLimit(calls=25, period_seconds=5))
    throttle.wait("bulk")            # returns when the call may go out
    throttle.refused("bulk", limit=(10, 5.0))    # if it was refused all the same

**Slots.** Calls are spaced evenly, which is safe whatever window LeadSquared counts by. One row of `rate_slots` for
each account and bucket holds the last slot given out. One atomic statement moves it on, in the database's clock, so
that the clocks of workers do not matter; the caller sleeps until its slot on its own monotonic clock. First come,
first served; a process that dies loses its slot and nothing else. A slot that is missed, because its process was
stopped or starved, is void, and another is taken. What a call needs done before it leaves is done just before its slot
is due (`prepare`), so that calls leave evenly.

**Refusals** widen the spacing for a while. A refusal that names a lower limit lowers it for everybody until a person
raises it (`forget_learned`); one that asks for a pause, or closes the day, holds for everybody too. These begin a new
series of slots. A caller that has slept looks at the row once more, a read of one row, just before its slot: if its
slot is of an old series it takes another. Thus the queue that was formed at the old pace does not run on into more
refusals.

**Buckets.** Every call takes a slot of "normal", and the daily quota counts those. A call of "bulk" is held to the
limit of "bulk" as well, if there is one: set, or learned when a bulk call is told a number below the normal limit.
Such a call first queues for a bulk slot, then takes a normal one. The wait for the second varies, so the normal row
also remembers its last bulk call and lets the next one in no sooner than the bulk spacing after it. Without a bulk
limit a bulk call costs the normal statement alone; that statement, and the look before the slot, tell in passing
whether one has been learned.

**Priorities.** Calls of one kind of run are served in the order of asking. A call of a more urgent kind goes ahead of
the others' queue: it takes the first place that one of them holds. The row remembers for each kind how far it has come,
so whoever held that place finds out by the look before its slot, and takes another, at the end. Calls that compete
with none more urgent never notice. A process that was passed by for half a minute takes one slot as if it were first.

**The day.** Calls are counted by the day, those of backfills also apart, and checked by the same statement.

**The clock.** If the database's clock steps back, as after a failover, the row's instants step back with it, so that
order and spacing stay.
"""

from followups.throttle.errors import DailyQuotaReached, SlotsMissed, ThrottleError, ThrottleUnavailable, WaitStopped
from followups.throttle.policy import BULK, FOREIGN_TRAFFIC, NORMAL, RateLimit, Widening
from followups.throttle.priority import Priority
from followups.throttle.status import BucketStatus
from followups.throttle.table import rate_slots
from followups.throttle.throttle import Slot, Throttle

__all__ = [
    "BULK",
    "FOREIGN_TRAFFIC",
    "NORMAL",
    "BucketStatus",
    "DailyQuotaReached",
    "Priority",
    "RateLimit",
    "Slot",
    "SlotsMissed",
    "Throttle",
    "ThrottleError",
    "ThrottleUnavailable",
    "WaitStopped",
    "Widening",
    "rate_slots",
]
