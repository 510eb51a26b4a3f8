"""Refuse rows whose lead or opportunity does not exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from followups.ledger.rows import Known
from followups.model import State
from followups.rows import Candidate, refused

#: Rows in these states are not sent by a plan, so they need no look.
SENT = frozenset({State.SENDING, State.ACCEPTED, State.CREATED, State.UNKNOWN})


class Lookup(Protocol):
    """Tells which leads or opportunities exist."""

    def __call__(self, kind: str, ids: Collection[str]) -> set[str] | None:
        """Return the existing ones among `ids`, which are in lower case; None where that is not known."""


def refuse_strangers(
    candidates: Sequence[Candidate], known: Mapping[str, Known], lookup: Lookup
) -> Sequence[Candidate]:
    """Return the candidates, those invalid whose lead or opportunity LeadSquared does not know."""
    asked: dict[str, set[str]] = defaultdict(set)
    for candidate in candidates:
        kind, related_id = _related(candidate, known)
        if kind is not None:
            asked[kind].add(related_id)
    absent = {kind: ids - found for kind, ids in asked.items() if (found := lookup(kind, ids)) is not None}
    if not any(absent.values()):
        return candidates
    return [_judge(candidate, absent, *_related(candidate, known)) for candidate in candidates]


def _related(candidate: Candidate, known: Mapping[str, Known]) -> tuple[str | None, str]:
    row, before = candidate.follow_up, known.get(candidate.key)
    if row is None or candidate.state != State.PLANNED or (before is not None and before.state in SENT):
        return None, ""
    return row.related_to, (row.related_id or "").lower()


def _judge(candidate: Candidate, absent: Mapping[str, Collection[str]], kind: str | None, related_id: str) -> Candidate:
    if kind is None or related_id not in absent.get(kind, ()):
        return candidate
    return refused(candidate, f"related_id: LeadSquared has no such {kind}")
