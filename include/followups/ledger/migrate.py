"""Create, migrate and check the ledger's schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from followups.errors import PermanentError

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "followups_version"
MIGRATIONS = Path(__file__).with_name("migrations")
#: Any number, the same for all who migrate: PostgreSQL lets one of them in at a time.
_LOCK = 7_316_209


class LedgerSchemaError(PermanentError):
    """The ledger's schema is not the one this code knows. The text says what to do."""


def config() -> Config:
    """Return Alembic's configuration."""
    from alembic.config import Config  # noqa: PLC0415 - slow to import, and every task checks the schema

    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    return settings


def upgrade(engine: sa.Engine) -> str:
    """Bring the schema to the newest revision and return it; safe to run again and by several at once."""
    return _migrate(engine, newest())


def downgrade(engine: sa.Engine, revision: str) -> str:
    """Bring the schema back to what an older version of this code knows; what came after that revision is lost.

    :raises LedgerSchemaError: no such revision, or the ledger is at an older one.
    """
    found = current(engine)
    if revision not in _known() or found is None or revision > found:
        raise LedgerSchemaError(
            f"The ledger cannot go back to revision {revision}: it is at {found or 'none'}, and this version knows "
            f"{', '.join(sorted(_known()))}. Nothing was changed."
        )
    return _migrate(engine, revision)


def _migrate(engine: sa.Engine, revision: str) -> str:
    from alembic import command  # noqa: PLC0415

    settings = config()
    with engine.connect() as connection, _without_references(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        found = _revision(connection)
        _refuse_unknown(found)
        settings.attributes["connection"] = connection
        move = command.downgrade if found is not None and revision < found else command.upgrade
        move(settings, revision)
    return revision


def newest() -> str:
    """Return the revision that this code knows: migrations are numbered by their files' names."""
    return max(_known())


def current(engine: sa.Engine) -> str | None:
    """Return the database's revision; None where it has none."""
    with engine.connect() as connection:
        return _revision(connection)


def check(engine: sa.Engine) -> None:
    """Raise LedgerSchemaError unless the schema is the newest."""
    found, wanted = current(engine), newest()
    if found == wanted:
        return
    _refuse_unknown(found)
    state = "has no tables yet" if found is None else f"is at revision {found}"
    raise LedgerSchemaError(
        f"The ledger (connection followups_ledger) {state}; this version needs {wanted}. "
        "Run `make setup`, or `python -m leadsquared migrate` where the connection is set."
    )


@contextmanager
def _without_references(connection: sa.Connection) -> Iterator[None]:
    """Let SQLite make tables anew, which is how it takes columns away, though others refer to them."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _known() -> set[str]:
    return {path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")}


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    table = sa.table(VERSION_TABLE, sa.column("version_num"))
    return connection.execute(sa.select(table.c.version_num)).scalar_one_or_none()


def _refuse_unknown(found: str | None) -> None:
    """Raise LedgerSchemaError for a revision of a newer version: there is no way back from it."""
    if found is None or found in _known():
        return
    raise LedgerSchemaError(
        f"The ledger (connection followups_ledger) is at revision {found}, which this version does not know; the "
        f"newest it knows is {newest()}. A newer version has migrated it: run that version here too, or point the "
        "connection at another database. Nothing was changed."
    )
