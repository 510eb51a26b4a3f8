"""What becomes of rows that a DAG gave itself, once they were sent."""

from __future__ import annotations

from contextlib import suppress
from unittest.mock import Mock

import pytest
import sqlalchemy as sa
from airflow.sdk.exceptions import TaskDeferred

from followups.schema import plans
from followups.sending import UnauthorisedError
from leadsquared.errors import ConfigurationError
from leadsquared.operators import waits
from leadsquared.operators.create_task import CreateTaskOperator
from leadsquared.operators.create_tasks import CreateTasksOperator
from leadsquared.operators.reconcile import ReconcileOperator
from tests.unit.leadsquared.operators.conftest import OWNER, RUN_AFTER, Stack, follow_up
from tests.unit.leadsquared.operators.test_inline_rows import create_many


def test_rows_are_settled_in_the_task_if_one_says_so(stack: Stack) -> None:
    rows = [*(follow_up(f"f-{number}") for number in range(60)), follow_up("bad", subject=None)]
    stack.sandbox.faults("html500_after_commit operation=Bulk/Create calls=1")
    result = create_many(stack, follow_ups=rows, verify=True)
    assert result["states"] == {"created": 60, "invalid": 1}
    assert set(stack.states().values()) == {"created", "invalid"}
    assert len(stack.sent()) == 60
    again = create_many(stack, follow_ups=rows, verify=True)
    assert (again["calls"], again["states"]) == ({}, {"created": 60, "invalid": 1})


def test_rows_that_were_not_made_are_sent_again_by_the_task_that_settles(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "time", Mock())
    stack.sandbox.faults("html500_before_commit operation=Bulk/Create calls=1")
    assert create_many(stack, follow_ups=[follow_up("f-1")], verify=True)["states"] == {"created": 1}
    assert len(stack.sent()) == 1


def test_long_waits_for_look_ups_need_no_worker(stack: Stack) -> None:
    stack.leadsquared(settle_seconds=600)
    operator = CreateTasksOperator(task_id="create", feed="own", follow_ups=[follow_up("f-1")], verify=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(stack.context("create"))
    assert deferred.value.method_name == "settle"
    stack.leadsquared(settle_seconds=0)
    assert stack.sent()
    result = operator.settle(stack.context("create"), event=None, **deferred.value.kwargs)
    assert result == {"calls": {"accepted": 1}, "rows": {"accepted": 1}, "skipped": 0, "states": {"created": 1}}


def test_nothing_to_settle_is_no_wait(stack: Stack) -> None:
    assert create_many(stack, follow_ups=[], verify=True)["states"] == {}


def test_slices_are_verified_by_their_runs_own_step(stack: Stack) -> None:
    with pytest.raises(ConfigurationError, match="slices have VerifyDeliveriesOperator"):
        create_many(stack, plan_slice={}, verify=True)


@pytest.mark.parametrize(
    "fault", ["", "html500_after_commit operation=Bulk/Create", "unauthorised operation=Bulk/Create"]
)
def test_rows_left_open_are_reconciles_at_once(stack: Stack, fault: str) -> None:
    if fault:
        stack.sandbox.faults(fault)
    with suppress(UnauthorisedError):
        create_many(stack, follow_ups=[follow_up("f-1"), follow_up("f-2")])
    stack.sandbox.faults()
    assert stack.sandbox.drain()
    counts = ReconcileOperator(task_id="reconcile").execute(stack.context("reconcile"))
    expected = 0 if "unauthorised" in fault else 2
    assert (counts.get("created", 0), counts["still waiting"]) == (expected, 0)


def test_one_task_that_was_left_open_is_sent_again_by_the_call_for_one(stack: Stack) -> None:
    stack.leadsquared(settle_seconds=600)
    stack.sandbox.faults("html500_before_commit operation=Task.svc/Create calls=1")
    arguments = {"task_type": "Follow Up", "subject": "Call", "owner_email": OWNER, "followup_id": "one"}
    operator = CreateTaskOperator(task_id="one", feed="own", reminder_before_days=1, reminder_time="09:00", **arguments)
    with pytest.raises(TaskDeferred):
        operator.execute(stack.context("one"))
    stack.leadsquared(settle_seconds=0)
    with stack.engine.begin() as connection:
        connection.execute(sa.update(plans).values(heartbeat_at=RUN_AFTER.replace(year=2020)))
    for _ in range(3):
        ReconcileOperator(task_id="reconcile").execute(stack.context("reconcile"))
    assert stack.states() == {"one": "created"}
    assert stack.crm_task("Call").reminder_before_days == 1
    assert operator.execute(stack.context("one")) == stack.sandbox.tasks()[0]["id"]
