"""One arena for all cases of a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.arena import Arena, postgres_server

#: Cases wait most of their time, for leases and settle times.
LANES = 5


@pytest.fixture(scope="session")
def arena() -> Iterator[Arena]:
    with postgres_server() as server, Arena(LANES, server) as opened:
        yield opened
