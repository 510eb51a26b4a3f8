"""Whatever LeadSquared posts is read for what it tells, and nothing more."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followups.webhooks import Told, read_webhook

FIELDS = ["CreatedTasks", "FailedTasks", "Details", "Index", "Id", "Status", "Reason"]
GUID = "00000000-0000-4000-8000-00000000d001"


def told(data: object, content_type: str = "application/json") -> Told:
    return read_webhook(content_type, json.dumps(data).encode())


def test_summary_tells_counts_and_no_row() -> None:
    summary = {"Status": "Success", "Operation": "Bulk Create Tasks", "CreatedTasksCount": 2, "FailureReason": None}
    assert told(summary) == Told(created_count=2, understood=True)


def test_details_tell_ids_by_name_and_reasons_by_place() -> None:
    details = {
        "FailedTasks": [{"Index": 2, "Name": "x", "Reason": "no such owner"}],
        "CreatedTasks": [{"Index": 0, "Name": " Visit ", "Id": GUID}],
    }
    read = told({"Status": "Success", "CreatedTasksCount": 1, "Details": details})
    assert read.created == {"Visit": GUID}
    assert read.failed == {2: "no such owner"}


def test_rows_tell_ids_by_name_and_reasons_by_their_order() -> None:
    read = told(
        [{"Name": "Visit", "Status": "Success", "Id": GUID}, {"Status": "Error", "ExceptionMessage": "bad lead"}]
    )
    assert read.created == {"Visit": GUID}
    assert read.failed == {1: "bad lead"}


@pytest.mark.parametrize("shape", [lambda rows: rows, lambda rows: {"CreatedTasks": rows}])
def test_neither_place_nor_a_name_that_comes_twice_tells_whose_an_id_is(shape: Callable[[object], object]) -> None:
    other = "00000000-0000-4000-8000-00000000d002"
    rows = [{"Index": 0, "Status": "Success", "Id": GUID}]
    rows += [{"Name": "Call", "Status": "Success", "Id": each} for each in (GUID, other)]
    assert told(shape(rows)).created == {}


def test_form_is_read_like_json() -> None:
    read = read_webhook("application/x-www-form-urlencoded", b"Status=Success&CreatedTasksCount=3&FailureReason=")
    assert read == Told(created_count=3, understood=True)


def test_echo_of_the_request_id_tells_nothing_of_any_row() -> None:
    read = told({"Status": "Success", "Message": {"Id": "1700000001"}})
    assert read.created == {}
    assert not read.understood


def test_created_row_without_a_task_id_is_not_believed() -> None:
    assert told({"CreatedTasks": [{"Index": 0, "Id": "1700000001"}, {"Id": GUID}]}).created == {}


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"42", b'"text"', b"\xff\xfe", b"[" * 5000, b"[[[]]]"])
def test_garbage_tells_nothing(body: bytes) -> None:
    assert not read_webhook("text/plain", body).understood


@given(st.binary(max_size=300), st.text(max_size=40))
def test_no_body_raises(body: bytes, content_type: str) -> None:
    read_webhook(content_type, body)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
                        st.sampled_from(FIELDS), inner),
                    max_leaves=12))  # fmt: skip
def test_no_shape_raises(data: object) -> None:
    told(data)
