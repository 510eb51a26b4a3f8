"""Single and bulk create: what is accepted, what is refused, what is dropped."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.sandbox.conftest import LEAD, OPPORTUNITY, Api, assert_refused, row

INPUT, MANDATORY = "MXInvalidInputException", "MXMandatoryAttributeMissingException"

#: Change to a valid row, exception type, words of the message.
BAD_ROWS: list[tuple[dict[str, Any], str, str]] = [
    ({"Name": ...}, MANDATORY, "'Name' is mandatory"),
    ({"Name": "  "}, MANDATORY, "Name"),
    ({"OwnerEmailAddress": ...}, INPUT, "OwnerEmailAddress"),
    ({"OwnerEmailAddress": "nobody@example.com"}, INPUT, "OwnerEmailAddress"),
    ({"OwnerEmailAddress": "imran.qureshi@example.com"}, INPUT, "OwnerEmailAddress"),
    ({"OwnerId": str(uuid.UUID(int=7))}, INPUT, "OwnerId"),
    ({"TaskType": ...}, INPUT, "TaskType"),
    ({"TaskType": {"Name": "meeting"}}, INPUT, "TaskType"),
    ({"RelatedEntity": 2}, INPUT, "RelatedEntity"),
    ({"RelatedEntity": 0, "RelatedEntityId": LEAD}, INPUT, "RelatedEntityId"),
    ({"RelatedEntity": 1, "RelatedEntityId": ""}, MANDATORY, "RelatedEntityId"),
    ({"RelatedEntity": 1, "RelatedEntityId": "17"}, "MXInvalidEntityException", "Lead does not exist in the system"),
    ({"RelatedEntity": 5, "RelatedEntityId": "17"}, "MXInvalidEntityException", "Not a valid Opportunity Id"),
    ({"EndDate": "2031-04-05 05:59:59"}, INPUT, "EndDate value is not correct."),
    ({"NotifyBy": "1"}, INPUT, "NotifyBy"),
    ({"Reminder": -1}, INPUT, "Reminder"),
    ({"ReminderTime": "25:00:00"}, INPUT, "ReminderTime"),
    ({"TaskType": {"Name": "Site Visit"}}, MANDATORY, "RelatedEntityId"),
    ({"TaskType": {"Name": "KYC Verification"}}, MANDATORY, "mx_Custom_1"),
    ({"TaskType": {"Name": "Loan Counselling"}, "CustomFields": {"mx_Custom_1": "Boat Loan"}}, INPUT, "mx_Custom_1"),
]
BAD_DATES = ["2031-04-05T06:00:00", "2031-04-05 06:00", "2031-02-30 06:00:00", "05/04/2031", "2031-04-05 06:00:00Z"]


def test_a_created_task_can_be_read_back_whole(api: Api) -> None:
    task_id = api.create(
        RelatedEntity=1,
        RelatedEntityId=LEAD,
        Reminder="15",
        NotifyBy="1100",
        Location="MG Road",
        CustomFields={"mx_Custom_1": "Fees"},
    )
    item = api.item(task_id)
    assert item["UserTaskId"] == task_id
    assert (item["DueDate"], item["EndDate"]) == ("2031-04-05 06:00:00.000", "2031-04-05 06:30:00.000")
    assert (item["CompletedOn"], item["StatusCode"]) == ("0001-01-01 00:00:00.000", 0)
    assert (item["OwnerEmailAddress"], item["OwnerName"]) == ("ananya.iyer@example.com", "Ananya Iyer")
    assert (item["RelatedEntity"], item["RelatedEntityId"]) == (1, LEAD)
    assert (item["Reminder"], item["NotifyBy"], item["Location"]) == (15, "1100", "MG Road")
    assert item["TaskType"]["Name"] == "Meeting"
    assert item["CustomFields"] == {"mx_Custom_1": "Fees"}


@pytest.mark.parametrize(("wrong", "exception_type", "words"), BAD_ROWS)
def test_a_bad_row_is_refused_by_single_create(
    api: Api, wrong: dict[str, Any], exception_type: str, words: str
) -> None:
    assert_refused(api.post("Task.svc/Create", row(**wrong)), 500, exception_type, words)
    assert api.sandbox.audit()["tasks"]["created"] == 0


@pytest.mark.parametrize("text", BAD_DATES)
def test_a_date_in_another_form_refuses_single_create_and_the_whole_batch(api: Api, text: str) -> None:
    for reply in (api.post("Task.svc/Create", row(DueDate=text)), api.create_in_bulk(row(), row(DueDate=text))):
        assert_refused(reply, 500, INPUT, "DueDate value is not correct.")
    assert api.sandbox.audit()["tasks"]["created"] == 0


def test_the_owner_id_wins_over_the_address(api: Api) -> None:
    users = {user["EmailAddress"]: user["ID"] for user in api.get("UserManagement.svc/Users.Get").json()}
    task_id = api.create(OwnerId=users["zoya.khan@example.com"])
    assert api.item(task_id)["OwnerEmailAddress"] == "zoya.khan@example.com"


def test_owner_addresses_match_loosely_unless_strict(api: Api) -> None:
    odd = row(OwnerEmailAddress=" Ananya.Iyer@Example.com ")
    assert api.post("Task.svc/Create", odd).status_code == 200
    api.sandbox.set(owner_match="strict")
    assert_refused(api.post("Task.svc/Create", odd), 500, INPUT)


def test_missing_dates_become_now_and_the_types_duration(api: Api) -> None:
    item = api.item(api.create(DueDate=..., EndDate=...))
    assert item["DueDate"][:15] == item["CreatedOn"][:15]
    assert item["EndDate"] > item["DueDate"]


def test_to_dos_may_be_moved_to_local_midnight(api: Api) -> None:
    api.sandbox.set(todo_dates="local_midnight")
    item = api.item(api.create(TaskType={"Name": "Follow Up"}, DueDate="2031-04-05 20:00:00", EndDate=...))
    assert item["DueDate"] == "2031-04-05 18:30:00.000"


def test_lengths_markup_and_unknown_fields_are_checked_only_when_switched_on(api: Api) -> None:
    odd = row(Name="n" * 10_000, Description="<script>alert(1)</script>", CustomFields={"mx_Custom_99": "x"})
    assert api.post("Task.svc/Create", odd).status_code == 200
    api.sandbox.set(unknown_custom_fields="reject")
    assert_refused(api.post("Task.svc/Create", odd), 500, INPUT, "mx_Custom_99")
    api.sandbox.set(unknown_custom_fields="ignore", reject_html=True)
    assert_refused(api.post("Task.svc/Create", odd), 500, "MXXSSException", "Description")
    api.sandbox.set(max_len__name=200)
    assert_refused(api.post("Task.svc/Create", odd), 500, INPUT, "200")


def test_odd_unicode_arrives_unharmed(api: Api) -> None:
    name = 'मीटिंग 🎓 "quotes" \u202eright-to-left مرحبا \x00 & <b>'
    assert api.item(api.create(Name=name))["Name"] == name


def test_bulk_replies_with_a_number_and_creates_later(api: Api) -> None:
    api.sandbox.set(bulk_delay_ms=300)
    reply = api.create_in_bulk(row(), row(TaskType={"Name": "Follow Up"}))
    number = reply.json()["Message"]["Id"]
    assert reply.json() == {"Status": "Success", "Message": {"Id": number}}
    assert (len(number), number.isdecimal()) == (10, True)
    assert api.sandbox.audit()["tasks"]["created"] == 0
    assert api.sandbox.audit()["jobs"]["pending"] == 1
    assert api.sandbox.drain()
    assert [task["request"] for task in api.sandbox.tasks()] == [number, number]


def test_sync_bulk_creates_before_the_reply_and_never_is_never(api: Api) -> None:
    api.sandbox.set(bulk_mode="sync")
    api.create_in_bulk(row())
    assert api.sandbox.audit()["tasks"]["created"] == 1
    api.sandbox.set(bulk_mode="never")
    api.create_in_bulk(row())
    assert not api.sandbox.drain(0.2)
    assert api.sandbox.audit()["tasks"]["created"] == 1


@pytest.mark.parametrize("rows", [None, [], [row()] * 51])
def test_bulk_takes_one_to_fifty_rows(api: Api, rows: list[Any] | None) -> None:
    assert_refused(api.post("Task.svc/Bulk/Create", {"TaskList": rows}), 500, INPUT, "TaskList")
    assert api.create_in_bulk(*[row()] * 50).status_code == 200


def test_bulk_drops_bad_rows_and_creates_the_others(api: Api) -> None:
    for wrong, _, _ in BAD_ROWS:
        assert api.create_in_bulk(row(**wrong), row()).status_code == 200
    api.sandbox.drain()
    audit = api.sandbox.audit()
    assert audit["tasks"]["created"] == len(BAD_ROWS)
    assert audit["dropped"]["rows"] == len(BAD_ROWS)
    drops = api.sandbox.drops()
    assert [drop["exception_type"] for drop in drops] == [expected for _, expected, _ in BAD_ROWS]
    assert {drop["index"] for drop in drops} == {0}
    assert all(drop["marker"] for drop in drops)


def test_bulk_validation_upfront_refuses_the_whole_batch(api: Api) -> None:
    api.sandbox.set(bulk_validate="all")
    assert_refused(api.create_in_bulk(row(), row(Name="")), 500, MANDATORY, "Name")
    assert api.sandbox.audit()["tasks"]["created"] == 0


def test_bulk_without_validation_upfront_drops_even_bad_dates(api: Api) -> None:
    api.sandbox.set(bulk_validate="none")
    assert api.create_in_bulk(row(), row(DueDate="soon"), row(Name=7)).status_code == 200
    api.sandbox.drain()
    assert (api.sandbox.audit()["tasks"]["created"], api.sandbox.audit()["dropped"]["rows"]) == (1, 2)


def test_atomic_bulk_creates_all_or_nothing(api: Api) -> None:
    api.sandbox.set(bulk_atomic=True)
    api.create_in_bulk(row(), row(Name=""))
    api.sandbox.drain()
    assert api.sandbox.audit()["tasks"]["created"] == 0


def test_fields_not_listed_for_bulk_may_be_ignored(api: Api) -> None:
    api.sandbox.set(bulk_ignore_unlisted_fields=True, bulk_mode="sync")
    api.create_in_bulk(row(ReminderBeforeDays="2", OwnerId="nobody"))
    assert api.item(api.sandbox.tasks()[0]["id"])["ReminderBeforeDays"] == 0


def test_the_same_batch_twice_makes_the_tasks_twice(api: Api) -> None:
    batch = [row(), row()]
    for _ in range(2):
        api.create_in_bulk(*batch)
    api.sandbox.drain()
    assert api.sandbox.audit()["tasks"]["created"] == 4
    assert api.sandbox.audit()["duplicates"]["by_marker"] == 2


def test_only_listed_leads_are_known_when_switched_on(api: Api) -> None:
    api.sandbox.set(known_leads="listed")
    unknown = row(RelatedEntity=1, RelatedEntityId=LEAD)
    assert_refused(api.post("Task.svc/Create", unknown), 500, "MXInvalidEntityException", "Lead does not exist")
    unknown = row(RelatedEntity=5, RelatedEntityId=OPPORTUNITY)
    assert_refused(api.post("Task.svc/Create", unknown), 500, "MXInvalidEntityException", OPPORTUNITY)


def test_a_batch_of_long_texts_goes_through(api: Api) -> None:
    rows = [row(Description="मीटिंग" * 2000) for _ in range(50)]
    assert api.create_in_bulk(*rows).status_code == 200
    assert api.sandbox.drain()
    assert len(api.item(api.sandbox.tasks()[49]["id"])["Description"]) == 12_000
