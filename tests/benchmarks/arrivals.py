"""A picture (SVG) of the calls that arrived at the server in each sliding window, against the limit."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Final

WIDTH, HEIGHT = 960, 380
LEFT, RIGHT, TOP, BOTTOM = 52, 24, 78, 50
COLOURS: Final = ("#1f6feb", "#d9730d", "#6e7781", "#8250df")
LIMIT, INK, FAINT, GRID = "#cf222e", "#24292f", "#6e7781", "#e6e8eb"
#: From seconds and calls to a place in the picture.
_Place = Callable[[float, float], tuple[float, float]]
#: The count is taken so often a second.
STEPS_A_SECOND: Final = 5


def windows(arrivals: Sequence[float], period: float) -> Iterator[tuple[float, int]]:
    """Yield, from the first arrival on, seconds and how many calls arrived in the `period` before."""
    if not arrivals:
        return
    first, last = arrivals[0], arrivals[-1]
    for step in range(math.ceil((last - first + period) * STEPS_A_SECOND) + 1):
        seconds = step / STEPS_A_SECOND
        now = first + seconds
        yield seconds, bisect_right(arrivals, now) - bisect_right(arrivals, now - period)


def draw(runs: Mapping[str, Sequence[float]], calls: int, period: float) -> str:
    """Return the picture of sorted arrivals, by name; the limit is `calls` in `period` seconds."""
    curves = {name: list(windows(arrivals, period)) for name, arrivals in runs.items()}
    points = [point for curve in curves.values() for point in curve]
    longest = max((seconds for seconds, _ in points), default=1.0)
    highest = max(calls * 1.2, 1.05 * max((count for _, count in points), default=0))

    def place(seconds: float, count: float) -> tuple[float, float]:
        across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + across * seconds / longest, TOP + down * (1 - count / highest)

    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            'font-family="-apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
            _text(LEFT - 30, 30, f"Calls that arrived in the last {period:g} s", size=16, weight=600),
            *_legend(list(runs)),
            *_grid(longest, highest, place),
            *(_curve(curve, colour, place) for curve, colour in zip(curves.values(), COLOURS, strict=False)),
            *_limit(calls, period, longest, place),
            "</svg>\n",
        ]
    )


def _legend(names: Sequence[str]) -> Iterator[str]:
    across = LEFT - 30.0
    for name, colour in zip(names, COLOURS, strict=False):
        yield f'<rect x="{across}" y="46" width="18" height="4" rx="2" fill="{colour}"/>'
        yield _text(across + 25, 52, name, size=13)
        across += 50 + 7.2 * len(name)


def _grid(longest: float, highest: float, place: _Place) -> Iterator[str]:
    for count in range(0, math.floor(highest) + 1, _step(highest, 6)):
        (left, height), (right, _) = place(0, count), place(longest, count)
        yield f'<line x1="{left}" y1="{height:.1f}" x2="{right}" y2="{height:.1f}" stroke="{GRID}"/>'
        yield _text(left - 8, height + 4, str(count), colour=FAINT, anchor="end")
    for seconds in range(0, math.floor(longest) + 1, _step(longest, 10)):
        across, height = place(seconds, 0)
        yield _text(across, height + 18, str(seconds), colour=FAINT, anchor="middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "seconds since the first call", colour=FAINT, anchor="middle")


def _curve(curve: Sequence[tuple[float, int]], colour: str, place: _Place) -> str:
    if not curve:
        return ""
    line = " ".join("{:.1f},{:.1f}".format(*place(seconds, count)) for seconds, count in curve)
    ends = ["{:.1f},{:.1f}".format(*place(seconds, 0)) for seconds in (curve[0][0], curve[-1][0])]
    return (
        f'<polygon points="{ends[0]} {line} {ends[1]}" fill="{colour}" fill-opacity="0.08"/>'
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'
    )


def _limit(calls: int, period: float, longest: float, place: _Place) -> Iterator[str]:
    (left, height), (right, _) = place(0, calls), place(longest, calls)
    yield (
        f'<line x1="{left}" y1="{height:.1f}" x2="{right}" y2="{height:.1f}" stroke="{LIMIT}" stroke-width="1.5" '
        'stroke-dasharray="6 4"/>'
    )
    yield _text(right, height - 7, f"the limit: {calls} in {period:g} s", colour=LIMIT, anchor="end", weight=600)


def _step(reach: float, parts: int) -> int:
    """Return a round step, with which an axis up to `reach` has about so many parts."""
    wanted = max(reach / parts, 1)
    power = 10 ** math.floor(math.log10(wanted))
    return int(next(round_one * power for round_one in (1, 2, 5, 10) if round_one * power >= wanted))


def _text(
    across: float,
    down: float,
    text: str,
    *,
    size: int = 12,
    colour: str = INK,
    anchor: str = "start",
    weight: int = 400,
) -> str:
    return (
        f'<text x="{across:.1f}" y="{down:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
