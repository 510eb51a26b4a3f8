"""Who goes first when kinds of runs compete, and what of the day backfills may use, on each store."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from followups.database import connect
from followups.throttle import DailyQuotaReached, Priority, RateLimit, Throttle
from followups.throttle.policy import GUARD
from followups.throttle.throttle import PATIENCE
from tests.contract.throttle_kit import ACCOUNT, SimulatedTime, get_row, make_throttle, queue_up, set_row

SPACING = 5.05 / 25


@pytest.mark.parametrize("urgent", list(Priority)[:-1])
def test_call_of_a_more_urgent_kind_goes_ahead_of_the_queue(engine: sa.Engine, urgent: Priority) -> None:
    less = Priority(urgent + 1)
    with make_throttle(engine, priority=less) as others, make_throttle(engine, priority=urgent) as first:
        queue_up(others, 50)
        assert first.wait().waited_seconds <= GUARD + SPACING
        assert first.wait().waited_seconds <= SPACING + 0.001


@pytest.mark.parametrize("kind", list(Priority))
def test_calls_of_one_kind_and_more_urgent_ones_are_not_passed(engine: sa.Engine, kind: Priority) -> None:
    for queued in list(Priority)[: kind + 1]:
        set_row(engine, slot_at=0, scheduled_at=0, manual_at=0, requeue_at=0)
        with make_throttle(engine, priority=queued) as others, make_throttle(engine, priority=kind) as throttle:
            last = queue_up(others, 10)[-1]
            assert throttle.wait().at.timestamp() == pytest.approx(last + SPACING, abs=1e-4)


def test_caller_whose_place_was_taken_gets_another_and_is_counted_once(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with (
        make_throttle(engine) as urgent,
        make_throttle(engine, time=time, priority=Priority.BACKFILL) as backfill,
    ):
        queue_up(backfill, 5)
        taken: list[float] = []
        time.on_sleep = lambda count: taken.extend(queue_up(urgent, 6)) if count == 1 else None
        slot = backfill.wait()
        assert all(abs(slot.at.timestamp() - other) >= 0.9 * SPACING for other in taken)
        assert slot.calls_today == 12
        assert get_row(backfill._store).backfill_calls == 6


def test_caller_whose_place_was_not_taken_keeps_it(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with (
        make_throttle(engine) as urgent,
        make_throttle(engine, time=time, priority=Priority.BACKFILL) as backfill,
    ):
        last = queue_up(backfill, 20)[-1]
        queue_up(urgent, 3)
        assert backfill.wait().at.timestamp() == pytest.approx(last + SPACING, abs=1e-4)


@pytest.mark.parametrize("before", [0.06, 0.098, 0.105, 0.11, 0.119, 0.15])
def test_no_slot_is_lost_between_an_urgent_call_and_its_holder(engine: sa.Engine, before: float) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine) as urgent:
        taken: list[float] = []

        def sleep(seconds: float) -> None:
            wakes, asks = time() + seconds, due - before
            if not taken and asks <= wakes:
                time.pass_by(asks - time())
                taken.extend(queue_up(urgent, 1))
            time.pass_by(wakes - time())

        time.sleep = sleep
        with make_throttle(engine, time=time, priority=Priority.BACKFILL) as backfill:
            due = queue_up(backfill, 5)[-1] + SPACING
            slot = backfill.wait()
        assert len(taken) == 1
        assert due in [pytest.approx(slot.at.timestamp(), abs=1e-3), pytest.approx(taken[0], abs=1e-3)]


def test_nobody_is_passed_by_for_ever(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with (
        make_throttle(engine) as urgent,
        make_throttle(engine, time=time, priority=Priority.BACKFILL) as backfill,
    ):
        queue_up(urgent, 5)
        time.on_sleep = lambda _count: queue_up(urgent, 5) and None
        assert PATIENCE - 1 < backfill.wait().waited_seconds < PATIENCE + 15


def test_slots_of_the_dead_are_passed_like_any_others(engine: sa.Engine) -> None:
    with make_throttle(engine, priority=Priority.BACKFILL) as dead:
        queue_up(dead, 100)
    with make_throttle(engine) as urgent:
        assert urgent.wait().waited_seconds <= GUARD + SPACING


def test_bulk_limit_serves_the_more_urgent_first(engine: sa.Engine) -> None:
    limits = {"bulk": RateLimit(calls=1, period_seconds=5.0)}
    with (
        make_throttle(engine, bucket_limits=limits, priority=Priority.BACKFILL) as others,
        make_throttle(engine, bucket_limits=limits) as urgent,
    ):
        others._store.create(ACCOUNT, "normal", "bulk")
        for _ in range(8):
            others._store.reserve(others._request("bulk", 0.0))
        assert urgent.wait("bulk").waited_seconds <= 5.05 + GUARD


def test_backfills_use_their_share_of_the_day_alone(engine: sa.Engine) -> None:
    limit = RateLimit(daily_calls=10, backfill_share=0.3)
    with (
        make_throttle(engine, limit, priority=Priority.BACKFILL) as backfill,
        make_throttle(engine, limit) as nightly,
    ):
        nightly.wait()
        last = [backfill.wait() for _ in range(3)][-1]
        with pytest.raises(DailyQuotaReached, match="backfills' share") as reached:
            backfill.wait()
        assert reached.value.resets_at - last.at < timedelta(days=1)
        shown = nightly.status()[0]
        assert (shown.backfill_calls_today, shown.backfill_calls, shown.day_used_up) == (3, 3, False)
        for _ in range(6):
            nightly.wait()
        with pytest.raises(DailyQuotaReached, match="The daily quota is"):
            nightly.wait()
        set_row(engine, day=get_row(nightly._store).day - 1)
        backfill.wait()
        assert get_row(nightly._store).backfill_calls == 1


def test_backfills_that_race_never_use_more_than_their_share(engine: sa.Engine) -> None:
    limit = RateLimit(calls=1000, daily_calls=100, backfill_share=0.1)
    used: list[int] = []

    def race() -> None:
        own = connect(engine.url)
        with Throttle(own, ACCOUNT, limit, priority=Priority.BACKFILL) as throttle:
            for _ in range(5):
                try:
                    used.append(throttle.wait().calls_today)
                except DailyQuotaReached:
                    break
        own.dispose()

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(used) == 10


def test_person_opens_a_day_that_was_refused(engine: sa.Engine) -> None:
    with make_throttle(engine) as throttle:
        throttle.refused(daily=True)
        throttle.forget_learned()
        throttle.wait()
