"""Rows that are wrong or odd are known by name, and validation sees them as the metadata says."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from pydantic import ValidationError

from followups.row_checks import check_row
from sandbox.directory import Directory
from sandbox.warehouse import faults
from sandbox.warehouse.rows import APPOINTMENTS, DOCUMENTS, Row
from sandbox.warehouse.seeding import Expected, SeededRow
from tests.sandbox_warehouse.conftest import PLAN, due_in_office_time


@pytest.fixture(scope="module")
def expected(seeded: list[SeededRow]) -> list[Expected]:
    return [item.expected for item in seeded if item.expected]


def is_valid(row: Row) -> bool:
    try:
        check_row(row._asdict())
    except ValidationError:
        return False
    return True


def test_two_percent_of_the_rows_are_wrong(expected: list[Expected]) -> None:
    wrong = [item for item in expected if item.outcome != "created"]
    assert len(wrong) / PLAN.rows == pytest.approx(0.02, abs=0.001)


def test_every_kind_comes_at_least_three_times(expected: list[Expected], directory: Directory) -> None:
    every = {item.kind for item in (*faults.INVALID, *faults.ODD, *faults.against(directory))} | {faults.DUPLICATE_ID}
    counts = Counter(item.kind for item in expected)
    assert set(counts) == every
    assert min(counts.values()) >= 3


def test_wrong_rows_come_in_both_feeds(expected: list[Expected]) -> None:
    assert {item.feed for item in expected if item.outcome == "invalid"} == {APPOINTMENTS, DOCUMENTS}


@pytest.mark.parametrize("feed", [APPOINTMENTS, DOCUMENTS])
def test_validation_refuses_the_rows_called_invalid_and_no_others(seeded: list[SeededRow], feed: str) -> None:
    wrongly_judged = [
        (row.followup_id, expected and expected.kind)
        for row, expected in seeded
        if row.feed == feed
        and (expected is None or expected.kind != faults.DUPLICATE_ID)
        and is_valid(row) == (expected is not None and expected.outcome == "invalid")
    ]
    assert wrongly_judged == []


def test_faults_of_the_directory_are_faults_there(seeded: list[SeededRow], directory: Directory) -> None:
    names = {item.name for item in directory.task_types}
    leavers = {user.email for user in directory.users if not user.active}
    rows = {kind: [row for row, found in seeded if found and found.kind == kind] for kind in
            ("unknown_task_type", "inactive_owner", "missing_mandatory_field")}  # fmt: skip
    assert not names & {row.task_type for row in rows["unknown_task_type"]}
    assert {row.owner_email for row in rows["inactive_owner"]} <= leavers
    for row in rows["missing_mandatory_field"]:
        kind = next(item for item in directory.task_types if item.name == row.task_type)
        assert any(field.mandatory for field in kind.custom_fields)
        assert row.custom_fields is None


def test_duplicates_repeat_the_id_of_a_good_row_with_another_text_a_second_later(seeded: list[SeededRow]) -> None:
    good = {row.followup_id: row for row, expected in seeded if expected is None}
    twins = [row for row, expected in seeded if expected and expected.kind == faults.DUPLICATE_ID]
    for twin in twins:
        first = good[twin.followup_id]
        assert (twin.feed, twin.cancelled, first.cancelled) == (first.feed, False, False)
        assert twin.subject != first.subject
        assert due_in_office_time(twin) - due_in_office_time(first) == timedelta(seconds=1)


def test_long_texts_have_the_lengths_they_are_named_for(seeded: list[SeededRow]) -> None:
    by_kind = {expected.kind: row for row, expected in seeded if expected}
    note = by_kind["long_note"].description or ""
    assert len(note) == 10_000
    assert "📞" in note
    assert len(by_kind["subject_too_long"].subject or "") == 3_000
