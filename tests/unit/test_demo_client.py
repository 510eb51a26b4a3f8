"""Airflow on SQLite refuses calls while its scheduler writes: what the demo asks for is done once all the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from demo import client as demo
from demo.client import AirflowClient


class Airflow(requests.Session):
    """Answers with these statuses in turn, and notes what was asked."""

    def __init__(self, *statuses: int) -> None:
        super().__init__()
        self.statuses = list(statuses)
        self.asked: list[tuple[str, Any]] = []

    def request(self, method: Any, url: Any, *_: Any, json: Any = None, **__: Any) -> requests.Response:
        reply = requests.Response()
        reply._content = b'{"access_token": "t", "id": 1, "backfills": [{"id": 1, "completed_at": null}]}'
        if str(url).endswith("/auth/token"):
            reply.status_code = 201
        else:
            reply.status_code = self.statuses.pop(0)
            self.asked.append((str(method), json))
        return reply


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Airflow:
    session = Airflow(*request.param)
    monkeypatch.setattr(demo.requests, "Session", lambda: session)
    monkeypatch.setattr(demo.time, "sleep", lambda _: None)
    return session


def client() -> AirflowClient:
    return AirflowClient("http://127.0.0.1:1", "secret")


@pytest.mark.parametrize("airflow", [(500, 503, 200)], indirect=True)
def test_run_is_triggered_under_one_id_however_often_it_is_asked_for(airflow: Airflow) -> None:
    run_id = client().trigger("feed", {"mode": "send"})
    assert [body["dag_run_id"] for _, body in airflow.asked] == [run_id] * 3


@pytest.mark.parametrize("airflow", [(500, 409)], indirect=True)
def test_run_that_a_failed_call_has_started_is_the_run(airflow: Airflow) -> None:
    assert client().trigger("feed", {}).startswith("manual__")
    assert airflow.statuses == []


@pytest.mark.parametrize("airflow", [(404,)], indirect=True)
def test_refusal_for_another_reason_is_told_at_once(airflow: Airflow) -> None:
    with pytest.raises(requests.HTTPError, match="404"):
        client().trigger("feed", {})


@pytest.mark.parametrize("airflow", [(503,) * demo.TRIES], indirect=True)
def test_database_that_stays_locked_is_an_error(airflow: Airflow) -> None:
    with pytest.raises(requests.HTTPError, match="503"):
        client().clear("feed", "run", ["create_tasks"])
    assert len(airflow.asked) == demo.TRIES


# Airflow has removed it, or it was complete, by the time it is cancelled.
@pytest.mark.parametrize("airflow", [(500, 200, status, 200) for status in (200, 404, 409)], indirect=True)
def test_backfill_is_cancelled_before_it_is_asked_for_again(airflow: Airflow) -> None:
    moment = datetime(2031, 4, 5, tzinfo=UTC)
    assert client().backfill("feed", moment, moment) == 1
    assert [method for method, _ in airflow.asked] == ["POST", "GET", "PUT", "POST"]
    assert airflow.asked[3][1]["reprocess_behavior"] == "completed"


@pytest.mark.parametrize("airflow", [(500, 200, 403)], indirect=True)
def test_backfill_that_may_not_be_cancelled_is_an_error(airflow: Airflow) -> None:
    moment = datetime(2031, 4, 5, tzinfo=UTC)
    with pytest.raises(requests.HTTPError, match="403"):
        client().backfill("feed", moment, moment)
