"""The status webhook's receiver answers everybody alike and keeps only what bears a batch's own token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy.engine import URL

from followups.database import connect
from followups.ledger.clock import store_now
from followups.ledger.planning import PlanLedger
from followups.ledger.webhooks import MAX_BODY_BYTES, MAX_CALLS_PER_BATCH, webhook_calls
from followups.schema import attempts, metadata, webhooks
from leadsquared.names import HOOK_PATH, WEB_PREFIX, hook_url
from leadsquared.web import app as web

OK = {"Status": "Success", "StatusReason": ""}
TOKEN = "an-unguessable-token"


@pytest.fixture
def ledger(sqlite_url: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    engine = connect(sqlite_url)
    metadata.create_all(engine)
    PlanLedger(engine, feed="calls", run_key="calls/1", actor="test").open(kind="manual", mode="send", window=None)
    with engine.begin() as connection:
        row = {"batch_id": "1-000001", "token": 1, "webhook_token": TOKEN, "owner": "me", "rows": 2}
        connection.execute(sa.insert(attempts).values(**row, delivery_ids=[7, 9], started_at=store_now(connection)))
    monkeypatch.setattr(web, "open_ledger_engine", lambda: engine)
    yield engine
    engine.dispose()


@pytest.fixture
def client(ledger: sa.Engine) -> TestClient:
    return TestClient(web.app)


def stored(engine: sa.Engine) -> list[bytes]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(webhooks.c.payload).order_by(webhooks.c.id)).scalars())


def path(token: str = TOKEN, batch_id: str = "1-000001") -> str:
    return hook_url("", batch_id, token).removeprefix(WEB_PREFIX)


def test_body_is_stored_as_it_came_and_read_by_the_rows_of_the_call(client: TestClient, ledger: sa.Engine) -> None:
    body = b'{"FailedTasks":[{"Index":1,"Reason":"no such owner"}]}'
    reply = client.post(path(), content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()) == (200, OK)
    assert stored(ledger) == [body]
    (call,) = webhook_calls(ledger, ["1-000001"])
    assert call.delivery_ids == [7, 9]
    assert call.told.failed == {1: "no such owner"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_handshakes_are_answered_and_store_nothing(client: TestClient, ledger: sa.Engine, method: str) -> None:
    assert client.request(method, path()).status_code == 200
    assert stored(ledger) == []


@pytest.mark.parametrize(("token", "batch"), [("forged", "1-000001"), (TOKEN, "2-000001"), ("é", "1-000001")])
def test_forged_call_is_answered_alike_and_dropped(
    client: TestClient, ledger: sa.Engine, token: str, batch: str
) -> None:
    reply = client.post(path(token, batch), content=b"{}")
    assert (reply.status_code, reply.json()) == (200, OK)
    assert stored(ledger) == []


def test_ledger_that_is_down_is_no_matter_of_leadsquareds(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def down() -> sa.Engine:
        raise sa.exc.OperationalError("SELECT", {}, Exception(TOKEN))

    monkeypatch.setattr(web, "open_ledger_engine", down)
    reply = client.post(path(), content=b"{}")
    assert (reply.status_code, reply.json()) == (200, OK)
    assert "could not be stored (OperationalError)" in caplog.text
    assert TOKEN not in "".join(record.getMessage() for record in caplog.records if record.name == web.log.name)


def test_doubled_call_is_stored_twice_and_no_more_than_the_cap(client: TestClient, ledger: sa.Engine) -> None:
    for _ in range(MAX_CALLS_PER_BATCH + 5):
        assert client.post(path(), content=b"{}").status_code == 200
    assert len(stored(ledger)) == MAX_CALLS_PER_BATCH


def test_endless_body_is_cut_at_the_cap(client: TestClient, ledger: sa.Engine) -> None:
    assert client.post(path(), content=b"x" * (MAX_BODY_BYTES + 10)).json() == OK
    assert len(stored(ledger)[0]) == MAX_BODY_BYTES


def test_any_content_type_is_taken(client: TestClient, ledger: sa.Engine) -> None:
    assert client.post(path(), content=b"\xff", headers={"Content-Type": "multipart/nonsense"}).json() == OK
    assert stored(ledger) == [b"\xff"]


def test_address_is_made_of_the_public_base(client: TestClient) -> None:
    assert hook_url("https://airflow.example.com/", "1-000001", "t") == (
        "https://airflow.example.com/leadsquared/hook/1-000001?token=t"
    )


def test_call_without_a_token_is_answered_alike_and_dropped(client: TestClient, ledger: sa.Engine) -> None:
    reply = client.post(HOOK_PATH.format(batch_id="1-000001"), content=b"{}")
    assert (reply.status_code, reply.json()) == (200, OK)
    assert stored(ledger) == []
