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

from leadsquared.errors import LeadSquaredError
from leadsquared.operations import Operation
from leadsquared.replies import Reply
from tests.contract.hook_kit import CHANGES, READS, Seeds
from tests.properties.test_wire_replies import bodies, headers, json_values, statuses
from tests.support.faked_network import Answer, FakedNetwork, make_faked_network

SEEDS = Seeds("id-1", "id-2")

names = st.sampled_from(
    [
        *("RecordCount", "List", "TaskList", "Leads", "Users", "SearchInfo", "Opportunities", "UserSlots", "Date"),
        *("UserTaskId", "TaskID", "Id", "ID", "UserId", "ProspectID", "LeadPropertyList", "Attribute", "Value"),
        *("DueDate", "CreatedOn", "CompletedOn", "StatusCode", "Status", "Reminder", "TaskType", "CustomFields"),
        *("ColumnConfiguration", "Options", "SchemaName", "Mandatory", "LSQCommonServiceURLs", "api", "AvailableSlots"),
        *("StartTime", "EndTime", "Message", "IsSuccessful", "Fields", "recordcount", "LIST"),
    ]
)
values = json_values | st.sampled_from(
    ["/Date(99999999999999999+0000)/", "/Date(-1)/", "9999-12-31 23:59:59-23:59", "0001-01-01", "1e999", "[1]", "{}"]
)
objects = st.recursive(
    st.dictionaries(names, values, max_size=6),
    lambda inner: st.dictionaries(names, inner | st.lists(inner, max_size=3), max_size=5) | st.lists(inner, max_size=3),
    max_leaves=12,
)
answers: st.SearchStrategy[Answer] = st.tuples(
    st.just(200), st.just({}), objects.map(lambda value: json.dumps(value).encode())
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


@fuzzed(250)
@given(operation=st.sampled_from(list(READS)), answer=answers | failures)
def test_no_answer_makes_a_read_fail_otherwise(network: FakedNetwork, operation: Operation, answer: Answer) -> None:
    network.answer_with(answer)
    with suppress(LeadSquaredError):
        repr(READS[operation](network.hook, SEEDS))
    assert 1 <= len(network.sent) <= 20


@fuzzed(120)
@given(operation=st.sampled_from(list(CHANGES)), answer=answers | failures)
def test_no_answer_makes_a_change_fail_otherwise_or_be_sent_again(
    network: FakedNetwork, operation: Operation, answer: Answer
) -> None:
    network.answer_with(answer)
    with suppress(LeadSquaredError):
        CHANGES[operation](network.hook, SEEDS)
    assert len(network.sent) == 1


@fuzzed(80)
@given(answer=answers | failures)
def test_a_post_returns_a_reply_whatever_comes_back(network: FakedNetwork, answer: Answer) -> None:
    network.answer_with(answer)
    replies = [network.hook.post_tasks(lambda: ["{}"]), network.hook.post_task(lambda: "{}")]
    assert all(isinstance(reply, Reply) for reply in replies)
    assert len(network.sent) == 2


@fuzzed(40)
@given(answer=answers | failures)
def test_the_connection_test_never_fails(network: FakedNetwork, answer: Answer) -> None:
    network.answer_with(answer)
    works, told = network.hook.test_connection()
    assert (works in (True, False), bool(told)) == (True, True)
