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


def comparable(outlines: Outlines) -> dict[str, int]:
    """Return the hashes by key of rows that need not be read if the ledger has them with that hash.

    Keys of several rows are not among them: which of two rows counts is not told by a hash.
    """
    hashes = {key: row_hash for key, row_hash in zip(*outlines, strict=True) if row_hash is not None}
    if len(hashes) < len(outlines.keys):
        for key, count in Counter(outlines.keys).items():
            if count > 1:
                hashes.pop(key, None)
    return hashes
