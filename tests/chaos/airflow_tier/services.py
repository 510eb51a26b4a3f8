"""What CeleryExecutor needs besides: two PostgreSQL databases and a Redis database of one's own, for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import redis
from sqlalchemy.engine import URL

from tests.support import postgres

DEFAULT_REDIS: Final = "redis://127.0.0.1:6379"
REDIS_DATABASES: Final = range(15, 0, -1)
TAKEN: Final = "followups-chaos"


class MissingServiceError(Exception):
    """A server is not there. The text says which, and where it was looked for."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """Addresses."""

    metadata: URL
    ledger: URL
    broker: str


@contextmanager
def services() -> Iterator[Services]:
    """Lend empty databases and remove them at the end; MissingServiceError where a server is missing."""
    server = postgres.find_server()
    if server is None:
        raise MissingServiceError("no PostgreSQL server at TEST_POSTGRES_URL or 127.0.0.1:5432")
    with ExitStack() as stack:
        broker = stack.enter_context(_redis_database())
        metadata = stack.enter_context(postgres.empty_database(server))
        ledger = stack.enter_context(postgres.empty_database(server))
        yield Services(metadata=metadata, ledger=ledger, broker=broker)


@contextmanager
def _redis_database() -> Iterator[str]:
    """Take a database of the Redis server that nobody uses."""
    url = os.environ.get("TEST_REDIS_URL", DEFAULT_REDIS).rstrip("/")
    for number in REDIS_DATABASES:
        client: Any = redis.Redis.from_url(f"{url}/{number}", socket_timeout=10)
        try:
            taken = not client.dbsize() and client.set(TAKEN, os.getpid(), nx=True)
        except redis.RedisError as error:
            raise MissingServiceError(f"no Redis server at TEST_REDIS_URL or {DEFAULT_REDIS}: {error}") from error
        if taken:
            try:
                yield f"{url}/{number}"
            finally:
                client.flushdb()
            return
    raise MissingServiceError(f"no empty database on the Redis server at {url}")
