"""Rows that are due before the run's interval are counted, in whatever form the warehouse gives their dates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from followups.late import LateRows
from followups.table import Columns

KOLKATA = ZoneInfo("Asia/Kolkata")
BEFORE = datetime(2031, 4, 1, 6, 0, tzinfo=UTC)


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("due", "in_utc", "late"),
    [
        (datetime(2031, 4, 1, 5, 59, tzinfo=UTC), False, 1),
        (BEFORE, False, 0),
        (datetime(2031, 4, 1, 11, 29, tzinfo=KOLKATA), False, 1),
        (naive("2031-04-01 11:29"), False, 1),
        (naive("2031-04-01 11:30"), False, 0),
        (naive("2031-04-01 05:59"), True, 1),
        (naive("2031-04-01 06:00"), True, 0),
        ("2031-04-01T05:59:00Z", False, 1),
        (" 2031-04-01 11:30 ", False, 0),
        ("tomorrow", False, 0),
        (None, False, 0),
        (7, False, 0),
    ],
)
def test_row_is_late_if_it_is_due_before_the_moment(due: Any, in_utc: bool, late: int) -> None:
    rows = LateRows(Columns(("followup_id", "due_at"), frozenset({"due_at"} if in_utc else ())), BEFORE, KOLKATA)
    rows.note([("f-1", due)])
    assert rows.count == late


def test_rows_without_a_due_date_of_their_own_are_not_late() -> None:
    rows = LateRows(Columns(("followup_id",)), BEFORE, KOLKATA)
    rows.note([("f-1",)])
    assert rows.count == 0
