"""How bulk calls are held to a limit of their own, on each store."""

from __future__ import annotations

import itertools

import pytest
import sqlalchemy as sa

from followups.throttle import DailyQuotaReached, RateLimit, Throttle
from tests.contract.throttle_kit import SimulatedTime, get_row, make_throttle, set_row

BULK_LIMIT = {"bulk": RateLimit(calls=1, period_seconds=5.0)}


def buckets(throttle: Throttle) -> list[str]:
    return [shown.bucket for shown in throttle.status()]


def gaps(throttle: Throttle, bucket: str, count: int = 3) -> list[float]:
    slots = [throttle.wait(bucket).at for _ in range(count)]
    return [(b - a).total_seconds() for a, b in itertools.pairwise(slots)]


def test_bulk_call_without_a_bulk_limit_is_a_normal_call(engine: sa.Engine) -> None:
    with make_throttle(engine) as throttle:
        assert gaps(throttle, "bulk") == pytest.approx([5.05 / 25] * 2, abs=1e-5)
        assert list(throttle._store.read(throttle._account)[1]) == ["normal"]
        assert buckets(throttle) == ["normal"]


def test_bulk_limit_of_the_settings_spaces_bulk_calls(engine: sa.Engine) -> None:
    with make_throttle(engine, bucket_limits=BULK_LIMIT) as throttle:
        assert min(gaps(throttle, "bulk")) >= 5.05 - 1e-5
        assert throttle.status()[0].calls_today == 3


def test_bulk_limit_does_not_slow_normal_calls(engine: sa.Engine) -> None:
    with make_throttle(engine, bucket_limits=BULK_LIMIT) as throttle:
        throttle.wait("bulk")
        throttle.wait("bulk")
        assert gaps(throttle, "normal") == pytest.approx([5.05 / 25] * 2, abs=1e-5)


def test_normal_traffic_cannot_push_bulk_calls_together(engine: sa.Engine) -> None:
    limits = {"bulk": RateLimit(calls=10, period_seconds=5.0)}
    with make_throttle(engine, bucket_limits=limits) as throttle:
        late = throttle.wait("bulk").at.timestamp() + 2.0
        set_row(engine, bulk_at=late)  # that call had to queue for its normal slot; the queue is gone now
        assert throttle.wait("bulk").at.timestamp() >= late + 0.505 - 1e-5


def test_bulk_limit_learned_by_one_process_holds_for_the_others(engine: sa.Engine) -> None:
    with make_throttle(engine) as first, make_throttle(engine) as second:
        second.wait("bulk")
        first.refused("bulk", limit=(5, 5.0))
        slot = second.wait("bulk")
        assert slot.waited_seconds > 5.0
        assert min(gaps(second, "bulk")) >= 1.01 - 1e-5
        assert gaps(first, "normal") == pytest.approx([5.05 / 25] * 2, abs=1e-5)
        assert buckets(second) == ["normal", "bulk"]
        assert second.status()[0].calls_today == slot.calls_today + 3 + 3


def test_learned_bulk_limit_is_noticed_by_a_process_that_need_not_queue(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine) as first, make_throttle(engine, time=time) as second:
        second.wait("bulk")
        first.refused("bulk", limit=(5, 5.0))
        time.pass_by(1.0)
        assert second.wait("bulk").waited_seconds > 4.0


def test_bulk_caller_already_in_the_queue_obeys_a_learned_bulk_limit(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine) as other, make_throttle(engine, time=time) as throttle:
        for _ in range(5):
            other.wait()
        time.on_sleep = lambda count: other.refused("bulk", limit=(5, 5.0)) if count == 1 else None
        assert throttle.wait("bulk").waited_seconds > 5.0


def test_forgotten_bulk_limit_no_longer_holds_for_the_others(engine: sa.Engine) -> None:
    with make_throttle(engine) as first, make_throttle(engine) as second:
        first.refused("bulk", limit=(5, 5.0))
        second.wait("bulk")
        first.forget_learned("bulk")
        second.wait("bulk")
        queue = get_row(second._store, "bulk")
        assert gaps(second, "bulk") == pytest.approx([5.05 / 25] * 2, abs=1e-5)
        assert get_row(second._store, "bulk") == queue
        assert buckets(second) == ["normal"]


def test_refused_bulk_call_that_is_told_the_normal_limit_slows_normal_calls(engine: sa.Engine) -> None:
    with make_throttle(engine) as throttle:
        throttle.refused("bulk", limit=(25, 5.0))
        (shown,) = throttle.status()
    assert shown.extra_seconds == pytest.approx(0.05)


def test_bulk_limit_has_a_quota_of_its_own(engine: sa.Engine) -> None:
    limits = {"bulk": RateLimit(calls=5, period_seconds=5.0, daily_calls=2)}
    with make_throttle(engine, bucket_limits=limits) as throttle:
        throttle.wait("bulk")
        throttle.wait("bulk")
        with pytest.raises(DailyQuotaReached):
            throttle.wait("bulk")
        throttle.wait()


def test_unknown_buckets_are_refused(engine: sa.Engine) -> None:
    with pytest.raises(ValueError, match="'bulk' alone, not async"):
        make_throttle(engine, bucket_limits={"async": RateLimit()})
    with make_throttle(engine) as throttle, pytest.raises(ValueError, match="not 'async'"):
        throttle.wait("async")
