"""Make the whole demo warehouse, row by row, and load it chunk by chunk: memory does not grow with the rows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import NamedTuple

from sandbox.directory import Directory, load_directory
from sandbox.warehouse import faults
from sandbox.warehouse.databases import EXPECTED, FOLLOWUPS, open_database
from sandbox.warehouse.rows import Row, RowMaker, split_over_days

#: One row in so many is wrong (2 %), one in so many is odd and right; never the same row.
EVERY_WRONG = 50
EVERY_ODD = 200
_WRONG_AT = 25
_ODD_AT = 60
_CHUNK = 20_000


@dataclass(frozen=True, kw_only=True)
class SeedPlan:
    """What to make. Half of the days lie before `around`; the same plan gives the same rows."""

    rows: int
    days: int
    around: date
    seed: int


class Expected(NamedTuple):
    """What must become of a row that is wrong or odd, in the order of the columns of `followups_expected`."""

    followup_id: str
    feed: str
    kind: str
    outcome: faults.Outcome


class SeededRow(NamedTuple):
    """A row, and what must become of it if it is wrong or odd."""

    row: Row
    expected: Expected | None


def generate(plan: SeedPlan, directory: Directory) -> Iterator[SeededRow]:
    """Make the plan's rows, day by day."""
    maker = RowMaker(directory, random.Random(plan.seed))  # noqa: S311 - made-up data, not secrets
    wrong = (*faults.INVALID, *faults.against(directory))
    last_good: dict[str, Row] = {}
    number = 0
    for day, count in split_over_days(plan.rows, plan.days, plan.around):
        for row in maker.rows(day, count):
            number += 1
            if number % EVERY_WRONG == _WRONG_AT:
                turn = number // EVERY_WRONG % (len(wrong) + 1)
                if turn < len(wrong):
                    yield _with(wrong[turn], row)
                    continue
                if row.feed in last_good:
                    twin = faults.duplicate_of(last_good[row.feed])
                    yield SeededRow(twin, Expected(twin.followup_id, twin.feed, faults.DUPLICATE_ID, "invalid"))
                    continue
            elif number % EVERY_ODD == _ODD_AT:
                yield _with(faults.ODD[number // EVERY_ODD % len(faults.ODD)], row)
                continue
            if not row.cancelled:
                last_good[row.feed] = row
            yield SeededRow(row, None)


def seed(url: str, plan: SeedPlan, *, replace: bool = False) -> Counter[str]:
    """Create `followups` and `followups_expected` at `url` and return the number of rows by feed.

    A `followups` table that was not made here is only replaced where `replace` says so: `TableInUseError`.
    """
    made: Counter[str] = Counter()
    rows = generate(plan, load_directory())
    with open_database(url) as database:
        database.create_tables(replace=replace)
        while chunk := list(islice(rows, _CHUNK)):
            database.append(FOLLOWUPS, [item.row for item in chunk])
            database.append(EXPECTED, [item.expected for item in chunk if item.expected])
            made.update(item.row.feed for item in chunk)
        database.create_indexes()
    return made


def _with(fault: faults.Fault, row: Row) -> SeededRow:
    changed = fault.apply(row._replace(cancelled=False))
    return SeededRow(changed, Expected(changed.followup_id, changed.feed, fault.kind, fault.outcome))
