"""Recorded replies, by case, and what each must be taken for."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leadsquared import errors
from leadsquared.wire.replies import Expect, Kind, Reply, classify, error_of, no_reply, not_sent

SAMPLES = Path(__file__).parents[3] / "samples"
CASES = sorted(path.parent.name for path in SAMPLES.glob("*/case.json"))


def load(name: str) -> tuple[dict[str, Any], bytes]:
    folder = SAMPLES / name
    body = next(path for path in folder.iterdir() if path.stem == "body").read_bytes()
    return json.loads((folder / "case.json").read_text()), body


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_reply_is_taken_for_what_it_is(name: str) -> None:
    case, body = load(name)
    reply = classify(case["status"], case.get("headers", {}), body, expect=Expect(case["expect"]))
    assert reply.kind == case["kind"]
    assert reply.status == case["status"]
    for field, wanted in case["reply"].items():
        got = getattr(reply, field)
        assert (list(got) if isinstance(got, tuple) else got) == wanted, field


def test_the_samples_cover_every_kind_that_can_be_received() -> None:
    assert {load(name)[0]["kind"] for name in CASES} == set(Kind) - {Kind.NOT_SENT}


def test_the_time_now_counts_for_a_retry_date_when_the_reply_has_none() -> None:
    headers = {"Retry-After": "Sat, 05 Apr 2031 06:00:30 GMT"}
    now = datetime(2031, 4, 5, 6, 0, 20, tzinfo=UTC)
    assert classify(429, headers, b"", expect=Expect.DATA, now=now).retry_after == 10


def test_a_long_message_is_cut_with_a_sign() -> None:
    body = json.dumps({"ExceptionType": "MXInvalidInputException", "ExceptionMessage": "word " * 500}).encode()
    message = classify(500, {}, body, expect=Expect.DATA).message
    assert len(message) == 300
    assert message.endswith("…")


def test_the_repr_of_a_reply_holds_no_data() -> None:
    reply = classify(200, {}, b'[{"Description":"call Asha"}]', expect=Expect.DATA)
    assert reply.data == [{"Description": "call Asha"}]
    assert "Asha" not in repr(reply)


@pytest.mark.parametrize(
    ("reply", "changes", "wanted"),
    [
        (Reply(Kind.REFUSED, 429), True, errors.RateLimited),
        (Reply(Kind.REJECTED, 500), True, errors.RequestRejected),
        (Reply(Kind.UNAUTHORISED, 401), False, errors.AuthenticationFailed),
        (Reply(Kind.UNKNOWN, 502), True, errors.OutcomeUnknown),
        (Reply(Kind.UNKNOWN, 502), False, errors.ServiceUnavailable),
        (not_sent("NameResolutionError"), True, errors.NotSent),
        (no_reply("timed out"), True, errors.OutcomeUnknown),
    ],
)
def test_a_reply_becomes_the_error_for_what_to_do_next(reply: Reply, changes: bool, wanted: type[Exception]) -> None:
    error = error_of(reply, "Task.svc/Create", changes=changes)
    assert type(error) is wanted
    assert "Task.svc/Create" in str(error)


def test_an_accepted_reply_is_no_error() -> None:
    assert error_of(Reply(Kind.ACCEPTED, 200), "Task.svc/Create", changes=True) is None


def test_a_rate_error_keeps_what_the_refusal_told_even_when_pickled() -> None:
    reply = Reply(Kind.REFUSED, 200, limit=(20, 5.0), retry_after=3.0, daily=True)
    error = pickle.loads(pickle.dumps(error_of(reply, "Task.svc/Bulk/Create", changes=True)))
    assert (error.limit, error.retry_after, error.daily, error.status) == ((20, 5.0), 3.0, True, 200)


def test_a_reply_pickles() -> None:
    reply = Reply(Kind.ACCEPTED, 200, request_id="1700000001")
    assert pickle.loads(pickle.dumps(reply)) == reply


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(Kind.REJECTED, 500, "MXInvalidInputException", "no owner"), "MXInvalidInputException: no owner"),
        (Reply(Kind.UNKNOWN, None, message="timed out"), "timed out"),
        (Reply(Kind.ACCEPTED, 200), "accepted"),
    ],
)
def test_the_reason_names_what_is_known(reply: Reply, reason: str) -> None:
    assert reply.reason == reason
