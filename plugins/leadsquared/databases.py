"""Open the ledger that an Airflow connection names."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa
from airflow.sdk import BaseHook
from sqlalchemy.engine import URL

from followups import database
from followups.ledger import migrate
from leadsquared.errors import ConfigurationError
from leadsquared.names import DEFAULT_LEDGER

_POSTGRES_QUERY = ("sslmode", "sslrootcert", "sslcert", "sslkey", "application_name", "target_session_attrs", "options")


def ledger_url(connection: Any) -> URL:
    """Return the database URL of a `postgres` or `sqlite` Airflow connection."""
    kind = connection.conn_type
    if kind == "sqlite":
        # As a URI the path is split between host and schema; as JSON it is the host.
        parts = [part for part in (connection.host, connection.schema) if part]
        path = unquote("/".join(part.rstrip("/") for part in parts))
        if not path:
            raise ConfigurationError(f"connection {DEFAULT_LEDGER}: no file: put its absolute path in `host`")
        return URL.create("sqlite", database=path if path.startswith("/") else f"/{path}")
    if kind in {"postgres", "postgresql"}:
        extra = {
            name: str(connection.extra_dejson[name]) for name in _POSTGRES_QUERY if name in connection.extra_dejson
        }
        return URL.create(
            "postgresql+psycopg",
            username=connection.login,
            password=connection.password,
            host=connection.host,
            port=connection.port or 5432,
            database=connection.schema or connection.login,
            query=extra,
        )
    raise ConfigurationError(
        f"connection {DEFAULT_LEDGER}: type {kind!r} cannot hold the ledger: use `postgres`, or `sqlite` on one host"
    )


@lru_cache(maxsize=4)
def _engine(url: URL) -> sa.Engine:
    return database.connect(url)


def open_ledger_engine(conn_id: str = DEFAULT_LEDGER) -> sa.Engine:
    """Return this process's engine on the ledger; its schema is not checked."""
    return _engine(ledger_url(BaseHook.get_connection(conn_id)))


def open_ledger(conn_id: str = DEFAULT_LEDGER) -> sa.Engine:
    """Return the engine after its schema was checked: the first thing a task does."""
    engine = open_ledger_engine(conn_id)
    migrate.check(engine)
    return engine
