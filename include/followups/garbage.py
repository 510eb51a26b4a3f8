"""Search for garbage seldom, or not among everything, where a search would cost too much."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

#: Python's own is 700, which costs a plan a sixth of its time.
NEW_OBJECTS = 100_000


@contextlib.contextmanager
def only_new_searched() -> Iterator[None]:
    """Let Python not search among what is there already: with Airflow loaded that stops all threads for 0.1 s."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """Let Python search for cycles a hundred times less often, and not among what is there already."""
    thresholds = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS, *thresholds[1:])
    try:
        with only_new_searched():
            yield
    finally:
        gc.set_threshold(*thresholds)
