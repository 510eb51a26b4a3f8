"""Who is told what, when a run needs a person."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from airflow.sdk.exceptions import DownstreamTasksSkipped, TaskAwaitingInput

from followups.feeds import Approval, Feed, Thresholds, feeds_dir, load_feed
from followups.ledger import events
from followups.ledger.clock import store_now
from followups.report import ThresholdError
from followups.schema import deliveries, plans
from leadsquared import notifying
from leadsquared.operators.approve import ApproveRunOperator
from leadsquared.operators.plan import PlanFollowUpsOperator
from leadsquared.operators.report import ReportDeliveriesOperator
from leadsquared.runs import actor
from leadsquared.work import approve, needs, plan, report
from leadsquared.work.needs import Watch
from tests.support.mail_server import MailServer, running_mail_server
from tests.unit.leadsquared.operators.conftest import OWNER, Stack, follow_up

LEAD = "lead@example.com"


@pytest.fixture
def post(stack: Stack) -> Iterator[MailServer]:
    with running_mail_server() as server:
        stack.connection("smtp_default", **server.connection())
        yield server


def configure(stack: Stack, **changes: Any) -> Feed:
    """Let the shipped feed be another."""
    given = load_feed(feeds_dir() / "appointments.yaml")
    changed = given.model_copy(update={"notify": (LEAD,), "thresholds": Thresholds(), **changes})
    for module in (plan, approve, report, notifying, needs):
        stack.monkeypatch.setattr(module, "load_feed", lambda _: changed)
    return changed


def run_plan(stack: Stack, **params: Any) -> None:
    PlanFollowUpsOperator(task_id="plan", feed="appointments").execute(stack.context("plan", **params))


def run_report(stack: Stack) -> Any:
    """The report task as Airflow runs it, with its callback."""
    operator, context = ReportDeliveriesOperator(task_id="report", feed="appointments"), stack.context("report")
    context["task"] = operator
    try:
        return operator.execute(context)
    except Exception as error:
        for tell in operator.on_failure_callback:
            tell({**context, "exception": error})
        return error


def approval(stack: Stack, feed: Feed) -> tuple[ApproveRunOperator, Any]:
    assert feed.approval is not None
    operator = ApproveRunOperator(task_id="approve", feed=feed.name, timeout=feed.approval.timeout)
    context = stack.context("approve")
    return operator, {**context, "task_instance": context["ti"], "task": operator}


def test_run_that_holds_rows_tells_how_many_and_why(stack: Stack, post: MailServer) -> None:
    configure(stack, max_per_owner_per_day=1)
    stack.warehouse([follow_up(f"f-{n}") for n in range(3)])
    run_plan(stack)
    with stack.engine.begin() as connection:  # as if it had been delivered
        done = sa.update(deliveries).where(deliveries.c.state == "planned")
        connection.execute(done.values(state="created"))
    assert run_report(stack)["states"] == {"created": 1, "held": 2}
    (mail,) = post.mails
    assert (mail.to, mail.subject) == ([LEAD], "[LeadSquared] appointments: 2 rows are held")
    assert "2 held: more than 1 for this owner on that day" in mail.text
    assert OWNER not in mail.text
    assert "Zeenat" not in mail.text


def test_run_that_fails_by_its_thresholds_tells_the_numbers(stack: Stack, post: MailServer) -> None:
    configure(stack)
    stack.warehouse([follow_up(f"f-{n}", subject=None) for n in range(3)])
    run_plan(stack)
    error = run_report(stack)
    assert isinstance(error, ThresholdError)
    (mail,) = post.mails
    assert mail.subject == "[LeadSquared] appointments: a run failed"
    assert "3 of 3 rows are invalid (100.0%, allowed 50.0%)" in mail.text
    assert "3 invalid: subject: missing" in mail.text


def test_error_that_is_not_our_own_is_told_by_its_kind_alone(stack: Stack, post: MailServer) -> None:
    configure(stack)
    context = stack.context("report")
    notifying.tell_of_failure("appointments", {**context, "exception": ValueError(f"about {OWNER}")})
    (mail,) = post.mails
    assert "ValueError" in mail.text
    assert OWNER not in mail.text


def test_task_that_was_killed_is_told_of_as_such(stack: Stack, post: MailServer) -> None:
    configure(stack)
    notifying.tell_of_failure("appointments", stack.context("report"))  # as Airflow's DAG processor does
    (mail,) = post.mails
    assert "Run manual__1: its task was killed, or its worker was lost" in mail.text


def test_leadsquareds_words_are_neither_templates_nor_mark_up(stack: Stack, post: MailServer) -> None:
    notifying.tell(configure(stack), "{{ 1 + 1 }}", ["{{ 1 + 1 }} <b>MX</b>"])
    (mail,) = post.mails
    assert mail.subject.endswith("{{ 1 + 1 }}")
    assert "{{ 1 + 1 }} &lt;b&gt;MX&lt;/b&gt;" in mail.text


def test_green_run_and_feed_that_names_nobody_send_no_mail(stack: Stack, post: MailServer) -> None:
    configure(stack)
    run_plan(stack)
    assert run_report(stack)["states"] == {}
    configure(stack, notify=())
    stack.warehouse([follow_up("f-1", subject=None)])
    run_plan(stack)
    assert isinstance(run_report(stack), ThresholdError)
    assert post.mails == []


@pytest.mark.parametrize("server", ["none", "dead", "no sender"])
def test_mail_that_cannot_be_sent_fails_nothing_and_is_warned_about(
    stack: Stack, post: MailServer, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    fields = {**post.connection()}
    if server == "dead":
        stack.connection("smtp_default", **{**fields, "port": 1})
    elif server == "no sender":
        stack.connection("smtp_default", **{**fields, "extra": {"disable_ssl": True, "disable_tls": True}})
    else:
        stack.monkeypatch.delenv("AIRFLOW_CONN_SMTP_DEFAULT")
    notifying.tell(configure(stack), "subject", ["text"])
    assert "check the connection smtp_default (host, port, and `from_email` in its extra)" in caplog.text
    assert LEAD not in caplog.text
    assert post.mails == []


@pytest.mark.parametrize("params", [{}, {"mode": "preview"}])
def test_small_run_and_preview_are_not_asked_about(stack: Stack, post: MailServer, params: dict[str, str]) -> None:
    feed = configure(stack, approval=Approval(above_rows=2))
    stack.warehouse([follow_up(f"f-{n}") for n in range(3 if params else 2)])
    run_plan(stack, **params)
    operator, context = approval(stack, feed)
    context["params"] |= params
    assert operator.execute(context) is None
    assert post.mails == []


def ask(stack: Stack, monkeypatch: pytest.MonkeyPatch, rows: int = 3) -> tuple[ApproveRunOperator, Any]:
    from airflow.providers.standard.operators import hitl

    feed = configure(stack, approval=Approval(above_rows=2, timeout_hours=12))
    stack.warehouse([follow_up(f"f-{n}") for n in range(rows)] + [follow_up("bad", subject=None)])
    run_plan(stack)
    operator, context = approval(stack, feed)
    asked: dict[str, Any] = {}
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **given: asked.update(given))
    with pytest.raises(TaskAwaitingInput):
        operator.execute(context)
    assert asked["subject"] == "appointments: send 3 follow-ups?"
    assert asked["defaults"] == ["Reject"]
    assert asked["body"].splitlines() == [
        "Feed `appointments`, due from 2031-04-01 00:00 to 2031-05-01 00:00 UTC.", "",
        "To send, by task type:", "", "- 3 Meeting", "",
        "Not sent:", "", "- 1 invalid", "",
        "1 calls to send, at least 1 s at the account's limit.",
        "Approve: all of it is done. Reject, or no answer within 12 h: rows are held, and a run with `requeue` = "
        "`held` sends them; CRM tasks stay as they are, and the next run asks again.",
    ]  # fmt: skip
    return operator, context


def event(option: str, by: Any) -> dict[str, Any]:
    from datetime import UTC, datetime

    return {
        "chosen_options": [option], "params_input": {}, "responded_at": datetime.now(UTC), "responded_by_user": by
    }  # fmt: skip


def waits(stack: Stack) -> bool:
    with stack.engine.connect() as connection:
        return connection.execute(sa.select(plans.c.waits_until)).scalar_one() is not None


def test_yes_lets_the_run_go_on(stack: Stack, post: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    operator, context = ask(stack, monkeypatch)
    assert waits(stack)
    assert [mail.subject for mail in post.mails] == [
        "[LeadSquared] approval asked for: appointments: send 3 follow-ups?"
    ]
    operator.execute_complete(context, event("Approve", {"id": "1", "name": "ava"}))
    assert not waits(stack)
    assert stack.states() == {"f-0": "planned", "f-1": "planned", "f-2": "planned", "bad": "invalid"}


@pytest.mark.parametrize(
    ("by", "reason"),
    [({"id": "1", "name": "ava"}, "not approved by ava"), (None, "not approved: no answer within 12 h")],
)
def test_no_and_no_answer_hold_the_rows_with_the_reason(
    stack: Stack, post: MailServer, monkeypatch: pytest.MonkeyPatch, by: Any, reason: str
) -> None:
    operator, context = ask(stack, monkeypatch)
    operator.downstream_task_ids.add("create_tasks")
    context["task"] = type("Task", (), {"get_direct_relatives": lambda *_, **__: [], "task_id": "approve"})()
    with contextlib.suppress(DownstreamTasksSkipped):
        operator.execute_complete(context, event("Reject", by))
    assert not waits(stack)
    found = run_report(stack)
    assert found["states"] == {"held": 3, "invalid": 1}
    assert ["held", reason, 3] in found["reasons"]
    assert post.mails[-1].subject == "[LeadSquared] appointments: 3 rows are held"


def test_what_reconcile_found_is_told_to_the_people_of_each_feed(stack: Stack, post: MailServer) -> None:
    configure(stack)
    stack.warehouse([follow_up(f"f-{n}") for n in range(3)])
    run_plan(stack)
    context = stack.context("reconcile")
    Watch(stack.engine, context).tell_all()
    assert post.mails == []
    watch = Watch(stack.engine, context)
    with stack.engine.begin() as connection:
        now, by = store_now(connection), actor(context)
        ids = connection.execute(sa.select(deliveries.c.id)).scalars().all()
        log = [
            {"at": now, "actor": by, "delivery_id": ids[0], "from_state": "unknown", "to_state": "held",
             "reason": "hidden"},
            {"at": now, "actor": by, "delivery_id": ids[1], "from_state": "created", "to_state": "created",
             "reason": "2 CRM tasks for this follow-up: a, b"},
            {"at": now, "actor": by, "delivery_id": ids[2], "from_state": "unknown", "to_state": "created",
             "reason": "seen"},
            {"at": now, "actor": "somebody else", "delivery_id": ids[2], "from_state": "unknown", "to_state": "held",
             "reason": "theirs"},
        ]  # fmt: skip
        events.record(connection, log)
    watch.tell_all()
    (mail,) = post.mails
    assert mail.subject == "[LeadSquared] appointments: 2 rows need a person"
    assert "1 hidden" in mail.text
    assert "1 more than one CRM task" in mail.text
    assert "theirs" not in mail.text
