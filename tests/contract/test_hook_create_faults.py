"""A create is sent exactly once, whatever comes back, and what comes back is never taken for more than it is."""

from __future__ import annotations

from typing import Any

import pytest

from leadsquared import errors
from leadsquared.hook import LeadSquaredHook
from leadsquared.wire import operations
from leadsquared.wire.replies import Kind, Reply
from sandbox.testing import RunningSandbox
from tests.contract.conftest import MakeHook
from tests.contract.hook_kit import calls_of, make_payload
from tests.unit.leadsquared.hook.conftest import RecordingThrottle

CREATES = {operations.BULK_CREATE: "Bulk/Create", operations.CREATE: "Create"}


def post(hook: LeadSquaredHook, operation: operations.Operation, **changes: Any) -> Reply:
    payload = make_payload(**changes)
    reply = hook.post_tasks([payload]) if operation is operations.BULK_CREATE else hook.post_task(payload)
    assert reply is not None
    return reply


def create(hook: LeadSquaredHook, operation: operations.Operation) -> str:
    payload = make_payload()
    return hook.create_tasks([payload]) if operation is operations.BULK_CREATE else hook.create_task(payload)


def made(sandbox: RunningSandbox) -> int:
    assert sandbox.drain()
    return len(sandbox.tasks())


@pytest.mark.parametrize("operation", CREATES, ids=CREATES.get)
@pytest.mark.parametrize(
    ("fault", "commits"),
    [
        ("html500_after_commit", True),
        ("html500_before_commit", False),
        ("mysql500", False),
        ("mysql500 after_commit=true", True),
        ("502", False),
        ("502 after_commit=true", True),
        ("503", False),
        ("504 after_commit=true", True),
        ("truncated_json", True),
        ("cut_body", True),
        ("garbage200", True),
        ("garbage200 after_commit=false", False),
        ("reset", False),
        ("reset after_commit=true", True),
        ("drop_reply_before_commit", False),
        ("drop_reply_after_commit", True),
    ],
)
def test_without_a_usable_answer_the_outcome_is_unknown_after_one_request(
    hook: LeadSquaredHook, sandbox: RunningSandbox, operation: operations.Operation, fault: str, commits: bool
) -> None:
    sandbox.faults(f"{fault} operation={CREATES[operation]}")
    assert post(hook, operation).kind is Kind.UNKNOWN
    with pytest.raises(errors.OutcomeUnknown):
        create(hook, operation)
    assert calls_of(sandbox, operation) == 2
    assert made(sandbox) == (2 if commits else 0)


@pytest.mark.parametrize("operation", CREATES, ids=CREATES.get)
@pytest.mark.parametrize("fault", ["slow ms=30000 after_commit=true", "hang after_commit=true", "hang"])
def test_an_answer_later_than_the_time_out_is_unknown_after_one_request(
    make_hook: MakeHook, sandbox: RunningSandbox, operation: operations.Operation, fault: str
) -> None:
    hook = make_hook(timeout_seconds=0.25)
    sandbox.faults(f"{fault} operation={CREATES[operation]}")
    reply = post(hook, operation)
    assert (reply.kind, reply.message) == (Kind.UNKNOWN, "no usable reply: timed out")
    assert calls_of(sandbox, operation) == 1
    assert made(sandbox) == (1 if "true" in fault else 0)


@pytest.mark.parametrize("operation", CREATES, ids=CREATES.get)
@pytest.mark.parametrize("status", [500, 400, 200])
def test_a_wrong_request_is_rejected_whatever_its_status(
    hook: LeadSquaredHook, sandbox: RunningSandbox, operation: operations.Operation, status: int
) -> None:
    sandbox.set(validation_status=status, bulk_validate="all")
    reply = post(hook, operation, task_type="No such type")
    assert (reply.kind, reply.status) == (Kind.REJECTED, status)
    assert reply.exception_type == "MXInvalidInputException"
    assert "TaskType" in reply.message
    assert (calls_of(sandbox, operation), made(sandbox)) == (1, 0)


@pytest.mark.parametrize("operation", CREATES, ids=CREATES.get)
@pytest.mark.parametrize(
    ("style", "retry_after", "waits"),
    [
        ("http429", "off", None),
        ("http429", "seconds", 60.0),
        ("http429", "date", 60.0),
        ("http200_error_body", "off", None),
        ("http500_error_body", "seconds", 60.0),
    ],
)
def test_a_refusal_is_told_to_the_throttle_and_not_sent_again(
    hook: LeadSquaredHook,
    sandbox: RunningSandbox,
    throttle: RecordingThrottle,
    operation: operations.Operation,
    style: str,
    retry_after: str,
    waits: float | None,
) -> None:
    sandbox.set(rate__normal="1/60", rate_limit_style=style, retry_after=retry_after)
    hook.get_account()
    assert post(hook, operation).kind is Kind.REFUSED
    with pytest.raises(errors.RateLimited) as refused:
        create(hook, operation)
    assert refused.value.limit == (1, 60.0)
    assert [(bucket, limit, daily) for bucket, limit, _, daily in throttle.refusals] == [
        (operation.bucket, (1, 60.0), False)
    ] * 2
    assert [after if after is None else round(after, -1) for *_, after, _ in throttle.refusals] == [waits] * 2
    assert (calls_of(sandbox, operation), made(sandbox)) == (2, 0)


@pytest.mark.parametrize("operation", CREATES, ids=CREATES.get)
def test_the_days_limit_is_told_apart(
    hook: LeadSquaredHook, sandbox: RunningSandbox, throttle: RecordingThrottle, operation: operations.Operation
) -> None:
    sandbox.set(rate__daily=1)
    hook.get_account()
    assert post(hook, operation).kind is Kind.REFUSED
    assert throttle.refusals == [(operation.bucket, None, None, True)]


@pytest.mark.parametrize("operation", CREATES, ids=CREATES.get)
@pytest.mark.parametrize("switch", [{"auth_mode": "inactive_user"}, {"auth_mode": "wrong_region"}, {}])
def test_keys_that_do_not_work_stop_the_create(
    make_hook: MakeHook, sandbox: RunningSandbox, operation: operations.Operation, switch: dict[str, str]
) -> None:
    sandbox.set(**switch)
    hook = make_hook(password="demo-secret-key" if switch else "another-key")
    assert post(hook, operation).kind is Kind.UNAUTHORISED
    with pytest.raises(errors.AuthenticationFailed):
        create(hook, operation)
    assert (calls_of(sandbox, operation), made(sandbox)) == (2, 0)


def test_a_poisoned_row_rejects_its_whole_batch(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    sandbox.faults("poison_row match=Poison")
    reply = hook.post_tasks([make_payload(), make_payload(subject="Poison")])
    assert reply is not None
    assert reply.kind is Kind.REJECTED
    assert (calls_of(sandbox, operations.BULK_CREATE), made(sandbox)) == (1, 0)


def test_a_server_that_is_gone_got_nothing(make_hook: MakeHook, sandbox: RunningSandbox) -> None:
    hook = make_hook(timeout_seconds=1)
    hook._get_transport()._base_url = "http://127.0.0.1:9/v2/"
    assert hook.post_tasks([make_payload()]).kind is Kind.NOT_SENT  # type: ignore[union-attr]
    assert made(sandbox) == 0
