"""The rules of payloads and create bodies, one by one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest

from leadsquared.wire import creates

DUE = datetime(2031, 4, 5, 6, tzinfo=UTC)
MINIMAL: dict[str, Any] = {
    "task_type": "Visit",
    "subject": "Site visit",
    "due_at": DUE,
    "owner_email": "ava@example.com",
}


def test_a_minimal_follow_up_makes_a_complete_payload() -> None:
    assert creates.build_payload(**MINIMAL) == {
        "Name": "Site visit",
        "Description": "",
        "RelatedEntity": 0,
        "RelatedEntityId": "",
        "DueDate": "2031-04-05 06:00:00",
        "EndDate": "2031-04-05 06:00:00",
        "NotifyBy": "1000",
        "TaskType": {"Name": "Visit"},
        "OwnerEmailAddress": "ava@example.com",
    }


def test_a_full_follow_up_matches_the_documented_sample() -> None:
    payload = creates.build_payload(
        **MINIMAL,
        end_at=DUE + timedelta(minutes=30),
        description="Bring forms",
        location="Pune",
        related_to="lead",
        related_id="00000000-0000-4000-8000-000000000001",
        reminder_minutes=15,
        notify_owner=True,
        custom_fields={"mx_Custom_1": "A"},
        marker="row-0007",
    )
    assert payload["Description"] == "Bring forms [ref:row-0007]"
    assert (payload["RelatedEntity"], payload["RelatedEntityId"]) == (1, "00000000-0000-4000-8000-000000000001")
    assert (payload["Reminder"], payload["NotifyBy"], payload["Location"]) == (15, "1100", "Pune")
    assert payload["CustomFields"] == {"mx_Custom_1": "A"}
    assert payload["EndDate"] == "2031-04-05 06:30:00"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": "  "}, "subject"),
        ({"task_type": ""}, "task_type"),
        ({"owner_email": None}, "owner_email"),
        ({"end_at": DUE - timedelta(seconds=1)}, "end_at"),
        ({"end_at": datetime(2031, 4, 5)}, "end_at"),  # noqa: DTZ001
        ({"due_at": datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5)))}, "due_at"),
        ({"related_to": "lead"}, "related_id"),
        ({"related_id": "id-1"}, "related_to"),
        ({"related_to": "account", "related_id": "id-1"}, "related_to"),
        ({"reminder_minutes": -1}, "reminder_minutes"),
        ({"custom_fields": {"Custom_1": "x"}}, "custom_fields"),
        ({"custom_fields": {"mx_Custom_1": [1]}}, "mx_Custom_1"),
        ({"custom_fields": {"mx_Custom_1": float("nan")}}, "mx_Custom_1"),
        ({"custom_fields": {"mx_Custom_1": datetime(2031, 4, 5)}}, "mx_Custom_1"),  # noqa: DTZ001
        ({"marker": "no blanks!"}, "marker"),
        ({"marker": "row-0007", "marker_place": "Notes"}, "custom_fields"),
    ],
)
def test_what_the_form_cannot_hold_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    with pytest.raises(creates.PayloadError) as refused:
        creates.build_payload(**MINIMAL | change)
    assert refused.value.field == field


def test_an_owner_is_given_by_e_mail_if_there_is_one() -> None:
    both = creates.build_payload(**MINIMAL | {"owner_email": " ava@example.com ", "owner_id": "id-9"})
    assert both["OwnerEmailAddress"] == "ava@example.com"
    assert "OwnerId" not in both


def test_an_owner_may_be_given_by_id() -> None:
    payload = creates.build_payload(**MINIMAL | {"owner_email": None, "owner_id": "id-9"})
    assert payload["OwnerId"] == "id-9"
    assert "OwnerEmailAddress" not in payload


def test_a_marker_may_go_to_a_custom_field() -> None:
    payload = creates.build_payload(**MINIMAL, description="Bring forms", marker="row-0007", marker_place="mx_Custom_9")
    assert payload["Description"] == "Bring forms"
    assert creates.find_marker(payload["CustomFields"]["mx_Custom_9"]) == "row-0007"


def test_a_custom_field_kept_for_the_marker_is_not_overwritten() -> None:
    with pytest.raises(creates.PayloadError, match="mx_Custom_9"):
        creates.build_payload(
            **MINIMAL, custom_fields={"mx_Custom_9": "a note"}, marker="row-0007", marker_place="mx_Custom_9"
        )


def test_a_marker_may_be_off() -> None:
    payload = creates.build_payload(**MINIMAL, marker="row-0007", marker_place=creates.NO_MARKER)
    assert payload == creates.build_payload(**MINIMAL)


@pytest.mark.parametrize("text", [None, "", "no marker", "[ref:]", "[ref:short]", "[ref:has blanks]", "ref:row-0007"])
def test_no_marker_is_found_where_none_is(text: str | None) -> None:
    assert creates.find_marker(text) is None


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        (creates.IN_DESCRIPTION, {"Name": "x", "Description": "[ref:row-0007]"}),
        ("mx_Custom_9", {"Name": "x", "Description": "", "CustomFields": {"mx_Custom_9": "[ref:row-0007]"}}),
        (creates.NO_MARKER, {"Name": "x", "Description": ""}),
    ],
)
def test_a_marker_is_added_to_a_ready_made_payload_which_stays_as_it_was(place: str, wanted: dict[str, Any]) -> None:
    payload = {"Name": "x"}
    assert creates.add_marker(payload, "row-0007", place) == wanted
    assert payload == {"Name": "x"}


def test_a_status_webhook_is_asked_for_beside_the_list() -> None:
    body = json.loads(creates.bulk_body(["{}"], 'https://hooks.example.com/hook/a"b'))
    assert body == {"TaskList": [{}], "StatusWebhookURL": 'https://hooks.example.com/hook/a"b'}


def test_a_body_above_a_megabyte_is_refused_with_its_size() -> None:
    payload = creates.encode_payload(creates.build_payload(**MINIMAL, description="x" * 30_000))
    assert len(creates.bulk_body([payload] * 30)) < creates.MAX_BODY_BYTES
    with pytest.raises(creates.PayloadError, match="1000000"):
        creates.bulk_body([payload] * 50)


def test_half_a_surrogate_pair_in_encoded_text_is_refused() -> None:
    with pytest.raises(creates.PayloadError, match="surrogate"):
        creates.bulk_body(['{"Name":"\ud83d"}'])


def test_a_backslash_and_the_letters_of_an_escape_are_no_nul() -> None:
    payload = creates.build_payload(**MINIMAL, description="a path \\u0000 and so on")
    assert json.loads(creates.encode_payload(payload)) == payload


def test_a_value_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(creates.PayloadError, match="payload"):
        creates.encode_payload({"Reminder": object()})


def test_the_body_of_a_single_create_is_the_payload() -> None:
    payload = creates.build_payload(**MINIMAL, reminder_minutes=15)
    assert json.loads(creates.create_body(payload)) == payload
    assert creates.create_body(creates.encode_payload(payload)) == creates.create_body(payload)


def test_a_to_dos_reminder_takes_the_place_of_minutes() -> None:
    payload = creates.encode_payload(creates.build_payload(**MINIMAL, reminder_minutes=15))
    body = json.loads(creates.create_body(payload, reminder_before_days=2, reminder_time=time(9, 30)))
    assert (body["ReminderBeforeDays"], body["ReminderTime"]) == ("2", "09:30:00")
    assert "Reminder" not in body


@pytest.mark.parametrize("half", [{"reminder_before_days": 2}, {"reminder_time": time(9)}])
def test_half_a_to_dos_reminder_is_refused(half: dict[str, Any]) -> None:
    with pytest.raises(creates.PayloadError, match="together"):
        creates.create_body(creates.build_payload(**MINIMAL), **half)
