"""The picture of arrivals counts sliding windows and is well-formed."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks.arrivals import draw, windows


def test_a_window_holds_what_arrived_in_the_period_before() -> None:
    counts = dict(windows([100.0, 101.0, 102.0, 106.5], period=5.0))
    assert (counts[0], counts[1], counts[2], counts[5], counts[6.6]) == (1, 2, 3, 2, 2)
    assert counts[max(counts)] == 0


@pytest.mark.parametrize(
    "runs", [{}, {"none": []}, {"one": [5.0]}, {"a & b": [1.0, 1.5], "c": [0.5 * n for n in range(99)]}]
)
def test_the_picture_is_well_formed(runs: dict[str, list[float]]) -> None:
    picture = ET.fromstring(draw(runs, 25, 5.0))
    texts = [element.text or "" for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {*runs, "the limit: 25 in 5 s"} <= set(texts)
