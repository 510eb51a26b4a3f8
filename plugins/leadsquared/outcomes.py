"""From LeadSquared's reply to the outcome that the ledger records."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from followups.ledger.sending import Intent
from followups.model import Outcome, OutcomeKind
from followups.sending import Post
from leadsquared.hook import LeadSquaredHook
from leadsquared.names import hook_url
from leadsquared.wire.replies import Kind, Reply

_KINDS = {
    Kind.ACCEPTED: OutcomeKind.ACCEPTED,
    Kind.REFUSED: OutcomeKind.REFUSED,
    Kind.NOT_SENT: OutcomeKind.REFUSED,
    Kind.REJECTED: OutcomeKind.REJECTED,
    Kind.UNAUTHORISED: OutcomeKind.UNAUTHORISED,
    Kind.UNKNOWN: OutcomeKind.UNKNOWN,
}


#: LeadSquared's answer to a path that it does not have (`/error-handling/`), never to what a row says.
NO_SUCH_OPERATION = 404
_WRONG_HOST = "HTTP 404, no such operation at this address: check the connection's host"


def created_by(reply: Reply) -> Outcome:
    """Return what the ledger is to record of a create; an address without that operation is no row's fault."""
    if reply.kind is Kind.REJECTED and reply.status == NO_SUCH_OPERATION:
        return Outcome(kind=OutcomeKind.UNAUTHORISED, detail=_WRONG_HOST, http_status=reply.status)
    return outcome_of(reply)


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


WebhookAddress = Callable[[str, str], str | None]


def webhook_address(hook: LeadSquaredHook) -> WebhookAddress:
    """Return what makes the status webhook's address from batch and token; None without a public base URL."""
    base = hook.settings.status_webhook_base_url

    def address(batch_id: str, token: str) -> str | None:
        return hook_url(base, batch_id, token) if base else None

    return address


def bulk_post(hook: LeadSquaredHook, webhook: WebhookAddress) -> Post:
    """Return the function that sends a batch by the hook's bulk create."""

    def post(intend: Callable[[], Intent | None], batch_id: str, webhook_token: str) -> Outcome | None:
        def payloads() -> Sequence[str] | None:
            intent = intend()
            return intent.payloads if intent else None

        reply = hook.post_tasks(payloads, status_webhook_url=webhook(batch_id, webhook_token))
        return None if reply is None else created_by(reply)

    return post


def single_post(hook: LeadSquaredHook) -> Post:
    """Return the function that sends a batch of one by the single create, whose reply names the CRM task."""

    def post(intend: Callable[[], Intent | None], batch_id: str, webhook_token: str) -> Outcome | None:  # noqa: ARG001
        def payload() -> str | None:
            intent = intend()
            return intent.payloads[0] if intent else None

        reply = hook.post_task(payload)
        return None if reply is None else created_by(reply)

    return post
