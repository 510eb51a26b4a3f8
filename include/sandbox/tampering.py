"""Plays the faults of replies: late, wrong, cut, or none at all, before or after the request took effect."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sandbox.asgi import (
    App,
    Receive,
    Scope,
    Send,
    held_reply,
    read_to_end,
    send_reply,
    wait_for_either,
    wait_until_gone,
)
from sandbox.fault_rules import FaultRule
from sandbox.protocol import TRANSPORT, close, reset
from sandbox.replies import RefusedError, Reply, envelope, refused, to_json
from sandbox.settings import Settings
from sandbox.situations import Situation

_HTML = ((b"content-type", b"text/html; charset=utf-8"),)
_PHRASES = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
_SILENT = ("drop_reply_after_commit", "drop_reply_before_commit", "reset", "hang")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way: `app` is what would answer it properly."""

    app: App
    scope: Scope
    receive: Receive
    send: Send
    settings: Settings
    stopping: asyncio.Event

    async def proper_reply(self) -> Reply:
        """Let the request take effect, and hold its reply back."""
        return await held_reply(self.app, self.scope, self.receive)


async def play(rule: FaultRule, exchange: Exchange) -> None:
    """Answer one request in the way of a fault."""
    if rule.kind == "slow":
        await be_late(exchange, rule.ms, after_commit=rule.commits)
        return
    proper = await exchange.proper_reply() if rule.commits else None
    if proper is None:
        await read_to_end(exchange.receive)
    if rule.kind in _SILENT:
        await _no_reply(rule, exchange)
    elif rule.kind == "cut_body" and proper is not None:
        await _cut(proper, exchange)
    else:
        await send_reply(exchange.send, _wrong_reply(rule, proper, exchange.settings))


async def be_late(exchange: Exchange, milliseconds: int, *, after_commit: bool) -> None:
    """Answer properly, but wait before the work or after it."""
    if after_commit:
        proper = await exchange.proper_reply()
        await _pause(milliseconds, exchange.stopping)
        await send_reply(exchange.send, proper)
    else:
        await _pause(milliseconds, exchange.stopping)
        await exchange.app(exchange.scope, exchange.receive, exchange.send)


async def _pause(milliseconds: int, stopping: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), milliseconds / 1000)
    except TimeoutError:
        return


async def _no_reply(rule: FaultRule, exchange: Exchange) -> None:
    transport: asyncio.Transport = exchange.scope[TRANSPORT]
    if rule.kind == "hang":
        await wait_for_either(exchange.receive, exchange.stopping)
    if rule.kind == "reset":
        reset(transport)
    else:
        close(transport)
    await wait_until_gone(exchange.receive)


async def _cut(proper: Reply, exchange: Exchange) -> None:
    """Announce the whole body, send half of it, and close."""
    transport: asyncio.Transport = exchange.scope[TRANSPORT]
    headers = [*proper.headers, (b"content-length", str(len(proper.body)).encode())]
    await exchange.send({"type": "http.response.start", "status": proper.status, "headers": headers})
    await exchange.send({"type": "http.response.body", "body": proper.body[: len(proper.body) // 2], "more_body": True})
    close(transport)
    await wait_until_gone(exchange.receive)


def _wrong_reply(rule: FaultRule, proper: Reply | None, settings: Settings) -> Reply:
    if proper is not None and rule.kind == "truncated_json":
        return Reply(proper.status, proper.body[: len(proper.body) // 2], proper.headers)
    if rule.kind in ("rate_error_in_200", "unauthorised"):
        return _refusal(rule, settings)
    if rule.kind == "garbage200":
        return Reply(200, b"<html><body>Please wait while we redirect you</body></html>", _HTML)
    if rule.kind == "mysql500":
        text = "Timeout expired. The timeout period elapsed prior to completion of the operation."
        return Reply(500, to_json(envelope("MySqlException", text)))
    return _page(int(rule.kind) if rule.kind.isdecimal() else 500)


def _refusal(rule: FaultRule, settings: Settings) -> Reply:
    if rule.kind == "unauthorised":
        return refused(RefusedError(Situation.UNAUTHORISED, status=401), settings)
    rate = settings.rate.normal
    error = RefusedError(Situation.RATE, value=f"{rate.seconds:g}", limit=rate.calls, status=200)
    return refused(error, settings)


def _page(status: int) -> Reply:
    title = f"{status} {_PHRASES[status]}"
    html = f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"
    return Reply(status, html.encode(), _HTML)
