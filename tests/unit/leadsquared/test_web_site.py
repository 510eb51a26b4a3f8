"""The page's data: for whoever may see the feed's DAG, and never a payload; runs' notes: whoever asks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from airflow.api_fastapi.core_api.security import get_user
from fastapi import HTTPException
from fastapi.testclient import TestClient
from sqlalchemy.engine import URL

from followups.database import connect
from followups.keys import delivery_key
from followups.ledger import migrate
from leadsquared.inline import inline_feed
from leadsquared.links import RunPageLink
from leadsquared.names import run_page
from leadsquared.operators.create_tasks import CreateTasksOperator
from leadsquared.web import api, notes
from leadsquared.web.site import site
from tests.contract.ledger_kit import plan
from tests.support.follow_ups import OWNER, make_feed, make_rows

KEY = delivery_key(make_feed().name, "f-1")
PATHS = ["overview", "feeds/visits", "feeds/visits/rows?state=planned", "search?q=f-1", f"deliveries/{KEY}",
         "runs/leadsquared_visits/manual__1"]  # fmt: skip


@pytest.fixture
def ledger(sqlite_url: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    engine = connect(sqlite_url)
    migrate.upgrade(engine)
    plan(engine, make_rows(3), run="visits/manual__1")
    for module in (api, notes):
        monkeypatch.setattr(module, "open_ledger_engine", lambda: engine)
    yield engine
    engine.dispose()


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The DAGs that the user may see."""
    dags = {"visits"}

    def requires(method: str, entity: Any, dag_id: str) -> Any:
        def check(request: Any, user: Any) -> None:
            assert (method, entity.value, user) == ("GET", "RUN", "priya")
            if dag_id not in dags:
                raise HTTPException(403)

        return check

    monkeypatch.setattr(api, "requires_access_dag", requires)
    return dags


@pytest.fixture
def client(ledger: sa.Engine, allowed: set[str]) -> Iterator[TestClient]:
    site.dependency_overrides[get_user] = lambda: "priya"
    yield TestClient(site)
    site.dependency_overrides.clear()


@pytest.mark.parametrize("path", PATHS)
def test_user_who_may_see_the_dag_sees_the_feed_without_personal_data(client: TestClient, path: str) -> None:
    reply = client.get(f"/api/{path}")
    assert reply.status_code == 200
    assert "visits" in reply.text
    for private in (OWNER, "Explain the offer", "payload"):
        assert private not in reply.text


@pytest.mark.parametrize("path", PATHS)
def test_other_users_learn_nothing(client: TestClient, allowed: set[str], path: str) -> None:
    allowed.clear()
    reply = client.get(f"/api/{path}")
    assert "visits" not in reply.text
    assert "f-1" not in reply.text
    if path not in {"overview", "search?q=f-1"}:
        assert reply.status_code == 404


def test_run_of_rows_given_inline_is_shown_whatever_its_dag_is_called(
    client: TestClient, ledger: sa.Engine, allowed: set[str]
) -> None:
    feed = inline_feed("LeadSquared mine")
    ti = SimpleNamespace(dag_id="LeadSquared mine", run_id="manual__1", task_id="create", map_index=-1)
    operator = CreateTasksOperator(task_id="create", follow_ups=[])
    plan(ledger, make_rows(1), feed=feed, run="leadsquared_mine/manual__1/create[-1]")
    link = RunPageLink().get_link(operator, ti_key=ti)
    path = link.partition("#/run/")[2]
    assert path == "leadsquared_mine/manual__1%2Fcreate%5B-1%5D"
    assert client.get(f"/api/runs/{path}").status_code == 404
    allowed.add("leadsquared_mine")
    assert client.get(f"/api/runs/{path}").json()["feed"] == "leadsquared_mine"


def test_undo_is_guarded_by_its_own_dag() -> None:
    assert [api.dag_of(name) for name in ("undo", "visits")] == ["leadsquared_undo", "visits"]


def test_every_answer_of_the_page_asks_who_it_is_for(ledger: sa.Engine) -> None:
    def nobody() -> None:
        raise HTTPException(401)

    site.dependency_overrides[get_user] = nobody
    try:
        assert [TestClient(site).get(f"/api/{path}").status_code for path in PATHS] == [401] * len(PATHS)
    finally:
        site.dependency_overrides.clear()


def test_page_is_served_with_its_parts_and_runs_nothing_else(client: TestClient) -> None:
    for name in ("", "page.css", "page.js", "parts.js", "theme.js", "views.js"):
        reply = client.get(f"/page/{name}")
        assert reply.status_code == 200
        assert "default-src 'self'" in reply.headers["Content-Security-Policy"]


def test_run_is_linked_below_airflows_own_path() -> None:
    assert run_page("https://x.example/air/", "d", "manual__2031-01-01T00:00:00+00:00") == (
        "https://x.example/air/leadsquared/page/#/run/d/manual__2031-01-01T00%3A00%3A00%2B00%3A00"
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The run as Airflow's database gives it, if anybody looks."""
    found = SimpleNamespace(note="Asked Priya.", looks=0)

    class Session:
        def scalar(self, query: Any) -> Any:
            found.looks += 1
            assert {*query.compile().params.values()} == {"leadsquared_visits", "manual__1"}
            return found

    monkeypatch.setattr(notes, "create_session", lambda: contextlib.nullcontext(Session()))
    monkeypatch.setattr(notes, "PAUSE_SECONDS", 0.01)
    return found


def test_note_is_written_from_the_ledger_alone(client: TestClient, run: SimpleNamespace) -> None:
    reply = client.post("/runs/note/1", content=b"whatever")
    assert (reply.status_code, reply.content) == (204, b"")
    assert run.note.startswith("Asked Priya.\n\nLeadSquared: 0 of 1 batches sent")


def test_note_is_written_once_more_for_all_who_asked_meanwhile(ledger: sa.Engine, run: SimpleNamespace) -> None:
    async def ask(times: int) -> None:
        await asyncio.gather(*(notes._keep_up(1) for _ in range(times)))

    asyncio.run(ask(5))
    assert run.looks == 2
    asyncio.run(ask(1))
    assert run.looks == 3


def test_note_that_cannot_be_written_is_tried_again_by_the_next_who_asks(
    ledger: sa.Engine, run: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(notes, "summary", lambda view, link: 1 / 0)
        asyncio.run(notes._keep_up(1))
    assert run.note == "Asked Priya."
    asyncio.run(notes._keep_up(1))
    assert "LeadSquared: " in run.note


@pytest.mark.parametrize("plan_id", ["2", "99999999999999999999"])
def test_unknown_plan_is_answered_alike(client: TestClient, run: SimpleNamespace, plan_id: str) -> None:
    assert client.post(f"/runs/note/{plan_id}").status_code == 204
    assert run.looks == 0
