"""Changes to CRM tasks in the ledger: one at a time for a delivery, calls fenced, ends all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from followups.changes import ChangeKind, OpenChange
from followups.crash_points import InjectedError, arm
from followups.ledger.asking import AskedChange, ask, last_changes
from followups.ledger.changed import Ended
from followups.ledger.changing import ChangeLedger
from followups.ledger.clock import store_now
from followups.ledger.reading import LedgerReader
from followups.ledger.settling import SettleLedger
from followups.model import State
from followups.schema import batches, changes, deliveries
from tests.contract.ledger_kit import (
    ACCEPTED,
    REFUSED,
    UNKNOWN,
    batch,
    end,
    one,
    open_plan,
    plan,
    rows_of,
    send,
    sender_of,
    states,
    take,
)
from tests.support.follow_ups import make_feed, make_rows

KINDS = list(ChangeKind)


def delivered(engine: sa.Engine, count: int = 2) -> int:
    """Deliver rows; return the plan."""
    plan_id, _ = plan(engine, make_rows(count))
    send(engine, plan_id)
    ledger = SettleLedger(engine, actor="verify", plan_ids=[plan_id])
    ledger.created({row["id"]: f"crm-{row['followup_id']}" for row in rows_of(engine)})
    ledger.looked([f"{plan_id}-000001"], conclusive=True)
    return plan_id


def wanted(row: dict[str, Any], kind: ChangeKind, text: str = "new") -> AskedChange:
    return AskedChange(
        delivery_id=row["id"], kind=kind, content_hash=text, why="because", payload=f'{{"Name": "{text}"}}',
        task_type="Call", due_at=datetime(2031, 5, 1, tzinfo=UTC),
    )  # fmt: skip


def request(engine: sa.Engine, plan_id: int, *asked: AskedChange) -> int:
    with engine.begin() as connection:
        return ask(connection, asked, plan_id=plan_id, actor="plan", now=store_now(connection))


def ledger_of(engine: sa.Engine, plan_id: int, actor: str = "a", lease: float = 300) -> ChangeLedger:
    return ChangeLedger(engine, actor=actor, plan_ids=[plan_id], lease=timedelta(seconds=lease))


def asked_of(engine: sa.Engine, kind: ChangeKind, count: int = 1) -> tuple[ChangeLedger, list[OpenChange]]:
    plan_id = delivered(engine, count)
    assert request(engine, plan_id, *(wanted(row, kind) for row in rows_of(engine))) == count
    ledger = ledger_of(engine, plan_id)
    return ledger, ledger.open_changes(100)


def begun(ledger: ChangeLedger, chosen: Sequence[OpenChange]) -> list[OpenChange]:
    """Make a call that is accepted; return the changes as they are open then."""
    ledger.record(ledger.begin(chosen), ACCEPTED)
    return ledger.open_changes(100)


def ended(chosen: Sequence[OpenChange], state: str = "done", reason: str = "") -> list[Ended]:
    return [Ended(change=change, state=state, reason=reason) for change in chosen]


def change_rows(engine: sa.Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(changes).order_by(changes.c.id)).mappings()]


def test_later_wish_takes_the_place_of_one_that_is_not_begun_and_waits_for_one_that_is(engine: sa.Engine) -> None:
    plan_id = delivered(engine, 1)
    (row,) = rows_of(engine)
    assert request(engine, plan_id, wanted(row, ChangeKind.UPDATE, "one")) == 1
    assert request(engine, plan_id, wanted(row, ChangeKind.DELETE, "two")) == 1
    assert [(each["kind"], each["state"]) for each in change_rows(engine)] == [
        ("update", "skipped"), ("delete", "planned"),
    ]  # fmt: skip
    ledger = ledger_of(engine, plan_id)
    for outcome in (None, UNKNOWN):
        taken = ledger.begin(ledger.open_changes(10))
        assert request(engine, plan_id, wanted(row, ChangeKind.UPDATE, "three")) == 0
        ledger.record(taken, outcome or ACCEPTED)
        assert request(engine, plan_id, wanted(row, ChangeKind.UPDATE, "three")) == 0
    with engine.connect() as connection:
        assert last_changes(connection, [row["id"]])[row["id"]].kind is ChangeKind.DELETE


@pytest.mark.parametrize("state", [State.PLANNED, State.ACCEPTED, State.UNKNOWN, State.HELD, State.CANCELLED])
def test_only_what_is_created_can_be_changed(engine: sa.Engine, state: State) -> None:
    plan_id = delivered(engine, 1)
    (row,) = rows_of(engine)
    with engine.begin() as connection:
        connection.execute(sa.update(deliveries).values(state=state))
    assert request(engine, plan_id, wanted(row, ChangeKind.DELETE)) == 0
    assert change_rows(engine) == []


def test_of_two_owners_one_makes_the_call_and_the_others_outcome_is_not_recorded(engine: sa.Engine) -> None:
    ledger, found = asked_of(engine, ChangeKind.UPDATE)
    plan_id = found[0].plan_id
    other = ledger_of(engine, plan_id, "b", lease=-1)
    taken = other.begin(found)
    assert ledger.begin(found) == []
    assert ledger.open_changes(10) == []
    assert ledger.expire_leases() == 1
    (unknown,) = ledger.open_changes(10)
    assert (unknown.state, unknown.attempts) == ("unknown", 1)
    again = ledger.begin([unknown])
    other.record(taken, REFUSED)
    assert change_rows(engine)[0]["state"] == "sending"
    ledger.record(again, ACCEPTED)
    assert (change_rows(engine)[0]["state"], change_rows(engine)[0]["attempts"]) == ("accepted", 2)


def test_refused_call_leaves_no_trace_but_of_what_an_earlier_one_may_have_done(engine: sa.Engine) -> None:
    ledger, found = asked_of(engine, ChangeKind.UPDATE)
    ledger.record(ledger.begin(found), REFUSED)
    (change,) = ledger.open_changes(10)
    assert (change.state, change.attempts, change.sent_ago) == ("planned", 0, None)
    ledger.record(ledger.begin([change]), UNKNOWN)
    ledger.record(ledger.begin(ledger.open_changes(10)), REFUSED)
    (change,) = ledger.open_changes(10)
    assert (change.state, change.attempts) == ("unknown", 1)
    assert change.sent_ago is not None


EFFECTS = {
    ChangeKind.UPDATE: (State.CREATED, "crm-f-1", 0),
    ChangeKind.RECREATE: (State.PLANNED, None, 1),
    ChangeKind.COMPLETE: (State.CANCELLED, "crm-f-1", 1),
    ChangeKind.DELETE: (State.CANCELLED, None, 1),
    ChangeKind.UNDO: (State.HELD, None, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_delivery_follows_a_change_that_is_done(engine: sa.Engine, kind: ChangeKind) -> None:
    ledger, found = asked_of(engine, kind)
    (change,) = begun(ledger, found)
    ledger.end(ended([change]))
    ledger.end(ended([change]))
    (row,) = rows_of(engine)
    assert (row["state"], row["crm_task_id"], row["generation"]) == EFFECTS[kind]
    assert row["content_hash"] == "new"
    (done,) = change_rows(engine)
    assert (done["state"], done["payload"]) == ("done", None)
    assert ledger.count_open() == 0
    story = LedgerReader(engine).timeline(row["delivery_key"])
    assert [event["to_state"] for event in story][-2:] == ["created", EFFECTS[kind][0]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", ["skipped", "refused"])
def test_delivery_stays_as_it_is_where_a_change_was_not_made(engine: sa.Engine, kind: ChangeKind, state: str) -> None:
    ledger, found = asked_of(engine, kind)
    before = rows_of(engine)
    ledger.end(ended(found, state, "left alone"))
    assert rows_of(engine) == before
    (row,) = before
    assert LedgerReader(engine).timeline(row["delivery_key"])[-1]["reason"] == f"{kind} {state}: left alone"


def test_recreated_rows_wait_in_batches_of_their_own_to_be_sent_once(engine: sa.Engine) -> None:
    ledger, found = asked_of(engine, ChangeKind.RECREATE, 60)
    done = begun(ledger, found)
    ledger.end(ended(done))
    plan_id = found[0].plan_id
    names = [f"{plan_id}-000003", f"{plan_id}-000004"]
    assert [(batch(engine, name)["state"], batch(engine, name)["rows"]) for name in names] == [
        ("again", 50), ("again", 10),
    ]  # fmt: skip
    assert set(states(engine).values()) == {"planned"}
    assert {row["payload"] for row in rows_of(engine)} == {'{"Name": "new"}'}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", ["before change intent commit", "before change outcome commit",
                                   "before change end commit"])  # fmt: skip
def test_step_that_dies_before_its_commit_did_not_happen(engine: sa.Engine, kind: ChangeKind, point: str) -> None:
    ledger, found = asked_of(engine, kind)
    steps = {
        "intent": lambda: ledger.begin(found),
        "outcome": lambda: ledger.record(found, ACCEPTED),
        "end": lambda: ledger.end(ended(ledger.open_changes(10))),
    }
    for name, step in steps.items():
        before = (rows_of(engine), change_rows(engine))
        if f" {name} " in point:
            arm(f"{point}:1:error")
            with pytest.raises(InjectedError):
                step()
            arm(None)
            assert (rows_of(engine), change_rows(engine)) == before
        step()
    assert rows_of(engine)[0]["state"] == EFFECTS[kind][0]


def test_changes_of_a_living_run_are_left_to_it(engine: sa.Engine) -> None:
    _, found = asked_of(engine, ChangeKind.DELETE)
    account = ChangeLedger(engine, actor="reconcile", leadsquared_conn_id="leadsquared_default")
    assert account.open_changes(10) == []
    end(engine, found[0].plan_id)
    assert [change.id for change in account.open_changes(10)] == [found[0].id]
    other = ChangeLedger(engine, actor="reconcile", leadsquared_conn_id="another")
    assert other.open_changes(10) == []


@pytest.mark.parametrize(("policy", "changed", "cancelled"), [
    ({"on_change": "update"}, {"f-1": "update"}, {}),
    ({"on_change": "recreate", "on_cancel": "delete"}, {"f-1": "recreate"}, {"f-2": "delete"}),
    ({"on_cancel": "complete"}, {}, {"f-2": "complete"}),
    ({}, {}, {}),
])  # fmt: skip
def test_plan_asks_once_for_what_the_feed_wants(
    engine: sa.Engine, policy: dict[str, str], changed: dict[str, str], cancelled: dict[str, str]
) -> None:
    delivered(engine, 3)
    feed = make_feed(**policy)
    first, second, third = make_rows(3)
    rows = [{**first, "subject": "New"}, {**second, "cancelled": True}, third]
    for number in (2, 3):
        _, counts = plan(engine, rows, run=f"run-{number}", feed=feed)
        asked = {name: count for name, count in counts.outcomes.items() if name.startswith("to ")}
        assert asked == ({f"to {kind}": 1 for kind in (changed | cancelled).values()} if number == 2 else {})
    ids = {row["id"]: row["followup_id"] for row in rows_of(engine)}
    assert {ids[each["delivery_id"]]: each["kind"] for each in change_rows(engine)} == changed | cancelled


def test_of_two_rows_with_one_id_the_first_counts_in_every_run(engine: sa.Engine) -> None:
    delivered(engine, 1)
    (row,) = make_rows(1)
    feed = make_feed(on_change="update")
    _, counts = plan(engine, [row], [{**row, "subject": "Another"}], run="run-2", feed=feed)
    assert counts.outcomes == {"already created": 1, "already created, changed since": 1}


def test_rows_before_the_window_are_read_for_what_was_delivered_alone(engine: sa.Engine) -> None:
    from tests.contract.ledger_kit import make_planner

    delivered(engine, 1)
    feed = make_feed(on_cancel="delete")
    planner = make_planner(open_plan(engine, "run-2", feed), feed)
    planner.keep_in_step([{**row, "cancelled": True} for row in make_rows(2)])
    counts = planner.finish()
    assert (counts.due, counts.to_send, dict(counts.outcomes)) == (0, 0, {"to delete": 1})
    assert one(rows_of(engine), "f-1")["state"] == "created"
    assert len(rows_of(engine)) == 1


def test_account_with_an_open_change_is_open_though_all_its_batches_are_done(engine: sa.Engine) -> None:
    plan_id = delivered(engine)
    with engine.begin() as connection:
        connection.execute(sa.update(batches).values(audited_at=store_now(connection)))
    reader = LedgerReader(engine)
    assert reader.open_accounts() == []
    row, _ = rows_of(engine)
    assert request(engine, plan_id, wanted(row, ChangeKind.UNDO)) == 1
    assert reader.open_accounts() == ["leadsquared_default"]


def test_row_that_was_withdrawn_before_it_was_known_to_be_delivered_is_recreated(engine: sa.Engine) -> None:
    """The wish of then must not keep back what the warehouse wants now."""
    ledger, found = asked_of(engine, ChangeKind.RECREATE)
    with engine.begin() as connection:
        connection.execute(sa.update(deliveries).values(withdrawn=True))
    ledger.end(ended(begun(ledger, found)))
    sender = sender_of(engine)
    (batch_id,) = sender.batches_to_send_again([found[0].plan_id])
    take(sender, batch_id)
    assert states(engine) == {"f-1": "sending"}


@pytest.mark.parametrize("kind", [ChangeKind.RECREATE, ChangeKind.UNDO, ChangeKind.DELETE])
def test_delivery_for_which_an_older_task_stands_by_now_is_not_made_anew(engine: sa.Engine, kind: ChangeKind) -> None:
    ledger, found = asked_of(engine, kind)
    done = begun(ledger, found)
    (row,) = rows_of(engine)
    SettleLedger(engine, actor="verify").keep({row["id"]: "older"}, instead_of={row["id"]: [row["crm_task_id"]]})
    ledger.end(ended(done))
    assert [(row["state"], row["crm_task_id"]) for row in rows_of(engine)] == [("created", "older")]
