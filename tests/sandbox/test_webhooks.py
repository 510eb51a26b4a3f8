"""Status webhooks, posted to a real receiver."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.sandbox.conftest import Api, assert_refused, row


@dataclass
class Delivery:
    method: str
    path: str
    content_type: str
    body: bytes


class Receiver:
    """An HTTP server that keeps what it gets."""

    def __init__(self) -> None:
        self.inbox: queue.Queue[Delivery] = queue.Queue()
        inbox = self.inbox

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.keep(b"")

            def do_POST(self) -> None:
                self.keep(self.rfile.read(int(self.headers["Content-Length"])))

            def keep(self, body: bytes) -> None:
                inbox.put(Delivery(self.command, self.path, self.headers.get("Content-Type", ""), body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/token?x=1"

    def next(self) -> Delivery:
        return self.inbox.get(timeout=5)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()


def send(api: Api, receiver: Receiver, *rows: dict[str, Any]) -> str:
    reply = api.create_in_bulk(
        *(rows or (row(), row(Name="Bad", OwnerEmailAddress="x@example.com"))), StatusWebhookURL=receiver.url
    )
    number: str = reply.json()["Message"]["Id"]
    return number


def test_a_head_comes_first_then_the_summary(api: Api, receiver: Receiver) -> None:
    send(api, receiver)
    head, post = receiver.next(), receiver.next()
    assert (head.method, post.method, post.path) == ("HEAD", "POST", "/hook/token?x=1")
    assert post.content_type.startswith("application/json")
    assert json.loads(post.body) == {
        "Status": "Success",
        "Operation": "Bulk Create Tasks",
        "TasksCount": 2,
        "CreatedTasksCount": 1,
        "FailureReason": None,
    }


def test_a_summary_of_nothing_created_gives_the_reason(api: Api, receiver: Receiver) -> None:
    api.sandbox.set(webhook_head_first=False)
    send(api, receiver, row(Name=""))
    body = json.loads(receiver.next().body)
    assert (body["Status"], body["CreatedTasksCount"], body["FailureReason"]) == ("Error", 0, "'Name' is mandatory")


def test_the_detailed_shape_names_rows_and_ids(api: Api, receiver: Receiver) -> None:
    api.sandbox.set(webhook_head_first=False, webhook_shape="detailed")
    number = send(api, receiver)
    body = json.loads(receiver.next().body)
    assert body["Id"] == number
    assert body["Details"]["CreatedTasks"] == [{"Index": 0, "Id": api.sandbox.tasks()[0]["id"]}]
    assert body["Details"]["FailedTasks"] == [
        {"Index": 1, "Name": "Bad", "Reason": "Invalid Input! Parameter Name: OwnerEmailAddress"}
    ]


def test_the_other_json_shapes(api: Api, receiver: Receiver) -> None:
    api.sandbox.set(webhook_head_first=False, webhook_shape="echo")
    number = send(api, receiver)
    assert json.loads(receiver.next().body) == {"Status": "Success", "Message": {"Id": number}}
    api.sandbox.set(webhook_shape="rows")
    send(api, receiver)
    good, bad = json.loads(receiver.next().body)
    assert (good["Status"], good["Id"]) == ("Success", api.sandbox.tasks()[-1]["id"])
    assert (bad["Status"], "OwnerEmailAddress" in bad["ExceptionMessage"]) == ("Error", True)


def test_the_form_shape_is_not_json(api: Api, receiver: Receiver) -> None:
    api.sandbox.set(webhook_head_first=False, webhook_shape="form")
    send(api, receiver)
    delivery = receiver.next()
    assert delivery.content_type == "application/x-www-form-urlencoded"
    assert parse_qs(delivery.body.decode())["CreatedTasksCount"] == ["1"]


def test_garbage_is_text_or_nothing_or_cut(api: Api, receiver: Receiver) -> None:
    api.sandbox.set(webhook_head_first=False, webhook_shape="garbage")
    bodies = []
    for _ in range(3):
        send(api, receiver)
        bodies.append(receiver.next().body)
    assert b"" in bodies
    assert len(set(bodies)) == 3
    for body in bodies:
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            json.loads(body)


def test_never_is_never(api: Api, receiver: Receiver) -> None:
    api.sandbox.set(webhook_shape="never")
    send(api, receiver)
    api.sandbox.drain()
    assert api.sandbox.audit()["webhooks"] == {"pending": 0}
    assert receiver.inbox.empty()


def test_duplicates_and_delay(api: Api, receiver: Receiver) -> None:
    api.sandbox.set(webhook_duplicates=2, webhook_delay_ms=150, webhook_head_first=False)
    send(api, receiver)
    api.sandbox.drain()
    assert api.sandbox.audit()["webhooks"]["pending"] == 1
    assert len({receiver.next().body for _ in range(3)}) == 1


def test_the_webhook_can_overtake_the_reply(api: Api, receiver: Receiver) -> None:
    api.sandbox.set(webhook_before_response=True, bulk_delay_ms=60_000)
    api.sandbox.faults("slow ms=400 after_commit=true")
    replied = threading.Event()

    def call() -> None:
        send(api, receiver)
        replied.set()

    thread = threading.Thread(target=call)
    thread.start()
    receiver.next()
    receiver.next()
    assert not replied.is_set()
    thread.join()
    assert api.sandbox.audit()["tasks"]["created"] == 1


def test_deleting_reports_its_own_counts(api: Api, receiver: Receiver) -> None:
    api.sandbox.set(webhook_head_first=False)
    task_id = api.create()
    api.post("Task.svc/DeleteTasks", {"TaskIds": [task_id, task_id], "StatusWebhookURL": receiver.url})
    body = json.loads(receiver.next().body)
    assert (body["Operation"], body["TasksCount"], body["DeletedTasksCount"]) == ("Delete Tasks", 2, 1)


@pytest.mark.parametrize("url", ["ftp://example.com", "nowhere", "http://", "http://[bad"])
def test_an_address_that_is_no_url_refuses_the_call(api: Api, url: str) -> None:
    assert_refused(api.create_in_bulk(row(), StatusWebhookURL=url), 500, "MXInvalidInputException", "StatusWebhookURL")
    assert api.sandbox.audit()["jobs"]["pending"] == 0


def test_a_dead_receiver_does_no_harm(api: Api, receiver: Receiver) -> None:
    dead = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = dead.server_port
    dead.server_close()
    reply = api.create_in_bulk(row(), StatusWebhookURL=f"http://127.0.0.1:{port}/")
    assert reply.status_code == 200
    send(api, receiver)
    receiver.next()
    receiver.next()
    assert api.sandbox.audit()["tasks"]["created"] == 2
