"""What verification learns through the hook and from status webhooks, and what it does not believe."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from followups.ledger.webhooks import WebhookCall
from followups.readback import UnansweredError
from followups.sought import LEAD, OPPORTUNITY
from followups.throttle import DailyQuotaReached
from followups.webhooks import Told
from leadsquared.errors import (
    AuthenticationFailed,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
)
from leadsquared.hook import LeadSquaredHook
from leadsquared.work import looking
from leadsquared.work.looking import HookReader, LookingHook

DAY = date(2031, 4, 5)


class PickyHook:
    """Refuses every look-up in which it is asked for some owner."""

    looks_cut_short = 0

    def __init__(self, *strange: str, error: type[Exception] = RequestRejected) -> None:
        self.strange = strange
        self.error = error
        self.calls: list[list[str]] = []

    def iter_appointments(self, users: Sequence[str], *_: date, pages_at_once: int) -> Iterator[str]:
        self.calls.append(list(users))
        if {*users} & {*self.strange}:
            raise self.error("Invalid Input! Parameter Name: Users")
        yield from users

    def iter_to_dos(self, users: Sequence[str], *_: date, pages_at_once: int) -> Iterator[str]:
        yield from ()


def reader_of(hook: Any) -> HookReader:
    return HookReader(hook)


def test_owner_for_whom_nothing_is_answered_does_not_hide_the_others() -> None:
    owners = [f"owner{number}@example.com" for number in range(8)]
    hook = PickyHook(owners[5])
    reader = reader_of(hook)
    assert sorted(reader([(owners, DAY, DAY)])) == sorted({*owners} - {owners[5]})
    assert reader.refused == {owners[5]}
    assert len(hook.calls) <= 7


def test_keys_that_are_refused_are_nobodys_owner() -> None:
    with pytest.raises(AuthenticationFailed):
        list(
            reader_of(PickyHook("a@example.com", error=AuthenticationFailed))(
                [(["a@example.com", "b@example.com"], DAY, DAY)]
            )
        )


SINCE = datetime(2031, 4, 1, tzinfo=UTC)


def test_opportunity_that_leadsquared_refuses_to_tell_of_is_not_an_empty_one() -> None:
    hook = Mock(spec=LeadSquaredHook, looks_cut_short=0)
    hook.get_tasks_of_opportunity.side_effect = RequestRejected("You do not have access to view tasks")
    hook.get_tasks_of_lead.return_value = []
    reader = reader_of(hook)
    assert reader.of_related(OPPORTUNITY, "o1") is None
    assert reader.of_related(LEAD, "l1") == []


def test_operation_that_is_not_there_says_nothing_about_an_owner_or_a_lead() -> None:
    missing = RequestRejected("Not found", status=404)
    hook = Mock(spec=LeadSquaredHook, looks_cut_short=0)
    hook.iter_appointments.side_effect = hook.get_tasks_of_lead.side_effect = missing
    reader = reader_of(hook)
    with pytest.raises(RequestRejected):
        list(reader([(["a@example.com", "b@example.com"], DAY, DAY)]))
    assert reader.refused == set()
    with pytest.raises(UnansweredError):
        reader.of_related(LEAD, "l1")


@pytest.mark.parametrize("error", [RequestRejected, ServiceUnavailable])
def test_owner_about_whom_a_look_up_fails_is_unanswered(error: type[Exception]) -> None:
    hook = Mock(spec=LeadSquaredHook, looks_cut_short=0)
    hook.iter_tasks_of_owner.side_effect = error("no")
    with pytest.raises(UnansweredError):
        reader_of(hook).of_owner("a@example.com", SINCE)


@pytest.mark.parametrize("error", [RateLimited, AuthenticationFailed, NotSent, DailyQuotaReached])
def test_what_concerns_every_look_up_ends_the_look(error: type[Exception]) -> None:
    hook = Mock(spec=LeadSquaredHook, looks_cut_short=0)
    hook.get_tasks_of_lead.side_effect = hook.iter_tasks_of_owner.side_effect = error("no")
    with pytest.raises(error):
        reader_of(hook).of_related(LEAD, "l1")
    with pytest.raises(error):
        reader_of(hook).of_owner("a@example.com", SINCE)


def test_owners_tasks_are_asked_for_whatever_zone_their_dates_are_in() -> None:
    hook = Mock(spec=LeadSquaredHook, looks_cut_short=0)
    hook.iter_tasks_of_owner.return_value = iter(())
    reader_of(hook).of_owner("a@example.com", SINCE)
    assert SINCE - hook.iter_tasks_of_owner.call_args.kwargs["created_since"] >= timedelta(hours=14)


def test_others_are_not_asked_where_several_in_a_row_got_no_answer() -> None:
    hook = Mock(spec=LeadSquaredHook, looks_cut_short=0)
    hook.get_tasks_of_lead.side_effect = [ServiceUnavailable(), [], *[ServiceUnavailable()] * 3, []]
    reader = reader_of(hook)
    for number in range(6):
        with suppress(UnansweredError):
            reader.of_related(LEAD, f"l{number}")
    assert hook.get_tasks_of_lead.call_count == 5


def test_reader_counts_the_looks_that_were_cut_short_since_it_was_made() -> None:
    hook = Mock(spec=LeadSquaredHook, looks_cut_short=3)
    reader = reader_of(hook)
    assert reader.cut_short == 0
    hook.looks_cut_short = 5
    assert reader.cut_short == 2


def told(monkeypatch: pytest.MonkeyPatch, names: Sequence[str | None], what: Told) -> tuple[Any, Any]:
    rows = dict(enumerate(names, 70))
    payloads = {number: json.dumps({"Name": name}) for number, name in rows.items() if name is not None}
    call = WebhookCall(batch_id="1-000001", delivery_ids=list(rows), payloads=payloads, told=what)
    monkeypatch.setattr(looking, "webhook_calls", lambda *_: [call])
    return LookingHook(Mock(spec=LeadSquaredHook), Mock()).told(["1-000001"])


def test_id_counts_only_with_a_name_that_one_row_bears(monkeypatch: pytest.MonkeyPatch) -> None:
    what = Told(created={"Visit": "t1", "Call": "t2", "Stranger": "t3"})
    assert told(monkeypatch, ["Call", " Visit ", "Call"], what) == ({71: "t1"}, {})


def test_id_counts_for_nobody_where_a_name_of_the_call_was_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, ["Call", "Visit", None], Told(created={"Visit": "t1"})) == ({}, {})


def test_reasons_go_by_place_and_name_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    what = Told(failed={1: "no user asha@example.com", 9: "beyond"}, failure_reason="partly failed")
    assert told(monkeypatch, ["A", "B"], what) == ({}, {70: "partly failed", 71: "no user <e-mail>"})


@pytest.mark.parametrize("error", [OutcomeUnknown, RequestRejected])
def test_deletion_that_fails_leaves_it_to_the_next_look(error: type[Exception]) -> None:
    hook = Mock(spec=LeadSquaredHook)
    hook.delete_tasks.side_effect = error("no")
    LookingHook(hook, Mock()).delete([f"t{number}" for number in range(5001)])
    assert [len(call.args[0]) for call in hook.delete_tasks.call_args_list] == [5000, 1]
