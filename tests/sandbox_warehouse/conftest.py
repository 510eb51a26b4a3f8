"""One seeded plan for all tests of the warehouse."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from sandbox.directory import Directory, load_directory
from sandbox.warehouse.rows import OFFICE_ZONE, Row
from sandbox.warehouse.seeding import SeededRow, SeedPlan, generate

#: A Wednesday.
AROUND = date(2031, 4, 9)
PLAN = SeedPlan(rows=6000, days=14, around=AROUND, seed=7)


def due_in_office_time(row: Row) -> datetime:
    assert row.due_at is not None
    return row.due_at.astimezone(OFFICE_ZONE)


@pytest.fixture(scope="session")
def directory() -> Directory:
    return load_directory()


@pytest.fixture(scope="session")
def seeded(directory: Directory) -> list[SeededRow]:
    return list(generate(PLAN, directory))
