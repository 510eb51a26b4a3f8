"""What a call prepares once its slot is certain, on each store: it leaves on time, however long that took."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from followups.throttle import Priority
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
        assert slot.late_seconds == pytest.approx(0.0, abs=1e-3)
        assert began == [pytest.approx(slot.at.timestamp() - PREPARE, abs=GUARD - PREPARE)]


def test_what_took_too_long_to_prepare_makes_a_call_late_and_is_not_done_again(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine, time=time) as throttle:
        prepared: list[None] = []

        def prepare() -> None:
            prepared.append(None)
            time.pass_by(PREPARE + 3)

        assert throttle.wait(prepare=prepare).late_seconds == pytest.approx(3.0, abs=0.01)
        assert len(prepared) == 1


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
