"""The verdict on rows that were sent and that a look past the settle time did not show. Pure.

Absence must be proved: by two looks that gave all they announced, for owners that LeadSquared answers about and task
types that are not hidden from these keys, and by a closer look at the row's lead or owner. Anything less holds the row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from followups.ledger.sent_rows import OpenRow
from followups.model import State
from followups.readback import Found

#: Absence must be seen twice: look-ups lag, and their pages shift while they are read.
LOOKS_BEFORE_ABSENT = 2
#: Looks that were cut short prove nothing; after so many the row is shown to a person.
LOOKS_BEFORE_HELD = 10

DROPPED = "LeadSquared accepted the call and did not create the task; its Request History page may say why"
CANNOT_LOOK = "sent, and nothing is left by which the task could be found; settle it by hand"
HIDDEN = "sent and not seen, but these keys see no task of this type, so that absence proves nothing"
NOT_ASKABLE = "sent and not seen, but LeadSquared does not answer about this owner in full, so absence proves nothing"
CUT_SHORT = "sent and not seen, but look-ups failed or gave fewer tasks than announced, so that absence proves nothing"
DOUBTFUL = "sent, and a task is there of which nobody can tell whether it is this row's; settle it by hand"
HELD_BY_POLICY = "the outcome is unknown and the task was not found; the feed holds such rows (requeue=held sends them)"
NOT_THERE = "was not found in LeadSquared: sent again"
RESENT = "the outcome is unknown; the feed sends such rows again without looking"


@dataclass(kw_only=True)
class Verdict:
    """Rows to be held, by reason, and rows that seem absent; the others are looked for again."""

    held: dict[str, list[int]] = field(default_factory=dict)
    absent: list[OpenRow] = field(default_factory=list)


def judge(
    looks: int,
    missing: Sequence[OpenRow],
    found: Found,
    *,
    hides: Callable[[OpenRow], bool],
    closely: Callable[[Sequence[OpenRow]], Found],
) -> Verdict:
    """Judge the rows of a batch that `found` lacks after `looks` conclusive looks, this one included.

    `hides` tells whether a row's CRM task may be hidden from these keys. `closely` looks once more for what seems
    absent; what it finds is neither held nor absent. A few rows that LeadSquared accepted may stand for all in it: none
    of these is absent unless all of it was answered.
    """
    verdict = Verdict()
    if not missing or looks < LOOKS_BEFORE_ABSENT:
        return verdict
    if found.complete:
        verdict.held = _unprovable(missing, found, hides)
        held = {row_id for ids in verdict.held.values() for row_id in ids}
        rest = [row for row in missing if row.id not in held]
        near = closely(rest)
        if near.impossible:
            verdict.held[DOUBTFUL] = list(near.impossible)
        rest = [row for row in rest if row.id not in {*near.tasks, *near.impossible}]
        proved = rest if near.complete else [row for row in rest if row.state == State.UNKNOWN]
        verdict.absent = [row for row in proved if row.id not in near.unanswered]
        missing = [row for row in rest if row not in verdict.absent]
    if missing and looks >= LOOKS_BEFORE_HELD:
        verdict.held[CUT_SHORT] = [row.id for row in missing]
    return verdict


def _unprovable(missing: Sequence[OpenRow], found: Found, hides: Callable[[OpenRow], bool]) -> dict[str, list[int]]:
    groups = {
        NOT_ASKABLE: [row.id for row in missing if row.id in found.unanswered],
        HIDDEN: [row.id for row in missing if row.id not in found.unanswered and hides(row)],
    }
    return {reason: ids for reason, ids in groups.items() if ids}
