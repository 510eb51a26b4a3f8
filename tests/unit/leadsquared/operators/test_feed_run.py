"""The four tasks of a feed's run, each as Airflow calls it."""

from __future__ import annotations

import gc
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from followups import crash_points
from followups.report import ThresholdError
from followups.sending import UnauthorisedError
from leadsquared.errors import AuthenticationFailed
from leadsquared.operators.create_tasks import CreateTasksOperator
from leadsquared.operators.plan import PlanFollowUpsOperator
from leadsquared.operators.report import ReportDeliveriesOperator
from leadsquared.operators.verify import VerifyDeliveriesOperator
from leadsquared.transport import Transport
from tests.unit.leadsquared.operators.conftest import OWNER, Stack, follow_up

FEED = "appointments"
NO_WINDOW = {"from": None, "to": None}
ROWS = [
    *(follow_up(f"f-{number}", subject=f"Visit {number}") for number in range(60)),
    follow_up("no-subject", subject=None),
    follow_up("no-type", task_type="Meating"),
    follow_up("nobody", owner_email="nobody@example.com"),
    follow_up("gone", cancelled=True),
    follow_up("later", due_at="2031-06-01T00:00:00Z"),
    follow_up("other", feed="document_collection"),
]
VISITS = sorted(f"Visit {number}" for number in range(60))


def plan(stack: Stack, **context: Any) -> list[dict[str, Any]]:
    return PlanFollowUpsOperator(task_id="plan", feed=FEED).execute(stack.context("plan", **context))


def create(stack: Stack, plan_slice: dict[str, Any], **context: Any) -> dict[str, Any]:
    operator = CreateTasksOperator(task_id="create_tasks", plan_slice=plan_slice)
    return operator.execute(stack.context("create_tasks", map_index=0, **context))


def verify(stack: Stack, **context: Any) -> dict[str, int]:
    return VerifyDeliveriesOperator(task_id="verify", feed=FEED).execute(stack.context("verify", **context))


def report(stack: Stack, **context: Any) -> dict[str, Any] | None:
    return ReportDeliveriesOperator(task_id="report", feed=FEED).execute(stack.context("report", **context))


def test_whole_run_delivers_every_good_row_once_and_accounts_for_the_others(stack: Stack) -> None:
    stack.warehouse(ROWS)
    (only,) = plan(stack)
    assert (stack.pushed["plan"]["due"], stack.pushed["plan"]["to_send"], stack.pushed["plan"]["batches"]) == (
        64,
        60,
        2,
    )
    assert create(stack, only) == {"calls": {"accepted": 2}, "rows": {"accepted": 60}, "skipped": 0}
    assert stack.sent() == VISITS
    assert verify(stack) == {"created": 60}
    result = report(stack)
    assert result is not None
    assert result["states"] == {"created": 60, "invalid": 3, "cancelled": 1}
    assert result == stack.pushed["report"]
    assert {row[1] for row in result["reasons"] if row[0] == "invalid"} == {
        "subject: missing",
        "task_type: no such task type; did you mean 'Meeting'?",
        "owner_email: no LeadSquared user has this address",
    }


def test_no_call_is_late_because_python_searches_all_of_airflow_for_garbage(stack: Stack) -> None:
    searched = []
    send = Transport.send

    def watched(self: Transport, *arguments: Any, **options: Any) -> Any:
        searched.append(len(gc.get_objects(generation=2)))
        return send(self, *arguments, **options)

    stack.warehouse([follow_up()])
    (only,) = plan(stack)
    stack.monkeypatch.setattr(Transport, "send", watched)
    create(stack, only)
    assert len(searched) == 1
    assert searched[0] < 10_000
    assert len(gc.get_objects(generation=2)) > 50_000


def test_slice_names_itself_for_people(stack: Stack) -> None:
    stack.warehouse(ROWS)
    (only,) = plan(stack)
    context = stack.context("create_tasks", map_index=0)
    CreateTasksOperator(task_id="create_tasks", plan_slice=only).execute(context)
    assert context["slice_label"] == "calls 1 to 2 of 2"


def test_tasks_that_run_again_send_nothing_again(stack: Stack) -> None:
    stack.warehouse(ROWS)
    (only,) = plan(stack)
    create(stack, only)
    assert create(stack, only)["calls"] == {}
    assert plan(stack) == []
    assert stack.sent() == VISITS


def test_second_run_over_the_same_window_sends_nothing(stack: Stack) -> None:
    stack.warehouse(ROWS)
    create(stack, plan(stack)[0])
    assert plan(stack, run_id="manual__2") == []
    assert stack.pushed["plan"]["outcomes"]["already accepted"] == 60


def test_preview_writes_nothing_and_shows_masked_samples(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    stack.warehouse(ROWS)
    before = stack.tables()
    with caplog.at_level(logging.INFO):
        assert plan(stack, mode="preview") == []
    assert stack.tables() == before
    assert stack.sent() == []
    text = caplog.text
    assert "preview: 60 payloads in 2 calls" in text
    assert text.count("sample ") == 3
    assert "60 Meeting" in text
    assert "Visit 1" not in text
    assert OWNER not in text
    assert "an…r@example.com" in text
    assert report(stack, mode="preview") is None


def test_preview_tells_of_each_row_that_is_kept_back_why(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    stack.warehouse(ROWS[:2] + ROWS[60:64])
    create(stack, plan(stack)[0])
    more = [
        follow_up("new"),
        follow_up("zeenat.quillfeather@example.com", subject=None),
        follow_up("no-subject", subject=None, task_type="Meating"),
    ]
    stack.warehouse([*ROWS[:2], ROWS[61], *more])
    with caplog.at_level(logging.INFO):
        plan(stack, run_id="manual__2", mode="preview")
    lines = [record.getMessage() for record in caplog.records]
    told = lines[lines.index("not sent: 5 rows") :]
    assert told == [
        "not sent: 5 rows",
        "         2 invalid: subject: missing",
        "         2 already accepted",
        "         1 already invalid",
        "of those that are kept back, the first 3:",
        "  'ze…r@example.com' invalid: subject: missing",
        "  'no-subject' invalid: subject: missing",
        "  'no-type' already invalid: task_type: no such task type; did you mean 'Meeting'?",
    ]


def test_nothing_due_is_a_green_run(stack: Stack) -> None:
    assert plan(stack) == []
    assert verify(stack) == {}
    assert report(stack) is not None


def test_rows_that_are_not_there_yet_are_awaited_without_a_worker(stack: Stack) -> None:
    stack.leadsquared(settle_seconds=600)
    stack.warehouse(ROWS)
    create(stack, plan(stack)[0])
    with pytest.raises(TaskDeferred) as deferred:
        verify(stack)
    assert deferred.value.method_name == "execute"
    assert type(deferred.value.trigger).__name__ == "TimeDeltaTrigger"
    assert "accepted" in stack.states().values()


def test_too_many_bad_rows_fail_the_run_after_everything_was_counted(stack: Stack) -> None:
    stack.warehouse([follow_up("f-1"), *(follow_up(f"g-{number}", subject=None) for number in range(9))])
    create(stack, plan(stack)[0])
    verify(stack)
    with pytest.raises(ThresholdError, match="9 of 10 rows are invalid"):
        report(stack)
    assert stack.pushed["report"]["states"] == {"created": 1, "invalid": 9}


def test_rows_that_were_not_sent_fail_the_run_and_go_out_with_the_next(stack: Stack) -> None:
    stack.warehouse(ROWS[:60])
    (only,) = plan(stack)
    with pytest.raises(ThresholdError, match="60 rows are still planned or under way"):
        report(stack)
    (again,) = plan(stack, run_id="manual__2")
    assert create(stack, only)["rows"] == {}
    assert create(stack, again, run_id="manual__2")["rows"] == {"accepted": 60}
    assert stack.sent() == VISITS


def test_report_of_a_run_that_planned_nothing_is_red(stack: Stack) -> None:
    with pytest.raises(ThresholdError, match="nothing was planned"):
        report(stack)


def test_report_of_a_run_whose_planning_died_is_red(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.warehouse(ROWS)
    monkeypatch.setattr(crash_points, "_armed", crash_points._Armed("before plan commit:1:error"))
    with pytest.raises(crash_points.InjectedError):
        plan(stack)
    with pytest.raises(ThresholdError, match="planning did not end"):
        report(stack)
    (only,) = plan(stack)
    create(stack, only)
    verify(stack)
    assert report(stack) is not None


def test_keys_that_are_wrong_from_the_start_stop_the_plan(stack: Stack) -> None:
    stack.warehouse(ROWS)
    stack.leadsquared(password="wrong")
    with pytest.raises(AuthenticationFailed):
        plan(stack)
    assert stack.states() == {}


def test_keys_that_die_in_the_run_stop_it_and_the_next_run_goes_on(stack: Stack) -> None:
    stack.warehouse(ROWS[:60])
    (only,) = plan(stack)
    stack.leadsquared(password="wrong")
    with pytest.raises(UnauthorisedError):
        create(stack, only)
    assert set(stack.states().values()) == {"planned"}
    stack.leadsquared()
    assert create(stack, only)["rows"] == {"accepted": 60}


def test_poisoned_row_alone_is_rejected(stack: Stack) -> None:
    stack.sandbox.faults("poison_row match=Spoiler")
    rows = [follow_up(f"f-{number}", subject=f"Visit {number}") for number in range(10)]
    stack.warehouse([*rows, follow_up("bad", subject="Spoiler")])
    create(stack, plan(stack)[0])
    verify(stack)
    assert {state for followup_id, state in stack.states().items() if followup_id != "bad"} == {"created"}
    assert stack.states()["bad"] == "rejected"
    assert len(stack.sent()) == 10


def scheduled(stack: Stack, task_id: str = "plan", **context: Any) -> Any:
    """The context of a scheduled run over the 9th of April."""
    made = stack.context(task_id, run_id="scheduled__9", **NO_WINDOW, **context)
    made["dag_run"].run_type = "scheduled"
    start = datetime(2031, 4, 9, tzinfo=UTC)
    return {**made, "data_interval_start": start, "data_interval_end": start + timedelta(days=1)}


def test_scheduled_run_sends_what_came_late_and_judges_its_own_day(stack: Stack) -> None:
    yesterday = [follow_up(f"y-{number}", due_at="2031-04-08T06:00:00Z") for number in range(3)]
    stack.warehouse(yesterday[:2])
    create(stack, plan(stack)[0])
    today = [follow_up(f"t-{number}", due_at="2031-04-09T06:00:00Z", subject=None) for number in range(2)]
    before = follow_up("before", due_at="2031-04-07T23:00:00Z")
    stack.warehouse([*yesterday, *today, before])
    (only,) = PlanFollowUpsOperator(task_id="plan", feed=FEED).execute(scheduled(stack))
    planned = stack.pushed["plan"]
    assert (planned["due"], planned["late"], planned["to_send"]) == (5, 3, 1)
    CreateTasksOperator(task_id="create_tasks", plan_slice=only).execute(scheduled(stack, "create_tasks", map_index=0))
    assert stack.states() == {
        "y-0": "accepted",
        "y-1": "accepted",
        "y-2": "accepted",
        "t-0": "invalid",
        "t-1": "invalid",
    }
    with pytest.raises(ThresholdError, match="2 of 3 rows are invalid"):
        ReportDeliveriesOperator(task_id="report", feed=FEED).execute(scheduled(stack, "report"))


def test_outcome_that_is_unknown_is_not_sent_again(stack: Stack) -> None:
    stack.warehouse([follow_up("f-1")])
    (only,) = plan(stack)
    stack.sandbox.faults("html500_after_commit")
    create(stack, only)
    create(stack, only)
    assert stack.states() == {"f-1": "unknown"}
    assert len(stack.sent()) == 1
