"""What people see of the ledger: counts, and a timeline that tells the whole story of one follow-up."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from followups.keys import delivery_key
from followups.ledger.reading import LedgerReader
from followups.ledger.settling import SettleLedger
from followups.model import State
from tests.contract.ledger_kit import (
    ACCEPTED,
    REFUSED,
    REJECTED,
    UNKNOWN,
    batch_ids,
    end,
    one,
    plan,
    rows_of,
    send,
    sender_of,
    take,
)
from tests.support.follow_ups import make_row, make_rows

Story = list[tuple[str | None, str]]


def story(engine: sa.Engine, followup_id: str) -> Story:
    """The transitions of one follow-up."""
    events = LedgerReader(engine).timeline(delivery_key("visits", followup_id))
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)
    assert all(event["at"].tzinfo and event["actor"] for event in events)
    return [(event["from_state"], event["to_state"]) for event in events]


SENT = [(None, "planned"), ("planned", "sending"), ("sending", "accepted")]


def test_timeline_holds_the_rows_own_events_and_its_batches_in_order(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(2))
    send(engine, plan_id)
    row = one(rows_of(engine), "f-1")
    SettleLedger(engine, actor="verify").created({row["id"]: "c001"})
    assert story(engine, "f-1") == [*SENT, ("accepted", "created")]
    assert story(engine, "f-2") == SENT
    events = LedgerReader(engine).timeline(row["delivery_key"])
    assert [event["reason"] for event in events] == ["due", "about to be sent", None, "seen in LeadSquared"]


def test_timeline_of_an_unknown_key_is_empty(engine: sa.Engine) -> None:
    assert LedgerReader(engine).timeline("nobody") == []


@pytest.mark.parametrize(
    ("changes", "state", "reason"),
    [({"subject": None}, "invalid", "subject: missing"),
     ({"cancelled": True}, "cancelled", "cancelled in the warehouse before it was sent")],
)  # fmt: skip
def test_timeline_of_a_row_that_was_kept_back_says_why(
    engine: sa.Engine, changes: dict[str, object], state: str, reason: str
) -> None:
    plan(engine, [make_row("f-1", **changes), make_row("f-2")])
    (event,) = LedgerReader(engine).timeline(delivery_key("visits", "f-1"))
    assert (event["from_state"], event["to_state"], event["reason"], event["actor"]) == (None, state, reason, "run-1")
    plan(engine, [make_row("f-1")], run="run-2")
    assert story(engine, "f-1") == [(None, state), (state, "planned")]


def test_timeline_follows_a_row_from_batch_to_batch_and_leaves_out_what_came_after_it_left(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(2))
    send(engine, first, REJECTED)
    second, _ = plan(engine, [make_row("f-1", subject="mended")], run="run-2")
    SettleLedger(engine, actor="verify")
    send(engine, second, ACCEPTED)
    assert story(engine, "f-1") == [
        (None, "planned"), ("planned", "sending"), ("sending", "rejected"),
        ("rejected", "planned"), ("planned", "sending"), ("sending", "accepted"),
    ]  # fmt: skip
    assert story(engine, "f-2") == [(None, "planned"), ("planned", "sending"), ("sending", "rejected")]


def test_timeline_of_a_row_that_left_its_batch_does_not_tell_what_became_of_the_batch(engine: sa.Engine) -> None:
    first, _ = plan(engine, make_rows(2))
    plan(engine, [make_row("f-1", cancelled=True)], run="run-2")
    send(engine, first)
    assert story(engine, "f-1") == [(None, "planned"), ("planned", "cancelled")]
    assert story(engine, "f-2") == SENT


def test_timeline_of_a_split_batch_goes_on_in_its_half(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(2))
    ledger = sender_of(engine)
    claim, _ = take(ledger, batch_ids(engine, plan_id)[0])
    for child, outcome in zip(ledger.split(claim, REJECTED), (ACCEPTED, REJECTED), strict=True):
        ledger.record(take(ledger, child)[0], outcome)
    split = [(None, "planned"), ("planned", "sending"), ("sending", "rejected"), ("rejected", "planned")]
    assert story(engine, "f-1") == [*split, ("planned", "sending"), ("sending", "accepted")]
    assert story(engine, "f-2") == [*split, ("planned", "sending"), ("sending", "rejected")]


def test_timeline_of_a_row_that_was_taken_up_twice_holds_both_batches(engine: sa.Engine) -> None:
    plan_ids = []
    for run in ("run-1", "run-2", "run-3"):
        plan_id, _ = plan(engine, run=run, leftovers=True) if plan_ids else plan(engine, make_rows(2))
        send(engine, plan_id, REFUSED)
        end(engine, plan_id)
        plan_ids.append(plan_id)
    attempt = [("planned", "sending"), ("sending", "planned")]
    moved = ("planned", "planned")
    assert story(engine, "f-1") == [(None, "planned"), *attempt, moved, *attempt, moved, *attempt]


def test_event_log_never_holds_what_is_sent(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, [make_row(subject="Zeenat Quillfeather"), make_row("f-2", owner_email="Zeenat")])
    send(engine, plan_id, UNKNOWN)
    for row in rows_of(engine):
        text = repr(LedgerReader(engine).timeline(row["delivery_key"])) + repr({**row, "payload": None})
        assert "Zeenat" not in text
        assert "ananya" not in text


def test_counts_of_a_run_are_by_state_and_reason_and_by_outcome_of_its_calls(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, [*make_rows(51), make_row("bad", subject=None)])
    ledger = sender_of(engine)
    first, second = batch_ids(engine, plan_id)
    ledger.record(take(ledger, first)[0], ACCEPTED)
    take(ledger, second)
    reader = LedgerReader(engine)
    assert reader.sent_counts([plan_id]) == {("accepted", ""): 50, ("sending", ""): 1}
    assert reader.call_counts([plan_id]) == {"accepted": 1, "under way": 1}
    assert reader.states() == reader.states("visits")
    assert reader.states("visits")["invalid", "subject: missing"] == 1
    assert reader.states("calls") == {}
    assert reader.open_states() == {"accepted": 50, "sending": 1}


def test_plans_of_a_run_are_found_by_its_key_oldest_first(engine: sa.Engine) -> None:
    plans = [plan(engine, make_rows(1), run="run-1")[0] for _ in range(2)]
    plan(engine, run="run-2")
    reader = LedgerReader(engine)
    assert reader.plan_ids("run-1") == plans
    assert reader.plan_ids("run-9") == []
    assert reader.plan(plans[1])["counts"]["outcomes"] == {"again": 1}


def test_delivery_is_shown_without_its_payload(engine: sa.Engine) -> None:
    plan(engine, make_rows(1))
    found = LedgerReader(engine).delivery(delivery_key("visits", "f-1"))
    assert found is not None
    assert (found["state"], "payload" in found) == (State.PLANNED, False)
    assert LedgerReader(engine).delivery("nobody") is None
