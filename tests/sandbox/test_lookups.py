"""Finding CRM tasks: by owner, by lead, by opportunity, by many users and days, by id."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import LEAD, OPPORTUNITY, OWNER, Api, assert_refused

RETRIEVE = "Task.svc/Retrieve"
BY_EMAIL = "Task.svc/RetrieveAppointments/ByUserEmailAddress"
TO_DOS = "Task.svc/RetrieveToDos/ByUserEmailAddress"
OTHER = "zoya.khan@example.com"


def days(first: str = "2031-04-01", last: str = "2031-04-30", **more: Any) -> dict[str, Any]:
    return {"FromDate": first, "ToDate": last, "Users": [OWNER], **more}


def of_owner(**parameter: Any) -> dict[str, Any]:
    return {"Parameter": {"LookupName": "OwnerEmailAddress", "LookupValue": OWNER, **parameter}}


def names(body: dict[str, Any], key: str = "List") -> list[str]:
    return [item["Name"] for item in body[key]]


def test_retrieve_pages_by_offset_and_counts_all(api: Api) -> None:
    for index in range(5):
        api.create(Name=f"n{index}", DueDate=f"2031-04-0{index + 1} 06:00:00", EndDate=...)
    sorting = {"ColumnName": "DueDate", "Direction": "0"}
    pages = [
        api.post(RETRIEVE, {**of_owner(), "Sorting": sorting, "Paging": {"Offset": offset, "RowCount": 2}}).json()
        for offset in (0, 2, 4, 6)
    ]
    assert [names(page) for page in pages] == [["n0", "n1"], ["n2", "n3"], ["n4"], []]
    assert {page["RecordCount"] for page in pages} == {5}


def test_retrieve_filters_by_range_status_and_type(api: Api) -> None:
    early = api.create(Name="early", DueDate="2031-04-01 06:00:00")
    api.create(Name="late", DueDate="2031-04-09 06:00:00", EndDate=..., TaskType={"Name": "Phone Call"})
    api.get("Task.svc/MarkComplete", id=early)
    assert names(api.post(RETRIEVE, of_owner(ToDate="2031-04-05 00:00:00")).json()) == ["early"]
    assert names(api.post(RETRIEVE, of_owner(StatusCode=0)).json()) == ["late"]
    types = api.get("Task.svc/RetrieveTaskType", ColumnName="TaskName", ColumnValue="Phone Call").json()
    assert names(api.post(RETRIEVE, of_owner(TypeName=types[0]["Id"])).json()) == ["late"]
    api.sandbox.set(task_range_field="CreatedOn")
    assert names(api.post(RETRIEVE, of_owner(FromDate="2031-01-01 00:00:00")).json()) == []


def test_retrieve_leaves_out_columns_on_request(api: Api) -> None:
    api.create()
    (item,) = api.post(RETRIEVE, {**of_owner(), "Columns": {"Exclude_CSV": "Latitude, Longitude"}}).json()["List"]
    assert "Latitude" not in item
    assert "Name" in item


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "You have not passed Parameter."),
        (of_owner(LookupName="Name"), "LookupName"),
        (of_owner(LookupValue=""), "LookupValue"),
        (of_owner(FromDate="2031-04-01"), "FromDate value is not correct."),
        (of_owner(FromDate="2031-04-02 00:00:00", ToDate="2031-04-01 00:00:00"), "FromDate"),
        ({**of_owner(), "Sorting": {"ColumnName": "Colour"}}, "ColumnName"),
        ({**of_owner(), "Paging": {"RowCount": 0}}, "RowCount"),
    ],
)
def test_retrieve_refuses_wrong_parameters(api: Api, body: dict[str, Any], words: str) -> None:
    reply = api.post(RETRIEVE, body)
    assert (reply.status_code, words in reply.json()["ExceptionMessage"]) == (500, True), reply.text


def test_an_unknown_owner_has_no_tasks(api: Api) -> None:
    assert api.post(RETRIEVE, of_owner(LookupValue="nobody@example.com")).json() == {"RecordCount": 0, "List": []}
    api.sandbox.set(omit_empty_list=True)
    assert api.post(RETRIEVE, of_owner()).json() == {"RecordCount": 0}


def test_too_many_rows_are_clamped_or_refused(api: Api) -> None:
    for _ in range(3):
        api.create()
    body = {**of_owner(), "Paging": {"Offset": 0, "RowCount": 3}}
    api.sandbox.set(max_row_count=2)
    reply = api.post(RETRIEVE, body).json()
    assert (reply["RecordCount"], len(reply["List"])) == (3, 2)
    api.sandbox.set(page_overflow="error")
    assert_refused(api.post(RETRIEVE, body), 500, "MXInvalidInputException", "2")


def test_lookups_by_users_separate_appointments_from_to_dos(api: Api) -> None:
    api.create(Name="appointment")
    api.create(Name="to-do", TaskType={"Name": "Follow Up"})
    api.create(Name="of another", OwnerEmailAddress=OTHER)
    assert names(api.post(BY_EMAIL, days()).json()) == ["appointment"]
    assert names(api.post(TO_DOS, days()).json()) == ["to-do"]
    assert sorted(names(api.post(BY_EMAIL, days(Users=[OWNER, OTHER, "nobody@example.com"])).json())) == [
        "appointment",
        "of another",
    ]


def test_days_are_those_of_the_accounts_zone(api: Api) -> None:
    api.create(DueDate="2031-04-05 18:30:00", EndDate=...)
    assert api.post(BY_EMAIL, days("2031-04-05", "2031-04-05")).json()["RecordCount"] == 0
    assert api.post(BY_EMAIL, days("2031-04-06", "2031-04-06")).json()["RecordCount"] == 1


def test_lookups_by_users_page_through_everything_once(api: Api) -> None:
    made = {
        api.create(
            DueDate=f"2031-04-0{index % 5 + 1} 06:00:00", EndDate=..., OwnerEmailAddress=[OWNER, OTHER][index % 2]
        )
        for index in range(11)
    }
    body = days(Users=[OWNER, OTHER])
    pages = [api.post(BY_EMAIL, {**body, "Paging": {"PageIndex": page, "PageSize": 4}}).json() for page in (1, 2, 3, 4)]
    assert [len(page["List"]) for page in pages] == [4, 4, 3, 0]
    assert {item["UserTaskId"] for page in pages for item in page["List"]} == made


def test_users_can_be_named_by_id_and_by_criteria(api: Api) -> None:
    api.create(OwnerEmailAddress=OTHER)
    (user,) = api.get("UserManagement.svc/User/Retrieve/ByEmailAddress", emailaddress=OTHER).json()
    by_id = api.post("Task.svc/RetrieveAppointments/ByUserId", days(Users=[user["UserId"]])).json()
    condition = {"LookupName": "FirstName", "Operator": "lik_s", "LookupValue": "Zo"}
    criteria = {"GroupConditions": [{"Condition": [condition], "GroupOperator": None}]}
    by_criteria = api.post(
        "Task.svc/RetrieveAppointments/ByUserSearchCriteria", days(UserSearchCriteria=criteria)
    ).json()
    assert (by_id["RecordCount"], by_criteria["RecordCount"]) == (1, 1)


@pytest.mark.parametrize(
    "body",
    [
        days(Users=[]),
        days(Users=...),
        days("2031-01-01", "2031-04-12"),
        days("2031-04-02", "2031-04-01"),
        days("2031-04-01 00:00:00"),
        days(Paging={"PageIndex": 0}),
    ],
)
def test_lookups_by_users_refuse_wrong_bounds(api: Api, body: dict[str, Any]) -> None:
    reply = api.post(BY_EMAIL, {key: value for key, value in body.items() if value is not ...})
    assert (reply.status_code, reply.json()["Status"]) == (500, "Error")


def test_a_hundred_days_are_allowed(api: Api) -> None:
    assert api.post(BY_EMAIL, days("2031-01-01", "2031-04-11")).status_code == 200


def test_tasks_of_a_lead_have_the_short_form(api: Api) -> None:
    task_id = api.create(RelatedEntity=1, RelatedEntityId=LEAD.upper(), DueDate="2021-04-05 06:00:00", EndDate=...)
    body = api.get("LeadManagement.svc/RetrieveTaskByLeadId", leadId=LEAD).json()
    assert body["RecordCount"] == 1
    (item,) = body["TaskList"]
    assert (item["TaskID"], item["DueDate"], item["Status"]) == (task_id, "2021-04-05 06:00:00", "Overdue")
    assert not {"EndDate", "TaskType", "Location", "CustomFields", "OwnerEmailAddress"} & set(item)
    assert item["Reminder"] == "0"


def test_tasks_of_an_opportunity_have_their_own_list_key(api: Api) -> None:
    task_id = api.create(RelatedEntity=5, RelatedEntityId=OPPORTUNITY)
    body = api.get("OpportunityManagement.svc/RetrieveTasksByOpportunityId", opportunityId=OPPORTUNITY).json()
    assert [item["TaskID"] for item in body["List"]] == [task_id]
    assert api.get("LeadManagement.svc/RetrieveTaskByLeadId", leadId=OPPORTUNITY).json()["TaskList"] == []


def test_a_malformed_or_unknown_opportunity_is_refused(api: Api) -> None:
    operation = "OpportunityManagement.svc/RetrieveTasksByOpportunityId"
    assert_refused(api.get(operation, opportunityId="7"), 500, "MXInvalidEntityException", "Not a valid Opportunity Id")
    api.sandbox.set(known_leads="listed")
    assert_refused(api.get(operation, opportunityId=OPPORTUNITY), 500, "MXInvalidEntityException", "does not exist")


def test_an_unknown_task_id_is_an_empty_list(api: Api) -> None:
    assert api.get("Task.svc/Retrieve.GetById", id=LEAD).json() == []
    assert_refused(api.get("Task.svc/Retrieve.GetById"), 500, "MXMandatoryAttributeMissingException", "id")


def test_new_tasks_show_up_late_when_lookups_lag(api: Api) -> None:
    task_id = api.create()
    api.sandbox.set(lookup_lag_ms=60_000)
    assert api.get("Task.svc/Retrieve.GetById", id=task_id).json() == []
    assert api.post(BY_EMAIL, days()).json()["RecordCount"] == 0
    assert api.post(RETRIEVE, of_owner()).json()["RecordCount"] == 0


def test_hidden_types_are_left_out_silently(api: Api) -> None:
    api.create(Name="seen", TaskType={"Name": "Phone Call"})
    api.create(Name="hidden")
    api.sandbox.set(hide_types="Meeting, Site Visit")
    assert names(api.post(BY_EMAIL, days()).json()) == ["seen"]
    assert names(api.post(RETRIEVE, of_owner()).json()) == ["seen"]


def test_unstable_order_shakes_equal_rows_between_calls(api: Api) -> None:
    for index in range(12):
        api.create(Name=f"n{index}")
    stable = [names(api.post(BY_EMAIL, days()).json()) for _ in range(2)]
    assert stable[0] == stable[1]
    api.sandbox.set(unstable_order=True)
    shaken = [names(api.post(BY_EMAIL, days()).json()) for _ in range(3)]
    assert len({tuple(order) for order in shaken}) > 1
    assert {tuple(sorted(order)) for order in shaken} == {tuple(sorted(stable[0]))}
