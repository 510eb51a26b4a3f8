"""A feed's policies on dates: past due, quiet hours, ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followups.policies import DatePolicy, EndBeforeDueError, Times
from followups.row_checks import check_row
from tests.support.follow_ups import NOW, make_feed, make_row

NIGHT = {"start": "21:00", "end": "08:00"}


def times(due: datetime | str, *, end: Any = None, minutes: int | None = None, **feed: Any) -> Times:
    follow_up = check_row(make_row(due_at=due, end_at=end, duration_minutes=minutes))
    return DatePolicy(make_feed(**{"timezone": "UTC", **feed}), NOW).times(follow_up)


def at(hour: int, minute: int = 0, day: int = 5) -> datetime:
    return datetime(2031, 4, day, hour, minute, tzinfo=UTC)


def test_end_is_given_or_comes_from_the_duration_or_is_the_due_date() -> None:
    assert times(at(6), end=at(7)).end_at == at(7)
    assert times(at(6), end=at(7), minutes=5).end_at == at(7)
    assert times(at(6), minutes=45).end_at == at(6, 45)
    assert times(at(6)).end_at == at(6)


def test_end_before_due_is_seen_once_both_are_in_one_zone() -> None:
    with pytest.raises(EndBeforeDueError):
        times(at(6), end=datetime.fromisoformat("2031-04-05 11:00"), timezone="Asia/Kolkata")
    assert times(at(6), end=datetime.fromisoformat("2031-04-05 11:30"), timezone="Asia/Kolkata").end_at == at(6)


def test_past_dates_are_kept_by_default() -> None:
    assert times(NOW - timedelta(days=30)).due_at == NOW - timedelta(days=30)


def test_past_dates_are_shifted_to_the_next_minute_with_their_length() -> None:
    shifted = times(NOW - timedelta(days=30), minutes=20, past_due="shift")
    assert shifted == Times(due_at=NOW + timedelta(minutes=1), end_at=NOW + timedelta(minutes=21))


def test_past_dates_are_held_with_the_cure() -> None:
    held = times(NOW - timedelta(seconds=1), past_due="hold").held
    assert held == "past due: the feed holds such rows; run with requeue=held to send them"
    assert times(NOW, past_due="hold").held is None


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        (at(20, 59), at(20, 59)),
        (at(21), at(8, day=6)),
        (at(23, 59), at(8, day=6)),
        (at(0), at(8)),
        (at(7, 59), at(8)),
        (at(8), at(8)),
        (at(12), at(12)),
    ],
)
def test_quiet_hours_over_midnight_move_to_their_end(due: datetime, expected: datetime) -> None:
    assert times(due, quiet_hours=NIGHT).due_at == expected


def test_quiet_hours_within_a_day() -> None:
    lunch = {"start": "12:00", "end": "14:30"}
    assert times(at(11, 59), quiet_hours=lunch).due_at == at(11, 59)
    assert times(at(12), quiet_hours=lunch).due_at == at(14, 30)
    assert times(at(14, 30), quiet_hours=lunch).due_at == at(14, 30)


def test_hours_of_no_length_are_never_quiet() -> None:
    assert times(at(12), quiet_hours={"start": "12:00", "end": "12:00"}).due_at == at(12)


def test_quiet_hours_are_local() -> None:
    assert times(at(16), quiet_hours=NIGHT, timezone="Asia/Kolkata").due_at == at(2, 30, day=6)


def test_length_stays_when_quiet_hours_move_the_start() -> None:
    moved = times(at(22), minutes=30, quiet_hours=NIGHT)
    assert moved.end_at - moved.due_at == timedelta(minutes=30)


def test_shifted_dates_heed_quiet_hours_too() -> None:
    early = {"start": "05:00", "end": "09:00"}
    assert times(at(1, day=1), past_due="shift", quiet_hours=early).due_at == at(9, day=1)


def test_end_of_quiet_hours_that_the_clock_skips_comes_right_after_the_gap() -> None:
    # New York 2031-03-09: 02:00 becomes 03:00.
    due = datetime(2031, 3, 9, 5, 0, tzinfo=UTC)
    moved = times(due, quiet_hours={"start": "22:00", "end": "02:30"}, timezone="America/New_York")
    assert moved.due_at == datetime(2031, 3, 9, 7, 30, tzinfo=UTC)


def test_naive_date_that_the_clock_skips_is_a_moment_all_the_same() -> None:
    assert times("2031-03-09 02:30:00", timezone="America/New_York").due_at == datetime(2031, 3, 9, 7, 30, tzinfo=UTC)


def test_hour_that_comes_twice_never_moves_a_date_back() -> None:
    # New York 2031-11-02: 01:30 comes at 05:30 and at 06:30 UTC; quiet until 01:45.
    quiet = {"start": "22:00", "end": "01:45"}
    for hour in (5, 6):
        due = datetime(2031, 11, 2, hour, 30, tzinfo=UTC)
        moved = times(due, quiet_hours=quiet, timezone="America/New_York").due_at
        assert moved == due + timedelta(minutes=15)


CLOCKS = st.times().map(lambda clock: f"{clock:%H:%M}")


@given(
    st.datetimes(datetime.fromisoformat("2031-01-01"), datetime.fromisoformat("2031-12-31"), timezones=st.just(UTC)),
    CLOCKS,
    CLOCKS,
    st.sampled_from(["Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_nothing_falls_due_earlier_than_said_nor_a_day_and_an_hour_later(
    due: datetime, start: str, end: str, zone: str
) -> None:
    moved = times(due, quiet_hours={"start": start, "end": end}, timezone=zone).due_at
    assert due <= moved <= due + timedelta(hours=25)
