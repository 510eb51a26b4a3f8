"""Search for garbage seldom while millions of short-lived objects are made."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

#: Python's own is 700, which costs a plan a sixth of its time.
NEW_OBJECTS = 100_000


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """Let Python search for cycles a hundred times less often, and not among what is there already."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
