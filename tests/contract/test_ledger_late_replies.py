"""A reply that comes when its rows had been proved absent takes them from whoever is about to send them again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from followups.ledger.sending import Claim, SendLedger
from followups.ledger.settling import SettleLedger
from followups.model import Outcome, OutcomeKind, State
from followups.schema import batches, changes, deliveries
from tests.contract.ledger_kit import (
    ACCEPTED,
    REFUSED,
    REJECTED,
    UNKNOWN,
    batch,
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

LATE = [(ACCEPTED, "accepted"), (UNKNOWN, "unknown")]
SINGLE = Outcome(kind=OutcomeKind.ACCEPTED, http_status=200, crm_task_id="c001")


class Story:
    """Two rows that were sent by somebody who was taken for dead, and then were not found."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.plan_id, _ = plan(engine, make_rows(2))
        (self.batch_id,) = batch_ids(engine, self.plan_id)
        self.sender = sender_of(engine, "slow", lease_seconds=-1)
        self.claim, _ = take(self.sender, self.batch_id)
        sender_of(engine, "other").expire_leases()
        self.verify = SettleLedger(engine, actor="verify", plan_ids=[self.plan_id])
        self.verify.open_batches(10)
        self.verify.move([row["id"] for row in rows_of(engine)], State.PLANNED, "was not found")

    def looked(self) -> None:
        self.verify.looked([self.batch_id], conclusive=True)

    def send_again(self) -> tuple[SendLedger, Claim, int]:
        """Send what may be sent again; return how many rows that was."""
        sender = sender_of(self.engine, "again")
        claim = sender.claim(self.batch_id)
        assert claim is not None
        intent = sender.begin(claim, "again")
        return sender, claim, len(intent.payloads) if intent else 0


@pytest.fixture
def story(engine: sa.Engine) -> Story:
    return Story(engine)


@pytest.mark.parametrize(("outcome", "state"), LATE)
def test_rows_that_wait_to_be_sent_again_are_not(story: Story, outcome: Outcome, state: str) -> None:
    story.looked()
    assert story.sender.record(story.claim, outcome) is False
    assert counted(story.engine) == {state: 2}
    assert story.send_again()[2] == 0
    (found,) = story.verify.open_batches(10)
    assert (found.state, found.looks, found.looked_ago) == (state, 0, None)
    assert len(story.verify.open_rows([found.batch_id])[found.batch_id]) == 2


@pytest.mark.parametrize(("outcome", "state"), LATE)
def test_reply_within_a_round_of_verification_ends_its_verdict(story: Story, outcome: Outcome, state: str) -> None:
    story.sender.record(story.claim, outcome)
    story.looked()
    assert counted(story.engine) == {state: 2}
    assert story.verify.plans_to_send_again() == []


def test_rows_that_a_newer_plan_took_up_are_taken_from_it(story: Story) -> None:
    story.looked()
    end(story.engine, story.plan_id)
    newer, _ = plan(story.engine, make_rows(2), run="run-2")
    story.sender.record(story.claim, ACCEPTED)
    claim = sender_of(story.engine).claim(batch_ids(story.engine, newer)[0])
    assert claim is not None
    assert sender_of(story.engine).begin(claim, "newer") is None
    assert counted(story.engine) == {"accepted": 2}


def test_rows_that_somebody_sends_again_by_now_are_left_to_him_and_audited(story: Story) -> None:
    story.looked()
    sender, claim, rows = story.send_again()
    assert rows == 2
    story.sender.record(story.claim, ACCEPTED)
    assert counted(story.engine) == {"sending": 2}
    sender.record(claim, UNKNOWN)
    assert counted(story.engine) == {"unknown": 2}


def test_task_that_a_single_create_names_late_is_the_rows(engine: sa.Engine) -> None:
    story = Story(engine)
    story.looked()
    story.sender.record(story.claim, SINGLE)
    assert {(row["state"], row["crm_task_id"]) for row in rows_of(engine)} == {("created", "c001")}
    (found,) = [each for each in batch_ids(engine, story.plan_id) if each != story.batch_id]
    assert batch(engine, found)["state"] == "settled"


@pytest.mark.parametrize("outcome", [REFUSED, REJECTED])
def test_reply_that_tells_of_no_effect_leaves_them_to_be_sent_again(story: Story, outcome: Outcome) -> None:
    story.looked()
    story.sender.record(story.claim, outcome)
    assert counted(story.engine) == {"planned": 2}
    assert story.send_again()[2] == 2


def test_row_that_was_cancelled_meanwhile_is_in_leadsquared_after_all(story: Story) -> None:
    story.looked()
    plan(story.engine, [make_row("f-1", cancelled=True)], run="run-2")
    assert states(story.engine) == {"f-1": "cancelled", "f-2": "planned"}
    story.sender.record(story.claim, ACCEPTED)
    assert [(row["state"], row["withdrawn"]) for row in rows_of(story.engine)] == [
        ("accepted", True), ("accepted", False),
    ]  # fmt: skip


def test_reply_is_heeded_once(story: Story) -> None:
    story.looked()
    story.sender.record(story.claim, ACCEPTED)
    story.sender.record(story.claim, ACCEPTED)
    assert len(batch_ids(story.engine, story.plan_id)) == 2


def test_settled_batch_is_audited_a_while_after_the_late_reply(engine: sa.Engine) -> None:
    story = Story(engine)
    story.looked()
    sender, claim, _ = story.send_again()
    sender.record(claim, REJECTED)
    before = batch(engine, story.batch_id)
    story.verify.unaudited_batches(-sender.lease, 10)
    story.sender.record(story.claim, ACCEPTED)
    story.verify.audited([story.batch_id])
    after = batch(engine, story.batch_id)
    assert after["settled_at"] > before["settled_at"]
    assert after["audited_at"] is None


def set_back(engine: sa.Engine, batch_id: str, by: timedelta) -> None:
    """Let a batch's call have ended, and have been looked for, a while ago."""
    then = datetime.now(UTC) - by
    with engine.begin() as connection:
        chosen = sa.update(batches).where(batches.c.batch_id == batch_id)
        connection.execute(chosen.values(answered_at=then, looked_at=then, looks=1))


@pytest.mark.parametrize(("outcome", "_"), LATE)
def test_settle_time_of_a_later_call_counts_from_the_late_reply(story: Story, outcome: Outcome, _: str) -> None:
    story.looked()
    sender, claim, _rows = story.send_again()
    sender.record(claim, UNKNOWN)
    set_back(story.engine, story.batch_id, timedelta(hours=1))
    story.sender.record(story.claim, outcome)
    (found,) = story.verify.open_batches(10)
    assert found.age < timedelta(minutes=5)
    assert found.looks == 0
    assert counted(story.engine) == {"unknown": 2}


def test_settle_time_of_a_newer_plans_call_counts_from_the_late_reply(story: Story) -> None:
    story.looked()
    end(story.engine, story.plan_id)
    newer, _ = plan(story.engine, make_rows(2), run="run-2")
    send(story.engine, newer, UNKNOWN)
    set_back(story.engine, *batch_ids(story.engine, newer), timedelta(hours=1))
    verify = SettleLedger(story.engine, actor="verify", plan_ids=[newer])
    verify.open_rows([each.batch_id for each in verify.open_batches(10)])
    story.sender.record(story.claim, ACCEPTED)
    verify.move([row["id"] for row in rows_of(story.engine)], State.PLANNED, "was not found")
    assert counted(story.engine) == {"unknown": 2}
    assert verify.open_batches(10)[0].age < timedelta(minutes=5)


def test_batch_of_a_newer_plan_that_has_the_rows_is_audited_after_the_late_reply(story: Story) -> None:
    story.looked()
    end(story.engine, story.plan_id)
    newer, _ = plan(story.engine, make_rows(2), run="run-2")
    send(story.engine, newer, ACCEPTED)
    (batch_id,) = batch_ids(story.engine, newer)
    verify = SettleLedger(story.engine, actor="verify", plan_ids=[newer])
    verify.created({row["id"]: f"c{row['id']}" for row in rows_of(story.engine)})
    verify.looked([batch_id], conclusive=True)
    verify.audited([batch_id])
    story.sender.record(story.claim, ACCEPTED)
    assert [each.batch_id for each in verify.unaudited_batches(-timedelta(minutes=5), 10)] == [batch_id]


@pytest.mark.parametrize("given_up", [State.HELD, State.REJECTED, State.INVALID])
@pytest.mark.parametrize(("outcome", "state"), [(ACCEPTED, "accepted"), (SINGLE, "created")])
def test_rows_that_were_given_up_are_not_once_leadsquared_took_them(
    story: Story, outcome: Outcome, state: str, given_up: State
) -> None:
    story.looked()
    with story.engine.begin() as connection:
        connection.execute(sa.update(deliveries).values(state=given_up))
    story.sender.record(story.claim, outcome)
    assert counted(story.engine) == {state: 2}


@pytest.mark.parametrize("given_up", [State.HELD, State.REJECTED])
def test_rows_that_were_given_up_stay_so_if_nobody_knows_what_became_of_the_call(story: Story, given_up: State) -> None:
    story.looked()
    with story.engine.begin() as connection:
        connection.execute(sa.update(deliveries).values(state=given_up))
    story.sender.record(story.claim, UNKNOWN)
    assert counted(story.engine) == {str(given_up): 2}


def test_reply_tells_nothing_of_rows_that_lost_their_crm_task_since(story: Story) -> None:
    story.looked()
    sender, claim, _ = story.send_again()
    sender.record(claim, ACCEPTED)
    renewed, other = rows_of(story.engine)
    story.verify.created({row["id"]: f"c{row['id']}" for row in (renewed, other)})
    now = datetime.now(UTC)
    with story.engine.begin() as connection:
        chosen = sa.update(deliveries).where(deliveries.c.id == renewed["id"])
        connection.execute(chosen.values(state="held", generation=1, batch_id=None, crm_task_id=None))
        undo = {
            "delivery_id": renewed["id"], "plan_id": story.plan_id, "kind": "undo", "state": "done", "why": "a test",
            "crm_task_id": "c001", "generation": 0, "content_hash": "", "created_at": now, "updated_at": now,
        }  # fmt: skip
        connection.execute(sa.insert(changes).values(undo))
    story.sender.record(story.claim, ACCEPTED)
    assert counted(story.engine) == {"held": 1, "created": 1}


@pytest.mark.parametrize("rows", [1, 2])
def test_rejection_within_a_round_of_verification_leaves_no_row_behind(engine: sa.Engine, rows: int) -> None:
    """The verdict that they are absent, and the reply that they were rejected, leave them in no settled batch."""
    plan_id, _ = plan(engine, make_rows(rows))
    (batch_id,) = batch_ids(engine, plan_id)
    sender = sender_of(engine, "slow", lease_seconds=-1)
    claim, _ = take(sender, batch_id)
    sender.expire_leases()
    verify = SettleLedger(engine, actor="verify", plan_ids=[plan_id])
    verify.open_batches(10)
    verify.move([rows_of(engine)[0]["id"]], State.PLANNED, "was not found")
    if rows == 1:
        sender.record(claim, REJECTED)
        assert counted(engine) == {"rejected": 1}
    else:
        children = sender.split(claim, REJECTED)
        assert [(row["state"], row["batch_id"]) for row in rows_of(engine)] == [("planned", each) for each in children]
