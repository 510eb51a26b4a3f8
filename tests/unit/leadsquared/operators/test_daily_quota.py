"""What tasks do when the account's calls of the day are used up."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.sdk.exceptions import TaskDeferred

from followups.report import ThresholdError
from followups.throttle import DailyQuotaReached
from leadsquared import CompleteTasksOperator, DeleteTasksOperator
from leadsquared.__main__ import main
from leadsquared.hook import LeadSquaredHook
from leadsquared.operators.create_task import CreateTaskOperator
from leadsquared.operators.create_tasks import CreateTasksOperator
from leadsquared.operators.plan import PlanFollowUpsOperator
from leadsquared.operators.reconcile import ReconcileOperator
from leadsquared.operators.report import ReportDeliveriesOperator
from leadsquared.operators.verify import VerifyDeliveriesOperator
from leadsquared.work import change
from leadsquared.work.quota import AFTER_RESET, SHORTEST_DEFERRAL, defer_until_reset
from tests.contract.hook_kit import UNKNOWN_ID, make_payload
from tests.contract.ledger_kit import die
from tests.unit.leadsquared.operators.conftest import OWNER, RUN_AFTER, Stack, follow_up

FEED = "appointments"
ROWS = [follow_up(f"f-{number}", subject=f"Visit {number}") for number in range(250)]
#: A test's day must not end within the test.
BEFORE_MIDNIGHT = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def one_day() -> None:
    left = midnight() - datetime.now(UTC)
    if left < BEFORE_MIDNIGHT:
        time.sleep(left.total_seconds() + 1)


def midnight() -> datetime:
    return (datetime.now(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def plan(stack: Stack, **context: Any) -> list[dict[str, Any]]:
    return PlanFollowUpsOperator(task_id="plan", feed=FEED).execute(stack.context("plan", **context))


def create(stack: Stack, plan_slice: dict[str, Any], hours: float = 24, **context: Any) -> dict[str, Any]:
    operator = CreateTasksOperator(task_id="create_tasks", plan_slice=plan_slice, quota_patience_hours=hours)
    return operator.execute(stack.context("create_tasks", map_index=0, **context))


def run_report(stack: Stack) -> str:
    with pytest.raises(ThresholdError) as red:
        ReportDeliveriesOperator(task_id="report", feed=FEED).execute(stack.context("report"))
    return str(red.value)


def open_day(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", ["leadsquared", "rate", "--forget-learned"])
    assert main() == 0
    return capsys.readouterr().out


def moment_of(deferred: pytest.ExceptionInfo[TaskDeferred]) -> datetime:
    assert deferred.value.method_name == "execute"
    moment = deferred.value.trigger.moment
    assert isinstance(moment, datetime)
    return moment


def test_sending_waits_for_the_reset_without_a_worker_and_then_goes_on(stack: Stack) -> None:
    stack.leadsquared(daily_calls=4)
    stack.warehouse(ROWS)
    (only,) = plan(stack)
    with pytest.raises(TaskDeferred) as deferred:
        create(stack, only)
    assert moment_of(deferred) == midnight() + AFTER_RESET
    assert sorted(set(stack.states().values())) == ["accepted", "planned"]
    assert list(stack.states().values()).count("accepted") == 100
    stack.leadsquared(daily_calls=1000)
    assert create(stack, only)["rows"] == {"accepted": 150}
    assert len(stack.sent()) == 250


def test_refusal_for_the_day_waits_too_and_a_person_opens_the_day_again(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.warehouse(ROWS)
    (only,) = plan(stack)
    stack.sandbox.set(rate__daily=3)
    with pytest.raises(TaskDeferred):
        create(stack, only)
    refused = [call for call in stack.sandbox.calls() if call["status"] == 429]
    assert 1 <= len(refused) <= 4  # those under way when the first was refused
    stack.sandbox.set(rate__daily=None)
    assert "the day is open" in open_day(monkeypatch, capsys)
    create(stack, only)
    assert len(stack.sent()) == 250


def test_run_whose_patience_is_shorter_ends_and_its_report_says_so(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    stack.leadsquared(daily_calls=3)
    stack.warehouse(ROWS)
    (only,) = plan(stack)
    assert create(stack, only, hours=0)["rows"] == {"accepted": 50}
    with caplog.at_level("INFO"):
        text = run_report(stack)
    until = f"{midnight():%Y-%m-%d %H:%M} UTC"
    assert f"200 rows are still planned or under way, the daily quota is used up until {until}" in text
    assert f"200 rows stay planned until {until}" in caplog.text
    assert stack.pushed["report"]["quota"][1] == midnight().isoformat()


def test_plan_goes_on_with_what_is_known(stack: Stack) -> None:
    stack.leadsquared(daily_calls=1)
    stack.warehouse(ROWS)
    assert len(plan(stack)) == 1
    assert set(stack.states().values()) == {"planned"}


def test_verification_waits_for_the_reset(stack: Stack) -> None:
    stack.warehouse(ROWS[:10])
    create(stack, plan(stack)[0])
    stack.leadsquared(daily_calls=1)
    with pytest.raises(TaskDeferred) as deferred:
        VerifyDeliveriesOperator(task_id="verify", feed=FEED).execute(stack.context("verify"))
    assert moment_of(deferred) == midnight() + AFTER_RESET


def test_reconciliation_leaves_it_to_its_next_round(stack: Stack) -> None:
    stack.warehouse(ROWS[:10])
    create(stack, plan(stack)[0])
    with stack.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE plans SET finished_at = created_at")
    stack.leadsquared(daily_calls=1)
    assert ReconcileOperator(task_id="reconcile").execute(stack.context("reconcile")) == {}


def test_single_task_waits_for_the_reset(stack: Stack) -> None:
    stack.leadsquared(daily_calls=2)
    one = CreateTaskOperator(
        task_id="one", task_type="Meeting", subject="One", owner_email="ananya.iyer@example.com", due_at="2031-04-05"
    )
    with pytest.raises(TaskDeferred):
        one.execute(stack.context("one"))
    stack.leadsquared(daily_calls=20)
    assert one.execute(stack.context("one"))
    assert stack.sent() == ["One"]


def test_backfill_stops_at_its_share_and_a_scheduled_run_goes_on(stack: Stack) -> None:
    stack.leadsquared(daily_calls=20, backfill_share=0.2)
    stack.warehouse(ROWS)
    backfill = stack.context("plan", run_id="backfill__1")
    backfill["dag_run"].run_type = "backfill"
    (only,) = PlanFollowUpsOperator(task_id="plan", feed=FEED).execute(backfill)
    context = stack.context("create_tasks", map_index=0, run_id="backfill__1")
    context["dag_run"].run_type = "backfill"
    with pytest.raises(TaskDeferred):
        CreateTasksOperator(task_id="create_tasks", plan_slice=only).execute(context)
    assert list(stack.states().values()).count("accepted") == 100
    context["dag_run"].run_type = "scheduled"
    CreateTasksOperator(task_id="create_tasks", plan_slice=only).execute(context)
    assert len(stack.sent()) == 250


def test_rows_of_a_run_that_waits_for_the_reset_are_no_other_runs(stack: Stack) -> None:
    """Else the next scheduled run would spend its own calls on what a backfill may not send today."""
    stack.leadsquared(daily_calls=4)
    stack.warehouse(ROWS)
    (only,) = plan(stack)
    with pytest.raises(TaskDeferred):
        create(stack, only)
    die(stack.engine, only["plan_id"])
    assert PlanFollowUpsOperator(task_id="plan", feed=FEED).execute(later_run(stack)) == []
    assert stack.pushed["plan"]["leftovers"] == 0
    with stack.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE plans SET waits_until = created_at")
    assert len(PlanFollowUpsOperator(task_id="plan", feed=FEED).execute(later_run(stack))) == 1
    assert stack.pushed["plan"]["leftovers"] == 150


def later_run(stack: Stack) -> Any:
    """The context of a scheduled run over another window, which takes up what others left behind."""
    context = stack.context("plan", run_id="scheduled__2", **{"from": None, "to": None})
    context["dag_run"].run_type = "scheduled"
    start = RUN_AFTER + timedelta(days=1)
    return {**context, "data_interval_start": start, "data_interval_end": start + timedelta(days=1)}


def test_trigger_never_fires_before_the_scheduler_knows_of_it() -> None:
    operator = ReconcileOperator(task_id="reconcile")
    before = datetime.now(UTC)
    with pytest.raises(TaskDeferred) as deferred:
        defer_until_reset(operator, DailyQuotaReached(before))
    assert deferred.value.trigger.moment >= before + SHORTEST_DEFERRAL


def test_people_are_shown_how_the_rate_stands(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.leadsquared(daily_calls=1000, backfill_share=0.5)
    stack.warehouse(ROWS[:10])
    create(stack, plan(stack)[0])
    monkeypatch.setattr(sys, "argv", ["leadsquared", "rate"])
    assert main() == 0
    text = capsys.readouterr().out
    assert "normal: 1000 calls in 1 s, from the connection" in text
    assert "today 3 of 1000 calls, backfills 0 of 500 calls" in text
    assert "demo-access-key" not in text


def test_changes_wait_for_the_reset_too_and_then_go_on(stack: Stack) -> None:
    stack.leadsquared(daily_calls=1)
    hook = LeadSquaredHook()
    task_id = hook.create_task(make_payload(subject="Visit", owner_email=OWNER))
    hook.close()
    operator = CompleteTasksOperator(task_id="complete", task_ids=[task_id])
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(stack.context("complete"))
    assert moment_of(deferred) == midnight() + AFTER_RESET
    stack.leadsquared()
    assert operator.execute(stack.context("complete"), event={})["completed"] == 1


def test_changes_that_were_asked_for_are_looked_for_after_the_reset(stack: Stack) -> None:
    stack.leadsquared(daily_calls=1)
    progress = {"counts": {}, "left": {UNKNOWN_ID: None}}
    operator = DeleteTasksOperator(task_id="delete", task_ids=[UNKNOWN_ID])
    spent = DailyQuotaReached(midnight())
    stack.monkeypatch.setattr(change, "change_tasks", Mock(side_effect=spent))
    with pytest.raises(TaskDeferred) as deferred:
        operator.look_again(stack.context("delete"), progress)
    assert deferred.value.method_name == "look_again"
    assert deferred.value.kwargs == {"progress": progress}
