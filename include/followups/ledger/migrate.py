"""Create, migrate and check the ledger's schema."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import followups.throttle.table  # noqa: F401 - its table belongs to the schema

VERSION_TABLE = "followups_version"
#: Any number, the same for all who migrate: PostgreSQL lets one of them in at a time.
_LOCK = 7_316_209


class LedgerSchemaError(RuntimeError):
    """The ledger's schema is not the one this code knows. The text says what to do."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def upgrade(engine: sa.Engine) -> str:
    """Bring the schema to the newest revision and return it; safe to run again and by several at once."""
    config = _config()
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return newest()


def newest() -> str:
    """Return the revision that this code knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current(engine: sa.Engine) -> str | None:
    """Return the database's revision; None where it has none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def check(engine: sa.Engine) -> None:
    """Raise LedgerSchemaError unless the schema is the newest."""
    found, wanted = current(engine), newest()
    if found == wanted:
        return
    state = "has no tables yet" if found is None else f"is at revision {found}"
    raise LedgerSchemaError(
        f"The ledger (connection followups_ledger) {state}; this version needs {wanted}. "
        "Run `make setup`, or `python -m leadsquared migrate` where the connection is set."
    )
