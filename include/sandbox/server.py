"""Runs the application on uvicorn: binds, says where, stops soon."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import threading
from pathlib import Path
from types import FrameType

import uvicorn

from sandbox.app import create_app
from sandbox.protocol import SandboxProtocol
from sandbox.state import Sandbox

_GRACE_SECONDS = 1
_BACKLOG = 2048


class Server(uvicorn.Server):
    """Lets go of hanging requests before it waits for the others."""

    def __init__(self, config: uvicorn.Config, sandbox: Sandbox) -> None:
        super().__init__(config)
        self._sandbox = sandbox

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Stop, and count that as success."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop within about a second."""
        self._sandbox.stop()
        await super().shutdown(sockets)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off, which would cost 40 ms a reply, only for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def serve(
    sandbox: Sandbox, listener: socket.socket, *, port_file: Path | None, log_level: str, with_stdin: bool
) -> None:
    """Serve until SIGTERM or SIGINT or, `with_stdin`, until standard input ends."""
    gc.freeze()
    config = uvicorn.Config(
        create_app(sandbox),
        http=SandboxProtocol,
        loop="asyncio",
        lifespan="off",
        log_level=log_level,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        backlog=_BACKLOG,
    )
    server = Server(config, sandbox)
    if with_stdin:
        threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
    asyncio.run(_serve(server, listener, port_file))


async def _serve(server: Server, listener: socket.socket, port_file: Path | None) -> None:
    announcement = asyncio.create_task(_announce(server, listener, port_file))
    try:
        await server.serve(sockets=[listener])
    finally:
        announcement.cancel()


async def _announce(server: Server, listener: socket.socket, port_file: Path | None) -> None:
    host, port = listener.getsockname()[:2]
    while not server.started:
        await asyncio.sleep(0.005)
    if port_file is not None:
        beside = port_file.with_name(f".{port_file.name}.{os.getpid()}")
        beside.write_text(f"{port}\n", encoding="ascii")
        beside.replace(port_file)
    shown = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"LeadSquared sandbox on http://{shown}:{port}\n")
    sys.stdout.flush()


def _stop_at_end_of_input(server: Server) -> None:
    # Not through sys.stdin: its lock, held by this thread, would hold up the interpreter's end.
    while os.read(0, 1024):
        pass
    server.should_exit = True
