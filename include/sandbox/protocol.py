"""Uvicorn's HTTP protocol, which also tells the application when a request's bytes came in and on which transport."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from typing import Any, cast

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

ARRIVED = "sandbox.arrived"
TRANSPORT = "sandbox.transport"


class SandboxProtocol(H11Protocol):
    """Puts the arrival (monotonic seconds) and the transport into the scope; faults cut connections by the latter."""

    _arrived = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the application for this connection."""
        super().connection_made(transport)
        inner: ASGI3Application = self.app

        async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            extended = cast("dict[str, Any]", scope)
            extended[TRANSPORT] = transport
            extended[ARRIVED] = self._arrived
            await inner(scope, receive, send)

        self.app = app

    def data_received(self, data: bytes) -> None:
        """Stamp the first bytes of a request."""
        if self.cycle is None or self.cycle.response_complete:
            self._arrived = time.monotonic()
        super().data_received(data)


def close(transport: asyncio.Transport) -> None:
    """End a connection without a reply (FIN), after what was written before."""
    transport.close()


def reset(transport: asyncio.Transport) -> None:
    """Break a connection off (RST)."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
