"""Whatever arrives, the classifier neither raises nor takes for accepted what is not the documented success."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from leadsquared.wire.replies import Expect, Kind, classify

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=15), inner, max_size=4),
    max_leaves=15,
)
words = st.sampled_from(
    ["Success", "success", "Error", "", "MXInvalidInputException", "MySqlException", "MXTimeoutException"]
) | st.text(max_size=40)
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "Status": words | json_values,
        "Message": st.fixed_dictionaries({}, optional={"Id": words | json_values, "IsSuccessful": json_values}) | words,
        "ExceptionType": words | json_values,
        "ExceptionMessage": words | json_values,
    },
)
bodies = (
    st.binary(max_size=200)
    | json_values.map(lambda value: json.dumps(value).encode())
    | envelopes.map(lambda value: json.dumps(value).encode())
    | st.integers(1, 100_000).map(lambda depth: b"[" * depth)
)
statuses = st.sampled_from([200, 201, 204, 301, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504]) | st.integers(0, 999)
headers = st.dictionaries(
    st.sampled_from(["Retry-After", "retry-after", "Date", "Content-Type"]) | st.text(max_size=10),
    st.text(max_size=40) | st.integers().map(str) | st.just("Sat, 05 Apr 2031 06:00:30 GMT"),
    max_size=4,
)
creates = st.sampled_from([Expect.REQUEST_ID, Expect.TASK_ID])


def is_documented_success(body: bytes) -> bool:
    document: Any = json.loads(body)
    folded = {key.casefold(): value for key, value in document.items()}
    message = {key.casefold(): value for key, value in folded["message"].items()}
    identity = str(message["id"]).strip()
    return folded["status"].strip().casefold() == "success" and identity != "" and len(identity) <= 64


@given(status=statuses, headers=headers, body=bodies, expect=st.sampled_from(list(Expect)))
def test_no_reply_makes_the_classifier_raise(status: int, headers: dict[str, str], body: bytes, expect: Expect) -> None:
    reply = classify(status, headers, body, expect=expect)
    assert reply.kind in Kind
    assert len(reply.message) <= 300
    assert reply.retry_after is None or reply.retry_after >= 0


@given(status=statuses, headers=headers, body=bodies, expect=creates)
def test_a_create_is_accepted_only_by_the_documented_success_with_an_id(
    status: int, headers: dict[str, str], body: bytes, expect: Expect
) -> None:
    reply = classify(status, headers, body, expect=expect)
    if reply.kind is Kind.ACCEPTED:
        assert status == 200
        assert is_documented_success(body)
        assert (reply.request_id or reply.task_id) is not None


@given(identity=st.integers(1, 10**12), status=statuses.filter(lambda status: status != 200))
def test_a_success_body_under_another_status_is_not_accepted(identity: int, status: int) -> None:
    body = json.dumps({"Status": "Success", "Message": {"Id": str(identity)}}).encode()
    assert classify(status, {}, body, expect=Expect.REQUEST_ID).kind is not Kind.ACCEPTED


@given(cut=st.integers(0, 47), expect=creates)
def test_a_success_body_that_was_cut_is_unknown(cut: int, expect: Expect) -> None:
    body = b'{"Status":"Success","Message":{"Id":"1700000001"}}'
    assert classify(200, {}, body[:cut], expect=expect).kind is Kind.UNKNOWN


@given(calls=st.integers(1, 9_999_999), seconds=st.integers(1, 3600), status=statuses)
def test_the_limit_is_read_from_the_refusal_whatever_its_status(calls: int, seconds: int, status: int) -> None:
    body = json.dumps(
        {
            "Status": "Error",
            "ExceptionType": "MXAPIRateLimitExceededException",
            "ExceptionMessage": f"API calls exceeded the limit of {calls} in {seconds} second(s)",
        }
    ).encode()
    reply = classify(status, {}, body, expect=Expect.REQUEST_ID)
    assert (reply.kind, reply.limit) == (Kind.REFUSED, (calls, float(seconds)))
