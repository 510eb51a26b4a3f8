"""CreateTaskOperator: one CRM task, once, and its id."""

from __future__ import annotations

import json
from datetime import time
from typing import Any
from unittest.mock import Mock

import pytest
import sqlalchemy as sa
from airflow.sdk.exceptions import TaskDeferred

from followups.errors import PermanentError
from followups.schema import deliveries
from leadsquared.errors import RequestRejected
from leadsquared.operators import waits
from leadsquared.operators.create_task import CreateTaskOperator
from sandbox.directory import load_directory
from tests.unit.leadsquared.operators.conftest import OWNER, Stack


def create_one(stack: Stack, *, run_id: str = "manual__1", **changes: Any) -> str:
    arguments = {"task_type": "Meeting", "subject": "Visit", "owner_email": OWNER, "followup_id": "one", **changes}
    return CreateTaskOperator(task_id="one", feed="own", **arguments).execute(stack.context("one", run_id=run_id))


def test_one_task_is_created_and_its_id_returned(stack: Stack) -> None:
    task_id = create_one(stack, due_at="2031-04-05T11:30:00", timezone="Asia/Kolkata", duration_minutes=30)
    (task,) = stack.sandbox.tasks()
    assert (task["id"], task["due"]) == (task_id, "2031-04-05 06:00:00")
    assert stack.states() == {"one": "created"}


def test_reminder_of_no_minutes_is_a_reminder(stack: Stack) -> None:
    create_one(stack, reminder_minutes=0, related_to="")
    with stack.engine.connect() as connection:
        payload = json.loads(connection.execute(sa.select(deliveries.c.payload)).scalar_one())
    assert payload["Reminder"] == 0


def test_running_it_again_makes_no_second_one_and_returns_the_same_id(stack: Stack) -> None:
    task_id = create_one(stack)
    assert create_one(stack) == task_id
    assert create_one(stack, run_id="manual__2") == task_id
    assert len(stack.sent()) == 1


def test_owner_may_be_given_by_id(stack: Stack) -> None:
    owner = load_directory().users[3]
    create_one(stack, owner_email=None, owner_id=owner.id)
    assert len(stack.sent()) == 1


def test_lead_and_verbatim_text_arrive(stack: Stack) -> None:
    lead = "00000000-0000-4000-8000-000000000001"
    create_one(stack, related_to="lead", related_id=lead, description="{{ not rendered }} नमस्ते 👋", location="Pune")
    found = stack.crm_task("Visit")
    assert found.description.startswith("{{ not rendered }} नमस्ते 👋 [ref:")
    assert (found.related_entity, found.related_id) == (1, lead)


@pytest.mark.parametrize("fault", ["html500_after_commit", "html500_before_commit", "drop_reply_after_commit", "502"])
def test_create_without_an_answer_is_settled_by_looking(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(waits, "time", Mock())
    stack.sandbox.faults(f"{fault} operation=Task.svc/Create calls=1")
    task_id = create_one(stack)
    (task,) = stack.sandbox.tasks()
    assert task["id"] == task_id == create_one(stack)
    assert stack.states() == {"one": "created"}


def test_wait_for_look_ups_needs_no_worker(stack: Stack) -> None:
    stack.leadsquared(settle_seconds=600)
    stack.sandbox.faults("html500_after_commit operation=Task.svc/Create")
    for _ in range(2):
        with pytest.raises(TaskDeferred) as deferred:
            create_one(stack)
    assert deferred.value.method_name == "execute"
    assert stack.states() == {"one": "unknown"}
    stack.leadsquared(settle_seconds=0)
    assert create_one(stack) == stack.sandbox.tasks()[0]["id"]
    assert len(stack.sent()) == 1


def test_what_another_owner_is_sending_is_waited_for(stack: Stack) -> None:
    create_one(stack)
    with stack.engine.begin() as connection:
        connection.execute(sa.update(deliveries).values(state="sending"))
    with pytest.raises(TaskDeferred):
        create_one(stack)
    assert len(stack.sent()) == 1


def test_where_nothing_can_prove_absence_it_is_held_and_said(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "time", Mock())
    stack.sandbox.set(hide_types=["Meeting"])
    stack.sandbox.faults("html500_before_commit operation=Task.svc/Create")
    with pytest.raises(RequestRejected, match="the task is held: sent and not seen"):
        create_one(stack)


def test_to_do_is_reminded_days_before(stack: Stack) -> None:
    arguments = {"task_type": "Follow Up", "reminder_before_days": 2, "reminder_time": "09:30"}
    create_one(stack, **arguments)
    found = stack.crm_task("Visit")
    assert (found.reminder_before_days, found.reminder_time) == (2, "09:30:00")


def test_reminder_of_a_to_do_that_is_sent_again_stays(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "time", Mock())
    stack.sandbox.faults("html500_before_commit operation=Task.svc/Create calls=1")
    create_one(stack, task_type="Follow Up", reminder_before_days=2, reminder_time=time(9, 30))
    assert stack.crm_task("Visit").reminder_before_days == 2
    assert not any(call["operation"] == "Task.svc/Bulk/Create" for call in stack.sandbox.calls())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reminder_before_days": 2}, "reminder_before_days must be given together"),
        ({"reminder_before_days": 2, "reminder_time": "noon"}, "a time of day like 09:30 is wanted"),
        ({"marker": "somewhere"}, "marker: description, off or a custom field's name"),
    ],
)
def test_wrong_arguments_are_refused_by_name(stack: Stack, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        create_one(stack, **arguments)
    assert stack.sent() == []


@pytest.mark.parametrize("marker", ["off", "mx_Custom_1", "description"])
def test_marker_is_written_where_one_says(stack: Stack, monkeypatch: pytest.MonkeyPatch, marker: str) -> None:
    monkeypatch.setattr(waits, "time", Mock())
    stack.sandbox.faults("html500_after_commit operation=Task.svc/Create calls=1")
    create_one(stack, marker=marker)
    found = stack.crm_task("Visit")
    assert ("[ref:" in (found.description or "")) is (marker == "description")
    assert ("mx_Custom_1" in found.custom_fields) is (marker == "mx_Custom_1")
    assert len(stack.sent()) == 1


def test_refusal_is_an_error_with_leadsquareds_words(stack: Stack) -> None:
    with pytest.raises(RequestRejected, match="the task is invalid: owner_email: no LeadSquared user has this address"):
        create_one(stack, owner_email="nobody@example.com")
    assert stack.sent() == []


def test_identity_is_this_task_in_this_run_unless_said_otherwise() -> None:
    operator = CreateTaskOperator(task_id="one", task_type="Meeting", subject="x")
    assert operator.followup_id == "{{ dag.dag_id }}/{{ task.task_id }}/{{ run_id }}/{{ ti.map_index }}"
    assert "followup_id" in operator.template_fields
