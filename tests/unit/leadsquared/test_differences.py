"""A CRM task held against what was sent: whose hand shows, and what is left to be changed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from followups.changes import ChangeKind, OpenChange
from followups.keys import marker
from leadsquared.differences import BY_ANOTHER, SINCE, compare, differences
from leadsquared.wire.creates import build_payload
from leadsquared.wire.records import CrmTask

KEY = "abcdefghijklmnopqrstuvwxyz"
DUE = datetime(2031, 4, 5, 6, 0, tzinfo=UTC)
MADE = datetime(2031, 4, 1, 6, 0, tzinfo=UTC)
US, REP = "00000000-0000-4000-8000-0000000000aa", "00000000-0000-4000-8000-0000000000bb"
LEAD = "00000000-0000-4000-8000-000000000001"


def payload(generation: int = 0, **changes: Any) -> dict[str, Any]:
    values = {
        "task_type": "Meeting", "subject": "Visit", "due_at": DUE, "end_at": DUE + timedelta(minutes=30),
        "owner_email": "ava@example.com", "description": "Bring forms", "related_to": "lead", "related_id": LEAD,
        "reminder_minutes": 15, "custom_fields": {"mx_Custom_1": "Gold", "mx_Custom_2": 5},
    }  # fmt: skip
    return build_payload(**values | changes, marker=marker(KEY, generation))


TASK = CrmTask(
    id="t", name="Visit", description=f"Bring forms [ref:{marker(KEY)}]", category=0, due_at=DUE,
    end_at=DUE + timedelta(minutes=30), owner_id=REP, owner_email="Ava@Example.com", related_entity=1,
    related_id=LEAD.upper(), status_code=0, created_at=MADE, created_by=US, modified_at=MADE, modified_by=US.upper(),
    task_type="Meeting", location=None,
    reminder_minutes=15, custom_fields={"mx_Custom_1": "Gold", "mx_Custom_2": "5.0"},
)  # fmt: skip


def change(kind: ChangeKind = ChangeKind.UPDATE, wanted: dict[str, Any] | None = None, **given: Any) -> OpenChange:
    values: dict[str, Any] = {
        "id": 1, "delivery_id": 1, "plan_id": 1, "kind": kind, "state": "planned", "attempts": 0, "crm_task_id": "t",
        "key": KEY, "generation": 0, "sent": json.dumps(payload()), "why": "", "sent_ago": None, "looked_ago": None,
        "wanted": json.dumps(wanted) if wanted else None, "modified_at": None,
    }  # fmt: skip
    return OpenChange(**values | given)


def test_crm_task_as_it_was_sent_shows_nobodys_hand() -> None:
    seen = compare(change(), TASK, [])
    assert (seen.touched, seen.is_open, seen.is_completed, seen.differing) == (None, True, False, ())


@pytest.mark.parametrize(
    ("hand", "name"),
    [
        ({"name": "Mine"}, "Name"),
        ({"description": "Mine"}, "Description"),
        ({"due_at": DUE + timedelta(hours=1)}, "DueDate"),
        ({"end_at": DUE + timedelta(hours=1)}, "EndDate"),
        ({"owner_email": "ben@example.com"}, "OwnerEmailAddress"),
        ({"related_id": None}, None),
        ({"related_id": "00000000-0000-0000-0000-000000000000"}, "RelatedEntityId"),
        ({"reminder_minutes": 0}, "Reminder"),
        ({"task_type": "Call"}, "TaskType"),
        ({"custom_fields": {"MX_custom_1": "Silver"}}, "mx_custom_1"),
        ({"custom_fields": {}}, None),
        ({"name": " Visit  "}, None),
    ],
)
def test_values_that_are_not_ours_show_a_persons_hand(hand: dict[str, Any], name: str | None) -> None:
    seen = compare(change(), replace(TASK, **hand), [])
    assert seen.touched == (f"changed in LeadSquared: {name}" if name else None)


@pytest.mark.parametrize(("keys_user", "touched"), [([], BY_ANOTHER), ([REP], None)])
def test_another_user_than_the_keys_shows_a_persons_hand(keys_user: list[str], touched: str | None) -> None:
    assert compare(change(), replace(TASK, modified_by=REP), keys_user).touched == touched


def test_time_of_the_last_change_shows_it_unless_that_was_our_own() -> None:
    later = replace(TASK, modified_at=MADE + timedelta(hours=1))
    assert compare(change(), later, []).touched == SINCE
    assert compare(change(modified_at=MADE + timedelta(hours=1)), later, []).touched is None
    assert compare(change(attempts=1), later, []).touched is None
    assert compare(change(), replace(TASK, modified_at=MADE + timedelta(seconds=5)), []).touched is None


def test_half_done_update_is_no_persons_work() -> None:
    wanted = payload(subject="Second visit", end_at=DUE + timedelta(hours=1))
    half = replace(TASK, name="Second visit")
    assert compare(change(wanted=wanted), half, []).touched is not None
    seen = compare(change(wanted=wanted, attempts=1), half, [])
    assert (seen.touched, seen.differing) == (None, ("EndDate",))


@pytest.mark.parametrize(
    ("given", "differing", "not_updatable"),
    [
        ({"subject": "New"}, ("Name",), ()),
        ({"location": "Branch"}, ("Location",), ("Location",)),
        ({"reminder_minutes": None}, ("Reminder",), ()),
        ({"custom_fields": {"mx_Custom_1": "Gold"}}, ("mx_custom_2",), ("mx_custom_2",)),
        ({"task_type": "Call", "due_at": DUE - timedelta(days=1)}, ("TaskType", "DueDate"), ("TaskType",)),
    ],
)
def test_what_is_wanted_is_told_by_field(
    given: dict[str, Any], differing: tuple[str, ...], not_updatable: tuple[str, ...]
) -> None:
    seen = compare(change(wanted=payload(**given)), TASK, [])
    assert (set(seen.differing), seen.not_updatable) == (set(differing), not_updatable)


def test_next_generations_marker_is_no_difference() -> None:
    wanted = payload(generation=1)
    assert compare(change(ChangeKind.RECREATE, wanted), TASK, []).differing == ()
    wanted = payload(generation=1, subject="New")
    assert compare(change(ChangeKind.RECREATE, wanted), TASK, []).differing == ("Name",)


def test_to_do_has_no_end_and_after_a_change_counts_by_the_day() -> None:
    to_do = replace(TASK, category=1, due_at=DUE.replace(hour=0), end_at=None)
    assert differences(to_do, payload(), loose=False) == ["DueDate"]
    assert differences(to_do, payload(), loose=True) == []
    assert compare(change(), to_do, []).touched is None
    moved = payload(due_at=DUE + timedelta(days=1), end_at=DUE + timedelta(days=1))
    assert compare(change(wanted=moved), to_do, []).differing == ("DueDate",)


def test_date_in_a_custom_field_may_come_back_in_another_form() -> None:
    sent = payload(custom_fields={"mx_Custom_1": "2031-04-05"})
    shown = replace(TASK, custom_fields={"mx_Custom_1": "2031-04-05 00:00:00.000"})
    assert differences(shown, sent, loose=False) == []
