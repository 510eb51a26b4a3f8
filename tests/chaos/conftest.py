"""One arena for all cases of a test process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.chaos.arena import Arena, postgres_server

#: Cases wait most of their time, for leases and settle times.
LANES = 5


@pytest.fixture(scope="session")
def arena() -> Iterator[Arena]:
    kept = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_CONN")}
    assert not kept, "connections of this machine must not reach the cases"
    with postgres_server() as server, Arena(LANES, server) as opened:
        yield opened
