"""A ledger and a LeadSquared for the verifier, both in memory; ages are in seconds, nothing takes time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from followups.keys import delivery_key, marker
from followups.ledger.sent_rows import OpenRow
from followups.ledger.settling import OpenBatch
from followups.model import State
from followups.verification import Policy, Verified, Verifier
from tests.unit.followups.test_readback import AVA, Crm, Task

SETTLE = timedelta(seconds=100)


class FakeLedger:
    """Batches of one row each."""

    def __init__(
        self,
        *batches: OpenBatch,
        payload: bool = True,
        state: State | None = None,
        marked: bool = True,
        crm_task_id: str | None = None,
    ) -> None:
        self._crm_task_id = crm_task_id
        self.batches = {batch.batch_id: batch for batch in batches}
        self.rows = {
            each.batch_id: self._row(number, each, payload, state, marked) for number, each in enumerate(batches)
        }
        self.states: dict[int, tuple[State, str | None]] = {}
        self.notes: list[str] = []
        self.looks: list[str] = []
        self.conclusive: dict[str, bool] = {}
        self.audits: list[str] = []
        self.kept: dict[int, str] = {}

    def _row(self, number: int, batch: OpenBatch, payload: bool, state: State | None, marked: bool) -> OpenRow:
        key = delivery_key("visits", str(number))
        text = {"Name": "Visit", "OwnerEmailAddress": AVA, "DueDate": "2031-04-05 06:00:00",
                "Description": f"[ref:{marker(key)}]" if marked else ""}  # fmt: skip
        return OpenRow(id=number, key=key, generation=0, state=state or State(batch.state), task_type="Visit",
                       payload=json.dumps(text) if payload else None, crm_task_id=self._crm_task_id)  # fmt: skip

    def open_batches(self, limit: int, after: str = "") -> list[OpenBatch]:
        return [self.batches[key] for key in sorted(self.batches) if key > after][:limit]

    def ages_open(self) -> list[tuple[timedelta, timedelta | None]]:
        return [(each.age, each.looked_ago) for each in self.batches.values()]

    def open_rows(self, batch_ids: Sequence[str]) -> dict[str, list[OpenRow]]:
        return {key: [row for row in [self.rows[key]] if row.id not in self.states] for key in batch_ids}

    def count_open_rows(self, batch_ids: Sequence[str]) -> int:
        return len(batch_ids)

    def open_rows_by_due(self, batch_ids: Sequence[str], limit: int) -> Iterator[dict[str, list[OpenRow]]]:
        for start in range(0, len(batch_ids), limit):
            yield self.open_rows(batch_ids[start : start + limit])

    def waiting_rows(self, batch_ids: Sequence[str]) -> dict[str, list[OpenRow]]:
        return self.open_rows(batch_ids)

    def unaudited_batches(self, settled_for: timedelta, limit: int, after: str = "") -> list[OpenBatch]:
        return [each for each in self.open_batches(limit, after) if each.age >= settled_for]

    def audited_rows(self, batch_ids: Sequence[str]) -> dict[str, list[OpenRow]]:
        return self.open_rows(batch_ids)

    def audited(self, batch_ids: Sequence[str]) -> None:
        self.audits += batch_ids

    def created(self, crm_task_ids: Mapping[int, str], reason: str | None = None) -> None:
        self.states |= {key: (State.CREATED, task) for key, task in crm_task_ids.items()}

    def keep(self, crm_task_ids: Mapping[int, str], instead_of: Mapping[int, Sequence[str]]) -> None:
        self.kept |= {key: task for key, task in crm_task_ids.items() if self._crm_task_id in instead_of[key]}

    def move(self, delivery_ids: Sequence[int], state: State, reason: str | None) -> None:
        self.states |= dict.fromkeys(delivery_ids, (state, reason))

    def note(self, delivery_ids: Sequence[int], reason: str) -> None:
        self.notes.append(reason)

    def looked(self, batch_ids: Sequence[str], *, conclusive: bool) -> None:
        self.looks += batch_ids
        for key in batch_ids:
            self.conclusive[key] = conclusive
            if self.rows[key].id in self.states:
                del self.batches[key]
            else:
                looks = self.batches[key].looks + conclusive
                self.batches[key] = replace(self.batches[key], looks=looks, looked_ago=timedelta(0))


@dataclass
class FakeLeadSquared:
    """What look-ups and webhooks tell."""

    read: Crm
    administrator: bool = True
    deleted: list[str] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)

    def sees_everything(self) -> bool:
        return self.administrator

    def delete(self, task_ids: Sequence[str]) -> None:
        self.deleted += task_ids

    def told(self, batch_ids: Sequence[str]) -> tuple[Mapping[int, str], Mapping[int, str]]:
        return self.ids, self.reasons


def batch(
    name: str = "1-000001", *, state: str = "accepted", age: float, looks: int = 0, ago: float | None = None
) -> OpenBatch:
    looked_ago = timedelta(seconds=ago or 0) if looks or ago is not None else None
    return OpenBatch(batch_id=name, plan_id=1, feed="visits", state=state, looks=looks,
                     age=timedelta(seconds=age), looked_ago=looked_ago)  # fmt: skip


def verifier(ledger: FakeLedger, leadsquared: FakeLeadSquared, **policy: Any) -> Verifier:
    return Verifier(ledger, leadsquared, settle=SETTLE, policy_of=lambda _: Policy(**policy))


def verify(ledger: FakeLedger, *tasks: Task, **policy: Any) -> Verified:
    """One round over a LeadSquared that has these tasks."""
    return verifier(ledger, FakeLeadSquared(Crm(*tasks)), **policy).round()


def mark(number: int) -> str:
    return marker(delivery_key("visits", str(number)))
