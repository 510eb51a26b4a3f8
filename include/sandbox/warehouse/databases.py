"""Load the demo warehouse's tables into DuckDB or PostgreSQL, all in one transaction, by their bulk commands."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import duckdb
import psycopg

FOLLOWUPS = "followups"
EXPECTED = "followups_expected"

#: `custom_fields` is text and nothing but `feed` is mandatory, as in a warehouse that takes what its sources send.
_TABLES = {
    FOLLOWUPS: """
        CREATE TABLE followups (
            followup_id TEXT, task_type TEXT, subject TEXT, owner_email TEXT, owner_id TEXT,
            due_at TIMESTAMP WITH TIME ZONE, end_at TIMESTAMP WITH TIME ZONE, duration_minutes INTEGER,
            description TEXT, location TEXT, related_to TEXT, related_id TEXT,
            reminder_minutes INTEGER, notify_owner BOOLEAN, custom_fields TEXT, cancelled BOOLEAN,
            feed TEXT NOT NULL
        )""",
    EXPECTED: """
        CREATE TABLE followups_expected (
            followup_id TEXT NOT NULL, feed TEXT NOT NULL, kind TEXT NOT NULL, outcome TEXT NOT NULL
        )""",
}

_DUCKDB_MEMORY = "256MB"
_DUCKDB_CSV = """FORMAT csv, HEADER false, AUTO_DETECT false, DELIM ',', QUOTE '"', ESCAPE '"'"""


class WarehouseError(Exception):
    """The warehouse cannot be seeded; the text says why and what to do."""


class TableInUseError(WarehouseError):
    """A table `followups` is there which the demo did not make."""


class Database(Protocol):
    """What seeding asks of a database."""

    def create_tables(self, *, replace: bool) -> None:
        """Create both tables anew."""

    def append(self, table: str, rows: Iterable[Iterable[Any]]) -> None:
        """Add rows, their values in the order of the table's columns."""

    def create_indexes(self) -> None:
        """Create what makes the feeds' queries quick."""


@contextmanager
def open_database(url: str) -> Iterator[Database]:
    """Open `duckdb:///path` or `postgresql://…`; commit at the end, undo everything after an error."""
    scheme = urlsplit(url).scheme.split("+")[0]
    if scheme == "duckdb":
        with duckdb.connect(str(duckdb_path(url))) as connection:
            connection.execute(f"SET memory_limit = '{_DUCKDB_MEMORY}'")
            connection.begin()
            yield _DuckDB(connection)
            connection.commit()
    elif scheme in {"postgresql", "postgres"}:
        with psycopg.connect("postgresql" + url[url.index(":") :]) as opened:
            yield _PostgreSQL(opened)
    else:
        raise WarehouseError("The warehouse must be duckdb:///path/to/file or postgresql://user@host/database.")


def duckdb_path(url: str) -> Path:
    """Return the file of a `duckdb:///` address; three slashes begin an absolute path, as four do."""
    path = unquote(urlsplit(url).path)
    if urlsplit(url).netloc or not path.strip("/"):
        raise WarehouseError("Name the DuckDB file by its absolute path: duckdb:///path/to/file.")
    return Path("/" + path.lstrip("/"))


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    """Write rows as CSV; None becomes an empty value without quotes, which both databases read as NULL."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _check_ours(tables: set[str], *, replace: bool) -> None:
    if FOLLOWUPS in tables and EXPECTED not in tables and not replace:
        raise TableInUseError(
            f"The table {FOLLOWUPS} is there already and was not made by this command. "
            "Choose another database, or add --replace to drop it."
        )


class _DuckDB:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def create_tables(self, *, replace: bool) -> None:
        found = self._connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = current_schema()")
        _check_ours({name for (name,) in found.fetchall()}, replace=replace)
        for name, statement in _TABLES.items():
            self._connection.execute(f"DROP TABLE IF EXISTS {name}")
            self._connection.execute(statement)

    def append(self, table: str, rows: Iterable[Iterable[Any]]) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8", newline="") as file:
            file.write(_csv(rows))
            file.flush()
            name = file.name.replace("'", "''")
            self._connection.execute(f"COPY {table} FROM '{name}' ({_DUCKDB_CSV})")

    def create_indexes(self) -> None:
        """DuckDB keeps the range of every block of rows, and these are loaded day by day."""


class _PostgreSQL:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._cursor = connection.cursor()

    def create_tables(self, *, replace: bool) -> None:
        self._cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        _check_ours({name for (name,) in self._cursor.fetchall()}, replace=replace)
        for name, statement in _TABLES.items():
            self._cursor.execute(f"DROP TABLE IF EXISTS {name}")
            self._cursor.execute(statement)

    def append(self, table: str, rows: Iterable[Iterable[Any]]) -> None:
        with self._cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv, ENCODING 'utf8')") as copy:
            copy.write(_csv(rows).encode())

    def create_indexes(self) -> None:
        self._cursor.execute(f"CREATE INDEX followups_feed_due_at ON {FOLLOWUPS} (feed, due_at)")
        self._cursor.execute(f"ANALYZE {FOLLOWUPS}")
