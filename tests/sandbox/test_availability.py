"""Free slots of users, and users by nested conditions."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.directory import load_directory
from tests.sandbox.conftest import OWNER, Api, assert_refused

SLOTS = "Task.svc/RetrieveAvailableSlots"
BY_EMAIL, BY_CRITERIA = f"{SLOTS}/ByUserEmailAddress", f"{SLOTS}/ByUserSearchCriteria"
SEARCH = "UserManagement.svc/User/AdvancedSearch"
ACTIVE = sum(user.active for user in load_directory().users)


def days(first: str = "2031-04-07", last: str = "2031-04-07", **more: Any) -> dict[str, Any]:
    return {"FromDate": first, "ToDate": last, "Users": [OWNER], **more}


def condition(name: str, value: str, joined_by: str | None = None) -> dict[str, Any]:
    return {"LookupName": name, "Operator": "eq", "LookupValue": value, "ConditionOperator": joined_by}


def found(api: Api, *groups: dict[str, Any]) -> int:
    reply = api.post(SEARCH, {"GroupConditions": list(groups)}).json()
    return len(reply["Users"])


def spans(slots: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(slot["StartTime"], slot["EndTime"]) for slot in slots]


def test_a_working_day_is_free_but_for_its_break_and_appointments(api: Api) -> None:
    api.create(DueDate="2031-04-07 04:30:00", EndDate="2031-04-07 05:30:00")
    api.create(DueDate="2031-04-07 03:00:00", EndDate="2031-04-07 04:00:00")
    api.create(DueDate="2031-04-07 12:00:00", EndDate="2031-04-07 14:00:00")
    api.create(TaskType={"Name": "Follow Up"}, DueDate="2031-04-07 06:00:00", EndDate="2031-04-07 06:30:00")
    reply = api.post(BY_EMAIL, days()).json()
    (user,) = reply["List"][0]["UserSlots"]
    assert (reply["RecordCount"], reply["List"][0]["Date"], user["EmailAddress"]) == (1, "2031-04-07", OWNER)
    busy = [("09:00:00", "09:30:00"), ("10:00:00", "11:00:00"), ("17:30:00", "18:00:00")]
    assert spans(user["BusySlots"]) == busy
    free = [("09:30:00", "10:00:00"), ("11:00:00", "13:00:00"), ("14:00:00", "17:30:00")]
    assert spans(user["AvailableSlots"]) == free
    (user,) = api.post(BY_EMAIL, days(IncludeAllowedConflictSlots=True)).json()["List"][0]["UserSlots"]
    assert spans(user["AvailableSlots"]) == [("09:00:00", "13:00:00"), ("14:00:00", "18:00:00")]


def test_days_come_in_pages_and_sundays_say_why_nothing_is_free(api: Api) -> None:
    body = days("2031-04-04", "2031-04-08", Users=[OWNER, "nobody@example.com"], Paging={"PageIndex": 2, "PageSize": 2})
    reply = api.post(BY_EMAIL, body).json()
    assert (reply["RecordCount"], [day["Date"] for day in reply["List"]]) == (5, ["2031-04-06", "2031-04-07"])
    assert reply["List"][0]["UserSlots"][0]["NoSlotsReason"] == "NotScheduled"
    assert len(reply["List"][0]["UserSlots"]) == 1


def test_users_of_slots_may_be_found_by_criteria(api: Api) -> None:
    criteria = {"GroupConditions": [{"Condition": [condition("StatusCode", "0")]}]}
    reply = api.post(BY_CRITERIA, {"FromDate": "2031-04-07", "ToDate": "2031-04-07", "UserSearchCriteria": criteria})
    assert len(reply.json()["List"][0]["UserSlots"]) == ACTIVE


def test_wrong_requests_for_slots_are_refused(api: Api) -> None:
    assert_refused(api.post(BY_EMAIL, days(last="2031-07-17")), 500, "MXInvalidInputException", "ToDate")
    assert_refused(api.post(BY_EMAIL, days(last="2031-04-06")), 500, "MXInvalidInputException", "FromDate")
    assert_refused(api.post(BY_EMAIL, days(IncludeAllowedConflictSlots="yes")), 400, "MXInvalidInputException")


@pytest.mark.parametrize(
    ("first", "second", "finds"), [("OR", None, 2), (None, "OR", 2), ("AND", "OR", 0), (None, None, 0)]
)
def test_the_operator_of_the_former_condition_joins_it_to_the_next(
    api: Api, first: str | None, second: str | None, finds: int
) -> None:
    both = [condition("FirstName", "Zoya", first), condition("FirstName", "Varun", second)]
    assert found(api, {"Condition": both}) == finds
    groups = [{"Condition": [one], "GroupOperator": one["ConditionOperator"]} for one in both]
    assert found(api, *groups) == finds


def test_groups_may_hold_groups(api: Api) -> None:
    inner = {"Condition": [condition("FirstName", "Zoya", "OR"), condition("FirstName", "Varun")]}
    outer = {"GroupConditions": [inner], "GroupOperator": "AND"}
    assert found(api, outer, {"Condition": [condition("LastName", "Khan")]}) == 1
    for _ in range(20):
        outer = {"GroupConditions": [outer]}
    assert_refused(api.post(SEARCH, {"GroupConditions": [outer]}), 500, "MXMandatoryAttributeMissingException")
