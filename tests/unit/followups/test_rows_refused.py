"""Every kind of bad row is invalid with a reason that names the column, and never a word of the row."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from followups.follow_up import MAX_DESCRIPTION, MAX_SUBJECT
from followups.model import State
from tests.support.follow_ups import LEAD, make_row, read

SECRET = "Zeenat-Quillfeather"
GUID = "not an id like 00000000-0000-4000-8000-000000000001"

BAD_ROWS: list[tuple[str, dict[str, Any], str]] = [
    ("no id", {"followup_id": None}, "followup_id: missing"),
    ("id column absent", {"followup_id": ...}, "followup_id: missing"),
    ("blank id", {"followup_id": "  "}, "followup_id: missing"),
    ("id too long", {"followup_id": "x" * 201}, "followup_id: longer than 200 characters"),
    ("id is a fraction", {"followup_id": 1.5}, "followup_id: not text"),
    ("no task type", {"task_type": None}, "task_type: missing"),
    ("no subject", {"subject": ""}, "subject: missing"),
    ("subject is a number", {"subject": 7}, "subject: not text"),
    ("subject too long", {"subject": "x" * (MAX_SUBJECT + 1)}, "subject: longer than 500 characters"),
    (
        "control character",
        {"subject": f"{SECRET}\x00"},
        "subject: holds a control character that LeadSquared cannot store",
    ),
    (
        "half an emoji",
        {"subject": f"{SECRET}\ud83d"},
        "subject: not valid Unicode text (a broken emoji, or text cut in the middle)",
    ),
    ("no due date", {"due_at": None}, "due_at: missing"),
    ("due date is text", {"due_at": SECRET}, "due_at: not a date-time like 2031-04-05 06:00:00+05:30"),
    ("due date is a number", {"due_at": 1_934_000_000}, "due_at: not a date-time"),
    ("due date without a time", {"due_at": date(2031, 4, 5)}, "due_at: not a date-time"),
    ("due date out of range", {"due_at": datetime.fromisoformat("0001-01-01")}, "due_at: out of range"),
    ("no owner", {"owner_email": None}, "owner_email: missing, and no owner_id either"),
    ("bad e-mail", {"owner_email": f"{SECRET} at example.com"}, "owner_email: not an e-mail address"),
    ("two addresses", {"owner_email": f"{SECRET}@example.com, a@example.com"}, "owner_email: not an e-mail address"),
    ("malformed owner id", {"owner_email": None, "owner_id": SECRET}, f"owner_id: {GUID}"),
    ("end before due", {"end_at": datetime(2031, 4, 5, 5, 59, tzinfo=UTC)}, "end_at: before due_at"),
    ("naive end before aware due", {"end_at": datetime.fromisoformat("2031-04-05 11:29")}, "end_at: before due_at"),
    ("negative duration", {"duration_minutes": -1}, "duration_minutes: less than 0"),
    ("endless duration", {"duration_minutes": 10**6}, "duration_minutes: more than 144000"),
    (
        "half a minute",
        {"duration_minutes": 0.5},
        "duration_minutes: a valid integer, got a number with a fractional part",
    ),
    (
        "duration is text",
        {"duration_minutes": SECRET},
        "duration_minutes: a valid integer, unable to parse string as an integer",
    ),
    ("absurd number", {"reminder_minutes": "9" * 5000}, "reminder_minutes: not a number of a sensible size"),
    ("description too long", {"description": "x" * (MAX_DESCRIPTION + 1)}, "description: longer than 32000 characters"),
    ("location too long", {"location": "x" * 501}, "location: longer than 500 characters"),
    ("unknown relation", {"related_to": SECRET, "related_id": LEAD}, "related_to: not one of 'lead' or 'opportunity'"),
    ("malformed lead id", {"related_to": "lead", "related_id": SECRET}, f"related_id: {GUID}"),
    ("relation without id", {"related_to": "lead"}, "related_id: missing; related_to and related_id go together"),
    ("id without relation", {"related_id": LEAD}, "related_to: missing; related_to and related_id go together"),
    ("notify is a word", {"notify_owner": SECRET}, "notify_owner: a valid boolean, unable to interpret input"),
    ("JSON that is broken", {"custom_fields": f'{{"mx_Custom_1": "{SECRET}'}, "custom_fields: not valid JSON"),
    ("JSON that is a list", {"custom_fields": "[1]"}, "custom_fields: not a JSON object of mx_… fields"),
    ("foreign field", {"custom_fields": {SECRET: 1}}, "custom_fields: a field's name is not like mx_Custom_1"),
    (
        "field name with a line end",
        {"custom_fields": {"mx_Custom_1\n": 1}},
        "custom_fields: a field's name is not like mx_Custom_1",
    ),
    (
        "field is a list",
        {"custom_fields": {"mx_Custom_1": [SECRET]}},
        "custom_fields: a field holds a list, an object or no finite number",
    ),
    (
        "field is bytes",
        {"custom_fields": {"mx_Custom_1": b"\xff"}},
        "custom_fields: a field holds a list, an object or no finite number",
    ),
    (
        "field is no number",
        {"custom_fields": {"mx_Custom_1": Decimal("NaN")}},
        "custom_fields: a field holds a list, an object or no finite number",
    ),
    (
        "field is NaN",
        {"custom_fields": '{"mx_Custom_1": NaN}'},
        "custom_fields: a field holds a list, an object or no finite number",
    ),
    (
        "field with a control character",
        {"custom_fields": {"mx_Custom_1": f"{SECRET}\x01"}},
        "custom_fields: holds a control character that LeadSquared cannot store",
    ),
]


@pytest.mark.parametrize(("changes", "reason"), [case[1:] for case in BAD_ROWS], ids=[case[0] for case in BAD_ROWS])
def test_bad_row_is_invalid_with_a_reason_free_of_its_content(changes: dict[str, Any], reason: str) -> None:
    candidate = read(make_row(**changes))
    assert (candidate.state, candidate.reason) == (State.INVALID, reason)
    assert SECRET not in repr(candidate.reason)


def test_all_that_is_wrong_is_named_at_once() -> None:
    candidate = read(make_row(subject=None, owner_email=SECRET, duration_minutes=-1))
    assert candidate.reason == "subject: missing; owner_email: not an e-mail address; duration_minutes: less than 0"


def test_bad_row_keeps_the_key_that_it_has_once_it_is_mended() -> None:
    assert read(make_row(" f-7 ", subject=None)).key == read(make_row("f-7")).key


def test_bad_rows_without_id_are_told_apart_by_content() -> None:
    first, again, other = (read(make_row(None, subject=subject)) for subject in ("a", "a", "b"))
    assert first.key == again.key != other.key
    assert first.followup_id == ""


def test_bad_id_is_kept_in_a_form_that_every_database_stores() -> None:
    candidate = read(make_row("a\x00b\ud800c"))
    assert candidate.state == State.INVALID
    assert candidate.followup_id == "ab?c"


def test_no_values_are_in_the_reason_of_many_bad_columns() -> None:
    row = dict.fromkeys(make_row() | {"end_at": 0, "custom_fields": 0, "related_to": 0, "cancelled": 0}, SECRET)
    assert SECRET not in str(read(row).reason)
