"""What the bulk operations have in common: a request number now, the work later, the outcome to a status webhook."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.jobs import Job, JobResult
from sandbox.operations.base import Request
from sandbox.replies import RefusedError
from sandbox.situations import Situation
from sandbox.webhooks import is_web_address


def webhook_address(request: Request) -> str | None:
    """The status webhook of a request. Raises RefusedError when it is no http(s) URL."""
    url = request.body.text("StatusWebhookURL")
    if url and not is_web_address(url):
        raise RefusedError(Situation.INPUT, "StatusWebhookURL")
    return url or None


async def accept(request: Request, number: str, work: Callable[[], JobResult]) -> None:
    """Have the work done as the switches say: before the reply, after a delay, or never."""
    sandbox, settings = request.sandbox, request.sandbox.settings
    request.call.request = number
    url = webhook_address(request)
    if settings.webhook_before_response and settings.bulk_mode != "never":
        await sandbox.webhooks.send(url, work(), settings)
        return

    def report(result: JobResult) -> None:
        sandbox.webhooks.send_later(url, result, sandbox.settings)

    if settings.bulk_mode == "sync":
        report(work())
    else:
        delay = settings.bulk_delay_ms / 1000 if settings.bulk_mode == "async" else None
        sandbox.jobs.add(Job(number, work, report), delay)
