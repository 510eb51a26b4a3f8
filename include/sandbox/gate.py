"""What every API call passes before its operation: the log, the keys, the rate limits, the faults.

A plain ASGI middleware, so that all of it happens before the body is read and in the order of arrival.
"""

from __future__ import annotations

import hmac
import math
import time
from collections.abc import Mapping
from email.utils import formatdate
from urllib.parse import parse_qsl

from sandbox.asgi import App, Message, Receive, Scope, Send, send_reply
from sandbox.calls import Call
from sandbox.fault_rules import ROW_KINDS, FaultRule
from sandbox.limits import BucketName, Refusal
from sandbox.operations.base import Operation
from sandbox.protocol import ARRIVED
from sandbox.replies import RefusedError, Reply, refused
from sandbox.settings import Settings
from sandbox.situations import Situation
from sandbox.state import Sandbox
from sandbox.tampering import Exchange, be_late, play

CALL = "sandbox.call"
QUERY = "sandbox.query"
_AUTHENTICATION = "Authentication.svc/UserByAccessKey.Get"
_BULK_CREATE = "Task.svc/Bulk/Create"
_RATE_STATUS = {"http429": 429, "http200_error_body": 200, "http500_error_body": 500}


class Gate:
    """Guards the paths under `/v2/`; everything else passes untouched."""

    def __init__(self, app: App, sandbox: Sandbox, operations: Mapping[tuple[str, str], Operation]) -> None:
        self._app = app
        self._sandbox = sandbox
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call, or let its operation answer it."""
        if scope["type"] != "http" or not scope["path"].startswith("/v2/"):
            await self._app(scope, receive, send)
            return
        arrived = scope.get(ARRIVED) or time.monotonic()
        operation = self._operations.get((scope["method"], scope["path"]))
        name = operation.name if operation else "unknown"
        call = self._sandbox.calls.start(name, scope["method"], arrived, time.time() - (time.monotonic() - arrived))
        scope[CALL] = call
        scope[QUERY] = {key.lower(): value for key, value in parse_qsl(scope["query_string"].decode("latin-1"))}

        async def note_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
            await send(message)

        log = self._sandbox.calls
        try:
            await self._guard(call, operation, scope, receive, note_status)
        finally:
            log.finish(call, time.monotonic())

    async def _guard(self, call: Call, operation: Operation | None, scope: Scope, receive: Receive, send: Send) -> None:
        reply = self._refuse(call, operation, scope)
        if reply is not None:
            await send_reply(send, reply)
            return
        self._sandbox.calls.admit(call)
        fault = self._meet_faults(call)
        app = self._with_fault(fault) if fault else self._app
        latency = self._sandbox.settings.latency_ms
        if latency:
            await be_late(self._exchange(app, scope, receive, send), latency, after_commit=False)
        else:
            await app(scope, receive, send)

    def _exchange(self, app: App, scope: Scope, receive: Receive, send: Send) -> Exchange:
        return Exchange(app, scope, receive, send, self._sandbox.settings, self._sandbox.stopping)

    def _with_fault(self, rule: FaultRule) -> App:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await play(rule, self._exchange(self._app, scope, receive, send))
            call: Call = scope[CALL]
            if rule.kind != "slow":
                call.outcome = "unauthorised" if rule.kind == "unauthorised" else "faulted"

        return answer

    def _refuse(self, call: Call, operation: Operation | None, scope: Scope) -> Reply | None:
        settings = self._sandbox.settings
        if operation is None:
            call.outcome = "rejected"
            return refused(RefusedError(Situation.UNKNOWN_OPERATION, status=404), settings)
        unauthorised = _check_keys(settings, scope, operation.name)
        if unauthorised is not None:
            call.outcome, call.error = "unauthorised", unauthorised.situation
            return refused(unauthorised, settings)
        bucket: BucketName = settings.bulk_task_bucket if operation.name == _BULK_CREATE else "normal"
        refusal = self._sandbox.limiter.refuse(bucket, call.arrived, call.arrived_at)
        if refusal is not None:
            call.outcome = "refused"
            return _too_many(refusal, settings)
        return None

    def _meet_faults(self, call: Call) -> FaultRule | None:
        """Note the faults that a call meets; the first of a reply is the one to play."""
        met = self._sandbox.faults.meet(call.operation)
        call.faults = [fault.rule.kind for fault in met]
        call.row_faults = [fault for fault in met if fault.rule.kind in ROW_KINDS]
        return next((fault.rule for fault in met if fault.rule.kind not in ROW_KINDS), None)


def _check_keys(settings: Settings, scope: Scope, operation: str) -> RefusedError | None:
    """Keys come in headers or, unless switched off, in the query; headers win (`/authentication/`)."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    access, secret = headers.get("x-lsq-accesskey"), headers.get("x-lsq-secretkey")
    if access is None and secret is None and settings.auth_mode != "headers":
        access, secret = scope[QUERY].get("accesskey"), scope[QUERY].get("secretkey")
    same = _same(access, settings.access_key.get_secret_value()) & _same(secret, settings.secret_key.get_secret_value())
    if not same or settings.auth_mode == "inactive_user":
        return RefusedError(Situation.UNAUTHORISED, status=401)
    if settings.auth_mode == "wrong_region" and operation != _AUTHENTICATION:
        return RefusedError(Situation.WRONG_REGION, value=settings.api_host, status=401)
    return None


def _same(given: str | None, expected: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), expected.encode())


def _too_many(refusal: Refusal, settings: Settings) -> Reply:
    status = _RATE_STATUS[settings.rate_limit_style]
    error = RefusedError(refusal.situation, value=f"{refusal.seconds:g}", limit=refusal.limit, status=status)
    reply = refused(error, settings)
    if settings.retry_after == "off":
        return reply
    seconds = max(1, math.ceil(refusal.retry_after))
    value = str(seconds) if settings.retry_after == "seconds" else formatdate(time.time() + seconds, usegmt=True)
    return Reply(reply.status, reply.body, (*reply.headers, (b"retry-after", value.encode())))
