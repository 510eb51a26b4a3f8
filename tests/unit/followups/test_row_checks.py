"""A checked follow-up: what it holds does not depend on how the warehouse wrote it down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followups.follow_up import COLUMNS
from followups.row_checks import RowModel, check_row
from tests.support.follow_ups import make_row

ZONES = st.sampled_from([None, UTC, ZoneInfo("Asia/Kolkata"), timezone(timedelta(hours=-8))])
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=ZONES)  # noqa: DTZ001 - zones are drawn too
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]) | st.sampled_from(" \t\n"), max_size=20).map(
    lambda text: f"x{text}x"
)
FLOATS = st.floats(-1e9, 1e9).map(lambda number: round(number, 4))
VALUES = TEXTS | st.integers() | FLOATS | st.booleans() | st.dates() | MOMENTS
FIELDS = st.none() | st.dictionaries(st.sampled_from([f"mx_Custom_{number}" for number in range(5)]), VALUES)


@given(due_at=MOMENTS, subject=TEXTS, custom_fields=FIELDS, duration_minutes=st.none() | st.integers(0, 1000))
def test_content_is_the_models_own_json(**changes: Any) -> None:
    model = RowModel.model_validate(make_row(**changes))
    assert check_row(make_row(**changes)).content() == model.model_dump_json(exclude={"cancelled"}).encode()


def test_follow_up_has_the_models_columns_in_their_order() -> None:
    assert tuple(RowModel.model_fields) == COLUMNS


@pytest.mark.parametrize("due_at", ["2031-04-05 11:30+05:30", "2031-04-05T06:00Z", datetime(2031, 4, 5, 6, tzinfo=UTC)])
def test_moment_is_the_same_content_in_whatever_zone_it_is_shown(due_at: str | datetime) -> None:
    row = make_row(due_at=datetime(2031, 4, 4, 22, tzinfo=timezone(timedelta(hours=-8))))
    assert check_row(make_row(due_at=due_at)).content() == check_row(row).content()
