"""CreateTaskOperator: one CRM task, once, and its id."""

from __future__ import annotations

from typing import Any

import pytest

from leadsquared.errors import OutcomeUnknown, RequestRejected
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


def test_reply_that_is_lost_is_not_followed_by_a_second_create(stack: Stack) -> None:
    stack.sandbox.faults("html500_after_commit operation=Task.svc/Create")
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match="the task is unknown"):
            create_one(stack)
    assert len(stack.sent()) == 1


def test_refusal_is_an_error_with_leadsquareds_words(stack: Stack) -> None:
    with pytest.raises(RequestRejected, match="the task is invalid: owner_email: no LeadSquared user has this address"):
        create_one(stack, owner_email="nobody@example.com")
    assert stack.sent() == []


def test_identity_is_this_task_in_this_run_unless_said_otherwise() -> None:
    operator = CreateTaskOperator(task_id="one", task_type="Meeting", subject="x")
    assert operator.followup_id == "{{ dag.dag_id }}/{{ task.task_id }}/{{ run_id }}/{{ ti.map_index }}"
    assert "followup_id" in operator.template_fields
