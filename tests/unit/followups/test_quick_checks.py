"""The quick check gives what the full check gives, or nothing."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followups.follow_up import COLUMNS, MAX_DESCRIPTION, MAX_LOCATION, MAX_MINUTES, MAX_NAME, MAX_SUBJECT, FollowUp
from followups.quick_checks import QuickCheck
from followups.table import Columns
from tests.support.follow_ups import make_feed, make_reader, make_row

GUID = "00000000-0000-4000-8000-000000000001"
NAIVE = datetime(2031, 4, 5, 6)  # noqa: DTZ001 - as DuckDB gives it
PLAIN = {
    **make_row(), "owner_id": GUID, "end_at": datetime(2031, 4, 6, tzinfo=UTC), "duration_minutes": 30,
    "description": "Bring both forms\nand a photo", "location": "Pune", "related_to": "lead", "related_id": GUID,
    "reminder_minutes": 15, "notify_owner": False, "custom_fields": '{"mx_Custom_1": "Gold"}', "cancelled": False,
}  # fmt: skip

#: Blanks, controls, line ends, half a surrogate pair: some are mended at the ends of a text, some are refused.
PIECES = ["", " ", "\t", "\n", "\x00", "\x08", "\x0c", "\x1f", "\x7f", "\x85", "\xa0", "\u3000", "\ud800", "é"]
SIZES = [size + more for size in (MAX_NAME, MAX_SUBJECT, MAX_LOCATION, MAX_DESCRIPTION) for more in (-1, 0, 1)]
TEXTS = [*(f"{a}x{b}y{c}" for a, b, c in product(PIECES, repeat=3)), *PIECES, *("é" * size for size in SIZES)]
ZONES = [None, UTC, ZoneInfo("Asia/Kolkata"), timezone(timedelta(hours=-8)), timezone(timedelta(0))]
MOMENTS = [
    *(moment.replace(tzinfo=zone) for moment in (NAIVE, datetime.min, datetime.max) for zone in ZONES),  # noqa: DTZ901
    "2031-04-05", "2031-04-05T06:00Z", "2031-04-05T06:00:00.1234567Z", "soon", 1_900_000_000,
]  # fmt: skip
IDS = [GUID, GUID.upper(), f" {GUID}", f"{GUID}\n", GUID[:-1], "nobody", ""]
NUMBERS = [-1, 0, 1, MAX_MINUTES, MAX_MINUTES + 1, 2**70, 1.0, 1.5, "5", " 5"]
SWITCHES = [0, 1, 2, "true", "no", ""]
FIELDS = [
    "", "{}", '{"mx_A": "x"}', '{"mx_A": null}', '{"mx_A": NaN}', '{"a": 1}', '{"mx_A": "\\u0008"}', "[]", "{", b"{}",
    '{"mx_A": "\\ud800"}', {"mx_A": Decimal("1.50")}, {"mx_A": date(2031, 4, 5)}, {"mx_A": [1]}, {"mx_A": "\x7f"},
    {1: 2}, {},
]  # fmt: skip
ADDRESSES = ["a@example.com", " A@Example.com ", "a@example.com\n", "a", "", "ä@example.com", b"a@example.com"]
ANYTHING = [None, b"x", 7, 7.5, True, False, Decimal("7.0"), uuid.UUID(GUID), date(2031, 4, 5), (), object()]
VALUES: dict[str, list[Any]] = {
    **dict.fromkeys(("followup_id", "task_type", "subject", "description", "location"), TEXTS),
    **dict.fromkeys(("due_at", "end_at"), MOMENTS),
    **dict.fromkeys(("owner_id", "related_id"), IDS),
    **dict.fromkeys(("duration_minutes", "reminder_minutes"), NUMBERS),
    **dict.fromkeys(("notify_owner", "cancelled"), SWITCHES),
    "owner_email": ADDRESSES,
    "related_to": ["lead", "opportunity", "Lead", " lead", ""],
    "custom_fields": FIELDS,
}


def both(row: dict[str, Any], *, utc: frozenset[str] = frozenset(), **feed: Any) -> tuple[FollowUp | None, Any]:
    """Check a row in both ways."""
    columns, reader = Columns(tuple(row), utc), make_reader(make_feed(**feed))
    values = tuple(row.values())
    quick = QuickCheck(columns.names, columns.in_utc, reader.feed.defaults)(values)
    return quick, reader.check(columns.named(values))


@pytest.mark.parametrize("column", COLUMNS)
def test_quick_check_gives_what_the_full_check_gives_or_nothing(column: str) -> None:
    for value in (*VALUES[column], *ANYTHING):
        quick, full = both({**PLAIN, column: value})
        assert quick is None or quick == full, value


@given(st.permutations(COLUMNS), st.sets(st.sampled_from(COLUMNS), max_size=3))
def test_columns_may_come_in_any_order_and_be_lacking(order: list[str], lacking: set[str]) -> None:
    quick, full = both({name: PLAIN[name] for name in order if name not in lacking})
    assert full == (quick or full)
    assert (quick is None) == (not isinstance(full, FollowUp))


@pytest.mark.parametrize(
    "changes", [{}, {"followup_id": 17}, *({name: None} for name in COLUMNS if name not in make_row())]
)
def test_row_that_needs_no_mending_passes_the_quick_check(changes: dict[str, Any]) -> None:
    related = {"related_to": None, "related_id": None} if changes.keys() & {"related_to", "related_id"} else {}
    quick, full = both({**PLAIN, **changes, **related})
    assert quick is not None
    assert quick == full


@pytest.mark.parametrize("due_at", [NAIVE, None])
def test_defaults_and_moments_without_a_zone(due_at: datetime | None) -> None:
    defaults = {"location": "Pune", "duration_minutes": 20, "due_at": NAIVE}
    row = {**make_row(), "due_at": due_at, "location": None}
    quick, full = both(row, utc=frozenset({"due_at"}), defaults=defaults)
    assert quick is not None
    assert quick == full
    assert (quick.location, quick.due_at.tzinfo) == ("Pune", UTC if due_at else None)
