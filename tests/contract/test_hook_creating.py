"""What is created arrives field by field, at once or in bulk."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest

from leadsquared.hook import LeadSquaredHook
from leadsquared.wire import creates, operations
from leadsquared.wire.records import CrmTask
from leadsquared.wire.replies import Kind
from sandbox.testing import RunningSandbox
from tests.contract.hook_kit import DUE, LEAD, OPPORTUNITY, OWNER, calls_of, make_payload, span


def only_task(hook: LeadSquaredHook) -> CrmTask:
    (task,) = hook.iter_tasks_of_owner(OWNER.email)
    return task


def test_an_appointment_arrives_with_every_field(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    task_id = hook.create_appointment(
        task_type="Meeting",
        subject="Branch visit",
        due_at=DUE,
        end_at=DUE + timedelta(minutes=45),
        owner_email=OWNER.email,
        description="Bring the forms",
        location="Pune",
        related_to="lead",
        related_id=LEAD.id,
        reminder_minutes=15,
        notify_owner=True,
        custom_fields={"mx_Custom_1": "Loan"},
        marker="abcdef12",
    )
    task = hook.get_task(task_id)
    assert task is not None
    assert (task.id, task.name, task.task_type, task.category) == (task_id, "Branch visit", "Meeting", 0)
    assert (task.due_at, task.end_at) == (DUE, DUE + timedelta(minutes=45))
    assert (task.owner_id, task.owner_email, task.owner_name) == (OWNER.id, OWNER.email, OWNER.name)
    assert (task.related_entity, task.related_id) == (1, LEAD.id)
    assert (task.location, task.reminder_minutes, task.notify_by) == ("Pune", 15, "1100")
    assert (task.custom_fields, task.marker) == ({"mx_Custom_1": "Loan"}, "abcdef12")
    assert (task.status_code, task.completed_at) == (0, None)
    assert calls_of(sandbox, operations.CREATE) == 1


@pytest.mark.parametrize("way", ["create_to_do", "post_task", "post_task at the last moment"])
def test_a_to_do_keeps_the_day_and_time_of_its_reminder(
    hook: LeadSquaredHook, sandbox: RunningSandbox, way: str
) -> None:
    reminder: dict[str, Any] = {"reminder_before_days": 2, "reminder_time": time(9, 30)}
    payload = make_payload(task_type="Follow Up", related_to=None, related_id=None, reminder_minutes=5)
    if way == "create_to_do":
        hook.create_to_do(task_type="Follow Up", subject="Branch visit", due_at=DUE, owner_id=OWNER.id, **reminder)
    else:
        reply = hook.post_task(payload if way == "post_task" else lambda: creates.encode_payload(payload), **reminder)
        assert reply is not None
        assert reply.kind is Kind.ACCEPTED
    task = only_task(hook)
    assert (task.category, task.related_entity, task.related_id) == (1, 0, None)
    assert (task.reminder_before_days, task.reminder_time, task.reminder_minutes) == (2, "09:30:00", 0)
    assert calls_of(sandbox, operations.CREATE) == 1


@pytest.mark.parametrize(
    ("related_to", "related_id", "kind"), [("lead", LEAD.id, 1), ("opportunity", OPPORTUNITY.id, 5), (None, None, 0)]
)
@pytest.mark.parametrize("owner", [{"owner_email": OWNER.email}, {"owner_email": None, "owner_id": OWNER.id}])
@pytest.mark.parametrize("in_bulk", [False, True])
def test_owner_and_relation_may_be_given_in_every_way(
    hook: LeadSquaredHook,
    sandbox: RunningSandbox,
    related_to: str | None,
    related_id: str | None,
    kind: int,
    owner: dict[str, Any],
    in_bulk: bool,
) -> None:
    payload = make_payload(related_to=related_to, related_id=related_id, **owner)
    if in_bulk:
        hook.create_tasks([payload])
    else:
        hook.create_task(payload)
    assert sandbox.drain()
    task = only_task(hook)
    assert (task.related_entity, task.related_id, task.owner_id) == (kind, related_id, OWNER.id)


def test_fifty_appointments_and_to_dos_go_in_one_call(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    payloads = [
        make_payload(task_type="Meeting" if number % 2 else "Follow Up", subject=f"Visit {number}")
        for number in range(50)
    ]
    request_id = hook.create_tasks(payloads)
    assert request_id.isdecimal()
    assert sandbox.drain()
    created = [*hook.iter_appointments([OWNER.email], *span(0)), *hook.iter_to_dos([OWNER.email], *span(0))]
    assert sorted(task.name or "" for task in created) == sorted(f"Visit {number}" for number in range(50))
    assert sandbox.audit()["calls"]["by_operation"][operations.BULK_CREATE.path] == {"accepted": 1}


def test_the_same_payload_sent_twice_is_two_crm_tasks(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    payload = make_payload(marker="abcdef12")
    hook.create_tasks([payload, payload])
    assert sandbox.drain()
    assert sandbox.audit()["duplicates"]["by_marker"] == 1


def test_rows_dropped_after_acceptance_are_no_error(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    sandbox.faults("drop_rows indexes=1")
    hook.create_tasks([make_payload(subject=f"Visit {number}") for number in range(3)])
    assert sandbox.drain()
    assert {task.name for task in hook.iter_tasks_of_owner(OWNER.email)} == {"Visit 0", "Visit 2"}


def test_every_text_arrives_unharmed(hook: LeadSquaredHook) -> None:
    text = 'a\\b "c"\n\té ₹ 日本 👍🏽 </script> \u2028'
    hook.create_task(make_payload(subject=text, description=text, location=text))
    task = only_task(hook)
    assert (task.name, task.description, task.location) == (text, text, text)
