"""Parameters are bound by the driver, wherever a feed's query names them and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followups.sql import QueryError, bind, reads_window

VALUES = {"window_start": 1, "window_end": 2}


@pytest.mark.parametrize(
    ("query", "expected", "parameters"),
    [
        ("a >= :window_start AND a < :window_end", "a >= ? AND a < ?", [1, 2]),
        (":window_end, :window_start, :window_end", "?, ?, ?", [2, 1, 2]),
        ("SELECT 1", "SELECT 1", []),
        ("SELECT ':window_start'", "SELECT ':window_start'", []),
        ("SELECT 'it''s :window_start', :window_end", "SELECT 'it''s :window_start', ?", [2]),
        ('SELECT ":window_start" FROM t', 'SELECT ":window_start" FROM t', []),
        ("a = 1 -- it's :window_start\nAND b = :window_end", "a = 1 -- it's :window_start\nAND b = ?", [2]),
        ("/* :window_start\n' */ :window_end", "/* :window_start\n' */ ?", [2]),
        ("due_at::timestamptz >= :window_start::date", "due_at::timestamptz >= ?::date", [1]),
        ("payload:window_start", "payload:window_start", []),
        ("(:window_start)", "(?)", [1]),
        ("name LIKE '50%' AND a % 2 = :window_end", "name LIKE '50%' AND a % 2 = ?", [2]),
    ],
)
def test_names_outside_texts_and_comments_are_bound(query: str, expected: str, parameters: list[Any]) -> None:
    assert bind(query, VALUES, "?") == (expected, parameters)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("due_at >= :window_start AND due_at < :window_end", True),
        ("due_at >= :window_start", True),
        ("due_at < :window_end::date", True),
        ("SELECT 1", False),
        ("SELECT ':window_start' -- :window_end\n/* :window_end */", False),
        ("payload:window_start, due_at < :window_ends", False),
    ],
)
def test_query_reads_the_window_where_it_asks_for_an_end_of_it(query: str, expected: bool) -> None:
    assert reads_window(query) is expected


def test_percent_signs_are_doubled_for_drivers_that_read_them() -> None:
    query = "name LIKE '50%' AND a % 2 = :window_end -- 100%"
    assert bind(query, VALUES, "%s") == ("name LIKE '50%%' AND a %% 2 = %s -- 100%%", [2])


def test_unknown_name_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(QueryError, match="the query asks for :window_stop; it may use :window_start, :window_end"):
        bind("a < :window_stop", VALUES, "?")


@given(st.text(alphabet="ab:'\"-/*% \n?", max_size=40))
def test_query_that_names_nothing_stays_as_it_is(query: str) -> None:
    try:
        text, parameters = bind(query, {}, "?")
    except QueryError:
        return
    assert (text, parameters) == (query, [])


@given(st.text(max_size=40))
def test_values_are_never_pasted_in(value: str) -> None:
    text, parameters = bind("a = :window_start", {"window_start": value}, "%s")
    assert (text, parameters) == ("a = %s", [value])
