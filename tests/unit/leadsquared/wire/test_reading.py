"""LeadSquared's objects are read in every shape that its pages and its integrators show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsquared.wire import reading
from leadsquared.wire.values import to_flag, to_moment, to_number

TASK_ID = "00000000-0000-4000-8000-00000000d001"
OF_LEAD = {
    "TaskID": TASK_ID,
    "Name": "Site visit",
    "Description": "Bring forms [ref:row-0007]",
    "DueDate": "2031-04-05 06:00:00",
    "CreatedOn": "2031-04-01 09:10:11",
    "OwnerID": "00000000-0000-4000-8000-0000000000aa",
    "OwnerName": "Ava Example",
    "CreatedBy": "00000000-0000-4000-8000-0000000000bb",
    "Status": "Pending",
    "Reminder": "15",
}
OF_USERS = {
    "UserTaskId": TASK_ID,
    "Name": "Site visit",
    "Category": "0",
    "Description": None,
    "RelatedEntity": 1,
    "RelatedEntityId": "00000000-0000-4000-8000-000000000001",
    "DueDate": "2031-04-05 06:00:00.000",
    "EndDate": "2031-04-05 06:30:00.000",
    "Reminder": 30,
    "NotifyBy": "1100",
    "StatusCode": "1",
    "OwnerId": "00000000-0000-4000-8000-0000000000aa",
    "OwnerEmailAddress": "ava@example.com",
    "CompletedOn": "0001-01-01 00:00:00.000",
    "ModifiedOn": "2031-04-02 09:10:11.250",
    "Location": "Pune",
    "TaskType": {"Id": "00000000-0000-4000-8000-0000000000f1", "Name": "Visit"},
    "CustomFields": {"mx_Custom_1": "A"},
}


def test_a_task_of_a_lead_is_read() -> None:
    task = reading.read_crm_task(OF_LEAD)
    assert (task.id, task.name, task.marker) == (TASK_ID, "Site visit", "row-0007")
    assert task.due_at == datetime(2031, 4, 5, 6, tzinfo=UTC)
    assert (task.status_text, task.status_code, task.reminder_minutes) == ("Pending", None, 15)
    assert task.owner_id == "00000000-0000-4000-8000-0000000000aa"
    assert (task.end_at, task.task_type, dict(task.custom_fields)) == (None, None, {})


def test_a_task_of_users_is_read() -> None:
    task = reading.read_crm_task(OF_USERS)
    assert (task.category, task.status_code, task.status_text) == (0, 1, None)
    assert task.completed_at is None
    assert task.modified_at == datetime(2031, 4, 2, 9, 10, 11, 250_000, tzinfo=UTC)
    assert (task.task_type, task.task_type_id) == ("Visit", "00000000-0000-4000-8000-0000000000f1")
    assert (task.related_entity, task.related_id) == (1, "00000000-0000-4000-8000-000000000001")
    assert (task.owner_email, task.location, task.notify_by) == ("ava@example.com", "Pune", "1100")
    assert dict(task.custom_fields) == {"mx_Custom_1": "A"}


def test_casing_does_not_matter() -> None:
    shouted = {key.upper(): value for key, value in OF_USERS.items()}
    assert reading.read_crm_task(shouted) == reading.read_crm_task(OF_USERS)


def test_a_marker_is_found_in_a_custom_field_too() -> None:
    task = reading.read_crm_task({"CustomFields": {"mx_Custom_1": 7, "mx_Custom_2": "[ref:row-0008]"}})
    assert task.marker == "row-0008"


def test_custom_fields_may_come_as_a_list_or_as_text() -> None:
    listed = {"CustomFields": [{"SchemaName": "mx_Custom_1", "Value": "A"}]}
    written = {"CustomFields": '{"mx_Custom_1": "A"}'}
    for item in (listed, written):
        assert dict(reading.read_crm_task(item).custom_fields) == {"mx_Custom_1": "A"}
    assert dict(reading.read_crm_task({"CustomFields": "{no JSON"}).custom_fields) == {}


def test_personal_data_stays_out_of_the_repr() -> None:
    shown = repr(reading.read_crm_task(OF_LEAD | OF_USERS))
    assert not [text for text in ("Ava", "ava@", "Bring", "Site visit", "Pune") if text in shown]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2031-04-05 06:07:08.000", datetime(2031, 4, 5, 6, 7, 8, tzinfo=UTC)),
        ("2031-04-05 06:07:08", datetime(2031, 4, 5, 6, 7, 8, tzinfo=UTC)),
        ("2031-04-05T06:07:08Z", datetime(2031, 4, 5, 6, 7, 8, tzinfo=UTC)),
        ("/Date(1300000000000+0000)/", datetime(2011, 3, 13, 7, 6, 40, tzinfo=UTC)),
        ("/Date(1300000000000+0530)/", datetime(2011, 3, 13, 7, 6, 40, tzinfo=UTC)),
        ("/Date(1300000000000)/", datetime(2011, 3, 13, 7, 6, 40, tzinfo=UTC)),
        ("0001-01-01 00:00:00.000", None),
        ("/Date(-62135596800000+0000)/", None),
        ("/Date(999999999999999)/", None),
        ("soon", None),
        ("", None),
        (None, None),
        (1300000000000, None),
    ],
)
def test_every_form_of_date_is_read(text: Any, moment: datetime | None) -> None:
    assert to_moment(text) == moment


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (30, 30),
        ("20", 20),
        (" 7 ", 7),
        ("3.0", 3),
        ("", None),
        ("many", None),
        (1.5, None),
        ("nan", None),
        ("1e999", None),
    ],
)
def test_a_number_may_be_text(value: Any, number: int | None) -> None:
    assert to_number(value) == number


@pytest.mark.parametrize(
    ("value", "flag"), [(True, True), ("1", True), (0, False), ("False", False), ("maybe", None), (None, None)]
)
def test_a_flag_may_be_text_or_number(value: Any, flag: bool | None) -> None:
    assert to_flag(value) is flag


@pytest.mark.parametrize(
    ("data", "count", "length"),
    [
        ([{}, {}], None, 2),
        ({"RecordCount": 3, "List": [{}]}, 3, 1),
        ({"RecordCount": "1", "TaskList": [{}]}, 1, 1),
        ({"recordcount": 1, "leads": [{}]}, 1, 1),
        ({"RecordCount": 0}, 0, 0),
        ({"RecordCount": 0, "List": None}, 0, 0),
        ({"SearchInfo": {}, "Users": [{}]}, None, 1),
        ({"RecordCount": 1, "Something": [{}]}, 1, 1),
        ([1, "x", None, {}], None, 1),
    ],
)
def test_a_page_is_read_wherever_its_list_is(data: Any, count: int | None, length: int) -> None:
    page = reading.read_page(data)
    assert (page.record_count, len(page.items)) == (count, length)


@pytest.mark.parametrize(
    ("description", "field", "marker"),
    [
        ("see [ref:quoted-1] [ref:row-0007]", None, "row-0007"),
        ("see [ref:quoted-1]", "[ref:row-0007]", "row-0007"),
        ("call [ref:row-0007]", "as in [ref:quoted-1]", "row-0007"),
        (None, "as in [ref:row-0007]", "row-0007"),
    ],
)
def test_our_marker_is_told_from_those_that_are_quoted(description: str | None, field: str | None, marker: str) -> None:
    task = reading.read_crm_task({"Description": description, "CustomFields": {"mx_Custom_1": field}})
    assert task.marker == marker
    quoted = {"quoted-1"} if "quoted" in f"{description}{field}" else set()
    assert task.markers == {"row-0007"} | quoted


@pytest.mark.parametrize(
    ("data", "known"),
    [
        ([], True),
        ([{}], True),
        ({"RecordCount": 0}, True),
        ({"RecordCount": 2, "List": None}, True),
        ({"SearchInfo": {"RecordCount": 0}}, True),
        ({"List": []}, True),
        ({"Something": [{}]}, True),
        ({}, False),
        ({"RecordCount": None}, False),
        ({"Status": "Success"}, False),
        ({"Something": []}, False),
        ([{}, None], False),
        (None, False),
    ],
)
def test_what_is_no_page_is_told_from_an_empty_one(data: Any, known: bool) -> None:
    assert reading.is_page(data) is known


@pytest.mark.parametrize(
    ("data", "item"), [([{"Id": 1}], {"Id": 1}), ({"Id": 1}, {"Id": 1}), ([], None), ({}, None), ([None], None)]
)
def test_one_object_may_come_in_an_array(data: Any, item: Any) -> None:
    assert reading.read_one(data) == item


def test_a_user_of_either_page_is_read() -> None:
    listed = reading.read_user(
        {"ID": "id-1", "FirstName": "Ava", "LastName": "Example", "EmailAddress": " ava@example.com", "StatusCode": 1}
    )
    assert (listed.id, listed.email, listed.name, listed.active) == ("id-1", "ava@example.com", "Ava Example", False)
    single = reading.read_user({"UserId": "id-1", "TimeZone": "Asia/Kolkata"})
    assert (single.id, single.active, single.time_zone) == ("id-1", True, "Asia/Kolkata")


@pytest.mark.parametrize(("code", "active"), [(0, True), ("0", True), (1, False), ("1", False), ("Inactive", False)])
def test_a_users_status_may_be_number_or_word(code: Any, active: bool) -> None:
    assert reading.read_user({"ID": "id-1", "StatusCode": code}).active is active


def test_a_task_types_rules_are_read() -> None:
    task_type = reading.read_task_type(
        {
            "Id": "00000000-0000-4000-8000-0000000000f1",
            "Name": "Visit",
            "Category": 0,
            "CreatedOn": "/Date(1300000000000+0000)/",
            "ColumnConfiguration": [
                {"SchemaName": "Name", "DisplayName": "Subject", "Mandatory": True, "DataType": 0},
                {"SchemaName": "RelatedEntityId", "DisplayName": "Associated Lead", "Mandatory": "false"},
                {"SchemaName": "mx_Custom_1", "DisplayName": "Branch", "IsMandatory": "1", "Options": ["Pune", "Goa"]},
                {"SchemaName": "mx_Custom_2", "Options": [{"Value": "A"}, {"Name": "B"}]},
                {"SchemaName": "mx_Custom_3", "Options": "A, B"},
                {"DisplayName": "nothing"},
            ],
        }
    )
    assert (task_type.name, task_type.category) == ("Visit", 0)
    assert task_type.mandatory_fields == {"Name", "mx_Custom_1"}
    options = {column.schema_name: column.options for column in task_type.columns}
    assert options["mx_Custom_1"] == ("Pune", "Goa")
    assert options["mx_Custom_2"] == options["mx_Custom_3"] == ("A", "B")
    assert "" not in options


@pytest.mark.parametrize("key", ["Name", "TaskName", "TaskTypeName"])
def test_a_task_types_name_has_three_keys(key: str) -> None:
    assert reading.read_task_type({key: "Visit", "TaskTypeId": "id-1"}).name == "Visit"


@pytest.mark.parametrize(
    "urls",
    [
        {"api": "https://api-in21.leadsquared.com", "app": "https://in21.leadsquared.com"},
        {"AppHost": "in21.leadsquared.com", "APIHost": "api-in21.leadsquared.com/v2/"},
        {"first": "https://API-IN21.leadsquared.com:443", "second": "https://app-in21.leadsquared.com"},
    ],
)
def test_the_regions_host_is_found_however_it_is_keyed(urls: dict[str, str]) -> None:
    account = reading.read_account({"OrgDisplayName": "Example Org", "LSQCommonServiceURLs": urls})
    assert account.api_host == "api-in21.leadsquared.com"


def test_an_account_without_hosts_is_read() -> None:
    account = reading.read_account({"Name": "Ava Example", "OrgShortCode": 90001, "TimeZone": "Asia/Kolkata"})
    assert (account.api_host, account.organisation_code, account.time_zone) == (None, "90001", "Asia/Kolkata")


def test_a_lead_may_be_flat_or_a_list_of_attributes() -> None:
    flat = reading.read_lead({"ProspectID": "id-1", "FirstName": None})
    listed = reading.read_lead({"LeadPropertyList": [{"Attribute": "ProspectID", "Value": "id-1"}]})
    assert flat.id == listed.id == "id-1"
    assert "FirstName" in flat.fields


def test_an_opportunity_is_read() -> None:
    opportunity = reading.read_opportunity(
        {"ProspectActivityId": "id-1", "RelatedProspectId": "id-2", "Fields": [{"SchemaName": "Stage", "Value": "New"}]}
    )
    assert (opportunity.id, opportunity.lead_id, opportunity.fields["Stage"]) == ("id-1", "id-2", "New")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *OF_USERS,
                    *OF_LEAD,
                    "ColumnConfiguration",
                    "Options",
                    "LSQCommonServiceURLs",
                    "Fields",
                    "LeadPropertyList",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(data=anything)
def test_no_shape_makes_a_reader_raise(data: Any) -> None:
    reading.read_page(data)
    reading.read_one(data)
    reading.is_page(data)
    reading.is_one_task(data)
    for read in (
        reading.read_crm_task,
        reading.read_user,
        reading.read_task_type,
        reading.read_account,
        reading.read_lead,
        reading.read_opportunity,
    ):
        repr(read(data))
