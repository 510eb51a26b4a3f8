"""Rows of a DuckDB warehouse: what comes out is what the query says, in its order, with every moment in UTC."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from leadsquared import warehouse

START = datetime(2031, 4, 1, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE visits AS SELECT i AS id, TIMESTAMPTZ '2031-04-01 00:00:00+00' + to_minutes(i * 7919 % 5000) "
            "AS due_at, TIMESTAMP '2031-04-01 09:00:00' AS local, NULL::TIMESTAMPTZ AS end_at FROM range(5000) AS s(i)"
        )
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", json.dumps({"conn_type": "duckdb", "host": str(path)}))
    return path


def fetch(sql: str, **parameters: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    with warehouse.open_query("warehouse_default", sql, parameters) as (columns, chunks):
        return [*columns.names], [
            tuple(columns.named(row)[name] for name in columns.names) for chunk in chunks for row in chunk
        ]


@pytest.mark.usefixtures("file")
def test_moments_are_aware_and_in_utc_and_others_stay_as_they_are() -> None:
    columns, rows = fetch(
        "SELECT id, due_at AS Due_At, local, end_at FROM visits WHERE due_at >= :start ORDER BY due_at; ", start=START
    )
    assert columns == ["id", "due_at", "local", "end_at"]
    assert [row[1] for row in rows] == [START + timedelta(minutes=minute) for minute in range(5000)]
    assert {row[1].tzinfo for row in rows} == {UTC}
    assert {row[2:] for row in rows} == {(datetime.fromisoformat("2031-04-01 09:00"), None)}


@pytest.mark.usefixtures("file")
def test_query_that_cannot_be_wrapped_is_run_as_it_is() -> None:
    columns, rows = fetch("SELECT due_at, due_at FROM visits ORDER BY id LIMIT 1 -- twice the same name")
    assert columns == ["due_at", "due_at"]
    assert rows == [(START, START)]


@pytest.mark.usefixtures("file")
def test_error_of_a_query_is_its_own() -> None:
    with pytest.raises(duckdb.Error, match="nothing"):
        fetch("SELECT nothing FROM visits")
