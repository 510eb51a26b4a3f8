"""What a benchmark gives: figures, each with its goal where it has one.

A benchmark is a module of this package with `measure(quick)`, a generator of figures that are yielded as soon as they
are known, and, as a program, `figures.main(measure, __doc__)`. What its docstring says stands in the document.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number.

    `subject`: under which conditions ("16 processes, PostgreSQL"). `measure`: what was measured ("refused"), the same
    words for every subject. `unit` follows the number ("%", "ms"). Only what has a goal can be missed.
    """

    subject: str
    measure: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def goal(self) -> str:
        """Return the goal as text; empty where there is none."""
        bounds = (("≥", self.at_least), ("≤", self.at_most))
        return ", ".join(f"{sign} {bound:,g}{self._unit}" for sign, bound in bounds if bound is not None)

    @property
    def met(self) -> bool | None:
        """Tell whether the goal is reached; None where there is none. What is no number reaches nothing."""
        if self.at_least is None and self.at_most is None:
            return None
        low = -math.inf if self.at_least is None else self.at_least
        return low <= self.value <= (math.inf if self.at_most is None else self.at_most)

    @property
    def shown(self) -> str:
        """Return the value as text."""
        return f"{number(self.value)}{self._unit}"

    @property
    def distance(self) -> float:
        """Return how far the value is on the good side of its goal, to find the worst of several."""
        above = self.value - (-math.inf if self.at_least is None else self.at_least)
        below = (math.inf if self.at_most is None else self.at_most) - self.value
        return min(above, below)

    @property
    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""


Measure = Callable[[bool], Iterator[Figure]]


def number(value: float) -> str:
    """Write a number with about three figures; whole ones in full."""
    if isinstance(value, int) or value == 0 or abs(value) >= 100 or not math.isfinite(value):
        return f"{value:,.0f}"
    return f"{value:.{min(2 - math.floor(math.log10(abs(value))), 4)}f}"


def results(figures: list[Figure]) -> Table:
    """Return the figures as a table for the screen; what is missed stands out."""
    table = Table("subject", "measure", "value", "goal", "")
    for column in (2, 3):
        table.columns[column].justify = "right"
    marks = {None: "", True: "[green]met[/green]", False: "[red]missed[/red]"}
    for subject, found in groupby(figures, key=lambda figure: figure.subject):
        for place, figure in enumerate(found):
            told = "" if place else subject
            table.add_row(told, figure.measure, figure.shown, figure.goal, marks[figure.met])
    return table


def as_line(figure: Figure) -> str:
    """Return a figure as a line that `from_line` reads."""
    return json.dumps(asdict(figure))


def from_line(line: str) -> Figure:
    """Read what `as_line` wrote."""
    values: dict[str, Any] = json.loads(line)
    return Figure(**values)


def main(measure: Measure, description: str | None) -> None:
    """Measure and print; with `--lines`, one line of JSON for each figure as soon as it is known."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="all of it, instead of a quick look")
    parser.add_argument("--lines", action="store_true", help="print figures as lines of JSON")
    arguments = parser.parse_args()
    output = _own_output()
    found = []
    for figure in measure(not arguments.full):
        found.append(figure)
        if arguments.lines:
            print(as_line(figure), file=output, flush=True)
        else:
            print(f"{figure.subject}: {figure.measure} {figure.shown}", file=sys.stderr, flush=True)
    if not arguments.lines:
        Console(file=output).print(results(found))


def _own_output() -> TextIO:
    """Keep the standard output for figures: what libraries and programs print goes where errors go."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return output
