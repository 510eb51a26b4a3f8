"""The ledger for previews: reads as planning does, writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any, NamedTuple

import sqlalchemy as sa

from followups.ledger.planning import PlanLedger
from followups.ledger.rows import Changes, Known, Standing
from followups.model import State
from followups.schema import deliveries
from followups.window import Window

#: So many rows that are not sent are shown one by one; all are counted.
MOST_SHOWN = 100
#: States whose reason tells why a row is not sent.
_KEPT_BACK = frozenset({State.INVALID, State.HELD, State.CANCELLED, State.REJECTED, State.UNKNOWN})


class NotSent(NamedTuple):
    """A row that would not be sent, and why."""

    followup_id: str
    state: str
    reason: str


class PreviewLedger(PlanLedger):
    """Answers as if what was planned so far had been written."""

    _planned: dict[str, Known]
    _taken: set[int]
    _kept_now: list[NotSent]
    #: ids of rows that are kept back since before, in the order in which they were met
    _kept_before: dict[int, None]

    def open(self, *, kind: str, mode: str, window: Window | None) -> int:  # noqa: ARG002
        """Begin nothing; the plan has no id."""
        self._planned = {}
        self._taken = set()
        self._kept_now = []
        self._kept_before = {}
        return self.plan_id

    def close(self, counts: Mapping[str, Any]) -> None:
        """Record nothing."""

    def standing(self, row_hashes: Mapping[str, int | None], states: Set[State]) -> Standing:
        """Return what the ledger holds, or would hold by now; what is kept back since before is read, to be shown."""
        unchanged, known = super().standing(row_hashes, states - _KEPT_BACK)
        self._kept_before.update((each.id, None) for each in known.values() if each.state in _KEPT_BACK)
        return Standing(unchanged, {**known, **{key: self._planned[key] for key in row_hashes if key in self._planned}})

    def leftovers(self, limit: int) -> list[tuple[int, str | None, int]]:
        """Return each leftover once only: nothing in the ledger marks them as taken."""
        found = [each for each in super().leftovers(limit + len(self._taken)) if each[0] not in self._taken]
        self._taken.update(each[0] for each in found)
        return found

    def write(self, changes: Changes) -> None:
        """Remember the rows, to tell one that comes twice."""
        self._taken.update(row.id for row in changes.changed)
        for kept in self._kept_back(changes):
            if len(self._kept_now) < MOST_SHOWN:
                self._kept_now.append(kept)
        for row in changes.new:
            self._planned[row.delivery_key] = Known(0, row.state, row.content_hash, self.plan_id, 0, None)

    def _kept_back(self, changes: Changes) -> Iterator[NotSent]:
        for row in changes.new:
            if row.state in _KEPT_BACK:
                yield NotSent(row.followup_id, row.state, row.reason or "")
        for values in (row.values for row in changes.changed):
            if values.get("state") in _KEPT_BACK:
                yield NotSent(values["followup_id"], values["state"], values["reason"] or "")

    def not_sent(self) -> list[NotSent]:
        """Return the first rows that would be kept back, then those that are kept back since before."""
        left = [key for key in self._kept_before if key not in self._taken][: MOST_SHOWN - len(self._kept_now)]
        d = deliveries.c
        query = sa.select(d.followup_id, d.state, d.reason).where(d.id.in_(left)).order_by(d.id)
        with self._engine.connect() as connection:
            before = [NotSent(row[0], f"already {row[1]}", row[2] or "") for row in connection.execute(query)]
        return [*self._kept_now, *before]
