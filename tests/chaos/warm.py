"""Imported by the fork server: does one whole run on each store, so that actors begin with everything loaded.

Nothing stays open: no connection, no thread, no engine.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any, Final

from leadsquared import databases
from tests.chaos import actors, naive, receiver  # noqa: F401 - what the actors run
from tests.chaos.actors import rehearse
from tests.chaos.orders import Order

VARIABLE: Final = "CHAOS_REHEARSALS"


def _main() -> None:
    kept = dict(os.environ)
    rehearsals: list[dict[str, Any]] = json.loads(os.environ.pop(VARIABLE, "[]"))
    for number, rehearsal in enumerate(rehearsals):
        os.environ.update(rehearsal["environment"])
        try:
            rehearse(Order(run_id=f"rehearsal-{number}", reconcile=True, **rehearsal))
        except Exception as error:  # the cases will show what is wrong
            print(f"rehearsal: {type(error).__name__}: {error}", file=sys.stderr)
    for engine in _engines():
        engine.dispose()
    databases._engine.cache_clear()
    os.environ.clear()
    os.environ.update(kept)
    gc.collect()
    gc.freeze()


def _engines() -> list[Any]:
    from sqlalchemy import Engine

    return [each for each in gc.get_objects() if isinstance(each, Engine)]


_main()
