"""Every call: one request, keys in headers, through the throttle, and never a create twice."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import pytest

from leadsquared import errors
from leadsquared.hook import LeadSquaredHook
from leadsquared.wire.replies import Kind
from tests.support.scripted_server import Act, Meeting, ScriptedServer, answer, cut, drip, drop, hang, reset
from tests.unit.leadsquared.hook.conftest import ACCESS_KEY, SECRET_KEY, RecordingThrottle

ACCEPTED = {"Status": "Success", "Message": {"Id": "1700000001"}}
PAYLOAD = '{"Name":"Site visit"}'


def test_a_bulk_create_is_one_post_with_the_keys_in_headers(
    hook: LeadSquaredHook, server: ScriptedServer, throttle: RecordingThrottle
) -> None:
    server.script = [answer(200, ACCEPTED)]
    reply = hook.post_tasks([PAYLOAD], status_webhook_url="https://hooks.example.com/x")
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/v2/Task.svc/Bulk/Create")
    assert request.headers["x-LSQ-AccessKey"] == ACCESS_KEY
    assert request.headers["x-LSQ-SecretKey"] == SECRET_KEY
    assert request.headers["Content-Type"] == "application/json"
    assert "Authorization" not in request.headers
    assert request.json == {"TaskList": [{"Name": "Site visit"}], "StatusWebhookURL": "https://hooks.example.com/x"}
    assert reply is not None
    assert (reply.kind, reply.request_id) == (Kind.ACCEPTED, "1700000001")
    assert throttle.waits == ["bulk"]


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(answer(500, b"<html>Server Error</html>"), id="HTML 500"),
        pytest.param(answer(500, b""), id="empty 500"),
        pytest.param(answer(502, b""), id="502"),
        pytest.param(answer(503, b"", {"Retry-After": "1"}), id="503"),
        pytest.param(answer(504, b""), id="504"),
        pytest.param(answer(200, b"{"), id="truncated 200"),
        pytest.param(answer(302, b"", {"Location": "/v2/elsewhere"}), id="302"),
        pytest.param(answer(307, b"", {"Location": "/v2/elsewhere"}), id="307"),
        pytest.param(drop, id="dropped"),
        pytest.param(reset, id="reset"),
        pytest.param(cut, id="cut"),
    ],
)
def test_a_create_without_a_usable_answer_is_unknown_and_sent_exactly_once(
    hook: LeadSquaredHook, server: ScriptedServer, throttle: RecordingThrottle, act: Act
) -> None:
    server.script = [act]
    server.default = answer(200, ACCEPTED)
    reply = hook.post_tasks([PAYLOAD])
    assert reply is not None
    assert reply.kind is Kind.UNKNOWN
    assert len(server.requests) == len(throttle.waits) == 1


def test_a_create_whose_process_was_frozen_before_it_left_is_not_sent(
    hook: LeadSquaredHook, server: ScriptedServer, throttle: RecordingThrottle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadsquared.hook.base.FROZEN_SECONDS", 0.1)
    throttle.after_preparing = lambda: time.sleep(0.2)
    reply = hook.post_tasks(lambda: [PAYLOAD])
    assert reply is not None
    assert reply.kind is Kind.NOT_SENT
    assert reply.message.startswith("not sent: it was ready for ")
    assert server.requests == []


@pytest.mark.parametrize("act", [hang, drip])
def test_a_create_that_takes_too_long_is_unknown_and_sent_once(
    server: ScriptedServer,
    throttle: RecordingThrottle,
    connect: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    act: Act,
) -> None:
    monkeypatch.setattr("leadsquared.transport.CONNECT_TIMEOUT_SECONDS", 0.3)
    connect(host=server.url, extra={"timeout_seconds": 0.3})
    server.script = [act]
    reply = LeadSquaredHook(throttle=throttle).post_tasks([PAYLOAD])
    assert reply is not None
    assert (reply.kind, reply.message) == (Kind.UNKNOWN, "no usable reply: timed out")
    assert len(server.requests) == 1


def test_no_connection_means_not_sent(throttle: RecordingThrottle, connect: Callable[..., None]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        connect(host="127.0.0.1", port=taken.getsockname()[1])
        reply = LeadSquaredHook(throttle=throttle).post_tasks([PAYLOAD])
    assert reply is not None
    assert reply.kind is Kind.NOT_SENT
    assert ACCESS_KEY not in reply.message


def test_a_failed_tls_handshake_means_not_sent(
    server: ScriptedServer, throttle: RecordingThrottle, connect: Callable[..., None]
) -> None:
    connect(host=f"https://127.0.0.1:{server.port}")
    reply = LeadSquaredHook(throttle=throttle).post_tasks([PAYLOAD])
    assert reply is not None
    assert reply.kind is Kind.NOT_SENT


def test_an_unknown_host_means_not_sent(throttle: RecordingThrottle, connect: Callable[..., None]) -> None:
    connect(host="leadsquared.invalid")
    reply = LeadSquaredHook(throttle=throttle).post_tasks([PAYLOAD])
    assert reply is not None
    assert reply.kind is Kind.NOT_SENT


def test_a_host_that_is_no_name_means_not_sent(throttle: RecordingThrottle, connect: Callable[..., None]) -> None:
    connect(host=f"api.{'x' * 64}.example.com")
    reply = LeadSquaredHook(throttle=throttle).post_tasks([PAYLOAD])
    assert reply is not None
    assert reply.kind is Kind.NOT_SENT
    with pytest.raises(errors.NotSent):
        LeadSquaredHook(throttle=throttle).complete_task("id-1")


def test_a_reply_without_end_is_unknown(
    hook: LeadSquaredHook, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadsquared.transport.MAX_REPLY_BYTES", 100)
    server.script = [answer(200, ACCEPTED | {"More": "x" * 100})]
    reply = hook.post_tasks([PAYLOAD])
    assert reply is not None
    assert reply.kind is Kind.UNKNOWN
    assert "larger" in reply.message


def test_the_payloads_are_made_once_the_slot_is_held(
    hook: LeadSquaredHook, server: ScriptedServer, throttle: RecordingThrottle
) -> None:
    server.script = [answer(200, ACCEPTED)]
    seen: list[int] = []

    def payloads() -> list[str]:
        seen.append(len(throttle.waits))
        return [PAYLOAD]

    hook.post_tasks(payloads)
    assert seen == [1]
    assert len(server.requests) == 1


def test_no_payloads_at_the_last_moment_means_nothing_is_sent(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    assert hook.post_tasks(lambda: None) is None
    assert hook.post_task(lambda: None) is None
    assert server.requests == []


def test_payloads_that_cannot_be_sent_are_rejected_after_the_intent(
    hook: LeadSquaredHook, server: ScriptedServer
) -> None:
    reply = hook.post_tasks(lambda: [f'{{"Description":"{"x" * 40_000}"}}'] * 50)
    assert reply is not None
    assert reply.kind is Kind.REJECTED
    assert "TaskList" in reply.reason
    assert server.requests == []


def test_payloads_that_cannot_be_sent_cost_no_slot_when_given_directly(
    hook: LeadSquaredHook, throttle: RecordingThrottle
) -> None:
    with pytest.raises(ValueError, match="1 to 50"):
        hook.post_tasks([PAYLOAD] * 51)
    assert throttle.waits == []


def test_without_a_slot_nothing_is_sent(
    hook: LeadSquaredHook, server: ScriptedServer, throttle: RecordingThrottle
) -> None:
    throttle.failure = RuntimeError("the store is down")
    intend = Mock(return_value=[PAYLOAD])
    with pytest.raises(RuntimeError):
        hook.post_tasks(intend)
    intend.assert_not_called()
    assert server.requests == []


@pytest.mark.parametrize("status", [429, 200, 500])
def test_a_refusal_is_reported_to_the_throttle(
    hook: LeadSquaredHook, server: ScriptedServer, throttle: RecordingThrottle, status: int
) -> None:
    message = "API calls exceeded the limit of 10 in 5 second(s)"
    envelope = {"Status": "Error", "ExceptionType": "MXAPIRateLimitExceededException", "ExceptionMessage": message}
    server.script = [answer(status, envelope, {"Retry-After": "3"})]
    reply = hook.post_tasks([PAYLOAD])
    assert reply is not None
    assert reply.kind is Kind.REFUSED
    assert throttle.refusals == [("bulk", (10, 5.0), 3.0, False)]
    assert len(server.requests) == 1


def test_a_throttle_that_cannot_take_in_a_refusal_does_not_hide_it(
    hook: LeadSquaredHook, server: ScriptedServer, throttle: RecordingThrottle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise RuntimeError("the store is down")

    monkeypatch.setattr(throttle, "refused", refused)
    server.script = [answer(429)]
    reply = hook.post_tasks([PAYLOAD])
    assert reply is not None
    assert reply.kind is Kind.REFUSED


def test_threads_share_the_pool_and_send_at_once(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.default = Meeting(16, answer(200, ACCEPTED))
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda number: hook.post_tasks([f'{{"Name":"{number}"}}']), range(32)))
    assert all(reply is not None and reply.kind is Kind.ACCEPTED for reply in replies)
    assert sorted(int(request.json["TaskList"][0]["Name"]) for request in server.requests) == list(range(32))
    assert len({request.client for request in server.requests}) == 16


def test_a_place_in_the_pool_is_held_before_a_slot_is_taken(
    server: ScriptedServer, throttle: RecordingThrottle, connect: Callable[..., None]
) -> None:
    connect(host=server.url)
    hook = LeadSquaredHook(throttle=throttle, pool_size=1)
    server.default = answer(200, ACCEPTED)
    inside, leave, waits = threading.Event(), threading.Event(), []

    def payloads() -> list[str]:
        inside.set()
        leave.wait(10)
        waits.append(len(throttle.waits))
        return [PAYLOAD]

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hook.post_tasks, payloads)
        inside.wait(10)
        second = pool.submit(hook.post_tasks, [PAYLOAD])
        leave.set()
        first.result()
        second.result()
    assert waits == [1]
    assert len(server.requests) == 2


def test_one_connection_is_kept_for_calls_one_after_another(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    for _ in range(3):
        hook.get_users()
    assert len({request.client for request in server.requests}) == 1


def test_cookies_of_the_server_are_not_sent_back(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.default = answer(200, [], {"Set-Cookie": "session=1; Path=/"})
    hook.get_users()
    hook.get_users()
    assert not [request for request in server.requests if "Cookie" in request.headers]


def test_a_netrc_file_does_not_add_another_authorization(
    hook: LeadSquaredHook, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    hook.get_users()
    assert "Authorization" not in server.requests[0].headers


def test_create_tasks_returns_the_request_id(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.script = [answer(200, ACCEPTED)]
    assert hook.create_tasks([PAYLOAD]) == "1700000001"


@pytest.mark.parametrize(
    ("act", "wanted"),
    [
        (answer(429), errors.RateLimited),
        (answer(401), errors.AuthenticationFailed),
        (answer(400), errors.RequestRejected),
        (answer(502), errors.OutcomeUnknown),
        (drop, errors.OutcomeUnknown),
    ],
)
def test_create_tasks_raises_what_to_do_next_after_one_request(
    hook: LeadSquaredHook, server: ScriptedServer, act: Act, wanted: type[Exception]
) -> None:
    server.script = [act]
    with pytest.raises(wanted, match=r"Task\.svc/Bulk/Create"):
        hook.create_tasks([PAYLOAD])
    assert len(server.requests) == 1
