"""Rows of a DuckDB warehouse: what comes out is what the query says, in its order, with every moment in UTC."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from leadsquared import warehouse
from leadsquared.warehouse_errors import QueryRefusedError, WarehouseError

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
@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT nothing FROM visits", 'Referenced column "nothing" not found in FROM clause!'),
        ("SELECT * FROM visit", 'Table with name visit does not exist! Did you mean "visits"?'),
        ("SELEC * FROM visits", 'syntax error at or near "SELEC"'),
    ],
)
def test_query_that_is_wrong_is_refused_for_good_with_its_place_and_cure(sql: str, words: str) -> None:
    with pytest.raises(QueryRefusedError) as caught:
        fetch(sql)
    text = str(caught.value)
    assert text.startswith("query, by connection warehouse_default: the query is wrong: ")
    assert words in text
    assert text.endswith(". Mend the query, then run again")
    assert "LINE" not in text


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("broken_row", [0, 4999])
def test_error_that_may_quote_a_row_does_not(monkeypatch: pytest.MonkeyPatch, broken_row: int) -> None:
    monkeypatch.setattr(warehouse, "CHUNK_ROWS", 10)
    with pytest.raises(WarehouseError, match=r"the query failed \(ConversionException\)\. It is tried again") as caught:
        fetch(f"SELECT CASE WHEN id = {broken_row} THEN 'Zee' || 'nat' ELSE '1' END::INTEGER FROM visits")
    assert "Zeenat" not in "".join(traceback.format_exception(caught.value))


def test_file_that_is_away_may_come_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    away = json.dumps({"conn_type": "duckdb", "host": str(tmp_path / "away.duckdb")})
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", away)
    with pytest.raises(WarehouseError, match=r"query: connection warehouse_default cannot be opened: .*away\.duckdb"):
        fetch("SELECT 1")


def test_connection_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", raising=False)
    with pytest.raises(WarehouseError, match=r"connection warehouse_default cannot be opened: .*isn't defined"):
        fetch("SELECT 1")


@pytest.mark.parametrize("sql", ["SELECT * FROM visits", "SELEC 1", "SELECT nothing FROM sqlite_master"])
def test_sqlite_says_a_wrong_query_by_its_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sql: str) -> None:
    file = json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")})
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", file)
    with pytest.raises(QueryRefusedError, match="the query is wrong"):
        fetch(sql)
