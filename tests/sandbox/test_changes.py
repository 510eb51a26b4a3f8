"""Update, complete, move, delete."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import LEAD, Api, assert_refused, row

UPDATE = "Task.svc/Update"


def test_update_changes_what_is_given_and_keeps_the_rest(api: Api) -> None:
    task_id = api.create(RelatedEntity=1, RelatedEntityId=LEAD)
    reply = api.post(UPDATE, {"UserTaskId": task_id, "Name": "New", "DueDate": "2031-05-01 06:00:00"})
    assert reply.json()["Message"]["AffectedRows"] == 1
    item = api.item(task_id)
    assert (item["Name"], item["RelatedEntityId"], item["StatusCode"]) == ("New", LEAD, 0)
    assert (item["DueDate"], item["EndDate"]) == ("2031-05-01 06:00:00.000", "2031-05-01 06:30:00.000")


def test_update_may_clear_what_is_not_given(api: Api) -> None:
    task_id = api.create(RelatedEntity=1, RelatedEntityId=LEAD)
    api.sandbox.set(update_omitted="clear")
    api.post(UPDATE, {"UserTaskId": task_id, "Name": "New"})
    item = api.item(task_id)
    assert (item["Name"], item["Description"], item["RelatedEntity"]) == ("New", None, 0)


def test_lookups_follow_an_update(api: Api) -> None:
    task_id = api.create(RelatedEntity=1, RelatedEntityId=LEAD)
    new = {"OwnerEmailAddress": "zoya.khan@example.com", "RelatedEntity": 0, "DueDate": "2031-05-01 06:00:00"}
    api.post(UPDATE, {"UserTaskId": task_id, **new})
    assert api.get("LeadManagement.svc/RetrieveTaskByLeadId", leadId=LEAD).json()["RecordCount"] == 0
    days = {"FromDate": "2031-05-01", "ToDate": "2031-05-01"}
    for owner, count in (("zoya.khan@example.com", 1), ("ananya.iyer@example.com", 0)):
        body = {**days, "Users": [owner]}
        assert api.post("Task.svc/RetrieveAppointments/ByUserEmailAddress", body).json()["RecordCount"] == count


def test_changes_of_an_unknown_task_are_refused(api: Api) -> None:
    assert_refused(api.post(UPDATE, {"UserTaskId": LEAD}), 500, "MXInvalidEntityException", "Task does not exist")
    assert_refused(api.post(UPDATE, {}), 500, "MXMandatoryAttributeMissingException", "UserTaskId")
    assert_refused(api.get("Task.svc/MarkComplete", id=LEAD), 500, "MXInvalidEntityException")


def test_a_refused_update_changes_nothing(api: Api) -> None:
    task_id = api.create()
    body = {"UserTaskId": task_id, "Name": "New", "OwnerEmailAddress": "nobody@example.com"}
    assert_refused(api.post(UPDATE, body), 500, "MXInvalidInputException", "OwnerEmailAddress")
    assert api.item(task_id)["Name"] == "Branch visit"


def test_completing_sets_status_and_date(api: Api) -> None:
    task_id = api.create()
    assert api.get("Task.svc/MarkComplete", id=task_id).json()["Status"] == "Success"
    item = api.item(task_id)
    assert (item["StatusCode"], item["PercentCompleted"]) == (1, 100)
    assert item["CompletedOn"] > "2020"


def test_deleting_is_asynchronous_and_leaves_no_trace_in_lookups(api: Api) -> None:
    kept, gone = api.create(), api.create(RelatedEntity=1, RelatedEntityId=LEAD)
    api.sandbox.set(bulk_delay_ms=300)
    reply = api.post("Task.svc/DeleteTasks", {"TaskIds": [gone, LEAD]})
    assert reply.json()["Status"] == "Success"
    assert api.item(gone)
    assert api.sandbox.drain()
    assert api.get("Task.svc/Retrieve.GetById", id=gone).json() == []
    assert api.get("LeadManagement.svc/RetrieveTaskByLeadId", leadId=LEAD).json()["TaskList"] == []
    assert api.item(kept)
    audit = api.sandbox.audit()["tasks"]
    assert (audit["created"], audit["deleted"], audit["present"]) == (2, 1, 1)


@pytest.mark.parametrize("ids", [None, [], ["7"], [LEAD] * 5001, [7]])
def test_delete_takes_one_to_five_thousand_ids(api: Api, ids: list[str] | None) -> None:
    assert api.post("Task.svc/DeleteTasks", {"TaskIds": ids}).json()["Status"] == "Error"
    assert api.post("Task.svc/DeleteTasks", {"TaskIds": [LEAD] * 5000}).status_code == 200


def test_moving_changes_the_times_of_appointments_only(api: Api) -> None:
    meeting, to_do = api.create(), api.create(TaskType={"Name": "Follow Up"})
    times = {"FromDate": "2031-06-01 06:00:00", "ToDate": "2031-06-01 07:00:00"}
    rows = [{"UserTaskId": task_id, **times} for task_id in (meeting, to_do)]
    message = api.post("Task.svc/BulkUpdateAppointmentTime", {"TaskList": rows}).json()["Message"]
    assert (message["IsSuccessful"], message["Id"].isdecimal()) == (True, True)
    assert api.sandbox.drain()
    assert (api.item(meeting)["DueDate"], api.item(meeting)["EndDate"]) == (
        "2031-06-01 06:00:00.000",
        "2031-06-01 07:00:00.000",
    )
    assert api.item(to_do)["DueDate"] == "2031-04-05 06:00:00.000"


@pytest.mark.parametrize("change", [{"FromDate": ...}, {"ToDate": "2031-05-01 06:00:00"}, {"FromDate": "2031-06-01"}])
def test_moving_refuses_wrong_times(api: Api, change: dict[str, object]) -> None:
    times = {"FromDate": "2031-06-01 06:00:00", "ToDate": "2031-06-01 07:00:00", **change}
    moved = {"UserTaskId": api.create(), **{key: value for key, value in times.items() if value is not ...}}
    assert api.post("Task.svc/BulkUpdateAppointmentTime", {"TaskList": [moved]}).json()["Status"] == "Error"


def test_deleting_one_of_two_heals_a_duplicate(api: Api) -> None:
    same = row()
    first = api.post("Task.svc/Create", same).json()["Message"]["Id"]
    second = api.post("Task.svc/Create", same).json()["Message"]["Id"]
    assert first != second
    assert api.sandbox.audit()["duplicates"]["by_marker"] == 1
    api.post("Task.svc/DeleteTasks", {"TaskIds": [second]})
    api.sandbox.drain()
    duplicates = api.sandbox.audit()["duplicates"]
    assert (duplicates["by_marker"], duplicates["by_fingerprint"], duplicates["by_marker_ever"]) == (0, 0, 1)
