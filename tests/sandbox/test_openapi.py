"""Whatever is sent, the server keeps to its own OpenAPI document: every reply is described, and none is a crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sandbox.app import create_app
from sandbox.directory import load_directory
from sandbox.operations import OPERATIONS
from sandbox.settings import Settings
from sandbox.state import Sandbox
from sandbox.testing import RunningSandbox, running
from tests.sandbox.conftest import KEYS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENT = create_app(Sandbox(Settings(), load_directory())).openapi()
schema = schemathesis.openapi.from_dict(DOCUMENT)
# Its systematic cases take half a minute; the drawn ones are bounded by their number.
schema.config.phases.coverage.enabled = False


@pytest.fixture(scope="module")
def strict() -> Iterator[RunningSandbox]:
    """A sandbox that refuses with 400, so that a 500 is a crash, and that calls no webhook."""
    switches = {"rate.normal": "1000000/1", "validation_status": 400, "bulk_mode": "sync", "webhook_shape": "never"}
    with running(switches) as sandbox:
        yield sandbox


@schema.parametrize()
@settings(max_examples=3, derandomize=True, deadline=None, database=None)
def test_every_reply_is_described(case: schemathesis.Case[Any], strict: RunningSandbox) -> None:
    case.call_and_validate(base_url=strict.url, headers=KEYS, checks=CHECKS)


def test_every_operation_is_in_the_document_with_what_it_takes_and_so_is_checked() -> None:
    paths = DOCUMENT["paths"]
    described = {(method.upper(), path) for path, item in paths.items() for method in item if path.startswith("/v2/")}
    assert described == {(operation.method, operation.path) for operation in OPERATIONS}
    for operation in OPERATIONS:
        entry = paths[operation.path][operation.method.lower()]
        assert {each["name"] for each in entry["parameters"]} >= set(operation.query)
        assert ("requestBody" in entry) is bool(operation.body)
    checked = {(each.ok().method.upper(), each.ok().path) for each in schema.get_all_operations()}
    assert checked >= described


@pytest.mark.parametrize(
    ("fault", "found"),
    [("html500_before_commit", "Undocumented Content-Type"), ("502", "Server error"), ("garbage200", "Content-Type")],
)
def test_a_reply_that_is_not_described_is_found(strict: RunningSandbox, fault: str, found: str) -> None:
    path = "/v2/Task.svc/RetrieveTaskType"
    requests.patch(
        f"{strict.url}/_sandbox/settings", json={"faults": [f"{fault} operation=RetrieveTaskType"]}, timeout=5
    )
    case = schema[path]["GET"].Case(headers=KEYS)
    try:
        with pytest.raises(FailureGroup) as failed:
            case.call_and_validate(base_url=strict.url, checks=CHECKS)
    finally:
        strict.faults()
    assert any(found in str(each.title) for each in failed.value.exceptions)


def test_the_document_checked_is_the_one_served(strict: RunningSandbox) -> None:
    assert requests.get(f"{strict.url}/openapi.json", timeout=5).json() == DOCUMENT
