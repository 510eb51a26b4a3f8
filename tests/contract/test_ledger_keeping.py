"""Planned rows that are kept back: by a last look at task types, and by a person who is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from followups.ledger.keeping import KeepBackLedger
from followups.ledger.reading import LedgerReader
from followups.planning.batching import batch_name
from followups.schema import plans
from tests.contract.ledger_kit import batch, batch_ids, die, end, one, plan, rows_of, send, states, take
from tests.contract.ledger_kit import sender_of as make_sender
from tests.support.follow_ups import make_row, make_rows


def keeper(engine: sa.Engine) -> KeepBackLedger:
    return KeepBackLedger(engine, actor="keeper")


def bounds(plan_id: int) -> tuple[str, str]:
    return batch_name(plan_id, 1), batch_name(plan_id, 1000)


def test_task_types_of_planned_rows_are_told_and_one_can_be_refused(engine: sa.Engine) -> None:
    rows = [make_row("f-1"), make_row("f-2", task_type="Call"), make_row("f-3", task_type="Call")]
    first, _ = plan(engine, rows)
    other, _ = plan(engine, [make_row("g-1", task_type="Call")], run="run-2")
    ledger = keeper(engine)
    assert ledger.planned_types(*bounds(first)) == ["Call", "Meeting"]
    assert ledger.refuse_type(*bounds(first), task_type="Call", reason="task_type: gone") == 2
    assert states(engine) == {"f-1": "planned", "f-2": "invalid", "f-3": "invalid", "g-1": "planned"}
    assert ledger.planned_types(*bounds(first)) == ["Meeting"]
    assert ledger.refuse_type(*bounds(first), task_type="Call", reason="task_type: gone") == 0
    assert ledger.planned_types(*bounds(other)) == ["Call"]
    _, intent = take(make_sender(engine), batch_ids(engine, first)[0])
    assert len(intent.payloads) == 1
    (_, last) = LedgerReader(engine).timeline(one(rows_of(engine), "f-2")["delivery_key"])
    assert (last["from_state"], last["to_state"], last["reason"]) == ("planned", "invalid", "task_type: gone")
    assert LedgerReader(engine).sent_counts([first])["invalid", "task_type: gone"] == 2


def test_rows_that_were_sent_are_neither_refused_nor_held(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(2))
    send(engine, first)
    ledger = keeper(engine)
    assert ledger.planned_types(*bounds(first)) == []
    assert ledger.refuse_type(*bounds(first), task_type="Meeting", reason="x") == 0
    assert ledger.hold([first], "x") == 0
    assert set(states(engine).values()) == {"accepted"}


def test_waiting_rows_are_counted_by_task_type_and_in_calls(engine: sa.Engine) -> None:
    rows = [*make_rows(60), *(make_row(f"c-{n}", task_type="Call") for n in range(5))]
    first, _ = plan(engine, rows)
    assert keeper(engine).waiting([first]) == ({"Meeting": 60, "Call": 5}, 2)
    second, _ = plan(engine, rows)  # the plan task ran again and took its rows over
    assert keeper(engine).waiting([first, second]) == ({"Meeting": 60, "Call": 5}, 2)
    send(engine, second)
    assert keeper(engine).waiting([first, second]) == ({}, 0)


@pytest.mark.parametrize("silent", [False, True])
def test_rows_that_wait_for_an_answer_are_no_other_runs_however_silent_their_run(
    engine: sa.Engine, silent: bool
) -> None:
    first, _ = plan(engine, make_rows(3))
    keeper(engine).wait([first], timedelta(hours=24))
    if silent:
        die(engine, first)
    _, counts = plan(engine, make_rows(3), run="run-2", leftovers=True)
    assert (counts.outcomes, counts.leftovers) == ({"with another run": 3}, 0)


def test_wait_is_bounded_and_ends_with_the_answer_or_the_run(engine: sa.Engine) -> None:
    for run, free in enumerate([expire, lambda e, p: keeper(e).go_on([p]), end]):
        rows = [make_row(f"f-{run}-{n}") for n in range(3)]
        waiting, _ = plan(engine, rows, run=f"waiting-{run}")
        keeper(engine).wait([waiting], timedelta(hours=24))
        free(engine, waiting)
        die(engine, waiting)
        _, counts = plan(engine, rows, run=f"next-{run}")
        assert counts.outcomes == {"again": 3}, run


def expire(engine: sa.Engine, plan_id: int) -> None:
    with engine.begin() as connection:
        until = connection.execute(sa.select(plans.c.waits_until).where(plans.c.id == plan_id)).scalar_one()
        past = sa.update(plans).where(plans.c.id == plan_id)
        connection.execute(past.values(waits_until=until - timedelta(hours=25)))


def test_answer_is_a_sign_of_life(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(3))
    keeper(engine).wait([first], timedelta(hours=24))
    die(engine, first)
    keeper(engine).go_on([first])
    _, counts = plan(engine, make_rows(3), run="run-2", leftovers=True)
    assert counts.outcomes == {"with another run": 3}


def test_no_holds_every_row_with_its_reason_and_a_requeue_sends_them_once(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(60))
    assert keeper(engine).hold([first], "not approved by ava") == 60
    assert {batch(engine, each)["state"] for each in batch_ids(engine, first)} == {"settled"}
    assert make_sender(engine).open_batches(*bounds(first)) == []
    assert LedgerReader(engine).sent_counts([first]) == {("held", "not approved by ava"): 60}
    end(engine, first)
    _, left = plan(engine, make_rows(60), run="run-2", leftovers=True)
    assert left.outcomes == {"already held": 60}
    again, counts = plan(engine, make_rows(60), run="run-3", requeue="held")
    assert counts.outcomes == {"again": 60}
    assert send(engine, again) == 2
    story = LedgerReader(engine).timeline(rows_of(engine)[0]["delivery_key"])
    assert [event["to_state"] for event in story] == ["planned", "held", "planned", "sending", "accepted"]


def test_rows_of_several_lost_types_leave_one_batch(engine: sa.Engine) -> None:
    kinds = ("Call", "Visit")
    first, _ = plan(engine, [make_row(f"f-{kind}", task_type=kind) for kind in kinds])
    for kind in kinds:
        assert keeper(engine).refuse_type(*bounds(first), task_type=kind, reason=f"no {kind}") == 1
    (parent, refused) = batch_ids(engine, first)
    assert (batch(engine, refused)["state"], batch(engine, refused)["rows"]) == ("settled", 2)
    claim = make_sender(engine).claim(parent)
    assert claim is not None
    assert make_sender(engine).begin(claim, "x") is None
    assert LedgerReader(engine).sent_counts([first]) == {("invalid", "no Call"): 1, ("invalid", "no Visit"): 1}
