"""Rows that are cancelled while nobody knows whether they were created: they are not sent again."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from followups.ledger.settling import SettleLedger
from followups.model import State
from followups.planning.counts import PlanCounts
from tests.contract.ledger_kit import UNKNOWN, batch_ids, die, plan, rows_of, send, sender_of, states
from tests.support.follow_ups import make_row, make_rows


@pytest.fixture
def sent(engine: sa.Engine) -> int:
    """A plan of two rows whose call had no outcome."""
    plan_id, _ = plan(engine, make_rows(2))
    send(engine, plan_id, UNKNOWN)
    return plan_id


def replan(engine: sa.Engine, run: str, **changes: object) -> PlanCounts:
    return plan(engine, [make_row("f-1", **changes)], run=run)[1]


def prove_absent(engine: sa.Engine, plan_id: int) -> None:
    ledger = SettleLedger(engine, actor="verify", plan_ids=[plan_id])
    (found,) = ledger.open_batches(10)
    ledger.move([row["id"] for row in rows_of(engine)], State.PLANNED, "was not found")
    ledger.looked([found.batch_id], conclusive=True)


def send_again(engine: sa.Engine, plan_id: int) -> int:
    claim = sender_of(engine).claim(batch_ids(engine, plan_id)[0])
    assert claim is not None
    intent = sender_of(engine).begin(claim, "again")
    return len(intent.payloads) if intent else 0


def test_cancelled_row_is_not_sent_again_once_it_is_proved_absent(engine: sa.Engine, sent: int) -> None:
    counts = replan(engine, "run-2", cancelled=True)
    assert counts.outcomes == {"already unknown, cancelled since": 1}
    assert states(engine) == {"f-1": "unknown", "f-2": "unknown"}
    assert {row["plan_id"] for row in rows_of(engine)} == {sent}
    prove_absent(engine, sent)
    assert send_again(engine, sent) == 1
    assert states(engine) == {"f-1": "cancelled", "f-2": "sending"}
    assert rows_of(engine)[0]["batch_id"] is None


def test_batch_of_cancelled_rows_alone_is_settled_without_a_call(engine: sa.Engine, sent: int) -> None:
    plan(engine, make_rows(2, cancelled=True), run="run-2")
    prove_absent(engine, sent)
    assert send_again(engine, sent) == 0
    assert states(engine) == {"f-1": "cancelled", "f-2": "cancelled"}


def test_what_is_told_twice_is_written_once(engine: sa.Engine, sent: int) -> None:
    replan(engine, "run-2", cancelled=True)
    before = rows_of(engine)
    assert replan(engine, "run-3", cancelled=True).outcomes == {"already unknown": 1}
    assert rows_of(engine) == before


def test_row_that_is_wanted_after_all_is_sent_again(engine: sa.Engine, sent: int) -> None:
    replan(engine, "run-2", cancelled=True)
    assert replan(engine, "run-3").outcomes == {"already unknown, sent after all since": 1}
    prove_absent(engine, sent)
    assert send_again(engine, sent) == 2


def test_row_that_was_cancelled_and_never_sent_is_sent_when_it_is_as_it_first_was(engine: sa.Engine, sent: int) -> None:
    replan(engine, "run-2", cancelled=True)
    prove_absent(engine, sent)
    send_again(engine, sent)
    assert states(engine)["f-1"] == "cancelled"
    assert replan(engine, "run-3").outcomes == {"again": 1}


def test_row_that_a_newer_plan_takes_up_is_withdrawn_no_more(engine: sa.Engine, sent: int) -> None:
    replan(engine, "run-2", cancelled=True)
    prove_absent(engine, sent)
    die(engine, sent)
    plan_id, counts = plan(engine, [make_row("f-1")], run="run-3")
    assert counts.outcomes == {"again": 1}
    assert send_again(engine, plan_id) == 1


def test_cancelled_row_that_a_newer_run_finds_left_behind_is_not_sent(engine: sa.Engine, sent: int) -> None:
    replan(engine, "run-2", cancelled=True)
    prove_absent(engine, sent)
    die(engine, sent)
    plan_id, counts = plan(engine, run="run-3", leftovers=True)
    assert counts.leftovers == 2
    assert send_again(engine, plan_id) == 1
    assert states(engine) == {"f-1": "cancelled", "f-2": "sending"}


def test_row_that_turns_out_created_stays_so(engine: sa.Engine, sent: int) -> None:
    replan(engine, "run-2", cancelled=True)
    SettleLedger(engine, actor="verify").created({rows_of(engine)[0]["id"]: "c001"})
    assert states(engine)["f-1"] == "created"
    assert replan(engine, "run-3", cancelled=True).outcomes == {"already created": 1}
