"""What a CRM task is to become is written strictly, and recognised in whatever form look-ups show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from leadsquared.wire.encoding import PayloadError
from leadsquared.wire.records import CrmTask
from leadsquared.wire.updates import NAMES, complete_fields, is_as_wanted, wanted_fields

DUE = datetime(2031, 4, 5, 6, tzinfo=UTC)
ID = "00000000-0000-4000-8000-000000000001"
TASK = CrmTask(
    id="t-1", name="Visit", description="Bring forms [ref:abcdef123456]", category=0, due_at=DUE, owner_id=ID,
    owner_email="ava@example.com", related_entity=1, related_id=ID, reminder_minutes=15, notify_by="1000",
)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"subject": " Visit "}, {"Name": "Visit"}),
        ({"description": None}, {"Description": ""}),
        ({"due_at": "2031-04-05T11:30:00"}, {"DueDate": "2031-04-05 06:00:00"}),
        ({"due_at": datetime(2031, 4, 5, 6, tzinfo=UTC)}, {"DueDate": "2031-04-05 06:00:00"}),
        ({"DueDate": "2031-04-05 06:00:00"}, {"DueDate": "2031-04-05 06:00:00"}),
        ({"related_to": "lead", "related_id": ID}, {"RelatedEntity": 1, "RelatedEntityId": ID}),
        ({"related_to": None}, {"RelatedEntity": 0}),
        ({"RelatedEntity": 5, "RelatedEntityId": ID}, {"RelatedEntity": 5, "RelatedEntityId": ID}),
        ({"reminder_minutes": "30", "notify_owner": True}, {"Reminder": 30, "NotifyBy": "1100"}),
        ({"NotifyBy": "1000", "owner_id": ID}, {"NotifyBy": "1000", "OwnerId": ID}),
        ({"owner_email": " ava@example.com "}, {"OwnerEmailAddress": "ava@example.com"}),
    ],
)
def test_fields_are_written_in_leadsquareds_names_and_forms(given: dict[str, Any], fields: dict[str, Any]) -> None:
    assert wanted_fields(given, ZoneInfo("Asia/Kolkata")) == fields


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "hold nothing to change"),
        ({"subjekt": "x"}, "subjekt: is no field of an update; did you mean subject?"),
        ({"mx_Custom_1": "x"}, "mx_Custom_1: is no field of an update"),
        ({"end_at": DUE}, "end_at: an update has no end; move appointments"),
        ({"TaskType": {"Name": "x"}}, "TaskType: the type of a CRM task cannot be changed"),
        ({"subject": " "}, "subject: must be text that is not blank"),
        ({"subject": None}, "subject: must be text"),
        ({"due_at": "tomorrow"}, "due_at: is no date-time like"),
        ({"due_at": None}, "due_at: is no date-time like"),
        ({"related_to": "account"}, "related_to: must be lead, opportunity or null"),
        ({"related_to": "lead"}, "related_id: is missing"),
        ({"related_id": ID}, "related_to: is missing"),
        ({"related_to": "lead", "related_id": "7"}, "related_id: is no id like"),
        ({"reminder_minutes": -1}, "reminder_minutes: must be a whole number"),
        ({"reminder_minutes": True}, "reminder_minutes: must be a whole number"),
        ({"notify_owner": "yes"}, "notify_owner: must be true or false"),
        ({"owner_id": ID, "owner_email": "a@example.com"}, "owner_id: and owner_email are given"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(PayloadError) as refused:
        wanted_fields(given)
    assert message in str(refused.value)


def test_all_other_fields_are_sent_as_they_stand() -> None:
    assert complete_fields(TASK, {"Name": "Second visit"}) == {
        "Name": "Second visit", "Description": "Bring forms [ref:abcdef123456]", "RelatedEntity": 1,
        "RelatedEntityId": ID, "DueDate": "2031-04-05 06:00:00", "Reminder": 15, "NotifyBy": "1000", "OwnerId": ID,
    }  # fmt: skip


def test_an_owner_by_address_is_not_contradicted_by_the_one_before() -> None:
    assert "OwnerId" not in complete_fields(TASK, {"OwnerEmailAddress": "ben@example.com"})


@pytest.mark.parametrize(
    ("given", "sent"),
    [("", "[ref:abcdef123456]"), ("Call", "Call [ref:abcdef123456]"), (TASK.description, TASK.description)],
)
def test_the_marker_stays(given: str, sent: str) -> None:
    assert complete_fields(TASK, {"Description": given})["Description"] == sent


def test_a_relation_that_is_ended_takes_its_id_along() -> None:
    assert complete_fields(TASK, {"RelatedEntity": 0})["RelatedEntityId"] == ""


@pytest.mark.parametrize("name", NAMES.values())
def test_every_field_is_compared(name: str) -> None:
    same = complete_fields(TASK, {}) | {"OwnerEmailAddress": "AVA@example.com"}
    other: dict[str, Any] = {
        "Name": "x", "Description": "x", "RelatedEntity": 5, "RelatedEntityId": ID.replace("1", "2"),
        "DueDate": "2031-04-05 06:00:01", "Reminder": 16, "NotifyBy": "1100", "OwnerId": ID.replace("1", "2"),
        "OwnerEmailAddress": "ben@example.com",
    }  # fmt: skip
    for asked in (False, True):
        assert is_as_wanted(TASK, {name: same[name]}, asked=asked)
        assert not is_as_wanted(TASK, {name: other[name]}, asked=asked)


def test_what_a_look_up_leaves_out_must_be_asked_for_and_then_counts_as_done() -> None:
    bare = CrmTask(id="t-1")
    for name, value in [("NotifyBy", "1100"), ("Reminder", 5), ("DueDate", "2031-04-05 06:00:00"), ("OwnerId", ID)]:
        assert not is_as_wanted(bare, {name: value}, asked=False)
        assert is_as_wanted(bare, {name: value}, asked=True)


def test_a_to_do_may_lose_its_time_of_day_but_not_its_day() -> None:
    midnight = CrmTask(id="t-1", category=1, due_at=datetime(2031, 4, 4, 18, 30, tzinfo=UTC))
    wanted = {"DueDate": "2031-04-05 06:00:00"}
    assert is_as_wanted(midnight, wanted, asked=True)
    assert not is_as_wanted(midnight, wanted, asked=False)
    assert not is_as_wanted(midnight, {"DueDate": "2031-04-05 18:30:00"}, asked=True)
    appointment = CrmTask(id="t-1", category=0, due_at=midnight.due_at)
    assert not is_as_wanted(appointment, wanted, asked=True)
    assert is_as_wanted(CrmTask(id="t-1", due_at=DUE + timedelta(milliseconds=5)), wanted, asked=False)
