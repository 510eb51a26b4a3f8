"""From LeadSquared's reply to the outcome that the ledger records."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from followups.ledger.sending import Intent
from followups.model import Outcome, OutcomeKind
from followups.sending import Post
from leadsquared.hook import LeadSquaredHook
from leadsquared.replies import Kind, Reply

_KINDS = {
    Kind.ACCEPTED: OutcomeKind.ACCEPTED,
    Kind.REFUSED: OutcomeKind.REFUSED,
    Kind.NOT_SENT: OutcomeKind.REFUSED,
    Kind.REJECTED: OutcomeKind.REJECTED,
    Kind.UNAUTHORISED: OutcomeKind.UNAUTHORISED,
    Kind.UNKNOWN: OutcomeKind.UNKNOWN,
}


def outcome_of(reply: Reply) -> Outcome:
    """Return what the ledger is to record; a refusal without a status means that nothing left."""
    detail = "" if reply.kind is Kind.ACCEPTED else reply.reason
    return Outcome(
        kind=_KINDS[reply.kind],
        detail=detail,
        http_status=reply.status,
        request_id=reply.request_id,
        crm_task_id=reply.task_id,
    )


def bulk_post(hook: LeadSquaredHook, webhook_url: Callable[[str], str | None]) -> Post:
    """Return the function that sends a batch by the hook's bulk create."""

    def post(intend: Callable[[], Intent | None], webhook_token: str) -> Outcome | None:
        def payloads() -> Sequence[str] | None:
            intent = intend()
            return intent.payloads if intent else None

        reply = hook.post_tasks(payloads, status_webhook_url=webhook_url(webhook_token))
        return None if reply is None else outcome_of(reply)

    return post


def single_post(hook: LeadSquaredHook) -> Post:
    """Return the function that sends a batch of one by the single create, whose reply names the CRM task."""

    def post(intend: Callable[[], Intent | None], webhook_token: str) -> Outcome | None:  # noqa: ARG001
        def payload() -> str | None:
            intent = intend()
            return intent.payloads[0] if intent else None

        reply = hook.post_task(payload)
        return None if reply is None else outcome_of(reply)

    return post


def no_webhook(_token: str) -> None:
    """Ask for no status webhook."""
