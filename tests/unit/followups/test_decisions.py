"""What planning does with a row: one table over what the ledger knows and what the row says now."""

from __future__ import annotations

from itertools import product

import pytest

from followups.ledger.rows import Known
from followups.model import State
from followups.planning.decisions import Action, Decision, Requeue, decide, decide_new
from followups.rows import Candidate

THIS_PLAN, DEAD_PLAN, LIVE_PLAN = 1, 2, 3
CANDIDATES = (State.PLANNED, State.HELD, State.INVALID, State.CANCELLED)
REQUEUES: tuple[Requeue, ...] = ("none", "rejected", "held")
#: Whatever the warehouse says now, these may have a CRM task.
UNTOUCHABLE = (State.SENDING, State.ACCEPTED, State.CREATED, State.UNKNOWN)


def judge(
    candidate: State, known: State | None, *, changed: bool = False, requeue: Requeue = "none", plan: int = DEAD_PLAN
) -> Decision:
    row = Candidate(key="k", followup_id="f", state=candidate, content_hash="new" if changed else "old", reason="why")
    if known is None:
        return decide_new(row)
    entry = Known(1, known, "old", plan, 0, None)
    return decide(
        row, entry, plan_id=THIS_PLAN, requeue=requeue, is_live_elsewhere=lambda plan_id: plan_id == LIVE_PLAN
    )


@pytest.mark.parametrize("state", CANDIDATES)
def test_new_row_is_sent_or_written_down(state: State) -> None:
    action = Action.SEND if state == State.PLANNED else Action.RECORD
    assert judge(state, None).action is action


@pytest.mark.parametrize(
    ("known", "candidate", "changed", "requeue"), list(product(UNTOUCHABLE, CANDIDATES, (False, True), REQUEUES))
)
def test_what_may_exist_in_leadsquared_is_never_sent_again(
    known: State, candidate: State, changed: bool, requeue: Requeue
) -> None:
    decision = judge(candidate, known, changed=changed, requeue=requeue)
    withdrawn = known in {State.SENDING, State.UNKNOWN} and candidate is State.CANCELLED
    assert decision.action is (Action.WITHDRAW if withdrawn else Action.LEAVE)
    since = "cancelled" if withdrawn else "changed" if changed else None
    assert decision.outcome == f"already {known}" + (f", {since} since" if since else "")


@pytest.mark.parametrize(("candidate", "changed", "requeue"), list(product(CANDIDATES[1:], (False, True), REQUEUES)))
@pytest.mark.parametrize("plan", [DEAD_PLAN, LIVE_PLAN])
def test_planned_row_follows_the_warehouse_even_in_a_living_run(
    candidate: State, changed: bool, requeue: Requeue, plan: int
) -> None:
    decision = judge(candidate, State.PLANNED, changed=changed, requeue=requeue, plan=plan)
    assert decision == Decision(Action.RECORD, candidate, "why")


@pytest.mark.parametrize("changed", [False, True])
def test_planned_row_of_a_living_run_is_left_to_it_and_of_a_dead_one_taken_up(changed: bool) -> None:
    assert judge(State.PLANNED, State.PLANNED, changed=changed, plan=LIVE_PLAN).outcome == "with another run"
    assert judge(State.PLANNED, State.PLANNED, changed=changed, plan=DEAD_PLAN).action is Action.SEND


@pytest.mark.parametrize(
    ("changed", "requeue", "sent"),
    [(False, "none", False), (False, "held", False), (False, "rejected", True), (True, "none", True)],
)
def test_rejected_row_returns_when_it_changed_or_a_person_asks(changed: bool, requeue: Requeue, sent: bool) -> None:
    decision = judge(State.PLANNED, State.REJECTED, changed=changed, requeue=requeue)
    assert (decision.action is Action.SEND) is sent


@pytest.mark.parametrize(("candidate", "changed"), list(product((State.PLANNED, State.HELD), (False, True))))
def test_held_row_returns_only_when_a_person_asks(candidate: State, changed: bool) -> None:
    assert judge(candidate, State.HELD, changed=changed, requeue="held").action is Action.SEND
    assert judge(candidate, State.HELD, changed=changed).action is Action.LEAVE
    assert judge(candidate, State.HELD, changed=changed, requeue="rejected").action is Action.LEAVE


@pytest.mark.parametrize(("known", "changed"), list(product((State.INVALID, State.CANCELLED), (False, True))))
def test_row_that_is_valid_now_is_sent(known: State, changed: bool) -> None:
    assert judge(State.PLANNED, known, changed=changed).action is Action.SEND


@pytest.mark.parametrize("candidate", CANDIDATES[1:])
def test_row_that_is_bad_in_another_way_is_written_down_anew(candidate: State) -> None:
    assert judge(candidate, State.INVALID, changed=True).action is Action.RECORD
    unchanged = Action.RECORD if candidate == State.CANCELLED else Action.LEAVE
    assert judge(candidate, State.INVALID).action is unchanged


@pytest.mark.parametrize("requeue", REQUEUES)
def test_held_row_that_is_cancelled_is_cancelled_unless_a_crm_task_of_it_may_exist(requeue: Requeue) -> None:
    row = Candidate(key="k", followup_id="f", state=State.CANCELLED, content_hash="old", reason="why")
    for batch_id, action in ((None, Action.RECORD), ("1-000001", Action.LEAVE)):
        known = Known(1, State.HELD, "old", DEAD_PLAN, 0, batch_id)
        decision = decide(row, known, plan_id=THIS_PLAN, requeue=requeue, is_live_elsewhere=lambda _: False)
        assert decision.action is action


@pytest.mark.parametrize("known", list(State))
def test_id_that_comes_twice_in_one_plan_is_judged_by_its_content(known: State) -> None:
    assert judge(State.PLANNED, known, plan=THIS_PLAN).outcome == "repeated row"
    assert judge(State.PLANNED, known, plan=THIS_PLAN, changed=True).action is Action.DUPLICATE


def test_whatever_is_sent_was_neither_sent_before_nor_is_it_another_runs() -> None:
    plans = (DEAD_PLAN, LIVE_PLAN)
    for candidate, known, changed, requeue, plan in product(CANDIDATES, (None, *State), (False, True), REQUEUES, plans):
        decision = judge(candidate, known, changed=changed, requeue=requeue, plan=plan)
        assert decision.outcome
        if decision.action is Action.SEND:
            assert candidate == State.PLANNED or (candidate, known, requeue) == (State.HELD, State.HELD, "held")
            assert known not in UNTOUCHABLE
            assert not (known == State.PLANNED and plan == LIVE_PLAN)
