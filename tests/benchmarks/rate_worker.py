"""One worker process of a rate measurement: takes slots until the time is up, and prints what it saw as one JSON line.

Started as a program with its orders as JSON in the first argument. It says "ready" once everything is loaded, and
begins at the next line on its standard input.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import time
from dataclasses import asdict, dataclass, field

from followups.database import connect
from followups.throttle import Priority, RateLimit, Throttle, WaitStopped


@dataclass(kw_only=True)
class Orders:
    """`calls` and `period` are the settings'; `port` 0 means no server: sends are stamped, never refused."""

    url: str
    number: int
    calls: int
    period: float
    seconds: float
    jitter: float = 0.0
    port: int = 0
    bucket: str = "normal"
    priority: int = Priority.SCHEDULED


@dataclass(kw_only=True)
class Seen:
    """Instants of CLOCK_MONOTONIC, which all processes of a host share."""

    number: int
    sent: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    refused: int = 0
    cpu_seconds: float = 0.0


def ask_server(connection: socket.socket, number: int) -> tuple[int, float] | None:
    """Make one call; return None if it was let in, else the limit that the refusal names."""
    connection.sendall(bytes([number]))
    reply = b""
    while not reply.endswith(b"\n"):
        reply += connection.recv(64)
    told = json.loads(reply)
    return None if told is None else (told[0], told[1])


def work(orders: Orders) -> Seen:
    seen = Seen(number=orders.number)
    server = socket.create_connection(("127.0.0.1", orders.port)) if orders.port else None
    engine = connect(orders.url)
    limit = RateLimit(calls=orders.calls, period_seconds=orders.period)
    with Throttle(engine, "measured", limit, priority=Priority(orders.priority)) as throttle:
        throttle.status()
        print("ready", flush=True)
        sys.stdin.readline()
        end, cpu = time.monotonic() + orders.seconds, time.process_time()
        while True:
            asked = time.monotonic()
            try:
                throttle.wait(orders.bucket, stop=lambda: time.monotonic() > end)
            except WaitStopped:
                break
            now = time.monotonic()
            seen.sent.append(now)
            seen.waits.append(now - asked)
            if server is None:
                continue
            time.sleep(random.random() * orders.jitter)
            if (told := ask_server(server, orders.number)) is not None:
                seen.refused += 1
                throttle.refused(orders.bucket, limit=told)
        seen.cpu_seconds = time.process_time() - cpu
    engine.dispose()
    if server is not None:
        server.close()
    return seen


if __name__ == "__main__":
    print(json.dumps(asdict(work(Orders(**json.loads(sys.argv[1]))))), flush=True)
