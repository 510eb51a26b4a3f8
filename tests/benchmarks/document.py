"""Benchmarks' figures as a document: goals first, then a table for each benchmark with the command that repeats it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from tests.benchmarks.figures import Figure
from tests.support.documents import Table, machine, table

MISSED = "**missed**"


@dataclass(kw_only=True)
class Section:
    """One benchmark's part. `failure` says why it did not come to its end; empty if it did."""

    name: str
    command: str
    about: str = ""
    figures: list[Figure] = field(default_factory=list)
    seconds: float = 0.0
    failure: str = ""

    @property
    def missed(self) -> list[Figure]:
        """Return the figures that miss their goal."""
        return [figure for figure in self.figures if figure.met is False]


def document(sections: Sequence[Section], command: str, picture: str = "") -> str:
    """Return the whole text. `picture` is a file beside it, with the calls that arrived against the limit."""
    minutes = sum(section.seconds for section in sections) / 60
    lines = [
        "# Benchmarks",
        "",
        f"Written by `{command}` on {datetime.now(UTC):%Y-%m-%d} ({machine()}), in {minutes:.0f} minutes. What is "
        "compared was measured side by side in this one run. A goal that was missed says so.",
        "",
        "## Goals",
        *table(("benchmark", "measure", "goal", "worst", "where", "met"), _goals(sections)),
        "",
        *([f"![Calls that arrived in each window, against the limit]({picture})", ""] if picture else []),
    ]
    for section in sections:
        lines += [f"## {section.name.capitalize()}", section.about, "", f"`{section.command}`", ""]
        lines += [f"{MISSED}: did not finish: {section.failure}", ""] if section.failure else []
        lines += _tables(section.figures)
    return "\n".join(lines).rstrip() + "\n"


def _goals(sections: Sequence[Section]) -> Table:
    rows = []
    for section in sections:
        if section.failure:
            rows.append((section.name, "comes to its end", "", "", "", MISSED))
        with_goal = [figure for figure in section.figures if figure.met is not None]
        kinds = dict.fromkeys((figure.measure, figure.goal) for figure in with_goal)
        for measure, goal in kinds:
            alike = [figure for figure in with_goal if (figure.measure, figure.goal) == (measure, goal)]
            worst = min(alike, key=lambda figure: figure.distance)
            met = sum(bool(figure.met) for figure in alike)
            verdict = "yes" if met == len(alike) else f"{MISSED}, {len(alike) - met} of {len(alike)}"
            rows.append((section.name, measure, goal, worst.shown, worst.subject, verdict))
    return rows


def _tables(figures: Sequence[Figure]) -> list[str]:
    """Return one wide table for neighbouring subjects of the same measures, one long table for what stands alone."""
    subjects = [(subject, list(found)) for subject, found in groupby(figures, key=lambda figure: figure.subject)]
    lines: list[str] = []
    for _, group in groupby(subjects, key=lambda pair: tuple(figure.measure for figure in pair[1])):
        alike = list(group)
        if len(alike) > 1:
            measures = [figure.measure for figure in alike[0][1]]
            rows: Table = [(subject, *map(_cell, found)) for subject, found in alike]
            lines += [*table(("", *measures), rows), ""]
        else:
            subject, found = alike[0]
            rows = [(figure.measure, _cell(figure), figure.goal) for figure in found]
            lines += [*table((subject, "value", "goal"), rows), ""]
    return lines


def _cell(figure: Figure) -> str:
    return f"**{figure.shown}** (missed)" if figure.met is False else figure.shown
