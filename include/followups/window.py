"""Which due dates a run covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from followups.errors import PermanentError

_FIRST = datetime.min.replace(tzinfo=UTC)


class WindowError(PermanentError):
    """The run's params `from` and `to` make no window. The text says which and why."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Due dates from `start` (in) to `end` (out), in UTC."""

    start: datetime
    end: datetime
    #: params, interval or look_back
    source: str
    #: how much of it lies before the run's interval, for rows that reached the warehouse late
    late: timedelta = timedelta(0)

    @property
    def on_time_from(self) -> datetime:
        """Where the part begins that no scheduled run covered before."""
        return self.start + self.late

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def parse_moment(name: str, value: object, zone: ZoneInfo) -> datetime | None:
    """Read a param as a date-time in UTC; without an offset it is in `zone`."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        moment = value
    else:
        try:
            moment = datetime.fromisoformat(str(value).strip())
        except ValueError:
            raise WindowError(
                f"`{name}` is not a date-time: write it like 2031-04-05T06:00:00+05:30 (got {str(value)[:40]!r})"
            ) from None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise WindowError(f"`{name}` lies outside the years 1 to 9999") from None


def _plain(moment: datetime) -> datetime:
    """Return a date-time of the standard library's own class in UTC: Airflow's lose their zone in additions."""
    utc = moment.astimezone(UTC)
    return datetime.combine(utc.date(), utc.time(), tzinfo=UTC)


def resolve_window(
    *,
    given: tuple[object, object],
    interval: tuple[datetime | None, datetime | None],
    run_type: str,
    now: datetime,
    look_back: timedelta,
    zone: ZoneInfo,
    ahead: timedelta = timedelta(0),
    late: timedelta = timedelta(0),
) -> Window:
    """Choose the run's window.

    The params `from`/`to` win. Else scheduled and backfill runs cover their data interval. Every other run covers
    the look-back up to now: runs by hand have an interval that only looks like one, REST and asset runs have none.
    `ahead` moves the latter two kinds into the future, for feeds that deliver before the due date. Scheduled runs
    begin `late` earlier, for rows that were not in the warehouse yet when their own day was read.
    """
    now = _plain(now)
    start, end = (parse_moment(name, value, zone) for name, value in zip(("from", "to"), given, strict=True))
    if start or end:
        end = end or max(now, start or now)
        start = start or end - min(look_back, end - _FIRST)
        if start >= end:
            raise WindowError(f"`from` ({start:%Y-%m-%d %H:%M} UTC) is not before `to` ({end:%Y-%m-%d %H:%M} UTC)")
        return Window(start=start, end=end, source="params")
    first, last = interval
    if run_type in {"scheduled", "backfill"} and first and last and first < last:
        late = late if run_type == "scheduled" else timedelta(0)
        return Window(start=_plain(first) + ahead - late, end=_plain(last) + ahead, source="interval", late=late)
    return Window(start=now - look_back, end=now + ahead, source="look_back")
