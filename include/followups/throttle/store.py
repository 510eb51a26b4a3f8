"""The slot rule as one statement, on SQLite and PostgreSQL, in the store's clock.

On PostgreSQL the statement commits by itself. Its values are worked out after the row's lock was got, since they
depend on nothing but that row and `clock_timestamp()`. On SQLite the clock is the host's, read by SQLite while it
holds the write lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeVar

import sqlalchemy as sa

from followups.throttle.engines import slot_engine
from followups.throttle.errors import ThrottleUnavailable
from followups.throttle.policy import HORIZON, BucketState
from followups.throttle.table import rate_slots

T = TypeVar("T")

#: A connection that fails within this time was stale, and a fresh one is worth a try.
STALE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What the two databases say differently. `served`: how much of a statement's time passed in the server."""

    now: str
    served: str
    greatest: str
    floor: str
    begin: str


SQLITE = Dialect(
    now="((julianday('now') - 2440587.5) * 86400.0)", served="0.0", greatest="max", floor="", begin="BEGIN IMMEDIATE"
)
POSTGRESQL = Dialect(
    now="CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
    served="CAST(extract(epoch FROM clock_timestamp() - statement_timestamp()) AS double precision)",
    greatest="greatest",
    floor="floor",
    begin="BEGIN",
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """The values that one reservation is made with; `daily_calls` below 0 and `bulk_spacing` 0 mean no such rule."""

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
    """Whether slots of a series still hold, and whether bulk calls have learned a limit."""

    series: int
    bulk_learned: bool


#: PostgreSQL would take a fresh look at the locked row only, so the statement reads no other row to find the slot.
#: SQLite 3.40 gets IS NULL wrong in RETURNING, on the row's own columns: they are returned as they are.
_RESERVE = """
UPDATE rate_slots SET
    slot_at = {slot},
    bulk_at = CASE WHEN :bulk_spacing > 0 THEN {slot} ELSE bulk_at END,
    extra = {greatest}(0.0, extra - :shrink),
    day_calls = CASE WHEN day = {today} THEN day_calls + :count ELSE 1 END,
    day = {today}
WHERE account = :account AND bucket = :bucket
    AND (closed_day IS NULL OR closed_day <> {today})
    AND (:daily_calls < 0 OR day <> {today} OR day_calls + :count <= :daily_calls)
    AND (:bulk_spacing <= 0 OR {slot} >= bulk_at + :bulk_spacing OR bulk_at > {now} + {horizon})
RETURNING slot_at AS at, slot_at - {now} AS wait, {served} AS served, series, {spacing} AS spacing,
    learned_calls, {bulk_learned} AS bulk_learned, day_calls
"""
_LOOK = "SELECT series, {bulk_learned} AS bulk_learned FROM rate_slots WHERE account = :account AND bucket = :bucket"
_BULK_LEARNED = """EXISTS (SELECT 1 FROM rate_slots AS other
    WHERE other.account = :account AND other.bucket = 'bulk' AND other.learned_calls IS NOT NULL)"""
_SPACING = """(CASE WHEN learned_calls * :period < :calls * learned_period
    THEN (learned_period + :margin + extra) / (learned_calls * :share)
    ELSE (:period + :margin + extra) / (:calls * :share) END)"""
_SLOT = "{greatest}((CASE WHEN slot_at > {now} + {horizon} THEN 0.0 ELSE slot_at END) + {spacing}, {now} + :lead)"
_CREATE = "INSERT INTO rate_slots (account, bucket) VALUES (:account, :bucket) ON CONFLICT DO NOTHING"


class SlotStore:
    """The rows of `rate_slots`. `clock` (SQL) replaces the database's clock in tests."""

    def __init__(
        self, engine: sa.Engine, *, monotonic: Callable[[], float] = time.monotonic, clock: str | None = None
    ) -> None:
        self._engine = slot_engine(engine.url)
        self._monotonic = monotonic
        self._dialect = SQLITE if engine.dialect.name == "sqlite" else POSTGRESQL
        self._now = clock or self._dialect.now
        parts = {
            "now": self._now,
            "served": self._dialect.served,
            "greatest": self._dialect.greatest,
            "horizon": HORIZON,
            "today": f"CAST({self._dialect.floor}(({self._now} + :offset) / 86400.0) AS INTEGER)",
            "spacing": _SPACING,
            "bulk_learned": _BULK_LEARNED,
        }
        self._reserve = sa.text(_RESERVE.format(slot=_SLOT.format(**parts), **parts))
        self._look = sa.text(_LOOK.format(**parts))

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def reserve(self, request: Request) -> Reservation | None:
        """Give out the next slot; None if the row is missing, its day is used up, or a bulk call is too early."""
        values = dict(vars(request))

        def work(connection: sa.Connection) -> Reservation | None:
            if self._dialect is SQLITE:
                connection.exec_driver_sql(self._dialect.begin)
            asked = self._monotonic()
            row = connection.execute(self._reserve, values).one_or_none()
            told = self._monotonic()
            if self._dialect is SQLITE:
                connection.exec_driver_sql("COMMIT")
            return None if row is None else Reservation(**row._mapping, asked=asked, told=told)

        return self._run(work)

    def look(self, account: str, bucket: str) -> Standing | None:
        """Read what may have changed since a slot was given out."""
        values = {"account": account, "bucket": bucket}
        row = self._run(lambda connection: connection.execute(self._look, values).one_or_none())
        return None if row is None else Standing(**row._mapping)

    def read(self, account: str) -> tuple[float, dict[str, BucketState]]:
        """Return the store's time and the account's rows."""
        return self._run(lambda connection: self._rows(connection, account))

    def create(self, account: str, *buckets: str) -> None:
        """Create rows that are not there yet; processes may race for it."""
        values = [{"account": account, "bucket": bucket} for bucket in buckets]
        self._run(lambda connection: connection.execute(sa.text(_CREATE), values))

    def change(self, account: str, change: Callable[[float, dict[str, BucketState]], list[BucketState]]) -> None:
        """Lock the account's rows, and write back the ones that `change(now, rows)` returns."""

        def work(connection: sa.Connection) -> None:
            connection.exec_driver_sql(self._dialect.begin)
            now, rows = self._rows(connection, account, lock=True)
            for state in change(now, rows):
                key = sa.and_(rate_slots.c.account == account, rate_slots.c.bucket == state.bucket)
                connection.execute(rate_slots.update().where(key).values(**asdict(state)))
            connection.exec_driver_sql("COMMIT")

        self._run(work)

    def _rows(
        self, connection: sa.Connection, account: str, *, lock: bool = False
    ) -> tuple[float, dict[str, BucketState]]:
        columns = [column for column in rate_slots.c if column.name != "account"]
        query = sa.select(*columns).where(rate_slots.c.account == account).order_by(rate_slots.c.bucket)
        found = connection.execute(query.with_for_update() if lock else query).all()
        now = connection.execute(sa.text(f"SELECT {self._now}")).scalar_one()
        return float(now), {row.bucket: BucketState(**row._mapping) for row in found}

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


def _unavailable(error: Exception) -> str:
    cause = (str(getattr(error, "orig", None) or error).strip() or type(error).__name__).splitlines()[0]
    cure = "create or migrate the ledger's schema" if "rate_slots" in cause else "check that it is up and reachable"
    return f"The ledger's database gives no rate slot, so nothing is sent ({cause}): {cure}."
