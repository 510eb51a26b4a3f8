"""A real HTTP server on a free port that answers each request as it was told to, and remembers what arrived."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    client: tuple[str, int]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    #: The usual five are too few for sixteen threads at once: on a busy machine the others connect seconds later.
    request_queue_size = 64


class ScriptedServer:
    """Answers by its script, one act a request; when the script is used up, by `default`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: list[Act] = []
        self.default: Act = answer(200, [])
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def next_act(self, request: Request) -> Act:
        with self._lock:
            self.requests.append(request)
            return self.script.pop(0) if self.script else self.default

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                request = Request(self.command, self.path, dict(self.headers.items()), body, self.client_address)
                server.next_act(request)(self, server)

            do_GET = do_POST = handle_any  # noqa: N815 - the names that http.server looks for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing."""

        return Handler


Act = Callable[[Any, ScriptedServer], None]


def answer(status: int, body: Any = b"", headers: Mapping[str, str] | None = None) -> Act:
    """Answer in full."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def act(handler: Any, _: ScriptedServer) -> None:
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    return act


def drop(handler: Any, _: ScriptedServer) -> None:
    """Close the connection without a word, after the request was read."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def reset(handler: Any, _: ScriptedServer) -> None:
    """Reset the connection after the request was read."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def cut(handler: Any, _: ScriptedServer) -> None:
    """Announce more than is sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"Status":"Success","Message":{"Id":"1700')
    handler.close_connection = True


def hang(handler: Any, server: ScriptedServer) -> None:
    """Keep the request unanswered until the server is released."""
    server.released.wait(PATIENCE_SECONDS)
    handler.close_connection = True


def drip(handler: Any, server: ScriptedServer) -> None:
    """Send one byte of the body every fifth of a second until the server is released or the client leaves."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.close_connection = True
    try:
        while not server.released.wait(0.2):
            handler.wfile.write(b" ")
            handler.wfile.flush()
    except OSError:
        return


@dataclass
class Meeting:
    """An act that answers only when `parties` requests are there at once."""

    parties: int
    then: Act
    barrier: threading.Barrier = field(init=False)

    def __post_init__(self) -> None:
        self.barrier = threading.Barrier(self.parties)

    def __call__(self, handler: Any, server: ScriptedServer) -> None:
        self.barrier.wait(PATIENCE_SECONDS)
        self.then(handler, server)


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Run a server for as long as the block."""
    server = ScriptedServer()
    thread = threading.Thread(target=server._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server._server.shutdown()
        server._server.server_close()
        thread.join()
