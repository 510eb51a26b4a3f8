"""A mail server that keeps what it is given."""

from __future__ import annotations

import email
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy


@dataclass(frozen=True)
class Mail:
    to: list[str]
    subject: str
    text: str


@dataclass
class MailServer:
    """The running server: its port, and what came."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)

    def connection(self) -> dict[str, object]:
        """The Airflow connection to it."""
        extra = {"from_email": "airflow@example.com", "disable_tls": True, "disable_ssl": True, "timeout": 10}
        return {"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": extra}


class _Handler(socketserver.StreamRequestHandler):
    server: _Server  # type: ignore[assignment]

    def handle(self) -> None:
        to: list[str] = []
        self._say("220 test")
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                to.append(line.partition("<")[2].partition(">")[0])
            if verb == "DATA":
                self._say("354 go on")
                self._keep(to)
            if verb == "QUIT":
                self._say("221 bye")
                return
            self._say("250 ok")

    def _keep(self, to: list[str]) -> None:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line)
        message = email.message_from_bytes(b"".join(lines), policy=policy.default)
        (part,) = [part for part in message.walk() if part.get_content_type() == "text/html"]
        self.server.kept.append(Mail(to, str(message["subject"]), part.get_content()))

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, kept: list[Mail]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kept = kept


@contextmanager
def running_mail_server() -> Iterator[MailServer]:
    """Run one on a free port of this machine."""
    found = MailServer()
    with _Server(found.mails) as server:
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()
