"""DuckDB and PostgreSQL hold the same warehouse, and the feeds' queries read it alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from sqlalchemy.engine import URL

from followups.feeds import feeds_dir, load_feed, read_query
from followups.follow_up import COLUMNS
from followups.sql import bind
from sandbox.warehouse.__main__ import main
from sandbox.warehouse.databases import TableInUseError, duckdb_path
from sandbox.warehouse.rows import OFFICE_ZONE, Row
from sandbox.warehouse.seeding import SeededRow, generate, seed
from tests.sandbox_warehouse.conftest import AROUND, PLAN

FEEDS = ["appointments", "document_collection"]
ALL_TIME = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
Query = Callable[..., list[dict[str, Any]]]


def feed_query(feed: str) -> str:
    return read_query(load_feed(feeds_dir() / f"{feed}.yaml"))


def window(start: datetime, end: datetime) -> dict[str, datetime]:
    return {"window_start": start, "window_end": end}


@pytest.fixture(scope="module")
def duckdb_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("warehouse") / "demo.duckdb"
    seed(f"duckdb://{path}", PLAN)
    return path


@pytest.fixture
def ask_duckdb(duckdb_file: Path) -> Query:
    def ask(sql: str, start: datetime = ALL_TIME[0], end: datetime = ALL_TIME[1]) -> list[dict[str, Any]]:
        bound, values = bind(sql, window(start, end), "?")
        with duckdb.connect(str(duckdb_file), read_only=True) as connection:
            found = connection.execute(bound, values)
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return ask


@pytest.fixture
def ask_postgres(postgres_url: URL) -> Query:
    url = postgres_url.render_as_string(hide_password=False)
    seed(url, PLAN)

    def ask(sql: str, start: datetime = ALL_TIME[0], end: datetime = ALL_TIME[1]) -> list[dict[str, Any]]:
        bound, values = bind(sql, window(start, end), "%s")
        with psycopg.connect(url.replace("+psycopg", ""), row_factory=psycopg.rows.dict_row) as connection:
            return connection.execute(bound, values).fetchall()

    return ask


@pytest.mark.parametrize("feed", FEEDS)
def test_query_selects_exactly_the_columns_of_the_contract(ask_duckdb: Query, feed: str) -> None:
    assert set(ask_duckdb(feed_query(feed))[0]) == set(COLUMNS) == set(Row._fields) - {"feed"}


@pytest.mark.parametrize("feed", FEEDS)
def test_both_databases_give_the_same_rows(ask_duckdb: Query, ask_postgres: Query, feed: str) -> None:
    start = datetime(2031, 4, 8, 18, 30, tzinfo=UTC)
    for bounds in (ALL_TIME, (start, start + timedelta(days=1))):
        rows = ask_duckdb(feed_query(feed), *bounds)
        assert rows
        assert rows == ask_postgres(feed_query(feed), *bounds)


@pytest.mark.parametrize("feed", FEEDS)
def test_texts_survive_loading_unchanged(ask_duckdb: Query, seeded: list[SeededRow], feed: str) -> None:
    made = [item.row for item in seeded if item.row.feed == feed]
    read = ask_duckdb(feed_query(feed))
    for column in ("followup_id", "subject", "description", "location", "custom_fields", "related_id"):
        assert sorted(str(row[column]) for row in read) == sorted(str(getattr(row, column)) for row in made)


@pytest.mark.parametrize("feed", FEEDS)
def test_windows_meet_without_gap_or_overlap_and_all_show_rows_without_a_date(ask_duckdb: Query, feed: str) -> None:
    due: list[str] = []
    dateless: set[tuple[str, ...]] = set()
    first = datetime(2031, 4, 1, 12, tzinfo=OFFICE_ZONE)
    for number in range(16):
        rows = ask_duckdb(feed_query(feed), first + timedelta(days=number), first + timedelta(days=number + 1))
        due += [row["followup_id"] for row in rows if row["due_at"]]
        dateless.add(tuple(row["followup_id"] for row in rows if row["due_at"] is None))
    everything = ask_duckdb(feed_query(feed))
    assert sorted(due) == sorted(row["followup_id"] for row in everything if row["due_at"])
    assert len(dateless) == 1
    assert len(next(iter(dateless))) >= 3


def test_appointments_have_a_zone_and_documents_local_time_without_one(ask_duckdb: Query) -> None:
    aware = ask_duckdb(feed_query("appointments"))
    naive = ask_duckdb(feed_query("document_collection"))
    assert all(row["due_at"].tzinfo for row in aware if row["due_at"])
    local = [row["due_at"] for row in naive if row["due_at"]]
    assert all(moment.tzinfo is None for moment in local)
    assert {moment.hour for moment in local} == set(range(9, 18))


def test_expected_outcomes_are_loaded_beside_the_rows(ask_duckdb: Query, seeded: list[SeededRow]) -> None:
    found = ask_duckdb("SELECT followup_id, feed, kind, outcome FROM followups_expected")
    assert [tuple(row.values()) for row in found] == [item.expected for item in seeded if item.expected]


def test_postgres_finds_a_window_by_its_index(ask_postgres: Query) -> None:
    start = datetime(2031, 4, 12, 18, 30, tzinfo=UTC)
    plan = ask_postgres("EXPLAIN " + feed_query("appointments"), start, start + timedelta(days=1))
    assert "followups_feed_due_at" in str(plan)


def test_seeding_again_replaces_the_demo(tmp_path: Path) -> None:
    url = f"duckdb://{tmp_path}/demo.duckdb"
    for rows in (100, 40):
        assert main(["--to", url, "--rows", str(rows), "--around", str(AROUND)]) == 0
    with duckdb.connect(f"{tmp_path}/demo.duckdb") as connection:
        assert connection.execute("SELECT count(*) FROM followups").fetchone() == (40,)


def test_somebody_elses_table_is_left_alone_unless_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"duckdb://{tmp_path}/real.duckdb"
    with duckdb.connect(f"{tmp_path}/real.duckdb") as connection:
        connection.execute("CREATE TABLE followups AS SELECT 'real' AS followup_id")
    with pytest.raises(TableInUseError):
        seed(url, PLAN)
    assert main(["--to", url]) == 2
    assert "--replace" in capsys.readouterr().err
    with duckdb.connect(f"{tmp_path}/real.duckdb") as connection:
        assert connection.execute("FROM followups").fetchall() == [("real",)]
    assert main(["--to", url, "--rows", "10", "--replace"]) == 0


def test_failure_half_way_leaves_the_old_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"duckdb://{tmp_path}/demo.duckdb"
    seed(url, PLAN)

    def broken(*given: Any) -> Any:
        yield from list(generate(*given))[:10]
        raise RuntimeError

    monkeypatch.setattr("sandbox.warehouse.seeding.generate", broken)
    with pytest.raises(RuntimeError):
        seed(url, PLAN)
    with duckdb.connect(f"{tmp_path}/demo.duckdb") as connection:
        assert connection.execute("SELECT count(*) FROM followups").fetchone() == (PLAN.rows,)


@pytest.mark.parametrize("url", ["mysql://host/x", "demo.duckdb", "duckdb://host/x.duckdb", "duckdb:///"])
def test_addresses_that_cannot_be_meant_are_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--to", url]) == 2
    assert "duckdb:///" in capsys.readouterr().err


@pytest.mark.parametrize("slashes", ["///", "////"])
def test_three_or_four_slashes_name_the_same_absolute_path(slashes: str) -> None:
    assert duckdb_path(f"duckdb:{slashes}tmp/my%20demo.duckdb") == Path("/tmp/my demo.duckdb")


def test_a_file_that_cannot_be_opened_is_named_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--to", f"duckdb://{tmp_path}/no/such/folder/demo.duckdb"]) == 2
    assert "no/such/folder" in capsys.readouterr().err
