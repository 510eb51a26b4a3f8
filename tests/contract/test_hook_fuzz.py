"""Whatever comes back, the hook raises nothing but its own errors, and nothing that changes is sent twice."""

from __future__ import annotations

import json
import ssl
from contextlib import suppress

import pytest
import requests
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsquared.changer import Changer
from leadsquared.changes import Complete, Delete, Update
from leadsquared.errors import LeadSquaredError
from leadsquared.wire.replies import Reply
from tests.contract.hook_kit import CHANGES, READS, Seeds
from tests.properties.test_wire_replies import bodies, headers, json_values, statuses
from tests.support.faked_network import Answer, FakedNetwork, make_faked_network

SEEDS = Seeds("id-1", "id-2")

lists = st.sampled_from(["List", "TaskList", "Leads", "Users", "Opportunities", "LIST"])
names = st.sampled_from(
    [
        *("UserTaskId", "Id", "UserId", "ProspectID", "LeadPropertyList", "Attribute", "Value", "Date", "UserSlots"),
        *("DueDate", "CreatedOn", "CompletedOn", "StatusCode", "Status", "Reminder", "TaskType", "CustomFields"),
        *("ColumnConfiguration", "Options", "SchemaName", "Mandatory", "LSQCommonServiceURLs", "AvailableSlots"),
        *("StartTime", "EndTime", "Message", "IsSuccessful", "Fields", "SearchInfo", "RecordCount", "Opportunities"),
    ]
)
nasty = st.sampled_from(
    [
        *("/Date(999999999999999+0000)/", "/Date(-999999999999999)/", "9999-12-31 23:59:59-23:59", "0001-01-01"),
        *("0001-01-01 00:00:00+23:59", "1e999", "NaN", "[1]", "{}", "[{}]", "id-1", "", -1, 10**30, float("inf"), None),
    ]
)
items = st.dictionaries(names, nasty | json_values | st.lists(st.dictionaries(names, nasty, max_size=3)), max_size=5)
pages = st.lists(items, max_size=3) | st.builds(
    lambda key, found, count, more: {"RecordCount": count, key: found, **more},
    lists,
    st.lists(items, max_size=3),
    st.sampled_from([None, 0, 1, 10**9, "2", -1, 1e999]),
    items,
)
answers: st.SearchStrategy[Answer] = st.tuples(
    st.just(200), st.just({}), (pages | items).map(lambda value: json.dumps(value).encode())
) | st.tuples(statuses, headers, bodies)
failures = st.sampled_from(
    [
        requests.ConnectionError("http://127.0.0.1/?accessKey=x"),
        requests.ReadTimeout(),
        requests.exceptions.ChunkedEncodingError(),
        requests.exceptions.InvalidURL(),
        urllib3.exceptions.ProtocolError("cut", OSError(104, "reset")),
        urllib3.exceptions.DecodeError(),
        ssl.SSLError("bad record"),
        OSError(24, "too many open files"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
        KeyError("anything"),
        RecursionError(),
    ]
)


@pytest.fixture(scope="module")
def network() -> FakedNetwork:
    return make_faked_network()


def fuzzed(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, derandomize=True)


@fuzzed(200)
@given(answer=answers | failures)
def test_no_answer_makes_a_read_fail_otherwise_or_go_on_for_ever(network: FakedNetwork, answer: Answer) -> None:
    for operation, read in READS.items():
        network.answer_with(answer)
        with suppress(LeadSquaredError):
            repr(read(network.hook, SEEDS))
        assert 1 <= len(network.sent) <= 20, operation.path


@fuzzed(60)
@given(answer=answers | failures)
def test_no_answer_makes_a_change_fail_otherwise_or_be_sent_again(network: FakedNetwork, answer: Answer) -> None:
    for operation, change in CHANGES.items():
        network.answer_with(answer)
        with suppress(LeadSquaredError):
            change(network.hook, SEEDS)
        assert len(network.sent) == 1, operation.path


@fuzzed(60)
@given(answer=answers | failures)
def test_a_post_returns_a_reply_whatever_comes_back(network: FakedNetwork, answer: Answer) -> None:
    network.answer_with(answer)
    replies = [network.hook.post_tasks(lambda: ["{}"]), network.hook.post_task(lambda: "{}")]
    assert all(isinstance(reply, Reply) for reply in replies)
    assert len(network.sent) == 2


@fuzzed(60)
@given(answer=answers | failures)
def test_bringing_tasks_to_a_state_fails_with_our_own_errors_alone(network: FakedNetwork, answer: Answer) -> None:
    task_id = "00000000-0000-4000-8000-000000000001"
    for change in (Complete(), Delete(), Update({task_id: {"Name": "New", "DueDate": "2031-04-05 06:00:00"}})):
        network.answer_with(answer)
        with suppress(LeadSquaredError):
            Changer(network.hook, change, sleep=lambda _: None).run([task_id])
        assert 1 <= len(network.sent) <= 60


@fuzzed(40)
@given(answer=answers | failures)
def test_the_connection_test_never_fails(network: FakedNetwork, answer: Answer) -> None:
    network.answer_with(answer)
    works, told = network.hook.test_connection()
    assert (works in (True, False), bool(told)) == (True, True)
