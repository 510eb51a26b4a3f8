"""Rounds of verification: when to look, when to give a verdict, when to wait."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from followups.keys import delivery_key, marker
from followups.ledger.settling import OpenBatch, OpenRow
from followups.model import State
from followups.verification import BATCHES_PER_LOOK, CANNOT_LOOK, DROPPED, Verified, Verifier
from tests.unit.followups.test_readback import AVA, Crm, Task

SETTLE = timedelta(seconds=100)


class FakeLedger:
    """Batches of one row each; a look makes them older by nothing."""

    def __init__(self, *batches: OpenBatch, payload: bool = True) -> None:
        self.batches = {batch.batch_id: batch for batch in batches}
        self.rows = {batch.batch_id: self._row(number, batch, payload) for number, batch in enumerate(batches)}
        self.states: dict[int, tuple[State, str | None]] = {}
        self.looks: list[str] = []

    def _row(self, number: int, batch: OpenBatch, payload: bool) -> OpenRow:
        key = delivery_key("visits", str(number))
        text = json.dumps({"Name": "Visit", "OwnerEmailAddress": AVA, "DueDate": "2031-04-05 06:00:00",
                           "Description": f"[ref:{marker(key)}]"})  # fmt: skip
        return OpenRow(id=number, key=key, generation=0, state=batch.state, payload=text if payload else None)

    def open_batches(self, limit: int, after: str = "") -> list[OpenBatch]:
        return [self.batches[key] for key in sorted(self.batches) if key > after][:limit]

    def open_rows(self, batch_ids: Sequence[str]) -> dict[str, list[OpenRow]]:
        return {key: [row for row in [self.rows[key]] if row.id not in self.states] for key in batch_ids}

    def created(self, crm_task_ids: Any, reason: str | None = None) -> None:
        self.states |= {key: (State.CREATED, task) for key, task in crm_task_ids.items()}

    def move(self, delivery_ids: Sequence[int], state: State, reason: str | None) -> None:
        self.states |= dict.fromkeys(delivery_ids, (state, reason))

    def looked(self, batch_ids: Sequence[str]) -> None:
        self.looks += batch_ids
        for key in batch_ids:
            if self.rows[key].id in self.states:
                del self.batches[key]
            else:
                batch = self.batches[key]
                self.batches[key] = replace(batch, looks=batch.looks + 1, looked_ago=timedelta(0))


def batch(
    name: str = "1-000001", *, state: State = State.ACCEPTED, age: float, looks: int = 0, ago: float = 0
) -> OpenBatch:
    return OpenBatch(
        batch_id=name,
        state=state,
        looks=looks,
        age=timedelta(seconds=age),
        looked_ago=timedelta(seconds=ago) if looks else None,
    )


def verify(ledger: FakeLedger, *tasks: Task) -> Verified:
    return Verifier(ledger, Crm(*tasks), settle=SETTLE).round()


def mark(number: int) -> str:
    return marker(delivery_key("visits", str(number)))


def test_first_look_waits_for_a_tenth_of_the_settle_time() -> None:
    ledger = FakeLedger(batch(age=4))
    assert verify(ledger).wait == timedelta(seconds=6)
    assert ledger.looks == []


def test_row_that_is_seen_is_created_with_its_id_and_ends_the_wait() -> None:
    ledger = FakeLedger(batch(age=10))
    result = verify(ledger, Task("t0", mark(0)))
    assert ledger.states == {0: (State.CREATED, "t0")}
    assert (result.counts[State.CREATED], result.wait) == (1, None)


def test_row_that_is_not_seen_early_is_looked_for_again_after_the_settle_time() -> None:
    ledger = FakeLedger(batch(age=10))
    result = verify(ledger)
    assert ledger.states == {}
    assert result.wait == timedelta(seconds=90)


@pytest.mark.parametrize(("age", "ago"), [(99, 60), (150, 49)])
def test_second_look_needs_the_settle_time_and_a_distance_from_the_first(age: float, ago: float) -> None:
    ledger = FakeLedger(batch(age=age, looks=1, ago=ago))
    assert verify(ledger).wait == timedelta(seconds=1)
    assert ledger.looks == []


def test_accepted_row_that_two_looks_did_not_find_is_rejected() -> None:
    ledger = FakeLedger(batch(age=100, looks=1, ago=50))
    result = verify(ledger)
    assert ledger.states == {0: (State.REJECTED, DROPPED)}
    assert (result.counts[State.REJECTED], result.wait) == (1, None)


def test_one_look_is_no_proof_of_absence_however_late_it_comes() -> None:
    ledger = FakeLedger(batch(age=10_000))
    verify(ledger)
    assert ledger.states == {}


def test_unknown_row_is_never_called_rejected_but_given_up_after_two_looks() -> None:
    ledger = FakeLedger(batch(age=100, looks=1, ago=50, state=State.UNKNOWN))
    result = verify(ledger)
    assert (ledger.states, result.wait) == ({}, None)
    assert verify(ledger).wait is None
    assert ledger.looks == ["1-000001"]


def test_unknown_row_that_is_seen_is_created() -> None:
    ledger = FakeLedger(batch(age=100, state=State.UNKNOWN))
    verify(ledger, Task("t0", mark(0)))
    assert ledger.states == {0: (State.CREATED, "t0")}


def test_row_that_cannot_be_looked_for_is_held_for_a_person() -> None:
    ledger = FakeLedger(batch(age=10, state=State.UNKNOWN), payload=False)
    result = verify(ledger)
    assert ledger.states == {0: (State.HELD, CANNOT_LOOK)}
    assert result.counts[State.HELD] == 1


def test_second_task_of_one_row_is_told() -> None:
    result = verify(FakeLedger(batch(age=10)), Task("t0", mark(0)), Task("t1", mark(0)))
    assert result.duplicates == {0: ["t0", "t1"]}
    assert result.counts[State.CREATED] == 1


def test_every_batch_is_looked_for_in_its_turn() -> None:
    names = [f"1-{number:06d}" for number in range(BATCHES_PER_LOOK * 2 + 5)]
    ledger = FakeLedger(*(batch(name, age=10) for name in names))
    result = verify(ledger, *(Task(f"t{number}", mark(number)) for number in range(len(names))))
    assert ledger.looks == names
    assert (result.counts[State.CREATED], result.wait) == (len(names), None)


def test_next_round_comes_when_the_first_batch_is_due_and_not_before_a_second() -> None:
    assert verify(FakeLedger(batch("1-000001", age=2), batch("1-000002", age=7))).wait == timedelta(seconds=3)
    assert verify(FakeLedger(batch(age=9.99))).wait == timedelta(seconds=1)


def test_nothing_open_is_nothing_to_do() -> None:
    assert verify(FakeLedger()) == Verified()
