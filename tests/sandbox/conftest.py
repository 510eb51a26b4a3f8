"""One sandbox process for all tests of a worker, set back before each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.testing import RunningSandbox, running

KEYS = {"x-LSQ-AccessKey": "demo-access-key", "x-LSQ-SecretKey": "demo-secret-key"}
OWNER = "ananya.iyer@example.com"
LEAD = "00000000-0000-4000-8000-000000000001"
OPPORTUNITY = "00000000-0000-4000-8000-0000000000f5"


def row(**changes: Any) -> dict[str, Any]:
    """A valid row of a create request, with changes; a value of `...` leaves the key out."""
    values = {
        "Name": "Branch visit",
        "Description": f"Bring the forms [ref:{uuid.uuid4().hex[:10]}]",
        "RelatedEntity": 0,
        "RelatedEntityId": "",
        "DueDate": "2031-04-05 06:00:00",
        "EndDate": "2031-04-05 06:30:00",
        "NotifyBy": "1000",
        "OwnerEmailAddress": OWNER,
        "TaskType": {"Name": "Meeting"},
        **changes,
    }
    return {key: value for key, value in values.items() if value is not ...}


class Api:
    """The API of a running sandbox, as a client with the right keys sees it."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(KEYS)

    def get(self, operation: str, **parameters: str) -> requests.Response:
        return self.session.get(f"{self.sandbox.url}/v2/{operation}", params=parameters, timeout=10)

    def post(self, operation: str, body: Any, **parameters: str) -> requests.Response:
        return self.session.post(f"{self.sandbox.url}/v2/{operation}", json=body, params=parameters, timeout=10)

    def create(self, **changes: Any) -> str:
        """Create one CRM task and return its id."""
        reply = self.post("Task.svc/Create", row(**changes))
        assert reply.status_code == 200, reply.text
        created: str = reply.json()["Message"]["Id"]
        return created

    def create_in_bulk(self, *rows: Any, **more: Any) -> requests.Response:
        return self.post("Task.svc/Bulk/Create", {"TaskList": list(rows), **more})

    def item(self, task_id: str) -> dict[str, Any]:
        """One CRM task as the API shows it."""
        (item,) = self.get("Task.svc/Retrieve.GetById", id=task_id).json()
        found: dict[str, Any] = item
        return found


def assert_refused(reply: requests.Response, status: int, exception_type: str, words: str = "") -> None:
    body = reply.json()
    assert (reply.status_code, body["Status"], body["ExceptionType"]) == (status, "Error", exception_type), body
    assert words in body["ExceptionMessage"]


@pytest.fixture(scope="session")
def process() -> Iterator[RunningSandbox]:
    with running({"rate.normal": "100000/1", "bulk_delay_ms": 0}) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(process: RunningSandbox) -> RunningSandbox:
    """A sandbox without tasks, calls and faults, with wide rate limits and no delay of bulk jobs."""
    process.reset(switches=True)
    return process


@pytest.fixture
def api(sandbox: RunningSandbox) -> Iterator[Api]:
    api = Api(sandbox)
    with api.session:
        yield api
