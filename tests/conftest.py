"""What every kind of test may ask for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Airflow reads its home at import; no test may touch a real one.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="followups-airflow-home-")
os.environ.setdefault("AIRFLOW__CORE__UNIT_TEST_MODE", "True")

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import URL

from followups.database import connect
from followups.schema import metadata
from tests.support import postgres

# The same examples in every run, and no clock: a busy machine must not fail a property.
settings.register_profile(
    "project",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("project")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A PostgreSQL server: the one that is there, else a throw-away one, else a skip that says why."""
    found = postgres.find_server()
    if found is not None:
        yield found
        return
    try:
        with postgres.throw_away_server() as url:
            yield url
    except postgres.NoPostgresError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def postgres_url(postgres_server: URL) -> Iterator[URL]:
    """An empty PostgreSQL database of the test's own."""
    with postgres.empty_database(postgres_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> URL:
    """A SQLite database file of the test's own."""
    return URL.create("sqlite", database=str(tmp_path / "ledger.db"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> URL:
    """An empty database of each supported kind."""
    return request.getfixturevalue(f"{'sqlite' if request.param == 'sqlite' else 'postgres'}_url")


@pytest.fixture
def engine(database_url: URL) -> Iterator[sa.Engine]:
    """An engine on an empty database with the ledger's tables."""
    opened = connect(database_url)
    metadata.create_all(opened)
    yield opened
    opened.dispose()
