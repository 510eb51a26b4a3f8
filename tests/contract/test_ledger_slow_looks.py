"""A verdict holds only where it was given; a CRM task that was seen is there, whatever became of its row since."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from followups.ledger.settling import SettleLedger
from followups.model import State
from followups.schema import deliveries
from tests.contract.ledger_kit import (
    UNKNOWN,
    batch_ids,
    counted,
    end,
    plan,
    rows_of,
    send,
    sender_of,
    states,
    take,
)
from tests.support.follow_ups import make_row, make_rows


class Two:
    """Two who look for the same rows, the outcome of whose call is unknown."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.plan_id, _ = plan(engine, make_rows(2))
        (self.batch_id,) = batch_ids(engine, self.plan_id)
        self.sender = sender_of(engine, lease_seconds=-1)
        self.claim, _ = take(self.sender, self.batch_id)
        self.sender.expire_leases()
        end(engine, self.plan_id)
        self.ids = [row["id"] for row in rows_of(engine)]
        self.quick, self.slow = (
            SettleLedger(engine, actor=name, plan_ids=[self.plan_id]) for name in ("quick", "slow")
        )
        for ledger in (self.quick, self.slow):
            ledger.open_rows([batch.batch_id for batch in ledger.open_batches(10)])

    def end(self, state: State) -> None:
        """Let the quicker one end the batch."""
        self.quick.move(self.ids, state, "was not found")
        self.quick.looked([self.batch_id], conclusive=True)


@pytest.fixture
def two(engine: sa.Engine) -> Two:
    return Two(engine)


@pytest.mark.parametrize("verdict", [State.PLANNED, State.HELD, State.REJECTED])
def test_verdict_tells_nothing_of_a_newer_plans_call(two: Two, verdict: State) -> None:
    two.end(State.HELD)
    newer, _ = plan(two.engine, make_rows(2), run="run-2", requeue="held")
    send(two.engine, newer, UNKNOWN)
    two.slow.move(two.ids, verdict, "was not found")
    assert counted(two.engine) == {"unknown": 2}


def test_verdict_tells_nothing_of_rows_that_a_late_reply_took_away(two: Two) -> None:
    two.end(State.PLANNED)
    two.sender.record(two.claim, UNKNOWN)
    two.slow.move(two.ids, State.PLANNED, "was not found")
    assert counted(two.engine) == {"unknown": 2}


def test_rows_that_only_one_of_two_looks_showed_are_not_sent_again(two: Two) -> None:
    two.end(State.PLANNED)
    two.slow.created({row_id: f"c{row_id}" for row_id in two.ids})
    assert counted(two.engine) == {"created": 2}
    claim = sender_of(two.engine).claim(two.batch_id)
    assert claim is not None
    assert sender_of(two.engine).begin(claim, "again") is None


def test_row_that_was_seen_is_created_though_it_was_cancelled_meanwhile(two: Two) -> None:
    two.end(State.PLANNED)
    plan(two.engine, [make_row("f-1", cancelled=True)], run="run-2")
    two.slow.created({two.ids[0]: "c001"})
    assert states(two.engine) == {"f-1": "created", "f-2": "planned"}


def test_row_that_was_seen_is_left_to_whoever_sends_it_again(two: Two) -> None:
    two.end(State.PLANNED)
    take(sender_of(two.engine), two.batch_id)
    two.slow.created({two.ids[0]: "c001"})
    assert counted(two.engine) == {"sending": 2}


def test_row_that_lost_the_task_that_was_seen_stays_as_it_is(two: Two) -> None:
    two.end(State.HELD)
    with two.engine.begin() as connection:
        connection.execute(sa.update(deliveries).values(generation=1, reason="undone"))
    two.slow.created({two.ids[0]: "c001"})
    assert [(row["state"], row["crm_task_id"]) for row in rows_of(two.engine)] == [("held", None)] * 2
