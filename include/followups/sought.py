"""What a row that was sent can be recognised by among LeadSquared's CRM tasks. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from followups.keys import marker
from followups.ledger.sent_rows import OpenRow

LEAD, OPPORTUNITY = 1, 5

#: name, owner, related entity
Fingerprint = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Sought:
    """A row to be found again."""

    row: OpenRow
    owner: str
    due: datetime
    #: None where the payload carries no marker; then the fingerprint is all there is.
    marker: str | None
    fingerprint: Fingerprint
    #: 0 none, 1 lead, 5 opportunity, and its id
    related: tuple[int, str]


def sought_of(row: OpenRow) -> Sought | None:
    """Return what to look for; None where nothing is left by which the row could be found."""
    if row.payload is None:  # purged: nothing is left by which it could be recognised
        return None
    payload: dict[str, Any] = json.loads(row.payload)
    owner = payload.get("OwnerEmailAddress")
    due = _moment(payload.get("DueDate"))
    if not owner or due is None:
        return None
    code = marker(row.key, row.generation)
    return Sought(
        row=row,
        marker=code if code in row.payload else None,
        owner=owner,
        due=due,
        fingerprint=fingerprint_of(payload.get("Name") or "", owner, payload.get("RelatedEntityId")),
        related=_related(payload),
    )


def _related(payload: Mapping[str, Any]) -> tuple[int, str]:
    """Read what a payload relates to; one that was given ready-made may hold anything."""
    entity, related_id = str(payload.get("RelatedEntity")), payload.get("RelatedEntityId")
    known = entity in {str(LEAD), str(OPPORTUNITY)} and isinstance(related_id, str)
    return (int(entity), str(related_id)) if known else (0, "")


def _moment(text: Any) -> datetime | None:
    """Read a payload's date; one that was given ready-made may hold any text."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def fingerprint_of(name: str, owner: str, related: str | None) -> Fingerprint:
    """Return what is alike of a row and its CRM task, whatever casing and blanks became of."""
    return name.strip(), owner.strip().lower(), (related or "").lower()
