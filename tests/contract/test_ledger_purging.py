"""Personal data is forgotten by age, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from followups.ledger import purging
from followups.ledger.purging import purge
from followups.ledger.settling import SettleLedger
from followups.ledger.webhooks import store_webhook
from followups.schema import attempts, deliveries, webhooks
from tests.contract.ledger_kit import ACCEPTED, UNKNOWN, batch_ids, counted, plan, rows_of, send
from tests.support.follow_ups import make_rows

MONTH = timedelta(days=30)


def age(engine: sa.Engine, days: float) -> None:
    """Let everything have happened so long ago."""
    then = datetime.now(UTC) - timedelta(days=days)
    with engine.begin() as connection:
        connection.execute(sa.update(deliveries).values(updated_at=then))
        connection.execute(sa.update(webhooks).values(received_at=then))


def created_rows(engine: sa.Engine, count: int) -> None:
    plan_id, _ = plan(engine, make_rows(count))
    send(engine, plan_id, ACCEPTED)
    ledger = SettleLedger(engine, actor="verify", plan_ids=[plan_id])
    ledger.created({row["id"]: f"c{row['id']}" for row in rows_of(engine)})
    ledger.looked(batch_ids(engine, plan_id), conclusive=False)


def test_payloads_of_rows_that_are_done_are_forgotten_chunk_by_chunk(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "CHUNK_ROWS", 2)
    created_rows(engine, 5)
    before = [{**row, "payload": None} for row in rows_of(engine)]
    age(engine, 31)
    assert purge(engine, MONTH).payloads == 5
    after = rows_of(engine)
    assert {row["payload"] for row in after} == {None}
    assert [{**row, "updated_at": None} for row in after] == [{**row, "updated_at": None} for row in before]
    assert purge(engine, MONTH).payloads == 0


def test_young_rows_are_kept(engine: sa.Engine) -> None:
    created_rows(engine, 2)
    age(engine, 29)
    assert purge(engine, MONTH).payloads == 0


def test_rows_that_are_to_be_looked_for_or_sent_are_kept_however_old(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(3))
    send(engine, plan_id, UNKNOWN)
    plan(engine, make_rows(5)[3:], run="run-2")
    age(engine, 999)
    assert purge(engine, MONTH).payloads == 0
    assert counted(engine) == {"unknown": 3, "planned": 2}
    assert all(row["payload"] for row in rows_of(engine))


def test_webhooks_are_deleted_by_age(engine: sa.Engine) -> None:
    created_rows(engine, 1)
    with engine.connect() as connection:
        batch_id, token = connection.execute(sa.select(attempts.c.batch_id, attempts.c.webhook_token)).one()
    assert store_webhook(engine, batch_id, token, "application/json", b"[]")
    assert purge(engine, MONTH).webhooks == 0
    age(engine, 31)
    assert purge(engine, MONTH).webhooks == 1
