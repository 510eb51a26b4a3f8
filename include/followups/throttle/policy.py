"""The rules of pacing, pure: how far apart slots lie, what a refusal changes, when a day ends. All in seconds.

`store.py` says the same in SQL, so that one statement can apply it; a contract test holds the two together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: A slot is never nearer than this when it is given out: it hides the store's latency.
LEAD = 0.020
#: A slot missed by more than this is void: sent late, two calls would arrive together.
TOLERANCE = 0.030
#: A stored slot further ahead than this means that the store's clock stepped back.
HORIZON = 600.0
#: The longest pause a refusal can ask for; well inside the horizon, with room for the queue behind it.
MAX_PAUSE = 300.0

DAY = 86_400.0

#: Every call takes a slot of NORMAL; a bulk call is also held to the limit of BULK, if there is one.
NORMAL = "normal"
BULK = "bulk"


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """What the settings say of one bucket of an account: `calls` in any `period_seconds`.

    `headroom` is the share of rate and quota left to the account's other programs. `margin_seconds` is added to
    every window and must cover the jitter of arrival, not the round trip. `daily_calls` counts days of `daily_zone`.
    """

    calls: int = 25
    period_seconds: float = 5.0
    daily_calls: int | None = None
    headroom: float = 0.0
    margin_seconds: float = 0.050
    daily_zone: str = "UTC"

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
    slot_at: float = 0.0
    bulk_at: float = 0.0
    extra: float = 0.0
    learned_calls: int | None = None
    learned_period: float | None = None
    series: int = 0
    paused_until: float = 0.0
    day: int = 0
    day_calls: int = 0
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


def next_slot(previous: float, now: float, spacing: float, lead: float = LEAD) -> float:
    """Return the next slot: one spacing after the previous one, but never nearer than `lead`."""
    if previous > now + HORIZON:
        previous = 0.0
    return max(previous + spacing, now + lead)


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
    lower = told if told is not None and is_lower(told, in_force(limit, state.learned)) else None
    paused_until = state.paused_until if state.paused_until <= now + HORIZON else 0.0
    pause = min(MAX_PAUSE, max(retry_after or 0.0, lower[1] + limit.margin_seconds if lower else 0.0))
    changed = replace(state, refusals=state.refusals + 1, refused_at=now)
    if lower is not None:
        changed = replace(changed, learned_calls=lower[0], learned_period=lower[1], extra=0.0)
    elif paused_until <= now:
        changed = replace(changed, extra=min(widening.cap, state.extra + widening.step))
    if pause > 0 and (lower is not None or now + pause > paused_until):
        resume = max(paused_until, now + pause)
        changed = replace(
            changed, paused_until=resume, slot_at=resume - spacing(limit, changed), series=state.series + 1
        )
    return changed


def utc_offset(zone: str, at: datetime | None = None) -> float:
    """Return the seconds by which the clocks of `zone` are ahead of UTC."""
    if zone == "UTC":
        return 0.0
    offset = (at or datetime.now(UTC)).astimezone(ZoneInfo(zone)).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def day_of(now: float, offset: float) -> int:
    """Return the number of the quota's day."""
    return math.floor((now + offset) / DAY)


def next_reset(now: float, zone: str) -> datetime:
    """Return when the day after `now` begins in `zone`, in UTC."""
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC)
