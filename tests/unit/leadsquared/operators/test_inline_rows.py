"""CreateTasksOperator on rows that a DAG gives itself."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest
import sqlalchemy as sa
from airflow.sdk import DAG, XComArg

from followups.crash_points import InjectedError, arm
from followups.schema import plans
from leadsquared.errors import ConfigurationError, RetryableError
from leadsquared.operators.create_tasks import CreateTasksOperator
from tests.unit.leadsquared.operators.conftest import OWNER, RUN_AFTER, Stack, follow_up


def payload(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "Name": f"Visit {number}",
        "TaskType": {"Name": "Meeting"},
        "OwnerEmailAddress": OWNER,
        "DueDate": "2031-04-05 06:00:00",
        "RelatedEntity": 0,
        "RelatedEntityId": "",
        "NotifyBy": "1000",
        **changes,
    }


def create_many(stack: Stack, *, run_id: str = "manual__1", **arguments: Any) -> dict[str, Any]:
    operator = CreateTasksOperator(task_id="create", feed="own", **arguments)
    return operator.execute(stack.context("create", run_id=run_id))


@pytest.mark.parametrize("count", [1, 50, 51, 130])
def test_follow_ups_of_any_number_are_cut_into_calls(stack: Stack, count: int) -> None:
    rows = [follow_up(f"f-{number}") for number in range(count)]
    result = create_many(stack, follow_ups=rows)
    assert result == {"calls": {"accepted": -(-count // 50)}, "rows": {"accepted": count}, "skipped": 0}
    assert len(stack.sent()) == count


def test_payloads_are_sent_as_they_are_with_the_marker_and_without_our_key(stack: Stack) -> None:
    create_many(stack, payloads=[payload(1, followup_id="p-1", Description="Bring forms"), payload(2)])
    assert stack.sent() == ["Visit 1", "Visit 2"]
    assert stack.crm_task("Visit 1").description.startswith("Bring forms [ref:")


@pytest.mark.parametrize("kind", ["follow_ups", "payloads"])
def test_task_that_runs_again_or_in_another_run_sends_nothing_again(stack: Stack, kind: str) -> None:
    rows = [follow_up("f-1")] if kind == "follow_ups" else [payload(1)]
    create_many(stack, **{kind: rows})
    for run_id in ("manual__1", "manual__2"):
        assert create_many(stack, run_id=run_id, **{kind: rows})["calls"] == {}
    assert len(stack.sent()) == 1


@pytest.mark.parametrize("kind", ["follow_ups", "payloads"])
def test_rows_that_a_dead_run_left_planned_go_with_the_next_runs(stack: Stack, kind: str) -> None:
    rows = [follow_up("f-1", subject="Visit 1"), follow_up("f-2", subject="Visit 2")]
    rows = rows if kind == "follow_ups" else [payload(1), payload(2)]
    arm("after plan commit:1:error")
    try:
        with pytest.raises(InjectedError):
            create_many(stack, **{kind: rows[:1]})
    finally:
        arm(None)
    assert create_many(stack, run_id="manual__2", **{kind: []})["rows"] == {}  # its run may yet go on
    with stack.engine.begin() as connection:
        connection.execute(sa.update(plans).values(heartbeat_at=RUN_AFTER.replace(year=2020)))
    result = create_many(stack, run_id="manual__3", verify=True, **{kind: rows[1:]})
    assert (result["rows"], result["states"]) == ({"accepted": 2}, {"created": 2})
    assert stack.sent() == ["Visit 1", "Visit 2"]


def test_empty_list_is_no_call(stack: Stack) -> None:
    assert create_many(stack, follow_ups=[]) == {"calls": {}, "rows": {}, "skipped": 0}


def test_bad_rows_are_kept_back_and_the_others_go(stack: Stack) -> None:
    rows = [follow_up("f-1"), follow_up("f-2", subject=None), follow_up("f-3", owner_email="nobody@example.com")]
    assert create_many(stack, follow_ups=rows)["rows"] == {"accepted": 1}
    assert stack.states() == {"f-1": "accepted", "f-2": "invalid", "f-3": "invalid"}


def test_bad_payloads_are_kept_back_and_the_others_go(stack: Stack) -> None:
    rows = [payload(1), payload(2, Name=""), payload(3, DueDate="tomorrow"), payload(4, TaskType={"Name": "Meating"})]
    assert create_many(stack, payloads=rows)["rows"] == {"accepted": 1}
    assert stack.sent() == ["Visit 1"]


@pytest.mark.parametrize("arguments", [{}, {"follow_ups": [], "payloads": []}])
def test_exactly_one_source_of_rows_must_be_given(stack: Stack, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="one of plan_slice, follow_ups and payloads"):
        create_many(stack, **arguments)


def test_result_of_another_task_is_taken_and_makes_the_operator_wait_for_it(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DAG(dag_id="own", schedule=None):
        upstream = CreateTasksOperator(task_id="upstream", follow_ups=[])
        operator = CreateTasksOperator(task_id="create", feed="own", follow_ups=upstream.output)
    assert operator.upstream_task_ids == {"upstream"}
    monkeypatch.setattr(type(upstream.output), "resolve", lambda *_: [follow_up("f-1")])
    assert isinstance(operator.follow_ups, XComArg)
    assert operator.execute(stack.context("create"))["rows"] == {"accepted": 1}


def test_rows_may_come_from_a_generator(stack: Stack) -> None:
    assert create_many(stack, follow_ups=(follow_up(f"f-{number}") for number in range(3)))["rows"] == {"accepted": 3}


@pytest.mark.parametrize("kind", ["follow_ups", "payloads"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("f-1", "a list of mappings is wanted, not str"),
        ({"followup_id": "f-1"}, "a list of mappings is wanted, not dict"),
        (7, "a list of mappings is wanted, not int"),
        ([["f-1"]], "row 1 is no mapping of names to values, but list"),
    ],
)
def test_what_is_no_list_of_rows_is_refused(stack: Stack, kind: str, wrong: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{kind}: {message}"):
        create_many(stack, **{kind: wrong})
    assert stack.sent() == []


@pytest.mark.parametrize("marker", ["off", "mx_Custom_1"])
def test_marker_is_written_where_one_says_and_rows_are_found_all_the_same(stack: Stack, marker: str) -> None:
    result = create_many(stack, payloads=[payload(1), payload(2)], marker=marker, verify=True)
    assert result["states"] == {"created": 2}
    found = stack.crm_task("Visit 1")
    assert "[ref:" not in (found.description or "")
    assert ("mx_Custom_1" in found.custom_fields) is (marker == "mx_Custom_1")


def test_task_that_was_stopped_is_not_green_and_its_next_try_sends_the_rest(stack: Stack) -> None:
    rows = [payload(1), payload(2)]
    stopped = CreateTasksOperator(task_id="create", payloads=rows)
    stopped.on_kill()
    with pytest.raises(RetryableError, match="stays planned for its next try"):
        stopped.execute(stack.context("create"))
    assert stack.sent() == []
    CreateTasksOperator(task_id="create", payloads=rows).execute(stack.context("create"))
    assert len(stack.sent()) == 2


@pytest.mark.parametrize("before_it_began", [True, False])
def test_stop_reaches_the_sender(before_it_began: bool) -> None:
    operator, sender = CreateTasksOperator(task_id="create", follow_ups=[]), Mock()
    steps = [operator.on_kill, partial(operator._remember, sender)]
    for step in steps if before_it_began else reversed(steps):
        step()
    sender.stop.assert_called_once_with()
