"""Slots kept in SQLite or PostgreSQL, in the store's clock.

On PostgreSQL the statement commits by itself. Its values are worked out after the row's lock was got, since they
depend on nothing but that row and `clock_timestamp()`. On SQLite the clock is the host's, read by SQLite while it
holds the write lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeVar

import sqlalchemy as sa

from followups.throttle import engines, statements
from followups.throttle.errors import ThrottleUnavailable
from followups.throttle.policy import GUARD, BucketState
from followups.throttle.priority import Priority
from followups.throttle.statements import POSTGRESQL, SQLITE
from followups.throttle.table import rate_slots

T = TypeVar("T")

#: A connection that fails within this time was stale, and a fresh one is worth a try.
STALE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """The values that one reservation is made with; calls below 0 and a `bulk_spacing` of 0 mean no such rule."""

    account: str
    bucket: str
    calls: int
    period: float
    margin: float
    share: float
    shrink: float
    lead: float
    offset: float
    daily_calls: int
    priority: Priority = Priority.SCHEDULED
    #: Whether the call is a backfill's, and how many of those a day may hold.
    is_backfill: bool = False
    backfill_calls: int = -1
    #: 0 where an earlier slot of the same call was counted already.
    count: int = 1
    #: A bulk call's slot must come this long after the bulk call before it.
    bulk_spacing: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """A slot given out, and this process's clock when it was: `asked` before the statement, `told` after it."""

    at: float
    wait: float
    served: float
    series: int
    spacing: float
    learned_calls: int | None
    bulk_learned: bool
    day_calls: int
    asked: float
    told: float

    @property
    def transit(self) -> float:
        """Seconds on the way to the store and back."""
        return max(0.0, self.told - self.asked - self.served)

    @property
    def due(self) -> float:
        """The slot in this process's clock, taking both ways as equally long."""
        return self.told - self.transit / 2 + self.wait


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Whether slots of a series still hold, how far more urgent calls have come, whether bulk calls have a limit."""

    series: int
    urgent_at: float
    bulk_learned: bool


class SlotStore:
    """The rows of `rate_slots`. `clock` (SQL) replaces the database's clock in tests."""

    def __init__(
        self, engine: sa.Engine, *, monotonic: Callable[[], float] = time.monotonic, clock: str | None = None
    ) -> None:
        self._engine = engines.slot_engine(engine.url)
        self._monotonic = monotonic
        self._dialect = SQLITE if engine.dialect.name == "sqlite" else POSTGRESQL
        #: SQLite lets whoever asks at the right moment write: threads that take turns do not starve each other.
        self._turn = threading.Lock()
        self._now = clock or self._dialect.now
        self._reserve = [sa.text(statements.reserve(self._dialect, self._now, priority)) for priority in Priority]
        self._look = [sa.text(statements.look(priority)) for priority in Priority]

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def reserve(self, request: Request) -> Reservation | None:
        """Give out the next slot; None if the row is missing, its day is used up, or a bulk call is too early."""
        backfill = int(request.is_backfill)
        derived = {"guard": max(GUARD, request.lead), "backfill": backfill, "backfill_count": backfill * request.count}
        values = vars(request) | derived

        def work(connection: sa.Connection) -> Reservation | None:
            if self._dialect is SQLITE:
                connection.exec_driver_sql(self._dialect.begin)
            asked = self._monotonic()
            row = connection.execute(self._reserve[request.priority], values).one_or_none()
            told = self._monotonic()
            if self._dialect is SQLITE:
                connection.exec_driver_sql("COMMIT")
            return None if row is None else Reservation(**row._mapping, asked=asked, told=told)

        return self._write(work)

    def look(self, request: Request) -> Standing | None:
        """Read what may have changed since a slot was given out."""
        values = {"account": request.account, "bucket": request.bucket}
        look = self._look[request.priority]
        row = self._run(lambda connection: connection.execute(look, values).one_or_none())
        return None if row is None else Standing(**row._mapping)

    def read(self, account: str) -> tuple[float, dict[str, BucketState]]:
        """Return the store's time and the account's rows."""
        return self._run(lambda connection: self._rows(connection, account))

    def create(self, account: str, *buckets: str) -> None:
        """Create rows that are not there yet; processes may race for it."""
        values = [{"account": account, "bucket": bucket} for bucket in buckets]
        self._write(lambda connection: connection.execute(sa.text(statements.CREATE), values))

    def change(self, account: str, change: Callable[[float, dict[str, BucketState]], list[BucketState]]) -> None:
        """Lock the account's rows, and write back the ones that `change(now, rows)` returns."""

        def work(connection: sa.Connection) -> None:
            connection.exec_driver_sql(self._dialect.begin)
            now, rows = self._rows(connection, account, lock=True)
            for state in change(now, rows):
                key = sa.and_(rate_slots.c.account == account, rate_slots.c.bucket == state.bucket)
                connection.execute(rate_slots.update().where(key).values(**asdict(state)))
            connection.exec_driver_sql("COMMIT")

        self._write(work)

    def _rows(
        self, connection: sa.Connection, account: str, *, lock: bool = False
    ) -> tuple[float, dict[str, BucketState]]:
        columns = [column for column in rate_slots.c if column.name != "account"]
        query = sa.select(*columns).where(rate_slots.c.account == account).order_by(rate_slots.c.bucket)
        found = connection.execute(query.with_for_update() if lock else query).all()
        now = connection.execute(sa.text(f"SELECT {self._now}")).scalar_one()
        return float(now), {row.bucket: BucketState(**row._mapping) for row in found}

    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work`; on SQLite the wait for the turn and the one for the file share one time-out."""
        if self._dialect is not SQLITE:
            return self._run(work)
        asked = self._monotonic()
        if not self._turn.acquire(timeout=engines.SQLITE_BUSY_TIMEOUT):
            raise ThrottleUnavailable(_unavailable(TimeoutError("database is locked")))
        try:
            left = max(0.0, engines.SQLITE_BUSY_TIMEOUT - (self._monotonic() - asked))
            return self._run(lambda connection: work(_patient(connection, left)))
        finally:
            self._turn.release()

    def _run(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` on a connection; a transaction that it leaves open is rolled back."""
        started = self._monotonic()
        while True:
            try:
                with self._engine.connect() as connection:
                    return work(connection)
            except sa.exc.DBAPIError as error:
                if error.connection_invalidated and self._monotonic() - started < STALE_SECONDS:
                    started -= STALE_SECONDS
                    continue
                raise ThrottleUnavailable(_unavailable(error)) from error
            except sa.exc.TimeoutError as error:
                raise ThrottleUnavailable(_unavailable(error)) from error


def _patient(connection: sa.Connection, seconds: float) -> sa.Connection:
    """Let a SQLite connection wait so long for the file's lock."""
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
    return connection


def _unavailable(error: Exception) -> str:
    cause = (str(getattr(error, "orig", None) or error).strip() or type(error).__name__).splitlines()[0]
    cure = "create or migrate the ledger's schema" if "rate_slots" in cause else "check that it is up and reachable"
    return f"The ledger's database gives no rate slot, so nothing is sent ({cause}): {cure}."
