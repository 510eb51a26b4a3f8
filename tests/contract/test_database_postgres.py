"""The ledger's connections to PostgreSQL: what is flushed, what is undone, and what replaces a lost one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from followups import database
from followups.ledger import clock
from tests.contract.ledger_kit import batch, batch_ids, plan, sender_of, take
from tests.support.follow_ups import make_rows

COUNT = sa.text("SELECT count(*) FROM numbers")
CUT = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def numbers(postgres_url: URL) -> Iterator[sa.Engine]:
    engine = database.connect(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (n INTEGER)")
    yield engine
    engine.dispose()


def cut_all(url: URL) -> None:
    other = sa.create_engine(url.set(drivername="postgresql+psycopg"))
    with other.connect() as connection:
        connection.execute(CUT)
    other.dispose()


def test_only_what_may_be_forgotten_is_not_flushed(numbers: sa.Engine) -> None:
    # Often enough for the driver to prepare what it can.
    for durable, mode in ((True, "on"), (False, "off")) * 12:
        with numbers.execution_options(durable=durable).begin() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == mode
    assert numbers.pool.status().startswith("Pool size: 20  Connections in pool: 1 ")


@pytest.mark.parametrize("durable", [True, False])
def test_what_fails_half_way_leaves_nothing(numbers: sa.Engine, durable: bool) -> None:
    def half_way() -> None:
        with numbers.execution_options(durable=durable).begin() as connection:
            connection.exec_driver_sql("INSERT INTO numbers VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_way()
    with numbers.connect() as connection:
        connection.exec_driver_sql("INSERT INTO numbers VALUES (2)")  # and is not committed
    with numbers.connect() as connection:
        assert connection.execute(COUNT).scalar() == 0


@pytest.mark.parametrize("durable", [True, False])
def test_connection_cut_while_idle_is_replaced(postgres_url: URL, numbers: sa.Engine, durable: bool) -> None:
    cut_all(postgres_url)
    time.sleep(database.TRUSTED_SECONDS)
    with numbers.execution_options(durable=durable).begin() as connection:
        assert connection.execute(COUNT).scalar() == 0


@pytest.mark.parametrize("durable", [True, False])
def test_connection_cut_just_now_is_an_error_of_sqlalchemy_once(
    postgres_url: URL, numbers: sa.Engine, durable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "TRUSTED_SECONDS", 60.0)
    cut_all(postgres_url)
    engine = numbers.execution_options(durable=durable)
    with pytest.raises(sa.exc.OperationalError) as lost, engine.begin() as connection:
        connection.execute(COUNT)
    assert lost.value.connection_invalidated
    with engine.begin() as connection:
        assert connection.execute(COUNT).scalar() == 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_worker_whose_clock_is_wrong_writes_the_stores_time(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(2001, 1, 1, tzinfo=UTC)

    plan_id, _ = plan(engine, make_rows(1))
    monkeypatch.setattr(clock, "datetime", Wrong)
    batch_id = batch_ids(engine, plan_id)[0]
    take(sender_of(engine, lease_seconds=300), batch_id)
    found = batch(engine, batch_id)
    assert found["lease_until"] - found["sent_at"] == pytest.approx(timedelta(seconds=300), abs=timedelta(seconds=1))
    assert abs(found["sent_at"] - datetime.now(UTC)) < timedelta(minutes=1)
