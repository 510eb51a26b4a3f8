"""Changes to CRM tasks that exist: what may be done to one, given what a look shows of it. Pure.

A person's work comes first: what a rep completed or touched is left alone, and said so. A change counts as done only
when it is seen; one that is not seen when it should be is asked for again, which its target state makes harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto

#: Asked for so often and never seen: a person must look.
MAX_ATTEMPTS = 5

COMPLETED = "left alone: completed in LeadSquared"
COMPLETED_BEFORE = "left alone: it was completed in LeadSquared before"
NOT_SEEN = "left alone: the CRM task is not to be seen; a person deleted it, or these keys see no task of its type"
NOTHING_LEFT = "left alone: nothing is left of what was sent, so that a person's changes could not be told"
NOT_OPEN = "left alone: the CRM task is neither open nor completed"
VANISHED = "left alone: a person deleted the CRM task"
NOT_DONE = f"LeadSquared was asked {MAX_ATTEMPTS} times and did not do it"
SAME = "LeadSquared shows nothing of the change: no call was made"
RECREATE_INSTEAD = "LeadSquared's update has no such field; on_change: recreate makes the CRM task anew"


class ChangeKind(StrEnum):
    """What is to become of a CRM task."""

    #: Its fields follow the warehouse.
    UPDATE = "update"
    #: It is deleted, and another one made.
    RECREATE = "recreate"
    #: It is completed, as the warehouse cancelled the follow-up.
    COMPLETE = "complete"
    #: It is deleted, as the warehouse cancelled the follow-up.
    DELETE = "delete"
    #: It is deleted, as a person asked to undo a run.
    UNDO = "undo"


DELETIONS = frozenset({ChangeKind.RECREATE, ChangeKind.DELETE, ChangeKind.UNDO})


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenChange:
    """A change that is not done yet. `sent` and `wanted` are payloads; times are the store's."""

    id: int
    delivery_id: int
    plan_id: int
    kind: ChangeKind
    state: str
    attempts: int
    crm_task_id: str
    key: str
    generation: int
    sent: str | None
    wanted: str | None
    why: str
    #: since the last intent was committed
    sent_ago: timedelta | None
    looked_ago: timedelta | None
    #: when the CRM task changed last by our own hand, where that is known
    modified_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A CRM task as a look shows it, held against what was sent and what is wanted."""

    is_open: bool = True
    is_completed: bool = False
    #: how a person's hand shows; None: it does not
    touched: str | None = None
    #: fields that differ from what is wanted, of which the second cannot be updated
    differing: tuple[str, ...] = ()
    not_updatable: tuple[str, ...] = ()
    is_appointment: bool = False
    modified_at: datetime | None = None


class Action(Enum):
    """What to do with a change."""

    SEND = auto()
    WAIT = auto()
    DONE = auto()
    #: A person's work, or nothing that can be done.
    SKIP = auto()
    #: LeadSquared does not do it.
    REFUSE = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """An action and why."""

    action: Action
    reason: str = ""


def judge(change: OpenChange, seen: Seen | None, settle: timedelta) -> Verdict:
    """Return what to do with a change; `seen` is None where LeadSquared has no such CRM task."""
    if seen is None:
        return _gone(change)
    if seen.is_completed:
        if change.kind is not ChangeKind.COMPLETE:
            return Verdict(Action.SKIP, COMPLETED)
        return Verdict(Action.DONE) if change.attempts else Verdict(Action.SKIP, COMPLETED_BEFORE)
    if not seen.is_open:
        return Verdict(Action.SKIP, NOT_OPEN)
    if change.sent is None:
        return Verdict(Action.SKIP, NOTHING_LEFT)
    if seen.touched:
        return Verdict(Action.SKIP, f"left alone: {seen.touched}")
    if change.kind in {ChangeKind.UPDATE, ChangeKind.RECREATE} and (verdict := _compared(change, seen)):
        return verdict
    return _ask(change, settle)


def until_due(change: OpenChange, settle: timedelta) -> timedelta:
    """Return how long until a look can tell something new: soon after a call, then from time to time."""
    if change.sent_ago is None:
        return timedelta(0)
    if change.looked_ago is None or change.looked_ago > change.sent_ago:
        return settle / 10 - change.sent_ago
    return settle / 4 - change.looked_ago


def _gone(change: OpenChange) -> Verdict:
    """What is not there was deleted by us only if we asked, which is done only to what was seen."""
    if change.attempts == 0:
        return Verdict(Action.SKIP, NOT_SEEN)
    return Verdict(Action.DONE) if change.kind in DELETIONS else Verdict(Action.SKIP, VANISHED)


def _compared(change: OpenChange, seen: Seen) -> Verdict | None:
    if not seen.differing:
        if change.kind is ChangeKind.RECREATE and change.attempts:
            return None  # its deletion is under way
        return Verdict(Action.DONE, "" if change.attempts else SAME)
    if change.kind is ChangeKind.UPDATE and seen.not_updatable:
        return Verdict(Action.SKIP, f"{', '.join(seen.not_updatable)}: {RECREATE_INSTEAD}")
    return None


def _ask(change: OpenChange, settle: timedelta) -> Verdict:
    if change.attempts and change.sent_ago is not None and change.sent_ago < settle:
        return Verdict(Action.WAIT)
    return Verdict(Action.SEND) if change.attempts < MAX_ATTEMPTS else Verdict(Action.REFUSE, NOT_DONE)
