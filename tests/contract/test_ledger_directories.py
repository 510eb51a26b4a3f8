"""The cache of users and task types, on both databases."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from followups.directory import TaskType, User
from followups.ledger.directories import DirectoryCache, purge_users
from followups.ledger.purging import purge
from followups.schema import directories

USERS = [
    User(id="00000000-0000-4000-8000-00000000000a", email=" Ananyá@example.com", active=True),
    User(id="00000000-0000-4000-8000-00000000000b", email="", active=False),
]
TYPES = [
    TaskType(name="Visit", category=0, mandatory_lead=True, mandatory_fields=("mx_a",), fields={"mx_a": ("x", "y")}),
    TaskType(name="Call", category=1, fields={}),
    TaskType(name="Old", category=None),
]


def age(engine: sa.Engine, **by: float) -> None:
    """Let the cache be older."""
    with engine.begin() as connection:
        for account, read_at in connection.execute(sa.select(directories.c.account, directories.c.read_at)).all():
            changed = sa.update(directories).where(directories.c.account == account)
            connection.execute(changed.values(read_at=read_at - timedelta(**by)))


def plain(types: object) -> list[object]:
    """JSON gives lists back where tuples were."""
    return [
        (each.name, each.category, each.mandatory_lead, each.mandatory_fields,
         None if each.fields is None else {name: tuple(options) for name, options in each.fields.items()})
        for each in types  # type: ignore[attr-defined]
    ]  # fmt: skip


def test_nothing_is_known_of_an_account_that_was_never_read(engine: sa.Engine) -> None:
    cache = DirectoryCache(engine, "host|abc")
    assert (cache.read(), cache.read_task_types()) == (None, None)


def test_what_was_written_is_read_with_its_age(engine: sa.Engine) -> None:
    cache = DirectoryCache(engine, "host|abc")
    cache.write(USERS, TYPES)
    age(engine, minutes=7)
    found, types = cache.read(), cache.read_task_types()
    assert found is not None
    assert types is not None
    assert found.users == USERS
    assert plain(found.task_types) == plain(types.task_types) == plain(TYPES)
    assert types.users == ()
    for snapshot in (found, types):
        assert timedelta(minutes=7) <= snapshot.age < timedelta(minutes=8)


def test_last_reading_counts_and_accounts_are_apart(engine: sa.Engine) -> None:
    ours, theirs = DirectoryCache(engine, "ours"), DirectoryCache(engine, "theirs")
    ours.write(USERS, TYPES)
    age(engine, days=1)
    theirs.write([], TYPES[:1])
    ours.write(USERS[:1], [])
    found = ours.read()
    assert found is not None
    assert (found.users, found.task_types) == (USERS[:1], [])
    assert found.age < timedelta(minutes=1)
    assert len(theirs.read().task_types) == 1  # type: ignore[union-attr]


def test_purge_forgets_old_addresses_and_keeps_task_types(engine: sa.Engine) -> None:
    old, young = DirectoryCache(engine, "old"), DirectoryCache(engine, "young")
    old.write(USERS, TYPES)
    age(engine, days=40)
    young.write(USERS, TYPES)
    assert purge(engine, timedelta(days=30)).directories == 1
    assert purge_users(engine, timedelta(days=30)) == 0
    assert old.read() is None
    assert plain(old.read_task_types().task_types) == plain(TYPES)  # type: ignore[union-attr]
    assert young.read() is not None


@pytest.mark.parametrize("writers", [8])
def test_several_runs_may_write_at_once(engine: sa.Engine, writers: int) -> None:
    errors: list[BaseException] = []

    def write(number: int) -> None:
        try:
            DirectoryCache(engine, "one").write(USERS, TYPES * number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    found = DirectoryCache(engine, "one").read()
    assert found is not None
    assert len(found.task_types) % len(TYPES) == 0
