"""What a look at many CRM tasks at once proves, and what it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from followups.changes import ChangeKind, OpenChange, Seen
from followups.changing import ChangeRounds
from followups.throttle import DailyQuotaReached
from leadsquared.errors import AuthenticationFailed, NotSent, RateLimited, RequestRejected, ServiceUnavailable
from leadsquared.wire.records import Account, CrmTask
from leadsquared.work.changing import MOST_ONE_BY_ONE, ChangingHook

LEFT = "left@example.com"
USUAL = {"OwnerEmailAddress": "asha@example.com", "DueDate": "2031-04-05 06:00:00"}
MANY = range(MOST_ONE_BY_ONE + 1)


class Hook:
    """Shows some by owners and days, answers nothing about one owner, and is asked for the others by their ids."""

    looks_cut_short = 0

    def __init__(self, *shown: CrmTask) -> None:
        self.asked: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.shown = shown

    def get_account(self) -> Account:
        return Account(organisation=None, organisation_code=None, user_id="u1")

    def iter_appointments(self, users: Sequence[str], *_: date, **__: int) -> Iterator[CrmTask]:
        if LEFT in users:
            raise RequestRejected("Invalid Input! Parameter Name: Users")
        yield from self.shown

    def iter_to_dos(self, *_: Any, **__: int) -> Iterator[CrmTask]:
        yield from ()

    def get_task(self, task_id: str) -> None:
        self.asked.append(task_id)
        if error := self.failing.get(task_id):
            raise error


def deletion(number: int, sent: dict[str, Any] | None) -> OpenChange:
    return OpenChange(
        id=number, delivery_id=number, plan_id=1, kind=ChangeKind.UNDO, state="unknown", attempts=1,
        crm_task_id=f"t{number}", key="k", generation=0, sent=None if sent is None else json.dumps(sent), wanted=None,
        why="", sent_ago=None, looked_ago=None, modified_at=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "sent", [{"OwnerEmailAddress": LEFT, "DueDate": "2031-04-05 06:00:00"}, {"OwnerEmailAddress": LEFT}, None]
)
def test_deletion_is_not_proved_by_a_look_that_would_not_show_it(sent: dict[str, Any] | None) -> None:
    hook: Any = Hook()
    ChangingHook(hook).look([deletion(number, sent if number == 3 else USUAL) for number in MANY])
    assert hook.asked == ["t3"]


def test_crm_task_is_there_however_its_id_is_written() -> None:
    hook: Any = Hook(CrmTask(id="T3"))
    seen = ChangingHook(hook).look([deletion(number, USUAL) for number in MANY])
    assert [number for number in MANY if seen[number] is not None] == [3]
    assert hook.asked == []


@pytest.mark.parametrize("error", [ServiceUnavailable(), RequestRejected("Invalid Input! Parameter Name: id")])
def test_crm_task_that_cannot_be_looked_at_is_neither_there_nor_gone(error: Exception) -> None:
    hook: Any = Hook()
    hook.failing = {"t1": error}
    assert ChangingHook(hook).look([deletion(number, USUAL) for number in range(3)]) == {0: None, 2: None}


def test_look_at_crm_tasks_none_of_which_is_answered_fails() -> None:
    hook: Any = Hook()
    hook.failing = {f"t{number}": ServiceUnavailable() for number in range(3)}
    with pytest.raises(ServiceUnavailable):
        ChangingHook(hook).look([deletion(number, USUAL) for number in range(3)])


@pytest.mark.parametrize("error", [RateLimited(), AuthenticationFailed(), NotSent(), DailyQuotaReached(None)])  # type: ignore[arg-type]
def test_what_concerns_every_look_up_ends_the_look_at_changes(error: Exception) -> None:
    hook: Any = Hook()
    hook.failing = {"t1": error}
    with pytest.raises(type(error)):
        ChangingHook(hook).look([deletion(number, USUAL) for number in range(3)])


def test_change_that_could_not_be_looked_at_stays_open_and_nobody_waits_for_it() -> None:
    chosen = [deletion(1, USUAL), deletion(2, USUAL)]
    ledger, leadsquared = Mock(), Mock()
    ledger.open_changes.side_effect = [chosen, [], chosen[1:]]
    seen: dict[int, Seen | None] = {1: None}
    leadsquared.look.return_value = seen
    result = ChangeRounds(ledger, leadsquared, settle=timedelta(seconds=100)).round()
    ended = [each.change.id for call in ledger.end.call_args_list for each in call.args[0]]
    assert (ended, result.wait) == ([1], None)
    leadsquared.delete.assert_not_called()
