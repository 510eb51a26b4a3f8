"""Single creates and changes of CRM tasks: one request each, in the documented form."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from leadsquared import errors
from leadsquared.hook import LeadSquaredHook
from leadsquared.wire import creates
from leadsquared.wire.replies import Kind
from tests.support.scripted_server import ScriptedServer, answer, drop
from tests.unit.leadsquared.hook.conftest import RecordingThrottle

TASK_ID = "00000000-0000-4000-8000-00000000c001"
CREATED = answer(200, {"Status": "Success", "Message": {"Id": TASK_ID}})
DUE = datetime(2031, 4, 5, 6, tzinfo=UTC)


def test_an_appointment_is_created(hook: LeadSquaredHook, server: ScriptedServer, throttle: RecordingThrottle) -> None:
    server.script = [CREATED]
    made = hook.create_appointment(
        task_type="Visit",
        subject="Site visit",
        due_at=DUE,
        end_at=DUE + timedelta(minutes=30),
        owner_id="id-9",
        reminder_minutes=15,
    )
    (request,) = server.requests
    assert made == TASK_ID
    assert request.path == "/v2/Task.svc/Create"
    assert request.json["OwnerId"] == "id-9"
    assert (request.json["Reminder"], request.json["EndDate"]) == (15, "2031-04-05 06:30:00")
    assert throttle.waits == ["normal"]


def test_a_to_do_is_created(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.script = [CREATED]
    made = hook.create_to_do(
        task_type="Collect documents",
        subject="Bring forms",
        due_at=DUE,
        owner_email="ava@example.com",
        reminder_before_days=2,
        reminder_time=time(9),
    )
    body = server.requests[0].json
    assert made == TASK_ID
    assert (body["ReminderBeforeDays"], body["ReminderTime"], body["RelatedEntity"]) == ("2", "09:00:00", 0)


def test_a_payload_may_be_made_at_the_last_moment(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    payload = creates.build_payload(task_type="Visit", subject="Site visit", due_at=DUE, owner_email="ava@example.com")
    for given in (payload, lambda: payload):
        server.script = [CREATED]
        reply = hook.post_task(given)
        assert reply is not None
        assert (reply.kind, reply.task_id) == (Kind.ACCEPTED, TASK_ID)
        assert server.requests[-1].json == payload


def test_a_create_without_an_answer_is_raised_as_unknown_after_one_request(
    hook: LeadSquaredHook, server: ScriptedServer
) -> None:
    server.script = [drop]
    with pytest.raises(errors.OutcomeUnknown):
        hook.create_task({"Name": "Site visit"})
    assert len(server.requests) == 1


def test_changes_take_their_documented_form(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.script = [
        answer(200, {"Status": "Success", "Message": {"AffectedRows": 1}}),
        answer(200, {"Status": "Success"}),
        answer(200, {"Status": "Success", "TasksCount": 1}),
        answer(200, {"Status": "Success", "Message": {"Id": "1700000002", "IsSuccessful": True}}),
    ]
    hook.update_task("id-1", {"Name": "Site visit"})
    hook.complete_task("id-1")
    hook.delete_tasks(["id-1"], status_webhook_url="https://hooks.example.com/x")
    assert hook.move_appointments([("id-1", DUE, DUE)]) == "1700000002"
    assert [request.path.removeprefix("/v2/Task.svc/") for request in server.requests] == [
        "Update",
        "MarkComplete",
        "DeleteTasks",
        "BulkUpdateAppointmentTime",
    ]
    assert server.requests[1].query == {"id": ["id-1"]}


def test_a_change_by_get_is_not_repeated_either(hook: LeadSquaredHook, server: ScriptedServer) -> None:
    server.script = [drop]
    with pytest.raises(errors.OutcomeUnknown):
        hook.complete_task("id-1")
    assert len(server.requests) == 1
