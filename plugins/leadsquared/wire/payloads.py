"""From a checked follow-up, or a payload given ready-made, to the JSON text that is sent."""

from __future__ import annotations

from followups.feeds import Marker
from followups.rows import Candidate, PayloadBuilder
from leadsquared.wire.creates import (
    IN_DESCRIPTION,
    NO_MARKER,
    add_marker,
    compose_payload,
    encode_payload,
    place_marker,
)


def payload_builder(policy: Marker) -> PayloadBuilder:
    """Return the builder of a feed's payloads."""
    place = {"description": IN_DESCRIPTION, "off": NO_MARKER}.get(policy.place, policy.custom_field or IN_DESCRIPTION)

    def build(candidate: Candidate, marker: str) -> str:
        if candidate.payload is not None:
            return encode_payload(add_marker(candidate.payload, marker, place))
        follow_up, times = candidate.follow_up, candidate.times
        assert follow_up is not None
        assert times is not None
        assert candidate.owner_email  # a bulk create knows no other owner
        payload = compose_payload(
            task_type=follow_up.task_type,
            subject=follow_up.subject,
            due_at=times.due_at,
            end_at=times.end_at,
            owner_email=candidate.owner_email,
            description=follow_up.description,
            location=follow_up.location,
            related_to=follow_up.related_to,
            related_id=follow_up.related_id,
            reminder_minutes=follow_up.reminder_minutes,
            notify_owner=follow_up.notify_owner,
            custom_fields=follow_up.custom_fields,
        )
        place_marker(payload, marker, place)
        return encode_payload(payload)

    return build
