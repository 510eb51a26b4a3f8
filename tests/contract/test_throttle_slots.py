"""What a slot promises, on each store: order, spacing, the store's clock, and what voids it."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from followups.database import connect
from followups.throttle import RateLimit, SlotsMissed, Throttle, WaitStopped
from followups.throttle.days import DAY, day_of
from followups.throttle.policy import LEAD, BucketState, next_slot, rewound, spacing
from followups.throttle.priority import Priority
from followups.throttle.store import Request, Reservation, SlotStore
from followups.throttle.turn import MAX_MISSES
from tests.contract.throttle_kit import (
    ACCOUNT,
    LIMIT,
    START,
    SimulatedTime,
    get_row,
    make_request,
    make_throttle,
    reserve,
    set_clock,
    set_row,
)
from tests.support.slots import given_out

SPACING = 5.05 / 25


@pytest.fixture
def store(engine: sa.Engine) -> Iterator[SlotStore]:
    opened = SlotStore(engine)
    opened.create(ACCOUNT, "normal")
    yield opened
    opened.close()


def test_first_slot_is_one_lead_ahead(store: SlotStore) -> None:
    assert 0 < reserve(store).wait <= LEAD + 0.001


def test_slots_are_spaced_by_period_and_margin_over_calls(store: SlotStore) -> None:
    slots = [reserve(store).at for _ in range(30)]
    assert [b - a for a, b in itertools.pairwise(slots)] == pytest.approx([SPACING] * 29, abs=1e-4)


def test_two_processes_share_one_queue_in_order_of_asking(engine: sa.Engine, store: SlotStore) -> None:
    other = SlotStore(engine)
    slots = [reserve(each).at for each in (store, other, other, store, other)]
    other.close()
    assert [b - a for a, b in itertools.pairwise(slots)] == pytest.approx([SPACING] * 4, abs=1e-4)


def test_headroom_leaves_its_share_to_others(store: SlotStore) -> None:
    slots = [reserve(store, share=0.5).at for _ in range(3)]
    assert slots[2] - slots[1] == pytest.approx(2 * SPACING, abs=1e-4)


def test_order_is_kept_however_long_the_queue(engine: sa.Engine, store: SlotStore) -> None:
    slots = [reserve(store, calls=1).at for _ in range(150)]
    assert slots[-1] - slots[0] == pytest.approx(149 * 5.05, abs=0.1)


@pytest.mark.parametrize("back", [0.5, 90.0, 86_400.0])
def test_clock_that_steps_back_changes_neither_order_nor_spacing(engine: sa.Engine, back: float) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine, time=time) as throttle:
        store, request = throttle._store, throttle._request("normal", 0.0)
        store.create(ACCOUNT, "normal")
        waits = [store.reserve(request).wait for _ in range(10)]
        set_clock(engine, START - back)
        waits += [store.reserve(request).wait for _ in range(3)]
    assert [b - a for a, b in itertools.pairwise(waits)] == pytest.approx([SPACING] * 12, abs=1e-5)


def test_slots_survive_the_process_that_made_them(engine: sa.Engine, store: SlotStore) -> None:
    first = [reserve(store).at for _ in range(10)][-1]
    fresh = SlotStore(engine)
    assert reserve(fresh).at == pytest.approx(first + SPACING, abs=1e-4)
    fresh.close()


def random_state(draw: random.Random, now: float) -> BucketState:
    learned = draw.choice([None, (10, 5.0), (5, 5.0), (72, 5.0), (100, 60.0)])
    end = now + draw.choice([-100.0, -0.1, 0.0, 0.3, 7.0, 650.0])
    queues = sorted(end - draw.choice([0.0, 0.0, 0.1, 0.202, 2.02, 5.0, 90.0]) for _ in range(3))
    return BucketState(
        bucket="normal",
        asked_at=now + draw.choice([-50.0, -0.5, 0.0, 0.25, 30.0]),
        slot_at=end,
        scheduled_at=queues[0],
        manual_at=queues[1],
        requeue_at=queues[2],
        bulk_at=now + draw.choice([-100.0, 0.0, 0.4, 650.0]),
        paused_until=now + draw.choice([-10.0, 40.0]),
        extra=draw.choice([0.0, 0.00003, 0.05, 0.5]),
        learned_calls=learned[0] if learned else None,
        learned_period=learned[1] if learned else None,
        series=draw.randrange(5),
        day=day_of(now, 0.0) - draw.choice([0, 0, 1]),
        day_calls=draw.choice([0, 3, 9, 10, 11]),
        backfill_calls=draw.choice([0, 3, 4, 5]),
        closed_day=draw.choice([None, None, day_of(now, 0.0), day_of(now, 0.0) - 1]),
    )


def expected(
    before: BucketState, limit: RateLimit, now: float, bulk_spacing: float, priority: Priority
) -> BucketState | None:
    """Say by the pure rules what one reservation does to a row; None: it gives no slot."""
    state = rewound(before, now)
    same_day, is_backfill = state.day == day_of(now, 0.0), priority is Priority.BACKFILL
    made, filled = (state.day_calls, state.backfill_calls) if same_day else (0, 0)
    slot = next_slot(state, now, spacing(limit, state), priority=priority)
    too_early = bulk_spacing > 0 and slot < state.bulk_at + bulk_spacing
    spent = limit.daily_share is not None and made >= limit.daily_share
    share_spent = is_backfill and limit.backfill_calls is not None and filled >= limit.backfill_calls
    if state.closed_day == day_of(now, 0.0) or spent or share_spent or too_early:
        return None
    return replace(
        given_out(state, now, slot, priority),
        bulk_at=slot if bulk_spacing > 0 else state.bulk_at,
        extra=max(0.0, state.extra - 0.00005),
        day=day_of(now, 0.0),
        day_calls=made + 1,
        backfill_calls=filled + is_backfill,
    )


def test_the_statement_obeys_the_pure_rules(engine: sa.Engine, store: SlotStore) -> None:
    draw, now = random.Random(20), 1_900_000_000.25
    fixed = SlotStore(engine, clock=f"CAST({now!r} AS double precision)")
    given = overtook = 0
    for _ in range(250):
        state = random_state(draw, now)
        daily_calls, priority = draw.choice([None, 10]), draw.choice(list(Priority))
        limit = RateLimit(calls=25, daily_calls=daily_calls, headroom=draw.choice([0.0, 0.2]), backfill_share=0.5)
        bulk_spacing = draw.choice([0.0, 0.0, 0.5])
        set_row(engine, **asdict(state))
        is_backfill = priority is Priority.BACKFILL
        request = make_request(
            share=limit.share,
            daily_calls=-1 if limit.daily_share is None else limit.daily_share,
            bulk_spacing=bulk_spacing,
            priority=priority,
            is_backfill=is_backfill,
            backfill_calls=limit.backfill_calls if is_backfill and limit.backfill_calls else -1,
        )
        wanted = expected(state, limit, now, bulk_spacing, priority)
        slot = fixed.reserve(request)
        assert (slot is None) == (wanted is None), state
        after = asdict(get_row(store))
        assert after == pytest.approx(asdict(wanted or state), abs=1e-5, nan_ok=False), state
        if slot is not None:
            given += 1
            overtook += slot.at < after["slot_at"] - 1e-5
            between = spacing(limit, state)
            assert slot.at == pytest.approx(next_slot(state, now, between, priority=priority), abs=1e-5)
    fixed.close()
    assert 60 < given < 220
    assert overtook > 5


def test_clocks_of_the_workers_do_not_matter(engine: sa.Engine) -> None:
    with (
        make_throttle(engine, time=SimulatedTime(engine, skew=+7_000.0)) as fast,
        make_throttle(engine, time=SimulatedTime(engine, skew=-7_000.0)) as slow,
    ):
        slots = [each.wait().at.timestamp() for each in (fast, slow, fast, slow)]
    assert [b - a for a, b in itertools.pairwise(slots)] == pytest.approx([SPACING] * 3)


def test_wait_returns_when_its_slot_is_due(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine, time=time) as throttle:
        for _ in range(3):
            slot = throttle.wait()
            assert time() == pytest.approx(slot.at.timestamp(), abs=1e-5)


@pytest.mark.parametrize("late", [0.031, 10.0])
def test_missed_slot_is_void_and_another_is_taken(engine: sa.Engine, late: float) -> None:
    time = SimulatedTime(engine)
    time.late = [late]
    with make_throttle(engine, time=time) as throttle:
        slot = throttle.wait()
        assert slot.calls_today == 1
        assert slot.at.timestamp() == pytest.approx(time(), abs=1e-5)
    assert slot.waited_seconds > late
    assert slot.at.timestamp() >= START + LEAD + SPACING - 1e-5


def test_slot_reached_within_the_tolerance_is_used(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    time.late = [0.029]
    with make_throttle(engine, time=time) as throttle:
        throttle.wait()
    assert time.slept == 1


def test_slot_is_void_if_its_statement_took_too_long_to_tell_its_moment(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine, time=time) as throttle:
        given = throttle._store.reserve
        transits = iter([0.6, 0.01])
        throttle._store.create(ACCOUNT, "normal")
        for _ in range(5):
            given(throttle._request("normal", 0.0))

        def slow(request: Request) -> Reservation | None:
            slot = given(request)
            return slot and replace(slot, asked=slot.told - next(transits))

        throttle._store.reserve = slow
        assert throttle.wait().calls_today == 6
    assert next(transits, None) is None


def test_distant_store_is_asked_further_ahead(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    with make_throttle(engine, time=time) as throttle:
        given = throttle._store.reserve

        def distant(request: Request) -> Reservation | None:
            asked = time()
            time.pass_by(0.1)
            slot = given(request)
            time.pass_by(0.1)
            return slot and replace(slot, asked=asked, told=time())

        throttle._store.reserve = distant
        slot = throttle.wait()
        assert slot.at.timestamp() == pytest.approx(time(), abs=0.03)


def test_process_that_misses_every_slot_gets_an_error(engine: sa.Engine) -> None:
    time = SimulatedTime(engine)
    time.late = [0.5] * 100
    with make_throttle(engine, time=time) as throttle, pytest.raises(SlotsMissed, match="overloaded"):
        throttle.wait()
    assert time.slept == MAX_MISSES


def test_stop_ends_the_wait(engine: sa.Engine) -> None:
    time, stop = SimulatedTime(engine), threading.Event()
    time.on_sleep = lambda count: stop.set() if count == 4 else None
    with make_throttle(engine, RateLimit(calls=1, period_seconds=60), time) as throttle:
        throttle.wait()
        with pytest.raises(WaitStopped):
            throttle.wait(stop=stop.is_set)
    assert time.slept == 4


def test_nothing_is_reserved_once_stopped(engine: sa.Engine) -> None:
    with make_throttle(engine) as throttle:
        with pytest.raises(WaitStopped):
            throttle.wait(stop=lambda: True)
        assert throttle.status()[0].calls_today == 0


def test_processes_may_race_to_create_the_row(database_url: URL, engine: sa.Engine) -> None:
    start = threading.Barrier(6)
    slots: list[float] = []

    def race() -> None:
        own = connect(database_url)
        with Throttle(own, ACCOUNT, LIMIT) as throttle:
            start.wait()
            slots.append(throttle.wait().at.timestamp())
        own.dispose()

    threads = [threading.Thread(target=race) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ordered = sorted(slots)
    assert len(ordered) == 6
    assert all(b - a >= SPACING - 1e-4 for a, b in itertools.pairwise(ordered))


def test_accounts_do_not_share_slots(engine: sa.Engine, store: SlotStore) -> None:
    store.create("other", "normal")
    reserve(store)
    assert reserve(store, account="other").wait <= LEAD + 0.001


def test_days_of_another_zone_begin_at_its_midnight(engine: sa.Engine, store: SlotStore) -> None:
    now = 20_000 * DAY - 3600.0
    fixed = SlotStore(engine, clock=f"CAST({now!r} AS double precision)")
    reserve(fixed)
    assert get_row(store).day == 19_999
    reserve(fixed, offset=5.5 * 3600)
    fixed.close()
    assert (get_row(store).day, get_row(store).day_calls) == (20_000, 1)


def test_limit_of_the_kit_is_the_documented_default() -> None:
    assert RateLimit() == LIMIT
