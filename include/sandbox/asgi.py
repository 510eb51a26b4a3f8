"""Small ASGI helpers: send a whole reply, hold one back, wait until the client has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sandbox.replies import Reply

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def send_reply(send: Send, reply: Reply) -> None:
    """Send a reply with its length."""
    headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def held_reply(app: App, scope: Scope, receive: Receive) -> Reply:
    """Let an application answer, and keep the answer back."""
    start: Message = {}
    body = bytearray()

    async def hold(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            body.extend(message.get("body", b""))

    await app(scope, receive, hold)
    headers = tuple((name, value) for name, value in start.get("headers", ()) if name.lower() != b"content-length")
    return Reply(start.get("status", 500), bytes(body), headers)


async def read_to_end(receive: Receive) -> None:
    """Read and forget the rest of a request."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


async def wait_until_gone(receive: Receive) -> None:
    """Read and forget what the client sends until it disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def wait_for_either(gone: Receive, stopping: asyncio.Event) -> None:
    """Wait until the client has gone or the server stops."""
    waits = [asyncio.ensure_future(wait_until_gone(gone)), asyncio.ensure_future(stopping.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
