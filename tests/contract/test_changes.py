"""CRM tasks are brought to a wanted state, whatever comes back, and what is as wanted already costs no change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from leadsquared.changer import Changer, Progress
from leadsquared.changes import Change, Complete, Delete, Update
from leadsquared.errors import NotConfirmed, RateLimited, RequestRejected
from leadsquared.hook import LeadSquaredHook
from leadsquared.sightings import VAIN_SEARCHES, Place, Sightings
from leadsquared.wire import operations
from leadsquared.wire.operations import Operation
from sandbox.testing import RunningSandbox
from tests.contract.hook_kit import DIRECTORY, DUE, OTHER, OWNER, UNKNOWN_ID, calls_of, make_payload
from tests.support.faked_network import make_faked_network

OPERATIONS: dict[str, Operation] = {
    "updated": operations.UPDATE,
    "completed": operations.MARK_COMPLETE,
    "deleted": operations.DELETE_TASKS,
}


@pytest.fixture
def task_ids(hook: LeadSquaredHook, sandbox: RunningSandbox) -> list[str]:
    """Six appointments and to-dos, all due on one day."""
    kinds: list[dict[str, Any]] = [{}, {"task_type": "Follow Up", "end_at": None}]
    payloads = [make_payload(subject=f"Visit {number}", **kinds[number % 2]) for number in range(6)]
    return [hook.create_task(payload) for payload in payloads]


def make_change(word: str, ids: list[str]) -> Change:
    changes = {
        "completed": Complete,
        "deleted": Delete,
        "updated": lambda: Update({key: {"Name": "New"} for key in ids}),
    }
    return changes[word]()  # type: ignore[no-any-return, operator]


def run(hook: LeadSquaredHook, word: str, ids: list[str], **options: Any) -> Progress:
    changer = Changer(hook, make_change(word, ids), sleep=lambda _: None, **options)
    progress = changer.run(ids)
    for _ in range(50):  # deletions happen after the reply
        progress = changer.check(progress)
        if not progress.left:
            break
    return progress


@pytest.mark.parametrize("word", OPERATIONS)
def test_what_is_as_wanted_already_is_not_changed_again(
    hook: LeadSquaredHook, sandbox: RunningSandbox, task_ids: list[str], word: str
) -> None:
    assert run(hook, word, task_ids[:4]).counts[word] == 4
    made = calls_of(sandbox, OPERATIONS[word])
    again = run(hook, word, task_ids)
    assert (again.counts[word], again.counts["already"], again.left) == (2, 4, [])
    assert run(hook, word, task_ids).counts["already"] == 6
    # What look-ups do not show may be there all the same: its deletion is asked for again, all in one call.
    assert calls_of(sandbox, OPERATIONS[word]) == made + (3 if word == "deleted" else 2)


@pytest.mark.parametrize("word", OPERATIONS)
@pytest.mark.parametrize(
    "fault", ["html500_after_commit", "html500_before_commit", "drop_reply_after_commit", "reset", "502", "garbage200"]
)
def test_a_change_without_an_answer_is_looked_at_and_asked_for_again_if_need_be(
    hook: LeadSquaredHook, sandbox: RunningSandbox, task_ids: list[str], word: str, fault: str
) -> None:
    sandbox.faults(f"{fault} operation={OPERATIONS[word].path} calls=1")
    progress = run(hook, word, task_ids)
    assert (progress.counts[word], progress.left) == (6, [])


@pytest.mark.parametrize("word", OPERATIONS)
def test_a_change_that_never_gets_an_answer_is_left_and_not_asked_for_without_end(
    hook: LeadSquaredHook, sandbox: RunningSandbox, task_ids: list[str], word: str
) -> None:
    sandbox.faults(f"502 operation={OPERATIONS[word].path}")
    changer = Changer(hook, make_change(word, task_ids), sleep=lambda _: None)
    progress = changer.run(task_ids[:1])
    assert progress.left == task_ids[:1]
    assert calls_of(sandbox, OPERATIONS[word]) == 3
    changer.confirm(progress, within=timedelta(hours=1))
    with pytest.raises(NotConfirmed, match=f"1 CRM tasks were asked to be {word}, and look-ups do not show it"):
        changer.confirm(Progress.from_json(progress.as_json()), within=timedelta(0))


@pytest.mark.parametrize("word", OPERATIONS)
def test_a_refusal_of_the_rate_limit_is_waited_out(
    hook: LeadSquaredHook, sandbox: RunningSandbox, task_ids: list[str], word: str
) -> None:
    sandbox.faults(f"rate_error_in_200 operation={OPERATIONS[word].path} calls=1")
    assert run(hook, word, task_ids[:1]).counts[word] == 1
    assert calls_of(sandbox, OPERATIONS[word]) == 2


def test_the_days_limit_is_raised_at_once(hook: LeadSquaredHook, sandbox: RunningSandbox, task_ids: list[str]) -> None:
    sandbox.set(rate__daily=1)
    with pytest.raises(RateLimited) as refused:
        run(hook, "completed", task_ids[:1])
    assert refused.value.daily
    assert calls_of(sandbox, operations.MARK_COMPLETE) == 1


@pytest.mark.parametrize("word", ["updated", "completed"])
def test_missing_tasks_fail_before_anything_is_changed_or_are_passed_over(
    hook: LeadSquaredHook, sandbox: RunningSandbox, task_ids: list[str], word: str
) -> None:
    ids = [*task_ids, UNKNOWN_ID]
    with pytest.raises(RequestRejected, match=f"1 of 7 CRM tasks are not there.*{UNKNOWN_ID}"):
        run(hook, word, ids)
    assert calls_of(sandbox, OPERATIONS[word]) == 0
    assert run(hook, word, ids, missing="ignore").counts == {word: 6, "already": 0, "missing": 1}


@pytest.mark.parametrize("word", OPERATIONS)
def test_tasks_that_do_not_show_yet_are_changed_all_the_same(
    hook: LeadSquaredHook, sandbox: RunningSandbox, task_ids: list[str], word: str
) -> None:
    sandbox.set(lookup_lag_ms=600_000)
    changer = Changer(hook, make_change(word, task_ids), patience=[0, 0], sleep=lambda _: sandbox.set(lookup_lag_ms=0))
    assert changer.run(task_ids).left == []
    sandbox.set(lookup_lag_ms=0)
    assert sandbox.drain()
    assert all(task["completed"] or task["deleted"] or task["name"] == "New" for task in sandbox.tasks())


def test_deleting_what_is_not_there_is_no_fault(hook: LeadSquaredHook, task_ids: list[str]) -> None:
    assert run(hook, "deleted", [*task_ids, UNKNOWN_ID]).counts == {"deleted": 6, "already": 1}
    assert [hook.get_task(task_id) for task_id in task_ids] == [None] * 6


def test_what_leadsquared_rejects_is_raised_with_its_words_after_the_others_were_changed(
    hook: LeadSquaredHook, task_ids: list[str]
) -> None:
    fields = {task_ids[0]: {"OwnerEmailAddress": "nobody@example.com"}, task_ids[1]: {"Name": "New"}}
    with pytest.raises(RequestRejected, match="OwnerEmailAddress"):
        Changer(hook, Update(fields), in_flight=1).run(task_ids[:2])
    changed = hook.get_task(task_ids[1])
    assert changed is not None
    assert changed.name == "New"


@pytest.mark.parametrize("omitted", ["keep", "clear"])
def test_an_update_leaves_everything_else_as_it_is_and_keeps_the_marker(
    hook: LeadSquaredHook, sandbox: RunningSandbox, omitted: str
) -> None:
    sandbox.set(update_omitted=omitted)
    task_id = hook.create_task(make_payload(description="Old", marker="abcdef123456", reminder_minutes=20))
    before = hook.get_task(task_id)
    wanted = {"Description": "New", "OwnerEmailAddress": OTHER.email, "DueDate": "2031-04-09 05:00:00"}
    progress = Changer(hook, Update({task_id: wanted})).run([task_id])
    after = hook.get_task(task_id)
    assert before is not None
    assert after is not None
    assert (progress.counts["updated"], after.description) == (1, "New [ref:abcdef123456]")
    assert (after.owner_email, after.due_at) == (OTHER.email, DUE + timedelta(days=2, hours=-1))
    for name in ("name", "related_entity", "related_id", "reminder_minutes", "notify_by", "status_code", "task_type"):
        assert getattr(after, name) == getattr(before, name), name


def test_what_cannot_be_sent_along_is_a_rejection_by_name() -> None:
    network = make_faked_network()
    network.answer_json([{"UserTaskId": UNKNOWN_ID, "Name": "cut \ud83d", "DueDate": "2031-04-05 06:00:00"}])
    with pytest.raises(RequestRejected, match="the change cannot be sent: Name: holds half a surrogate pair"):
        Changer(network.hook, Update({UNKNOWN_ID: {"Description": "New"}})).run([UNKNOWN_ID])


def test_changes_that_look_ups_show_late_are_left_until_they_do(
    hook: LeadSquaredHook, sandbox: RunningSandbox, task_ids: list[str]
) -> None:
    sandbox.set(bulk_delay_ms=600_000)
    changer = Changer(hook, Delete())
    progress = changer.run(task_ids)
    assert (progress.counts["deleted"], progress.left) == (0, task_ids)
    assert changer.check(progress).left == task_ids


def look_ups(sandbox: RunningSandbox) -> Iterator[str]:
    return (call["operation"] for call in sandbox.calls() if "Retrieve" in call["operation"])


def test_tasks_that_were_seen_before_are_looked_up_together(
    hook: LeadSquaredHook, sandbox: RunningSandbox, task_ids: list[str]
) -> None:
    sightings = Sightings(hook)
    first = sightings.see(task_ids)
    assert len(list(look_ups(sandbox))) == 6
    assert sightings.see(task_ids) == first
    assert sorted(look_ups(sandbox))[6:] == [
        "Task.svc/RetrieveAppointments/ByUserEmailAddress",
        "Task.svc/RetrieveToDos/ByUserEmailAddress",
    ]


def test_that_many_are_gone_is_seen_in_few_calls(
    hook: LeadSquaredHook, sandbox: RunningSandbox, task_ids: list[str]
) -> None:
    sightings = Sightings(hook)
    sightings.see(task_ids)
    hook.delete_tasks(task_ids[1:])
    assert sandbox.drain()
    before = len(list(look_ups(sandbox)))
    seen = sightings.see(task_ids, expect_absence=True)
    assert [task_id for task_id, task in seen.items() if task] == task_ids[:1]
    assert len(list(look_ups(sandbox))) == before + 2


def test_absence_from_a_look_that_was_cut_short_is_asked_for_by_id(
    hook: LeadSquaredHook, sandbox: RunningSandbox, task_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sightings = Sightings(hook)
    sightings.see(task_ids)

    def cut_short(*_: Any) -> Iterator[Any]:
        hook._note_short_look()
        return iter(())

    monkeypatch.setattr(hook, "iter_appointments", cut_short)
    monkeypatch.setattr(hook, "iter_to_dos", cut_short)
    assert all(sightings.see(task_ids, expect_absence=True).values())


def test_tasks_whose_place_is_told_are_looked_up_together_and_strays_alone(
    hook: LeadSquaredHook, sandbox: RunningSandbox, task_ids: list[str]
) -> None:
    hook.update_task(task_ids[0], {"OwnerEmailAddress": OTHER.email})
    hook.delete_tasks([task_ids[2]])
    assert sandbox.drain()
    sightings = Sightings(hook)
    sightings.expect({task_id: Place(OWNER.email, DUE, number % 2) for number, task_id in enumerate(task_ids)})
    seen = sightings.see([task_id.upper() for task_id in task_ids])
    assert [task_id for task_id, task in seen.items() if task is None] == [task_ids[2]]
    assert seen[task_ids[0]] is not None
    assert len(list(look_ups(sandbox))) == 4


def test_many_of_which_nothing_is_known_are_sought_around_the_first(
    hook: LeadSquaredHook, sandbox: RunningSandbox
) -> None:
    for owner in (OWNER, OTHER):
        days = (DUE + timedelta(days=number % 10) for number in range(40))
        hook.create_tasks([make_payload(owner_email=owner.email, due_at=day, end_at=None) for day in days])
    assert sandbox.drain()
    ids = [task["id"] for task in sandbox.tasks()]
    seen = Sightings(hook).see(ids)
    assert [task_id for task_id, task in seen.items() if task and task.id == task_id] == ids
    assert len(list(look_ups(sandbox))) <= 6


def test_many_that_lie_nowhere_near_cost_little_more_than_a_call_each(
    hook: LeadSquaredHook, sandbox: RunningSandbox
) -> None:
    owners = [user for user in DIRECTORY.users if user.active][:25]
    ids = [hook.create_task(make_payload(owner_email=owner.email)) for owner in owners]
    seen = Sightings(hook).see([*ids, UNKNOWN_ID])
    assert [task_id for task_id, task in seen.items() if task is None] == [UNKNOWN_ID]
    assert len(list(look_ups(sandbox))) == 26 + VAIN_SEARCHES
