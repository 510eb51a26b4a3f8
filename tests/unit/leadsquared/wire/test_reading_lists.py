"""Counts, lists within lists and slots are read in every shape that the vendor's pages show."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from leadsquared.wire import reading
from leadsquared.wire.records import Slot


def test_a_count_may_stand_beside_the_list_or_in_its_search_info() -> None:
    assert reading.read_page({"SearchInfo": {"RecordCount": "3"}, "Users": [{}]}).record_count == 3
    assert reading.read_page({"RecordCount": 2, "SearchInfo": {"RecordCount": 3}, "Users": []}).record_count == 2


def test_a_to_dos_reminder_is_read_from_numbers_and_texts() -> None:
    task = reading.read_crm_task({"ReminderBeforeDays": "2", "ReminderTime": "09:30:00"})
    assert (task.reminder_before_days, task.reminder_time) == (2, "09:30:00")
    assert reading.read_crm_task({"ReminderBeforeDays": 0, "ReminderTime": ""}).reminder_time is None


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ([{"EventCode": "12000", "RecordCount": 1, "Opportunities": [{"ProspectActivityId": "id-1"}]}], ["id-1"]),
        ({"List": [{"opportunities": [{"OpportunityId": "id-1"}]}, {"opportunities": None}]}, ["id-1"]),
        ([{"EventCode": "12000", "RecordCount": 0, "Opportunities": []}], []),
        ([{"ProspectActivityId": "id-1"}], ["id-1"]),
        ({"RecordCount": 1, "Opportunities": [{"ProspectActivityId": "id-1"}]}, ["id-1"]),
        ([], []),
    ],
)
def test_opportunities_are_read_with_or_without_their_types(reply: Any, found: list[str]) -> None:
    assert [opportunity.id for opportunity in reading.read_opportunities(reply)] == found


def test_free_slots_are_read_with_what_is_missing_left_out() -> None:
    day = {
        "Date": "2031-04-05",
        "UserSlots": [
            {
                "UserId": "id-1",
                "EmailAddress": "ava@example.com",
                "UserTimeZone": "Asia/Kolkata",
                "AvailableSlots": [{"StartTime": "09:00:00", "EndTime": "10:00:00"}, {"StartTime": "11:00:00"}, 1],
                "BreakTimings": None,
            },
            {"UserId": "id-2", "NoSlotsReason": "Leave"},
        ],
    }
    first, second = reading.read_day_slots(day)
    assert (first.day, first.user_id, first.time_zone) == (date(2031, 4, 5), "id-1", "Asia/Kolkata")
    assert (first.free, first.busy, first.reason) == ((Slot(start="09:00:00", end="10:00:00"),), (), None)
    assert (second.reason, second.free) == ("Leave", ())
    assert "ava" not in repr(first)
    assert reading.read_day_slots({}) == reading.read_day_slots(None) == []
