"""One sandbox for all tests of a worker, set back before each, and a hook whose throttle gives every slot at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from leadsquared.hook import LeadSquaredHook
from sandbox.testing import RunningSandbox, running
from tests.contract.hook_kit import SWITCHES
from tests.unit.leadsquared.hook.conftest import RecordingThrottle

MakeHook = Callable[..., LeadSquaredHook]


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[RunningSandbox]:
    with running(SWITCHES) as process:
        yield process


@pytest.fixture
def sandbox(sandbox_process: RunningSandbox) -> RunningSandbox:
    """A sandbox without tasks, calls and faults; it is strict about the case of keys and the leads that it knows."""
    sandbox_process.reset(switches=True)
    return sandbox_process


@pytest.fixture
def throttle() -> RecordingThrottle:
    return RecordingThrottle()


@pytest.fixture
def pauses() -> list[float]:
    """What the hook slept between the attempts of its reads."""
    return []


@pytest.fixture
def make_hook(
    sandbox: RunningSandbox, throttle: RecordingThrottle, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeHook]:
    """Make hooks on the sandbox; the keywords are names of the connection's extra."""
    made: list[LeadSquaredHook] = []

    def make(password: str = "demo-secret-key", **extra: object) -> LeadSquaredHook:
        connection = {
            "conn_type": "leadsquared",
            "host": sandbox.url,
            "login": "demo-access-key",
            "password": password,
            "extra": {"timeout_seconds": 20, **extra},
        }
        monkeypatch.setenv("AIRFLOW_CONN_LEADSQUARED_DEFAULT", json.dumps(connection))
        hook = LeadSquaredHook(throttle=throttle)
        hook._sleep = pauses.append
        assert hook.settings.base_url == sandbox.url
        made.append(hook)
        return hook

    yield make
    for hook in made:
        hook.close()


@pytest.fixture
def hook(make_hook: MakeHook) -> LeadSquaredHook:
    return make_hook()
