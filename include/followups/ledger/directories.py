"""The last known users and task types of each account, so that a run need not ask for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from followups.directory import Snapshot, TaskType, User
from followups.ledger.clock import store_now
from followups.schema import directories


class DirectoryCache:
    """What was read of one account, by whichever run read it last.

    :param account: the account's name in the rate limit; different keys of one account share it.
    """

    def __init__(self, engine: sa.Engine, account: str) -> None:
        self._engine = engine
        self._account = account

    def read(self) -> Snapshot | None:
        """Return what is kept, however old; None where nothing is, or its users were purged."""
        found = self._find(directories.c.users, directories.c.task_types)
        if found is None or found[1].users is None:
            return None
        age, row = found
        users = [User(id=user_id, email=email, active=active) for user_id, email, active in json.loads(row.users)]
        return Snapshot(users=users, task_types=_task_types(row.task_types), age=age)

    def read_task_types(self) -> Snapshot | None:
        """Return the task types alone, however old: users may be many, and are personal data."""
        found = self._find(directories.c.task_types)
        return None if found is None else Snapshot(users=(), task_types=_task_types(found[1].task_types), age=found[0])

    def write(self, users: Sequence[User], task_types: Sequence[TaskType]) -> None:
        """Keep what was read just now instead of what was kept."""
        insert = postgresql_insert if self._engine.dialect.name == "postgresql" else sqlite_insert
        with self._engine.begin() as connection:
            values = {
                "read_at": store_now(connection),
                "users": json.dumps([[user.id, user.email, user.active] for user in users], ensure_ascii=False),
                "task_types": [asdict(task_type) for task_type in task_types],
            }
            statement = insert(directories).values(account=self._account, **values)
            connection.execute(statement.on_conflict_do_update(index_elements=["account"], set_=values))

    def _find(self, *columns: sa.Column[Any]) -> tuple[timedelta, sa.Row[Any]] | None:
        with self._engine.connect() as connection:
            query = sa.select(directories.c.read_at, *columns).where(directories.c.account == self._account)
            row = connection.execute(query).first()
            return None if row is None else (store_now(connection) - row.read_at, row)


def purge_users(engine: sa.Engine, older_than: timedelta) -> int:
    """Forget users' addresses that were read that long ago; return of how many accounts. Runs then ask anew."""
    d = directories.c
    with engine.begin() as connection:
        old = (d.read_at < store_now(connection) - older_than, d.users.is_not(None))
        return connection.execute(sa.update(directories).where(*old).values(users=None)).rowcount


def _task_types(kept: Iterable[dict[str, Any]]) -> list[TaskType]:
    return [TaskType(**{**each, "mandatory_fields": tuple(each["mandatory_fields"])}) for each in kept]
