"""Posts outcomes to status webhooks: HEAD first if asked, late, twice, never; no redirects, retries or signature."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from urllib.parse import SplitResult, urlsplit

from sandbox.jobs import JobResult
from sandbox.settings import Settings
from sandbox.webhook_shapes import body_of

logger = logging.getLogger("sandbox.webhooks")


def is_web_address(url: str) -> bool:
    """Whether a text is an http or https URL with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


class WebhookSender:
    """Delivers results in the background and counts what came of it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()

    @property
    def pending(self) -> int:
        """Deliveries under way."""
        return len(self._tasks)

    def send_later(self, url: str | None, result: JobResult, settings: Settings) -> None:
        """Deliver a result in the background."""
        if url and settings.webhook_shape != "never":
            task = asyncio.get_running_loop().create_task(self.send(url, result, settings))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def send(self, url: str | None, result: JobResult, settings: Settings) -> None:
        """Deliver a result and its duplicates, as the switches say."""
        if not url or settings.webhook_shape == "never":
            return
        await asyncio.sleep(settings.webhook_delay_ms / 1000)
        content_type, body = body_of(settings.webhook_shape, result)
        timeout = settings.webhook_timeout_ms / 1000
        if settings.webhook_head_first:
            await self._request("HEAD", url, "", b"", timeout)
        for _ in range(1 + settings.webhook_duplicates):
            await self._request("POST", url, content_type, body, timeout)

    def clear(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()

    async def _request(self, method: str, url: str, content_type: str, body: bytes, timeout: float) -> None:
        try:
            status = await asyncio.wait_for(_request(method, urlsplit(url), content_type, body), timeout)
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError) as error:
            self.counts[f"{method} failed"] += 1
            logger.info("status webhook: %s failed with %s", method, type(error).__name__)
        else:
            self.counts[f"{method} {status}"] += 1


async def _request(method: str, url: SplitResult, content_type: str, body: bytes) -> int:
    """Send one HTTP/1.1 request on a connection of its own. Returns the status."""
    secure = url.scheme == "https"
    context = ssl.create_default_context() if secure else None
    reader, writer = await asyncio.open_connection(url.hostname, url.port or (443 if secure else 80), ssl=context)
    try:
        writer.write(_head(method, url, content_type, len(body)) + body)
        await writer.drain()
        status_line = await reader.readline()
        status = int(status_line.split()[1]) if len(status_line.split()) > 1 else 0
        await reader.read()
    finally:
        writer.close()
    return status


def _head(method: str, url: SplitResult, content_type: str, length: int) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {url.netloc.rpartition('@')[2]}", "Connection: close"]
    lines += ["User-Agent: LeadSquared-Sandbox", "Accept: */*"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    if method == "POST":
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
