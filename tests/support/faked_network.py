"""A hook without a network: every request gets the answer that a test gave, and is counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from leadsquared.hook import LeadSquaredHook
from tests.unit.leadsquared.hook.conftest import RecordingThrottle

#: A look-up that asks more often than this would ask for ever.
PATIENCE_REQUESTS = 100

#: Status, headers and body; or what the network raises.
Answer = tuple[int, Mapping[str, str], bytes] | Exception


@dataclass
class FakedNetwork:
    """What the next requests are answered, and those that were sent since then."""

    hook: LeadSquaredHook = field(default_factory=lambda: LeadSquaredHook(throttle=RecordingThrottle()))
    sent: list[requests.PreparedRequest] = field(default_factory=list)
    _answer: Answer = (200, {}, b"[]")

    def answer_with(self, answer: Answer) -> None:
        """Give this answer from now on, and forget what was sent."""
        self._answer = answer
        self.sent.clear()

    def answer_json(self, body: Any) -> None:
        self.answer_with((200, {}, json.dumps(body).encode()))

    def exchange(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], bytes]:
        self.sent.append(request)
        if len(self.sent) > PATIENCE_REQUESTS:
            raise ConnectionError
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def make_faked_network() -> FakedNetwork:
    """Return a hook whose network and pauses are faked; other hooks keep theirs."""
    connection = {"conn_type": "leadsquared", "host": "127.0.0.1", "login": "a", "password": "b"}
    network = FakedNetwork()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_LEADSQUARED_DEFAULT", json.dumps(connection))
        transport = network.hook._get_transport()
    network.hook._sleep = lambda _seconds: None
    transport._exchange = network.exchange  # type: ignore[method-assign]
    return network
