"""Undo: shown first, confirmed by its number, and only what no person touched."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from followups.crash_points import InjectedError, arm
from followups.ledger.reading import LedgerReader
from followups.ledger.undoing import UndoError
from followups.schema import changes, deliveries
from leadsquared.errors import ServiceUnavailable
from leadsquared.hook import LeadSquaredHook
from leadsquared.operators import waits
from leadsquared.operators.create_tasks import CreateTasksOperator
from leadsquared.operators.plan import PlanFollowUpsOperator
from leadsquared.operators.undo import UndoOperator
from leadsquared.operators.verify import VerifyDeliveriesOperator
from leadsquared.params import ParamError
from leadsquared.wire.records import CrmTask
from tests.unit.leadsquared.operators.conftest import Stack, follow_up

FEED = "appointments"
NAMES = [f"Visit {number}" for number in range(60)]
ROWS = [follow_up(f"f-{number}", subject=name) for number, name in enumerate(NAMES)]
NO_WINDOW = {"from": None, "to": None}


@pytest.fixture(autouse=True)
def without_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits.time, "sleep", lambda _: None)


def send(stack: Stack, rows: list[dict[str, Any]], run_id: str = "manual__1", **params: Any) -> None:
    stack.warehouse(rows)
    slices = PlanFollowUpsOperator(task_id="plan", feed=FEED).execute(stack.context("plan", run_id=run_id, **params))
    for each in slices:
        CreateTasksOperator(task_id="create_tasks", plan_slice=each).execute(
            stack.context("create_tasks", run_id=run_id, map_index=0)
        )
    assert stack.sandbox.drain()
    VerifyDeliveriesOperator(task_id="verify", feed=FEED).execute(stack.context("verify", run_id=run_id))


def undo(stack: Stack, *, undo_run: str = "undo__1", who: str | None = None, **params: Any) -> dict[str, int]:
    context = stack.context("undo", run_id=undo_run)
    context["params"] = {"mode": "preview", "confirm": None, "run_id": None, "feed": None, **NO_WINDOW, **params}
    context["dag_run"].triggering_user_name = who
    return UndoOperator(task_id="undo").execute(context)


def living(stack: Stack) -> set[str]:
    assert stack.sandbox.drain()
    return {task["name"] for task in stack.sandbox.tasks() if not task["deleted"]}


def reasons(stack: Stack) -> dict[str, str | None]:
    with stack.engine.connect() as connection:
        query = sa.select(deliveries.c.followup_id, deliveries.c.reason)
        return {row[0]: row[1] for row in connection.execute(query)}


def touch(stack: Stack, name: str, **hand: Any) -> None:
    stack.sandbox.touch(stack.crm_task(name).id or "", **hand)


def test_preview_changes_nothing_and_tells_what_would_stay(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    send(stack, ROWS)
    touch(stack, "Visit 3", completed=True)
    touch(stack, "Visit 4", description="Mine")
    before = stack.tables()
    with caplog.at_level(logging.INFO):
        assert undo(stack, run_id="manual__1") == {"created": 60, "would be deleted": 58, "left alone": 2}
    assert stack.tables() == before
    assert living(stack) == set(NAMES)
    assert "run again with mode=send and confirm=60" in caplog.text
    assert "1 left alone: completed in LeadSquared" in caplog.text


def test_undo_deletes_what_the_run_created_and_holds_the_rows(stack: Stack) -> None:
    send(stack, [*ROWS[:30]])
    send(stack, ROWS, run_id="manual__2")
    touch(stack, "Visit 33", completed=True)
    touch(stack, "Visit 34", description="Mine")
    result = undo(stack, run_id="manual__2", mode="send", confirm=30, who="ann")
    assert result == {"deleted": 28, "left alone": 2}
    assert living(stack) == {*NAMES[:30], "Visit 33", "Visit 34"}
    states = stack.states()
    assert {states[f"f-{number}"] for number in (0, 33, 34)} == {"created"}
    assert {states[f"f-{number}"] for number in range(30, 60) if number not in (33, 34)} == {"held"}
    assert reasons(stack)["f-59"] == "undone by ann, undo__1; run with requeue=held to send it again"
    calls = [call["operation"] for call in stack.sandbox.calls()]
    assert calls.count("Task.svc/DeleteTasks") == 1


def test_undone_rows_are_sent_again_on_request_alone(stack: Stack) -> None:
    send(stack, ROWS[:3])
    undo(stack, run_id="manual__1", mode="send", confirm=3)
    send(stack, ROWS[:3], run_id="manual__2")
    assert living(stack) == set()
    send(stack, ROWS[:3], run_id="manual__3", requeue="held")
    assert living(stack) == set(NAMES[:3])
    assert set(stack.states().values()) == {"created"}
    assert stack.sandbox.audit()["duplicates"]["by_marker_ever"] == 0


def test_timeline_of_a_row_tells_all(stack: Stack) -> None:
    send(stack, ROWS[:1])
    undo(stack, run_id="manual__1", mode="send", confirm=1)
    with stack.engine.connect() as connection:
        key = connection.execute(sa.select(deliveries.c.delivery_key)).scalar_one()
    story = [(event["from_state"], event["to_state"]) for event in LedgerReader(stack.engine).timeline(key)]
    assert story == [
        (None, "planned"), ("planned", "sending"), ("sending", "accepted"), ("accepted", "created"),
        ("created", "created"), ("created", "held"),
    ]  # fmt: skip


def test_feed_and_dates_of_creation_do_too(stack: Stack) -> None:
    send(stack, ROWS[:2])
    window = {"feed": FEED, "from": "2020-01-01", "to": "2099-01-01"}
    assert undo(stack, **window)["would be deleted"] == 2
    with pytest.raises(UndoError, match=r"the feed sent nothing then; it sent from 20.* UTC\. Nothing was deleted"):
        undo(stack, **{**window, "to": "2020-01-02"})
    assert undo(stack, **window, mode="send", confirm=2) == {"deleted": 2, "left alone": 0}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "say what to undo"),
        ({"feed": FEED}, "say what to undo"),
        ({"feed": FEED, "from": "2031-04-01"}, "say what to undo"),
        ({"run_id": "manual__1", "from": "2031-04-01"}, "not both"),
        ({"feed": FEED, "from": "2031-04-02", "to": "2031-04-01"}, "is not before"),
        ({"run_id": "manual__9"}, "run manual__9: the ledger knows no such run"),
        ({"run_id": "manual_"}, "knows no such run"),
        ({"run_id": "manual__1", "feed": "apointments"}, "knows no feed apointments; did you mean 'appointments'"),
        ({"feed": "visits", "from": "2020-01-01", "to": "2099-01-01"}, "knows no feed visits; it knows appointments"),
        ({"run_id": "manual__1", "mode": "send"}, "run again with confirm=1"),
        ({"run_id": "manual__1", "mode": "send", "confirm": 2}, "run again with confirm=1"),
    ],
)
def test_params_that_are_wrong_give_one_error_and_delete_nothing(
    stack: Stack, params: dict[str, Any], words: str
) -> None:
    send(stack, ROWS[:1])
    before = stack.tables()
    with pytest.raises(UndoError, match=words):
        undo(stack, **params)
    assert stack.tables() == before
    assert living(stack) == {"Visit 0"}


@pytest.mark.parametrize("mode", ["preview", "send"])
def test_run_that_sent_nothing_is_said_so(stack: Stack, mode: str) -> None:
    send(stack, [follow_up("f-1", subject=None)])
    with pytest.raises(UndoError, match=r"run manual__1: the run sent nothing\. Nothing was deleted"):
        undo(stack, run_id="manual__1", mode=mode, confirm=0)


@pytest.mark.parametrize("mode", ["preview", "send"])
def test_what_was_undone_before_is_said_so(stack: Stack, mode: str) -> None:
    send(stack, ROWS[:2])
    undo(stack, run_id="manual__1", mode="send", confirm=2)
    with pytest.raises(UndoError, match=r"run manual__1: what was sent was undone, or is with another run since\."):
        undo(stack, undo_run="undo__2", run_id="manual__1", mode=mode, confirm=0)


def test_param_that_there_is_not_deletes_nothing(stack: Stack) -> None:
    send(stack, ROWS[:1])
    context = stack.context("undo", run_id="undo__1")
    context["dag_run"].conf = {"runid": "manual__1", "mode": "send"}
    with pytest.raises(ParamError, match=r"runid \(did you mean run_id\?\); .* Nothing was deleted"):
        UndoOperator(task_id="undo").execute(context)
    assert living(stack) == {"Visit 0"}


def test_undo_that_is_cleared_does_nothing_again(stack: Stack) -> None:
    send(stack, ROWS[:2])
    for _ in range(2):
        assert undo(stack, run_id="manual__1", mode="send", confirm=2) == {"deleted": 2, "left alone": 0}
    assert [call["operation"] for call in stack.sandbox.calls()].count("Task.svc/DeleteTasks") == 1


@pytest.mark.parametrize(
    "point",
    [
        "before change intent commit", "after change intent commit", "headers sent", "reply half read",
        "before change outcome commit", "after change outcome commit", "before change end commit",
        "after change end commit",
    ],
)  # fmt: skip
def test_undo_that_dies_is_continued_by_its_retry(stack: Stack, point: str) -> None:
    send(stack, ROWS[:2])
    arm(f"{point}:1:error")
    try:
        with pytest.raises(InjectedError):
            undo(stack, run_id="manual__1", mode="send", confirm=2)
    except pytest.fail.Exception:
        assert point in {"headers sent", "reply half read"}  # the transport makes an outcome of it
    finally:
        arm(None)
    expire(stack)
    assert undo(stack, run_id="manual__1", mode="send", confirm=2) == {"deleted": 2, "left alone": 0}
    assert living(stack) == set()
    assert set(stack.states().values()) == {"held"}


def expire(stack: Stack) -> None:
    """Let the lease of calls under way run out."""
    with stack.engine.begin() as connection:
        statement = sa.update(changes).where(changes.c.lease_until.is_not(None))
        connection.execute(statement.values(lease_until=datetime.now(UTC) - timedelta(minutes=1)))


def test_rows_that_are_not_settled_are_told_and_left(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    stack.warehouse(ROWS[:2])
    (only,) = PlanFollowUpsOperator(task_id="plan", feed=FEED).execute(stack.context("plan"))
    CreateTasksOperator(task_id="create_tasks", plan_slice=only).execute(stack.context("create_tasks", map_index=0))
    with caplog.at_level(logging.WARNING):
        assert undo(stack, run_id="manual__1", mode="send", confirm=0) == {"deleted": 0, "left alone": 0}
    assert "2 more were sent and are not settled" in caplog.text
    assert living(stack) == set(NAMES[:2])


def test_run_whose_follow_ups_were_refused_has_nothing_to_undo(stack: Stack) -> None:
    send(stack, ROWS[:2])
    with stack.engine.begin() as connection:
        connection.execute(sa.update(deliveries).values(state="rejected", crm_task_id=None))
    with pytest.raises(UndoError, match=r"none of its follow-ups has a CRM task now \(2 rejected\)\."):
        undo(stack, run_id="manual__1", mode="send", confirm=0)


def test_crm_task_that_cannot_be_looked_at_keeps_no_other_from_being_deleted(
    stack: Stack, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(stack, ROWS[:3])
    lost, get_task = stack.crm_task(NAMES[1]).id, LeadSquaredHook.get_task

    def get(hook: LeadSquaredHook, task_id: str) -> CrmTask | None:
        if task_id == lost:
            raise ServiceUnavailable
        return get_task(hook, task_id)

    monkeypatch.setattr(LeadSquaredHook, "get_task", get)
    assert undo(stack, run_id="manual__1", undo_run="undo__0") == {
        "created": 3, "would be deleted": 2, "left alone": 1,
    }  # fmt: skip
    with caplog.at_level(logging.WARNING):
        assert undo(stack, run_id="manual__1", mode="send", confirm=3) == {"deleted": 2, "left alone": 0}
    assert "1 CRM tasks are not seen deleted yet" in caplog.text
    assert living(stack) == {NAMES[1]}
