"""Rows as tuples are what they are as mappings, and their hashes tell every change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from followups.table import Columns, TableReader
from tests.support.follow_ups import make_feed, make_reader, make_row, outline_of

ROW = make_row("f-1")
COLUMNS = Columns(tuple(ROW))


def table(columns: Columns = COLUMNS, **feed: Any) -> TableReader:
    return TableReader(make_reader(make_feed(**feed)), columns)


@pytest.mark.parametrize("followup_id", ["f-1", "  f-1 ", 17, b"f-1", "", None, "x" * 300])
@pytest.mark.parametrize("feed", [{}, {"identity": ["due_at"]}, {"defaults": {"followup_id": "same"}}])
def test_key_and_candidate_are_those_of_the_mapping(followup_id: Any, feed: dict[str, Any]) -> None:
    row = {**ROW, "followup_id": followup_id}
    reader, mapped = table(**feed), make_reader(make_feed(**feed))
    outlines = reader.outlines([tuple(row.values())])
    assert outlines.keys == mapped.outlines([row]).keys
    assert reader.read([tuple(row.values())], outlines.each()) == mapped.read([row], outlines.each())


def test_moments_without_a_zone_are_in_utc_where_the_columns_say_so() -> None:
    naive = datetime(2031, 4, 5, 6)  # noqa: DTZ001 - as DuckDB gives it
    columns = Columns(COLUMNS.names, frozenset({"due_at"}))
    row = tuple({**ROW, "due_at": naive}.values())
    assert columns.named(row)["due_at"] == naive.replace(tzinfo=UTC)
    mapped = make_reader(make_feed(identity=["due_at"]))
    aware = outline_of(mapped, {**ROW, "due_at": naive.replace(tzinfo=UTC)})
    assert outline_of(table(columns, identity=["due_at"]), row).key == aware.key
    assert columns.named(tuple({**ROW, "due_at": None}.values()))["due_at"] is None


def test_hash_follows_values_columns_and_defaults() -> None:
    row = tuple(ROW.values())
    same = outline_of(table(), row)
    assert outline_of(table(), row) == same
    renamed = Columns(tuple("location" if name == "owner_email" else name for name in COLUMNS.names))
    others = [
        outline_of(table(), tuple({**ROW, "subject": "another"}.values())),
        outline_of(table(defaults={"location": "Pune"}), row),
        outline_of(table(renamed), row),
    ]
    assert same.row_hash not in {other.row_hash for other in others}


def test_columns_that_are_no_follow_ups_change_nothing() -> None:
    columns = Columns(("score", *COLUMNS.names))
    hashes = {outline_of(table(columns), (score, *ROW.values())).row_hash for score in (1, 2)}
    assert hashes == {outline_of(table(), tuple(ROW.values())).row_hash}
