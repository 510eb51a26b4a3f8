"""Leave alone what an earlier run saw to and nothing moved since, without a look at what the rows say. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from followups.ledger.planning import Known
from followups.model import State
from followups.planning.decisions import Requeue
from followups.rows import Outline

Outlined = tuple[Mapping[str, Any], Outline]

_SENT = frozenset({State.SENDING, State.ACCEPTED, State.CREATED, State.UNKNOWN})
_KEPT_BACK = frozenset({State.REJECTED, State.HELD})


class Unchanged:
    """Tells which rows `decide` would leave alone because they are just as they were when they were taken up."""

    def __init__(self, plan_id: int, requeue: Requeue) -> None:
        self._plan_id = plan_id
        self._states = _SENT | {state for state in _KEPT_BACK if str(state) != requeue}

    def part(
        self, outlined: Iterable[Outlined], known: Mapping[str, Known], met: Collection[str]
    ) -> tuple[dict[str, Known], list[Outlined]]:
        """Return what is known of the rows to be left alone, by key, and the others in their order.

        Keys that were met before, and a key's second row, are among the others: which of two rows counts is not told
        by a hash.
        """
        left: dict[str, Known] = {}
        others: list[Outlined] = []
        met = set(met)
        for pair in outlined:
            key, row_hash = pair[1]
            found = known.get(key)
            if found is not None and key not in met and self._stays(found, row_hash):
                left[key] = found
            else:
                others.append(pair)
            met.add(key)
        return left, others

    def _stays(self, known: Known, row_hash: int | None) -> bool:
        same = row_hash is not None and known.row_hash == row_hash and not known.withdrawn
        return same and known.plan_id != self._plan_id and known.state in self._states
