"""A look-up heals or says what is wrong, in the hook's own errors, whatever comes back."""

from __future__ import annotations

import pytest

from leadsquared import errors
from leadsquared.hook import LeadSquaredHook
from leadsquared.wire.operations import Operation
from sandbox.testing import RunningSandbox
from tests.contract.conftest import MakeHook
from tests.contract.hook_kit import READS, all_operations, calls_of, plant
from tests.unit.leadsquared.hook.conftest import RecordingThrottle

EVERY_READ = pytest.mark.parametrize("operation", READS, ids=lambda operation: operation.path)
HEALING = [
    "html500_after_commit",
    "html500_before_commit",
    "mysql500",
    "502",
    "503",
    "504",
    "truncated_json",
    "cut_body",
    "garbage200",
    "reset",
    "drop_reply_before_commit",
    "drop_reply_after_commit",
    "rate_error_in_200",
]


def test_every_operation_that_reads_is_covered() -> None:
    assert set(READS) == {operation for operation in all_operations() if not operation.changes}


@EVERY_READ
def test_a_read_heals_after_any_passing_faults(
    hook: LeadSquaredHook, sandbox: RunningSandbox, operation: Operation
) -> None:
    planted = plant(hook)
    wanted = READS[operation](hook, planted)
    assert wanted
    before = calls_of(sandbox, operation)
    # Four faults in a row, then a call that works: a fifth would be the last attempt.
    met = [(fault, number + number // 4 + 1) for number, fault in enumerate(HEALING)]
    sandbox.faults(*(f"{fault} operation={operation.path} calls={call}" for fault, call in met))
    found = [READS[operation](hook, planted) for _ in range(4)]
    assert found == [wanted] * 4
    assert sorted(sandbox.audit()["faults"]) == sorted(HEALING)
    assert calls_of(sandbox, operation) == 5 * before + len(HEALING)


@EVERY_READ
def test_a_read_that_does_not_heal_ends_after_five_attempts(
    hook: LeadSquaredHook, sandbox: RunningSandbox, throttle: RecordingThrottle, operation: Operation
) -> None:
    planted = plant(hook)
    for fault, wanted in (("502", errors.ServiceUnavailable), ("rate_error_in_200", errors.RateLimited)):
        sandbox.faults(f"{fault} operation={operation.path}")
        with pytest.raises(wanted, match=operation.path):
            READS[operation](hook, planted)
    assert calls_of(sandbox, operation) == 10
    assert len(throttle.refusals) == 5


@EVERY_READ
def test_a_read_without_working_keys_is_made_once(
    hook: LeadSquaredHook, sandbox: RunningSandbox, operation: Operation
) -> None:
    planted = plant(hook)
    sandbox.faults(f"unauthorised operation={operation.path}")
    with pytest.raises(errors.AuthenticationFailed, match=operation.path):
        READS[operation](hook, planted)
    assert calls_of(sandbox, operation) == 1


@pytest.mark.parametrize("style", ["http429", "http200_error_body", "http500_error_body"])
def test_a_refused_read_waits_for_the_throttle_alone(
    hook: LeadSquaredHook, sandbox: RunningSandbox, throttle: RecordingThrottle, pauses: list[float], style: str
) -> None:
    sandbox.set(rate__normal="1/60", rate_limit_style=style)
    hook.get_account()
    with pytest.raises(errors.RateLimited) as refused:
        hook.get_users()
    assert (refused.value.limit, len(throttle.refusals)) == ((1, 60.0), 5)
    assert set(pauses) == {0.0}


@pytest.mark.parametrize("status", [500, 400, 200])
def test_a_read_that_was_rejected_is_made_once(
    hook: LeadSquaredHook, sandbox: RunningSandbox, throttle: RecordingThrottle, status: int
) -> None:
    sandbox.set(validation_status=status)
    for read in (
        lambda: hook.get_tasks_of_opportunity("no id"),
        lambda: hook.get_tasks_of_lead("no id"),
        lambda: hook.get_task("no id"),
        lambda: hook.get_opportunity("no id"),
        lambda: list(hook.iter_leads_where("NoSuchColumn", "=", "x")),
    ):
        throttle.waits.clear()
        with pytest.raises(errors.RequestRejected):
            read()
        assert len(throttle.waits) == 1


@pytest.mark.parametrize("fault", ["slow ms=30000", "hang"])
@pytest.mark.parametrize("operation", [o for o in READS if "RetrieveTaskType" in o.path or "ToDos/ByUserId" in o.path])
def test_a_read_later_than_the_time_out_is_made_again(
    make_hook: MakeHook, sandbox: RunningSandbox, operation: Operation, fault: str
) -> None:
    planted = plant(make_hook())
    sandbox.faults(f"{fault} operation={operation.path} max_times=1")
    assert READS[operation](make_hook(timeout_seconds=0.4), planted)
    assert calls_of(sandbox, operation) == 2


def test_an_operation_that_is_not_there_is_rejected(hook: LeadSquaredHook) -> None:
    with pytest.raises(errors.RequestRejected) as rejected:
        hook._read(Operation("GET", "Task.svc/NoSuchOperation"))
    assert rejected.value.status == 404
