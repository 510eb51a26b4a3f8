"""CRM tasks are found by every way that there is, each once, over any number of pages."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leadsquared import errors
from leadsquared.hook import LeadSquaredHook
from leadsquared.wire import operations
from leadsquared.wire.criteria import AllOf, AnyOf, Condition
from leadsquared.wire.records import CrmTask, Slot
from sandbox.testing import RunningSandbox
from tests.contract.hook_kit import (
    DAY,
    DIRECTORY,
    DUE,
    LEAD,
    OPPORTUNITY,
    OTHER,
    OWNER,
    THE_OWNER,
    UNKNOWN_ID,
    calls_of,
    make_payload,
    plant,
    span,
)


def ids(tasks: Iterable[CrmTask]) -> list[str | None]:
    return [task.id for task in tasks]


def fill(hook: LeadSquaredHook, sandbox: RunningSandbox, count: int, **changes: Any) -> None:
    """Create so many CRM tasks, in bulk."""
    payloads = [make_payload(subject=f"Visit {number}", **changes) for number in range(count)]
    for start in range(0, count, 50):
        hook.create_tasks(payloads[start : start + 50])
    assert sandbox.drain()


def test_a_task_is_found_in_every_way(hook: LeadSquaredHook) -> None:
    planted = plant(hook)
    days = span(0)
    by_name = AllOf(
        AnyOf(Condition("FirstName", "eq", OWNER.first_name), Condition("FirstName", "eq", "Nobody")),
        Condition("LastName", "eq", OWNER.last_name),
        Condition("StatusCode", "neq", "1"),
    )
    appointments: list[Iterable[CrmTask]] = [
        hook.get_tasks_of_lead(LEAD.id),
        hook.iter_appointments([OWNER.email], *days),
        hook.iter_appointments([OWNER.id], *days, by="id"),
        hook.iter_appointments(by_name, *days),
        hook.iter_tasks_of_owner(OWNER.email, task_type_id=DIRECTORY.task_types[0].id),
    ]
    to_dos: list[Iterable[CrmTask]] = [
        hook.get_tasks_of_opportunity(OPPORTUNITY.id),
        hook.iter_to_dos([OWNER.email], *days),
        hook.iter_to_dos([OWNER.id], *days, by="id"),
        hook.iter_to_dos(THE_OWNER, *days),
    ]
    assert [ids(found) for found in appointments] == [[planted.appointment]] * 5
    assert [ids(found) for found in to_dos] == [[planted.to_do]] * 4
    both = {planted.appointment, planted.to_do}
    assert (
        set(ids(hook.iter_tasks_of_owner(OWNER.email))) == set(ids(hook.iter_tasks_of_owner(OWNER.id, by="id"))) == both
    )
    assert {task.id for way in both for task in [hook.get_task(way)] if task} == both


@pytest.mark.parametrize("omit", [False, True])
def test_nothing_is_found_where_nothing_is(hook: LeadSquaredHook, sandbox: RunningSandbox, omit: bool) -> None:
    sandbox.set(omit_empty_list=omit)
    days = span(0)
    empty: list[Iterable[CrmTask]] = [
        hook.get_tasks_of_lead(LEAD.id),
        hook.get_tasks_of_lead(UNKNOWN_ID),
        hook.get_tasks_of_opportunity(OPPORTUNITY.id),
        hook.iter_tasks_of_owner(OWNER.email),
        hook.iter_tasks_of_owner("nobody@example.com"),
        hook.iter_tasks_of_owner(UNKNOWN_ID, by="id", status="complete"),
        hook.iter_appointments([OWNER.email, "nobody@example.com"], *days),
        hook.iter_appointments([UNKNOWN_ID], *days, by="id"),
        hook.iter_to_dos(AllOf(Condition("FirstName", "eq", "Nobody")), *days),
        hook.iter_to_dos([], *days),
    ]
    assert [ids(found) for found in empty] == [[]] * len(empty)
    assert hook.get_task(UNKNOWN_ID) is None
    assert list(hook.iter_free_slots(["nobody@example.com"], *days)) == []
    with pytest.raises(errors.RequestRejected, match="does not exist"):
        hook.get_tasks_of_opportunity(UNKNOWN_ID)


def test_open_and_completed_tasks_are_told_apart(hook: LeadSquaredHook) -> None:
    planted = plant(hook)
    hook.complete_task(planted.to_do)
    assert ids(hook.iter_tasks_of_owner(OWNER.email, status="open")) == [planted.appointment]
    assert ids(hook.iter_tasks_of_owner(OWNER.email, status="complete")) == [planted.to_do]
    assert [task.status_text for task in hook.get_tasks_of_opportunity(OPPORTUNITY.id)] == ["Completed"]
    assert [task.status_text for task in hook.get_tasks_of_lead(LEAD.id)] == ["Pending"]


def test_more_tasks_than_a_page_holds_are_all_found_once(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    fill(hook, sandbox, 450)
    assert len(set(ids(hook.iter_tasks_of_owner(OWNER.email)))) == 450
    assert len(ids(hook.iter_appointments([OWNER.email, OTHER.email], *span(0)))) == 450
    assert len(ids(hook.iter_appointments(THE_OWNER, *span(0)))) == 450
    assert calls_of(sandbox, operations.TASKS_OF_OWNER) == 4
    assert calls_of(sandbox, operations.APPOINTMENTS_BY_E_MAIL) == 1
    assert len(hook.get_tasks_of_lead(LEAD.id)) == 450


@pytest.mark.parametrize(("overflow", "calls"), [("clamp", [2, 2]), ("error", [4, 3])])
def test_a_server_that_bears_smaller_pages_alone_is_asked_for_those(
    hook: LeadSquaredHook, sandbox: RunningSandbox, overflow: str, calls: list[int]
) -> None:
    """Cut at 300, a page of 300 is asked for from then on; refused, one of 200."""
    fill(hook, sandbox, 450)
    sandbox.set(max_page_size=300, page_overflow=overflow)
    for expected in calls:
        before = calls_of(sandbox, operations.APPOINTMENTS_BY_E_MAIL)
        assert len(set(ids(hook.iter_appointments([OWNER.email], *span(0))))) == 450
        assert calls_of(sandbox, operations.APPOINTMENTS_BY_E_MAIL) - before == expected
    assert hook.looks_cut_short == 0


def test_pages_that_are_cut_below_the_size_asked_for_are_followed(
    hook: LeadSquaredHook, sandbox: RunningSandbox
) -> None:
    fill(hook, sandbox, 47)
    sandbox.set(max_row_count=10, max_page_size=10)
    assert len(set(ids(hook.iter_tasks_of_owner(OWNER.email, status="open")))) == 47
    assert len(set(ids(hook.iter_appointments([OWNER.email], *span(0))))) == 47
    sandbox.set(page_overflow="error")
    with pytest.raises(errors.RequestRejected, match="PageSize"):
        list(hook.iter_appointments([OWNER.email], *span(0)))


@pytest.mark.parametrize("most", [100, 10])
def test_pages_that_are_fetched_at_once_are_the_same_in_as_many_calls(
    hook: LeadSquaredHook, sandbox: RunningSandbox, most: int
) -> None:
    fill(hook, sandbox, 450)
    sandbox.set(max_page_size=most)
    found, calls = [], []
    for at_once in (1, 8):
        before = calls_of(sandbox, operations.APPOINTMENTS_BY_E_MAIL)
        found.append(ids(hook.iter_appointments([OWNER.email], *span(0), pages_at_once=at_once)))
        calls.append(calls_of(sandbox, operations.APPOINTMENTS_BY_E_MAIL) - before)
    assert found[0] == found[1]
    assert len(found[0]) == 450
    assert calls[0] == calls[1] >= 450 / most


def test_what_other_look_ups_learn_of_pages_changes_none_that_has_begun(
    hook: LeadSquaredHook, sandbox: RunningSandbox
) -> None:
    fill(hook, sandbox, 450)
    hook._page_size = 250
    found = hook.iter_appointments([OWNER.email], *span(0))
    first = next(found)
    hook._page_size = 200
    assert len({first.id, *ids(found)}) == 450
    assert hook.looks_cut_short == 0
    assert calls_of(sandbox, operations.APPOINTMENTS_BY_E_MAIL) == 2


def test_what_an_unsteady_order_hides_is_looked_for_again_and_then_reported(
    hook: LeadSquaredHook, sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    fill(hook, sandbox, 40)
    sandbox.set(max_row_count=20, max_page_size=20, unstable_order=True)
    for look_up in (
        hook.iter_tasks_of_owner(OWNER.email, status="open"),
        hook.iter_appointments([OWNER.email], *span(0)),
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            found = ids(look_up)
        assert len(found) == len(set(found)) > 20
        assert len(found) == 40 or f"announced 40 items and gave {len(found)}" in caplog.text
    assert calls_of(sandbox, operations.TASKS_OF_OWNER) > 2


def test_a_range_above_a_hundred_days_is_split(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    for days in (0, 99, 100, 199, 250):
        hook.create_task(make_payload(due_at=DUE + timedelta(days=days), end_at=None))
    found = list(hook.iter_appointments([OWNER.email], *span(250)))
    assert [task.due_at for task in found] == [DUE + timedelta(days=days) for days in (0, 99, 100, 199, 250)]
    assert calls_of(sandbox, operations.APPOINTMENTS_BY_E_MAIL) == 3


def test_an_owners_tasks_end_at_the_first_that_is_too_old(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    fill(hook, sandbox, 3)
    long_ago, tomorrow = DUE - timedelta(days=9000), datetime.now(UTC) + timedelta(days=1)
    assert len(ids(hook.iter_tasks_of_owner(OWNER.email, created_since=long_ago))) == 3
    assert ids(hook.iter_tasks_of_owner(OWNER.email, created_since=tomorrow)) == []


def test_tasks_of_hidden_types_are_not_found(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    planted = plant(hook)
    sandbox.set(hide_types=["Meeting"])
    assert hook.get_task(planted.appointment) is None
    assert ids(hook.iter_tasks_of_owner(OWNER.email)) == [planted.to_do]
    assert hook.get_tasks_of_lead(LEAD.id) == []


def test_free_slots_are_what_work_breaks_and_appointments_leave(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    plant(hook)
    first, sunday = DAY, DAY + timedelta(days=6)
    days = list(hook.iter_free_slots([OWNER.email, OTHER.email], first, sunday))
    assert [(day.day, day.user_id) for day in days[:2]] == [(first, OWNER.id), (first, OTHER.id)]
    assert len(days) == 14
    taken, untouched = days[0], days[1]
    # 06:00 UTC is 11:30 in the account's zone.
    assert taken.busy == (Slot(start="11:30:00", end="12:00:00"),)
    assert taken.free == (
        Slot(start="09:00:00", end="11:30:00"),
        Slot(start="12:00:00", end="13:00:00"),
        Slot(start="14:00:00", end="18:00:00"),
    )
    assert (untouched.busy, untouched.breaks) == ((), (Slot(start="13:00:00", end="14:00:00"),))
    assert (taken.time_zone, taken.user_email, taken.reason) == ("Asia/Kolkata", OWNER.email, None)
    assert (days[-1].reason, days[-1].free) == ("NotScheduled", ())
    (same,) = hook.iter_free_slots(THE_OWNER, first, first, with_conflicts=True)
    assert (same.busy, len(same.free)) == ((), 2)


def test_free_slots_of_many_days_are_paged_and_split(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    sandbox.set(max_page_size=30)
    days = [slots.day for slots in hook.iter_free_slots([OWNER.email], *span(149))]
    assert days == [DAY + timedelta(days=number) for number in range(150)]
    assert calls_of(sandbox, operations.FREE_SLOTS_BY_E_MAIL) == 4 + 2
