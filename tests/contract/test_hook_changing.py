"""Changes take effect as asked, and no change is asked for twice, whatever comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from leadsquared import errors
from leadsquared.hook import LeadSquaredHook
from leadsquared.wire import operations
from leadsquared.wire.operations import Operation
from leadsquared.wire.records import CrmTask
from sandbox.testing import RunningSandbox
from tests.contract.conftest import MakeHook
from tests.contract.hook_kit import CHANGES, DUE, LEAD, OTHER, UNKNOWN_ID, all_operations, calls_of, make_payload, plant

LATER = {operation: call for operation, call in CHANGES.items() if operation not in (operations.CREATE,)}


def path(operation: Operation) -> str:
    return operation.path


def task(hook: LeadSquaredHook, task_id: str) -> CrmTask:
    found = hook.get_task(task_id)
    assert found is not None
    return found


def test_every_operation_that_changes_something_is_covered() -> None:
    assert set(CHANGES) == {operation for operation in all_operations() if operation.changes}


def test_an_update_changes_what_it_names(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    planted = plant(hook).appointment
    fields = {
        "Name": "Second visit",
        "Description": "New",
        "RelatedEntity": 1,
        "RelatedEntityId": LEAD.id,
        "DueDate": "2031-04-08 07:00:00",
        "Reminder": 30,
        "NotifyBy": "1000",
        "OwnerEmailAddress": OTHER.email,
    }
    hook.update_task(planted, fields)
    found = task(hook, planted)
    assert (found.name, found.description, found.owner_id) == ("Second visit", "New", OTHER.id)
    assert (found.due_at, found.reminder_minutes) == (DUE + timedelta(days=1, hours=1), 30)
    assert found.status_code == 0
    assert calls_of(sandbox, operations.UPDATE) == 1


def test_a_completed_task_says_when(hook: LeadSquaredHook) -> None:
    planted = plant(hook).to_do
    hook.complete_task(planted)
    hook.complete_task(planted)
    found = task(hook, planted)
    assert (found.status_code, found.completed_at is not None) == (1, True)


def test_deleted_tasks_are_gone_afterwards(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    planted = plant(hook)
    hook.delete_tasks([planted.appointment, UNKNOWN_ID])
    assert sandbox.drain()
    assert hook.get_task(planted.appointment) is None
    assert hook.get_task(planted.to_do) is not None


def test_five_thousand_tasks_are_deleted_in_one_call(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    ids = [f"00000000-0000-4000-8000-{number:012x}" for number in range(5000)]
    hook.delete_tasks(ids)
    assert calls_of(sandbox, operations.DELETE_TASKS) == 1
    with pytest.raises(ValueError, match="5001"):
        hook.delete_tasks([*ids, UNKNOWN_ID])
    assert calls_of(sandbox, operations.DELETE_TASKS) == 1


def test_appointments_move_and_to_dos_stay(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    planted = plant(hook)
    start, end = DUE + timedelta(days=1), DUE + timedelta(days=1, hours=2)
    request_id = hook.move_appointments([(planted.appointment, start, end), (planted.to_do, start, end)])
    assert request_id is not None
    assert sandbox.drain()
    assert (task(hook, planted.appointment).due_at, task(hook, planted.appointment).end_at) == (start, end)
    assert task(hook, planted.to_do).due_at == DUE


@pytest.mark.parametrize(
    "change",
    [
        lambda hook: hook.update_task(UNKNOWN_ID, {"Name": "x"}),
        lambda hook: hook.complete_task(UNKNOWN_ID),
        lambda hook: hook.complete_task("no id"),
        lambda hook: hook.delete_tasks(["no id"]),
        lambda hook: hook.move_appointments([("x", DUE, DUE)], status_webhook_url="no url"),
    ],
)
def test_a_change_that_cannot_be_is_rejected(hook: LeadSquaredHook, change: Any) -> None:
    with pytest.raises(errors.RequestRejected):
        change(hook)


@pytest.mark.parametrize("operation", LATER, ids=path)
def test_a_change_without_a_usable_answer_is_unknown_and_asked_for_once(
    hook: LeadSquaredHook, sandbox: RunningSandbox, operation: Operation
) -> None:
    faults = ["html500_after_commit", "mysql500", "502", "503", "504", "reset", "drop_reply_after_commit", "cut_body"]
    planted = plant(hook)
    for number, fault in enumerate(faults, 1):
        sandbox.faults(f"{fault} operation={operation.path}")
        with pytest.raises(errors.OutcomeUnknown, match=operation.path):
            CHANGES[operation](hook, planted)
        assert calls_of(sandbox, operation) == number, fault


@pytest.mark.parametrize("operation", LATER, ids=path)
def test_a_change_that_was_refused_is_told_so_and_asked_for_once(
    hook: LeadSquaredHook, sandbox: RunningSandbox, operation: Operation
) -> None:
    planted = plant(hook)
    sandbox.faults(f"rate_error_in_200 operation={operation.path} calls=1", f"unauthorised operation={operation.path}")
    with pytest.raises(errors.RateLimited):
        CHANGES[operation](hook, planted)
    with pytest.raises(errors.AuthenticationFailed):
        CHANGES[operation](hook, planted)
    sandbox.set(rate__normal="1/60")
    hook.get_account()
    for style in ("http429", "http200_error_body", "http500_error_body"):
        sandbox.set(rate_limit_style=style)
        with pytest.raises(errors.RateLimited):
            CHANGES[operation](hook, planted)
    assert calls_of(sandbox, operation) == 5


@pytest.mark.parametrize("operation", [operations.MARK_COMPLETE, operations.UPDATE], ids=path)
def test_a_change_later_than_the_time_out_is_unknown_and_asked_for_once(
    make_hook: MakeHook, sandbox: RunningSandbox, operation: Operation
) -> None:
    planted = plant(make_hook())
    sandbox.faults(f"slow ms=30000 operation={operation.path} after_commit=true")
    with pytest.raises(errors.OutcomeUnknown, match="timed out"):
        CHANGES[operation](make_hook(timeout_seconds=0.25), planted)
    assert calls_of(sandbox, operation) == 1


@pytest.mark.parametrize("status", [500, 400, 200])
def test_a_rejected_change_is_told_so_whatever_its_status(
    hook: LeadSquaredHook, sandbox: RunningSandbox, status: int
) -> None:
    sandbox.set(validation_status=status)
    with pytest.raises(errors.RequestRejected) as rejected:
        hook.update_task(UNKNOWN_ID, {"Name": "x"})
    assert (rejected.value.status, rejected.value.exception_type) == (status, "MXInvalidEntityException")
    assert calls_of(sandbox, operations.UPDATE) == 1


def test_a_payload_is_not_an_update(hook: LeadSquaredHook) -> None:
    planted = plant(hook).appointment
    hook.update_task(planted, make_payload(subject="Third visit"))
    assert task(hook, planted).name == "Third visit"
