"""What runs left behind is settled later, by whoever comes; what living runs hold is left to them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from followups import sending
from followups.ledger.planning import RUN_SILENT_AFTER, finish_plans
from followups.ledger.webhooks import store_webhook
from followups.schema import attempts, batches, deliveries, events, plans
from followups.verdicts import DROPPED
from leadsquared.operators.reconcile import ListAccountsOperator, ReconcileOperator
from leadsquared.work import verify as work
from tests.unit.leadsquared.operators.conftest import Stack, follow_up
from tests.unit.leadsquared.operators.test_feed_run import create, plan

ROWS = [follow_up(f"f-{number}", subject=f"Visit {number}") for number in range(3)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "AUDIT_AFTER_SETTLE_TIMES", 0)


def reconcile(stack: Stack, conn_id: str = "leadsquared_default") -> dict[str, int]:
    operator = ReconcileOperator(task_id="reconcile", leadsquared_conn_id=conn_id)
    return operator.execute(stack.context("reconcile", run_id="scheduled__1"))


def leave_a_run_behind(stack: Stack, *faults: str, ended: bool = True) -> None:
    """Plan and send, and never verify."""
    stack.warehouse(ROWS)
    (only,) = plan(stack)
    stack.sandbox.faults(*faults)
    create(stack, only)
    stack.sandbox.drain()
    if ended:
        end_all(stack)


def end_all(stack: Stack) -> None:
    with stack.engine.connect() as connection:
        plan_ids = list(connection.execute(sa.select(plans.c.id)).scalars())
    finish_plans(stack.engine, plan_ids)


def silence_all(stack: Stack) -> None:
    long_ago = datetime.now(UTC) - RUN_SILENT_AFTER - timedelta(minutes=1)
    with stack.engine.begin() as connection:
        connection.execute(sa.update(plans).values(heartbeat_at=long_ago))


def reasons(stack: Stack) -> set[str | None]:
    with stack.engine.connect() as connection:
        return set(connection.execute(sa.select(deliveries.c.reason)).scalars())


def test_accepted_rows_of_an_ended_run_are_looked_up(stack: Stack) -> None:
    leave_a_run_behind(stack)
    counts = reconcile(stack)
    assert (counts["created"], counts["still waiting"], counts["duplicates"]) == (3, 0, 0)
    assert counts["look-ups"] >= 2
    assert set(stack.states().values()) == {"created"}


def test_rows_that_arrived_though_the_reply_was_lost_are_not_sent_again(stack: Stack) -> None:
    leave_a_run_behind(stack, "html500_after_commit operation=Task.svc/Bulk/Create calls=1")
    assert set(stack.states().values()) == {"unknown"}
    assert (reconcile(stack)["created"], len(stack.sent())) == (3, 3)


def test_rows_that_never_arrived_are_sent_again_once_two_looks_missed_them(stack: Stack) -> None:
    leave_a_run_behind(stack, "html500_before_commit operation=Task.svc/Bulk/Create calls=1")
    assert (reconcile(stack)["sent again"], stack.sent()) == (0, [])
    assert reconcile(stack)["sent again"] == 1
    assert len(stack.sent()) == 3
    assert reconcile(stack)["created"] == 3


def test_webhook_that_comes_when_rows_were_proved_absent_is_heeded_before_they_are_sent_again(stack: Stack) -> None:
    leave_a_run_behind(stack, "html500_before_commit operation=Task.svc/Bulk/Create calls=1")
    with stack.engine.begin() as connection:
        connection.execute(sa.update(batches).values(state="again", settled_at=sa.func.current_timestamp()))
        connection.execute(sa.update(deliveries).values(state="planned"))
        batch_id, token = connection.execute(sa.select(attempts.c.batch_id, attempts.c.webhook_token)).one()
    created = [{"Name": row["subject"], "Id": str(uuid4())} for row in ROWS[:2]]
    body = json.dumps({"CreatedTasks": created}).encode()
    assert store_webhook(stack.engine, batch_id, token, "application/json", body)
    reconcile(stack)
    assert len(stack.sent()) == 1
    assert stack.states() == {"f-0": "created", "f-1": "created", "f-2": "accepted"}


def test_rows_that_were_accepted_and_dropped_are_rejected_once_two_looks_missed_them(stack: Stack) -> None:
    leave_a_run_behind(stack, "drop_rows indexes=1 operation=Task.svc/Bulk/Create")
    reconcile(stack)
    assert sorted(stack.states().values()) == ["accepted", "created", "created"]
    assert reconcile(stack)["rejected"] == 1
    assert reasons(stack) == {None, DROPPED}


def test_living_run_is_left_to_itself_until_it_falls_silent(stack: Stack) -> None:
    leave_a_run_behind(stack, ended=False)
    assert "created" not in reconcile(stack)
    silence_all(stack)
    assert reconcile(stack)["created"] == 3


def test_sending_what_a_dead_run_left_does_not_make_it_look_alive(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "HEARTBEAT_SECONDS", 0.0)
    leave_a_run_behind(stack, "html500_before_commit operation=Task.svc/Bulk/Create calls=1", ended=False)
    silence_all(stack)
    assert reconcile(stack)["sent again"] == 0
    stack.sandbox.set(latency_ms=1500)  # longer than between two signs of life
    assert reconcile(stack)["sent again"] == 1
    stack.sandbox.drain()
    assert reconcile(stack)["created"] == 3


def test_batch_of_a_sender_that_died_is_unknown_first_and_settled_then(stack: Stack) -> None:
    leave_a_run_behind(stack)
    past = datetime.now(UTC) - timedelta(minutes=1)
    with stack.engine.begin() as connection:
        connection.execute(sa.update(batches).values(state="sending", lease_until=past))
        connection.execute(sa.update(deliveries).values(state="sending"))
    assert reconcile(stack)["created"] == 3
    with stack.engine.connect() as connection:
        assert "unknown" in set(connection.execute(sa.select(events.c.to_state)).scalars())


def test_rows_of_another_account_are_not_looked_up_with_these_keys(stack: Stack) -> None:
    leave_a_run_behind(stack)
    with stack.engine.begin() as connection:
        connection.execute(sa.update(plans).values(leadsquared_conn_id="leadsquared_other"))
    assert "created" not in reconcile(stack)


def test_row_that_was_given_up_and_came_late_is_created_after_all(stack: Stack) -> None:
    stack.sandbox.set(lookup_lag_ms=600_000)
    leave_a_run_behind(stack)
    reconcile(stack)
    assert reconcile(stack)["rejected"] == 3
    stack.sandbox.set(lookup_lag_ms=0)
    with stack.engine.begin() as connection:
        connection.execute(sa.update(batches).values(audited_at=None))
    assert reconcile(stack)["created"] == 3
    assert set(stack.states().values()) == {"created"}


def test_second_crm_task_of_a_row_is_told_in_its_timeline(stack: Stack) -> None:
    leave_a_run_behind(stack)
    with stack.engine.begin() as connection:
        connection.execute(sa.update(deliveries).values(state="planned"))
        connection.execute(sa.update(batches).values(state="open"))
        connection.execute(sa.update(plans).values(finished_at=None))
    create(stack, {"plan_id": 1, "first_batch": 1, "last_batch": 1, "label": ""})
    stack.sandbox.drain()
    end_all(stack)
    assert reconcile(stack)["duplicates"] >= 3
    with stack.engine.connect() as connection:
        told = [text for text in connection.execute(sa.select(events.c.reason)).scalars() if text]
    assert sum("2 CRM tasks for this follow-up" in text for text in told) >= 3


def test_accounts_are_those_of_feeds_and_those_with_something_open(stack: Stack) -> None:
    accounts = ListAccountsOperator(task_id="accounts")
    assert accounts.execute({}) == ["leadsquared_default"]
    leave_a_run_behind(stack)
    with stack.engine.begin() as connection:
        connection.execute(sa.update(plans).values(leadsquared_conn_id="leadsquared_other"))
    assert accounts.execute({}) == ["leadsquared_default", "leadsquared_other"]
    with stack.engine.begin() as connection:
        connection.execute(sa.update(batches).values(state="settled"))
    assert accounts.execute({}) == ["leadsquared_default", "leadsquared_other"]
    with stack.engine.begin() as connection:
        connection.execute(sa.update(batches).values(audited_at=datetime.now(UTC)))
    assert accounts.execute({}) == ["leadsquared_default"]


def test_one_step_that_fails_keeps_no_other_from_its_work_and_fails_the_task(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_a_run_behind(stack)

    def broken(*_: object) -> None:
        raise OSError("the changes are broken")

    monkeypatch.setattr("leadsquared.work.in_step.change_round", broken)
    with pytest.raises(OSError, match="the changes are broken"):
        reconcile(stack)
    assert set(stack.states().values()) == {"created"}
    with stack.engine.connect() as connection:
        assert None not in set(connection.execute(sa.select(batches.c.audited_at)).scalars())
