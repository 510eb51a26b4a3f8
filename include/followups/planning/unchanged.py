"""Leave alone what an earlier run saw to and nothing moved since, without a look at what the rows say. Pure."""

from __future__ import annotations

from collections import Counter

from followups.model import State
from followups.planning.decisions import Requeue
from followups.rows import Outlines

_SENT = frozenset({State.SENDING, State.ACCEPTED, State.CREATED, State.UNKNOWN})
_KEPT_BACK = frozenset({State.REJECTED, State.HELD})
#: Kept with a hash only where the row alone makes them so.
_BY_THE_ROW = frozenset({State.INVALID, State.CANCELLED})


def states_left_alone(requeue: Requeue) -> frozenset[State]:
    """Return the states that `decide` leaves alone while a row is just as it was when it was taken up."""
    return _SENT | _BY_THE_ROW | {state for state in _KEPT_BACK if str(state) != requeue}


def comparable(outlines: Outlines) -> dict[str, int | None]:
    """Return the rows' hashes by key; the ledger compares them with its own.

    A key of several rows has none: which of two rows counts is not told by a hash.
    """
    hashes = dict(zip(*outlines, strict=True))
    if len(hashes) < len(outlines.keys):
        hashes.update((key, None) for key, count in Counter(outlines.keys).items() if count > 1)
    return hashes
