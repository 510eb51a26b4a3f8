"""Task types, leads, opportunities, users."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.directory import load_directory
from tests.sandbox.conftest import LEAD, Api, assert_refused

DIRECTORY = load_directory()
LISTED = DIRECTORY.leads[3]
LEADS, USERS, OPPORTUNITIES = "LeadManagement.svc", "UserManagement.svc", "OpportunityManagement.svc"


def test_the_shipped_directory_has_forty_active_users_at_example_com() -> None:
    assert sum(user.active for user in DIRECTORY.users) == 40
    assert sum(not user.active for user in DIRECTORY.users) == 3
    assert all(user.email.endswith("@example.com") for user in DIRECTORY.users)
    assert len({user.id for user in DIRECTORY.users} | {item.id for item in DIRECTORY.task_types}) == 43 + 9


def test_a_directory_of_ones_own_can_be_loaded(tmp_path: Path) -> None:
    file = tmp_path / "directory.json"
    user = {"id": LEAD, "first_name": "Ava", "last_name": "B", "email": "ava@example.com", "active": True}
    kind = {
        "id": LEAD,
        "name": "Call",
        "category": 1,
        "custom_fields": [{"schema_name": "mx_Custom_1", "display_name": "A"}],
    }
    content = {"organisation": "O", "organisation_id": "1", "time_zone": "UTC", "users": [user], "task_types": [kind]}
    file.write_text(json.dumps(content))
    directory = load_directory(file)
    assert (directory.users[0].name, directory.task_types[0].custom_fields[0].mandatory) == ("Ava B", False)


def test_task_types_are_a_bare_list_with_their_fields(api: Api) -> None:
    types = {item["Name"]: item for item in api.get("Task.svc/RetrieveTaskType").json()}
    assert (types["Meeting"]["Category"], types["Follow Up"]["Category"]) == (0, 1)
    assert types["Meeting"]["CreatedOn"] == "/Date(1700000000000+0000)/"
    columns = {column["SchemaName"]: column for column in types["Site Visit"]["ColumnConfiguration"]}
    assert columns["RelatedEntityId"]["Mandatory"]
    (product,) = (c for c in types["Loan Counselling"]["ColumnConfiguration"] if c["SchemaName"] == "mx_Custom_1")
    assert "Home Loan" in product["Options"]
    assert json.loads(types["Meeting"]["FormLayout"])


@pytest.mark.parametrize("column", ["TaskTypeName", "TaskName"])
def test_task_types_can_be_filtered(api: Api, column: str) -> None:
    (found,) = api.get("Task.svc/RetrieveTaskType", ColumnName=column, ColumnValue="Meeting").json()
    by_id = api.get("Task.svc/RetrieveTaskType", ColumnName="TaskTypeId", ColumnValue=found["Id"]).json()
    assert by_id == [found]
    assert len(api.get("Task.svc/RetrieveTaskType", ColumnName="Category", ColumnValue="1").json()) == 4
    assert_refused(api.get("Task.svc/RetrieveTaskType", ColumnName="X"), 500, "MXInvalidInputException", "ColumnName")


def test_a_lead_is_found_by_id_address_and_phone(api: Api) -> None:
    by_id = api.get(f"{LEADS}/Leads.GetById", id=LISTED.id).json()
    assert by_id[0]["ProspectID"] == LISTED.id
    assert api.get(f"{LEADS}/Leads.GetByEmailaddress", emailaddress=LISTED.email).json() == by_id
    assert api.get(f"{LEADS}/RetrieveLeadByPhoneNumber", phone=LISTED.phone[-10:]).json() == by_id


def test_unknown_leads_are_empty_lists(api: Api) -> None:
    assert api.get(f"{LEADS}/Leads.GetById", id=LEAD).json()[0]["ProspectID"] == LEAD
    api.sandbox.set(known_leads="listed")
    assert api.get(f"{LEADS}/Leads.GetById", id=LEAD).json() == []
    assert api.get(f"{LEADS}/Leads.GetByEmailaddress", emailaddress="nobody@example.com").json() == []
    assert api.get(f"{LEADS}/RetrieveLeadByPhoneNumber", phone="0000000000").json() == []
    assert_refused(api.get(f"{LEADS}/Leads.GetById"), 500, "MXMandatoryAttributeMissingException")


@pytest.mark.parametrize("inside", [False, True])
def test_leads_by_ids_are_lists_of_attributes_in_pages(api: Api, inside: bool) -> None:
    api.sandbox.set(known_leads="listed")
    ids = {"LeadIds": [lead.id for lead in DIRECTORY.leads[:5]] + [LEAD]}
    body = {
        **({"SearchParameters": ids} if inside else ids),
        "Columns": {"Include_CSV": "FirstName"},
        "Paging": {"PageIndex": 2, "PageSize": 4},
    }
    reply = api.post(f"{LEADS}/Leads/Retrieve/ByIds", body).json()
    assert (reply["RecordCount"], len(reply["Leads"])) == (5, 1)
    values = {item["Attribute"]: item["Value"] for item in reply["Leads"][0]["LeadPropertyList"]}
    assert values == {"ProspectID": DIRECTORY.leads[4].id, "FirstName": DIRECTORY.leads[4].first_name}
    api.sandbox.set(lead_shape="flat")
    assert api.post(f"{LEADS}/Leads/Retrieve/ByIds", body).json()["Leads"] == [values]


def test_leads_are_found_by_when_they_were_modified(api: Api) -> None:
    body = {
        "Parameter": {"FromDate": "2025-10-09 08:53:20", "ToDate": "2025-10-09 10:53:20"},
        "Columns": {"Include_CSV": "ProspectID"},
        "Paging": {"PageIndex": 1, "PageSize": 2},
    }
    reply = api.post(f"{LEADS}/Leads.RecentlyModified", body).json()
    assert (reply["RecordCount"], len(reply["Leads"])) == (3, 2)
    swapped = {"Parameter": {"FromDate": "2026-01-01 00:00:00", "ToDate": "2025-01-01 00:00:00"}}
    assert_refused(api.post(f"{LEADS}/Leads.RecentlyModified", swapped), 500, "MXInvalidInputException", "FromDate")
    assert_refused(api.post(f"{LEADS}/Leads.RecentlyModified", {}), 500, "MXInvalidInputException")


@pytest.mark.parametrize(
    "body", [{}, {"LeadIds": [LEAD]}, {"LeadIds": [LEAD] * 10_001, "Columns": {"Include_CSV": "*"}}]
)
def test_leads_by_ids_refuses_missing_columns_and_too_many_ids(api: Api, body: dict[str, object]) -> None:
    assert api.post(f"{LEADS}/Leads/Retrieve/ByIds", body).json()["Status"] == "Error"


@pytest.mark.parametrize(
    ("comparison", "value", "finds"), [("=", LISTED.email, 1), ("LIKE", "%@example.com%", 400), ("IN", LISTED.email, 1)]
)
def test_leads_are_searched_by_one_condition(api: Api, comparison: str, value: str, finds: int) -> None:
    parameter = {"LookupName": "EmailAddress", "LookupValue": value, "SqlOperator": comparison}
    assert len(api.post(f"{LEADS}/Leads.Get", {"Parameter": parameter}).json()) == finds


@pytest.mark.parametrize(
    "body",
    [{}, {"Parameter": {"LookupName": "X"}}, {"Parameter": {"LookupName": "FirstName", "SqlOperator": "~"}}],
)
def test_a_wrong_lead_search_is_refused(api: Api, body: dict[str, object]) -> None:
    assert_refused(api.post(f"{LEADS}/Leads.Get", body), 500, "MXInvalidInputException")


def test_opportunities_are_found_by_lead_and_by_id(api: Api) -> None:
    opportunity = DIRECTORY.opportunities[0]
    url = f"{api.sandbox.url}/v2/{OPPORTUNITIES}/GetOpportunitiesOfLead"
    query = {"leadId": opportunity.lead_id, "opportunityType": "12000"}
    body = api.session.post(url, params=query, timeout=5).json()
    assert body["RecordCount"] == len(body["List"]) == 1
    found = api.get(f"{OPPORTUNITIES}/GetOpportunityDetails", OpportunityId=opportunity.id).json()
    assert found == body["List"][0]
    api.sandbox.set(known_leads="listed")
    assert_refused(
        api.get(f"{OPPORTUNITIES}/GetOpportunityDetails", OpportunityId=LEAD), 500, "MXInvalidEntityException"
    )


def test_opportunities_are_found_by_their_ids_type_by_type(api: Api) -> None:
    url, columns = f"{OPPORTUNITIES}/GetOpportunitiesById", {"Include_CSV": "Status"}
    asked = [
        {"EventCode": code, "ProspectActivityId": [DIRECTORY.opportunities[0].id, LEAD], "Columns": columns}
        for code in ("12000", "12001")
    ]
    first, second = api.post(url, {"SearchParameters": asked}).json()
    assert (first["EventCode"], first["RecordCount"]) == ("12000", 1)
    assert first["Opportunities"][0]["ProspectActivityId"] == DIRECTORY.opportunities[0].id
    assert (second["RecordCount"], second["Opportunities"]) == (0, [])
    for wrong in ({"ProspectActivityId": [LEAD]}, {**asked[0], "Columns": {}}, {**asked[0], "ProspectActivityId": []}):
        assert_refused(api.post(url, {"SearchParameters": [wrong]}), 500, "MXMandatoryAttributeMissingException")
    too_many = {**asked[0], "ProspectActivityId": [LEAD] * 2001}
    assert_refused(api.post(url, {"SearchParameters": [too_many]}), 500, "MXInvalidInputException")


def test_all_users_are_listed_with_their_state(api: Api) -> None:
    users = api.get(f"{USERS}/Users.Get").json()
    assert [user["StatusCode"] for user in users].count(1) == 3
    assert {"ID", "FirstName", "LastName", "EmailAddress", "Role"} <= set(users[0])


def test_a_user_is_found_only_while_active(api: Api) -> None:
    active, inactive = DIRECTORY.users[4], DIRECTORY.users[-1]
    (found,) = api.get(f"{USERS}/User/Retrieve/ByUserId", userId=active.id).json()
    assert (found["UserId"], found["TimeZone"]) == (active.id, "Asia/Kolkata")
    assert api.get(f"{USERS}/User/Retrieve/ByEmailAddress", emailaddress=active.email).json() == [found]
    assert api.get(f"{USERS}/User/Retrieve/ByUserId", userId=inactive.id).json() == []
    assert api.get(f"{USERS}/User/Retrieve/ByEmailAddress", emailaddress="nobody@example.com").json() == []


def search(*conditions: tuple[str, str, str, str | None]) -> dict[str, object]:
    names = ("LookupName", "Operator", "LookupValue", "ConditionOperator")
    return {"GroupConditions": [{"Condition": [dict(zip(names, one, strict=True)) for one in conditions]}]}


@pytest.mark.parametrize(
    ("body", "finds"),
    [
        (search(("Role", "eq", "Administrator", None)), 1),
        (search(("StatusCode", "neq", "0", None)), 3),
        (search(("FirstName", "eq", "Zoya", None), ("FirstName", "eq", "Varun", "OR")), 2),
        (search(("FirstName", "eq", "Zoya", None), ("LastName", "eq", "Shah", "AND")), 0),
        (search(("LastName", "lik", "ha", None), ("Role", "nlik", "Sales", "AND")), 1),
        (search(("EmailAddress", "lik_e", "@example.com", None)), 43),
        (search(("EmailAddress", "n", "", None)), 0),
        (search(("EmailAddress", "nn", "", None)), 43),
    ],
)
def test_users_are_searched_by_conditions(api: Api, body: dict[str, object], finds: int) -> None:
    reply = api.post(f"{USERS}/User/AdvancedSearch", body).json()
    assert reply["SearchInfo"]["RecordCount"] == len(reply["Users"]) == finds


def test_columns_that_were_not_asked_for_are_null(api: Api) -> None:
    body = {**search(("FirstName", "eq", "Zoya", None)), "Columns": {"Include_CSV": "LastName"}}
    (user,) = api.post(f"{USERS}/User/AdvancedSearch", body).json()["Users"]
    assert (user["LastName"], user["FirstName"], user["UserId"]) == ("Khan", None, DIRECTORY.users[39].id)


@pytest.mark.parametrize(
    "body", [{}, search(("Colour", "eq", "x", None)), search(("Role", "~", "x", None)), {"GroupConditions": [1]}]
)
def test_a_wrong_user_search_is_refused(api: Api, body: dict[str, object]) -> None:
    assert api.post(f"{USERS}/User/AdvancedSearch", body).json()["Status"] == "Error"
