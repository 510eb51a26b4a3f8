"""The ledger as verification sees it: what is open after it was sent, and how it ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from followups.database import connect
from followups.ledger.sending import SendLedger
from followups.ledger.settling import SettleLedger
from followups.model import Outcome, State
from followups.schema import batches, deliveries, metadata
from tests.contract.ledger_kit import (
    ACCEPTED,
    REFUSED,
    REJECTED,
    UNAUTHORISED,
    UNKNOWN,
    batch,
    batch_ids,
    counted,
    end,
    expire,
    plan,
    rows_of,
    send,
    sender_of,
    take,
)
from tests.support.follow_ups import make_rows


def sent_plan(engine: sa.Engine, rows: int = 3, outcome: Outcome = ACCEPTED) -> tuple[int, SettleLedger]:
    plan_id, _ = plan(engine, make_rows(rows))
    send(engine, plan_id, outcome)
    return plan_id, SettleLedger(engine, actor="verify", plan_ids=[plan_id])


@pytest.mark.parametrize(
    ("outcome", "is_open"), [(ACCEPTED, True), (UNKNOWN, True), (REFUSED, False), (REJECTED, False)]
)
def test_accepted_and_unknown_batches_are_open(engine: sa.Engine, outcome: Outcome, is_open: bool) -> None:
    plan_id, ledger = sent_plan(engine, outcome=outcome)
    found = ledger.open_batches(10)
    assert [each.batch_id for each in found] == (batch_ids(engine, plan_id) if is_open else [])
    for each in found:
        assert (each.state, each.looks, each.looked_ago) == (str(outcome.kind), 0, None)
        assert timedelta(0) <= each.age < timedelta(minutes=1)


def test_open_batches_come_in_pages_by_id(engine: sa.Engine) -> None:
    plan_id, ledger = sent_plan(engine, rows=130)
    first = ledger.open_batches(2)
    rest = ledger.open_batches(2, after=first[-1].batch_id)
    assert [each.batch_id for each in (*first, *rest)] == batch_ids(engine, plan_id)


def test_other_plans_are_not_this_runs(engine: sa.Engine) -> None:
    sent_plan(engine)
    assert SettleLedger(engine, actor="verify", plan_ids=[99]).open_batches(10) == []


def test_open_batches_are_counted_and_the_oldest_and_youngest_of_each_look_are_found(engine: sa.Engine) -> None:
    plan_id, ledger = sent_plan(engine, rows=230)
    ids = batch_ids(engine, plan_id)
    assert ledger.count_open() == len(ids) == 5
    ledger.looked(ids[:3], conclusive=False)
    with engine.begin() as connection:
        for name, minutes in zip(ids, (1, 4, 2, 3, 5), strict=True):
            b = batches.c
            ended = datetime.now(UTC) - timedelta(minutes=minutes)
            connection.execute(sa.update(batches).where(b.batch_id == name).values(answered_at=ended))
    found = ledger.ages_open()
    assert sorted((round(age / timedelta(minutes=1)), looked is None) for age, looked in found) == [
        (1, False), (3, True), (4, False), (5, True)
    ]  # fmt: skip
    other = SettleLedger(engine, actor="verify", plan_ids=[99])
    assert (other.count_open(), other.ages_open(), other.plans_to_send_again()) == (0, [], [])


def test_rows_come_with_what_they_are_recognised_by(engine: sa.Engine) -> None:
    plan_id, ledger = sent_plan(engine)
    ids = batch_ids(engine, plan_id)
    (rows,) = ledger.open_rows(ids).values()
    assert [(row.id, row.key, row.payload) for row in rows] == [
        (row["id"], row["delivery_key"], row["payload"]) for row in rows_of(engine)
    ]
    assert {row.state for row in rows} == {State.ACCEPTED}


def test_rows_that_are_due_together_come_together_each_once(engine: sa.Engine) -> None:
    plan_id, ledger = sent_plan(engine, rows=130)
    ids, day = batch_ids(engine, plan_id), datetime(2031, 4, 5, tzinfo=UTC)
    before = rows_of(engine)
    with engine.begin() as connection:  # a day for each two rows, however far apart; one row has none
        for place, each in enumerate(before):
            due = day + timedelta(days=place % 65) if place else None
            connection.execute(sa.update(deliveries).where(deliveries.c.id == each["id"]).values(due_at=due))
    assert ledger.count_open_rows(ids) == 130
    due_at = {each["id"]: each["due_at"] for each in rows_of(engine)}
    read = []
    for part in ledger.open_rows_by_due(ids, 40):
        assert set(part) <= {*ids}
        rows = [row.id for members in part.values() for row in members]
        ledger.created({row_id: f"c{row_id}" for row_id in rows if row_id % 2})  # these leave what is read
        read.append(rows)
    assert list(map(len, read)) == [40, 40, 40, 10]
    assert len({row_id for rows in read for row_id in rows}) == 130
    days = [{due_at[row_id] or day for row_id in rows} for rows in read]
    assert all(max(sooner) <= min(later) for sooner, later in pairwise(days))
    assert ledger.count_open_rows(ids) == sum(1 for row_id in due_at if not row_id % 2)


def test_row_that_was_seen_is_created_with_its_id_and_is_open_no_more(engine: sa.Engine) -> None:
    plan_id, ledger = sent_plan(engine)
    first, *others = rows_of(engine)
    ledger.created({first["id"]: "c001"})
    assert [(row["state"], row["crm_task_id"]) for row in rows_of(engine)] == [
        ("created", "c001"), ("accepted", None), ("accepted", None),
    ]  # fmt: skip
    (rows,) = ledger.open_rows(batch_ids(engine, plan_id)).values()
    assert [row.id for row in rows] == [row["id"] for row in others]


def test_verdict_moves_open_rows_alone(engine: sa.Engine) -> None:
    _, ledger = sent_plan(engine, outcome=UNKNOWN)
    first, second, third = (row["id"] for row in rows_of(engine))
    ledger.created({first: "c001"})
    ledger.move([first, second], State.HELD, "why")
    assert [(row["id"], row["state"], row["reason"]) for row in rows_of(engine)] == [
        (first, "created", None), (second, "held", "why"), (third, "unknown", "timeout"),
    ]  # fmt: skip


def test_planned_row_is_never_called_created(engine: sa.Engine) -> None:
    plan(engine, make_rows(1))
    (row,) = rows_of(engine)
    ledger = SettleLedger(engine, actor="verify")
    ledger.created({row["id"]: "c001"})
    ledger.move([row["id"]], State.REJECTED, "why")
    assert counted(engine) == {"planned": 1}


def test_batch_is_settled_once_no_row_is_open(engine: sa.Engine) -> None:
    plan_id, ledger = sent_plan(engine)
    ids = batch_ids(engine, plan_id)
    ledger.looked(ids, conclusive=True)
    assert batch(engine, ids[0])["state"] == "accepted"
    (found,) = ledger.open_batches(10)
    assert found.looks == 1
    assert found.looked_ago is not None
    ledger.created({row["id"]: f"c{row['id']}" for row in rows_of(engine)})
    ledger.looked(ids, conclusive=True)
    assert (batch(engine, ids[0])["state"], ledger.open_batches(10)) == ("settled", [])


def test_look_that_proves_nothing_is_not_counted(engine: sa.Engine) -> None:
    plan_id, ledger = sent_plan(engine)
    ledger.looked(batch_ids(engine, plan_id), conclusive=False)
    assert ledger.open_batches(10)[0].looks == 0
    assert ledger.open_batches(10)[0].looked_ago is not None


def test_absent_row_of_an_unknown_batch_is_sent_again_alone(engine: sa.Engine) -> None:
    plan_id, ledger = sent_plan(engine, outcome=UNKNOWN)
    (batch_id,) = batch_ids(engine, plan_id)
    first, second, third = rows_of(engine)
    ledger.created({first["id"]: "c001", second["id"]: "c002"})
    ledger.move([third["id"]], State.PLANNED, "absent")
    assert sender_of(engine).claim(batch_id) is None, "not before the look is complete"
    ledger.looked([batch_id], conclusive=True)
    assert sender_of(engine).batches_to_send_again([plan_id]) == [batch_id]
    _, intent = take(sender_of(engine), batch_id)
    assert list(intent.payloads) == [third["payload"]]


def test_late_reply_does_not_undo_what_was_seen(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(2))
    sender = sender_of(engine, lease_seconds=-1)
    claim, _ = take(sender, batch_ids(engine, plan_id)[0])
    sender.expire_leases()
    ledger = SettleLedger(engine, actor="verify", plan_ids=[plan_id])
    ledger.created({row["id"]: f"c{row['id']}" for row in rows_of(engine)})
    ledger.looked([claim.batch_id], conclusive=True)
    assert sender.record(claim, REJECTED) is False
    assert counted(engine) == {"created": 2}


def test_call_under_way_is_waited_for_until_its_lease_ends(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(2))
    ledger = SettleLedger(engine, actor="verify", plan_ids=[plan_id])
    assert ledger.until_given_up() is None
    claim, _ = take(sender_of(engine, lease_seconds=300), batch_ids(engine, plan_id)[0])
    left = ledger.until_given_up()
    assert left is not None
    assert timedelta(seconds=200) < left <= timedelta(seconds=300)
    assert SettleLedger(engine, actor="verify", plan_ids=[99]).until_given_up() is None
    sender_of(engine).record(claim, ACCEPTED)
    assert ledger.until_given_up() is None


def test_verdict_on_an_earlier_sending_leaves_the_later_one_alone(engine: sa.Engine) -> None:
    plan_id, quick = sent_plan(engine, outcome=UNKNOWN)
    (batch_id,) = batch_ids(engine, plan_id)
    slow = SettleLedger(engine, actor="reconcile", plan_ids=[plan_id])
    ids = [row["id"] for row in rows_of(engine)]
    for ledger in (quick, slow):
        assert len(ledger.open_batches(10)) == 1
    quick.move(ids, State.PLANNED, "absent")
    quick.looked([batch_id], conclusive=True)
    sender = sender_of(engine)
    claim, _ = take(sender, batch_id)
    sender.record(claim, UNKNOWN)
    for verdict in (State.PLANNED, State.HELD, State.REJECTED):
        slow.move(ids, verdict, "absent, it seemed")
    slow.looked([batch_id], conclusive=True)
    assert counted(engine) == {"unknown": 3}
    assert quick.open_batches(10)[0].looks == 0


def test_accepted_rows_never_go_back_to_planned(engine: sa.Engine) -> None:
    _, ledger = sent_plan(engine)
    ledger.move([row["id"] for row in rows_of(engine)], State.PLANNED, "absent")
    assert counted(engine) == {"accepted": 3}


def test_verdict_does_not_hold_for_a_later_call_by_the_same_claim(engine: sa.Engine) -> None:
    """A sender that was frozen for longer than its lease wakes up, is refused, and sends anew while others look."""
    plan_id, _ = plan(engine, make_rows(2))
    (batch_id,) = batch_ids(engine, plan_id)
    sender = sender_of(engine)
    claim, _ = take(sender, batch_id)
    sender.record(claim, UNKNOWN)
    ledger = SettleLedger(engine, actor="verify", plan_ids=[plan_id])
    ledger.open_batches(10)
    assert sender.record(claim, REFUSED)
    assert sender.begin(claim, "later")
    sender.record(claim, UNKNOWN)

    ledger.move([row["id"] for row in rows_of(engine)], State.PLANNED, "was not found")
    ledger.looked([batch_id], conclusive=True)

    assert counted(engine) == {"unknown": 2}
    assert (batch(engine, batch_id)["state"], batch(engine, batch_id)["looks"]) == ("unknown", 0)


def proved_absent(engine: sa.Engine, rows: int = 2) -> tuple[int, str, SettleLedger]:
    """Plan, batch and ledger of a run whose rows were sent, not found, and are to be sent again."""
    plan_id, ledger = sent_plan(engine, rows, outcome=UNKNOWN)
    (batch_id,) = [each.batch_id for each in ledger.open_batches(10)]
    ledger.move([row["id"] for row in rows_of(engine)], State.PLANNED, "was not found")
    ledger.looked([batch_id], conclusive=True)
    return plan_id, batch_id, ledger


@pytest.mark.parametrize("outcome", [None, REFUSED, UNAUTHORISED])
def test_batch_to_be_sent_again_is_found_again_after_it_was_given_back(
    engine: sa.Engine, outcome: Outcome | None
) -> None:
    plan_id, batch_id, ledger = proved_absent(engine)
    sender = sender_of(engine)
    claim = sender.claim(batch_id)
    assert claim is not None
    if outcome is not None:
        assert sender.begin(claim, "again")
        sender.record(claim, outcome)
    sender.release(claim)
    assert sender.batches_to_send_again([plan_id]) == [batch_id]
    assert ledger.plans_to_send_again() == [plan_id]


def test_batch_to_be_sent_again_is_found_again_after_its_sender_died(engine: sa.Engine) -> None:
    plan_id, batch_id, ledger = proved_absent(engine)
    assert sender_of(engine, "dead").claim(batch_id)
    assert sender_of(engine).batches_to_send_again([plan_id]) == []
    assert SendLedger(engine, owner="next", replaces=["dead"]).batches_to_send_again([plan_id]) == [batch_id]
    assert ledger.plans_to_send_again() == []
    expire(engine, batch_id)
    assert sender_of(engine).batches_to_send_again([plan_id]) == [batch_id]
    assert ledger.plans_to_send_again() == [plan_id]


def test_batch_that_was_never_settled_is_not_sent_again(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(2))
    (batch_id,) = batch_ids(engine, plan_id)
    sender = sender_of(engine)
    claim, _ = take(sender, batch_id)
    sender.record(claim, REFUSED)
    expire(engine, batch_id)
    assert sender.batches_to_send_again([plan_id]) == []
    sender.release(claim)
    assert batch(engine, batch_id)["state"] == "open"


def test_halves_of_a_batch_that_was_sent_again_are_sent_again(engine: sa.Engine) -> None:
    plan_id, batch_id, _ = proved_absent(engine)
    sender = sender_of(engine)
    claim, _ = take(sender, batch_id)
    assert sender.split(claim, REJECTED) == sender.batches_to_send_again([plan_id])


def test_batch_that_is_sent_again_is_looked_for_from_the_beginning(engine: sa.Engine) -> None:
    _, batch_id, ledger = proved_absent(engine)
    with engine.begin() as connection:
        connection.execute(sa.update(batches).values(looks=3, looked_at=datetime.now(UTC)))
    claim, _ = take(sender_of(engine), batch_id)
    sender_of(engine).record(claim, UNKNOWN)
    (found,) = ledger.open_batches(10)
    assert (found.looks, found.looked_ago) == (0, None)


def test_verdict_does_not_hold_once_the_call_has_ended_after_the_look(engine: sa.Engine) -> None:
    plan_id, _ = plan(engine, make_rows(2))
    (batch_id,) = batch_ids(engine, plan_id)
    sender = sender_of(engine, lease_seconds=-1)
    claim, _ = take(sender, batch_id)
    sender_of(engine, "other").expire_leases()
    ledger = SettleLedger(engine, actor="verify", plan_ids=[plan_id])
    ledger.open_batches(10)
    sender.record(claim, UNKNOWN)
    ledger.move([row["id"] for row in rows_of(engine)], State.PLANNED, "was not found")
    ledger.looked([batch_id], conclusive=True)
    assert (counted(engine), batch(engine, batch_id)["looks"]) == ({"unknown": 2}, 0)


def test_rows_of_an_emptied_batch_that_were_created_before_are_audited(engine: sa.Engine) -> None:
    plan_id, ledger = sent_plan(engine, outcome=UNKNOWN)
    (batch_id,) = batch_ids(engine, plan_id)
    first, *others = (row["id"] for row in rows_of(engine))
    ledger.open_batches(10)
    ledger.created({first: "c001"})
    ledger.move(others, State.PLANNED, "was not found")
    ledger.looked([batch_id], conclusive=True)
    claim = sender_of(engine).claim(batch_id)
    assert claim is not None
    end(engine, plan_id)
    plan(engine, make_rows(3), run="run-2")
    assert sender_of(engine).begin(claim, "again") is None
    (found,) = ledger.unaudited_batches(timedelta(days=-1), 10)
    assert [row.crm_task_id for row in ledger.audited_rows([batch_id])[found.batch_id]] == ["c001"]


def test_held_row_that_was_sent_is_audited_and_created_when_it_comes_late(engine: sa.Engine) -> None:
    plan_id, ledger = sent_plan(engine, rows=1, outcome=UNKNOWN)
    (batch_id,) = batch_ids(engine, plan_id)
    (row,) = rows_of(engine)
    ledger.move([row["id"]], State.HELD, "cannot be found")
    ledger.looked([batch_id], conclusive=True)
    assert [each.state for each in ledger.audited_rows([batch_id])[batch_id]] == [State.HELD]
    ledger.created({row["id"]: "c001"})
    assert rows_of(engine)[0]["state"] == "created"


def test_another_task_may_stand_for_a_created_row_that_names_one_to_be_deleted(engine: sa.Engine) -> None:
    _, ledger = sent_plan(engine, rows=3)
    first, second, third = (row["id"] for row in rows_of(engine))
    ledger.created({first: "YOUNG", second: "another"})
    ledger.keep(dict.fromkeys((first, second, third), "old"), {key: ["young"] for key in (first, second, third)})
    assert [row["crm_task_id"] for row in rows_of(engine)] == ["old", "another", None]


def test_sender_that_is_frozen_in_a_transaction_keeps_nobody_from_giving_up_others(postgres_url: URL) -> None:
    engine = connect(postgres_url)
    metadata.create_all(engine)
    plan_id, _ = plan(engine, make_rows(51))
    frozen, other = batch_ids(engine, plan_id)
    for batch_id in (frozen, other):
        take(sender_of(engine, lease_seconds=-1), batch_id)
    with engine.begin() as connection:
        connection.execute(sa.select(batches).where(batches.c.batch_id == frozen).with_for_update())
        assert sender_of(engine).expire_leases() == 1
    assert (batch(engine, frozen)["state"], batch(engine, other)["state"]) == ("sending", "unknown")
    engine.dispose()
