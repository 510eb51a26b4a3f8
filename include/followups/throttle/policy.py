"""The rules of pacing, pure: how far apart slots lie, what a refusal changes. All in seconds.

`store.py` says the same in SQL, so that one statement can apply it; a contract test holds the two together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from followups.throttle.priority import QUEUES, Priority

#: A slot is never nearer than this when it is given out: it hides the store's latency.
LEAD = 0.020
#: A slot missed by more than this is void: sent late, two calls would arrive together.
TOLERANCE = 0.030
#: A slot further away than GUARD is looked at again this long before it is due.
LOOK_AHEAD = 0.100
#: A call that has something to prepare first is given this long for it, from the moment when its slot is certain.
PREPARE = LOOK_AHEAD
#: A slot nearer than this is certain: its holder does not look again, and no urgent call may take it. Only a little
#: before the look: a slot that an urgent call had to leave, but whose holder sees it go ahead, is used by nobody.
GUARD = LOOK_AHEAD + 0.003
#: Slots are taken to lie on a grid within this share of a spacing: rounding must not cost a slot.
ALIGNED = 0.01
#: The longest pause a refusal can ask for.
MAX_PAUSE = 300.0
#: A refusal for the day so soon after midnight is about the day before: LeadSquared's clock differs, or the call was
#: under way. It closes no day; all wait a while.
AFTER_MIDNIGHT = 60.0
MIDNIGHT_PAUSE = 15.0

_QUEUES = ("slot_at", *filter(None, QUEUES))

#: Every call takes a slot of NORMAL; a bulk call is also held to the limit of BULK, if there is one.
NORMAL = "normal"
BULK = "bulk"


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """What the settings say of one bucket of an account: `calls` in any `period_seconds`.

    `headroom` is the share of rate and quota left to the account's other programs. `margin_seconds` is added to
    every window and must cover the jitter of arrival, not the round trip. `daily_calls` counts days of `daily_zone`;
    backfills may use `backfill_share` of them.
    """

    calls: int = 25
    period_seconds: float = 5.0
    daily_calls: int | None = None
    headroom: float = 0.0
    margin_seconds: float = 0.050
    daily_zone: str = "UTC"
    backfill_share: float | None = None

    def __post_init__(self) -> None:
        if not _is_count(self.calls):
            raise ValueError(f"calls must be a whole number of at least 1, not {self.calls!r}")
        if not (_is_number(self.period_seconds) and self.period_seconds > 0):
            raise ValueError(f"period_seconds must be a number above 0, not {self.period_seconds!r}")
        if self.daily_calls is not None and not _is_count(self.daily_calls):
            raise ValueError(f"daily_calls must be a whole number of at least 1, or left out, not {self.daily_calls!r}")
        if not (_is_number(self.headroom) and 0 <= self.headroom < 1):
            raise ValueError(f"headroom must be a share from 0 up to, but not, 1, not {self.headroom!r}")
        if not (_is_number(self.margin_seconds) and self.margin_seconds >= 0):
            raise ValueError(f"margin_seconds must be a number of at least 0, not {self.margin_seconds!r}")
        if self.backfill_share is not None and not (_is_number(self.backfill_share) and 0 < self.backfill_share <= 1):
            raise ValueError(
                f"backfill_share must be a share above 0, up to 1, or left out, not {self.backfill_share!r}"
            )
        try:
            ZoneInfo(self.daily_zone)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
            raise ValueError(
                f"daily_zone must name a time zone such as Asia/Kolkata, not {self.daily_zone!r}"
            ) from None

    @property
    def share(self) -> float:
        """The part of every limit that is ours."""
        return 1.0 - self.headroom

    @property
    def daily_share(self) -> int | None:
        """Our calls a day, or None without a daily limit."""
        return None if self.daily_calls is None else max(1, math.floor(self.daily_calls * self.share + 1e-9))

    @property
    def backfill_calls(self) -> int | None:
        """The calls a day that backfills may make, or None if they may make them all."""
        if self.daily_share is None or self.backfill_share is None:
            return None
        return max(1, math.floor(self.daily_share * self.backfill_share + 1e-9))


@dataclass(frozen=True, kw_only=True)
class Widening:
    """How a refusal widens the spacing: `step` seconds a window for each, `shrink` less a slot, at most `cap`."""

    step: float = 0.050
    shrink: float = 0.00005
    cap: float = 0.500


#: For an account on which other programs call at their own pace.
FOREIGN_TRAFFIC = Widening(step=0.200, shrink=0.002, cap=3.0)


@dataclass(frozen=True, kw_only=True)
class BucketState:
    """One row of the store, in the store's clock."""

    bucket: str
    asked_at: float = 0.0
    slot_at: float = 0.0
    scheduled_at: float = 0.0
    manual_at: float = 0.0
    requeue_at: float = 0.0
    bulk_at: float = 0.0
    extra: float = 0.0
    learned_calls: int | None = None
    learned_period: float | None = None
    series: int = 0
    paused_until: float = 0.0
    day: int = 0
    day_calls: int = 0
    backfill_calls: int = 0
    closed_day: int | None = None
    refusals: int = 0
    refused_at: float | None = None

    @property
    def learned(self) -> tuple[int, float] | None:
        """The limit that a refusal named."""
        if self.learned_calls is None or self.learned_period is None:
            return None
        return self.learned_calls, self.learned_period


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_lower(limit: tuple[int, float], other: tuple[int, float]) -> bool:
    """Tell whether `limit` (calls, period) is a lower rate than `other`."""
    return limit[0] * other[1] < other[0] * limit[1]


def in_force(limit: RateLimit, learned: tuple[int, float] | None) -> tuple[int, float]:
    """Return the limit to obey: the settings', or a lower one that was learned."""
    settings = (limit.calls, limit.period_seconds)
    return learned if learned is not None and is_lower(learned, settings) else settings


def spacing(limit: RateLimit, state: BucketState) -> float:
    """Return the seconds between two slots."""
    calls, period = in_force(limit, state.learned)
    return (period + limit.margin_seconds + state.extra) / (calls * limit.share)


def rewound(state: BucketState, now: float) -> BucketState:
    """Return the row in the store's present clock: if that stepped back since the last call, so do its instants."""
    back = state.asked_at - now
    if back <= 0:
        return state
    moved: dict[str, Any] = {name: getattr(state, name) - back for name in (*_QUEUES, "bulk_at", "paused_until")}
    return replace(state, asked_at=now, **moved)


def next_slot(
    state: BucketState, now: float, spacing: float, *, priority: Priority = Priority.SCHEDULED, lead: float = LEAD
) -> float:
    """Return the next slot: the end of the queue, or the first place in it that a less urgent call holds.

    It lies one spacing after the slots of calls as urgent, and never nearer than `lead`, a place taken from another
    never nearer than GUARD.
    """
    state = rewound(state, now)
    end = max(state.slot_at + spacing, now + lead)
    last: float = getattr(state, QUEUES[priority] or "slot_at")
    earliest = max(last + spacing, now + max(GUARD, lead))
    return end - max(0, math.floor((end - earliest) / spacing + ALIGNED)) * spacing


def told_limit(limit: tuple[int, float] | None) -> tuple[int, float] | None:
    """Return the limit that a refusal named, or None if it makes no sense as one."""
    if limit is None or not _is_count(limit[0]) or not (_is_number(limit[1]) and limit[1] > 0):
        return None
    return limit[0], float(limit[1])


def blamed(bucket: str, told: tuple[int, float] | None, normal: tuple[int, float], bulk_limited: bool) -> list[str]:
    """Return the buckets that a refused call of `bucket` went over, by the limit told and the normal one in force.

    A bulk call that is told a number below the normal limit met the bulk limit; told no number, it may have met either.
    """
    if bucket != BULK or (told is not None and not is_lower(told, normal)):
        return [NORMAL]
    if told is not None:
        return [BULK]
    return [NORMAL, BULK] if bulk_limited else [NORMAL]


def after_refusal(
    state: BucketState,
    limit: RateLimit,
    *,
    now: float,
    told: tuple[int, float] | None,
    retry_after: float | None,
    widening: Widening,
) -> BucketState:
    """Return the row after a refusal.

    A lower limit is learned, and a whole window passes before the next call, because the last one was filled at the
    old pace. `retry_after` is waited out. Both begin a new series: whoever holds a slot of the old one takes another.
    Any other refusal widens the spacing and pauses nobody, unless it is a straggler of a pause already begun.
    """
    state = rewound(state, now)
    lower = told if told is not None and is_lower(told, in_force(limit, state.learned)) else None
    paused_until = state.paused_until
    pause = min(MAX_PAUSE, max(retry_after or 0.0, lower[1] + limit.margin_seconds if lower else 0.0))
    changed = replace(state, asked_at=now, refusals=state.refusals + 1, refused_at=now)
    if lower is not None:
        changed = replace(changed, learned_calls=lower[0], learned_period=lower[1], extra=0.0)
    elif paused_until <= now:
        changed = replace(changed, extra=min(widening.cap, state.extra + widening.step))
    if pause > 0 and (lower is not None or now + pause > paused_until):
        resume = max(paused_until, now + pause)
        queues: dict[str, Any] = dict.fromkeys(_QUEUES, resume - spacing(limit, changed))
        changed = replace(changed, paused_until=resume, series=state.series + 1, **queues)
    return changed
