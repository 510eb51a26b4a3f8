"""What a row may look like, and what becomes of it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from followups.directory import Directory, TaskType, User
from followups.model import State
from followups.rows import ColumnError, check_columns
from tests.support.follow_ups import LEAD, OWNER, make_feed, make_row, read

KOLKATA = ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize(
    "changes",
    [
        {"followup_id": 12},
        {"followup_id": Decimal(12)},
        {"followup_id": uuid.UUID(int=5)},
        {"subject": "  नमस्ते 👋🏽 مرحبا \"'`  "},
        {"description": "tab\tand\nlines\r\n"},
        {"due_at": "2031-04-05T06:00:00Z"},
        {"due_at": " 2031-04-05 11:30:00 "},
        {"duration_minutes": "30"},
        {"duration_minutes": Decimal(30)},
        {"notify_owner": 1},
        {"related_to": "opportunity", "related_id": uuid.UUID(LEAD)},
        {"custom_fields": '{"mx_Custom_1": "x", "mx_Custom_2": null}'},
        {"custom_fields": ""},
        {"custom_fields": {"mx_Custom_1": datetime(2031, 1, 1, tzinfo=UTC)}},
        {"column_of_tomorrow": object()},
        {"cancelled": False},
    ],
    ids=lambda changes: repr(changes)[:40].encode("ascii", "replace").decode(),
)
def test_row_is_taken(changes: dict[str, Any]) -> None:
    candidate = read(make_row(**changes))
    assert (candidate.state, candidate.reason) == (State.PLANNED, None)


def test_decimals_of_a_warehouse_are_numbers() -> None:
    candidate = read(make_row(custom_fields={"mx_Custom_1": Decimal("1.50"), "mx_Custom_2": Decimal("7.0")}))
    assert candidate.follow_up is not None
    assert candidate.follow_up.custom_fields == {"mx_Custom_1": 1.5, "mx_Custom_2": 7}


def test_naive_dates_are_in_the_feeds_zone() -> None:
    candidate = read(make_row(due_at=datetime.fromisoformat("2031-04-05 11:30")), make_feed(timezone="Asia/Kolkata"))
    assert candidate.due_at == datetime(2031, 4, 5, 6, 0, tzinfo=UTC)


def test_defaults_fill_columns_that_are_missing_or_null() -> None:
    feed = make_feed(defaults={"duration_minutes": 30, "task_type": "Visit"})
    candidate = read(make_row(task_type=None, duration_minutes=...), feed)
    assert candidate.task_type == "Visit"
    assert candidate.times is not None
    assert candidate.times.end_at - candidate.times.due_at == timedelta(minutes=30)


def test_cancelled_row_is_cancelled_before_anything_else_is_asked() -> None:
    nobody = Directory.of([User(id="1", email="x@example.com", active=True)], [])
    candidate = read(make_row(cancelled=True), directory=nobody)
    assert (candidate.state, candidate.reason) == (State.CANCELLED, "cancelled in the warehouse before it was sent")


def test_cancelling_is_no_change_of_content() -> None:
    assert read(make_row(cancelled=True)).content_hash == read(make_row(cancelled=False)).content_hash
    assert read(make_row(subject="x")).content_hash != read(make_row(subject="y")).content_hash


def test_identity_columns_tell_rows_of_one_id_apart() -> None:
    feed = make_feed(identity=["visit_number"])
    first, second, first_again = (read(make_row(visit_number=number), feed).key for number in (1, 2, 1))
    assert first == first_again != second


def test_identity_does_not_depend_on_the_zone_in_which_the_warehouse_shows_a_moment() -> None:
    feed = make_feed(identity=["due_at"])
    moment = datetime(2031, 4, 5, 6, 0, tzinfo=UTC)
    zones = (UTC, KOLKATA, timezone(timedelta(hours=-8)))
    assert len({read(make_row(due_at=moment.astimezone(zone)), feed).key for zone in zones}) == 1
    assert read(make_row(due_at=moment + timedelta(days=1)), feed).key != read(make_row(due_at=moment), feed).key


def test_identity_at_the_edge_of_time_is_no_crash() -> None:
    edge = datetime(1, 1, 1, tzinfo=KOLKATA)
    assert read(make_row(due_at=edge), make_feed(identity=["due_at"])).reason == "due_at: out of range"


def test_owner_and_task_type_are_checked_against_leadsquared() -> None:
    directory = Directory.of(
        [User(id=LEAD, email="Ananya.Iyer@example.com ", active=True)],
        [TaskType(name="Meeting", category=0, mandatory_lead=True, mandatory_fields=("mx_Custom_1",))],
    )
    good = make_row(related_to="lead", related_id=LEAD, custom_fields={"mx_Custom_1": "x"})
    assert read(good, directory=directory).owner_email == "Ananya.Iyer@example.com"
    assert read(make_row(), directory=directory).reason == "related_id: task type 'Meeting' demands a lead"
    assert read(make_row(task_type="Meating"), directory=directory).reason == (
        "task_type: no such task type; did you mean 'Meeting'?"
    )
    assert read(make_row(owner_email="b@example.com", task_type="Meating"), directory=directory).reason == (
        "owner_email: no LeadSquared user has this address; task_type: no such task type; did you mean 'Meeting'?"
    )


@pytest.mark.parametrize("name", ["followup_id", "task_type", "subject", "due_at"])
def test_query_without_a_needed_column_is_refused_by_its_name(name: str) -> None:
    columns = [column for column in make_row() if column != name]
    with pytest.raises(ColumnError, match=rf"include/sql/appointments.sql returns no column {name}: select it"):
        check_columns(make_feed(), columns)


def test_column_with_a_default_need_not_be_selected() -> None:
    check_columns(make_feed(defaults={"task_type": "Visit"}), [name for name in make_row() if name != "task_type"])


def test_query_needs_an_owner_and_the_identity_columns() -> None:
    with pytest.raises(ColumnError, match="returns neither owner_email nor owner_id"):
        check_columns(make_feed(), ["followup_id", "task_type", "subject", "due_at"])
    with pytest.raises(ColumnError, match="returns no column visit_number"):
        check_columns(make_feed(identity=["visit_number"]), list(make_row()))


def test_owner_is_kept_in_small_letters_where_nothing_is_known_of_users() -> None:
    assert read(make_row(owner_email=f" {OWNER.upper()} ")).owner_email == OWNER


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("owner_mail", "owner_email"),
        ("relate_id", "related_id"),
        ("descripton", "description"),
        ("is_cancelled", "cancelled"),
        ("customfields", "custom_fields"),
        ("subjekt", "subject"),
    ],
)
def test_column_that_is_misspelt_is_refused_with_what_may_be_meant(misspelt: str, meant: str) -> None:
    columns = [misspelt if name == meant else name for name in {**make_row(), meant: None}]
    with pytest.raises(ColumnError, match=rf"returns a column {misspelt}; did you mean {meant}\? Name it so, or leave"):
        check_columns(make_feed(), columns)


@pytest.mark.parametrize(
    "other", ["created_at", "owner_name", "location_id", "lead_id", "status", "notes", "owner_mail"]
)
def test_columns_of_other_meaning_are_ignored_and_told(other: str) -> None:
    assert check_columns(make_feed(identity=["visit_number"]), [*make_row(), "visit_number", other]) == [other]
