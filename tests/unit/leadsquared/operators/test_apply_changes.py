"""CRM tasks follow the warehouse after they were created, where the feed says so, and a person's work is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from followups.feeds import files
from followups.ledger.changing import ended_counts
from followups.report import ThresholdError
from followups.schema import changes, deliveries
from leadsquared.operators.apply_changes import ApplyChangesOperator
from leadsquared.operators.create_tasks import CreateTasksOperator
from leadsquared.operators.plan import PlanFollowUpsOperator
from leadsquared.operators.report import ReportDeliveriesOperator
from leadsquared.operators.verify import VerifyDeliveriesOperator
from leadsquared.work import approve
from tests.unit.leadsquared.operators.conftest import Stack, follow_up

FEED = "visits"
OTHER = "arjun.nair@example.com"


class Runs:
    """A feed whose runs are played one after another."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.number = 0

    def run(self, rows: Sequence[dict[str, Any]], **params: Any) -> dict[str, Any]:
        """Play a whole run over a warehouse with these rows; return its report."""
        self.plan(rows, **params)
        self.apply()
        return self.rest()

    def plan(self, rows: Sequence[dict[str, Any]], **params: Any) -> None:
        self.number += 1
        self.stack.warehouse(rows)
        slices = PlanFollowUpsOperator(task_id="plan", feed=FEED).execute(self.context("plan", **params))
        for index, plan_slice in enumerate(slices):
            CreateTasksOperator(task_id="create_tasks", plan_slice=plan_slice).execute(
                self.context("create_tasks", map_index=index, **params)
            )
        assert self.stack.sandbox.drain()

    def apply(self) -> dict[str, int]:
        return ApplyChangesOperator(task_id="apply_changes", feed=FEED).execute(self.context("apply_changes"))

    def rest(self) -> dict[str, Any]:
        VerifyDeliveriesOperator(task_id="verify", feed=FEED).execute(self.context("verify"))
        report = ReportDeliveriesOperator(task_id="report", feed=FEED).execute(self.context("report"))
        assert report is not None
        return report

    def context(self, task_id: str, **more: Any) -> Any:
        return self.stack.context(task_id, run_id=f"manual__{self.number}", **more)

    def crm(self) -> dict[str, dict[str, Any]]:
        """Living CRM tasks by name."""
        assert self.stack.sandbox.drain()
        return {task["name"]: task for task in self.stack.sandbox.tasks() if not task["deleted"]}

    def row(self, followup_id: str) -> dict[str, Any]:
        with self.stack.engine.connect() as connection:
            query = sa.select(deliveries).where(deliveries.c.followup_id == followup_id)
            return dict(connection.execute(query).mappings().one())

    def calls(self, path: str) -> int:
        return sum(call["operation"] == f"Task.svc/{path}" for call in self.stack.sandbox.calls())

    def ended(self) -> dict[tuple[str, str, str], int]:
        return dict(ended_counts(self.stack.engine, range(1, 100)))


@pytest.fixture
def runs(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runs]:
    """A feed with these policies beside the shipped ones; look-ups lag by no time, and no round waits for long."""
    from leadsquared.operators import waits
    from leadsquared.work import in_step, plan, report, verify

    def make(**policies: str | int) -> Runs:
        lines = ["start_date: 2031-01-01", "sql: visits.sql", *(f"{key}: {value}" for key, value in policies.items())]
        (tmp_path / "visits.yaml").write_text("\n".join(lines), encoding="utf-8")
        (tmp_path / "visits.sql").write_text("SELECT * FROM followups", encoding="utf-8")
        for module in (approve, in_step, plan, report, verify):
            monkeypatch.setattr(module, "feeds_dir", lambda: tmp_path)
        monkeypatch.setattr(files, "sql_dir", lambda: tmp_path)
        monkeypatch.setattr(waits.time, "sleep", lambda _: time.monotonic())
        return Runs(stack)

    return make


def visits(*names: str, **changes: Any) -> list[dict[str, Any]]:
    return [follow_up(name, subject=f"Visit {name}", **changes) for name in names]


def test_update_gives_the_crm_task_what_the_warehouse_says_now(runs: Callable[..., Runs]) -> None:
    play = runs(on_change="update")
    play.run(visits("a", "b"))
    before = play.crm()
    later = "2031-04-07T08:00:00Z"
    moved = follow_up("a", subject="Second visit", due_at=later, duration_minutes=45, owner_email=OTHER)
    report = play.run([moved, *visits("b")])
    assert report["changes"] == [["update", "done", "", 1]]
    after = play.crm()
    assert after.keys() == {"Second visit", "Visit b"}
    assert after["Second visit"]["id"] == before["Visit a"]["id"]
    assert (after["Second visit"]["due"], after["Second visit"]["owner"]) == ("2031-04-07 08:00:00", OTHER)
    shown = play.stack.crm_task("Second visit")
    assert shown.end_at is not None
    assert shown.due_at is not None
    assert (shown.end_at - shown.due_at).total_seconds() == 45 * 60
    assert play.row("a")["state"] == "created"


def test_what_is_in_step_costs_no_call_and_is_asked_once(runs: Callable[..., Runs]) -> None:
    play = runs(on_change="update", on_cancel="delete")
    play.run(visits("a"))
    changed = visits("a", description="Bring forms")
    play.run(changed)
    assert play.calls("Update") == 1
    report = play.run(changed)
    assert report["changes"] == []
    assert report["before"] == {"already created": 1}
    assert play.calls("Update") == 1


@pytest.mark.parametrize("place", ["description", "off"])
def test_recreate_makes_one_new_crm_task_after_the_old_one_is_gone(runs: Callable[..., Runs], place: str) -> None:
    play = runs(on_change="recreate", marker=f"{{place: '{place}'}}")
    play.run(visits("a", "b"))
    old = play.crm()["Visit a"]
    report = play.run([follow_up("a", subject="Visit a", location="Branch 2"), *visits("b")])
    assert report["states"] == {"created": 1}
    assert report["changes"] == [["recreate", "done", "", 1]]
    new = play.crm()["Visit a"]
    assert new["id"] != old["id"]
    assert play.stack.crm_task_by_id(new["id"]).location == "Branch 2"
    assert len(play.crm()) == 2
    row = play.row("a")
    assert (row["state"], row["crm_task_id"], row["generation"]) == ("created", new["id"], 1)
    assert play.run([follow_up("a", subject="Visit a", location="Branch 2"), *visits("b")])["changes"] == []
    assert play.stack.sandbox.audit()["duplicates"]["by_fingerprint"] == 0


@pytest.mark.parametrize(("policy", "gone"), [("delete", True), ("complete", False)])
def test_cancelled_row_takes_its_crm_task_along(runs: Callable[..., Runs], policy: str, gone: bool) -> None:
    play = runs(on_cancel=policy)
    play.run(visits("a", "b"))
    cancelled = [*visits("a", cancelled=True), *visits("b")]
    report = play.run(cancelled)
    assert report["changes"] == [[policy, "done", "", 1]]
    tasks = {task["name"]: task for task in play.stack.sandbox.tasks()}
    assert bool(tasks["Visit a"]["deleted"]) is gone
    assert bool(tasks["Visit a"]["completed"]) is not gone
    assert not tasks["Visit b"]["deleted"]
    assert play.row("a")["state"] == "cancelled"
    assert "cancelled in the warehouse after it was delivered" in play.row("a")["reason"]
    assert play.run(cancelled)["changes"] == []


def test_row_that_returns_after_its_crm_task_was_deleted_is_created_anew_once(runs: Callable[..., Runs]) -> None:
    play = runs(on_cancel="delete")
    play.run(visits("a"))
    play.run(visits("a", cancelled=True))
    report = play.run(visits("a"))
    assert report["states"] == {"created": 1}
    assert len(play.crm()) == 1
    assert len(play.stack.sandbox.tasks()) == 2


def test_row_that_returns_after_its_crm_task_was_completed_gets_another(runs: Callable[..., Runs]) -> None:
    play = runs(on_cancel="complete")
    play.run(visits("a"))
    play.run(visits("a", cancelled=True))
    play.run(visits("a"))
    tasks = play.stack.sandbox.tasks()
    assert [bool(task["completed"]) for task in tasks] == [True, False]
    assert play.row("a")["crm_task_id"] == tasks[1]["id"]


HANDS = {
    "completed": ({"completed": True}, "completed in LeadSquared"),
    "renamed": ({"name": "My visit"}, "changed in LeadSquared"),
    "touched": ({}, "changed in LeadSquared by another user"),
    "deleted": ({"deleted": True}, "not to be seen"),
}


@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize(
    ("policies", "change"),
    [({"on_change": "update"}, {"description": "Bring forms"}), ({"on_cancel": "delete"}, {"cancelled": True})],
)
def test_what_a_person_did_is_left_alone_shown_and_not_tried_every_night(
    runs: Callable[..., Runs], policies: dict[str, str], change: dict[str, Any], hand: str
) -> None:
    play = runs(**policies)
    play.run(visits("a"))
    touch, words = HANDS[hand]
    play.stack.sandbox.touch(play.crm()["Visit a"]["id"], **touch)
    before = play.stack.sandbox.tasks()
    report = play.run(visits("a", **change))
    ((kind, state, reason, count),) = report["changes"]
    assert (kind, state, count) == (*policies.values(), "skipped", 1)
    assert words in reason
    assert play.stack.sandbox.tasks() == before
    assert play.row("a")["state"] == "created"
    again = play.run(visits("a", **change))
    assert again["changes"] == []
    assert again["before"] == {f"already created, {kind} skipped before": 1}


def test_what_an_update_cannot_carry_is_said_with_its_cure(runs: Callable[..., Runs]) -> None:
    play = runs(on_change="update")
    play.run(visits("a"))
    report = play.run(visits("a", location="Branch 2"))
    assert report["changes"] == [
        ["update", "skipped", "Location: LeadSquared's update has no such field; on_change: recreate makes the CRM "
         "task anew", 1]
    ]  # fmt: skip


def test_feeds_that_say_nothing_leave_delivered_rows_alone(runs: Callable[..., Runs]) -> None:
    play = runs()
    play.run(visits("a", "b"))
    before = play.stack.sandbox.tasks()
    report = play.run([*visits("a", description="New"), *visits("b", cancelled=True)])
    assert report["before"] == {"already created, changed since": 1, "already created": 1}
    assert play.stack.sandbox.tasks() == before


def test_update_after_an_update_knows_its_own_hand(runs: Callable[..., Runs]) -> None:
    play = runs(on_change="update")
    play.run(visits("a"))
    for text in ("one", "two", None):
        assert play.run(visits("a", description=text))["changes"] == [["update", "done", "", 1]]
    assert play.stack.crm_task("Visit a").description.startswith("[ref:")


def test_bulk_of_deletions_takes_one_call_and_few_look_ups(runs: Callable[..., Runs]) -> None:
    names = [f"n{number}" for number in range(120)]
    play = runs(on_cancel="delete")
    play.run(visits(*names))
    calls = len(play.stack.sandbox.calls())
    report = play.run(visits(*names, cancelled=True))
    assert report["changes"] == [["delete", "done", "", 120]]
    assert play.crm() == {}
    assert play.calls("DeleteTasks") == 1
    assert len(play.stack.sandbox.calls()) - calls < 25


FAULTS = ["drop_reply_after_commit", "503", "rate_error_in_200"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("policies", "change", "operation"),
    [
        ({"on_change": "update"}, {"description": "New"}, "Update"),
        ({"on_change": "recreate"}, {"description": "New"}, "DeleteTasks"),
        ({"on_cancel": "delete"}, {"cancelled": True}, "DeleteTasks"),
        ({"on_cancel": "complete"}, {"cancelled": True}, "MarkComplete"),
    ],
)
def test_lost_replies_are_settled_by_looking(
    runs: Callable[..., Runs], policies: dict[str, str], change: dict[str, Any], operation: str, fault: str
) -> None:
    play = runs(**policies)
    play.run(visits("a", "b"))
    play.stack.sandbox.faults(f"{fault} operation=Task.svc/{operation} calls=1")
    report = play.run([*visits("a", **change), *visits("b")])
    assert report["changes"] == [[*policies.values(), "done", "", 1]]
    living = play.crm()
    assert living.keys() == ({"Visit b"} if policies.get("on_cancel") == "delete" else {"Visit a", "Visit b"})
    assert len(living) == sum(not task["deleted"] for task in play.stack.sandbox.tasks())
    assert play.stack.sandbox.audit()["duplicates"]["by_marker"] == 0


@pytest.mark.parametrize("policies", [{"on_change": "recreate"}, {"on_cancel": "delete"}])
def test_deletions_that_come_late_are_awaited(runs: Callable[..., Runs], policies: dict[str, str]) -> None:
    play = runs(**policies)
    play.stack.leadsquared(settle_seconds=1)
    play.run(visits("a"))
    play.stack.sandbox.set(bulk_delay_ms=700)
    play.plan(visits("a", description="New", cancelled="on_cancel" in policies))
    deadline = time.monotonic() + 20
    play.apply()
    assert time.monotonic() < deadline
    play.stack.sandbox.set(bulk_delay_ms=0)
    play.rest()
    assert len(play.crm()) == (1 if "on_change" in policies else 0)
    assert play.stack.sandbox.audit()["duplicates"]["by_marker"] == 0


def test_run_that_left_changes_behind_is_red_and_reconcile_goes_on(runs: Callable[..., Runs]) -> None:
    from followups.report import ThresholdError
    from leadsquared.operators.reconcile import ReconcileOperator

    play = runs(on_change="recreate")
    play.run(visits("a"))
    play.plan(visits("a", description="New"))
    with pytest.raises(ThresholdError, match="1 CRM tasks are still to be changed"):
        play.rest()
    reconcile = ReconcileOperator(task_id="reconcile")
    for _ in range(4):
        reconcile.execute(play.context("reconcile"))
        play.crm()
    assert (play.row("a")["state"], play.row("a")["generation"]) == ("created", 1)
    assert play.stack.crm_task("Visit a").description.startswith("New")
    assert play.ended() == {("recreate", "done", ""): 1}


def test_payload_of_an_ended_change_is_not_kept(runs: Callable[..., Runs]) -> None:
    play = runs(on_change="update")
    play.run(visits("a"))
    play.run(visits("a", description="New"))
    with play.stack.engine.connect() as connection:
        assert connection.execute(sa.select(changes.c.payload)).scalars().all() == [None]


@pytest.mark.parametrize(("late_days", "read"), [(0, [(9, 10), (6, 9)]), (1, [(8, 10), (6, 8)]), (3, [(6, 10)])])
def test_days_before_the_interval_are_read_once(
    runs: Callable[..., Runs], monkeypatch: pytest.MonkeyPatch, late_days: int, read: list[tuple[int, int]]
) -> None:
    from leadsquared.work import plan

    play, opened, open_query = runs(on_change="update", look_back_days=3, late_days=late_days), [], plan.open_query

    def noting(conn_id: str, query: str, bounds: dict[str, datetime], **source: str) -> Any:
        opened.append((bounds["window_start"].day, bounds["window_end"].day))
        return open_query(conn_id, query, bounds, **source)

    monkeypatch.setattr(plan, "open_query", noting)
    context = play.context("plan", **{"from": None, "to": None})
    context["dag_run"].run_type = "scheduled"
    interval = {f"data_interval_{end}": datetime(2031, 4, day, tzinfo=UTC) for end, day in (("start", 9), ("end", 10))}
    PlanFollowUpsOperator(task_id="plan", feed=FEED).execute({**context, **interval})
    assert opened == read


def asked(play: Runs) -> tuple[str, str] | None:
    return approve.ask(FEED, "followups_ledger", play.context("approve"))


def test_many_deletions_wait_for_a_person_and_few_do_not(runs: Callable[..., Runs]) -> None:
    play = runs(on_cancel="delete", approval="{above_rows: 3}")
    play.plan(visits("a", "b", "c", "d", "e"))
    play.rest()
    play.plan(visits("a", "b", "c", "d", cancelled=True))
    question = asked(play)
    assert question is not None
    assert question[0] == "visits: delete 4 CRM tasks?"
    assert "- 4 delete" in question[1]
    assert play.apply() == {}
    approve.answer(FEED, "followups_ledger", play.context("approve"), approved=False, by={"name": "ava"})
    assert play.apply() == {}
    assert play.rest()["changes"] == [["delete", "skipped", "not approved by ava", 4]]
    assert len(play.crm()) == 5

    play.plan(visits("a", "b", "c", "d", cancelled=True))
    assert asked(play) == question
    approve.answer(FEED, "followups_ledger", play.context("approve"), approved=True, by={"name": "ava"})
    assert play.apply() == {"delete done": 4}
    play.plan(visits("e", cancelled=True))
    assert asked(play) is None
    assert play.apply() == {"delete done": 1}
    assert play.crm() == {}


def test_report_tells_of_changes_that_nobody_was_asked_about(runs: Callable[..., Runs]) -> None:
    play = runs(on_cancel="delete", approval="{above_rows: 3}")
    play.run(visits("a"))
    play.plan(visits("a", cancelled=True))
    with pytest.raises(ThresholdError, match="1 changes to CRM tasks wait for an approval that was never asked for"):
        play.rest()
