"""The account's rate limits (`/rate-limits/`): a normal and a bulk bucket, a daily quota, a penalty after a breach."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sandbox.settings import Rate, Settings
from sandbox.situations import Situation
from sandbox.windows import WINDOWS

BucketName = Literal["normal", "bulk"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call was refused, and how long a client would do well to wait, in whole seconds."""

    situation: Situation
    limit: int
    seconds: float
    retry_after: int


class Bucket:
    """One window and the penalty that follows its breach."""

    def __init__(self, rate: Rate, settings: Settings) -> None:
        window = WINDOWS[settings.rate.window]
        self._rate = rate
        self._penalty = settings.penalty_seconds
        self._window = window(rate.calls, rate.seconds, count_rejected=settings.count_rejected)
        self._closed_until = -math.inf

    def refuse(self, at: float) -> Refusal | None:
        """None when the call that arrived at `at` (monotonic seconds) fits."""
        closed = at < self._closed_until
        if self._window.admit(at) and not closed:
            return None
        if not closed:
            self._closed_until = at + self._penalty
        wait = max(self._rate.seconds, self._closed_until - at)
        return Refusal(Situation.RATE, self._rate.calls, self._rate.seconds, math.ceil(wait))


class RateLimiter:
    """Says of every call whether the account may make it. Call it in the order of arrival."""

    def __init__(self, settings: Settings) -> None:
        self._daily = settings.rate.daily
        self._zone = ZoneInfo(settings.rate.daily_reset_tz)
        self._day = date.min
        self._calls_today = 0
        self._buckets: dict[BucketName, Bucket] = {
            "normal": Bucket(settings.rate.normal, settings),
            "bulk": Bucket(settings.rate.bulk, settings),
        }

    def refuse(self, bucket: BucketName, at: float, now: float) -> Refusal | None:
        """None when the call fits. `at` is monotonic seconds, `now` seconds since the epoch (for the daily quota)."""
        if self._daily is not None and self._today(now) >= self._daily:
            return Refusal(Situation.DAILY_RATE, self._daily, 86400, self._until_midnight(now))
        refusal = self._buckets[bucket].refuse(at)
        if refusal is None:
            self._calls_today += 1
        return refusal

    def _today(self, now: float) -> int:
        day = datetime.fromtimestamp(now, self._zone).date()
        if day != self._day:
            self._day, self._calls_today = day, 0
        return self._calls_today

    def _until_midnight(self, now: float) -> int:
        local = datetime.fromtimestamp(now, self._zone)
        return 86400 - (local.hour * 3600 + local.minute * 60 + local.second)
