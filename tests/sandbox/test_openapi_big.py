"""The server keeps to its own OpenAPI document, whatever is sent: every reply is described there, and none is a crash."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sandbox.app import create_app
from sandbox.directory import load_directory
from sandbox.settings import Settings
from sandbox.state import Sandbox
from sandbox.testing import RunningSandbox, running
from tests.sandbox.conftest import KEYS

DOCUMENT = create_app(Sandbox(Settings(), load_directory())).openapi()
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
schema = schemathesis.openapi.from_dict(DOCUMENT)

@pytest.fixture(scope="module")
def strict() -> Iterator[RunningSandbox]:
    switches = {"rate.normal": "1000000/1", "validation_status": 400, "bulk_mode": "sync", "webhook_shape": "never"}
    with running(switches) as sandbox:
        yield sandbox


@schema.parametrize()
@settings(max_examples=150, derandomize=False, deadline=None, database=None)
def test_every_reply_of_the_api_is_described(case: schemathesis.Case, strict: RunningSandbox) -> None:
    case.call_and_validate(base_url=strict.url, headers=KEYS, checks=CHECKS)
