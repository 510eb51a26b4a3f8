"""The table of outcomes shows what the ledger holds, whatever is changed, repeated, frozen or dies in between."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
import sqlalchemy as sa

from followups import crash_points, write_back
from followups.ledger import write_backs
from followups.ledger.planning import finish_plans
from followups.ledger.settling import SettleLedger
from followups.ledger.write_backs import WriteBackLedger
from followups.schema import deliveries, events
from leadsquared import deliveries_table
from leadsquared.deliveries_table import COLUMNS, DeliveriesTable
from tests.contract.ledger_kit import UNKNOWN, batch_ids, plan, send, sender_of, take
from tests.support.follow_ups import make_feed, make_row

TABLE = "followup_outcomes"
KINDS = ["sqlite", "duckdb", "postgres"]


class Outcomes:
    """A company's database with the table, by an Airflow connection of its kind."""

    def __init__(self, kind: str, request: pytest.FixtureRequest, folder: Path) -> None:
        self.kind = kind
        self.path = folder / f"outcomes.{kind}"
        fields: dict[str, Any] = {"conn_type": kind, "host": str(self.path)}
        if kind == "postgres":
            self.url = request.getfixturevalue("postgres_url")
            fields |= {"host": self.url.host, "port": self.url.port, "schema": self.url.database}
            fields |= {"login": self.url.username, "password": self.url.password}
        self.fields = json.dumps(fields)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        if self.kind == "duckdb":
            with duckdb.connect(str(self.path)) as connection:
                return connection.execute(sql).fetchall()
        url = self.url if self.kind == "postgres" else f"sqlite:///{self.path}"
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            result = connection.execute(sa.text(sql))
            found = [tuple(each) for each in result] if result.returns_rows else []
        engine.dispose()
        return found

    def rows(self) -> list[tuple[Any, ...]]:
        return sorted(self.ask(f"SELECT delivery_key, state, reason, crm_task_id FROM {TABLE}"))


@pytest.fixture(params=KINDS)
def outcomes(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outcomes:
    made = Outcomes(request.param, request, tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_OUTCOMES", made.fields)
    return made


@pytest.fixture(autouse=True)
def _disarmed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(write_back, "CHUNK_ROWS", 40)
    yield
    crash_points.arm(None)


def ledger_of(engine: sa.Engine, owner: str = "writer") -> WriteBackLedger:
    return WriteBackLedger(engine, feed=make_feed().name, target=f"outcomes/{TABLE}", owner=owner)


def write(engine: sa.Engine, owner: str = "writer") -> int:
    return write_back.write_back(ledger_of(engine, owner), DeliveriesTable("outcomes", TABLE), sleep=lambda _: None)


def right(engine: sa.Engine) -> list[tuple[Any, ...]]:
    d = deliveries.c
    with engine.connect() as connection:
        query = sa.select(d.delivery_key, d.state, d.reason, d.crm_task_id)
        return sorted(tuple(each) for each in connection.execute(query))


def rows(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [make_row(f"f-{number}", **changes) for number in range(count)]


def test_every_change_of_a_run_arrives_and_nothing_else_is_written_again(engine: sa.Engine, outcomes: Outcomes) -> None:
    plan_id, _ = plan(engine, [*rows(110), make_row("bad", subject=None)])
    assert write(engine) == 111
    assert outcomes.rows() == right(engine)
    first, *_ = batch_ids(engine, plan_id)
    sender = sender_of(engine)
    claim, intent = take(sender, first)
    assert write(engine) == 50
    sender.record(claim, UNKNOWN)
    SettleLedger(engine, actor="test", plan_ids=[plan_id]).created({intent.delivery_ids[0]: "task-1"})
    assert write(engine) == 50
    assert outcomes.rows() == right(engine)
    send(engine, plan_id)
    finish_plans(engine, [plan_id])
    assert write(engine) == 60
    assert write(engine) == 0
    assert outcomes.rows() == right(engine)


def test_columns_hold_what_they_say(engine: sa.Engine, outcomes: Outcomes) -> None:
    plan(engine, rows(1))
    write(engine)
    if outcomes.kind != "duckdb":  # which would need another package to give out aware times
        found = outcomes.ask(f"SELECT due_at, changed_at FROM {TABLE}")
        with engine.connect() as connection:
            (due,) = connection.execute(sa.select(deliveries.c.due_at)).one()
        assert str(found[0][0])[:16] == due.isoformat(" ")[:16]
    assert outcomes.ask(f"SELECT feed, followup_id, state FROM {TABLE}") == [(make_feed().name, "f-0", "planned")]
    assert len(outcomes.ask(f"SELECT {', '.join(COLUMNS)} FROM {TABLE}")[0]) == len(COLUMNS)


@pytest.mark.parametrize("point", ["before warehouse log", "after warehouse log"])
def test_writer_that_dies_is_followed_by_the_next(engine: sa.Engine, outcomes: Outcomes, point: str) -> None:
    plan_id, _ = plan(engine, rows(110))
    crash_points.arm(f"{point}:2:error")
    with pytest.raises(crash_points.InjectedError):
        write(engine)
    crash_points.arm(None)
    send(engine, plan_id)
    assert write(engine) == 110
    assert outcomes.rows() == right(engine)


def test_table_that_was_dropped_is_written_anew(engine: sa.Engine, outcomes: Outcomes) -> None:
    plan_id, _ = plan(engine, rows(60))
    write(engine)
    outcomes.ask(f"DROP TABLE {TABLE}")
    take(sender_of(engine), batch_ids(engine, plan_id)[1])
    assert write(engine) == 60
    assert outcomes.rows() == right(engine)


def test_writer_that_was_frozen_cannot_undo_what_a_later_one_wrote(
    engine: sa.Engine, outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_id, _ = plan(engine, rows(30))
    table, slow = DeliveriesTable("outcomes", TABLE), ledger_of(engine, "slow")
    monkeypatch.setattr(write_backs, "LEASE", timedelta(0))
    slow.take()
    newest = slow.newest()
    old = slow.rows(slow.changed(0, newest.event_id))
    send(engine, plan_id)
    assert write(engine, "quick") == 30
    assert not slow.renew()
    table.replace(old, newest.event_id)
    slow.release(newest.event_id)
    assert outcomes.rows() == right(engine)
    assert write(engine) == 0


def test_one_writer_at_a_time(engine: sa.Engine, outcomes: Outcomes) -> None:
    plan(engine, rows(1))
    other = ledger_of(engine, "other")
    assert other.take() == 0
    with pytest.raises(write_back.WriteBackError, match="another writer has been at work for 90 s"):
        write(engine)
    other.release()
    assert write(engine) == 1


def test_event_that_is_committed_late_is_not_passed_over(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time, so that events are committed in the order of their ids")
    monkeypatch.setattr(write_backs, "IN_FLIGHT_SECONDS", 0.1)
    plan(engine, rows(1))
    ledger = ledger_of(engine)
    late = engine.connect()
    late.execute(sa.update(deliveries).values(state="held"))
    values = {"at": sa.func.now(), "actor": "late", "delivery_id": 1, "to_state": "held"}
    late.execute(sa.insert(events).values(**values))
    plan(engine, [make_row("another")], run="run-2")
    newest = ledger.newest()
    assert not newest.complete
    late.commit()
    late.close()
    assert ledger.newest().complete
    assert ledger.changed(newest.event_id - 3, newest.event_id)


def hold(path: str, held: Any, end: Any) -> None:
    with duckdb.connect(path):
        held.set()
        end.wait(20)


def test_file_that_somebody_else_writes_to_is_awaited_and_then_named(
    engine: sa.Engine, outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    if outcomes.kind != "duckdb":
        pytest.skip("only DuckDB keeps everybody else out")
    monkeypatch.setattr(deliveries_table, "LOCKED_SECONDS", 0.3)
    plan(engine, rows(1))
    context = multiprocessing.get_context("spawn")
    held, end = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(str(outcomes.path), held, end))
    holder.start()
    assert held.wait(60)
    with pytest.raises(duckdb.IOException, match="lock"):
        write(engine)
    end.set()
    holder.join(60)
    assert write(engine) == 1


def test_table_with_other_columns_is_an_error_that_names_one(engine: sa.Engine, outcomes: Outcomes) -> None:
    outcomes.ask(f"CREATE TABLE {TABLE} (delivery_key VARCHAR(100))")
    plan(engine, rows(1))
    with pytest.raises((duckdb.Error, sqlite3.Error, psycopg.Error), match="feed"):
        write(engine)
