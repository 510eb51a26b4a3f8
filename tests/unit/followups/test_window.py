"""Which due dates a run covers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from followups.window import Window, WindowError, parse_moment, resolve_window
from tests.support.follow_ups import NOW

KOLKATA = ZoneInfo("Asia/Kolkata")
NEW_YORK = ZoneInfo("America/New_York")
INTERVAL = (datetime(2031, 3, 31, tzinfo=UTC), datetime(2031, 4, 1, tzinfo=UTC))
WEEK = timedelta(days=7)


def window(
    given: tuple[object, object] = (None, None),
    interval: tuple[datetime | None, datetime | None] = (None, None),
    run_type: str = "manual",
    look_back: timedelta = WEEK,
    zone: ZoneInfo = KOLKATA,
    ahead: timedelta = timedelta(0),
    late: timedelta = timedelta(0),
) -> Window:
    return resolve_window(
        given=given,
        interval=interval,
        run_type=run_type,
        now=NOW,
        look_back=look_back,
        zone=zone,
        ahead=ahead,
        late=late,
    )


@pytest.mark.parametrize("run_type", ["scheduled", "backfill", "manual", "asset"])
def test_params_win_over_everything(run_type: str) -> None:
    found = window(("2031-01-01", "2031-01-02"), INTERVAL, run_type)
    assert (found.start, found.end, found.source) == (
        datetime(2030, 12, 31, 18, 30, tzinfo=UTC), datetime(2031, 1, 1, 18, 30, tzinfo=UTC), "params",
    )  # fmt: skip


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_scheduled_and_backfill_runs_cover_their_interval(run_type: str) -> None:
    found = window((None, ""), INTERVAL, run_type)
    assert ((found.start, found.end), found.source) == (INTERVAL, "interval")


@pytest.mark.parametrize("run_type", ["manual", "asset"])
def test_other_runs_look_back_up_to_now_whatever_interval_they_claim(run_type: str) -> None:
    found = window(interval=INTERVAL, run_type=run_type)
    assert (found.start, found.end, found.source) == (NOW - WEEK, NOW, "look_back")


@pytest.mark.parametrize("interval", [(None, None), (NOW, NOW), (INTERVAL[1], INTERVAL[0])])
def test_interval_without_width_is_none(interval: tuple[datetime | None, datetime | None]) -> None:
    assert window(interval=interval, run_type="scheduled").source == "look_back"


def test_ahead_moves_interval_and_look_back_into_the_future_but_not_params() -> None:
    day = timedelta(days=1)
    assert window(interval=INTERVAL, run_type="scheduled", ahead=day).start == INTERVAL[0] + day
    assert window(ahead=day).end == NOW + day
    assert window(ahead=day).start == NOW - WEEK
    assert window(("2031-01-01", "2031-01-02"), ahead=day).start == datetime(2030, 12, 31, 18, 30, tzinfo=UTC)


def test_scheduled_runs_begin_earlier_for_rows_that_come_late_and_no_others_do() -> None:
    two_days = timedelta(days=2)
    found = window(interval=INTERVAL, run_type="scheduled", late=two_days, ahead=timedelta(days=1))
    assert (found.start, found.end) == (INTERVAL[0] - timedelta(days=1), INTERVAL[1] + timedelta(days=1))
    assert (found.on_time_from, found.late) == (INTERVAL[0] + timedelta(days=1), two_days)
    assert window(interval=INTERVAL, run_type="backfill", late=two_days).start == INTERVAL[0]
    given = ("2031-01-01T00:00Z", "2031-01-02T00:00Z")
    for other in (window(given, INTERVAL, "scheduled", late=two_days), window(late=two_days)):
        assert (other.late, other.on_time_from) == (timedelta(0), other.start)
    assert window(late=two_days).start == NOW - WEEK


def test_from_alone_goes_up_to_now() -> None:
    found = window(("2031-03-01", None))
    assert (found.start, found.end) == (datetime(2031, 2, 28, 18, 30, tzinfo=UTC), NOW)


def test_to_alone_looks_back_from_there() -> None:
    found = window((None, "2031-03-01T00:00:00Z"))
    assert (found.start, found.end) == (datetime(2031, 2, 22, tzinfo=UTC), datetime(2031, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("given", [("2031-02-02", "2031-02-01"), ("2031-02-02", "2031-02-02"), ("2031-05-01", None)])
def test_window_without_width_is_refused(given: tuple[object, object]) -> None:
    with pytest.raises(WindowError, match=r"`from` \(2031-.* UTC\) is not before `to` \(2031-.* UTC\)"):
        window(given)


@pytest.mark.parametrize("text", ["tomorrow", "2031-13-01", "05/04/2031", "2031-04-05T25:00", "{{ ds }}"])
def test_text_that_is_no_date_time_is_refused_by_the_params_name(text: str) -> None:
    with pytest.raises(WindowError, match="`to` is not a date-time: write it like 2031-04-05T06:00:00"):
        window((None, text))


@pytest.mark.parametrize("name", ["from", "to"])
def test_date_at_the_edge_of_time_is_refused(name: str) -> None:
    edge = {"from": "0001-01-01T00:00:00", "to": "9999-12-31T23:59:59-05:00"}[name]
    with pytest.raises(WindowError, match=f"`{name}` lies outside the years 1 to 9999"):
        window((edge, None) if name == "from" else (None, edge))


def test_look_back_stops_at_the_first_day_of_time() -> None:
    assert window((None, "0001-01-03T00:00:00Z")).start == datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2031-04-05T06:00:00+05:30", datetime(2031, 4, 5, 0, 30, tzinfo=UTC)),
        ("2031-04-05T06:00:00", datetime(2031, 4, 5, 0, 30, tzinfo=UTC)),
        (" 2031-04-05 06:00:00Z ", datetime(2031, 4, 5, 6, 0, tzinfo=UTC)),
        (datetime.fromisoformat("2031-04-05 06:00"), datetime(2031, 4, 5, 0, 30, tzinfo=UTC)),
        (datetime(2031, 4, 5, 6, 0, tzinfo=UTC), datetime(2031, 4, 5, 6, 0, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_moment_without_an_offset_is_in_the_feeds_zone(text: object, expected: datetime | None) -> None:
    assert parse_moment("from", text, KOLKATA) == expected


def test_days_of_the_clock_change_are_23_and_25_hours_long() -> None:
    spring = window(("2031-03-09", "2031-03-10"), zone=NEW_YORK)
    autumn = window(("2031-11-02", "2031-11-03"), zone=NEW_YORK)
    assert spring.end - spring.start == timedelta(hours=23)
    assert autumn.end - autumn.start == timedelta(hours=25)


def test_window_says_itself_in_utc() -> None:
    assert str(window()) == "2031-03-25 06:00 to 2031-04-01 06:00 UTC"


def test_airflows_own_date_times_become_plain_ones() -> None:
    import pendulum

    interval = (pendulum.datetime(2031, 3, 31, tz="Asia/Kolkata"), pendulum.datetime(2031, 4, 1, tz="Asia/Kolkata"))
    found = window(interval=interval, run_type="scheduled", ahead=timedelta(days=30))
    assert type(found.start) is datetime
    assert found.start == datetime(2031, 4, 29, 18, 30, tzinfo=UTC)
