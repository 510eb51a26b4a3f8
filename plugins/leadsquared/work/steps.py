"""Steps of one task that do not need each other: one that fails must not keep the next from its work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class Steps:
    """Runs steps one after another, and raises the first failure at the end."""

    def __init__(self) -> None:
        self._first: Exception | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Keep a failure for later; what ends the process is none."""
        try:
            yield
        except Exception as error:
            log.warning("%s failed, the next step goes on: %s", name, error)
            self._first = self._first or error

    def end(self) -> None:
        """Raise the first failure, if there was one."""
        if self._first is not None:
            raise self._first
