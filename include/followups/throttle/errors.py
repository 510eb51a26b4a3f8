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
    """The account's calls of the day, or backfills' share of them, are used up; the next day begins at `resets_at`.

    `daily_calls` is the number that was to be kept to; None if LeadSquared said that the day is used up.
    """

    def __init__(self, resets_at: datetime, daily_calls: int | None = None, *, backfills_only: bool = False) -> None:
        super().__init__(resets_at, daily_calls)
        self.resets_at = resets_at
        self.daily_calls = daily_calls
        self.backfills_only = backfills_only

    def __str__(self) -> str:
        what, cause = "The daily quota is used up", f"{self.daily_calls} calls made"
        if self.daily_calls is None:
            cause = "LeadSquared refused calls for the day"
        elif self.backfills_only:
            what, cause = (
                "The backfills' share of the daily quota is used up",
                f"{self.daily_calls} of their calls made",
            )
        return f"{what} ({cause}); it resets at {self.resets_at:%Y-%m-%d %H:%M} UTC."


class WaitStopped(ThrottleError):  # noqa: N818
    """The wait for a slot was stopped by its caller; nothing was sent."""
