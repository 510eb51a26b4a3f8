"""What is shipped about the fields of feed files says what the model says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from followups.feeds import Feed
from followups.feeds.docs import documents, json_schema, page

SHIPPED = documents()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_file_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == SHIPPED[path], "write it anew: python -m followups.feeds.docs"


def test_schema_knows_every_field_but_the_name_and_no_other() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == set(Feed.model_fields) - {"name"}
    assert schema["required"] == ["start_date", "sql"]
    assert schema["additionalProperties"] is False


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from schema["properties"].items()
    for group in schema["$defs"].values():
        yield from group["properties"].items()


def test_every_field_is_explained() -> None:
    assert [name for name, field in fields(json_schema()) if len(field.get("description", "")) < 20] == []
    assert Feed.model_fields["name"].description
    assert "makes all rows new" in str(Feed.model_fields["identity"].description)


def test_page_shows_every_field_in_a_row_of_five_cells() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [
        *json_schema()["properties"], "start", "end", "place", "custom_field", "max_invalid_share",
        "max_rejected_share", "max_unknown", "above_rows", "timeout_hours", "table", "conn_id",
    ]  # fmt: skip
    assert {row.count("|") for row in rows} == {6}
    assert "| `retries` | whole number from 0 to 20 | `3` |" in page()
    assert "| `sql` | text | must be given | `appointments.sql` |" in page()
