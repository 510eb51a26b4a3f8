"""Errors say what, where and what to do, and survive the way between processes."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

from leadsquared import errors
from leadsquared.wire.encoding import PayloadError


def tree(root: type[errors.LeadSquaredError]) -> Iterator[type[errors.LeadSquaredError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


ALL = list(tree(errors.LeadSquaredError))


@pytest.mark.parametrize("kind", ALL)
def test_the_docstring_is_the_default_message(kind: type[errors.LeadSquaredError]) -> None:
    message = str(kind())
    assert message
    assert message in " ".join((kind.__doc__ or "").split())


@pytest.mark.parametrize("kind", ALL)
def test_an_error_names_endpoint_and_status(kind: type[errors.LeadSquaredError]) -> None:
    error = kind("No owner: name one.", endpoint="Task.svc/Create", status=500)
    assert str(error) == "No owner: name one. (Task.svc/Create, HTTP 500)"


@pytest.mark.parametrize("kind", ALL)
def test_an_error_pickles_with_all_it_keeps(kind: type[errors.LeadSquaredError]) -> None:
    error = kind("No owner.", endpoint="Task.svc/Create", status=500)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__


@pytest.mark.parametrize("kind", ALL)
def test_the_tree_in_the_module_docstring_is_whole(kind: type[errors.LeadSquaredError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")


def test_a_payload_error_pickles() -> None:
    copy = pickle.loads(pickle.dumps(PayloadError("end_at", "is before due_at")))
    assert (copy.field, str(copy)) == ("end_at", "end_at: is before due_at")
