"""The migrations make exactly the tables that the code knows, on both databases, however many migrate at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import URL

from followups.database import connect
from followups.ledger import migrate
from followups.schema import metadata
from followups.throttle.table import rate_slots
from tests.contract.ledger_kit import counted, plan, send
from tests.support.follow_ups import make_rows

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def empty(database_url: URL) -> Iterator[sa.Engine]:
    """An engine on a database without a table."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


def differences(engine: sa.Engine) -> list[object]:
    assert rate_slots.metadata is metadata
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": migrate.VERSION_TABLE, "compare_type": True}
        )
        return list(compare_metadata(context, metadata))


def test_upgrade_from_nothing_makes_what_the_code_knows(empty: sa.Engine) -> None:
    assert migrate.upgrade(empty) == migrate.newest()
    assert differences(empty) == []
    migrate.check(empty)


def test_difference_would_be_seen(empty: sa.Engine) -> None:
    migrate.upgrade(empty)
    with empty.begin() as connection:
        connection.exec_driver_sql("DROP TABLE owner_days")
        connection.exec_driver_sql("ALTER TABLE plans ADD COLUMN strange text")
    assert len(differences(empty)) == 2


def test_upgrade_may_be_repeated(empty: sa.Engine) -> None:
    migrate.upgrade(empty)
    migrate.upgrade(empty)
    assert migrate.current(empty) == migrate.newest()


def test_ledger_without_tables_is_refused_with_the_cure(empty: sa.Engine) -> None:
    with pytest.raises(migrate.LedgerSchemaError) as caught:
        migrate.check(empty)
    assert str(caught.value) == (
        f"The ledger (connection followups_ledger) has no tables yet; this version needs {migrate.newest()}. "
        "Run `make setup`, or `python -m leadsquared migrate` where the connection is set."
    )


def set_revision(engine: sa.Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {migrate.VERSION_TABLE} SET version_num = :found"), {"found": revision})


def test_ledger_of_an_older_version_is_refused_by_its_revision(empty: sa.Engine) -> None:
    migrate.upgrade(empty)
    set_revision(empty, "0001")
    with pytest.raises(migrate.LedgerSchemaError, match="is at revision 0001; this version needs"):
        migrate.check(empty)


@pytest.mark.parametrize("ask", [migrate.check, migrate.upgrade])
def test_ledger_of_a_newer_version_is_refused_with_the_cure(
    empty: sa.Engine, ask: Callable[[sa.Engine], object]
) -> None:
    migrate.upgrade(empty)
    set_revision(empty, "9999")
    with pytest.raises(migrate.LedgerSchemaError) as caught:
        ask(empty)
    assert str(caught.value) == (
        "The ledger (connection followups_ledger) is at revision 9999, which this version does not know; the newest it "
        f"knows is {migrate.newest()}. A newer version has migrated it: run that version here too, or point the "
        "connection at another database. Nothing was changed."
    )
    assert migrate.current(empty) == "9999"


def test_several_processes_migrate_at_once(database_url: URL, empty: sa.Engine) -> None:
    code = (
        "import sys; from followups.database import connect; from followups.ledger import migrate; "
        "sys.stdin.readline(); print(migrate.upgrade(connect(sys.argv[1])))"
    )
    url = database_url.render_as_string(hide_password=False)
    processes = [
        subprocess.Popen([sys.executable, "-c", code, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT / "include")})
        for _ in range(3)
    ]  # fmt: skip
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=60) for process in processes]
    assert [(process.returncode, out.strip()) for process, (out, _) in zip(processes, ends, strict=True)] == [
        (0, migrate.newest())
    ] * 3, ends
    assert differences(empty) == []


def test_way_back_and_forth_again_leaves_what_was_sent(empty: sa.Engine) -> None:
    migrate.upgrade(empty)
    plan_id, _ = plan(empty, make_rows(3))
    send(empty, plan_id)
    for revision in ("0002", "0001"):
        assert migrate.downgrade(empty, revision) == migrate.current(empty) == revision
        with pytest.raises(migrate.LedgerSchemaError, match=f"is at revision {revision}; this version needs"):
            migrate.check(empty)
    migrate.upgrade(empty)
    assert differences(empty) == []
    assert counted(empty) == {"accepted": 3}


@pytest.mark.parametrize("revision", ["0000", "9999", "head"])
def test_way_back_to_what_nobody_knows_is_refused(empty: sa.Engine, revision: str) -> None:
    migrate.upgrade(empty)
    with pytest.raises(migrate.LedgerSchemaError, match=f"cannot go back to revision {revision}"):
        migrate.downgrade(empty, revision)
    assert migrate.current(empty) == migrate.newest()
