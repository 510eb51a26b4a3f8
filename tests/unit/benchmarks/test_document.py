"""The benchmarks' document shows what was missed."""

from __future__ import annotations

import math

import pytest

from tests.benchmarks.document import Section, document
from tests.benchmarks.figures import Figure, as_line, from_line, number


def figure(value: float, **given: float | str) -> Figure:
    return Figure(**{"subject": "4 processes", "measure": "refused", "value": value, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "met"),
    [
        (figure(3), None),
        (figure(3, at_most=3), True),
        (figure(3.1, at_most=3), False),
        (figure(98.0, at_least=98), True),
        (figure(97.9, at_least=98), False),
        (figure(math.nan, at_least=98), False),
        (figure(math.nan, at_most=98), False),
    ],
)
def test_a_goal_is_met_or_missed(found: Figure, met: bool | None) -> None:
    assert found.met is met
    assert from_line(as_line(found)) == found or math.isnan(found.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12, "12"), (1234567, "1,234,567"), (98.24, "98.2"), (0.2184, "0.218"), (1e-6, "0.0000")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_the_worst_of_a_goal_is_shown_and_what_is_missed_says_so() -> None:
    shares = [
        figure(value, subject=f"{place} processes", measure="of the limit", unit="%", at_least=98)
        for place, value in ((1, 99.0), (4, 97.2), (16, 98.5))
    ]
    text = document([Section(name="rate", command="run rate", figures=shares)], "run all")
    assert "| rate | of the limit | ≥ 98 % | 97.2 % | 4 processes | **missed**, 1 of 3 |" in text
    assert "| 4 processes | **97.2 %** (missed) |" in text
    assert "`run rate`" in text


def test_a_benchmark_that_breaks_counts_as_missed() -> None:
    text = document([Section(name="rate", command="run rate", failure="no disk")], "run all")
    assert "| rate | comes to its end |  |  |  | **missed** |" in text
    assert "did not finish: no disk" in text
