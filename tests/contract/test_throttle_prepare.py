"""What a call prepares once its slot is certain, on each store: it leaves on time, however long that took."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import Mock

import pytest
import sqlalchemy as sa

from followups.throttle import DailyQuotaReached, Priority, RateLimit, ThrottleError, ThrottleUnavailable
from followups.throttle.policy import GUARD, PREPARE, TOLERANCE
from tests.contract.throttle_kit import SimulatedTime, make_throttle, queue_up


@pytest.mark.parametrize("queued", [0, 10])
@pytest.mark.parametrize("taking", [0.0, 0.06])
def test_call_leaves_when_its_slot_is_due_however_long_it_prepared(
    engine: sa.Engine, queued: int, taking: float
) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine, time=time) as throttle:
        queue_up(throttle, queued)
        began: list[float] = []

        def prepare() -> None:
            began.append(time())
            time.pass_by(taking)

        slot = throttle.wait(prepare=prepare)
        assert time() == pytest.approx(slot.at.timestamp(), abs=1e-3)
        assert began == [pytest.approx(slot.at.timestamp() - PREPARE, abs=GUARD - PREPARE)]


@pytest.mark.parametrize("queued", [0, 10])
def test_call_that_took_too_long_to_prepare_leaves_at_another_slot(engine: sa.Engine, queued: int) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine, time=time) as throttle:
        prepared: list[float] = []

        def prepare() -> None:
            prepared.append(time())
            queue_up(throttle, queued)
            time.pass_by(PREPARE + 0.3)

        slot = throttle.wait(prepare=prepare)
        assert len(prepared) == 1
        assert slot.calls_today == 1 + queued
        assert time() == pytest.approx(slot.at.timestamp(), abs=1e-3)
        assert slot.at.timestamp() >= prepared[0] + PREPARE + 0.3


def test_call_that_is_prepared_leaves_late_where_no_slot_is_near(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine, time=time) as throttle:

        def prepare() -> None:
            queue_up(throttle, 50)
            time.pass_by(PREPARE + 0.3)

        began = time()
        throttle.wait(prepare=prepare)
        assert time() == pytest.approx(began + PREPARE + 0.3, abs=0.01)


def test_bulk_call_that_is_prepared_does_not_wait_for_a_far_place_among_bulk_calls(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine, time=time, bucket_limits={"bulk": RateLimit(calls=1, period_seconds=20.0)}) as throttle:
        began = time()
        throttle.wait("bulk", prepare=lambda: time.pass_by(PREPARE + 0.3))
        assert time() == pytest.approx(began + PREPARE + 0.3, abs=0.1)


@pytest.mark.parametrize("failure", [ThrottleUnavailable, DailyQuotaReached(datetime.now(UTC))])
def test_after_preparing_nothing_is_raised(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, failure: ThrottleError
) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine, time=time) as throttle:

        def prepare() -> None:
            time.pass_by(PREPARE + 0.3)
            monkeypatch.setattr(throttle._store, "reserve", Mock(side_effect=failure))

        assert throttle.wait(prepare=prepare).calls_today == 1


def test_nothing_is_prepared_for_a_slot_that_was_missed(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine, time=time) as throttle:
        queue_up(throttle, 3)
        time.late = [PREPARE + TOLERANCE + 0.01]
        prepared: list[float] = []
        slot = throttle.wait(prepare=lambda: prepared.append(time()))
        assert prepared == [pytest.approx(slot.at.timestamp() - PREPARE, abs=0.01)]


def test_nothing_is_prepared_for_a_place_that_a_more_urgent_call_took(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine) as urgent, make_throttle(engine, time=time, priority=Priority.BACKFILL) as backfill:
        queue_up(backfill, 5)
        time.on_sleep = lambda count: queue_up(urgent, 6 if count == 1 else 0)
        prepared: list[float] = []
        slot = backfill.wait(prepare=lambda: prepared.append(time()))
        assert prepared == [pytest.approx(slot.at.timestamp() - PREPARE, abs=0.01)]


def test_what_preparing_raises_is_raised(engine: sa.Engine) -> None:
    def prepare() -> None:
        raise LookupError

    with make_throttle(engine) as throttle, pytest.raises(LookupError):
        throttle.wait(prepare=prepare)
