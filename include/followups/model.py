"""The words of this package: states of a delivery, outcomes of a call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """States of a delivery, each with what it promises."""

    #: Valid and due; nothing was sent, so it may be.
    PLANNED = "planned"
    #: A policy or a person keeps it back.
    HELD = "held"
    #: The intent to send is committed; the call may be on its way.
    SENDING = "sending"
    #: LeadSquared took the batch; nothing shows yet that the CRM task exists.
    ACCEPTED = "accepted"
    #: The CRM task was seen; its id is known.
    CREATED = "created"
    #: LeadSquared refused or dropped it; no CRM task exists.
    REJECTED = "rejected"
    #: Failed validation; never sent.
    INVALID = "invalid"
    #: Sent, and nobody can tell whether the CRM has it; never resent before that is settled.
    UNKNOWN = "unknown"
    #: Withdrawn in the warehouse: never sent, or its CRM task was deleted or completed since.
    CANCELLED = "cancelled"


#: States that nothing but a person or a change in the warehouse moves on.
FINAL_STATES = frozenset({State.CREATED, State.REJECTED, State.INVALID, State.CANCELLED, State.HELD})


class OutcomeKind(StrEnum):
    """What one Bulk/Create call came to, as far as it can be told."""

    #: A success reply with a request id.
    ACCEPTED = "accepted"
    #: Refused before it was processed (rate, no connection): nothing was made, it may be sent again.
    REFUSED = "refused"
    #: The request was judged wrong: nothing was made, sending it again is pointless.
    REJECTED = "rejected"
    #: The keys were not accepted: stop the run.
    UNAUTHORISED = "unauthorised"
    #: Anything else: the tasks may or may not exist.
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of one call, free of personal data."""

    kind: OutcomeKind
    detail: str = ""
    http_status: int | None = None
    request_id: str | None = None
    #: A single create tells the CRM task's id at once.
    crm_task_id: str | None = None
