"""A hook on a scripted server, with a throttle that only remembers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from leadsquared.hook import LeadSquaredHook
from tests.support.scripted_server import ScriptedServer, scripted_server

ACCESS_KEY = "u$r00000000invented"
SECRET_KEY = "invented/secret+key"


@dataclass
class RecordingThrottle:
    """Gives every slot at once."""

    waits: list[str] = field(default_factory=list)
    refusals: list[tuple[str, Any, Any, bool]] = field(default_factory=list)
    failure: Exception | None = None
    after_preparing: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, bucket: str = "normal", *, prepare: Callable[[], None] | None = None) -> object:
        if self.failure is not None:
            raise self.failure
        with self.lock:
            self.waits.append(bucket)
        if prepare:
            prepare()
            self.after_preparing()
        return None

    def refused(
        self,
        bucket: str = "normal",
        *,
        limit: tuple[int, float] | None = None,
        retry_after: float | None = None,
        daily: bool = False,
    ) -> None:
        self.refusals.append((bucket, limit, retry_after, daily))


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def throttle() -> RecordingThrottle:
    return RecordingThrottle()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Define the connection leadsquared_default."""

    def define(**fields: Any) -> None:
        given = {"conn_type": "leadsquared", "login": ACCESS_KEY, "password": SECRET_KEY} | fields
        monkeypatch.setenv("AIRFLOW_CONN_LEADSQUARED_DEFAULT", json.dumps(given))

    return define


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def hook(
    server: ScriptedServer, throttle: RecordingThrottle, connect: Callable[..., None], pauses: list[float]
) -> Iterator[LeadSquaredHook]:
    connect(host=server.url, extra={"timeout_seconds": 5})
    made = LeadSquaredHook(throttle=throttle)
    made._sleep = pauses.append
    yield made
    made.close()
