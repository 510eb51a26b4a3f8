"""The ledger for previews: reads as planning does, writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from followups.ledger.planning import Changes, Known, PlanLedger
from followups.model import State
from followups.window import Window


class PreviewLedger(PlanLedger):
    """Answers as if what was planned so far had been written."""

    _planned: dict[str, Known]
    _taken: set[int]

    def open(self, *, kind: str, mode: str, window: Window | None) -> int:  # noqa: ARG002
        """Begin nothing; the plan has no id."""
        self._planned = {}
        self._taken = set()
        return self.plan_id

    def close(self, counts: Mapping[str, Any]) -> None:
        """Record nothing."""

    def known(self, keys: Sequence[str]) -> dict[str, Known]:
        """Return what the ledger holds, or would hold by now."""
        return super().known(keys) | {key: self._planned[key] for key in keys if key in self._planned}

    def leftovers(self, limit: int) -> list[tuple[int, str | None, int]]:
        """Return each leftover once only: nothing in the ledger marks them as taken."""
        found = [each for each in super().leftovers(limit + len(self._taken)) if each[0] not in self._taken]
        self._taken.update(each[0] for each in found)
        return found

    def write(self, changes: Changes) -> None:
        """Remember the rows, to tell one that comes twice."""
        self._taken.update(row.id for row in changes.changed)
        for row in changes.new:
            known = Known(0, State(row.values["state"]), row.values["content_hash"], self.plan_id, 0, None)
            self._planned[row.values["delivery_key"]] = known
