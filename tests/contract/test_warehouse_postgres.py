"""A PostgreSQL warehouse that refuses a query, or goes away, is told in one error without a row's values."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from leadsquared import warehouse
from leadsquared.warehouse_errors import QueryRefusedError, WarehouseError

SECRET = "Zeenat-Quillfeather"
SOURCE = "feed visits: include/sql/visits.sql"


@pytest.fixture
def database(postgres_url: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE visits (id int, subject text)"))
        connection.execute(
            sa.text("INSERT INTO visits SELECT n, :name FROM generate_series(1, 50) AS n"), {"name": SECRET}
        )
    connect_as(monkeypatch, postgres_url)
    yield engine
    engine.dispose()


def connect_as(monkeypatch: pytest.MonkeyPatch, url: URL, **changes: Any) -> None:
    fields = {
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
    }
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", json.dumps({"conn_type": "postgres", **fields, **changes}))


def read(sql: str) -> Iterator[list[tuple[Any, ...]]]:
    with warehouse.open_query("warehouse_default", sql, {}, source=SOURCE) as (_, chunks):
        yield from chunks


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT nothing FROM visits", 'the query is wrong: column "nothing" does not exist. Mend'),
        ("SELECT * FROM visitz", 'the query is wrong: relation "visitz" does not exist. Mend'),
        ("SELEC 1", 'the query is wrong: syntax error at or near "SELEC". Mend'),
        ("SELECT rolpassword FROM pg_authid", "no permission: permission denied for table pg_authid. Let the"),
    ],
)
def test_query_that_can_never_work_is_refused_for_good(
    database: sa.Engine, postgres_url: URL, monkeypatch: pytest.MonkeyPatch, sql: str, words: str
) -> None:
    reader = f"reader_{postgres_url.database}"
    with database.begin() as connection:
        connection.execute(sa.text(f"CREATE ROLE {reader} LOGIN PASSWORD 'x'; GRANT SELECT ON visits TO {reader}"))
    connect_as(monkeypatch, postgres_url, login=reader, password="x")
    try:
        with pytest.raises(QueryRefusedError) as caught:
            list(read(sql))
    finally:
        with database.begin() as connection:
            connection.execute(sa.text(f"DROP OWNED BY {reader}; DROP ROLE {reader}"))
    assert str(caught.value).startswith(f"{SOURCE}, by connection warehouse_default: {words}")


@pytest.mark.usefixtures("database")
def test_value_that_the_query_cannot_use_is_not_shown() -> None:
    with pytest.raises(
        WarehouseError, match=r"the query failed \(InvalidTextRepresentation, SQLSTATE 22P02\)\."
    ) as caught:
        list(read("SELECT subject::int FROM visits"))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_connection_that_breaks_while_rows_stream_may_heal(
    database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "CHUNK_ROWS", 10)
    chunks = read("SELECT * FROM visits")
    assert len(next(chunks)) == 10
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
    with database.begin() as connection:
        connection.execute(sa.text(f"{others} pg_backend_pid()"))
    with pytest.raises(WarehouseError, match=f"{SOURCE}, by connection warehouse_default: the query failed"):
        list(chunks)


@pytest.mark.parametrize(("changes", "words"), [({"port": 9}, "refused"), ({"schema": "no_such"}, "does not exist")])
def test_server_that_cannot_be_opened_may_come_back(
    postgres_url: URL, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    connect_as(monkeypatch, postgres_url, **changes)
    with pytest.raises(
        WarehouseError, match=f"{SOURCE}: connection warehouse_default cannot be opened: .*{words}"
    ) as caught:
        list(read("SELECT 1"))
    assert "Check that the database runs" in str(caught.value)
