"""The API's date texts. Inside, times are whole seconds since the epoch, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NEVER = "0001-01-01 00:00:00.000"

_FIRST_YEAR, _LAST_YEAR = 1753, 9998
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def read_date_time(text: str) -> int:
    """Seconds for `YYYY-MM-DD HH:MM:SS` in UTC (`/overview/`). Raises ValueError for any other form or year."""
    if not _DATE_TIME.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(text)
    return int(moment.timestamp())


def read_date(text: str) -> date:
    """A date for `YYYY-MM-DD`. Raises ValueError for any other form."""
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    day = date.fromisoformat(text)
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError(text)
    return day


def write_date_time(seconds: float) -> str:
    """`YYYY-MM-DD HH:MM:SS`."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat(" ")[:19]


def write_with_millis(seconds: float | None) -> str:
    """`YYYY-MM-DD HH:MM:SS.000`; the year 1 stands for "no value"."""
    return NEVER if seconds is None else f"{write_date_time(seconds)}.000"


def write_epoch(seconds: float) -> str:
    """`/Date(1300000000000+0000)/`, the form of task types."""
    return f"/Date({int(seconds) * 1000}+0000)/"


def local_day(seconds: float, zone: ZoneInfo) -> int:
    """The ordinal of the calendar day in a zone."""
    return datetime.fromtimestamp(seconds, zone).toordinal()


def local_midnight(seconds: float, zone: ZoneInfo) -> int:
    """The start of the calendar day in a zone that a moment belongs to."""
    day = datetime.fromtimestamp(seconds, zone).date()
    return int(datetime.combine(day, time(), zone).timestamp())


def split_days(first: date, last: date) -> range:
    """The ordinals of the days from first to last, both included."""
    return range(first.toordinal(), (last + timedelta(days=1)).toordinal())
