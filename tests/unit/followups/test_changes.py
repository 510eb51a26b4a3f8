"""What may be done to a CRM task that exists: one table over what a look shows and what was asked before."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from followups.changes import DELETIONS, MAX_ATTEMPTS, Action, ChangeKind, OpenChange, Seen, judge, until_due

SETTLE = timedelta(seconds=100)
KINDS = tuple(ChangeKind)
COMPARED = (ChangeKind.UPDATE, ChangeKind.RECREATE)


def change(kind: ChangeKind, **given: Any) -> OpenChange:
    values: dict[str, Any] = {
        "id": 1, "delivery_id": 1, "plan_id": 1, "kind": kind, "state": "planned", "attempts": 0, "crm_task_id": "t",
        "key": "k", "generation": 0, "sent": "{}", "wanted": "{}", "why": "", "sent_ago": None, "looked_ago": None,
        "modified_at": None,
    }  # fmt: skip
    return OpenChange(**values | given)


def asked(kind: ChangeKind, seconds: float, attempts: int = 1) -> OpenChange:
    return change(kind, state="accepted", attempts=attempts, sent_ago=timedelta(seconds=seconds))


OPEN = Seen(differing=("Name",))


@pytest.mark.parametrize("kind", KINDS)
def test_open_crm_task_that_is_as_it_was_sent_is_changed(kind: ChangeKind) -> None:
    assert judge(change(kind), OPEN, SETTLE).action is Action.SEND


@pytest.mark.parametrize(("kind", "attempts"), list(product(KINDS, (0, 1, MAX_ATTEMPTS))))
@pytest.mark.parametrize("seen", [Seen(touched="by a person"), Seen(is_open=False)])
def test_persons_work_is_left_alone_however_often_we_asked(kind: ChangeKind, attempts: int, seen: Seen) -> None:
    verdict = judge(change(kind, attempts=attempts, sent_ago=SETTLE), seen, SETTLE)
    assert verdict.action is Action.SKIP
    assert verdict.reason.startswith("left alone: ")


@pytest.mark.parametrize(("kind", "attempts"), list(product(KINDS, (0, 1))))
def test_completed_crm_task_is_never_touched(kind: ChangeKind, attempts: int) -> None:
    ours = kind is ChangeKind.COMPLETE and attempts
    expected = Action.DONE if ours else Action.SKIP
    assert judge(change(kind, attempts=attempts), Seen(is_open=False, is_completed=True), SETTLE).action is expected


@pytest.mark.parametrize("kind", KINDS)
def test_crm_task_that_is_gone_was_deleted_by_us_only_if_we_asked(kind: ChangeKind) -> None:
    assert judge(change(kind), None, SETTLE).action is Action.SKIP
    expected = Action.DONE if kind in DELETIONS else Action.SKIP
    assert judge(asked(kind, 1), None, SETTLE).action is expected


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_seen_done_is_awaited_for_the_settle_time_then_asked_again_a_few_times(kind: ChangeKind) -> None:
    assert judge(asked(kind, 99), OPEN, SETTLE).action is Action.WAIT
    assert judge(asked(kind, 100), OPEN, SETTLE).action is Action.SEND
    assert judge(asked(kind, 100, MAX_ATTEMPTS), OPEN, SETTLE).action is Action.REFUSE


def test_update_is_done_once_nothing_differs() -> None:
    assert judge(asked(ChangeKind.UPDATE, 1), Seen(), SETTLE).action is Action.DONE
    assert judge(asked(ChangeKind.RECREATE, 1), Seen(), SETTLE).action is Action.WAIT


@pytest.mark.parametrize("kind", COMPARED)
def test_change_that_leadsquared_does_not_show_costs_no_call(kind: ChangeKind) -> None:
    verdict = judge(change(kind), Seen(), SETTLE)
    assert verdict.action is Action.DONE
    assert "no call" in verdict.reason


def test_update_that_cannot_be_made_is_not_tried() -> None:
    seen = Seen(differing=("Name", "Location"), not_updatable=("Location",))
    verdict = judge(change(ChangeKind.UPDATE), seen, SETTLE)
    assert verdict.action is Action.SKIP
    assert verdict.reason.startswith("Location: ")
    assert judge(change(ChangeKind.RECREATE), seen, SETTLE).action is Action.SEND


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_changed_once_what_was_sent_is_purged(kind: ChangeKind) -> None:
    assert judge(change(kind, sent=None), OPEN, SETTLE).action is Action.SKIP


@pytest.mark.parametrize(
    ("sent_ago", "looked_ago", "until"), [(None, None, 0), (4, None, 6), (4, 50, 6), (40, 10, 15), (40, 30, -5)]
)
def test_look_follows_soon_after_a_call_and_then_from_time_to_time(
    sent_ago: int | None, looked_ago: int | None, until: int
) -> None:
    ages = [None if each is None else timedelta(seconds=each) for each in (sent_ago, looked_ago)]
    given = change(ChangeKind.UPDATE, sent_ago=ages[0], looked_ago=ages[1])
    assert until_due(given, SETTLE) == timedelta(seconds=until)
