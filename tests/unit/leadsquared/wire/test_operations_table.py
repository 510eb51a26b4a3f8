"""The table of operations in the documentation is complete and true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import leadsquared
from leadsquared.hook import LeadSquaredHook, changing, creating, directory, finding, leads
from leadsquared.wire import operations
from leadsquared.wire.operations import Operation
from sandbox.operations import OPERATIONS

ROOT = Path(__file__).parents[4]
TABLE = (ROOT / "include" / "docs" / "operations.md").read_text(encoding="utf-8")
FROM_A_DAG, OPERATIONS_OF_THE_API = TABLE.split("## Who am I")


def rows_of(text: str) -> list[list[str]]:
    lines = (line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| Operat"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


ROWS = rows_of(OPERATIONS_OF_THE_API)
CALLS = {operation: row for row in ROWS for operation in re.findall(r"`((?:GET|POST) [^`]+)`", row[0])}
USED = [value for value in vars(operations).values() if isinstance(value, Operation)]
METHODS = {
    name
    for part in (changing.ChangingTasks, creating.CreatingTasks, directory.Directory, finding.FindingTasks)
    for name in vars(part)
    if not name.startswith("_")
} | {name for name in vars(leads.LeadsAndOpportunities) if not name.startswith("_")}


@pytest.mark.parametrize("operation", USED, ids=lambda operation: operation.path)
def test_every_operation_that_is_used_has_a_row_with_a_method_and_a_test(operation: Operation) -> None:
    row = CALLS[f"{operation.method} {operation.path}"]
    assert re.search(r"`[a-z_]+", row[2])
    assert "::test_" in row[3]


def test_no_row_names_an_operation_that_is_not_there() -> None:
    assert set(CALLS) == {f"{operation.method} {operation.path}" for operation in USED}


def test_every_method_of_the_hook_is_in_the_table_and_no_other() -> None:
    named = {name for row in ROWS if len(row) == 4 for name in re.findall(r"`([a-z_]+)", row[2])}
    assert named == METHODS | {"test_connection"}
    assert all(callable(getattr(LeadSquaredHook, name)) for name in named)


def test_everything_that_a_dag_may_import_has_a_row_with_its_calls_and_a_test() -> None:
    rows = rows_of(FROM_A_DAG)
    assert [row[0].strip("`") for row in rows] != []
    assert {row[0].strip("`") for row in rows} == set(leadsquared.__all__)
    assert {name for row in rows for name in re.findall(r"`([a-z_]+)`", row[2])} < METHODS
    assert all("::test_" in row[3] for row in rows)


def test_every_test_named_is_there() -> None:
    named = re.findall(r"`([a-z_/]+\.py)(?:::(test_[a-z_]+))?`", TABLE)
    assert len(named) > 30
    for file, test in named:
        assert f"def {test}" in (ROOT / "tests" / file).read_text(encoding="utf-8"), (file, test)


def test_a_row_without_a_method_says_why() -> None:
    without = [row for row in ROWS if len(row) == 4 and not row[3]]
    assert without
    assert all(row[2].startswith("none: ") for row in without)


def test_the_sandbox_plays_every_operation() -> None:
    played = {(operation.method, operation.name): operation.page for operation in OPERATIONS}
    assert set(played) == {(operation.method, operation.path) for operation in USED}
    assert [page for page in played.values() if page[0] == "/" and f"`{page.rstrip('/')}" not in TABLE] == []
