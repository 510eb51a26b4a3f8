"""Find a PostgreSQL server for the tests, or start a throw-away one, and lend out empty databases on it."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

DEFAULT_USERS = ("postgres", getpass.getuser(), "test")


class NoPostgresError(Exception):
    """Neither a running PostgreSQL server nor its binaries were found."""


def _reachable(url: URL) -> bool:
    engine = sa.create_engine(url, connect_args={"connect_timeout": 3})
    try:
        with engine.connect() as connection:
            return bool(connection.scalar(sa.text("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = user")))
    except sa.exc.OperationalError:
        return False
    finally:
        engine.dispose()


def find_server() -> URL | None:
    """Return the URL of a server that is there: TEST_POSTGRES_URL, or the local default port without a password."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        return make_url(given).set(drivername="postgresql+psycopg")
    for user in DEFAULT_USERS:
        url = URL.create("postgresql+psycopg", username=user, host="127.0.0.1", port=5432, database="postgres")
        if _reachable(url):
            return url
    return None


def _binaries() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@contextlib.contextmanager
def throw_away_server() -> Iterator[URL]:
    """Start a server in a temporary folder on a free port; stop it at the end."""
    binaries = _binaries()
    if binaries is None:
        raise NoPostgresError("no PostgreSQL server at TEST_POSTGRES_URL or 127.0.0.1:5432, and none installed")
    folder = Path(tempfile.mkdtemp(prefix="followups-postgres-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    init = ["-D", folder / "data", "-A", "trust", "-U", "postgres"]
    subprocess.run([*as_user, binaries / "initdb", *init], check=True, capture_output=True)
    start = ["-D", folder / "data", "-w", "-o", f"-p {port} -h 127.0.0.1 -k {folder}", "-l", folder / "log", "start"]
    subprocess.run([*as_user, binaries / "pg_ctl", *start], check=True, capture_output=True)
    try:
        yield URL.create("postgresql+psycopg", username="postgres", host="127.0.0.1", port=port, database="postgres")
    finally:
        stop = ["-D", folder / "data", "-m", "immediate", "stop"]
        subprocess.run([*as_user, binaries / "pg_ctl", *stop], check=True, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def empty_database(server: URL) -> Iterator[URL]:
    """Create a database of a fresh name on `server` and drop it at the end."""
    name = f"followups_test_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        yield server.set(database=name)
    finally:
        with admin.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()
