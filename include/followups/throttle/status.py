"""What people are told of an account's rate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from followups.throttle.days import day_of, next_reset, utc_offset
from followups.throttle.policy import BucketState, RateLimit, in_force, next_slot, rewound, spacing
from followups.throttle.priority import Priority


@dataclass(frozen=True, kw_only=True)
class BucketStatus:
    """One bucket as it stands. Date-times are UTC, in the clock of the database."""

    bucket: str
    #: The limit in force, before headroom; `learned` if a refusal named it and it is below the settings.
    calls: int
    period_seconds: float
    learned: bool
    #: Seconds between two calls now, with margin, headroom and the extra that refusals have added to a window.
    spacing_seconds: float
    extra_seconds: float
    next_free_at: datetime
    paused_until: datetime | None
    calls_today: int
    daily_calls: int | None
    backfill_calls_today: int
    #: The calls a day that backfills may make; None: all.
    backfill_calls: int | None
    #: Whether no call is left today; `resets_at` is when the next day begins.
    day_used_up: bool
    resets_at: datetime
    refusals: int
    last_refused_at: datetime | None


def bucket_status(state: BucketState, limit: RateLimit, now: float) -> BucketStatus:
    """Read one row at the store's time `now`."""
    state = rewound(state, now)
    calls, period = in_force(limit, state.learned)
    between = spacing(limit, state)
    today = day_of(now, utc_offset(limit.daily_zone, _instant(now)))
    made = state.day_calls if state.day == today else 0
    spent = limit.daily_share is not None and made >= limit.daily_share
    return BucketStatus(
        bucket=state.bucket,
        calls=calls,
        period_seconds=period,
        learned=(calls, period) == state.learned,
        spacing_seconds=between,
        extra_seconds=state.extra,
        next_free_at=_instant(next_slot(state, now, between, priority=Priority.BACKFILL)),
        paused_until=_instant(state.paused_until) if state.paused_until > now else None,
        calls_today=made,
        daily_calls=limit.daily_share,
        backfill_calls_today=state.backfill_calls if state.day == today else 0,
        backfill_calls=limit.backfill_calls,
        day_used_up=spent or state.closed_day == today,
        resets_at=next_reset(now, limit.daily_zone),
        refusals=state.refusals,
        last_refused_at=None if state.refused_at is None else _instant(state.refused_at),
    )


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
