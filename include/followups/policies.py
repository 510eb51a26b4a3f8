"""A feed's policies on dates: past due, quiet hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from msgspec import Struct

from followups.feeds import Feed, QuietHours
from followups.follow_up import FollowUp

_NOTHING = timedelta(0)


class EndBeforeDueError(ValueError):
    """Seen only once both dates are in one zone."""


class Times(Struct, frozen=True, kw_only=True, gc=False):
    """When a follow-up is due and ends, in UTC, and why it is held, where it is."""

    due_at: datetime
    end_at: datetime
    held: str | None = None


@dataclass(frozen=True)
class DatePolicy:
    """Turns a row's dates into those that are sent."""

    feed: Feed
    now: datetime

    @cached_property
    def _zone(self) -> ZoneInfo:
        return self.feed.zone

    def _utc(self, moment: datetime) -> datetime:
        if moment.tzinfo is UTC:
            return moment
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC)

    def times(self, follow_up: FollowUp) -> Times:
        """Return due and end in UTC; an end that is not given is the due date plus the duration, if any."""
        due = self._utc(follow_up.due_at)
        if follow_up.end_at is not None:
            length = self._utc(follow_up.end_at) - due
            if length < _NOTHING:
                raise EndBeforeDueError
        else:
            length = follow_up.length or _NOTHING
        held = None
        if due < self.now and self.feed.past_due != "keep":
            if self.feed.past_due == "hold":
                held = "past due: the feed holds such rows; run with requeue=held to send them"
            else:
                due = self.now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        if self.feed.quiet_hours is not None:
            due = self._after_quiet_hours(due, self.feed.quiet_hours)
        return Times(due_at=due, end_at=due + length if length else due, held=held)

    def _after_quiet_hours(self, due: datetime, quiet: QuietHours) -> datetime:
        local = due.astimezone(self._zone)
        start, end, clock = quiet.start, quiet.end, local.time()
        over_midnight = start > end
        inside = (clock >= start or clock < end) if over_midnight else start <= clock < end
        if not inside:
            return due
        day = local.date() + timedelta(days=1 if over_midnight and clock >= start else 0)
        # In the hour that comes twice in autumn the end is that of the same pass: never before `due`.
        return datetime.combine(day, end.replace(fold=local.fold), tzinfo=self._zone).astimezone(UTC)
