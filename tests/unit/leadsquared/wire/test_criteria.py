"""Criteria become the condition groups that the vendor's pages show."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from leadsquared.wire import bodies
from leadsquared.wire.criteria import AllOf, AnyOf, Condition, group_conditions
from leadsquared.wire.encoding import PayloadError

ROLE = Condition("Role", "eq", "Sales_User")
TEAM = Condition("TeamId", "nn")


def condition(attribute: str, operator: str, value: str | None, joined_by: str | None) -> dict[str, str | None]:
    return {"LookupName": attribute, "Operator": operator, "LookupValue": value, "ConditionOperator": joined_by}


def test_conditions_stand_in_one_group_joined_by_the_former() -> None:
    assert group_conditions(AllOf(ROLE, TEAM)) == [
        {
            "Condition": [condition("Role", "eq", "Sales_User", "AND"), condition("TeamId", "nn", None, None)],
            "GroupOperator": None,
        }
    ]


def test_alternatives_stand_in_groups_of_their_own() -> None:
    groups = group_conditions(AllOf(AnyOf(ROLE, TEAM), ROLE, AnyOf(TEAM)))
    assert [group["GroupOperator"] for group in groups] == ["AND", "AND", None]
    assert [[each["ConditionOperator"] for each in group["Condition"]] for group in groups] == [
        [None],
        ["OR", None],
        [None],
    ]


@pytest.mark.parametrize(
    "criteria", [AllOf(), AllOf(ROLE, AnyOf()), AllOf(Condition("Role")), AllOf(Condition("Role", "n", "x"))]
)
def test_criteria_without_meaning_are_refused(criteria: AllOf) -> None:
    with pytest.raises(PayloadError, match="criteria"):
        group_conditions(criteria)


def test_a_condition_keeps_its_value_out_of_its_repr() -> None:
    assert "ava" not in repr(Condition("EmailAddress", "eq", "ava@example.com"))


def test_criteria_take_the_place_of_users() -> None:
    body = json.loads(bodies.tasks_of_users(AllOf(ROLE), date(2031, 4, 1), date(2031, 4, 2)))
    assert body == {
        "FromDate": "2031-04-01",
        "ToDate": "2031-04-02",
        "UserSearchCriteria": {"GroupConditions": group_conditions(AllOf(ROLE))},
        "Paging": {"PageIndex": 1, "PageSize": 200},
    }


def test_users_are_searched_for_with_all_their_columns() -> None:
    assert json.loads(bodies.users_by_criteria(AllOf(ROLE), page=2)) == {
        "Columns": {"Include_CSV": "*"},
        "GroupConditions": group_conditions(AllOf(ROLE)),
        "Paging": {"PageIndex": 2, "PageSize": 200},
    }


def test_free_slots_say_whether_conflicts_count() -> None:
    body = json.loads(bodies.free_slots(["ava@example.com"], date(2031, 4, 1), date(2031, 4, 2), with_conflicts=True))
    assert (body["Users"], body["IncludeAllowedConflictSlots"]) == (["ava@example.com"], True)


def test_leads_are_asked_for_by_condition_and_by_dates_with_their_ids() -> None:
    since, until = datetime(2031, 4, 1, tzinfo=UTC), datetime(2031, 4, 2, tzinfo=UTC)
    assert json.loads(bodies.leads_by_condition("mx_City", "=", "Pune", ["FirstName"], page=3)) == {
        "Parameter": {"LookupName": "mx_City", "LookupValue": "Pune", "SqlOperator": "="},
        "Columns": {"Include_CSV": "ProspectID,FirstName"},
        "Sorting": {"ColumnName": "CreatedOn", "Direction": "0"},
        "Paging": {"PageIndex": 3, "PageSize": 200},
    }
    assert json.loads(bodies.leads_by_dates(since, until, ["ProspectID"])) == {
        "Parameter": {"FromDate": "2031-04-01 00:00:00", "ToDate": "2031-04-02 00:00:00"},
        "Columns": {"Include_CSV": "ProspectID"},
        "Paging": {"PageIndex": 1, "PageSize": 200},
        "Sorting": {"ColumnName": "ProspectAutoId", "Direction": "0"},
    }


def test_opportunities_are_asked_for_type_by_type() -> None:
    assert json.loads(bodies.opportunities_by_ids(["id-1"], "12000", ["Status"])) == {
        "SearchParameters": [
            {"EventCode": "12000", "ProspectActivityId": ["id-1"], "Columns": {"Include_CSV": "Status"}}
        ]
    }
    for count in (0, 2001):
        with pytest.raises(PayloadError):
            bodies.opportunities_by_ids(["id-1"] * count, "12000", ["Status"])
