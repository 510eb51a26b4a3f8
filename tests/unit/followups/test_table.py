"""Rows as tuples are what they are as mappings, and their hashes tell every change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from followups.table import Columns, TableReader
from tests.support.follow_ups import make_feed, make_reader, make_row

ROW = make_row("f-1")
COLUMNS = Columns(tuple(ROW))


def table(columns: Columns = COLUMNS, **feed: Any) -> TableReader:
    return TableReader(make_reader(make_feed(**feed)), columns)


@pytest.mark.parametrize("followup_id", ["f-1", "  f-1 ", 17, b"f-1", "", None, "x" * 300])
@pytest.mark.parametrize("feed", [{}, {"identity": ["due_at"]}, {"defaults": {"followup_id": "same"}}])
def test_key_and_candidate_are_those_of_the_mapping(followup_id: Any, feed: dict[str, Any]) -> None:
    row = {**ROW, "followup_id": followup_id}
    reader, mapped = table(**feed), make_reader(make_feed(**feed))
    outline = reader.outline(tuple(row.values()))
    assert outline.key == mapped.outline(row).key
    candidate = reader.read(tuple(row.values()), outline)
    assert candidate == mapped.read(row, outline)


def test_moments_without_a_zone_are_in_utc_where_the_columns_say_so() -> None:
    naive = datetime(2031, 4, 5, 6)  # noqa: DTZ001 - as DuckDB gives it
    columns = Columns(COLUMNS.names, frozenset({"due_at"}))
    row = tuple({**ROW, "due_at": naive}.values())
    assert columns.named(row)["due_at"] == naive.replace(tzinfo=UTC)
    aware = make_reader(make_feed(identity=["due_at"])).outline({**ROW, "due_at": naive.replace(tzinfo=UTC)})
    assert table(columns, identity=["due_at"]).outline(row).key == aware.key
    assert columns.named(tuple({**ROW, "due_at": None}.values()))["due_at"] is None


def test_hash_follows_values_columns_and_defaults() -> None:
    row = tuple(ROW.values())
    same = table().outline(row)
    assert table().outline(row) == same
    renamed = Columns(tuple("location" if name == "owner_email" else name for name in COLUMNS.names))
    others = [
        table().outline(tuple({**ROW, "subject": "another"}.values())),
        table(defaults={"location": "Pune"}).outline(row),
        table(renamed).outline(row),
    ]
    assert same.row_hash not in {other.row_hash for other in others}


def test_columns_that_are_no_follow_ups_change_nothing() -> None:
    columns = Columns(("score", *COLUMNS.names))
    hashes = {table(columns).outline((score, *ROW.values())).row_hash for score in (1, 2)}
    assert hashes == {table().outline(tuple(ROW.values())).row_hash}
