"""What refusals change, on each store, for everybody on the account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from followups.throttle import DailyQuotaReached, RateLimit, Throttle, Widening
from followups.throttle.days import utc_offset
from followups.throttle.policy import AFTER_MIDNIGHT, LEAD, MAX_PAUSE, MIDNIGHT_PAUSE
from tests.contract.throttle_kit import START, SimulatedTime, get_row, make_throttle, set_row

SPACING = 5.05 / 25


def gap(throttle: Throttle) -> float:
    """Return the seconds between the next two slots."""
    slots = [throttle.wait().at for _ in range(2)]
    return (slots[1] - slots[0]).total_seconds()


def test_learned_limit_holds_for_every_process_and_is_remembered(engine: sa.Engine) -> None:
    with make_throttle(engine) as first, make_throttle(engine) as second:
        first.refused(limit=(10, 5.0))
        assert gap(second) == pytest.approx(0.505, abs=1e-5)
    with make_throttle(engine) as later:
        shown = later.status()[0]
    assert (shown.calls, shown.period_seconds, shown.learned, shown.refusals) == (10, 5.0, True, 1)
    assert shown.spacing_seconds == pytest.approx(0.505)


def test_after_learning_a_whole_window_passes_before_the_next_call(engine: sa.Engine) -> None:
    with make_throttle(engine) as throttle:
        throttle.wait()
        throttle.refused(limit=(10, 5.0))
        assert throttle.wait().waited_seconds == pytest.approx(5.05, abs=0.03)


def test_caller_already_in_the_queue_obeys_the_learned_limit(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine) as other, make_throttle(engine, time=time) as throttle:
        for _ in range(5):
            other.wait()
        time.on_sleep = lambda count: other.refused(limit=(10, 5.0)) if count == 1 else None
        assert throttle.wait().waited_seconds > 5.0
        assert throttle.status()[0].calls_today == 6


def test_learned_limit_is_never_raised_by_a_refusal(engine: sa.Engine) -> None:
    with make_throttle(engine) as throttle:
        for told in [(10, 5.0), (20, 5.0), (72, 5.0)]:
            throttle.refused(limit=told)
        assert throttle.status()[0].calls == 10
        throttle.refused(limit=(5, 5.0))
        assert throttle.status()[0].calls == 5


def test_person_raises_the_limit_again(engine: sa.Engine) -> None:
    with make_throttle(engine) as throttle, make_throttle(engine) as other:
        throttle.refused(limit=(10, 5.0))
        throttle.forget_learned("normal")
        assert gap(other) == pytest.approx(SPACING, abs=1e-5)
        assert not other.status()[0].learned


def test_forgetting_where_nothing_was_learned_does_no_harm(engine: sa.Engine) -> None:
    with make_throttle(engine) as throttle:
        throttle.forget_learned("bulk")
        assert throttle.status()[0].calls == 25


@pytest.mark.parametrize("nonsense", [(0, 5.0), (-1, 5.0), (10, 0.0), (10, float("nan")), (10, -5.0)])
def test_limit_that_makes_no_sense_is_not_learned(engine: sa.Engine, nonsense: tuple[int, float]) -> None:
    with make_throttle(engine) as throttle:
        throttle.refused(limit=nonsense, retry_after=float("nan"))
        shown = throttle.status()[0]
    assert not shown.learned
    assert shown.extra_seconds == pytest.approx(0.05)


def test_refusal_widens_the_spacing_and_each_slot_narrows_it(engine: sa.Engine) -> None:
    with make_throttle(engine, widening=Widening(step=0.5, shrink=0.1, cap=0.7)) as throttle:
        throttle.wait()
        throttle.refused(limit=(25, 5.0))
        throttle.refused()
        assert throttle.status()[0].extra_seconds == pytest.approx(0.7)
        assert gap(throttle) == pytest.approx((5.05 + 0.6) / 25, abs=1e-5)
        for _ in range(6):
            throttle.wait()
        assert throttle.status()[0].extra_seconds == 0


def test_refusal_with_retry_after_pauses_every_process(engine: sa.Engine) -> None:
    with make_throttle(engine) as first, make_throttle(engine) as second:
        first.wait()
        first.refused(retry_after=3.0)
        assert second.wait().waited_seconds == pytest.approx(3.0, abs=0.03)
        assert gap(second) < 0.21


def test_caller_already_in_the_queue_obeys_the_pause(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine) as other, make_throttle(engine, time=time) as throttle:
        for _ in range(5):
            other.wait()
        time.on_sleep = lambda count: other.refused(retry_after=30.0) if count == 1 else None
        assert throttle.wait().waited_seconds > 30.0


def test_stragglers_of_a_pause_change_nothing_more(engine: sa.Engine) -> None:
    with make_throttle(engine) as throttle:
        throttle.refused(retry_after=10.0)
        before = get_row(throttle._store)
        throttle.refused(retry_after=2.0)
        throttle.refused()
        after = get_row(throttle._store)
    assert (after.slot_at, after.series, after.extra) == (before.slot_at, before.series, before.extra)
    assert after.refusals == 3


def test_pause_has_an_upper_bound(engine: sa.Engine) -> None:
    with make_throttle(engine) as throttle:
        throttle.refused(retry_after=86_400.0)
        assert throttle.wait().waited_seconds == pytest.approx(MAX_PAUSE, abs=0.03)


def tomorrow(moment: datetime) -> datetime:
    return (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def test_daily_quota_is_shared_and_tells_when_it_resets(engine: sa.Engine) -> None:
    limit = RateLimit(daily_calls=3)
    with make_throttle(engine, limit) as first, make_throttle(engine, limit) as second:
        made = [each.wait() for each in (first, second, first)]
        assert [slot.calls_today for slot in made] == [1, 2, 3]
        for each in (first, second):
            with pytest.raises(DailyQuotaReached) as reached:
                each.wait()
        assert reached.value.resets_at == tomorrow(made[-1].at)
        shown = first.status()[0]
    assert (shown.calls_today, shown.daily_calls, shown.day_used_up) == (3, 3, True)


def test_headroom_applies_to_the_daily_quota(engine: sa.Engine) -> None:
    with make_throttle(engine, RateLimit(daily_calls=4, headroom=0.5)) as throttle:
        throttle.wait()
        throttle.wait()
        with pytest.raises(DailyQuotaReached):
            throttle.wait()


def test_quota_is_new_on_the_next_day(engine: sa.Engine) -> None:
    with make_throttle(engine, RateLimit(daily_calls=1)) as throttle:
        throttle.wait()
        set_row(engine, day=get_row(throttle._store).day - 1)
        assert throttle.wait().calls_today == 1


@pytest.mark.parametrize("refusal", [{"daily": True}, {"limit": (1000, 86_400.0)}])
@pytest.mark.parametrize("bucket", ["normal", "bulk"])
def test_refusal_for_the_day_uses_the_day_up_for_everybody(engine: sa.Engine, bucket: str, refusal: dict) -> None:
    with make_throttle(engine) as first, make_throttle(engine) as second:
        made = first.wait()
        first.refused(bucket, **refusal)
        with pytest.raises(DailyQuotaReached) as reached:
            second.wait("bulk")
        assert reached.value.resets_at == tomorrow(made.at)
        assert second.status()[0].day_used_up
        assert not second.status()[0].learned
        set_row(engine, closed_day=get_row(first._store).closed_day - 1)
        second.wait()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_refusal_for_the_day_just_after_midnight_does_not_close_the_new_day(engine: sa.Engine, zone: str) -> None:
    """LeadSquared's clock is behind, or the call was under way at midnight."""
    time, limit = SimulatedTime(engine), RateLimit(daily_zone=zone)
    time.pass_by(43_200 - utc_offset(zone) + 5)
    with make_throttle(engine, limit, time=time) as throttle:
        throttle.wait()
        throttle.refused(daily=True)
        assert not throttle.status()[0].day_used_up
        assert throttle.wait().waited_seconds == pytest.approx(MIDNIGHT_PAUSE, abs=0.03)
        time.pass_by(AFTER_MIDNIGHT)
        throttle.refused(daily=True)
        with pytest.raises(DailyQuotaReached):
            throttle.wait()


def test_caller_already_in_the_queue_hears_that_the_day_is_used_up(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine) as other, make_throttle(engine, time=time) as throttle:
        for _ in range(5):
            other.wait()
        time.on_sleep = lambda count: other.refused(daily=True) if count == 1 else None
        with pytest.raises(DailyQuotaReached):
            throttle.wait()


def test_status_is_there_before_the_first_call(engine: sa.Engine) -> None:
    with make_throttle(engine) as throttle:
        (shown,) = throttle.status()
    assert (shown.bucket, shown.calls, shown.calls_today, shown.refusals) == ("normal", 25, 0, 0)
    assert shown.next_free_at == datetime.fromtimestamp(START + LEAD, UTC)


def test_status_tells_of_pause_and_last_refusal(engine: sa.Engine) -> None:
    with make_throttle(engine) as throttle:
        throttle.refused(retry_after=60.0)
        (shown,) = throttle.status()
    assert shown.paused_until == shown.next_free_at == datetime.fromtimestamp(START + 60, UTC)
    assert shown.last_refused_at == datetime.fromtimestamp(START, UTC)
