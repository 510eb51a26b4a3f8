"""Play many cases side by side: each lane has a world of its own, all share one fork server and one warehouse."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

from sqlalchemy.engine import URL

from tests.chaos.cases import Case
from tests.chaos.play import Played, play
from tests.chaos.processes import start_server
from tests.chaos.world import World, make_warehouse, open_world
from tests.support import postgres

WAREHOUSE_SIZES = (40, 120)


class Arena:
    """So many worlds, opened at once and lent to one case after another."""

    def __init__(self, lanes: int, server: URL | None) -> None:
        self._lanes = lanes
        self._server = server
        self._stack = contextlib.ExitStack()
        self._free: SimpleQueue[World] = SimpleQueue()

    def __enter__(self) -> Self:
        warehouses = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-warehouse-")))
        for size in WAREHOUSE_SIZES:
            make_warehouse(warehouses, size)
        for _ in range(self._lanes):
            self._free.put(self._stack.enter_context(open_world(self._server, warehouses)))
        with self.world() as world:
            start_server(json.dumps(world.rehearsals()))
        self._pool = self._stack.enter_context(ThreadPoolExecutor(self._lanes, thread_name_prefix="lane"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._stack.close()

    @property
    def stores(self) -> tuple[str, ...]:
        """The kinds of ledger that there are."""
        return ("sqlite",) if self._server is None else ("sqlite", "postgresql")

    @contextlib.contextmanager
    def world(self) -> Iterator[World]:
        """Lend a world."""
        world = self._free.get()
        try:
            yield world
        finally:
            self._free.put(world)

    def play(self, cases: Iterable[Case]) -> Iterator[Played]:
        """Play cases, side by side; yields them as they end."""
        return self.each(cases, play)

    def each(self, items: Iterable[Any], act: Callable[[Any, World], Any]) -> Iterator[Any]:
        """Do something with every item in a world of its own; yields the results as they come."""

        def lend(item: Any) -> Any:
            with self.world() as world:
                return act(item, world)

        for future in as_completed([self._pool.submit(lend, item) for item in items]):
            yield future.result()


@contextlib.contextmanager
def postgres_server() -> Iterator[URL | None]:
    """A PostgreSQL server: the one that is there, else a throw-away one, else None."""
    found = postgres.find_server()
    if found is not None:
        yield found
        return
    try:
        with postgres.throw_away_server() as url:
            yield url
    except postgres.NoPostgresError:
        yield None
