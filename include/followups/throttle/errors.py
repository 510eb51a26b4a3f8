"""Why no slot was given. After each of these nothing may be sent.

ThrottleError
├─ ThrottleUnavailable   the store did not answer: try again later
│  └─ SlotsMissed        this process, or its way to the store, is too slow to use a slot
├─ DailyQuotaReached     defer the work until `resets_at`; sleeping is pointless
└─ WaitStopped           the caller's `stop` said so
"""

from __future__ import annotations

from datetime import datetime

from followups.errors import TransientError


class ThrottleError(Exception):
    """No slot was given."""


class ThrottleUnavailable(ThrottleError, TransientError):  # noqa: N818 - reads as what it says to an operator
    """The database that keeps the rate slots cannot be asked; nothing was sent."""


class SlotsMissed(ThrottleUnavailable):
    """Every slot was missed; nothing was sent."""


class DailyQuotaReached(ThrottleError):  # noqa: N818
    """The account's calls of the day are used up; `resets_at` (UTC) is when the next day begins."""

    def __init__(self, resets_at: datetime, daily_calls: int | None = None) -> None:
        super().__init__(resets_at, daily_calls)
        self.resets_at = resets_at
        self.daily_calls = daily_calls

    def __str__(self) -> str:
        cause = (
            "LeadSquared refused calls for the day" if self.daily_calls is None else f"{self.daily_calls} calls made"
        )
        return f"The daily quota is used up ({cause}); it resets at {self.resets_at:%Y-%m-%d %H:%M} UTC."


class WaitStopped(ThrottleError):  # noqa: N818
    """The wait for a slot was stopped by its caller; nothing was sent."""
