"""Operators that update, complete and delete CRM tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import TaskDeferred

from leadsquared import (
    CompleteTasksOperator,
    CreateTasksOperator,
    DeleteTasksOperator,
    UpdateTasksOperator,
    changer,
)
from leadsquared.errors import ConfigurationError, NotConfirmed, RequestRejected
from leadsquared.hook import LeadSquaredHook
from leadsquared.operators.changing import ChangingOperator
from leadsquared.work import change
from tests.contract.hook_kit import UNKNOWN_ID, make_payload
from tests.unit.leadsquared.operators.conftest import OWNER, Stack

OPERATORS: dict[str, type[ChangingOperator]] = {
    "completed": CompleteTasksOperator,
    "deleted": DeleteTasksOperator,
}


@pytest.fixture
def task_ids(stack: Stack) -> list[str]:
    """Three CRM tasks."""
    hook = LeadSquaredHook()
    made = [hook.create_task(make_payload(subject=f"Visit {number}", owner_email=OWNER)) for number in range(3)]
    hook.close()
    return made


def run(stack: Stack, operator: ChangingOperator) -> dict[str, int]:
    return operator.execute(stack.context(operator.task_id))


def update(stack: Stack, **arguments: Any) -> dict[str, int]:
    return run(stack, UpdateTasksOperator(task_id="update", **arguments))


@pytest.mark.parametrize("word", OPERATORS)
def test_tasks_are_brought_to_the_wanted_state_once(stack: Stack, task_ids: list[str], word: str) -> None:
    operator = OPERATORS[word](task_id="change", task_ids=task_ids)
    assert run(stack, operator)[word] == 3
    assert (run(stack, operator)[word], run(stack, operator)["already"]) == (0, 3)
    tasks = stack.sandbox.tasks()
    assert all(task["completed" if word == "completed" else "deleted"] for task in tasks)


@pytest.mark.parametrize(
    "form",
    [
        lambda ids: ids[0],
        lambda ids: str(ids[:1]),
        lambda ids: tuple(ids[:1]),
        lambda ids: iter([ids[0], ids[0].upper()]),
    ],
    ids=["one id", "rendered list", "tuple", "repeated in another case"],
)
def test_ids_come_in_any_form_that_tasks_hand_on(stack: Stack, task_ids: list[str], form: Any) -> None:
    operator = CompleteTasksOperator(task_id="change", task_ids=form(task_ids))
    assert run(stack, operator) == {"completed": 1, "already": 0, "missing": 0}


@pytest.mark.parametrize("nothing", [[], "", "[]", ()])
def test_no_ids_are_no_calls(stack: Stack, nothing: Any) -> None:
    before = len(stack.sandbox.calls())
    assert run(stack, CompleteTasksOperator(task_id="c", task_ids=nothing)) == {
        "completed": 0, "already": 0, "missing": 0,
    }  # fmt: skip
    assert run(stack, DeleteTasksOperator(task_id="d", task_ids=nothing)) == {"deleted": 0, "already": 0}
    assert update(stack, updates={}) == {"updated": 0, "already": 0, "missing": 0}
    assert len(stack.sandbox.calls()) == before


@pytest.mark.parametrize("wrong", [None, 7, b"x", {"a": 1}, ["1700000001"], "1700000001", [None]])
def test_what_is_no_id_is_refused_before_any_call(stack: Stack, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="task_ids: "):
        run(stack, DeleteTasksOperator(task_id="d", task_ids=wrong))


def test_missing_tasks_fail_or_are_counted(stack: Stack, task_ids: list[str]) -> None:
    ids = [*task_ids, UNKNOWN_ID]
    with pytest.raises(RequestRejected, match="1 of 4 CRM tasks are not there"):
        run(stack, CompleteTasksOperator(task_id="c", task_ids=ids))
    operator = CompleteTasksOperator(task_id="c", task_ids=ids, missing="ignore")
    assert run(stack, operator) == {"completed": 3, "already": 0, "missing": 1}
    with pytest.raises(ConfigurationError, match="fail or ignore"):
        CompleteTasksOperator(task_id="c2", task_ids=ids, missing="skip")


def test_updates_of_many_tasks_differ(stack: Stack, task_ids: list[str]) -> None:
    updates = {task_ids[0]: {"subject": "Call first"}, task_ids[1].upper(): {"due_at": "2031-04-05T11:30:00"}}
    assert update(stack, updates=updates, timezone="Asia/Kolkata") == {"updated": 2, "already": 0, "missing": 0}
    assert update(stack, updates=updates, timezone="Asia/Kolkata") == {"updated": 0, "already": 2, "missing": 0}
    assert stack.crm_task("Call first").description is not None
    assert stack.crm_task("Visit 1").due_at.isoformat() == "2031-04-05T06:00:00+00:00"


def test_all_tasks_get_the_same_fields(stack: Stack, task_ids: list[str]) -> None:
    assert update(stack, task_ids=task_ids, fields={"subject": "Same"})["updated"] == 3
    assert stack.sent() == ["Same"] * 3


@pytest.mark.parametrize(
    "arguments",
    [{}, {"updates": {}, "task_ids": []}, {"task_ids": []}, {"fields": {}}, {"updates": {}, "fields": {}}],
)
def test_updates_are_given_in_one_way(stack: Stack, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="either updates, or task_ids and fields"):
        update(stack, **arguments)


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        ([1], "updates: a mapping of CRM task ids to fields is wanted"),
        ({UNKNOWN_ID: "x"}, "the fields of number 1 are no mapping"),
        ({UNKNOWN_ID: {"subjekt": "x"}}, "number 1 cannot be written: subjekt: is no field of an update; did you mean"),
        ({"x": {"subject": "x"}}, "task_ids: number 1 is no CRM task id"),
    ],
)
def test_updates_that_cannot_be_written_say_why(stack: Stack, updates: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        update(stack, updates=updates)


@pytest.mark.parametrize("word", OPERATORS)
def test_what_look_ups_show_late_is_awaited_without_a_worker(
    stack: Stack, task_ids: list[str], monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(change, "PAUSES", ())
    stack.leadsquared(settle_seconds=600)
    stack.sandbox.set(bulk_mode="never")
    stack.sandbox.faults("502 operation=Task.svc/MarkComplete")
    operator = OPERATORS[word](task_id="change", task_ids=task_ids[:1])
    monkeypatch.setattr(changer, "ASKED_AT_MOST", 1)
    with pytest.raises(TaskDeferred) as deferred:
        run(stack, operator)
    kwargs = deferred.value.kwargs
    assert deferred.value.method_name == "look_again"
    assert kwargs["progress"]["left"] == task_ids[:1]
    with pytest.raises(TaskDeferred):
        operator.look_again(stack.context("change"), event=None, **kwargs)
    stack.leadsquared(settle_seconds=0)
    with pytest.raises(NotConfirmed):
        operator.look_again(stack.context("change"), event=None, **kwargs)
    stack.sandbox.faults()
    stack.sandbox.set(bulk_mode="sync")
    assert run(stack, operator)[word] == 1
    assert operator.look_again(stack.context("change"), event=None, **kwargs)[word] == 1


def test_results_of_other_tasks_are_taken_and_waited_for() -> None:
    with DAG(dag_id="own", schedule=None):
        upstream = CreateTasksOperator(task_id="upstream", follow_ups=[])
        operators: Sequence[ChangingOperator] = [
            CompleteTasksOperator(task_id="complete", task_ids=upstream.output),
            DeleteTasksOperator(task_id="delete", task_ids=upstream.output),
            UpdateTasksOperator(task_id="update", updates=upstream.output),
            UpdateTasksOperator(task_id="same", task_ids=upstream.output, fields={"subject": "x"}),
        ]
        mapped = CompleteTasksOperator.partial(task_id="mapped").expand(task_ids=upstream.output)
    assert all(operator.upstream_task_ids == {"upstream"} for operator in [*operators, mapped])
    assert "fields" not in UpdateTasksOperator.template_fields
    assert "updates" not in UpdateTasksOperator.template_fields
