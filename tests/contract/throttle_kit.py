"""What the throttle's contract tests share: time that passes when it is slept, and rows set by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from followups.throttle import RateLimit, Throttle, rate_slots
from followups.throttle.policy import LEAD, BucketState
from followups.throttle.store import Request, Reservation, SlotStore

ACCOUNT = "https://api.example.com|AK-EXAMPLE"
LIMIT = RateLimit(calls=25, period_seconds=5.0)
#: Noon of a day in 2030, UTC.
START = 21_915 * 86_400.0 + 43_200.0


class SimulatedTime:
    """Time that passes only when a process sleeps, in the store's clock and in the process's own.

    All processes on one engine live in the same time, which the store reads from a table; `skew` sets a process's own
    clock off. A sleep may wake up `late`, and runs `on_sleep` with the number of sleeps so far.
    """

    _now: ClassVar[WeakKeyDictionary[sa.Engine, float]] = WeakKeyDictionary()

    def __init__(self, engine: sa.Engine, skew: float = 0.0) -> None:
        self._engine = engine
        self._skew = skew
        self.slept = 0
        self.late: list[float] = []
        self.on_sleep: Callable[[int], None] = lambda _count: None
        if engine not in self._now:
            with engine.begin() as connection:
                connection.execute(sa.text("CREATE TABLE simulated_clock (now DOUBLE PRECISION)"))
                connection.execute(sa.text(f"INSERT INTO simulated_clock VALUES ({START})"))
            self._now[engine] = START

    def __call__(self) -> float:
        return self._now[self._engine] + self._skew

    def sleep(self, seconds: float) -> None:
        self.slept += 1
        self.pass_by(seconds + (self.late.pop(0) if self.late else 0.0))
        self.on_sleep(self.slept)

    def pass_by(self, seconds: float) -> None:
        self._now[self._engine] += seconds
        set_clock(self._engine, self._now[self._engine])


def set_clock(engine: sa.Engine, now: float) -> None:
    """Set the store's clock alone."""
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE simulated_clock SET now = :now"), {"now": now})


def make_throttle(
    engine: sa.Engine, limit: RateLimit = LIMIT, time: SimulatedTime | None = None, **more: Any
) -> Throttle:
    """Return a throttle whose process and store live in simulated time."""
    time = time or SimulatedTime(engine)
    store = SlotStore(engine, monotonic=time, clock="(SELECT now FROM simulated_clock)")
    return Throttle(engine, ACCOUNT, limit, clock=time, sleep=time.sleep, store=store, **more)


def make_request(**changes: Any) -> Request:
    values: dict[str, Any] = {
        "account": ACCOUNT, "bucket": "normal", "calls": 25, "period": 5.0, "margin": 0.05, "share": 1.0,
        "shrink": 0.00005, "lead": LEAD, "offset": 0.0, "daily_calls": -1,
    }  # fmt: skip
    return Request(**values | changes)


def reserve(store: SlotStore, **changes: Any) -> Reservation:
    """Reserve a slot; the row must be there, and the day not used up."""
    slot = store.reserve(make_request(**changes))
    assert slot is not None
    return slot


def set_row(engine: sa.Engine, bucket: str = "normal", **values: Any) -> None:
    """Put a row's values in place, whether the row is there or not."""
    with engine.begin() as connection:
        where = sa.and_(rate_slots.c.account == ACCOUNT, rate_slots.c.bucket == bucket)
        if connection.execute(rate_slots.update().where(where).values(**values)).rowcount == 0:
            connection.execute(rate_slots.insert().values(account=ACCOUNT, bucket=bucket, **values))


def get_row(store: SlotStore, bucket: str = "normal") -> BucketState:
    return store.read(ACCOUNT)[1][bucket]


def queue_up(throttle: Throttle, calls: int) -> list[float]:
    """Take slots and wait for none; return when they are due."""
    throttle._store.create(ACCOUNT, "normal")
    slots = [throttle._store.reserve(throttle._request("normal", 0.0)) for _ in range(calls)]
    return [slot.at for slot in slots if slot is not None]
