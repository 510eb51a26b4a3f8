"""Good rows look like the work of real sales offices."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest

from sandbox.directory import Directory
from sandbox.warehouse.rows import APPOINTMENTS, DOCUMENTS, Row, split_over_days
from sandbox.warehouse.seeding import SeededRow, generate
from tests.sandbox_warehouse.conftest import AROUND, PLAN, due_in_office_time


@pytest.fixture(scope="module")
def good(seeded: list[SeededRow]) -> list[Row]:
    return [item.row for item in seeded if item.expected is None]


def test_plan_gives_exactly_its_rows_and_about_55_percent_appointments(seeded: list[SeededRow]) -> None:
    feeds = Counter(item.row.feed for item in seeded)
    assert feeds.total() == PLAN.rows
    assert set(feeds) == {APPOINTMENTS, DOCUMENTS}
    assert 0.52 < feeds[APPOINTMENTS] / PLAN.rows < 0.58


def test_every_day_of_the_plan_has_rows_of_both_feeds_and_sundays_have_few(good: list[Row]) -> None:
    by_day: dict[date, Counter[str]] = defaultdict(Counter)
    for row in good:
        by_day[due_in_office_time(row).date()][row.feed] += 1
    assert sorted(by_day) == [AROUND + timedelta(days=offset) for offset in range(-7, 7)]
    assert all(set(feeds) == {APPOINTMENTS, DOCUMENTS} for feeds in by_day.values())
    sundays = [feeds.total() for day, feeds in by_day.items() if day.weekday() == 6]
    workdays = [feeds.total() for day, feeds in by_day.items() if day.weekday() < 5]
    assert len(sundays) == 2
    assert max(sundays) < min(workdays) / 4


@pytest.mark.parametrize(("rows", "days"), [(1, 14), (13, 14), (6000, 14), (100, 1), (999, 31)])
def test_days_share_out_all_rows_and_lose_none(rows: int, days: int) -> None:
    shares = split_over_days(rows, days, AROUND)
    assert len(shares) == days
    assert sum(count for _, count in shares) == rows
    assert min(count for _, count in shares) >= 0


def test_rows_fall_due_in_office_hours(good: list[Row]) -> None:
    starts = {due_in_office_time(row).time() for row in good}
    assert min(starts) == time(9, 30)
    assert max(starts) <= time(17, 30)
    assert all(row.end_at is None or row.end_at > due_in_office_time(row) for row in good)


def test_ids_are_unique_and_tell_the_feed(good: list[Row]) -> None:
    assert len({row.followup_id for row in good}) == len(good)
    assert {(row.followup_id[:3], row.feed) for row in good} == {("AP-", APPOINTMENTS), ("DC-", DOCUMENTS)}


def test_owners_are_active_and_some_carry_more_than_others(good: list[Row], directory: Directory) -> None:
    by_id = {user.id: user.email for user in directory.users if user.active}
    load = Counter(row.owner_email or by_id[row.owner_id or ""] for row in good)
    assert set(load) == set(by_id.values())
    assert max(load.values()) > 3 * min(load.values())


def test_rows_keep_the_rules_of_their_task_type(good: list[Row], directory: Directory) -> None:
    types = {item.name: item for item in directory.task_types}
    for row in good:
        kind = types[row.task_type]
        assert (kind.category == 0) == (row.feed == APPOINTMENTS)
        assert row.related_to == "lead" or not kind.mandatory_lead
        filled = json.loads(row.custom_fields or "{}")
        assert {field.schema_name for field in kind.custom_fields if field.mandatory} <= set(filled)
        assert set(filled) <= {field.schema_name for field in kind.custom_fields}
        assert all(filled.get(f.schema_name) in {None, *f.options} for f in kind.custom_fields if f.options)


def test_related_entities_exist_in_the_directory(good: list[Row], directory: Directory) -> None:
    known: dict[str | None, set[Any]] = {
        "lead": {lead.id for lead in directory.leads},
        "opportunity": {item.id for item in directory.opportunities},
        None: {None},
    }
    assert all(row.related_id in known[row.related_to] for row in good)
    shares = Counter(row.related_to for row in good)
    assert 0.66 < shares["lead"] / len(good) < 0.76
    assert 0.09 < shares["opportunity"] / len(good) < 0.15


def test_about_one_row_in_a_hundred_is_cancelled(good: list[Row]) -> None:
    assert 0.005 < sum(row.cancelled for row in good) / len(good) < 0.02


def test_same_seed_gives_the_same_rows_and_another_seed_others(seeded: list[SeededRow], directory: Directory) -> None:
    assert list(generate(PLAN, directory)) == seeded
    assert list(generate(replace(PLAN, seed=8), directory)) != seeded
