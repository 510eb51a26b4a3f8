"""Faults, over real sockets: what the client sees, and whether the tasks were really created."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from sandbox.fault_rules import FaultRule
from sandbox.faults import FaultEngine, rows_to_drop
from sandbox.testing import SandboxError
from tests.sandbox.conftest import KEYS, Api, assert_refused, row

BULK = "Task.svc/Bulk/Create"


@contextmanager
def raw_call(api: Api, timeout: float = 5) -> Iterator[http.client.HTTPConnection]:
    """A connection on which a bulk create of one row has been sent, by a client that hides nothing."""
    host, port = api.sandbox.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        body = json.dumps({"TaskList": [row()]})
        connection.request("POST", f"/v2/{BULK}", body, {**KEYS, "Content-Type": "application/json"})
        yield connection
    finally:
        connection.close()


def created(api: Api) -> int:
    assert api.sandbox.drain(5)
    count: int = api.sandbox.audit()["tasks"]["created"]
    return count


def assert_faulted(api: Api, *, commits: bool) -> None:
    assert created(api) == int(commits)
    (call,) = api.sandbox.calls()
    assert call["outcome"] == "faulted"


@pytest.mark.parametrize(("kind", "commits"), [("drop_reply_after_commit", True), ("drop_reply_before_commit", False)])
def test_a_dropped_reply_closes_the_connection_without_a_byte(api: Api, kind: str, commits: bool) -> None:
    api.sandbox.faults(kind)
    with raw_call(api) as connection, pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        connection.getresponse()
    assert_faulted(api, commits=commits)


@pytest.mark.parametrize("commits", [True, False])
def test_a_reset_breaks_the_connection_off(api: Api, commits: bool) -> None:
    api.sandbox.faults({"kind": "reset", "after_commit": commits})
    with raw_call(api) as connection, pytest.raises(ConnectionResetError):
        connection.getresponse()
    assert_faulted(api, commits=commits)


@pytest.mark.parametrize("commits", [True, False])
def test_a_hang_sends_nothing_until_the_client_gives_up(api: Api, commits: bool) -> None:
    api.sandbox.faults({"kind": "hang", "after_commit": commits})
    with raw_call(api, timeout=0.4) as connection, pytest.raises(TimeoutError):
        connection.getresponse()
    deadline = time.monotonic() + 5
    while api.sandbox.calls()[0]["ms"] is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert_faulted(api, commits=commits)


def test_a_cut_body_ends_before_its_announced_length(api: Api) -> None:
    api.sandbox.faults("cut_body")
    with raw_call(api) as connection:
        reply = connection.getresponse()
        with pytest.raises(http.client.IncompleteRead) as cut:
            reply.read()
    assert (reply.status, len(cut.value.partial) > 0) == (200, True)
    assert_faulted(api, commits=True)


def test_truncated_json_is_a_whole_reply_that_cannot_be_read(api: Api) -> None:
    api.sandbox.faults("truncated_json")
    reply = api.create_in_bulk(row())
    assert (reply.status_code, reply.text[:10]) == (200, '{"Status":')
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(reply.text)
    assert_faulted(api, commits=True)


@pytest.mark.parametrize(
    ("rule", "status", "commits"),
    [
        ("html500_after_commit", 500, True),
        ("html500_before_commit", 500, False),
        ("garbage200", 200, True),
        ("garbage200 after_commit=false", 200, False),
        ("502", 502, False),
        ("503 after_commit=true", 503, True),
        ("504", 504, False),
    ],
)
def test_a_page_instead_of_json(api: Api, rule: str, status: int, commits: bool) -> None:
    api.sandbox.faults(rule)
    reply = api.create_in_bulk(row())
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert "<html>" in reply.text
    assert_faulted(api, commits=commits)


@pytest.mark.parametrize("commits", [True, False])
def test_a_database_error_has_no_mx_name(api: Api, commits: bool) -> None:
    api.sandbox.faults({"kind": "mysql500", "after_commit": commits})
    assert_refused(api.create_in_bulk(row()), 500, "MySqlException")
    assert_faulted(api, commits=commits)


def test_a_rate_error_can_hide_in_a_200(api: Api) -> None:
    api.sandbox.faults("rate_error_in_200 max_times=1")
    assert_refused(api.create_in_bulk(row()), 200, "MXAPIRateLimitExceededException", "exceeded the limit of")
    assert created(api) == 0
    assert api.create_in_bulk(row()).json()["Status"] == "Success"


@pytest.mark.parametrize("late", [False, True])
def test_a_slow_call_is_slow_and_otherwise_right(api: Api, late: bool) -> None:
    api.sandbox.faults({"kind": "slow", "ms": 300, "after_commit": late})
    began = time.monotonic()
    assert api.create_in_bulk(row()).json()["Status"] == "Success"
    assert time.monotonic() - began >= 0.3
    assert created(api) == 1
    assert api.sandbox.calls()[0]["outcome"] == "accepted"


def test_a_slow_reply_comes_after_the_work_so_that_a_client_may_give_up_too_soon(api: Api) -> None:
    api.sandbox.faults("slow ms=5000 after_commit=true")
    with raw_call(api, timeout=0.3) as connection, pytest.raises(TimeoutError):
        connection.getresponse()
    assert created(api) == 1


def test_the_server_takes_its_time_for_every_call_if_told(api: Api) -> None:
    api.sandbox.set(latency_ms=200)
    began = time.monotonic()
    api.get("Task.svc/RetrieveTaskType")
    assert time.monotonic() - began >= 0.2


def test_keys_can_die_in_mid_run(api: Api) -> None:
    api.sandbox.faults("unauthorised from_call=3")
    assert [api.create_in_bulk(row()).status_code for _ in range(4)] == [200, 200, 401, 401]
    assert api.sandbox.audit()["calls"]["by_outcome"] == {"accepted": 2, "unauthorised": 2}


def test_one_poisoned_row_refuses_its_whole_batch(api: Api) -> None:
    api.sandbox.faults({"kind": "poison_row", "match": "Poi.on", "reason": "DueDate"})
    assert_refused(api.create_in_bulk(row(), row(Name="Poison")), 500, "MXInvalidInputException", "DueDate")
    assert created(api) == 0
    assert api.create_in_bulk(row(), row()).status_code == 200
    assert created(api) == 2


def test_rows_can_be_dropped_after_acceptance_by_index(api: Api) -> None:
    api.sandbox.faults("drop_rows indexes=1,3 reason='Owner left' calls=2")
    for _ in range(2):
        assert api.create_in_bulk(*[row(Name=f"n{index}") for index in range(5)]).status_code == 200
    assert created(api) == 8
    assert [(drop["index"], drop["reason"]) for drop in api.sandbox.drops()] == [(1, "Owner left"), (3, "Owner left")]


def test_rows_can_be_dropped_from_every_batch_by_a_switch(api: Api) -> None:
    api.sandbox.set(bulk_row_faults={"indexes": [0], "probability": 0})
    api.create_in_bulk(row(), row())
    assert created(api) == 1


def test_faults_keep_to_their_operation(api: Api) -> None:
    api.sandbox.faults("502 operation=Task.svc/Retrieve*")
    assert api.get("Task.svc/RetrieveTaskType").status_code == 502
    assert api.create_in_bulk(row()).status_code == 200
    api.sandbox.faults("502 operation=*")
    assert api.get("UserManagement.svc/Users.Get").status_code == 502


def test_a_refused_or_unauthorised_call_uses_up_no_fault(api: Api) -> None:
    api.sandbox.faults("502 calls=1")
    api.sandbox.set(rate__normal="1/60")
    api.get("Task.svc/RetrieveTaskType")
    assert api.create_in_bulk(row()).status_code == 429
    api.sandbox.set(rate__normal="9/60")
    assert api.create_in_bulk(row()).status_code == 502


def test_adding_a_rule_leaves_the_counts_of_the_others(api: Api) -> None:
    url = f"{api.sandbox.url}/_sandbox/faults"
    api.session.post(url, json="502 max_times=1", timeout=5)
    assert api.create_in_bulk(row()).status_code == 502
    api.session.post(url, json=[{"kind": "503", "calls": [2]}], timeout=5)
    assert [api.create_in_bulk(row()).status_code for _ in range(3)] == [200, 503, 200]
    counts = [(item["calls"], item["fired"]) for item in api.session.get(url, timeout=5).json()]
    assert counts == [(4, 1), (3, 1)]
    api.session.delete(url, timeout=5)
    assert api.session.get(url, timeout=5).json() == []


def test_the_connection_can_be_used_again_after_a_wrong_reply(api: Api) -> None:
    api.sandbox.faults("html500_before_commit max_times=1")
    with raw_call(api) as connection:
        connection.getresponse().read()
        first = connection.sock
        connection.request("GET", "/v2/Task.svc/RetrieveTaskType", headers=KEYS)
        assert connection.getresponse().status == 200
        assert connection.sock is first


def test_a_client_that_leaves_in_mid_request_creates_nothing(api: Api) -> None:
    host, port = api.sandbox.url.removeprefix("http://").split(":")
    head = f"POST /v2/{BULK} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n"
    keys = "".join(f"{name}: {value}\r\n" for name, value in KEYS.items())
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f'{head}{keys}\r\n{{"TaskList"'.encode())
    deadline = time.monotonic() + 5
    while not api.sandbox.calls() or api.sandbox.calls()[0]["ms"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert (created(api), api.sandbox.calls()[0]["outcome"]) == (0, "rejected")


# ---- rules, without a server


def fired(rule: str, calls: int, seed: int = 0) -> list[int]:
    engine = FaultEngine([FaultRule.model_validate(rule)], seed)
    return [call for call in range(1, calls + 1) if engine.meet(BULK)]


@pytest.mark.parametrize(
    ("conditions", "calls"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("calls=2,4", [2, 4]),
        ("from_call=5", [5, 6]),
        ("first=2", [1, 2]),
        ("every=3", [3, 6]),
        ("max_times=1", [1]),
        ("from_call=2 every=2 max_times=2", [2, 4]),
        ("probability=0", []),
        ("probability=1", [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_rule_applies_when_all_its_conditions_hold(conditions: str, calls: list[int]) -> None:
    assert fired(f"502 {conditions}", 6) == calls


def test_a_share_of_calls_is_the_same_for_the_same_seed() -> None:
    once = fired("502 probability=0.3", 1000)
    assert once == fired("502 probability=0.3", 1000)
    assert once != fired("502 probability=0.3", 1000, seed=1)
    assert once != fired("502 probability=0.3 seed=5", 1000)
    assert 250 <= len(once) <= 350


def test_the_lot_of_rows_follows_from_the_draw_alone() -> None:
    assert rows_to_drop((), 0.5, 50, "a") == rows_to_drop((), 0.5, 50, "a") != rows_to_drop((), 0.5, 50, "b")
    assert rows_to_drop((0, 49, 50), 0, 50, "a") == {0, 49}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("explode", "kind"),
        ("502 often", "expected key=value"),
        ("502 probability=2", "probability"),
        ("502 color=red", "color"),
        ("poison_row", "needs match"),
        ("poison_row match=(", "not a regular expression"),
        ("drop_rows", "needs indexes"),
        ("html500_after_commit after_commit=false", "after_commit cannot be False"),
    ],
)
def test_a_wrong_rule_is_refused_with_the_reason(api: Api, rule: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        FaultRule.model_validate(rule)
    with pytest.raises(SandboxError, match=words):
        api.sandbox.faults(rule)


def test_every_documented_kind_can_be_set(api: Api) -> None:
    kinds: Any = FaultRule.model_json_schema()["properties"]["kind"]["enum"]
    more = {"poison_row": " match=x", "drop_rows": " indexes=0"}
    api.sandbox.faults(*(f"{kind}{more.get(kind, '')} max_times=1" for kind in kinds))
    assert len(kinds) == 18
