"""Rounds of verification: when to look, and when to wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from followups import verification
from followups.model import State
from followups.readback import DayRange
from followups.verdicts import DROPPED, RESENT
from followups.verification import BATCHES_AT_ONCE, CLOCKS_DIFFER, Verified
from tests.support.verifying import SETTLE, FakeLeadSquared, FakeLedger, batch, mark, verifier, verify
from tests.unit.followups.test_readback import Crm, Task


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
def test_next_look_needs_the_settle_time_and_a_distance_from_the_last(age: float, ago: float) -> None:
    ledger = FakeLedger(batch(age=age, looks=1, ago=ago))
    assert verify(ledger).wait == timedelta(seconds=1)
    assert ledger.looks == []


def test_only_looks_past_the_settle_time_count() -> None:
    ledger = FakeLedger(batch("1-000001", age=50), batch("1-000002", age=100))
    verify(ledger)
    assert ledger.conclusive == {"1-000001": False, "1-000002": True}


def test_every_batch_is_looked_for_in_its_turn() -> None:
    names = [f"1-{number:06d}" for number in range(BATCHES_AT_ONCE * 2 + 5)]
    ledger = FakeLedger(*(batch(name, age=10) for name in names))
    result = verify(ledger, *(Task(f"t{number}", mark(number)) for number in range(len(names))))
    assert ledger.looks == names
    assert (result.counts[State.CREATED], result.wait) == (len(names), None)


def test_next_round_comes_when_the_first_batch_is_due_and_not_before_a_second() -> None:
    assert verify(FakeLedger(batch("1-000001", age=2), batch("1-000002", age=7))).wait == timedelta(seconds=3)
    assert verify(FakeLedger(batch(age=9.99))).wait == timedelta(seconds=1)


def test_batch_that_nobody_looked_for_yet_goes_with_those_that_are_due() -> None:
    ledger = FakeLedger(batch("1-000001", age=10), batch("1-000002", age=1))
    result = verify(ledger, Task("t0", mark(0)), Task("t1", mark(1)))
    assert ledger.looks == ["1-000001", "1-000002"]
    assert (result.counts[State.CREATED], result.wait) == (2, None)


def test_batch_that_was_looked_for_beside_others_has_its_own_first_look_all_the_same() -> None:
    ledger = FakeLedger(batch("1-000001", age=10), batch("1-000002", age=1))
    assert verify(ledger, Task("t0", mark(0))).wait == timedelta(seconds=9)
    assert verify(FakeLedger(batch(age=10, ago=9)), Task("t0", mark(0))).counts[State.CREATED] == 1


def test_batch_that_had_its_first_look_does_not_go_with_others() -> None:
    ledger = FakeLedger(batch("1-000001", age=10), batch("1-000002", age=70, ago=60))
    verify(ledger)
    assert ledger.looks == ["1-000001"]


def test_rows_of_all_ages_are_looked_for_together_and_only_the_old_are_judged() -> None:
    ledger = FakeLedger(batch("1-000001", age=50, ago=None), batch("1-000002", age=100, looks=1, ago=50))
    crm = Crm()
    verifier(ledger, FakeLeadSquared(crm)).round()
    assert len(crm.calls) == 1
    assert ledger.states == {1: (State.REJECTED, DROPPED)}


def test_nothing_open_is_nothing_to_do() -> None:
    assert verify(FakeLedger()) == Verified()


def test_settle_time_of_the_tests_is_what_their_ages_mean() -> None:
    assert timedelta(seconds=100) == SETTLE


class FailingCrm(Crm):
    """Answers so many looks, and none after them."""

    def __init__(self, *tasks: Task, answers: int) -> None:
        super().__init__(*tasks)
        self.answers = answers

    def __call__(self, ranges: Sequence[DayRange]) -> Iterable[Task]:
        self.answers -= 1
        if self.answers < 0:
            raise ConnectionError("no answer")
        return super().__call__(ranges)


def test_sweep_that_fails_leaves_its_verdict_to_what_it_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "ROWS_PER_LOOK", 2)
    ledger = FakeLedger(*(batch(f"1-00000{number}", state="unknown", age=100) for number in range(1, 5)))
    crm = FailingCrm(Task("t0", mark(0)), answers=1)
    with pytest.raises(ConnectionError):
        verifier(ledger, FakeLeadSquared(crm)).round()
    assert ledger.looks == ["1-000001", "1-000002"]
    assert ledger.conclusive == {"1-000001": True, "1-000002": True}
    assert ledger.states == {0: (State.CREATED, "t0")}


def test_row_that_may_be_sent_without_a_look_waits_for_a_webhook_first() -> None:
    ledger = FakeLedger(batch("1-000001", state="unknown", age=10), batch("1-000002", state="unknown", age=1))
    verify(ledger, on_unknown="resend")
    assert ledger.states == {0: (State.PLANNED, RESENT)}


def test_closer_looks_reach_back_to_the_call_however_long_the_sweep_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    began = datetime(2031, 4, 5, 6, tzinfo=UTC)
    clock = Mock(now=Mock(side_effect=[began, began] + [began + timedelta(hours=5)] * 9))
    monkeypatch.setattr(verification, "datetime", clock)
    crm = Crm()
    verifier(FakeLedger(batch(state="unknown", age=100, looks=1, ago=60)), FakeLeadSquared(crm)).round()
    assert [since for _, since in crm.closely] == [began - timedelta(seconds=100) - CLOCKS_DIFFER]
