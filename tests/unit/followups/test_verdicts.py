"""The verdict on a row: created, dropped, sent again, or held where absence cannot be proved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from followups.model import State
from followups.readback import Found
from followups.verdicts import (
    CANNOT_LOOK,
    CUT_SHORT,
    DOUBTFUL,
    DROPPED,
    HELD_BY_POLICY,
    HIDDEN,
    LOOKS_BEFORE_HELD,
    NOT_ASKABLE,
    NOT_THERE,
    RESENT,
    judge,
)
from tests.support.verifying import FakeLeadSquared, FakeLedger, batch, mark, verifier, verify
from tests.unit.followups.test_readback import AVA, Crm, Task
from tests.unit.followups.test_readback import row as open_row

LOOKED_ONCE = {"age": 100, "looks": 1, "ago": 50}


def test_accepted_row_that_two_looks_did_not_find_was_dropped() -> None:
    ledger = FakeLedger(batch(**LOOKED_ONCE))
    result = verify(ledger)
    assert ledger.states == {0: (State.REJECTED, DROPPED)}
    assert (result.counts, result.wait) == ({State.CREATED: 0, State.REJECTED: 1}, None)


def test_row_that_was_dropped_says_why_if_a_webhook_told() -> None:
    ledger = FakeLedger(batch(**LOOKED_ONCE))
    verifier(ledger, FakeLeadSquared(Crm(), reasons={0: "Invalid owner"})).round()
    assert ledger.states == {0: (State.REJECTED, "Invalid owner")}


@pytest.mark.parametrize("state", ["accepted", "unknown"])
def test_one_look_is_no_proof_of_absence_however_late_it_comes(state: str) -> None:
    ledger = FakeLedger(batch(age=10_000, state=state))
    verify(ledger)
    assert ledger.states == {}


def test_early_looks_prove_nothing_however_many_there_were() -> None:
    ledger = FakeLedger(batch(age=99, looks=9, ago=99, state="unknown"))
    verify(ledger)
    assert ledger.states == {}


def test_unknown_row_that_is_absent_is_sent_again_with_its_plan() -> None:
    ledger = FakeLedger(batch(**LOOKED_ONCE, state="unknown"))
    result = verify(ledger)
    assert ledger.states == {0: (State.PLANNED, NOT_THERE)}
    assert result.again == {1}


def test_unknown_row_that_is_absent_is_held_where_the_feed_says_so() -> None:
    ledger = FakeLedger(batch(**LOOKED_ONCE, state="unknown"))
    result = verify(ledger, on_unknown="hold")
    assert ledger.states == {0: (State.HELD, HELD_BY_POLICY)}
    assert result.again == set()


def test_unknown_row_is_sent_again_unseen_only_where_the_feed_says_so() -> None:
    ledger = FakeLedger(batch(age=10, state="unknown"))
    result = verify(ledger, on_unknown="resend")
    assert (ledger.states, result.again) == ({0: (State.PLANNED, RESENT)}, {1})
    ledger = FakeLedger(batch(age=10, state="accepted"))
    verify(ledger, on_unknown="resend")
    assert ledger.states == {}


@pytest.mark.parametrize("policy", ["verify", "hold"])
def test_unknown_row_that_is_seen_is_created_whatever_the_policy(policy: str) -> None:
    ledger = FakeLedger(batch(age=10, state="unknown"))
    verify(ledger, Task("t0", mark(0)), on_unknown=policy)
    assert ledger.states == {0: (State.CREATED, "t0")}


def test_row_that_cannot_be_looked_for_is_held_for_a_person() -> None:
    ledger = FakeLedger(batch(age=10, state="unknown"), payload=False)
    assert verify(ledger).counts[State.HELD] == 1
    assert ledger.states == {0: (State.HELD, CANNOT_LOOK)}


@pytest.mark.parametrize("state", ["accepted", "unknown"])
def test_looks_that_were_cut_short_prove_nothing_and_end_in_a_persons_hands(state: str) -> None:
    cut = FakeLeadSquared(Crm())
    cut.read.cut_short = 1
    ledger = FakeLedger(batch(age=100, looks=LOOKS_BEFORE_HELD - 2, ago=50, state=state))
    verifier(ledger, cut).round()
    assert ledger.states == {}
    ledger = FakeLedger(batch(age=100, looks=LOOKS_BEFORE_HELD - 1, ago=50, state=state))
    verifier(ledger, cut).round()
    assert ledger.states == {0: (State.HELD, CUT_SHORT)}


@pytest.mark.parametrize("state", ["accepted", "unknown"])
@pytest.mark.parametrize("fault", ["failing", "short"])
def test_closer_look_that_proves_nothing_leaves_the_row_open_and_then_to_a_person(state: str, fault: str) -> None:
    crm = Crm()
    setattr(crm, fault, {AVA})
    ledger = FakeLedger(batch(**LOOKED_ONCE, state=state))
    verifier(ledger, FakeLeadSquared(crm)).round()
    assert ledger.states == {}
    ledger = FakeLedger(batch(age=100, looks=LOOKS_BEFORE_HELD - 1, ago=50, state=state))
    verifier(ledger, FakeLeadSquared(crm)).round()
    assert ledger.states == {0: (State.HELD, CUT_SHORT)}


def test_one_closer_look_that_fails_keeps_no_other_unknown_row_back_but_every_accepted_one() -> None:
    """Of rows that were accepted a few stand for all: unless these were answered, nothing is known of the others."""
    unknown = replace(open_row(1), state=State.UNKNOWN)
    rows = [unknown, replace(unknown, id=2), open_row(3)]
    seen = Found(tasks={}, impossible=(), visible_types=frozenset({"Visit"}), complete=True)
    near = replace(seen, complete=False, unanswered=frozenset({2}))
    verdict = judge(2, rows, seen, hides=lambda _: False, closely=lambda _: near)
    assert (verdict.absent, verdict.held) == ([unknown], {})


@pytest.mark.parametrize("state", ["accepted", "unknown"])
def test_row_of_a_type_that_these_keys_may_not_see_is_held(state: str) -> None:
    other = Task("t9", name="Other", task_type="Call")
    ledger = FakeLedger(batch(**LOOKED_ONCE, state=state))
    verifier(ledger, FakeLeadSquared(Crm(other), administrator=False)).round()
    assert ledger.states == {0: (State.HELD, HIDDEN)}


def test_row_of_a_type_that_was_seen_can_be_proved_absent_with_any_keys() -> None:
    ledger = FakeLedger(batch(**LOOKED_ONCE, state="unknown"))
    verifier(ledger, FakeLeadSquared(Crm(Task("t9", name="Other")), administrator=False)).round()
    assert ledger.states == {0: (State.PLANNED, NOT_THERE)}


def test_webhook_that_names_the_task_settles_the_row() -> None:
    ledger = FakeLedger(batch(age=10))
    verifier(ledger, FakeLeadSquared(Crm(), ids={0: "t0"})).round()
    assert ledger.states == {0: (State.CREATED, "t0")}


def duplicates(**changes: object) -> tuple[Task, Task]:
    from dataclasses import replace
    from datetime import UTC, datetime

    old = Task("old", mark(0), created_at=datetime(2031, 1, 1, tzinfo=UTC))
    new = replace(Task("new", mark(0), created_at=datetime(2031, 1, 2, tzinfo=UTC)), **changes)  # type: ignore[arg-type]
    return new, old


def test_second_task_of_a_row_is_reported_and_the_older_one_counts() -> None:
    ledger, leadsquared = FakeLedger(batch(age=10)), FakeLeadSquared(Crm(*duplicates()))
    result = verifier(ledger, leadsquared).round()
    assert (result.duplicates, leadsquared.deleted) == (1, [])
    assert ledger.states == {0: (State.CREATED, "old")}
    assert ledger.notes == ["2 CRM tasks for this follow-up: old, new"]


def test_younger_one_is_deleted_where_the_feed_says_so() -> None:
    ledger, leadsquared = FakeLedger(batch(age=10)), FakeLeadSquared(Crm(*duplicates()))
    verifier(ledger, leadsquared, duplicates="delete_younger").round()
    assert leadsquared.deleted == ["new"]
    assert ledger.notes == ["2 CRM tasks; asked to delete the younger: new"]


@pytest.mark.parametrize("changes", [{"status_code": 1}, {"marker": None}, {"marker": "abcdefghjkmn"}])
def test_task_that_was_completed_or_is_not_surely_ours_is_never_deleted(changes: dict[str, object]) -> None:
    ledger, leadsquared = FakeLedger(batch(age=10)), FakeLeadSquared(Crm(*duplicates(**changes)))
    verifier(ledger, leadsquared, duplicates="delete_younger").round()
    assert leadsquared.deleted == []


def test_task_that_is_only_alike_is_never_deleted_though_its_text_quotes_a_marker() -> None:
    ledger = FakeLedger(batch(age=10), marked=False)
    leadsquared = FakeLeadSquared(Crm(Task("t1"), Task("t2", marker="abcdefghjkmn")))
    assert verifier(ledger, leadsquared, duplicates="delete_younger").round().duplicates == 1
    assert leadsquared.deleted == []


def test_audit_finds_what_came_late_and_is_done_once() -> None:
    ledger = FakeLedger(batch(age=300), state=State.REJECTED)
    verifier(ledger, FakeLeadSquared(Crm(Task("t0", mark(0))))).audit(timedelta(seconds=200))
    assert ledger.states == {0: (State.CREATED, "t0")}
    assert ledger.audits == ["1-000001"]


def test_audit_waits_for_its_time_and_comes_back_to_duplicates_that_it_asked_to_delete() -> None:
    ledger = FakeLedger(batch(age=300), state=State.CREATED)
    it = verifier(ledger, FakeLeadSquared(Crm(*duplicates())), duplicates="delete_younger")
    assert it.audit(timedelta(seconds=301)).duplicates == 0
    assert it.audit(timedelta(seconds=300)).duplicates == 1
    assert ledger.audits == []


def test_duplicates_that_are_only_reported_are_reported_once() -> None:
    ledger = FakeLedger(batch(age=300), state=State.CREATED)
    assert verifier(ledger, FakeLeadSquared(Crm(*duplicates()))).audit(timedelta(seconds=300)).duplicates == 1
    assert ledger.audits == ["1-000001"]


@pytest.mark.parametrize("state", ["accepted", "unknown"])
def test_row_that_only_a_closer_look_shows_is_created(state: str) -> None:
    ledger = FakeLedger(batch(**LOOKED_ONCE, state=state))
    moved = Task("t0", mark(0), due_at=None)
    verifier(ledger, FakeLeadSquared(Crm(elsewhere=[moved]))).round()
    assert ledger.states == {0: (State.CREATED, "t0")}


@pytest.mark.parametrize("state", ["accepted", "unknown"])
def test_row_that_may_be_there_under_no_marker_is_held(state: str) -> None:
    ledger = FakeLedger(batch(**LOOKED_ONCE, state=state))
    verifier(ledger, FakeLeadSquared(Crm(elsewhere=[Task("t0", due_at=None)]))).round()
    assert ledger.states == {0: (State.HELD, DOUBTFUL)}


def test_row_of_an_owner_about_whom_nothing_is_answered_is_held() -> None:
    leadsquared = FakeLeadSquared(Crm())
    leadsquared.read.refused = {AVA}
    ledger = FakeLedger(batch(**LOOKED_ONCE, state="unknown"))
    verifier(ledger, leadsquared).round()
    assert ledger.states == {0: (State.HELD, NOT_ASKABLE)}


def test_closer_look_comes_only_before_a_verdict() -> None:
    crm = Crm()
    verifier(FakeLedger(batch(age=150, state="unknown")), FakeLeadSquared(crm)).round()
    assert crm.closely == []
    verifier(FakeLedger(batch(**LOOKED_ONCE, state="unknown")), FakeLeadSquared(crm)).round()
    assert len(crm.closely) == 1


def test_what_a_webhook_told_is_not_sent_again_unseen() -> None:
    ledger = FakeLedger(batch(age=10, state="unknown"))
    result = verifier(ledger, FakeLeadSquared(Crm(), ids={0: "t0"}), on_unknown="resend").round()
    assert (ledger.states, result.again) == ({0: (State.CREATED, "t0")}, set())


@pytest.mark.parametrize("state", [State.REJECTED, State.HELD])
def test_audit_heeds_what_a_webhook_told_of_rows_that_were_given_up(state: State) -> None:
    ledger = FakeLedger(batch(age=300), state=state)
    result = verifier(ledger, FakeLeadSquared(Crm(), ids={0: "t0"})).audit(timedelta(seconds=200))
    assert (ledger.states, result.counts) == ({0: (State.CREATED, "t0")}, {State.CREATED: 1})


def test_older_task_stands_for_the_row_before_the_one_that_the_ledger_knew_is_deleted() -> None:
    ledger = FakeLedger(batch(age=300), state=State.CREATED, crm_task_id="new")
    leadsquared = FakeLeadSquared(Crm(*duplicates()))
    verifier(ledger, leadsquared, duplicates="delete_younger").audit(timedelta(seconds=300))
    assert (ledger.kept, leadsquared.deleted) == ({0: "old"}, ["new"])


@pytest.mark.parametrize("known", ["t2", "T2"])
def test_of_two_tasks_of_one_age_the_one_that_the_ledger_knows_stays(known: str) -> None:
    ledger = FakeLedger(batch(age=300), state=State.CREATED, crm_task_id=known)
    leadsquared = FakeLeadSquared(Crm(Task("t1", mark(0)), Task("t2", mark(0))))
    verifier(ledger, leadsquared, duplicates="delete_younger").audit(timedelta(seconds=300))
    assert (ledger.kept, leadsquared.deleted) == ({}, ["t1"])
