"""Progress is told at a steady pace, whatever the pace of the work."""

from __future__ import annotations

import logging

import pytest

from followups.progress import Progress, describe, duration

log = logging.getLogger("progress of tests")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_comes_every_ten_seconds_however_often_work_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with caplog.at_level(logging.INFO):
        progress = Progress(log, "rows read", clock=clock)
        for step in range(1, 251):
            clock.now = step / 10
            progress.add(7, {"planned": 7 * step})
    assert caplog.messages == [
        "700 rows read, 70.0 a second, 700 planned",
        "1,400 rows read, 70.0 a second, 1,400 planned",
    ]


def test_short_work_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with caplog.at_level(logging.INFO):
        progress = Progress(log, "rows read", clock=clock)
        clock.now = 9.9
        progress.add(10_000)
    assert caplog.messages == []


def test_the_time_left_follows_from_the_rate() -> None:
    assert describe(4_000, 20_000, "rows looked for", 10) == (
        "4,000 of 20,000 rows looked for, 400 a second, about 40 s left"
    )
    assert describe(30, 20, "calls done", 10) == "30 of 20 calls done, 3.0 a second, about 0 s left"
    assert describe(0, 20, "calls done", 10) == "0 of 20 calls done, 0.0 a second"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (119, "119 s"), (150, "2 min"), (9000, "2.5 h")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
