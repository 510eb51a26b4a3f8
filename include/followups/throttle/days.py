"""When the quota's day begins and ends. Pure; instants are seconds since 1970."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

DAY = 86_400.0


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
