"""What to do with a row, given what the ledger holds of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from followups.ledger.rows import Known
from followups.model import State
from followups.rows import Candidate

Requeue = Literal["none", "rejected", "held"]


class Action(Enum):
    """What planning does with a row."""

    #: Put it into a batch of this run.
    SEND = auto()
    #: Write down its state; nothing is sent.
    RECORD = auto()
    #: Write down whether it is to be sent once it is known that LeadSquared has it not.
    WITHDRAW = auto()
    #: The same id again in this window.
    DUPLICATE = auto()
    #: The ledger already has the last word, or another run will.
    LEAVE = auto()


@dataclass(frozen=True, slots=True)
class Decision:
    """An action, the word under which it is counted, and why."""

    action: Action
    outcome: str
    why: str = ""


NEW = Decision(Action.SEND, "new")
#: States of rows that may yet turn out never to have been created.
_UNDECIDED = frozenset({State.SENDING, State.UNKNOWN})
#: What the ledger must hold of such a row's withdrawal for the warehouse's wish to be news.
_WISHES = {State.CANCELLED: False, State.PLANNED: True}


def decide_new(candidate: Candidate) -> Decision:
    """Return the decision on a row that the ledger has not."""
    if candidate.state is State.PLANNED:
        return NEW
    return Decision(Action.RECORD, candidate.state)


def decide(
    candidate: Candidate,
    known: Known,
    *,
    plan_id: int,
    requeue: Requeue,
    is_live_elsewhere: Callable[[int], bool],
) -> Decision:
    """Return the decision on a row that the ledger has.

    Delivered, sent and unknown rows are left alone whatever the warehouse says now (see `in_step` for feeds whose CRM
    tasks follow it); planned rows follow it; rows that were kept back or refused return when they changed, or when a
    person asks by `requeue`.
    """
    changed = known.content_hash != candidate.content_hash
    if known.plan_id == plan_id:
        return Decision(Action.DUPLICATE, State.INVALID) if changed else Decision(Action.LEAVE, "repeated row")
    if known.state == State.PLANNED:
        return _decide_planned(candidate, known, is_live_elsewhere)
    if known.state in _UNDECIDED and candidate.state in _WISHES and known.withdrawn is _WISHES[candidate.state]:
        word = "sent after all" if known.withdrawn else "cancelled"
        why = f"to be {word} should LeadSquared turn out not to have it"
        return Decision(Action.WITHDRAW, f"already {known.state}, {word} since", why)
    if _may_be_sent(candidate, known, changed, requeue):
        asked = str(known.state) == requeue
        return Decision(Action.SEND, "again", f"{known.state} before; {'requeued' if asked else 'the row changed'}")
    if candidate.state == State.CANCELLED and _was_never_sent(known):
        return Decision(Action.RECORD, candidate.state, f"{known.state} before; cancelled in the warehouse")
    if known.state == State.INVALID and candidate.state != State.PLANNED and changed:
        return Decision(Action.RECORD, candidate.state, "the row changed")
    if changed and known.state != State.INVALID:
        return Decision(Action.LEAVE, f"already {known.state}, changed since")
    return Decision(Action.LEAVE, f"already {known.state}")


def _was_never_sent(known: Known) -> bool:
    """Tell whether a row that was kept back is surely in no CRM: what verification holds stays in its batch."""
    return known.state == State.INVALID or (known.state == State.HELD and known.batch_id is None)


def _decide_planned(candidate: Candidate, known: Known, is_live_elsewhere: Callable[[int], bool]) -> Decision:
    if candidate.state != State.PLANNED:
        return Decision(Action.RECORD, candidate.state, candidate.reason or "changed in the warehouse")
    if is_live_elsewhere(known.plan_id):
        return Decision(Action.LEAVE, "with another run")
    return Decision(Action.SEND, "again", "taken up again")


def _may_be_sent(candidate: Candidate, known: Known, changed: bool, requeue: Requeue) -> bool:
    if candidate.state == State.HELD:
        return known.state == State.HELD and requeue == "held"
    if candidate.state != State.PLANNED:
        return False
    if known.state in {State.INVALID, State.CANCELLED}:
        return True  # it passes now: the row, the feed or LeadSquared's directory was mended
    if known.state == State.HELD:
        return requeue == "held"
    return known.state == State.REJECTED and (changed or requeue == "rejected")
